/* Fuzzes the arrays that `athanor infer` takes: .npy, .npz, ONNX tensors. Any bytes either give arrays whose elements can be
 * read whole, or one error. */
#include "base/mem.h"
#include "format/onnx/array_file.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char               path[64];
    struct ath__arena  arena = {0};
    struct ath__array *arrays = NULL;
    ath_error          err = {0};
    int                count = 0, fd = memfd_create("fuzz", MFD_CLOEXEC);
    double             sum = 0.0;
    if (fd < 0) return 0;
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (write(fd, data, size) == (ssize_t)size) {
        ath_status status = ath__array_file_read(path, &arena, &arrays, &count, &err);
        if (status != ATH_OK && err.message[0] == '\0') abort();
        for (int i = 0; status == ATH_OK && i < count; i++)
            for (int64_t k = 0; k < arrays[i].tensor.count; k++) sum += ath__onnx_get(&arrays[i].tensor, k);
        volatile double kept = sum;
        (void)kept;
    }
    ath__arena_free(&arena);
    close(fd);
    return 0;
}
