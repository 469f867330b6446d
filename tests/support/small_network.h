/* Networks of the zoo with drawn weights and running statistics, for tests of what is done with trained ones. */
#ifndef ATH_TESTS_SMALL_NETWORK_H
#define ATH_TESTS_SMALL_NETWORK_H

#include "train/network.h"

struct small_network {
    ath_model           *model;
    struct ath__network *network;
    int                  channels, height, width, classes;
};

/* `options`: "kernel=3 width=0.5", or "". Statistics are drawn from 0.5 to 1.5 (variances) and -0.1 to 0.1. */
void small_network_make(struct small_network *net, const char *name, const char *options, int channels, int size,
                        int classes);
void small_network_free(struct small_network *net);

/* An image of uniform numbers from -1 to 1, and the network's logits of it. Both are the caller's (ath__free). */
float *small_network_image(const struct small_network *net, uint64_t seed);
float *small_network_logits(struct small_network *net, const float *image);

#endif
