/* Applying the rules, ranking what they find, and what rules share. */
#include "train/doctor/doctor.h"

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "train/settings.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A finding at least this certain explains its symptoms away. */
static const double explains = 0.6;

static const struct ath__doctor_rule *const table[] = {
#define ATH_DOCTOR_RULE(name) &ath__doctor_##name,
#include "train/doctor/doctor_rule_list.h"
#undef ATH_DOCTOR_RULE
};
enum { COUNT = sizeof table / sizeof table[0] };

const struct ath__doctor_rule *ath__doctor_rule_at(int i) {
    return i >= 0 && i < COUNT ? table[i] : NULL;
}

bool ath_doctor_rule_at(int i, const char **code, const char **title) {
    const struct ath__doctor_rule *rule = ath__doctor_rule_at(i);
    if (!rule) return false;
    *code = rule->code;
    *title = rule->title;
    return true;
}

/* Is `code` one of the words of `list`? */
static bool listed(const char *list, const char *code) {
    size_t length = strlen(code);
    for (const char *at = list; at && (at = strstr(at, code)) != NULL; at += length)
        if ((at == list || at[-1] == ' ') && (at[length] == ' ' || at[length] == '\0')) return true;
    return false;
}

static bool explained(const struct ath__doctor_rule *rule, const ath_finding *all) {
    for (int i = 0; rule->explained_by && i < COUNT; i++)
        if (all[i].confidence >= explains && listed(rule->explained_by, table[i]->code)) return true;
    return false;
}

/* Most certain first; of equals the earlier row, which lies earlier in memory while sorting by insertion. */
static void sort(ath_finding *items, int count) {
    for (int i = 1; i < count; i++) {
        ath_finding moved = items[i];
        int         at = i;
        for (; at > 0 && items[at - 1].confidence < moved.confidence; at--) items[at] = items[at - 1];
        items[at] = moved;
    }
}

ath_status ath__doctor_examine(const struct ath__evidence *evidence, ath_findings *findings, ath_error *err) {
    ath_finding *all = ATH_NEW_ARRAY(ath_finding, COUNT);
    *findings = (ath_findings){.items = ATH_NEW_ARRAY(ath_finding, COUNT)};
    if (!all || !findings->items) {
        ath__free(all);
        ath_findings_free(findings);
        return ath__fail_memory(err, "doctor");
    }
    for (int i = 0; i < COUNT; i++) {
        all[i].code = table[i]->code;
        all[i].title = table[i]->title;
        table[i]->check(evidence, &all[i]);
        if (!(all[i].confidence > 0.0)) all[i].confidence = 0.0;
    }
    for (int i = 0; i < COUNT; i++)
        if (all[i].confidence > 0.0 && !explained(table[i], all)) findings->items[findings->count++] = all[i];
    sort(findings->items, findings->count);
    ath__free(all);
    return ATH_OK;
}

void ath_findings_free(ath_findings *findings) {
    ath__free(findings->items);
    *findings = (ath_findings){0};
}

/* Texts of findings hold names from files, which may be any bytes. */
static void set_text(json_t *object, const char *key, const char *text) {
    struct ath__str quoted = {0};
    ath__json_quote(&quoted, text);
    json_object_set_new(object, key, json_loads(ath__str_text(&quoted), JSON_DECODE_ANY, NULL));
    ath__str_free(&quoted);
}

char *ath_findings_json(const ath_findings *findings) {
    json_t *root = json_object(), *list = json_array();
    for (int i = 0; i < findings->count; i++) {
        const ath_finding *f = &findings->items[i];
        json_t            *item = json_object();
        set_text(item, "code", f->code);
        set_text(item, "title", f->title);
        set_text(item, "evidence", f->evidence);
        set_text(item, "cause", f->cause);
        set_text(item, "change", f->change);
        json_object_set_new(item, "confidence", json_real(round(f->confidence * 100.0) / 100.0));
        json_array_append_new(list, item);
    }
    json_object_set_new(root, "findings", list);
    char *text = ath__json_text(root, JSON_INDENT(2) | JSON_REAL_PRECISION(3));
    json_decref(root);
    return text;
}

ath_status ath__doctor_write(const char *folder, const ath_findings *findings, ath_error *err) {
    char path[ATH_PATH_MAX];
    ATH_TRY(ath__path_join(path, folder, "doctor.json", err));
    char *text = ath_findings_json(findings);
    if (!text) return ath__fail_memory(err, path);
    size_t size = strlen(text), held = 0;
    char  *before = NULL;
    text[size++] = '\n'; /* in the place of the NUL, which is not written */
    bool same = ath__file_exists(path) && ath__file_read(path, 1 << 20, &before, &held, NULL) == ATH_OK &&
                held == size && memcmp(before, text, size) == 0;
    ath_status status = same ? ATH_OK : ath__file_write(path, text, size, err);
    ath__free(before);
    ath__free(text);
    return status;
}

/* ---- what rules share -------------------------------------------------------------------------------------------- */

double ath__evidence_real(const struct ath__evidence *evidence, const char *key) {
    return ath__config_real(evidence->config, key);
}

const char *ath__evidence_text(const struct ath__evidence *evidence, const char *key) {
    return ath__config_text(evidence->config, key);
}

bool ath__evidence_adaptive(const struct ath__evidence *evidence) {
    static const char *const names[] = {"adam", "adamw", "nadam", "nadamw", "rmsprop", "radam"};
    const char              *optimizer = ath__evidence_text(evidence, "optimizer");
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(optimizer, names[i]) == 0) return true;
    return false;
}

double ath__evidence_chance(const struct ath__evidence *evidence) {
    return evidence->data.classes > 1 ? log((double)evidence->data.classes) : 0.0;
}

const ath_epoch *ath__evidence_last(const struct ath__evidence *evidence) {
    return evidence->run.epoch_count > 0 ? &evidence->run.epochs[evidence->run.epoch_count - 1] : NULL;
}

const struct ath__vitals *ath__evidence_vitals(const struct ath__evidence *evidence) {
    return evidence->run.vitals_count > 0 ? &evidence->run.vitals[evidence->run.vitals_count - 1] : NULL;
}

double ath__evidence_gain(const struct ath__evidence *evidence) {
    double momentum = ath__evidence_real(evidence, "momentum");
    bool   sgd = strcmp(ath__evidence_text(evidence, "optimizer"), "sgd") == 0;
    return sgd && momentum < 1.0 ? 1.0 / (1.0 - momentum) : 1.0;
}
