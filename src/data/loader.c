/* The loader: threads fill a ring of batches ahead of whoever trains.
 *
 *     order -> [worker: read, resize or cache, transform, normalise, mix] -> ring of slots -> ath__loader_next
 *
 * Batch k of an epoch always lies in slot k mod slots, and is made of images order[k * batch ...], so what comes out
 * depends on (seed, epoch) alone, never on which thread made it. A worker claims the next batch when its slot is free:
 * when the consumer has moved past the batch that lay there before. All memory is had at opening.
 *
 * An image is resized at most once while the cache has room for it: images 0 .. cached-1 of the set have a place there.
 * An image occurs once in an epoch and epochs do not overlap, so no two workers ever touch the same place at a time.
 */
#include "data/loader.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/rng.h"
#include "data/augment/augment.h"
#include "data/dataset.h"
#include "data/preprocess.h"

#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>

enum { MOST_THREADS = 64, MOST_QUEUE = 256, USUAL_QUEUE = 4, LARGE_BATCH_QUEUE = 2 };
static const size_t LARGE_BATCH = (size_t)16 << 20; /* bytes: two such batches ahead are enough */
static const size_t USUAL_CACHE = (size_t)1 << 30;

struct slot {
    float     *images;
    int32_t   *labels;
    int64_t   *indices;
    int32_t   *second;  /* where labels are mixed, else NULL */
    float     *weights; /* likewise */
    int64_t    count;
    bool       ready;
    ath_status status; /* of making the batch */
    ath_error  error;
};

struct worker {
    struct ath__loader *loader;
    pthread_t           thread;
    unsigned char      *pixels;  /* an image as read, where the set does not lie in memory */
    unsigned char      *resized; /* a resized image that has no place in the cache */
    void               *scratch;
    void               *canvas; /* an image under transformation */
    float              *spare;  /* a finished image, where images are mixed */
};

struct ath__loader {
    const ath_dataset          *dataset;
    struct ath__loader_settings settings;
    struct ath__preprocessor    preprocessor;
    struct ath__augment        *augment; /* NULL = none */
    int64_t                     epoch, count, batches;
    size_t                      in_bytes, out_pixels; /* of one image */

    uint32_t      *order;
    unsigned char *cache, *cache_filled;
    int64_t        cached; /* images that have a place in the cache */
    size_t         cache_bytes;

    struct slot   *slots;
    int            slot_count;
    struct worker *workers;
    int            worker_count; /* those running */

    pthread_mutex_t mutex;
    pthread_cond_t  work, done; /* a slot is free or all must end; a batch is ready or a worker has become idle */
    bool            has_mutex, has_work, has_done;
    int64_t         next_made;  /* the next batch to claim */
    int64_t         next_taken; /* the next batch to hand out */
    int64_t         held;       /* the batch that the consumer still looks at; -1 = none */
    int             busy;
    bool            started, stop;
    double          waited;
};

/* ---- making a batch ---------------------------------------------------------------------------------------------- */

/* The u8 pixels of an image after resizing. */
static ath_status image_pixels(struct ath__loader *loader, struct worker *worker, int64_t index,
                               const unsigned char **pixels, ath_error *err) {
    bool           has_place = index < loader->cached;
    unsigned char *place = has_place ? loader->cache + (size_t)index * loader->out_pixels : worker->resized;
    if (has_place && loader->cache_filled[index]) {
        *pixels = place;
        return ATH_OK;
    }
    const unsigned char *source = ath__dataset_pixels(loader->dataset, index);
    if (!source) {
        ATH_TRY(ath_dataset_read(loader->dataset, index, worker->pixels, NULL, err));
        source = worker->pixels;
    }
    *pixels = source;
    if (!loader->preprocessor.resizes && !has_place) return ATH_OK;
    ath__preprocessor_resize(&loader->preprocessor, source, place, worker->scratch);
    if (has_place) loader->cache_filled[index] = 1;
    *pixels = place;
    return ATH_OK;
}

static void finish_image(struct ath__loader *loader, struct worker *worker, int64_t index, const unsigned char *pixels,
                         float *dst) {
    struct ath__draw draw = {loader->settings.seed, (uint32_t)loader->epoch, (uint32_t)index};
    if (loader->augment)
        ath__augment_image(loader->augment, &draw, &loader->preprocessor, pixels, dst, worker->canvas);
    else
        ath__preprocessor_normalise(&loader->preprocessor, pixels, dst);
}

static void mix_batch(struct ath__loader *loader, struct worker *worker, struct slot *slot) {
    const struct ath__preprocessor *size = &loader->preprocessor;
    struct ath__mix_batch           batch = {.images = slot->images,
                                             .labels = slot->labels,
                                             .second = slot->second,
                                             .weights = slot->weights,
                                             .indices = slot->indices,
                                             .count = slot->count,
                                             .channels = size->channels,
                                             .height = size->height,
                                             .width = size->width};
    ath__augment_mix(loader->augment, loader->settings.seed, (uint32_t)loader->epoch, &batch, worker->spare);
}

static ath_status make_batch(struct ath__loader *loader, struct worker *worker, struct slot *slot, int64_t batch) {
    int64_t first = batch * loader->settings.batch;
    int64_t left = loader->count - first;
    slot->count = left < loader->settings.batch ? left : loader->settings.batch;
    for (int64_t i = 0; i < slot->count; i++) {
        int64_t              index = loader->order[first + i];
        const unsigned char *pixels;
        int                  label;
        ATH_TRY(ath_dataset_read(loader->dataset, index, NULL, &label, &slot->error));
        ATH_TRY(image_pixels(loader, worker, index, &pixels, &slot->error));
        finish_image(loader, worker, index, pixels, slot->images + (size_t)i * loader->out_pixels);
        slot->labels[i] = label;
        slot->indices[i] = index;
    }
    if (slot->second) mix_batch(loader, worker, slot);
    return ATH_OK;
}

/* Under the mutex: is there a batch to make, and is its slot free? */
static bool may_claim(const struct ath__loader *loader) {
    if (!loader->started || loader->next_made >= loader->batches) return false;
    int64_t oldest = loader->held >= 0 ? loader->held : loader->next_taken;
    return loader->next_made < oldest + loader->slot_count;
}

static void *work(void *argument) {
    struct worker      *worker = argument;
    struct ath__loader *loader = worker->loader;
    pthread_mutex_lock(&loader->mutex);
    for (;;) {
        while (!loader->stop && !may_claim(loader)) pthread_cond_wait(&loader->work, &loader->mutex);
        if (loader->stop) break;
        int64_t      batch = loader->next_made++;
        struct slot *slot = &loader->slots[batch % loader->slot_count];
        loader->busy++;
        pthread_mutex_unlock(&loader->mutex);
        ath_status status = make_batch(loader, worker, slot, batch);
        pthread_mutex_lock(&loader->mutex);
        slot->status = status;
        slot->ready = true;
        loader->busy--;
        pthread_cond_broadcast(&loader->done);
    }
    pthread_mutex_unlock(&loader->mutex);
    return NULL;
}

/* ---- opening ----------------------------------------------------------------------------------------------------- */

static ath_status open_buffers(struct ath__loader *loader, ath_error *err) {
    size_t batch = (size_t)loader->settings.batch;
    loader->order = ATH_NEW_ARRAY(uint32_t, loader->count);
    loader->slots = ATH_NEW_ARRAY(struct slot, loader->slot_count);
    if (!loader->order || !loader->slots) return ath__fail_memory(err, "loader");
    for (int i = 0; i < loader->slot_count; i++) {
        struct slot *slot = &loader->slots[i];
        slot->images = ath__alloc_array(batch * loader->out_pixels, sizeof(float));
        slot->labels = ATH_NEW_ARRAY(int32_t, batch);
        slot->indices = ATH_NEW_ARRAY(int64_t, batch);
        if (!slot->images || !slot->labels || !slot->indices) return ath__fail_memory(err, "loader");
        if (!ath__augment_mixes(loader->augment)) continue;
        slot->second = ATH_NEW_ARRAY(int32_t, batch);
        slot->weights = ATH_NEW_ARRAY(float, batch);
        if (!slot->second || !slot->weights) return ath__fail_memory(err, "loader");
    }
    /* Without resizing, a set in memory is its own cache. */
    bool costly = loader->preprocessor.resizes || !ath__dataset_pixels(loader->dataset, 0);
    if (!costly) return ATH_OK;
    size_t  budget = loader->settings.cache_bytes ? loader->settings.cache_bytes : USUAL_CACHE;
    int64_t places = (int64_t)(budget / loader->out_pixels);
    loader->cached = places < loader->count ? places : loader->count;
    if (loader->cached == 0) return ATH_OK;
    loader->cache_bytes = (size_t)loader->cached * loader->out_pixels;
    loader->cache = ath__alloc_pages(loader->cache_bytes);
    loader->cache_filled = ath__alloc_zeroed((size_t)loader->cached);
    if (!loader->cache || !loader->cache_filled) return ath__fail_memory(err, "loader");
    return ATH_OK;
}

static ath_status open_workers(struct ath__loader *loader, ath_error *err) {
    int threads = loader->settings.threads;
    loader->workers = ATH_NEW_ARRAY(struct worker, threads);
    if (!loader->workers) return ath__fail_memory(err, "loader");
    for (int i = 0; i < threads; i++) {
        struct worker *worker = &loader->workers[i];
        worker->loader = loader;
        worker->pixels = ath__alloc(loader->in_bytes);
        worker->resized = ath__alloc(loader->out_pixels);
        worker->scratch = ath__alloc(ath__preprocessor_scratch(&loader->preprocessor));
        worker->canvas = ath__alloc(ath__sample_scratch(&loader->preprocessor));
        worker->spare = ath__alloc_array(loader->out_pixels, sizeof(float));
        bool all = worker->pixels && worker->resized && worker->scratch && worker->canvas && worker->spare;
        if (!all) return ath__fail_memory(err, "loader");
    }
    loader->has_mutex = pthread_mutex_init(&loader->mutex, NULL) == 0;
    loader->has_work = pthread_cond_init(&loader->work, NULL) == 0;
    loader->has_done = pthread_cond_init(&loader->done, NULL) == 0;
    if (!loader->has_mutex || !loader->has_work || !loader->has_done) return ath__fail_memory(err, "loader");

    /* Signals are the program's: its own threads are to get them, not these. */
    sigset_t all, before;
    int      code = 0;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    for (int i = 0; i < threads && code == 0; i++) {
        code = pthread_create(&loader->workers[i].thread, NULL, work, &loader->workers[i]);
        if (code == 0) loader->worker_count++;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (code != 0) return ath__fail(err, ATH_FAILED, "loader", "cannot start a loader thread: %s", strerror(code));
    return ATH_OK;
}

static ath_status check_settings(const struct ath__loader_settings *settings, int64_t count, ath_error *err) {
    if (settings->batch < 1) {
        return ath__fail(err, ATH_USAGE, "batch", "batch=%" PRId64 " is not possible: give a number from 1",
                         settings->batch);
    }
    if (settings->threads < 0 || settings->threads > MOST_THREADS) {
        return ath__fail(err, ATH_USAGE, "loader", "%d loader threads are not possible: 0 to %d are", settings->threads,
                         MOST_THREADS);
    }
    if (settings->queue < 0 || settings->queue > MOST_QUEUE) {
        return ath__fail(err, ATH_USAGE, "loader", "a queue of %d batches is not possible: 0 to %d are",
                         settings->queue, MOST_QUEUE);
    }
    if (count < 1) return ath__fail(err, ATH_DATA, "data", "the data set has no images");
    if (count > UINT32_MAX) return ath__fail(err, ATH_UNSUPPORTED, "data", "the data set has too many images");
    if (settings->drop_last && settings->batch > count) {
        return ath__fail(err, ATH_USAGE, "batch",
                         "batch=%" PRId64 " is larger than the set, which has %" PRId64 " images: give a smaller batch",
                         settings->batch, count);
    }
    return ATH_OK;
}

ath_status ath__loader_open(const ath_dataset *dataset, const struct ath__loader_settings *settings,
                            struct ath__loader **loader, ath_error *err) {
    ath_dataset_info info = ath_dataset_describe(dataset);
    *loader = NULL;
    ATH_TRY(check_settings(settings, info.count, err));
    struct ath__loader *opened = ATH_NEW(struct ath__loader);
    if (!opened) return ath__fail_memory(err, "loader");
    opened->dataset = dataset;
    opened->settings = *settings;
    opened->settings.augment = NULL; /* it is read below, and need not last longer */
    opened->count = info.count;
    opened->held = -1;
    if (opened->settings.batch > info.count) opened->settings.batch = info.count;
    if (opened->settings.threads == 0) opened->settings.threads = 1;
    int64_t batch = opened->settings.batch;
    opened->batches = settings->drop_last ? info.count / batch : (info.count + batch - 1) / batch;

    ath_status status;
    ATH_TRY_DONE(ath__preprocessor_open(&opened->preprocessor, &settings->preprocess, info.channels, info.height,
                                        info.width, err));
    ATH_TRY_DONE(ath__augment_open(settings->augment, &opened->augment, err));
    ATH_TRY_DONE(
        ath__augment_fit(opened->augment, info.channels, opened->preprocessor.height, opened->preprocessor.width, err));
    opened->in_bytes = (size_t)info.channels * (size_t)info.height * (size_t)info.width;
    opened->out_pixels =
        (size_t)info.channels * (size_t)opened->preprocessor.height * (size_t)opened->preprocessor.width;
    if (opened->out_pixels > SIZE_MAX / sizeof(float) / (size_t)batch) {
        status = ath__fail_memory(err, "batch");
        goto done;
    }
    bool large = (size_t)batch * opened->out_pixels * sizeof(float) > LARGE_BATCH;
    int  queue = settings->queue ? settings->queue : large ? LARGE_BATCH_QUEUE : USUAL_QUEUE;
    opened->slot_count = queue + 1; /* one more: the batch that the consumer looks at */
    ATH_TRY_DONE(open_buffers(opened, err));
    ATH_TRY_DONE(open_workers(opened, err));
    *loader = opened;
    opened = NULL;
done:
    ath__loader_close(opened);
    return status;
}

void ath__loader_close(struct ath__loader *loader) {
    if (!loader) return;
    if (loader->worker_count > 0) {
        pthread_mutex_lock(&loader->mutex);
        loader->stop = true;
        pthread_cond_broadcast(&loader->work);
        pthread_mutex_unlock(&loader->mutex);
        for (int i = 0; i < loader->worker_count; i++) pthread_join(loader->workers[i].thread, NULL);
    }
    if (loader->has_mutex) pthread_mutex_destroy(&loader->mutex);
    if (loader->has_work) pthread_cond_destroy(&loader->work);
    if (loader->has_done) pthread_cond_destroy(&loader->done);
    for (int i = 0; loader->workers && i < loader->settings.threads; i++) {
        ath__free(loader->workers[i].pixels);
        ath__free(loader->workers[i].resized);
        ath__free(loader->workers[i].scratch);
        ath__free(loader->workers[i].canvas);
        ath__free(loader->workers[i].spare);
    }
    for (int i = 0; loader->slots && i < loader->slot_count; i++) {
        ath__free(loader->slots[i].images);
        ath__free(loader->slots[i].labels);
        ath__free(loader->slots[i].indices);
        ath__free(loader->slots[i].second);
        ath__free(loader->slots[i].weights);
    }
    ath__free(loader->workers);
    ath__free(loader->slots);
    ath__free(loader->order);
    ath__free(loader->cache_filled);
    if (loader->cache) ath__free_pages(loader->cache, loader->cache_bytes);
    ath__preprocessor_close(&loader->preprocessor);
    ath__augment_close(loader->augment);
    ath__free(loader);
}

/* ---- using ------------------------------------------------------------------------------------------------------- */

int64_t ath__loader_batches(const struct ath__loader *loader) {
    return loader->batches;
}

double ath__loader_wait_seconds(const struct ath__loader *loader) {
    return loader->waited;
}

ath_status ath__loader_start(struct ath__loader *loader, int64_t epoch, int64_t first, ath_error *err) {
    if (epoch < 0 || epoch > UINT32_MAX || first < 0 || first > loader->batches) {
        return ath__fail(err, ATH_USAGE, "loader", "an epoch of %" PRId64 " batches cannot begin at batch %" PRId64,
                         loader->batches, first);
    }
    pthread_mutex_lock(&loader->mutex);
    loader->started = false;
    while (loader->busy > 0) pthread_cond_wait(&loader->done, &loader->mutex);
    for (int64_t i = 0; i < loader->count; i++) loader->order[i] = (uint32_t)i;
    if (loader->settings.shuffle) {
        struct ath__rng rng;
        ath__rng_start(&rng, loader->settings.seed, ATH_RNG_SHUFFLE, (uint32_t)epoch, 0);
        ath__rng_shuffle(&rng, loader->order, (size_t)loader->count);
    }
    for (int i = 0; i < loader->slot_count; i++) loader->slots[i].ready = false;
    loader->epoch = epoch;
    loader->next_made = loader->next_taken = first;
    loader->held = -1;
    loader->started = true;
    pthread_cond_broadcast(&loader->work);
    pthread_mutex_unlock(&loader->mutex);
    return ATH_OK;
}

ath_status ath__loader_next(struct ath__loader *loader, struct ath__batch *batch, ath_error *err) {
    ath_status status = ATH_OK;
    *batch = (struct ath__batch){0};
    pthread_mutex_lock(&loader->mutex);
    if (!loader->started) {
        status = ath__fail(err, ATH_USAGE, "loader", "no epoch was started");
        goto done;
    }
    if (loader->held >= 0) { /* its slot is free from here on */
        loader->slots[loader->held % loader->slot_count].ready = false;
        loader->held = -1;
        pthread_cond_broadcast(&loader->work);
    }
    batch->index = loader->next_taken;
    if (loader->next_taken >= loader->batches) goto done;
    struct slot *slot = &loader->slots[loader->next_taken % loader->slot_count];
    if (!slot->ready) {
        double before = ath__seconds();
        while (!slot->ready) pthread_cond_wait(&loader->done, &loader->mutex);
        loader->waited += ath__seconds() - before;
    }
    loader->held = loader->next_taken++;
    if (slot->status != ATH_OK) {
        if (err) *err = slot->error;
        status = slot->status;
        goto done;
    }
    batch->images = slot->images;
    batch->labels = slot->labels;
    batch->indices = slot->indices;
    batch->second = slot->second;
    batch->weights = slot->weights;
    batch->count = slot->count;
done:
    pthread_mutex_unlock(&loader->mutex);
    return status;
}
