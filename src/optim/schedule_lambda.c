/* An expression:  rate = peak * expression(epoch, step, steps, epochs). `epoch` is the number of whole epochs done, as
 * in PyTorch's LambdaLR; step / steps is smooth. All are counted behind the warm-up. What is negative or no finite
 * number counts as zero.
 */
#include "optim/schedule.h"

#include <math.h>
#include <stddef.h>

static double factor(const struct ath__schedule_settings *settings, const struct ath__schedule_time *time) {
    const double values[ATH_EXPRESSION_VARIABLES] = {
        [ATH_EXPRESSION_EPOCH] = floor(time->step / time->steps_per_epoch),
        [ATH_EXPRESSION_STEP] = time->step,
        [ATH_EXPRESSION_STEPS] = time->steps,
        [ATH_EXPRESSION_EPOCHS] = time->steps / time->steps_per_epoch,
    };
    double share = ath__expression_value(&settings->expression, values);
    return isfinite(share) && share > 0.0 ? share : 0.0;
}

const struct ath__schedule ath__schedule_lambda = {
    .name = "lambda",
    .summary = "the peak times schedule.expression of epoch, step, epochs, steps: 0.1^floor(epoch/30)",
    .keys = {{"expression", NULL}},
    .factor = factor,
};
