/* Resizing and cutting pictures of any size to one size; a thread has one fitter and uses it again for every image. */
#ifndef ATH_DATA_FITTER_H
#define ATH_DATA_FITTER_H

#include "data/picture.h"
#include "data/resize.h"

#include <stdbool.h>

/* Rows top .. top + height - 1, columns left .. left + width - 1. */
struct ath__box {
    int top, left, height, width;
};

/* Starts zeroed. Keeps the resize plan of the last pair of sizes. */
struct ath__fitter {
    struct ath__resize resize;
    bool               planned;
    int                from_height, from_width, to_height, to_width, filter;
    unsigned char     *scratch, *plane, *part; /* of resizing; a resized plane; a plane of a part of the picture */
    size_t             scratch_size, plane_size, part_size;
};

/* Makes plan and memory for whole pictures of from_height x from_width beforehand. */
ath_status ath__fitter_plan(struct ath__fitter *fitter, int from_height, int from_width, int height, int width,
                            int filter, ath_error *err);

/* The part `source` of the picture is resized to height x width, and the part `window` of that comes out: dst (channels,
 * window height, window width), u8. Both parts lie inside. */
ath_status ath__fitter_fit(struct ath__fitter *fitter, const struct ath__picture *picture,
                           const struct ath__box *source, int height, int width, int filter,
                           const struct ath__box *window, unsigned char *dst, ath_error *err);
void       ath__fitter_close(struct ath__fitter *fitter);

#endif
