/* WebP by libwebp: lossy and lossless, of an animation the first frame. Alpha is dropped.
 *
 * The container (Google's WebP Container Specification) is walked here for what the simple decoder does not look at: the
 * EXIF chunk, and an animation's canvas and first frame. A frame that does not fill the canvas lies on black.
 */
#include "data/image/image_kind.h"

#include "base/error.h"
#include "base/mem.h"
#include "data/image/webp_library.h"

#include <string.h>

/* The lossless form can say "one colour" for any number of pixels in 40 bytes, and decoding takes 10 bytes of memory for
 * each. Above FEW pixels a file has to have a byte for PER_BYTE of them; photos have a thousand times as many. */
enum { FEW_PIXELS = 1 << 24, PIXELS_PER_BYTE = 8192 };

/* What is decoded, and where it lies on the canvas. */
struct picture {
    const unsigned char *bytes;
    size_t               size;
    int                  canvas_height, canvas_width, top, left, height, width;
};

static bool recognise(const unsigned char *bytes, size_t size) {
    return size >= 12 && memcmp(bytes, "RIFF", 4) == 0 && memcmp(bytes + 8, "WEBP", 4) == 0;
}

static uint32_t number(const unsigned char *bytes, int count) {
    uint32_t value = 0;
    for (int i = 0; i < count; i++) value |= (uint32_t)bytes[i] << 8 * i;
    return value;
}

/* The payload of the first chunk of that name; NULL if there is none. `*size` receives its size, cut at the end of the
 * file. */
static const unsigned char *find_chunk(const struct ath__image_source *source, const char *name, size_t *size) {
    for (size_t at = 12; source->size - at >= 8 && at <= source->size;) {
        const unsigned char *chunk = source->bytes + at;
        size_t               length = number(chunk + 4, 4), left = source->size - at - 8;
        *size = length < left ? length : left;
        if (memcmp(chunk, name, 4) == 0) return chunk + 8;
        if (length >= left) break;
        at += 8 + length + (length & 1);
    }
    return NULL;
}

static ath_status features_of(const struct ath__image_source *source, const unsigned char *bytes, size_t size,
                              WebPBitstreamFeatures *features, ath_error *err) {
    VP8StatusCode fault = WebPGetFeaturesInternal(bytes, size, features, WEBP_DECODER_ABI_VERSION);
    if (fault == VP8_STATUS_OK) return ATH_OK;
    if (fault == VP8_STATUS_OUT_OF_MEMORY) return ath__fail_memory(err, source->name);
    return ath__image_broken(
        source, "WebP",
        fault == VP8_STATUS_NOT_ENOUGH_DATA ? "it ends too early (truncated)" : "its header makes no sense", err);
}

static ath_status find_picture(const struct ath__image_source *source, struct picture *picture, ath_error *err) {
    WebPBitstreamFeatures features;
    ATH_TRY(ath__webp_library_load(err));
    ATH_TRY(features_of(source, source->bytes, source->size, &features, err));
    *picture = (struct picture){.bytes = source->bytes,
                                .size = source->size,
                                .canvas_height = features.height,
                                .canvas_width = features.width,
                                .height = features.height,
                                .width = features.width};
    if (!features.has_animation) return ATH_OK;
    enum { FRAME_HEADER = 16 };
    size_t               size;
    const unsigned char *frame = find_chunk(source, "ANMF", &size);
    if (!frame || size <= FRAME_HEADER) return ath__image_broken(source, "WebP", "its animation has no frame", err);
    picture->left = 2 * (int)number(frame, 3);
    picture->top = 2 * (int)number(frame + 3, 3);
    picture->bytes = frame + FRAME_HEADER;
    picture->size = size - FRAME_HEADER;
    ATH_TRY(features_of(source, picture->bytes, picture->size, &features, err));
    picture->height = features.height;
    picture->width = features.width;
    if (picture->left + picture->width <= picture->canvas_width &&
        picture->top + picture->height <= picture->canvas_height)
        return ATH_OK;
    return ath__image_broken(source, "WebP", "its first frame is not inside its canvas", err);
}

static ath_status probe(const struct ath__image_source *source, struct ath__image_info *info, ath_error *err) {
    struct picture picture;
    size_t         size;
    ATH_TRY(find_picture(source, &picture, err));
    const unsigned char *exif = find_chunk(source, "EXIF", &size);
    info->channels = 3;
    info->height = picture.canvas_height;
    info->width = picture.canvas_width;
    if (exif) info->orientation = ath__exif_orientation(exif, size);
    return ATH_OK;
}

static ath_status decode(const struct ath__image_source *source, const struct ath__image_info *info,
                         struct ath__image_sink *sink, ath_error *err) {
    struct picture picture;
    (void)info;
    ATH_TRY(find_picture(source, &picture, err));
    size_t pixels = (size_t)picture.canvas_height * (size_t)picture.canvas_width;
    if (pixels > FEW_PIXELS && source->size < pixels / PIXELS_PER_BYTE)
        return ath__image_broken(source, "WebP", "it is too short for its size", err);
    ATH_TRY(ath__image_begin(sink, picture.canvas_height, picture.canvas_width, 3, err));
    size_t         stride = (size_t)picture.canvas_width * 3, size = stride * (size_t)picture.canvas_height;
    unsigned char *canvas = ath__alloc(size);
    if (!canvas) return ath__fail_memory(err, source->name);
    bool filled = picture.height == picture.canvas_height && picture.width == picture.canvas_width;
    if (!filled) memset(canvas, 0, size);
    size_t     at = (size_t)picture.top * stride + (size_t)picture.left * 3;
    ath_status status = ATH_OK;
    if (!WebPDecodeRGBInto(picture.bytes, picture.size, canvas + at, size - at, (int)stride))
        status = ath__image_broken(source, "WebP", "its data is damaged or ends too early", err);
    for (int y = 0; y < picture.canvas_height && status == ATH_OK; y++)
        ath__image_row(sink, y, ATH_ROW_RGB, canvas + (size_t)y * stride);
    ath__free(canvas);
    return status;
}

const struct ath__image_kind ath__image_webp = {
    .format = "WebP", .recognise = recognise, .probe = probe, .decode = decode};
