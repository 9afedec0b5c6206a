/* SPDX-License-Identifier: Apache-2.0 */
#include "shop.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "json.h"
#include "mem.h"

enum {
    FIELD_MAX = 512,   /* of one text of a body */
    RECORD_MAX = 4096, /* of one body that is kept */
    KEY_MAX = 160,
    NAME_MAX_BYTES = 64,
};

struct record {
    char kind[NAME_MAX_BYTES];
    char key[KEY_MAX];
    char number[24];
    char *body;
};

struct fault {
    char action[NAME_MAX_BYTES];
    bool hold;
};

struct shop {
    int64_t now_ms;
    struct record records[SHOP_RECORDS_MAX];
    size_t count; /* of all that were made; the newest are kept */
    struct fault faults[SHOP_FAULTS_MAX];
    size_t fault_count;
};

struct shop *shop_create(int64_t now_ms)
{
    struct shop *shop = mem_zalloc(sizeof(*shop));

    shop->now_ms = now_ms;
    return shop;
}

void shop_destroy(struct shop **shop)
{
    if (*shop == NULL)
        return;
    for (size_t i = 0; i < SHOP_RECORDS_MAX; i++)
        free((*shop)->records[i].body);
    free(*shop);
    *shop = NULL;
}

static int fail(struct buf *out, int status, const char *code)
{
    buf_clear(out);
    buf_printf(out, "{\"error\":{\"code\":\"%s\"}}", code);
    return status;
}

/* ---- bodies ---------------------------------------------------------------------------------- */

/* The raw value of a key at the top of an object; empty: none. */
static struct slice raw_of(struct slice json, const char *key)
{
    struct json_reader reader;

    json_reader_init(&reader, json);
    if (json_next(&reader) != JSON_OBJECT_BEGIN)
        return SLICE_EMPTY;
    while (json_next(&reader) == JSON_KEY) {
        bool found = slice_equal_text(reader.raw, key);
        size_t from = json_offset(&reader);

        if (!json_skip_value(&reader))
            break;
        if (found)
            return slice_trim(slice_make(json.ptr + from, json_offset(&reader) - from));
    }
    return SLICE_EMPTY;
}

static void text_of(struct slice json, const char *key, char out[FIELD_MAX])
{
    struct slice raw = raw_of(json, key);
    size_t len = 0;

    if (raw.len >= 2 && raw.len < FIELD_MAX && raw.ptr[0] == '"')
        len = json_unescape(slice_make(raw.ptr + 1, raw.len - 2), out);
    out[len] = '\0';
}

static bool is_json(struct slice body)
{
    struct json_reader reader;
    enum json_token token;

    json_reader_init(&reader, body);
    do {
        token = json_next(&reader);
    } while (token != JSON_END && token != JSON_ERROR);
    return token == JSON_END;
}

/* ---- orders ---------------------------------------------------------------------------------- */

static const struct order {
    const char *id, *status;
    int days_ago; /* delivered */
    bool final_sale;
    const char *lines;
} orders[] = {
    { "SP1048827", "delivered", 3, false,
      "[{\"id\":\"a1\",\"title\":\"陶瓷杯 Mug\",\"amount\":129},"
      "{\"id\":\"a2\",\"title\":\"台灯 Lamp\",\"amount\":239}]" },
    { "SP3310045", "delivered", 2, true,
      "[{\"id\":\"b1\",\"title\":\"帐篷 Tent\",\"amount\":499}]" },
    { "SP2204519", "shipped", 0, false,
      "[{\"id\":\"c1\",\"title\":\"毛毯 Blanket\",\"amount\":189}]" },
    { "SP5501176", "unpaid", 0, false,
      "[{\"id\":\"d1\",\"title\":\"茶壶 Teapot\",\"amount\":159}]" },
    { "SP9000001", "delivered", 40, false,
      "[{\"id\":\"e1\",\"title\":\"睡袋 Sleeping bag\",\"amount\":329}]" },
};

static const struct order *order_find(struct slice id)
{
    for (size_t i = 0; i < LENGTH_OF(orders); i++) {
        if (slice_equal_ignore_case(id, slice_of(orders[i].id)))
            return &orders[i];
    }
    return NULL;
}

static void add_date(struct buf *out, int64_t ms)
{
    time_t at = (time_t)(ms / 1000);
    struct tm day;
    char text[16] = "";

    if (gmtime_r(&at, &day) != NULL)
        (void)strftime(text, sizeof(text), "%Y-%m-%d", &day);
    buf_printf(out, "\"%s\"", text);
}

static int order_show(const struct shop *shop, struct slice id, struct buf *out)
{
    const struct order *order = order_find(id);

    if (order == NULL)
        return fail(out, 404, "not_found");
    buf_printf(out, "{\"id\":\"%s\",\"status\":\"%s\",\"final_sale\":%s,\"paid_at\":", order->id,
               order->status, order->final_sale ? "true" : "false");
    add_date(out, shop->now_ms - (order->days_ago + 2) * INT64_C(86400000));
    buf_add_text(out, ",\"delivered_at\":");
    add_date(out, shop->now_ms - order->days_ago * INT64_C(86400000));
    buf_printf(out, ",\"lines\":%s}", order->lines);
    return 200;
}

/* ---- records --------------------------------------------------------------------------------- */

static const struct record *record_by_key(const struct shop *shop, const char *kind,
                                          struct slice key)
{
    for (size_t i = 0; key.len > 0 && i < SHOP_RECORDS_MAX; i++) {
        const struct record *record = &shop->records[i];

        if (record->body != NULL && strcmp(record->kind, kind) == 0 &&
            slice_equal_text(key, record->key))
            return record;
    }
    return NULL;
}

/* A return of the same items of the same order. */
static bool returned_already(const struct shop *shop, struct slice body)
{
    struct slice order = raw_of(body, "order_id");
    struct slice items = raw_of(body, "items");

    for (size_t i = 0; i < SHOP_RECORDS_MAX; i++) {
        const struct record *record = &shop->records[i];

        if (record->body != NULL && strcmp(record->kind, "rma.create") == 0 &&
            slice_equal(raw_of(slice_of(record->body), "order_id"), order) &&
            slice_equal(raw_of(slice_of(record->body), "items"), items))
            return true;
    }
    return false;
}

static void text_keep(char *out, size_t size, struct slice text)
{
    size_t len = text.len < size ? text.len : size - 1;

    if (len > 0)
        memcpy(out, text.ptr, len);
    out[len] = '\0';
}

static const struct record *record_make(struct shop *shop, const char *kind, const char *prefix,
                                        const struct shop_request *request)
{
    struct record *record = &shop->records[shop->count % SHOP_RECORDS_MAX];

    free(record->body);
    shop->count++;
    text_keep(record->kind, sizeof(record->kind), slice_of(kind));
    text_keep(record->key, sizeof(record->key), request->key);
    snprintf(record->number, sizeof(record->number), "%s-%zu", prefix, 1000 + shop->count);
    record->body = mem_strndup(request->body.ptr, request->body.len);
    return record;
}

static int records_show(const struct shop *shop, struct slice query, struct buf *out)
{
    struct json_writer json;
    struct slice kind = slice_starts_with(query, SLICE_LITERAL("kind="))
                            ? slice_make(query.ptr + 5, query.len - 5)
                            : SLICE_EMPTY;

    json_writer_init(&json, out);
    json_array_begin(&json);
    for (size_t i = 0; i < SHOP_RECORDS_MAX; i++) {
        const struct record *record = &shop->records[i];

        if (record->body == NULL || (kind.len > 0 && !slice_equal_text(kind, record->kind)))
            continue;
        json_object_begin(&json);
        json_key(&json, "kind");
        json_text(&json, slice_of(record->kind));
        json_key(&json, "number");
        json_text(&json, slice_of(record->number));
        json_key(&json, "key");
        json_text(&json, slice_of(record->key));
        json_key(&json, "body");
        json_raw(&json, slice_of(record->body));
        json_object_end(&json);
    }
    json_array_end(&json);
    return 200;
}

/* ---- actions --------------------------------------------------------------------------------- */

/* Those that create something have a prefix for its number; the others only answer. */
static const struct act {
    const char *name, *prefix, *json;
} acts[] = {
    { "account.get", NULL, "{\"locked\":true,\"locked_for\":\"password\",\"login\":\"you\"}" },
    { "account.unlock", "U", NULL },
    { "appointment.book", "A", NULL },
    { "callback.book", "B", NULL },
    { "card.balance", NULL, "{\"amount\":120,\"valid_until\":\"2030-12-31\"}" },
    { "claim.create", "C", NULL },
    { "code.check", NULL, "{}" },
    { "code.send", NULL, "{\"sent\":true}" },
    { "coupon.check", NULL,
      "{\"used\":false,\"problem\":\"min_total\",\"min_total\":199,\"valid_until\":\"2030-12-"
      "31\"}" },
    { "delivery.estimate", NULL, "{\"days\":2,\"fee\":12}" },
    { "exchange.create", "X", NULL },
    { "invoice.create", "I", NULL },
    { "lead.save", "L", NULL },
    { "order.cancel", "K", NULL },
    { "order.change_address", "D", NULL },
    { "parcel.track", NULL,
      "{\"status\":\"on_the_way\",\"place\":\"杭州 Hangzhou\",\"days_silent\":0}" },
    { "password.link", "P", NULL },
    { "payment.get", NULL, "{\"failed\":true,\"taken\":false,\"reason\":\"limit\"}" },
    { "payment.link", "Y", NULL },
    { "pickup.book", "Q", NULL },
    { "points.get", NULL, "{\"count\":1280}" },
    { "points.redeem", "Z", NULL },
    { "price.compare", NULL, "{\"difference\":20}" },
    { "price.refund", "F", NULL },
    { "rating.save", "V", NULL },
    { "repair.book", "S", NULL },
    { "rma.create", "R", NULL },
    { "stock.get", NULL, "{\"count\":0}" },
    { "stock.notify", "N", NULL },
    { "subscription.change", "M", NULL },
    { "subscription.get", NULL, "{\"months_left\":4}" },
    { "ticket.create", "T", NULL },
    { "warranty.get", NULL, "{\"in_warranty\":true}" },
};

static const struct fault *fault_of(const struct shop *shop, struct slice action)
{
    for (size_t i = 0; i < shop->fault_count; i++) {
        if (slice_equal_text(action, shop->faults[i].action))
            return &shop->faults[i];
    }
    return NULL;
}

static int record_answer(const struct record *record, struct buf *out)
{
    buf_printf(out, "{\"ok\":true,\"number\":\"%s\",\"refund\":159}", record->number);
    return 201;
}

static int create(struct shop *shop, const struct act *act, const struct shop_request *request,
                  struct buf *out)
{
    const struct record *record = record_by_key(shop, act->name, request->key);

    if (request->body.len > RECORD_MAX)
        return fail(out, 413, "too_big");
    if (record == NULL && strcmp(act->name, "rma.create") == 0 &&
        returned_already(shop, request->body))
        return fail(out, 409, "duplicate");
    if (record == NULL)
        record = record_make(shop, act->name, act->prefix, request);
    return record_answer(record, out);
}

static int act_run(struct shop *shop, const struct shop_request *request, struct slice name,
                   struct buf *out)
{
    const struct fault *fault = fault_of(shop, name);
    char text[FIELD_MAX];
    int status = 404;

    if (fault != NULL && !fault->hold)
        return fail(out, 500, "broken");
    for (size_t i = 0; i < LENGTH_OF(acts) && status == 404; i++) {
        if (!slice_equal_text(name, acts[i].name))
            continue;
        if (slice_equal_text(name, "code.check")) {
            text_of(request->body, "code", text);
            if (strcmp(text, "123456") != 0)
                return fail(out, 409, "wrong");
        }
        status = 200;
        if (acts[i].prefix != NULL)
            status = create(shop, &acts[i], request, out);
        else
            buf_add_text(out, acts[i].json);
    }
    if (status == 404)
        return fail(out, 404, "no_such_action");
    return fault != NULL ? 0 : status; /* held: done, but nobody hears of it */
}

static int fault_set(struct shop *shop, struct slice body, struct buf *out)
{
    char action[FIELD_MAX];
    char mode[FIELD_MAX];
    size_t at = 0;

    text_of(body, "action", action);
    text_of(body, "mode", mode);
    while (at < shop->fault_count && strcmp(shop->faults[at].action, action) != 0)
        at++;
    buf_add_text(out, "{}");
    if (strcmp(mode, "none") == 0) {
        if (at < shop->fault_count)
            shop->faults[at] = shop->faults[--shop->fault_count];
        return 200;
    }
    if (at == SHOP_FAULTS_MAX || strlen(action) >= NAME_MAX_BYTES)
        return fail(out, 400, "too_many");
    text_keep(shop->faults[at].action, NAME_MAX_BYTES, slice_of(action));
    shop->faults[at].hold = strcmp(mode, "hold") == 0;
    if (at == shop->fault_count)
        shop->fault_count++;
    return 200;
}

/* What stands behind a prefix of the path; false: it has another one. */
static bool tail_of(struct slice path, const char *prefix, struct slice *out)
{
    size_t len = strlen(prefix);

    if (!slice_starts_with(path, slice_of(prefix)))
        return false;
    *out = slice_make(path.ptr + len, path.len - len);
    return true;
}

int shop_handle(struct shop *shop, const struct shop_request *request, struct buf *out)
{
    struct slice tail;

    buf_clear(out);
    if (!request->post) {
        if (tail_of(request->path, "/orders/", &tail)) {
            const struct fault *fault = fault_of(shop, SLICE_LITERAL("order.get"));

            if (fault != NULL)
                return fault->hold ? 0 : fail(out, 500, "broken");
            return order_show(shop, tail, out);
        }
        if (slice_equal_text(request->path, "/records"))
            return records_show(shop, request->query, out);
        return fail(out, 404, "no_such_page");
    }
    if (!is_json(request->body))
        return fail(out, 400, "not_json");
    if (slice_equal_text(request->path, "/faults"))
        return fault_set(shop, request->body, out);
    if (tail_of(request->path, "/do/", &tail))
        return act_run(shop, request, tail, out);
    return fail(out, 404, "no_such_page");
}
