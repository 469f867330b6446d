/* An image with its size: where it lies, or in memory that is used again for the next one. */
#ifndef ATH_DATA_PICTURE_H
#define ATH_DATA_PICTURE_H

#include "athanor/status.h"

#include <stddef.h>

/* Starts zeroed. `block` is the picture's own memory, which grows with the largest image; `pixels` point into it, or to
 * an image that somebody else owns. */
struct ath__picture {
    int                  channels, height, width;
    const unsigned char *pixels; /* u8 (channels, height, width) */
    unsigned char       *block;
    size_t               capacity;
};

/* Room in the block for an image of that size, whose pixels are then to be written to `block`. */
ath_status ath__picture_room(struct ath__picture *picture, int channels, int height, int width, ath_error *err);
void       ath__picture_free(struct ath__picture *picture);

/* Bytes of the pixels. */
size_t ath__picture_bytes(const struct ath__picture *picture);

#endif
