/* Images for prediction: IDX files of several images here, files of one image by data/image. */
#include "data/image_file.h"

#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "data/idx.h"
#include "data/image/image.h"

#include <string.h>

void ath__image_file_close(struct ath__image_file *file) {
    ath__free(file->pixels);
    memset(file, 0, sizeof *file);
}

/* Takes over the pixels of an IDX file of images. */
static ath_status read_idx(const char *path, const unsigned char *bytes, size_t size, struct ath__image_file *file,
                           ath_error *err) {
    struct ath__idx idx;
    ATH_TRY(ath__idx_parse(bytes, size, path, 3, &idx, err));
    *file = (struct ath__image_file){
        .count = idx.dims[0], .channels = 1, .height = (int)idx.dims[1], .width = (int)idx.dims[2], .pixels = idx.data};
    if (file->count > 0 && file->height > 0 && file->width > 0) return ATH_OK;
    return ath__fail(err, ATH_DATA, path, "this IDX file holds no images");
}

/* Grey to colour by repetition. */
static ath_status colour(const char *path, struct ath__image_file *file, ath_error *err) {
    size_t         plane = (size_t)file->height * (size_t)file->width, count = (size_t)file->count;
    unsigned char *pixels = ath__alloc_array(count, plane * 3);
    if (!pixels) return ath__fail_memory(err, path);
    for (size_t n = 0; n < count; n++)
        for (size_t c = 0; c < 3; c++) memcpy(pixels + (n * 3 + c) * plane, file->pixels + n * plane, plane);
    ath__free(file->pixels);
    file->pixels = pixels;
    file->channels = 3;
    return ATH_OK;
}

static ath_status read_image(const char *path, const unsigned char *bytes, size_t size, int channels,
                             struct ath__image_file *file, ath_error *err) {
    struct ath__image image;
    ATH_TRY(ath__image_decode(bytes, size, path, channels, NULL, &image, err));
    *file = (struct ath__image_file){
        .count = 1, .channels = image.channels, .height = image.height, .width = image.width, .pixels = image.pixels};
    return ATH_OK;
}

ath_status ath__image_file_open(const char *path, int channels, struct ath__image_file *file, ath_error *err) {
    memset(file, 0, sizeof *file);
    char  *data = NULL;
    size_t size = 0;
    ATH_TRY(ath__file_read(path, ATH_IMAGE_MOST_BYTES, &data, &size, err));
    const unsigned char *bytes = (const unsigned char *)data;
    ath_status           status;
    if (size >= 4 && ((bytes[0] == 0x1f && bytes[1] == 0x8b) || (bytes[0] == 0 && bytes[1] == 0 && bytes[2] == 8))) {
        status = read_idx(path, bytes, size, file, err);
        if (status == ATH_OK && channels == 3) status = colour(path, file, err);
    } else {
        status = read_image(path, bytes, size, channels, file, err);
    }
    ath__free(data);
    if (status != ATH_OK) ath__image_file_close(file);
    return status;
}
