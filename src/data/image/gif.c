/* GIF by giflib: the first frame, on the file's canvas. Where the frame does not reach, the canvas has the background
 * colour. Transparent pixels keep their palette's colour, as Pillow's convert("RGB") leaves them.
 */
#include "data/image/image_kind.h"

#include "base/error.h"
#include "base/mem.h"
#include "data/image/gif_library.h"

#include <string.h>

/* The most pixels that a byte of LZW codes can stand for: a code of 12 bits stands for a string of 4096 at the most. */
enum { SCREEN_HEADER = 13, LZW_RATIO = 4096 * 8 / 12 + 1 };

/* Where giflib has read to. */
struct input {
    const unsigned char *bytes;
    size_t               size, at;
};

static bool recognise(const unsigned char *bytes, size_t size) {
    return size >= 6 && (memcmp(bytes, "GIF87a", 6) == 0 || memcmp(bytes, "GIF89a", 6) == 0);
}

static ath_status broken(const struct ath__image_source *source, const char *reason, ath_error *err) {
    return ath__image_broken(source, "GIF", reason, err);
}

static ath_status probe(const struct ath__image_source *source, struct ath__image_info *info, ath_error *err) {
    const unsigned char *bytes = source->bytes;
    if (source->size < SCREEN_HEADER) return broken(source, "it ends in its header (truncated)", err);
    info->channels = 3;
    info->width = bytes[6] | bytes[7] << 8;
    info->height = bytes[8] | bytes[9] << 8;
    return info->width > 0 && info->height > 0 ? ATH_OK : broken(source, "it has no size", err);
}

static int read_bytes(GifFileType *gif, GifByteType *to, int count) {
    struct input *input = gif->UserData;
    size_t        left = input->size - input->at, taken = count < 0 ? 0 : (size_t)count;
    if (taken > left) taken = left;
    memcpy(to, input->bytes + input->at, taken);
    input->at += taken;
    return (int)taken;
}

/* Up to the first frame's description. */
static bool find_frame(GifFileType *gif) {
    GifRecordType record;
    while (DGifGetRecordType(gif, &record) == GIF_OK) {
        int          code;
        GifByteType *block;
        if (record == IMAGE_DESC_RECORD_TYPE) return DGifGetImageDesc(gif) == GIF_OK;
        if (record != EXTENSION_RECORD_TYPE || DGifGetExtension(gif, &code, &block) != GIF_OK) return false;
        while (block)
            if (DGifGetExtensionNext(gif, &block) != GIF_OK) return false;
    }
    return false;
}

static void put_colour(const ColorMapObject *map, int index, unsigned char *rgb) {
    if (!map || index >= map->ColorCount) {
        memset(rgb, 0, 3);
        return;
    }
    rgb[0] = map->Colors[index].Red;
    rgb[1] = map->Colors[index].Green;
    rgb[2] = map->Colors[index].Blue;
}

/* Row of the frame that comes as number i: in an interlaced frame every 8th from 0, every 8th from 4, every 4th from 2,
 * every 2nd from 1. */
static int row_of(int i, int height, bool interlaced) {
    static const struct { int first, step; } passes[] = {{0, 8}, {4, 8}, {2, 4}, {1, 2}};
    for (int pass = 0; interlaced && pass < 4; pass++) {
        int rows = (height - passes[pass].first + passes[pass].step - 1) / passes[pass].step;
        if (i < rows) return passes[pass].first + i * passes[pass].step;
        i -= rows > 0 ? rows : 0;
    }
    return i;
}

/* `row`: a canvas row of colours, then a frame row of indices. */
static ath_status read_frame(const struct ath__image_source *source, GifFileType *gif, struct ath__image_sink *sink,
                             unsigned char *row, ath_error *err) {
    const GifImageDesc   *frame = &gif->Image;
    const ColorMapObject *map = frame->ColorMap ? frame->ColorMap : gif->SColorMap;
    int                   height = sink->image->height, width = sink->image->width;
    unsigned char        *indices = row + 3 * (size_t)width;
    for (int x = 0; x < width; x++) put_colour(gif->SColorMap, gif->SBackGroundColor, row + 3 * x);
    for (int y = 0; y < height; y++)
        if (y < frame->Top || y >= frame->Top + frame->Height || frame->Width < width)
            ath__image_row(sink, y, ATH_ROW_RGB, row);
    for (int i = 0; i < frame->Height; i++) {
        if (DGifGetLine(gif, indices, frame->Width) != GIF_OK)
            return broken(source, "its data is damaged or ends too early", err);
        for (int x = 0; x < frame->Width; x++) put_colour(map, indices[x], row + 3 * (frame->Left + x));
        ath__image_row(sink, frame->Top + row_of(i, frame->Height, frame->Interlace), ATH_ROW_RGB, row);
    }
    return ATH_OK;
}

static ath_status read_pixels(const struct ath__image_source *source, GifFileType *gif, struct ath__image_sink *sink,
                              ath_error *err) {
    if (!find_frame(gif)) return broken(source, "it has no frame, or ends before it", err);
    const GifImageDesc *frame = &gif->Image;
    if (frame->Width < 1 || frame->Height < 1 || frame->Left < 0 || frame->Top < 0 ||
        frame->Left + frame->Width > gif->SWidth || frame->Top + frame->Height > gif->SHeight)
        return broken(source, "its first frame is not inside its canvas", err);
    if ((uint64_t)gif->SWidth * (uint64_t)gif->SHeight / LZW_RATIO > source->size)
        return broken(source, "it is too short for its size (truncated)", err);
    ATH_TRY(ath__image_begin(sink, gif->SHeight, gif->SWidth, 3, err));
    unsigned char *row = ath__alloc(4 * (size_t)gif->SWidth);
    if (!row) return ath__fail_memory(err, source->name);
    ath_status status = read_frame(source, gif, sink, row, err);
    ath__free(row);
    return status;
}

static ath_status decode(const struct ath__image_source *source, const struct ath__image_info *info,
                         struct ath__image_sink *sink, ath_error *err) {
    struct input input = {.bytes = source->bytes, .size = source->size};
    int          fault = 0;
    (void)info;
    ATH_TRY(ath__gif_library_load(err));
    GifFileType *gif = DGifOpen(&input, read_bytes, &fault);
    if (!gif && fault == D_GIF_ERR_NOT_ENOUGH_MEM) return ath__fail_memory(err, source->name);
    if (!gif) return broken(source, "its header makes no sense", err);
    ath_status status = read_pixels(source, gif, sink, err);
    DGifCloseFile(gif, &fault);
    return status;
}

const struct ath__image_kind ath__image_gif = {
    .format = "GIF", .recognise = recognise, .probe = probe, .decode = decode};
