/* Fuzzes the readers of CIFAR-10 and CIFAR-100: any bytes give images whose pixels and labels can be read whole, or one
 * error. The first byte chooses: bit 0 the set, bit 1 the labels of CIFAR-100, bit 2 an archive or the records of a file,
 * bit 3 the part of the archive. The first label says in which pieces records come. */
#include "base/mem.h"
#include "data/cifar.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look_at(const struct ath__image_store *store) {
    volatile unsigned sum = 0;
    size_t            bytes = (size_t)store->count * ATH_CIFAR_PIXELS;
    for (size_t i = 0; i < bytes; i++) sum = sum + store->pixels[i];
    for (int64_t i = 0; i < store->count; i++) {
        if (store->labels[i] < 0 || store->labels[i] >= store->classes) abort();
    }
    for (int c = 0; store->class_names && c < store->classes; c++) {
        if (strlen(store->class_names[c]) == 0) abort();
    }
}

static ath_status read_records(const struct ath__cifar_set *set, int labelling, const uint8_t *data, size_t size,
                               struct ath__image_store *store, ath_error *err) {
    struct ath__cifar_records records = {.format = &set->format, .labelling = labelling, .file = "f", .where = "w"};
    ath_status                status = ath__cifar_count(&set->format, size, data, "f", "w", &records.count, err);
    if (status != ATH_OK) return status;
    store->count = records.count;
    store->classes = set->format.of[labelling].classes;
    store->pixels = records.images = ath__alloc((size_t)records.count * ATH_CIFAR_PIXELS);
    store->labels = records.labels = ath__alloc((size_t)records.count * sizeof *store->labels);
    if (!store->pixels || !store->labels) abort();
    for (size_t at = 0, step = 1 + 16 * (size_t)data[0]; at < size && status == ATH_OK; at += step)
        status = ath__cifar_put(&records, data + at, step < size - at ? step : size - at, err);
    return status == ATH_OK ? ath__cifar_end(&records, err) : status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct ath__image_store store = {0};
    ath_error               err = {0};
    if (size < 2) return 0;
    const struct ath__cifar_set *set = data[0] & 1 ? &ath__cifar100_set : &ath__cifar10_set;
    int                          labelling = (data[0] & 3) == 3;
    uint64_t                     live = ath__mem_stats().live_bytes;
    ath_status                   status;
    if (data[0] & 4) {
        struct ath__archive *archive = NULL;
        status = ath__archive_open_bytes(data + 1, size - 1, "fuzz", UINT64_MAX, &archive, &err);
        if (status == ATH_OK) status = ath__cifar_read_archive(set, archive, !(data[0] & 8), labelling, &store, &err);
        ath__archive_close(archive);
    } else {
        status = read_records(set, labelling, data + 1, size - 1, &store, &err);
    }
    if (status == ATH_OK)
        look_at(&store);
    else if (err.code != status || err.message[0] == '\0')
        abort();
    ath__image_store_free(&store);
    if (ath__mem_stats().live_bytes != live) abort();
    return 0;
}
