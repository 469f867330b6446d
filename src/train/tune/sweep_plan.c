/* From sweep.KEY=... to a list of trials. */
#include "train/tune/sweep_plan.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/str.h"
#include "train/settings.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_VALUES = 1000, DEFAULT_POINTS = 5, DEFAULT_TRIALS = 16, REDRAWS = 50 };

/* ---- axes -------------------------------------------------------------------------------------------------------- */

void ath__sweep_axis_free(struct ath__sweep_axis *axis) {
    for (int i = 0; i < axis->count; i++) ath__free(axis->values[i]);
    ath__free(axis->values);
    ath__free(axis->key);
    memset(axis, 0, sizeof *axis);
}

static ath_status add_value(struct ath__sweep_axis *axis, const char *text, size_t length, ath_error *err) {
    while (length > 0 && *text == ' ') text++, length--;
    while (length > 0 && text[length - 1] == ' ') length--;
    if (length == 0) return ath__fail(err, ATH_USAGE, axis->key, "sweep.%s has an empty value", axis->key);
    if (axis->count == MAX_VALUES)
        return ath__fail(err, ATH_USAGE, axis->key, "sweep.%s has more than %d values", axis->key, (int)MAX_VALUES);
    char **wider = ath__realloc(axis->values, ((size_t)axis->count + 1) * sizeof *wider);
    if (!wider) return ath__fail_memory(err, axis->key);
    axis->values = wider;
    char *copy = ath__alloc(length + 1);
    if (!copy) return ath__fail_memory(err, axis->key);
    memcpy(copy, text, length);
    copy[length] = '\0';
    axis->values[axis->count++] = copy;
    return ATH_OK;
}

/* LOW..HIGH[:log][:N]; false if the text is none. */
static bool read_range(struct ath__sweep_axis *axis, const char *text, bool *good) {
    const char *dots = strstr(text, "..");
    char       *end = NULL;
    if (!dots) return false;
    double low = strtod(text, &end);
    if (end == text) return false;
    /* "1..5": strtod takes "1." as the number. */
    if (end != dots && !(end == dots + 1 && *dots == '.')) return false;
    double high = strtod(dots + 2, &end);
    *good = end != dots + 2 && isfinite(low) && isfinite(high) && low < high;
    axis->points = DEFAULT_POINTS;
    for (const char *at = end; *good && *at;) {
        size_t length = strcspn(at + 1, ":");
        char  *rest = NULL;
        if (*at != ':') *good = false;
        long points = strtol(at + 1, &rest, 10);
        if (strncmp(at + 1, "log", length) == 0 && length == 3)
            axis->log = true;
        else if (rest == at + 1 + length && length > 0 && points >= 2 && points <= MAX_VALUES)
            axis->points = (int)points;
        else
            *good = false;
        at += 1 + length;
    }
    if (axis->log && low <= 0.0) *good = false;
    axis->range = true;
    axis->low = low;
    axis->high = high;
    return true;
}

ath_status ath__sweep_axis_read(struct ath__sweep_axis *axis, const char *key, const char *text, ath_error *err) {
    const struct ath__setting *setting = ath__setting_find(key);
    bool                       good = true;
    memset(axis, 0, sizeof *axis);
    axis->key = ath__strdup(key);
    if (!axis->key) return ath__fail_memory(err, key);
    axis->whole = setting && setting->type == ATH_SETTING_INT;
    if (read_range(axis, text, &good)) {
        if (good) return ATH_OK;
        return ath__fail(
            err, ATH_USAGE, key,
            "'%s' is no range: write LOW..HIGH, LOW..HIGH:log (LOW above 0), with :N behind it for N points", text);
    }
    int depth = 0;
    for (const char *begin = text, *at = text;; at++) {
        depth += (*at == '[') - (*at == ']');
        if (*at && (*at != ',' || depth > 0)) continue;
        ATH_TRY(add_value(axis, begin, (size_t)(at - begin), err));
        if (!*at) return ATH_OK;
        begin = at + 1;
    }
}

static void format_number(const struct ath__sweep_axis *axis, double value, char text[32]) {
    if (axis->whole)
        snprintf(text, 32, "%.0f", round(value));
    else
        snprintf(text, 32, "%.4g", value);
}

/* A place of 0 to 1 on a range. */
static double on_range(const struct ath__sweep_axis *axis, double place) {
    return axis->log ? axis->low * pow(axis->high / axis->low, place) : axis->low + (axis->high - axis->low) * place;
}

static int grid_count(const struct ath__sweep_axis *axis) {
    return axis->range ? axis->points : axis->count;
}

static char *grid_value(const struct ath__sweep_axis *axis, int i) {
    char text[32];
    if (!axis->range) return ath__strdup(axis->values[i]);
    format_number(axis, on_range(axis, (double)i / (double)(axis->points - 1)), text);
    return ath__strdup(text);
}

/* Each value, or both ends of the range, must be what the key takes. */
static ath_status check_axis(const struct ath__sweep_axis *axis, ath_error *err) {
    static const char *const fixed[] = {"out",    "resume", "run",   "overwrite", "extend", "repeat",
                                        "method", "trials", "split", "top",       "recipe", "halving"};
    for (size_t i = 0; i < sizeof fixed / sizeof fixed[0]; i++)
        if (strcmp(axis->key, fixed[i]) == 0)
            return ath__fail(err, ATH_USAGE, "sweep", "a sweep cannot vary '%s'", axis->key);
    ath_config *scratch = NULL;
    ATH_TRY(ath_config_create(&scratch, err));
    ath_status status = ATH_OK;
    for (int i = 0; i < (axis->range ? 2 : axis->count) && status == ATH_OK; i++) {
        char        text[32];
        const char *value = text;
        if (axis->range)
            format_number(axis, i ? axis->high : axis->low, text);
        else
            value = axis->values[i];
        status = ath_config_set(scratch, axis->key, value, ATH_ORIGIN_COMMAND_LINE, err);
    }
    ath_config_destroy(scratch);
    return status;
}

/* ---- trials ------------------------------------------------------------------------------------------------------ */

const char *ath__sweep_value(const struct ath__sweep_plan *plan, int trial, int axis) {
    return plan->values[(size_t)trial * (size_t)plan->axis_count + (size_t)axis];
}

void ath__sweep_plan_free(struct ath__sweep_plan *plan) {
    for (int i = 0; plan->values && i < plan->trials * plan->axis_count; i++) ath__free(plan->values[i]);
    ath__free(plan->values);
    for (int a = 0; a < plan->axis_count; a++) ath__sweep_axis_free(&plan->axes[a]);
    memset(plan, 0, sizeof *plan);
}

static ath_status make_grid(struct ath__sweep_plan *plan, ath_error *err) {
    for (int t = 0; t < plan->trials; t++) {
        int rest = t;
        for (int a = plan->axis_count - 1; a >= 0; a--) {
            int    n = grid_count(&plan->axes[a]);
            char **value = &plan->values[(size_t)t * (size_t)plan->axis_count + (size_t)a];
            *value = grid_value(&plan->axes[a], rest % n);
            if (!*value) return ath__fail_memory(err, "sweep");
            rest /= n;
        }
    }
    return ATH_OK;
}

static char *draw_value(const struct ath__sweep_axis *axis, struct ath__rng *rng) {
    char text[32];
    if (!axis->range) return ath__strdup(axis->values[ath__rng_below(rng, (uint32_t)axis->count)]);
    format_number(axis, on_range(axis, (double)ath__rng_uniform(rng)), text);
    return ath__strdup(text);
}

static bool drawn_before(const struct ath__sweep_plan *plan, int trial) {
    for (int t = 0; t < trial; t++) {
        bool same = true;
        for (int a = 0; a < plan->axis_count && same; a++)
            same = strcmp(ath__sweep_value(plan, t, a), ath__sweep_value(plan, trial, a)) == 0;
        if (same) return true;
    }
    return false;
}

/* A trial equal to an earlier one is drawn anew; where all are taken, the list ends. */
static ath_status make_draws(struct ath__sweep_plan *plan, uint64_t seed, ath_error *err) {
    int wanted = plan->trials;
    for (int t = 0; t < wanted; t++) {
        char **values = &plan->values[(size_t)t * (size_t)plan->axis_count];
        bool   again = true;
        for (uint32_t draw = 0; again && draw < REDRAWS; draw++) {
            struct ath__rng rng;
            ath__rng_start(&rng, seed, ATH_RNG_SWEEP, (uint32_t)t, draw);
            for (int a = 0; a < plan->axis_count; a++) {
                ath__free(values[a]);
                values[a] = draw_value(&plan->axes[a], &rng);
                if (!values[a]) return ath__fail_memory(err, "sweep");
            }
            again = drawn_before(plan, t);
        }
        if (!again) continue;
        for (int a = 0; a < plan->axis_count; a++) {
            ath__free(values[a]);
            values[a] = NULL;
        }
        plan->trials = t;
        return ATH_OK;
    }
    return ATH_OK;
}

static ath_status read_axes(const ath_config *config, struct ath__sweep_plan *plan, ath_error *err) {
    struct ath__config_pair pair;
    for (int i = 0; ath__config_pair(config, "sweep.", i, &pair); i++) {
        if (plan->axis_count == ATH_SWEEP_MAX_AXES)
            return ath__fail(err, ATH_USAGE, "sweep", "a sweep varies at most %d keys", (int)ATH_SWEEP_MAX_AXES);
        struct ath__sweep_axis *axis = &plan->axes[plan->axis_count++];
        ATH_TRY(ath__sweep_axis_read(axis, pair.key, pair.value, err));
        ATH_TRY(check_axis(axis, err));
    }
    if (plan->axis_count > 0) return ATH_OK;
    return ath__fail(err, ATH_USAGE, "sweep", "nothing to vary: give sweep.KEY=VALUES, e.g. sweep.lr=0.01,0.1,1");
}

ath_status ath__sweep_plan_make(const ath_config *config, struct ath__sweep_plan *plan, ath_error *err) {
    int64_t wanted = ath__config_int(config, "trials"), grid = 1;
    bool    whole_grid = strcmp(ath__config_text(config, "method"), "grid") == 0, ranges = false;
    memset(plan, 0, sizeof *plan);
    ATH_TRY(read_axes(config, plan, err));
    for (int a = 0; a < plan->axis_count && grid <= ATH_SWEEP_MAX_TRIALS; a++) {
        grid *= grid_count(&plan->axes[a]);
        ranges = ranges || plan->axes[a].range;
    }
    /* Drawing from lists alone cannot give more than their grid, which is then taken whole. */
    if (wanted == 0) wanted = whole_grid ? grid : DEFAULT_TRIALS;
    if (!whole_grid && !ranges && grid <= wanted) whole_grid = true;
    if (whole_grid && grid > wanted)
        return ath__fail(err, ATH_USAGE, "trials",
                         "the grid has %lld trials, trials=%lld allows fewer: use method=random", (long long)grid,
                         (long long)wanted);
    int64_t trials = whole_grid ? grid : wanted;
    if (trials > ATH_SWEEP_MAX_TRIALS)
        return ath__fail(err, ATH_USAGE, "sweep", "the grid has more than %d trials: use method=random trials=N",
                         (int)ATH_SWEEP_MAX_TRIALS);
    plan->trials = (int)trials;
    plan->values = ATH_NEW_ARRAY(char *, plan->trials * plan->axis_count + 1);
    if (!plan->values) {
        plan->trials = 0;
        return ath__fail_memory(err, "sweep");
    }
    return whole_grid ? make_grid(plan, err) : make_draws(plan, (uint64_t)ath__config_int(config, "seed"), err);
}
