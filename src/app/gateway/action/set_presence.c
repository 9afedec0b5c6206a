/* SPDX-License-Identifier: Apache-2.0 */
/* An agent is there, busy or away: the desk's to know, not a conversation's. */
#include "gateway_priv.h"

enum { REASON_BYTES_MAX = 60 }; /* a few words, shown to everybody */

void gateway_set_presence(struct gateway_session *session, uint32_t id,
                          const Kefu__V1__SetPresence *in)
{
    const struct gateway_ops *ops = &session->gateway->options.ops;
    Kefu__V1__ServerFrame frame = KEFU__V1__SERVER_FRAME__INIT;
    Kefu__V1__Ack ack = KEFU__V1__ACK__INIT;
    struct err err = { 0 };

    if (session->agent == NULL || session->agent->who.token_id != 0) {
        err_set(&err, ERR_FORBIDDEN, "only agents have a presence");
        gateway_session_error(session, id, &err);
        return;
    }
    if (strlen(in->reason) > REASON_BYTES_MAX) {
        err_set_field(&err, ERR_TOO_BIG, "setPresence.reason", "at most %d bytes",
                      REASON_BYTES_MAX);
        gateway_session_error(session, id, &err);
        return;
    }
    if (!ops->agent_status(ops->ctx, &session->agent->who, (uint32_t)in->status,
                           slice_of(in->reason))) {
        err_set(&err, ERR_BUSY, "too much to do; try again");
        err.retry_after_ms = 1000;
        gateway_session_error(session, id, &err);
        return;
    }
    frame.id = id;
    frame.body_case = KEFU__V1__SERVER_FRAME__BODY_ACK;
    frame.ack = &ack;
    gateway_session_send(session, &frame);
}
