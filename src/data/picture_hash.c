/* The difference hash, in both directions.
 *
 * The picture is made grey and shrunk to 9x9; a bit says whether the right one of two neighbours is brighter, 8 x 8 times,
 * and another 64 bits say it of the lower one (Krawetz, "Kind of like that", 2013, has the first half).
 */
#include "data/picture_hash.h"

#include "base/error.h"
#include "data/loader.h"

enum { SIDE = 9, BITS = 8, LEAST_RANGE = 12 };

/* Luma of the shrunk planes: the sums of ITU-R 601 in whole numbers. */
static int grey_at(const unsigned char *planes, int channels, int at) {
    if (channels < 3) return planes[at];
    return (299 * planes[at] + 587 * planes[SIDE * SIDE + at] + 114 * planes[2 * SIDE * SIDE + at]) / 1000;
}

ath_status ath__picture_hash(const struct ath__picture *picture, struct ath__fitter *fitter,
                             struct ath__picture_hash *hash, ath_error *err) {
    unsigned char    planes[4 * SIDE * SIDE];
    int              grey[SIDE * SIDE], least = 255, most = 0;
    struct ath__part whole = {0, 0, picture->height, picture->width}, window = {0, 0, SIDE, SIDE};
    *hash = (struct ath__picture_hash){0};
    ATH_TRY(ath__fitter_fit(fitter, picture, &whole, SIDE, SIDE, ATH_FILTER_BILINEAR, &window, planes, err));
    for (int i = 0; i < SIDE * SIDE; i++) {
        grey[i] = grey_at(planes, picture->channels, i);
        if (grey[i] < least) least = grey[i];
        if (grey[i] > most) most = grey[i];
    }
    for (int y = 0; y < BITS; y++)
        for (int x = 0; x < BITS; x++) {
            uint64_t bit = (uint64_t)1 << (y * BITS + x);
            if (grey[y * SIDE + x] < grey[y * SIDE + x + 1]) hash->across |= bit;
            if (grey[y * SIDE + x] < grey[(y + 1) * SIDE + x]) hash->down |= bit;
        }
    hash->flat = most - least < LEAST_RANGE;
    return ATH_OK;
}

static int count_bits(uint64_t word) {
    word -= word >> 1 & 0x5555555555555555u;
    word = (word & 0x3333333333333333u) + (word >> 2 & 0x3333333333333333u);
    word = (word + (word >> 4)) & 0x0F0F0F0F0F0F0F0Fu;
    return (int)(word * 0x0101010101010101u >> 56);
}

int ath__picture_distance(const struct ath__picture_hash *a, const struct ath__picture_hash *b) {
    return count_bits(a->across ^ b->across) + count_bits(a->down ^ b->down);
}
