/* SPDX-License-Identifier: Apache-2.0 */
/* What agents and the bot say: canned replies, FAQ entries, keyword rules. */
#include "api_priv.h"

#include <stdio.h>

#include "bot.h"
#include "limit.h"

enum {
    SHORTCUT_BYTES_MAX = 40,
    VARIANTS_MAX = 64,
    PHRASES_MAX = 64,
    QUESTION_BYTES_MAX = 1000,
    PHRASE_BYTES_MAX = 200,
};

static enum err_code texts_check(const char *field, char *const *texts, size_t n, size_t n_max,
                                 size_t len_max, struct err *err)
{
    if (n > n_max)
        return err_set_field(err, ERR_TOO_BIG, field, "at most %zu", n_max);
    for (size_t i = 0; i < n; i++) {
        char item[ERR_FIELD_MAX];
        enum err_code rc;

        snprintf(item, sizeof(item), "%s[%zu]", field, i);
        rc = api_text_check(item, texts[i], 1, len_max, err);
        if (rc != ERR_OK)
            return rc;
    }
    return ERR_OK;
}

enum err_code api_locale_check(const char *locale, bool may_be_empty, struct err *err)
{
    if (strcmp(locale, "zh") == 0 || strcmp(locale, "en") == 0 ||
        (may_be_empty && locale[0] == '\0'))
        return ERR_OK;
    return err_set_field(err, ERR_INVALID, "locale", "zh or en");
}

/* ---- canned replies ---- */

static enum err_code canned_check(struct api_call *call, ProtobufCMessage *msg,
                                  const ProtobufCMessage *old, struct err *err)
{
    Kefu__V1__CannedReply *reply = (Kefu__V1__CannedReply *)msg;
    enum err_code rc = api_text_check("shortcut", reply->shortcut, 1, SHORTCUT_BYTES_MAX, err);

    (void)call;
    (void)old;
    if (rc == ERR_OK && strpbrk(reply->shortcut, " \t\r\n/") != NULL)
        rc = err_set_field(err, ERR_INVALID, "shortcut", "no blanks and no slash");
    if (rc == ERR_OK)
        rc = api_text_check("text", reply->text, 1, LIMIT_TEXT_BYTES_MAX, err);
    if (rc == ERR_OK)
        rc = api_locale_check(reply->locale, true, err);
    return rc;
}

static const struct api_resource canned = {
    .name = "canned-replies",
    .kind = STORE_CANNED_REPLY,
    .desc = &kefu__v1__canned_reply__descriptor,
    .list = &kefu__v1__canned_reply_list__descriptor,
    .check = canned_check,
};

/* ---- FAQ entries ---- */

static enum err_code faq_check(struct api_call *call, ProtobufCMessage *msg,
                               const ProtobufCMessage *old, struct err *err)
{
    Kefu__V1__FaqEntry *entry = (Kefu__V1__FaqEntry *)msg;
    enum err_code rc = api_locale_check(entry->locale, false, err);

    (void)call;
    (void)old;
    if (rc == ERR_OK)
        rc = api_text_check("question", entry->question, 1, QUESTION_BYTES_MAX, err);
    if (rc == ERR_OK)
        rc = api_text_check("answer", entry->answer, 1, LIMIT_TEXT_BYTES_MAX, err);
    if (rc == ERR_OK)
        rc = api_text_check("category", entry->category, 0, LIMIT_NAME_BYTES_MAX, err);
    if (rc == ERR_OK)
        rc = texts_check("variants", entry->variants, entry->n_variants, VARIANTS_MAX,
                         QUESTION_BYTES_MAX, err);
    return rc;
}

static const struct api_resource faq = {
    .name = "faq-entries",
    .kind = STORE_FAQ_ENTRY,
    .desc = &kefu__v1__faq_entry__descriptor,
    .list = &kefu__v1__faq_entry_list__descriptor,
    .effects = API_EFFECT_BOT,
    .check = faq_check,
};

/* ---- rules ---- */

static struct slice *slices_of(struct api_call *call, char *const *texts, size_t n)
{
    struct slice *out = arena_alloc(call->arena, (n + 1) * sizeof(*out));

    for (size_t i = 0; out != NULL && i < n; i++)
        out[i] = slice_of(texts[i]);
    return out;
}

/* Whether the rule would be taken by the bot: its words and its condition, with line and column. */
static enum err_code rule_compile(struct api_call *call, const Kefu__V1__Rule *rule,
                                  enum bot_action action, struct err *err)
{
    struct bot_rule in = {
        .id = 1,
        .name = slice_of(rule->name),
        .action = action,
        .locale = slice_of(rule->locale),
        .any = slices_of(call, rule->any, rule->n_any),
        .any_count = rule->n_any,
        .all = slices_of(call, rule->all, rule->n_all),
        .all_count = rule->n_all,
        .none = slices_of(call, rule->none, rule->n_none),
        .none_count = rule->n_none,
        .condition = slice_of(rule->condition),
        .priority = rule->priority,
        .sites = rule->site_ids,
        .site_count = rule->n_site_ids,
        .active = slice_of(rule->active),
        .hours = slice_of(rule->hours),
    };

    if (in.any == NULL || in.all == NULL || in.none == NULL)
        return err_set(err, ERR_TOO_BIG, "request too large");
    if (!bot_disguise_parse(slice_of(rule->disguise), &in.disguise))
        return err_set_field(err, ERR_INVALID, "disguise", "symbols, pinyin, sound");
    return bot_rule_check(&in, err);
}

/* A rule bound to a site of somebody else, or of nobody, would never hold. */
static enum err_code rule_sites_check(struct api_call *call, const Kefu__V1__Rule *rule,
                                      struct err *err)
{
    for (size_t i = 0; i < rule->n_site_ids; i++) {
        struct store_record record;
        char field[ERR_FIELD_MAX];
        bool found = false;
        enum err_code rc = store_record_get(call->api->store, STORE_SITE, rule->site_ids[i],
                                            call->arena, &record, &found, err);

        snprintf(field, sizeof(field), "siteIds[%zu]", i);
        if (rc != ERR_OK)
            return rc;
        if (!found || record.workspace != call->who.workspace_id)
            return err_set_field(err, ERR_INVALID, field, "no such site");
    }
    return ERR_OK;
}

static enum err_code rule_check(struct api_call *call, ProtobufCMessage *msg,
                                const ProtobufCMessage *old, struct err *err)
{
    Kefu__V1__Rule *rule = (Kefu__V1__Rule *)msg;
    enum bot_action action = BOT_ACTION_ANSWER;
    enum err_code rc = api_text_check("name", rule->name, 1, LIMIT_NAME_BYTES_MAX, err);

    (void)old;
    if (rc == ERR_OK && rule->n_any + rule->n_all == 0 && rule->condition[0] == '\0')
        rc = err_set_field(err, ERR_INVALID, "any", "a rule needs words in any, all or condition");
    if (rc == ERR_OK)
        rc = texts_check("any", rule->any, rule->n_any, PHRASES_MAX, PHRASE_BYTES_MAX, err);
    if (rc == ERR_OK)
        rc = texts_check("all", rule->all, rule->n_all, PHRASES_MAX, PHRASE_BYTES_MAX, err);
    if (rc == ERR_OK)
        rc = texts_check("none", rule->none, rule->n_none, PHRASES_MAX, PHRASE_BYTES_MAX, err);
    if (rc == ERR_OK)
        rc = api_locale_check(rule->locale, true, err);
    if (rc == ERR_OK && !bot_action_parse(slice_of(rule->action), &action))
        rc = err_set_field(err, ERR_INVALID, "action", "answer, block, mask, review or handoff");
    if (rc == ERR_OK)
        rc = api_text_check(
            "answer", rule->answer,
            rule->handoff || rule->flow[0] != '\0' || action != BOT_ACTION_ANSWER ? 0 : 1,
            LIMIT_TEXT_BYTES_MAX, err);
    if (rc == ERR_OK)
        rc = rule_compile(call, rule, action, err);
    return rc == ERR_OK ? rule_sites_check(call, rule, err) : rc;
}

static const struct api_resource rules = {
    .name = "rules",
    .kind = STORE_RULE,
    .desc = &kefu__v1__rule__descriptor,
    .list = &kefu__v1__rule_list__descriptor,
    .effects = API_EFFECT_BOT,
    .check = rule_check,
};

static const struct api_route routes[] = {
    { "GET", "/canned-replies", NULL, &kefu__v1__canned_reply_list__descriptor, PERM_CANNED_READ,
      api_record_list, 0, &canned, "List canned-replies" },
    { "POST", "/canned-replies", &kefu__v1__canned_reply__descriptor,
      &kefu__v1__canned_reply__descriptor, PERM_CANNED_WRITE, api_record_create, 0, &canned,
      "Make canned-replies" },
    { "GET", "/canned-replies/{id}", NULL, &kefu__v1__canned_reply__descriptor, PERM_CANNED_READ,
      api_record_get, 0, &canned, "Read canned-replies" },
    { "PATCH", "/canned-replies/{id}", &kefu__v1__canned_reply__descriptor,
      &kefu__v1__canned_reply__descriptor, PERM_CANNED_WRITE, api_record_patch, 0, &canned,
      "Change canned-replies" },
    { "DELETE", "/canned-replies/{id}", NULL, &kefu__v1__empty__descriptor, PERM_CANNED_WRITE,
      api_record_delete, 0, &canned, "Delete canned-replies" },
    { "GET", "/faq-entries", NULL, &kefu__v1__faq_entry_list__descriptor, PERM_FAQ_READ,
      api_record_list, 0, &faq, "List faq-entries" },
    { "POST", "/faq-entries", &kefu__v1__faq_entry__descriptor, &kefu__v1__faq_entry__descriptor,
      PERM_FAQ_WRITE, api_record_create, 0, &faq, "Make faq-entries" },
    { "GET", "/faq-entries/{id}", NULL, &kefu__v1__faq_entry__descriptor, PERM_FAQ_READ,
      api_record_get, 0, &faq, "Read faq-entries" },
    { "PATCH", "/faq-entries/{id}", &kefu__v1__faq_entry__descriptor,
      &kefu__v1__faq_entry__descriptor, PERM_FAQ_WRITE, api_record_patch, 0, &faq,
      "Change faq-entries" },
    { "DELETE", "/faq-entries/{id}", NULL, &kefu__v1__empty__descriptor, PERM_FAQ_WRITE,
      api_record_delete, 0, &faq, "Delete faq-entries" },
    { "GET", "/rules", NULL, &kefu__v1__rule_list__descriptor, PERM_RULE_READ, api_record_list, 0,
      &rules, "List rules" },
    { "POST", "/rules", &kefu__v1__rule__descriptor, &kefu__v1__rule__descriptor, PERM_RULE_WRITE,
      api_record_create, 0, &rules, "Make rules" },
    { "GET", "/rules/{id}", NULL, &kefu__v1__rule__descriptor, PERM_RULE_READ, api_record_get, 0,
      &rules, "Read rules" },
    { "PATCH", "/rules/{id}", &kefu__v1__rule__descriptor, &kefu__v1__rule__descriptor,
      PERM_RULE_WRITE, api_record_patch, 0, &rules, "Change rules" },
    { "DELETE", "/rules/{id}", NULL, &kefu__v1__empty__descriptor, PERM_RULE_WRITE,
      api_record_delete, 0, &rules, "Delete rules" },
};

const struct api_routes api_routes_content = { routes, LENGTH_OF(routes) };
