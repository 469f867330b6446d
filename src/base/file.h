/* Files: read whole, written whole (temporary + fsync + rename), folders, paths, digests. */
#ifndef ATH_BASE_FILE_H
#define ATH_BASE_FILE_H

#include "athanor/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ATH_PATH_MAX = 1024 };

/* Reads a file of at most `limit` bytes into memory that the caller frees with ath__free; one NUL follows the data. */
ath_status ath__file_read(const char *path, size_t limit, char **data, size_t *size, ath_error *err);
/* The same of a plain file alone: never waits, as reading a pipe may. */
ath_status ath__file_read_plain(const char *path, size_t limit, char **data, size_t *size, ath_error *err);

/* Writes a file so that at any moment either the old or the new content is there: path.tmp, fsync, rename. */
ath_status ath__file_write(const char *path, const void *data, size_t size, ath_error *err);

/* The same in pieces: append any number of times, then commit, or abandon (which removes the temporary). */
struct ath__file_writer {
    int  fd;
    char path[ATH_PATH_MAX];
    char temporary[ATH_PATH_MAX];
};
ath_status ath__file_writer_open(struct ath__file_writer *writer, const char *path, ath_error *err);
ath_status ath__file_writer_append(struct ath__file_writer *writer, const void *data, size_t size, ath_error *err);
ath_status ath__file_writer_commit(struct ath__file_writer *writer, ath_error *err);
void       ath__file_writer_abandon(struct ath__file_writer *writer);

bool       ath__file_exists(const char *path);
bool       ath__folder_exists(const char *path);
ath_status ath__folder_make(const char *path, ath_error *err); /* with its parents */

/* dst = folder/name; ATH_USAGE if it does not fit. */
ath_status ath__path_join(char dst[ATH_PATH_MAX], const char *folder, const char *name, ath_error *err);

/* Read-only mapping of a whole file; size 0 maps to a valid empty range. */
struct ath__mapping {
    const unsigned char *data;
    size_t               size;
};
ath_status ath__file_map(const char *path, struct ath__mapping *mapping, ath_error *err);
void       ath__file_unmap(struct ath__mapping *mapping);

#endif
