/* Golden trajectories: ten SGD steps of a whole net as PyTorch takes them, read from tests/golden/trajectory-*.json,
 * and the starting values and batches that go with them, drawn again from the same Philox streams
 * (tools/golden/trajectory.py holds the recipe; both sides get the same bits, so no weights are shipped).
 */
#ifndef ATH_TESTS_TRAJECTORY_H
#define ATH_TESTS_TRAJECTORY_H

#include "train/network.h"

#include <jansson.h>

enum { TRAJECTORY_MAX_STEPS = 16, TRAJECTORY_MAX_BATCHES = 4 };

struct trajectory {
    json_t  *json; /* the file; owned */
    uint32_t seed;
    int64_t  batch, image; /* images in a batch, floats in an image */
    int      batches, steps, classes;
    double   lr, momentum, weight_decay;
    float   *images[TRAJECTORY_MAX_BATCHES];
    int32_t *labels[TRAJECTORY_MAX_BATCHES];
};

/* Reads the file of a model and draws its batches. Failures end the cmocka test. */
void trajectory_open(const char *model, struct trajectory *trajectory);
void trajectory_close(struct trajectory *trajectory);

/* Writes the starting values into every parameter and running statistic of the network, and checks that its parameters
 * are the file's: same names, same shapes, and the same first values to the bit. */
void trajectory_start(const struct trajectory *trajectory, struct ath__network *network);

/* The starting value of one parameter, number `index` in the order of names. */
void trajectory_fill(uint32_t seed, double gain, const struct ath__store *store, struct ath__entry *entry,
                     uint32_t index);

/* Word j of the stream (seed, index) for j = 0 .. count - 1, and what the recipe makes of it: signed is in [-1, 1). */
void trajectory_words(uint32_t seed, uint32_t index, uint32_t *words, int64_t count);
void trajectory_signed(uint32_t seed, uint32_t index, float *values, int64_t count);

/* A number of the object; the test fails where there is none. */
double trajectory_number(const json_t *object, const char *key);

#endif
