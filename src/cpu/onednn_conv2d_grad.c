/* conv2d_dgrad and conv2d_wgrad through oneDNN.
 *
 *     dx[n,c,h,w]  = sum over the windows that cover (h,w) of dy[n,k,p,q] * w[k,c,r,s]
 *     dw[k,c,r,s]  = sum_{n,p,q} x[n,c,h,w] * dy[n,k,p,q],   dbias[k] = sum_{n,p,q} dy[n,k,p,q]
 */
#include "cpu/onednn_conv.h"

static void data_layouts(struct ath__layout_wish *wish) {
    ath__onednn_conv_layouts(ATH_ONEDNN_DATA, wish);
}

static const char *data_refuse(const struct ath__problem *problem) {
    return ath__onednn_conv_refuse(ATH_ONEDNN_DATA, problem);
}

static ath_status data_prepare(const struct ath__problem *problem, void **state, ath_error *err) {
    return ath__onednn_conv_prepare(ATH_ONEDNN_DATA, problem, state, err);
}

static void weights_layouts(struct ath__layout_wish *wish) {
    ath__onednn_conv_layouts(ATH_ONEDNN_WEIGHTS, wish);
}

static const char *weights_refuse(const struct ath__problem *problem) {
    return ath__onednn_conv_refuse(ATH_ONEDNN_WEIGHTS, problem);
}

static ath_status weights_prepare(const struct ath__problem *problem, void **state, ath_error *err) {
    return ath__onednn_conv_prepare(ATH_ONEDNN_WEIGHTS, problem, state, err);
}

const struct ath__impl ath__impl_onednn_conv2d_dgrad = {
    .op = "conv2d_dgrad",
    .name = "onednn",
    .layouts = data_layouts,
    .refuse = data_refuse,
    .prepare = data_prepare,
    .release = ath__onednn_state_free,
    .scratch = ath__onednn_state_scratch,
    .run = ath__onednn_state_run,
};

const struct ath__impl ath__impl_onednn_conv2d_wgrad = {
    .op = "conv2d_wgrad",
    .name = "onednn",
    .layouts = weights_layouts,
    .refuse = weights_refuse,
    .prepare = weights_prepare,
    .release = ath__onednn_state_free,
    .scratch = ath__onednn_state_scratch,
    .run = ath__onednn_state_run,
};
