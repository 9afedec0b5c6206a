/* SPDX-License-Identifier: Apache-2.0 */
/* Laying a set out as one block, and checking a block before anything in it is believed: after
 * rules_set_open every offset, index and program in it is within bounds. */
#include "rules_build_priv.h"

#include <stdlib.h>

#include "check.h"
#include "crc32c.h"
#include "mem.h"

enum {
    FILTER_BITS_MIN = 10,
    FILTER_BITS_MAX = 20, /* 128 KiB: stays in the second-level cache */
    CELL_BITS_MIN = 4,
    CELL_BITS_MAX = 28,
    WIDEN_MAX = 6, /* tables tried when two prefixes look the same in a narrower one */
};

static const size_t item_bytes[RULES_SECTIONS] = {
    [RULES_CELLS] = sizeof(struct rules_cell),
    [RULES_SINGLES] = sizeof(uint64_t),
    [RULES_PAIRS] = sizeof(uint64_t),
    [RULES_LITERALS] = sizeof(struct rules_literal),
    [RULES_USES] = sizeof(uint32_t),
    [RULES_ENTRIES] = sizeof(struct rules_entry),
    [RULES_EXTRAS] = sizeof(struct rules_extra),
    [RULES_PROGRAMS] = sizeof(uint32_t),
    [RULES_SCOPES] = sizeof(struct rules_text),
    [RULES_REGEXES] = sizeof(struct rules_text),
    [RULES_HIDDEN_CELLS] = sizeof(struct rules_cell),
    [RULES_HIDDEN] = sizeof(struct rules_hidden),
    [RULES_STRINGS] = 1,
};

static unsigned bits_for(size_t count, unsigned least, unsigned most)
{
    unsigned bits = least;

    while (bits < most && (1ull << bits) < count)
        bits++;
    return bits;
}

/* False: two prefixes with one tag meet in this table. */
static bool cells_try(const struct rules_prefixes *p, struct rules_cell *cells, unsigned bits)
{
    uint64_t mask = (1ull << bits) - 1;

    memset(cells, 0, sizeof(*cells) << bits);
    for (size_t i = 0; p->cells != NULL && i <= p->mask; i++) {
        const struct rules_prefix *prefix = &p->cells[i];
        uint64_t at = rules_cell_at(prefix->hash, bits);

        if (prefix->hash == 0)
            continue;
        while (cells[at].value != 0) {
            if (cells[at].tag == rules_tag(prefix->hash))
                return false;
            at = (at + 1) & mask;
        }
        cells[at] = (struct rules_cell){ rules_tag(prefix->hash),
                                         prefix->literal | (prefix->more ? RULES_MORE : 0) };
    }
    return true;
}

static struct rules_cell *cells_make(const struct rules_prefixes *p, unsigned *bits)
{
    *bits = bits_for(p->count + p->count / 2, CELL_BITS_MIN, CELL_BITS_MAX);
    for (unsigned tries = 0; tries < WIDEN_MAX && *bits <= CELL_BITS_MAX; tries++, ++*bits) {
        struct rules_cell *cells = mem_alloc(sizeof(*cells) << *bits);

        if (cells_try(p, cells, *bits))
            return cells;
        free(cells);
    }
    return NULL;
}

static uint64_t *filter_make(const struct rules_list *hashes, unsigned bits)
{
    uint64_t *words = mem_zalloc((1ull << bits) / 8);

    for (size_t i = 0; i < hashes->count; i++) {
        uint64_t hash = ((const uint64_t *)hashes->items)[i];

        words[rules_filter_word(hash, bits)] |= rules_filter_mask(hash);
    }
    return words;
}

/* Sorts the uses by literal, behind the `from` that are placed already. */
static void uses_place(struct rules_list *pairs, uint32_t *uses, uint32_t from, size_t count,
                       void (*set)(void *items, size_t at, uint32_t use, uint32_t count),
                       void *items)
{
    uint32_t *starts = mem_zalloc((count + 1) * sizeof(*starts));
    const struct rules_pair *pair = pairs->items;
    uint32_t at = from;

    for (size_t i = 0; i < pairs->count; i++)
        starts[pair[i].literal]++;
    for (size_t i = 0; i < count; i++) {
        uint32_t here = starts[i];

        set(items, i, at, here);
        starts[i] = at;
        at += here;
    }
    for (size_t i = 0; i < pairs->count; i++)
        uses[starts[pair[i].literal]++] = pair[i].use;
    free(starts);
}

static void literal_set(void *items, size_t at, uint32_t use, uint32_t count)
{
    struct rules_literal *literal = (struct rules_literal *)items + at;

    literal->use = use;
    literal->use_count = count;
}

static void hidden_set(void *items, size_t at, uint32_t use, uint32_t count)
{
    struct rules_hidden *hidden = (struct rules_hidden *)items + at;

    hidden->use = use;
    hidden->use_count = count;
}

struct layout {
    const void *items[RULES_SECTIONS];
    size_t counts[RULES_SECTIONS];
};

static enum err_code layout_write(struct rules_build *b, const struct layout *l, void **out,
                                  size_t *bytes)
{
    size_t total = sizeof(struct rules_header);
    struct rules_header header = { .magic = RULES_BLOB_MAGIC,
                                   .version = RULES_BLOB_VERSION,
                                   .form = TEXT_FORM_VERSION };
    char *blob;

    for (size_t i = 0; i < RULES_SECTIONS; i++) {
        header.sections[i].at = (uint32_t)total;
        header.sections[i].count = (uint32_t)l->counts[i];
        total += (l->counts[i] * item_bytes[i] + 7) / 8 * 8;
        if (total > UINT32_MAX || l->counts[i] > UINT32_MAX)
            return err_set(b->err, ERR_TOO_BIG, "rules need more than 4 GiB");
    }
    header.bytes = total;
    blob = mem_zalloc(total);
    for (size_t i = 0; i < RULES_SECTIONS; i++) {
        if (l->counts[i] > 0)
            memcpy(blob + header.sections[i].at, l->items[i], l->counts[i] * item_bytes[i]);
    }
    header.crc = crc32c(0, blob + sizeof(header), total - sizeof(header));
    memcpy(blob, &header, sizeof(header));
    *out = blob;
    *bytes = total;
    return ERR_OK;
}

enum err_code rules_blob_make(struct rules_build *b, void **out, size_t *bytes)
{
    size_t use_count = b->literal_uses.count + b->hidden_uses.count;
    size_t first = b->singles.count > b->pairs.count ? b->singles.count : b->pairs.count;
    unsigned filter_bits = bits_for(first * 8, FILTER_BITS_MIN, FILTER_BITS_MAX);
    unsigned cell_bits = 0;
    unsigned hidden_bits = 0;
    struct rules_cell *cells = cells_make(&b->prefixes, &cell_bits);
    struct rules_cell *hidden = cells_make(&b->hidden_prefixes, &hidden_bits);
    uint64_t *singles = filter_make(&b->singles, filter_bits);
    uint64_t *pairs = filter_make(&b->pairs, filter_bits);
    uint32_t *uses = mem_zalloc((use_count + 1) * sizeof(*uses));
    size_t words = (1ull << filter_bits) / 64;
    struct layout l = {
        { cells, singles, pairs, b->literals.items, uses, b->entries.items, b->extras.items,
          b->programs.items, b->scopes.items, b->regexes.items, hidden, b->hidden.items,
          b->strings.ptr },
        { 1ull << cell_bits, words, words, b->literals.count, use_count, b->entries.count,
          b->extras.count, b->programs.count, b->scopes.count, b->regexes.count,
          1ull << hidden_bits, b->hidden.count, b->strings.len },
    };
    enum err_code rc;

    uses_place(&b->literal_uses, uses, 0, b->literals.count, literal_set, b->literals.items);
    uses_place(&b->hidden_uses, uses, (uint32_t)b->literal_uses.count, b->hidden.count, hidden_set,
               b->hidden.items);
    if (!buf_ok(&b->strings))
        rc = err_set(b->err, ERR_TOO_BIG, "the texts of the rules are too long");
    else if (cells == NULL || hidden == NULL)
        rc = err_set(b->err, ERR_TOO_BIG, "no table tells these words apart");
    else
        rc = layout_write(b, &l, out, bytes);
    free(cells);
    free(hidden);
    free(singles);
    free(pairs);
    free(uses);
    return rc;
}

/* ---- opening ---- */
static enum err_code damaged(struct err *err, const char *what)
{
    return err_set(err, ERR_CORRUPT, "rules: %s", what);
}

static enum err_code header_check(struct slice bytes, struct err *err)
{
    const struct rules_header *h = (const void *)bytes.ptr;

    ENSURE((uintptr_t)bytes.ptr % 8 == 0);
    if (bytes.len < sizeof(h->magic) || h->magic != RULES_BLOB_MAGIC)
        return err_set(err, ERR_INVALID, "not a file of compiled rules");
    if (bytes.len < sizeof(*h))
        return damaged(err, "file is cut short");
    if (h->version != RULES_BLOB_VERSION || h->form != TEXT_FORM_VERSION)
        return err_set(err, ERR_UNSUPPORTED,
                       "rules compiled by another version (%u.%u, this is %d.%d): compile again",
                       h->version, h->form, RULES_BLOB_VERSION, TEXT_FORM_VERSION);
    if (h->bytes != bytes.len)
        return damaged(err, "file has not the length it was written with");
    if (h->crc != crc32c(0, bytes.ptr + sizeof(*h), bytes.len - sizeof(*h)))
        return damaged(err, "checksum does not match");
    for (size_t i = 0; i < RULES_SECTIONS; i++) {
        if (h->sections[i].at % 8 != 0 || h->sections[i].at > bytes.len ||
            h->sections[i].count > (bytes.len - h->sections[i].at) / item_bytes[i])
            return damaged(err, "a section is out of bounds");
    }
    return ERR_OK;
}

static const void *section(const struct rules_header *h, enum rules_section which)
{
    return (const char *)h + h->sections[which].at;
}

static uint32_t section_count(const struct rules_view *v, enum rules_section which)
{
    return v->header->sections[which].count;
}

/* The exponent of a power of two within bounds; 0: it is none. */
static unsigned power_of_two(uint32_t count, unsigned least, unsigned most)
{
    unsigned bits = count == 0 ? 0 : (unsigned)__builtin_ctz(count);

    return count == 1u << bits && bits >= least && bits <= most ? bits : 0;
}

static bool cells_valid(const struct rules_cell *cells, unsigned bits, uint32_t literals)
{
    bool free_one = false;

    if (bits == 0)
        return false;
    for (size_t i = 0; i < 1ull << bits; i++) {
        free_one = free_one || cells[i].value == 0;
        if ((cells[i].value & ~RULES_MORE) > literals)
            return false;
    }
    return free_one; /* or a search would not end */
}

static bool text_valid(const struct rules_view *v, struct rules_text text)
{
    uint32_t bytes = section_count(v, RULES_STRINGS);

    return text.at <= bytes && text.len <= bytes - text.at;
}

static bool uses_valid(const struct rules_view *v, uint32_t from, uint32_t count)
{
    uint32_t uses = section_count(v, RULES_USES);

    return from <= uses && count <= uses - from;
}

static bool literals_valid(const struct rules_view *v)
{
    for (uint32_t i = 0; i < section_count(v, RULES_LITERALS); i++) {
        if (!uses_valid(v, v->literals[i].use, v->literals[i].use_count))
            return false;
    }
    for (uint32_t i = 0; i < v->hidden_count; i++) {
        const struct rules_hidden *h = &v->hidden[i];

        if (!uses_valid(v, h->use, h->use_count) || !text_valid(v, h->text) || h->text.len == 0 ||
            h->same > i)
            return false; /* `same` leads to earlier ones, so it ends */
    }
    for (uint32_t i = 0; i < section_count(v, RULES_USES); i++) {
        if (rules_use_rule(v->uses[i]) >= v->entry_count)
            return false;
    }
    return true;
}

static bool operand_valid(const struct rules_view *v, uint32_t word)
{
    uint32_t arg = word & 0xFFFFFF;

    switch (word >> 24) {
    case RULES_OP_SLOT:
        return arg < RULES_SLOTS_MAX;
    case RULES_OP_NUMBER:
        return true;
    case RULES_OP_REGEX:
        return arg < v->regex_count;
    default:
        return false;
    }
}

/* Words of a chain from `at` on; its end, or 0. */
static uint32_t chain_valid(const struct rules_view *v, const uint32_t *words, uint32_t at,
                            uint32_t len, uint32_t parts)
{
    if (parts < 2 || parts > RULES_CHAIN_MAX || parts * 2 > len - at)
        return 0;
    for (uint32_t i = 0; i < parts; i++, at += 2) {
        if (!operand_valid(v, words[at + 1]))
            return 0;
    }
    return at;
}

static bool program_valid(const struct rules_view *v, const uint32_t *words, uint32_t len)
{
    unsigned depth = 0;
    uint32_t at = 0;

    while (at < len) {
        uint32_t word = words[at++];

        switch (word >> 24) {
        case RULES_OP_AND:
        case RULES_OP_OR:
            if (depth < 2)
                return false;
            depth--;
            continue;
        case RULES_OP_NOT:
            if (depth < 1)
                return false;
            continue;
        case RULES_OP_CHAIN:
            at = chain_valid(v, words, at, len, word & 0xFFFFFF);
            if (at == 0)
                return false;
            break;
        default:
            if (!operand_valid(v, word))
                return false;
        }
        if (++depth > RULES_STACK_MAX)
            return false;
    }
    return depth == 1;
}

static bool extra_valid(const struct rules_view *v, const struct rules_extra *extra)
{
    uint32_t words = section_count(v, RULES_PROGRAMS);
    uint32_t scopes = section_count(v, RULES_SCOPES);
    uint8_t flag; /* read as a bool, another value than 0 and 1 would be undefined */

    memcpy(&flag, &extra->times.set, sizeof(flag));
    if (flag > 1)
        return false;
    if (extra->program > words || extra->program_len > words - extra->program ||
        extra->program_len > RULES_PROGRAM_MAX || extra->scope > scopes ||
        extra->scope_count > scopes - extra->scope)
        return false;
    return extra->program_len == 0 ||
           program_valid(v, v->programs + extra->program, extra->program_len);
}

static bool entries_valid(const struct rules_view *v)
{
    uint32_t extras = section_count(v, RULES_EXTRAS);

    for (uint32_t i = 0; i < v->entry_count; i++) {
        const struct rules_entry *e = &v->entries[i];

        if (e->extra > extras || e->action >= RULES_ACTIONS || e->locale > RULES_EN ||
            !text_valid(v, (struct rules_text){ e->name, e->name_len }))
            return false;
    }
    for (uint32_t i = 0; i < extras; i++) {
        if (!extra_valid(v, &v->extras[i]))
            return false;
    }
    for (uint32_t i = 0; i < section_count(v, RULES_SCOPES); i++) {
        if (!text_valid(v, v->scopes[i]))
            return false;
    }
    return true;
}

static enum err_code regexes_open(struct rules_view *v, struct err *err)
{
    if (v->regex_count > RULES_REGEX_MAX)
        return damaged(err, "too many regular expressions");
    v->regexes = mem_zalloc((v->regex_count + 1) * sizeof(struct regex *));
    for (uint32_t i = 0; i < v->regex_count; i++) {
        struct rules_text text = v->regex_texts[i];

        if (!text_valid(v, text) || regex_compile(slice_make(v->strings + text.at, text.len),
                                                  REGEX_FOLD, &v->regexes[i], NULL, NULL) != ERR_OK)
            return damaged(err, "a regular expression is none");
    }
    return ERR_OK;
}

static void view_init(struct rules_view *v, const struct rules_header *h)
{
    *v = (struct rules_view){
        .header = h,
        .cells = section(h, RULES_CELLS),
        .cell_bits = power_of_two(h->sections[RULES_CELLS].count, CELL_BITS_MIN, CELL_BITS_MAX),
        .singles = section(h, RULES_SINGLES),
        .pairs = section(h, RULES_PAIRS),
        .literals = section(h, RULES_LITERALS),
        .uses = section(h, RULES_USES),
        .entries = section(h, RULES_ENTRIES),
        .entry_count = h->sections[RULES_ENTRIES].count,
        .extras = section(h, RULES_EXTRAS),
        .programs = section(h, RULES_PROGRAMS),
        .scopes = section(h, RULES_SCOPES),
        .regex_texts = section(h, RULES_REGEXES),
        .regex_count = h->sections[RULES_REGEXES].count,
        .hidden_cells = section(h, RULES_HIDDEN_CELLS),
        .hidden_bits =
            power_of_two(h->sections[RULES_HIDDEN_CELLS].count, CELL_BITS_MIN, CELL_BITS_MAX),
        .hidden = section(h, RULES_HIDDEN),
        .hidden_count = h->sections[RULES_HIDDEN].count,
        .strings = section(h, RULES_STRINGS),
    };
    v->filter_bits =
        power_of_two(h->sections[RULES_PAIRS].count, FILTER_BITS_MIN - 6, FILTER_BITS_MAX - 6);
    if (v->filter_bits != 0)
        v->filter_bits += 6; /* it counts words of 64 bits */
    for (uint32_t i = 0; i < h->sections[RULES_SINGLES].count && !v->has_singles; i++)
        v->has_singles = v->singles[i] != 0;
}

static enum err_code view_check(struct rules_view *v, struct err *err)
{
    if (v->filter_bits == 0 || section_count(v, RULES_SINGLES) != section_count(v, RULES_PAIRS))
        return damaged(err, "a filter has a wrong size");
    if (!cells_valid(v->cells, v->cell_bits, section_count(v, RULES_LITERALS)) ||
        !cells_valid(v->hidden_cells, v->hidden_bits, v->hidden_count))
        return damaged(err, "a table of words is wrong");
    if (v->entry_count > RULES_MAX || !literals_valid(v) || !entries_valid(v))
        return damaged(err, "a rule points out of bounds");
    return ERR_OK;
}

enum err_code rules_set_open(struct slice bytes, struct rules_set **out, struct err *err)
{
    struct rules_set *set = NULL;
    enum err_code rc = header_check(bytes, err);

    if (rc != ERR_OK)
        return rc;
    set = mem_zalloc(sizeof(*set));
    view_init(&set->view, (const void *)bytes.ptr);
    rc = regexes_open(&set->view, err);
    if (rc == ERR_OK)
        rc = view_check(&set->view, err);
    if (rc == ERR_OK) {
        *out = set;
        set = NULL;
    }
    rules_set_destroy(&set);
    return rc;
}

struct slice rules_set_blob(const struct rules_set *set)
{
    ENSURE(set->base == NULL);
    return slice_make(set->view.header, set->view.header->bytes);
}

void rules_set_destroy(struct rules_set **set)
{
    if (*set == NULL)
        return;
    for (uint32_t i = 0; (*set)->view.regexes != NULL && i < (*set)->view.regex_count; i++)
        free((*set)->view.regexes[i]);
    free((*set)->view.regexes);
    free((*set)->owned);
    free((*set)->gone);
    free(*set);
    *set = NULL;
}

size_t rules_set_bytes(const struct rules_set *set)
{
    size_t bytes = sizeof(*set) + set->view.header->bytes;

    for (uint32_t i = 0; i < set->view.regex_count; i++)
        bytes += regex_bytes(set->view.regexes[i]);
    if (set->gone != NULL)
        bytes += (set->base->view.entry_count / 64 + 1) * sizeof(*set->gone);
    return bytes;
}

size_t rules_set_count(const struct rules_set *set)
{
    return set->view.entry_count + (set->base != NULL ? set->base->view.entry_count : 0);
}

struct slice rules_set_name(const struct rules_set *set, size_t rule)
{
    const struct rules_view *v = &set->view;
    size_t base = set->base != NULL ? set->base->view.entry_count : 0;

    ENSURE(rule < rules_set_count(set));
    if (rule < base)
        v = &set->base->view;
    else
        rule -= base;
    return slice_make(v->strings + v->entries[rule].name, v->entries[rule].name_len);
}

/* ---- a set laid over another ---- */
static int id_compare(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left;
    uint64_t b = *(const uint64_t *)right;

    return a < b ? -1 : a > b;
}

enum err_code rules_overlay(const struct rules_set *base, const struct rules_rule *changed,
                            size_t changed_count, const uint64_t *removed, size_t removed_count,
                            struct rules_set **out, struct err *err)
{
    size_t id_count = changed_count + removed_count;
    uint64_t *ids;
    enum err_code rc;

    ENSURE(base->base == NULL);
    rc = rules_compile(changed, changed_count, out, err);
    if (rc != ERR_OK)
        return rc;
    ids = mem_alloc((id_count + 1) * sizeof(*ids));
    for (size_t i = 0; i < changed_count; i++)
        ids[i] = changed[i].id;
    if (removed_count > 0)
        memcpy(ids + changed_count, removed, removed_count * sizeof(*ids));
    qsort(ids, id_count, sizeof(*ids), id_compare);
    (*out)->base = base;
    (*out)->gone = mem_zalloc((base->view.entry_count / 64 + 1) * sizeof(uint64_t));
    for (uint32_t i = 0; i < base->view.entry_count; i++) {
        if (bsearch(&base->view.entries[i].id, ids, id_count, sizeof(*ids), id_compare) != NULL)
            (*out)->gone[i / 64] |= 1ull << (i % 64);
    }
    free(ids);
    return ERR_OK;
}
