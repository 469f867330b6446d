/* First layers, whose few channels fill no block: on processors with vector kernels none of them may fall to the
 * reference, which is hundreds of times slower. (Where a dimension has one step oneDNN has several names for the same
 * memory and its kernels know one; a row that asks by the wrong name is refused.)
 */
#include "base/cpuinfo.h"
#include "device/choose.h"
#include "support/impl_trial.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void check_choice(const char *line, bool low) {
    struct impl_case  c;
    struct impl_trial trial;
    struct trial_wish wish = {"wish", ath__device_cpu()->prefer(64, 64, low ? ATH_BF16 : ATH_F32), ath__layout_plain(),
                              low};
    char              why[256];
    if (!impl_case_parse(line, &c, why)) fail_msg("%s", why);
    for (const struct ath__impl *const *row = ath__device_cpu()->impls; *row != NULL; row++) {
        if (!ath__impl_serves(*row, c.op->name)) continue;
        impl_trial_describe(&trial, &c, *row, &wish);
        if (impl_trial_choose(&trial) != NULL) continue;
        if (strcmp((*row)->name, "ref") == 0) fail_msg("%s%s: only the reference takes it", line, low ? " (bf16)" : "");
        break;
    }
    impl_case_free(&c);
}

static void check_first_layers(void **state) {
    static const char *const lines[] = {
        "conv2d x=64x1x96x96 w=64x1x7x7 pad=3 stride=2",
        "conv2d_wgrad x=64x1x96x96 dy=64x64x48x48 kernel=7 pad=3 stride=2",
        "conv2d x=64x1x224x224 w=64x1x11x11 b=64 pad=2 stride=4 act=relu",
        "conv2d_wgrad x=64x1x224x224 dy=64x64x55x55 kernel=11 pad=2 stride=4 with_bias=1",
        "conv2d x=64x1x28x28 w=32x1x3x3 pad=1",
        "conv2d_wgrad x=64x1x28x28 dy=64x32x28x28 kernel=3 pad=1",
        "conv2d x=64x3x32x32 w=64x3x3x3 pad=1",
        "conv2d_wgrad x=64x3x32x32 dy=64x64x32x32 kernel=3 pad=1",
        "conv2d x=64x3x224x224 w=32x3x3x3 pad=1 stride=2",
        "conv2d_wgrad x=64x3x224x224 dy=64x32x112x112 kernel=3 pad=1 stride=2",
        "conv2d x=64x3x32x32 w=24x3x2x2 b=24",
        "conv2d_wgrad x=64x3x32x32 dy=64x24x31x31 kernel=2 with_bias=1",
    };
    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        check_choice(lines[i], false);
        if (ath__device_cpu()->bf16) check_choice(lines[i], true);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(check_first_layers)};
    if (ath__cpuinfo()->tier < ATH_CPU_AVX2) {
        print_message("no vector kernels for convolutions on this processor\n");
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
