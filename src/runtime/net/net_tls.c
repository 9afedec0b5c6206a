/* SPDX-License-Identifier: Apache-2.0 */
/* TLS between a stream's queue and its socket. OpenSSL sees no socket: what was received is lent to
 * it where it lies (`in`), and what it wants to send is gathered in `sealed`, so a turn still ends
 * in one system call. At most SEAL_BYTES of a queue are sealed ahead of the socket. */
#include "net_tls.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <dirent.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "net_priv.h"

enum {
    PLAIN_BYTES = 16 * 1024, /* one record */
    SEAL_BYTES = 64 * 1024,
    /* Handshake, alerts and key updates; a peer that provokes more than this is cut off. */
    SEALED_MAX = SEAL_BYTES + 256 * 1024,
};

struct net_tls_context {
    SSL_CTX *ssl;
};

static const unsigned char alpn[] = "\x08http/1.1";

/* Made by the first context of any thread, kept for ever. */
static BIO_METHOD *method;
static CRYPTO_ONCE method_once = CRYPTO_ONCE_STATIC_INIT;

/* ---- what OpenSSL takes for a socket ---- */

static int bio_read(BIO *bio, char *bytes, int len)
{
    struct net_tls *tls = BIO_get_data(bio);
    size_t n = (size_t)len < tls->in_len ? (size_t)len : tls->in_len;

    BIO_clear_retry_flags(bio);
    if (n == 0) {
        BIO_set_retry_read(bio);
        return -1;
    }
    memcpy(bytes, tls->in, n);
    tls->in += n;
    tls->in_len -= n;
    return (int)n;
}

static size_t out_pending(const struct net_out *out)
{
    return out != NULL ? out->len - out->sent : 0;
}

static int bio_write(BIO *bio, const char *bytes, int len)
{
    struct net_tls *tls = BIO_get_data(bio);

    BIO_clear_retry_flags(bio);
    if (out_pending(tls->sealed) + (size_t)len > SEALED_MAX)
        return -1;
    memcpy(net_out_room(tls->stream->net, &tls->sealed, (size_t)len), bytes, (size_t)len);
    return len;
}

static long bio_ctrl(BIO *bio, int command, long number, void *ptr)
{
    (void)bio;
    (void)number;
    (void)ptr;
    return command == BIO_CTRL_FLUSH;
}

static void method_make(void)
{
    method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "kefu stream");
    ENSURE(method != NULL);
    BIO_meth_set_read(method, bio_read);
    BIO_meth_set_write(method, bio_write);
    BIO_meth_set_ctrl(method, bio_ctrl);
}

/* ---- contexts ---- */

static const char *ssl_reason(void)
{
    const char *text = ERR_reason_error_string(ERR_peek_error());

    return text != NULL ? text : "TLS fault";
}

static int alpn_choose(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                       const unsigned char *in, unsigned in_len, void *ctx)
{
    (void)ssl;
    (void)ctx;
    if (SSL_select_next_proto((unsigned char **)out, out_len, alpn, sizeof(alpn) - 1, in, in_len) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_NOACK;
    return SSL_TLSEXT_ERR_OK;
}

static struct net_tls_context *context_create(const SSL_METHOD *role)
{
    struct net_tls_context *context = mem_zalloc(sizeof(*context));

    ENSURE(CRYPTO_THREAD_run_once(&method_once, method_make) == 1);
    ERR_clear_error();
    context->ssl = SSL_CTX_new(role);
    ENSURE(context->ssl != NULL);
    SSL_CTX_set_min_proto_version(context->ssl, TLS1_2_VERSION);
    SSL_CTX_set_options(context->ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                          SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_mode(context->ssl, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                       SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_session_cache_mode(context->ssl, SSL_SESS_CACHE_OFF); /* tickets need no memory */
    return context;
}

enum err_code net_tls_server_create(const char *chain_file, const char *key_file,
                                    struct net_tls_context **out, struct err *err)
{
    struct net_tls_context *context = context_create(TLS_server_method());

    SSL_CTX_set_alpn_select_cb(context->ssl, alpn_choose, NULL);
    if (SSL_CTX_use_certificate_chain_file(context->ssl, chain_file) != 1) {
        err_set(err, ERR_INVALID, "TLS certificate %s: %s", chain_file, ssl_reason());
    } else if (SSL_CTX_use_PrivateKey_file(context->ssl, key_file, SSL_FILETYPE_PEM) != 1 ||
               SSL_CTX_check_private_key(context->ssl) != 1) {
        err_set(err, ERR_INVALID, "TLS key %s: %s", key_file, ssl_reason());
    } else {
        *out = context;
        return ERR_OK;
    }
    net_tls_context_destroy(&context);
    return ERR_INVALID;
}

/* "5ed36f99.0": how OpenSSL finds the authority of that name without reading the others. */
static bool is_hashed_name(const char *name)
{
    size_t digits = 0;

    while (isxdigit((unsigned char)name[digits]))
        digits++;
    return digits == 8 && strcmp(name + digits, ".0") == 0;
}

static bool folder_hashed(const char *path)
{
    DIR *folder = opendir(path);
    const struct dirent *entry;
    bool found = false;

    while (folder != NULL && !found && (entry = readdir(folder)) != NULL)
        found = is_hashed_name(entry->d_name);
    if (folder != NULL)
        closedir(folder);
    return found;
}

/* OpenSSL reads the file of all authorities at once: 0.7 MB and 10 ms for each context. The folder
 * of the same authorities is read one by one, when a peer's certificate names one. */
static bool system_authorities_set(SSL_CTX *ssl)
{
    const char *folder = getenv(X509_get_default_cert_dir_env());

    if (folder == NULL)
        folder = X509_get_default_cert_dir();
    if (getenv(X509_get_default_cert_file_env()) == NULL && folder_hashed(folder))
        return SSL_CTX_set_default_verify_dir(ssl) == 1;
    return SSL_CTX_set_default_verify_paths(ssl) == 1;
}

enum err_code net_tls_client_create(const char *ca_file, struct net_tls_context **out,
                                    struct err *err)
{
    struct net_tls_context *context = context_create(TLS_client_method());
    bool loaded;

    SSL_CTX_set_verify(context->ssl, SSL_VERIFY_PEER, NULL);
    ENSURE(SSL_CTX_set_alpn_protos(context->ssl, alpn, sizeof(alpn) - 1) == 0);
    loaded = ca_file != NULL ? SSL_CTX_load_verify_file(context->ssl, ca_file) == 1
                             : system_authorities_set(context->ssl);
    if (loaded) {
        *out = context;
        return ERR_OK;
    }
    err_set(err, ERR_INVALID, "TLS authorities %s: %s", ca_file != NULL ? ca_file : "of the system",
            ssl_reason());
    net_tls_context_destroy(&context);
    return ERR_INVALID;
}

void net_tls_context_destroy(struct net_tls_context **context)
{
    if (*context == NULL)
        return;
    SSL_CTX_free((*context)->ssl);
    free(*context);
    *context = NULL;
}

/* ---- life ---- */

static void rest_run(struct loop_node *node);

static struct net_tls *tls_start(struct net_stream *s, const struct net_tls_context *context)
{
    struct net_tls *tls = mem_zalloc(sizeof(*tls));
    BIO *bio;

    ENSURE(s->state == NET_OPEN && !s->secure && s->out == NULL);
    tls->ssl = SSL_new(context->ssl);
    bio = BIO_new(method);
    ENSURE(tls->ssl != NULL && bio != NULL);
    BIO_set_data(bio, tls);
    BIO_set_init(bio, 1);
    SSL_set_bio(tls->ssl, bio, bio);
    tls->owner = s->poll.data;
    tls->stream = s;
    tls->node.run = rest_run;
    s->poll.data = tls;
    s->secure = true;
    return tls;
}

void net_tls_accept(struct net_stream *s, const struct net_tls_context *context)
{
    SSL_set_accept_state(tls_start(s, context)->ssl);
}

static bool is_numeric(const char *host)
{
    unsigned char address[16];

    return inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1;
}

enum err_code net_tls_connect(struct net_stream *s, const struct net_tls_context *context,
                              const char *host, struct err *err)
{
    struct net_tls *tls = tls_start(s, context);
    int named;

    SSL_set_connect_state(tls->ssl);
    if (is_numeric(host)) { /* RFC 6066 section 3: no server name for it */
        named = X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(tls->ssl), host);
    } else {
        SSL_set_hostflags(tls->ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
        named = SSL_set1_host(tls->ssl, host) == 1 && SSL_set_tlsext_host_name(tls->ssl, host) == 1;
    }
    if (named != 1)
        return err_set(err, ERR_INVALID, "TLS: not a host name");
    ERR_clear_error();
    (void)SSL_do_handshake(tls->ssl); /* only says hello; it cannot end before an answer */
    net_dirty_add(s);
    return ERR_OK;
}

void net_tls_free(struct net_tls *tls)
{
    if (tls == NULL)
        return;
    loop_defer_cancel(&tls->node);
    SSL_free(tls->ssl);
    free(tls->sealed); /* not to the spare ones: this may be another thread */
    free(tls->rest);
    free(tls);
}

/* ---- reading ---- */

static void tls_failed(struct net_stream *s, struct net_tls *tls)
{
    long verified = SSL_get_verify_result(tls->ssl);

    tls->over = true;
    tls->fault = verified != X509_V_OK ? X509_verify_cert_error_string(verified) : ssl_reason();
    (void)net_out_send(s, &tls->sealed); /* the alert, if the socket takes it */
    net_stream_failed(s);
}

static void read_ended(struct net_stream *s, struct net_tls *tls, int result)
{
    int reason = SSL_get_error(tls->ssl, result);

    if (reason == SSL_ERROR_ZERO_RETURN) {
        net_stream_ended(s);
    } else if (reason != SSL_ERROR_WANT_READ) {
        tls_failed(s, tls);
        return;
    }
    if (s->state == NET_CLOSED || s->failed)
        return;
    /* An answer of TLS itself, or what has waited for the handshake. */
    if (tls->sealed != NULL || (s->out != NULL && SSL_is_init_finished(tls->ssl)))
        net_dirty_add(s);
}

void net_tls_take(struct net_stream *s, char *bytes, size_t len)
{
    struct net_tls *tls = s->poll.data;
    struct net_loop *net = s->net;
    int n;

    if (tls->over || s->read_ended || s->state == NET_LINGERING)
        return;
    if (net->tls_plain == NULL)
        net->tls_plain = mem_alloc(PLAIN_BYTES);
    tls->in = bytes;
    tls->in_len = len;
    for (;;) {
        ERR_clear_error();
        n = SSL_read(tls->ssl, net->tls_plain, PLAIN_BYTES);
        if (n <= 0)
            break;
        if (s->state == NET_OPEN)
            s->ops->on_bytes(tls->owner, net->tls_plain, (size_t)n);
        if (s->state == NET_CLOSED)
            return; /* tls has gone, or moved with what was left */
    }
    tls->in_len = 0;
    read_ended(s, tls, n);
}

/* ---- writing ---- */

/* Seals a part of the queue. */
static enum net_sent queue_seal(struct net_stream *s, struct net_tls *tls)
{
    struct net_out *out = s->out;

    while (out_pending(out) > 0 && out_pending(tls->sealed) < SEAL_BYTES) {
        size_t len = out_pending(out) < SEAL_BYTES ? out_pending(out) : SEAL_BYTES;
        int n;

        ERR_clear_error();
        n = SSL_write(tls->ssl, out->bytes + out->sent, (int)len);
        if (n <= 0)
            return SSL_get_error(tls->ssl, n) == SSL_ERROR_WANT_READ ? NET_SENT_WAITS
                                                                     : NET_SENT_FAILED;
        out->sent += (uint32_t)n;
    }
    if (out_pending(out) == 0) {
        net_out_free(s->net, out);
        s->out = NULL;
    }
    return NET_SENT_ALL;
}

static void say_end(struct net_stream *s, struct net_tls *tls)
{
    if (s->state != NET_FLUSHING || s->out != NULL || tls->shut)
        return;
    tls->shut = true;
    ERR_clear_error();
    if (SSL_is_init_finished(tls->ssl))
        (void)SSL_shutdown(tls->ssl); /* 0: the peer has not said its own, which we don't await */
}

enum net_sent net_tls_send(struct net_stream *s)
{
    struct net_tls *tls = s->poll.data;
    enum net_sent sent;

    if (tls->over)
        return NET_SENT_FAILED;
    do {
        enum net_sent sealed;

        sent = net_out_send(s, &tls->sealed);
        if (sent != NET_SENT_ALL)
            return sent;
        sealed = queue_seal(s, tls);
        if (sealed == NET_SENT_FAILED)
            return sealed;
        say_end(s, tls);
        if (sealed == NET_SENT_WAITS && tls->sealed == NULL)
            return sealed;
    } while (tls->sealed != NULL);
    return NET_SENT_ALL;
}

size_t net_tls_pending(const struct net_tls *tls)
{
    return out_pending(tls->sealed);
}

/* ---- moving ---- */

static void rest_run(struct loop_node *node)
{
    struct net_tls *tls = CONTAINER_OF(node, struct net_tls, node);
    char *rest = tls->rest;

    if (tls->stream->paused)
        return; /* net_resume arms it again */
    tls->rest = NULL;
    net_tls_take(tls->stream, rest, tls->rest_len);
    free(rest);
}

void net_tls_resume(struct net_stream *s)
{
    struct net_tls *tls = s->poll.data;

    if (tls->rest != NULL)
        loop_defer(s->net->loop, &tls->node);
}

struct net_tls *net_tls_detach(struct net_stream *s)
{
    struct net_tls *tls = s->poll.data;

    ENSURE(tls->rest == NULL || tls->in_len == 0);
    if (tls->in_len > 0) {
        tls->rest = mem_alloc(tls->in_len);
        memcpy(tls->rest, tls->in, tls->in_len);
        tls->rest_len = tls->in_len;
        tls->in_len = 0;
    }
    loop_defer_cancel(&tls->node);
    tls->stream = NULL;
    s->secure = false;
    return tls;
}

void net_tls_attach(struct net_stream *s, struct net_tls *tls)
{
    tls->stream = s;
    tls->owner = s->poll.data;
    s->poll.data = tls;
    s->secure = true;
    net_tls_resume(s);
}

void net_tls_owner_set(struct net_tls *tls, void *owner)
{
    tls->owner = owner;
}

bool net_is_tls(const struct net_stream *s)
{
    return s->secure;
}

const char *net_tls_fault(const struct net_stream *s)
{
    return s->secure ? ((const struct net_tls *)s->poll.data)->fault : NULL;
}
