/* source part -> window of the resized part, plane by plane; a part that keeps its size is copied. */
#include "data/fitter.h"

#include "base/error.h"
#include "base/mem.h"

#include <string.h>

void ath__fitter_close(struct ath__fitter *fitter) {
    if (fitter->planned) ath__resize_close(&fitter->resize);
    ath__free(fitter->scratch);
    memset(fitter, 0, sizeof *fitter);
}

static bool same_part(const struct ath__part *a, const struct ath__part *b) {
    return a->top == b->top && a->left == b->left && a->height == b->height && a->width == b->width;
}

static ath_status make_room(struct ath__fitter *fitter, ath_error *err) {
    size_t wanted = ath__resize_scratch(&fitter->resize);
    if (fitter->scratch && wanted <= fitter->scratch_size) return ATH_OK;
    ath__free(fitter->scratch);
    fitter->scratch = ath__alloc(wanted);
    fitter->scratch_size = fitter->scratch ? wanted : 0;
    return fitter->scratch ? ATH_OK : ath__fail_memory(err, "resize");
}

ath_status ath__fitter_plan(struct ath__fitter *fitter, int from_height, int from_width, int to_height, int to_width,
                            int filter, const struct ath__part *window, ath_error *err) {
    if (fitter->planned && fitter->from_height == from_height && fitter->from_width == from_width &&
        fitter->to_height == to_height && fitter->to_width == to_width && fitter->filter == filter &&
        same_part(&fitter->window, window))
        return ATH_OK;
    if (fitter->planned) ath__resize_close(&fitter->resize);
    fitter->planned = false;
    struct ath__resize_task task = {.in_height = from_height,
                                    .in_width = from_width,
                                    .out_height = to_height,
                                    .out_width = to_width,
                                    .filter = (enum ath__filter)filter,
                                    .window = window};
    ATH_TRY(ath__resize_plan(&fitter->resize, &task, err));
    fitter->planned = true;
    fitter->from_height = from_height;
    fitter->from_width = from_width;
    fitter->to_height = to_height;
    fitter->to_width = to_width;
    fitter->filter = filter;
    fitter->window = *window;
    ath_status status = make_room(fitter, err);
    if (status != ATH_OK) {
        ath__resize_close(&fitter->resize);
        fitter->planned = false;
    }
    return status;
}

static void copy_part(const unsigned char *src, int width, const struct ath__part *part, unsigned char *dst) {
    src += (size_t)part->top * (size_t)width + (size_t)part->left;
    for (int y = 0; y < part->height; y++, src += width, dst += part->width) memcpy(dst, src, (size_t)part->width);
}

ath_status ath__fitter_fit(struct ath__fitter *fitter, const struct ath__picture *picture,
                           const struct ath__part *source, int height, int width, int filter,
                           const struct ath__part *window, unsigned char *dst, ath_error *err) {
    size_t plane = (size_t)picture->height * (size_t)picture->width, stride = (size_t)picture->width;
    size_t out = (size_t)window->height * (size_t)window->width;
    if (source->height == height && source->width == width) {
        struct ath__part part = {source->top + window->top, source->left + window->left, window->height, window->width};
        for (int c = 0; c < picture->channels; c++)
            copy_part(picture->pixels + (size_t)c * plane, picture->width, &part, dst + (size_t)c * out);
        return ATH_OK;
    }
    ATH_TRY(ath__fitter_plan(fitter, source->height, source->width, height, width, filter, window, err));
    const unsigned char *src = picture->pixels + (size_t)source->top * stride + (size_t)source->left;
    for (int c = 0; c < picture->channels; c++, src += plane, dst += out)
        ath__resize_rows(&fitter->resize, src, stride, dst, fitter->scratch);
    return ATH_OK;
}
