/* Devices: where steps can be computed. */
#ifndef ATHANOR_DEVICE_H
#define ATHANOR_DEVICE_H

#include "athanor/status.h"

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ath_device_info {
    const char *name;        /* "cpu", "cuda:0" */
    char        detail[160]; /* "AMD EPYC, avx2, 2 processors" */
    bool        usable;
    char        reason[160]; /* why not, if it is not */
    bool        bf16;        /* computes in bfloat16 natively */
    uint64_t    memory;      /* bytes */
} ath_device_info;

/* Device i, usable or not; false past the end. */
ATH_API bool ath_device_at(int i, ath_device_info *info);

/* Version of the library, "0.1.0"; and what it was built from and with, one line. */
ATH_API const char *ath_version(void);
ATH_API const char *ath_build_info(void);

#ifdef __cplusplus
}
#endif
#endif
