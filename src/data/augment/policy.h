/* The operations that AutoAugment, RandAugment and TrivialAugment choose from, and their magnitudes. */
#ifndef ATH_DATA_AUGMENT_POLICY_H
#define ATH_DATA_AUGMENT_POLICY_H

#include "data/augment/warp.h"

/* Identity comes first and Invert last: RandAugment and TrivialAugment draw from all but Invert. */
enum ath__policy_op {
    ATH_POLICY_IDENTITY,
    ATH_POLICY_SHEAR_X,
    ATH_POLICY_SHEAR_Y,
    ATH_POLICY_TRANSLATE_X,
    ATH_POLICY_TRANSLATE_Y,
    ATH_POLICY_ROTATE,
    ATH_POLICY_BRIGHTNESS,
    ATH_POLICY_COLOR,
    ATH_POLICY_CONTRAST,
    ATH_POLICY_SHARPNESS,
    ATH_POLICY_POSTERIZE,
    ATH_POLICY_SOLARIZE,
    ATH_POLICY_AUTOCONTRAST,
    ATH_POLICY_EQUALIZE,
    ATH_POLICY_INVERT,
    ATH_POLICY_OPS,
};

/* How far magnitudes reach; bin b of n is b / (n - 1) of the way. */
struct ath__policy_reach {
    double shear;     /* slope */
    double translate; /* pixels, or a share of the side if `translate_share` */
    bool   translate_share;
    double rotate;    /* degrees */
    double enhance;   /* brightness, colour, contrast, sharpness: factor 1 + magnitude */
    double posterize; /* bits taken away */
    int    bins;
};

extern const struct ath__policy_reach ath__reach_auto, ath__reach_rand, ath__reach_trivial;

const char *ath__policy_name(enum ath__policy_op op);
bool        ath__policy_signed(enum ath__policy_op op); /* may the magnitude be negative? */

/* The magnitude of a bin, for images of that size; 0 for operations that have none. */
double ath__policy_magnitude(const struct ath__policy_reach *reach, enum ath__policy_op op, int bin, int height,
                             int width);

/* Applies one operation. */
void ath__policy_apply(enum ath__policy_op op, double magnitude, enum ath__interpolation interpolation, int fill,
                       struct ath__sample *sample);

#endif
