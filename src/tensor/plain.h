/* Whole tensors between their memory, of any type and layout, and plain row-major doubles.
 *
 * For the reference implementation and for tests, where generality matters more than speed.
 */
#ifndef ATH_TENSOR_PLAIN_H
#define ATH_TENSOR_PLAIN_H

#include "tensor/layout.h"

/* plain[row-major index] = element; padding is skipped. `plain` holds ath_shape_count(&desc->shape) values. */
void ath__desc_load(const struct ath__desc *desc, const void *data, double *plain);

/* The way back, rounded to the type; padding of blocked layouts becomes zero. */
void ath__desc_store(const struct ath__desc *desc, const double *plain, void *data);

/* The memory offsets that are padding: calls `visit` for each. */
void ath__desc_visit_padding(const struct ath__desc *desc, void (*visit)(int64_t offset, void *context), void *context);

#endif
