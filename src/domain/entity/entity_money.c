/* SPDX-License-Identifier: Apache-2.0 */
/* Amounts: a sign or code before the number (¥12.50, US$3, rmb 20), or a word behind it (20元,
 * 三块五, 1.5万元, 20 dollars). */
#include "entity_priv.h"

#include "check.h"

enum currency { CNY, USD, EUR, GBP, HKD, TWD, JPY, CURRENCY_COUNT };

static const char codes[CURRENCY_COUNT][4] = { "CNY", "USD", "EUR", "GBP", "HKD", "TWD", "JPY" };

static const struct entity_word before[] = {
    { "¥", CNY },   { "rmb", CNY }, { "cny", CNY }, { "人民币", CNY },
    { "$", USD },   { "us$", USD }, { "usd", USD }, { "€", EUR },
    { "eur", EUR }, { "£", GBP },   { "gbp", GBP }, { "hk$", HKD },
    { "hkd", HKD }, { "nt$", TWD }, { "twd", TWD }, { "jpy", JPY },
};

static const struct entity_word behind[] = {
    { "元", CNY },     { "块", CNY },       { "块钱", CNY },    { "圆", CNY },     { "元钱", CNY },
    { "人民币", CNY }, { "元人民币", CNY }, { "rmb", CNY },     { "cny", CNY },    { "yuan", CNY },
    { "美元", USD },   { "美金", USD },     { "dollars", USD }, { "dollar", USD }, { "bucks", USD },
    { "usd", USD },    { "欧元", EUR },     { "euros", EUR },   { "euro", EUR },   { "eur", EUR },
    { "€", EUR },      { "英镑", GBP },     { "pounds", GBP },  { "gbp", GBP },    { "港币", HKD },
    { "港元", HKD },   { "hkd", HKD },      { "台币", TWD },    { "新台币", TWD }, { "日元", JPY },
    { "yen", JPY },    { "jpy", JPY },      { "$", USD },
};

static size_t amount_found(struct entity_match *m, int currency, size_t end)
{
    memcpy(m->value, codes[currency], 3);
    m->value_len = 3;
    return end;
}

/* 三块五, 12元5角: tenths behind the unit. */
static size_t tenths_at(struct slice norm, size_t end, struct entity_match *m)
{
    int64_t tenths;
    size_t after = m->number.scale == 0 ? entity_whole_at(norm, end, 1, 9, &tenths) : 0;

    if (after == 0 || m->number.mantissa > INT64_MAX / 10 - 1)
        return end;
    if (entity_is_digit(norm.ptr[end]) && !entity_ends(norm, after))
        return end;
    m->number = (struct entity_decimal){ m->number.mantissa * 10 + tenths, 1 };
    if (after < norm.len && (entity_has(norm, after, "角") || entity_has(norm, after, "毛")))
        after += strlen("角");
    return after;
}

size_t entity_money_at(struct entity_scan *s, size_t at, struct entity_match *m)
{
    static const char *const units[] = { "块", "元" };
    int currency = CNY;
    size_t end = entity_word_at(s->norm, at, before, LENGTH_OF(before), &currency);
    size_t number = end != 0 ? entity_skip_blank(s->norm, end) : at;
    size_t unit;

    /* "rmb20": entity_word_at wants a word's end, figures may follow here. */
    for (size_t i = 0; end == 0 && i < LENGTH_OF(before); i++) {
        size_t len = strlen(before[i].text);

        if (entity_has(s->norm, at, before[i].text) && at + len < s->norm.len &&
            entity_is_digit(s->norm.ptr[at + len])) {
            currency = before[i].value;
            end = number = at + len;
        }
    }
    if (number >= s->norm.len)
        return 0;
    unit = entity_decimal_at(s->norm, number, &m->number);
    if (end != 0)
        return unit != 0 ? amount_found(m, currency, unit) : 0;
    if (unit == 0)
        return 0;
    unit = entity_skip_blank(s->norm, unit);
    if (unit >= s->norm.len)
        return 0;
    end = entity_word_at(s->norm, unit, behind, LENGTH_OF(behind), &currency);
    if (end == 0)
        return 0;
    for (size_t i = 0; i < LENGTH_OF(units); i++) {
        if (end < s->norm.len && end - unit == strlen(units[i]) &&
            entity_has(s->norm, unit, units[i]))
            end = tenths_at(s->norm, end, m);
    }
    return amount_found(m, currency, end);
}
