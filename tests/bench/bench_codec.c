/* SPDX-License-Identifier: Apache-2.0 */
/* codec: one chat message, encode + decode, as protobuf, as our JSON, and with the C JSON libraries
 * of the packages (parse to a tree and read each field; build a tree and print it). */
#include <cjson/cJSON.h>
#include <jansson.h>
#include <stdlib.h>

#include "bench.h"
#include "buf.h"
#include "err.h"
#include "kefu/v1/frame.pb-c.h"
#include "schema.h"

enum { CODEC_BATCH = 2000, CODEC_ROUNDS_MAX = 2000 };

static char codec_text[] = "\xe8\xaf\xb7\xe9\x97\xae\xe9\x80\x80\xe8\xb4\xa7\xe8\xa6\x81 3 "
                           "\xe5\xa4\xa9\xe5\x90\x97? It says \"within a week\" on the page.";

struct codec_message {
    Kefu__V1__ServerFrame frame;
    Kefu__V1__Event event;
    Kefu__V1__Author author;
    Google__Protobuf__Timestamp at;
};

static void message_init(struct codec_message *m)
{
    static char name[] = "Lin Yue";
    static char client_id[] = "0192d5a0f3c87b3e9d1c2b3a49586776";

    kefu__v1__server_frame__init(&m->frame);
    kefu__v1__event__init(&m->event);
    kefu__v1__author__init(&m->author);
    schema_timestamp_set(&m->at, 1767225600123);
    m->author.kind = KEFU__V1__AUTHOR__KIND__visitor;
    m->author.id = 123456789012345678;
    m->author.name = name;
    m->event.conversation_id = 987654321098765432;
    m->event.seq = 42;
    m->event.prev_seq = 41;
    m->event.kind = KEFU__V1__EVENT__KIND__message;
    m->event.author = &m->author;
    m->event.created_at = &m->at;
    m->event.text = codec_text;
    m->event.client_id = client_id;
    m->frame.body_case = KEFU__V1__SERVER_FRAME__BODY_EVENT;
    m->frame.event = &m->event;
}

static struct arena codec_arena;
static struct buf codec_buf;
static uint64_t codec_sink;

static void run_protobuf(const struct codec_message *m)
{
    ProtobufCMessage *out;
    struct err err;

    buf_clear(&codec_buf);
    schema_proto_encode(&m->frame.base, &codec_buf);
    if (schema_proto_decode(&kefu__v1__server_frame__descriptor, buf_slice(&codec_buf),
                            &codec_arena, &out, &err) != ERR_OK)
        bench_fail("protobuf: %s", err.text);
    codec_sink += ((Kefu__V1__ServerFrame *)out)->event->seq;
    arena_reset(&codec_arena);
}

static void run_json(const struct codec_message *m)
{
    ProtobufCMessage *out;
    struct err err;

    buf_clear(&codec_buf);
    schema_json_encode(&m->frame.base, &codec_buf);
    if (schema_json_decode(&kefu__v1__server_frame__descriptor, buf_slice(&codec_buf), &codec_arena,
                           &out, &err) != ERR_OK)
        bench_fail("json: %s %s", err.field, err.text);
    codec_sink += ((Kefu__V1__ServerFrame *)out)->event->seq;
    arena_reset(&codec_arena);
}

static void run_jansson(const struct codec_message *m)
{
    json_t *root =
        json_pack("{s:{s:s,s:i,s:i,s:s,s:{s:s,s:s,s:s},s:s,s:s,s:s}}", "event", "conversationId",
                  "987654321098765432", "seq", (int)m->event.seq, "prevSeq", (int)m->event.prev_seq,
                  "kind", "message", "author", "kind", "visitor", "id", "123456789012345678",
                  "name", m->author.name, "createdAt", "2026-01-01T00:00:00.123Z", "text",
                  m->event.text, "clientId", m->event.client_id);
    char *text = json_dumps(root, JSON_COMPACT);
    json_t *back = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    json_t *event = json_object_get(back, "event");

    codec_sink += (uint64_t)json_integer_value(json_object_get(event, "seq"));
    codec_sink += strlen(json_string_value(json_object_get(event, "text")));
    json_decref(back);
    json_decref(root);
    free(text);
}

static void run_cjson(const struct codec_message *m)
{
    cJSON *root = cJSON_CreateObject();
    cJSON *event = cJSON_AddObjectToObject(root, "event");
    cJSON *author;
    cJSON *back;
    char *text;

    cJSON_AddStringToObject(event, "conversationId", "987654321098765432");
    cJSON_AddNumberToObject(event, "seq", m->event.seq);
    cJSON_AddNumberToObject(event, "prevSeq", m->event.prev_seq);
    cJSON_AddStringToObject(event, "kind", "message");
    author = cJSON_AddObjectToObject(event, "author");
    cJSON_AddStringToObject(author, "kind", "visitor");
    cJSON_AddStringToObject(author, "id", "123456789012345678");
    cJSON_AddStringToObject(author, "name", m->author.name);
    cJSON_AddStringToObject(event, "createdAt", "2026-01-01T00:00:00.123Z");
    cJSON_AddStringToObject(event, "text", m->event.text);
    cJSON_AddStringToObject(event, "clientId", m->event.client_id);
    text = cJSON_PrintUnformatted(root);
    back = cJSON_Parse(text);
    event = cJSON_GetObjectItemCaseSensitive(back, "event");
    codec_sink += (uint64_t)cJSON_GetObjectItemCaseSensitive(event, "seq")->valueint;
    codec_sink += strlen(cJSON_GetObjectItemCaseSensitive(event, "text")->valuestring);
    cJSON_Delete(back);
    cJSON_Delete(root);
    free(text);
}

enum { CODEC_PROTOBUF, CODEC_JSON, CODEC_JANSSON, CODEC_CJSON, CODEC_COUNT };

static void (*const codec_runs[CODEC_COUNT])(const struct codec_message *) = {
    [CODEC_PROTOBUF] = run_protobuf,
    [CODEC_JSON] = run_json,
    [CODEC_JANSSON] = run_jansson,
    [CODEC_CJSON] = run_cjson,
};

int bench_codec_main(const struct bench_args *args)
{
    double seconds = (double)bench_arg_long(args, "seconds", 3, 1, BENCH_SECONDS_MAX);
    double best[CODEC_COUNT] = { 1e9, 1e9, 1e9, 1e9 };
    int64_t end = bench_now_us() + (int64_t)(seconds * 1e6);
    struct codec_message message;
    struct bench_report report;
    double library;

    message_init(&message);
    arena_init(&codec_arena, 1 << 20);
    buf_init(&codec_buf, 1 << 20);
    /* The least of many interleaved batches: what the work costs when nobody disturbs it. */
    for (int round = 0; round < CODEC_ROUNDS_MAX && bench_now_us() < end; round++) {
        for (int codec = 0; codec < CODEC_COUNT; codec++) {
            double from = bench_thread_cpu_us();
            double ns;

            for (int i = 0; i < CODEC_BATCH; i++)
                codec_runs[codec](&message);
            ns = (bench_thread_cpu_us() - from) * 1000 / CODEC_BATCH;
            if (ns < best[codec])
                best[codec] = ns;
        }
    }
    library = best[CODEC_CJSON] < best[CODEC_JANSSON] ? best[CODEC_CJSON] : best[CODEC_JANSSON];
    bench_report_begin(&report, args, "codec: one chat message, encode + decode");
    bench_report_number(&report, "protobufNs", best[CODEC_PROTOBUF]);
    bench_report_number(&report, "jsonNs", best[CODEC_JSON]);
    bench_report_number(&report, "janssonNs", best[CODEC_JANSSON]);
    bench_report_number(&report, "cjsonNs", best[CODEC_CJSON]);
    bench_report_number(&report, "jsonOverProtobuf", best[CODEC_JSON] / best[CODEC_PROTOBUF]);
    bench_report_number(&report, "jsonLibraryOverProtobuf", library / best[CODEC_PROTOBUF]);
    bench_report_end(&report);
    arena_fini(&codec_arena);
    buf_fini(&codec_buf);
    return codec_sink == 0;
}
