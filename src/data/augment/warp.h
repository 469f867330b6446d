/* Affine maps of 8-bit images about their centre. */
#ifndef ATH_DATA_AUGMENT_WARP_H
#define ATH_DATA_AUGMENT_WARP_H

#include "data/augment/sample.h"

/* Rotation by `angle` degrees clockwise, then shear by angles parallel to x and y, scaling, and a shift in pixels to the
 * right and down, all about (centre_x, centre_y), which is measured from the middle of the image. */
struct ath__warp {
    double angle, shear_x, shear_y, scale; /* degrees; scale 1 = the same size */
    double move_x, move_y;
    double centre_x, centre_y;
};

/* In the order of "nearest|bilinear". */
enum ath__interpolation { ATH_NEAREST, ATH_BILINEAR };
#define ATH_INTERPOLATIONS "nearest|bilinear"

/* Warps the sample's pixels; what comes from outside the image is `fill`. */
void ath__sample_warp(struct ath__sample *sample, const struct ath__warp *warp, enum ath__interpolation interpolation,
                      int fill);

#endif
