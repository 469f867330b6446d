/* MD5, written from RFC 1321 section 3.
 *
 * Each of 64 steps on a block adds a mix of three state words, a message word and t[i] = floor(2^32 |sin(i + 1)|) to
 * the fourth, rotates, and passes the words on by one:
 *   a = b + ((a + mix(b, c, d) + x[index] + t[i]) <<< s)
 */
#include "base/digest.h"

static const uint32_t table[64] = {
    0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613, 0xfd469501,
    0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be, 0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821,
    0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa, 0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8,
    0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed, 0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a,
    0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70,
    0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665,
    0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1,
    0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391,
};

/* Rotations of each round's four steps; message word of step i: (factor * i + start) mod 16. */
static const int      rotations[4][4] = {{7, 12, 17, 22}, {5, 9, 14, 20}, {4, 11, 16, 23}, {6, 10, 15, 21}};
static const unsigned factors[4] = {1, 5, 3, 7}, starts[4] = {0, 1, 5, 0};

static uint32_t mix(int round, uint32_t b, uint32_t c, uint32_t d) {
    if (round == 0) return (b & c) | (~b & d);
    if (round == 1) return (b & d) | (c & ~d);
    if (round == 2) return b ^ c ^ d;
    return c ^ (b | ~d);
}

static void stir(uint32_t state[8], const uint32_t x[16]) {
    uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
    for (unsigned i = 0; i < 64; i++) {
        unsigned round = i / 16;
        int      s = rotations[round][i % 4];
        uint32_t sum = a + mix((int)round, b, c, d) + x[(factors[round] * i + starts[round]) % 16] + table[i];
        a = d;
        d = c;
        c = b;
        b += sum << s | sum >> (32 - s);
    }
    state[0] += a;
    state[1] += b;
    state[2] += c;
    state[3] += d;
}

const struct ath__digest_kind ath__md5 = {
    .name = "md5",
    .words = 4,
    .big_endian = 0,
    .initial = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476},
    .stir = stir,
};
