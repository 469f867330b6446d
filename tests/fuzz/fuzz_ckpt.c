/* Fuzzes MindSpore's checkpoints (tensor_reader.h). */
#include "fuzz/tensor_reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (ath__tensor_format_mindspore.recognise(data, size))
        fuzz_tensor_reader(ath__tensor_format_mindspore.read, data, size, 32, 1 << 20, NULL);
    return 0;
}
