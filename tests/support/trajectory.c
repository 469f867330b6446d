/* Reading golden trajectories and drawing their values.
 *
 *     u      = (float)(word >> 8) * 2^-24            exact, in [0, 1)
 *     signed = 2 * u - 1                             exact, in [-1, 1)
 *     weight = signed * (float)sqrt(gain / fan_in)   rounded once
 */
#include "support/trajectory.h"

#include "base/mem.h"
#include "base/rng.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

void trajectory_words(uint32_t seed, uint32_t index, uint32_t *words, int64_t count) {
    const uint32_t key[2] = {seed, index};
    for (int64_t at = 0; at < count; at += 4) {
        const uint32_t counter[4] = {(uint32_t)(at / 4), 0, 0, 0};
        uint32_t       block[4];
        ath__philox(key, counter, block);
        for (int64_t k = 0; k < 4 && at + k < count; k++) words[at + k] = block[k];
    }
}

static float unit(uint32_t word) {
    return (float)(word >> 8) * 0x1p-24f;
}

void trajectory_signed(uint32_t seed, uint32_t index, float *values, int64_t count) {
    const uint32_t key[2] = {seed, index};
    for (int64_t at = 0; at < count; at += 4) {
        const uint32_t counter[4] = {(uint32_t)(at / 4), 0, 0, 0};
        uint32_t       block[4];
        ath__philox(key, counter, block);
        for (int64_t k = 0; k < 4 && at + k < count; k++) values[at + k] = 2.0f * unit(block[k]) - 1.0f;
    }
}

double trajectory_number(const json_t *object, const char *key) {
    const json_t *value = json_object_get(object, key);
    if (!json_is_number(value)) fail_msg("the golden file has no number '%s'", key);
    return json_number_value(value);
}

static void draw_batches(struct trajectory *t) {
    for (int b = 0; b < t->batches; b++) {
        uint32_t *words = ath__alloc_array((size_t)t->batch, sizeof *words);
        t->images[b] = ath__alloc((size_t)(t->batch * t->image) * sizeof(float));
        t->labels[b] = ath__alloc_array((size_t)t->batch, sizeof(int32_t));
        assert_non_null(t->images[b]);
        assert_non_null(t->labels[b]);
        trajectory_signed(t->seed, 0x10000u + (uint32_t)b, t->images[b], t->batch * t->image);
        trajectory_words(t->seed, 0x20000u + (uint32_t)b, words, t->batch);
        for (int64_t i = 0; i < t->batch; i++) t->labels[b][i] = (int32_t)(words[i] % (uint32_t)t->classes);
        ath__free(words);
    }
    size_t  index;
    json_t *value;
    json_array_foreach(json_object_get(t->json, "first_images"), index, value)
        assert_true(t->images[0][index] == (float)json_number_value(value));
    json_array_foreach(json_object_get(t->json, "first_labels"), index, value)
        assert_int_equal(t->labels[0][index], json_integer_value(value));
}

void trajectory_open(const char *model, struct trajectory *t) {
    char         path[1024];
    json_error_t fault;
    memset(t, 0, sizeof *t);
    snprintf(path, sizeof path, "%s/golden/trajectory-%s.json", ATHANOR_TEST_SOURCE, model);
    t->json = json_load_file(path, 0, &fault);
    if (!t->json) fail_msg("%s: %s", path, fault.text);
    const json_t *input = json_object_get(t->json, "input"), *optimizer = json_object_get(t->json, "optimizer");
    t->seed = (uint32_t)trajectory_number(t->json, "seed");
    t->batch = (int64_t)trajectory_number(t->json, "batch");
    t->batches = (int)trajectory_number(t->json, "batches");
    t->classes = (int)trajectory_number(t->json, "classes");
    t->steps = (int)json_array_size(json_object_get(t->json, "losses64"));
    t->lr = trajectory_number(optimizer, "lr");
    t->momentum = trajectory_number(optimizer, "momentum");
    t->weight_decay = trajectory_number(optimizer, "weight_decay");
    t->image = 1;
    for (size_t i = 0; i < json_array_size(input); i++) t->image *= json_integer_value(json_array_get(input, i));
    assert_in_range(t->steps, 1, TRAJECTORY_MAX_STEPS);
    assert_in_range(t->batches, 1, TRAJECTORY_MAX_BATCHES);
    draw_batches(t);
}

void trajectory_close(struct trajectory *t) {
    for (int b = 0; b < t->batches; b++) {
        ath__free(t->images[b]);
        ath__free(t->labels[b]);
    }
    json_decref(t->json);
}

/* Is the layer of "layer.weight" a batch norm: does it have running statistics? */
static bool is_norm(const struct ath__store *store, const char *name) {
    char  state[256];
    char *dot;
    snprintf(state, sizeof state - 16, "%s", name);
    dot = strrchr(state, '.');
    if (!dot) return false;
    strcpy(dot, ".running_mean");
    return ath__store_find(store, state) != NULL;
}

void trajectory_fill(uint32_t seed, double gain, const struct ath__store *store, struct ath__entry *entry,
                     uint32_t index) {
    int64_t count = ath_shape_count(&entry->shape);
    bool    norm = is_norm(store, entry->name);
    trajectory_signed(seed, index, entry->data, count);
    if (entry->shape.rank >= 2) {
        int64_t fan_in = count / entry->shape.dims[0];
        float   scale = (float)sqrt(gain / (double)fan_in);
        for (int64_t i = 0; i < count; i++) entry->data[i] *= scale;
    } else if (norm && strcmp(strrchr(entry->name, '.'), ".weight") == 0) {
        for (int64_t i = 0; i < count; i++) entry->data[i] = 0.5f + (entry->data[i] + 1.0f) * 0.5f;
    } else {
        for (int64_t i = 0; i < count; i++) entry->data[i] *= norm ? 0.1f : 0.05f;
    }
}

void trajectory_start(const struct trajectory *t, struct ath__network *network) {
    const struct ath__store *store = network->store;
    size_t                   index, k;
    json_t                  *row, *value;
    int                      filled = 0, parameters = 0;
    for (int i = 0; i < store->count; i++) {
        struct ath__entry *entry = &store->entries[i];
        parameters += entry->leaf == ATH_LEAF_PARAM;
        if (entry->leaf == ATH_LEAF_PARAM) continue;
        bool variance = strstr(entry->name, "running_var") != NULL;
        for (int64_t j = 0; j < ath_shape_count(&entry->shape); j++) entry->data[j] = variance ? 1.0f : 0.0f;
    }
    json_array_foreach(json_object_get(t->json, "parameters"), index, row) {
        const char        *name = json_string_value(json_object_get(row, "name"));
        struct ath__entry *entry = ath__store_find(store, name);
        const json_t      *shape = json_object_get(row, "shape");
        if (!entry || entry->leaf != ATH_LEAF_PARAM) fail_msg("the net has no parameter '%s'", name);
        assert_int_equal((int)json_array_size(shape), entry->shape.rank);
        for (int d = 0; d < entry->shape.rank; d++)
            assert_int_equal(json_integer_value(json_array_get(shape, (size_t)d)), entry->shape.dims[d]);
        trajectory_fill(t->seed, trajectory_number(t->json, "weight_gain"), store, entry,
                        (uint32_t)trajectory_number(row, "index"));
        json_array_foreach(json_object_get(row, "start"), k,
                           value) if (entry->data[k] != (float)json_number_value(value))
            fail_msg("%s[%zu] starts as %.9g, not %.9g", name, k, (double)entry->data[k], json_number_value(value));
        filled++;
    }
    assert_int_equal(filled, parameters);
    ath__network_changed(network);
}
