/* Figures of a data set: mean and deviation per channel, images per class, images that occur twice.
 *
 * Pixels are bytes, so a histogram h[v] of each channel says everything, exactly:
 *
 *     mean = sum_v h[v] v / (255 N),    deviation^2 = sum_v h[v] (v - 255 mean)^2 / (255^2 N)
 *
 * with N pixels, divided by N as is usual for normalisation. Duplicates are found by a hash of the bytes and confirmed
 * by comparing the bytes.
 */
#include "athanor/data.h"
#include "base/error.h"
#include "base/mem.h"
#include "data/dataset.h"

#include <math.h>
#include <string.h>

enum { MOST_CHANNELS = 4 };

/* Images seen so far by hash: open addressing, entries are index + 1. */
struct seen {
    uint64_t *hashes;
    uint32_t *entries;
    size_t    capacity; /* a power of two, at least twice the number of images */
};

struct work {
    const ath_dataset *dataset;
    ath_dataset_info   info;
    size_t             bytes;     /* of an image */
    unsigned char     *buffer[2]; /* an image each, where the set does not lie in memory */
    uint64_t (*counts)[256];      /* histogram per channel */
    struct seen seen;
};

static uint64_t hash_bytes(const unsigned char *bytes, size_t size) {
    uint64_t hash = size * 0x9E3779B97F4A7C15u;
    while (size > 0) {
        uint64_t word = 0;
        size_t   piece = size < sizeof word ? size : sizeof word;
        memcpy(&word, bytes, piece);
        hash = (hash ^ word) * 0xD6E8FEB86659FD93u;
        hash ^= hash >> 32;
        bytes += piece;
        size -= piece;
    }
    return hash;
}

static ath_status image_at(struct work *work, int64_t index, int which, const unsigned char **pixels, ath_error *err) {
    *pixels = ath__dataset_pixels(work->dataset, index);
    if (*pixels) return ATH_OK;
    *pixels = work->buffer[which];
    return ath_dataset_read(work->dataset, index, work->buffer[which], NULL, err);
}

/* *duplicate: the same bytes came before. Else the image is noted. */
static ath_status look_up(struct work *work, int64_t index, const unsigned char *pixels, bool *duplicate,
                          ath_error *err) {
    struct seen *seen = &work->seen;
    uint64_t     hash = hash_bytes(pixels, work->bytes);
    size_t       place = (size_t)(hash >> 7) & (seen->capacity - 1);
    *duplicate = false;
    while (seen->entries[place] != 0) {
        if (seen->hashes[place] == hash) {
            const unsigned char *earlier;
            ATH_TRY(image_at(work, (int64_t)seen->entries[place] - 1, 1, &earlier, err));
            *duplicate = memcmp(earlier, pixels, work->bytes) == 0;
            if (*duplicate) return ATH_OK;
        }
        place = (place + 1) & (seen->capacity - 1);
    }
    seen->entries[place] = (uint32_t)(index + 1);
    seen->hashes[place] = hash;
    return ATH_OK;
}

static ath_status open_work(struct work *work, const ath_dataset *dataset, ath_dataset_stats *stats, ath_error *err) {
    *work = (struct work){.dataset = dataset, .info = ath_dataset_describe(dataset)};
    const ath_dataset_info *info = &work->info;
    if (info->channels > MOST_CHANNELS || info->count >= UINT32_MAX) {
        return ath__fail(err, ATH_UNSUPPORTED, info->name, "the data set is too large to measure");
    }
    if (info->count < 1) return ath__fail(err, ATH_DATA, info->name, "the data set has no images");
    work->bytes = (size_t)info->channels * (size_t)info->height * (size_t)info->width;
    work->seen.capacity = 16;
    while (work->seen.capacity < 2 * (size_t)info->count) work->seen.capacity *= 2;
    work->seen.hashes = ATH_NEW_ARRAY(uint64_t, work->seen.capacity);
    work->seen.entries = ATH_NEW_ARRAY(uint32_t, work->seen.capacity);
    work->counts = ath__alloc_array(MOST_CHANNELS, sizeof *work->counts);
    work->buffer[0] = ath__alloc(work->bytes);
    work->buffer[1] = ath__alloc(work->bytes);
    stats->class_counts = ATH_NEW_ARRAY(int64_t, info->classes);
    bool all = work->seen.hashes && work->seen.entries && work->counts && work->buffer[0] && work->buffer[1];
    return all && stats->class_counts ? ATH_OK : ath__fail_memory(err, info->name);
}

static void close_work(struct work *work) {
    ath__free(work->seen.hashes);
    ath__free(work->seen.entries);
    ath__free(work->counts);
    ath__free(work->buffer[0]);
    ath__free(work->buffer[1]);
}

static void summarise(const struct work *work, ath_dataset_stats *stats) {
    double pixels = (double)work->info.count * work->info.height * work->info.width;
    for (int c = 0; c < work->info.channels; c++) {
        double mean = 0.0, square = 0.0;
        for (int v = 0; v < 256; v++) mean += (double)work->counts[c][v] * v;
        mean /= pixels;
        for (int v = 0; v < 256; v++) square += (double)work->counts[c][v] * (v - mean) * (v - mean);
        stats->mean[c] = mean / 255.0;
        stats->deviation[c] = sqrt(square / pixels) / 255.0;
    }
}

ath_status ath_dataset_measure(const ath_dataset *dataset, ath_dataset_stats *stats, ath_error *err) {
    struct work work;
    *stats = (ath_dataset_stats){0};
    ath_status status;
    ATH_TRY_DONE(open_work(&work, dataset, stats, err));
    size_t plane = work.bytes / (size_t)work.info.channels;
    for (int64_t i = 0; i < work.info.count; i++) {
        const unsigned char *pixels;
        int                  label;
        bool                 duplicate;
        ATH_TRY_DONE(image_at(&work, i, 0, &pixels, err));
        ATH_TRY_DONE(ath_dataset_read(dataset, i, NULL, &label, err));
        for (int c = 0; c < work.info.channels; c++) {
            for (size_t k = 0; k < plane; k++) work.counts[c][pixels[(size_t)c * plane + k]]++;
        }
        stats->class_counts[label]++;
        ATH_TRY_DONE(look_up(&work, i, pixels, &duplicate, err));
        stats->duplicates += duplicate;
    }
    summarise(&work, stats);
done:
    close_work(&work);
    if (status != ATH_OK) ath_dataset_stats_free(stats);
    return status;
}

void ath_dataset_stats_free(ath_dataset_stats *stats) {
    ath__free(stats->class_counts);
    *stats = (ath_dataset_stats){0};
}
