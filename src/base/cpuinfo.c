/* Reading the processor: instruction sets by CPUID and XGETBV, counts and sizes from the system.
 *
 * A tier needs both the instructions and an operating system that saves the registers they use: XCR0 bits 1-2 for the
 * 256-bit registers, bits 5-7 as well for the 512-bit ones (Intel SDM volume 1, sections 13.3 and 14.3).
 */
#include "base/cpuinfo.h"

#include "base/str.h"

#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

static const char *const tier_names[] = {"generic", "avx2", "avx512", "avx512bf16"};

static struct ath__cpuinfo info;
static pthread_once_t      once = PTHREAD_ONCE_INIT;

const char *ath__cpu_tier_name(ath_cpu_tier tier) {
    return (unsigned)tier < sizeof tier_names / sizeof tier_names[0] ? tier_names[tier] : "unknown";
}

#if defined(__x86_64__)

static uint64_t read_xcr0(void) {
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t)high << 32 | low;
}

static bool has_bits(unsigned value, unsigned bits) {
    return (value & bits) == bits;
}

static ath_cpu_tier read_tier(void) {
    unsigned a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d)) return ATH_CPU_GENERIC;
    /* Leaf 1 ECX: FMA 12, OSXSAVE 27, AVX 28, F16C 29. */
    if (!has_bits(c, 1u << 12 | 1u << 27 | 1u << 28 | 1u << 29)) return ATH_CPU_GENERIC;
    uint64_t xcr0 = read_xcr0();
    if ((xcr0 & 0x06) != 0x06) return ATH_CPU_GENERIC;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !has_bits(b, 1u << 5)) return ATH_CPU_GENERIC; /* AVX2 */
    /* Leaf 7 EBX: AVX512 F 16, DQ 17, BW 30, VL 31. */
    if (!has_bits(b, 1u << 16 | 1u << 17 | 1u << 30 | 1u << 31) || (xcr0 & 0xE6) != 0xE6) return ATH_CPU_AVX2;
    /* Leaf 7.1 EAX: AVX512 BF16 5. */
    if (!__get_cpuid_count(7, 1, &a, &b, &c, &d) || !has_bits(a, 1u << 5)) return ATH_CPU_AVX512;
    return ATH_CPU_AVX512BF16;
}

static void read_name(char name[64]) {
    unsigned words[12] = {0};
    for (unsigned i = 0; i < 3; i++) {
        unsigned *w = words + 4 * i;
        if (!__get_cpuid(0x80000002u + i, &w[0], &w[1], &w[2], &w[3])) return;
    }
    char text[sizeof words + 1];
    memcpy(text, words, sizeof words);
    text[sizeof words] = '\0';
    const char *start = text + strspn(text, " ");
    ath__str_copy(name, 64, start);
    for (size_t n = strlen(name); n > 0 && name[n - 1] == ' '; n--) name[n - 1] = '\0';
}

#else

static ath_cpu_tier read_tier(void) {
    return ATH_CPU_GENERIC;
}

static void read_name(char name[64]) {
    (void)name;
}

#endif

/* The first number of a one-line system file; 0 where there is none. `second` (may be NULL) takes the one after it. */
static double read_number(const char *path, double *second) {
    FILE *file = fopen(path, "r");
    if (!file) return 0.0;
    double first = 0.0, next = 0.0;
    int    found = fscanf(file, "%lf %lf", &first, &next);
    fclose(file);
    if (second) *second = found == 2 ? next : 0.0;
    return found >= 1 ? first : 0.0;
}

/* The affinity mask, cut down by the processor quota of a container: threads beyond it would only be held back. */
static int read_processors(void) {
    int       count = 0;
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) count = CPU_COUNT(&set);
    if (count <= 0) count = (int)sysconf(_SC_NPROCESSORS_ONLN);
    double period = 0.0;
    double quota = read_number("/sys/fs/cgroup/cpu.max", &period);
    if (quota > 0.0 && period > 0.0 && quota / period < (double)count) {
        double whole = quota / period + 0.5;
        count = whole < 1.0 ? 1 : (int)whole;
    }
    return count > 0 ? count : 1;
}

static uint64_t read_cache(int name) {
    long bytes = sysconf(name);
    return bytes > 0 ? (uint64_t)bytes : 0;
}

static uint64_t read_memory(void) {
    long     pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    uint64_t bytes = pages > 0 && page > 0 ? (uint64_t)pages * (uint64_t)page : 0;
    double   limit = read_number("/sys/fs/cgroup/memory.max", NULL);
    return limit > 0.0 && limit < (double)bytes ? (uint64_t)limit : bytes;
}

static void read_all(void) {
    info.hardware = info.tier = read_tier();
    const char *mask = getenv("ATHANOR_CPU");
    for (int tier = ATH_CPU_GENERIC; mask && tier < (int)info.hardware; tier++) {
        if (strcmp(mask, tier_names[tier]) == 0) info.tier = (ath_cpu_tier)tier;
    }
    ath__str_copy(info.name, sizeof info.name, "unknown processor");
    read_name(info.name);
    info.processors = read_processors();
#ifdef _SC_LEVEL2_CACHE_SIZE
    info.l2_bytes = read_cache(_SC_LEVEL2_CACHE_SIZE);
    info.l3_bytes = read_cache(_SC_LEVEL3_CACHE_SIZE);
#endif
    info.memory_bytes = read_memory();
}

const struct ath__cpuinfo *ath__cpuinfo(void) {
    pthread_once(&once, read_all);
    return &info;
}
