/* SPDX-License-Identifier: Apache-2.0 */
/* The site says who its visitor is. Only what its secret has signed is believed as `user_id`; name
 * and contact data without a signature are the visitor's own words. */
#include "gateway_priv.h"

#include "auth_visitor.h"
#include "limit.h"

enum err_code gateway_identify(struct gateway_session *session, const Kefu__V1__Identify *in,
                               struct chat_action *action, struct err *err)
{
    const struct gateway_options *options = &session->gateway->options;
    struct gateway_site site;
    struct chat_attribute *items = NULL;
    char secret[65];
    enum err_code rc;

    if (!options->ops.site_by_id(options->ops.ctx, (struct site_id){ session->site }, &site))
        return err_set(err, ERR_NOT_FOUND, "no such site");
    if (in->hash[0] == '\0' && (in->user_id[0] != '\0' || site.site->identity_required))
        return err_set_field(err, ERR_FORBIDDEN, "identify.hash", "a user id must be signed");
    if (in->hash[0] != '\0') {
        auth_identity_secret(options->master, session->site, secret);
        rc = auth_identity_verify(slice_of(secret), slice_of(in->user_id), in->issued_at,
                                  slice_of(in->hash), clock_wall_ms(options->clock) / 1000, err);
        if (rc != ERR_OK)
            return rc;
        action->visitor_info.user_id = slice_of(in->user_id);
    }
    action->kind = CHAT_IDENTIFY;
    action->visitor_info.name = slice_of(in->name);
    action->visitor_info.email = slice_of(in->email);
    action->visitor_info.phone = slice_of(in->phone);
    rc = gateway_attributes("identify.attributes", in->n_attributes, &session->gateway->arena,
                            action, &items, err);
    for (size_t i = 0; rc == ERR_OK && i < in->n_attributes; i++)
        items[i] = (struct chat_attribute){ slice_of(in->attributes[i]->key),
                                            slice_of(in->attributes[i]->value) };
    return rc;
}
