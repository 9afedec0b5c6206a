/* SPDX-License-Identifier: Apache-2.0 */
/* Sites: a website with its public widget key, its domains and its look. */
#include "api_priv.h"

#include <stdio.h>

#include "auth_visitor.h"
#include "bot.h"
#include "limit.h"

enum {
    DOMAINS_MAX = 50,
    IDLE_CLOSE_MINUTES_MAX = 7 * 24 * 60,
    GREETING_BYTES_MAX = 2000,
};

static bool color_valid(const char *color)
{
    size_t len = strlen(color);

    return len == 0 ||
           (len == 7 && color[0] == '#' && strspn(color + 1, "0123456789abcdefABCDEF") == 6);
}

/* A host, maybe with a port or a leading "*."; never a scheme or path. */
static bool domain_valid(const char *domain)
{
    size_t len = strlen(domain);
    const char *rest = strncmp(domain, "*.", 2) == 0 ? domain + 2 : domain;

    return len > 0 && len <= 253 && rest[0] != '\0' &&
           rest[strspn(rest, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                             "0123456789-._:[]")] == '\0';
}

static enum err_code site_key_make(struct api_call *call, Kefu__V1__Site *site, struct err *err)
{
    char key[AUTH_SECRET_TEXT_MAX];

    auth_secret_make("", key);
    site->key = arena_strdup(call->arena, slice_make(key, 22)); /* public: 132 bits, unique */
    if (site->idle_close_minutes == 0)
        site->idle_close_minutes = LIMIT_IDLE_CLOSE_MINUTES_DEFAULT;
    return site->key != NULL ? ERR_OK : err_set(err, ERR_TOO_BIG, "request too large");
}

static bool rung_exists(const char *name)
{
    for (size_t i = 0; bot_rung_name(i) != NULL; i++)
        if (strcmp(bot_rung_name(i), name) == 0)
            return true;
    return false;
}

/* What the bot would refuse as a whole is refused here, where somebody reads the reason. */
static enum err_code ladder_check(const Kefu__V1__Site *site, struct err *err)
{
    char field[40];

    for (size_t i = 0; i < site->n_ladder; i++) {
        const Kefu__V1__LadderRung *rung = site->ladder[i];
        bool known = rung_exists(rung->rung);
        snprintf(field, sizeof(field), "ladder[%zu].%s", i, known ? "threshold" : "rung");
        if (!known)
            return err_set_field(err, ERR_INVALID, field, "no such rung");
        if (!(rung->threshold >= 0.0 && rung->threshold <= 1.0))
            return err_set_field(err, ERR_INVALID, field, "must be 0 to 1");
    }
    return ERR_OK;
}

static enum err_code site_check(struct api_call *call, ProtobufCMessage *msg,
                                const ProtobufCMessage *old, struct err *err)
{
    Kefu__V1__Site *site = (Kefu__V1__Site *)msg;
    enum err_code rc = api_text_check("name", site->name, 1, LIMIT_NAME_BYTES_MAX, err);

    if (rc == ERR_OK)
        rc = api_text_check("greetingZh", site->greeting_zh, 0, GREETING_BYTES_MAX, err);
    if (rc == ERR_OK)
        rc = api_text_check("greetingEn", site->greeting_en, 0, GREETING_BYTES_MAX, err);
    if (rc == ERR_OK && !color_valid(site->color))
        rc = err_set_field(err, ERR_INVALID, "color", "not like #1a2b3c");
    if (rc == ERR_OK && site->n_domains > DOMAINS_MAX)
        rc = err_set_field(err, ERR_TOO_BIG, "domains", "at most %d", DOMAINS_MAX);
    for (size_t i = 0; rc == ERR_OK && i < site->n_domains; i++)
        if (!domain_valid(site->domains[i]))
            rc = err_set_field(err, ERR_INVALID, "domains", "entry %zu is not a host name", i);
    if (rc == ERR_OK && site->idle_close_minutes > IDLE_CLOSE_MINUTES_MAX)
        rc = err_set_field(err, ERR_INVALID, "idleCloseMinutes", "at most %d",
                           IDLE_CLOSE_MINUTES_MAX);
    if (rc == ERR_OK)
        rc = ladder_check(site, err);
    if (rc == ERR_OK && old == NULL)
        rc = site_key_make(call, site, err);
    return rc;
}

static struct slice site_lookup(struct api_call *call, const ProtobufCMessage *msg)
{
    (void)call;
    return slice_of(((const Kefu__V1__Site *)msg)->key);
}

static void site_present(struct api_call *call, ProtobufCMessage *msg)
{
    Kefu__V1__Site *site = (Kefu__V1__Site *)msg;
    char secret[65];

    auth_identity_secret(&call->api->master, site->id, secret);
    site->identity_secret_hint = arena_strdup(call->arena, slice_make(secret + 60, 4));
}

static const char *const site_read_only[] = { "key", "identity_secret_hint", NULL };

static const struct api_resource sites = {
    .name = "sites",
    .kind = STORE_SITE,
    .desc = &kefu__v1__site__descriptor,
    .list = &kefu__v1__site_list__descriptor,
    .effects = API_EFFECT_DIRECTORY | API_EFFECT_BOT,
    .read_only = site_read_only,
    .check = site_check,
    .lookup = site_lookup,
    .present = site_present,
};

/* The secret with which the customer's own server signs its users. Shown to admins only. */
static enum err_code identity_secret(struct api_call *call, struct err *err)
{
    Kefu__V1__Setting *setting = api_message_new(call, call->route->reply, err);
    struct store_record record;
    char secret[65];
    bool found = false;
    enum err_code rc;

    if (setting == NULL)
        return err->code;
    rc =
        store_record_get(call->api->store, STORE_SITE, call->id, call->arena, &record, &found, err);
    if (rc != ERR_OK)
        return rc;
    if (!found || record.workspace != call->who.workspace_id)
        return err_set(err, ERR_NOT_FOUND, "no such site");
    auth_identity_secret(&call->api->master, call->id, secret);
    setting->key = (char *)"identitySecret";
    setting->value = arena_strdup(call->arena, slice_of(secret));
    call->answer = &setting->base;
    return ERR_OK;
}

static const struct api_route routes[] = {
    { "GET", "/sites", NULL, &kefu__v1__site_list__descriptor, PERM_SITE_READ, api_record_list, 0,
      &sites, "List sites" },
    { "POST", "/sites", &kefu__v1__site__descriptor, &kefu__v1__site__descriptor, PERM_SITE_WRITE,
      api_record_create, 0, &sites, "Make a site" },
    { "GET", "/sites/{id}", NULL, &kefu__v1__site__descriptor, PERM_SITE_READ, api_record_get, 0,
      &sites, "Read a site" },
    { "PATCH", "/sites/{id}", &kefu__v1__site__descriptor, &kefu__v1__site__descriptor,
      PERM_SITE_WRITE, api_record_patch, 0, &sites, "Change a site" },
    { "DELETE", "/sites/{id}", NULL, &kefu__v1__empty__descriptor, PERM_SITE_WRITE,
      api_record_delete, 0, &sites, "Delete a site" },
    { "GET", "/sites/{id}/identity-secret", NULL, &kefu__v1__setting__descriptor, PERM_SITE_WRITE,
      identity_secret, 0, NULL, "The secret that signs the site's users" },
};

const struct api_routes api_routes_site = { routes, LENGTH_OF(routes) };
