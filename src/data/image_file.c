/* Image files by content: the first bytes say which reader takes them. */
#include "data/image_file.h"

#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "data/idx.h"

#include <spng.h>

#include <stdbool.h>
#include <string.h>

enum { MAX_SIDE = 65536, MAX_FILE = 1 << 29 };
#define MAX_PIXEL_BYTES ((uint64_t)1 << 28)

void ath__image_file_close(struct ath__image_file *file) {
    ath__free(file->pixels);
    memset(file, 0, sizeof *file);
}

/* Room for one image, after checking its size. */
static ath_status allocate(struct ath__image_file *file, const char *path, uint64_t channels, uint64_t height,
                           uint64_t width, ath_error *err) {
    if (height < 1 || width < 1 || height > MAX_SIDE || width > MAX_SIDE || height * width * channels > MAX_PIXEL_BYTES)
        return ath__fail(err, ATH_DATA, path, "an image of %llu x %llu pixels is not possible here",
                         (unsigned long long)width, (unsigned long long)height);
    *file = (struct ath__image_file){.count = 1, .channels = (int)channels, .height = (int)height, .width = (int)width};
    file->pixels = ath__alloc((size_t)(channels * height * width));
    return file->pixels ? ATH_OK : ath__fail_memory(err, path);
}

/* A decimal number of a PNM header; comments and blanks before it are passed over. -1 if there is none. */
static int64_t pnm_number(const unsigned char *bytes, size_t size, size_t *at) {
    while (*at < size && (strchr(" \t\r\n", bytes[*at]) || bytes[*at] == '#')) {
        if (bytes[*at] == '#')
            while (*at < size && bytes[*at] != '\n') ++*at;
        else
            ++*at;
    }
    int64_t value = -1;
    for (; *at < size && bytes[*at] >= '0' && bytes[*at] <= '9' && value < (1 << 24); ++*at)
        value = (value < 0 ? 0 : value) * 10 + (bytes[*at] - '0');
    return value;
}

/* P5 (grey) and P6 (colour), 8 or 16 bits. */
static ath_status read_pnm(const char *path, const unsigned char *bytes, size_t size, struct ath__image_file *file,
                           ath_error *err) {
    size_t  at = 2, channels = bytes[1] == '6' ? 3 : 1;
    int64_t width = pnm_number(bytes, size, &at), height = pnm_number(bytes, size, &at),
            most = pnm_number(bytes, size, &at);
    if (width < 1 || height < 1 || most < 1 || most > 65535 || at >= size)
        return ath__fail(err, ATH_DATA, path, "the header of this PNM image is broken");
    at++;
    ATH_TRY(allocate(file, path, channels, (uint64_t)height, (uint64_t)width, err));
    size_t plane = (size_t)height * (size_t)width, sample = most > 255 ? 2 : 1;
    if (size - at < plane * channels * sample) return ath__fail(err, ATH_DATA, path, "this PNM image is truncated");
    for (size_t i = 0; i < plane; i++) {
        for (size_t c = 0; c < channels; c++) {
            const unsigned char *from = bytes + at + (i * channels + c) * sample;
            uint32_t             value = sample == 2 ? (uint32_t)from[0] << 8 | from[1] : from[0];
            uint32_t             scaled = (value * 255 + (uint32_t)most / 2) / (uint32_t)most;
            file->pixels[c * plane + i] = (unsigned char)(scaled > 255 ? 255 : scaled);
        }
    }
    return ATH_OK;
}

static ath_status decode_png(const char *path, spng_ctx *png, struct ath__image_file *file, ath_error *err) {
    struct spng_ihdr header;
    size_t           size = 0;
    int              fault = spng_get_ihdr(png, &header);
    if (fault) return ath__fail(err, ATH_DATA, path, "this PNG image is broken: %s", spng_strerror(fault));
    ATH_TRY(allocate(file, path, 3, header.height, header.width, err));
    fault = spng_decoded_image_size(png, SPNG_FMT_RGB8, &size);
    size_t plane = (size_t)file->height * (size_t)file->width;
    if (fault || size != plane * 3) return ath__fail(err, ATH_DATA, path, "this PNG image has an impossible size");
    unsigned char *rgb = ath__alloc(size);
    if (!rgb) return ath__fail_memory(err, path);
    fault = spng_decode_image(png, rgb, size, SPNG_FMT_RGB8, 0);
    for (size_t i = 0; i < plane && !fault; i++)
        for (size_t c = 0; c < 3; c++) file->pixels[c * plane + i] = rgb[i * 3 + c];
    ath__free(rgb);
    return fault ? ath__fail(err, ATH_DATA, path, "this PNG image is broken: %s", spng_strerror(fault)) : ATH_OK;
}

static ath_status read_png(const char *path, const unsigned char *bytes, size_t size, struct ath__image_file *file,
                           ath_error *err) {
    spng_ctx *png = spng_ctx_new(0);
    if (!png) return ath__fail_memory(err, path);
    ath_status status = ATH_OK;
    int        fault = spng_set_image_limits(png, MAX_SIDE, MAX_SIDE);
    if (!fault) fault = spng_set_chunk_limits(png, 1 << 24, 1 << 25);
    if (!fault) fault = spng_set_png_buffer(png, bytes, size);
    status = fault ? ath__fail(err, ATH_DATA, path, "this PNG image is broken: %s", spng_strerror(fault))
                   : decode_png(path, png, file, err);
    spng_ctx_free(png);
    return status;
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

/* Grey to colour by repetition, colour to grey by luma: (19595 R + 38470 G + 7471 B + 2^15) / 2^16. */
static ath_status convert(const char *path, int channels, struct ath__image_file *file, ath_error *err) {
    if (channels == 0 || channels == file->channels || (channels != 1 && channels != 3)) return ATH_OK;
    size_t         plane = (size_t)file->height * (size_t)file->width, count = (size_t)file->count;
    unsigned char *pixels = ath__alloc_array(count, plane * (size_t)channels);
    if (!pixels) return ath__fail_memory(err, path);
    for (size_t n = 0; n < count; n++) {
        const unsigned char *from = file->pixels + n * plane * (size_t)file->channels;
        unsigned char       *to = pixels + n * plane * (size_t)channels;
        for (size_t i = 0; i < plane; i++) {
            if (channels == 3)
                to[i] = to[plane + i] = to[2 * plane + i] = from[i];
            else
                to[i] = (unsigned char)((19595u * from[i] + 38470u * from[plane + i] + 7471u * from[2 * plane + i] +
                                         32768u) >>
                                        16);
        }
    }
    ath__free(file->pixels);
    file->pixels = pixels;
    file->channels = channels;
    return ATH_OK;
}

ath_status ath__image_file_open(const char *path, int channels, struct ath__image_file *file, ath_error *err) {
    memset(file, 0, sizeof *file);
    char  *data = NULL;
    size_t size = 0;
    ATH_TRY(ath__file_read(path, MAX_FILE, &data, &size, err));
    const unsigned char *bytes = (const unsigned char *)data;
    ath_status           status;
    if (size >= 2 && bytes[0] == 'P' && (bytes[1] == '5' || bytes[1] == '6'))
        status = read_pnm(path, bytes, size, file, err);
    else if (size >= 8 && memcmp(bytes, "\x89PNG\r\n\x1a\n", 8) == 0)
        status = read_png(path, bytes, size, file, err);
    else if (size >= 4 && ((bytes[0] == 0x1f && bytes[1] == 0x8b) || (bytes[0] == 0 && bytes[1] == 0 && bytes[2] == 8)))
        status = read_idx(path, bytes, size, file, err);
    else
        status = ath__fail(err, ATH_DATA, path, "this is no PNG, PGM, PPM or IDX image file");
    ath__free(data);
    if (status == ATH_OK) status = convert(path, channels, file, err);
    if (status != ATH_OK) ath__image_file_close(file);
    return status;
}
