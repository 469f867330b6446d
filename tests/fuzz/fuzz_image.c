/* Fuzzes the image readers: any bytes give an image of the size that was announced, or one error, and no memory stays. The
 * first byte chooses channels and the size that is enough. Images of more than 2^20 pixels are only probed. */
#include "base/mem.h"
#include "data/image/image.h"

#include <stdint.h>
#include <stdlib.h>

#define MOST_PIXELS ((int64_t)1 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void decode(const uint8_t *data, size_t size, int mode, const struct ath__image_info *info) {
    static const int        channels[] = {0, 1, 3, 3};
    struct ath__decode_hint hint = {.at_least_height = (mode >> 2) % 64, .at_least_width = (mode >> 2) % 64};
    struct ath__image       image;
    ath_error               err = {0};
    ath_status              status = ath__image_decode(data, size, "fuzz", channels[mode & 3], &hint, &image, &err);
    if (status != ATH_OK) {
        if (image.pixels || err.code != status || err.message[0] == '\0') abort();
        return;
    }
    if (image.height > info->height || image.width > info->width) abort();
    if (image.height < info->height && image.height < hint.at_least_height) abort();
    volatile unsigned sum = 0;
    size_t            count = (size_t)image.channels * (size_t)image.height * (size_t)image.width;
    for (size_t i = 0; i < count; i++) sum = sum + image.pixels[i];
    ath__image_free(&image);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct ath__image_info info;
    ath_error              err = {0};
    if (size < 1) return 0;
    uint64_t   live = ath__mem_stats().live_bytes;
    ath_status status = ath__image_probe(data + 1, size - 1, "fuzz", &info, &err);
    if (status == ATH_OK) {
        if (info.height < 0 || info.width < 0 || info.orientation < 1 || info.orientation > 8) abort();
        if ((int64_t)info.height * info.width <= MOST_PIXELS) decode(data + 1, size - 1, data[0], &info);
    } else if (err.code != status || err.message[0] == '\0') {
        abort();
    }
    if (ath__mem_stats().live_bytes != live) abort();
    return 0;
}
