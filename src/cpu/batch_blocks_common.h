/* What the batch-block implementations share: the layout, the kernels, activation and the upkeep of padding. */
#ifndef ATH_CPU_BATCH_BLOCKS_COMMON_H
#define ATH_CPU_BATCH_BLOCKS_COMMON_H

#include "contract/impl.h"
#include "cpu/simd/batch_blocks.h"
#include "cpu/simd/kernels.h"

/* True if the operand lies in batch blocks of 16: plain order with the first dimension cut into blocks. */
bool ath__batch_blocked(const struct ath__desc *desc);
/* NULL if all present operands are f32; else the reason to refuse. */
const char *ath__batch_blocks_types(const struct ath__problem *problem);

const struct ath__batch_kernels *ath__batch_kernels(void);

static inline int64_t ath__batch_blocks_count(int64_t images) {
    return (images + ATH_BATCH_BLOCK - 1) / ATH_BATCH_BLOCK;
}

/* Images of block number `block` that are not padding. */
static inline int64_t ath__batch_blocks_valid(int64_t images, int64_t block) {
    int64_t rest = images - block * ATH_BATCH_BLOCK;
    return rest < ATH_BATCH_BLOCK ? rest : ATH_BATCH_BLOCK;
}

/* What follows a product, on `positions` groups of 16 images that stand together: the activation, then zeros into the
 * lanes from `valid` on, which bias and activation have made something else. */
struct ath__batch_epilogue {
    ath__step_fn act; /* NULL for none */
};
struct ath__batch_epilogue ath__batch_epilogue_of(int64_t act);
void ath__batch_epilogue_run(const struct ath__batch_epilogue *epilogue, float *y, int64_t positions, int64_t valid);

#endif
