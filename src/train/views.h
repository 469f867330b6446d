/* Test-time augmentation: the logits of an image are the weighted mean over several views of it.
 *
 *     flip         image and mirror image, 1/2 each
 *     flip_shift   the six views of the airbench recipes (Jordan, "94% on CIFAR-10 in 3.29 seconds on a single GPU",
 *                  2024): image and mirror image 1/4 each; the image shifted by one pixel to the lower right and to the
 *                  upper left, the border reflected, and both mirrored, 1/8 each
 *
 * eval, predict and the evaluation at the end of training come through here, so that they give the same answers.
 */
#ifndef ATH_TRAIN_VIEWS_H
#define ATH_TRAIN_VIEWS_H

#include "train/network.h"

struct ath__view {
    bool  mirror; /* behind the shift */
    int   shift;  /* pixel (y,x) of the view is pixel (y + shift, x + shift) of the image */
    float weight;
};

enum { ATH_MOST_VIEWS = 6 };
struct ath__tta {
    const char      *name;
    int              count;
    struct ath__view view[ATH_MOST_VIEWS];
};

/* By name; ATH_USAGE for an unknown one. */
ath_status ath__tta_find(const char *name, const struct ath__tta **tta, ath_error *err);

/* One view of an image: src and dst (channels, height, width). */
void ath__view_draw(const struct ath__view *view, const float *src, int64_t channels, int64_t height, int64_t width,
                    float *dst);

/* A network with its views. */
struct ath__viewer {
    struct ath__network   *network;
    const struct ath__tta *tta;
    float                 *images, *logits; /* of one batch; NULL without views */
    int64_t                capacity;        /* images of a batch */
};

/* Borrows the network. `batch`: the most samples of one call. Closing also after a failure. */
ath_status ath__viewer_open(struct ath__network *network, const struct ath__tta *tta, int64_t batch,
                            struct ath__viewer *viewer, ath_error *err);
void       ath__viewer_close(struct ath__viewer *viewer);

/* As ath__network_eval, with the mean logits. */
ath_status ath__viewer_eval(struct ath__viewer *viewer, const struct ath__samples *samples, ath__network_sink sink,
                            void *context, ath_error *err);

#endif
