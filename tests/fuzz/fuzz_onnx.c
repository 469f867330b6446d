/* Fuzzes ONNX files: any bytes either become a model, whose graph can be built, or are refused with one message; nothing
 * is run, and no memory is lost. */
#include "athanor/model.h"
#include "base/mem.h"
#include "format/onnx/onnx_model.h"

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
    ath_status               status = ath__onnx_model_read("fuzz", &owner, &file, &err);
    if (status != ATH_OK && (err.code != status || err.message[0] == '\0')) abort();
    for (int t = 0; status == ATH_OK && t < file.tensor_count; t++) {
        const ath_tensor *tensor = &file.tensors[t].tensor;
        size_t            bytes = (size_t)ath_shape_count(&tensor->shape) * ath_dtype_size(tensor->dtype);
        for (size_t i = 0; i < bytes; i++) sum += ((const unsigned char *)tensor->data)[i];
    }
    const char *net = status == ATH_OK ? ath_tensor_file_metadata(&file, "net") : NULL;
    ath_model  *model = NULL;
    if (net && ath_model_create_text("fuzz", net, strlen(net), &model, &err) == ATH_OK) {
        ath_model_counts counts;
        if (ath_model_count(model, &counts, &err) != ATH_OK && err.message[0] == '\0') abort();
    }
    volatile unsigned kept = sum;
    (void)kept;
    ath_model_destroy(model);
    ath__arena_free(&owner.arena);
    if (ath__mem_stats().live_bytes != live) abort();
    return 0;
}
