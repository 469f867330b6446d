/* The records of CIFAR-10's and CIFAR-100's binary version, put piece by piece into images and labels. */
#ifndef ATH_DATA_CIFAR_RECORDS_H
#define ATH_DATA_CIFAR_RECORDS_H

#include "athanor/status.h"

#include <stddef.h>
#include <stdint.h>

enum {
    ATH_CIFAR_CHANNELS = 3,
    ATH_CIFAR_SIDE = 32,
    ATH_CIFAR_PIXELS = ATH_CIFAR_CHANNELS * ATH_CIFAR_SIDE * ATH_CIFAR_SIDE,
    ATH_CIFAR_MOST_LABELS = 2,
    ATH_CIFAR_MOST_RECORD = ATH_CIFAR_MOST_LABELS + ATH_CIFAR_PIXELS,
    ATH_CIFAR_MOST_RECORDS = 1000000, /* in a file; the published ones have up to 50,000 */
};

/* What a record begins with: one byte for each labelling. */
struct ath__cifar_format {
    const char *title;  /* "CIFAR-10" */
    int         labels; /* labellings, 1 or 2 */
    struct {
        const char *name; /* "label", "coarse label" ... for messages */
        int         classes;
    } of[ATH_CIFAR_MOST_LABELS];
};

/* How many records a file of `size` bytes holds, or what is wrong with it. `begin` are its first bytes (NULL: not known
 * yet), `file` its name for messages, `where` the file or archive that the error is about. */
ath_status ath__cifar_count(const struct ath__cifar_format *format, uint64_t size, const unsigned char *begin,
                            const char *file, const char *where, int64_t *count, ath_error *err);

/* A file on its way in. The caller fills the first members; `images` and `labels` have room for `count`. */
struct ath__cifar_records {
    const struct ath__cifar_format *format;
    int                             labelling; /* which of the labels is wanted */
    const char                     *file, *where;
    int64_t                         count;
    unsigned char                  *images; /* (count, 3, 32, 32) */
    int32_t                        *labels;
    int64_t                         done;
    size_t                          pending; /* bytes of a record that is not complete yet */
    unsigned char                   record[ATH_CIFAR_MOST_RECORD];
};

/* Takes the next bytes of the file, any number. ATH_DATA for a label that is no class. */
ath_status ath__cifar_put(struct ath__cifar_records *records, const unsigned char *bytes, size_t size, ath_error *err);

/* ATH_DATA if fewer than `count` records came. */
ath_status ath__cifar_end(const struct ath__cifar_records *records, ath_error *err);

#endif
