/* An ONNX classifier as a model of Athanor: the text of its graph and its tensors by name. */
#ifndef ATH_FORMAT_ONNX_MODEL_H
#define ATH_FORMAT_ONNX_MODEL_H

#include "format/onnx/onnx_import.h"
#include "format/tensor_format.h"

/* Fills `file`: the graph's parameters and states, and metadata that describes the model as Athanor's own files do
 * ("model", "net", "input", "classes"; class names and preprocessing where the file has them). Everything is copied into
 * the owner's arena. ATH_UNSUPPORTED for graphs that are no classifiers of images. */
ath_status ath__onnx_model_read(const char *path, struct ath__tensor_owner *owner, ath_tensor_file *file,
                                ath_error *err);

#endif
