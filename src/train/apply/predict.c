/* `athanor predict`: images from files, folders and data sets through a trained network.
 *
 * A word is test:17, val:0-99 or train:5 (elements of the data set), the path of a folder, of an image file, or of an IDX
 * file of images, which may carry a range: t10k-images-idx3-ubyte.gz:0-9. Images pass through the model file's
 * preprocessing and the evaluation program, with the same test-time augmentation and in batches of the same size as
 * `eval`, so both give the same answers.
 */
#include "athanor/train.h"

#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "data/idx.h"
#include "data/photo/photo_file.h"
#include "data/photo/photo_labels.h"
#include "data/photo/photo_scan.h"
#include "train/apply/predict_batch.h"
#include "train/image_word.h"
#include "train/settings.h"
#include "train/setup.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { MOST_SETS = 64 };

struct predictor {
    struct ath__source         source;
    struct ath__predict_batch  batch;
    struct ath__predict_sheet *sheet;

    /* Sets whose images may still wait in the batch. */
    ath_dataset *sets[MOST_SETS];
    int          set_count;
    ath_dataset *splits[3]; /* of those, the data set's, opened at their first element */
};

/* ---- what is known about an image -------------------------------------------------------------------------------- */

/* The class that `name` (length bytes) is the name or the title of; -1 = none. */
static int class_of(const struct ath__model_info *info, const char *name, size_t length) {
    char **const lists[] = {info->class_names, info->class_titles};
    for (int i = 0; i < 2; i++)
        for (int c = 0; lists[i] && c < info->classes; c++)
            if (strlen(lists[i][c]) == length && strncmp(lists[i][c], name, length) == 0) return c;
    return -1;
}

/* The class that the folder of a file, or one above it, is called like: the nearest. */
static int truth_of(const struct ath__source *source, const char *path) {
    const char *end = source->numbered ? NULL : strrchr(path, '/'); /* folders are numbered for other reasons */
    while (end && end > path) {
        const char *begin = end;
        while (begin > path && begin[-1] != '/') begin--;
        int c = class_of(&source->info, begin, (size_t)(end - begin));
        if (c >= 0) return c;
        end = begin > path ? begin - 1 : NULL;
    }
    return -1;
}

/* ---- data sets --------------------------------------------------------------------------------------------------- */

/* Keeps a set until its images are through; NULL is a failure to open it. */
static ath_status keep_set(struct predictor *p, ath_dataset *dataset, ath_error *err) {
    if (p->set_count == MOST_SETS) {
        ath_status status = ath__predict_flush(&p->batch, err);
        for (int i = 0; i < p->set_count; i++) ath_dataset_close(p->sets[i]);
        memset(p->splits, 0, sizeof p->splits);
        p->set_count = 0;
        if (status != ATH_OK) {
            ath_dataset_close(dataset);
            return status;
        }
    }
    p->sets[p->set_count++] = dataset;
    return ATH_OK;
}

/* Elements of a set under the names "WHAT[i]"; a set of one image, unless `always`, under WHAT alone. */
static ath_status add_range(struct predictor *p, const ath_dataset *dataset, const char *what, const char *range,
                            bool always, bool labelled, ath_error *err) {
    int64_t first, last, count = ath_dataset_describe(dataset).count;
    if (!ath__image_word_range(range, count, &first, &last))
        return ath__fail(err, ATH_USAGE, what, "no such images: there are 0-%" PRId64, count - 1);
    for (int64_t i = first; i <= last; i++) {
        char name[ATH_PATH_MAX + 64];
        int  label = -1;
        snprintf(name, sizeof name, count > 1 || always ? "%s[%" PRId64 "]" : "%s", what, i);
        if (labelled) ATH_TRY(ath_dataset_label(dataset, i, &label, err));
        ATH_TRY(ath__predict_add(&p->batch, name, dataset, i, label, err));
    }
    return ATH_OK;
}

static ath_status add_elements(struct predictor *p, const char *word, ath_split split, const char *range,
                               ath_error *err) {
    const struct ath__model_info *info = &p->source.info;
    char                          what[ATH_PATH_MAX + 16];
    if (!p->splits[split]) {
        ath_dataset *dataset;
        ATH_TRY(ath__setup_data(p->source.config, split, &dataset, err));
        ATH_TRY(keep_set(p, dataset, err));
        if (!p->source.numbered && ath_dataset_describe(dataset).height == 0)
            ATH_TRY(ath__dataset_relabel(dataset, (const char *const *)info->class_names, info->classes, err));
        p->splits[split] = dataset;
    }
    ath_dataset_info data = ath_dataset_describe(p->splits[split]);
    bool             labelled = data.classes == info->classes;
    snprintf(what, sizeof what, "%s:%.*s", data.name, (int)strcspn(word, ":"), word);
    return add_range(p, p->splits[split], what, range, true, labelled, err);
}

/* ---- files ------------------------------------------------------------------------------------------------------- */

/* Whether the file begins as an IDX file of images does, packed or not. */
static bool is_idx(const char *path) {
    struct ath__mapping mapping;
    if (ath__file_map(path, &mapping, NULL) != ATH_OK) return false;
    const unsigned char *bytes = mapping.data;
    bool                 yes = mapping.size >= 4 &&
               ((bytes[0] == 0x1f && bytes[1] == 0x8b) || (bytes[0] == 0 && bytes[1] == 0 && bytes[2] == 8));
    ath__file_unmap(&mapping);
    return yes;
}

/* The images of an IDX file, as a set of grey images or of three equal colours. */
static ath_status add_idx(struct predictor *p, const char *path, const char *range, ath_error *err) {
    struct ath__idx         idx = {0};
    struct ath__image_store store = {0};
    ath_dataset            *dataset = NULL;
    ath_error               problem = {.code = ATH_OK};
    if (ath__idx_read(path, 3, &idx, &problem) != ATH_OK) {
        if (problem.code == ATH_DATA) return ath__predict_refuse(&p->batch, path, problem.message, err);
        if (err) *err = problem;
        return problem.code;
    }
    store.count = idx.dims[0];
    store.height = (int)idx.dims[1];
    store.width = (int)idx.dims[2];
    store.channels = 1;
    store.pixels = idx.data;
    if (store.count < 1 || store.height < 1 || store.width < 1) {
        ath__image_store_free(&store);
        return ath__predict_refuse(&p->batch, path, "this IDX file holds no images", err);
    }
    int channels = p->batch.preprocessor.channels;
    if (channels == 3) ATH_TRY(ath__image_store_colour(&store, err));
    store.labels = ATH_NEW_ARRAY(int32_t, store.count);
    if (!store.labels) {
        ath__image_store_free(&store);
        return ath__fail_memory(err, path);
    }
    ATH_TRY(ath__dataset_wrap(path, ATH_SPLIT_TEST, &store, &dataset, err));
    ATH_TRY(keep_set(p, dataset, err));
    return add_range(p, dataset, path, range, false, false, err);
}

static ath_status add_file(struct predictor *p, const char *path, const char *range, ath_error *err) {
    if (is_idx(path)) return add_idx(p, path, range, err);
    if (*range) return ath__fail(err, ATH_USAGE, path, "only IDX files have numbered images, not '%s'", path);
    return ath__predict_add(&p->batch, path, NULL, 0, truth_of(&p->source, path), err);
}

/* The images of a folder that was named. */
struct found {
    struct predictor *predictor;
    int64_t           images;
};

/* A file in it: images, and what is called like one. */
static ath_status add_found(void *context, const char *path, ath_error *err) {
    struct found *found = context;
    if (!ath__photo_is_image(path)) return ATH_OK;
    found->images++;
    return add_file(found->predictor, path, "", err);
}

static ath_status add_folder(struct predictor *p, const char *folder, ath_error *err) {
    struct found found = {.predictor = p};
    ATH_TRY(ath__photo_walk(folder, add_found, &found, err));
    return found.images > 0 ? ATH_OK
                            : ath__predict_refuse(&p->batch, folder, "there are no images in this folder", err);
}

static ath_status add_word(struct predictor *p, const char *word, ath_error *err) {
    const char *range;
    ath_split   split;
    if (ath__file_exists(word)) return add_file(p, word, "", err);
    if (ath__folder_exists(word)) return add_folder(p, word, err);
    if (ath__image_word_part(word, &split, &range)) return add_elements(p, word, split, range, err);
    const char *colon = strrchr(word, ':');
    char        path[ATH_PATH_MAX];
    if (colon && (size_t)(colon - word) < sizeof path) {
        memcpy(path, word, (size_t)(colon - word));
        path[colon - word] = '\0';
        if (ath__file_exists(path)) return add_file(p, path, colon + 1, err);
    }
    return add_file(p, word, "", err);
}

/* ---- the whole --------------------------------------------------------------------------------------------------- */

/* labels=FILE: titles and groups in place of the model's. */
static ath_status read_labels(struct predictor *p, ath_error *err) {
    struct ath__model_info *info = &p->source.info;
    const char             *path = ath__config_text(p->source.config, "labels");
    struct ath__image_store store = {.classes = info->classes, .class_names = (const char *const *)info->class_names};
    ath_dataset            *dataset = NULL;
    struct ath__model_info  named = {.preprocess = info->preprocess};
    if (ath__config_origin(p->source.config, "labels") != ATH_ORIGIN_COMMAND_LINE) return ATH_OK;
    if (!*path || strcmp(path, "none") == 0) return ATH_OK;
    ath_status status = ath__labels_apply(path, &store, err);
    if (status != ATH_OK) {
        ath__image_store_free(&store);
        return status;
    }
    ATH_TRY(ath__dataset_wrap(path, ATH_SPLIT_TEST, &store, &dataset, err));
    status = ath__model_info_take(&named, dataset, err);
    ath_dataset_close(dataset);
    if (status == ATH_OK) {
        struct ath__model_info old = *info;
        *info = named;
        named = old;
    }
    ath__model_info_free(&named);
    return status;
}

static ath_status open_predictor(struct predictor *p, const ath_config *config, ath_error *err) {
    ATH_TRY(ath__source_open(config, NULL, &p->source, err));
    ATH_TRY(ath__source_number_classes(&p->source, err));
    ATH_TRY(read_labels(p, err));
    if (*ath__config_text(config, "sheet")) {
        p->sheet = ATH_NEW(struct ath__predict_sheet);
        if (!p->sheet) return ath__fail_memory(err, "sheet");
    }
    return ath__predict_open(&p->batch, &p->source, p->sheet, err);
}

static ath_status write_sheet(const struct predictor *p, ath_error *err) {
    char title[ATH_PATH_MAX + 64];
    if (!p->sheet) return ATH_OK;
    snprintf(title, sizeof title, "Predictions of %s", p->source.path);
    return ath__predict_sheet_write(p->sheet, title, ath__config_text(p->source.config, "sheet"), err);
}

ath_status ath_predict_stream(const ath_config *config, const char *(*next)(void *context),
                              void (*each)(const ath_prediction *prediction, void *context), void *context,
                              ath_error *err) {
    struct predictor p = {.batch = {.each = each, .context = context}};
    ath_status       status = open_predictor(&p, config, err);
    for (const char *word; status == ATH_OK && (word = next(context)) != NULL;) status = add_word(&p, word, err);
    if (status == ATH_OK) status = ath__predict_flush(&p.batch, err);
    if (status == ATH_OK) status = write_sheet(&p, err);
    ath__predict_close(&p.batch);
    for (int i = 0; i < p.set_count; i++) ath_dataset_close(p.sets[i]);
    if (p.sheet) ath__predict_sheet_free(p.sheet);
    ath__free(p.sheet);
    ath__source_close(&p.source);
    return status;
}

/* Paths in an array as a stream of them. */
struct listed {
    const char *const *paths;
    int                count, at;
    void (*each)(const ath_prediction *prediction, void *context);
    void *context;
};

static const char *next_listed(void *context) {
    struct listed *listed = context;
    return listed->at < listed->count ? listed->paths[listed->at++] : NULL;
}

static void each_listed(const ath_prediction *prediction, void *context) {
    const struct listed *listed = context;
    listed->each(prediction, listed->context);
}

ath_status ath_predict(const ath_config *config, const char *const *paths, int path_count,
                       void (*each)(const ath_prediction *prediction, void *context), void *context, ath_error *err) {
    struct listed listed = {paths, path_count, 0, each, context};
    if (path_count == 0)
        return ath__fail(err, ATH_USAGE, NULL,
                         "which images? Give files or folders, or test:0-9 for images of the data set");
    return ath_predict_stream(config, next_listed, each_listed, &listed, err);
}
