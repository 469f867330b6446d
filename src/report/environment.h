/* env.json: what a run was computed with. */
#ifndef ATH_REPORT_ENVIRONMENT_H
#define ATH_REPORT_ENVIRONMENT_H

#include "athanor/status.h"

#include <stdint.h>

struct ath__environment {
    char     version[32], revision[64], compiler[96], build[32];
    char     processor[64], tier[16]; /* "AMD EPYC", "avx512" */
    int      processors, threads;     /* usable by the process; used by kernels */
    uint64_t memory_bytes;
    char     onednn[32]; /* of the library that is loaded */
    char     system[160], host_type[32], time[32];
};

/* `threads`: what kernels use. */
void       ath__environment_read(int threads, struct ath__environment *environment);
ath_status ath__environment_write(const char *path, const struct ath__environment *environment, ath_error *err);

#endif
