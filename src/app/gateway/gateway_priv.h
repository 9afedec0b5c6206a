/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KEFU_GATEWAY_PRIV_H
#define KEFU_GATEWAY_PRIV_H

#include "arena.h"
#include "buf.h"
#include "gateway.h"
#include "loop.h"
#include "pool.h"

enum gateway_state {
    GATEWAY_FREE = 0,
    GATEWAY_HELLO,   /* first frame awaited */
    GATEWAY_PROVING, /* ticket, token or the visitor's conversations asked for */
    GATEWAY_OPEN,
};

/* The newest seq of a conversation that this reader may see. */
struct gateway_head {
    uint64_t conv;
    uint32_t head;
    bool told; /* the reader has been told of it, by an event or a ping */
    bool owed; /* an event was refused: a resync goes before any later one */
};

/* What only agents' sessions have. */
struct gateway_agent {
    struct gateway_session *session;
    struct gateway_agent *next, **place; /* of all agents' sessions here */
    struct auth_principal who;
    bool inbox;
    uint32_t conv_count;
    uint64_t convs[GATEWAY_SUBSCRIPTIONS_MAX];
};

/* One per connection. Nearly every visitor has one conversation, so its head lies inside. */
struct gateway_session {
    struct gateway *gateway;
    const struct gateway_link *ops;
    void *link;
    struct loop_timer timer;     /* the hello's deadline, then silence */
    struct gateway_agent *agent; /* NULL: a visitor */
    union {
        char *told; /* until it is open: address \0 user agent \0, then locale \0 */
        struct gateway_head *more_heads;
    };
    struct gateway_head first_head;
    uint64_t visitor;
    uint64_t site;
    uint32_t index;
    uint32_t generation;
    uint32_t hello_id;
    uint16_t head_count;
    uint8_t state : 2; /* enum gateway_state */
    bool proto : 1;    /* speaks protobuf, else JSON */
    bool visitor_new : 1;
    bool owed : 1;      /* some head is, or the list */
    bool list_owed : 1; /* rows of the inbox were left out */
    uint8_t key_id;
};
/* 50,000 idle visitors have one each (DESIGN section 4: 750 bytes for everything). */
_Static_assert(sizeof(struct gateway_session) <= 112, "an idle session costs more than its share");

static inline struct gateway_head *gateway_head_at(struct gateway_session *session, uint16_t at)
{
    return at == 0 ? &session->first_head : &session->more_heads[at - 1];
}

struct gateway_slot {
    struct gateway_session *session; /* NULL: free */
    uint32_t generation;
    uint32_t next_free;
};

struct gateway_revoked {
    struct gateway_revocation what;
    int64_t at_us;
};

struct gateway {
    struct gateway_options options;
    struct gateway_slot *slots;
    uint32_t slot_count;
    uint32_t slot_cap;
    uint32_t free; /* UINT32_MAX: none */
    uint32_t session_count;
    struct pool sessions;
    struct gateway_agent *agents; /* what presence and revocations walk: few among many visitors */
    struct arena arena;           /* of the frame at work */
    struct buf out;               /* the frame being encoded */
    struct gateway_revoked revoked[GATEWAY_REVOKED_MAX]; /* a ring */
    unsigned revoked_next;
};

/* What chat hands back with its reply. A frame without an id wants no answer when all is well, but
 * its fault is told all the same; to chat, 0 would mean that nobody listens. */
static inline uint64_t gateway_cookie(uint32_t frame_id)
{
    return frame_id != 0 ? frame_id : UINT64_C(1) << 32;
}

struct gateway_session *gateway_session_find(struct gateway *gateway, uint64_t handle);
/* The session becomes an agent's; it owns what is given. */
struct gateway_agent *gateway_agent_make(struct gateway_session *session);
struct chat_session gateway_session_ref(const struct gateway_session *session);
void gateway_session_close(struct gateway_session *session, unsigned code, const char *reason);
/* Did these rights end after they were read? */
bool gateway_principal_revoked(const struct gateway *gateway, const struct auth_principal *who);
bool gateway_session_send(struct gateway_session *session, const Kefu__V1__ServerFrame *frame);
void gateway_session_error(struct gateway_session *session, uint32_t id, const struct err *err);
void gateway_session_head(struct gateway_session *session, uint64_t conv, uint32_t head);
void gateway_session_alive(struct gateway_session *session);

/* gateway_hello.c */
void gateway_hello(struct gateway_session *session, const Kefu__V1__ClientFrame *frame);
void gateway_hello_heads(struct gateway_session *session, const Kefu__V1__Welcome *heads);

/* gateway_action.c: what every action has in common, then its own file in action/. */
void gateway_action(struct gateway_session *session, const Kefu__V1__ClientFrame *frame);

typedef enum err_code gateway_map(const Kefu__V1__ClientFrame *frame, struct chat_action *action,
                                  struct arena *arena, struct err *err);

enum err_code gateway_client_id(const char *field, const char *text, struct chat_action *action,
                                struct err *err);
enum err_code gateway_conv(const char *field, uint64_t conv, struct chat_action *action,
                           struct err *err);
/* Room for count attributes in the action, to be filled in. */
enum err_code gateway_attributes(const char *field, size_t count, struct arena *arena,
                                 struct chat_action *action, struct chat_attribute **out,
                                 struct err *err);
void gateway_page(const Kefu__V1__PageView *page, struct chat_action *action);

gateway_map gateway_map_start, gateway_map_send, gateway_map_typing, gateway_map_read,
    gateway_map_fetch, gateway_map_rate, gateway_map_form, gateway_map_end, gateway_map_page,
    gateway_map_accept, gateway_map_decline, gateway_map_assign, gateway_map_transfer,
    gateway_map_close, gateway_map_reopen, gateway_map_to_bot, gateway_map_note, gateway_map_recall,
    gateway_map_edit, gateway_map_subscribe;

/* In the place of references of uploads, what they stand for: ID/NAME. */
enum err_code gateway_files_prove(struct gateway_session *session, struct chat_action *action,
                                  struct err *err);

/* These two don't only map: they check a signature, or go to the desk. */
enum err_code gateway_identify(struct gateway_session *session, const Kefu__V1__Identify *identify,
                               struct chat_action *action, struct err *err);
void gateway_set_presence(struct gateway_session *session, uint32_t id,
                          const Kefu__V1__SetPresence *frame);

#endif
