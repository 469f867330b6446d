/* Starting values from training images: the first ones of the set, so that they do not depend on seed or order. */
#include "train/data_start.h"

#include "base/error.h"
#include "base/mem.h"
#include "zoo/model.h"

enum { MOST_BYTES = 256 << 20 };

static ath_status read_images(const ath_dataset *train, const struct ath__preprocess *preprocess,
                              const struct ath__zoo_images *images, float *data, ath_error *err) {
    ath_dataset_info info = ath_dataset_describe(train);
    size_t           pixels = (size_t)images->channels * (size_t)images->height * (size_t)images->width;
    unsigned char   *stored = ath__alloc((size_t)info.channels * (size_t)info.height * (size_t)info.width);
    ath_status       status = stored ? ATH_OK : ath__fail_memory(err, "start");
    for (int64_t i = 0; status == ATH_OK && i < images->count; i++) {
        int label;
        status = ath_dataset_read(train, i, stored, &label, err);
        if (status == ATH_OK)
            status = ath__preprocess_apply(preprocess, stored, info.channels, info.height, info.width,
                                           data + (size_t)i * pixels, err);
    }
    ath__free(stored);
    return status;
}

ath_status ath__data_start(struct ath__network *network, const ath_dataset *train,
                           const struct ath__preprocess *preprocess, ath_error *err) {
    struct ath__zoo_images images = {.count = ath__model_start_images(network->model)};
    struct ath__preprocess sized = *preprocess;
    if (images.count == 0) return ATH_OK;
    ath_model_input(network->model, &images.channels, &images.height, &images.width);
    sized.height = images.height;
    sized.width = images.width;
    size_t  bytes = (size_t)images.channels * (size_t)images.height * (size_t)images.width * sizeof(float);
    int64_t stored = ath_dataset_describe(train).count, most = (int64_t)(MOST_BYTES / bytes) + 1;
    if (images.count > stored) images.count = stored;
    if (images.count > most) images.count = most;
    float     *data = ath__alloc_array((size_t)images.count, bytes);
    ath_status status = data ? read_images(train, &sized, &images, data, err) : ath__fail_memory(err, "start");
    images.data = data;
    if (status == ATH_OK) status = ath__model_start(network->model, &images, network->store, err);
    ath__network_changed(network);
    ath__free(data);
    return status;
}
