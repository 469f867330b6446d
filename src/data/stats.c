/* Figures of a data set: mean and deviation per channel, images per class, images that occur twice.
 *
 * Pixels are bytes, so a histogram h[v] of each channel says everything, exactly:
 *
 *     mean = sum_v h[v] v / (255 N),    deviation^2 = sum_v h[v] (v - 255 mean)^2 / (255^2 N)
 *
 * with N pixels, divided by N as is usual for normalisation.
 */
#include "athanor/data.h"
#include "base/error.h"
#include "base/mem.h"
#include "data/dataset.h"

#include <math.h>
#include <string.h>

enum { MOST_CHANNELS = 4 };

/* Two histograms of each channel, for pixels at even and odd places: equal neighbours, which are common, then do not
 * wait for each other's count to be written. */
typedef uint64_t histograms[MOST_CHANNELS][2][256];

struct work {
    ath_dataset_info info;
    uint64_t         pixels[ATH_DATASET_CHUNKS]; /* of one channel */
    histograms      *chunks;                     /* (ATH_DATASET_CHUNKS) */
};

static void count_pixels(const struct ath__picture *picture, int64_t index, int chunk, void *context) {
    struct work         *work = context;
    size_t               plane = (size_t)picture->height * (size_t)picture->width, even = plane / 2 * 2;
    const unsigned char *pixels = picture->pixels;
    (void)index;
    work->pixels[chunk] += plane;
    for (int c = 0; c < work->info.channels; c++, pixels += plane) {
        uint64_t(*counts)[256] = work->chunks[chunk][c];
        for (size_t k = 0; k < even; k += 2) {
            counts[0][pixels[k]]++;
            counts[1][pixels[k + 1]]++;
        }
        if (even < plane) counts[0][pixels[even]]++;
    }
}

static void summarise(const struct work *work, ath_dataset_stats *stats) {
    double pixels = 0.0;
    for (int k = 0; k < ATH_DATASET_CHUNKS; k++) pixels += (double)work->pixels[k];
    for (int c = 0; c < work->info.channels; c++) {
        uint64_t counts[256] = {0};
        double   mean = 0.0, square = 0.0;
        for (int k = 0; k < ATH_DATASET_CHUNKS; k++) {
            for (int v = 0; v < 256; v++) counts[v] += work->chunks[k][c][0][v] + work->chunks[k][c][1][v];
        }
        for (int v = 0; v < 256; v++) mean += (double)counts[v] * v;
        mean /= pixels;
        for (int v = 0; v < 256; v++) square += (double)counts[v] * (v - mean) * (v - mean);
        stats->mean[c] = mean / 255.0;
        stats->deviation[c] = sqrt(square / pixels) / 255.0;
    }
}

ath_status ath_dataset_measure(const ath_dataset *dataset, ath_dataset_stats *stats, ath_error *err) {
    struct work    work = {.info = ath_dataset_describe(dataset)};
    ath_duplicates duplicates;
    ath_status     status = ATH_OK;
    *stats = (ath_dataset_stats){0};
    if (work.info.count < 1) return ath__fail(err, ATH_DATA, work.info.name, "the data set has no images");
    if (work.info.channels > MOST_CHANNELS)
        return ath__fail(err, ATH_UNSUPPORTED, work.info.name, "images of more than %d channels cannot be measured",
                         (int)MOST_CHANNELS);
    work.chunks = ath__alloc_array(ATH_DATASET_CHUNKS, sizeof *work.chunks);
    stats->class_counts = ATH_NEW_ARRAY(int64_t, work.info.classes);
    if (!work.chunks || !stats->class_counts) {
        status = ath__fail_memory(err, work.info.name);
        goto done;
    }
    ATH_TRY_DONE(ath__dataset_visit(dataset, count_pixels, &work, err));
    summarise(&work, stats);
    for (int64_t i = 0; i < work.info.count; i++) {
        int label;
        ATH_TRY_DONE(ath_dataset_label(dataset, i, &label, err));
        stats->class_counts[label]++;
    }
    ATH_TRY_DONE(ath_dataset_compare(dataset, dataset, &duplicates, err));
    stats->duplicates = duplicates.images;
    stats->conflicts = duplicates.conflicts;
done:
    ath__free(work.chunks);
    if (status != ATH_OK) ath_dataset_stats_free(stats);
    return status;
}

void ath_dataset_stats_free(ath_dataset_stats *stats) {
    ath__free(stats->class_counts);
    *stats = (ath_dataset_stats){0};
}
