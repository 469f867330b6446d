/* Fuzzes NumPy's .npz and .npy files: any bytes give tensors whose data can be read whole, or one error; memory stays within a small multiple
 * of the bytes. */
#include "base/mem.h"
#include "format/tensor_format.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct ath__tensor_owner owner = {.mapping = {data, size}};
    ath_tensor_file          file = {.tensor_count = 0};
    ath_error                err = {0};
    unsigned                 sum = 0;
    uint64_t                 live = ath__mem_stats().live_bytes;
    if (!ath__tensor_format_npz.recognise(data, size)) return 0;
    ath_status status = ath__tensor_format_npz.read("fuzz", &owner, &file, &err);
    if (status != ATH_OK && (err.code != status || err.message[0] == '\0')) abort();
    for (int t = 0; status == ATH_OK && t < file.tensor_count; t++) {
        const ath_tensor *tensor = &file.tensors[t].tensor;
        size_t            bytes = ath__tensor_bytes(tensor);
        if ((uintptr_t)tensor->data % ath_dtype_size(tensor->dtype) != 0) abort();
        for (size_t i = 0; i < bytes; i++) sum += ((const unsigned char *)tensor->data)[i];
        sum += (unsigned)strlen(file.tensors[t].name);
    }
    for (int m = 0; status == ATH_OK && m < file.metadata_count; m++)
        sum += (unsigned)(strlen(file.metadata[m].key) + strlen(file.metadata[m].value));
    volatile unsigned kept = sum;
    (void)kept;
    ath__arena_free(&owner.arena);
    if (ath__mem_stats().live_bytes != live) abort();
    return 0;
}
