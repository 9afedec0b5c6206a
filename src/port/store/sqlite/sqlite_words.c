/* SPDX-License-Identifier: Apache-2.0 */
/* The words of store_words.h as an FTS5 tokenizer. */
#include "sqlite_db.h"
#include "store_words.h"

static int words_create(void *ctx, const char **args, int n, Fts5Tokenizer **out)
{
    static char nothing; /* the tokenizer has no state; FTS5 wants a pointer */

    (void)ctx, (void)args, (void)n;
    *out = (Fts5Tokenizer *)(void *)&nothing;
    return SQLITE_OK;
}

static void words_delete(Fts5Tokenizer *tokenizer)
{
    (void)tokenizer;
}

static int words_tokenize(Fts5Tokenizer *tokenizer, void *ctx, int flags, const char *text, int len,
                          int (*token)(void *, int, const char *, int, int, int))
{
    bool query = (flags & FTS5_TOKENIZE_QUERY) != 0;
    struct words words;
    struct word word;
    int rc = SQLITE_OK;

    (void)tokenizer;
    words_init(&words, slice_make(text, (size_t)len));
    while (rc == SQLITE_OK && words_next(&words, &word)) {
        /* The last character of a run stands alone in texts, so that it can be found by itself; a
         * phrase of pairs must not ask for it. */
        if (query && word.kind == WORD_SINGLE && !word.run_start)
            continue;
        rc = token(ctx, 0, word.bytes, (int)word.len, (int)word.from, (int)word.to);
    }
    return rc;
}

enum err_code words_register(sqlite3 *handle, struct err *err)
{
    fts5_tokenizer tokenizer = { words_create, words_delete, words_tokenize };
    sqlite3_stmt *stmt = NULL;
    fts5_api *api = NULL;
    int rc = sqlite3_prepare_v2(handle, "SELECT fts5(?1)", -1, &stmt, NULL);

    if (rc == SQLITE_OK) {
        sqlite3_bind_pointer(stmt, 1, (void *)&api, "fts5_api_ptr", NULL);
        sqlite3_step(stmt);
    }
    sqlite3_finalize(stmt);
    if (api == NULL)
        return err_set(err, ERR_UNSUPPORTED, "this SQLite library lacks FTS5");
    if (api->xCreateTokenizer(api, "kefu", NULL, &tokenizer, NULL) != SQLITE_OK)
        return err_set(err, ERR_IO, "cannot register the tokenizer");
    return ERR_OK;
}
