/* Settings of the chosen optimizer and schedule. */
#include "train/chosen.h"

#include "base/error.h"
#include "base/str.h"
#include "optim/optimizer.h"
#include "optim/schedule.h"
#include "train/settings.h"
#include "train/setup.h"

#include <string.h>

static const char schedule_prefix[] = "schedule.";
enum { PREFIX = sizeof schedule_prefix - 1 };

ath__chooser ath__chooser_of(const char *key) {
    if (strncmp(key, schedule_prefix, PREFIX) == 0 && ath__schedule_is_key(key + PREFIX)) return ATH_CHOOSER_SCHEDULE;
    return strcmp(key, "lr") == 0 || ath__optim_is_key(key) ? ATH_CHOOSER_OPTIMIZER : ATH_CHOOSER_NONE;
}

static const char *chooser_key(ath__chooser chooser) {
    return chooser == ATH_CHOOSER_SCHEDULE ? "schedule" : "optimizer";
}

/* An unknown choice is somebody else's error. */
static const struct ath__optimizer *optimizer_of(const ath_config *config) {
    const struct ath__optimizer *optimizer = NULL;
    ath__optimizer_find(ath__config_text(config, "optimizer"), &optimizer, NULL);
    return optimizer;
}

static const struct ath__schedule *schedule_of(const ath_config *config) {
    const struct ath__schedule *schedule = NULL;
    ath__schedule_find(ath__config_text(config, "schedule"), &schedule, NULL);
    return schedule;
}

const char *ath__chosen_default(const ath_config *config, const char *key) {
    const struct ath__optimizer *optimizer;
    const struct ath__schedule  *schedule;
    switch (ath__chooser_of(key)) {
    case ATH_CHOOSER_OPTIMIZER:
        optimizer = optimizer_of(config);
        return optimizer ? ath__optimizer_default(optimizer, key) : NULL;
    case ATH_CHOOSER_SCHEDULE:
        schedule = schedule_of(config);
        return schedule ? ath__schedule_default(schedule, key + PREFIX) : NULL;
    case ATH_CHOOSER_NONE: break;
    }
    return NULL;
}

/* Given, but not read by the chosen one. */
static bool is_idle(const ath_config *config, const char *key) {
    return ath__config_origin(config, key) != ATH_ORIGIN_DEFAULT && ath__chooser_of(key) != ATH_CHOOSER_NONE &&
           !ath__chosen_default(config, key);
}

bool ath__chosen_ignores(const ath_config *config, const char *key) {
    return is_idle(config, key) &&
           ath__config_origin(config, key) < ath__config_origin(config, chooser_key(ath__chooser_of(key)));
}

static ath_status refuse(const ath_config *config, ath__chooser chooser, const char *key, ath_error *err) {
    struct ath__schedule_settings schedule;
    struct ath__optim_settings    optim;
    if (chooser == ATH_CHOOSER_SCHEDULE)
        return ath__schedule_set(schedule_of(config), &schedule, key + PREFIX, "", err);
    return ath__optimizer_set(optimizer_of(config), &optim, key, "", err);
}

ath_status ath__chosen_check(const ath_config *config, ath__chooser chooser, const ath_hooks *hooks, ath_error *err) {
    const struct ath__setting *setting;
    struct ath__str            ignored = {0};
    ath_status                 status = ATH_OK;
    for (int i = 0; (setting = ath__setting_at(i)) && status == ATH_OK; i++) {
        if (ath__chooser_of(setting->name) != chooser || !is_idle(config, setting->name)) continue;
        if (ath__chosen_ignores(config, setting->name))
            ath__str_printf(&ignored, "%s%s", ignored.size ? ", " : "", setting->name);
        else
            status = refuse(config, chooser, setting->name, err);
    }
    if (status == ATH_OK && ignored.size > 0)
        ath__remark(hooks, "UNUSED", false, "%s=%s does not use the recipe's %s", chooser_key(chooser),
                    ath__config_text(config, chooser_key(chooser)), ath__str_text(&ignored));
    ath__str_free(&ignored);
    return status;
}
