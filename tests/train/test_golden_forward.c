/* Whole nets in evaluation form against PyTorch: the logits of two images, and for some Grad-CAM's maps, with weights and running statistics drawn from
 * the same streams on both sides (tools/golden/forward.py holds the recipe).
 *
 * Tolerance: 8 times the larger distance of two float32 runs of PyTorch (in different orders of summation) from its
 * float64 run, plus u * sqrt(LENGTH) of the largest logit for an order of our own, u = 2^-24 and LENGTH the terms of the
 * longest sum of these nets: 512 channels of 3x3.
 */
#include "athanor/model.h"
#include "support/trajectory.h"
#include "train/analyze/cam.h"

#include "base/mem.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { BATCH = 2, CLASSES = 10 };
#define FACTOR 8.0
#define LENGTH (512.0 * 9.0)

static void must(ath_status status, const ath_error *err) {
    if (status != ATH_OK) fail_msg("%s (%s)", err->message, err->where);
}

static int by_name(const void *a, const void *b) {
    const struct ath__entry *x = *(struct ath__entry *const *)a, *y = *(struct ath__entry *const *)b;
    return strcmp(x->name, y->name);
}

/* The entries of one kind in the byte order of their names. */
static int sorted(const struct ath__store *store, ath__leaf leaf, struct ath__entry **entries) {
    int count = 0;
    for (int i = 0; i < store->count; i++)
        if (store->entries[i].leaf == leaf) entries[count++] = &store->entries[i];
    qsort(entries, (size_t)count, sizeof *entries, by_name);
    return count;
}

static void draw_values(struct ath__network *network, uint32_t seed, double gain) {
    struct ath__store  *store = network->store;
    struct ath__entry **entries = ATH_NEW_ARRAY(struct ath__entry *, store->count + 1);
    assert_non_null(entries);
    int count = sorted(store, ATH_LEAF_PARAM, entries);
    for (int i = 0; i < count; i++) trajectory_fill(seed, gain, store, entries[i], (uint32_t)i);
    count = sorted(store, ATH_LEAF_STATE, entries);
    for (int i = 0; i < count; i++) {
        int64_t size = ath_shape_count(&entries[i]->shape);
        bool    mean = strstr(entries[i]->name, "running_mean") != NULL;
        trajectory_signed(seed, 0x40000u + (uint32_t)i, entries[i]->data, size);
        for (int64_t k = 0; k < size; k++) {
            float *value = &entries[i]->data[k];
            *value = mean ? *value * 0.1f : 0.5f + (*value + 1.0f) * 0.5f;
        }
    }
    ath__free(entries);
    ath__network_changed(network);
}

static void keep(void *context, const struct ath__samples *samples, const float *logits, const float *losses) {
    (void)losses;
    memcpy(context, logits, (size_t)samples->count * CLASSES * sizeof(float));
}

static int side_of(const json_t *input, size_t i) {
    return (int)json_integer_value(json_array_get(input, i));
}

/* Grad-CAM's maps, under the same limit. */
static void compare_maps(const json_t *row, struct ath__network *network, const float *images) {
    size_t  index;
    json_t *golden;
    json_array_foreach(json_object_get(row, "class_maps"), index, golden) {
        const json_t   *truth = json_object_get(golden, "map64"), *size = json_object_get(golden, "size");
        const char     *layer = json_string_value(json_object_get(golden, "layer"));
        struct ath__cam cam;
        const float    *logits, *maps;
        int             chosen[BATCH] = {-1, -1};
        double          largest = 0.0;
        ath_error       err = {0};
        must(ath__cam_open(&cam, network, layer, BATCH, &err), &err);
        must(ath__cam_run(&cam, images, BATCH, chosen, &logits, &maps, &err), &err);
        assert_int_equal(cam.height, side_of(size, 0));
        assert_int_equal(cam.width, side_of(size, 1));
        assert_int_equal(json_array_size(truth), BATCH * cam.height * cam.width);
        for (size_t i = 0; i < BATCH; i++) assert_int_equal(chosen[i], side_of(json_object_get(golden, "classes"), i));
        for (size_t i = 0; i < json_array_size(truth); i++)
            largest = fmax(largest, json_number_value(json_array_get(truth, i)));
        assert_true(largest > 0.0);
        double allowed = FACTOR * trajectory_number(golden, "float32_distance") + 0x1p-24 * sqrt(LENGTH) * largest;
        for (size_t i = 0; i < json_array_size(truth); i++) {
            double want = json_number_value(json_array_get(truth, i));
            if (!(fabs((double)maps[i] - want) <= allowed))
                fail_msg("map of '%s': place %zu is %.9g instead of %.9g; %.2g is allowed", cam.layer, i,
                         (double)maps[i], want, allowed);
        }
        ath__cam_close(&cam);
    }
}

/* A layer that is not there is named with the nearest one. */
static void unknown_layers(void **state) {
    (void)state;
    struct ath__network_settings settings = {.optimizer = NULL};
    ath_model                   *model;
    struct ath__network         *network;
    struct ath__cam              cam;
    ath_error                    err = {0};
    must(ath_model_create("mobilenetv2", &model, &err), &err);
    must(ath__network_create(model, &settings, &network, &err), &err);
    assert_int_equal(ath__cam_open(&cam, network, "feature.14", 1, &err), ATH_USAGE);
    assert_non_null(strstr(err.message, "did you mean 'features.14"));
    ath__cam_close(&cam);
    assert_int_equal(ath__cam_open(&cam, network, "classifier.1", 1, &err), ATH_USAGE);
    ath__cam_close(&cam);
    ath__network_destroy(network);
    ath_model_destroy(model);
}

static void compare_net(const json_t *row, double gain) {
    struct ath__network_settings settings = {.optimizer = NULL};
    const char                  *name = json_string_value(json_object_get(row, "model")), *key;
    uint32_t                     seed = (uint32_t)trajectory_number(row, "seed");
    ath_model                   *model;
    struct ath__network         *network;
    ath_error                    err = {0};
    const json_t                *input = json_object_get(row, "input");
    json_t                      *value;
    int                          channels, height, width;
    must(ath_model_create(name, &model, &err), &err);
    json_object_foreach(json_object_get(row, "options"), key, value)
        must(ath_model_set(model, key, json_string_value(value), &err), &err);
    must(ath_model_set_classes(model, CLASSES, &err), &err);
    if (input) must(ath_model_set_input(model, side_of(input, 0), side_of(input, 1), side_of(input, 2), &err), &err);
    must(ath__network_create(model, &settings, &network, &err), &err);
    draw_values(network, seed, gain);
    ath_model_input(model, &channels, &height, &width);
    int64_t pixels = (int64_t)BATCH * channels * height * width;
    float  *images = ATH_NEW_ARRAY(float, pixels), logits[BATCH * CLASSES];
    assert_non_null(images);
    trajectory_signed(seed, 0x10000u, images, pixels);
    struct ath__samples samples = {.images = images, .labels = NULL, .count = BATCH};
    must(ath__network_eval(network, &samples, keep, logits, &err), &err);
    const json_t *truth = json_object_get(row, "logits64");
    double        largest = 0.0, worst = 0.0;
    assert_int_equal(json_array_size(truth), BATCH * CLASSES);
    for (size_t i = 0; i < BATCH * CLASSES; i++)
        largest = fmax(largest, fabs(json_number_value(json_array_get(truth, i))));
    double allowed = FACTOR * trajectory_number(row, "float32_distance") + 0x1p-24 * sqrt(LENGTH) * largest;
    for (size_t i = 0; i < BATCH * CLASSES; i++) {
        double want = json_number_value(json_array_get(truth, i)), off = fabs((double)logits[i] - want);
        worst = fmax(worst, off);
        if (!(off <= allowed))
            fail_msg("%s: logit %zu is %.9g instead of %.9g; %.2g is allowed", name, i, (double)logits[i], want,
                     allowed);
    }
    compare_maps(row, network, images);
    print_message("%s: %.2f of the limit\n", name, worst / allowed);
    ath__free(images);
    ath__network_destroy(network);
    ath_model_destroy(model);
}

static void nets_are_those_of_pytorch(void **state) {
    (void)state;
    char         path[1024];
    json_error_t fault;
    size_t       index;
    json_t      *row;
    snprintf(path, sizeof path, "%s/golden/forward.json", ATHANOR_TEST_SOURCE);
    json_t *json = json_load_file(path, 0, &fault);
    if (!json) fail_msg("%s: %s", path, fault.text);
    assert_true(json_array_size(json_object_get(json, "nets")) > 0);
    json_array_foreach(json_object_get(json, "nets"), index, row)
        compare_net(row, trajectory_number(json, "weight_gain"));
    json_decref(json);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(nets_are_those_of_pytorch), cmocka_unit_test(unknown_layers)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
