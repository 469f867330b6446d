/* Reading stages. */
#include "train/stage_config.h"

#include "base/error.h"
#include "train/chosen.h"
#include "train/settings.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char prefix[] = "stage.";
enum { PREFIX = sizeof prefix - 1 };

/* Keys that may differ from stage to stage, beside those of the optimizer and the schedule and groups. */
static const char *const own_keys[] = {"epochs",
                                       "batch",
                                       "micro_batch",
                                       "lr",
                                       "optimizer",
                                       "schedule",
                                       "warmup",
                                       "freeze",
                                       "features",
                                       "bn.statistics",
                                       "features.views",
                                       "features.plain",
                                       "features.folder",
                                       "augment",
                                       "decay.exclude",
                                       "clip.norm",
                                       "clip.value",
                                       "log.grad_norm",
                                       "lookahead",
                                       "sam",
                                       "lookahead.alpha",
                                       "lookahead.end",
                                       "lookahead.power",
                                       "lookahead.statistics",
                                       "ema",
                                       "loss",
                                       "loss.gamma",
                                       "class_weights",
                                       "patience",
                                       "label_smoothing",
                                       "momentum",
                                       "weight_decay"};

static bool is_own(const char *key) {
    if (strncmp(key, "schedule.", 9) == 0 || strncmp(key, "group.", 6) == 0) return true;
    for (size_t i = 0; i < sizeof own_keys / sizeof own_keys[0]; i++)
        if (strcmp(key, own_keys[i]) == 0) return true;
    const struct ath__setting *setting = ath__setting_find(key);
    return setting && strcmp(setting->fallback, "auto") == 0; /* the optimizer's */
}

/* The number in front of the key; 0 if there is none. */
static long number_of(const char *rest) {
    char *end = NULL;
    long  number = isdigit((unsigned char)rest[0]) ? strtol(rest, &end, 10) : 0;
    return number > 0 && end[0] == '.' && end[1] != '\0' ? number : 0;
}

const char *ath__stage_key(const char *key) {
    if (strncmp(key, prefix, PREFIX) != 0 || number_of(key + PREFIX) == 0) return NULL;
    return strchr(key + PREFIX, '.') + 1;
}

ath_status ath__stage_count(const ath_config *config, int *count, bool *staged, ath_error *err) {
    struct ath__config_pair pair;
    bool                    there[ATH_MAX_STAGES] = {false};
    *count = 0;
    for (int i = 0; ath__config_pair(config, prefix, i, &pair); i++) {
        long        number = number_of(pair.key);
        const char *key = strchr(pair.key, '.') + 1;
        if (number > ATH_MAX_STAGES)
            return ath__fail(err, ATH_USAGE, "stages", "a run has at most %d stages", (int)ATH_MAX_STAGES);
        if (!is_own(key))
            return ath__fail(err, ATH_USAGE, "stages",
                             "stage.%s cannot be: '%s' belongs to the whole run, give it outside of the stages",
                             pair.key, key);
        there[number - 1] = true;
        if (number > *count) *count = (int)number;
    }
    for (int s = 0; s < *count; s++)
        if (!there[s])
            return ath__fail(err, ATH_USAGE, "stages", "there is a stage %d but no stage %d (stage.%d.epochs=10, say)",
                             *count, s + 1, s + 1);
    *staged = *count > 0;
    if (*count == 0) *count = 1;
    return ATH_OK;
}

/* Settings of the run's optimizer or schedule are not those of the stage's own one. */
static void forget_settings(ath_config *stage, ath__chooser chooser) {
    const struct ath__setting *setting;
    for (int i = 0; (setting = ath__setting_at(i)); i++)
        if (ath__chooser_of(setting->name) == chooser &&
            ath__config_origin(stage, setting->name) < ATH_ORIGIN_COMMAND_LINE)
            ath__config_unset(stage, setting->name);
}

ath_status ath__stage_config(const ath_config *config, int index, ath_config **stage, ath_error *err) {
    char own[32], optimizer[48], schedule[48];
    snprintf(own, sizeof own, "%s%d.", prefix, index + 1);
    snprintf(optimizer, sizeof optimizer, "%soptimizer", own);
    snprintf(schedule, sizeof schedule, "%sschedule", own);
    ATH_TRY(ath_config_copy(config, stage, err));
    if (ath__config_given(config, optimizer)) forget_settings(*stage, ATH_CHOOSER_OPTIMIZER);
    if (ath__config_given(config, schedule)) forget_settings(*stage, ATH_CHOOSER_SCHEDULE);
    ath_status status = ath__config_overlay(*stage, own, err);
    ath__config_unset(*stage, prefix);
    if (status == ATH_OK) return ATH_OK;
    ath_config_destroy(*stage);
    *stage = NULL;
    return status;
}

int64_t ath__stage_epochs(const ath_config *config) {
    int     count = 0;
    bool    staged = false;
    int64_t epochs = 0;
    if (ath__stage_count(config, &count, &staged, NULL) != ATH_OK) return ath__config_int(config, "epochs");
    for (int s = 0; s < count; s++) {
        ath_config *stage = NULL;
        if (ath__stage_config(config, s, &stage, NULL) != ATH_OK) continue;
        epochs += ath__config_int(stage, "epochs");
        ath_config_destroy(stage);
    }
    return epochs;
}
