/* Reader of IDX files, the format of MNIST, raw or packed by gzip. */
#ifndef ATH_DATA_IDX_H
#define ATH_DATA_IDX_H

#include "data/dataset.h"

/* An IDX file of unsigned bytes: `rank` dimensions and their product of bytes. */
struct ath__idx {
    int            rank;
    int64_t        dims[4];
    unsigned char *data; /* ath__free */
};

/* Parses a file that lies in memory (`size` bytes, hostile). `rank` is the rank it must have, 1 to 4; `path` stands for
 * the file in messages. ATH_DATA for whatever is wrong with it, ATH_MEMORY. */
ath_status ath__idx_parse(const unsigned char *bytes, size_t size, const char *path, int rank, struct ath__idx *idx,
                          ath_error *err);
ath_status ath__idx_read(const char *path, int rank, struct ath__idx *idx, ath_error *err);

/* Images (rank 3: count, height, width) with their labels (rank 1). Checks that the counts agree and that every label
 * is below `classes`. Fills all of `store` but the class names. */
ath_status ath__idx_read_pair(const char *images_path, const char *labels_path, int classes,
                              struct ath__image_store *store, ath_error *err);

#endif
