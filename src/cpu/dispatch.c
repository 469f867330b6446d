/* Picks the tables of vector kernels by the processor's tier, in one place; nothing else asks for processor flags. */
#include "base/cpuinfo.h"
#include "cpu/simd/kernels.h"
#include "cpu/simd/pixels.h"

const struct ath__kernels *ath__kernels(void) {
#if defined(__x86_64__)
    ath_cpu_tier tier = ath__cpuinfo()->tier;
    if (tier >= ATH_CPU_AVX512) return &ath__kernels_avx512;
    if (tier >= ATH_CPU_AVX2) return &ath__kernels_avx2;
#endif
    return &ath__kernels_generic;
}

const struct ath__pixel_kernels *ath__pixel_kernels(void) {
#if defined(__x86_64__)
    ath_cpu_tier tier = ath__cpuinfo()->tier;
    if (tier >= ATH_CPU_AVX512) return &ath__pixel_kernels_avx512;
    if (tier >= ATH_CPU_AVX2) return &ath__pixel_kernels_avx2;
#endif
    return &ath__pixel_kernels_generic;
}
