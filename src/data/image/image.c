/* Choosing the reader by content, limits, and the sink that readers deliver rows to. */
#include "data/image/image.h"

#include "base/error.h"
#include "base/mem.h"
#include "cpu/simd/pixels.h"
#include "data/image/image_kind.h"

#include <string.h>

#define ATH_IMAGE_KIND(name) extern const struct ath__image_kind ath__image_##name;
#include "data/image/image_list.h"
#undef ATH_IMAGE_KIND

static const struct ath__image_kind *const kinds[] = {
#define ATH_IMAGE_KIND(name) &ath__image_##name,
#include "data/image/image_list.h"
#undef ATH_IMAGE_KIND
};
enum { KINDS = sizeof kinds / sizeof kinds[0], MOST_SIDE = 65535 };

void ath__image_free(struct ath__image *image) {
    ath__free(image->pixels);
    *image = (struct ath__image){0};
}

ath_status ath__image_broken(const struct ath__image_source *source, const char *format, const char *reason,
                             ath_error *err) {
    return ath__fail(err, ATH_DATA, source->name, "this %s image is broken: %s", format, reason);
}

/* ---- sink -------------------------------------------------------------------------------------------------------- */

ath_status ath__image_begin(struct ath__image_sink *sink, int64_t height, int64_t width, int channels, ath_error *err) {
    if (height < 1 || width < 1)
        return ath__fail(err, ATH_DATA, sink->name, "an image of %lld x %lld pixels has none", (long long)width,
                         (long long)height);
    if (height > MOST_SIDE || width > MOST_SIDE || (uint64_t)height * (uint64_t)width > ATH_IMAGE_MOST_PIXELS) {
        return ath__fail(err, ATH_DATA, sink->name,
                         "this image decodes to %lld x %lld pixels: %d to a side and %llu in all are read; make it "
                         "smaller",
                         (long long)width, (long long)height, MOST_SIDE, (unsigned long long)ATH_IMAGE_MOST_PIXELS);
    }
    struct ath__image *image = sink->image;
    *image = (struct ath__image){
        .channels = sink->wanted ? sink->wanted : channels, .height = (int)height, .width = (int)width};
    image->pixels = ath__alloc((size_t)height * (size_t)width * (size_t)image->channels);
    return image->pixels ? ATH_OK : ath__fail_memory(err, sink->name);
}

/* (19595 R + 38470 G + 7471 B + 2^15) / 2^16, as Pillow's "L". */
static unsigned char luma(const unsigned char *rgb) {
    return (unsigned char)((19595u * rgb[0] + 38470u * rgb[1] + 7471u * rgb[2] + 32768u) >> 16);
}

/* RGBA RGBA ... to three rows. */
static void split_rgba(const unsigned char *row, size_t width, unsigned char *red, unsigned char *green,
                       unsigned char *blue) {
    for (size_t x = 0; x < width; x++, row += 4) {
        red[x] = row[0];
        green[x] = row[1];
        blue[x] = row[2];
    }
}

void ath__image_row(struct ath__image_sink *sink, int y, enum ath__row_form form, const unsigned char *row) {
    struct ath__image *image = sink->image;
    size_t             width = (size_t)image->width, plane = (size_t)image->height * width, step = (size_t)form;
    unsigned char     *to = image->pixels + (size_t)y * width;
    bool               colour = form == ATH_ROW_RGB || form == ATH_ROW_RGBA;
    if (colour && image->channels == 3) {
        if (form == ATH_ROW_RGB)
            ath__pixel_kernels()->split_rgb(row, width, to, to + plane, to + 2 * plane);
        else
            split_rgba(row, width, to, to + plane, to + 2 * plane);
    } else if (colour) {
        for (size_t x = 0; x < width; x++) to[x] = luma(row + x * step);
    } else {
        for (size_t x = 0; x < width; x++) to[x] = row[x * step];
        for (int c = 1; c < image->channels; c++) memcpy(to + (size_t)c * plane, to, width);
    }
}

/* ---- by content -------------------------------------------------------------------------------------------------- */

/* Formats that are known by their first bytes and not read. */
static const struct {
    const char *name;
    size_t      at, size;
    const char *bytes;
} others[] = {
    {"TIFF", 0, 4, "II*\0"},
    {"TIFF", 0, 4, "MM\0*"},
    {"AVIF", 4, 8, "ftypavif"},
    {"AVIF", 4, 8, "ftypavis"},
    {"HEIC", 4, 8, "ftypheic"},
    {"HEIC", 4, 8, "ftypheix"},
    {"HEIC", 4, 8, "ftyphevc"},
    {"HEIC", 4, 8, "ftypmif1"},
    {"HEIC", 4, 8, "ftypmsf1"},
    {"JPEG XL", 0, 2, "\xff\x0a"},
    {"JPEG XL", 4, 8, "JXL \r\n\x87\n"},
    {"JPEG 2000", 4, 8, "jP  \r\n\x87\n"},
    {"Photoshop", 0, 4, "8BPS"},
    {"PDF", 0, 5, "%PDF-"},
};

static ath_status unrecognised(const struct ath__image_source *source, ath_error *err) {
    if (source->size == 0) return ath__fail(err, ATH_DATA, source->name, "this file is empty");
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        if (source->size >= others[i].at + others[i].size &&
            memcmp(source->bytes + others[i].at, others[i].bytes, others[i].size) == 0) {
            return ath__fail(err, ATH_UNSUPPORTED, source->name,
                             "this is a %s file, which is not read here: convert it to JPEG or PNG", others[i].name);
        }
    }
    char   names[160] = "";
    size_t at = 0;
    for (size_t i = 0; i < KINDS; i++) {
        size_t length = strlen(kinds[i]->format);
        if (at + length + 5 > sizeof names) break;
        const char *between = i == 0 ? "" : i + 1 == KINDS ? " or " : ", ";
        memcpy(names + at, between, strlen(between) + 1);
        at += strlen(between);
        memcpy(names + at, kinds[i]->format, length + 1);
        at += length;
    }
    return ath__fail(err, ATH_DATA, source->name, "this is no image: it does not begin as a %s file does", names);
}

static const struct ath__image_kind *kind_of(const unsigned char *bytes, size_t size) {
    for (size_t i = 0; i < KINDS; i++)
        if (kinds[i]->recognise(bytes, size)) return kinds[i];
    return NULL;
}

bool ath__image_recognised(const void *bytes, size_t size) {
    return kind_of(bytes, size) != NULL;
}

static ath_status find(const struct ath__image_source *source, const struct ath__image_kind **kind,
                       struct ath__image_info *info, ath_error *err) {
    *info = (struct ath__image_info){.orientation = 1};
    *kind = kind_of(source->bytes, source->size);
    if (!*kind) return unrecognised(source, err);
    ATH_TRY((*kind)->probe(source, info, err));
    info->format = (*kind)->format;
    return ATH_OK;
}

static bool lies_on_its_side(int orientation) {
    return orientation >= 5;
}

static void swap(int *a, int *b) {
    int kept = *a;
    *a = *b;
    *b = kept;
}

ath_status ath__image_probe(const void *bytes, size_t size, const char *name, struct ath__image_info *info,
                            ath_error *err) {
    struct ath__image_source      source = {.bytes = bytes, .size = size, .name = name};
    const struct ath__image_kind *kind;
    ATH_TRY(find(&source, &kind, info, err));
    if (lies_on_its_side(info->orientation)) swap(&info->height, &info->width);
    return ATH_OK;
}

ath_status ath__image_decode(const void *bytes, size_t size, const char *name, int channels,
                             const struct ath__decode_hint *hint, struct ath__image *image, ath_error *err) {
    struct ath__image_source      source = {.bytes = bytes, .size = size, .name = name};
    const struct ath__image_kind *kind;
    struct ath__image_info        info;
    *image = (struct ath__image){0};
    if (channels != 0 && channels != 1 && channels != 3)
        return ath__fail(err, ATH_USAGE, name, "images have 1 or 3 channels, not %d", channels);
    ATH_TRY(find(&source, &kind, &info, err));
    struct ath__image_sink sink = {.name = name, .wanted = channels, .image = image, .orientation = info.orientation};
    if (hint) sink.hint = *hint;
    if (lies_on_its_side(info.orientation)) swap(&sink.hint.at_least_height, &sink.hint.at_least_width);
    ath_status status = kind->decode(&source, &info, &sink, err);
    if (status == ATH_OK) status = ath__image_orient(image, info.orientation, err);
    if (status != ATH_OK) ath__image_free(image);
    return status;
}
