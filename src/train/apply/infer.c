/* `athanor infer`: tensors in, tensors out, through an ONNX graph as it stands or a trained model file. */
#include "athanor/train.h"

#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "format/onnx/array_file.h"
#include "format/onnx/onnx_run.h"
#include "train/settings.h"
#include "train/source.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { MOST_INPUTS = 256 };

struct job {
    const ath_config *config;
    const char       *model, *folder;
    struct ath__arena arena;
    void (*each)(const ath_inferred *inferred, void *context);
    void      *context;
    ath_error *err;
};

/* A result's name as a file name: what is no letter, digit, '.', '-' or '_' becomes '_'. */
static void file_name(const char *prefix, const char *name, char *text, size_t capacity) {
    snprintf(text, capacity, "%s%s%s", prefix, *prefix ? "." : "", *name ? name : "output");
    for (char *c = text; *c; c++)
        if (!isalnum((unsigned char)*c) && !strchr(".-_", *c)) *c = '_';
    if (text[0] == '.') text[0] = '_';
}

static ath_status give(struct job *job, const char *prefix, const char *name, const struct ath__onnx_tensor *tensor) {
    char         path[ATH_PATH_MAX] = "", file[256];
    ath_inferred inferred = {.name = name, .dtype = ath__onnx_type_name(tensor->type), .rank = tensor->rank};
    if (*job->folder) {
        file_name(prefix, name, file, sizeof file - 4);
        strcat(file, ".npy");
        ATH_TRY(ath__path_join(path, job->folder, file, job->err));
        ATH_TRY(ath__npy_write(path, tensor, job->err));
    }
    inferred.path = path;
    for (int d = 0; d < tensor->rank; d++) inferred.dims[d] = tensor->dims[d];
    for (int64_t i = 0; i < tensor->count; i++) {
        double value = ath__onnx_get(tensor, i);
        inferred.sum += value;
        if (i == 0 || value < inferred.min) inferred.min = value;
        if (i == 0 || value > inferred.max) {
            inferred.max = value;
            inferred.argmax = i;
        }
    }
    if (job->each) job->each(&inferred, job->context);
    return ATH_OK;
}

/* ---- ONNX ------------------------------------------------------------------------------------------------------------- */

static ath_status run_graph(struct job *job, struct ath__onnx_file *file, const struct ath__onnx_feed *feeds, int count,
                            const char *prefix) {
    struct ath__onnx_result *results;
    int                      result_count;
    ATH_TRY(ath__onnx_run(file, feeds, count, &job->arena, &results, &result_count, job->err));
    for (int i = 0; i < result_count; i++) ATH_TRY(give(job, prefix, results[i].name, &results[i].tensor));
    return ATH_OK;
}

/* "a" of "dir/a.npy" */
static const char *stem_of(struct job *job, const char *path) {
    const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path, *dot = strrchr(base, '.');
    char       *stem = ath__arena_strdup(&job->arena, base);
    if (stem && dot && dot > base) stem[dot - base] = '\0';
    return stem ? stem : "input";
}

static int inputs_of(const struct ath__onnx_file *file) {
    int count = 0;
    while (ath__onnx_input_name(file, count)) count++;
    return count;
}

static bool names_input(const struct ath__onnx_file *file, const char *name) {
    const char *input;
    for (int i = 0; (input = ath__onnx_input_name(file, i)); i++)
        if (strcmp(input, name) == 0) return true;
    return false;
}

/* One input and several files: a run for each. Else the arrays are the inputs, by name where one names an input (an
 * .npz's arrays, ONNX's tensors), the others in the graph's order. */
static ath_status infer_onnx(struct job *job, struct ath__onnx_file *file, const char *const *paths, int path_count) {
    struct ath__onnx_feed feeds[MOST_INPUTS];
    struct ath__array    *arrays;
    int                   wanted = inputs_of(file), count = 0, used = 0, next = 0;
    if (wanted > MOST_INPUTS)
        return ath__fail(job->err, ATH_UNSUPPORTED, file->path, "more than %d inputs", (int)MOST_INPUTS);
    if (wanted == 1 && path_count > 1) {
        for (int i = 0; i < path_count; i++) {
            ATH_TRY(ath__array_file_read(paths[i], &job->arena, &arrays, &count, job->err));
            feeds[0] = (struct ath__onnx_feed){ath__onnx_input_name(file, 0), &arrays[0].tensor};
            ATH_TRY(run_graph(job, file, feeds, 1, stem_of(job, paths[i])));
        }
        return ATH_OK;
    }
    for (int i = 0; i < path_count; i++) {
        ATH_TRY(ath__array_file_read(paths[i], &job->arena, &arrays, &count, job->err));
        for (int k = 0; k < count; k++) {
            const char *name = arrays[k].name;
            if (used == wanted)
                return ath__fail(job->err, ATH_USAGE, paths[i], "the graph has %d inputs, and more arrays are given",
                                 wanted);
            bool taken = !*name || !names_input(file, name);
            for (int j = 0; j < used && !taken; j++) taken = strcmp(feeds[j].name, name) == 0;
            if (taken) name = ath__onnx_input_name(file, next);
            feeds[used++] = (struct ath__onnx_feed){name, &arrays[k].tensor};
            next++;
        }
    }
    if (used < wanted)
        return ath__fail(job->err, ATH_USAGE, file->path,
                         "the graph has %d inputs, and %d arrays are given; the next is '%.80s'", wanted, used,
                         ath__onnx_input_name(file, used));
    return run_graph(job, file, feeds, used, "");
}

/* ---- model files -------------------------------------------------------------------------------------------------------- */

struct logits {
    struct ath__onnx_tensor *all;
    int64_t                  done;
};

static void keep_logits(void *context, const struct ath__samples *samples, const float *logits, const float *losses) {
    struct logits *kept = context;
    size_t         row = (size_t)kept->all->dims[1];
    (void)losses;
    memcpy((float *)kept->all->data + (size_t)kept->done * row, logits, (size_t)samples->count * row * sizeof(float));
    kept->done += samples->count;
}

static ath_status infer_array(struct job *job, struct ath__source *source, const char *path,
                              const struct ath__array *array, const char *prefix) {
    int                            channels, height, width;
    const struct ath__onnx_tensor *t = &array->tensor;
    ath_model_input(source->model, &channels, &height, &width);
    int64_t tail = t->rank >= 3 ? t->rank - 3 : -1;
    if (tail < 0 || tail > 1 || t->dims[tail] != channels || t->dims[tail + 1] != height || t->dims[tail + 2] != width)
        return ath__fail(job->err, ATH_DATA, path, "the model takes arrays (N,%d,%d,%d) of preprocessed images",
                         channels, height, width);
    int64_t                  images = tail ? t->dims[0] : 1, batch = ath__config_int(source->config, "batch");
    size_t                   size = (size_t)channels * (size_t)height * (size_t)width;
    struct ath__onnx_tensor *x = ath__onnx_tensor_new(&job->arena, ATH_ONNX_FLOAT, t->rank, t->dims);
    struct logits            kept = {.all = ath__onnx_tensor_new(&job->arena, ATH_ONNX_FLOAT, 2,
                                                                 (int64_t[]){images, ath_model_classes(source->model)})};
    int32_t                 *labels = ATH_ARENA_ARRAY(&job->arena, int32_t, batch);
    if (!x || !kept.all || !labels) return ath__fail_memory(job->err, path);
    for (int64_t i = 0; i < t->count; i++) ath__onnx_put(x, i, ath__onnx_get(t, i));
    for (int64_t first = 0; first < images; first += batch) {
        struct ath__samples samples = {.images = (const float *)x->data + (size_t)first * size,
                                       .labels = labels,
                                       .count = images - first < batch ? images - first : batch};
        ATH_TRY(ath__network_eval(source->network, &samples, keep_logits, &kept, job->err));
    }
    return give(job, prefix, "logits", kept.all);
}

static ath_status infer_model(struct job *job, const char *const *paths, int path_count) {
    struct ath__source source = {.config = NULL};
    struct ath__array *arrays;
    ath_config        *config = NULL;
    int                count;
    ath_status         status = ath_config_copy(job->config, &config, job->err);
    if (status == ATH_OK) status = ath_config_set(config, "weights", job->model, ATH_ORIGIN_COMMAND_LINE, job->err);
    if (status == ATH_OK) status = ath__source_open(config, NULL, &source, job->err);
    for (int i = 0; i < path_count && status == ATH_OK; i++) {
        status = ath__array_file_read(paths[i], &job->arena, &arrays, &count, job->err);
        for (int k = 0; k < count && status == ATH_OK; k++)
            status = infer_array(job, &source, paths[i], &arrays[k],
                                 count > 1        ? arrays[k].name
                                 : path_count > 1 ? stem_of(job, paths[i])
                                                  : "");
    }
    ath__source_close(&source);
    ath_config_destroy(config);
    return status;
}

/* ---- both ---------------------------------------------------------------------------------------------------------------- */

ath_status ath_infer(const ath_config *config, const char *model, const char *const *inputs, int input_count,
                     void (*each)(const ath_inferred *inferred, void *context), void *context, ath_error *err) {
    struct ath__mapping   mapping = {.data = NULL};
    struct ath__onnx_file file = {.path = model};
    struct job            job = {.config = config,
                                 .model = model,
                                 .folder = ath__config_text(config, "out"),
                                 .each = each,
                                 .context = context,
                                 .err = err};
    ath__setup_threads(config);
    if (*job.folder) ATH_TRY(ath__folder_make(job.folder, err));
    ATH_TRY(ath__file_map(model, &mapping, err));
    ath_status status = ATH_OK;
    if (ath__onnx_is_model(mapping.data, mapping.size)) {
        status = ath__onnx_file_read(model, mapping.data, mapping.size, &file, err);
        if (status == ATH_OK) status = infer_onnx(&job, &file, inputs, input_count);
    } else {
        status = infer_model(&job, inputs, input_count);
    }
    ath__onnx_file_close(&file);
    ath__file_unmap(&mapping);
    ath__arena_free(&job.arena);
    return status;
}
