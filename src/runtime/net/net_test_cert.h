/* SPDX-License-Identifier: Apache-2.0 */
/* For tests of TLS: a fresh certificate that signs itself, with its key, in files of a temporary
 * folder. */
#ifndef KEFU_NET_TEST_CERT_H
#define KEFU_NET_TEST_CERT_H

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "check.h"

struct net_test_cert {
    char dir[64];
    char chain[96];
    char key[96];
};

static inline void net_test_cert_extend(X509 *cert, int nid, const char *value)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

    ENSURE(extension != NULL && X509_add_ext(cert, extension, -1) == 1);
    X509_EXTENSION_free(extension);
}

/* names: such as "DNS:localhost,IP:127.0.0.1". */
static inline void net_test_cert_make(struct net_test_cert *out, const char *names)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = X509_new();
    FILE *file;

    snprintf(out->dir, sizeof(out->dir), "/tmp/kefu-cert-XXXXXX");
    ENSURE(mkdtemp(out->dir) != NULL && key != NULL && cert != NULL);
    snprintf(out->chain, sizeof(out->chain), "%s/chain.pem", out->dir);
    snprintf(out->key, sizeof(out->key), "%s/key.pem", out->dir);
    X509_set_version(cert, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
    X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
    X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
    X509_set_pubkey(cert, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC,
                               (const unsigned char *)"kefu test", -1, -1, 0);
    X509_set_issuer_name(cert, X509_get_subject_name(cert));
    net_test_cert_extend(cert, NID_basic_constraints, "critical,CA:TRUE");
    net_test_cert_extend(cert, NID_subject_alt_name, names);
    ENSURE(X509_sign(cert, key, EVP_sha256()) > 0);
    file = fopen(out->chain, "w");
    ENSURE(file != NULL && PEM_write_X509(file, cert) == 1 && fclose(file) == 0);
    file = fopen(out->key, "w");
    ENSURE(file != NULL && PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL) == 1 &&
           fclose(file) == 0);
    X509_free(cert);
    EVP_PKEY_free(key);
}

static inline void net_test_cert_remove(const struct net_test_cert *cert)
{
    unlink(cert->chain);
    unlink(cert->key);
    rmdir(cert->dir);
}

#endif
