/* Cosines with restarts (Loshchilov and Hutter, "SGDR", ICLR 2017; PyTorch's CosineAnnealingWarmRestarts): the first
 * takes `period`, each next one `growth` times the one before.
 *
 *     rate = peak * (end + (1 - end) * (1 + cos(pi * since / length)) / 2),  since = steps since the last restart
 */
#include "optim/schedule.h"

#include <math.h>

/* Number of the cosine under way and where it began. With growth g the first n take period * (g^n - 1) / (g - 1). */
static double factor(const struct ath__schedule_settings *settings, const struct ath__schedule_time *time) {
    double length = ath__duration_steps(&settings->period, time->steps_per_epoch), since = time->step;
    if (!(length > 0.0)) return 1.0;
    if (settings->growth > 1.0) {
        while (since >= length) {
            since -= length;
            length *= settings->growth;
        }
    } else {
        since = fmod(since, length);
    }
    return settings->end + (1.0 - settings->end) * 0.5 * (1.0 + cos(3.14159265358979323846 * since / length));
}

const struct ath__schedule ath__schedule_cosine_restarts = {
    .name = "cosine-restarts",
    .summary = "cosines, the first over schedule.period, each next one schedule.growth times as long",
    .keys = {{"period", "10ep"}, {"growth", "1"}, {"end", "0"}},
    .factor = factor,
};
