/* SPDX-License-Identifier: Apache-2.0 */
/* What people write is kept as they wrote it; only its list of agents is added, in front. For that
 * the text is read once: which skills, calendars and teams there are (an agent's others are left
 * out, so that deleting a skill breaks no agent), and what queues do when they are closed. */
#include "routing_priv.h"

#include <stdio.h>
#include <stdlib.h>

#include "buf.h"
#include "hash.h"
#include "json.h"
#include "mem.h"

const char routing_default[] =
    "{\"queues\":{\"general\":{\"pick\":\"fair\"}},\"settings\":{\"slow_start\":\"0s\"}}";

enum { NAMES_MAX = 256 }; /* skills, teams, calendars: 64 each are the library's limits */

struct names {
    struct slice items[NAMES_MAX];
    unsigned count;
};

/* Of one configuration's text. */
struct outline {
    struct names skills, teams, calendars, numbers, booleans;
    struct names bots;    /* queues that leave it to the bot when they are closed */
    struct names goes_on; /* queues that send on to another one, or keep waiting */
};

struct routing {
    struct route_config *config, *spare;
    char *text; /* what the outline's names lie in */
    struct outline outline;
    uint64_t hash;
};

/* ---- reading the text ------------------------------------------------------------------------ */

static void name_add(struct names *names, struct slice name)
{
    for (unsigned i = 0; i < names->count; i++) {
        if (slice_equal(names->items[i], name))
            return;
    }
    if (names->count < NAMES_MAX)
        names->items[names->count++] = name;
}

static bool name_has(const struct names *names, struct slice name)
{
    for (unsigned i = 0; i < names->count; i++) {
        if (slice_equal(names->items[i], name))
            return true;
    }
    return false;
}

/* One text, or a list of them; anything else is read over. */
static bool read_names(struct json_reader *reader, struct names *out)
{
    enum json_token token = json_next(reader);
    unsigned depth = reader->depth;

    if (token == JSON_TEXT)
        name_add(out, reader->raw);
    if (token != JSON_ARRAY_BEGIN && token != JSON_OBJECT_BEGIN)
        return token != JSON_ERROR;
    while (reader->depth >= depth) {
        bool list = token == JSON_ARRAY_BEGIN;
        enum json_token item = json_next(reader);

        if (item == JSON_ERROR)
            return false;
        if (list && item == JSON_TEXT && reader->depth == depth)
            name_add(out, reader->raw);
    }
    return true;
}

/* The keys of an object. */
static bool read_keys(struct json_reader *reader, struct names *out)
{
    if (json_next(reader) != JSON_OBJECT_BEGIN)
        return false;
    while (json_next(reader) == JSON_KEY) {
        name_add(out, reader->raw);
        if (!json_skip_value(reader))
            return false;
    }
    return true;
}

static bool read_facts(struct json_reader *reader, struct outline *outline)
{
    if (json_next(reader) != JSON_OBJECT_BEGIN)
        return false;
    while (json_next(reader) == JSON_KEY) {
        struct slice name = reader->raw;
        struct names type = { .count = 0 };

        if (!read_names(reader, &type))
            return false;
        if (name_has(&type, SLICE_LITERAL("number")))
            name_add(&outline->numbers, name);
        if (name_has(&type, SLICE_LITERAL("bool")))
            name_add(&outline->booleans, name);
    }
    return true;
}

static bool read_ring(struct json_reader *reader, struct outline *outline)
{
    while (json_next(reader) == JSON_KEY) {
        bool team = slice_equal_text(reader->raw, "add_team");

        if (team ? !read_names(reader, &outline->teams) : !json_skip_value(reader))
            return false;
    }
    return true;
}

static bool read_rings(struct json_reader *reader, struct outline *outline)
{
    if (json_next(reader) != JSON_ARRAY_BEGIN)
        return false;
    for (;;) {
        enum json_token token = json_next(reader);

        if (token == JSON_ARRAY_END)
            return true;
        if (token != JSON_OBJECT_BEGIN || !read_ring(reader, outline))
            return false;
    }
}

static bool read_closed(struct json_reader *reader, struct outline *outline, struct slice queue)
{
    struct json_reader ahead = *reader;
    struct names how = { .count = 0 };
    bool object = json_next(&ahead) == JSON_OBJECT_BEGIN;

    if (!read_names(reader, &how))
        return false;
    if (name_has(&how, SLICE_LITERAL("bot")))
        name_add(&outline->bots, queue);
    if (object || name_has(&how, SLICE_LITERAL("wait")))
        name_add(&outline->goes_on, queue);
    return true;
}

static bool read_queue(struct json_reader *reader, struct outline *outline, struct slice queue)
{
    if (json_next(reader) != JSON_OBJECT_BEGIN)
        return false;
    while (json_next(reader) == JSON_KEY) {
        struct slice key = reader->raw;
        bool ok = slice_equal_text(key, "team")     ? read_names(reader, &outline->teams)
                  : slice_equal_text(key, "rings")  ? read_rings(reader, outline)
                  : slice_equal_text(key, "closed") ? read_closed(reader, outline, queue)
                                                    : json_skip_value(reader);

        if (!ok)
            return false;
    }
    return true;
}

static bool read_queues(struct json_reader *reader, struct outline *outline)
{
    if (json_next(reader) != JSON_OBJECT_BEGIN)
        return false;
    while (json_next(reader) == JSON_KEY) {
        if (!read_queue(reader, outline, reader->raw))
            return false;
    }
    return true;
}

/* What is malformed is left to librouting, which names it with its path. */
static void read_outline(struct slice text, struct outline *outline)
{
    struct json_reader reader;

    json_reader_init(&reader, text);
    if (json_next(&reader) != JSON_OBJECT_BEGIN)
        return;
    while (json_next(&reader) == JSON_KEY) {
        struct slice key = reader.raw;
        bool ok = slice_equal_text(key, "skills")      ? read_names(&reader, &outline->skills)
                  : slice_equal_text(key, "calendars") ? read_keys(&reader, &outline->calendars)
                  : slice_equal_text(key, "facts")     ? read_facts(&reader, outline)
                  : slice_equal_text(key, "queues")    ? read_queues(&reader, outline)
                                                       : json_skip_value(&reader);

        if (!ok)
            return;
    }
}

/* ---- putting together ------------------------------------------------------------------------ */

static void add_texts(struct json_writer *writer, const char *key, char *const *texts, size_t n)
{
    if (n == 0)
        return;
    json_key(writer, key);
    json_array_begin(writer);
    for (size_t i = 0; i < n; i++)
        json_text(writer, slice_of(texts[i]));
    json_array_end(writer);
}

static void add_skills(struct json_writer *writer, const Kefu__V1__Agent *agent,
                       const struct outline *outline)
{
    json_key(writer, "skills");
    json_object_begin(writer);
    for (size_t i = 0; i < agent->n_skills; i++) {
        const Kefu__V1__RoutingNeed *skill = agent->skills[i];

        if (!name_has(&outline->skills, slice_of(skill->skill)))
            continue;
        json_key(writer, skill->skill);
        json_u64(writer, skill->level);
    }
    json_object_end(writer);
}

static void add_agent(struct json_writer *writer, const Kefu__V1__Agent *agent,
                      const struct outline *outline, bool plain)
{
    char id[24];

    snprintf(id, sizeof(id), "%llu", (unsigned long long)agent->id);
    json_object_begin(writer);
    json_key(writer, "id");
    json_text(writer, slice_of(id));
    if (agent->capacity > 0) {
        json_key(writer, "capacity");
        json_u64(writer, agent->capacity);
    }
    if (!plain) {
        add_skills(writer, agent, outline);
        add_texts(writer, "languages", agent->languages, agent->n_languages);
        add_texts(writer, "teams", agent->teams, agent->n_teams);
    }
    if (!plain && name_has(&outline->calendars, slice_of(agent->calendar))) {
        json_key(writer, "calendar");
        json_text(writer, slice_of(agent->calendar));
    }
    json_object_end(writer);
}

/* Can do everything, and is never there. */
static void add_nobody(struct buf *out, const struct outline *outline)
{
    buf_add_text(out, "{\"id\":\"0\",\"skills\":{");
    for (unsigned i = 0; i < outline->skills.count; i++)
        buf_printf(out, "%s\"%.*s\":%d", i > 0 ? "," : "", SLICE_ARGS(outline->skills.items[i]),
                   ROUTE_LEVEL_MAX);
    buf_add_text(out, "},\"teams\":[");
    for (unsigned i = 0; i < outline->teams.count; i++)
        buf_printf(out, "%s\"%.*s\"", i > 0 ? "," : "", SLICE_ARGS(outline->teams.items[i]));
    buf_add_text(out, "]}");
}

/* {"agents":[...], and the rest as it was written. */
static void compose(const struct routing_source *source, struct slice text,
                    const struct outline *outline, bool serving, struct buf *out)
{
    struct json_writer writer;

    if (text.len == 0 || text.ptr[0] != '{') { /* no object: the library says so */
        buf_add(out, text.ptr, text.len);
        return;
    }
    buf_add_text(out, "{\"agents\":");
    if (serving) {
        buf_add_text(out, "[");
        add_nobody(out, outline);
    }
    json_writer_init(&writer, out);
    if (!serving)
        json_array_begin(&writer);
    writer.comma = serving;
    for (size_t i = 0; i < source->agent_count; i++) {
        if (!source->agents[i]->disabled)
            add_agent(&writer, source->agents[i], outline, source->plain);
    }
    json_array_end(&writer);
    text = slice_trim(slice_make(text.ptr + 1, text.len - 1));
    if (text.len > 0 && text.ptr[0] != '}')
        buf_add_text(out, ",");
    buf_add(out, text.ptr, text.len);
}

static struct slice text_of(const struct routing_source *source)
{
    struct slice text = slice_trim(source->config);

    return text.len > 0 ? text : slice_of(routing_default);
}

static void too_big(struct route_report *report)
{
    *report = (struct route_report){ .count = 1, .errors = 1 };
    snprintf(report->items[0].text, sizeof(report->items[0].text), "more than %d bytes",
             ROUTING_CONFIG_BYTES_MAX);
}

/* "agents[3].skills" to "agents.<id>.skills". */
static void name_agents(const struct routing_source *source, struct route_report *report)
{
    for (unsigned i = 0; i < report->count; i++) {
        struct route_problem *problem = &report->items[i];
        char rest[ROUTE_PATH_MAX];
        unsigned at = 0;
        size_t index = 0;

        rest[0] = '\0';
        if (sscanf(problem->path, "agents[%u]%159s", &at, rest) < 1)
            continue;
        for (size_t k = 0; k < source->agent_count; k++) {
            if (source->agents[k]->disabled || index++ != at)
                continue;
            snprintf(problem->path, sizeof(problem->path), "agents.%llu%.100s",
                     (unsigned long long)source->agents[k]->id, rest);
            break;
        }
    }
}

bool routing_check(const struct routing_source *source, struct route_report *report)
{
    struct outline *outline = mem_zalloc(sizeof(*outline));
    struct route_config *config = NULL;
    struct buf json;
    bool ok = false;

    buf_init(&json, ROUTING_JSON_BYTES_MAX);
    if (source->config.len <= ROUTING_CONFIG_BYTES_MAX) {
        read_outline(text_of(source), outline);
        compose(source, text_of(source), outline, false, &json);
    }
    if (source->config.len > ROUTING_CONFIG_BYTES_MAX || !buf_ok(&json))
        too_big(report);
    else
        ok = route_config_load(json.ptr, json.len, NULL, &config, report);
    name_agents(source, report);
    route_config_destroy(&config);
    buf_fini(&json);
    free(outline);
    return ok;
}

bool routing_create(const struct routing_source *source, struct routing **out,
                    struct route_report *report)
{
    struct routing *routing = mem_zalloc(sizeof(*routing));
    struct slice text = text_of(source);
    struct buf json;
    bool ok = false;

    buf_init(&json, ROUTING_JSON_BYTES_MAX);
    if (text.len <= ROUTING_CONFIG_BYTES_MAX) {
        routing->text = mem_strndup(text.ptr, text.len);
        text = slice_of(routing->text);
        read_outline(text, &routing->outline);
        compose(source, text, &routing->outline, true, &json);
        ok = buf_ok(&json);
    }
    if (!ok)
        too_big(report);
    ok = ok && route_config_load(json.ptr, json.len, NULL, &routing->config, report) &&
         route_config_load(json.ptr, json.len, NULL, &routing->spare, report);
    if (ok)
        routing->hash = hash_bytes((struct hash_key){ 0x726f757465, 1 }, json.ptr, json.len);
    buf_fini(&json);
    if (ok)
        *out = routing;
    else
        routing_destroy(&routing);
    return ok;
}

void routing_destroy(struct routing **routing)
{
    if (*routing == NULL)
        return;
    route_config_destroy(&(*routing)->config);
    route_config_destroy(&(*routing)->spare);
    free((*routing)->text);
    free(*routing);
    *routing = NULL;
}

const struct route_config *routing_config(const struct routing *routing)
{
    return routing->config;
}

struct route_config *routing_config_take(struct routing *routing)
{
    struct route_config *spare = routing->spare;

    routing->spare = NULL;
    return spare;
}

uint64_t routing_hash(const struct routing *routing)
{
    return routing->hash;
}

bool routing_declares_number(const struct routing *routing, struct slice fact)
{
    return name_has(&routing->outline.numbers, fact);
}

bool routing_declares_bool(const struct routing *routing, struct slice fact)
{
    return name_has(&routing->outline.booleans, fact);
}

bool routing_bot_when_closed(const struct routing *routing, struct slice queue)
{
    return name_has(&routing->outline.bots, queue);
}

bool routing_goes_on(const struct routing *routing, struct slice queue)
{
    return name_has(&routing->outline.goes_on, queue);
}
