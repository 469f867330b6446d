/* The batch of a prediction.
 *
 * An image goes through what the loader has for evaluation: the same decoding, fitting and table, so that its input is
 * the same floats; and batches are full but for the last, as in evaluation, so that the network computes the same logits.
 * Images that cannot be read keep their place in the order, but take none in the batch.
 */
#include "train/apply/predict_batch.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/parallel.h"
#include "base/str.h"
#include "data/photo/photo_file.h"
#include "train/metrics.h"
#include "train/settings.h"

#include <string.h>

static size_t image_pixels(const struct ath__predict_batch *batch) {
    return ath__preprocessor_bytes(&batch->preprocessor);
}

/* ---- opening ----------------------------------------------------------------------------------------------------- */

static ath_status open_buffers(struct ath__predict_batch *batch, ath_error *err) {
    size_t image = image_pixels(batch);
    batch->images = ath__alloc_array((size_t)batch->size * image, sizeof(float));
    batch->labels = ATH_NEW_ARRAY(int32_t, batch->size);
    batch->probabilities = ATH_NEW_ARRAY(double, batch->classes);
    batch->guesses = ath__alloc_array((size_t)batch->size * (size_t)batch->top, sizeof *batch->guesses);
    batch->readers = ATH_NEW_ARRAY(struct ath__predict_reader, ath__threads());
    if (!batch->images || !batch->labels || !batch->probabilities || !batch->guesses || !batch->readers)
        return ath__fail_memory(err, "predict");
    batch->reader_count = ath__threads();
    for (int i = 0; i < batch->reader_count; i++) {
        batch->readers[i].fitted = ath__alloc(image);
        if (!batch->readers[i].fitted) return ath__fail_memory(err, "predict");
    }
    return ATH_OK;
}

ath_status ath__predict_open(struct ath__predict_batch *batch, struct ath__source *source,
                             struct ath__predict_sheet *sheet, ath_error *err) {
    struct ath__preprocess preprocess = source->info.preprocess;
    const struct ath__tta *tta;
    int                    channels, height, width;
    batch->source = source;
    batch->sheet = sheet;
    ath_model_input(source->model, &channels, &height, &width);
    if (preprocess.height == 0) preprocess.height = height;
    if (preprocess.width == 0) preprocess.width = width;
    if (preprocess.height != height || preprocess.width != width)
        return ath__fail(err, ATH_DATA, source->path, "the model takes images of %dx%d, but they are brought to %dx%d",
                         height, width, preprocess.height, preprocess.width);
    ATH_TRY(ath__preprocessor_open(&batch->preprocessor, &preprocess, channels, 0, 0, err));
    batch->classes = ath_model_classes(source->model);
    batch->top = (int)ath__config_int(source->config, "top");
    if (batch->top > batch->classes) batch->top = batch->classes;
    batch->size = ath__config_int(source->config, "batch");
    ATH_TRY(open_buffers(batch, err));
    ATH_TRY(ath__tta_find(ath__config_text(source->config, "tta"), &tta, err));
    return ath__viewer_open(source->network, tta, batch->size, &batch->viewer, err);
}

static void forget_items(struct ath__predict_batch *batch) {
    for (int64_t i = 0; i < batch->count; i++) {
        ath__free(batch->items[i].name);
        ath__thumbnail_free(&batch->items[i].thumbnail);
    }
    batch->count = batch->waiting = batch->good = batch->guessed = 0;
}

void ath__predict_close(struct ath__predict_batch *batch) {
    forget_items(batch);
    for (int i = 0; i < batch->reader_count; i++) {
        ath__picture_free(&batch->readers[i].picture);
        ath__fitter_close(&batch->readers[i].fitter);
        ath__free(batch->readers[i].fitted);
    }
    ath__free(batch->readers);
    ath__free(batch->items);
    ath__free(batch->images);
    ath__free(batch->labels);
    ath__free(batch->probabilities);
    ath__free(batch->guesses);
    ath__viewer_close(&batch->viewer);
}

/* ---- decoding ---------------------------------------------------------------------------------------------------- */

static ath_status read_image(const struct ath__predict_batch *batch, struct ath__predict_reader *reader,
                             struct ath__predict_item *item, float *dst) {
    const struct ath__preprocessor *p = &batch->preprocessor;
    struct ath__picture            *picture = &reader->picture;
    ath_error                      *problem = &item->problem;
    int                             least = ath__preprocessor_least(p);
    ATH_TRY(item->dataset ? ath__dataset_view(item->dataset, item->index, least, picture, problem)
                          : ath__photo_read(item->name, p->channels, least, picture, problem));
    if (picture->channels != p->channels)
        return ath__fail(problem, ATH_DATA, NULL, "has %d channel%s; the model wants %d", picture->channels,
                         picture->channels == 1 ? "" : "s", p->channels);
    if (batch->sheet) ath__predict_sheet_picture(batch->sheet, picture, &item->thumbnail);
    if (ath__preprocessor_keeps(p, picture->height, picture->width)) {
        ath__preprocessor_normalise(p, picture->pixels, dst);
        return ATH_OK;
    }
    ATH_TRY(ath__preprocessor_fit(p, picture, &reader->fitter, reader->fitted, problem));
    ath__preprocessor_normalise(p, reader->fitted, dst);
    return ATH_OK;
}

/* Image k of those that wait goes to place good + k for the time being. */
static void read_task(int64_t task, int thread, void *context) {
    struct ath__predict_batch *batch = context;
    struct ath__predict_item  *item = &batch->items[batch->count - batch->waiting + task];
    if (item->ready) return; /* refused from the start */
    float *dst = batch->images + (size_t)(batch->good + task) * image_pixels(batch);
    item->good = read_image(batch, &batch->readers[thread], item, dst) == ATH_OK;
    item->ready = true;
}

/* Decodes those that wait, and moves the good ones together. */
static ath_status decode(struct ath__predict_batch *batch, ath_error *err) {
    int64_t first = batch->count - batch->waiting, place = batch->good;
    size_t  image = image_pixels(batch);
    ath__parallel_indexed(batch->waiting, read_task, batch);
    for (int64_t i = first; i < batch->count; i++, place++) {
        struct ath__predict_item *item = &batch->items[i];
        if (item->problem.code == ATH_MEMORY) {
            if (err) *err = item->problem;
            return ATH_MEMORY;
        }
        if (!item->good) continue;
        if (batch->good != place)
            memcpy(batch->images + (size_t)batch->good * image, batch->images + (size_t)place * image,
                   image * sizeof(float));
        batch->good++;
    }
    batch->waiting = 0;
    return ATH_OK;
}

/* ---- evaluating -------------------------------------------------------------------------------------------------- */

static ath_guess guess_of(const struct ath__predict_batch *batch, int index) {
    const struct ath__model_info *info = &batch->source->info;
    ath_guess                     guess = {.name = "?", .title = "?", .group = "", .index = index};
    if (index >= info->classes) return guess;
    if (info->class_names) guess.name = guess.title = info->class_names[index];
    if (info->class_titles) guess.title = info->class_titles[index];
    if (info->class_groups) guess.group = info->class_groups[index];
    return guess;
}

static void on_logits(void *context, const struct ath__samples *samples, const float *logits, const float *losses) {
    struct ath__predict_batch *batch = context;
    (void)losses;
    for (int64_t i = 0; i < samples->count; i++, logits += batch->classes) {
        ath_guess *guesses = batch->guesses + batch->guessed++ * batch->top;
        ath__softmax_row(logits, batch->classes, batch->probabilities);
        for (int k = 0; k < batch->top; k++) {
            int best = 0;
            for (int c = 1; c < batch->classes; c++)
                if (batch->probabilities[c] > batch->probabilities[best]) best = c;
            guesses[k] = guess_of(batch, best);
            guesses[k].probability = batch->probabilities[best];
            guesses[k].logit = (double)logits[best];
            batch->probabilities[best] = -1.0; /* taken */
        }
    }
}

static void hand_out(struct ath__predict_batch *batch) {
    const ath_guess *guesses = batch->guesses;
    for (int64_t i = 0; i < batch->count; i++) {
        struct ath__predict_item *item = &batch->items[i];
        ath_prediction            prediction = {.path = item->name, .truth_index = -1};
        if (item->good) {
            prediction.top = guesses;
            prediction.count = batch->top;
            guesses += batch->top;
        } else {
            prediction.problem = item->problem.message;
        }
        if (item->truth >= 0) {
            prediction.truth_index = item->truth;
            prediction.truth = guess_of(batch, item->truth).name;
            prediction.truth_title = guess_of(batch, item->truth).title;
        }
        if (batch->sheet) ath__predict_sheet_add(batch->sheet, &prediction, &item->thumbnail);
        batch->each(&prediction, batch->context);
    }
}

static ath_status evaluate(struct ath__predict_batch *batch, ath_error *err) {
    ath_status status = ATH_OK;
    if (batch->good > 0) {
        struct ath__samples samples = {.images = batch->images, .labels = batch->labels, .count = batch->good};
        status = ath__viewer_eval(&batch->viewer, &samples, on_logits, batch, err);
    }
    if (status == ATH_OK) hand_out(batch);
    forget_items(batch);
    return status;
}

/* ---- adding ------------------------------------------------------------------------------------------------------ */

static ath_status add(struct ath__predict_batch *batch, struct ath__predict_item item, const char *name,
                      ath_error *err) {
    if (batch->count == batch->capacity) {
        int64_t                   wider = batch->capacity ? 2 * batch->capacity : 64;
        struct ath__predict_item *items = ath__realloc(batch->items, (size_t)wider * sizeof *items);
        if (!items) return ath__fail_memory(err, name);
        batch->items = items;
        batch->capacity = wider;
    }
    item.name = ath__strdup(name);
    if (!item.name) return ath__fail_memory(err, name);
    batch->items[batch->count++] = item;
    batch->waiting++;
    if (batch->good + batch->waiting < batch->size) return ATH_OK;
    ATH_TRY(decode(batch, err));
    return batch->good == batch->size ? evaluate(batch, err) : ATH_OK;
}

ath_status ath__predict_add(struct ath__predict_batch *batch, const char *name, const ath_dataset *dataset,
                            int64_t index, int truth, ath_error *err) {
    struct ath__predict_item item = {.dataset = dataset, .index = index, .truth = truth};
    return add(batch, item, name, err);
}

ath_status ath__predict_refuse(struct ath__predict_batch *batch, const char *name, const char *problem,
                               ath_error *err) {
    struct ath__predict_item item = {.ready = true, .truth = -1};
    ath__fail(&item.problem, ATH_DATA, name, "%s", problem);
    return add(batch, item, name, err);
}

ath_status ath__predict_flush(struct ath__predict_batch *batch, ath_error *err) {
    ATH_TRY(decode(batch, err));
    return evaluate(batch, err);
}
