/* What the batch-block implementations share (see batch_blocks_common.h). */
#include "cpu/batch_blocks_common.h"

#include "base/cpuinfo.h"

#include <stddef.h>

bool ath__batch_blocked(const struct ath__desc *desc) {
    return ath__layout_single_block(&desc->layout, desc->shape.rank, 0) == ATH_BATCH_BLOCK;
}

const char *ath__batch_blocks_types(const struct ath__problem *problem) {
    for (int i = 0; i < problem->ins; i++)
        if (problem->in[i].present && problem->in[i].dtype != ATH_F32) return "needs f32";
    for (int i = 0; i < problem->outs; i++)
        if (problem->out[i].present && problem->out[i].dtype != ATH_F32) return "needs f32";
    return NULL;
}

const struct ath__batch_kernels *ath__batch_kernels(void) {
#if defined(__x86_64__)
    ath_cpu_tier tier = ath__cpuinfo()->tier;
    if (tier >= ATH_CPU_AVX512) return &ath__batch_kernels_avx512;
    if (tier >= ATH_CPU_AVX2) return &ath__batch_kernels_avx2;
#endif
    return &ath__batch_kernels_generic;
}

struct ath__batch_epilogue ath__batch_epilogue_of(int64_t act) {
    return (struct ath__batch_epilogue){act == ATH_ACT_NONE ? NULL : ath__kernels()->act[act]};
}

void ath__batch_epilogue_run(const struct ath__batch_epilogue *epilogue, float *y, int64_t positions, int64_t valid) {
    if (epilogue->act != NULL) epilogue->act(y, NULL, y, positions * ATH_BATCH_BLOCK, 0.0f, 0.0f);
    if (valid >= ATH_BATCH_BLOCK) return;
    for (int64_t i = 0; i < positions; i++)
        for (int64_t lane = valid; lane < ATH_BATCH_BLOCK; lane++) y[i * ATH_BATCH_BLOCK + lane] = 0.0f;
}
