/* The loader: threads fill a ring of batches ahead of whoever trains.
 *
 *     order -> [worker: read, resize or cache, transform, normalise, mix] -> ring of slots -> ath__loader_next
 *
 * Batch k of an epoch always lies in slot k mod slots, and is made of images order[k * batch ...], so what comes out
 * depends on (seed, epoch) alone, never on which thread made it. A worker claims the next batch when its slot is free:
 * when the consumer has moved past the batch that lay there before. All memory but that of photos is had at opening.
 *
 * An image is read and resized at most once while the cache has room for it: images 0 .. cached-1 of the set have a place
 * there. Where every epoch takes another part of an image, the images are kept as they were read, those that come first,
 * as long as there is room. An image occurs once in an epoch and epochs do not overlap, so no two workers ever touch the
 * same place at a time; and since only the work is saved, what comes out does not depend on the cache.
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
#include <stdatomic.h>
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
    struct ath__picture picture; /* an image as read */
    struct ath__fitter  fitter;
    unsigned char      *fitted; /* an image of the network's size that has no place in the cache */
    void               *canvas; /* an image under transformation */
    float              *spare;  /* a finished image, where images are mixed */
};

/* An image as read, kept for the next epoch. */
struct source {
    int            height, width;
    unsigned char *pixels; /* NULL = not kept */
};

struct ath__loader {
    const ath_dataset          *dataset;
    struct ath__loader_settings settings;
    struct ath__preprocessor    preprocessor;
    struct ath__augment        *augment; /* NULL = none */
    int64_t                     epoch, count, batches;
    size_t                      out_pixels; /* of one image */
    int                         least;      /* shorter side that files may be decoded to */

    uint32_t      *order;
    unsigned char *cache, *cache_filled;
    int64_t        cached; /* images that have a place in the cache */
    size_t         cache_bytes;
    struct source *sources;     /* (count) where parts of images are taken, else NULL */
    atomic_size_t  source_room; /* bytes that sources may still take */

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

/* The image as read, from the kept ones where it is among them. */
static ath_status read_source(struct ath__loader *loader, struct worker *worker, int64_t index,
                              struct ath__picture *picture, ath_error *err) {
    struct source *source = loader->sources ? &loader->sources[index] : NULL;
    if (source && source->pixels) {
        *picture = (struct ath__picture){.channels = loader->preprocessor.channels,
                                         .height = source->height,
                                         .width = source->width,
                                         .pixels = source->pixels};
        return ATH_OK;
    }
    ATH_TRY(ath__dataset_view(loader->dataset, index, loader->least, &worker->picture, err));
    *picture = worker->picture;
    if (!source) return ATH_OK;
    size_t bytes = ath__picture_bytes(picture), room = atomic_load(&loader->source_room);
    while (bytes <= room && !atomic_compare_exchange_weak(&loader->source_room, &room, room - bytes)) {
    }
    if (bytes > room) return ATH_OK;
    unsigned char *kept = ath__alloc(bytes); /* where memory runs out, the image is read again in the next epoch */
    if (!kept) return ATH_OK;
    memcpy(kept, picture->pixels, bytes);
    *source = (struct source){picture->height, picture->width, kept};
    return ATH_OK;
}

/* The problem of one image names its file. */
static ath_status name_image(const struct ath__loader *loader, int64_t index, ath_status status, ath_error *err) {
    const char *path = ath__dataset_path(loader->dataset, index);
    ath_error   problem = *err;
    if (status != ATH_DATA || !path || problem.where[0]) return status;
    return ath__fail(err, status, path, "%s", problem.message);
}

/* The u8 pixels of an image at the network's size. */
static ath_status image_pixels(struct ath__loader *loader, struct worker *worker, int64_t index,
                               const struct ath__draw *draw, const unsigned char **pixels, ath_error *err) {
    struct ath__picture picture;
    bool                has_place = index < loader->cached;
    unsigned char      *place = has_place ? loader->cache + (size_t)index * loader->out_pixels : worker->fitted;
    *pixels = place;
    if (has_place && loader->cache_filled[index]) return ATH_OK;
    ATH_TRY(read_source(loader, worker, index, &picture, err));
    bool framed = ath__augment_frames(loader->augment);
    if (!framed && !has_place && ath__preprocessor_keeps(&loader->preprocessor, picture.height, picture.width)) {
        *pixels = picture.pixels;
        return ATH_OK;
    }
    ath_status status =
        ath__augment_fit_picture(loader->augment, draw, &loader->preprocessor, &picture, &worker->fitter, place, err);
    if (status != ATH_OK) return name_image(loader, index, status, err);
    if (has_place) loader->cache_filled[index] = 1;
    return ATH_OK;
}

static void finish_image(struct ath__loader *loader, struct worker *worker, const struct ath__draw *draw,
                         const unsigned char *pixels, float *dst) {
    if (loader->augment)
        ath__augment_image(loader->augment, draw, &loader->preprocessor, pixels, dst, worker->canvas);
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
        struct ath__draw     draw = {loader->settings.seed, (uint32_t)loader->epoch, (uint32_t)index};
        const unsigned char *pixels;
        int                  label;
        ATH_TRY(ath_dataset_label(loader->dataset, index, &label, &slot->error));
        ATH_TRY(image_pixels(loader, worker, index, &draw, &pixels, &slot->error));
        finish_image(loader, worker, &draw, pixels, slot->images + (size_t)i * loader->out_pixels);
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
    return ATH_OK;
}

static ath_status open_cache(struct ath__loader *loader, ath_error *err) {
    ath_dataset_info info = ath_dataset_describe(loader->dataset);
    size_t           budget = loader->settings.cache_bytes ? loader->settings.cache_bytes : USUAL_CACHE;
    bool             in_files = info.height == 0;
    if (ath__augment_frames(loader->augment)) {
        if (!in_files) return ATH_OK;
        atomic_init(&loader->source_room, budget);
        loader->sources = ATH_NEW_ARRAY(struct source, loader->count);
        return loader->sources ? ATH_OK : ath__fail_memory(err, "loader");
    }
    /* Without resizing, a set in memory is its own cache. */
    if (!in_files && ath__preprocessor_keeps(&loader->preprocessor, info.height, info.width)) return ATH_OK;
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
    int              threads = loader->settings.threads;
    ath_dataset_info info = ath_dataset_describe(loader->dataset);
    loader->workers = ATH_NEW_ARRAY(struct worker, threads);
    if (!loader->workers) return ath__fail_memory(err, "loader");
    for (int i = 0; i < threads; i++) {
        struct worker *worker = &loader->workers[i];
        worker->loader = loader;
        worker->fitted = ath__alloc(loader->out_pixels);
        worker->canvas = ath__alloc(ath__sample_scratch(&loader->preprocessor));
        worker->spare = ath__alloc_array(loader->out_pixels, sizeof(float));
        bool in_memory = info.height > 0 && !ath__augment_frames(loader->augment);
        if (in_memory)
            ATH_TRY(ath__preprocessor_plan(&loader->preprocessor, info.height, info.width, &worker->fitter, err));
        if (!worker->fitted || !worker->canvas || !worker->spare) return ath__fail_memory(err, "loader");
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
    opened->out_pixels = ath__preprocessor_bytes(&opened->preprocessor);
    opened->least = ath__augment_least(opened->augment, &opened->preprocessor);
    if (opened->out_pixels > SIZE_MAX / sizeof(float) / (size_t)batch) {
        status = ath__fail_memory(err, "batch");
        goto done;
    }
    bool large = (size_t)batch * opened->out_pixels * sizeof(float) > LARGE_BATCH;
    int  queue = settings->queue ? settings->queue : large ? LARGE_BATCH_QUEUE : USUAL_QUEUE;
    opened->slot_count = queue + 1; /* one more: the batch that the consumer looks at */
    ATH_TRY_DONE(open_buffers(opened, err));
    ATH_TRY_DONE(open_cache(opened, err));
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
        ath__picture_free(&loader->workers[i].picture);
        ath__fitter_close(&loader->workers[i].fitter);
        ath__free(loader->workers[i].fitted);
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
    for (int64_t i = 0; loader->sources && i < loader->count; i++) ath__free(loader->sources[i].pixels);
    ath__free(loader->sources);
    if (loader->cache) ath__free_pages(loader->cache, loader->cache_bytes);
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
