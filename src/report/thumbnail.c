/* Thumbnails: planes to pixels, made smaller by the resize that training images go through. */
#include "report/thumbnail.h"

#include "base/error.h"
#include "base/mem.h"
#include "data/resize.h"

#include <string.h>

static void interleave(const unsigned char *planes, int channels, struct ath__thumbnail *thumbnail) {
    size_t plane = (size_t)thumbnail->width * (size_t)thumbnail->height;
    for (size_t i = 0; i < plane; i++)
        for (size_t c = 0; c < 3; c++) thumbnail->rgb[3 * i + c] = planes[(channels < 3 ? 0 : c) * plane + i];
}

static ath_status shrink(const unsigned char *pixels, int channels, int height, int width,
                         struct ath__thumbnail *thumbnail, ath_error *err) {
    struct ath__resize resize;
    ATH_TRY(ath__resize_open(&resize, height, width, thumbnail->height, thumbnail->width, err));
    int            used = channels < 3 ? 1 : 3;
    size_t         from = (size_t)height * (size_t)width, to = (size_t)thumbnail->height * (size_t)thumbnail->width;
    unsigned char *planes = ath__alloc((size_t)used * to);
    void          *scratch = ath__alloc(ath__resize_scratch(&resize));
    ath_status     status = planes && scratch ? ATH_OK : ath__fail_memory(err, "thumbnail");
    for (int c = 0; c < used && status == ATH_OK; c++)
        ath__resize_apply(&resize, pixels + (size_t)c * from, planes + (size_t)c * to, scratch);
    if (status == ATH_OK) interleave(planes, channels, thumbnail);
    ath__free(planes);
    ath__free(scratch);
    ath__resize_close(&resize);
    return status;
}

ath_status ath__thumbnail_make(const unsigned char *pixels, int channels, int height, int width,
                               struct ath__thumbnail *thumbnail, ath_error *err) {
    int longest = height > width ? height : width;
    *thumbnail = (struct ath__thumbnail){.width = width, .height = height};
    if (longest > ATH_THUMBNAIL_SIDE) {
        thumbnail->width = width * ATH_THUMBNAIL_SIDE / longest;
        thumbnail->height = height * ATH_THUMBNAIL_SIDE / longest;
        if (thumbnail->width < 1) thumbnail->width = 1;
        if (thumbnail->height < 1) thumbnail->height = 1;
    }
    thumbnail->rgb = ath__alloc(3 * (size_t)thumbnail->width * (size_t)thumbnail->height);
    if (!thumbnail->rgb) return ath__fail_memory(err, "thumbnail");
    ath_status status = ATH_OK;
    if (longest > ATH_THUMBNAIL_SIDE)
        status = shrink(pixels, channels, height, width, thumbnail, err);
    else
        interleave(pixels, channels, thumbnail);
    if (status != ATH_OK) ath__thumbnail_free(thumbnail);
    return status;
}

void ath__thumbnail_free(struct ath__thumbnail *thumbnail) {
    ath__free(thumbnail->rgb);
    memset(thumbnail, 0, sizeof *thumbnail);
}
