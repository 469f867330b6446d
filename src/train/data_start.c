/* Starting values from training images: the first ones of the set, so that they do not depend on seed or order. */
#include "train/data_start.h"

#include "base/error.h"
#include "base/mem.h"
#include "data/dataset.h"
#include "zoo/model.h"

enum { MOST_BYTES = 256 << 20 };

static ath_status read_images(const ath_dataset *train, const struct ath__preprocess *preprocess,
                              const struct ath__zoo_images *images, float *data, ath_error *err) {
    size_t              pixels = (size_t)images->channels * (size_t)images->height * (size_t)images->width;
    struct ath__picture picture = {0};
    ath_status          status = ATH_OK;
    for (int64_t i = 0; status == ATH_OK && i < images->count; i++) {
        status = ath__dataset_view(train, i, 0, &picture, err);
        if (status == ATH_OK)
            status = ath__preprocess_apply(preprocess, picture.pixels, picture.channels, picture.height, picture.width,
                                           data + (size_t)i * pixels, err);
    }
    ath__picture_free(&picture);
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
