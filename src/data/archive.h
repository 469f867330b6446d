/* Tar archives, packed by gzip or not: the files inside, one after another, in the order in which they lie there. */
#ifndef ATH_DATA_ARCHIVE_H
#define ATH_DATA_ARCHIVE_H

#include "athanor/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ath__archive;

/* A plain file of the archive. */
struct ath__archive_member {
    char     name[256]; /* without folders; empty where the archive has a name that this system cannot spell */
    uint64_t size;      /* as announced */
};

/* Opens an archive: a file, or `size` bytes in memory that are borrowed (`path` stands for it in messages). At most
 * `limit` bytes are unpacked, as if the archive ended there; UINT64_MAX: all. ATH_DATA for what is no archive. */
ath_status ath__archive_open(const char *path, uint64_t limit, struct ath__archive **archive, ath_error *err);
ath_status ath__archive_open_bytes(const unsigned char *bytes, size_t size, const char *path, uint64_t limit,
                                   struct ath__archive **archive, ath_error *err);
void       ath__archive_close(struct ath__archive *archive);

/* Goes to the next plain file; *found is false behind the last one. Getting there means that the checksum of the whole
 * archive was right, if gzip packed it. */
ath_status ath__archive_next(struct ath__archive *archive, struct ath__archive_member *member, bool *found,
                             ath_error *err);

/* Reads on in the present member: up to `wanted` bytes, fewer (*got) only at its end. */
ath_status ath__archive_read(struct ath__archive *archive, void *dst, size_t wanted, size_t *got, ath_error *err);

/* No member can be larger than this, whatever its header announces. */
uint64_t ath__archive_most(const struct ath__archive *archive);

const char *ath__archive_path(const struct ath__archive *archive);

#endif
