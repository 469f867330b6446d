/* Pictures: a size and a block of memory that only grows. */
#include "data/picture.h"

#include "base/error.h"
#include "base/mem.h"

#include <string.h>

ath_status ath__picture_room(struct ath__picture *picture, int channels, int height, int width, ath_error *err) {
    size_t bytes = (size_t)channels * (size_t)height * (size_t)width;
    if (bytes > picture->capacity || !picture->block) {
        ath__free(picture->block);
        picture->capacity = 0;
        picture->block = ath__alloc(bytes);
        if (!picture->block) return ath__fail_memory(err, "image");
        picture->capacity = bytes;
    }
    picture->channels = channels;
    picture->height = height;
    picture->width = width;
    picture->pixels = picture->block;
    return ATH_OK;
}

void ath__picture_free(struct ath__picture *picture) {
    ath__free(picture->block);
    memset(picture, 0, sizeof *picture);
}

size_t ath__picture_bytes(const struct ath__picture *picture) {
    return (size_t)picture->channels * (size_t)picture->height * (size_t)picture->width;
}
