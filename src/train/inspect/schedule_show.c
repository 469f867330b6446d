/* `athanor train --show-schedule`: the planned rate, as rows and as points of a curve. */
#include "athanor/train.h"

#include "base/error.h"
#include "base/mem.h"
#include "train/rate.h"
#include "train/settings.h"
#include "train/setup.h"
#include "train/stage_config.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MAX_POINTS = 4000 };

/* Batches of an epoch: the last, short one counts. */
static ath_status count_steps(const ath_config *config, int64_t *steps, ath_error *err) {
    ath_dataset *dataset = NULL;
    int64_t      batch = ath__config_int(config, "batch");
    ATH_TRY(ath__setup_data(config, ATH_SPLIT_TRAIN, &dataset, err));
    int64_t count = ath_dataset_describe(dataset).count;
    ath_dataset_close(dataset);
    if (batch > count)
        return ath__fail(err, ATH_USAGE, "batch", "batch=%lld is larger than the training set of %lld images",
                         (long long)batch, (long long)count);
    *steps = (count + batch - 1) / batch;
    return ATH_OK;
}

/* Epoch `epoch` (from 0) of a stage: all of its row but what tells it from other stages'. */
static void fill_row(const struct ath__rate_plan *rate, int64_t epoch, ath_schedule_epoch *row) {
    int64_t first = epoch * rate->steps_per_epoch, last = first + rate->steps_per_epoch - 1;
    *row = (ath_schedule_epoch){.low = INFINITY, .high = -INFINITY};
    row->first = ath__rate_at(rate, first, 1.0);
    row->last = ath__rate_at(rate, last, 1.0);
    row->momentum = ath__rate_momentum(rate, last);
    for (int64_t step = first; step <= last; step++) {
        double now = ath__rate_at(rate, step, 1.0);
        row->low = fmin(row->low, now);
        row->high = fmax(row->high, now);
    }
}

static int64_t point_count(const struct ath__rate_plan *rate) {
    return rate->steps < MAX_POINTS ? rate->steps : MAX_POINTS;
}

/* Appends a stage's rows and points; `stage` is its number, 0 in a run without stages. */
static void fill(const struct ath__rate_plan *rate, int stage, ath_schedule_plan *plan) {
    int64_t before = plan->epochs, epochs = rate->steps / rate->steps_per_epoch, points = point_count(rate);
    for (int64_t e = 0; e < epochs; e++) {
        ath_schedule_epoch *row = &plan->rows[before + e];
        fill_row(rate, e, row);
        row->epoch = before + e + 1;
        row->stage = stage;
    }
    for (int64_t i = 0; i < points; i++, plan->points++) {
        int64_t step = points > 1 ? (int64_t)((double)(rate->steps - 1) * (double)i / (double)(points - 1)) : 0;
        plan->x[plan->points] = (double)before + (double)step / (double)rate->steps_per_epoch;
        plan->y[plan->points] = ath__rate_at(rate, step, 1.0);
    }
    plan->epochs += epochs;
    plan->peak = fmax(plan->peak, rate->peak);
}

/* Joins names of stages, each change once: "cosine, constant". */
static void add_name(char *names, size_t capacity, const char *name) {
    size_t      used = strlen(names);
    const char *comma = strrchr(names, ',');
    if (used > 0 && strcmp(comma ? comma + 2 : names, name) == 0) return;
    snprintf(names + used, capacity - used, "%s%s", used ? ", " : "", name);
}

/* The rate of one stage. */
static ath_status read_stage(const ath_config *config, int index, const ath_hooks *hooks, struct ath__rate_plan *rate,
                             ath_schedule_plan *plan, ath_error *err) {
    const struct ath__optimizer *optimizer = NULL;
    ath_config                  *stage = NULL;
    int64_t                      steps = 0;
    ATH_TRY(ath__stage_config(config, index, &stage, err));
    ath_status status = ath__optimizer_find(ath__config_text(stage, "optimizer"), &optimizer, err);
    if (status == ATH_OK) status = count_steps(stage, &steps, err);
    if (status == ATH_OK) status = ath__rate_read(stage, steps, hooks, rate, err);
    ath_config_destroy(stage);
    if (status != ATH_OK) return status;
    ath__rate_remark_death(rate, hooks);
    ath__rate_remark_length(rate, hooks);
    add_name(plan->schedule, sizeof plan->schedule, rate->schedule->name);
    add_name(plan->optimizer, sizeof plan->optimizer, optimizer->name);
    plan->steps_per_epoch = index == 0 || plan->steps_per_epoch == steps ? steps : 0;
    return ATH_OK;
}

ath_status ath_schedule_show(const ath_config *config, const ath_hooks *hooks, ath_schedule_plan *plan,
                             ath_error *err) {
    struct ath__rate_plan rates[ATH_MAX_STAGES];
    int                   stages;
    bool                  staged;
    int64_t               epochs = 0, points = 0;
    memset(plan, 0, sizeof *plan);
    ATH_TRY(ath__stage_count(config, &stages, &staged, err));
    for (int s = 0; s < stages; s++) {
        ATH_TRY(read_stage(config, s, hooks, &rates[s], plan, err));
        epochs += rates[s].steps / rates[s].steps_per_epoch;
        points += point_count(&rates[s]);
    }
    plan->rows = ATH_NEW_ARRAY(ath_schedule_epoch, epochs);
    plan->x = ATH_NEW_ARRAY(double, points);
    plan->y = ATH_NEW_ARRAY(double, points);
    if (!plan->rows || !plan->x || !plan->y) {
        ath_schedule_plan_free(plan);
        return ath__fail_memory(err, "schedule");
    }
    for (int s = 0; s < stages; s++) fill(&rates[s], staged ? s + 1 : 0, plan);
    return ATH_OK;
}

void ath_schedule_plan_free(ath_schedule_plan *plan) {
    ath__free(plan->rows);
    ath__free(plan->x);
    ath__free(plan->y);
    memset(plan, 0, sizeof *plan);
}
