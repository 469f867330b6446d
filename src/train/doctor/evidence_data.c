/* A look at every image: labels, duplicates, what the splits share, and what the network sees of the pixels.
 *
 * Images are compared by a 64-bit hash of their bytes; the first equal pair of either kind is confirmed byte by byte, so
 * that what is reported exists.
 */
#include "train/doctor/evidence.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"
#include "data/dataset.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SAMPLED = 2000 }; /* images that mean and deviation are taken from */

struct image {
    uint64_t hash;
    int64_t  index;
    int      label;
};

struct scan {
    const ath_dataset  *dataset;
    struct ath__picture pixels, other;
    struct image       *images;
    int64_t             count; /* read within the time */
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

static int by_hash(const void *a, const void *b) {
    const struct image *x = a, *y = b;
    if (x->hash != y->hash) return x->hash < y->hash ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

static void scan_close(struct scan *scan) {
    ath__picture_free(&scan->pixels);
    ath__picture_free(&scan->other);
    ath__free(scan->images);
}

/* Sums of the pixels as the network sees them. */
struct pixel_sums {
    double sum[4], square[4], count;
};

static void add_pixels(struct pixel_sums *sums, const struct ath__picture *picture,
                       const struct ath__preprocess *preprocess) {
    size_t plane = (size_t)picture->height * (size_t)picture->width;
    for (int c = 0; c < picture->channels && c < 4; c++)
        for (size_t i = 0; i < plane; i++) {
            double value =
                (picture->pixels[(size_t)c * plane + i] / 255.0 - preprocess->mean[c]) / preprocess->deviation[c];
            sums->sum[c] += value;
            sums->square[c] += value * value;
        }
    sums->count += (double)plane;
}

/* Reads and hashes; `sums` and `counts` (per class) may be NULL. A broken image ends the scan: training names it. */
static ath_status scan_read(struct scan *scan, const ath_dataset *dataset, double seconds, struct pixel_sums *sums,
                            int64_t *counts, const struct ath__preprocess *preprocess, ath_error *err) {
    ath_dataset_info info = ath_dataset_describe(dataset);
    double           until = ath__seconds() + seconds;
    int64_t          stride = info.count / SAMPLED + 1;
    scan->dataset = dataset;
    scan->images = ATH_NEW_ARRAY(struct image, info.count + 1);
    if (!scan->images) return ath__fail_memory(err, info.name);
    for (int64_t i = 0; i < info.count; i++) {
        int label = 0;
        if (i % 64 == 63 && ath__seconds() > until) break;
        ATH_TRY(ath_dataset_label(dataset, i, &label, err));
        ATH_TRY(ath__dataset_view(dataset, i, 0, &scan->pixels, err));
        uint64_t hash = hash_bytes(scan->pixels.pixels, ath__picture_bytes(&scan->pixels));
        scan->images[scan->count++] = (struct image){hash, i, label};
        if (counts && label >= 0 && label < info.classes) counts[label]++;
        if (sums && i % stride == 0) add_pixels(sums, &scan->pixels, preprocess);
    }
    qsort(scan->images, (size_t)scan->count, sizeof *scan->images, by_hash);
    return ATH_OK;
}

static bool same_bytes(struct scan *a, int64_t index_a, struct scan *b, int64_t index_b) {
    return ath__dataset_view(a->dataset, index_a, 0, &a->pixels, NULL) == ATH_OK &&
           ath__dataset_view(b->dataset, index_b, 0, &b->other, NULL) == ATH_OK &&
           a->pixels.height == b->other.height && a->pixels.width == b->other.width &&
           a->pixels.channels == b->other.channels &&
           memcmp(a->pixels.pixels, b->other.pixels, ath__picture_bytes(&b->other)) == 0;
}

static void find_duplicates(struct scan *scan, struct ath__data_facts *data) {
    for (int64_t i = 1, first = 0; i < scan->count; i++) {
        if (scan->images[i].hash != scan->images[first].hash) {
            first = i;
            continue;
        }
        data->duplicates++;
        if (scan->images[i].label == scan->images[first].label) continue;
        if (data->conflicts == 0 && !same_bytes(scan, scan->images[first].index, scan, scan->images[i].index)) continue;
        if (data->conflicts++ > 0) continue;
        data->conflict_a = scan->images[first].index;
        data->conflict_b = scan->images[i].index;
    }
}

static void find_shared(struct scan *train, struct scan *val, struct ath__data_facts *data) {
    for (int64_t v = 0, t = 0; v < val->count; v++) {
        while (t < train->count && train->images[t].hash < val->images[v].hash) t++;
        if (t == train->count) return;
        if (train->images[t].hash != val->images[v].hash) continue;
        if (data->shared == 0 && !same_bytes(train, train->images[t].index, val, val->images[v].index)) continue;
        if (data->shared++ > 0) continue;
        data->shared_train = train->images[t].index;
        data->shared_val = val->images[v].index;
    }
}

static void find_classes(const int64_t *counts, int classes, struct ath__data_facts *data) {
    data->smallest = data->largest = counts[0];
    for (int c = 1; c < classes; c++) {
        if (counts[c] < data->smallest) data->smallest = counts[c], data->smallest_class = c;
        if (counts[c] > data->largest) data->largest = counts[c], data->largest_class = c;
    }
}

void ath__evidence_counts(struct ath__evidence *evidence, const ath_dataset *train, const ath_dataset *val) {
    ath_dataset_info info = ath_dataset_describe(train);
    evidence->data = (struct ath__data_facts){.known = true,
                                              .train = info.count,
                                              .val = ath_dataset_describe(val).count,
                                              .classes = info.classes,
                                              .channels = info.channels};
}

ath_status ath__evidence_scan(struct ath__evidence *evidence, const ath_dataset *train, const ath_dataset *val,
                              const struct ath__preprocess *preprocess, double seconds, ath_error *err) {
    struct ath__data_facts *data = &evidence->data;
    struct scan             a = {0}, b = {0};
    struct pixel_sums       sums = {{0}, {0}, 0};
    ath__evidence_counts(evidence, train, val);
    int64_t   *counts = ATH_NEW_ARRAY(int64_t, data->classes + 1);
    ath_status status = counts ? ATH_OK : ath__fail_memory(err, "doctor");
    if (status == ATH_OK) status = scan_read(&a, train, seconds, &sums, counts, preprocess, err);
    if (status == ATH_OK) status = scan_read(&b, val, seconds, NULL, NULL, preprocess, err);
    if (status == ATH_OK) {
        data->looked_train = a.count;
        data->looked_val = b.count;
        find_duplicates(&a, data);
        find_shared(&a, &b, data);
        find_classes(counts, data->classes, data);
        for (int c = 0; c < data->channels && c < 4 && sums.count > 0.0; c++) {
            data->mean[c] = sums.sum[c] / sums.count;
            data->deviation[c] = sqrt(fmax(sums.square[c] / sums.count - data->mean[c] * data->mean[c], 0.0));
        }
        data->scanned = true;
    }
    ath__free(counts);
    scan_close(&a);
    scan_close(&b);
    return status;
}
