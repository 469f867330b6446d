/* Image files: from the bytes of a file to u8 pixels.
 *
 * The format is told by the first bytes, never by the file's name: JPEG, PNG, WebP, BMP, GIF (first frame), PGM and PPM
 * (image_list.h). Every file is hostile until read: sizes are checked before memory is taken, decoders' memory is
 * bounded, a truncated or damaged image is an error that names what is wrong. Pixels are those of Pillow's
 * convert("RGB") or convert("L"), docs/images.md says where they differ. EXIF orientation is applied.
 *
 * Threads may decode at the same time. Libraries are loaded when the first image of their format comes.
 */
#ifndef ATH_DATA_IMAGE_H
#define ATH_DATA_IMAGE_H

#include "athanor/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The most pixels that an image may have once decoded, and bytes that a file may have. */
#define ATH_IMAGE_MOST_PIXELS ((uint64_t)1 << 28)
#define ATH_IMAGE_MOST_BYTES ((size_t)1 << 29)

struct ath__image {
    int            channels, height, width;
    unsigned char *pixels; /* (channels, height, width); ath__free or ath__image_free */
};
void ath__image_free(struct ath__image *image);

/* What the header says. */
struct ath__image_info {
    const char *format;        /* "JPEG", "PNG", ... a constant */
    int         channels;      /* 1 or 3: what decoding with 0 channels wanted gives */
    int         height, width; /* with the orientation applied */
    int         orientation;   /* EXIF's number, 1 to 8; 1 where the file has none */
};

/* What the pixels are wanted for. NULL, or zeros: all pixels as stored. */
struct ath__decode_hint {
    /* The image may come smaller than stored, as long as height >= at_least_height and width >= at_least_width (with
     * the orientation applied) and both shrink by the same eighths, rounded up. JPEG does it where it saves time, by
     * computing fewer coefficients; others come as stored. Give the size that it will be resized to, or twice that for
     * results close to those of full decoding (docs/images.md has the figures). */
    int at_least_height, at_least_width;
};

/* Reads the header alone: no pixel is decoded. `name` is what messages call the image. ATH_DATA for what is broken or no
 * image, ATH_UNSUPPORTED for formats that are known but not read, with what to do. */
ath_status ath__image_probe(const void *bytes, size_t size, const char *name, struct ath__image_info *info,
                            ath_error *err);
/* The same of a file; reads no more of it than the header needs. */
ath_status ath__image_probe_file(const char *path, struct ath__image_info *info, ath_error *err);

/* Decodes. `channels`: 1 = grey by ITU-R 601 luma, 3 = colour (grey repeated), 0 = as the image is. Sets *image to zeros
 * after a failure. ATH_DATA, ATH_UNSUPPORTED, ATH_MEMORY. */
ath_status ath__image_decode(const void *bytes, size_t size, const char *name, int channels,
                             const struct ath__decode_hint *hint, struct ath__image *image, ath_error *err);
ath_status ath__image_decode_file(const char *path, int channels, const struct ath__decode_hint *hint,
                                  struct ath__image *image, ath_error *err);

/* Whether the first bytes (at least 32, or the whole file) are those of a format that is read here. */
bool ath__image_recognised(const void *bytes, size_t size);

#endif
