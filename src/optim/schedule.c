/* Schedules by name, warm-up in front of any of them, and times with units. */
#include "optim/schedule.h"

#include "base/error.h"
#include "base/str.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const struct ath__schedule *const table[] = {
#define ATH_SCHEDULE(name) &ath__schedule_##name,
#include "optim/schedule_list.h"
#undef ATH_SCHEDULE
};
enum { COUNT = sizeof table / sizeof table[0] };

const struct ath__schedule *ath__schedule_at(int i) {
    return i >= 0 && i < COUNT ? table[i] : NULL;
}

ath_status ath__schedule_find(const char *name, const struct ath__schedule **schedule, ath_error *err) {
    const char *names[COUNT];
    for (int i = 0; i < COUNT; i++) {
        names[i] = table[i]->name;
        if (strcmp(name, table[i]->name) == 0) {
            *schedule = table[i];
            return ATH_OK;
        }
    }
    const char *closest = ath__str_closest(name, names, COUNT);
    return ath__fail(err, ATH_USAGE, "schedule", "unknown schedule '%s'; did you mean '%s'?", name,
                     closest ? closest : names[0]);
}

ath_status ath__duration_parse(const char *text, struct ath__duration *duration, ath_error *err) {
    char  *end = NULL;
    double amount = strtod(text, &end);
    bool   epochs = strcmp(end, "ep") == 0, steps = strcmp(end, "it") == 0, zero = *end == '\0' && amount == 0.0;
    if (end == text || !(epochs || steps || zero) || !isfinite(amount) || amount < 0.0)
        return ath__fail(err, ATH_USAGE, NULL, "'%s' is no length of training: write 30ep (epochs) or 500it (steps)",
                         text);
    *duration = (struct ath__duration){.amount = amount, .epochs = epochs};
    return ATH_OK;
}

double ath__duration_steps(const struct ath__duration *duration, double steps_per_epoch) {
    return duration->epochs ? duration->amount * steps_per_epoch : duration->amount;
}

double ath__schedule_rate(const struct ath__schedule *schedule, const struct ath__schedule_settings *settings,
                          double peak, int64_t step, int64_t steps, int64_t steps_per_epoch) {
    double warmup = ath__duration_steps(&settings->warmup, (double)steps_per_epoch);
    double at = (double)step;
    if (at < warmup) return peak * (at + 1.0) / (warmup + 1.0);
    struct ath__schedule_time time = {
        .step = at - warmup, .steps = fmax((double)steps - warmup, 1.0), .steps_per_epoch = (double)steps_per_epoch};
    return peak * schedule->factor(settings, &time);
}
