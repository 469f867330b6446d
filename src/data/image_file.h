/* Image files for prediction: PGM and PPM (binary), PNG, and IDX files of several images. */
#ifndef ATH_DATA_IMAGE_FILE_H
#define ATH_DATA_IMAGE_FILE_H

#include "athanor/status.h"

#include <stdint.h>

struct ath__image_file {
    int64_t        count; /* images in the file, all of one size */
    int            channels, height, width;
    unsigned char *pixels; /* u8 (count, channels, height, width); ath__free */
};

/* Reads a file by its content, not its name, treating it as hostile (dimensions are checked before allocating; at most
 * 2^28 bytes of pixels). Colours are converted to the `channels` wanted (1: grey by ITU-R 601 luma, as Pillow's "L"; 3:
 * grey repeated); 0 keeps them. An alpha channel is dropped; 16-bit samples keep their high byte. ATH_DATA for what is
 * broken or of an unknown kind. */
ath_status ath__image_file_open(const char *path, int channels, struct ath__image_file *file, ath_error *err);
void       ath__image_file_close(struct ath__image_file *file);

#endif
