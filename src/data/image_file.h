/* Files of images for prediction: what data/image reads, and IDX files of several images. */
#ifndef ATH_DATA_IMAGE_FILE_H
#define ATH_DATA_IMAGE_FILE_H

#include "athanor/status.h"

#include <stdint.h>

struct ath__image_file {
    int64_t        count; /* images in the file, all of one size */
    int            channels, height, width;
    unsigned char *pixels; /* u8 (count, channels, height, width); ath__free */
};

/* Reads a file by its content, not its name. `channels` wanted: 1 (grey), 3 (colour, grey repeated), 0 = as it is.
 * ATH_DATA for what is broken or of an unknown kind. */
ath_status ath__image_file_open(const char *path, int channels, struct ath__image_file *file, ath_error *err);
void       ath__image_file_close(struct ath__image_file *file);

#endif
