/* Hold-out: training images kept back for validation.
 *
 * A whole number takes the last images; a fraction f takes round(f * count) of each class, drawn by Philox with
 * (holdout_seed, ATH_RNG_HOLDOUT), so that every class keeps its share. Of images in files, which lie class by class, a
 * whole number n is taken as the fraction n / count.
 */
#include "base/error.h"
#include "base/mem.h"
#include "base/rng.h"
#include "data/dataset.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* Marks round(fraction * count) images of each class, drawn by the seed. */
static ath_status mark_fraction(const struct ath__image_store *store, double fraction, int64_t seed,
                                unsigned char *held, ath_error *err) {
    ath_status status = ATH_OK;
    int64_t   *first = ATH_NEW_ARRAY(int64_t, store->classes + 1);
    uint32_t  *members = ATH_NEW_ARRAY(uint32_t, store->count);
    if (!first || !members) {
        status = ath__fail_memory(err, "data.holdout");
        goto done;
    }
    /* Members of class c become members[first[c] .. first[c+1]), in order: a counting sort whose cursor, started one
     * class early, ends as the table of starts. */
    for (int64_t i = 0; i < store->count; i++) {
        if (store->labels[i] + 2 <= store->classes) first[store->labels[i] + 2]++;
    }
    for (int c = 2; c <= store->classes; c++) first[c] += first[c - 1];
    for (int64_t i = 0; i < store->count; i++) members[first[store->labels[i] + 1]++] = (uint32_t)i;
    for (int c = 0; c < store->classes; c++) {
        struct ath__rng rng;
        size_t          count = (size_t)(first[c + 1] - first[c]);
        ath__rng_start(&rng, (uint64_t)seed, ATH_RNG_HOLDOUT, (uint32_t)c, 0);
        ath__rng_shuffle(&rng, members + first[c], count);
        int64_t kept_back = llround(fraction * (double)count);
        for (int64_t i = 0; i < kept_back; i++) held[members[first[c] + i]] = 1;
    }
done:
    ath__free(first);
    ath__free(members);
    return status;
}

/* Marks the images to hold out; *count is how many. */
static ath_status mark_held(const struct ath__image_store *store, const struct ath__dataset_common *common,
                            unsigned char *held, int64_t *count, ath_error *err) {
    double holdout = common->holdout;
    if (holdout < 1) {
        ATH_TRY(mark_fraction(store, holdout, common->holdout_seed, held, err));
    } else if (holdout != floor(holdout)) {
        return ath__fail(err, ATH_USAGE, "data.holdout",
                         "data.holdout=%g is neither a whole number of images nor a fraction below 1", holdout);
    } else if (holdout < (double)store->count && store->paths) { /* class by class: the last ones are of one class */
        ATH_TRY(mark_fraction(store, holdout / (double)store->count, common->holdout_seed, held, err));
    } else if (holdout < (double)store->count) {
        memset(held + (store->count - (int64_t)holdout), 1, (size_t)holdout);
    } else {
        return ath__fail(err, ATH_USAGE, "data.holdout",
                         "data.holdout=%g leaves nothing to train on: there are %" PRId64 " training images", holdout,
                         store->count);
    }
    *count = 0;
    for (int64_t i = 0; i < store->count; i++) *count += held[i];
    if (*count == 0 || *count == store->count) {
        return ath__fail(err, ATH_USAGE, "data.holdout",
                         "data.holdout=%g of %" PRId64 " training images leaves one side empty", holdout, store->count);
    }
    return ATH_OK;
}

/* Keeps the images whose mark equals `mark`, in order, and gives the rest of the memory back. */
static void keep_marked(struct ath__image_store *store, const unsigned char *marks, unsigned char mark) {
    size_t  bytes = (size_t)store->channels * (size_t)store->height * (size_t)store->width;
    int64_t kept = 0;
    for (int64_t i = 0; i < store->count; i++) {
        if (marks[i] != mark) continue;
        if (kept != i && store->pixels)
            memcpy(store->pixels + (size_t)kept * bytes, store->pixels + (size_t)i * bytes, bytes);
        if (store->paths) store->paths[kept] = store->paths[i];
        store->labels[kept++] = store->labels[i];
    }
    store->count = kept;
    void *smaller = store->pixels ? ath__realloc(store->pixels, (size_t)kept * bytes) : NULL;
    if (smaller) store->pixels = smaller; /* else the larger block serves as well */
}

ath_status ath__hold_out(struct ath__image_store *store, const struct ath__dataset_common *common, bool train,
                         uint64_t *held_out, ath_error *err) {
    int64_t        count = 0;
    unsigned char *held = ath__alloc_zeroed((size_t)store->count);
    if (!held) return ath__fail_memory(err, "data.holdout");
    ath_status status = mark_held(store, common, held, &count, err);
    if (status == ATH_OK) {
        *held_out = (uint64_t)count;
        keep_marked(store, held, !train);
    }
    ath__free(held);
    return status;
}
