/* SPDX-License-Identifier: Apache-2.0 */
/* The settings are three atomics because any thread may log; they change only at start-up and in
 * tests, so relaxed order is enough. */
#include "log.h"

#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

static atomic_int log_level_now = LOG_LEVEL_INFO;
static atomic_int log_format_now = LOG_FORMAT_LOGFMT;
static atomic_int log_fd = STDERR_FILENO;

static const char *const log_level_names[] = { "debug", "info", "warn", "error" };

struct line {
    char bytes[LOG_LINE_MAX];
    size_t len; /* at most LOG_LINE_MAX - LINE_TAIL, so that the end always fits */
};
enum { LINE_TAIL = 2 }; /* brace, newline */

void log_configure(enum log_level level, enum log_format format, int fd)
{
    atomic_store_explicit(&log_level_now, (int)level, memory_order_relaxed);
    atomic_store_explicit(&log_format_now, (int)format, memory_order_relaxed);
    atomic_store_explicit(&log_fd, fd, memory_order_relaxed);
}

bool log_enabled(enum log_level level)
{
    return (int)level >= atomic_load_explicit(&log_level_now, memory_order_relaxed);
}

bool log_level_parse(const char *name, enum log_level *out)
{
    for (size_t i = 0; i < LENGTH_OF(log_level_names); i++) {
        if (strcmp(name, log_level_names[i]) == 0) {
            *out = (enum log_level)i;
            return true;
        }
    }
    return false;
}

static bool line_fits(const struct line *line, size_t len)
{
    return len <= LOG_LINE_MAX - LINE_TAIL - line->len;
}

static void line_add(struct line *line, const char *ptr, size_t len)
{
    if (!line_fits(line, len))
        return;
    memcpy(line->bytes + line->len, ptr, len);
    line->len += len;
}

static void line_text(struct line *line, const char *text)
{
    line_add(line, text, strlen(text));
}

static void line_u64(struct line *line, uint64_t value, int width)
{
    char digits[20];
    size_t at = sizeof(digits);

    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
        width--;
    } while (value > 0 || width > 0);
    line_add(line, digits + at, sizeof(digits) - at);
}

/* Quoted and escaped so that a value can end neither its quotes nor the line. Bytes past ASCII go
 * out as they are; control characters and DEL become \u00XX. */
static void line_quoted(struct line *line, struct slice text)
{
    static const char hex[] = "0123456789abcdef";

    line_add(line, "\"", 1);
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        char escape[6] = { '\\', (char)c, '0', '0', hex[c >> 4], hex[c & 15] };

        if (c == '"' || c == '\\') {
            line_add(line, escape, 2);
        } else if (c < 0x20 || c == 0x7F) {
            escape[1] = 'u';
            line_add(line, escape, sizeof(escape));
        } else {
            line_add(line, (const char *)&c, 1);
        }
    }
    line_add(line, "\"", 1);
}

static bool plain_word(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];

        if (c <= ' ' || c >= 0x7F || c == '"' || c == '=' || c == '\\')
            return false;
    }
    return text.len > 0;
}

static void line_key(struct line *line, const char *key, bool json)
{
    if (json) {
        line_text(line, line->len == 1 ? "\"" : ",\"");
        line_text(line, key);
        line_text(line, "\":");
    } else {
        line_text(line, line->len == 0 ? "" : " ");
        line_text(line, key);
        line_text(line, "=");
    }
}

static void line_value(struct line *line, const struct log_kv *kv, bool json)
{
    switch (kv->kind) {
    case LOG_KV_U64:
        line_u64(line, kv->value.u64, 1);
        break;
    case LOG_KV_I64:
        if (kv->value.i64 < 0)
            line_text(line, "-");
        line_u64(line, kv->value.i64 < 0 ? -(uint64_t)kv->value.i64 : (uint64_t)kv->value.i64, 1);
        break;
    case LOG_KV_BOOL:
        line_text(line, kv->value.boolean ? "true" : "false");
        break;
    case LOG_KV_TEXT:
        if (!json && plain_word(kv->value.text))
            line_add(line, kv->value.text.ptr, kv->value.text.len);
        else
            line_quoted(line, kv->value.text);
        break;
    }
}

static void line_kv(struct line *line, const struct log_kv *kv, bool json)
{
    size_t mark = line->len;
    struct log_kv cut = *kv;

    /* A value that cannot fit is cut (six bytes is the longest escape), not the line's structure.
     */
    enum { KV_OVERHEAD = 64, ESCAPE_MAX = 6 };
    if (!line_fits(line, KV_OVERHEAD))
        return;
    if (kv->kind == LOG_KV_TEXT) {
        size_t room = (LOG_LINE_MAX - LINE_TAIL - mark - KV_OVERHEAD) / ESCAPE_MAX;

        if (cut.value.text.len > room)
            cut.value.text.len = room;
    }
    line_key(line, kv->key, json);
    line_value(line, &cut, json);
}

static void line_time(struct line *line)
{
    struct timespec now;
    struct tm tm;
    char text[32];

    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &tm);
    line_add(line, text, strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S.", &tm));
    line_u64(line, (uint64_t)now.tv_nsec / 1000000, 3);
    line_text(line, "Z");
}

void log_write(enum log_level level, const char *event, const struct log_kv *kvs, size_t n)
{
    bool json = atomic_load_explicit(&log_format_now, memory_order_relaxed) == LOG_FORMAT_JSON;
    struct line line;
    ssize_t rc;

    line.len = 0;
    line_text(&line, json ? "{" : "");
    line_key(&line, "time", json);
    line_text(&line, json ? "\"" : "");
    line_time(&line);
    line_text(&line, json ? "\"" : "");
    line_kv(&line, &KV_TEXT("level", log_level_names[level]), json);
    line_kv(&line, &KV_TEXT("event", event), json);
    for (size_t i = 0; i < n; i++)
        line_kv(&line, &kvs[i], json);
    if (json)
        line.bytes[line.len++] = '}';
    line.bytes[line.len++] = '\n';
    /* A log that cannot be written has nobody to tell. */
    rc = write(atomic_load_explicit(&log_fd, memory_order_relaxed), line.bytes, line.len);
    (void)rc;
}
