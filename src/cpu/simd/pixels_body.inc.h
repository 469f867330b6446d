/* The kernels of pixels.h in vectors of LANES 32-bit sums (`sums_v`), which the file that includes this one defines
 * with `widen`, LANES bytes to sums, and `narrow`, which shifts sums down, cuts them to 0..255 and stores LANES bytes.
 *
 * The horizontal pass takes 16 rows at a time and turns them on their side, so that 16 sums, one per row, share a weight
 * and stand in vectors; the result is turned back.
 */
#include "cpu/simd/pixels.h"
#include "cpu/simd/transpose_bytes.h"

enum { PARTS = 4, STRIP = PARTS * LANES, HALF = 1 << (ATH_RESAMPLE_BITS - 1) };

static void column_sums(const unsigned char *src, ptrdiff_t stride, const int32_t *weights, int count, int width,
                        unsigned char *dst) {
    int x = 0;
    for (; x + STRIP <= width; x += STRIP) {
        sums_v               a = (sums_v){0} + HALF, b = a, c = a, d = a;
        const unsigned char *from = src + x;
        for (int j = 0; j < count; j++, from += stride) {
            sums_v weight = (sums_v){0} + weights[j];
            a += widen(from) * weight;
            b += widen(from + LANES) * weight;
            c += widen(from + 2 * LANES) * weight;
            d += widen(from + 3 * LANES) * weight;
        }
        narrow(a, dst + x);
        narrow(b, dst + x + LANES);
        narrow(c, dst + x + 2 * LANES);
        narrow(d, dst + x + 3 * LANES);
    }
    for (; x < width; x++) {
        int32_t              sum = HALF;
        const unsigned char *from = src + x;
        for (int j = 0; j < count; j++, from += stride) sum += *from * weights[j];
        sum >>= ATH_RESAMPLE_BITS;
        dst[x] = (unsigned char)(sum < 0 ? 0 : sum > 255 ? 255 : sum);
    }
}

/* 16 rows that stand on their side: pixel x of row r at turned[16 x + r]. */
static void turned_sums(const struct ath__resample_axis *axis, const unsigned char *turned, unsigned char *sums) {
    enum { ROWS = ATH_RESAMPLE_ROWS, VECTORS = ROWS / LANES };
    const int32_t *weights = axis->weights;
    for (int x = 0; x < axis->out; x++, weights += axis->taps) {
        const unsigned char *from = turned + (size_t)axis->first[x] * ROWS;
        sums_v               sum[VECTORS];
        for (int v = 0; v < VECTORS; v++) sum[v] = (sums_v){0} + HALF;
        for (int j = 0; j < axis->count[x]; j++, from += ROWS) {
            sums_v weight = (sums_v){0} + weights[j];
            for (int v = 0; v < VECTORS; v++) sum[v] += widen(from + v * LANES) * weight;
        }
        for (int v = 0; v < VECTORS; v++) narrow(sum[v], sums + (size_t)x * ROWS + v * LANES);
    }
}

static void row_sums(const struct ath__resample_axis *axis, const unsigned char *src, ptrdiff_t src_stride, int rows,
                     int width, unsigned char *dst, ptrdiff_t dst_stride, unsigned char *scratch) {
    enum { ROWS = ATH_RESAMPLE_ROWS };
    unsigned char *turned = scratch, *sums = scratch + ((size_t)width + ROWS) * ROWS;
    for (int y = 0; y < rows; y += ROWS) {
        int count = rows - y < ROWS ? rows - y : ROWS;
        ath__turn_rows(src + y * src_stride, src_stride, count, width, turned);
        turned_sums(axis, turned, sums);
        ath__turn_back(sums, axis->out, dst + y * dst_stride, dst_stride, count);
    }
}
