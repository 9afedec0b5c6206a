/* SPDX-License-Identifier: Apache-2.0 */
/* The demo workspace out of share/demo: a shop in two languages, its FAQ, rules and canned replies,
 * one site with the key "demo", two agents with new passwords. Only an empty store is filled. The
 * log-ins stand in DATA/demo-logins.txt (0600), for whoever starts it a second time. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "auth_password.h"
#include "faq_csv.h"
#include "mem.h"
#include "schema.h"
#include "serve_priv.h"
#include "share.h"

enum { DEMO_ARENA_MAX = 64 * 1024 * 1024, LOGINS_MAX = 4096 };

struct demo {
    struct arena arena;
    struct id_gen ids;
    int64_t now_ms;
    struct store_change *changes;
    size_t count;
    struct err *err;
    enum err_code rc;
    char logins[LOGINS_MAX];
};

static void change_add(struct demo *demo, enum store_kind kind, const ProtobufCMessage *msg,
                       struct slice lookup)
{
    struct store_change *change;
    struct buf buf;

    if (demo->rc != ERR_OK)
        return;
    if (demo->count == STORE_CHANGES_MAX) {
        demo->rc = err_set(demo->err, ERR_TOO_BIG, "demo: over %d records", STORE_CHANGES_MAX);
        return;
    }
    buf_init(&buf, STORE_BODY_MAX);
    schema_proto_encode(msg, &buf);
    change = &demo->changes[demo->count++];
    *change = (struct store_change){ .op = STORE_INSERT, .kind = kind };
    change->record.id = id_gen_next(&demo->ids, demo->now_ms, 0);
    change->record.workspace = API_WORKSPACE;
    change->record.created_at = demo->now_ms;
    change->record.lookup = lookup;
    change->record.body = slice_make(arena_strdup(&demo->arena, buf_slice(&buf)), buf.len);
    if (!buf_ok(&buf) || change->record.body.ptr == NULL)
        demo->rc = err_set(demo->err, ERR_TOO_BIG, "demo: a record is too big");
    buf_fini(&buf);
}

static ProtobufCMessage *json_read(struct demo *demo, const ProtobufCMessageDescriptor *desc,
                                   struct slice json)
{
    ProtobufCMessage *msg = NULL;

    if (demo->rc == ERR_OK)
        demo->rc = schema_json_decode(desc, json, &demo->arena, &msg, demo->err);
    return demo->rc == ERR_OK ? msg : NULL;
}

static struct slice file_get(struct demo *demo, const char *name)
{
    struct slice bytes = SLICE_EMPTY;

    if (demo->rc == ERR_OK && !share_find(name, &bytes))
        demo->rc = err_set(demo->err, ERR_NOT_FOUND, "demo: no %s in this build", name);
    return bytes;
}

static void lines_add(struct demo *demo, const char *name, enum store_kind kind,
                      const ProtobufCMessageDescriptor *desc)
{
    struct slice rest = file_get(demo, name);

    while (demo->rc == ERR_OK && rest.len > 0) {
        const char *end = memchr(rest.ptr, '\n', rest.len);
        size_t len = end != NULL ? (size_t)(end - rest.ptr) : rest.len;
        ProtobufCMessage *msg = json_read(demo, desc, slice_make(rest.ptr, len));

        if (msg != NULL)
            change_add(demo, kind, msg, SLICE_EMPTY);
        rest = end != NULL ? slice_make(end + 1, rest.len - len - 1) : SLICE_EMPTY;
    }
}

/* ---- FAQ ------------------------------------------------------------------------------------- */

static void faq_row(void *ctx, const struct faq_csv_row *row)
{
    struct demo *demo = ctx;
    Kefu__V1__FaqEntry entry = KEFU__V1__FAQ_ENTRY__INIT;
    char *variants[FAQ_CSV_VARIANTS_MAX];

    for (size_t i = 0; i < row->variant_count; i++)
        variants[i] = arena_strdup(&demo->arena, row->variants[i]);
    entry.locale = arena_strdup(&demo->arena, row->locale);
    entry.question = arena_strdup(&demo->arena, row->question);
    entry.answer = arena_strdup(&demo->arena, row->answer);
    entry.category = arena_strdup(&demo->arena, row->category);
    entry.n_variants = row->variant_count;
    entry.variants = variants;
    change_add(demo, STORE_FAQ_ENTRY, &entry.base, SLICE_EMPTY);
}

static void faq_error(void *ctx, unsigned line, const char *text)
{
    struct demo *demo = ctx;

    if (demo->rc == ERR_OK)
        demo->rc = err_set(demo->err, ERR_INVALID, "demo/faq.csv line %u: %s", line, text);
}

static void faq_add(struct demo *demo)
{
    static const struct faq_csv_ops ops = { .row = faq_row, .error = faq_error };
    struct slice file = file_get(demo, "demo/faq.csv");
    struct arena arena;
    enum err_code rc;

    if (demo->rc != ERR_OK)
        return;
    arena_init(&arena, DEMO_ARENA_MAX);
    rc = faq_csv_read(file, &arena, &ops, demo, demo->err);
    if (demo->rc == ERR_OK)
        demo->rc = rc;
    arena_fini(&arena);
}

/* ---- site and agents ------------------------------------------------------------------------- */

static void site_add(struct demo *demo)
{
    ProtobufCMessage *msg =
        json_read(demo, &kefu__v1__site__descriptor, file_get(demo, "demo/site.json"));

    if (msg == NULL)
        return;
    ((Kefu__V1__Site *)msg)->key = (char *)"demo";
    change_add(demo, STORE_SITE, msg, SLICE_LITERAL("demo"));
}

static void agent_add(struct demo *demo, Kefu__V1__Agent *agent)
{
    Kefu__V1__AgentRecord record = KEFU__V1__AGENT_RECORD__INIT;
    char hash[AUTH_PASSWORD_HASH_MAX];
    char password[24];
    size_t at = strlen(demo->logins);

    auth_password_make(password);
    demo->rc = auth_password_hash(slice_of(password), hash, demo->err);
    record.agent = agent;
    record.password_hash = hash;
    change_add(demo, STORE_AGENT, &record.base, slice_of(agent->email));
    snprintf(demo->logins + at, sizeof(demo->logins) - at, "%-24s %s\n", agent->email, password);
}

static void agents_add(struct demo *demo)
{
    ProtobufCMessage *msg =
        json_read(demo, &kefu__v1__agent_list__descriptor, file_get(demo, "demo/agents.json"));
    const Kefu__V1__AgentList *list = (const Kefu__V1__AgentList *)msg;

    for (size_t i = 0; list != NULL && demo->rc == ERR_OK && i < list->n_items; i++)
        agent_add(demo, list->items[i]);
}

static void workspace_add(struct demo *demo)
{
    struct store_change *change = &demo->changes[demo->count++];

    *change = (struct store_change){ .op = STORE_INSERT, .kind = STORE_WORKSPACE };
    change->record.id = change->record.workspace = API_WORKSPACE;
    change->record.created_at = demo->now_ms;
}

static void logins_write(struct demo *demo, const char *path)
{
    size_t len = strlen(demo->logins);
    int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);

    if (fd < 0 || write(fd, demo->logins, len) != (ssize_t)len)
        demo->rc = err_set(demo->err, ERR_IO, "demo: cannot write %s", path);
    if (fd >= 0)
        close(fd);
}

enum err_code serve_demo(struct server *server, const char *logins_path, struct err *err)
{
    struct store_record_query query = { .kind = STORE_AGENT, .limit = 1 };
    struct store_records agents;
    struct demo demo = { .now_ms = clock_wall_ms(&clock_system), .err = err };

    arena_init(&demo.arena, DEMO_ARENA_MAX);
    id_gen_init(&demo.ids, 0);
    demo.changes = mem_zalloc(STORE_CHANGES_MAX * sizeof(*demo.changes));
    demo.rc = store_record_list(server->store, &query, &demo.arena, &agents, err);
    if (demo.rc == ERR_OK && agents.n == 0) {
        workspace_add(&demo);
        site_add(&demo);
        agents_add(&demo);
        faq_add(&demo);
        lines_add(&demo, "demo/rules.jsonl", STORE_RULE, &kefu__v1__rule__descriptor);
        lines_add(&demo, "demo/canned-replies.jsonl", STORE_CANNED_REPLY,
                  &kefu__v1__canned_reply__descriptor);
        /* First the file: a password that nobody knows would be worse than one too many. */
        if (demo.rc == ERR_OK)
            logins_write(&demo, logins_path);
        if (demo.rc == ERR_OK)
            demo.rc = store_admin_run(server->store, demo.changes, demo.count, NULL, err);
    }
    free(demo.changes);
    arena_fini(&demo.arena);
    return demo.rc;
}
