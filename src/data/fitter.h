/* Resizing and cutting pictures of any size to one size; a thread has one fitter and uses it again for every image. */
#ifndef ATH_DATA_FITTER_H
#define ATH_DATA_FITTER_H

#include "data/picture.h"
#include "data/resize.h"

#include <stdbool.h>

/* Starts zeroed. Keeps the resize plan of the last pair of sizes. */
struct ath__fitter {
    struct ath__resize resize;
    bool               planned;
    int                from_height, from_width, to_height, to_width, filter;
    struct ath__part   window;
    unsigned char     *scratch; /* of resizing */
    size_t             scratch_size;
};

/* Makes plan and memory beforehand, for parts of from_height x from_width. */
ath_status ath__fitter_plan(struct ath__fitter *fitter, int from_height, int from_width, int height, int width,
                            int filter, const struct ath__part *window, ath_error *err);

/* The part `source` of the picture is resized to height x width, and the part `window` of that comes out: dst (channels,
 * window height, window width), u8. Both parts lie inside. Nothing outside `source` is looked at, and nothing outside
 * `window` computed. */
ath_status ath__fitter_fit(struct ath__fitter *fitter, const struct ath__picture *picture,
                           const struct ath__part *source, int height, int width, int filter,
                           const struct ath__part *window, unsigned char *dst, ath_error *err);
void       ath__fitter_close(struct ath__fitter *fitter);

#endif
