/* BMP, the device-independent bitmap of Windows: 1, 4, 8, 16, 24 and 32 bits a pixel, bottom-up or top-down, run-length
 * coded or with bit fields; headers of 12 to 124 bytes ("Bitmap Storage", Microsoft).
 *
 *     file header    "BM", size, reserved, offset of the pixels
 *     DIB header     its size, width, height (negative: top-down), planes, bits, compression, ..., palette entries
 *     palette        blue, green, red (and a byte that is not used from 40-byte headers on)
 *     rows           padded to 4 bytes
 *
 * Pixels that a run-length code skips have palette entry 0. Alpha is dropped.
 */
#include "data/image/image_kind.h"

#include "base/error.h"
#include "base/mem.h"

#include <string.h>

enum { FILE_HEADER = 14, OLD_HEADER = 12, HEADER = 40, MASKS_HEADER = 52, RUN_PIXELS = 255, RUN_BYTES = 2 };
enum compression { PLAIN = 0, RLE8 = 1, RLE4 = 2, FIELDS = 3, ALPHA_FIELDS = 6 };

struct bmp {
    size_t   pixels; /* where they begin */
    int      height, width, bits;
    bool     top_down, runs;
    uint32_t masks[3]; /* red, green, blue of 16- and 32-bit pixels */
    int      colours;
    uint8_t  palette[256][3]; /* red, green, blue */
};

static uint32_t number(const unsigned char *bytes, int count) {
    uint32_t value = 0;
    for (int i = 0; i < count; i++) value |= (uint32_t)bytes[i] << 8 * i;
    return value;
}

static bool recognise(const unsigned char *bytes, size_t size) {
    if (size < FILE_HEADER + 4 || bytes[0] != 'B' || bytes[1] != 'M') return false;
    uint32_t header = number(bytes + FILE_HEADER, 4);
    return header == OLD_HEADER || (header >= HEADER && header <= 124);
}

static ath_status broken(const struct ath__image_source *source, const char *reason, ath_error *err) {
    return ath__image_broken(source, "BMP", reason, err);
}

static ath_status read_palette(const struct ath__image_source *source, size_t at, uint32_t entries, size_t entry,
                               struct bmp *bmp, ath_error *err) {
    uint32_t most = 1u << bmp->bits;
    if (entries == 0 || entries > most) entries = most;
    if (at > source->size || (source->size - at) / entry < entries)
        return broken(source, "it ends in its palette (truncated)", err);
    bmp->colours = (int)entries;
    for (uint32_t i = 0; i < entries; i++)
        for (size_t c = 0; c < 3; c++) bmp->palette[i][c] = source->bytes[at + i * entry + 2 - c];
    return ATH_OK;
}

static void default_masks(struct bmp *bmp) {
    for (int c = 0; c < 3; c++) bmp->masks[c] = bmp->bits == 16 ? 0x1fu << (10 - 5 * c) : 0xffu << (16 - 8 * c);
}

static ath_status read_header(const struct ath__image_source *source, struct bmp *bmp, ath_error *err) {
    const unsigned char *bytes = source->bytes + FILE_HEADER;
    size_t               size = number(bytes, 4), masks = 0;
    bool                 old = size == OLD_HEADER;
    if (source->size < FILE_HEADER + size) return broken(source, "it ends in its header (truncated)", err);
    int64_t  width = old ? (int64_t)number(bytes + 4, 2) : (int32_t)number(bytes + 4, 4);
    int64_t  height = old ? (int64_t)number(bytes + 6, 2) : (int32_t)number(bytes + 8, 4);
    uint32_t compression = old ? PLAIN : number(bytes + 16, 4), entries = old ? 0 : number(bytes + 32, 4);
    *bmp = (struct bmp){.pixels = number(source->bytes + 10, 4), .bits = (int)number(bytes + (old ? 10 : 14), 2)};
    bmp->top_down = height < 0;
    if (height < 0) height = -height;
    if (width < 1 || height < 1 || width > INT32_MAX || height > INT32_MAX)
        return broken(source, "its header makes no sense", err);
    bmp->width = (int)width;
    bmp->height = (int)height;
    bool direct = bmp->bits == 16 || bmp->bits == 24 || bmp->bits == 32;
    if (!direct && bmp->bits != 1 && bmp->bits != 4 && bmp->bits != 8)
        return broken(source, "its pixels have an impossible number of bits", err);
    bmp->runs = (compression == RLE8 && bmp->bits == 8) || (compression == RLE4 && bmp->bits == 4);
    bool fields = (compression == FIELDS || compression == ALPHA_FIELDS) && (bmp->bits == 16 || bmp->bits == 32);
    if (!bmp->runs && !fields && compression != PLAIN)
        return ath__fail(err, ATH_UNSUPPORTED, source->name,
                         "this BMP image holds a compression (%u) that is not read here: save it as PNG", compression);
    default_masks(bmp);
    if (fields) {
        if (size < MASKS_HEADER) masks = 12;
        if (source->size < FILE_HEADER + HEADER + 12) return broken(source, "it ends in its header (truncated)", err);
        for (size_t c = 0; c < 3; c++) bmp->masks[c] = number(bytes + HEADER + 4 * c, 4);
    }
    return direct ? ATH_OK : read_palette(source, FILE_HEADER + size + masks, entries, old ? 3 : 4, bmp, err);
}

static ath_status probe(const struct ath__image_source *source, struct ath__image_info *info, ath_error *err) {
    struct bmp bmp;
    ATH_TRY(read_header(source, &bmp, err));
    info->channels = 3;
    info->height = bmp.height;
    info->width = bmp.width;
    return ATH_OK;
}

static void put_colour(const struct bmp *bmp, unsigned index, unsigned char *rgb) {
    memcpy(rgb, bmp->palette[index < (unsigned)bmp->colours ? index : 0], 3);
}

/* The bits of a field, stretched to 0..255 by its largest value and rounded down, as Pillow does. */
static unsigned char field(uint32_t pixel, uint32_t mask) {
    if (mask == 0) return 0;
    int shift = 0;
    while (!(mask >> shift & 1u)) shift++;
    uint64_t most = mask >> shift, value = (pixel & mask) >> shift;
    return (unsigned char)(value * 255 / most);
}

static void plain_row(const struct bmp *bmp, const unsigned char *from, unsigned char *row) {
    for (int x = 0; x < bmp->width; x++, row += 3) {
        switch (bmp->bits) {
        case 1: put_colour(bmp, from[x / 8] >> (7 - x % 8) & 1u, row); break;
        case 4: put_colour(bmp, from[x / 2] >> (x % 2 ? 0 : 4) & 15u, row); break;
        case 8: put_colour(bmp, from[x], row); break;
        case 24:
            for (int c = 0; c < 3; c++) row[c] = from[3 * x + 2 - c];
            break;
        default: {
            uint32_t pixel = number(from + x * (bmp->bits / 8), bmp->bits / 8);
            for (int c = 0; c < 3; c++) row[c] = field(pixel, bmp->masks[c]);
        }
        }
    }
}

static ath_status read_plain(const struct ath__image_source *source, const struct bmp *bmp,
                             struct ath__image_sink *sink, ath_error *err) {
    size_t stride = ((size_t)bmp->width * (size_t)bmp->bits + 31) / 32 * 4;
    if (bmp->pixels > source->size || (source->size - bmp->pixels) / stride < (size_t)bmp->height)
        return broken(source, "it ends before its last pixel (truncated)", err);
    ATH_TRY(ath__image_begin(sink, bmp->height, bmp->width, 3, err));
    unsigned char *row = ath__alloc((size_t)bmp->width * 3);
    if (!row) return ath__fail_memory(err, source->name);
    for (int i = 0; i < bmp->height; i++) {
        plain_row(bmp, source->bytes + bmp->pixels + (size_t)i * stride, row);
        ath__image_row(sink, bmp->top_down ? i : bmp->height - 1 - i, ATH_ROW_RGB, row);
    }
    ath__free(row);
    return ATH_OK;
}

/* Run-length codes write palette indices to a canvas of one byte a pixel. */
struct canvas {
    const struct bmp *bmp;
    unsigned char    *indices; /* (height, width), first row at the bottom */
    int64_t           x, y;
};

static void put_index(struct canvas *canvas, unsigned index) {
    if (canvas->x < canvas->bmp->width && canvas->y < canvas->bmp->height)
        canvas->indices[canvas->y * canvas->bmp->width + canvas->x] = (unsigned char)index;
    canvas->x++;
}

/* Pixel i of a run or a literal whose codes are at `bytes`. */
static unsigned code(const struct bmp *bmp, const unsigned char *bytes, size_t i) {
    return bmp->bits == 8 ? bytes[i] : bytes[i / 2] >> (i % 2 ? 0 : 4) & 15u;
}

static ath_status expand_runs(const struct ath__image_source *source, struct canvas *canvas, ath_error *err) {
    const struct bmp    *bmp = canvas->bmp;
    const unsigned char *at = source->bytes + bmp->pixels, *end = source->bytes + source->size;
    while (end - at >= 2) {
        unsigned count = at[0], what = at[1];
        at += 2;
        if (count > 0) { /* a run of one index, or of two in turn */
            for (size_t i = 0; i < count; i++) put_index(canvas, bmp->bits == 8 ? what : what >> (i % 2 ? 0 : 4) & 15u);
        } else if (what == 0) { /* end of the row */
            canvas->x = 0;
            canvas->y++;
        } else if (what == 1) { /* end of the image */
            return ATH_OK;
        } else if (what == 2) { /* a step to the right and up */
            if (end - at < 2) break;
            canvas->x += at[0];
            canvas->y += at[1];
            at += 2;
        } else { /* that many indices as they are, padded to two bytes */
            size_t bytes = bmp->bits == 8 ? what : (what + 1) / 2, padded = (bytes + 1) / 2 * 2;
            if ((size_t)(end - at) < bytes) break;
            for (size_t i = 0; i < what; i++) put_index(canvas, code(bmp, at, i));
            at += (size_t)(end - at) < padded ? bytes : padded;
        }
    }
    return broken(source, "its run-length codes end too early (truncated)", err);
}

static ath_status read_runs(const struct ath__image_source *source, const struct bmp *bmp, struct ath__image_sink *sink,
                            ath_error *err) {
    uint64_t pixels = (uint64_t)bmp->height * (uint64_t)bmp->width;
    if (bmp->pixels > source->size || pixels / RUN_PIXELS > (source->size - bmp->pixels) / RUN_BYTES)
        return broken(source, "it is too short for its size (truncated)", err);
    ATH_TRY(ath__image_begin(sink, bmp->height, bmp->width, 3, err));
    struct canvas  canvas = {.bmp = bmp, .indices = ath__alloc((size_t)pixels)};
    unsigned char *row = ath__alloc((size_t)bmp->width * 3);
    ath_status     status = canvas.indices && row ? ATH_OK : ath__fail_memory(err, source->name);
    if (status == ATH_OK) {
        memset(canvas.indices, 0, (size_t)pixels);
        status = expand_runs(source, &canvas, err);
    }
    for (int i = 0; i < bmp->height && status == ATH_OK; i++) {
        const unsigned char *from = canvas.indices + (size_t)i * (size_t)bmp->width;
        for (int x = 0; x < bmp->width; x++) put_colour(bmp, from[x], row + 3 * x);
        ath__image_row(sink, bmp->top_down ? i : bmp->height - 1 - i, ATH_ROW_RGB, row);
    }
    ath__free(canvas.indices);
    ath__free(row);
    return status;
}

static ath_status decode(const struct ath__image_source *source, const struct ath__image_info *info,
                         struct ath__image_sink *sink, ath_error *err) {
    struct bmp bmp;
    (void)info;
    ATH_TRY(read_header(source, &bmp, err));
    return bmp.runs ? read_runs(source, &bmp, sink, err) : read_plain(source, &bmp, sink, err);
}

const struct ath__image_kind ath__image_bmp = {
    .format = "BMP", .recognise = recognise, .probe = probe, .decode = decode};
