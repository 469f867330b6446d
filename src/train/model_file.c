/* Writing and reading model files.
 *
 * Metadata keys: "format" (athanor 1), "model" and "model.KEY" (name and options), "net" (the text of a network that is
 * not the zoo's), "reparam", "input" (CxHxW), "classes", "class_names", "class_titles", "class_groups" (JSON arrays; the
 * latter two where the data set has them), "unseen_classes" (JSON array of numbers: classes without training images, if
 * there are any), "preprocess" (JSON object), "version".
 */
#include "train/model_file.h"

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "train/setup_preprocess.h"

#include "athanor_config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_METADATA = 80 };

void ath__model_info_free(struct ath__model_info *info) {
    char **lists[] = {info->class_names, info->class_titles, info->class_groups};
    for (int i = 0; i < 3; i++) {
        for (int c = 0; lists[i] && c < info->classes; c++) ath__free(lists[i][c]);
        ath__free((void *)lists[i]);
    }
    ath__free(info->unseen);
    memset(info, 0, sizeof *info);
}

static const char *taken_title(const ath_dataset_info *data, int c) {
    return data->class_titles[c];
}

static const char *taken_name(const ath_dataset_info *data, int c) {
    return data->class_names[c];
}

static const char *taken_group(const ath_dataset_info *data, int c) {
    return data->class_groups[c] < 0 ? "" : data->group_names[data->class_groups[c]];
}

static ath_status take(const ath_dataset_info *data, const char *(*text)(const ath_dataset_info *, int), char ***list,
                       ath_error *err) {
    *list = ATH_NEW_ARRAY(char *, data->classes);
    if (!*list) return ath__fail_memory(err, "class names");
    for (int c = 0; c < data->classes; c++) {
        (*list)[c] = ath__strdup(text(data, c));
        if (!(*list)[c]) return ath__fail_memory(err, "class names");
    }
    return ATH_OK;
}

ath_status ath__model_info_take(struct ath__model_info *info, const ath_dataset *dataset, ath_error *err) {
    ath_dataset_info data = ath_dataset_describe(dataset);
    info->classes = data.classes;
    ATH_TRY(take(&data, taken_name, &info->class_names, err));
    if (data.class_titles != data.class_names) ATH_TRY(take(&data, taken_title, &info->class_titles, err));
    return data.class_groups ? take(&data, taken_group, &info->class_groups, err) : ATH_OK;
}

struct ath__class_labels ath__model_info_labels(const struct ath__model_info *info) {
    return (struct ath__class_labels){(const char *const *)info->class_names, (const char *const *)info->class_titles,
                                      (const char *const *)info->class_groups};
}

/* The metadata under construction; texts live in the arena. */
struct meta {
    struct ath__arena arena;
    ath_metadata      items[MAX_METADATA];
    int               count;
    bool              failed;
};

static void meta_put(struct meta *meta, const char *key, const char *value) {
    const char *k = ath__arena_strdup(&meta->arena, key), *v = ath__arena_strdup(&meta->arena, value);
    if (!k || !v || meta->count == MAX_METADATA)
        meta->failed = true;
    else
        meta->items[meta->count++] = (ath_metadata){k, v};
}

static void meta_json(struct meta *meta, const char *key, json_t *json) {
    char *text = json ? ath__json_text(json, JSON_COMPACT | JSON_REAL_PRECISION(17)) : NULL;
    if (text)
        meta_put(meta, key, text);
    else
        meta->failed = true;
    ath__free(text);
    json_decref(json);
}

/* In the order of enum ath__fit. Files of earlier versions say nothing: they were stretched. Those that say nothing of
 * the rounding were rounded as torchvision does. */
static const char *const fits[] = {"stretch", "shorter", "exact", "crop"};

static json_t *preprocess_json(const struct ath__preprocess *preprocess, int channels) {
    json_t *mean = json_array(), *deviation = json_array();
    for (int c = 0; c < channels && c < 4; c++) {
        json_array_append_new(mean, json_real(preprocess->mean[c]));
        json_array_append_new(deviation, json_real(preprocess->deviation[c]));
    }
    json_t *json = json_pack("{s:i, s:i, s:s, s:o, s:o}", "height", preprocess->height, "width", preprocess->width,
                             "filter", ath__filter_name(preprocess->filter), "mean", mean, "deviation", deviation);
    json_object_set_new(json, "fit", json_string(fits[preprocess->fit]));
    json_object_set_new(json, "rounding", json_string(ath__rounding_name(preprocess->rounding)));
    if (preprocess->fit_height > 0) json_object_set_new(json, "fit_height", json_integer(preprocess->fit_height));
    if (preprocess->fit_width > 0) json_object_set_new(json, "fit_width", json_integer(preprocess->fit_width));
    return json;
}

static json_t *texts_json(char *const *texts, int count) {
    json_t *array = json_array();
    for (int c = 0; texts && c < count; c++) json_array_append_new(array, json_string(texts[c]));
    return array;
}

static void describe(struct meta *meta, const struct ath__network *network, const struct ath__model_info *info) {
    ath_model *model = (ath_model *)(uintptr_t)network->model; /* reading options uses a text buffer in the model */
    char       text[64];
    int        channels, height, width;
    ath_model_input(model, &channels, &height, &width);
    meta_put(meta, "format", "athanor 1");
    meta_put(meta, "version", ATHANOR_VERSION);
    meta_put(meta, "model", ath_model_name(model));
    if (ath_model_text(model)) meta_put(meta, "net", ath_model_text(model));
    ath_model_option option;
    for (int i = 0; ath_model_option_at(model, i, &option); i++) {
        char key[96];
        snprintf(key, sizeof key, "model.%s", option.name);
        meta_put(meta, key, ath_model_get(model, option.name));
    }
    meta_put(meta, "reparam", ath_model_reparam(model));
    snprintf(text, sizeof text, "running average, decay %g", network->settings.ema);
    if (network->averaged) meta_put(meta, "weights", text);
    snprintf(text, sizeof text, "%dx%dx%d", channels, height, width);
    meta_put(meta, "input", text);
    snprintf(text, sizeof text, "%d", ath_model_classes(model));
    meta_put(meta, "classes", text);
    meta_json(meta, "preprocess", preprocess_json(&info->preprocess, channels));
    meta_json(meta, "class_names", texts_json(info->class_names, info->classes));
    if (info->class_titles) meta_json(meta, "class_titles", texts_json(info->class_titles, info->classes));
    if (info->class_groups) meta_json(meta, "class_groups", texts_json(info->class_groups, info->classes));
    if (!info->unseen) return;
    json_t *unseen = json_array();
    for (int c = 0; c < info->classes; c++)
        if (info->unseen[c]) json_array_append_new(unseen, json_integer(c));
    meta_json(meta, "unseen_classes", unseen);
}

bool ath__is_model_tensor(const struct ath__entry *entry) {
    return strncmp(entry->name, "optimizer.", 10) != 0;
}

ath_status ath__model_file_save(const char *path, const struct ath__network *network,
                                const struct ath__model_info *info, ath_error *err) {
    struct meta       meta = {.count = 0};
    ath_named_tensor *tensors = ATH_NEW_ARRAY(ath_named_tensor, network->store->count + 1);
    int               count = 0;
    ath_status        status = ATH_OK;
    describe(&meta, network, info);
    if (!tensors || meta.failed) {
        status = ath__fail_memory(err, path);
        goto done;
    }
    for (int i = 0; i < network->store->count; i++) {
        const struct ath__entry *entry = &network->store->entries[i];
        if (ath__is_model_tensor(entry))
            tensors[count++] = (ath_named_tensor){entry->name, {ATH_F32, entry->shape, entry->data}};
    }
    status = ath_safetensors_save(path, tensors, count, meta.items, meta.count, err);
done:
    ath__arena_free(&meta.arena);
    ath__free(tensors);
    return status;
}

/* A number of pixels, 0 for what cannot be one. */
static int read_side(const json_t *json, const char *key) {
    json_int_t side = json_integer_value(json_object_get(json, key));
    return side > 0 && side <= 16384 ? (int)side : 0;
}

static void read_preprocess(const char *text, struct ath__preprocess *preprocess) {
    memset(preprocess, 0, sizeof *preprocess);
    for (int c = 0; c < 4; c++) preprocess->deviation[c] = 1.0;
    json_t *json = text ? json_loads(text, 0, NULL) : NULL;
    preprocess->height = read_side(json, "height");
    preprocess->width = read_side(json, "width");
    preprocess->fit_height = read_side(json, "fit_height");
    preprocess->fit_width = read_side(json, "fit_width");
    const char *filter = json_string_value(json_object_get(json, "filter"));
    const char *fit = json_string_value(json_object_get(json, "fit"));
    const char *rounding = json_string_value(json_object_get(json, "rounding"));
    preprocess->rounding = rounding ? ath__rounding_find(rounding) : ATH_ROUND_TORCHVISION;
    preprocess->filter = ath__filter_find(filter ? filter : "bilinear");
    for (size_t i = 0; fit && i < sizeof fits / sizeof fits[0]; i++)
        if (strcmp(fit, fits[i]) == 0) preprocess->fit = (enum ath__fit)i;
    bool shorter = preprocess->fit == ATH_FIT_SHORTER, exact = preprocess->fit == ATH_FIT_EXACT;
    if ((shorter || exact) && (preprocess->fit_height == 0 || (exact && preprocess->fit_width == 0)))
        preprocess->fit = ATH_FIT_STRETCH;
    for (size_t c = 0; c < 4; c++) {
        json_t *mean = json_array_get(json_object_get(json, "mean"), c);
        json_t *deviation = json_array_get(json_object_get(json, "deviation"), c);
        if (mean) preprocess->mean[c] = json_number_value(mean);
        if (json_number_value(deviation) > 0.0) preprocess->deviation[c] = json_number_value(deviation);
    }
    json_decref(json);
}

/* A text for each class; left NULL where the file does not have so many. */
static ath_status read_texts(const ath_tensor_file *file, const char *key, int classes, char ***list, ath_error *err) {
    const char *text = ath_tensor_file_metadata(file, key);
    json_t     *json = text ? json_loads(text, 0, NULL) : NULL;
    ath_status  status = ATH_OK;
    if ((int)json_array_size(json) == classes) {
        *list = ATH_NEW_ARRAY(char *, classes);
        if (!*list) status = ath__fail_memory(err, "class names");
        for (int c = 0; status == ATH_OK && c < classes; c++) {
            const char *name = json_string_value(json_array_get(json, (size_t)c));
            (*list)[c] = ath__strdup(name ? name : "?");
            if (!(*list)[c]) status = ath__fail_memory(err, "class names");
        }
    }
    json_decref(json);
    return status;
}

static ath_status read_unseen(const char *text, int classes, struct ath__model_info *info, ath_error *err) {
    json_t    *json = text ? json_loads(text, 0, NULL) : NULL;
    ath_status status = ATH_OK;
    if (json_array_size(json) > 0) {
        info->unseen = ATH_NEW_ARRAY(bool, classes);
        if (!info->unseen) status = ath__fail_memory(err, "classes");
    }
    for (size_t i = 0; status == ATH_OK && i < json_array_size(json); i++) {
        json_int_t c = json_integer_value(json_array_get(json, i));
        if (c >= 0 && c < classes) info->unseen[c] = true;
    }
    json_decref(json);
    return status;
}

void ath__model_file_preprocess(const ath_tensor_file *file, struct ath__preprocess *preprocess) {
    read_preprocess(ath_tensor_file_metadata(file, "preprocess"), preprocess);
}

/* Options, input and classes as the metadata says. */
static ath_status configure(const ath_tensor_file *file, const char *path, ath_model *model, ath_error *err) {
    for (int i = 0; i < file->metadata_count; i++)
        if (strncmp(file->metadata[i].key, "model.", 6) == 0)
            ATH_TRY(ath_model_set(model, file->metadata[i].key + 6, file->metadata[i].value, err));
    const char *input = ath_tensor_file_metadata(file, "input"), *classes = ath_tensor_file_metadata(file, "classes");
    const char *reparam = ath_tensor_file_metadata(file, "reparam");
    int         dims[3], count = classes ? atoi(classes) : 0;
    if (!input || sscanf(input, "%dx%dx%d", &dims[0], &dims[1], &dims[2]) != 3 || count < 1)
        return ath__fail(err, ATH_DATA, path, "this model file does not say its input size and number of classes");
    ATH_TRY(ath_model_set_input(model, dims[0], dims[1], dims[2], err));
    ATH_TRY(ath_model_set_classes(model, count, err));
    return reparam ? ath_model_set_reparam(model, reparam, err) : ATH_OK;
}

bool ath__is_described(const ath_tensor_file *file) {
    const char *format = ath_tensor_file_metadata(file, "format");
    return format && strncmp(format, "athanor ", 8) == 0 && ath_tensor_file_metadata(file, "model");
}

bool ath__is_model_file(const char *name) {
    ath_tensor_file file;
    if (!ath__file_exists(name) || ath_tensor_file_load(name, &file, NULL) != ATH_OK) return false;
    bool described = ath__is_described(&file);
    ath_tensor_file_free(&file);
    return described;
}

ath_status ath__model_named(const char *name, ath_model **model, ath_error *err) {
    struct ath__model_info info;
    ath_tensor_file        file;
    size_t                 length = strlen(name);
    bool onnx = length > 5 && strcmp(name + length - 5, ".onnx") == 0; /* then its error is what one wants to read */
    if (!onnx && !ath__is_model_file(name)) return ath_model_create(name, model, err);
    ATH_TRY(ath__model_file_open(name, &file, model, &info, err));
    ath__model_info_free(&info);
    ath_tensor_file_free(&file);
    return ATH_OK;
}

ath_status ath__model_file_open(const char *path, ath_tensor_file *file, ath_model **model,
                                struct ath__model_info *info, ath_error *err) {
    memset(info, 0, sizeof *info);
    *model = NULL;
    ATH_TRY(ath_tensor_file_load(path, file, err));
    const char *name = ath__is_described(file) ? ath_tensor_file_metadata(file, "model") : NULL;
    const char *net = name ? ath_tensor_file_metadata(file, "net") : NULL;
    ath_status  status = net    ? ath_model_create_text(name, net, strlen(net), model, err)
                         : name ? ath_model_create(name, model, err)
                                : ath__fail(err, ATH_DATA, path,
                                            "this file does not say which model it is: give model=NAME beside weights=");
    if (status == ATH_OK) status = configure(file, path, *model, err);
    if (status == ATH_OK) {
        read_preprocess(ath_tensor_file_metadata(file, "preprocess"), &info->preprocess);
        info->classes = ath_model_classes(*model);
        status = read_texts(file, "class_names", info->classes, &info->class_names, err);
        if (status == ATH_OK) status = read_texts(file, "class_titles", info->classes, &info->class_titles, err);
        if (status == ATH_OK) status = read_texts(file, "class_groups", info->classes, &info->class_groups, err);
        if (status == ATH_OK)
            status = read_unseen(ath_tensor_file_metadata(file, "unseen_classes"), info->classes, info, err);
    }
    if (status != ATH_OK) {
        ath_model_destroy(*model);
        ath__model_info_free(info);
        ath_tensor_file_free(file);
        *model = NULL;
    }
    return status;
}
