/* A few dozen steps with the run's own settings: does the loss fall, stand, or run away? */
#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"
#include "train/dead_units.h"
#include "train/doctor/evidence.h"
#include "train/doctor/trial.h"
#include "train/rate.h"

#include <math.h>
#include <string.h>

/* Are all rows of a weight the same? Then all its units compute, and go on to compute, the same. */
static bool rows_equal(const struct ath__entry *entry) {
    int64_t rows = entry->shape.dims[0];
    size_t  width = rows > 0 ? (size_t)(ath_shape_count(&entry->shape) / rows) : 0;
    if (entry->leaf != ATH_LEAF_PARAM || entry->shape.rank < 2 || rows < 2) return false;
    for (int64_t r = 1; r < rows; r++)
        if (memcmp(entry->data, entry->data + (size_t)r * width, width * sizeof(float)) != 0) return false;
    return true;
}

static void look_at_start(const struct ath__network *network, struct ath__trial_facts *facts) {
    const struct ath__store *store = network->store;
    for (int i = 0; i < store->count && !facts->equal_rows; i++) {
        bool equal = rows_equal(&store->entries[i]);
        if (equal && network->is_head[i]) facts->equal_head = true;
        facts->equal_rows = equal && !network->is_head[i];
        if (facts->equal_rows) ath__str_copy(facts->equal_layer, sizeof facts->equal_layer, store->entries[i].name);
    }
}

/* |weights - before| (before may be NULL: |weights|), over the weights that are trained. */
static double weight_distance(const struct ath__store *store, const float *before) {
    double sum = 0.0;
    for (int i = 0; i < store->count; i++) {
        const struct ath__entry *entry = &store->entries[i];
        if (entry->leaf != ATH_LEAF_PARAM || entry->shape.rank < 2 || entry->group == ATH_STORE_FROZEN) continue;
        const float *old = before ? before + (entry->data - store->params) : NULL;
        for (int64_t k = 0; k < ath_shape_count(&entry->shape); k++) {
            double step = (double)entry->data[k] - (old ? (double)old[k] : 0.0);
            sum += step * step;
        }
    }
    return sqrt(sum);
}

/* Units that the steps have killed, on the images of the last one. */
static ath_status count_dead(struct ath__trial *trial, const struct ath__samples *samples,
                             struct ath__trial_facts *facts, ath_error *err) {
    struct ath__dead_units dead;
    ATH_TRY(ath__dead_units_count(trial->network, samples, &dead, err));
    if (dead.layer_units == 0) return ATH_OK;
    facts->dead_share = (double)dead.layer_dead / (double)dead.layer_units;
    ath__str_copy(facts->dead_layer, sizeof facts->dead_layer, dead.layer);
    return ATH_OK;
}

static ath_status run_steps(struct ath__trial *trial, const ath_config *config, int64_t steps, double seconds,
                            struct ath__trial_facts *facts, float *before, double *losses, ath_error *err) {
    struct ath__rate_plan planned;
    struct ath__store    *store = trial->network->store;
    struct ath__samples   samples = {0};
    double                until = ath__seconds() + seconds, ratios = 0.0, start = weight_distance(store, NULL);
    int64_t               counted = 0;
    ATH_TRY(ath__rate_read(config, trial->steps_per_epoch, NULL, &planned, err));
    for (int64_t i = 0; i < steps && (i < 3 || ath__seconds() < until); i++) {
        facts->lr = ath__rate_at(&planned, i, 1.0);
        memcpy(before, store->params, store->params_count * sizeof(float));
        ath_status status = ath__trial_step(trial, facts->lr, &losses[i], &samples, err);
        facts->steps = i + 1;
        facts->diverged = status == ATH_DIVERGED;
        if (facts->diverged) break;
        ATH_TRY(status);
        if (i == 0) facts->loss_first = losses[i];
        facts->loss_high = i == 0 ? losses[i] : fmax(facts->loss_high, losses[i]);
        if (i < 2) continue; /* momentum and adaptive rates have hardly begun */
        ratios += weight_distance(store, before) / fmax(weight_distance(store, NULL), 1e-30);
        counted++;
    }
    int64_t quarter = (facts->steps + 3) / 4;
    for (int64_t i = facts->steps - quarter; i < facts->steps; i++) facts->loss_last += losses[i] / (double)quarter;
    facts->ratio = counted > 0 ? ratios / (double)counted : NAN;
    facts->growth = start > 0.0 ? weight_distance(store, NULL) / start : 1.0;
    facts->dead_share = NAN;
    return facts->diverged ? ATH_OK : count_dead(trial, &samples, facts, err);
}

ath_status ath__evidence_try(struct ath__evidence *evidence, int64_t steps, double seconds, ath_error *err) {
    struct ath__trial_facts *facts = &evidence->trial;
    struct ath__trial        trial;
    float                   *before = NULL;
    double                  *losses = ATH_NEW_ARRAY(double, steps + 1);
    memset(facts, 0, sizeof *facts);
    ath_status status = losses ? ath__trial_open(&trial, evidence->config, NULL, err) : ath__fail_memory(err, "trial");
    if (!losses) return status;
    if (status == ATH_OK) {
        look_at_start(trial.network, facts);
        before = ATH_NEW_ARRAY(float, trial.network->store->params_count + 1);
        status = before ? run_steps(&trial, evidence->config, steps, seconds, facts, before, losses, err)
                        : ath__fail_memory(err, "trial");
    }
    ath__free(before);
    ath__free(losses);
    ath__trial_close(&trial);
    return status;
}
