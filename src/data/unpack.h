/* The bytes of a file, unpacked where gzip packed it: a file in memory goes in, pieces come out. */
#ifndef ATH_DATA_UNPACK_H
#define ATH_DATA_UNPACK_H

#include "athanor/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <zlib.h>

struct ath__unpack {
    const unsigned char *bytes;
    size_t               size, used; /* raw: position */
    bool                 packed;
    bool                 ended; /* packed: the last member is complete and its checksum right */
    z_stream             stream;
    const char          *path;
};

/* Begins. Borrows the bytes and `path`, which stands for the file in messages. */
ath_status ath__unpack_open(struct ath__unpack *source, const unsigned char *bytes, size_t size, const char *path,
                            ath_error *err);

/* Up to `wanted` bytes; *got is smaller only at the end of the data. ATH_DATA for a file that is cut off or damaged. */
ath_status ath__unpack_read(struct ath__unpack *source, unsigned char *dst, size_t wanted, size_t *got, ath_error *err);

void ath__unpack_close(struct ath__unpack *source);

/* No more than so many bytes can come out of the file, whatever it says; below 2^41. */
uint64_t ath__unpack_most(const struct ath__unpack *source);

/* Reads a whole file piece by piece into `sink`; for digests of the content. */
ath_status ath__unpack_each(const char *path, void (*sink)(const void *data, size_t size, void *context), void *context,
                            ath_error *err);

#endif
