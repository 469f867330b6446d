/* Strided copies (see copy.h).
 *
 * The loops are sorted by the stride of the destination, so that it is written in order, and merged where two are one
 * in both operands. What remains inside is one of three bodies: rows that are contiguous on both sides, a transposition
 * (contiguous along one loop in the source and along another in the destination, in 8 x 8 blocks), or single elements.
 */
#include "cpu/copy.h"

#include "base/parallel.h"
#include "cpu/simd/kernels.h"
#include "tensor/dtype.h"

#include <string.h>

/* Elements per task, large enough to outweigh the start of a task, small enough for a second-level cache. */
enum { TASK_ELEMENTS = 32768 };

typedef void (*row_fn)(const void *src, int64_t ss, void *dst, int64_t ds, int64_t n, const struct ath__copy *copy);

#define ROW_SAME(name, T)                                                                                              \
    static void name(const void *src, int64_t ss, void *dst, int64_t ds, int64_t n, const struct ath__copy *copy) {    \
        (void)copy;                                                                                                    \
        const T *s = src;                                                                                              \
        T       *d = dst;                                                                                              \
        if (ss == 1 && ds == 1) {                                                                                      \
            if (n == 8) {                                                                                              \
                memcpy(d, s, 8 * sizeof(T));                                                                           \
            } else if (n == 16) {                                                                                      \
                memcpy(d, s, 16 * sizeof(T));                                                                          \
            } else {                                                                                                   \
                memcpy(d, s, (size_t)n * sizeof(T));                                                                   \
            }                                                                                                          \
        } else if (ss == 0 && ds == 1) {                                                                               \
            for (int64_t i = 0; i < n; i++) d[i] = *s;                                                                 \
        } else {                                                                                                       \
            for (int64_t i = 0; i < n; i++) d[i * ds] = s[i * ss];                                                     \
        }                                                                                                              \
    }
ROW_SAME(row_1, uint8_t)
ROW_SAME(row_2, uint16_t)
ROW_SAME(row_4, uint32_t)
ROW_SAME(row_8, uint64_t)

static void row_widen(const void *src, int64_t ss, void *dst, int64_t ds, int64_t n, const struct ath__copy *copy) {
    (void)copy;
    const uint16_t *s = src;
    float          *d = dst;
    if (ss == 1 && ds == 1) {
        ath__kernels()->from_bf16(s, d, n);
    } else {
        for (int64_t i = 0; i < n; i++) d[i * ds] = ath__bf16_to_f32(s[i * ss]);
    }
}

static void row_narrow(const void *src, int64_t ss, void *dst, int64_t ds, int64_t n, const struct ath__copy *copy) {
    (void)copy;
    const float *s = src;
    uint16_t    *d = dst;
    if (ss == 1 && ds == 1) {
        ath__kernels()->to_bf16(s, d, n);
    } else {
        for (int64_t i = 0; i < n; i++) d[i * ds] = ath__bf16_from_f32(s[i * ss]);
    }
}

static void row_any(const void *src, int64_t ss, void *dst, int64_t ds, int64_t n, const struct ath__copy *copy) {
    if (ss == 1 && ds == 1) {
        ath__convert(dst, copy->dst_dtype, src, copy->src_dtype, (size_t)n);
        return;
    }
    size_t sb = ath_dtype_size(copy->src_dtype), db = ath_dtype_size(copy->dst_dtype);
    for (int64_t i = 0; i < n; i++)
        ath__convert((char *)dst + (size_t)(i * ds) * db, copy->dst_dtype, (const char *)src + (size_t)(i * ss) * sb,
                     copy->src_dtype, 1);
}

static row_fn row_for(ath_dtype src, ath_dtype dst) {
    if (src == dst) {
        switch (ath_dtype_size(src)) {
        case 1: return row_1;
        case 2: return row_2;
        case 4: return row_4;
        default: return row_8;
        }
    }
    if (src == ATH_BF16 && dst == ATH_F32) return row_widen;
    if (src == ATH_F32 && dst == ATH_BF16) return row_narrow;
    return row_any;
}

void ath__copy_start(struct ath__copy *copy, ath_dtype src_dtype, ath_dtype dst_dtype) {
    memset(copy, 0, sizeof *copy);
    copy->src_dtype = src_dtype;
    copy->dst_dtype = dst_dtype;
}

void ath__copy_loop(struct ath__copy *copy, int64_t size, int64_t src_stride, int64_t dst_stride) {
    if (size == 1) return;
    copy->size[copy->loops] = size;
    copy->src_stride[copy->loops] = src_stride;
    copy->dst_stride[copy->loops++] = dst_stride;
}

static void swap_loops(struct ath__copy *copy, int i, int j) {
    int64_t size = copy->size[i], src = copy->src_stride[i], dst = copy->dst_stride[i];
    copy->size[i] = copy->size[j], copy->src_stride[i] = copy->src_stride[j], copy->dst_stride[i] = copy->dst_stride[j];
    copy->size[j] = size, copy->src_stride[j] = src, copy->dst_stride[j] = dst;
}

/* Slowest destination stride first; neighbours that are one loop become one. */
static void sort_and_merge(struct ath__copy *copy) {
    for (int i = 1; i < copy->loops; i++)
        for (int j = i; j > 0 && copy->dst_stride[j - 1] < copy->dst_stride[j]; j--) swap_loops(copy, j - 1, j);
    int kept = 0;
    for (int i = 0; i < copy->loops; i++) {
        int64_t run = copy->size[i];
        if (kept > 0 && copy->dst_stride[kept - 1] == copy->dst_stride[i] * run &&
            copy->src_stride[kept - 1] == copy->src_stride[i] * run) {
            copy->size[kept - 1] *= run;
            copy->src_stride[kept - 1] = copy->src_stride[i];
            copy->dst_stride[kept - 1] = copy->dst_stride[i];
        } else {
            copy->size[kept] = run;
            copy->src_stride[kept] = copy->src_stride[i];
            copy->dst_stride[kept++] = copy->dst_stride[i];
        }
    }
    copy->loops = kept;
}

/* Units of work: the two innermost loops ("second", "inner") in pieces, for every step of the outer loops. */
struct copy_work {
    struct ath__copy copy;
    row_fn           row;
    bool             transposed;
    int              outer; /* loops outside the inner two */
    int64_t          inner_piece, inner_pieces, second_piece, second_pieces;
    int64_t          units, units_per_task;
    const char      *src;
    char            *dst;
    size_t           src_bytes, dst_bytes;
};

static void run_unit(const struct copy_work *work, int64_t unit) {
    const struct ath__copy *copy = &work->copy;
    int                     inner = copy->loops - 1, second = copy->loops - 2;
    int64_t                 i0 = unit % work->inner_pieces * work->inner_piece;
    unit /= work->inner_pieces;
    int64_t j0 = unit % work->second_pieces * work->second_piece;
    unit /= work->second_pieces;
    int64_t so = i0 * copy->src_stride[inner] + j0 * copy->src_stride[second];
    int64_t to = i0 * copy->dst_stride[inner] + j0 * copy->dst_stride[second];
    for (int i = work->outer - 1; i >= 0; i--) {
        int64_t at = unit % copy->size[i];
        unit /= copy->size[i];
        so += at * copy->src_stride[i];
        to += at * copy->dst_stride[i];
    }
    int64_t ni = copy->size[inner] - i0, nj = copy->size[second] - j0;
    if (ni > work->inner_piece) ni = work->inner_piece;
    if (nj > work->second_piece) nj = work->second_piece;
    const char *src = work->src + so * (int64_t)work->src_bytes;
    char       *dst = work->dst + to * (int64_t)work->dst_bytes;
    if (work->transposed) {
        ath__kernels()->transpose((const float *)(const void *)src, copy->src_stride[inner], (float *)(void *)dst,
                                  copy->dst_stride[second], ni, nj);
        return;
    }
    for (int64_t j = 0; j < nj; j++)
        work->row(src + j * copy->src_stride[second] * (int64_t)work->src_bytes, copy->src_stride[inner],
                  dst + j * copy->dst_stride[second] * (int64_t)work->dst_bytes, copy->dst_stride[inner], ni, copy);
}

static void run_task(int64_t task, void *context) {
    const struct copy_work *work = context;
    int64_t                 end = (task + 1) * work->units_per_task;
    for (int64_t unit = task * work->units_per_task; unit < end && unit < work->units; unit++) run_unit(work, unit);
}

static int64_t pieces(int64_t n, int64_t piece) {
    return (n + piece - 1) / piece;
}

void ath__copy_run(const struct ath__copy *given, const void *src, void *dst) {
    struct copy_work  work = {.copy = *given, .src = src, .dst = dst};
    struct ath__copy *copy = &work.copy;
    for (int i = 0; i < copy->loops; i++)
        if (copy->size[i] == 0) return;
    sort_and_merge(copy);
    while (copy->loops < 2) { /* loops of one step on the outside, so that there are always two */
        copy->size[copy->loops] = 1;
        copy->src_stride[copy->loops] = copy->dst_stride[copy->loops] = 0;
        copy->loops++;
        swap_loops(copy, 0, copy->loops - 1);
    }
    work.src_bytes = ath_dtype_size(copy->src_dtype);
    work.dst_bytes = ath_dtype_size(copy->dst_dtype);
    work.row = row_for(copy->src_dtype, copy->dst_dtype);
    int inner = copy->loops - 1, second = copy->loops - 2;
    if (copy->dst_stride[inner] == 1 && copy->src_stride[inner] != 1 && copy->src_stride[inner] != 0)
        for (int i = 0; i < inner; i++)
            if (copy->src_stride[i] == 1 && copy->size[i] > 1) {
                for (int j = i; j < second; j++) swap_loops(copy, j, j + 1);
                work.transposed = work.src_bytes == 4 && copy->src_dtype == copy->dst_dtype;
                break;
            }
    work.outer = second;
    work.inner_piece = copy->size[inner] < TASK_ELEMENTS ? copy->size[inner] : TASK_ELEMENTS;
    if (work.transposed && work.inner_piece > 256) work.inner_piece = 256;
    work.inner_pieces = pieces(copy->size[inner], work.inner_piece);
    work.second_piece = TASK_ELEMENTS / work.inner_piece;
    if (work.transposed && work.second_piece > 256) work.second_piece = 256;
    if (work.second_piece > copy->size[second]) work.second_piece = copy->size[second];
    work.second_pieces = pieces(copy->size[second], work.second_piece);
    work.units = work.inner_pieces * work.second_pieces;
    for (int i = 0; i < work.outer; i++) work.units *= copy->size[i];
    work.units_per_task = pieces(TASK_ELEMENTS, work.inner_piece * work.second_piece);
    ath__parallel(pieces(work.units, work.units_per_task), run_task, &work);
}

struct bytes_work {
    char       *dst;
    const char *src; /* NULL: zeros */
    size_t      bytes;
};

enum { BYTES_PIECE = TASK_ELEMENTS * 4 };

static void bytes_task(int64_t task, void *context) {
    const struct bytes_work *work = context;
    size_t                   at = (size_t)task * BYTES_PIECE, n = work->bytes - at;
    if (n > BYTES_PIECE) n = BYTES_PIECE;
    if (work->src) {
        memcpy(work->dst + at, work->src + at, n);
    } else {
        memset(work->dst + at, 0, n);
    }
}

void ath__copy_bytes(void *dst, const void *src, size_t bytes) {
    struct bytes_work work = {dst, src, bytes};
    ath__parallel((int64_t)((bytes + BYTES_PIECE - 1) / BYTES_PIECE), bytes_task, &work);
}

void ath__zero_bytes(void *dst, size_t bytes) {
    ath__copy_bytes(dst, NULL, bytes);
}
