/* SPDX-License-Identifier: Apache-2.0 */
/* agents: [{id: lin, name: Lin, skills: {returns: 5}, languages: [zh], teams: [shop], capacity: 4}]
 * Teams, languages and channels are what some agent names. */
#include "route_load_priv.h"

#include <stdlib.h>
#include <string.h>

enum {
    SCORE_FULL = 1000,
    SPEED_AVERAGE = SCORE_FULL / 3, /* of agents without figures: the score of speed 1 */
    CSAT_AVERAGE = SCORE_FULL / 2,
    CAPACITY_DEFAULT = 3,
};

static void read_id(struct route_load *load, void *out)
{
    struct route_agent_def *def = out;

    load_text(load, &def->id);
}

static void read_display_name(struct route_load *load, void *out)
{
    struct route_agent_def *def = out;

    load_text(load, &def->name);
}

static void read_level(struct route_load *load, struct slice key, void *out)
{
    struct route_agent_def *def = out;
    uint32_t skill = 0;
    int64_t level;

    if (!load_find(load, ROUTE_KIND_SKILL, key, &skill)) {
        load_skip(load);
        return;
    }
    if (!load_integer(load, 0, ROUTE_LEVEL_MAX, &level))
        return;
    def->levels[skill] = (uint8_t)level;
}

static void read_levels(struct route_load *load, void *out)
{
    load_map(load, read_level, out);
}

struct labels_in {
    enum route_kind kind;
    uint64_t *bits;
};

/* A label is known from its first agent on. */
static void read_label(struct route_load *load, unsigned at, void *out)
{
    struct labels_in *in = out;
    struct route_names *names = &load->config->names[in->kind];
    const char *text;
    uint32_t label = 0;

    (void)at;
    if (!load_text(load, &text))
        return;
    while (label < names->count && strcmp(names->items[label], text) != 0)
        label++;
    if (label == names->count)
        label = load_name(load, in->kind, slice_of(text));
    if (label != ROUTE_NONE)
        *in->bits |= UINT64_C(1) << label;
}

static void read_languages(struct route_load *load, void *out)
{
    struct route_agent_def *def = out;

    load_list(load, read_label, &(struct labels_in){ ROUTE_KIND_LANGUAGE, &def->languages });
}

static void read_channels(struct route_load *load, void *out)
{
    struct route_agent_def *def = out;

    load_list(load, read_label, &(struct labels_in){ ROUTE_KIND_CHANNEL, &def->channels });
}

static void read_teams(struct route_load *load, void *out)
{
    struct route_agent_def *def = out;

    load_list(load, read_label, &(struct labels_in){ ROUTE_KIND_TEAM, &def->teams });
}

static void read_capacity(struct route_load *load, void *out)
{
    struct route_agent_def *def = out;
    int64_t places;

    if (load_integer(load, 1, ROUTE_CAPACITY_MAX, &places))
        def->capacity = (uint32_t)places * ROUTE_UNIT;
}

static void read_calendar(struct route_load *load, void *out)
{
    struct route_agent_def *def = out;

    load_reference(load, ROUTE_KIND_CALENDAR, &def->calendar);
}

/* 1 is the average; half and double as fast are the ends of the scale. */
static void read_speed(struct route_load *load, void *out)
{
    struct route_agent_def *def = out;
    double speed;

    if (load_number(load, 0.5, 2, &speed))
        def->speed_percent = (uint32_t)(speed * 100 + 0.5);
    def->fixed[1] = (def->speed_percent - 50) * SCORE_FULL / 150;
}

static void read_csat(struct route_load *load, void *out)
{
    struct route_agent_def *def = out;
    uint32_t percent;

    if (load_percent(load, &percent))
        def->fixed[2] = percent * SCORE_FULL / 100;
}

static void read_agent(struct route_load *load, unsigned at, void *out)
{
    static const struct load_field fields[] = {
        { "id", read_id },
        { "name", read_display_name },
        { "skills", read_levels },
        { "languages", read_languages },
        { "channels", read_channels },
        { "teams", read_teams },
        { "capacity", read_capacity },
        { "calendar", read_calendar },
        { "speed", read_speed },
        { "csat", read_csat },
    };
    struct route_agent_def def = {
        .capacity = CAPACITY_DEFAULT * ROUTE_UNIT,
        .calendar = ROUTE_NONE,
        .speed_percent = 100,
        .fixed = { 0, SPEED_AVERAGE, CSAT_AVERAGE, 0 },
    };

    (void)at;
    (void)out;
    load_fields(load, fields, LENGTH_OF(fields), &def);
    if (load->broken)
        return;
    if (def.id == NULL) {
        load_error(load, "an agent needs an id");
        return;
    }
    def.name = def.name != NULL ? def.name : def.id;
    if (load_name(load, ROUTE_KIND_AGENT, slice_of(def.id)) != ROUTE_NONE)
        load->config->agents[load->config->names[ROUTE_KIND_AGENT].count - 1] = def;
}

/* Fewer skills score higher: who can do little else is to be used first. */
static void set_specialist_scores(struct route_config *config)
{
    for (uint32_t i = 0; i < config->names[ROUTE_KIND_AGENT].count; i++)
        config->agents[i].fixed[0] = route_specialist_score(config, config->agents[i].levels);
}

uint32_t route_specialist_score(const struct route_config *config, const uint8_t *levels)
{
    uint32_t all = config->names[ROUTE_KIND_SKILL].count;
    uint32_t skills = 0;

    for (uint32_t i = 0; i < all; i++)
        skills += levels[i] > 0;
    return skills <= 1 ? SCORE_FULL : SCORE_FULL - SCORE_FULL * (skills - 1) / (all - 1);
}

static int compare_ids(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void report_repeated_ids(struct route_load *load)
{
    struct route_names *names = &load->config->names[ROUTE_KIND_AGENT];
    size_t bytes = names->count * sizeof(*names->items);
    const char **sorted = route_pool_alloc(&load->config->pool, 1, bytes);

    if (sorted == NULL) {
        load_out_of_memory(load);
        return;
    }
    memcpy(sorted, names->items, bytes);
    qsort(sorted, names->count, sizeof(*sorted), compare_ids);
    for (uint32_t i = 1; i < names->count; i++) {
        if (strcmp(sorted[i - 1], sorted[i]) == 0)
            load_error(load, "two agents with the id '%s'", sorted[i]);
    }
}

void load_agents(struct route_load *load, void *out)
{
    load_list(load, read_agent, out);
    if (load->broken)
        return;
    set_specialist_scores(load->config);
    report_repeated_ids(load);
}
