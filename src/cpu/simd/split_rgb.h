/* RGB RGB ... to three rows: 16 pixels at a time where bytes can be shuffled, else one by one. */
#ifndef ATH_CPU_SIMD_SPLIT_RGB_H
#define ATH_CPU_SIMD_SPLIT_RGB_H

#include <stddef.h>

#if defined(__SSSE3__)
#include <tmmintrin.h>

/* Which bytes of the three vectors of 16 pixels go where, for each colour; -1: none. */
static const signed char colour_bytes[3][3][16] = {{{0, 3, 6, 9, 12, 15, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1},
                                                    {-1, -1, -1, -1, -1, -1, 2, 5, 8, 11, 14, -1, -1, -1, -1, -1},
                                                    {-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 1, 4, 7, 10, 13}},
                                                   {{1, 4, 7, 10, 13, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1},
                                                    {-1, -1, -1, -1, -1, 0, 3, 6, 9, 12, 15, -1, -1, -1, -1, -1},
                                                    {-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 2, 5, 8, 11, 14}},
                                                   {{2, 5, 8, 11, 14, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1},
                                                    {-1, -1, -1, -1, -1, 1, 4, 7, 10, 13, -1, -1, -1, -1, -1, -1},
                                                    {-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 0, 3, 6, 9, 12, 15}}};

static inline void store_colour(const __m128i part[3], int colour, unsigned char *to) {
    __m128i all = _mm_setzero_si128();
    for (int p = 0; p < 3; p++) {
        __m128i from = _mm_loadu_si128((const __m128i *)(const void *)colour_bytes[colour][p]);
        all = _mm_or_si128(all, _mm_shuffle_epi8(part[p], from));
    }
    _mm_storeu_si128((__m128i *)(void *)to, all);
}
#endif

static void split_rgb(const unsigned char *rgb, size_t count, unsigned char *red, unsigned char *green,
                      unsigned char *blue) {
    size_t x = 0;
#if defined(__SSSE3__)
    for (; x + 16 <= count; x += 16) {
        const __m128i *from = (const __m128i *)(const void *)(rgb + 3 * x);
        __m128i        part[3] = {_mm_loadu_si128(from), _mm_loadu_si128(from + 1), _mm_loadu_si128(from + 2)};
        store_colour(part, 0, red + x);
        store_colour(part, 1, green + x);
        store_colour(part, 2, blue + x);
    }
#endif
    for (; x < count; x++) {
        red[x] = rgb[3 * x];
        green[x] = rgb[3 * x + 1];
        blue[x] = rgb[3 * x + 2];
    }
}

#endif
