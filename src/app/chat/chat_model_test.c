/* SPDX-License-Identifier: Apache-2.0 */
/* The ledger at this level: visitors that resend until they are acknowledged, readers that repair
 * what they missed, agents and a desk that act at random, and a store and receivers that fail.
 * Afterwards: what was acknowledged is there once, at the acknowledged place; what is there was
 * sent; seq is dense; one sender's order is kept; every reader has seen it all.
 *
 * Seeded: set SEED_FIRST to the seed in a failure's message to see it alone. */
#include "test.h"

#include <stdio.h>

#include "chat_drive.h"
#include "conv.h"
#include "hash.h"

enum {
    SEED_FIRST = 1,
    SEEDS = 60,
    STEPS = 400,
    VISITORS = 4,
    SENT_MAX = 256, /* messages of one visitor */
    CONVS_MAX = 64,
    EVENTS_MAX = 1024,
};

struct sent {
    uint8_t client_id[16];
    bool acked;
    uint64_t conv; /* where it was sent to (0: a start), then where it was acknowledged */
    uint32_t seq;
    int64_t created_at;
};

/* What one session has of one conversation. */
struct view {
    uint64_t conv;
    uint32_t last, head;
    bool has[EVENTS_MAX];
};

struct person {
    struct visitor_id id;
    uint64_t session;
    uint64_t conv; /* of the last acknowledgement; 0: none */
    struct sent sent[SENT_MAX];
    unsigned sent_count;
    bool waits; /* for the acknowledgement of the last one */
    uint64_t cookie;
    struct view views[CONVS_MAX];
    unsigned view_count;
};

struct model {
    struct drive *drive;
    uint64_t seed, draws;
    struct person people[VISITORS];
    uint64_t convs[CONVS_MAX];
    unsigned conv_count;
};

static unsigned draw(struct model *m, unsigned below)
{
    return (unsigned)(hash_u64(m->seed, ++m->draws) % below);
}

static void conv_note(struct model *m, uint64_t conv)
{
    for (unsigned i = 0; i < m->conv_count; i++) {
        if (m->convs[i] == conv)
            return;
    }
    assert_true(m->conv_count < CONVS_MAX);
    m->convs[m->conv_count++] = conv;
}

/* ---- readers ----------------------------------------------------------------------------------
 */

static struct view *view_of(struct person *person, uint64_t conv)
{
    for (unsigned i = 0; i < person->view_count; i++) {
        if (person->views[i].conv == conv)
            return &person->views[i];
    }
    assert_true(person->view_count < CONVS_MAX);
    person->views[person->view_count].conv = conv;
    return &person->views[person->view_count++];
}

static void view_take(struct view *view, const struct drive_event *event)
{
    assert_true(event->seq < EVENTS_MAX);
    assert_false(event->internal);
    view->has[event->seq] = true;
    if (event->seq > view->head)
        view->head = event->seq;
    if (event->prev_seq <= view->last && view->last < event->seq)
        view->last = event->seq; /* contiguous; else a gap that is fetched later */
}

static void pushes_read(struct model *m)
{
    struct drive *d = m->drive;

    assert_true(d->push_count < DRIVE_LOG_MAX);
    for (unsigned i = 0; i < d->push_count; i++) {
        const struct drive_push *push = &d->pushes[i];

        for (unsigned k = 0; k < VISITORS; k++) {
            struct person *person = &m->people[k];

            if (push->session != person->session)
                continue;
            if (push->kind == CHAT_PUSH_EVENT)
                view_take(view_of(person, push->conv.v), &push->event);
            if (push->kind == CHAT_PUSH_RESYNC &&
                view_of(person, push->conv.v)->head < push->head_seq)
                view_of(person, push->conv.v)->head = push->head_seq;
        }
    }
    d->push_count = 0;
}

static void view_repair(struct model *m, struct person *person, struct view *view)
{
    struct drive *d = m->drive;

    while (view->last < view->head) {
        struct chat_action fetch = drive_visitor_action(d, CHAT_FETCH, person->id, person->session);
        uint32_t before = view->last;

        fetch.conv.v = view->conv;
        fetch.from_seq = view->last + 1;
        fetch.limit = 1 + draw(m, 50);
        assert_int_equal(drive_do(d, &fetch)->kind, CHAT_REPLY_HISTORY);
        for (unsigned i = 0; i < d->event_count; i++)
            view_take(view, &d->events[i]);
        assert_true(view->last > before);
        pushes_read(m);
    }
}

static void hello(struct model *m, struct person *person)
{
    struct chat_action action =
        drive_visitor_action(m->drive, CHAT_HELLO, person->id, person->session);

    m->drive->query_full = false; /* a refused hello is made again; not the point here */
    m->drive->head_count = 0;
    assert_int_equal(drive_do(m->drive, &action)->kind, CHAT_REPLY_HEADS);
    for (unsigned i = 0; i < m->drive->head_count; i++) {
        struct view *view = view_of(person, m->drive->heads[i].conv);

        if (view->head < m->drive->heads[i].seq)
            view->head = m->drive->heads[i].seq;
    }
}

/* ---- visitors ---------------------------------------------------------------------------------
 */

static void transmit(struct model *m, struct person *person, unsigned at)
{
    struct drive *d = m->drive;
    struct sent *sent = &person->sent[at];
    struct chat_action action = drive_visitor_action(d, sent->conv != 0 ? CHAT_SEND : CHAT_START,
                                                     person->id, person->session);
    char text[32];

    (void)snprintf(text, sizeof(text), at % 9 == 4 ? "talk to a person" : "m %u", at);
    action.conv.v = sent->conv;
    action.has_client_id = true;
    memcpy(action.client_id, sent->client_id, sizeof(action.client_id));
    action.text = slice_of(text);
    person->cookie = action.cookie;
    person->waits = true;
    drive_submit(d, &action);
}

/* Ids in no order at all, so that most are looked up. */
static void message_new(struct model *m, struct person *person)
{
    struct sent *sent;
    uint64_t id[2];

    if (person->sent_count == SENT_MAX)
        return;
    sent = &person->sent[person->sent_count];
    id[0] = hash_u64(m->seed, person->id.v + person->sent_count);
    id[1] = person->sent_count;
    *sent = (struct sent){ .conv = draw(m, 12) == 0 ? 0 : person->conv };
    memcpy(sent->client_id, id, sizeof(id));
    transmit(m, person, person->sent_count++);
}

static void acknowledge(struct model *m, struct person *person, struct sent *sent,
                        const struct drive_reply *reply)
{
    if (sent->acked) {
        assert_int_equal(reply->seq, sent->seq);
        assert_int_equal(reply->conv.v, sent->conv);
        assert_int_equal(reply->created_at, sent->created_at);
        return;
    }
    sent->acked = true;
    sent->conv = reply->conv.v;
    sent->seq = reply->seq;
    sent->created_at = reply->created_at;
    person->conv = reply->conv.v;
    conv_note(m, reply->conv.v);
}

/* Looks for the answer to what was last transmitted. */
static void answer_read(struct model *m, struct person *person, unsigned at)
{
    const struct drive_reply *reply = drive_reply_to(m->drive, person->cookie);

    if (!person->waits || reply == NULL)
        return;
    person->waits = false;
    if (reply->kind == CHAT_REPLY_ACK) {
        acknowledge(m, person, &person->sent[at], reply);
        return;
    }
    assert_int_equal(reply->kind, CHAT_REPLY_ERROR);
    assert_true(reply->err.retry_after_ms > 0); /* nothing but "later" */
}

static void visitor_acts(struct model *m)
{
    struct person *person = &m->people[draw(m, VISITORS)];
    unsigned last = person->sent_count - 1;

    if (person->sent_count > 0)
        answer_read(m, person, last);
    if (person->sent_count > 0 && !person->sent[last].acked)
        transmit(m, person, last); /* again, until it is acknowledged; maybe too early */
    else if (person->sent_count > 0 && draw(m, 5) == 0)
        transmit(m, person, last); /* the acknowledgement was lost */
    else
        message_new(m, person);
}

static void others_act(struct model *m)
{
    static const enum chat_action_kind kinds[] = { CHAT_ACCEPT,   CHAT_DECLINE, CHAT_CLOSE,
                                                   CHAT_NOTE,     CHAT_TO_BOT,  CHAT_SEND,
                                                   CHAT_TRANSFER, CHAT_REOPEN };
    struct drive *d = m->drive;
    struct conv_id conv;
    struct chat_action action;

    if (m->conv_count == 0)
        return;
    conv.v = m->convs[draw(m, m->conv_count)];
    if (draw(m, 4) == 0) {
        chat_desk_assign(d->chat, (struct workspace_id){ DRIVE_WORKSPACE }, conv,
                         (struct agent_id){ 1 + draw(m, 3) }, m->draws);
        return;
    }
    action = drive_agent_action(d, kinds[draw(m, LENGTH_OF(kinds))], 1 + draw(m, 2),
                                ROLE_SUPERVISOR, 900);
    action.conv = conv;
    action.text = SLICE_LITERAL("by an agent");
    drive_submit(d, &action);
}

/* ---- what goes wrong --------------------------------------------------------------------------
 */

static void restart(struct model *m)
{
    drive_restart(m->drive);
    for (unsigned i = 0; i < VISITORS; i++) {
        m->people[i].waits = false;
        hello(m, &m->people[i]);
        pushes_read(m);
    }
}

static void trouble(struct model *m)
{
    struct drive *d = m->drive;

    switch (draw(m, 8)) {
    case 0:
        restart(m);
        break;
    case 1:
        d->append_rc = draw(m, 2) == 0 ? ERR_BUSY : ERR_OK;
        break;
    case 2:
        d->complete_rc = draw(m, 2) == 0 ? ERR_IO : ERR_OK;
        d->complete_stored = draw(m, 2) == 0;
        break;
    case 3:
        d->query_full = draw(m, 3) == 0;
        break;
    case 4:
        drive_refuse(d, m->people[draw(m, VISITORS)].session, draw(m, 2) == 0);
        break;
    case 5:
        d->desk_full = draw(m, 2) == 0;
        break;
    case 6:
        d->options.settle_held = draw(m, 2) == 0;
        d->settled_upto = store_settled_upto(d->store);
        break;
    default:
        drive_advance(d, draw(m, 40) * 1000);
    }
}

static void step(struct model *m)
{
    struct drive *d = m->drive;
    unsigned what = draw(m, 100);

    if (what < 45)
        visitor_acts(m);
    else if (what < 60)
        others_act(m);
    else if (what < 70)
        drive_flush(d);
    else if (what < 80)
        drive_complete(d);
    else if (what < 88)
        drive_answer(d);
    else if (what < 95)
        drive_run(d);
    else
        trouble(m);
    pushes_read(m);
}

/* ---- the checks -------------------------------------------------------------------------------
 */

static void all_well(struct model *m)
{
    struct drive *d = m->drive;

    d->append_rc = d->complete_rc = ERR_OK;
    d->complete_stored = d->query_full = d->desk_full = d->options.settle_held = false;
    d->refusing_count = 0;
    drive_run(d);
    drive_advance(d, 3000);
    for (unsigned i = 0; i < VISITORS; i++) {
        struct person *person = &m->people[i];

        for (unsigned tries = 0; person->sent_count > 0; tries++) {
            struct sent *last = &person->sent[person->sent_count - 1];

            answer_read(m, person, person->sent_count - 1);
            if (last->acked)
                break;
            assert_true(tries < 5);
            transmit(m, person, person->sent_count - 1);
            drive_run(d);
            pushes_read(m);
        }
    }
    drive_advance(d, 3000);
    pushes_read(m);
}

/* Of one conversation: dense, and each message where it was acknowledged, once. */
static unsigned check_conv(struct model *m, uint64_t conv)
{
    struct drive *d = m->drive;
    struct chat_action fetch = drive_agent_action(d, CHAT_FETCH, 1, ROLE_SUPERVISOR, 901);
    uint32_t seq = 0;
    unsigned messages = 0;
    unsigned last_number = 0;
    bool more = true;

    fetch.conv.v = conv;
    fetch.limit = 200;
    while (more) {
        fetch.from_seq = seq + 1;
        fetch.cookie = ++d->cookie;
        more = drive_do(d, &fetch)->more;
        for (unsigned i = 0; i < d->event_count; i++) {
            const struct drive_event *event = &d->events[i];
            char hex[33];
            unsigned number = 0;

            assert_int_equal(event->seq, ++seq);
            if (event->author_kind != ACTOR_VISITOR ||
                event->kind != KEFU__V1__EVENT__KIND__message)
                continue;
            for (unsigned k = 0; k < VISITORS; k++) {
                for (unsigned n = 0; n < m->people[k].sent_count; n++) {
                    const struct sent *sent = &m->people[k].sent[n];

                    client_id_format(sent->client_id, hex);
                    if (strcmp(hex, event->client_id) != 0)
                        continue;
                    assert_true(sent->acked);
                    assert_int_equal(sent->conv, conv);
                    assert_int_equal(sent->seq, event->seq);
                    number = n + 1;
                }
            }
            assert_true(number > last_number); /* sent, in order, and not twice */
            last_number = number;
            messages++;
        }
    }
    return messages;
}

static void check(struct model *m)
{
    unsigned stored = 0;
    unsigned acked = 0;

    for (unsigned i = 0; i < m->conv_count; i++)
        stored += check_conv(m, m->convs[i]);
    for (unsigned i = 0; i < VISITORS; i++) {
        struct person *person = &m->people[i];

        for (unsigned n = 0; n < person->sent_count; n++)
            acked += person->sent[n].acked;
        assert_true(acked > 0);
        for (unsigned k = 0; k < person->view_count; k++)
            view_repair(m, person, &person->views[k]);
    }
    assert_int_equal(stored, acked);
}

/* Every reader has every public event up to the head that a new hello tells. */
static void check_readers(struct model *m)
{
    struct drive *d = m->drive;

    for (unsigned i = 0; i < m->conv_count; i++) {
        struct chat_action fetch;

        for (unsigned k = 0; k < VISITORS; k++) {
            struct person *person = &m->people[k];
            struct view *view = NULL;

            for (unsigned v = 0; v < person->view_count; v++) {
                if (person->views[v].conv == m->convs[i])
                    view = &person->views[v];
            }
            if (view == NULL)
                continue;
            fetch = drive_visitor_action(d, CHAT_FETCH, person->id, person->session);
            fetch.conv.v = m->convs[i];
            fetch.limit = 200;
            (void)drive_do(d, &fetch);
            assert_int_equal(view->last, drive_reply_to(d, fetch.cookie)->head_seq);
            for (unsigned e = 0; e < d->event_count; e++)
                assert_true(view->has[d->events[e].seq]);
        }
    }
}

static void run(struct model *m, uint64_t seed)
{
    struct drive_options options = { .idle_close_ms = 120 * 1000, .limits = { .live_max = 6 } };

    memset(m, 0, sizeof(*m));
    m->seed = seed;
    m->drive = drive_create(&options);
    for (unsigned i = 0; i < VISITORS; i++) {
        m->people[i].session = 10 + i;
        m->people[i].id = drive_visitor(m->drive, 10 + i);
    }
    for (unsigned at = 0; at < STEPS; at++)
        step(m);
    all_well(m);
    check(m);
    check_readers(m);
    restart(m);
    check(m);
    drive_destroy(&m->drive);
}

static void the_ledger_holds_whatever_happens(void **state)
{
    struct model *m = test_calloc(1, sizeof(*m));

    (void)state;
    for (uint64_t seed = SEED_FIRST; seed < SEED_FIRST + SEEDS; seed++) {
        char name[32];

        (void)snprintf(name, sizeof(name), "seed %u", (unsigned)seed);
        print_message("%s\n", name);
        run(m, seed);
    }
    test_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_ledger_holds_whatever_happens),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
