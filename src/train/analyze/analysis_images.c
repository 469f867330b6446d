/* Images for analyses: decoded, resized and cut as `predict` does it, and kept in both forms, for the eye and for the
 * network. */
#include "train/analyze/analysis_images.h"

#include "base/error.h"
#include "base/mem.h"
#include "data/dataset.h"
#include "data/photo/photo_file.h"
#include "train/image_word.h"
#include "train/settings.h"

#include <stdio.h>
#include <string.h>

static size_t image_size(const struct ath__analysis_images *images) {
    return (size_t)images->channels * (size_t)images->height * (size_t)images->width;
}

void ath__analysis_images_close(struct ath__analysis_images *images) {
    for (int i = 0; i < images->count; i++) ath__free(images->items[i].name);
    ath__free(images->items);
    ath__free(images->pixels);
    ath__free(images->values);
    ath__fitter_close(&images->fitter);
    ath__picture_free(&images->picture);
    *images = (struct ath__analysis_images){.items = NULL};
}

/* Appends the picture as the next image that was read. */
static ath_status keep_picture(struct ath__analysis_images *images, ath_error *err) {
    const struct ath__picture *picture = &images->picture;
    size_t                     size = image_size(images);
    unsigned char             *to = images->pixels + images->good * size;
    if (picture->channels != images->channels)
        return ath__fail(err, ATH_DATA, NULL, "has %d channel%s; the model wants %d", picture->channels,
                         picture->channels == 1 ? "" : "s", images->channels);
    if (ath__preprocessor_keeps(&images->preprocessor, picture->height, picture->width))
        memcpy(to, picture->pixels, size);
    else
        ATH_TRY(ath__preprocessor_fit(&images->preprocessor, picture, &images->fitter, to, err));
    ath__preprocessor_normalise(&images->preprocessor, to, images->values + images->good * size);
    images->good++;
    return ATH_OK;
}

/* One image, from a data set or (NULL) from the file `name`; its fault is its problem, unless memory is short. */
static ath_status add(struct ath__analysis_images *images, const char *name, const ath_dataset *dataset, int64_t index,
                      ath_error *err) {
    struct ath__analysis_image *item = &images->items[images->count];
    ath_error                   problem = {.code = ATH_OK};
    int                         least = ath__preprocessor_least(&images->preprocessor);
    *item = (struct ath__analysis_image){.name = ath__strdup(name), .place = images->good};
    if (!item->name) return ath__fail_memory(err, name);
    images->count++;
    ath_status status = dataset ? ath__dataset_view(dataset, index, least, &images->picture, &problem)
                                : ath__photo_read(name, images->channels, least, &images->picture, &problem);
    if (status == ATH_OK) status = keep_picture(images, &problem);
    if (status == ATH_OK) return ATH_OK;
    ath__str_copy(item->problem, sizeof item->problem, problem.message);
    if (status != ATH_MEMORY) return ATH_OK;
    if (err) *err = problem;
    return status;
}

/* The list made longer; false, and as it was, without memory. */
static bool lengthen(void **list, size_t count, size_t size) {
    void *longer = size <= SIZE_MAX / count ? ath__realloc(*list, count * size) : NULL;
    if (longer) *list = longer;
    return longer != NULL;
}

static ath_status room_for(struct ath__analysis_images *images, int64_t more, int most, ath_error *err) {
    size_t size = image_size(images), wanted = (size_t)images->count + (size_t)more;
    if (wanted > (size_t)most)
        return ath__fail(err, ATH_USAGE, NULL, "more than %d images do not fit onto one sheet", most);
    if (wanted <= images->capacity) return ATH_OK;
    size_t capacity = wanted * 2 < (size_t)most ? wanted * 2 : (size_t)most;
    void  *items = images->items, *pixels = images->pixels, *values = images->values;
    bool   longer = lengthen(&items, capacity, sizeof *images->items) && lengthen(&pixels, capacity, size) &&
                  lengthen(&values, capacity, size * sizeof *images->values);
    images->items = items;
    images->pixels = pixels;
    images->values = values;
    if (!longer) return ath__fail_memory(err, "images");
    images->capacity = capacity;
    return ATH_OK;
}

static ath_status add_elements(struct ath__analysis_images *images, const struct ath__analysis *analysis,
                               const char *word, ath_split split, const char *range, int most, ath_error *err) {
    ath_dataset *dataset;
    int64_t      first, last;
    ATH_TRY(ath__setup_data(analysis->source->config, split, &dataset, err));
    ath_dataset_info info = ath_dataset_describe(dataset);
    ath_status       status = ATH_OK;
    if (!ath__image_word_range(range, info.count, &first, &last))
        status = ath__fail(err, ATH_USAGE, word, "no such images: there are 0-%lld", (long long)info.count - 1);
    if (status == ATH_OK) status = room_for(images, last - first + 1, most, err);
    for (int64_t i = first; status == ATH_OK && i <= last; i++) {
        char name[320];
        snprintf(name, sizeof name, "%s:%.*s[%lld]", info.name, (int)strcspn(word, ":"), word, (long long)i);
        status = add(images, name, dataset, i, err);
    }
    ath_dataset_close(dataset);
    return status;
}

static ath_status add_word(struct ath__analysis_images *images, const struct ath__analysis *analysis, const char *word,
                           int most, ath_error *err) {
    const char *range;
    ath_split   split;
    if (ath__image_word_part(word, &split, &range))
        return add_elements(images, analysis, word, split, range, most, err);
    ATH_TRY(room_for(images, 1, most, err));
    return add(images, word, NULL, 0, err);
}

ath_status ath__analysis_images_open(struct ath__analysis_images *images, const struct ath__analysis *analysis,
                                     int most, ath_error *err) {
    struct ath__preprocess preprocess = analysis->source->info.preprocess;
    *images = (struct ath__analysis_images){.items = NULL};
    ath_model_input(analysis->source->model, &images->channels, &images->height, &images->width);
    preprocess.height = images->height;
    preprocess.width = images->width;
    if (analysis->word_count == 0)
        return ath__fail(err, ATH_USAGE, NULL, "which images? Give files, or val:0-9 for images of the data set");
    ATH_TRY(ath__preprocessor_open(&images->preprocessor, &preprocess, images->channels, 0, 0, err));
    for (int i = 0; i < analysis->word_count; i++) ATH_TRY(add_word(images, analysis, analysis->words[i], most, err));
    return ATH_OK;
}

void ath__analysis_images_rgb(const struct ath__analysis_images *images, int item, unsigned char *rgb) {
    size_t               plane = (size_t)images->height * (size_t)images->width;
    const unsigned char *from = images->pixels + images->items[item].place * image_size(images);
    for (size_t i = 0; i < plane; i++)
        for (size_t c = 0; c < 3; c++) rgb[3 * i + c] = from[images->channels >= 3 ? c * plane + i : i];
}
