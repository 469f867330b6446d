/* One photo: a file that is decoded when it is wanted. */
#ifndef ATH_DATA_PHOTO_FILE_H
#define ATH_DATA_PHOTO_FILE_H

#include "data/picture.h"

#include <stdbool.h>

/* Decodes into the picture's block: `channels` 1 (grey) or 3, turned upright; at a reduced size where the format allows
 * and no side becomes shorter than `least` (0: full size). ATH_DATA, with the file's name, for what is broken, cannot
 * be read or is no image. */
ath_status ath__photo_read(const char *path, int channels, int least, struct ath__picture *picture, ath_error *err);

/* Height and width as ath__photo_read gives them at full size, from the file's header. */
ath_status ath__photo_size(const char *path, int *height, int *width, ath_error *err);

/* Whether the file's name ends like an image's (".jpg" ...). */
bool ath__photo_has_ending(const char *path);
/* That, or its content is an image's. */
bool ath__photo_is_image(const char *path);

#endif
