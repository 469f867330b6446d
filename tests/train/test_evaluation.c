/* Training, evaluation and prediction agree: what the end of training reports, what `eval` says and what `predict`
 * answers image by image are the same numbers, with and without test-time augmentation; and the confusion matrix adds
 * up to the accuracy. */
#include "athanor/athanor.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { IMAGES = 200, CLASSES = 10 }; /* validation images of 1,200 digits */

static void must(ath_status status, const ath_error *err) {
    if (status != ATH_OK) fail_msg("%s", err->message);
}

static ath_config *make_config(const char *const *pairs) {
    ath_config *config = NULL;
    ath_error   err = {0};
    must(ath_config_create(&config, &err), &err);
    for (; pairs[0]; pairs += 2) must(ath_config_set(config, pairs[0], pairs[1], ATH_ORIGIN_COMMAND_LINE, &err), &err);
    return config;
}

static ath_train_result train(const char *out, const char *tta, const char *loss, const char *lr, const char *epochs) {
    ath_train_result  result;
    ath_error         err = {0};
    const char *const pairs[] = {"model", "lenet5-relu", "data", "digits", "data.n", "1200",     "epochs",
                                 epochs,  "batch",       "64",   "lr",     lr,       "momentum", "0.9",
                                 "init",  "kaiming",     "out",  out,      "tta",    tta,        "overwrite",
                                 "true",  "loss",        loss,   NULL};
    ath_config       *config = make_config(pairs);
    must(ath_train(config, NULL, &result, &err), &err);
    ath_config_destroy(config);
    return result;
}

static ath_eval_result evaluate(const char *run, const char *tta) {
    ath_eval_result   result;
    ath_error         err = {0};
    const char *const pairs[] = {"run", run, "tta", tta, NULL};
    ath_config       *config = make_config(pairs);
    must(ath_eval(config, NULL, &result, &err), &err);
    ath_config_destroy(config);
    return result;
}

static void check_sums(const ath_eval_result *r) {
    int64_t trace = 0, sum = 0, binned = 0, right = 0;
    for (int i = 0; i < r->classes * r->classes; i++) {
        sum += r->confusion[i];
        trace += i % (r->classes + 1) == 0 ? r->confusion[i] : 0;
    }
    for (int b = 0; b < ATH_CALIBRATION_BINS; b++) {
        binned += r->calibration[b].images;
        right += r->calibration[b].correct;
    }
    assert_int_equal(sum, r->images);
    assert_int_equal(binned, r->images);
    assert_int_equal(right, trace);
    assert_true(100.0 * (double)trace / (double)sum == r->top1); /* to the bit */
}

struct answers {
    int     count;
    int     index[IMAGES];
    double  probability[IMAGES]; /* of the answer */
    int64_t predicted[CLASSES];
};

static void note(const ath_prediction *prediction, void *context) {
    struct answers *answers = context;
    assert_true(answers->count < IMAGES && prediction->count == CLASSES);
    answers->index[answers->count] = prediction->top[0].index;
    answers->probability[answers->count++] = prediction->top[0].probability;
    answers->predicted[prediction->top[0].index]++;
}

/* predict over the validation images gives eval's classes and probabilities. */
static void check_predictions(const char *run, const char *tta, const ath_eval_result *scores) {
    static struct answers answers;
    ath_error             err = {0};
    const char *const pairs[] = {"run", run, "tta", tta, "top", "10", NULL}, *const words[] = {"val:0-199"};
    ath_config *config = make_config(pairs);
    memset(&answers, 0, sizeof answers);
    must(ath_predict(config, words, 1, note, &answers, &err), &err);
    ath_config_destroy(config);
    assert_int_equal(answers.count, IMAGES);
    double confidence = 0.0;
    for (int c = 0; c < CLASSES; c++) assert_int_equal(answers.predicted[c], scores->per_class[c].predicted);
    for (int i = 0; i < IMAGES; i++) confidence += answers.probability[i];
    /* Sums of 200 numbers below 1 in another order: each at most 200 * 200 * 2^-53 off. */
    assert_true(fabs(confidence / IMAGES * 100.0 - scores->confidence) < 1e-11);
    assert_true(scores->worst_count > 10);
    for (int k = 0; k < scores->worst_count; k++) {
        const ath_mistake *worst = &scores->worst[k];
        assert_int_equal(answers.index[worst->index], worst->predicted);
        /* exp(x - m - log s) against exp(x - m) / s: a few roundings of a logarithm below 40 */
        assert_true(fabs(answers.probability[worst->index] - worst->probability) < 1e-14);
    }
}

static char *read_in(const char *folder, const char *name, size_t *size) {
    char      path[ATH_PATH_MAX], *text;
    ath_error err = {0};
    must(ath__path_join(path, folder, name, &err), &err);
    must(ath__file_read(path, 1 << 24, &text, size, &err), &err);
    return text;
}

/* confusion.csv holds the same matrix, under the names of the classes. */
static void check_csv(const char *run, const ath_eval_result *scores) {
    size_t size;
    char  *text = read_in(run, "confusion.csv", &size), *at = text;
    assert_int_equal(strncmp(text, "true\\predicted,0,1,", 19), 0);
    for (int r = 0; r < scores->classes; r++) {
        at = strchr(at, '\n') + 1;
        assert_int_equal(strtol(at, &at, 10), r); /* digits are called 0 to 9 */
        for (int c = 0; c < scores->classes; c++) {
            assert_int_equal(*at++, ',');
            assert_int_equal(strtoll(at, &at, 10), scores->confusion[r * scores->classes + c]);
        }
    }
    assert_string_equal(at, "\n");
    ath__free(text);
}

static void check_files(const char *run, const ath_train_result *result) {
    static const char *const files[] = {"confusion.png", "mistakes.png"};
    size_t                   size;
    for (int i = 0; i < 2; i++) {
        char *png = read_in(run, files[i], &size);
        assert_true(size > 1000);
        assert_memory_equal(png, "\x89PNG\r\n\x1a\n", 8);
        ath__free(png);
    }
    char   *text = read_in(run, "summary.json", &size);
    json_t *summary = json_loads(text, 0, NULL);
    assert_true(fabs(json_number_value(json_object_get(summary, "top1_final")) - result->top1_final) < 1e-6);
    assert_string_equal(json_string_value(json_object_get(summary, "tta")), result->tta);
    json_decref(summary);
    ath__free(text);
    text = read_in(run, "log.jsonl", &size);
    assert_non_null(strstr(text, "\"event\":\"evaluation\""));
    ath__free(text);
    text = read_in(run, "report.html", &size);
    static const char *const anchors[] = {"id=curves", "id=mistakes", "id=classes",  "id=confusion", "id=calibration",
                                          "id=layers", "id=epochs",   "id=settings", "id=machine"};
    for (size_t i = 0; i < sizeof anchors / sizeof anchors[0]; i++)
        if (!strstr(text, anchors[i])) fail_msg("the report has no %s", anchors[i]);
    assert_non_null(strstr(text, "conv1")); /* a layer */
    ath__free(text);
}

static void check_tta(void **state) {
    const char      *tta = *state;
    char             run[64];
    ath_train_result result;
    snprintf(run, sizeof run, "evaluation-%s", tta);
    result = train(run, tta, "cross_entropy", "0.05", "3");
    ath_eval_result scores = evaluate(run, tta);
    assert_string_equal(result.tta, tta);
    assert_string_equal(scores.tta, tta);
    assert_int_equal(scores.images, IMAGES);
    assert_true(scores.top1 > 30.0); /* it learnt something, so that the rest says something */
    assert_true(scores.top1 == result.top1_final && scores.loss == result.loss_final);
    assert_true(scores.calibration_error == result.calibration_error);
    if (strcmp(tta, "none") == 0) assert_true(result.top1_final == result.top1_best);
    check_sums(&scores);
    check_predictions(run, tta, &scores);
    check_csv(run, &scores);
    check_files(run, &result);
    ath_eval_result_free(&scores);
}

/* The figures are those of the best epoch also where that was not the last: a rate that wrecks the net behind it. */
static void best_epoch_is_evaluated(void **state) {
    (void)state;
    ath_train_result  result;
    ath_error         err = {0};
    const char *const pairs[] = {
        "model",    "lenet5-relu", "data",      "digits", "data.n",      "600",     "epochs", "4",
        "batch",    "64",          "lr",        "0.3",    "init",        "kaiming", "out",    "evaluation-best",
        "momentum", "0.9",         "overwrite", "true",   "target_top1", "0",       NULL};
    ath_config *config = make_config(pairs);
    must(ath_train(config, NULL, &result, &err), &err);
    ath_eval_result scores = evaluate("evaluation-best", "none");
    assert_true(scores.top1 == result.top1_best && result.top1_final == result.top1_best);
    ath_eval_result_free(&scores);
    ath_config_destroy(config);
}

/* Chance is 10%. Binary cross-entropy first learns that nine of ten answers are no. */
static void losses_train(void **state) {
    (void)state;
    static const struct { const char *loss, *lr, *epochs; } cases[] = {{"focal", "0.05", "3"}, {"bce", "0.2", "8"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char run[64];
        snprintf(run, sizeof run, "evaluation-loss-%s", cases[i].loss);
        ath_train_result result = train(run, "none", cases[i].loss, cases[i].lr, cases[i].epochs);
        print_message("loss=%s: top-1 %.1f%% after %s epochs of 1,200 digits\n", cases[i].loss, result.top1_last,
                      cases[i].epochs);
        assert_true(result.top1_last > 30.0);
    }
}

/* Weights by frequency train all classes; a class of weight 0 is not learnt. */
static void class_weights_train(void **state) {
    (void)state;
    static const char *const weights[] = {"auto", "0,0,0,0,0,1,1,1,1,1"};
    for (int i = 0; i < 2; i++) {
        const char *const pairs[] = {"model",     "lenet5-relu",   "data",     "digits", "data.n",
                                     "1200",      "epochs",        "3",        "batch",  "64",
                                     "lr",        "0.05",          "momentum", "0.9",    "init",
                                     "kaiming",   "class_weights", weights[i], "out",    "evaluation-weights",
                                     "overwrite", "true",          NULL};
        ath_config       *config = make_config(pairs);
        ath_train_result  result;
        ath_error         err = {0};
        must(ath_train(config, NULL, &result, &err), &err);
        ath_eval_result scores = evaluate("evaluation-weights", "none");
        int64_t         first_half = 0;
        for (int c = 0; c < 5; c++) first_half += scores.per_class[c].predicted;
        if (i == 0) assert_true(result.top1_last > 30.0 && first_half > IMAGES / 10);
        if (i == 1) assert_true(first_half < IMAGES / 20); /* nothing speaks for a class of weight 0 */
        ath_eval_result_free(&scores);
        ath_config_destroy(config);
    }
}

static void bad_values(void **state) {
    (void)state;
    static const struct {
        const char *key, *value, *said;
    } values[] = {{"class_weights", "1,2", "class_weights"},
                  {"class_weights", "-1,1,1,1,1,1,1,1,1,1", "class_weights"},
                  {"class_weights", "nan,1,1,1,1,1,1,1,1,1", "class_weights"},
                  {"class_weights", "0,0,0,0,0,0,0,0,0,0", "class_weights"},
                  {"class_weights", "1,1,1,1,1,1,1,1,1,1,1", "class_weights"},
                  {"class_weights", "inverse", "class_weights"},
                  {"loss", "focus", "focal"},
                  {"classes", "5", "too few"}};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        const char *const pairs[] = {"model",     "lenet5", "data",        "digits",        "data.n",
                                     "60",        "batch",  "30",          "out",           "evaluation-bad",
                                     "overwrite", "true",   values[i].key, values[i].value, NULL};
        ath_config       *config = make_config(pairs);
        ath_train_result  result;
        ath_error         err = {0};
        assert_int_equal(ath_train(config, NULL, &result, &err), ATH_USAGE);
        if (!strstr(err.message, values[i].said)) fail_msg("%s", err.message);
        ath_config_destroy(config);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        {"tta=none", check_tta, NULL, NULL, (void *)(uintptr_t) "none"},
        {"tta=flip", check_tta, NULL, NULL, (void *)(uintptr_t) "flip"},
        {"tta=flip_shift", check_tta, NULL, NULL, (void *)(uintptr_t) "flip_shift"},
        cmocka_unit_test(best_epoch_is_evaluated),
        cmocka_unit_test(losses_train),
        cmocka_unit_test(class_weights_train),
        cmocka_unit_test(bad_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
