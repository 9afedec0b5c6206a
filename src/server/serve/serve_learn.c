/* SPDX-License-Identifier: Apache-2.0 */
/* Trainings have a pool of one thread, so that they never keep a request waiting; all that is known
 * of one stands in its record. A question that is tried is answered here on the shard by the bot
 * that visitors ask. What the bot did not understand is gathered per shard and brought to the store
 * now and then; a shard that meets more in between keeps the first ones. */
#include "serve_priv.h"

#include <stdlib.h>
#include <string.h>

#include "chat_trace.h"
#include "log.h"
#include "mem.h"
#include "schema.h"

/* ---- training -------------------------------------------------------------------------------- */

struct train_job {
    struct worker_job job;
    const struct learn_options *options;
    struct learn_job what;
};

static void train_run(struct worker_job *job)
{
    struct train_job *self = CONTAINER_OF(job, struct train_job, job);

    learn_train(self->options, &self->what);
    mem_heap_rest(NULL, NULL);
}

static void train_done(struct worker_job *job, struct shard *shard)
{
    free(CONTAINER_OF(job, struct train_job, job));
    node_reload(node_of(shard)); /* it may have gone live */
}

void node_train(struct node *node, const struct learn_job *what)
{
    struct train_job *self = mem_zalloc(sizeof(*self));
    struct worker_job *job = &self->job;

    self->job.run = train_run;
    self->job.done = train_done;
    self->options = &node->server->learn;
    self->what = *what;
    if (worker_submit(node->server->trainer, &job))
        return;
    LOG_WARN("training_waits_for_restart", KV_ID("model", what->model));
    free(self);
}

void node_train_waiting(struct node *node)
{
    for (size_t i = 0; i < node->server->job_count; i++)
        node_train(node, &node->server->jobs[i]);
    node->server->job_count = 0;
}

/* ---- trying ---------------------------------------------------------------------------------- */

static char *text_copy(struct arena *arena, struct slice text)
{
    return arena_strdup(arena, text);
}

static bool quick_replies_fill(struct arena *arena, Kefu__V1__TryReply *out,
                               const struct bot_reply *reply)
{
    Kefu__V1__QuickReply *items = arena_alloc(arena, BOT_QUICK_REPLIES_MAX * sizeof(*items));

    out->quick_replies = arena_alloc(arena, BOT_QUICK_REPLIES_MAX * sizeof(*out->quick_replies));
    if (items == NULL || out->quick_replies == NULL)
        return false;
    for (size_t i = 0; i < reply->quick_reply_count; i++) {
        kefu__v1__quick_reply__init(&items[i]);
        items[i].label = text_copy(arena, reply->quick_replies[i].label);
        items[i].text = text_copy(arena, reply->quick_replies[i].text);
        if (items[i].label == NULL || items[i].text == NULL)
            return false;
        out->quick_replies[out->n_quick_replies++] = &items[i];
    }
    return true;
}

static bool try_fill(struct arena *arena, Kefu__V1__TryReply *out, const struct bot_reply *reply,
                     const struct bot_guard *guard)
{
    out->trace = chat_trace_make(arena, reply);
    out->texts = arena_alloc(arena, BOT_TEXTS_MAX * sizeof(*out->texts));
    if (out->trace == NULL || out->texts == NULL || !quick_replies_fill(arena, out, reply))
        return false;
    for (size_t i = 0; i < reply->text_count; i++) {
        out->texts[i] = text_copy(arena, reply->texts[i]);
        if (out->texts[i] == NULL)
            return false;
        out->n_texts++;
    }
    out->handoff = reply->handoff || guard->handoff;
    out->handoff_reason = text_copy(arena, slice_of(reply->handoff ? reply->handoff_reason : ""));
    out->blocked = guard->block;
    out->review = guard->review;
    out->masked_text = text_copy(arena, guard->masked ? guard->text : SLICE_EMPTY);
    out->guard_rule = text_copy(arena, guard->rule);
    return out->handoff_reason != NULL && out->masked_text != NULL && out->guard_rule != NULL;
}

void node_try(struct node *node, struct arena *arena, struct api_reply *reply)
{
    const struct bot *bot =
        directory_bot(node->directory, (struct workspace_id){ reply->who.workspace_id });
    const struct bot_question question = { .text = reply->try.text,
                                           .locale = reply->try.locale,
                                           .site_id = reply->try.site,
                                           .clarify_rounds = reply->try.clarify_rounds,
                                           .utc_offset_minutes = node->server->utc_offset_minutes };
    Kefu__V1__TryReply body = KEFU__V1__TRY_REPLY__INIT;
    struct bot_reply answer;
    struct bot_guard guard;
    struct err err = { 0 };
    enum err_code rc = ERR_OK;

    if (bot == NULL)
        rc = err_set(&err, ERR_NOT_FOUND, "no bot here");
    if (rc == ERR_OK)
        rc = bot_guard(bot, node->scratch, &question, &clock_system, arena, &guard, &err);
    if (rc == ERR_OK)
        rc = bot_answer(bot, node->scratch, &question, &clock_system, arena, &answer, &err);
    if (rc == ERR_OK && !try_fill(arena, &body, &answer, &guard))
        rc = err_set(&err, ERR_TOO_BIG, "request too large");
    if (rc == ERR_OK)
        schema_json_encode(&body.base, &reply->body);
    else
        api_reply_error(reply, &err);
}

/* ---- unclear questions ----------------------------------------------------------------------- */

void node_unclear(struct node *node, struct workspace_id workspace, struct slice text,
                  const struct bot_reply *reply)
{
    struct learn_question question;

    if (node->unclear_count == SERVE_UNCLEAR_MAX || !learn_question_make(text, reply, &question))
        return;
    question.workspace = workspace.v;
    for (size_t i = 0; i < node->unclear_count; i++) {
        if (node->unclear[i].workspace == workspace.v &&
            strcmp(node->unclear[i].text, question.text) == 0) {
            node->unclear[i].count++;
            return;
        }
    }
    node->unclear[node->unclear_count++] = question;
}

struct unclear_job {
    struct worker_job job;
    struct store *store;
    size_t count;
    struct learn_question questions[];
};

static void unclear_run(struct worker_job *job)
{
    struct unclear_job *self = CONTAINER_OF(job, struct unclear_job, job);
    struct err err = { 0 };

    if (learn_unclear_merge(self->store, self->questions, self->count, clock_wall_ms(&clock_system),
                            &err) != ERR_OK)
        LOG_WARN("unclear_questions_lost", KV_ERR(&err), KV_U64("questions", self->count));
}

static void unclear_done(struct worker_job *job, struct shard *shard)
{
    node_of(shard)->unclear_busy = false;
    free(CONTAINER_OF(job, struct unclear_job, job));
}

void node_unclear_tick(struct node *node)
{
    size_t bytes = node->unclear_count * sizeof(struct learn_question);
    struct unclear_job *self;
    struct worker_job *job;

    if (node->unclear_busy || node->unclear_count == 0 ||
        loop_now_ms(node->loop) < node->unclear_at)
        return;
    node->unclear_at = loop_now_ms(node->loop) + SERVE_UNCLEAR_MS;
    self = mem_zalloc(sizeof(*self) + bytes);
    job = &self->job;
    self->job.run = unclear_run;
    self->job.done = unclear_done;
    self->store = node->server->store;
    self->count = node->unclear_count;
    memcpy(self->questions, node->unclear, bytes);
    if (!worker_submit(node->server->workers, &job)) {
        free(self);
        return; /* the next tick tries again */
    }
    node->unclear_busy = true;
    node->unclear_count = 0;
}
