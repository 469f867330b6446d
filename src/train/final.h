/* The last look at a run: the best epoch's weights over the validation images, with test-time augmentation where it is
 * asked for; the images that it is most wrong about; and what the layers cost.
 *
 * One pass serves the confusion matrix, the calibration, the gallery and the figures. It is the best epoch's own
 * validation where that was the last epoch and no augmentation is asked for: then nothing is computed again.
 */
#ifndef ATH_TRAIN_FINAL_H
#define ATH_TRAIN_FINAL_H

#include "data/loader.h"
#include "report/thumbnail.h"
#include "train/metrics.h"
#include "train/model_file.h"

struct ath__final {
    bool                  done;
    ath_eval_result       scores;
    struct ath__thumbnail worst[ATH_WORST]; /* of scores.worst */
    ath_profile           layers;           /* layer_count 0: no step was taken */
    int64_t               layers_batch;     /* images that their times are for */
};

struct ath__final_source {
    const ath_config             *config;
    struct ath__network          *network; /* gets the best weights */
    const char                   *weights; /* path of the best weights */
    const struct ath__metrics    *fresh;   /* these weights' scores without augmentation, if known; or NULL */
    struct ath__loader           *loader;  /* of validation images */
    const ath_dataset            *dataset; /* the loader's */
    const struct ath__model_info *info;
    bool                          trained; /* this process took steps, so that layers have times */
};

/* To be freed also after a failure. */
ath_status ath__final_look(const struct ath__final_source *source, struct ath__final *final, ath_error *err);
void       ath__final_free(struct ath__final *final);

/* Called before every training step with the number of steps that this process took: times the layers over some of the
 * first of them, at the cost of two looks at the clock per call of a kernel. */
void ath__final_clock(struct ath__network *network, int64_t batch, int64_t steps);

#endif
