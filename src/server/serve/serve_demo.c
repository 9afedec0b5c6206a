/* SPDX-License-Identifier: Apache-2.0 */
/* The demo workspace out of share/demo and share/nlu: a shop in two languages, its FAQ, rules,
 * canned replies and intents with their examples, one site with the key "demo", two agents with new
 * passwords, and a model that waits to be trained while the shop is open already. Only an empty
 * store is filled. The
 * log-ins stand in DATA/demo-logins.txt (0600), for whoever starts it a second time. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "auth_password.h"
#include "examples_file.h"
#include "faq_csv.h"
#include "flow_host.h"
#include "hash.h"
#include "json.h"
#include "map_u64.h"
#include "mem.h"
#include "schema.h"
#include "serve_priv.h"
#include "share.h"

enum { DEMO_ARENA_MAX = 64 * 1024 * 1024, LOGINS_MAX = 4096 };

struct demo {
    struct store *store;
    struct arena arena;
    struct id_gen ids;
    int64_t now_ms;
    struct store_change *changes;
    size_t count;
    struct err *err;
    enum err_code rc;
    struct map_u64 intents;  /* hash of the name -> id, in the arena */
    struct map_u64 examples; /* hash of the lookup key, for those that stand in two files */
    char logins[LOGINS_MAX];
};

static void changes_store(struct demo *demo)
{
    if (demo->rc == ERR_OK)
        demo->rc = store_admin_run(demo->store, demo->changes, demo->count, NULL, demo->err);
    demo->count = 0;
}

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

/* ---- intents --------------------------------------------------------------------------------- */

/* Where a text of intents.json belongs; NULL: nothing of ours. */
static char **intent_field(Kefu__V1__Intent *intent, struct slice outer, struct slice inner)
{
    if (slice_equal_text(outer, "name"))
        return &intent->name;
    if (slice_equal_text(outer, "title"))
        return slice_equal_text(inner, "zh") ? &intent->title_zh : &intent->title_en;
    if (slice_equal_text(outer, "answer"))
        return slice_equal_text(inner, "zh") ? &intent->answer_zh : &intent->answer_en;
    return NULL;
}

static char *json_copy(struct demo *demo, const struct json_reader *reader)
{
    char *out = arena_alloc(&demo->arena, reader->raw.len + 1);

    if (out == NULL) {
        demo->rc = err_set(demo->err, ERR_TOO_BIG, "demo: out of memory");
        return NULL;
    }
    out[json_unescape(reader->raw, out)] = '\0';
    return out;
}

static uint64_t *intent_id(struct demo *demo, struct slice name)
{
    static const struct hash_key key = { 1, 2 };

    return map_u64_get(&demo->intents, hash_bytes(key, name.ptr, name.len));
}

static void intent_add(struct demo *demo, const Kefu__V1__Intent *intent)
{
    static const struct hash_key key = { 1, 2 };
    uint64_t *id = arena_alloc(&demo->arena, sizeof(*id));
    struct slice name = slice_of(intent->name);

    change_add(demo, STORE_INTENT, &intent->base, name);
    if (demo->rc != ERR_OK || id == NULL)
        return;
    *id = demo->changes[demo->count - 1].record.id;
    if (!map_u64_put(&demo->intents, hash_bytes(key, name.ptr, name.len), id))
        demo->rc = err_set(demo->err, ERR_TOO_BIG, "demo: too many intents");
}

/* An array of {"name", "title": {"zh", "en"}, "answer": {"zh", "en"}}. */
static void intents_add(struct demo *demo)
{
    Kefu__V1__Intent intent = KEFU__V1__INTENT__INIT;
    struct slice outer = SLICE_EMPTY;
    struct slice inner = SLICE_EMPTY;
    struct json_reader reader;
    enum json_token token;
    char **field;

    json_reader_init(&reader, file_get(demo, "nlu/demo/intents.json"));
    for (token = json_next(&reader); demo->rc == ERR_OK && token != JSON_END;
         token = json_next(&reader)) {
        if (token == JSON_ERROR)
            demo->rc = err_set(demo->err, ERR_INVALID, "demo: intents.json: %s", reader.problem);
        else if (token == JSON_KEY && reader.depth == 2)
            outer = reader.raw;
        else if (token == JSON_KEY)
            inner = reader.raw;
        else if (token == JSON_TEXT && (field = intent_field(&intent, outer, inner)) != NULL)
            *field = json_copy(demo, &reader);
        else if (token == JSON_OBJECT_END && reader.depth == 1) {
            intent_add(demo, &intent);
            kefu__v1__intent__init(&intent);
        }
    }
}

/* "hi" is said in both languages, and stands in both files. */
static bool example_is_new(struct demo *demo, struct slice lookup)
{
    static const struct hash_key key = { 3, 4 };
    uint64_t hash = hash_bytes(key, lookup.ptr, lookup.len);

    if (map_u64_get(&demo->examples, hash) != NULL)
        return false;
    return map_u64_put(&demo->examples, hash, demo);
}

static void example_add(struct demo *demo, struct slice intent_name, struct slice text,
                        const char *locale)
{
    Kefu__V1__Example example = KEFU__V1__EXAMPLE__INIT;
    const uint64_t *intent = intent_id(demo, intent_name);
    struct slice lookup;

    if (intent == NULL) {
        demo->rc = err_set(demo->err, ERR_INVALID, "demo: an example of the unknown intent %.*s",
                           SLICE_ARGS(intent_name));
        return;
    }
    lookup = api_example_lookup(&demo->arena, *intent, text);
    if (!example_is_new(demo, lookup))
        return;
    example.intent_id = *intent;
    example.locale = arena_strdup(&demo->arena, slice_of(locale));
    example.text = arena_strdup(&demo->arena, text);
    change_add(demo, STORE_EXAMPLE, &example.base, lookup);
    demo->changes[demo->count - 1].record.parent = *intent;
}

static void examples_add(struct demo *demo, const char *name, const char *locale)
{
    struct slice file = file_get(demo, name);
    struct example_set set;

    if (demo->rc != ERR_OK)
        return;
    example_set_init(&set);
    demo->rc = examples_read(file, &set, demo->err);
    for (size_t i = 0; i < set.count && demo->rc == ERR_OK; i++)
        example_add(demo, set.names[set.items[i].intent], set.items[i].text, locale);
    example_set_fini(&set);
}

/* A transaction of its own, since both together would be too many records for one: begun again
 * when a start was cut short in between. */
static void intents_store(struct demo *demo)
{
    const struct store_record_query query = { .kind = STORE_INTENT, .limit = 1 };
    struct store_records there;

    if (demo->rc == ERR_OK)
        demo->rc = store_record_list(demo->store, &query, &demo->arena, &there, demo->err);
    if (demo->rc != ERR_OK || there.n > 0)
        return;
    map_u64_init(&demo->intents, EXAMPLES_INTENTS_MAX, 1);
    map_u64_init(&demo->examples, STORE_CHANGES_MAX, 1);
    intents_add(demo);
    examples_add(demo, "nlu/demo/demo-train.zh.tsv", "zh");
    examples_add(demo, "nlu/demo/demo-train.en.tsv", "en");
    map_u64_fini(&demo->intents);
    map_u64_fini(&demo->examples);
    changes_store(demo);
}

static void model_add(struct demo *demo)
{
    Kefu__V1__Model model = KEFU__V1__MODEL__INIT;
    Google__Protobuf__Timestamp at;

    schema_timestamp_set(&at, demo->now_ms);
    model.status = arena_strdup(&demo->arena, SLICE_LITERAL("queued"));
    model.quality = arena_strdup(&demo->arena, SLICE_LITERAL("fast"));
    model.created_at = &at;
    model.publish = true;
    change_add(demo, STORE_MODEL, &model.base, SLICE_EMPTY);
}

/* ---- flows ----------------------------------------------------------------------------------- */

static struct slice file_name(struct slice path)
{
    const char *slash = memrchr(path.ptr, '/', path.len);

    return slash != NULL ? slice_make(slash + 1, path.len - (size_t)(slash + 1 - path.ptr)) : path;
}

static void flow_add(struct demo *demo, const struct share_file *file)
{
    Kefu__V1__Flow flow = KEFU__V1__FLOW__INIT;
    struct flow_host_head head;
    Google__Protobuf__Timestamp at;

    if (demo->rc != ERR_OK)
        return;
    if (!flow_host_head(file->bytes, &head, demo->err)) {
        demo->rc = demo->err->code;
        return;
    }
    schema_timestamp_set(&at, demo->now_ms);
    flow.name = head.name;
    flow.title = head.title;
    flow.number = head.number;
    flow.state = (char *)"published";
    flow.author = (char *)"demo";
    flow.published_at = &at;
    flow.source = arena_strdup(&demo->arena, file->bytes);
    change_add(demo, STORE_FLOW, &flow.base, SLICE_EMPTY);
}

static void story_add(struct demo *demo, const struct share_file *file)
{
    Kefu__V1__Story story = KEFU__V1__STORY__INIT;
    char flow[FLOW_HOST_NAME_MAX + 1];

    flow_host_story_flow(file->bytes, flow);
    story.name = arena_strdup(&demo->arena, file_name(slice_of(file->name)));
    story.flow = flow;
    story.source = arena_strdup(&demo->arena, file->bytes);
    change_add(demo, STORE_STORY, &story.base, SLICE_EMPTY);
}

static void action_line(struct demo *demo, struct slice line)
{
    ProtobufCMessage *msg = json_read(demo, &kefu__v1__action__descriptor, line);

    if (msg != NULL)
        change_add(demo, STORE_ACTION, msg, slice_of(((Kefu__V1__Action *)msg)->name));
}

static void value_line(struct demo *demo, struct slice line)
{
    ProtobufCMessage *msg = json_read(demo, &kefu__v1__flow_value__descriptor, line);

    if (msg != NULL)
        change_add(demo, STORE_FLOW_VALUE, msg, slice_of(((Kefu__V1__FlowValue *)msg)->name));
}

static void each_line(struct demo *demo, const char *name,
                      void (*take)(struct demo *demo, struct slice line))
{
    struct slice rest = file_get(demo, name);

    while (demo->rc == ERR_OK && rest.len > 0) {
        const char *end = memchr(rest.ptr, '\n', rest.len);
        size_t len = end != NULL ? (size_t)(end - rest.ptr) : rest.len;

        take(demo, slice_make(rest.ptr, len));
        rest = end != NULL ? slice_make(end + 1, rest.len - len - 1) : SLICE_EMPTY;
    }
}

/* The library of flows, and the demo's shop as the place of its actions. A transaction of its own,
 * like the intents'; a demo from before there were flows gets them too. */
static void flows_store(struct demo *demo)
{
    const struct store_record_query query = { .kind = STORE_FLOW, .limit = 1 };
    struct store_records there;

    if (demo->rc == ERR_OK)
        demo->rc = store_record_list(demo->store, &query, &demo->arena, &there, demo->err);
    if (demo->rc != ERR_OK || there.n > 0)
        return;
    for (size_t i = 0; i < share_table_len; i++) {
        struct slice name = slice_of(share_table[i].name);

        if (slice_starts_with(name, SLICE_LITERAL("flows/stories/")))
            story_add(demo, &share_table[i]);
        else if (slice_starts_with(name, SLICE_LITERAL("flows/")))
            flow_add(demo, &share_table[i]);
    }
    each_line(demo, "demo/actions.jsonl", action_line);
    each_line(demo, "demo/flow-values.jsonl", value_line);
    changes_store(demo);
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
    struct demo demo = { .store = server->store,
                         .now_ms = clock_wall_ms(&clock_system),
                         .err = err };

    arena_init(&demo.arena, DEMO_ARENA_MAX);
    id_gen_init(&demo.ids, 0);
    demo.changes = mem_zalloc(STORE_CHANGES_MAX * sizeof(*demo.changes));
    demo.rc = store_record_list(server->store, &query, &demo.arena, &agents, err);
    if (demo.rc == ERR_OK && agents.n == 0) {
        intents_store(&demo);
        workspace_add(&demo);
        site_add(&demo);
        agents_add(&demo);
        faq_add(&demo);
        lines_add(&demo, "demo/rules.jsonl", STORE_RULE, &kefu__v1__rule__descriptor);
        lines_add(&demo, "demo/canned-replies.jsonl", STORE_CANNED_REPLY,
                  &kefu__v1__canned_reply__descriptor);
        model_add(&demo);
        /* First the file: a password that nobody knows would be worse than one too many. */
        if (demo.rc == ERR_OK)
            logins_write(&demo, logins_path);
        changes_store(&demo);
    }
    flows_store(&demo);
    free(demo.changes);
    arena_fini(&demo.arena);
    return demo.rc;
}
