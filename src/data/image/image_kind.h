/* Inside the image reader: what a format has to say about itself, and the sink that takes its pixels.
 *
 * A format is one file and one row of image_list.h. Its decoder calls ath__image_begin once with the size that it will
 * deliver, then ath__image_row for every row; converting, planes and orientation are the sink's business (image.c).
 */
#ifndef ATH_DATA_IMAGE_KIND_H
#define ATH_DATA_IMAGE_KIND_H

#include "data/image/image.h"

/* The bytes of a file, or its beginning where a header is looked for. */
struct ath__image_source {
    const unsigned char *bytes;
    size_t               size;
    const char          *name;
};

/* Interleaved samples of a row, u8. */
enum ath__row_form { ATH_ROW_GREY = 1, ATH_ROW_GREY_ALPHA = 2, ATH_ROW_RGB = 3, ATH_ROW_RGBA = 4 };

struct ath__image_sink {
    const char             *name;
    int                     wanted; /* channels: 0, 1, 3 */
    struct ath__decode_hint hint;   /* in the orientation that the file stores */
    struct ath__image      *image;
    int                     orientation;
};

/* Takes memory for the image; `channels` (1 or 3) is what the file has. ATH_DATA for impossible sizes. */
ath_status ath__image_begin(struct ath__image_sink *sink, int64_t height, int64_t width, int channels, ath_error *err);
/* Row y from the top. Alpha is dropped. */
void ath__image_row(struct ath__image_sink *sink, int y, enum ath__row_form form, const unsigned char *row);

struct ath__image_kind {
    const char *format;
    bool (*recognise)(const unsigned char *bytes, size_t size);
    /* Size as stored, channels, and the orientation (1 unless the file says more). */
    ath_status (*probe)(const struct ath__image_source *source, struct ath__image_info *info, ath_error *err);
    /* Behind a successful probe, whose answer is `info`. */
    ath_status (*decode)(const struct ath__image_source *source, const struct ath__image_info *info,
                         struct ath__image_sink *sink, ath_error *err);
};

/* ATH_DATA with "this PNG image is broken: REASON"; `format` is the kind's. */
ath_status ath__image_broken(const struct ath__image_source *source, const char *format, const char *reason,
                             ath_error *err);

/* EXIF's orientation, 1 to 8, of a TIFF block ("II*\0..." or "MM\0*..."), with or without "Exif\0\0" before it; 1 where
 * there is none or it makes no sense. Reads any bytes. */
int ath__exif_orientation(const unsigned char *bytes, size_t size);

/* Turns and mirrors the image as the orientation says; 1 does nothing. */
ath_status ath__image_orient(struct ath__image *image, int orientation, ath_error *err);

#endif
