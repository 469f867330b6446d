/* Floating-point types of eight bits and fewer: what a code means, and the code of a number. */
#ifndef ATH_FORMAT_ONNX_SMALL_H
#define ATH_FORMAT_ONNX_SMALL_H

#include <stdbool.h>
#include <stdint.h>

/* How float8e8m0, which has powers of two alone, takes a number between two of them. */
enum ath__onnx_round { ATH_ONNX_ROUND_UP, ATH_ONNX_ROUND_DOWN, ATH_ONNX_ROUND_NEAREST };

bool ath__onnx_is_small(int type);

double ath__onnx_small_value(int type, uint8_t code);

/* The nearest code, of two the even one. Numbers beyond the largest become it if `saturate`, else infinity or, in types
 * without one, no number. */
uint8_t ath__onnx_small_code(int type, double value, bool saturate, enum ath__onnx_round round);

#endif
