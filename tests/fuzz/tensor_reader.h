/* What every fuzzer of a tensor file's reader asks: any bytes give tensors whose data can be read whole, or one error; all
 * memory comes back, and no more is held at any time than a multiple of the bytes. */
#ifndef ATH_TESTS_FUZZ_TENSOR_READER_H
#define ATH_TESTS_FUZZ_TENSOR_READER_H

#include "base/mem.h"
#include "format/tensor_format.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef ath_status tensor_reader(const char *path, struct ath__tensor_owner *owner, ath_tensor_file *file,
                                 ath_error *err);

/* Reads every byte that a file hands out. */
static unsigned read_whole(const ath_tensor_file *file) {
    unsigned sum = 0;
    for (int t = 0; t < file->tensor_count; t++) {
        const ath_tensor *tensor = &file->tensors[t].tensor;
        size_t            bytes = ath__tensor_bytes(tensor);
        if ((uintptr_t)tensor->data % ath_dtype_size(tensor->dtype) != 0) abort();
        for (size_t i = 0; i < bytes; i++) sum += ((const unsigned char *)tensor->data)[i];
        sum += (unsigned)strlen(file->tensors[t].name);
    }
    for (int m = 0; m < file->metadata_count; m++)
        sum += (unsigned)(strlen(file->metadata[m].key) + strlen(file->metadata[m].value));
    return sum;
}

/* `most` bytes of memory, and `growth` times the input's size, may be held. `look` (NULL: nothing more) gets what was
 * read. */
static void fuzz_tensor_reader(tensor_reader *read, const uint8_t *data, size_t size, size_t growth, size_t most,
                               void (*look)(const ath_tensor_file *file)) {
    struct ath__tensor_owner owner = {.mapping = {data, size}};
    ath_tensor_file          file = {.tensor_count = 0};
    ath_error                err = {0};
    struct ath__mem_stats    before = ath__mem_stats();
    ath_status               status = read("fuzz", &owner, &file, &err);
    struct ath__mem_stats    after = ath__mem_stats();
    if (after.peak_bytes > before.peak_bytes && after.peak_bytes - before.live_bytes > growth * size + most) abort();
    if (status != ATH_OK && (err.code != status || err.message[0] == '\0')) abort();
    volatile unsigned sum = status == ATH_OK ? read_whole(&file) : 0;
    (void)sum;
    if (status == ATH_OK && look) look(&file);
    ath__arena_free(&owner.arena);
    if (ath__mem_stats().live_bytes != before.live_bytes) abort();
}

#endif
