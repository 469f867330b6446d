/* One cycle (Smith and Topin, "Super-convergence", 2017; PyTorch's OneCycleLR with two phases): up from peak / div over
 * the first `rise` of the steps, then down to peak / (div * final_div); momentum, where it cycles, runs the other way.
 *
 *     phase 1   step 0 .. rise * steps - 1         peak / div -> peak                  momentum high -> low
 *     phase 2   .. steps - 1                       peak -> peak / (div * final_div)    momentum low -> high
 *
 * by half cosines (cosine: b + (a - b) / 2 * (1 + cos(pi * share))) or straight lines. The last step is the lowest.
 */
#include "optim/schedule.h"

#include <math.h>

static double between(const struct ath__schedule_settings *settings, double from, double to, double share) {
    if (settings->linear > 0.0) return from + (to - from) * share;
    return to + (from - to) * 0.5 * (1.0 + cos(3.14159265358979323846 * share));
}

/* Low at both ends, high in the middle, or the other way round. */
static double cycle(const struct ath__schedule_settings *settings, const struct ath__schedule_time *time, double first,
                    double middle, double last) {
    double length = ath__schedule_length(settings, time->steps_per_epoch);
    double steps = length > 0.0 ? length : time->steps;
    double top = settings->rise * steps - 1.0, end = steps - 1.0, step = fmin(time->step, end);
    if (step <= top) return top > 0.0 ? between(settings, first, middle, step / top) : middle;
    return end > top ? between(settings, middle, last, (step - top) / (end - top)) : last;
}

static double factor(const struct ath__schedule_settings *settings, const struct ath__schedule_time *time) {
    double first = 1.0 / settings->div;
    return cycle(settings, time, first, 1.0, first / settings->final_div);
}

static double momentum(const struct ath__schedule_settings *settings, const struct ath__schedule_time *time) {
    return cycle(settings, time, settings->momentum_high, settings->momentum_low, settings->momentum_high);
}

const struct ath__schedule ath__schedule_one_cycle = {
    .name = "one-cycle",
    .summary = "up from peak / schedule.div over schedule.rise of the run, then down to nearly nothing",
    .keys = {{"rise", "0.3"},
             {"div", "25"},
             {"final_div", "1e4"},
             {"anneal", "cosine"},
             {"momentum_low", "0"},
             {"momentum_high", "0"},
             {"length", "0"}},
    .factor = factor,
    .momentum = momentum,
    .steps = ath__schedule_length,
};
