/* SPDX-License-Identifier: Apache-2.0 */
/* The pool of reading connections, and a stored row as an event. */
#include "sqlite_priv.h"

#include "log.h"
#include "mem.h"

void readers_init(struct readers *readers, unsigned max)
{
    pthread_mutex_init(&readers->lock, NULL);
    pthread_cond_init(&readers->changed, NULL);
    readers->max = max < LENGTH_OF(readers->free) ? max : LENGTH_OF(readers->free);
}

void readers_fini(struct readers *readers)
{
    ENSURE(readers->free_n == readers->open_n);
    for (unsigned i = 0; i < readers->free_n; i++) {
        db_close(readers->free[i]);
        free(readers->free[i]);
    }
    pthread_mutex_destroy(&readers->lock);
    pthread_cond_destroy(&readers->changed);
}

void readers_rest(struct readers *readers)
{
    pthread_mutex_lock(&readers->lock);
    for (unsigned i = 0; i < readers->free_n; i++)
        sqlite3_db_release_memory(readers->free[i]->handle);
    pthread_mutex_unlock(&readers->lock);
}

enum err_code reader_acquire(struct sqlite_store *store, struct db **out, struct err *err)
{
    struct readers *readers = &store->readers;
    enum err_code rc;

    *out = NULL;
    pthread_mutex_lock(&readers->lock);
    while (readers->free_n == 0 && readers->open_n == readers->max)
        pthread_cond_wait(&readers->changed, &readers->lock);
    if (readers->free_n > 0)
        *out = readers->free[--readers->free_n];
    else
        readers->open_n++;
    pthread_mutex_unlock(&readers->lock);
    if (*out != NULL)
        return ERR_OK;
    *out = mem_zalloc(sizeof(**out));
    rc = db_open(*out, store->db_path, DB_READER, err);
    if (rc != ERR_OK) {
        free(*out);
        *out = NULL;
        pthread_mutex_lock(&readers->lock);
        readers->open_n--;
        pthread_cond_signal(&readers->changed);
        pthread_mutex_unlock(&readers->lock);
    }
    return rc;
}

void reader_release(struct sqlite_store *store, struct db **db)
{
    struct readers *readers = &store->readers;

    db_rest(*db);
    pthread_mutex_lock(&readers->lock);
    readers->free[readers->free_n++] = *db;
    pthread_cond_signal(&readers->changed);
    pthread_mutex_unlock(&readers->lock);
    *db = NULL;
}

static enum err_code corrupt(struct sqlite_store *store, uint32_t seq, struct err *err)
{
    atomic_fetch_add(&store->writer.corrupt, 1);
    LOG_ERROR("event_corrupt", KV_U64("seq", seq));
    return err_set(err, ERR_CORRUPT, "the stored event %u has a bad checksum", seq);
}

/* The event as it was before its text was taken out of it. */
static struct slice event_join(struct slice body, struct slice text, struct arena *arena)
{
    char *bytes;
    size_t head;

    if (text.len == 0)
        return db_slice_copy(arena, body);
    bytes = arena_alloc(arena, body.len + text.len + TURN_TEXT_HEAD_MAX);
    if (bytes == NULL)
        return SLICE_EMPTY;
    memcpy(bytes, body.ptr, body.len);
    head = turn_text_head(bytes + body.len, text.len);
    memcpy(bytes + body.len + head, text.ptr, text.len);
    return slice_make(bytes, body.len + head + text.len);
}

void event_give(const struct turn_event *event, struct store_event *out)
{
    *out = (struct store_event){
        .seq = event->seq,
        .prev_public_seq = event->prev_seq,
        .kind = event->kind,
        .internal = event->internal,
        .has_client_id = event->client_id != NULL,
        .client_hash = event->client_hash,
        .created_at = event->created_at,
        .event = event->event,
    };
    if (event->client_id != NULL)
        memcpy(out->client_id, event->client_id, STORE_CLIENT_ID_BYTES);
}

enum err_code event_column(struct sqlite_store *store, sqlite3_stmt *stmt, int at, uint32_t seq,
                           struct arena *arena, struct store_event *out, struct err *err)
{
    struct slice body = column_slice(stmt, at);
    struct slice text = column_slice(stmt, at + 1);
    struct slice id = column_slice(stmt, at + 3);
    const uint8_t *client_id = id.len == STORE_CLIENT_ID_BYTES ? (const uint8_t *)id.ptr : NULL;
    uint64_t client_hash = column_u64(stmt, at + 4);
    struct turn_event event;
    struct slice bytes;

    if (event_crc(client_id, client_hash, body, text) != column_u32(stmt, at + 2))
        return corrupt(store, seq, err);
    bytes = event_join(body, text, arena);
    if (bytes.ptr == NULL)
        return db_arena_full(err);
    if (turn_event_parse(bytes, &event, err) != ERR_OK || event.seq != seq)
        return corrupt(store, seq, err);
    event.client_id = client_id;
    event.client_hash = client_hash;
    event_give(&event, out);
    out->erased = sqlite3_column_int(stmt, at + 5) != 0;
    return ERR_OK;
}
