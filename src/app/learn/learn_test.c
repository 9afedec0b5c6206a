/* SPDX-License-Identifier: Apache-2.0 */
/* Training from the store into files, going live, and the questions that were not understood, over
 * a store in memory and a folder of files. */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "learn_priv.h"
#include "schema.h"
#include "store_memory.h"

enum { WORKSPACE = 1, MODEL_A = 100, MODEL_B = 101 };

struct fixture {
    struct store *store;
    struct learn_options options;
    struct arena arena;
    char folder[64];
    uint64_t next;
};

static void on_complete(void *ctx, unsigned shard, const struct store_completion *completions,
                        size_t n)
{
    (void)ctx, (void)shard, (void)completions, (void)n;
}

static void put(struct fixture *f, enum store_kind kind, uint64_t id, uint64_t parent,
                const ProtobufCMessage *msg)
{
    struct store_change change = { .op = STORE_INSERT, .kind = kind };

    change.record.id = id;
    change.record.workspace = WORKSPACE;
    change.record.parent = parent;
    assert_int_equal(learn_encode(&f->arena, msg, &change.record.body, NULL), ERR_OK);
    assert_int_equal(store_admin_run(f->store, &change, 1, NULL, NULL), ERR_OK);
}

static void intent_put(struct fixture *f, uint64_t id, const char *name, bool disabled,
                       const char *const texts[5])
{
    Kefu__V1__Intent intent = KEFU__V1__INTENT__INIT;

    intent.name = arena_strdup(&f->arena, slice_of(name));
    intent.disabled = disabled;
    put(f, STORE_INTENT, id, 0, &intent.base);
    for (int i = 0; i < 5; i++) {
        Kefu__V1__Example example = KEFU__V1__EXAMPLE__INIT;

        example.intent_id = id;
        example.text = arena_strdup(&f->arena, slice_of(texts[i]));
        put(f, STORE_EXAMPLE, f->next++, id, &example.base);
    }
}

static void model_put(struct fixture *f, uint64_t id, const char *status, bool publish)
{
    Kefu__V1__Model model = KEFU__V1__MODEL__INIT;

    model.status = arena_strdup(&f->arena, slice_of(status));
    model.publish = publish;
    put(f, STORE_MODEL, id, 0, &model.base);
}

static const Kefu__V1__Model *model_get(struct fixture *f, uint64_t id)
{
    struct store_record record;
    Kefu__V1__Model *model = NULL;
    bool found = false;

    assert_int_equal(store_record_get(f->store, STORE_MODEL, id, &f->arena, &record, &found, NULL),
                     ERR_OK);
    assert_true(found);
    assert_int_equal(learn_decode(&record, &kefu__v1__model__descriptor, &f->arena, &model, NULL),
                     ERR_OK);
    return model;
}

static void shop_fill(struct fixture *f)
{
    static const char *const refund[] = { "我要退款", "怎么退钱", "I want my money back",
                                          "refund please", "退款多久到" };
    static const char *const parcel[] = { "包裹到哪了", "查物流", "where is my parcel",
                                          "track my delivery", "快递怎么还没到" };
    static const char *const off[] = { "a", "b", "c", "d", "e" };

    intent_put(f, 1, "refund", false, refund);
    intent_put(f, 2, "parcel", false, parcel);
    intent_put(f, 3, "off", true, off);
}

static int setup(void **state)
{
    struct fixture *f = test_calloc(1, sizeof(*f));
    struct store_options options = { .backend = &store_memory_backend,
                                     .shards = 1,
                                     .on_complete = on_complete };

    assert_int_equal(store_open(&options, &f->store, NULL), ERR_OK);
    snprintf(f->folder, sizeof(f->folder), "/tmp/learn_test_XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    f->options = (struct learn_options){ f->store, f->folder, &clock_system };
    f->next = 1000;
    arena_init(&f->arena, LEARN_PAGE_BYTES_MAX);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    for (uint64_t id = MODEL_A; id < MODEL_A + 64; id++)
        model_file_remove(f->folder, id);
    assert_int_equal(rmdir(f->folder), 0);
    store_close(&f->store);
    arena_fini(&f->arena);
    test_free(f);
    return 0;
}

static void train(struct fixture *f, uint64_t id)
{
    learn_train(&f->options, &(struct learn_job){ WORKSPACE, id });
}

static void a_queued_model_is_trained_evaluated_and_goes_live(void **state)
{
    struct fixture *f = *state;
    const Kefu__V1__Model *model;
    struct learn_model live;
    struct intent_scratch *scratch = intent_scratch_create();
    struct intent_result result;
    struct buf report;

    shop_fill(f);
    model_put(f, MODEL_A, "queued", true);
    train(f, MODEL_A);
    model = model_get(f, MODEL_A);
    assert_string_equal(model->error, "");
    assert_string_equal(model->status, "ready");
    assert_true(model->live);
    assert_int_equal(model->examples, 10); /* without those of the intent that is off */
    assert_int_equal(model->intents, 2);
    assert_int_equal(learn_live_open(f->store, f->folder, WORKSPACE, &live, NULL), ERR_OK);
    assert_int_equal(live.id, MODEL_A);
    intent_predict(live.model, scratch, slice_of("I want my money back"), 1, &result);
    assert_true(result.exact);
    assert_true(slice_equal_text(intent_model_name(live.model, result.hits[0].intent), "refund"));
    learn_model_close(&live);
    buf_init(&report, LEARN_REPORT_BYTES_MAX);
    assert_int_equal(model_file_read(f->folder, MODEL_A, MODEL_FILE_REPORT, &report, NULL), ERR_OK);
    buf_add_char(&report, '\0');
    assert_non_null(strstr(report.ptr, "\"macroF1\""));
    buf_fini(&report);
    intent_scratch_destroy(&scratch);
}

static void a_second_model_replaces_the_live_one_and_back(void **state)
{
    struct fixture *f = *state;
    struct store_change changes[LEARN_MODELS_MAX * 2];
    struct learn_models models;
    size_t count = 0;

    shop_fill(f);
    model_put(f, MODEL_A, "queued", true);
    train(f, MODEL_A);
    model_put(f, MODEL_B, "queued", true);
    train(f, MODEL_B);
    assert_false(model_get(f, MODEL_A)->live);
    assert_true(model_get(f, MODEL_B)->live);
    assert_int_equal(learn_models(f->store, WORKSPACE, &f->arena, &models, NULL), ERR_OK);
    assert_int_equal(models.n, 2);
    assert_int_equal(
        learn_publish_changes(&models, WORKSPACE, MODEL_A, &f->arena, changes, &count, NULL),
        ERR_OK);
    assert_int_equal(count, 2);
    assert_int_equal(store_admin_run(f->store, changes, count, NULL, NULL), ERR_OK);
    assert_true(model_get(f, MODEL_A)->live);
    assert_false(model_get(f, MODEL_B)->live);
}

static void a_training_is_compared_with_the_live_model(void **state)
{
    struct fixture *f = *state;
    struct buf report;

    shop_fill(f);
    model_put(f, MODEL_A, "queued", true);
    train(f, MODEL_A);
    assert_int_equal(model_get(f, MODEL_A)->against_id, 0);
    model_put(f, MODEL_B, "queued", false);
    train(f, MODEL_B);
    assert_int_equal(model_get(f, MODEL_B)->against_id, MODEL_A);
    assert_int_equal(model_get(f, MODEL_B)->fixed + model_get(f, MODEL_B)->broken, 0);
    buf_init(&report, LEARN_REPORT_BYTES_MAX);
    assert_int_equal(model_file_read(f->folder, MODEL_B, MODEL_FILE_REPORT, &report, NULL), ERR_OK);
    buf_add_char(&report, '\0');
    assert_non_null(strstr(report.ptr, "\"against\":{\"compared\":10,"));
    buf_fini(&report);
}

static void a_damaged_file_is_refused_and_the_one_before_stands_in(void **state)
{
    struct fixture *f = *state;
    struct learn_model live;
    struct err err = { 0 };

    shop_fill(f);
    model_put(f, MODEL_A, "queued", true);
    train(f, MODEL_A);
    model_put(f, MODEL_B, "queued", true);
    train(f, MODEL_B);
    assert_int_equal(model_file_write(f->folder, MODEL_B, MODEL_FILE_MODEL,
                                      SLICE_LITERAL("not a model at all, but long enough to be "
                                                    "looked at by whoever opens it"),
                                      NULL),
                     ERR_OK);
    assert_int_not_equal(learn_model_open(f->folder, MODEL_B, &live, &err), ERR_OK);
    assert_true(err.text[0] != '\0');
    assert_int_equal(learn_live_open(f->store, f->folder, WORKSPACE, &live, NULL), ERR_OK);
    assert_int_equal(live.id, MODEL_A);
    learn_model_close(&live);
    model_file_remove(f->folder, MODEL_A);
    assert_int_equal(learn_live_open(f->store, f->folder, WORKSPACE, &live, NULL), ERR_OK);
    assert_null(live.model); /* and without any the bot has no intents, but answers */
}

static void a_training_that_cannot_be_says_why(void **state)
{
    struct fixture *f = *state;
    static const char *const texts[] = { "v", "w", "x", "y", "z" };

    intent_put(f, 1, "alone", false, texts);
    model_put(f, MODEL_A, "queued", true);
    train(f, MODEL_A);
    assert_string_equal(model_get(f, MODEL_A)->status, "failed");
    assert_non_null(strstr(model_get(f, MODEL_A)->error, "alone"));
    assert_false(model_get(f, MODEL_A)->live);
}

static void a_cancelled_training_leaves_no_file(void **state)
{
    struct fixture *f = *state;
    struct learn_model model;

    shop_fill(f);
    model_put(f, MODEL_A, "cancelling", true);
    train(f, MODEL_A);
    assert_string_equal(model_get(f, MODEL_A)->status, "cancelled");
    assert_int_equal(learn_model_open(f->folder, MODEL_A, &model, NULL), ERR_NOT_FOUND);
}

static void a_start_finds_what_waits_and_what_was_cut_short(void **state)
{
    struct fixture *f = *state;
    struct learn_job jobs[LEARN_JOBS_MAX];
    size_t count = 0;

    model_put(f, MODEL_A, "training", false);
    model_put(f, MODEL_B, "queued", false);
    assert_int_equal(learn_recover(&f->options, jobs, &count, NULL), ERR_OK);
    assert_int_equal(count, 1);
    assert_int_equal(jobs[0].model, MODEL_B);
    assert_string_equal(model_get(f, MODEL_A)->status, "failed");
    model_put(f, MODEL_B + 1, "training", false);
    learn_cancel_all(&f->options);
    assert_string_equal(model_get(f, MODEL_B + 1)->status, "cancelling");
    assert_string_equal(model_get(f, MODEL_B)->status, "queued");
}

static void a_live_model_without_its_file_is_made_again(void **state)
{
    struct fixture *f = *state;
    struct learn_job jobs[LEARN_JOBS_MAX];
    struct learn_model live;
    size_t count = 0;

    shop_fill(f);
    model_put(f, MODEL_A, "queued", true);
    train(f, MODEL_A);
    model_file_remove(f->folder, MODEL_A); /* as after a restore */
    assert_int_equal(learn_recover(&f->options, jobs, &count, NULL), ERR_OK);
    assert_int_equal(count, 1);
    learn_train(&f->options, &jobs[0]);
    assert_int_equal(learn_live_open(f->store, f->folder, WORKSPACE, &live, NULL), ERR_OK);
    assert_int_equal(live.id, MODEL_A);
    assert_string_equal(model_get(f, MODEL_A)->status, "ready");
    learn_model_close(&live);
}

static void a_live_model_of_another_version_is_made_again(void **state)
{
    /* A model's magic, then a version that never was. */
    static _Alignas(8) const char other[4096] = "kefuNLU\n\xFF";
    struct fixture *f = *state;
    struct learn_job jobs[LEARN_JOBS_MAX];
    struct learn_model live;
    size_t count = 0;

    shop_fill(f);
    model_put(f, MODEL_A, "queued", true);
    train(f, MODEL_A);
    assert_int_equal(model_file_write(f->folder, MODEL_A, MODEL_FILE_MODEL,
                                      slice_make(other, sizeof(other)), NULL),
                     ERR_OK);
    assert_int_equal(learn_model_open(f->folder, MODEL_A, &live, NULL), ERR_UNSUPPORTED);
    assert_int_equal(learn_recover(&f->options, jobs, &count, NULL), ERR_OK);
    assert_int_equal(count, 1);
    learn_train(&f->options, &jobs[0]);
    assert_int_equal(learn_model_open(f->folder, MODEL_A, &live, NULL), ERR_OK);
    learn_model_close(&live);
}

static void old_models_go_but_not_the_live_one(void **state)
{
    struct fixture *f = *state;
    struct learn_models models;

    shop_fill(f);
    model_put(f, MODEL_A, "queued", true);
    train(f, MODEL_A);
    for (uint64_t i = 1; i <= LEARN_MODELS_MAX; i++)
        model_put(f, MODEL_A + i, "failed", false);
    model_put(f, MODEL_A + LEARN_MODELS_MAX + 1, "queued", false);
    train(f, MODEL_A + LEARN_MODELS_MAX + 1);
    assert_int_equal(learn_models(f->store, WORKSPACE, &f->arena, &models, NULL), ERR_OK);
    assert_int_equal(models.n, LEARN_MODELS_MAX);
    assert_true(models.items[models.n - 1]->live);
    assert_int_equal(models.items[models.n - 1]->id, MODEL_A);
}

/* ---- unclear questions ----------------------------------------------------------------------- */

static struct learn_question question(const char *text, uint32_t count)
{
    struct learn_question out = { .workspace = WORKSPACE, .count = count, .locale = "zh-CN" };

    snprintf(out.text, sizeof(out.text), "%s", text);
    return out;
}

static void what_names_a_person_is_not_kept(void **state)
{
    struct bot_reply reply = { .locale = "en", .entity_count = 2 };
    struct learn_question out;

    (void)state;
    reply.entities[0] = (struct bot_entity){ "phone", 8, 11 };
    reply.entities[1] = (struct bot_entity){ "date", 22, 8 };
    assert_true(learn_question_make(slice_of("call me 13812345678 on tomorrow?"), &reply, &out));
    assert_string_equal(out.text, "call me <phone> on tomorrow?");
    assert_string_equal(out.locale, "en");
    reply.entity_count = 0;
    assert_false(learn_question_make(slice_of(" \n "), &reply, &out));
}

static void a_long_question_is_cut_between_characters(void **state)
{
    struct bot_reply reply = { .locale = "zh-CN" };
    struct learn_question out;
    char text[LEARN_UNCLEAR_BYTES_MAX * 2 + 1];

    (void)state;
    for (int i = 0; i < LEARN_UNCLEAR_BYTES_MAX * 2; i += 3)
        memcpy(text + i, "\xE4\xB8\xAD", 3);
    text[LEARN_UNCLEAR_BYTES_MAX * 2] = '\0';
    assert_true(learn_question_make(slice_of(text), &reply, &out));
    assert_int_equal(strlen(out.text), LEARN_UNCLEAR_BYTES_MAX);
    text[1] = 'x'; /* and what is no UTF-8 is not kept */
    learn_question_make(slice_of(text), &reply, &out);
    assert_int_equal(strlen(out.text), 0);
}

static void the_same_question_is_counted_and_near_ones_stand_together(void **state)
{
    struct fixture *f = *state;
    const struct learn_question asked[] = {
        question("能不能送货上门安装", 2),
        question("能不能送货上门安装？", 1),
        question("你们能不能送货上门安装呢", 1),
        question("有没有实体店可以看看", 3),
    };
    Kefu__V1__UnclearList list = KEFU__V1__UNCLEAR_LIST__INIT;

    assert_int_equal(learn_unclear_merge(f->store, asked, 4, 1700000000000, NULL), ERR_OK);
    assert_int_equal(learn_unclear_merge(f->store, asked, 1, 1700000001000, NULL), ERR_OK);
    assert_int_equal(learn_unclear_list(f->store, f->folder, WORKSPACE, &f->arena, &list, NULL),
                     ERR_OK);
    assert_int_equal(list.n_items, 2);
    assert_string_equal(list.items[0]->text, "能不能送货上门安装");
    assert_int_equal(list.items[0]->count, 6);
    assert_int_equal(list.items[0]->n_ids, 2);
    assert_int_equal(list.items[1]->count, 3);
}

static void the_rarest_make_room(void **state)
{
    struct fixture *f = *state;
    static struct learn_question many[LEARN_UNCLEAR_MAX + 1];
    struct store_record_query query = { .kind = STORE_UNCLEAR, .limit = STORE_PAGE_MAX };
    struct store_records page = { .more = true };
    size_t n = 0;

    for (size_t i = 0; i < LENGTH_OF(many); i++) {
        char text[64];

        snprintf(text, sizeof(text), "question number %zu", i);
        many[i] = question(text, i < 10 ? 5 : 1);
    }
    assert_int_equal(learn_unclear_merge(f->store, many, LENGTH_OF(many), 1, NULL), ERR_OK);
    while (page.more) {
        assert_int_equal(store_record_list(f->store, &query, &f->arena, &page, NULL), ERR_OK);
        n += page.n;
        query.after = page.items[page.n - 1].id;
    }
    assert_int_equal(n, LEARN_UNCLEAR_MAX - LEARN_UNCLEAR_MAX / 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_queued_model_is_trained_evaluated_and_goes_live, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_second_model_replaces_the_live_one_and_back, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_training_is_compared_with_the_live_model, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_damaged_file_is_refused_and_the_one_before_stands_in,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_training_that_cannot_be_says_why, setup, teardown),
        cmocka_unit_test_setup_teardown(a_cancelled_training_leaves_no_file, setup, teardown),
        cmocka_unit_test_setup_teardown(a_start_finds_what_waits_and_what_was_cut_short, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_live_model_without_its_file_is_made_again, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_live_model_of_another_version_is_made_again, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(old_models_go_but_not_the_live_one, setup, teardown),
        cmocka_unit_test(what_names_a_person_is_not_kept),
        cmocka_unit_test(a_long_question_is_cut_between_characters),
        cmocka_unit_test_setup_teardown(the_same_question_is_counted_and_near_ones_stand_together,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(the_rarest_make_room, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
