/* Batches in the background: order, transform, normalise, mix, queue.
 *
 * One or more loader threads fill a bounded ring of preallocated batches; nothing is allocated after opening. The order
 * of an epoch is a Philox shuffle of (seed, epoch); every random transform is keyed by (seed, epoch, image): a run
 * resumed at batch k of epoch e sees the same images in the same form.
 *
 *     pixel f32 = (u8 / 255 - mean[c]) / deviation[c]
 */
#ifndef ATH_DATA_LOADER_H
#define ATH_DATA_LOADER_H

#include "athanor/data.h"
#include "data/resize.h"

struct ath__loader;

/* How the size of an image becomes that of the network input. */
enum ath__fit {
    ATH_FIT_STRETCH, /* resized to it, whatever the image's own proportions */
    ATH_FIT_SHORTER, /* resized so that the shorter side has fit_height pixels, then the middle is cut out */
    ATH_FIT_EXACT,   /* resized to fit_height x fit_width, then the middle is cut out */
    ATH_FIT_CROP,    /* the middle is cut out of the image as read */
};

/* What becomes of halves and rests when the shorter side s of an image has become `fit_height`: the longer side, and the
 * margin before the middle that is cut out. */
enum ath__rounding {
    ATH_ROUND_NEAREST,     /* longer side to the nearest pixel, a half to the even one; margin down */
    ATH_ROUND_TORCHVISION, /* as torchvision's Resize and CenterCrop: longer side down; margin to the nearest, a half
                              to the even one */
};

/* How an image becomes network input; also kept in the model file. */
struct ath__preprocess {
    int           height, width; /* of the network input; 0 = as read */
    enum ath__fit fit;
    int           fit_height, fit_width;

    enum ath__rounding rounding;
    int                filter;                /* enum ath__filter: how pixels are computed when resizing */
    double             mean[4], deviation[4]; /* per channel, of pixels in [0,1]; mean 0, deviation 1 = none */
};

struct ath__loader_settings {
    int64_t                batch;
    uint64_t               seed;
    bool                   shuffle;
    bool                   drop_last;   /* leave out a last batch that is not full */
    int                    threads;     /* loader threads, 0 = 1 */
    int                    queue;       /* batches made ahead; 0 = 4, or 2 when a batch is above 16 MiB */
    size_t                 cache_bytes; /* memory for images kept between epochs; 0 = 1 GiB, 1 = none */
    const char            *augment;     /* list of random transforms (data/augment/augment.h); NULL = none */
    struct ath__preprocess preprocess;
};

struct ath__batch {
    const float   *images;  /* (count, channels, height, width), 64-byte aligned */
    const int32_t *labels;  /* (count) */
    const int64_t *indices; /* (count) position in the data set */
    /* Where the list mixes (mixup, cutmix), else NULL: sample i has the label labels[i] with weight weights[i], 0.5 to
     * 1, and second[i] with the rest. */
    const int32_t *second;
    const float   *weights;
    int64_t        count;
    int64_t        index; /* which batch of the epoch */
};

/* Borrows the data set, which must outlive the loader. */
ath_status ath__loader_open(const ath_dataset *dataset, const struct ath__loader_settings *settings,
                            struct ath__loader **loader, ath_error *err);
void       ath__loader_close(struct ath__loader *loader);
int64_t    ath__loader_batches(const struct ath__loader *loader); /* batches in an epoch */

/* Begins epoch `epoch` (from 0) at batch `first`. Abandons what was under way. */
ath_status ath__loader_start(struct ath__loader *loader, int64_t epoch, int64_t first, ath_error *err);
/* The next batch, valid until the next call; count 0 at the end of the epoch. Waits are added to the data-wait clock.
 */
ath_status ath__loader_next(struct ath__loader *loader, struct ath__batch *batch, ath_error *err);
double     ath__loader_wait_seconds(const struct ath__loader *loader);

/* Applies the same preprocessing to one u8 image (channels, height, width): what predict and eval use. dst holds
 * (channels, preprocess height, preprocess width) floats. */
ath_status ath__preprocess_apply(const struct ath__preprocess *preprocess, const unsigned char *pixels, int channels,
                                 int height, int width, float *dst, ath_error *err);

#endif
