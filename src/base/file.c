/* Files: bounded reads, read-only mappings, and writes that are whole or not there.
 *
 * A write goes to PATH.tmp, is flushed to the disk, and takes PATH's name in one rename; the folder is flushed last, so
 * that the new name survives a power cut too. At any moment PATH holds the old or the new content, never a part.
 *
 * Status: ATH_DATA for an input that is missing or unreadable, ATH_IO for a disk that cannot be written.
 */
#include "base/file.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static ath_status fail_to_read(ath_error *err, const char *path, int code) {
    struct stat st;
    if (code == ENOENT && lstat(path, &st) == 0)
        return ath__fail(err, ATH_DATA, path, "'%s' is a link to a file that is not there", path);
    if (code == ENOENT) return ath__fail(err, ATH_DATA, path, "there is no file '%s'", path);
    if (code == ENAMETOOLONG)
        return ath__fail(err, ATH_DATA, NULL, "a path of %zu bytes is too long: '%.60s...'", strlen(path), path);
    if (code == EISDIR) return ath__fail(err, ATH_DATA, path, "'%s' is a folder, not a file", path);
    return ath__fail(err, ATH_DATA, path, "cannot read '%s': %s", path, strerror(code));
}

static ath_status fail_to_write(ath_error *err, const char *path, int code) {
    if (code == ENOSPC || code == EDQUOT) {
        return ath__fail(err, ATH_IO, path, "cannot write '%s': the disk is full; free some space or write elsewhere",
                         path);
    }
    if (code == EACCES || code == EPERM || code == EROFS) {
        return ath__fail(err, ATH_IO, path, "cannot write '%s': %s; choose a folder that you may write to", path,
                         strerror(code));
    }
    return ath__fail(err, ATH_IO, path, "cannot write '%s': %s", path, strerror(code));
}

/* Opens for reading; fills `st`. Folders are refused, and pipes and devices where the file must be `plain`, without
 * waiting for whoever would write into them. Returns the descriptor or -1 with `*status` set. */
static int open_to_read(const char *path, bool plain, struct stat *st, ath_status *status, ath_error *err) {
    int fd = open(path, O_RDONLY | O_CLOEXEC | (plain ? O_NONBLOCK : 0));
    int code = errno;
    if (fd >= 0 && fstat(fd, st) != 0) {
        code = errno;
        close(fd);
        fd = -1;
    } else if (fd >= 0 && S_ISDIR(st->st_mode)) {
        code = EISDIR;
        close(fd);
        fd = -1;
    } else if (fd >= 0 && plain && !S_ISREG(st->st_mode)) {
        *status = ath__fail(err, ATH_DATA, path, "'%s' is not a plain file but a pipe or a device", path);
        close(fd);
        return -1;
    }
    if (fd < 0) *status = fail_to_read(err, path, code);
    return fd;
}

static ath_status read_all(const char *path, bool plain, size_t limit, char **data, size_t *size, ath_error *err) {
    struct stat st;
    ath_status  status = ATH_OK;
    char       *buffer = NULL;
    size_t      used = 0;
    *data = NULL;
    *size = 0;
    if (limit > (size_t)PTRDIFF_MAX / 2) limit = (size_t)PTRDIFF_MAX / 2;
    int fd = open_to_read(path, plain, &st, &status, err);
    if (fd < 0) return status;

    /* The size is a hint alone: pipes have none, and a file may grow while it is read. */
    size_t hint = st.st_size > 0 ? (size_t)st.st_size + 2 : 65536, capacity = 0;
    for (;;) {
        bool too_large = used > limit || (st.st_size > 0 && (uint64_t)st.st_size > limit);
        if (too_large) {
            status = ath__fail(err, ATH_DATA, path, "'%s' is larger than %zu bytes, the most that is read here", path,
                               limit);
            goto done;
        }
        if (used + 1 >= capacity) {
            capacity = capacity == 0 ? hint : capacity * 2;
            char *grown = ath__realloc(buffer, capacity);
            if (!grown) {
                status = ath__fail_memory(err, path);
                goto done;
            }
            buffer = grown;
        }
        ssize_t got = read(fd, buffer + used, capacity - used - 1);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) {
            status = fail_to_read(err, path, errno);
            goto done;
        }
        if (got == 0) break;
        used += (size_t)got;
    }
    buffer[used] = '\0';
    *data = buffer;
    *size = used;
    buffer = NULL;
done:
    ath__free(buffer);
    close(fd);
    return status;
}

ath_status ath__file_read(const char *path, size_t limit, char **data, size_t *size, ath_error *err) {
    return read_all(path, false, limit, data, size, err);
}

ath_status ath__file_read_plain(const char *path, size_t limit, char **data, size_t *size, ath_error *err) {
    return read_all(path, true, limit, data, size, err);
}

ath_status ath__file_map(const char *path, struct ath__mapping *mapping, ath_error *err) {
    static const unsigned char nothing[1];
    struct stat                st;
    ath_status                 status = ATH_OK;
    *mapping = (struct ath__mapping){.data = nothing, .size = 0};
    int fd = open_to_read(path, true, &st, &status, err);
    if (fd < 0) return status;
    if (st.st_size > 0) {
        void *map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (map == MAP_FAILED) {
            status = errno == ENOMEM ? ath__fail_memory(err, path) : fail_to_read(err, path, errno);
        } else {
            *mapping = (struct ath__mapping){.data = map, .size = (size_t)st.st_size};
        }
    }
    close(fd);
    return status;
}

void ath__file_unmap(struct ath__mapping *mapping) {
    if (mapping->size > 0) munmap((void *)(uintptr_t)mapping->data, mapping->size);
    *mapping = (struct ath__mapping){0};
}

ath_status ath__file_writer_open(struct ath__file_writer *writer, const char *path, ath_error *err) {
    *writer = (struct ath__file_writer){.fd = -1};
    int size = snprintf(writer->temporary, sizeof writer->temporary, "%s.tmp", path);
    if (size < 0 || (size_t)size >= sizeof writer->temporary) {
        return ath__fail(err, ATH_USAGE, path, "the path is too long: at most %d bytes", ATH_PATH_MAX - 5);
    }
    ath__str_copy(writer->path, sizeof writer->path, path);
    /* A folder in the way would only be noticed by the rename, after everything was written. */
    if (ath__folder_exists(path)) return fail_to_write(err, path, EISDIR);
    writer->fd = open(writer->temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (writer->fd < 0) return fail_to_write(err, path, errno);
    return ATH_OK;
}

ath_status ath__file_writer_append(struct ath__file_writer *writer, const void *data, size_t size, ath_error *err) {
    const char *bytes = data;
    while (size > 0) {
        ssize_t put = write(writer->fd, bytes, size);
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) return fail_to_write(err, writer->path, errno);
        bytes += put;
        size -= (size_t)put;
    }
    return ATH_OK;
}

/* Makes a rename in the folder of `path` durable. Some file systems cannot flush a folder, which is no failure. */
static void flush_folder(const char *path) {
    char folder[ATH_PATH_MAX];
    ath__str_copy(folder, sizeof folder, path);
    char *slash = strrchr(folder, '/');
    if (!slash) {
        ath__str_copy(folder, sizeof folder, ".");
    } else if (slash == folder) {
        folder[1] = '\0';
    } else {
        *slash = '\0';
    }
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return;
    fsync(fd);
    close(fd);
}

ath_status ath__file_writer_commit(struct ath__file_writer *writer, ath_error *err) {
    int code = fsync(writer->fd) == 0 || errno == EINVAL || errno == EROFS ? 0 : errno;
    if (close(writer->fd) != 0 && code == 0 && errno != EINTR) code = errno;
    writer->fd = -1;
    if (code == 0 && rename(writer->temporary, writer->path) != 0) code = errno;
    if (code != 0) {
        unlink(writer->temporary);
        return fail_to_write(err, writer->path, code);
    }
    flush_folder(writer->path);
    return ATH_OK;
}

void ath__file_writer_abandon(struct ath__file_writer *writer) {
    if (writer->fd < 0) return;
    close(writer->fd);
    writer->fd = -1;
    unlink(writer->temporary);
}

ath_status ath__file_write(const char *path, const void *data, size_t size, ath_error *err) {
    struct ath__file_writer writer;
    ATH_TRY(ath__file_writer_open(&writer, path, err));
    ath_status status = ath__file_writer_append(&writer, data, size, err);
    if (status != ATH_OK) {
        ath__file_writer_abandon(&writer);
        return status;
    }
    return ath__file_writer_commit(&writer, err);
}

bool ath__file_exists(const char *path) {
    struct stat st;
    return stat(path, &st) == 0 && !S_ISDIR(st.st_mode);
}

bool ath__folder_exists(const char *path) {
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

ath_status ath__folder_make(const char *path, ath_error *err) {
    char   partial[ATH_PATH_MAX];
    size_t size = strlen(path);
    if (size == 0) return ath__fail(err, ATH_USAGE, NULL, "the name of a folder is empty");
    if (size >= sizeof partial) {
        return ath__fail(err, ATH_USAGE, path, "the path is too long: at most %d bytes", ATH_PATH_MAX - 1);
    }
    memcpy(partial, path, size + 1);
    for (size_t i = 1; i <= size; i++) {
        if (partial[i] != '/' && partial[i] != '\0') continue;
        char kept = partial[i];
        partial[i] = '\0';
        int code = mkdir(partial, 0777) == 0 ? 0 : errno;
        if (code != 0 && !ath__folder_exists(partial)) {
            if (code == EEXIST) {
                return ath__fail(err, ATH_IO, partial, "cannot make the folder '%s': a file is in the way", partial);
            }
            return fail_to_write(err, partial, code);
        }
        partial[i] = kept;
    }
    return ATH_OK;
}

ath_status ath__path_join(char dst[ATH_PATH_MAX], const char *folder, const char *name, ath_error *err) {
    size_t      n = strlen(folder);
    const char *slash = n == 0 || folder[n - 1] == '/' ? "" : "/";
    int         size = snprintf(dst, ATH_PATH_MAX, "%s%s%s", folder, slash, name);
    if (size < 0 || size >= ATH_PATH_MAX) {
        dst[0] = '\0';
        return ath__fail(err, ATH_USAGE, folder, "the path of '%s' is too long: at most %d bytes", name,
                         ATH_PATH_MAX - 1);
    }
    return ATH_OK;
}
