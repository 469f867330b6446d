/* The records of a run: results.csv, log.jsonl, summary.json, TensorBoard events: what is written is what is read back.
 */
#include "base/crc32c.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "report/event_log.h"
#include "report/results_csv.h"
#include "report/summary.h"
#include "report/tensorboard.h"
#include "tb_event.pb-c.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const ath_epoch rows[] = {{1, 0.1, 2.302585, 11.35, 1.234567891, 50.25, 1.5, 40000.0, 0.25, NAN, NAN, NAN, 0},
                                 {2, 1e-5, 0.1, 99.5, 0.05, 99.0, 1.25, 48000.0, 0.0, NAN, NAN, NAN, 0},
                                 {3, 0.05, NAN, 9.8, INFINITY, 9.8, 1.0, 60000.0, 1.0, NAN, NAN, NAN, 0}};
enum { ROWS = sizeof rows / sizeof rows[0] };

static char *read_text(const char *path, size_t *size) {
    char     *text;
    ath_error err = {0};
    if (ath__file_read(path, 1 << 20, &text, size, &err) != ATH_OK) fail_msg("%s", err.message);
    return text;
}

static void results_text(void **state) {
    (void)state;
    ath_error err = {0};
    size_t    size;
    assert_int_equal(ath__results_csv_write("results.csv", rows, ROWS, &err), ATH_OK);
    char *text = read_text("results.csv", &size);
    assert_string_equal(text, "epoch,lr,train_loss,train_top1,val_loss,val_top1,seconds,images_per_second,data_wait\n"
                              "1,0.1,2.302585,11.35,1.23456789,50.25,1.5,40000,0.25\n"
                              "2,1e-05,0.1,99.5,0.05,99,1.25,48000,0\n"
                              "3,0.05,nan,9.8,inf,9.8,1,60000,1\n");
    ath__free(text);
    assert_int_equal(ath__results_csv_write("no/folder/results.csv", rows, ROWS, &err), ATH_IO);
}

/* Columns of what is not measured in every run: there where it was. */
static void results_measured(void **state) {
    (void)state;
    ath_error err = {0};
    size_t    size;
    int64_t   count;
    ath_epoch two[2] = {rows[0], rows[1]}, *read;
    two[1].ema_loss = 0.0625;
    two[1].ema_top1 = 99.25;
    assert_int_equal(ath__results_csv_write("results.csv", two, 2, &err), ATH_OK);
    char *text = read_text("results.csv", &size);
    assert_non_null(strstr(text, ",data_wait,ema_loss,ema_top1\n"));
    assert_non_null(strstr(text, "0.25,nan,nan\n"));
    assert_non_null(strstr(text, ",0,0.0625,99.25\n"));
    ath__free(text);
    assert_int_equal(ath__results_csv_read("results.csv", &read, &count, &err), ATH_OK);
    assert_true(count == 2 && read[1].ema_top1 == 99.25 && isnan(read[0].ema_top1) && isnan(read[1].grad_norm));
    ath__free(read);
    two[1].grad_norm = 1.5;
    assert_int_equal(ath__tensorboard_write("measured", two, 2, 1000.0, &err), ATH_OK);
    text = read_text("measured", &size);
    int tags = 0;
    for (size_t i = 0; i + 9 < size; i++)
        tags += memcmp(text + i, "grad_norm", 9) == 0 || memcmp(text + i, "top1_ema", 8) == 0;
    assert_int_equal(tags, 2); /* of the second epoch alone */
    ath__free(text);
}

static void results_come_back(void **state) {
    (void)state;
    ath_error  err = {0};
    ath_epoch *read;
    int64_t    count;
    assert_int_equal(ath__results_csv_write("results.csv", rows, ROWS, &err), ATH_OK);
    assert_int_equal(ath__results_csv_read("results.csv", &read, &count, &err), ATH_OK);
    assert_int_equal(count, ROWS);
    for (int i = 0; i < ROWS; i++) {
        assert_int_equal(read[i].epoch, rows[i].epoch);
        assert_true(read[i].lr == rows[i].lr && read[i].val_top1 == rows[i].val_top1);
        /* Nine digits carry any single-precision loss; the double lies within half a unit of the ninth. */
        if (isfinite(rows[i].val_loss)) assert_true(fabs(read[i].val_loss - rows[i].val_loss) <= 5e-9);
    }
    assert_true(isnan(read[2].train_loss) && isinf(read[2].val_loss));
    ath__free(read);
    /* Other columns and another order, as another program may have left them. */
    static const char other[] = "note,val_top1,epoch\r\nfirst,97.5,4\r\n,,5\r\n";
    assert_int_equal(ath__file_write("results.csv", other, strlen(other), &err), ATH_OK);
    assert_int_equal(ath__results_csv_read("results.csv", &read, &count, &err), ATH_OK);
    assert_int_equal(count, 2);
    assert_int_equal(read[0].epoch, 4);
    assert_true(read[0].val_top1 == 97.5 && isnan(read[0].lr) && isnan(read[1].val_top1));
    ath__free(read);
}

static void results_refused(void **state) {
    (void)state;
    static const char *const texts[] = {
        "", "\n", "a,b\n1,2\n", "epoch,lr\n1\n", "epoch,lr\nx,0.1\n", "epoch,lr\n1e300,0.1\n", "lr,epoch\n0.1,-1\n"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        ath_error  err = {0};
        ath_epoch *read;
        int64_t    count;
        assert_int_equal(ath__file_write("bad.csv", texts[i], strlen(texts[i]), &err), ATH_OK);
        if (ath__results_csv_read("bad.csv", &read, &count, &err) != ATH_DATA) fail_msg("case %d was read", (int)i);
        assert_non_null(strstr(err.message, "bad.csv"));
        assert_null(read);
    }
}

/* Every line of the file is JSON; returns how many there are. */
static int count_lines(const char *path) {
    size_t size;
    char  *text = read_text(path, &size), *rest = NULL;
    int    count = 0;
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest), count++) {
        json_t *json = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
        if (!json) fail_msg("not JSON: %s", line);
        assert_non_null(json_string_value(json_object_get(json, "event")));
        assert_non_null(json_string_value(json_object_get(json, "time")));
        json_decref(json);
    }
    ath__free(text);
    return count;
}

static void log_lines(void **state) {
    (void)state;
    ath_error err = {0};
    uint64_t  size = 0, after_two = 0;
    unlink("log.jsonl");
    assert_int_equal(ath__event_log_rewind("log.jsonl", 100, &err), ATH_OK); /* a missing file stays missing */
    assert_int_equal(ath__event_log_append("log.jsonl", "begin", "", &size, &err), ATH_OK);
    assert_int_equal(ath__event_log_append("log.jsonl", "epoch",
                                           "\"a\":nan,\"b\":-nan,\"c\":inf,\"d\":[-inf,1],\"e\":\"nan inf \\\" inf\"",
                                           &after_two, &err),
                     ATH_OK);
    assert_true(after_two > size);
    size_t bytes;
    char  *text = read_text("log.jsonl", &bytes);
    assert_int_equal(bytes, after_two);
    assert_non_null(strstr(text, "\"a\":null,\"b\":null,\"c\":null,\"d\":[null,1],\"e\":\"nan inf \\\" inf\"}"));
    ath__free(text);
    assert_int_equal(ath__event_log_append("log.jsonl", "a \"b\" \xFF\n", "", &size, &err), ATH_OK);
    assert_int_equal(count_lines("log.jsonl"), 3);
    assert_int_equal(ath__event_log_rewind("log.jsonl", after_two, &err), ATH_OK);
    assert_int_equal(count_lines("log.jsonl"), 2);
    assert_int_equal(ath__event_log_append("log.jsonl", "again", "", &size, &err), ATH_OK);
    assert_int_equal(count_lines("log.jsonl"), 3);
    /* A line that a power cut left half written goes too. */
    assert_int_equal(ath__event_log_rewind("log.jsonl", after_two + 5, &err), ATH_OK);
    assert_int_equal(count_lines("log.jsonl"), 2);
    assert_int_equal(ath__event_log_rewind("log.jsonl", 0, &err), ATH_OK);
    assert_int_equal(count_lines("log.jsonl"), 0);
    assert_int_equal(ath__event_log_append("no/folder/log.jsonl", "x", "", &size, &err), ATH_IO);
    assert_non_null(strstr(err.message, "no/folder/log.jsonl"));
}

static void log_on_full_disk(void **state) {
    (void)state;
    ath_error err = {0};
    uint64_t  size = 0;
    if (access("/dev/full", W_OK) != 0) skip();
    assert_int_equal(ath__event_log_append("/dev/full", "x", "", &size, &err), ATH_IO);
    assert_non_null(strstr(err.message, "free some space"));
}

static void summary_fields(void **state) {
    (void)state;
    static const char *const keys[] = {"model",
                                       "data",
                                       "params",
                                       "macs",
                                       "epochs",
                                       "top1_best",
                                       "top1_last",
                                       "loss_last",
                                       "train_top1_last",
                                       "epoch_best",
                                       "skipped",
                                       "seconds",
                                       "images_per_second",
                                       "precision",
                                       "threads",
                                       "device",
                                       "run",
                                       "peak_rss_mib",
                                       "planned_mib",
                                       "tta",
                                       "top1_final",
                                       "loss_final",
                                       "calibration_error"};
    ath_train_result         r = {.model = "lenet5",
                                  .data = "data/\"x\" \xFF",
                                  .precision = "f32",
                                  .device = "cpu",
                                  .run = "runs/größe",
                                  .params = 61706,
                                  .macs = 416520,
                                  .epochs = 20,
                                  .top1_best = 99.12,
                                  .top1_last = 99.01,
                                  .loss_last = NAN,
                                  .epoch_best = 17,
                                  .threads = 2,
                                  .peak_rss = 3u << 20,
                                  .planned_bytes = 1u << 19};
    ath_error                err = {0};
    size_t                   size;
    assert_int_equal(ath__summary_write("summary.json", &r, &err), ATH_OK);
    char   *text = read_text("summary.json", &size);
    json_t *json = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    assert_int_equal(text[size - 1], '\n');
    assert_int_equal(json_object_size(json), sizeof keys / sizeof keys[0]);
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        if (!json_object_get(json, keys[i])) fail_msg("no %s", keys[i]);
    assert_string_equal(json_string_value(json_object_get(json, "run")), "runs/größe");
    assert_string_equal(json_string_value(json_object_get(json, "data")), "data/\"x\" \xEF\xBF\xBD");
    assert_true(json_is_null(json_object_get(json, "loss_last")));
    assert_non_null(strstr(text, "\"top1_best\": 99.12,"));
    assert_true(json_real_value(json_object_get(json, "peak_rss_mib")) == 3.0);
    assert_true(json_real_value(json_object_get(json, "planned_mib")) == 0.5);
    char *again = ath_train_result_json(&r);
    assert_int_equal(strlen(again) + 1, size);
    assert_memory_equal(again, text, strlen(again));
    ath_text_free(again);
    json_decref(json);
    ath__free(text);
}

static uint32_t little_endian(const unsigned char *b) {
    return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

static void tensorboard_records(void **state) {
    (void)state;
    ath_error err = {0};
    size_t    size;
    assert_int_equal(ath__tensorboard_write("events", rows, ROWS, 1000.0, &err), ATH_OK);
    char                *text = read_text("events", &size);
    const unsigned char *at = (const unsigned char *)text, *end = at + size;
    for (int record = 0; record <= ROWS; record++) {
        assert_true(end - at > 16);
        uint32_t length = little_endian(at);
        assert_int_equal(little_endian(at + 4), 0);
        assert_int_equal(little_endian(at + 8), ath__crc32c_masked(at, 8));
        assert_true((size_t)(end - at) >= 16 + (size_t)length);
        assert_int_equal(little_endian(at + 12 + length), ath__crc32c_masked(at + 12, length));
        Athanor__Tb__Event *event = athanor__tb__event__unpack(NULL, length, at + 12);
        assert_non_null(event);
        if (record == 0) {
            assert_string_equal(event->file_version, "brain.Event:2");
            assert_true(event->wall_time == 1000.0);
        } else {
            const ath_epoch *row = &rows[record - 1];
            assert_int_equal(event->step, row->epoch);
            assert_int_equal(event->summary->n_value, 5);
            assert_string_equal(event->summary->value[3]->tag, "val/top1");
            assert_true(event->summary->value[3]->simple_value == (float)row->val_top1);
            assert_string_equal(event->summary->value[4]->tag, "lr");
            assert_true(event->summary->value[4]->simple_value == (float)row->lr);
        }
        athanor__tb__event__free_unpacked(event, NULL);
        at += 16 + length;
    }
    assert_ptr_equal(at, end);
    ath__free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(results_text),    cmocka_unit_test(results_measured),    cmocka_unit_test(results_come_back),
        cmocka_unit_test(results_refused), cmocka_unit_test(log_lines),           cmocka_unit_test(log_on_full_disk),
        cmocka_unit_test(summary_fields),  cmocka_unit_test(tensorboard_records),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
