/* Fuzzes NumPy's .npz and .npy (tensor_reader.h): compressed members may become 64 MiB and 16 times the file. */
#include "fuzz/tensor_reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (ath__tensor_format_npz.recognise(data, size))
        fuzz_tensor_reader(ath__tensor_format_npz.read, data, size, 400, 320 << 20, NULL);
    return 0;
}
