/* SPDX-License-Identifier: Apache-2.0 */
/* Loading: the top level is read once to find its sections, and they are worked in the order in
 * which they refer to one another, however they were written. */
#include "route_load_priv.h"

#include <string.h>

enum section {
    SECTION_SKILLS,
    SECTION_CALENDARS,
    SECTION_AGENTS,
    SECTION_QUEUES,
    SECTION_SETTINGS,
    SECTION_FACTS,
    SECTION_ROUTES,
    SECTION_COUNT,
};

static const char *const section_names[SECTION_COUNT] = {
    [SECTION_SKILLS] = "skills", [SECTION_CALENDARS] = "calendars", [SECTION_AGENTS] = "agents",
    [SECTION_QUEUES] = "queues", [SECTION_SETTINGS] = "settings",   [SECTION_FACTS] = "facts",
    [SECTION_ROUTES] = "routes",
};

static const struct route_settings settings_initial = {
    .priority_step_ms = 20000,
    .vip_ms = 120000,
    .slow_start_ms = 45000,
    .quiet_ms = 600000,
    .quiet_percent = 25,
    .over = ROUTE_UNIT,
    .reopen_within_ms = INT64_C(72) * 3600000,
    .reopen_wait_ms = 30000,
    .grace_ms = 120000,
    .exclude_ms = 60000,
    .misses_max = 2,
    .fade_from = 750,
    .fade_to = 850,
};

static void find_section(struct route_load *load, struct slice key, void *out)
{
    struct slice *sections = out;
    size_t begin = json_offset(&load->reader);

    for (unsigned i = 0; i < SECTION_COUNT; i++) {
        if (!slice_equal_text(key, section_names[i]))
            continue;
        if (sections[i].ptr != NULL)
            load_error(load, "is given twice");
        load_skip(load);
        sections[i] = slice_make(load->reader.begin + begin, json_offset(&load->reader) - begin);
        return;
    }
    load_error(load, "is not a known section");
    load_skip(load);
}

static void count_item(struct route_load *load, unsigned at, void *out)
{
    *(unsigned *)out = at + 1;
    load_skip(load);
}

static void count_key(struct route_load *load, struct slice key, void *out)
{
    (void)key;
    ++*(unsigned *)out;
    load_skip(load);
}

/* Works one section; its text was found to be JSON before. */
static void work(struct route_load *load, enum section section, struct slice text,
                 void (*read)(struct route_load *load, void *out))
{
    size_t path;

    if (text.ptr == NULL || load->broken)
        return;
    json_reader_init(&load->reader, text);
    path = load_push(load, "%s", section_names[section]);
    read(load, NULL);
    load_pop(load, path);
}

static void read_skill(struct route_load *load, unsigned at, void *out)
{
    const char *text;

    (void)at;
    (void)out;
    if (load_text(load, &text))
        load_name(load, ROUTE_KIND_SKILL, slice_of(text));
}

static void read_skills(struct route_load *load, void *out)
{
    load_list(load, read_skill, out);
}

/* How many items a list or a map has; 0 for what is neither. */
static unsigned count_items(struct route_load *load, struct slice text)
{
    unsigned count = 0;

    if (text.ptr == NULL)
        return 0;
    json_reader_init(&load->reader, text);
    switch (load_peek(load)) {
    case JSON_ARRAY_BEGIN:
        load_list(load, count_item, &count);
        break;
    case JSON_OBJECT_BEGIN:
        load_map(load, count_key, &count);
        break;
    default:
        break;
    }
    return count;
}

static uint32_t room(struct route_load *load, struct slice section, uint32_t max)
{
    uint32_t count = count_items(load, section);

    return count < max ? count : max;
}

/* What is more than a name gets the room that it needs: 256 queues would take 0.25 MB. */
static bool make_tables(struct route_load *load, const struct slice *sections)
{
    uint32_t limits[ROUTE_KIND_COUNT] = {
        [ROUTE_KIND_AGENT] = room(load, sections[SECTION_AGENTS], ROUTE_AGENTS_MAX),
        [ROUTE_KIND_QUEUE] = room(load, sections[SECTION_QUEUES], ROUTE_QUEUES_MAX),
        [ROUTE_KIND_SKILL] = ROUTE_SKILLS_MAX,
        [ROUTE_KIND_TEAM] = ROUTE_LABELS_MAX,
        [ROUTE_KIND_LANGUAGE] = ROUTE_LABELS_MAX,
        [ROUTE_KIND_CHANNEL] = ROUTE_LABELS_MAX,
        [ROUTE_KIND_CALENDAR] = room(load, sections[SECTION_CALENDARS], ROUTE_CALENDARS_MAX),
        [ROUTE_KIND_RULE] = room(load, sections[SECTION_ROUTES], ROUTE_RULES_MAX),
    };
    struct route_config *config = load->config;
    struct route_pool *pool = &config->pool;

    for (unsigned kind = 0; kind < ROUTE_KIND_COUNT; kind++) {
        struct route_names *names = &config->names[kind];

        names->max = limits[kind];
        names->items = route_pool_alloc(pool, names->max, sizeof(*names->items));
        if (names->items == NULL)
            return false;
    }
    config->agents = route_pool_alloc(pool, limits[ROUTE_KIND_AGENT], sizeof(*config->agents));
    config->queues = route_pool_alloc(pool, limits[ROUTE_KIND_QUEUE], sizeof(*config->queues));
    config->calendars =
        route_pool_alloc(pool, limits[ROUTE_KIND_CALENDAR], sizeof(*config->calendars));
    return config->agents != NULL && config->queues != NULL && config->calendars != NULL &&
           load_rules_begin(load, limits[ROUTE_KIND_RULE]);
}

static void work_sections(struct route_load *load, const struct slice *sections)
{
    struct route_config *config = load->config;

    work(load, SECTION_SETTINGS, sections[SECTION_SETTINGS], load_settings);
    work(load, SECTION_SKILLS, sections[SECTION_SKILLS], read_skills);
    work(load, SECTION_CALENDARS, sections[SECTION_CALENDARS], load_calendars);
    work(load, SECTION_AGENTS, sections[SECTION_AGENTS], load_agents);
    work(load, SECTION_QUEUES, sections[SECTION_QUEUES], load_queue_names);
    work(load, SECTION_QUEUES, sections[SECTION_QUEUES], load_queues);
    work(load, SECTION_FACTS, sections[SECTION_FACTS], load_facts);
    work(load, SECTION_ROUTES, sections[SECTION_ROUTES], load_routes);
    /* Checks of the whole would only repeat what is wrong with the parts. */
    if (load->report->errors == 0) {
        load_check(load);
        load_check_rules(load);
    }
    for (uint32_t i = 0; i < config->names[ROUTE_KIND_QUEUE].count; i++) {
        if (config->queues[i].ring_count > config->ring_count_max)
            config->ring_count_max = config->queues[i].ring_count;
    }
}

static void load_all(struct route_load *load, struct slice text)
{
    struct slice sections[SECTION_COUNT] = { 0 };

    if (text.len > ROUTE_CONFIG_BYTES_MAX) {
        load_error(load, "%zu bytes, the limit is %d", text.len, ROUTE_CONFIG_BYTES_MAX);
        return;
    }
    json_reader_init(&load->reader, text);
    load_map(load, find_section, sections);
    if (!load->broken && json_next(&load->reader) != JSON_END)
        load_error(load, "not JSON: something after the end");
    if (load->broken || load->report->errors > 0)
        return;
    if (make_tables(load, sections))
        work_sections(load, sections);
    else
        load_out_of_memory(load);
}

bool route_config_load(const char *json, size_t len, const struct route_memory *memory,
                       struct route_config **out, struct route_report *report)
{
    struct route_load load = { .report = report };
    struct route_pool pool;
    struct route_config *config;

    *out = NULL;
    memset(report, 0, sizeof(*report));
    route_pool_init(&pool, memory);
    config = route_pool_alloc(&pool, 1, sizeof(*config));
    if (config == NULL) {
        load_out_of_memory(&load);
        return false;
    }
    config->pool = pool;
    config->settings = settings_initial;
    load.config = config;
    load_all(&load, slice_make(json, len));
    if (report->errors > 0) {
        route_config_destroy(&config);
        return false;
    }
    *out = config;
    return true;
}

void route_config_destroy(struct route_config **config)
{
    struct route_pool pool;

    if (*config == NULL)
        return;
    pool = (*config)->pool; /* the configuration lies in its own pool */
    *config = NULL;
    route_pool_fini(&pool);
}

size_t route_config_bytes(const struct route_config *config)
{
    return config->pool.bytes;
}

/* ---- asking ---- */

uint32_t route_count(const struct route_config *config, enum route_kind kind)
{
    return (unsigned)kind < ROUTE_KIND_COUNT ? config->names[kind].count : 0;
}

const char *route_name(const struct route_config *config, enum route_kind kind, uint32_t index)
{
    return index < route_count(config, kind) ? config->names[kind].items[index] : NULL;
}

uint32_t route_find(const struct route_config *config, enum route_kind kind, const char *name,
                    size_t len)
{
    uint32_t count = route_count(config, kind);

    for (uint32_t i = 0; i < count; i++) {
        if (slice_equal_text(slice_make(name, len), config->names[kind].items[i]))
            return i;
    }
    return ROUTE_NONE;
}

bool route_agent_info(const struct route_config *config, uint32_t agent,
                      struct route_agent_info *out)
{
    const struct route_agent_def *def;

    if (agent >= config->names[ROUTE_KIND_AGENT].count)
        return false;
    def = &config->agents[agent];
    *out = (struct route_agent_info){
        .id = def->id,
        .name = def->name,
        .languages = def->languages,
        .channels = def->channels,
        .teams = def->teams,
        .capacity = def->capacity / ROUTE_UNIT,
        .calendar = def->calendar,
        .speed_percent = def->speed_percent,
    };
    memcpy(out->levels, def->levels, sizeof(out->levels));
    return true;
}

bool route_queue_info(const struct route_config *config, uint32_t queue,
                      struct route_queue_info *out)
{
    const struct route_queue *q;

    if (queue >= config->names[ROUTE_KIND_QUEUE].count)
        return false;
    q = &config->queues[queue];
    *out = (struct route_queue_info){
        .id = q->name,
        .preset = q->preset,
        .sla_first_ms = q->sla_first_ms,
        .sla_target_percent = q->sla_target_percent,
        .calendar = q->calendar,
        .rings = q->ring_count,
    };
    return true;
}
