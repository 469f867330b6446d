/* PNG by libspng, row by row where the file is not interlaced.
 *
 * Palettes are looked up, 1- to 4-bit grey is scaled to 0..255, 16-bit samples keep their high byte, and alpha and
 * transparent colours are dropped, as Pillow's convert("RGB") drops them.
 */
#include "data/image/image_kind.h"

#include "base/error.h"
#include "base/mem.h"

#include <spng.h>

#include <string.h>

/* The most that a compressed byte of a PNG can stand for: deflate's longest match takes two bits at the least. */
enum { DEFLATE_RATIO = 1032 };

static bool recognise(const unsigned char *bytes, size_t size) {
    return size >= 8 && memcmp(bytes, "\x89PNG\r\n\x1a\n", 8) == 0;
}

/* libspng reports memory that its zlib cannot have as a broken stream; its allocators say what it was. */
static _Thread_local bool ran_out;

static void *noted(void *memory) {
    if (!memory) ran_out = true;
    return memory;
}

static void *take(size_t size) {
    return noted(ath__alloc(size));
}

static void *take_zeroed(size_t count, size_t size) {
    return noted(ath__alloc_array(count, size));
}

static void *take_again(void *memory, size_t size) {
    return noted(ath__realloc(memory, size));
}

static ath_status broken(const struct ath__image_source *source, int fault, ath_error *err) {
    if (ran_out || fault == SPNG_EMEM) return ath__fail_memory(err, source->name);
    if (fault == SPNG_IO_EOF) return ath__image_broken(source, "PNG", "it ends too early (truncated)", err);
    return ath__image_broken(source, "PNG", spng_strerror(fault), err);
}

static ath_status open_png(const struct ath__image_source *source, spng_ctx **png, struct spng_ihdr *header,
                           ath_error *err) {
    struct spng_alloc memory = {
        .malloc_fn = take, .realloc_fn = take_again, .calloc_fn = take_zeroed, .free_fn = ath__free};
    ran_out = false;
    *png = spng_ctx_new2(&memory, 0);
    if (!*png) return ath__fail_memory(err, source->name);
    int fault = spng_set_image_limits(*png, INT32_MAX, INT32_MAX);
    if (!fault) fault = spng_set_chunk_limits(*png, 1 << 24, 1 << 25);
    if (!fault) fault = spng_set_crc_action(*png, SPNG_CRC_ERROR, SPNG_CRC_DISCARD);
    if (!fault) fault = spng_set_png_buffer(*png, source->bytes, source->size);
    if (!fault) fault = spng_get_ihdr(*png, header);
    return fault ? broken(source, fault, err) : ATH_OK;
}

static bool is_colour(const struct spng_ihdr *header) {
    return header->color_type != SPNG_COLOR_TYPE_GRAYSCALE && header->color_type != SPNG_COLOR_TYPE_GRAYSCALE_ALPHA;
}

static ath_status probe(const struct ath__image_source *source, struct ath__image_info *info, ath_error *err) {
    struct spng_ihdr header;
    spng_ctx        *png = NULL;
    ath_status       status = open_png(source, &png, &header, err);
    if (status == ATH_OK) {
        struct spng_exif exif;
        info->channels = is_colour(&header) ? 3 : 1;
        info->height = (int)header.height;
        info->width = (int)header.width;
        if (spng_get_exif(png, &exif) == 0)
            info->orientation = ath__exif_orientation((const unsigned char *)exif.data, exif.length);
    }
    spng_ctx_free(png);
    return status;
}

static ath_status read_rows(const struct ath__image_source *source, spng_ctx *png, size_t stride,
                            enum ath__row_form form, int format, struct ath__image_sink *sink, ath_error *err) {
    int fault = spng_decode_image(png, NULL, 0, format, SPNG_DECODE_PROGRESSIVE);
    if (fault) return broken(source, fault, err);
    unsigned char *row = ath__alloc(stride);
    if (!row) return ath__fail_memory(err, source->name);
    for (int y = 0; y < sink->image->height && (fault == 0 || fault == SPNG_EOI); y++) {
        fault = spng_decode_row(png, row, stride); /* SPNG_EOI comes with the last one */
        if (fault == 0 || fault == SPNG_EOI) ath__image_row(sink, y, form, row);
    }
    ath__free(row);
    return fault == 0 || fault == SPNG_EOI ? ATH_OK : broken(source, fault, err);
}

/* An interlaced image comes in seven passes over all rows, so it is decoded whole. */
static ath_status read_whole(const struct ath__image_source *source, spng_ctx *png, size_t stride,
                             enum ath__row_form form, int format, struct ath__image_sink *sink, ath_error *err) {
    size_t         height = (size_t)sink->image->height;
    unsigned char *pixels = ath__alloc(height * stride);
    if (!pixels) return ath__fail_memory(err, source->name);
    int fault = spng_decode_image(png, pixels, height * stride, format, 0);
    for (size_t y = 0; y < height && !fault; y++) ath__image_row(sink, (int)y, form, pixels + y * stride);
    ath__free(pixels);
    return fault ? broken(source, fault, err) : ATH_OK;
}

static ath_status read_pixels(const struct ath__image_source *source, spng_ctx *png, const struct spng_ihdr *header,
                              struct ath__image_sink *sink, ath_error *err) {
    bool               grey = !is_colour(header) && header->bit_depth <= 8; /* others come as colour from libspng */
    enum ath__row_form form = grey && header->color_type == SPNG_COLOR_TYPE_GRAYSCALE ? ATH_ROW_GREY : ATH_ROW_RGB;
    int                format = form == ATH_ROW_GREY ? SPNG_FMT_G8 : SPNG_FMT_RGB8;
    size_t             bits = (size_t)header->width * header->bit_depth; /* of one channel in a row, at least */
    if (source->size < (bits / 8 + 1) * header->height / DEFLATE_RATIO)
        return ath__image_broken(source, "PNG", "it is too short for its size (truncated)", err);
    ATH_TRY(ath__image_begin(sink, header->height, header->width, is_colour(header) ? 3 : 1, err));
    size_t stride = (size_t)header->width * (size_t)form;
    if (header->interlace_method != SPNG_INTERLACE_NONE)
        return read_whole(source, png, stride, form, format, sink, err);
    return read_rows(source, png, stride, form, format, sink, err);
}

static ath_status decode(const struct ath__image_source *source, const struct ath__image_info *info,
                         struct ath__image_sink *sink, ath_error *err) {
    (void)info;
    struct spng_ihdr header;
    spng_ctx        *png = NULL;
    ath_status       status = open_png(source, &png, &header, err);
    if (status == ATH_OK) status = read_pixels(source, png, &header, sink, err);
    spng_ctx_free(png);
    return status;
}

const struct ath__image_kind ath__image_png = {
    .format = "PNG", .recognise = recognise, .probe = probe, .decode = decode};
