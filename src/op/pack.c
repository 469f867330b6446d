/* Many values laid end to end in one flat array, each padded with zeros to a multiple of 16 elements.
 *
 *     pack  values of any shapes -> f32 (total)
 *
 * Optimisers work on such flat arrays: one kernel call per group of parameters. Sixteen floats are 64 bytes, so that
 * every piece starts on a cache line.
 */
#include "op/op_util.h"

enum { PACK_ALIGN = 16 };

static int64_t padded_count(const ath_shape *shape) {
    return (ath_shape_count(shape) + PACK_ALIGN - 1) / PACK_ALIGN * PACK_ALIGN;
}

static ath_status pack_infer(struct ath__infer *infer) {
    int64_t total = 0;
    for (int i = 0; i < infer->ins; i++) {
        if (!ath__infer_has(infer, i)) return ath__infer_fail(infer, "piece %d is missing", i);
        if (infer->in[i].dtype != ATH_F32)
            return ath__infer_fail(infer, "piece %d must be f32, is %s", i, ath_dtype_name(infer->in[i].dtype));
        total += padded_count(&infer->in[i].shape);
        if (total > ATH_COUNT_LIMIT) return ath__infer_fail(infer, "the pieces have too many elements");
    }
    return ath__infer_result(infer, 0, ATH_F32, &(ath_shape){.rank = 1, .dims = {total}});
}

static void pack_ref(const struct ath__ref *ref) {
    double *to = ref->out[0].data;
    for (int i = 0; i < ref->ins; i++) {
        int64_t count = ath_shape_count(&ref->in[i].shape), padded = padded_count(&ref->in[i].shape);
        for (int64_t j = 0; j < padded; j++) to[j] = j < count ? ref->in[i].data[j] : 0.0;
        to += padded;
    }
}

const struct ath__op ath__op_pack = {
    .name = "pack",
    .min_ins = 1,
    .max_ins = -1,
    .infer = pack_infer,
    .ref = pack_ref,
};
