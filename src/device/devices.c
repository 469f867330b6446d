/* The devices of this machine, and what this library is. */
#include "athanor/device.h"

#include "base/cpuinfo.h"
#include "contract/device.h"

#include "athanor_config.h"

#include <stdio.h>
#include <string.h>

const char *ath_version(void) {
    return ATHANOR_VERSION;
}

const char *ath_build_info(void) {
    return ATHANOR_REVISION " " ATHANOR_COMPILER ", " ATHANOR_BUILD_TYPE;
}

static void describe_cpu(ath_device_info *info) {
    const struct ath__cpuinfo *cpu = ath__cpuinfo();
    info->name = "cpu";
    info->usable = true;
    info->bf16 = ath__device_cpu()->bf16;
    info->memory = cpu->memory_bytes;
    snprintf(info->detail, sizeof info->detail, "%s, %s%s, %d processor%s", cpu->name, ath__cpu_tier_name(cpu->tier),
             cpu->tier < cpu->hardware ? " (masked by ATHANOR_CPU)" : "", cpu->processors,
             cpu->processors == 1 ? "" : "s");
}

bool ath_device_at(int i, ath_device_info *info) {
    memset(info, 0, sizeof *info);
    if (i == 0) {
        describe_cpu(info);
        return true;
    }
    if (i > 1) return false;
    info->name = "cuda";
    snprintf(info->reason, sizeof info->reason, "this build has no CUDA plug-in (libathanor_cuda.so)");
    return true;
}
