/* Images on their way through a trained network: collected, decoded on all threads, evaluated in batches, handed out in
 * the order in which they came. */
#ifndef ATH_TRAIN_PREDICT_BATCH_H
#define ATH_TRAIN_PREDICT_BATCH_H

#include "data/dataset.h"
#include "data/preprocess.h"
#include "train/apply/predict_sheet.h"
#include "train/source.h"
#include "train/views.h"

/* One image: in a file, or an element of a data set. */
struct ath__predict_item {
    char              *name;
    const ath_dataset *dataset; /* NULL: `name` is the file's path */
    int64_t            index;
    int                truth; /* its class where that is known, else -1 */
    bool               ready, good;
    ath_error          problem; /* of an image that is not good */

    struct ath__thumbnail thumbnail; /* for the sheet */
};

/* One thread's means of reading images. */
struct ath__predict_reader {
    struct ath__picture picture;
    struct ath__fitter  fitter;
    unsigned char      *fitted; /* u8 of the network's size */
};

struct ath__predict_batch {
    struct ath__source         *source;
    struct ath__viewer          viewer;
    struct ath__preprocessor    preprocessor;
    struct ath__predict_sheet  *sheet; /* NULL = none is wanted */
    struct ath__predict_reader *readers;
    int                         reader_count;
    int                         classes, top;
    int64_t                     size;   /* images of a batch */
    float                      *images; /* (size, ...) */
    int32_t                    *labels; /* unused by the forward pass */
    double                     *probabilities;
    ath_guess                  *guesses; /* (size, top) */
    int64_t                     good, guessed;

    struct ath__predict_item *items;
    int64_t                   count, capacity, waiting; /* waiting: not yet decoded, at the end */

    void (*each)(const ath_prediction *prediction, void *context);
    void *context;
};

/* For the network of `source`, which is borrowed, as is the sheet. To be closed also after a failure. */
ath_status ath__predict_open(struct ath__predict_batch *batch, struct ath__source *source,
                             struct ath__predict_sheet *sheet, ath_error *err);
void       ath__predict_close(struct ath__predict_batch *batch);

/* Adds an image; `dataset` is borrowed until ath__predict_flush. */
ath_status ath__predict_add(struct ath__predict_batch *batch, const char *name, const ath_dataset *dataset,
                            int64_t index, int truth, ath_error *err);
/* Adds an image that could not even be looked for. */
ath_status ath__predict_refuse(struct ath__predict_batch *batch, const char *name, const char *problem, ath_error *err);
/* Evaluates and hands out what is left. */
ath_status ath__predict_flush(struct ath__predict_batch *batch, ath_error *err);

#endif
