/* summary.json and `athanor train --json`: one text for both, so that they cannot differ. */
#include "report/summary.h"

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"

#include <string.h>

static double mib(size_t bytes) {
    return (double)(bytes / 1024) / 1024.0;
}

/* A text that may hold any bytes; jansson takes UTF-8 alone. */
static void set_text(json_t *object, const char *key, const char *text) {
    struct ath__str quoted = {0};
    ath__json_quote(&quoted, text);
    json_object_set_new(object, key, json_loads(ath__str_text(&quoted), JSON_DECODE_ANY, NULL));
    ath__str_free(&quoted);
}

char *ath_train_result_json(const ath_train_result *r) {
    json_t *o = json_object();
    if (!o) return NULL;
    set_text(o, "model", r->model);
    set_text(o, "data", r->data);
    json_object_set_new(o, "params", json_integer(r->params));
    json_object_set_new(o, "macs", json_integer(r->macs));
    json_object_set_new(o, "epochs", json_integer(r->epochs));
    ath__json_set_real(o, "top1_best", r->top1_best);
    ath__json_set_real(o, "top1_last", r->top1_last);
    ath__json_set_real(o, "loss_last", r->loss_last);
    ath__json_set_real(o, "train_top1_last", r->train_top1_last);
    json_object_set_new(o, "epoch_best", json_integer(r->epoch_best));
    set_text(o, "tta", r->tta);
    ath__json_set_real(o, "top1_final", r->top1_final);
    ath__json_set_real(o, "loss_final", r->loss_final);
    ath__json_set_real(o, "calibration_error", r->calibration_error);
    json_object_set_new(o, "skipped", json_integer(r->skipped));
    ath__json_set_real(o, "seconds", r->seconds);
    ath__json_set_real(o, "images_per_second", r->images_per_second);
    set_text(o, "precision", r->precision);
    json_object_set_new(o, "threads", json_integer(r->threads));
    set_text(o, "device", r->device);
    set_text(o, "run", r->run);
    ath__json_set_real(o, "peak_rss_mib", mib(r->peak_rss));
    ath__json_set_real(o, "planned_mib", mib(r->planned_bytes));
    char *text = ath__json_text(o, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
    json_decref(o);
    return text;
}

ath_status ath__summary_write(const char *path, const ath_train_result *result, ath_error *err) {
    char *text = ath_train_result_json(result);
    if (!text) return ath__fail_memory(err, path);
    size_t size = strlen(text);
    text[size] = '\n'; /* in the place of the NUL, which is not written */
    ath_status status = ath__file_write(path, text, size + 1, err);
    ath__free(text);
    return status;
}
