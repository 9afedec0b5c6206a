/* SPDX-License-Identifier: Apache-2.0 */
#include "id.h"

#include "check.h"

void id_gen_init(struct id_gen *gen, int64_t mark_ms)
{
    *gen = (struct id_gen){ .ms = mark_ms > ID_EPOCH_MS ? mark_ms - ID_EPOCH_MS : 0 };
    /* The mark itself may have been used up to its last counter. */
    gen->counter = ID_COUNTER_MAX + 1;
}

uint64_t id_gen_next(struct id_gen *gen, int64_t now_ms, uint32_t slot)
{
    int64_t ms = now_ms - ID_EPOCH_MS;

    ENSURE(slot < ID_SLOT_COUNT);
    if (ms > gen->ms) {
        gen->ms = ms;
        gen->counter = 0;
    } else if (gen->counter > ID_COUNTER_MAX) {
        gen->ms++;
        gen->counter = 0;
    }
    ENSURE(gen->ms <= ID_MS_MAX);
    return (uint64_t)gen->ms << (ID_SLOT_BITS + ID_COUNTER_BITS) |
           (uint64_t)slot << ID_COUNTER_BITS | gen->counter++;
}

int64_t id_gen_used_ms(const struct id_gen *gen)
{
    return gen->ms + ID_EPOCH_MS;
}

uint32_t id_slot(uint64_t id)
{
    return (uint32_t)(id >> ID_COUNTER_BITS) & (ID_SLOT_COUNT - 1);
}

int64_t id_ms(uint64_t id)
{
    return (int64_t)(id >> (ID_SLOT_BITS + ID_COUNTER_BITS)) + ID_EPOCH_MS;
}

uint32_t id_shard(uint64_t id, uint32_t shards)
{
    ENSURE(shards > 0);
    return id_slot(id) % shards;
}

/* Finaliser of splitmix64: every input bit reaches every output bit. Not keyed: the input is
 * ours, not the client's. */
static uint64_t mix(uint64_t v)
{
    v += 0x9e3779b97f4a7c15U;
    v = (v ^ v >> 30) * 0xbf58476d1ce4e5b9U;
    v = (v ^ v >> 27) * 0x94d049bb133111ebU;
    return v ^ v >> 31;
}

uint32_t slot_of(struct workspace_id workspace, uint64_t seed)
{
    return (uint32_t)(mix(mix(workspace.v) ^ seed) % ID_SLOT_COUNT);
}

uint32_t workspace_shard(struct workspace_id workspace, uint32_t shards)
{
    ENSURE(shards > 0);
    return (uint32_t)(mix(workspace.v) % ID_SLOT_COUNT) % shards;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool client_id_parse(const char *text, uint64_t len, uint8_t out[16])
{
    unsigned digits = 0;

    /* A UUID has 4 dashes; more than one between two digits is noise. */
    if (len < 32 || len > 63)
        return false;
    for (uint64_t i = 0; i < len; i++) {
        int value;

        if (text[i] == '-')
            continue;
        value = hex_value(text[i]);
        if (value < 0 || digits == 32)
            return false;
        if (digits % 2 == 0)
            out[digits / 2] = (uint8_t)(value << 4);
        else
            out[digits / 2] = (uint8_t)(out[digits / 2] | value);
        digits++;
    }
    return digits == 32;
}

void client_id_format(const uint8_t id[16], char out[33])
{
    static const char hex[] = "0123456789abcdef";

    for (unsigned i = 0; i < 16; i++) {
        out[2 * i] = hex[id[i] >> 4];
        out[2 * i + 1] = hex[id[i] & 15];
    }
    out[32] = '\0';
}
