/* A fingerprint of how a picture looks: pictures that differ in size, compression or brightness have nearly the same. */
#ifndef ATH_DATA_PICTURE_HASH_H
#define ATH_DATA_PICTURE_HASH_H

#include "data/fitter.h"

#include <stdint.h>

struct ath__picture_hash {
    uint64_t across, down;
    bool     flat; /* hardly anything is in the picture: its fingerprint says nothing */
};

/* ATH_MEMORY. */
ath_status ath__picture_hash(const struct ath__picture *picture, struct ath__fitter *fitter,
                             struct ath__picture_hash *hash, ath_error *err);

/* Bits of 128 that differ. */
int ath__picture_distance(const struct ath__picture_hash *a, const struct ath__picture_hash *b);

#endif
