/* What the Winograd kernels (winograd_body.inc.h) store in bfloat16, multiplied in pairs by AVX-512 BF16.
 *
 * The processor's conversions and products take numbers below 2^-126 as 0 and round to nearest, ties to even.
 */
#define PAIR 2
typedef uint16_t element;

static inline vf e_load(const element *p) {
    return v_loadh(p);
}
static inline void e_store(element *p, vf v) {
    _mm256_storeu_si256((__m256i *)(void *)p, (__m256i)_mm512_cvtneps_pbh(v));
}
static inline void e_store_pair(element *p, vf first, vf second) {
    __m512i order = _mm512_set_epi32(0x001F000F, 0x001E000E, 0x001D000D, 0x001C000C, 0x001B000B, 0x001A000A, 0x00190009,
                                     0x00180008, 0x00170007, 0x00160006, 0x00150005, 0x00140004, 0x00130003, 0x00120002,
                                     0x00110001, 0x00100000);
    __m512i both = (__m512i)_mm512_cvtne2ps_pbh(second, first); /* the second argument's numbers come first */
    _mm512_storeu_si512(p, _mm512_permutexvar_epi16(order, both));
}
static inline vf v_dot(vf a, vf b, vf sum) {
    return _mm512_dpbf16_ps(sum, (__m512bh)a, (__m512bh)b);
}

#define PRODUCT_ROWS 14
#define GRADIENT_ROWS 8
enum { REDUCTION = 512, SEGMENT = 128, BLOCK_TILES = 56, CHUNK_TILES = 512, MANY_CHANNELS = 256 };
