/* SPDX-License-Identifier: Apache-2.0 */
/* FAQ entries as a CSV file, in and out. An import is one transaction: an entry with the same
 * question and locale is changed, any other is made; lines that can't be read are named in the
 * answer and the rest goes in. `?dryRun=1` only says what would happen. */
#include "api_priv.h"

#include <stdlib.h>

#include "faq_csv.h"
#include "hash.h"
#include "map_u64.h"
#include "mem.h"

enum {
    IMPORT_ROWS_MAX = API_CHANGES_MAX - 2, /* room for the audit and the repeat */
    EXPORT_ROWS_MAX = 100 * 1000,          /* as many as a bot takes */
};

static const struct hash_key question_key = { 0x6B65667566617131U, 0x7175657374696F6EU };

/* Locale and question name an entry; two of one name would answer by chance. */
static uint64_t entry_name(struct slice locale, struct slice question)
{
    return hash_bytes(question_key, question.ptr, question.len) ^
           (locale.len > 0 ? (uint64_t)(uint8_t)locale.ptr[0] << 56 : 0);
}

struct known {
    struct store_record record;
    bool used; /* by a line of this file */
    bool disabled;
};

struct import {
    struct api_call *call;
    struct map_u64 known;
    struct store_change *changes;
    size_t count;
    uint64_t next_id; /* thousands of random ones of one moment would meet each other */
    Kefu__V1__ImportReply *reply;
    enum err_code rc;
    struct err *err;
};

/* ---- what is there --------------------------------------------------------------------------- */

struct walk {
    void *ctx;
    enum err_code (*entry)(void *ctx, const struct store_record *record,
                           const Kefu__V1__FaqEntry *entry, struct err *err);
};

static enum err_code entries_walk(struct api_call *call, struct arena *arena,
                                  const struct walk *walk, struct err *err)
{
    struct store_record_query query = { .kind = STORE_FAQ_ENTRY,
                                        .workspace = call->who.workspace_id,
                                        .limit = STORE_PAGE_MAX };
    struct store_records page = { .more = true };
    enum err_code rc = ERR_OK;

    while (rc == ERR_OK && page.more) {
        arena_reset(arena);
        rc = store_record_list(call->api->store, &query, arena, &page, err);
        for (size_t i = 0; rc == ERR_OK && i < page.n; i++) {
            Kefu__V1__FaqEntry *entry = NULL;

            rc = api_decode(&kefu__v1__faq_entry__descriptor, page.items[i].body, arena, &entry,
                            err);
            if (rc == ERR_OK)
                rc = walk->entry(walk->ctx, &page.items[i], entry, err);
            query.after = page.items[i].id;
        }
    }
    return rc;
}

static enum err_code known_add(void *ctx, const struct store_record *record,
                               const Kefu__V1__FaqEntry *entry, struct err *err)
{
    struct import *import = ctx;
    uint64_t name = entry_name(slice_of(entry->locale), slice_of(entry->question));
    struct known *known;

    if (map_u64_get(&import->known, name) != NULL)
        return ERR_OK; /* a double from earlier: the older one is changed */
    known = mem_zalloc(sizeof(*known));
    known->record = *record;
    known->disabled = entry->disabled;
    known->record.body = SLICE_EMPTY;
    known->record.lookup = SLICE_EMPTY;
    if (map_u64_put(&import->known, name, known))
        return ERR_OK;
    free(known);
    return err_set(err, ERR_TOO_BIG, "more than %d entries", EXPORT_ROWS_MAX);
}

/* ---- import ---------------------------------------------------------------------------------- */

static void line_error(void *ctx, unsigned line, const char *text)
{
    struct import *import = ctx;
    Kefu__V1__ImportReply *reply = import->reply;
    Kefu__V1__ImportError *error =
        api_message_new(import->call, &kefu__v1__import_error__descriptor, import->err);

    reply->rejected++;
    if (error == NULL || reply->n_errors == FAQ_CSV_ERRORS_MAX)
        return;
    error->line = line;
    error->message = arena_strdup(import->call->arena, slice_of(text));
    reply->errors[reply->n_errors++] = error;
}

static void entry_fill(struct api_call *call, const struct faq_csv_row *row,
                       Kefu__V1__FaqEntry *entry, char **variants)
{
    entry->locale = arena_strdup(call->arena, row->locale);
    entry->question = arena_strdup(call->arena, row->question);
    entry->answer = arena_strdup(call->arena, row->answer);
    entry->category = arena_strdup(call->arena, row->category);
    for (size_t i = 0; i < row->variant_count; i++)
        variants[i] = arena_strdup(call->arena, row->variants[i]);
    entry->variants = variants;
    entry->n_variants = row->variant_count;
}

static void line_row(void *ctx, const struct faq_csv_row *row)
{
    struct import *import = ctx;
    struct api_call *call = import->call;
    struct known *known = map_u64_get(&import->known, entry_name(row->locale, row->question));
    Kefu__V1__FaqEntry entry = KEFU__V1__FAQ_ENTRY__INIT;
    char *variants[FAQ_CSV_VARIANTS_MAX];
    struct store_change *change;

    if (known != NULL && known->used) {
        line_error(import, row->line, "the same question stands above");
        return;
    }
    if (import->count == IMPORT_ROWS_MAX) {
        if (import->rc == ERR_OK)
            import->rc = err_set(import->err, ERR_TOO_BIG, "at most %d entries in one import",
                                 IMPORT_ROWS_MAX);
        return;
    }
    entry_fill(call, row, &entry, variants);
    change = &import->changes[import->count++];
    *change = (struct store_change){ .op = known != NULL ? STORE_UPDATE : STORE_INSERT,
                                     .kind = STORE_FAQ_ENTRY };
    if (known == NULL) {
        known = mem_zalloc(sizeof(*known));
        known->record.id = import->next_id++;
        known->record.workspace = call->who.workspace_id;
        known->record.created_at = call->now_ms;
        if (!map_u64_put(&import->known, entry_name(row->locale, row->question), known)) {
            free(known);
            import->rc = err_set(import->err, ERR_TOO_BIG, "more than %d entries", EXPORT_ROWS_MAX);
            return;
        }
        import->reply->created++;
    } else {
        import->reply->updated++;
    }
    known->used = true;
    change->record = known->record;
    entry.id = known->record.id;
    entry.disabled = known->disabled; /* no column says otherwise */
    if (import->rc == ERR_OK)
        import->rc = api_encode(call->arena, &entry.base, &change->record.body, import->err);
}

static enum err_code import_read(struct import *import)
{
    static const struct faq_csv_ops ops = { .row = line_row, .error = line_error };
    struct api_call *call = import->call;
    struct walk walk = { .ctx = import, .entry = known_add };
    struct arena arena;
    enum err_code rc;

    arena_init(&arena, API_ARENA_MAX);
    rc = entries_walk(call, &arena, &walk, import->err);
    arena_reset(&arena);
    if (rc == ERR_OK)
        rc = faq_csv_read(call->request->body, &arena, &ops, import, import->err);
    arena_fini(&arena);
    return rc == ERR_OK ? import->rc : rc;
}

static enum err_code import_commit(struct import *import)
{
    struct api_call *call = import->call;
    struct api_commit commit = { .changes = import->changes,
                                 .count = import->count,
                                 .action = "faq-entries.import" };

    call->answer = &import->reply->base;
    if (import->count == 0 || slice_equal_text(api_query(call, "dryRun"), "1"))
        return ERR_OK;
    call->reply->effects |= API_EFFECT_BOT;
    return api_commit_run(call, &commit, import->err);
}

static enum err_code faq_import(struct api_call *call, struct err *err)
{
    struct import import = { .call = call, .next_id = api_id_new(call->api), .err = err };
    size_t cursor = 0;
    struct known *known;
    enum err_code rc;

    import.reply = api_message_new(call, call->route->reply, err);
    if (import.reply == NULL)
        return err->code;
    import.reply->errors =
        arena_alloc(call->arena, FAQ_CSV_ERRORS_MAX * sizeof(*import.reply->errors));
    import.changes = mem_zalloc(API_CHANGES_MAX * sizeof(*import.changes));
    map_u64_init(&import.known, EXPORT_ROWS_MAX + API_CHANGES_MAX, question_key.k1);
    rc = import_read(&import);
    if (rc == ERR_OK)
        rc = import_commit(&import);
    while ((known = map_u64_next(&import.known, &cursor, NULL)) != NULL)
        free(known);
    map_u64_fini(&import.known);
    free(import.changes);
    return rc;
}

/* ---- export ---------------------------------------------------------------------------------- */

static enum err_code row_write(void *ctx, const struct store_record *record,
                               const Kefu__V1__FaqEntry *entry, struct err *err)
{
    struct buf *out = ctx;
    struct faq_csv_row row = { .locale = slice_of(entry->locale),
                               .question = slice_of(entry->question),
                               .answer = slice_of(entry->answer),
                               .category = slice_of(entry->category) };

    (void)record;
    while (row.variant_count < entry->n_variants && row.variant_count < FAQ_CSV_VARIANTS_MAX) {
        row.variants[row.variant_count] = slice_of(entry->variants[row.variant_count]);
        row.variant_count++;
    }
    faq_csv_write_row(out, &row);
    return buf_ok(out)
               ? ERR_OK
               : err_set(err, ERR_TOO_BIG, "over %d bytes: export page by page", API_REPLY_MAX);
}

static enum err_code faq_export(struct api_call *call, struct err *err)
{
    struct walk walk = { .ctx = &call->reply->body, .entry = row_write };
    struct arena arena;
    enum err_code rc;

    arena_init(&arena, API_ARENA_MAX);
    faq_csv_write_header(&call->reply->body);
    rc = entries_walk(call, &arena, &walk, err);
    arena_fini(&arena);
    call->reply->content_type = "text/csv; charset=utf-8";
    return rc;
}

static const struct api_route routes[] = {
    { "POST", "/faq-entries/import", NULL, &kefu__v1__import_reply__descriptor, PERM_FAQ_WRITE,
      faq_import, API_RAW_BODY, NULL, "Import FAQ entries from a CSV body" },
    { "GET", "/faq-entries/export", NULL, &kefu__v1__empty__descriptor, PERM_FAQ_READ, faq_export,
      0, NULL, "Every FAQ entry as CSV" },
};

const struct api_routes api_routes_faq = { routes, LENGTH_OF(routes) };
