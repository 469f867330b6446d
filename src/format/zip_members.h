/* Zip archives as readers of tensor files need them: members found by name and read into memory, within bounds.
 *
 * A member counts once, however often it is asked for. Stored members together may not be larger than the file, so that
 * overlapping ones cannot blow it up; compressed ones not larger than a small multiple of it.
 */
#ifndef ATH_FORMAT_ZIP_MEMBERS_H
#define ATH_FORMAT_ZIP_MEMBERS_H

#include "format/tensor_format.h"

struct ath__zip_members {
    const char               *path;
    struct ath__tensor_owner *owner;
    void                     *zip;     /* zip_t */
    const unsigned char     **members; /* by index, once read */
    uint64_t                 *sizes;
    int64_t                   count;
    uint64_t                  read, inflated; /* bytes of all members read: stored, compressed */
};

/* Over the owner's mapping; the bytes of members go to its arena. ATH_DATA for a damaged archive. */
ath_status ath__zip_members_open(struct ath__zip_members *zip, const char *path, struct ath__tensor_owner *owner,
                                 ath_error *err);
void       ath__zip_members_close(struct ath__zip_members *zip);

/* The name as it stands in the archive (NULL if it has none), and the index of a name, -1 if there is none. */
const char *ath__zip_members_name(const struct ath__zip_members *zip, int64_t index);
int64_t     ath__zip_members_find(const struct ath__zip_members *zip, const char *name);

/* Reads zip->members[index] and its size. Stored members are read as stored, without a look at their checksums, which
 * some writers leave out. `inflate` false: compressed ones are ATH_DATA. */
ath_status ath__zip_members_read(struct ath__zip_members *zip, int64_t index, bool inflate, ath_error *err);

#endif
