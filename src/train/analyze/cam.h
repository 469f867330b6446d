/* Class activation maps by gradients: where in an image a network saw the class. */
#ifndef ATH_TRAIN_ANALYZE_CAM_H
#define ATH_TRAIN_ANALYZE_CAM_H

#include "train/network.h"

struct ath__cam {
    struct ath__network *network; /* borrowed */
    struct ath__program *program;
    const char          *wanted;                  /* borrowed: the layer asked for; "" = the last feature map */
    char                 layer[128];              /* whose feature map it is; "" where that lies in no layer's scope */
    int64_t              channels, height, width; /* of the feature map */
    int64_t              batch;
    int                  classes;
    float               *seeds; /* (batch, classes) */
};

/* For up to `batch` images at a time. `layer` (borrowed; NULL or "" = the last) is the name of a layer or block as in
 * the names of parameters: "features.14". ATH_USAGE, with the nearest name, where no feature map is its. The map's size
 * is known then. To be closed also after a failure. */
ath_status ath__cam_open(struct ath__cam *cam, struct ath__network *network, const char *layer, int64_t batch,
                         ath_error *err);
void       ath__cam_close(struct ath__cam *cam);

/* images f32 (count, C, H, W). chosen[i] is the class to be explained; where it is negative it becomes the one with the
 * largest logit. *logits (count, classes) and *maps (count, height, width), not below 0, are valid until the next call.
 */
ath_status ath__cam_run(struct ath__cam *cam, const float *images, int64_t count, int *chosen, const float **logits,
                        const float **maps, ath_error *err);

#endif
