/* Fuzzes PyTorch's legacy form (tensor_reader.h). */
#include "format/torch/torch_file.h"
#include "fuzz/tensor_reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_tensor_reader(ath__torch_legacy_read, data, size, 400, 1 << 20, NULL);
    return 0;
}
