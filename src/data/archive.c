/* Reading archives: libarchive reads tar, data/unpack.c unpacks gzip in front of it.
 *
 *     file mapped into memory -> unpack, which verifies the checksum -> libarchive: headers and data of the members
 *
 * libarchive's own gzip filter passes over the checksum at the end of the packed data, so a flipped bit would go
 * unnoticed in a format that has none of its own.
 */
#include "data/archive.h"

#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "data/archive_library.h"
#include "data/unpack.h"

#include <string.h>

enum { PIECE = 1 << 18 };

struct ath__archive {
    struct ath__mapping mapping; /* of a file; empty for bytes of the caller's */
    struct ath__unpack  source;
    struct archive     *handle;
    unsigned char      *piece;  /* what libarchive got last */
    uint64_t            left;   /* bytes that may still be unpacked */
    bool                open;   /* `source` is */
    bool                begun;  /* a header was read: it is an archive */
    ath_status          status; /* of the last piece, with its error: libarchive cannot pass it on */
    ath_error           error;
    char                path[ATH_PATH_MAX];
};

static la_ssize_t on_read(struct archive *handle, void *context, const void **piece) {
    struct ath__archive *archive = context;
    size_t               wanted = archive->left < PIECE ? (size_t)archive->left : PIECE, got = 0;
    (void)handle;
    archive->status = ath__unpack_read(&archive->source, archive->piece, wanted, &got, &archive->error);
    if (archive->status != ATH_OK) return -1;
    archive->left -= got;
    *piece = archive->piece;
    return (la_ssize_t)got;
}

/* What went wrong: a damaged packing comes first, since what libarchive says then follows from it. */
static ath_status fail(const struct ath__archive *archive, ath_error *err) {
    const char *reason = archive_error_string(archive->handle);
    const char *what = archive->begun ? "the archive is damaged or cut off" : "this is no tar archive";
    if (archive->status != ATH_OK) {
        if (err) *err = archive->error;
        return archive->status;
    }
    return ath__fail(err, ATH_DATA, archive->path, "%s (%s); get it again", what, reason ? reason : "damaged");
}

static ath_status open_source(struct ath__archive *archive, const unsigned char *bytes, size_t size, ath_error *err) {
    if (size == 0) return ath__fail(err, ATH_DATA, archive->path, "the archive is empty; get it again");
    ATH_TRY(ath__archive_library_load(err));
    ATH_TRY(ath__unpack_open(&archive->source, bytes, size, archive->path, err));
    archive->open = true;
    archive->piece = ath__alloc(PIECE);
    archive->handle = archive_read_new();
    if (!archive->piece || !archive->handle) return ath__fail_memory(err, archive->path);
    archive_read_support_format_tar(archive->handle);
    if (archive_read_open(archive->handle, archive, NULL, on_read, NULL) != ARCHIVE_OK) return fail(archive, err);
    return ATH_OK;
}

static ath_status create(const char *path, uint64_t limit, struct ath__archive **archive, ath_error *err) {
    *archive = NULL;
    if (strlen(path) >= ATH_PATH_MAX) return ath__fail(err, ATH_USAGE, path, "the path is too long");
    *archive = ATH_NEW(struct ath__archive);
    if (!*archive) return ath__fail_memory(err, path);
    (*archive)->left = limit;
    ath__str_copy((*archive)->path, sizeof(*archive)->path, path);
    return ATH_OK;
}

ath_status ath__archive_open_bytes(const unsigned char *bytes, size_t size, const char *path, uint64_t limit,
                                   struct ath__archive **archive, ath_error *err) {
    ATH_TRY(create(path, limit, archive, err));
    ath_status status = open_source(*archive, bytes, size, err);
    if (status == ATH_OK) return ATH_OK;
    ath__archive_close(*archive);
    *archive = NULL;
    return status;
}

ath_status ath__archive_open(const char *path, uint64_t limit, struct ath__archive **archive, ath_error *err) {
    ATH_TRY(create(path, limit, archive, err));
    struct ath__mapping *mapping = &(*archive)->mapping;
    ath_status           status = ath__file_map(path, mapping, err);
    if (status == ATH_OK) status = open_source(*archive, mapping->data, mapping->size, err);
    if (status == ATH_OK) return ATH_OK;
    ath__archive_close(*archive);
    *archive = NULL;
    return status;
}

void ath__archive_close(struct ath__archive *archive) {
    if (!archive) return;
    if (archive->handle) archive_read_free(archive->handle);
    if (archive->open) ath__unpack_close(&archive->source);
    ath__file_unmap(&archive->mapping);
    ath__free(archive->piece);
    ath__free(archive);
}

/* Unpacks what lies behind the last member, for the checksum at the end. */
static ath_status drain(struct ath__archive *archive, ath_error *err) {
    size_t got = 1;
    while (got > 0) {
        size_t wanted = archive->left < PIECE ? (size_t)archive->left : PIECE;
        ATH_TRY(ath__unpack_read(&archive->source, archive->piece, wanted, &got, err));
        archive->left -= got;
    }
    return ATH_OK;
}

ath_status ath__archive_next(struct ath__archive *archive, struct ath__archive_member *member, bool *found,
                             ath_error *err) {
    struct archive_entry *entry;
    *found = false;
    for (;;) {
        int code = archive_read_next_header(archive->handle, &entry);
        if (code == ARCHIVE_EOF) return drain(archive, err);
        /* A warning is about a name or a date that cannot be told in the user's language. */
        if (code != ARCHIVE_OK && code != ARCHIVE_WARN) return fail(archive, err);
        archive->begun = true;
        if (archive_entry_filetype(entry) == AE_IFREG && archive_entry_size(entry) >= 0) break;
    }
    const char *path = archive_entry_pathname(entry);
    const char *slash = path ? strrchr(path, '/') : NULL;
    ath__str_copy(member->name, sizeof member->name, slash ? slash + 1 : path ? path : "");
    member->size = (uint64_t)archive_entry_size(entry);
    *found = true;
    return ATH_OK;
}

ath_status ath__archive_read(struct ath__archive *archive, void *dst, size_t wanted, size_t *got, ath_error *err) {
    *got = 0;
    while (*got < wanted) {
        la_ssize_t came = archive_read_data(archive->handle, (unsigned char *)dst + *got, wanted - *got);
        if (came < 0) return fail(archive, err);
        if (came == 0) return ATH_OK;
        *got += (size_t)came;
    }
    return ATH_OK;
}

uint64_t ath__archive_most(const struct ath__archive *archive) {
    return ath__unpack_most(&archive->source);
}

const char *ath__archive_path(const struct ath__archive *archive) {
    return archive->path;
}
