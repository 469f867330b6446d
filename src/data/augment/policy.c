/* Operations of the automatic policies.
 *
 * Magnitudes are those of torchvision's AutoAugment, RandAugment and TrivialAugmentWide, which follow Cubuk et al.
 * (arXiv 1805.09501, arXiv 1909.13719) and Mueller and Hutter (arXiv 2103.10158, the wide ranges):
 *
 *                      auto, rand         trivial
 *     shear            0 .. 0.3           0 .. 0.99      slope, about the upper left corner
 *     translate        0 .. 150/331 side  0 .. 32        pixels, rounded towards 0
 *     rotate           0 .. 30            0 .. 135       degrees
 *     brightness, color, contrast, sharpness
 *                      0 .. 0.9           0 .. 0.99      factor 1 + m or 1 - m
 *     posterize        8 .. 4             8 .. 2         bits that are kept
 *     solarize         255 .. 0           255 .. 0       threshold
 *     bins             10, 31             31
 */
#include "data/augment/policy.h"

#include "data/augment/pixel_ops.h"

#include <math.h>

const struct ath__policy_reach ath__reach_auto = {0.3, 150.0 / 331.0, true, 30.0, 0.9, 4.0, 10};
const struct ath__policy_reach ath__reach_rand = {0.3, 150.0 / 331.0, true, 30.0, 0.9, 4.0, 31};
const struct ath__policy_reach ath__reach_trivial = {0.99, 32.0, false, 135.0, 0.99, 6.0, 31};

/* What an operation gets to work with. */
struct task {
    struct ath__sample     *sample;
    double                  magnitude;
    enum ath__interpolation interpolation;
    int                     fill;
};

static void warp(const struct task *task, const struct ath__warp *map) {
    ath__sample_warp(task->sample, map, task->interpolation, task->fill);
}

static struct ath__pixels pixels_of(const struct task *task) {
    struct ath__sample *s = task->sample;
    return (struct ath__pixels){ath__sample_edit(s), s->channels, s->height, s->width};
}

/* The shear whose slope is the magnitude, about the upper left corner of the image. */
static struct ath__warp shear_map(const struct task *task, bool along_x) {
    double           degrees = atan(task->magnitude) * (180.0 / 3.14159265358979323846);
    struct ath__warp map = {
        .scale = 1.0, .centre_x = -0.5 * task->sample->width, .centre_y = -0.5 * task->sample->height};
    *(along_x ? &map.shear_x : &map.shear_y) = degrees;
    return map;
}

static void identity(const struct task *task) {
    (void)task;
}

static void shear_x(const struct task *task) {
    struct ath__warp map = shear_map(task, true);
    warp(task, &map);
}

static void shear_y(const struct task *task) {
    struct ath__warp map = shear_map(task, false);
    warp(task, &map);
}

static void translate_x(const struct task *task) {
    warp(task, &(struct ath__warp){.scale = 1.0, .move_x = trunc(task->magnitude)});
}

static void translate_y(const struct task *task) {
    warp(task, &(struct ath__warp){.scale = 1.0, .move_y = trunc(task->magnitude)});
}

static void rotate(const struct task *task) {
    warp(task, &(struct ath__warp){.scale = 1.0, .angle = -task->magnitude});
}

static void brightness(const struct task *task) {
    struct ath__pixels pixels = pixels_of(task);
    ath__pixels_brightness(&pixels, 1.0 + task->magnitude);
}

static void color(const struct task *task) {
    struct ath__pixels pixels = pixels_of(task);
    ath__pixels_saturation(&pixels, 1.0 + task->magnitude);
}

static void contrast(const struct task *task) {
    struct ath__pixels pixels = pixels_of(task);
    ath__pixels_contrast(&pixels, 1.0 + task->magnitude);
}

static void sharpness(const struct task *task) {
    struct ath__pixels pixels = pixels_of(task);
    unsigned char     *other;
    ath__sample_read(task->sample, &other);
    ath__pixels_sharpness(&pixels, 1.0 + task->magnitude, other);
}

static void posterize(const struct task *task) {
    struct ath__pixels pixels = pixels_of(task);
    ath__pixels_posterize(&pixels, (int)task->magnitude);
}

static void solarize(const struct task *task) {
    struct ath__pixels pixels = pixels_of(task);
    ath__pixels_solarize(&pixels, task->magnitude);
}

static void autocontrast(const struct task *task) {
    struct ath__pixels pixels = pixels_of(task);
    ath__pixels_autocontrast(&pixels);
}

static void equalize(const struct task *task) {
    struct ath__pixels pixels = pixels_of(task);
    ath__pixels_equalize(&pixels);
}

static void invert(const struct task *task) {
    struct ath__pixels pixels = pixels_of(task);
    ath__pixels_invert(&pixels);
}

/* ---- magnitudes: of share 0 to 1 of the reach -------------------------------------------------------------------- */

struct size {
    int height, width;
};

static double none(const struct ath__policy_reach *reach, double share, struct size size) {
    (void)reach, (void)share, (void)size;
    return 0.0;
}

static double of_shear(const struct ath__policy_reach *reach, double share, struct size size) {
    (void)size;
    return share * reach->shear;
}

static double of_columns(const struct ath__policy_reach *reach, double share, struct size size) {
    return share * reach->translate * (reach->translate_share ? size.width : 1);
}

static double of_rows(const struct ath__policy_reach *reach, double share, struct size size) {
    return share * reach->translate * (reach->translate_share ? size.height : 1);
}

static double of_rotation(const struct ath__policy_reach *reach, double share, struct size size) {
    (void)size;
    return share * reach->rotate;
}

static double of_enhancement(const struct ath__policy_reach *reach, double share, struct size size) {
    (void)size;
    return share * reach->enhance;
}

static double of_bits(const struct ath__policy_reach *reach, double share, struct size size) {
    (void)size;
    return 8.0 - nearbyint(share * reach->posterize);
}

static double of_threshold(const struct ath__policy_reach *reach, double share, struct size size) {
    (void)reach, (void)size;
    return 255.0 * (1.0 - share);
}

static const struct {
    const char *name;
    double (*magnitude)(const struct ath__policy_reach *reach, double share, struct size size);
    bool is_signed;
    void (*run)(const struct task *task);
} ops[ATH_POLICY_OPS] = {
    [ATH_POLICY_IDENTITY] = {"Identity", none, false, identity},
    [ATH_POLICY_SHEAR_X] = {"ShearX", of_shear, true, shear_x},
    [ATH_POLICY_SHEAR_Y] = {"ShearY", of_shear, true, shear_y},
    [ATH_POLICY_TRANSLATE_X] = {"TranslateX", of_columns, true, translate_x},
    [ATH_POLICY_TRANSLATE_Y] = {"TranslateY", of_rows, true, translate_y},
    [ATH_POLICY_ROTATE] = {"Rotate", of_rotation, true, rotate},
    [ATH_POLICY_BRIGHTNESS] = {"Brightness", of_enhancement, true, brightness},
    [ATH_POLICY_COLOR] = {"Color", of_enhancement, true, color},
    [ATH_POLICY_CONTRAST] = {"Contrast", of_enhancement, true, contrast},
    [ATH_POLICY_SHARPNESS] = {"Sharpness", of_enhancement, true, sharpness},
    [ATH_POLICY_POSTERIZE] = {"Posterize", of_bits, false, posterize},
    [ATH_POLICY_SOLARIZE] = {"Solarize", of_threshold, false, solarize},
    [ATH_POLICY_AUTOCONTRAST] = {"AutoContrast", none, false, autocontrast},
    [ATH_POLICY_EQUALIZE] = {"Equalize", none, false, equalize},
    [ATH_POLICY_INVERT] = {"Invert", none, false, invert},
};

const char *ath__policy_name(enum ath__policy_op op) {
    return ops[op].name;
}

bool ath__policy_signed(enum ath__policy_op op) {
    return ops[op].is_signed;
}

double ath__policy_magnitude(const struct ath__policy_reach *reach, enum ath__policy_op op, int bin, int height,
                             int width) {
    return ops[op].magnitude(reach, (double)bin / (double)(reach->bins - 1), (struct size){height, width});
}

void ath__policy_apply(enum ath__policy_op op, double magnitude, enum ath__interpolation interpolation, int fill,
                       struct ath__sample *sample) {
    struct task task = {sample, magnitude, interpolation, fill};
    ops[op].run(&task);
}
