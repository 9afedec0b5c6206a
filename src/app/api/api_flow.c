/* SPDX-License-Identifier: Apache-2.0 */
/* Flows in versions: drafts may hold mistakes, a publication may not. Publishing checks the source
 * against the other published flows and runs its stories; the version that it replaces is retired
 * and stays loaded for the conversations that are in it. Publishing a retired version again is the
 * way back: it becomes a new version with the next number. */
#include "api_priv.h"

#include <stdlib.h>

#include "flow_host.h"
#include "limit.h"
#include "mem.h"

#include "kefu/v1/flow.pb-c.h"

enum {
    SOURCE_BYTES_MAX = 200 * 1024, /* of a record of 256 KiB, with room for its names */
    GRAPH_BYTES_MAX = 256 * 1024,
};

static bool is(const char *state, const char *name)
{
    return strcmp(state, name) == 0;
}

/* ---- drafts ---------------------------------------------------------------------------------- */

static enum err_code head_take(struct api_call *call, Kefu__V1__Flow *flow, struct err *err)
{
    struct flow_host_head head;

    if (!flow_host_head(slice_of(flow->source), &head, err))
        return err->code;
    flow->name = arena_strdup(call->arena, slice_of(head.name));
    flow->title = arena_strdup(call->arena, slice_of(head.title));
    flow->number = head.number;
    return flow->name != NULL && flow->title != NULL
               ? ERR_OK
               : err_set(err, ERR_TOO_BIG, "request too large");
}

static enum err_code draft_check(struct api_call *call, ProtobufCMessage *msg,
                                 const ProtobufCMessage *old, struct err *err)
{
    Kefu__V1__Flow *flow = (Kefu__V1__Flow *)msg;
    enum err_code rc = api_text_check("source", flow->source, 1, SOURCE_BYTES_MAX, err);

    if (rc == ERR_OK)
        rc = api_text_check("note", flow->note, 0, LIMIT_TITLE_BYTES_MAX, err);
    if (rc == ERR_OK && old != NULL && !is(((const Kefu__V1__Flow *)old)->state, "draft"))
        rc = err_set(err, ERR_CONFLICT, "only drafts change; make a new version");
    if (rc != ERR_OK)
        return rc;
    flow->state = (char *)"draft";
    flow->author = call->who.name;
    return head_take(call, flow, err);
}

/* A list is for choosing: sources are read one by one. */
static void flow_present(struct api_call *call, ProtobufCMessage *msg)
{
    Kefu__V1__Flow *flow = (Kefu__V1__Flow *)msg;
    struct flow_host_head head;
    struct err err;

    flow->begins = flow_host_head(slice_of(flow->source), &head, &err) && head.begins;
    if (call->id == 0 && strcmp(call->route->method, "GET") == 0)
        flow->source = (char *)"";
}

static const char *const read_only[] = { "name",   "title",        "number", "state",
                                         "author", "published_at", "begins", NULL };

static const struct api_resource flows = {
    .name = "flows",
    .kind = STORE_FLOW,
    .desc = &kefu__v1__flow__descriptor,
    .list = &kefu__v1__flow_list__descriptor,
    .read_only = read_only,
    .check = draft_check,
    .present = flow_present,
};

/* ---- what is there --------------------------------------------------------------------------- */

struct shelf {
    struct store_record *records;
    Kefu__V1__Flow **flows;
    size_t count;
    struct slice *published; /* sources of the other flows */
    size_t published_count;
    struct flow_host_story *stories;
    size_t story_count;
};

/* Every record of a kind, in the call's arena. */
static enum err_code records_all(struct api_call *call, enum store_kind kind,
                                 struct store_record **out, size_t *count, struct err *err)
{
    struct store_record_query query = { .kind = kind,
                                        .workspace = call->who.workspace_id,
                                        .limit = STORE_PAGE_MAX };
    struct store_records page = { .more = true };

    while (page.more) {
        struct store_record *grown;
        enum err_code rc = store_record_list(call->api->store, &query, call->arena, &page, err);

        if (rc != ERR_OK)
            return rc;
        grown = arena_alloc(call->arena, (*count + page.n + 1) * sizeof(*grown));
        if (grown == NULL || *count + page.n > FLOW_HOST_FLOWS_MAX)
            return err_set(err, ERR_TOO_BIG, "more than %d %s", FLOW_HOST_FLOWS_MAX,
                           store_kind_name(kind));
        if (*count > 0)
            memcpy(grown, *out, *count * sizeof(*grown));
        if (page.n > 0) {
            memcpy(grown + *count, page.items, page.n * sizeof(*grown));
            query.after = page.items[page.n - 1].id;
        }
        *out = grown;
        *count += page.n;
    }
    return ERR_OK;
}

static enum err_code stories_load(struct api_call *call, const char *name, struct shelf *shelf,
                                  struct err *err)
{
    struct store_record *records = NULL;
    size_t count = 0;
    enum err_code rc = records_all(call, STORE_STORY, &records, &count, err);

    if (rc != ERR_OK)
        return rc;
    shelf->stories = arena_alloc(call->arena, (count + 1) * sizeof(*shelf->stories));
    for (size_t i = 0; i < count && shelf->stories != NULL; i++) {
        Kefu__V1__Story *story = NULL;

        rc = api_decode(&kefu__v1__story__descriptor, records[i].body, call->arena, &story, err);
        if (rc != ERR_OK)
            return rc;
        if (strcmp(story->flow, name) == 0)
            shelf->stories[shelf->story_count++] =
                (struct flow_host_story){ slice_of(story->name), slice_of(story->source) };
    }
    return ERR_OK;
}

/* All versions, the published sources of flows that are not `name`, and that one's stories. */
static enum err_code shelf_load(struct api_call *call, const char *name, struct shelf *shelf,
                                struct err *err)
{
    enum err_code rc;

    *shelf = (struct shelf){ 0 };
    rc = records_all(call, STORE_FLOW, &shelf->records, &shelf->count, err);
    if (rc != ERR_OK)
        return rc;
    shelf->flows = arena_alloc(call->arena, (shelf->count + 1) * sizeof(*shelf->flows));
    shelf->published = arena_alloc(call->arena, (shelf->count + 1) * sizeof(struct slice));
    if (shelf->flows == NULL || shelf->published == NULL)
        return err_set(err, ERR_TOO_BIG, "too many flows");
    for (size_t i = 0; i < shelf->count; i++) {
        rc = api_decode(&kefu__v1__flow__descriptor, shelf->records[i].body, call->arena,
                        &shelf->flows[i], err);
        if (rc != ERR_OK)
            return rc;
        if (is(shelf->flows[i]->state, "published") && strcmp(shelf->flows[i]->name, name) != 0)
            shelf->published[shelf->published_count++] = slice_of(shelf->flows[i]->source);
    }
    return stories_load(call, name, shelf, err);
}

static enum err_code flow_load(struct api_call *call, struct store_record *record,
                               Kefu__V1__Flow **out, struct err *err)
{
    bool found = false;
    enum err_code rc =
        store_record_get(call->api->store, STORE_FLOW, call->id, call->arena, record, &found, err);

    if (rc == ERR_OK && (!found || record->workspace != call->who.workspace_id))
        rc = err_set(err, ERR_NOT_FOUND, "no such flow");
    return rc == ERR_OK
               ? api_decode(&kefu__v1__flow__descriptor, record->body, call->arena, out, err)
               : rc;
}

/* ---- checking -------------------------------------------------------------------------------- */

static void findings_fill(struct api_call *call, const struct flow_report *from,
                          Kefu__V1__FlowReport *to)
{
    to->findings = arena_alloc(call->arena, (from->count + 1) * sizeof(*to->findings));
    for (size_t i = 0; i < from->count && to->findings != NULL; i++) {
        Kefu__V1__FlowFinding *item = arena_alloc(call->arena, sizeof(*item));

        if (item == NULL)
            return;
        kefu__v1__flow_finding__init(item);
        item->code = arena_strdup(call->arena, slice_of(from->findings[i].code));
        item->line = from->findings[i].line;
        item->column = from->findings[i].column;
        item->text = arena_strdup(call->arena, slice_of(from->findings[i].text));
        if (item->code == NULL || item->text == NULL)
            return;
        to->findings[to->n_findings++] = item;
    }
}

static void failures_fill(struct api_call *call, const struct story_tally *from,
                          Kefu__V1__FlowReport *to)
{
    to->failures = arena_alloc(call->arena, (from->failure_count + 1) * sizeof(*to->failures));
    for (size_t i = 0; i < from->failure_count && to->failures != NULL; i++) {
        const struct story_failure *failure = &from->failures[i];
        Kefu__V1__StoryFailure *item = arena_alloc(call->arena, sizeof(*item));

        if (item == NULL)
            return;
        kefu__v1__story_failure__init(item);
        item->file = arena_strdup(call->arena, slice_of(failure->file));
        item->story = arena_strdup(call->arena, slice_of(failure->story));
        item->line = failure->line;
        item->step = failure->step;
        item->expected = arena_strdup(call->arena, slice_of(failure->expected));
        item->actual = arena_strdup(call->arena, slice_of(failure->actual));
        if (item->file == NULL || item->story == NULL || item->expected == NULL ||
            item->actual == NULL)
            return;
        to->failures[to->n_failures++] = item;
    }
}

static void graph_fill(struct api_call *call, const struct flow *flow, Kefu__V1__FlowReport *to)
{
    struct buf buf;
    char *copy;

    buf_init(&buf, GRAPH_BYTES_MAX);
    flow_graph_write(flow, &buf);
    copy = buf_ok(&buf) ? arena_strdup(call->arena, buf_slice(&buf)) : NULL;
    if (copy != NULL)
        to->graph = copy;
    buf_fini(&buf);
}

static void gaps_fill(struct api_call *call, const struct flow_host_check *check,
                      Kefu__V1__FlowReport *to)
{
    struct err err;

    to->uncovered = arena_alloc(call->arena, (check->gap_count + 1) * sizeof(*to->uncovered));
    for (size_t i = 0; to->uncovered != NULL && i < check->gap_count; i++) {
        Kefu__V1__FlowGap *gap = api_message_new(call, &kefu__v1__flow_gap__descriptor, &err);
        char *text = arena_strdup(call->arena, slice_of(check->gaps[i].text));

        if (gap == NULL || text == NULL)
            return;
        gap->line = check->gaps[i].line;
        gap->text = text;
        to->uncovered[to->n_uncovered++] = gap;
    }
}

static void report_fill(struct api_call *call, const struct flow_host_head *head,
                        const struct flow_host_check *check, Kefu__V1__FlowReport *to)
{
    char *name = arena_strdup(call->arena, slice_of(head->name));

    to->ok = check->ok;
    to->name = name != NULL ? name : to->name;
    to->number = head->number;
    to->errors = (uint32_t)check->report.errors;
    to->warnings = (uint32_t)check->report.warnings;
    to->states = check->facts.states;
    to->rows = check->facts.rows + check->facts.global_rows;
    to->stories = (uint32_t)check->tally.stories;
    to->stories_passed = (uint32_t)check->tally.passed;
    to->rows_covered = (uint32_t)check->rows_covered;
    findings_fill(call, &check->report, to);
    failures_fill(call, &check->tally, to);
    gaps_fill(call, check, to);
    if (check->flow != NULL)
        graph_fill(call, check->flow, to);
}

/* The source of the body, or as it is stored. A source without a name is a finding as well. */
static enum err_code flow_check(struct api_call *call, struct err *err)
{
    const Kefu__V1__FlowCheckRequest *body = (const Kefu__V1__FlowCheckRequest *)call->body;
    Kefu__V1__FlowReport *reply = api_message_new(call, call->route->reply, err);
    struct flow_host_check *check;
    struct store_record record;
    Kefu__V1__Flow *flow = NULL;
    struct flow_host_head head;
    struct shelf shelf;
    struct err unnamed = { 0 };
    const char *source;
    enum err_code rc = reply != NULL ? flow_load(call, &record, &flow, err) : err->code;

    if (rc != ERR_OK)
        return rc;
    source = body->source[0] != '\0' ? body->source : flow->source;
    rc = api_text_check("source", source, 1, SOURCE_BYTES_MAX, err);
    (void)!flow_host_head(slice_of(source), &head, &unnamed);
    if (rc == ERR_OK)
        rc = shelf_load(call, head.name, &shelf, err);
    if (rc != ERR_OK)
        return rc;
    check = mem_zalloc(sizeof(*check));
    flow_host_check_run(slice_of(source), shelf.published, shelf.published_count, shelf.stories,
                        shelf.story_count, check);
    report_fill(call, &head, check, reply);
    flow_destroy(&check->flow);
    free(check);
    call->answer = &reply->base;
    return ERR_OK;
}

/* ---- publishing ------------------------------------------------------------------------------ */

static enum err_code must_pass(struct api_call *call, const Kefu__V1__Flow *flow,
                               const struct shelf *shelf, struct err *err)
{
    struct flow_host_check *check = mem_zalloc(sizeof(*check));
    const struct flow_finding *first = NULL;
    enum err_code rc = ERR_OK;

    (void)call;
    flow_host_check_run(slice_of(flow->source), shelf->published, shelf->published_count,
                        shelf->stories, shelf->story_count, check);
    for (size_t i = 0; i < check->report.count && first == NULL; i++) {
        if (check->report.findings[i].code[0] == 'E')
            first = &check->report.findings[i];
    }
    if (!check->ok && first != NULL)
        rc = err_set_field(err, ERR_CONFLICT, "source", "%u:%u %s %s", first->line, first->column,
                           first->code, first->text);
    else if (!check->ok)
        rc = err_set_field(err, ERR_CONFLICT, "source", "%zu of %zu stories fail",
                           check->tally.failed, check->tally.stories);
    flow_destroy(&check->flow);
    free(check);
    return rc;
}

/* The number must be above every one that the flow had. */
static enum err_code number_give(struct api_call *call, Kefu__V1__Flow *flow,
                                 const struct shelf *shelf, struct err *err)
{
    uint32_t newest = 0;
    struct buf buf;
    bool done;

    for (size_t i = 0; i < shelf->count; i++) {
        if (strcmp(shelf->flows[i]->name, flow->name) == 0 &&
            !is(shelf->flows[i]->state, "draft") && shelf->flows[i]->number > newest)
            newest = shelf->flows[i]->number;
    }
    if (flow->number > newest)
        return ERR_OK;
    buf_init(&buf, SOURCE_BYTES_MAX + 64);
    done = flow_host_renumber(slice_of(flow->source), newest + 1, &buf);
    flow->source = done ? arena_strdup(call->arena, buf_slice(&buf)) : NULL;
    flow->number = newest + 1;
    buf_fini(&buf);
    return flow->source != NULL ? ERR_OK
                                : err_set_field(err, ERR_CONFLICT, "source",
                                                "needs a line `version: %u`", newest + 1);
}

static enum err_code change_make(struct api_call *call, const Kefu__V1__Flow *flow,
                                 const struct store_record *record, struct store_change *out,
                                 struct err *err)
{
    *out = (struct store_change){ .op = STORE_UPDATE, .kind = STORE_FLOW, .record = *record };
    return api_encode(call->arena, &flow->base, &out->record.body, err);
}

/* Whatever is published of that name now is retired with it. */
static enum err_code retire_others(struct api_call *call, const struct shelf *shelf,
                                   const char *name, struct store_change *changes, size_t *count,
                                   struct err *err)
{
    enum err_code rc = ERR_OK;

    for (size_t i = 0; i < shelf->count && rc == ERR_OK; i++) {
        Kefu__V1__Flow *other = shelf->flows[i];

        if (shelf->records[i].id == call->id || strcmp(other->name, name) != 0 ||
            !is(other->state, "published"))
            continue;
        if (*count == API_CHANGES_MAX - 2)
            return err_set(err, ERR_TOO_BIG, "too many versions at once");
        other->state = (char *)"retired";
        rc = change_make(call, other, &shelf->records[i], &changes[(*count)++], err);
    }
    return rc;
}

static enum err_code flow_publish(struct api_call *call, struct err *err)
{
    struct store_change *changes = arena_zalloc(call->arena, API_CHANGES_MAX * sizeof(*changes));
    struct api_commit commit = { .changes = changes, .action = "flows.publish" };
    struct store_record record;
    Kefu__V1__Flow *flow = NULL;
    struct shelf shelf;
    enum err_code rc = changes != NULL ? flow_load(call, &record, &flow, err)
                                       : err_set(err, ERR_TOO_BIG, "request too large");

    if (rc == ERR_OK && is(flow->state, "published"))
        rc = err_set(err, ERR_CONFLICT, "is published already");
    if (rc == ERR_OK)
        rc = shelf_load(call, flow->name, &shelf, err);
    if (rc == ERR_OK)
        rc = must_pass(call, flow, &shelf, err);
    if (rc == ERR_OK)
        rc = number_give(call, flow, &shelf, err);
    if (rc != ERR_OK)
        return rc;
    if (is(flow->state, "retired")) {
        record = (struct store_record){ .id = api_id_new(call->api),
                                        .workspace = call->who.workspace_id,
                                        .created_at = call->now_ms,
                                        .version = 1 };
        flow->note = (char *)"rolled back";
    }
    flow->state = (char *)"published";
    flow->author = call->who.name;
    flow->published_at = api_timestamp(call, call->now_ms);
    rc = change_make(call, flow, &record, &changes[commit.count++], err);
    if (record.id != call->id)
        changes[0].op = STORE_INSERT;
    if (rc == ERR_OK)
        rc = retire_others(call, &shelf, flow->name, changes, &commit.count, err);
    commit.target = record.id;
    flow->id = record.id;
    flow->version = record.version + (record.id == call->id);
    call->answer = &flow->base;
    if (rc == ERR_OK)
        rc = api_commit_run(call, &commit, err);
    if (rc == ERR_OK)
        call->reply->effects |= API_EFFECT_BOT;
    return rc;
}

/* A version that conversations may be in stays. */
static enum err_code flow_delete(struct api_call *call, struct err *err)
{
    struct store_record record;
    Kefu__V1__Flow *flow = NULL;
    enum err_code rc = flow_load(call, &record, &flow, err);

    if (rc == ERR_OK && is(flow->state, "published"))
        rc = err_set(err, ERR_CONFLICT, "is published; take it back first");
    return rc == ERR_OK ? api_record_delete(call, err) : rc;
}

/* Nothing new begins it; conversations in it go on. */
static enum err_code flow_retire(struct api_call *call, struct err *err)
{
    struct store_change changes[3];
    struct api_commit commit = {
        .changes = changes, .count = 1, .action = "flows.retire", .target = call->id
    };
    struct store_record record;
    Kefu__V1__Flow *flow = NULL;
    enum err_code rc = flow_load(call, &record, &flow, err);

    if (rc == ERR_OK && !is(flow->state, "published"))
        rc = err_set(err, ERR_CONFLICT, "is not published");
    if (rc != ERR_OK)
        return rc;
    flow->state = (char *)"retired";
    rc = change_make(call, flow, &record, &changes[0], err);
    flow->id = record.id;
    flow->version = record.version + 1;
    call->answer = &flow->base;
    if (rc == ERR_OK)
        rc = api_commit_run(call, &commit, err);
    if (rc == ERR_OK)
        call->reply->effects |= API_EFFECT_BOT;
    return rc;
}

/* ---- of a conversation ----------------------------------------------------------------------- */

static enum err_code conversation_flow(struct api_call *call, struct err *err)
{
    (void)err;
    call->reply->effects |= API_EFFECT_CHAT;
    call->reply->chat = (struct api_chat){ .kind = API_CHAT_FLOW_VIEW, .conv = call->id };
    return ERR_OK;
}

static enum err_code conversation_tell(struct api_call *call, struct err *err)
{
    const Kefu__V1__FlowTell *body = (const Kefu__V1__FlowTell *)call->body;
    struct api_chat *chat = &call->reply->chat;
    enum err_code rc = api_text_check("event", body->event, 1, 16, err);

    if (rc == ERR_OK)
        rc = api_text_check("name", body->name, 0, FLOW_HOST_NAME_MAX, err);
    if (rc == ERR_OK)
        rc = api_text_check("json", body->json, 0, LIMIT_TEXT_BYTES_MAX, err);
    if (rc != ERR_OK)
        return rc;
    *chat = (struct api_chat){ .kind = API_CHAT_FLOW_TELL,
                               .conv = call->id,
                               .text = slice_of(body->json),
                               .event = slice_of(body->event),
                               .name = slice_of(body->name) };
    call->reply->effects |= API_EFFECT_CHAT;
    call->reply->status = 201;
    return api_client_id(call, body->client_id, chat->client_id, err);
}

static const struct api_route routes[] = {
    { "GET", "/flows", NULL, &kefu__v1__flow_list__descriptor, PERM_FLOW_READ, api_record_list, 0,
      &flows, "List versions of flows, without their sources" },
    { "POST", "/flows", &kefu__v1__flow__descriptor, &kefu__v1__flow__descriptor, PERM_FLOW_WRITE,
      api_record_create, 0, &flows, "Make a draft" },
    { "GET", "/flows/{id}", NULL, &kefu__v1__flow__descriptor, PERM_FLOW_READ, api_record_get, 0,
      &flows, "Read a version" },
    { "PATCH", "/flows/{id}", &kefu__v1__flow__descriptor, &kefu__v1__flow__descriptor,
      PERM_FLOW_WRITE, api_record_patch, 0, &flows, "Change a draft" },
    { "DELETE", "/flows/{id}", NULL, &kefu__v1__empty__descriptor, PERM_FLOW_WRITE, flow_delete, 0,
      &flows, "Delete a version that is not published" },
    { "POST", "/flows/{id}/check", &kefu__v1__flow_check_request__descriptor,
      &kefu__v1__flow_report__descriptor, PERM_FLOW_READ, flow_check, API_NO_REPEAT, NULL,
      "Check a source and run its stories" },
    { "POST", "/flows/{id}/publish", NULL, &kefu__v1__flow__descriptor, PERM_FLOW_PUBLISH,
      flow_publish, 0, NULL, "Publish a draft, or a retired version again" },
    { "POST", "/flows/{id}/retire", NULL, &kefu__v1__flow__descriptor, PERM_FLOW_PUBLISH,
      flow_retire, 0, NULL, "Begin this flow no more" },
    { "POST", "/flows/try", &kefu__v1__flow_try_request__descriptor,
      &kefu__v1__flow_try_reply__descriptor, PERM_FLOW_READ, api_flow_try, API_NO_REPEAT, NULL,
      "One step of a trial, with its own clock" },
    { "GET", "/conversations/{id}/flow", NULL, &kefu__v1__flow_view__descriptor, PERM_CONV_READ,
      conversation_flow, 0, NULL, "Where a conversation's flow stands" },
    { "POST", "/conversations/{id}/flow", &kefu__v1__flow_tell__descriptor,
      &kefu__v1__ack__descriptor, PERM_CONV_TRANSFER, conversation_tell, API_NO_REPEAT, NULL,
      "Begin or cancel a conversation's flow, or tell it of a webhook" },
};

const struct api_routes api_routes_flow = { routes, LENGTH_OF(routes) };

/* ---- for a trial ----------------------------------------------------------------------------- */

struct flow_set *api_flow_set(struct api_call *call, struct slice source, struct err *err)
{
    struct flow_host_head head = { 0 };
    struct shelf shelf;

    if (source.len > 0 && !flow_host_head(source, &head, err))
        return NULL;
    if (shelf_load(call, head.name, &shelf, err) != ERR_OK)
        return NULL;
    if (source.len > 0)
        shelf.published[shelf.published_count++] = source;
    return flow_host_set(shelf.published, shelf.published_count, NULL, NULL);
}
