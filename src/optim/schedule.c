/* Schedules by name, their settings by name, warm-up in front of any of them, and times with units. */
#include "optim/schedule.h"

#include "base/error.h"
#include "base/option.h"
#include "base/str.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct ath__schedule *const table[] = {
#define ATH_SCHEDULE(name) &ath__schedule_##name,
#include "optim/schedule_list.h"
#undef ATH_SCHEDULE
};
enum { COUNT = sizeof table / sizeof table[0] };

/* ---- settings by name -------------------------------------------------------------------------------------------- */

enum kind { REAL, DURATION, MILESTONES, EXPRESSION, CHOICE };

static const struct field {
    const char *name;
    enum kind   kind;
    size_t      offset;
    const char *choices; /* "a|b": stored as the index */
} fields[] = {
#define FIELD(name, kind, member, choices)                                                                             \
    { name, kind, offsetof(struct ath__schedule_settings, member), choices }
    FIELD("every", DURATION, every, NULL),
    FIELD("length", DURATION, length, NULL),
    FIELD("period", DURATION, period, NULL),
    FIELD("milestones", MILESTONES, milestones, NULL),
    FIELD("expression", EXPRESSION, expression, NULL),
    FIELD("factor", REAL, factor, NULL),
    FIELD("start", REAL, start, NULL),
    FIELD("end", REAL, end, NULL),
    FIELD("power", REAL, power, NULL),
    FIELD("growth", REAL, growth, NULL),
    FIELD("rise", REAL, rise, NULL),
    FIELD("div", REAL, div, NULL),
    FIELD("final_div", REAL, final_div, NULL),
    FIELD("anneal", CHOICE, linear, "cosine|linear"),
    FIELD("momentum_low", REAL, momentum_low, NULL),
    FIELD("momentum_high", REAL, momentum_high, NULL),
    FIELD("metric", CHOICE, plateau.metric, "val_top1|val_loss|train_top1|train_loss"),
    FIELD("patience", REAL, plateau.patience, NULL),
    FIELD("threshold", REAL, plateau.threshold, NULL),
    FIELD("threshold_mode", CHOICE, plateau.absolute, "rel|abs"),
    FIELD("cooldown", REAL, plateau.cooldown, NULL),
    FIELD("min_lr", REAL, plateau.min_lr, NULL),
#undef FIELD
};
enum { FIELDS = sizeof fields / sizeof fields[0] };

static const struct field *field_find(const char *name) {
    for (int i = 0; i < FIELDS; i++)
        if (strcmp(fields[i].name, name) == 0) return &fields[i];
    return NULL;
}

bool ath__schedule_is_key(const char *name) {
    return field_find(name) != NULL;
}

const char *ath__schedule_default(const struct ath__schedule *schedule, const char *name) {
    for (const struct ath__schedule_key *key = schedule->keys; key->name; key++)
        if (strcmp(key->name, name) == 0) return key->fallback ? key->fallback : "";
    return NULL;
}

/* "[30ep,60ep]", with or without brackets; rising is not required, each stands for itself. */
static ath_status parse_milestones(const char *text, struct ath__schedule_settings *settings, ath_error *err) {
    const char *at = text + strspn(text, "[ ");
    settings->milestone_count = 0;
    while (*at && *at != ']') {
        char   one[32];
        size_t length = strcspn(at, ",] ");
        if (length >= sizeof one || settings->milestone_count == ATH_SCHEDULE_MAX_MILESTONES)
            return ath__fail(err, ATH_USAGE, "schedule.milestones",
                             "schedule.milestones must be at most %d times, such as [30ep,60ep,80ep], not '%s'",
                             (int)ATH_SCHEDULE_MAX_MILESTONES, text);
        memcpy(one, at, length);
        one[length] = '\0';
        ATH_TRY(ath__duration_parse(one, &settings->milestones[settings->milestone_count++], err));
        at += length;
        at += strspn(at, ", ");
    }
    if (settings->milestone_count > 0) return ATH_OK;
    return ath__fail(err, ATH_USAGE, "schedule.milestones", "schedule.milestones must be times, such as [30ep,60ep]");
}

static ath_status parse_choice(const struct field *field, const char *value, double *to, ath_error *err) {
    const char *at = field->choices;
    for (int i = 0; at; i++) {
        size_t length = strcspn(at, "|");
        if (length == strlen(value) && strncmp(at, value, length) == 0) {
            *to = i;
            return ATH_OK;
        }
        at = at[length] ? at + length + 1 : NULL;
    }
    return ath__fail(err, ATH_USAGE, NULL, "schedule.%s must be one of %s, not '%s'", field->name, field->choices,
                     value);
}

static ath_status set(struct ath__schedule_settings *settings, const char *name, const char *value, ath_error *err) {
    const struct field *field = field_find(name);
    void               *to = field ? (char *)settings + field->offset : NULL;
    if (!field) return ath__fail(err, ATH_USAGE, NULL, "no schedule has a setting '%s'", name);
    if (field->kind == DURATION) return ath__duration_parse(value, to, err);
    if (field->kind == MILESTONES) return parse_milestones(value, settings, err);
    if (field->kind == EXPRESSION) return ath__expression_parse(value, to, err);
    if (field->kind == CHOICE) return parse_choice(field, value, to, err);
    if (ath__parse_real(value, to)) {
        if (strcmp(name, "factor") == 0) settings->plateau.factor = settings->factor;
        return ATH_OK;
    }
    return ath__fail(err, ATH_USAGE, NULL, "schedule.%s must be a number, not '%s'", name, value);
}

static ath_status not_read(const struct ath__schedule *schedule, const char *name, ath_error *err) {
    struct ath__str own = {0}, others = {0};
    for (const struct ath__schedule_key *key = schedule->keys; key->name; key++)
        ath__str_printf(&own, "%sschedule.%s", own.size ? ", " : "", key->name);
    for (int i = 0; i < COUNT; i++)
        if (ath__schedule_default(table[i], name))
            ath__str_printf(&others, "%s%s", others.size ? ", " : "", table[i]->name);
    ath_status status =
        ath__fail(err, ATH_USAGE, NULL,
                  "schedule=%s does not use schedule.%s (a setting of %s); it uses %s. Leave it out, or set "
                  "schedule.%s=auto",
                  schedule->name, name, ath__str_text(&others), own.size ? ath__str_text(&own) : "none", name);
    ath__str_free(&own);
    ath__str_free(&others);
    return status;
}

ath_status ath__schedule_set(const struct ath__schedule *schedule, struct ath__schedule_settings *settings,
                             const char *name, const char *value, ath_error *err) {
    const char *fallback = ath__schedule_default(schedule, name);
    if (!fallback) return not_read(schedule, name, err);
    if (!*fallback && !*value)
        return ath__fail(err, ATH_USAGE, NULL, "schedule=%s needs schedule.%s", schedule->name, name);
    return set(settings, name, value, err);
}

ath_status ath__schedule_defaults(const struct ath__schedule *schedule, struct ath__schedule_settings *settings,
                                  ath_error *err) {
    memset(settings, 0, sizeof *settings);
    for (const struct ath__schedule_key *key = schedule->keys; key->name; key++)
        if (key->fallback) ATH_TRY(set(settings, key->name, key->fallback, err));
    return ATH_OK;
}

/* ---- schedules by name ------------------------------------------------------------------------------------------- */

const struct ath__schedule *ath__schedule_at(int i) {
    return i >= 0 && i < COUNT ? table[i] : NULL;
}

ath_status ath__schedule_find(const char *name, const struct ath__schedule **schedule, ath_error *err) {
    const char     *names[COUNT];
    struct ath__str all = {0};
    for (int i = 0; i < COUNT; i++) {
        names[i] = table[i]->name;
        if (strcmp(name, table[i]->name) == 0) {
            *schedule = table[i];
            ath__str_free(&all);
            return ATH_OK;
        }
        ath__str_printf(&all, "%s%s", i ? ", " : "", names[i]);
    }
    const char *closest = ath__str_closest(name, names, COUNT);
    ath_status  status =
        closest
             ? ath__fail(err, ATH_USAGE, "schedule", "unknown schedule '%s'; did you mean '%s'?", name, closest)
             : ath__fail(err, ATH_USAGE, "schedule", "unknown schedule '%s'; there are %s", name, ath__str_text(&all));
    ath__str_free(&all);
    return status;
}

/* ---- time -------------------------------------------------------------------------------------------------------- */

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

double ath__schedule_length(const struct ath__schedule_settings *settings, double steps_per_epoch) {
    return ath__duration_steps(&settings->length, steps_per_epoch);
}

double ath__schedule_progress(const struct ath__schedule_settings *settings, const struct ath__schedule_time *time) {
    double length = ath__schedule_length(settings, time->steps_per_epoch);
    return fmin(time->step / (length > 0.0 ? length : time->steps), 1.0);
}

static double warmup_steps(const struct ath__rate_plan *rate) {
    return ath__duration_steps(&rate->settings.warmup, (double)rate->steps_per_epoch);
}

static struct ath__schedule_time time_at(const struct ath__rate_plan *rate, int64_t step, double plateau) {
    double warmup = warmup_steps(rate);
    return (struct ath__schedule_time){.step = fmax((double)step - warmup, 0.0),
                                       .steps = fmax((double)rate->steps - warmup, 1.0),
                                       .steps_per_epoch = (double)rate->steps_per_epoch,
                                       .plateau = plateau};
}

bool ath__rate_warming(const struct ath__rate_plan *rate, int64_t step) {
    return (double)step < warmup_steps(rate);
}

double ath__rate_at(const struct ath__rate_plan *rate, int64_t step, double plateau) {
    struct ath__schedule_time time = time_at(rate, step, plateau);
    if (ath__rate_warming(rate, step)) return rate->peak * ((double)step + 1.0) / (warmup_steps(rate) + 1.0);
    return rate->peak * rate->schedule->factor(&rate->settings, &time);
}

double ath__rate_momentum(const struct ath__rate_plan *rate, int64_t step) {
    struct ath__schedule_time time = time_at(rate, step, 1.0);
    return rate->schedule->momentum ? rate->schedule->momentum(&rate->settings, &time) : 0.0;
}
