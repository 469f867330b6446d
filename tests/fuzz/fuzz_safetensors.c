/* Fuzzes safetensors files (tensor_reader.h), whose tensors lie within the file. */
#include "fuzz/tensor_reader.h"

static size_t file_size;

static void lies_within(const ath_tensor_file *file) {
    size_t total = 0;
    for (int t = 0; t < file->tensor_count; t++) total += ath__tensor_bytes(&file->tensors[t].tensor);
    if (total > file_size) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    file_size = size;
    fuzz_tensor_reader(ath__tensor_format_safetensors.read, data, size, 400, 1 << 20, lies_within);
    return 0;
}
