/* Fuzzes safetensors files: any bytes either give tensors that lie within the file, or are refused with a message. */
#include "athanor/format.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char            path[64];
    ath_tensor_file file;
    ath_error       err = {0};
    int             fd = memfd_create("fuzz", MFD_CLOEXEC);
    if (fd < 0) return 0;
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (write(fd, data, size) == (ssize_t)size) {
        ath_status status = ath_safetensors_load(path, &file, &err);
        if (status != ATH_OK && (!err.message[0] || file.owner)) abort();
        unsigned sum = 0;
        size_t   total = 0;
        for (int t = 0; status == ATH_OK && t < file.tensor_count; t++) {
            const ath_tensor *tensor = &file.tensors[t].tensor;
            size_t            bytes = (size_t)ath_shape_count(&tensor->shape) * ath_dtype_size(tensor->dtype);
            for (size_t i = 0; i < bytes; i++) sum += ((const unsigned char *)tensor->data)[i];
            total += bytes;
        }
        if (total > size) abort();
        for (int m = 0; status == ATH_OK && m < file.metadata_count; m++)
            sum += (unsigned)(strlen(file.metadata[m].key) + strlen(file.metadata[m].value));
        volatile unsigned kept = sum;
        (void)kept;
        if (status == ATH_OK) ath_tensor_file_free(&file);
    }
    close(fd);
    return 0;
}
