/* Starting values of parameters.
 *
 * With fan_in = product of dims 1.. and fan_out = dim 0 * product of dims 2.. of a weight (K,C/groups,R,S) or (M,K):
 *
 *     xavier    U(-b, b),  b = sqrt(6 / (fan_in + fan_out))       Glorot and Bengio 2010
 *     kaiming   N(0, s^2), s = sqrt(2 / fan_out)                   He et al. 2015; for convolutions, as residual nets are
 *                          s = sqrt(2 / fan_in)                    started, and for matrices, where a classifier's few
 *                                                                  outputs would make s far too large
 *     torch     U(-b, b),  b = 1 / sqrt(fan_in)                    Kaiming's uniform form with a = sqrt(5)
 *
 * A Dirac start (Zagoruyko and Komodakis, "DiracNets", 2017) makes the first filters the identity on their channels, so
 * that a deep stack begins as a shallow one.
 *
 * Biases are U(+-1 / sqrt(fan_in)) for xavier and torch (Xavier recipes reset the weights only) and 0 for kaiming.
 *
 * The values come in chunks, each its own Philox stream (seed, ATH_RNG_INIT, parameter, chunk), so that chunks are
 * filled in parallel and the numbers do not depend on how many threads do it.
 */
#include "nn/init.h"

#include "base/error.h"
#include "base/parallel.h"
#include "base/rng.h"

#include <math.h>
#include <string.h>

enum { CHUNK = 1 << 16 };

static const struct {
    const char           *name;
    enum ath__init_policy policy;
} policies[] = {
#define POLICY_ROW(id, text, summary) {text, ATH_INIT_POLICY_##id},
    ATH_INIT_POLICY_MAP(POLICY_ROW)
#undef POLICY_ROW
};

ath_status ath__init_policy_find(const char *name, enum ath__init_policy *policy, ath_error *err) {
    for (size_t i = 0; i < sizeof(policies) / sizeof(policies[0]); i++) {
        if (strcmp(policies[i].name, name) != 0) continue;
        *policy = policies[i].policy;
        return ATH_OK;
    }
    return ath__fail(err, ATH_USAGE, "init", "'%s' is no way to start weights; choose xavier, kaiming or torch", name);
}

/* What one parameter is filled with: a constant, or draws of a given half-width or deviation. */
struct fill {
    enum { FILL_CONSTANT, FILL_UNIFORM, FILL_NORMAL } kind;
    double   value;
    uint64_t seed;
    uint32_t index;
    int64_t  count;
    float   *dst;
};

static void fill_chunk(int64_t chunk, void *context) {
    const struct fill *fill = context;
    struct ath__rng    rng;
    int64_t            begin = chunk * CHUNK, end = begin + CHUNK < fill->count ? begin + CHUNK : fill->count;
    ath__rng_start(&rng, fill->seed, ATH_RNG_INIT, fill->index, (uint32_t)chunk);
    switch (fill->kind) {
    case FILL_CONSTANT:
        for (int64_t i = begin; i < end; i++) fill->dst[i] = (float)fill->value;
        break;
    case FILL_UNIFORM:
        for (int64_t i = begin; i < end; i++)
            fill->dst[i] = (float)((2.0 * (double)ath__rng_uniform(&rng) - 1.0) * fill->value);
        break;
    case FILL_NORMAL:
        for (int64_t i = begin; i < end; i++) fill->dst[i] = (float)(ath__rng_normal(&rng) * fill->value);
        break;
    }
}

/* 1 / sqrt(fan_in), with an empty fan-in taken as 1. */
static double torch_bound(double fan_in) {
    return 1.0 / sqrt(fan_in > 1.0 ? fan_in : 1.0);
}

static void weight_fill(enum ath__init_policy policy, const ath_shape *shape, struct fill *fill) {
    double receptive = 1.0;
    for (int i = 2; i < shape->rank; i++) receptive *= (double)shape->dims[i];
    double fan_in = receptive * (shape->rank > 1 ? (double)shape->dims[1] : 1.0);
    double fan_out = receptive * (shape->rank > 0 ? (double)shape->dims[0] : 1.0);
    fill->kind = FILL_UNIFORM;
    switch (policy) {
    case ATH_INIT_POLICY_XAVIER: fill->value = sqrt(6.0 / (fan_in + fan_out)); break;
    case ATH_INIT_POLICY_KAIMING:
        fill->kind = FILL_NORMAL;
        fill->value = sqrt(2.0 / (shape->rank > 2 ? fan_out : fan_in));
        break;
    case ATH_INIT_POLICY_TORCH: fill->value = torch_bound(fan_in); break;
    }
}

/* Filter i becomes 1 at the centre of channel i and 0 elsewhere, for the filters that have such a channel. */
static void pass_channels_on(const ath_shape *shape, float *dst) {
    int64_t channels = shape->rank > 1 ? shape->dims[1] : 1, plane = 1, centre = 0;
    for (int i = 2; i < shape->rank; i++) {
        centre = centre * shape->dims[i] + shape->dims[i] / 2;
        plane *= shape->dims[i];
    }
    for (int64_t k = 0; k < shape->dims[0] && k < channels; k++) {
        memset(dst + k * channels * plane, 0, (size_t)(channels * plane) * sizeof(float));
        dst[(k * channels + k) * plane + centre] = 1.0f;
    }
}

ath_status ath__init_fill(enum ath__init_policy policy, const ath_init *init, const ath_shape *shape, uint64_t seed,
                          uint32_t index, float *dst, ath_error *err) {
    struct fill fill = {FILL_CONSTANT, 0.0, seed, index, ath_shape_count(shape), dst};
    switch (init->kind) {
    case ATH_INIT_ZEROS: break;
    case ATH_INIT_CONSTANT: fill.value = init->value; break;
    case ATH_INIT_WEIGHT: weight_fill(policy, shape, &fill); break;
    case ATH_INIT_DIRAC: weight_fill(policy, shape, &fill); break;
    case ATH_INIT_BIAS:
        if (policy == ATH_INIT_POLICY_KAIMING) break;
        fill.kind = FILL_UNIFORM;
        fill.value = torch_bound((double)init->fan_in);
        break;
    case ATH_INIT_UNIFORM:
        fill.kind = FILL_UNIFORM;
        fill.value = init->value;
        break;
    case ATH_INIT_NORMAL:
        fill.kind = FILL_NORMAL;
        fill.value = init->value;
        break;
    case ATH_INIT_FROM:
        return ath__fail(err, ATH_UNSUPPORTED, NULL,
                         "this parameter starts as the value of a node; run the graph once to get it");
    }
    ath__parallel((fill.count + CHUNK - 1) / CHUNK, fill_chunk, &fill);
    if (init->kind == ATH_INIT_DIRAC) pass_channels_on(shape, dst);
    return ATH_OK;
}
