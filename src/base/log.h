/* SPDX-License-Identifier: Apache-2.0 */
/* One line per event to stderr, logfmt or JSON: an event is a constant name with typed keys.
 *
 *   LOG_INFO("conv_assigned", KV_ID("conv", conv->id.v), KV_U64("wait_ms", wait_ms));
 *
 * Never message text, e-mail, token or address. Levels: error someone must act, warn degraded,
 * info life cycle, debug off in production. Any thread; a line is one write(2) of at most
 * LOG_LINE_MAX bytes (longer values are cut), so lines of threads do not mix. Takes no lock and
 * no memory. */
#ifndef KEFU_LOG_H
#define KEFU_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "slice.h"

enum { LOG_LINE_MAX = 2048 }; /* below PIPE_BUF, so that a write to a pipe is atomic */

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR };
enum log_format { LOG_FORMAT_LOGFMT, LOG_FORMAT_JSON };

enum log_kv_kind { LOG_KV_U64, LOG_KV_I64, LOG_KV_BOOL, LOG_KV_TEXT };
struct log_kv {
    const char *key;
    enum log_kv_kind kind;
    union {
        uint64_t u64;
        int64_t i64;
        bool boolean;
        struct slice text;
    } value;
};

#define KV_U64(k, v)   ((struct log_kv){ (k), LOG_KV_U64, { .u64 = (v) } })
#define KV_I64(k, v)   ((struct log_kv){ (k), LOG_KV_I64, { .i64 = (v) } })
#define KV_ID(k, v)    KV_U64(k, v)
#define KV_BOOL(k, v)  ((struct log_kv){ (k), LOG_KV_BOOL, { .boolean = (v) } })
#define KV_TEXT(k, v)  KV_SLICE(k, slice_of(v))
#define KV_SLICE(k, v) ((struct log_kv){ (k), LOG_KV_TEXT, { .text = (v) } })
#define KV_ERR(err)    KV_TEXT("error", (err)->text)

#define LOG_DEBUG(...) LOG_AT(LOG_LEVEL_DEBUG, __VA_ARGS__)
#define LOG_INFO(...)  LOG_AT(LOG_LEVEL_INFO, __VA_ARGS__)
#define LOG_WARN(...)  LOG_AT(LOG_LEVEL_WARN, __VA_ARGS__)
#define LOG_ERROR(...) LOG_AT(LOG_LEVEL_ERROR, __VA_ARGS__)

/* Keys are optional: the empty first entry keeps the array legal and is not written. */
#define LOG_AT(level, event, ...)                                                              \
    do {                                                                                       \
        if (log_enabled(level)) {                                                              \
            const struct log_kv log_kvs_[] = { { 0 }, ##__VA_ARGS__ };                         \
            log_write(level, event, log_kvs_ + 1, sizeof(log_kvs_) / sizeof(log_kvs_[0]) - 1); \
        }                                                                                      \
    } while (0)

/* At start-up. Defaults: info, logfmt, file descriptor 2. */
void log_configure(enum log_level level, enum log_format format, int fd);
bool log_enabled(enum log_level level);
void log_write(enum log_level level, const char *event, const struct log_kv *kvs, size_t n);
/* false: no such level ("debug", "info", "warn", "error"). */
bool log_level_parse(const char *name, enum log_level *out);

#endif
