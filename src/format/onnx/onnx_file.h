/* Reading ONNX files: models and single tensors. */
#ifndef ATH_FORMAT_ONNX_FILE_H
#define ATH_FORMAT_ONNX_FILE_H

#include "athanor/status.h"
#include "format/onnx/onnx_tensor.h"
#include "onnx.pb-c.h"

/* A model in memory: everything that it points to goes with it. */
struct ath__onnx_file {
    const char           *path; /* borrowed, for messages; tensors kept beside the model are looked for in its folder */
    Athanor__Onnx__Model *model;
    void                 *budget; /* private */
    struct ath__arena     arena;
    struct ath__onnx_external *external; /* files of tensors that lie beside it, mapped */
};

/* Whether the bytes begin as an ONNX model does (field 1, a small version number; then texts and a graph). */
bool ath__onnx_is_model(const unsigned char *bytes, size_t size);

/* Parses a model. ATH_DATA for damaged files; memory is bounded by the file's size. The file is the caller's to close,
 * also after a failure. */
ath_status ath__onnx_file_read(const char *path, const unsigned char *bytes, size_t size, struct ath__onnx_file *file,
                               ath_error *err);
void       ath__onnx_file_close(struct ath__onnx_file *file);

/* A tensor of the model, checked: type, dimensions and the number of bytes agree. Its data points into the file. A
 * tensor kept in another file must lie in the model's own folder. */
ath_status ath__onnx_tensor_read(struct ath__onnx_file *file, const Athanor__Onnx__Tensor *proto,
                                 struct ath__onnx_tensor *tensor, ath_error *err);

/* The tensor of a .pb file (a TensorProto), in the arena. */
ath_status ath__onnx_tensor_file(const char *path, struct ath__arena *arena, struct ath__onnx_tensor *tensor,
                                 const char **name, ath_error *err);

#endif
