/* Taking the vitals of an epoch, and their way through log.jsonl. */
#include "train/vitals.h"

#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "train/dead_units.h"
#include "train/update.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

static const double spike = 3.0; /* times the running mean */
enum { MEAN_STEPS = 20 };        /* over which the running mean forgets */

/* ---- taking ------------------------------------------------------------------------------------------------------ */

static void begin(struct ath__vitals_taker *taker) {
    taker->now = (struct ath__vitals){.lr_low = INFINITY,
                                      .lr_high = 0.0,
                                      .loss_first = 0.0,
                                      .loss_last = 0.0,
                                      .loss_high = -INFINITY,
                                      .grad_norm = NAN,
                                      .weight_norm = NAN,
                                      .ratio = NAN,
                                      .probe_lr = NAN,
                                      .layer_ratio = NAN,
                                      .dead_share = NAN,
                                      .dead_layer_share = NAN,
                                      .top_class_share = NAN,
                                      .top_class = -1};
    taker->steps = taker->first_count = taker->last_count = 0;
    taker->probing = false;
}

ath_status ath__vitals_open(struct ath__vitals_taker *taker, const struct ath__network *network, int64_t batches,
                            ath_error *err) {
    memset(taker, 0, sizeof *taker);
    taker->count = network->store->params_count;
    taker->batches = batches;
    taker->before = ATH_NEW_ARRAY(float, taker->count + 1);
    return taker->before ? ATH_OK : ath__fail_memory(err, "vitals");
}

void ath__vitals_close(struct ath__vitals_taker *taker) {
    ath__free(taker->before);
    taker->before = NULL;
}

/* The last batch of an epoch that is sure to be full. */
static int64_t probed_batch(const struct ath__vitals_taker *taker) {
    return taker->batches > 1 ? taker->batches - 2 : 0;
}

void ath__vitals_before(struct ath__vitals_taker *taker, const struct ath__network *network,
                        const struct ath__metrics *metrics, int64_t batch) {
    if (taker->steps == 0) begin(taker);
    taker->seen_loss = metrics->loss_sum;
    taker->seen_images = metrics->images;
    taker->probing = batch == probed_batch(taker);
    if (taker->probing) memcpy(taker->before, network->store->params, taker->count * sizeof(float));
}

static double square_sum(const float *values, size_t count) {
    double sum = 0.0;
    for (size_t i = 0; i < count; i++) sum += (double)values[i] * values[i];
    return sum;
}

static double moved_square_sum(const float *a, const float *b, size_t count) {
    double sum = 0.0;
    for (size_t i = 0; i < count; i++) {
        double moved = (double)a[i] - b[i];
        sum += moved * moved;
    }
    return sum;
}

static void compare_weights(struct ath__vitals_taker *taker, const struct ath__store *store) {
    double moved = 0.0, weights = 0.0, largest = -1.0;
    for (int i = 0; i < store->count; i++) {
        const struct ath__entry *entry = &store->entries[i];
        if (entry->leaf != ATH_LEAF_PARAM || entry->group == ATH_STORE_FROZEN || entry->shape.rank < 2) continue;
        size_t       count = (size_t)ath_shape_count(&entry->shape);
        const float *before = taker->before + (entry->data - store->params);
        double       tensor_moved = moved_square_sum(entry->data, before, count);
        double       tensor_weights = square_sum(before, count);
        moved += tensor_moved;
        weights += tensor_weights;
        if (tensor_weights <= 0.0 || tensor_moved / tensor_weights <= largest) continue;
        largest = tensor_moved / tensor_weights;
        ath__str_copy(taker->now.layer, sizeof taker->now.layer, entry->name);
    }
    if (weights <= 0.0) return;
    taker->now.weight_norm = sqrt(weights);
    taker->now.ratio = sqrt(moved / weights);
    taker->now.layer_ratio = sqrt(largest);
}

/* The packed gradients of the step just taken; with micro-batches they lie in the plan of the first piece. */
static ath_status measure_gradient(struct ath__vitals_taker *taker, struct ath__network *network, int64_t count,
                                   ath_error *err) {
    bool              pieces = network->micro > 0 && network->micro < count;
    struct ath__plan *plan = NULL;
    double            sum = 0.0;
    ATH_TRY(ath__program_plan(network->train, pieces ? network->micro : count, pieces, &plan, err));
    for (int g = 0; g < network->store->groups; g++) {
        char         name[32];
        const float *gradient = ath__plan_output(plan, ath__update_gradient_name(name, g), NULL);
        if (gradient) sum += square_sum(gradient, network->store->group_count[g]);
    }
    taker->now.grad_norm = sqrt(sum);
    return ATH_OK;
}

static ath_status probe(struct ath__vitals_taker *taker, struct ath__network *network,
                        const struct ath__samples *samples, int64_t epoch, ath_error *err) {
    int64_t number = epoch + 1;
    compare_weights(taker, network->store);
    ATH_TRY(measure_gradient(taker, network, samples->count, err));
    if ((number & (number - 1)) != 0) return ATH_OK; /* after 1, 2, 4, 8 ... epochs, not at every one */
    struct ath__dead_units dead;
    ATH_TRY(ath__dead_units_count(network, samples, &dead, err));
    if (dead.units == 0) return ATH_OK;
    taker->now.dead_share = (double)dead.dead / (double)dead.units;
    taker->now.dead_layer_share = (double)dead.layer_dead / (double)dead.layer_units;
    ath__str_copy(taker->now.dead_layer, sizeof taker->now.dead_layer, dead.layer);
    return ATH_OK;
}

ath_status ath__vitals_after(struct ath__vitals_taker *taker, struct ath__network *network,
                             const struct ath__samples *samples, const struct ath__metrics *metrics, int64_t batch,
                             int64_t epoch, double lr, ath_error *err) {
    struct ath__vitals *now = &taker->now;
    int64_t             images = metrics->images - taker->seen_images, tenth = (taker->batches + 9) / 10;
    double              loss = images > 0 ? (metrics->loss_sum - taker->seen_loss) / (double)images : NAN;
    now->lr_low = fmin(now->lr_low, lr);
    now->lr_high = fmax(now->lr_high, lr);
    now->loss_high = fmax(now->loss_high, loss);
    if (batch < tenth) now->loss_first += loss, taker->first_count++;
    if (batch >= taker->batches - tenth) now->loss_last += loss, taker->last_count++;
    if (taker->steps >= MEAN_STEPS && loss > spike * taker->mean) now->spikes += 1.0;
    double share = 1.0 / (double)(taker->steps < MEAN_STEPS ? taker->steps + 1 : MEAN_STEPS);
    taker->mean = taker->steps == 0 ? loss : taker->mean + share * (loss - taker->mean);
    taker->steps++;
    if (!taker->probing) return ATH_OK;
    taker->probing = false;
    now->probe_lr = lr;
    return probe(taker, network, samples, epoch, err);
}

/* The class that is predicted most, and how often. */
static void find_top_class(const struct ath__metrics *validation, struct ath__vitals *vitals) {
    int64_t most = -1;
    if (!validation->confusion || validation->images <= 0) return;
    for (int c = 0; c < validation->classes; c++) {
        int64_t predicted = 0;
        for (int t = 0; t < validation->classes; t++)
            predicted += validation->confusion[(size_t)t * (size_t)validation->classes + (size_t)c];
        if (predicted <= most) continue;
        most = predicted;
        vitals->top_class = c;
    }
    vitals->top_class_share = (double)most / (double)validation->images;
}

void ath__vitals_finish(struct ath__vitals_taker *taker, int64_t epoch, const struct ath__metrics *validation,
                        struct ath__vitals *vitals) {
    struct ath__vitals *now = &taker->now;
    if (taker->steps == 0) begin(taker); /* resumed behind the last batch */
    int64_t tenth = (taker->batches + 9) / 10;
    now->epoch = epoch + 1;
    now->loss_first = taker->first_count == tenth ? now->loss_first / (double)tenth : NAN;
    now->loss_last = taker->last_count == tenth ? now->loss_last / (double)tenth : NAN;
    if (taker->steps == 0) now->lr_low = now->lr_high = now->loss_high = now->spikes = NAN;
    find_top_class(validation, now);
    *vitals = *now;
    taker->steps = 0;
}

/* ---- log.jsonl --------------------------------------------------------------------------------------------------- */

static const struct {
    const char *key;
    size_t      offset;
} reals[] = {
#define REAL(field)                                                                                                    \
    { #field, offsetof(struct ath__vitals, field) }
    REAL(lr_low),      REAL(lr_high),    REAL(loss_first),       REAL(loss_last),       REAL(loss_high),
    REAL(spikes),      REAL(grad_norm),  REAL(weight_norm),      REAL(ratio),           REAL(probe_lr),
    REAL(layer_ratio), REAL(dead_share), REAL(dead_layer_share), REAL(top_class_share),
#undef REAL
};
enum { REALS = sizeof reals / sizeof reals[0] };

void ath__vitals_write(const struct ath__vitals *vitals, struct ath__str *fields) {
    ath__str_printf(fields, "\"epoch\":%lld", (long long)vitals->epoch);
    for (int i = 0; i < REALS; i++) {
        double value = *(const double *)((const char *)vitals + reals[i].offset);
        if (isfinite(value))
            ath__str_printf(fields, ",\"%s\":%.6g", reals[i].key, value);
        else
            ath__str_printf(fields, ",\"%s\":null", reals[i].key);
    }
    ath__str_append(fields, ",\"layer\":");
    ath__json_quote(fields, vitals->layer);
    ath__str_append(fields, ",\"dead_layer\":");
    ath__json_quote(fields, vitals->dead_layer);
    ath__str_printf(fields, ",\"top_class\":%lld", (long long)vitals->top_class);
}

static void copy_text(const json_t *object, const char *key, char *text, size_t capacity) {
    const char *value = json_string_value(json_object_get(object, key));
    ath__str_copy(text, capacity, value ? value : "");
}

bool ath__vitals_read(const char *line, size_t size, struct ath__vitals *vitals) {
    json_t     *object = json_loadb(line, size, JSON_REJECT_DUPLICATES, NULL);
    const char *event = json_string_value(json_object_get(object, "event"));
    json_int_t  epoch = json_integer_value(json_object_get(object, "epoch"));
    bool        ours = event && strcmp(event, "vitals") == 0 && epoch >= 1 && epoch <= INT32_MAX;
    if (ours) {
        memset(vitals, 0, sizeof *vitals);
        vitals->epoch = epoch;
        for (int i = 0; i < REALS; i++) {
            const json_t *value = json_object_get(object, reals[i].key);
            *(double *)((char *)vitals + reals[i].offset) = json_is_number(value) ? json_number_value(value) : NAN;
        }
        copy_text(object, "layer", vitals->layer, sizeof vitals->layer);
        copy_text(object, "dead_layer", vitals->dead_layer, sizeof vitals->dead_layer);
        const json_t *top = json_object_get(object, "top_class");
        vitals->top_class = json_is_integer(top) ? json_integer_value(top) : -1;
    }
    json_decref(object);
    return ours;
}
