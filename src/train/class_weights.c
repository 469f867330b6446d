/* class_weights=: from the key to one weight per class in the network's loss.
 *
 *     auto    w_c = N / (C n_c)    N training images, n_c of class c, C classes that have any
 *
 * so that every class weighs the same in sum and the mean weight of the training images is 1. A class without a
 * training image gets weight 0: nothing can be learnt about it.
 */
#include "train/class_weights.h"

#include "base/error.h"
#include "base/mem.h"
#include "train/settings.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

ath_status ath__class_weights_auto(const ath_dataset *train, int classes, float *weights, ath_error *err) {
    int64_t  count = ath_dataset_describe(train).count, filled = 0;
    int64_t *images = ATH_NEW_ARRAY(int64_t, classes);
    if (!images) return ath__fail_memory(err, "class weights");
    ath_status status = ATH_OK;
    for (int64_t i = 0; i < count && status == ATH_OK; i++) {
        int label = 0;
        status = ath_dataset_label(train, i, &label, err);
        if (status == ATH_OK && label >= 0 && label < classes) filled += images[label]++ == 0;
    }
    for (int c = 0; c < classes; c++)
        weights[c] = images[c] > 0 ? (float)((double)count / ((double)filled * (double)images[c])) : 0.0f;
    ath__free(images);
    return status;
}

ath_status ath__class_weights_parse(const char *text, int classes, float *weights, ath_error *err) {
    const char *at = text + (*text == '[');
    int         c = 0;
    double      sum = 0.0;
    for (; c < classes; c++) {
        char *end = NULL;
        if (c > 0 && *at != ',') break;
        at += c > 0;
        double weight = strtod(at, &end);
        if (end == at || !(weight >= 0.0) || !(weight <= 1e6)) break;
        weights[c] = (float)weight;
        sum += weight;
        at = end + strspn(end, " ");
    }
    if (c == classes && sum > 0.0 && (*at == '\0' || (*at == ']' && at[1] == '\0'))) return ATH_OK;
    return ath__fail(err, ATH_USAGE, "class_weights",
                     "class_weights must be auto or one number from 0 to 1e6 for each of the %d classes, separated by "
                     "commas and not all 0; not '%s'",
                     classes, text);
}

ath_status ath__setup_class_weights(const ath_config *config, const ath_dataset *train, struct ath__network *network,
                                    ath_error *err) {
    const char *text = ath__config_text(config, "class_weights");
    int         classes = ath_model_classes(network->model);
    if (!*text) return ATH_OK;
    float *weights = ATH_NEW_ARRAY(float, classes);
    if (!weights) return ath__fail_memory(err, "class weights");
    ath_status status = strcmp(text, "auto") == 0 ? ath__class_weights_auto(train, classes, weights, err)
                                                  : ath__class_weights_parse(text, classes, weights, err);
    if (status == ATH_OK) status = ath__network_weigh_classes(network, weights, err);
    ath__free(weights);
    return status;
}
