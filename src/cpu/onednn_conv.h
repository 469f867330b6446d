/* The three directions of a convolution through oneDNN; the rows are in onednn_conv2d.c and onednn_conv2d_grad.c. */
#ifndef ATH_CPU_ONEDNN_CONV_H
#define ATH_CPU_ONEDNN_CONV_H

#include "cpu/onednn_common.h"

void        ath__onednn_conv_layouts(ath__onednn_direction direction, struct ath__layout_wish *wish);
const char *ath__onednn_conv_refuse(ath__onednn_direction direction, const struct ath__problem *problem);
ath_status  ath__onednn_conv_prepare(ath__onednn_direction direction, const struct ath__problem *problem, void **state,
                                     ath_error *err);

#endif
