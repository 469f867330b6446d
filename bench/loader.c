/* Times the loader alone: random images of CIFAR's shape, whole epochs, as fast as batches can be taken.
 *
 *     bench_loader [augment=LIST] [threads=2] [batch=500] [images=50000] [side=32] [epochs=8]
 *
 * Without augment=, a few lists are timed one after another. Printed: images per second of the median and the fastest
 * epoch, and images per second of processor time, which other work on the machine disturbs less.
 */
#include "data/loader.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/rng.h"
#include "data/dataset.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { CHANNELS = 3, CLASSES = 10, MOST_EPOCHS = 64 };

struct options {
    const char *augment;
    int         threads, batch, images, side, epochs;
};

static const char *const usual_lists[] = {"",
                                          "[crop(4),flip]",
                                          "[crop(4),flip,cutout(8)]",
                                          "[crop(4,reflect),flip(mode=alternate),cutout(12,inside)]",
                                          "[crop(4),flip,cutout(8),mixup(0.2)]",
                                          "[crop(4),flip,jitter(0.2,0.2,0.2)]",
                                          "[crop(4),flip,rotate(15)]",
                                          "[crop(4),flip,trivialaugment,cutout(8)]"};

static ath_status make_images(const struct options *options, ath_dataset **dataset, ath_error *err) {
    static const char *const names[CLASSES] = {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"};
    size_t                   bytes = (size_t)options->images * CHANNELS * (size_t)(options->side * options->side);
    struct ath__image_store  store = {.count = options->images,
                                      .channels = CHANNELS,
                                      .height = options->side,
                                      .width = options->side,
                                      .classes = CLASSES,
                                      .class_names = names,
                                      .pixels = ath__alloc(bytes),
                                      .labels = ATH_NEW_ARRAY(int32_t, options->images)};
    struct ath__rng          rng;
    if (!store.pixels || !store.labels) return ATH_MEMORY;
    ath__rng_start(&rng, 1, ATH_RNG_TEST, 0, 0);
    for (size_t i = 0; i < bytes; i += 4) {
        uint32_t word = ath__rng_u32(&rng);
        memcpy(store.pixels + i, &word, bytes - i < 4 ? bytes - i : 4);
    }
    for (int i = 0; i < options->images; i++) store.labels[i] = i % CLASSES;
    return ath__dataset_wrap("random", ATH_SPLIT_TRAIN, &store, dataset, err);
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static double processor_seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static ath_status time_list(const struct options *options, const ath_dataset *dataset, const char *list,
                            ath_error *err) {
    struct ath__loader_settings settings = {
        .batch = options->batch,
        .seed = 1,
        .shuffle = true,
        .threads = options->threads,
        .augment = list,
        .preprocess = {.mean = {0.4914, 0.4822, 0.4465}, .deviation = {0.2470, 0.2435, 0.2616}}};
    struct ath__loader *loader;
    double              seconds[MOST_EPOCHS], used = 0.0;
    ath_status          status = ath__loader_open(dataset, &settings, &loader, err);
    for (int e = -1; e < options->epochs && status == ATH_OK; e++) { /* the first one warms up */
        struct ath__batch batch = {.count = 1};
        double            begin = ath__seconds(), processor = processor_seconds();
        status = ath__loader_start(loader, e + 1, 0, err);
        while (status == ATH_OK && batch.count > 0) status = ath__loader_next(loader, &batch, err);
        if (e < 0) continue;
        seconds[e] = ath__seconds() - begin;
        used += processor_seconds() - processor;
    }
    if (status == ATH_OK) {
        qsort(seconds, (size_t)options->epochs, sizeof seconds[0], by_value);
        printf("%-58s %9.0f images/s (fastest %9.0f), %9.0f per processor second\n", *list ? list : "normalise only",
               options->images / seconds[options->epochs / 2], options->images / seconds[0],
               (double)options->images * options->epochs / used);
        fflush(stdout);
    }
    ath__loader_close(loader);
    return status;
}

static bool read_number(const char *word, const char *key, int *number) {
    size_t length = strlen(key);
    if (strncmp(word, key, length) != 0 || word[length] != '=') return false;
    *number = atoi(word + length + 1);
    return *number > 0;
}

int main(int argc, char **argv) {
    struct options options = {NULL, 2, 500, 50000, 32, 8};
    for (int i = 1; i < argc; i++) {
        bool known = read_number(argv[i], "threads", &options.threads) ||
                     read_number(argv[i], "batch", &options.batch) || read_number(argv[i], "images", &options.images) ||
                     read_number(argv[i], "side", &options.side) || read_number(argv[i], "epochs", &options.epochs);
        if (!known && strncmp(argv[i], "augment=", 8) == 0) {
            options.augment = argv[i] + 8;
            known = true;
        }
        if (!known || options.epochs > MOST_EPOCHS || options.side > 1024) {
            fprintf(stderr, "bench_loader: what is '%s'?\n", argv[i]);
            return 2;
        }
    }
    ath_dataset *dataset = NULL;
    ath_error    err = {0};
    ath_status   status = make_images(&options, &dataset, &err);
    int          count = options.augment ? 1 : (int)(sizeof usual_lists / sizeof usual_lists[0]);
    printf("%d images of %dx%dx%d, batch %d, %d threads\n", options.images, CHANNELS, options.side, options.side,
           options.batch, options.threads);
    for (int i = 0; i < count && status == ATH_OK; i++)
        status = time_list(&options, dataset, options.augment ? options.augment : usual_lists[i], &err);
    if (status != ATH_OK) fprintf(stderr, "bench_loader: %s\n", err.message);
    ath_dataset_close(dataset);
    return status != ATH_OK;
}
