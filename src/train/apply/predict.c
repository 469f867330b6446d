/* `athanor predict`: images from data sets and files through a trained network.
 *
 * A word is test:17, val:0-99 or train:5 (elements of the data set), or the path of an image file or of an IDX file of
 * images, which may carry a range: t10k-images-idx3-ubyte.gz:0-9. Images pass through the model file's preprocessing
 * and the evaluation program, with the same test-time augmentation and in batches of the same size as `eval`, so both
 * give the same answers.
 */
#include "athanor/train.h"

#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/option.h"
#include "base/str.h"
#include "data/dataset.h"
#include "data/image_file.h"
#include "train/metrics.h"
#include "train/settings.h"
#include "train/source.h"
#include "train/views.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct predictor {
    struct ath__source source;
    struct ath__viewer viewer;
    int                channels, height, width, classes, top;
    int64_t            batch, filled;
    float             *images;
    int32_t           *labels; /* unused by the forward pass */
    char             **names;  /* of the images of the batch */
    double            *probabilities;
    ath_guess         *guesses;
    void (*each)(const ath_prediction *prediction, void *context);
    void        *context;
    ath_dataset *dataset; /* opened at the first element */
    ath_split    split;
};

static const char *class_name(const struct predictor *p, int index) {
    return p->source.info.class_names && index < p->source.info.classes ? p->source.info.class_names[index] : "?";
}

static void on_logits(void *context, const struct ath__samples *samples, const float *logits, const float *losses) {
    struct predictor *p = context;
    (void)losses;
    for (int64_t i = 0; i < samples->count; i++, logits += p->classes) {
        ath__softmax_row(logits, p->classes, p->probabilities);
        for (int k = 0; k < p->top; k++) {
            int best = 0;
            for (int c = 1; c < p->classes; c++)
                if (p->probabilities[c] > p->probabilities[best]) best = c;
            p->guesses[k] = (ath_guess){class_name(p, best), best, p->probabilities[best]};
            p->probabilities[best] = -1.0; /* taken */
        }
        ath_prediction prediction = {.path = p->names[i], .top = p->guesses, .count = p->top};
        p->each(&prediction, p->context);
    }
}

static ath_status flush(struct predictor *p, ath_error *err) {
    if (p->filled == 0) return ATH_OK;
    struct ath__samples samples = {.images = p->images, .labels = p->labels, .count = p->filled};
    ath_status          status = ath__viewer_eval(&p->viewer, &samples, on_logits, p, err);
    for (int64_t i = 0; i < p->filled; i++) {
        ath__free(p->names[i]);
        p->names[i] = NULL;
    }
    p->filled = 0;
    return status;
}

static void report_problem(struct predictor *p, const char *name, const char *problem) {
    ath_prediction prediction = {.path = name, .problem = problem};
    p->each(&prediction, p->context);
}

/* Adds one image; a wrong number of channels is that image's problem, not the run's. */
static ath_status add(struct predictor *p, const char *name, const unsigned char *pixels, int channels, int height,
                      int width, ath_error *err) {
    struct ath__preprocess preprocess = p->source.info.preprocess;
    preprocess.height = p->height;
    preprocess.width = p->width;
    if (channels != p->channels) {
        char text[96];
        snprintf(text, sizeof text, "has %d channel%s; the model wants %d", channels, channels == 1 ? "" : "s",
                 p->channels);
        ATH_TRY(flush(p, err));
        report_problem(p, name, text);
        return ATH_OK;
    }
    size_t pixels_of_one = (size_t)p->channels * (size_t)p->height * (size_t)p->width;
    ATH_TRY(ath__preprocess_apply(&preprocess, pixels, channels, height, width,
                                  p->images + (size_t)p->filled * pixels_of_one, err));
    p->names[p->filled] = ath__strdup(name);
    if (!p->names[p->filled]) return ath__fail_memory(err, name);
    p->filled++;
    return p->filled == p->batch ? flush(p, err) : ATH_OK;
}

/* "17" or "0-99", or empty for all of `count`. */
static bool parse_range(const char *text, int64_t count, int64_t *first, int64_t *last) {
    char   from[32];
    size_t length = strcspn(text, "-");
    *first = 0;
    *last = count - 1;
    if (!*text) return true;
    if (length >= sizeof from) return false;
    memcpy(from, text, length);
    from[length] = '\0';
    if (!ath__parse_int(from, first)) return false;
    *last = *first;
    if (text[length] == '-' && !ath__parse_int(text + length + 1, last)) return false;
    return *first >= 0 && *last >= *first && *last < count;
}

static ath_status add_elements(struct predictor *p, const char *word, ath_split split, const char *range,
                               ath_error *err) {
    if (!p->dataset || p->split != split) {
        ath_dataset_close(p->dataset);
        p->dataset = NULL;
        ATH_TRY(ath__setup_data(p->source.config, split, &p->dataset, err));
        p->split = split;
    }
    ath_dataset_info info = ath_dataset_describe(p->dataset);
    int64_t          first, last;
    if (!parse_range(range, info.count, &first, &last))
        return ath__fail(err, ATH_USAGE, word, "no such images: there are 0-%" PRId64, info.count - 1);
    struct ath__picture picture = {0};
    ath_status          status = ATH_OK;
    for (int64_t i = first; i <= last && status == ATH_OK; i++) {
        char name[320];
        snprintf(name, sizeof name, "%s:%.*s[%" PRId64 "]", info.name, (int)strcspn(word, ":"), word, i);
        status = ath__dataset_view(p->dataset, i, 0, &picture, err);
        if (status == ATH_OK)
            status = add(p, name, picture.pixels, picture.channels, picture.height, picture.width, err);
    }
    ath__picture_free(&picture);
    return status;
}

static ath_status add_file(struct predictor *p, const char *path, const char *range, ath_error *err) {
    struct ath__image_file file;
    ath_error              problem = {.code = ATH_OK};
    ath_status             status = ath__image_file_open(path, p->channels, &file, &problem);
    if (status == ATH_MEMORY) {
        if (err) *err = problem;
        return status;
    }
    if (status != ATH_OK) {
        ATH_TRY(flush(p, err));
        report_problem(p, path, problem.message);
        return ATH_OK;
    }
    int64_t first, last;
    size_t  size = (size_t)file.channels * (size_t)file.height * (size_t)file.width;
    if (!parse_range(range, file.count, &first, &last)) {
        status = ath__fail(err, ATH_USAGE, path, "no such images: there are 0-%" PRId64, file.count - 1);
    }
    for (int64_t i = first; status == ATH_OK && i <= last; i++) {
        char name[1100];
        if (file.count > 1)
            snprintf(name, sizeof name, "%s[%" PRId64 "]", path, i);
        else
            ath__str_copy(name, sizeof name, path);
        status = add(p, name, file.pixels + (size_t)i * size, file.channels, file.height, file.width, err);
    }
    ath__image_file_close(&file);
    return status;
}

static ath_status add_word(struct predictor *p, const char *word, ath_error *err) {
    static const struct {
        const char *prefix;
        ath_split   split;
    } splits[] = {{"train:", ATH_SPLIT_TRAIN}, {"val:", ATH_SPLIT_VAL}, {"test:", ATH_SPLIT_TEST}};
    if (!ath__file_exists(word)) {
        for (size_t i = 0; i < sizeof splits / sizeof splits[0]; i++) {
            size_t length = strlen(splits[i].prefix);
            if (strncmp(word, splits[i].prefix, length) == 0)
                return add_elements(p, word, splits[i].split, word + length, err);
        }
        const char *colon = strrchr(word, ':');
        char        path[ATH_PATH_MAX];
        if (colon && (size_t)(colon - word) < sizeof path) {
            memcpy(path, word, (size_t)(colon - word));
            path[colon - word] = '\0';
            if (ath__file_exists(path)) return add_file(p, path, colon + 1, err);
        }
    }
    return add_file(p, word, "", err);
}

static ath_status prepare(struct predictor *p, ath_error *err) {
    ath_model_input(p->source.model, &p->channels, &p->height, &p->width);
    p->classes = ath_model_classes(p->source.model);
    p->top = (int)ath__config_int(p->source.config, "top");
    if (p->top > p->classes) p->top = p->classes;
    p->batch = ath__config_int(p->source.config, "batch");
    size_t image = (size_t)p->channels * (size_t)p->height * (size_t)p->width;
    p->images = ath__alloc_array((size_t)p->batch * image, sizeof(float));
    p->labels = ATH_NEW_ARRAY(int32_t, p->batch);
    p->names = ATH_NEW_ARRAY(char *, p->batch);
    p->probabilities = ATH_NEW_ARRAY(double, p->classes);
    p->guesses = ATH_NEW_ARRAY(ath_guess, p->classes);
    if (!p->images || !p->labels || !p->names || !p->probabilities || !p->guesses)
        return ath__fail_memory(err, "predict");
    const struct ath__tta *tta;
    ATH_TRY(ath__tta_find(ath__config_text(p->source.config, "tta"), &tta, err));
    return ath__viewer_open(p->source.network, tta, p->batch, &p->viewer, err);
}

static void clean_up(struct predictor *p) {
    for (int64_t i = 0; p->names && i < p->filled; i++) ath__free(p->names[i]);
    ath__free(p->names);
    ath__free(p->images);
    ath__free(p->labels);
    ath__free(p->probabilities);
    ath__free(p->guesses);
    ath_dataset_close(p->dataset);
    ath__viewer_close(&p->viewer);
    ath__source_close(&p->source);
}

ath_status ath_predict(const ath_config *config, const char *const *paths, int path_count,
                       void (*each)(const ath_prediction *prediction, void *context), void *context, ath_error *err) {
    struct predictor p = {.each = each, .context = context};
    if (path_count == 0)
        return ath__fail(err, ATH_USAGE, NULL, "which images? Give files, or test:0-9 for images of the data set");
    ath_status status = ath__source_open(config, NULL, &p.source, err);
    if (status == ATH_OK) status = prepare(&p, err);
    for (int i = 0; i < path_count && status == ATH_OK; i++) status = add_word(&p, paths[i], err);
    if (status == ATH_OK) status = flush(&p, err);
    clean_up(&p);
    return status;
}
