/* The formats of tensor files: one row each, asked in this order whether a file is theirs. */
ATH_TENSOR_FORMAT(safetensors)
ATH_TENSOR_FORMAT(pytorch)
ATH_TENSOR_FORMAT(onnx)
ATH_TENSOR_FORMAT(npz)
ATH_TENSOR_FORMAT(mindspore)
