/* Writing a zip archive of stored members, each of which begins at a multiple of 64 bytes, whole or not at all.
 *
 * The same members give the same bytes: times are those of 1980, where zip's begin.
 */
#ifndef ATH_FORMAT_ZIP_WRITER_H
#define ATH_FORMAT_ZIP_WRITER_H

#include "base/file.h"

#include <stdint.h>

struct ath__zip_writer {
    struct ath__file_writer file;
    void                   *zip; /* zip_t */
    uint64_t                at;  /* where the next member's header will stand */
    ath_error               fault;
};

ath_status ath__zip_writer_open(struct ath__zip_writer *writer, const char *path, ath_error *err);
/* The bytes are borrowed until the commit. After a failure the writer is the caller's to abandon. */
ath_status ath__zip_writer_add(struct ath__zip_writer *writer, const char *name, const void *data, uint64_t size,
                               ath_error *err);
/* Writes everything. Closes the writer, also after a failure. */
ath_status ath__zip_writer_commit(struct ath__zip_writer *writer, ath_error *err);
void       ath__zip_writer_abandon(struct ath__zip_writer *writer);

#endif
