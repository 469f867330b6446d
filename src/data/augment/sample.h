/* One image on its way through a list of random transforms.
 *
 * Shifts, mirrorings and patches are only noted; they are carried out together, in one pass over rows, when the image
 * becomes network input or when a transform needs its pixels:
 *
 *     out(y, x) = in(my(y) + shift_y, mx(x) + shift_x),    mx(x) = x, or width - 1 - x when mirrored; my likewise
 *
 * and what lies outside the image is black or the image reflected at its border pixels. Patches lie on top and hold
 * the mean: exactly 0 behind normalisation, and the nearest pixel value to the mean for transforms that follow.
 */
#ifndef ATH_DATA_AUGMENT_SAMPLE_H
#define ATH_DATA_AUGMENT_SAMPLE_H

#include "base/rng.h"
#include "data/preprocess.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ATH_SAMPLE_PATCHES = 16 };

/* Which draw this is. */
struct ath__draw {
    uint64_t seed;
    uint32_t epoch, index; /* of the image in its data set */
};

/* Rows top .. bottom - 1, columns left .. right - 1. */
struct ath__patch {
    int top, left, bottom, right;
};

struct ath__sample {
    struct ath__draw draw;
    struct ath__rng  rng; /* of the transform whose turn it is */
    int              channels, height, width;

    const struct ath__preprocessor *preprocessor;

    const unsigned char *pixels; /* (channels, height, width), before what is noted below */
    unsigned char       *image[2], *line;

    bool              mirror_x, mirror_y, shifted, reflect;
    int               shift_x, shift_y;
    struct ath__patch patches[ATH_SAMPLE_PATCHES];
    int               patch_count;
};

/* Bytes of scratch that a sample needs while it is worked on. */
size_t ath__sample_scratch(const struct ath__preprocessor *preprocessor);

/* Begins with `pixels` (u8, channels x height x width as the preprocessor's results), which are never written. */
void ath__sample_start(struct ath__sample *sample, const struct ath__draw *draw,
                       const struct ath__preprocessor *preprocessor, const unsigned char *pixels, void *scratch);

/* The generator of the transform at `position` of the list: (seed, epoch, index, position). */
void ath__draw_start(struct ath__rng *rng, const struct ath__draw *draw, int position);

/* Moves the window by that many pixels: out(y, x) = in(y + shift_y, x + shift_x). Shifts are smaller than the sides. */
void ath__sample_shift(struct ath__sample *sample, int shift_y, int shift_x, bool reflect);
void ath__sample_mirror(struct ath__sample *sample, bool horizontal, bool vertical);
/* Covers the rectangle, cut at the border, with the mean. */
void ath__sample_cover(struct ath__sample *sample, int top, int left, int height, int width);

/* The pixels with everything carried out, to be read, and a second image to write to... */
const unsigned char *ath__sample_read(struct ath__sample *sample, unsigned char **other);
/* ...which becomes the sample's by this. */
void ath__sample_take(struct ath__sample *sample, const unsigned char *other);
/* The pixels with everything carried out, to be changed in place. */
unsigned char *ath__sample_edit(struct ath__sample *sample);

/* Network input f32 (channels, height, width): what was noted, then normalisation, in one pass. */
void ath__sample_finish(struct ath__sample *sample, float *dst);

#endif
