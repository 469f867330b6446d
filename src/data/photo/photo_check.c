/* bad_images=stop looks at names, and at the content of files whose name does not say that they are images; =skip decodes
 * everything, on all threads, so that an epoch has the same images every time. */
#include "data/photo/photo_check.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/parallel.h"
#include "data/photo/photo_file.h"

#include <string.h>

enum { CHUNK = 16, NAMES_SHOWN = 3 };

struct job {
    struct ath__image_store *store;
    unsigned char           *good;
};

static void decode_chunk(int64_t chunk, void *context) {
    const struct job   *job = context;
    struct ath__picture picture = {0};
    int64_t             begin = chunk * CHUNK, end = begin + CHUNK;
    for (int64_t i = begin; i < end && i < job->store->count; i++)
        job->good[i] = ath__photo_read(job->store->paths[i], job->store->channels, 1, &picture, NULL) == ATH_OK;
    ath__picture_free(&picture);
}

/* Leaves out what is not good, and says so. */
static void keep_good(struct ath__image_store *store, const unsigned char *good) {
    struct ath__str names = {0};
    int64_t         kept = 0;
    for (int64_t i = 0; i < store->count; i++) {
        if (!good[i]) {
            if (store->skipped++ < NAMES_SHOWN)
                ath__str_printf(&names, "%s'%s'", store->skipped > 1 ? ", " : "", store->paths[i]);
            continue;
        }
        store->paths[kept] = store->paths[i];
        store->labels[kept++] = store->labels[i];
    }
    store->count = kept;
    if (store->skipped > NAMES_SHOWN) ath__str_printf(&names, " ...");
    if (store->skipped > 0)
        ath__str_printf(&store->remarks, "%lld files are no images or broken and are left out: %s\n",
                        (long long)store->skipped, ath__str_text(&names));
    ath__str_free(&names);
}

static ath_status refuse_others(const struct ath__image_store *store, ath_error *err) {
    for (int64_t i = 0; i < store->count; i++)
        if (!ath__photo_is_image(store->paths[i]))
            return ath__fail(err, ATH_DATA, store->paths[i],
                             "'%s' is no image: remove it, or leave such files out with bad_images=skip",
                             store->paths[i]);
    return ATH_OK;
}

ath_status ath__photo_check(struct ath__image_store *store, bool skip, ath_error *err) {
    if (!skip) return refuse_others(store, err);
    struct job job = {.store = store, .good = ath__alloc_zeroed((size_t)store->count + 1)};
    if (!job.good) return ath__fail_memory(err, "bad_images");
    ath__parallel((store->count + CHUNK - 1) / CHUNK, decode_chunk, &job);
    keep_good(store, job.good);
    ath__free(job.good);
    return ATH_OK;
}
