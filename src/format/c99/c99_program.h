/* A C program under construction: calls, the weights that they read, and the scratch memory that values live in. */
#ifndef ATH_FORMAT_C99_PROGRAM_H
#define ATH_FORMAT_C99_PROGRAM_H

#include "format/c99/c99_runtime.h"
#include "format/export.h"

struct ath__c99 {
    const struct ath__export *net;
    struct ath__str           calls; /* the body of the function, a line a call */
    bool                      parts[ATH_C99_PARTS];
    float                    *weights; /* in the order in which they are written */
    size_t                    weight_count, weight_capacity;
    size_t                   *place; /* of each value: offset in the scratch memory, or in the weights of a constant */
    size_t                    scratch; /* floats */
    int64_t                   zeros;   /* channels that a place outside of an image must be able to stand for */
    ath_error                *err;
};

/* Plans the scratch memory and writes the calls. The program is the caller's to free, also after a failure. */
ath_status ath__c99_make(const struct ath__export *net, struct ath__c99 *c, ath_error *err);
void       ath__c99_free(struct ath__c99 *c);

/* The activation that follows a node and is computed with it, NONE (0) where there is none: the node's value is then the
 * activation's. An activation that was taken so is not written again. */
const struct ath__node *ath__c99_taken_act(const struct ath__export *net, const struct ath__node *node);
bool                    ath__c99_is_taken(const struct ath__export *net, const struct ath__node *node);

/* Fills c->place of every value that a node makes: no two that are needed at the same time overlap. */
ath_status ath__c99_place_values(struct ath__c99 *c);

/* Appends room for `count` zeros to the weights and returns where it begins; `*at` is NULL when memory runs out. */
size_t ath__c99_weights(struct ath__c99 *c, size_t count, float **at);

/* Steps in memory of a value's dimensions: rank 4 lies as N,H,W,C, anything else as it is written. */
void ath__c99_steps(const ath_shape *shape, int64_t steps[ATH_MAX_RANK]);
/* Whether that is the order of the dimensions. */
bool ath__c99_is_plain(const ath_shape *shape);

#endif
