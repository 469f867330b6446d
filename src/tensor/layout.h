/* How a tensor's elements lie in memory.
 *
 * A layout is an order of the outer dimensions (slowest first) followed by inner blocks (outermost first). With shape
 * N,C,H,W:
 *
 *   plain            order N C H W                       NCHW, row-major
 *   channels last    order N H W C                       NHWC
 *   channel blocks   order N C H W, block C by 8 or 16   nChw8c: N, C/8, H, W, 8 channels
 *   batch blocks     order N C H W, block N by 16        N/16, C, H, W, 16 images
 *
 * and weights K,C,R,S may carry several blocks (OIhw8i8o: C by 8, then K by 8). A dimension that its blocks do not
 * divide is padded; padding holds zeros. Any layout of oneDNN's "blocked" kind can be written this way.
 */
#ifndef ATH_TENSOR_LAYOUT_H
#define ATH_TENSOR_LAYOUT_H

#include "athanor/tensor.h"

#include <stdbool.h>

enum { ATH_LAYOUT_MAX_BLOCKS = 4 };

struct ath__layout {
    int8_t order[ATH_MAX_RANK]; /* outer dimensions, slowest first; the first `rank` entries count */
    int8_t blocks;              /* inner blocks in use                                             */
    int8_t block_dim[ATH_LAYOUT_MAX_BLOCKS];
    int8_t block_size[ATH_LAYOUT_MAX_BLOCKS];
};

struct ath__layout ath__layout_plain(void);
struct ath__layout ath__layout_channels_last(int rank);
struct ath__layout ath__layout_channel_blocks(int block);
struct ath__layout ath__layout_batch_blocks(int block);

bool ath__layout_equal(const struct ath__layout *a, const struct ath__layout *b, int rank);
bool ath__layout_is_plain(const struct ath__layout *layout, int rank);
/* The block size if the layout is plain order with one block on `dim`, else 0. */
int ath__layout_single_block(const struct ath__layout *layout, int rank, int dim);

/* A tensor as a kernel sees it. */
struct ath__desc {
    ath_dtype          dtype;
    ath_shape          shape;
    struct ath__layout layout;
    bool               present; /* false: an optional operand that is not there */
};

struct ath__desc ath__desc_plain(ath_dtype dtype, const ath_shape *shape);

/* Elements and bytes in memory, padding included. */
int64_t ath__desc_padded_count(const struct ath__desc *desc);
size_t  ath__desc_bytes(const struct ath__desc *desc);

/* The memory as a row-major array: writes the physical dimensions (outer ones in order, then the blocks) and, for each,
 * which logical dimension it belongs to and how far one step along it moves in that logical dimension. Returns the
 * number of physical dimensions (at most ATH_MAX_RANK + ATH_LAYOUT_MAX_BLOCKS). */
enum { ATH_MAX_PHYSICAL = ATH_MAX_RANK + ATH_LAYOUT_MAX_BLOCKS };
struct ath__physical {
    int     count;
    int64_t size[ATH_MAX_PHYSICAL];
    int     dim[ATH_MAX_PHYSICAL];  /* logical dimension           */
    int64_t step[ATH_MAX_PHYSICAL]; /* logical distance of one step */
};
void ath__desc_physical(const struct ath__desc *desc, struct ath__physical *physical);

/* True if the two layouts put every element of this shape at the same offset: equal, or different only in where they
 * list dimensions that have a single step. Data in one may then be read as the other. */
bool ath__layout_same_memory(const ath_shape *shape, const struct ath__layout *a, const struct ath__layout *b);

/* Offset in elements of logical position `index` (rank entries). */
int64_t ath__desc_offset(const struct ath__desc *desc, const int64_t *index);

/* "nchw", "nChw8c" ... for messages; at most `capacity` bytes with the NUL. */
void ath__layout_text(const struct ath__layout *layout, int rank, char *text, size_t capacity);

#endif
