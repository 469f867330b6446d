/* source part -> resized plane -> window, plane by plane, leaving out what would only copy. */
#include "data/fitter.h"

#include "base/error.h"
#include "base/mem.h"

#include <string.h>

void ath__fitter_close(struct ath__fitter *fitter) {
    if (fitter->planned) ath__resize_close(&fitter->resize);
    ath__free(fitter->scratch);
    ath__free(fitter->plane);
    ath__free(fitter->part);
    memset(fitter, 0, sizeof *fitter);
}

static ath_status room(unsigned char **block, size_t *size, size_t wanted, ath_error *err) {
    if (*block && wanted <= *size) return ATH_OK;
    ath__free(*block);
    *block = ath__alloc(wanted);
    *size = *block ? wanted : 0;
    return *block ? ATH_OK : ath__fail_memory(err, "resize");
}

ath_status ath__fitter_plan(struct ath__fitter *fitter, int from_height, int from_width, int to_height, int to_width,
                            int filter, ath_error *err) {
    if (fitter->planned && fitter->from_height == from_height && fitter->from_width == from_width &&
        fitter->to_height == to_height && fitter->to_width == to_width && fitter->filter == filter)
        return ATH_OK;
    if (fitter->planned) ath__resize_close(&fitter->resize);
    fitter->planned = false;
    ATH_TRY(ath__resize_open(&fitter->resize, from_height, from_width, to_height, to_width, err));
    fitter->planned = true;
    fitter->from_height = from_height;
    fitter->from_width = from_width;
    fitter->to_height = to_height;
    fitter->to_width = to_width;
    fitter->filter = filter;
    ATH_TRY(room(&fitter->plane, &fitter->plane_size, (size_t)to_height * (size_t)to_width, err));
    return room(&fitter->scratch, &fitter->scratch_size, ath__resize_scratch(&fitter->resize), err);
}

static void copy_part(const unsigned char *src, int width, const struct ath__box *box, unsigned char *dst) {
    src += (size_t)box->top * (size_t)width + (size_t)box->left;
    for (int y = 0; y < box->height; y++, src += width, dst += box->width) memcpy(dst, src, (size_t)box->width);
}

ath_status ath__fitter_fit(struct ath__fitter *fitter, const struct ath__picture *picture,
                           const struct ath__box *source, int height, int width, int filter,
                           const struct ath__box *window, unsigned char *dst, ath_error *err) {
    size_t plane = (size_t)picture->height * (size_t)picture->width;
    size_t from = (size_t)source->height * (size_t)source->width, out = (size_t)window->height * (size_t)window->width;
    bool   whole = source->height == picture->height && source->width == picture->width;
    bool   all = window->height == height && window->width == width;
    if (source->height == height && source->width == width) {
        struct ath__box box = {source->top + window->top, source->left + window->left, window->height, window->width};
        for (int c = 0; c < picture->channels; c++)
            copy_part(picture->pixels + (size_t)c * plane, picture->width, &box, dst + (size_t)c * out);
        return ATH_OK;
    }
    ATH_TRY(ath__fitter_plan(fitter, source->height, source->width, height, width, filter, err));
    if (!whole) ATH_TRY(room(&fitter->part, &fitter->part_size, from, err));
    for (int c = 0; c < picture->channels; c++, dst += out) {
        const unsigned char *src = picture->pixels + (size_t)c * plane;
        if (!whole) {
            copy_part(src, picture->width, source, fitter->part);
            src = fitter->part;
        }
        ath__resize_apply(&fitter->resize, src, all ? dst : fitter->plane, fitter->scratch);
        if (!all) copy_part(fitter->plane, width, window, dst);
    }
    return ATH_OK;
}
