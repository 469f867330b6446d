/* Arrays in files: NumPy's .npy and .npz, ONNX's tensors (.pb). What `athanor infer` takes and gives. */
#ifndef ATH_FORMAT_ARRAY_FILE_H
#define ATH_FORMAT_ARRAY_FILE_H

#include "athanor/status.h"
#include "format/onnx/onnx_tensor.h"

struct ath__array {
    const char             *name; /* of an array in an .npz, of a tensor; "" for an .npy */
    struct ath__onnx_tensor tensor;
};

/* Reads the arrays of a file, told by its content; they live in the arena. ATH_DATA for damaged files: sizes are checked
 * before memory is asked for, pickled objects are refused. */
ath_status ath__array_file_read(const char *path, struct ath__arena *arena, struct ath__array **arrays, int *count,
                                ath_error *err);

/* Writes one as .npy, whole or not at all. Floats that NumPy lacks become float32,
 * integers of less than eight bits int8 and uint8. */
ath_status ath__npy_write(const char *path, const struct ath__onnx_tensor *tensor, ath_error *err);

#endif
