/* Photos by the image reader (data/image). */
#include "data/photo/photo_file.h"

#include "base/error.h"
#include "base/mem.h"
#include "data/image/image.h"

#include <string.h>
#include <strings.h>

ath_status ath__photo_read(const char *path, int channels, int least, struct ath__picture *picture, ath_error *err) {
    struct ath__decode_hint hint = {.at_least_height = least, .at_least_width = least};
    struct ath__image       image;
    ATH_TRY(ath__image_decode_file(path, channels, least > 0 ? &hint : NULL, &image, err));
    ath__free(picture->block);
    *picture = (struct ath__picture){.channels = image.channels,
                                     .height = image.height,
                                     .width = image.width,
                                     .pixels = image.pixels,
                                     .block = image.pixels};
    picture->capacity = ath__picture_bytes(picture);
    return ATH_OK;
}

ath_status ath__photo_size(const char *path, int *height, int *width, ath_error *err) {
    struct ath__image_info info;
    ATH_TRY(ath__image_probe_file(path, &info, err));
    *height = info.height;
    *width = info.width;
    return ATH_OK;
}

bool ath__photo_has_ending(const char *path) {
    static const char *const endings[] = {"jpg", "jpeg", "jpe", "jfif", "png", "webp", "bmp", "gif", "ppm", "pgm"};
    const char              *dot = strrchr(path, '.');
    for (size_t i = 0; dot && i < sizeof endings / sizeof endings[0]; i++)
        if (strcasecmp(dot + 1, endings[i]) == 0) return true;
    return false;
}

bool ath__photo_is_image(const char *path) {
    int height, width;
    return ath__photo_has_ending(path) || ath__photo_size(path, &height, &width, NULL) == ATH_OK;
}
