/* NumPy's .npy: one array.
 *
 *     "\x93NUMPY", major and minor version, length of the header (u16 in version 1, u32 in 2 and 3), then
 *     {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), } padded with blanks to a multiple of 64, then the data
 *
 * The header is a Python literal, of which exactly this form is read and nothing evaluated. Arrays of Python objects,
 * which are pickles, are refused.
 */
#ifndef ATH_FORMAT_NPY_H
#define ATH_FORMAT_NPY_H

#include "base/str.h"
#include "format/tensor_format.h"

bool ath__npy_recognise(const unsigned char *bytes, size_t size);

/* Reads the array at `bytes`. Types without one of ours become the next wider one (int8, int16, uint16: i32; bool: u8); big-endian
 * and Fortran-ordered data is turned round, into the arena, as is data that is not aligned. Two-byte voids are bf16 if
 * `bf16` says so. `what` stands in messages. ATH_DATA, and ATH_UNSUPPORTED for types beyond those. */
ath_status ath__npy_read(const char *path, const char *what, const unsigned char *bytes, size_t size, bool bf16,
                         struct ath__arena *arena, ath_tensor *tensor, ath_error *err);

/* Appends the header of an array of version 1, a multiple of 64 bytes long. bf16 is written as two-byte voids. */
void ath__npy_header(struct ath__str *dst, const ath_tensor *tensor);

#endif
