/* PNG (ISO/IEC 15948) of flat drawings, by zlib.
 *
 * cairo's own writer tries every row filter and deflates at full effort: for drawings, in which most rows repeat the
 * one above, that is four times the work (and a larger file) than no filter at a low level. Figures are drawn while a
 * net trains, on the processors that it trains on.
 *
 *     signature | IHDR: width, height, 8 bits, RGB | IDAT: deflated rows, each behind a filter byte 0 | IEND
 */
#include "report/png_write.h"

#include "base/error.h"
#include "base/mem.h"

#include <string.h>
#include <zlib.h>

enum { LEVEL = 3 };

static void append_u32(struct ath__str *bytes, uint32_t value) {
    const char big_endian[4] = {(char)(value >> 24), (char)(value >> 16), (char)(value >> 8), (char)value};
    ath__str_append_bytes(bytes, big_endian, 4);
}

static void append_chunk(struct ath__str *bytes, const char *type, const unsigned char *data, size_t size) {
    uLong crc = crc32(crc32(0, (const unsigned char *)type, 4), data, (uInt)size);
    append_u32(bytes, (uint32_t)size);
    ath__str_append_bytes(bytes, type, 4);
    ath__str_append_bytes(bytes, (const char *)data, size);
    append_u32(bytes, (uint32_t)crc);
}

/* cairo's pixels are 0x00RRGGBB in the machine's byte order. */
static void copy_row(const unsigned char *src, int width, unsigned char *dst) {
    *dst++ = 0;
    for (int x = 0; x < width; x++) {
        uint32_t pixel;
        memcpy(&pixel, src + 4 * x, 4);
        *dst++ = (unsigned char)(pixel >> 16);
        *dst++ = (unsigned char)(pixel >> 8);
        *dst++ = (unsigned char)pixel;
    }
}

/* Deflates `rows` (each with its filter byte in front) and writes the file around them. */
static ath_status append_file(const unsigned char *rows, int width, int height, struct ath__str *bytes,
                              ath_error *err) {
    uLong          size = (uLong)((1 + 3 * (size_t)width) * (size_t)height);
    uLongf         packed_size = compressBound(size);
    unsigned char *packed = ath__alloc(packed_size);
    if (!packed || compress2(packed, &packed_size, rows, size, LEVEL) != Z_OK) {
        ath__free(packed);
        return ath__fail_memory(err, "figure");
    }
    struct ath__str header = {0};
    append_u32(&header, (uint32_t)width);
    append_u32(&header, (uint32_t)height);
    ath__str_append_bytes(&header, "\x08\x02\0\0\0", 5);
    ath__str_append_bytes(bytes, "\x89PNG\r\n\x1a\n", 8);
    if (header.failed)
        bytes->failed = true;
    else
        append_chunk(bytes, "IHDR", (const unsigned char *)header.data, header.size);
    append_chunk(bytes, "IDAT", packed, packed_size);
    append_chunk(bytes, "IEND", packed, 0);
    ath__str_free(&header);
    ath__free(packed);
    return bytes->failed ? ath__fail_memory(err, "figure") : ATH_OK;
}

ath_status ath__png_append_rgb(const unsigned char *rgb, int width, int height, struct ath__str *bytes,
                               ath_error *err) {
    size_t         row = 3 * (size_t)width;
    unsigned char *rows = ath__alloc((row + 1) * (size_t)height);
    if (!rows) return ath__fail_memory(err, "figure");
    for (size_t y = 0; y < (size_t)height; y++) {
        rows[y * (row + 1)] = 0;
        memcpy(rows + y * (row + 1) + 1, rgb + y * row, row);
    }
    ath_status status = append_file(rows, width, height, bytes, err);
    ath__free(rows);
    return status;
}

ath_status ath__png_append(cairo_surface_t *surface, struct ath__str *bytes, ath_error *err) {
    cairo_surface_flush(surface);
    int width = cairo_image_surface_get_width(surface), height = cairo_image_surface_get_height(surface);
    int stride = cairo_image_surface_get_stride(surface);
    const unsigned char *pixels = cairo_image_surface_get_data(surface);
    if (!pixels || width <= 0 || height <= 0 || cairo_image_surface_get_format(surface) != CAIRO_FORMAT_RGB24)
        return ath__fail(err, ATH_FAILED, "figure", "cannot write the figure: %s",
                         cairo_status_to_string(cairo_surface_status(surface)));
    size_t         row = 1 + 3 * (size_t)width;
    unsigned char *rows = ath__alloc(row * (size_t)height);
    if (!rows) return ath__fail_memory(err, "figure");
    for (int y = 0; y < height; y++) copy_row(pixels + (size_t)y * (size_t)stride, width, rows + (size_t)y * row);
    ath_status status = append_file(rows, width, height, bytes, err);
    ath__free(rows);
    return status;
}
