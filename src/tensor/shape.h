/* Shapes: checked sizes and text. */
#ifndef ATH_TENSOR_SHAPE_H
#define ATH_TENSOR_SHAPE_H

#include "athanor/tensor.h"

#include <stdbool.h>
#include <stddef.h>

/* The bytes of a tensor; false if the rank or a dimension is out of range or the product overflows. */
bool ath__shape_bytes(const ath_shape *shape, ath_dtype dtype, size_t *bytes);

/* "1x28x28", "scalar" for rank 0. Returns `text`. */
const char *ath__shape_print(const ath_shape *shape, char *text, size_t capacity);

#endif
