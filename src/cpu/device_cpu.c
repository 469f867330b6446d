/* The CPU as a device: the table of its implementations and its taste in layouts.
 *
 * Wide nets want channels in blocks of one vector, which is what direct convolutions, batch norm and element-wise
 * kernels read best. Narrow nets (LeNet) would leave most of such a block empty; with enough images per batch they put
 * 16 images into the vector instead. What is neither stays plain.
 */
#include "contract/device.h"

#include "base/cpuinfo.h"

#include <stddef.h>

#define ATH_IMPL(name) extern const struct ath__impl ath__impl_##name;
#include "cpu/impl_list.h"
#undef ATH_IMPL

static const struct ath__impl *const impls[] = {
#define ATH_IMPL(name) &ath__impl_##name,
#include "cpu/impl_list.h"
#undef ATH_IMPL
    NULL,
};

enum { NARROW_CHANNELS = 32, BATCH_BLOCK = 16 };

static struct ath__layout prefer_layout(int64_t widest_channels, int64_t batch, ath_dtype dtype) {
    (void)dtype;
    ath_cpu_tier tier = ath__cpuinfo()->tier;
    if (tier >= ATH_CPU_AVX2 && widest_channels < NARROW_CHANNELS && batch >= BATCH_BLOCK)
        return ath__layout_batch_blocks(BATCH_BLOCK);
    if (tier >= ATH_CPU_AVX512 && widest_channels >= 16) return ath__layout_channel_blocks(16);
    if (tier >= ATH_CPU_AVX2 && widest_channels >= 16) return ath__layout_channel_blocks(8);
    return ath__layout_plain();
}

static const struct ath__device device_generic = {"cpu", impls, prefer_layout, false};
static const struct ath__device device_bf16 = {"cpu", impls, prefer_layout, true};

const struct ath__device *ath__device_cpu(void) {
    return ath__cpuinfo()->tier >= ATH_CPU_AVX512BF16 ? &device_bf16 : &device_generic;
}
