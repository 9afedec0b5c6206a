/* SPDX-License-Identifier: Apache-2.0 */
/* What changes against another model: its answers to the same texts, asked now or kept since its
 * own evaluation. Kept answers are what two trainings can be compared by: the live model has
 * learned most of today's examples by heart, so asking it now would only show that. */
#include <stdlib.h>
#include <string.h>

#include "crc32c.h"
#include "hash.h"
#include "intent_eval_priv.h"
#include "mem.h"

static const char magic[8] = "kefuANS\n";

enum { KEPT_VERSION = 1 };

struct kept_header {
    char magic[8];
    uint32_t version;
    uint32_t crc; /* CRC-32C of the answers behind the header */
};

struct kept_answer {
    uint64_t example; /* hash of its text and intent; ascending */
    uint64_t got;     /* hash of the answer's name; 0: none */
};

static uint64_t name_hash(struct slice name)
{
    return hash_bytes((struct hash_key){ 0 }, name.ptr, name.len) | 1;
}

static uint64_t example_hash(const struct intent_eval *eval, size_t at)
{
    const struct example *example = &eval->set->items[at];
    struct hash_key key = { .k0 = name_hash(eval->names[example->intent]) };

    return hash_bytes(key, example->text.ptr, example->text.len);
}

static int kept_order(const void *a, const void *b)
{
    const struct kept_answer *x = a;
    const struct kept_answer *y = b;

    return (x->example > y->example) - (x->example < y->example);
}

void intent_eval_keep(const struct intent_eval *eval, struct buf *out)
{
    struct kept_answer *answers = mem_alloc((eval->set->count + 1) * sizeof(*answers));
    struct kept_header header = { .version = KEPT_VERSION };
    size_t count = 0;

    for (size_t i = 0; i < eval->set->count; i++) {
        const struct eval_answer *answer = &eval->answers[i];

        if (answer->given)
            answers[count++] = (struct kept_answer){
                .example = example_hash(eval, i),
                .got = answer->got >= 0 ? name_hash(eval->names[answer->got]) : 0,
            };
    }
    qsort(answers, count, sizeof(*answers), kept_order);
    memcpy(header.magic, magic, sizeof(magic));
    header.crc = crc32c(0, answers, count * sizeof(*answers));
    buf_add(out, &header, sizeof(header));
    buf_add(out, answers, count * sizeof(*answers));
    free(answers);
}

static enum err_code kept_check(struct slice kept, struct err *err)
{
    struct kept_header header;

    if (kept.len < sizeof(header) || memcmp(kept.ptr, magic, sizeof(magic)) != 0)
        return err_set(err, ERR_INVALID, "not kept answers");
    memcpy(&header, kept.ptr, sizeof(header));
    if (header.version != KEPT_VERSION)
        return err_set(err, ERR_UNSUPPORTED, "kept answers of version %u, this program reads %d",
                       header.version, KEPT_VERSION);
    if ((kept.len - sizeof(header)) % sizeof(struct kept_answer) != 0 ||
        crc32c(0, kept.ptr + sizeof(header), kept.len - sizeof(header)) != header.crc)
        return err_set(err, ERR_CORRUPT, "kept answers do not match their checksum");
    return ERR_OK;
}

/* The name behind a hash; most answers are right, so the expected one is looked at first. */
static int32_t name_find(const uint64_t *hashes, size_t count, uint32_t expected, uint64_t hash)
{
    if (hash == 0 || hashes[expected] == hash)
        return hash == 0 ? EVAL_NOTHING : (int32_t)expected;
    for (size_t n = 0; n < count; n++) {
        if (hashes[n] == hash)
            return (int32_t)n;
    }
    return EVAL_NOTHING; /* an intent that is gone */
}

static void compare(struct intent_eval *eval, const struct kept_answer *kept, size_t count)
{
    uint64_t *hashes = mem_alloc((eval->name_count + 1) * sizeof(*hashes));

    for (size_t n = 0; n < eval->name_count; n++)
        hashes[n] = name_hash(eval->names[n]);
    for (size_t i = 0; i < eval->set->count && count > 0; i++) {
        struct kept_answer key = { .example = example_hash(eval, i) };
        const struct kept_answer *found = bsearch(&key, kept, count, sizeof(*kept), kept_order);

        if (found != NULL)
            eval->answers[i].before =
                name_find(hashes, eval->name_count, eval->set->items[i].intent, found->got);
    }
    free(hashes);
}

enum err_code intent_eval_compare(struct intent_eval *eval, struct slice kept, struct err *err)
{
    enum err_code rc = kept_check(kept, err);
    struct kept_answer *answers;
    size_t bytes;

    if (rc != ERR_OK)
        return rc;
    bytes = kept.len - sizeof(struct kept_header);
    answers = mem_alloc(bytes + 1); /* aligned, as the file need not be */
    memcpy(answers, kept.ptr + sizeof(struct kept_header), bytes);
    compare(eval, answers, bytes / sizeof(*answers));
    eval->compared = true;
    free(answers);
    return ERR_OK;
}

void intent_eval_answer_before(struct intent_eval *eval, const struct intent_model *model,
                               struct intent_scratch *scratch)
{
    int32_t *map = eval_names_map(eval, model);

    eval->compared = true;
    for (size_t i = 0; i < eval->set->count; i++) {
        struct intent_result result;

        intent_predict(model, scratch, eval->set->items[i].text, 1, &result);
        eval->answers[i].before = result.count > 0 ? map[result.hits[0].intent] : EVAL_NOTHING;
    }
    free(map);
}

enum eval_change eval_change_of(const struct intent_eval *eval, size_t at)
{
    const struct eval_answer *answer = &eval->answers[at];
    int32_t expected = (int32_t)eval->set->items[at].intent;

    if (!answer->given || answer->before == EVAL_UNASKED)
        return EVAL_UNCOMPARED;
    if ((answer->got == expected) == (answer->before == expected))
        return EVAL_UNCHANGED;
    return answer->got == expected ? EVAL_FIXED : EVAL_BROKEN;
}

struct intent_eval_change *eval_changes(const struct intent_eval *eval)
{
    struct intent_eval_change *changes = mem_zalloc((eval->name_count + 1) * sizeof(*changes));

    for (size_t i = 0; i < eval->set->count; i++) {
        enum eval_change kind = eval_change_of(eval, i);
        int32_t expected = (int32_t)eval->set->items[i].intent;
        struct intent_eval_change *change = &changes[expected];

        if (kind == EVAL_UNCOMPARED)
            continue;
        change->compared++;
        change->right += eval->answers[i].got == expected;
        change->right_before += eval->answers[i].before == expected;
        change->fixed += kind == EVAL_FIXED;
        change->broken += kind == EVAL_BROKEN;
    }
    return changes;
}

struct intent_eval_change intent_eval_change(const struct intent_eval *eval)
{
    struct intent_eval_change *changes = eval_changes(eval);
    struct intent_eval_change sum = { 0 };

    for (size_t n = 0; n < eval->name_count; n++) {
        sum.compared += changes[n].compared;
        sum.right += changes[n].right;
        sum.right_before += changes[n].right_before;
        sum.fixed += changes[n].fixed;
        sum.broken += changes[n].broken;
    }
    free(changes);
    return sum;
}
