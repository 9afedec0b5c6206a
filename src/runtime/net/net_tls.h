/* SPDX-License-Identifier: Apache-2.0 */
/* TLS 1.2 and 1.3 (OpenSSL) on streams of net.h. A stream that speaks TLS is used like any other:
 * reads are opened before on_bytes sees them, a turn's writes are sealed together at its end.
 * Costs about 16 kB per connection. A stream that ends without TLS's own end reports NET_END_ERROR:
 * somebody else may have cut it. */
#ifndef KEFU_NET_TLS_H
#define KEFU_NET_TLS_H

#include "err.h"
#include "net.h"

/* Certificates and rules. Created on any thread; after creation it is only read, on any thread.
 * Streams keep what they need, so it may be destroyed, or replaced
 * for new connections, at any time. */
struct net_tls_context;

/* PEM files: the certificate with its chain, and its key. */
MUST_USE enum err_code net_tls_server_create(const char *chain_file, const char *key_file,
                                             struct net_tls_context **out, struct err *err);
/* ca_file: PEM; NULL: the system's authorities (or those of SSL_CERT_FILE, SSL_CERT_DIR), read by
 * the thread of a handshake when one is needed, where the system has them one by one. */
MUST_USE enum err_code net_tls_client_create(const char *ca_file, struct net_tls_context **out,
                                             struct err *err);
void net_tls_context_destroy(struct net_tls_context **context);

/* Before anything was read or written. The stream's owner writes at once if it likes: what it
 * writes waits for the handshake, whose failure is a NET_END_ERROR. */
void net_tls_accept(struct net_stream *stream, const struct net_tls_context *context);
/* host: name or numeric address that the certificate must be for. */
MUST_USE enum err_code net_tls_connect(struct net_stream *stream,
                                       const struct net_tls_context *context, const char *host,
                                       struct err *err);

bool net_is_tls(const struct net_stream *stream);
/* Why TLS ended a stream (in on_end): a constant text, or NULL. */
const char *net_tls_fault(const struct net_stream *stream);

#endif
