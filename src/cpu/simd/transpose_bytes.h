/* Turning 16 rows of bytes on their side and back, in tiles of 16 x 16. */
#ifndef ATH_CPU_SIMD_TRANSPOSE_BYTES_H
#define ATH_CPU_SIMD_TRANSPOSE_BYTES_H

#include <stddef.h>
#include <string.h>

enum { ATH_TURN = 16 };

#if defined(__SSE2__)
#include <emmintrin.h>

/* dst[16 j + i] = src[i stride + j], i and j below 16, in four rounds of interleaving rows r and r + 8. */
static inline void ath__turn_tile(const unsigned char *src, ptrdiff_t src_stride, unsigned char *dst,
                                  ptrdiff_t dst_stride) {
    __m128i a[ATH_TURN], b[ATH_TURN];
    for (int i = 0; i < ATH_TURN; i++) a[i] = _mm_loadu_si128((const __m128i *)(const void *)(src + i * src_stride));
    for (int round = 0; round < 4; round++) {
        for (int i = 0; i < ATH_TURN / 2; i++) {
            b[2 * i] = _mm_unpacklo_epi8(a[i], a[i + ATH_TURN / 2]);
            b[2 * i + 1] = _mm_unpackhi_epi8(a[i], a[i + ATH_TURN / 2]);
        }
        memcpy(a, b, sizeof a);
    }
    for (int i = 0; i < ATH_TURN; i++) _mm_storeu_si128((__m128i *)(void *)(dst + i * dst_stride), a[i]);
}
#else
static inline void ath__turn_tile(const unsigned char *src, ptrdiff_t src_stride, unsigned char *dst,
                                  ptrdiff_t dst_stride) {
    for (int i = 0; i < ATH_TURN; i++)
        for (int j = 0; j < ATH_TURN; j++) dst[j * dst_stride + i] = src[i * src_stride + j];
}
#endif

/* The part of a tile that is there, the rest zeros; and back. */
static inline void ath__turn_part(const unsigned char *src, ptrdiff_t stride, int rows, int columns,
                                  unsigned char tile[ATH_TURN * ATH_TURN]) {
    memset(tile, 0, ATH_TURN * ATH_TURN);
    for (int i = 0; i < rows; i++) memcpy(tile + i * ATH_TURN, src + i * stride, (size_t)columns);
}

/* turned[16 x + r] = src[r stride + x] for rows r < `rows` (others 0) and x < width; `turned` has room for a multiple of
 * 16 columns. */
static inline void ath__turn_rows(const unsigned char *src, ptrdiff_t stride, int rows, int width,
                                  unsigned char *turned) {
    unsigned char tile[ATH_TURN * ATH_TURN];
    for (int x = 0; x < width; x += ATH_TURN) {
        int columns = width - x < ATH_TURN ? width - x : ATH_TURN;
        if (rows == ATH_TURN && columns == ATH_TURN) {
            ath__turn_tile(src + x, stride, turned + x * ATH_TURN, ATH_TURN);
        } else {
            ath__turn_part(src + x, stride, rows, columns, tile);
            ath__turn_tile(tile, ATH_TURN, turned + x * ATH_TURN, ATH_TURN);
        }
    }
}

static inline void ath__turn_back(const unsigned char *turned, int width, unsigned char *dst, ptrdiff_t stride,
                                  int rows) {
    unsigned char tile[ATH_TURN * ATH_TURN];
    for (int x = 0; x < width; x += ATH_TURN) {
        int columns = width - x < ATH_TURN ? width - x : ATH_TURN;
        if (rows == ATH_TURN && columns == ATH_TURN) {
            ath__turn_tile(turned + x * ATH_TURN, ATH_TURN, dst + x, stride);
        } else {
            ath__turn_tile(turned + x * ATH_TURN, ATH_TURN, tile, ATH_TURN);
            for (int i = 0; i < rows; i++) memcpy(dst + i * stride + x, tile + i * ATH_TURN, (size_t)columns);
        }
    }
}

#endif
