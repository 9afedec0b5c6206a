/* SPDX-License-Identifier: Apache-2.0 */
/* Example files in and out: whatever domain/examples reads. An import makes the intents that are
 * missing, leaves alone the examples that are there, and may so be repeated at will. Lines that
 * can't be read are counted and named in the answer, and the rest goes in; a file that can't be
 * read to its end changes nothing. `?dryRun=1` only says what would happen. */
#include "api_priv.h"

#include <stdio.h>
#include <stdlib.h>

#include "examples_file.h"
#include "hash.h"
#include "learn.h"
#include "map_u64.h"
#include "mem.h"
#include "text.h"

enum {
    IMPORT_EXAMPLES_MAX = 20 * 1000,       /* of 1 MiB: 50 bytes each */
    KNOWN_MAX = EXAMPLES_MAX,              /* of a workspace */
    CHANGES_AT_ONCE = API_CHANGES_MAX - 2, /* room for the audit and the repeat */
    NORM_MAX = 64 * 1024,
    ERRORS_MAX = 100, /* named in an answer; the others are counted */
};

static const struct hash_key name_key = { 0x696E74656E746E31U, 0x616D65U };

struct import {
    struct api_call *call;
    struct example_set set;
    struct map_u64 intents; /* hash of the name -> its id, owned */
    struct map_u64 known;   /* hash of intent and text -> itself */
    struct store_change *changes;
    size_t count;
    uint64_t next_id;
    size_t in; /* changes of the transactions before */
    Kefu__V1__ImportReply *reply;
    bool dry;
};

static uint64_t name_hash(struct slice name)
{
    return hash_bytes(name_key, name.ptr, name.len);
}

static uint64_t hex_value(struct slice hex)
{
    char text[17];

    snprintf(text, sizeof(text), "%.*s", (int)(hex.len < 16 ? hex.len : 16), hex.ptr);
    return strtoull(text, NULL, 16);
}

static bool intent_put(struct import *import, struct slice name, uint64_t id)
{
    uint64_t *value = mem_alloc(sizeof(*value));

    *value = id;
    if (map_u64_put(&import->intents, name_hash(name), value))
        return true;
    free(value);
    return false;
}

static enum err_code intent_visit(void *ctx, const struct store_record *record, struct arena *arena,
                                  struct err *err)
{
    (void)arena;
    return intent_put(ctx, record->lookup, record->id)
               ? ERR_OK
               : err_set(err, ERR_TOO_BIG, "more than %d intents", EXAMPLES_INTENTS_MAX);
}

static enum err_code example_visit(void *ctx, const struct store_record *record,
                                   struct arena *arena, struct err *err)
{
    struct import *import = ctx;

    (void)arena;
    return map_u64_put(&import->known, hex_value(record->lookup), import)
               ? ERR_OK
               : err_set(err, ERR_TOO_BIG, "more than %d examples", KNOWN_MAX);
}

/* ---- reading --------------------------------------------------------------------------------- */

/* "line 7: text is empty" in two parts. */
static void fault_report(void *ctx, const struct err *fault)
{
    struct import *import = ctx;
    Kefu__V1__ImportReply *reply = import->reply;
    Kefu__V1__ImportError *error;
    const char *text = fault->text;
    unsigned line = 0;
    int at = 0;

    reply->rejected++;
    if (reply->n_errors == ERRORS_MAX)
        return;
    error = api_message_new(import->call, &kefu__v1__import_error__descriptor, NULL);
    if (error == NULL)
        return; /* it is counted */
    if (sscanf(text, "line %u: %n", &line, &at) == 1 && at > 0)
        text += at;
    error->line = line;
    error->message = arena_strdup(import->call->arena, slice_of(text));
    if (error->message != NULL)
        reply->errors[reply->n_errors++] = error;
}

/* false in *whole: the file ended before its end, and that is among the errors. */
static enum err_code file_read(struct import *import, bool *whole, struct err *err)
{
    struct api_call *call = import->call;
    struct slice name = api_query(call, "format");
    enum examples_format format = EXAMPLES_TSV;
    struct err fault = { 0 };
    char text[32];

    snprintf(text, sizeof(text), "%.*s", SLICE_ARGS(name));
    if (name.len > 0 && !examples_format_parse(text, &format))
        return err_set_field(err, ERR_INVALID, "format", "no such format");
    *whole = examples_read_most(call->request->body, name.len > 0 ? &format : NULL, &import->set,
                                fault_report, import, &fault) == ERR_OK;
    if (!*whole)
        fault_report(import, &fault);
    return ERR_OK;
}

/* ---- what it changes ------------------------------------------------------------------------- */

static enum err_code flush(struct import *import, size_t room, struct err *err)
{
    enum err_code rc = ERR_OK;

    if (import->count + room <= CHANGES_AT_ONCE)
        return ERR_OK;
    if (!import->dry)
        rc = store_admin_run(import->call->api->store, import->changes, import->count, NULL, err);
    import->in += import->count;
    import->count = 0;
    return rc;
}

static enum err_code change_add(struct import *import, enum store_kind kind, uint64_t id,
                                const ProtobufCMessage *msg, struct slice lookup, struct err *err)
{
    struct store_change *change = &import->changes[import->count++];

    *change = (struct store_change){ .op = STORE_INSERT, .kind = kind };
    change->record.id = id;
    change->record.workspace = import->call->who.workspace_id;
    change->record.created_at = import->call->now_ms;
    change->record.lookup = lookup;
    return api_encode(import->call->arena, msg, &change->record.body, err);
}

static enum err_code intent_obtain(struct import *import, struct slice name, uint64_t *id,
                                   struct err *err)
{
    Kefu__V1__Intent intent = KEFU__V1__INTENT__INIT;
    const uint64_t *known = map_u64_get(&import->intents, name_hash(name));

    if (known != NULL) {
        *id = *known;
        return ERR_OK;
    }
    *id = import->next_id++;
    if (!intent_put(import, name, *id))
        return err_set(err, ERR_TOO_BIG, "more than %d intents", EXAMPLES_INTENTS_MAX);
    intent.name = arena_strdup(import->call->arena, name);
    if (intent.name == NULL)
        return err_set(err, ERR_TOO_BIG, "request too large");
    return change_add(import, STORE_INTENT, *id, &intent.base, slice_of(intent.name), err);
}

static const char *locale_guess(struct slice text)
{
    char norm[NORM_MAX];
    struct text_script script = text_script_count(text_normalise(text, norm, sizeof(norm)));

    return script.cjk_chars > 0 && script.cjk_chars >= script.words ? "zh" : "en";
}

static enum err_code example_add(struct import *import, const struct example *in, struct err *err)
{
    Kefu__V1__Example example = KEFU__V1__EXAMPLE__INIT;
    struct arena *arena = import->call->arena;
    struct slice lookup;
    enum err_code rc = flush(import, 2, err);

    if (rc == ERR_OK)
        rc = intent_obtain(import, import->set.names[in->intent], &example.intent_id, err);
    if (rc != ERR_OK)
        return rc;
    lookup = api_example_lookup(arena, example.intent_id, in->text);
    if (lookup.ptr == NULL)
        return err_set(err, ERR_TOO_BIG, "request too large");
    if (map_u64_get(&import->known, hex_value(lookup)) != NULL) {
        import->reply->updated++;
        return ERR_OK;
    }
    if (!map_u64_put(&import->known, hex_value(lookup), import))
        return err_set(err, ERR_TOO_BIG, "more than %d examples", KNOWN_MAX);
    example.text = arena_strdup(arena, in->text);
    example.locale = arena_strdup(arena, slice_of(locale_guess(in->text)));
    if (example.text == NULL || example.locale == NULL)
        return err_set(err, ERR_TOO_BIG, "request too large");
    import->reply->created++;
    rc = change_add(import, STORE_EXAMPLE, import->next_id++, &example.base, lookup, err);
    import->changes[import->count - 1].record.parent = example.intent_id;
    return rc;
}

/* A large file takes several transactions; when a later one fails, the answer says that those
 * before are in. */
static enum err_code half_done(const struct import *import, enum err_code rc, struct err *err)
{
    char why[ERR_TEXT_MAX];

    if (rc == ERR_OK || import->in == 0 || import->dry)
        return rc;
    snprintf(why, sizeof(why), "%s", err->text);
    return err_set(err, rc,
                   "%zu intents and examples are in, the rest is not (import it again): %.*s",
                   import->in, ERR_TEXT_MAX / 2, why);
}

static enum err_code import_run(struct import *import, struct err *err)
{
    struct api_call *call = import->call;
    struct api_commit commit = { .changes = import->changes, .action = "examples.import" };
    bool whole = false;
    enum err_code rc = file_read(import, &whole, err);

    if (rc != ERR_OK || !whole)
        return rc;
    if (import->set.count > IMPORT_EXAMPLES_MAX)
        return err_set(err, ERR_TOO_BIG, "at most %d examples in one import", IMPORT_EXAMPLES_MAX);
    rc = learn_walk(call->api->store, STORE_INTENT, call->who.workspace_id, intent_visit, import,
                    err);
    if (rc == ERR_OK)
        rc = learn_walk(call->api->store, STORE_EXAMPLE, call->who.workspace_id, example_visit,
                        import, err);
    for (size_t i = 0; i < import->set.count && rc == ERR_OK; i++)
        rc = example_add(import, &import->set.items[i], err);
    commit.count = import->count;
    if (rc != ERR_OK || import->dry || import->reply->created == 0)
        return half_done(import, rc, err);
    call->answer = &import->reply->base;
    call->reply->effects |= API_EFFECT_BOT;
    return half_done(import, api_commit_run(call, &commit, err), err);
}

static enum err_code examples_import(struct api_call *call, struct err *err)
{
    struct import import = { .call = call,
                             .next_id = api_id_new(call->api),
                             .dry = slice_equal_text(api_query(call, "dryRun"), "1") };
    uint64_t *id;
    size_t cursor = 0;
    enum err_code rc;

    import.reply = api_message_new(call, call->route->reply, err);
    if (import.reply == NULL)
        return err->code;
    import.reply->errors = arena_alloc(call->arena, ERRORS_MAX * sizeof(*import.reply->errors));
    if (import.reply->errors == NULL)
        return err_set(err, ERR_TOO_BIG, "request too large");
    import.changes = mem_zalloc(API_CHANGES_MAX * sizeof(*import.changes));
    example_set_init(&import.set);
    map_u64_init(&import.intents, EXAMPLES_INTENTS_MAX, name_key.k1);
    map_u64_init(&import.known, KNOWN_MAX, name_key.k0);
    call->answer = &import.reply->base;
    rc = import_run(&import, err);
    while ((id = map_u64_next(&import.intents, &cursor, NULL)) != NULL)
        free(id);
    map_u64_fini(&import.intents);
    map_u64_fini(&import.known);
    example_set_fini(&import.set);
    free(import.changes);
    return rc;
}

/* ---- export ---------------------------------------------------------------------------------- */

static enum err_code examples_export(struct api_call *call, struct err *err)
{
    enum examples_format format = EXAMPLES_CSV;
    struct slice name = api_query(call, "format");
    struct example_set set;
    char text[32];
    enum err_code rc;

    snprintf(text, sizeof(text), "%.*s", SLICE_ARGS(name));
    if (name.len > 0 && !examples_format_parse(text, &format))
        return err_set_field(err, ERR_INVALID, "format", "no such format");
    example_set_init(&set);
    rc = learn_examples(call->api->store, call->who.workspace_id, false, &set, err);
    if (rc == ERR_OK) {
        examples_write(&set, format, &call->reply->body);
        call->reply->content_type = "text/plain; charset=utf-8";
        if (!buf_ok(&call->reply->body))
            rc = err_set(err, ERR_TOO_BIG, "over %d bytes: list them page by page", API_REPLY_MAX);
    }
    example_set_fini(&set);
    return rc;
}

static const struct api_route routes[] = {
    { "POST", "/examples/import", NULL, &kefu__v1__import_reply__descriptor, PERM_INTENT_WRITE,
      examples_import, API_RAW_BODY, NULL,
      "Import examples: TSV, CSV, JSONL, Rasa or Tiledesk, sniffed or named by format" },
    { "GET", "/examples/export", NULL, &kefu__v1__empty__descriptor, PERM_INTENT_READ,
      examples_export, 0, NULL, "Every example, as CSV or what format names" },
};

const struct api_routes api_routes_example = { routes, LENGTH_OF(routes) };
