/* Picks the table of vector kernels by the processor's tier, in one place; nothing else asks for processor flags. */
#include "base/cpuinfo.h"
#include "cpu/simd/kernels.h"

const struct ath__kernels *ath__kernels(void) {
#if defined(__x86_64__)
    ath_cpu_tier tier = ath__cpuinfo()->tier;
    if (tier >= ATH_CPU_AVX512) return &ath__kernels_avx512;
    if (tier >= ATH_CPU_AVX2) return &ath__kernels_avx2;
#endif
    return &ath__kernels_generic;
}
