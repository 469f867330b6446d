#include "support/small_network.h"

#include "base/mem.h"
#include "base/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void must(ath_status status, const ath_error *err) {
    if (status != ATH_OK) fail_msg("%s (%s)", err->message, err->where);
}

static void set_options(ath_model *model, const char *options) {
    ath_error err = {0};
    char      text[256];
    snprintf(text, sizeof text, "%s", options);
    for (char *pair = strtok(text, " "); pair; pair = strtok(NULL, " ")) {
        char *value = strchr(pair, '=');
        assert_non_null(value);
        *value = '\0';
        must(ath_model_set(model, pair, value + 1, &err), &err);
    }
}

static void draw_states(struct ath__network *network) {
    struct ath__rng rng;
    ath__rng_start(&rng, 7, ATH_RNG_TEST, 0, 0);
    for (int i = 0; i < network->store->count; i++) {
        struct ath__entry *entry = &network->store->entries[i];
        bool               mean = strstr(entry->name, "running_mean") != NULL;
        bool               affine = strstr(entry->name, "bn") != NULL || strstr(entry->name, ".1.") != NULL;
        if (entry->leaf != ATH_LEAF_STATE && !(affine && entry->shape.rank == 1)) continue;
        for (int64_t k = 0; k < ath_shape_count(&entry->shape); k++) {
            float u = ath__rng_uniform(&rng);
            if (entry->leaf == ATH_LEAF_PARAM)
                entry->data[k] += 0.2f * (u - 0.5f);
            else
                entry->data[k] = mean ? 0.2f * (u - 0.5f) : 0.5f + u;
        }
    }
    ath__network_changed(network);
}

void small_network_make(struct small_network *net, const char *name, const char *options, int channels, int size,
                        int classes) {
    struct ath__network_settings settings = {.optimizer = NULL};
    ath_error                    err = {0};
    memset(net, 0, sizeof *net);
    must(ath_model_create(name, &net->model, &err), &err);
    set_options(net->model, options);
    must(ath_model_set_input(net->model, channels, size, size, &err), &err);
    must(ath_model_set_classes(net->model, classes, &err), &err);
    must(ath__network_create(net->model, &settings, &net->network, &err), &err);
    must(ath__network_start(net->network, "kaiming", 3, &err), &err);
    draw_states(net->network);
    net->channels = channels;
    net->height = net->width = size;
    net->classes = classes;
}

void small_network_free(struct small_network *net) {
    ath__network_destroy(net->network);
    ath_model_destroy(net->model);
}

float *small_network_image(const struct small_network *net, uint64_t seed) {
    size_t          count = (size_t)net->channels * (size_t)net->height * (size_t)net->width;
    float          *image = ath__alloc_array(count, sizeof(float));
    struct ath__rng rng;
    assert_non_null(image);
    ath__rng_start(&rng, seed, ATH_RNG_TEST, 1, 0);
    for (size_t i = 0; i < count; i++) image[i] = 2.0f * ath__rng_uniform(&rng) - 1.0f;
    return image;
}

struct kept {
    float *logits;
    int    classes;
};

static void keep(void *context, const struct ath__samples *samples, const float *logits, const float *losses) {
    struct kept *kept = context;
    (void)losses;
    assert_int_equal(samples->count, 1);
    memcpy(kept->logits, logits, (size_t)kept->classes * sizeof(float));
}

float *small_network_logits(struct small_network *net, const float *image) {
    int32_t             label = 0;
    ath_error           err = {0};
    struct kept         kept = {ath__alloc_array((size_t)net->classes, sizeof(float)), net->classes};
    struct ath__samples samples = {.images = image, .labels = &label, .count = 1};
    assert_non_null(kept.logits);
    must(ath__network_eval(net->network, &samples, keep, &kept, &err), &err);
    return kept.logits;
}
