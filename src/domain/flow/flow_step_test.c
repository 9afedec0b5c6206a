/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flow.h"

static const char shop[] =
    "flow: shop\n"
    "version: 1\n"
    "locales: [zh-CN, en]\n"
    "start: {intents: [order.return], phrases: [退货], min_confidence: 0.7}\n"
    "limits: {turns: 12, idle: 2h, visits: 3}\n"
    "slots:\n"
    "  order_id: {type: text, pattern: \"^[A-Z]{2}[0-9]{4}$\", fill: [entity.order_no, user], "
    "keep: session}\n"
    "  reason: {type: enum, values: [damaged, changed_mind], fill: [nlu, user]}\n"
    "  items: {type: list, of: \"order.lines.id\", max: 2}\n"
    "  phone: {type: phone}\n"
    "  agreed: {type: bool}\n"
    "  order: {type: json, fill: [action]}\n"
    "  rma: {type: text, fill: [action]}\n"
    "actions:\n"
    "  order.get: {in: {id: order_id}, out: order, timeout: 2s, retry: 1, errors: [not_found]}\n"
    "  rma.create: {in: [order_id, items, reason, phone], out: {rma: number}, side_effect: true,\n"
    "    idempotency: [order_id, items], rights: [pii]}\n"
    "global:\n"
    "  - {event: intent.cancel, to: cancelled}\n"
    "  - {event: question, do: kb.answer, to: .same}\n"
    "  - {event: correction, to: .refill}\n"
    "states:\n"
    "  ask_order: {ask: order_id, when: {filled: load, exhausted: help, timeout: late}}\n"
    "  load: {do: order.get, when: {ok: ask_reason, not_found: ask_order, failed: help}}\n"
    "  ask_reason: {ask: reason, when: {filled: ask_items, exhausted: help, timeout: late}}\n"
    "  ask_items: {ask: items, when: {filled: ask_phone, exhausted: help, timeout: late}}\n"
    "  ask_phone: {ask: phone, timeout: 10m, when: {filled: review, exhausted: help, timeout: "
    "late}}\n"
    "  review: {ask: agreed, say: summary, when: {accept: create, deny: ask_reason, exhausted: "
    "help, timeout: late}}\n"
    "  create: {do: rma.create, when: {ok: opened, failed: help}}\n"
    "  help: {handoff: {queue: after_sales, skills: {returns: 2}, priority: \"user.vip ? 8 : 4\", "
    "carry: [order_id, reason]}}\n"
    "  opened: {end: resolved, say: done, csat: true}\n"
    "  late: {end: expired}\n"
    "  cancelled: {end: cancelled}\n"
    "texts:\n"
    "  ask.order_id: {zh-CN: 请提供订单号, en: Which order?}\n"
    "  ask.reason: {zh-CN: 原因是什么？, en: What is the reason?}\n"
    "  ask.items: {zh-CN: 哪些商品？, en: Which items?}\n"
    "  ask.phone: {zh-CN: 请留电话, en: Your phone?}\n"
    "  reason.damaged: {zh-CN: 破损, en: Damaged}\n"
    "  reason.changed_mind: {zh-CN: 不想要了, en: Changed my mind}\n"
    "  summary: {zh-CN: \"订单 {order_id}，{reason}，对吗？\", en: \"Order {order_id}, {reason}: "
    "right?\"}\n"
    "  done: {zh-CN: \"退货单 {rma}\", en: \"Return {rma}\"}\n";

static const char rate[] =
    "flow: rate\n"
    "version: 1\n"
    "locales: [en]\n"
    "start: {intents: [rate]}\n"
    "slots: {stars: {type: number, min: 1, max: 5}}\n"
    "states:\n"
    "  ask: {ask: stars, when: {filled: done, exhausted: done, timeout: done}}\n"
    "  done: {end: rated, csat: true}\n";

static struct flow_set *set;
static struct flow_state state;
static struct flow_out out;
static int64_t now;
static char locale[16];
static char channel[16];

static void add(struct flow_set *to, const char *source)
{
    static struct flow_report report;
    struct flow *flow = NULL;
    struct err err = { 0 };

    flow_report_init(&report);
    flow_compile(slice_of(source), NULL, NULL, &flow, NULL, &report);
    if (flow == NULL)
        fail_msg("%u: %s %s", report.findings[0].line, report.findings[0].code,
                 report.findings[0].text);
    assert_int_equal(flow_set_add(to, &flow, &err), ERR_OK);
}

static void speak(const char *in_locale, const char *on_channel)
{
    snprintf(locale, sizeof(locale), "%s", in_locale);
    snprintf(channel, sizeof(channel), "%s", on_channel);
}

static int begin(void **unused)
{
    (void)unused;
    set = flow_set_create();
    add(set, shop);
    add(set, rate);
    flow_state_init(&state);
    now = INT64_C(1772416800000);
    speak("en", "web");
    return 0;
}

static int finish(void **unused)
{
    (void)unused;
    flow_set_destroy(&set);
    return 0;
}

static void host_get(void *ctx, struct slice name, struct expr_value *value)
{
    (void)ctx;
    if (slice_equal_text(name, "user.vip"))
        *value = (struct expr_value){ .type = EXPR_BOOL, .boolean = true };
}

static void step(const struct flow_event *event)
{
    const struct flow_env env = { .set = set,
                                  .get = host_get,
                                  .conversation = SLICE_LITERAL("c7"),
                                  .locale = slice_of(locale),
                                  .channel = slice_of(channel),
                                  .utc_offset_minutes = 480 };
    struct err err = { 0 };

    assert_int_equal(flow_step(&state, event, now, &env, &out, &err), ERR_OK);
}

static void start(const char *flow, const char *text)
{
    const struct flow_event event = {
        .kind = FLOW_EVENT_START, .name = slice_of(flow), .text = slice_of(text), .run = 9
    };

    step(&event);
}

static void say(const char *text, enum flow_ladder ladder)
{
    const struct flow_event event = { .kind = FLOW_EVENT_MESSAGE,
                                      .text = slice_of(text),
                                      .ladder = ladder };

    step(&event);
}

static void pick(const char *item)
{
    const struct slice items[] = { slice_of(item) };
    const struct flow_event event = { .kind = FLOW_EVENT_PICK, .items = items, .item_count = 1 };

    step(&event);
}

static void answer(const char *outcome, const char *json)
{
    const struct flow_event event = { .kind = FLOW_EVENT_RESULT,
                                      .seq = state.seq,
                                      .name = slice_of(outcome),
                                      .json = slice_of(json) };

    step(&event);
}

static void timer(void)
{
    const struct flow_event event = { .kind = FLOW_EVENT_TIMER };

    step(&event);
}

static const struct flow_effect *effect(enum flow_effect_kind kind)
{
    for (size_t i = 0; i < out.effect_count; i++) {
        if (out.effects[i].kind == kind)
            return &out.effects[i];
    }
    fail_msg("no effect %d", kind);
    return NULL;
}

static void at(const char *name)
{
    struct slice here = flow_state_at(&state, set);

    if (!slice_equal_text(here, name))
        fail_msg("at %.*s, expected %s", (int)here.len, here.ptr, name);
}

static void slot_is(const char *name, const char *value)
{
    struct buf text;

    buf_init(&text, 1024);
    assert_true(flow_state_slot(&state, slice_of(name), 480, &text));
    assert_true(slice_equal_text(buf_slice(&text), value));
    buf_fini(&text);
}

static bool noted(const char *what)
{
    for (size_t i = 0; i < out.note_count; i++) {
        if (strcmp(out.notes[i].what, what) == 0)
            return true;
    }
    return false;
}

static const char order[] =
    "{\"status\":\"delivered\", \"lines\":[{\"id\":\"a1\",\"title\":\"Cup\"},{\"id\":\"b2\"}]}";

static void to_items(void)
{
    start("shop", "my cup is broken");
    say("order JD0001", FLOW_LADDER_NOT_TRIED);
    answer("ok", order);
    at("ask_items");
}

/* ---- the ordinary way ---- */
static void what_was_said_is_not_asked_for(void **unused)
{
    (void)unused;
    start("shop", "my cup is broken");
    at("ask_order");
    slot_is("reason", "damaged");
    assert_true(slice_equal_text(effect(FLOW_ASK)->text, "Which order?"));
    assert_int_equal(flow_state_due(&state), now + 2 * 3600 * 1000);
    say("it is jd0001", FLOW_LADDER_NOT_TRIED);
    assert_true(slice_equal_text(effect(FLOW_ACT)->name, "order.get"));
    assert_true(slice_equal_text(effect(FLOW_ACT)->json, "{\"id\":\"JD0001\"}"));
    answer("ok", order);
    at("ask_items");
    assert_int_equal(effect(FLOW_ASK)->option_count, 2);
    assert_true(slice_equal_text(out.options[0].label, "Cup"));
    pick("b2");
    say("13800138000", FLOW_LADDER_NOT_TRIED);
    at("review");
    assert_true(slice_equal_text(effect(FLOW_ASK)->text, "Order JD0001, Damaged: right?"));
    pick("accept");
    assert_true(slice_starts_with(effect(FLOW_ACT)->key, slice_of("shop:rma.create:")));
    answer("ok", "{\"number\":\"R-1\"}");
    assert_true(slice_equal_text(effect(FLOW_SAY)->text, "Return R-1"));
    assert_true(slice_equal_text(effect(FLOW_END)->name, "resolved"));
    assert_true(effect(FLOW_END)->csat);
    assert_int_equal(state.depth, 0);
    slot_is("order_id", "JD0001"); /* the session keeps it */
}

static void numbered_texts_stand_for_buttons(void **unused)
{
    (void)unused;
    speak("zh-CN", "wechat");
    start("shop", "");
    say("JD0001", FLOW_LADDER_NOT_TRIED);
    answer("ok", order);
    at("ask_reason");
    assert_true(slice_equal_text(effect(FLOW_ASK)->text,
                                 "原因是什么？\n请回复数字：\n1. 破损\n2. 不想要了"));
    say("2", FLOW_LADDER_NOT_TRIED);
    slot_is("reason", "changed_mind");
}

/* ---- digression, wrong answers, corrections ---- */
static void a_question_goes_to_the_ladder_and_the_ask_comes_again(void **unused)
{
    struct flow_state before;

    (void)unused;
    to_items();
    before = state;
    say("who pays the postage?", FLOW_LADDER_NOT_TRIED);
    assert_int_equal(out.verdict, FLOW_LADDER);
    assert_memory_equal(&before, &state, sizeof(state));
    say("who pays the postage?", FLOW_LADDER_ANSWERS);
    assert_int_equal(out.effects[0].kind, FLOW_ANSWER);
    assert_int_equal(out.effects[1].kind, FLOW_ASK);
    at("ask_items");
}

static void wrong_answers_are_counted_until_exhausted(void **unused)
{
    (void)unused;
    to_items();
    for (int i = 0; i < FLOW_RETRIES_DEFAULT; i++) {
        say("hm", FLOW_LADDER_SILENT);
        at("ask_items");
        assert_int_equal(out.effects[0].kind, FLOW_SAY);
    }
    say("hm", FLOW_LADDER_SILENT);
    assert_true(slice_equal_text(effect(FLOW_HANDOFF)->name, "after_sales"));
    assert_int_equal(effect(FLOW_HANDOFF)->number, 8);
    assert_true(slice_equal_text(
        effect(FLOW_HANDOFF)->json,
        "{\"flow\":\"shop\",\"state\":\"help\",\"skills\":{\"returns\":2},\"carry\":{\"order_id\":"
        "\"JD0001\",\"reason\":\"damaged\"}}"));
    assert_int_equal(state.wait, FLOW_WAIT_NOTHING);
}

static void a_correction_runs_forward_over_what_still_holds(void **unused)
{
    (void)unused;
    to_items();
    pick("a1");
    at("ask_phone");
    say("sorry, the order should be JD0002", FLOW_LADDER_NOT_TRIED);
    slot_is("order_id", "JD0002");
    assert_true(slice_equal_text(effect(FLOW_ACT)->json, "{\"id\":\"JD0002\"}"));
    answer("ok", order);
    at("ask_phone"); /* reason and items are still good */
    slot_is("items", "a1");
    say("sorry, order JD0003", FLOW_LADDER_NOT_TRIED);
    answer("ok", "{\"lines\":[{\"id\":\"z9\"}]}");
    at("ask_items"); /* a1 is not among the items of that order */
}

static void a_visit_later_asks_again_with_the_old_value(void **unused)
{
    (void)unused;
    to_items();
    pick("a1");
    say("13800138000", FLOW_LADDER_NOT_TRIED);
    pick("deny");
    at("ask_reason"); /* passed silently at first, asked now */
    assert_true(slice_equal_text(effect(FLOW_ASK)->value, "damaged"));
}

/* ---- actions ---- */
static void an_action_is_tried_again_with_the_same_key(void **unused)
{
    char key[64];
    uint32_t seq;

    (void)unused;
    start("shop", "");
    say("JD0001", FLOW_LADDER_NOT_TRIED);
    snprintf(key, sizeof(key), "%.*s", (int)effect(FLOW_ACT)->key.len, effect(FLOW_ACT)->key.ptr);
    assert_string_equal(key, "c7:9:load:1");
    seq = effect(FLOW_ACT)->seq;
    answer("failed", "");
    assert_int_equal(effect(FLOW_ACT)->attempt, 1);
    assert_true(slice_equal_text(effect(FLOW_ACT)->key, key));
    assert_int_equal(effect(FLOW_ACT)->seq, seq);
    answer("timeout", "");
    assert_true(slice_equal_text(effect(FLOW_HANDOFF)->name, "after_sales"));
}

static void a_pending_action_survives_a_restart(void **unused)
{
    const struct flow_env env = { .set = set,
                                  .get = host_get,
                                  .conversation = SLICE_LITERAL("c7") };
    uint8_t bytes[FLOW_STATE_BYTES_MAX];
    struct err err;
    size_t len;

    (void)unused;
    start("shop", "");
    say("JD0001", FLOW_LADDER_NOT_TRIED);
    len = flow_state_encode(&state, bytes);
    flow_state_init(&state);
    assert_int_equal(flow_state_decode(slice_make(bytes, len), &state, &err), ERR_OK);
    assert_true(flow_state_pending(&state, &env, &out));
    assert_true(slice_equal_text(effect(FLOW_ACT)->key, "c7:9:load:1"));
    assert_true(slice_equal_text(effect(FLOW_ACT)->json, "{\"id\":\"JD0001\"}"));
    /* No answer at all: its time-out stands in the state. */
    now = flow_state_due(&state);
    timer();
    assert_int_equal(effect(FLOW_ACT)->attempt, 1);
    now = flow_state_due(&state);
    timer();
    assert_true(slice_equal_text(effect(FLOW_HANDOFF)->name, "after_sales"));
}

static void an_answer_that_is_not_as_declared_is_a_failure(void **unused)
{
    static const struct {
        const char *json, *note;
    } cases[] = {
        { "\"text\"", "answer_type" },
        { "{\"a\":", "answer_not_json" },
        { "", "answer_type" },
    };

    (void)unused;
    for (size_t i = 0; i < LENGTH_OF(cases); i++) {
        flow_state_init(&state);
        start("shop", "");
        say("JD0001", FLOW_LADDER_NOT_TRIED);
        answer("ok", cases[i].json);
        assert_true(noted(cases[i].note));
        assert_true(slice_equal_text(effect(FLOW_HANDOFF)->name, "after_sales"));
    }
}

static void an_answer_as_large_as_fits_is_taken_and_one_byte_more_is_not(void **unused)
{
    char json[FLOW_VALUE_BYTES_MAX + 2];

    (void)unused;
    for (size_t size = FLOW_VALUE_BYTES_MAX; size <= FLOW_VALUE_BYTES_MAX + 1; size++) {
        memset(json, 'x', sizeof(json));
        memcpy(json, "{\"a\":\"", 6);
        memcpy(json + size - 2, "\"}", 2);
        flow_state_init(&state);
        start("shop", "damaged");
        say("JD0001", FLOW_LADDER_NOT_TRIED);
        json[size] = '\0';
        answer("ok", json);
        assert_int_equal(noted("answer_too_big"), size > FLOW_VALUE_BYTES_MAX);
    }
}

static void a_stale_answer_changes_nothing(void **unused)
{
    const struct flow_event stale = { .kind = FLOW_EVENT_RESULT,
                                      .seq = 99,
                                      .name = SLICE_LITERAL("ok") };
    struct flow_state before;

    (void)unused;
    to_items();
    before = state;
    step(&stale);
    assert_true(noted("stale_result"));
    assert_memory_equal(&before, &state, sizeof(state));
}

static void a_message_while_an_action_runs_is_told_to_wait(void **unused)
{
    (void)unused;
    start("shop", "");
    say("JD0001", FLOW_LADDER_NOT_TRIED);
    say("hello?", FLOW_LADDER_NOT_TRIED);
    assert_int_equal(out.verdict, FLOW_DONE);
    assert_int_equal(out.effects[0].kind, FLOW_SAY);
    assert_int_equal(state.wait, FLOW_WAIT_ACTION);
}

/* ---- time, bounds ---- */
static void deadlines_are_absolute_and_fire_once(void **unused)
{
    (void)unused;
    to_items();
    pick("a1");
    at("ask_phone");
    assert_int_equal(flow_state_due(&state), now + 10 * 60 * 1000);
    now += 10 * 60 * 1000 - 1;
    timer();
    at("ask_phone");
    now += 1;
    timer();
    assert_true(slice_equal_text(effect(FLOW_END)->name, "expired"));
    assert_int_equal(flow_state_due(&state), 0);
}

static void visits_and_turns_are_bounded(void **unused)
{
    (void)unused;
    start("shop", "damaged");
    for (int i = 0; i < 3; i++) {
        say("JD0001", FLOW_LADDER_NOT_TRIED);
        answer("not_found", "");
    }
    assert_true(slice_equal_text(effect(FLOW_HANDOFF)->value, "stuck"));
    flow_state_init(&state);
    start("shop", "damaged");
    for (int i = 0; i < 12; i++)
        say("why?", FLOW_LADDER_ANSWERS);
    at("ask_order");
    say("why?", FLOW_LADDER_ANSWERS);
    assert_true(slice_equal_text(effect(FLOW_HANDOFF)->value, "stuck"));
}

/* ---- people ---- */
static void asking_for_a_person_carries_everything(void **unused)
{
    const struct flow_event human = { .kind = FLOW_EVENT_HUMAN };

    (void)unused;
    to_items();
    step(&human);
    assert_true(slice_equal_text(effect(FLOW_HANDOFF)->value, "visitor_asked"));
    assert_non_null(memmem(effect(FLOW_HANDOFF)->json.ptr, effect(FLOW_HANDOFF)->json.len,
                           "\"order_id\":\"JD0001\"", 19));
    assert_int_equal(state.depth, 0);
}

static void cancelling_takes_the_flows_own_row(void **unused)
{
    (void)unused;
    to_items();
    say("取消", FLOW_LADDER_NOT_TRIED);
    assert_true(slice_equal_text(effect(FLOW_END)->name, "cancelled"));
    flow_state_init(&state);
    start("rate", "");
    say("never mind", FLOW_LADDER_NOT_TRIED);
    assert_true(slice_equal_text(effect(FLOW_END)->name, "cancelled"));
}

/* ---- several flows ---- */
static void an_interrupted_flow_goes_on_where_it_was(void **unused)
{
    (void)unused;
    to_items();
    start("rate", "");
    assert_int_equal(state.depth, 2);
    at("ask");
    now += 1000;
    say("5", FLOW_LADDER_NOT_TRIED);
    assert_int_equal(state.depth, 1);
    at("ask_items");
    assert_true(slice_equal_text(effect(FLOW_END)->slot, "rate"));
    assert_true(slice_equal_text(effect(FLOW_ASK)->slot, "items"));
    assert_int_equal(flow_state_due(&state), now + 2 * 3600 * 1000);
    start("shop", "");
    assert_true(noted("start_ignored")); /* it runs already */
}

static void a_set_finds_what_an_intent_or_a_phrase_begins(void **unused)
{
    const struct flow *flow;

    (void)unused;
    flow = flow_set_match(set, slice_of("order.return"), EXPR_ONE * 8 / 10, slice_of("x"));
    assert_true(slice_equal_text(flow_name(flow), "shop"));
    assert_null(flow_set_match(set, slice_of("order.return"), EXPR_ONE * 6 / 10, slice_of("x")));
    assert_non_null(flow_set_match(set, slice_of(""), 0, slice_of("退货！")));
}

static void a_run_stays_on_its_version_or_moves_where_it_is_told(void **unused)
{
    static const char second[] =
        "flow: rate\nversion: 2\nlocales: [en]\nstart: {intents: [rate]}\n"
        "slots: {stars: {type: number, min: 1, max: 10}}\n"
        "states:\n"
        "  hello: {say: hi, to: ask_stars}\n"
        "  ask_stars: {ask: stars, when: {filled: done, exhausted: done, timeout: done}}\n"
        "  done: {end: rated_again, csat: true}\n%s";
    char source[1024];
    uint64_t flow;
    unsigned version;

    (void)unused;
    snprintf(source, sizeof(source), second, "");
    start("rate", "");
    add(set, source);
    say("hm", FLOW_LADDER_SILENT);
    assert_true(flow_state_uses(&state, 0, &flow, &version));
    assert_int_equal(version, 1);
    say("5", FLOW_LADDER_NOT_TRIED);
    assert_true(slice_equal_text(effect(FLOW_END)->name, "rated"));
    finish(NULL);
    begin(NULL);
    start("rate", "");
    snprintf(source, sizeof(source), second, "migrate: {1: {ask: ask_stars}}\n");
    add(set, source);
    say("9", FLOW_LADDER_NOT_TRIED);
    assert_true(slice_equal_text(effect(FLOW_END)->name, "rated_again"));
}

static void a_state_of_a_flow_that_is_gone_is_a_fault(void **unused)
{
    struct flow_set *empty = flow_set_create();
    const struct flow_env env = { .set = empty, .get = host_get };
    const struct flow_event event = { .kind = FLOW_EVENT_TIMER };
    struct flow_state before;
    struct err err = { 0 };

    (void)unused;
    to_items();
    before = state;
    assert_int_equal(flow_step(&state, &event, now, &env, &out, &err), ERR_NOT_FOUND);
    assert_memory_equal(&before, &state, sizeof(state));
    flow_set_destroy(&empty);
}

/* ---- scopes and bounds ---- */
static void slots_live_as_long_as_they_are_kept(void **unused)
{
    static const char scopes[] =
        "flow: scopes\nversion: 1\nlocales: [en]\n"
        "slots:\n"
        "  mail: {type: email, keep: contact}\n"
        "  mood: {type: enum, values: [good, bad], fill: [nlu, user], keep: turn}\n"
        "  size: {type: enum, values: [small, large]}\n"
        "states:\n"
        "  q1: {ask: mail, when: {filled: q2, exhausted: out, timeout: out}}\n"
        "  q2: {ask: size, when: {filled: look, exhausted: out, timeout: out}}\n"
        "  look: {choose: [{if: \"known(mood)\", to: out}, {else: q3}]}\n"
        "  q3: {ask: mood, when: {filled: out, exhausted: out, timeout: out}}\n"
        "  out: {end: done}\n";

    (void)unused;
    add(set, scopes);
    start("scopes", "");
    say("good: li@example.com", FLOW_LADDER_NOT_TRIED);
    assert_true(slice_equal_text(effect(FLOW_REMEMBER)->slot, "mail"));
    assert_true(slice_equal_text(effect(FLOW_REMEMBER)->value, "li@example.com"));
    slot_is("mood", "good");
    pick("small");
    at("q3"); /* the mood was of the message before */
    pick("bad");
    assert_int_equal(state.depth, 0);
    slot_is("mail", "li@example.com");
}

static void the_stack_is_eight_flows_deep_and_not_nine(void **unused)
{
    char text[512];

    (void)unused;
    for (int i = 1; i <= FLOW_DEPTH_MAX + 1; i++) {
        snprintf(text, sizeof(text),
                 i <= FLOW_DEPTH_MAX
                     ? "flow: deep%d\nversion: 1\nlocales: [en]\nstates:\n"
                       "  go: {call: deep%d, when: {ok: ok, too_deep: deep, failed: deep}}\n"
                       "  ok: {end: ok}\n  deep: {end: too_deep}\n"
                     : "flow: deep%d\nversion: %d\nlocales: [en]\nstates: {ok: {end: ok}}\n",
                 i, i + 1);
        add(set, text);
    }
    start("deep2", "");
    assert_true(slice_equal_text(effect(FLOW_END)->name, "ok"));
    start("deep1", "");
    assert_true(slice_equal_text(effect(FLOW_END)->name, "too_deep"));
}

static void a_full_state_is_noted_and_nothing_is_lost(void **unused)
{
    static const char big[] = "flow: big\nversion: 1\nlocales: [en]\n"
                              "slots: {a: {type: text}, b: {type: text}}\n"
                              "states:\n"
                              "  q1: {ask: a, when: {filled: q2, exhausted: out, timeout: out}}\n"
                              "  q2: {ask: b, when: {filled: out, exhausted: out, timeout: out}}\n"
                              "  out: {end: done}\n";
    char text[600];
    uint8_t bytes[FLOW_STATE_BYTES_MAX];

    (void)unused;
    add(set, big);
    memset(text, 'x', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    start("big", "");
    say(text, FLOW_LADDER_SILENT); /* cut to what a slot holds */
    at("q2");
    say(text, FLOW_LADDER_SILENT);
    assert_true(noted("state_full"));
    at("q2");
    assert_in_range(flow_state_encode(&state, bytes), 500, FLOW_STATE_BYTES_MAX);
    say("short", FLOW_LADDER_SILENT);
    assert_int_equal(state.depth, 0);
}

/* ---- determinism ---- */
static uint64_t seed;
static unsigned dice(unsigned sides)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (unsigned)(seed >> 33) % sides;
}

static void random_event(void)
{
    static const char *const texts[] = {
        "JD0001", "broken",        "13800138000", "1",    "好的",
        "no",     "sorry, JD0002", "hm",          "取消", "changed my mind"
    };

    if (state.depth == 0) {
        start(dice(3) > 0 ? "shop" : "rate", dice(2) == 0 ? "broken" : "");
    } else if (state.wait == FLOW_WAIT_ACTION) {
        answer(dice(5) == 0 ? "failed" : "ok",
               state.frames[0].state % 2 == 0 ? "{\"number\":\"R\"}" : order);
    } else if (dice(12) == 0) {
        now = flow_state_due(&state);
        timer();
    } else if (dice(10) == 0) {
        start("rate", "");
    } else {
        say(texts[dice(LENGTH_OF(texts))], dice(4) == 0 ? FLOW_LADDER_ANSWERS : FLOW_LADDER_SILENT);
    }
    now += dice(1000);
}

/* The same log from the start, and with a restart in the middle of it, gives the same bytes. */
static void replay_is_equal_byte_for_byte(void **unused)
{
    uint8_t first[FLOW_STATE_BYTES_MAX];
    uint8_t second[FLOW_STATE_BYTES_MAX];
    size_t largest = 0;
    struct err err;

    (void)unused;
    for (uint64_t round = 1; round <= 500; round++) {
        unsigned cut = (unsigned)(round * 7 % 40);
        size_t len = 0;

        for (int pass = 0; pass < 2; pass++) {
            seed = round * 0x9E3779B97F4A7C15U;
            now = INT64_C(1772416800000);
            flow_state_init(&state);
            for (unsigned i = 0; i < 40; i++) {
                random_event();
                if (pass == 1 && i == cut) {
                    size_t bytes = flow_state_encode(&state, second);
                    memset(&state, 0xA5, sizeof(state));
                    assert_int_equal(flow_state_decode(slice_make(second, bytes), &state, &err),
                                     ERR_OK);
                }
            }
            if (pass == 0)
                len = flow_state_encode(&state, first);
        }
        assert_int_equal(flow_state_encode(&state, second), len);
        assert_memory_equal(first, second, len);
        largest = len > largest ? len : largest;
    }
    assert_true(largest > 50 && largest <= 512);
}

static void damaged_states_are_refused(void **unused)
{
    uint8_t bytes[FLOW_STATE_BYTES_MAX];
    struct flow_state decoded;
    struct err err = { 0 };
    size_t len;

    (void)unused;
    assert_int_equal(flow_state_decode(slice_of(""), &decoded, &err), ERR_OK);
    assert_int_equal(decoded.depth, 0);
    to_items();
    len = flow_state_encode(&state, bytes);
    for (size_t cut = 1; cut < len; cut++)
        assert_int_not_equal(flow_state_decode(slice_make(bytes, cut), &decoded, &err), ERR_OK);
    bytes[0] = 2;
    assert_int_equal(flow_state_decode(slice_make(bytes, len), &decoded, &err), ERR_UNSUPPORTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_was_said_is_not_asked_for, begin, finish),
        cmocka_unit_test_setup_teardown(numbered_texts_stand_for_buttons, begin, finish),
        cmocka_unit_test_setup_teardown(a_question_goes_to_the_ladder_and_the_ask_comes_again,
                                        begin, finish),
        cmocka_unit_test_setup_teardown(wrong_answers_are_counted_until_exhausted, begin, finish),
        cmocka_unit_test_setup_teardown(a_correction_runs_forward_over_what_still_holds, begin,
                                        finish),
        cmocka_unit_test_setup_teardown(a_visit_later_asks_again_with_the_old_value, begin, finish),
        cmocka_unit_test_setup_teardown(an_action_is_tried_again_with_the_same_key, begin, finish),
        cmocka_unit_test_setup_teardown(a_pending_action_survives_a_restart, begin, finish),
        cmocka_unit_test_setup_teardown(an_answer_that_is_not_as_declared_is_a_failure, begin,
                                        finish),
        cmocka_unit_test_setup_teardown(
            an_answer_as_large_as_fits_is_taken_and_one_byte_more_is_not, begin, finish),
        cmocka_unit_test_setup_teardown(a_stale_answer_changes_nothing, begin, finish),
        cmocka_unit_test_setup_teardown(a_message_while_an_action_runs_is_told_to_wait, begin,
                                        finish),
        cmocka_unit_test_setup_teardown(deadlines_are_absolute_and_fire_once, begin, finish),
        cmocka_unit_test_setup_teardown(visits_and_turns_are_bounded, begin, finish),
        cmocka_unit_test_setup_teardown(asking_for_a_person_carries_everything, begin, finish),
        cmocka_unit_test_setup_teardown(cancelling_takes_the_flows_own_row, begin, finish),
        cmocka_unit_test_setup_teardown(an_interrupted_flow_goes_on_where_it_was, begin, finish),
        cmocka_unit_test_setup_teardown(a_set_finds_what_an_intent_or_a_phrase_begins, begin,
                                        finish),
        cmocka_unit_test_setup_teardown(a_run_stays_on_its_version_or_moves_where_it_is_told, begin,
                                        finish),
        cmocka_unit_test_setup_teardown(a_state_of_a_flow_that_is_gone_is_a_fault, begin, finish),
        cmocka_unit_test_setup_teardown(slots_live_as_long_as_they_are_kept, begin, finish),
        cmocka_unit_test_setup_teardown(the_stack_is_eight_flows_deep_and_not_nine, begin, finish),
        cmocka_unit_test_setup_teardown(a_full_state_is_noted_and_nothing_is_lost, begin, finish),
        cmocka_unit_test_setup_teardown(replay_is_equal_byte_for_byte, begin, finish),
        cmocka_unit_test_setup_teardown(damaged_states_are_refused, begin, finish),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
