/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions of visitors and agents, whatever carries them: a frame comes in, is proved and mapped to
 * a chat action; answers and pushes go out. One struct gateway per shard, called on its thread
 * only. It knows no sockets (struct gateway_link), no other shards and no store (struct
 * gateway_ops): what lies elsewhere is asked for and answered later by session handle.
 *
 *   hello awaited ──▶ proving ──▶ open ──▶ gone        10 s for the first two together
 */
#ifndef KEFU_GATEWAY_H
#define KEFU_GATEWAY_H

#include <stdbool.h>
#include <stdint.h>

#include "auth_principal.h"
#include "auth_secret.h"
#include "chat.h"
#include "clock.h"
#include "limit.h"
#include "slice.h"

#include "kefu/v1/api.pb-c.h"
#include "kefu/v1/frame.pb-c.h"

struct gateway;
struct loop;

enum {
    GATEWAY_HELLO_MS = 10 * 1000,
    GATEWAY_PING_MS = 25 * 1000, /* of silence, +-20 % so that pings don't come in step */
    GATEWAY_SESSIONS_MAX = 100000,
    GATEWAY_SUBSCRIPTIONS_MAX = 200, /* conversations that one agent's session watches */
    GATEWAY_HEADS_MAX = 256,         /* conversations whose head a session keeps */
    /* Of a session's queue: a reader too slow for the rows still gets its answers. */
    GATEWAY_ROWS_BYTES_MAX = LIMIT_SESSION_QUEUE_BYTES_MAX / 2,
    GATEWAY_REVOKED_MAX = 256, /* newest revocations; only those of the last half minute matter */
};

/* Close codes beyond RFC 6455's: what a client should do next differs. */
enum gateway_close {
    GATEWAY_CLOSE_GOING = 1001,      /* server stops: come back */
    GATEWAY_CLOSE_POLICY = 1008,     /* no hello, or not allowed here */
    GATEWAY_CLOSE_BUSY = 1013,       /* full: try again later */
    GATEWAY_CLOSE_LOGGED_OUT = 4401, /* log in again */
};

/* What carries a session. */
struct gateway_link {
    /* False: its queue would pass LIMIT_SESSION_QUEUE_BYTES_MAX; nothing was queued. */
    bool (*send)(void *link, struct slice frame, bool binary);
    /* Bytes that its queue holds. May be NULL: nobody knows. */
    size_t (*pending)(void *link);
    /* A ping of the transport; false: two before it are unanswered. May be NULL. */
    bool (*ping)(void *link);
    /* The link reports gateway_session_gone itself, at once or later. */
    void (*close)(void *link, unsigned code, const char *reason);
};

struct gateway_site {
    struct site_id id;
    struct workspace_id workspace;
    const Kefu__V1__Site *site; /* valid until the shard's next turn */
};

struct gateway_ops {
    /* To the shard that owns its visitor or conversation, or all of them (an inbox). False: full.
     */
    bool (*submit)(void *ctx, const struct chat_action *action);
    bool (*site_by_key)(void *ctx, struct slice key, struct gateway_site *out);
    bool (*site_by_id)(void *ctx, struct site_id id, struct gateway_site *out);
    struct visitor_id (*visitor_new)(void *ctx, struct workspace_id workspace);
    struct slice (*greeting)(void *ctx, struct site_id site, struct slice locale);
    /* Answered by gateway_agent_proved. */
    void (*ticket_redeem)(void *ctx, uint64_t session, struct slice ticket);
    void (*token_check)(void *ctx, uint64_t session, struct slice token);
    /* To the desk: a console of the agent came or went; the agent chose a status. */
    bool (*agent_session)(void *ctx, const struct auth_principal *who, uint64_t session, bool open);
    bool (*agent_status)(void *ctx, const struct auth_principal *who, uint32_t status,
                         struct slice reason);
    /* No one listens there any more. */
    void (*visitor_gone)(void *ctx, struct chat_session session, struct visitor_id visitor);
    void (*unsubscribe)(void *ctx, struct chat_session session, struct conv_id conv);
    void (*unsubscribe_inbox)(void *ctx, struct chat_session session,
                              struct workspace_id workspace);
    void *ctx;
};

struct gateway_options {
    uint16_t shard;
    struct loop *loop;
    const struct clock *clock;
    const struct auth_key *master;
    struct gateway_ops ops;
};

struct gateway *gateway_create(const struct gateway_options *options);
void gateway_destroy(struct gateway **gateway);
/* Tells every session to come back later and closes it. */
void gateway_drain(struct gateway *gateway, uint32_t after_ms);
uint32_t gateway_session_count(const struct gateway *gateway);

struct gateway_peer {
    struct slice address;
    struct slice user_agent;
};
/* The visitor that a first frame proves to be, 0: a new one, an agent, or no hello at all. By it
 * the link moves to the visitor's shard before a session is opened. */
struct visitor_id gateway_hello_visitor(struct gateway *gateway, struct slice frame,
                                        enum chat_format format);
/* A new link; 0: no room (close it with GATEWAY_CLOSE_BUSY). */
uint64_t gateway_session_open(struct gateway *gateway, const struct gateway_link *ops, void *link,
                              enum chat_format format, const struct gateway_peer *peer);
/* What was told at open; only until the hello is done. Borrowed until the session's next call. */
void gateway_session_peer(struct gateway *gateway, uint64_t session, struct gateway_peer *out);
/* A frame of the client. The link may be closed when it returns. */
void gateway_session_frame(struct gateway *gateway, uint64_t session, struct slice frame);
void gateway_session_pong(struct gateway *gateway, uint64_t session);
void gateway_session_gone(struct gateway *gateway, uint64_t session);

/* Answers of gateway_ops; who NULL: not proved. */
void gateway_agent_proved(struct gateway *gateway, uint64_t session,
                          const struct auth_principal *who);
/* A chat's reply as the frame that answers the client; it borrows from reply and room. The heads of
 * a hello become a welcome that only has conversations. */
struct gateway_frame {
    Kefu__V1__ServerFrame frame;
    Kefu__V1__Ack ack;
    Kefu__V1__Error error;
    Kefu__V1__Welcome welcome;
    Kefu__V1__ConversationPush conversation;
    Google__Protobuf__Timestamp created_at;
};
void gateway_frame_build(const struct chat_reply *reply, struct gateway_frame *room);
/* That frame, for one of our sessions. */
void gateway_answer(struct gateway *gateway, uint64_t session, const Kefu__V1__ServerFrame *frame);
/* A push's bytes in the session's format. False: it could not take it. Rows of the inbox leave room
 * for answers (GATEWAY_ROWS_BYTES_MAX) and are never refused: what the session cannot take, it
 * lists again, and before any later row it is told so. */
bool gateway_push(struct gateway *gateway, uint64_t session, enum chat_push_kind kind,
                  struct conv_id conv, uint32_t head_seq, struct slice frame);
/* An event or resync of this conversation could not be handed to the session: before any later one
 * of it, and at the next ping or drained queue, the session is told where the conversation stands.
 */
void gateway_owe(struct gateway *gateway, uint64_t session, struct conv_id conv);
/* The link's queue has room again: what is owed goes out. */
void gateway_session_drained(struct gateway *gateway, uint64_t session);
/* Of the desk, to one console that has just opened. */
void gateway_presence_to(struct gateway *gateway, uint64_t session,
                         const Kefu__V1__PresencePush *push);
/* Of the desk, to every session with an inbox in the workspace. */
void gateway_presence(struct gateway *gateway, struct workspace_id workspace,
                      const Kefu__V1__PresencePush *push);
/* The same for the queues. */
void gateway_desk(struct gateway *gateway, struct workspace_id workspace,
                  const Kefu__V1__DeskPush *push);
/* Whose rights ended: a log-in, an API token, or all of an agent; 0: not meant. */
struct gateway_revocation {
    uint64_t login_session;
    uint64_t token;
    uint64_t agent;
};
/* Log-out, new role, disabled account, deleted token: closes their sessions, and whoever was proved
 * before now by a ticket or token that is still on its way is not let in any more. */
void gateway_revoke(struct gateway *gateway, const struct gateway_revocation *what);

#endif
