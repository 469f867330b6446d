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

enum { ATH_NPY_MAX_RANK = 8 };

/* An array as it lies in the file. */
struct ath__npy {
    char                 code[8]; /* of the element type, without the byte order: "f4", "b1", "V2" */
    int                  width;   /* bytes of an element, 1 to 8 */
    bool                 swap;    /* big-endian */
    bool                 fortran; /* the first dimension runs fastest */
    int                  rank;
    int64_t              dims[ATH_NPY_MAX_RANK];
    uint64_t             count; /* of elements, all of which are there */
    const unsigned char *data;  /* not aligned */
};

bool ath__npy_recognise(const unsigned char *bytes, size_t size);

/* Reads the header at `bytes` and checks that the data follow. `what` stands in messages. ATH_DATA, and ATH_UNSUPPORTED for
 * objects, structures and texts. */
ath_status ath__npy_open(const char *path, const char *what, const unsigned char *bytes, size_t size,
                         struct ath__npy *array, ath_error *err);

/* The elements in row-major order and this machine's byte order: count * width bytes. */
void ath__npy_copy(const struct ath__npy *array, void *dst);

/* The array as a tensor. Types without one of ours become the next wider one (int8, int16, uint16: i32; bool: u8); what is
 * not in order or not aligned is copied into the arena, the rest stays where it is. Two-byte voids are bf16 if `bf16` says
 * so. ATH_DATA, and ATH_UNSUPPORTED for other types and for more than ATH_MAX_RANK dimensions. */
ath_status ath__npy_read(const char *path, const char *what, const unsigned char *bytes, size_t size, bool bf16,
                         struct ath__arena *arena, ath_tensor *tensor, ath_error *err);

/* Appends the header of an array of version 1, a multiple of 64 bytes long. */
void ath__npy_header(struct ath__str *dst, const char *code, int rank, const int64_t *dims);
/* The code that tensors of that type are written with; bf16 as two-byte voids. */
const char *ath__npy_code(ath_dtype dtype);

#endif
