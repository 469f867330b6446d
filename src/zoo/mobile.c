/* The mobile networks' common parts (mobile.h). Channel counts are rounded as TensorFlow's and torchvision's code does. */
#include "zoo/mobile.h"

enum { PADDING_SYMMETRIC, PADDING_SAME };
enum { BN_LIVE, BN_FOLDED };
enum { POOL_MEAN, POOL_MAX, POOL_FLATTEN };

void ath__mobile_start(struct ath__nn *nn, int64_t padding, int64_t bn) {
    nn->same_padding = padding == PADDING_SAME;
    nn->folded_norms = bn == BN_FOLDED;
}

int64_t ath__mobile_channels(double channels) {
    int64_t rounded = (int64_t)(channels + 4.0) / 8 * 8;
    if (rounded < 8) rounded = 8;
    return (double)rounded < 0.9 * channels ? rounded + 8 : rounded;
}

ath_value ath__mobile_pool(struct ath__nn *nn, ath_value x, int64_t pool) {
    if (pool == POOL_MEAN) return ath__nn_global_avg_pool(nn, x, "avgpool");
    if (pool == POOL_MAX) x = ath_adaptive_pool(nn->graph, x, ATH_POOL_MAX, 1, 1);
    return ath_flatten(nn->graph, x);
}
