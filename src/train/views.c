/* Views of a batch, one after the other through the evaluation program; their logits add up.
 *
 *     logits = sum_v weight_v * f(view_v(images))        weights are powers of two and sum to one
 *
 * Shifts reflect at the border without repeating it, as PyTorch's "reflect" padding: pixel -1 is pixel 1.
 */
#include "train/views.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/parallel.h"

#include <string.h>

static const struct ath__tta table[] = {
    {"none", 1, {{false, 0, 1.0f}}},
    {"flip", 2, {{false, 0, 0.5f}, {true, 0, 0.5f}}},
    {"flip_shift",
     6,
     {{false, 0, 0.25f},
      {true, 0, 0.25f},
      {false, -1, 0.125f},
      {true, -1, 0.125f},
      {false, 1, 0.125f},
      {true, 1, 0.125f}}},
};

ath_status ath__tta_find(const char *name, const struct ath__tta **tta, ath_error *err) {
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (strcmp(table[i].name, name) != 0) continue;
        *tta = &table[i];
        return ATH_OK;
    }
    return ath__fail(err, ATH_USAGE, "tta", "tta must be none, flip or flip_shift, not '%s'", name);
}

static int64_t reflect(int64_t at, int64_t size) {
    if (at < 0) at = -at;
    if (at >= size) at = 2 * size - 2 - at;
    return at < 0 ? 0 : at; /* a single pixel reflects into itself */
}

void ath__view_draw(const struct ath__view *view, const float *src, int64_t channels, int64_t height, int64_t width,
                    float *dst) {
    for (int64_t c = 0; c < channels; c++) {
        for (int64_t y = 0; y < height; y++, dst += width) {
            const float *row = src + (c * height + reflect(y + view->shift, height)) * width;
            for (int64_t x = 0; x < width; x++)
                dst[x] = row[reflect((view->mirror ? width - 1 - x : x) + view->shift, width)];
        }
    }
}

ath_status ath__viewer_open(struct ath__network *network, const struct ath__tta *tta, int64_t batch,
                            struct ath__viewer *viewer, ath_error *err) {
    *viewer = (struct ath__viewer){.network = network, .tta = tta, .capacity = batch};
    if (tta->count == 1) return ATH_OK;
    int channels, height, width;
    ath_model_input(network->model, &channels, &height, &width);
    size_t image = (size_t)channels * (size_t)height * (size_t)width;
    viewer->images = ath__alloc_array((size_t)batch * image, sizeof(float));
    viewer->logits = ath__alloc_array((size_t)batch * (size_t)ath_model_classes(network->model), sizeof(float));
    return viewer->images && viewer->logits ? ATH_OK : ath__fail_memory(err, "test-time augmentation");
}

void ath__viewer_close(struct ath__viewer *viewer) {
    ath__free(viewer->images);
    ath__free(viewer->logits);
    viewer->images = viewer->logits = NULL;
}

struct drawing {
    const struct ath__view *view;
    const float            *src;
    float                  *dst;
    int64_t                 channels, height, width;
};

static void draw_image(int64_t i, void *context) {
    const struct drawing *d = context;
    int64_t               image = d->channels * d->height * d->width;
    ath__view_draw(d->view, d->src + i * image, d->channels, d->height, d->width, d->dst + i * image);
}

struct sum {
    float  *logits;
    int64_t classes;
    float   weight;
    bool    first;
};

static void add_logits(void *context, const struct ath__samples *samples, const float *logits, const float *losses) {
    const struct sum *sum = context;
    (void)losses;
    for (int64_t i = 0; i < samples->count * sum->classes; i++)
        sum->logits[i] = (sum->first ? 0.0f : sum->logits[i]) + sum->weight * logits[i];
}

ath_status ath__viewer_eval(struct ath__viewer *viewer, const struct ath__samples *samples, ath__network_sink sink,
                            void *context, ath_error *err) {
    if (viewer->tta->count == 1) return ath__network_eval(viewer->network, samples, sink, context, err);
    if (samples->count > viewer->capacity)
        return ath__fail(err, ATH_FAILED, NULL, "%lld samples come at once where %lld were announced",
                         (long long)samples->count, (long long)viewer->capacity);
    int channels, height, width;
    ath_model_input(viewer->network->model, &channels, &height, &width);
    for (int v = 0; v < viewer->tta->count; v++) {
        const struct ath__view *view = &viewer->tta->view[v];
        struct drawing          drawing = {view, samples->images, viewer->images, channels, height, width};
        ath__parallel(samples->count, draw_image, &drawing);
        struct ath__samples seen = {.images = viewer->images, .labels = samples->labels, .count = samples->count};
        struct sum          sum = {viewer->logits, ath_model_classes(viewer->network->model), view->weight, v == 0};
        ATH_TRY(ath__network_eval(viewer->network, &seen, add_logits, &sum, err));
    }
    sink(context, samples, viewer->logits, NULL);
    return ATH_OK;
}
