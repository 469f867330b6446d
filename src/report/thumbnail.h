/* A small picture of a data set's image, for figures and reports. */
#ifndef ATH_REPORT_THUMBNAIL_H
#define ATH_REPORT_THUMBNAIL_H

#include "athanor/status.h"

enum { ATH_THUMBNAIL_SIDE = 96 }; /* longest side */

struct ath__thumbnail {
    int            width, height;
    unsigned char *rgb; /* (height, width, 3); NULL = there is none */
};

/* From u8 pixels (channels, height, width): grey (1 or 2 channels) or the first three as colours; made smaller where
 * a side is longer than ATH_THUMBNAIL_SIDE, never larger. Freed by the caller. */
ath_status ath__thumbnail_make(const unsigned char *pixels, int channels, int height, int width,
                               struct ath__thumbnail *thumbnail, ath_error *err);
void       ath__thumbnail_free(struct ath__thumbnail *thumbnail);

#endif
