/* What the processor can do, read once; a mask in the environment can take abilities away for tests:
 * ATHANOR_CPU=generic | avx2 | avx512 | avx512bf16 (the highest tier to use).
 */
#ifndef ATH_BASE_CPUINFO_H
#define ATH_BASE_CPUINFO_H

#include <stdint.h>

/* Tiers, each including those before it. */
typedef enum ath_cpu_tier {
    ATH_CPU_GENERIC,
    ATH_CPU_AVX2,       /* AVX2 + FMA + F16C */
    ATH_CPU_AVX512,     /* F, BW, VL, DQ     */
    ATH_CPU_AVX512BF16, /* + BF16            */
} ath_cpu_tier;

struct ath__cpuinfo {
    ath_cpu_tier tier;       /* after the mask   */
    ath_cpu_tier hardware;   /* before the mask  */
    char         name[64];   /* "AMD EPYC"       */
    int          processors; /* usable by this process */
    uint64_t     l2_bytes, l3_bytes, memory_bytes;
};

const struct ath__cpuinfo *ath__cpuinfo(void);
const char                *ath__cpu_tier_name(ath_cpu_tier tier);

#endif
