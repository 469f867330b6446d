/* `athanor analyze`: finds the kind that what= names, opens the network, and writes the kind's figure. */
#include "train/analyze/analyze.h"

#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "train/settings.h"

#include <stdio.h>
#include <string.h>

static const struct ath__analysis_kind *const kinds[] = {
#define ATH_ANALYSIS(name) &ath__analysis_##name,
#include "train/analyze/analyze_list.h"
#undef ATH_ANALYSIS
};
enum { KINDS = sizeof kinds / sizeof kinds[0] };

bool ath_analysis_at(int i, ath_analysis_entry *entry) {
    if (i < 0 || i >= KINDS) return false;
    *entry = (ath_analysis_entry){kinds[i]->name, kinds[i]->summary};
    return true;
}

static ath_status find_kind(const char *name, const struct ath__analysis_kind **kind, ath_error *err) {
    const char     *names[KINDS];
    struct ath__str list = {0};
    for (int i = 0; i < KINDS; i++) {
        names[i] = kinds[i]->name;
        *kind = kinds[i];
        if (strcmp(names[i], name) == 0) return ATH_OK;
        ath__str_printf(&list, "%s%s", i ? ", " : "", names[i]);
    }
    const char *near = *name ? ath__str_closest(name, names, KINDS) : NULL;
    ath_status  status =
        !*name
             ? ath__fail(err, ATH_USAGE, "what", "which analysis? Give what=NAME; there are: %s", ath__str_text(&list))
         : near ? ath__fail(err, ATH_USAGE, "what", "no analysis is called '%s'; did you mean '%s'?", name, near)
                : ath__fail(err, ATH_USAGE, "what", "no analysis is called '%s'; there are: %s", name,
                            ath__str_text(&list));
    ath__str_free(&list);
    return status;
}

/* The kind's results become the caller's. */
static ath_status hand_over(struct ath__analysis *analysis, const char *path, ath_analysis *result, ath_error *err) {
    if (analysis->text.failed || analysis->figure.failed) return ath__fail_memory(err, "analyze");
    if (analysis->figure.size > 0) {
        ATH_TRY(ath__file_write(path, analysis->figure.data, analysis->figure.size, err));
        json_object_set_new(analysis->json, "figure", json_string(path));
        ath__str_copy(result->figure, sizeof result->figure, path);
    }
    result->json = ath__json_text(analysis->json, JSON_REAL_PRECISION(9));
    result->text = ath__strdup(ath__str_text(&analysis->text));
    return result->json && result->text ? ATH_OK : ath__fail_memory(err, "analyze");
}

ath_status ath_analyze(const ath_config *config, const char *const *words, int word_count, const char *path,
                       const ath_hooks *hooks, ath_analysis *result, ath_error *err) {
    struct ath__source               source;
    const struct ath__analysis_kind *kind;
    char                             usual[64];
    *result = (ath_analysis){.json = NULL};
    ATH_TRY(find_kind(ath__config_text(config, "what"), &kind, err));
    snprintf(usual, sizeof usual, "%s.png", kind->name);
    struct ath__analysis analysis = {.source = &source, .hooks = hooks, .words = words, .word_count = word_count};
    ath_status           status = ath__source_open(config, hooks, &source, err);
    if (status == ATH_OK) {
        analysis.json = json_pack("{s:s, s:s}", "what", kind->name, "model", ath_model_name(source.model));
        status = analysis.json ? kind->run(&analysis, err) : ath__fail_memory(err, "analyze");
    }
    if (status == ATH_OK) status = hand_over(&analysis, path ? path : usual, result, err);
    json_decref(analysis.json);
    ath__str_free(&analysis.text);
    ath__str_free(&analysis.figure);
    ath__source_close(&source);
    return status;
}

void ath_analysis_free(ath_analysis *result) {
    ath__free(result->json);
    ath__free(result->text);
    *result = (ath_analysis){.json = NULL};
}
