/* PGM and PPM, binary ("P5" and "P6"), 8 or 16 bits: netpbm's own description of the formats. Samples are scaled from
 * 0..maxval to 0..255, rounded to nearest. */
#include "data/image/image_kind.h"

#include "base/error.h"
#include "base/mem.h"

#include <string.h>

struct header {
    int64_t width, height, most; /* most: the value of white, 1 to 65535 */
    size_t  pixels;              /* where they begin */
};

static bool recognise(const unsigned char *bytes, size_t size) {
    return size >= 3 && bytes[0] == 'P' && (bytes[1] == '5' || bytes[1] == '6') && strchr(" \t\r\n", bytes[2]) &&
           bytes[2];
}

/* A decimal number; comments and blanks before it are passed over. -1 if there is none. */
static int64_t number(const unsigned char *bytes, size_t size, size_t *at) {
    while (*at < size && ((bytes[*at] && strchr(" \t\r\n", bytes[*at])) || bytes[*at] == '#')) {
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

static ath_status read_header(const struct ath__image_source *source, struct header *header, ath_error *err) {
    size_t at = 2;
    header->width = number(source->bytes, source->size, &at);
    header->height = number(source->bytes, source->size, &at);
    header->most = number(source->bytes, source->size, &at);
    header->pixels = at + 1;
    if (header->width < 1 || header->height < 1 || header->most < 1 || header->most > 65535 || at >= source->size)
        return ath__image_broken(source, "PNM", "its header makes no sense", err);
    return ATH_OK;
}

static ath_status probe(const struct ath__image_source *source, struct ath__image_info *info, ath_error *err) {
    struct header header;
    ATH_TRY(read_header(source, &header, err));
    info->channels = source->bytes[1] == '6' ? 3 : 1;
    info->height = (int)header.height; /* below 2^28: number() stops there */
    info->width = (int)header.width;
    return ATH_OK;
}

static ath_status decode(const struct ath__image_source *source, const struct ath__image_info *info,
                         struct ath__image_sink *sink, ath_error *err) {
    struct header header;
    ATH_TRY(read_header(source, &header, err));
    size_t sample = header.most > 255 ? 2 : 1, count = (size_t)header.width * (size_t)info->channels;
    if ((source->size - header.pixels) / (count * sample) < (size_t)header.height)
        return ath__image_broken(source, "PNM", "it ends before its last pixel", err);
    ATH_TRY(ath__image_begin(sink, header.height, header.width, info->channels, err));
    unsigned char *row = ath__alloc(count);
    if (!row) return ath__fail_memory(err, source->name);
    const unsigned char *from = source->bytes + header.pixels;
    uint32_t             most = (uint32_t)header.most;
    for (int y = 0; y < (int)header.height; y++) {
        for (size_t i = 0; i < count; i++, from += sample) {
            uint32_t value = sample == 2 ? (uint32_t)from[0] << 8 | from[1] : from[0];
            uint32_t scaled = (value * 255 + most / 2) / most;
            row[i] = (unsigned char)(scaled > 255 ? 255 : scaled);
        }
        ath__image_row(sink, y, info->channels == 3 ? ATH_ROW_RGB : ATH_ROW_GREY, row);
    }
    ath__free(row);
    return ATH_OK;
}

const struct ath__image_kind ath__image_pnm = {
    .format = "PNM", .recognise = recognise, .probe = probe, .decode = decode};
