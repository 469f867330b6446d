/* log.jsonl: append-only.
 *
 * A line is written with one call, then flushed; where that fails (a full disk), the file is cut back to where it was.
 * Checkpoints remember the length, and a resumed run cuts what came after it: its log is then that of a run never
 * stopped.
 */
#include "report/event_log.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "base/str.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static ath_status fail(ath_error *err, const char *path, int code) {
    return ath__fail(err, ATH_IO, path, "cannot write '%s': %s%s", path, strerror(code),
                     code == ENOSPC || code == EDQUOT ? "; free some space" : "");
}

/* Copies the inside of an object; printf's words for what is no number become null. */
static void append_fields(struct ath__str *line, const char *fields) {
    static const char *const words[] = {"-nan", "nan", "-inf", "inf"};
    bool                     quoted = false;
    while (*fields) {
        size_t skip = 0;
        for (size_t i = 0; i < sizeof words / sizeof words[0] && !quoted && !skip; i++) {
            size_t length = strlen(words[i]);
            if (strncmp(fields, words[i], length) == 0 && !isalnum((unsigned char)fields[length])) skip = length;
        }
        if (skip) {
            ath__str_append(line, "null");
            fields += skip;
            continue;
        }
        if (*fields == '\\' && quoted && fields[1])
            ath__str_append_bytes(line, fields++, 1);
        else if (*fields == '"')
            quoted = !quoted;
        ath__str_append_bytes(line, fields++, 1);
    }
}

static ath_status append_line(int fd, const char *path, const struct ath__str *line, uint64_t *size, ath_error *err) {
    struct stat st;
    if (fstat(fd, &st) != 0) return fail(err, path, errno);
    ssize_t put;
    do put = write(fd, line->data, line->size);
    while (put < 0 && errno == EINTR);
    int code = put < 0 ? errno : put < (ssize_t)line->size ? ENOSPC : 0;
    if (code == 0 && fsync(fd) != 0 && errno != EINVAL && errno != EROFS) code = errno;
    if (code != 0) {
        /* Where even this fails, a rewind cuts off what there is of the line. */
        int cut = ftruncate(fd, st.st_size);
        (void)cut;
        return fail(err, path, code);
    }
    *size = (uint64_t)st.st_size + line->size;
    return ATH_OK;
}

ath_status ath__event_log_append(const char *path, const char *event, const char *fields, uint64_t *size,
                                 ath_error *err) {
    struct ath__str line = {0};
    char            now[32];
    ath__timestamp(now, sizeof now);
    ath__str_append(&line, "{\"event\":");
    ath__json_quote(&line, event);
    ath__str_append(&line, ",\"time\":");
    ath__json_quote(&line, now);
    if (*fields) ath__str_append(&line, ",");
    append_fields(&line, fields);
    ath__str_append(&line, "}\n");
    if (line.failed) {
        ath__str_free(&line);
        return ath__fail_memory(err, path);
    }
    int        fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    ath_status status = fd < 0 ? fail(err, path, errno) : append_line(fd, path, &line, size, err);
    if (fd >= 0) close(fd);
    ath__str_free(&line);
    return status;
}

/* The end of the last whole line among the first `size` bytes. */
static off_t last_line_end(int fd, off_t size) {
    char block[4096];
    while (size > 0) {
        off_t   from = size > (off_t)sizeof block ? size - (off_t)sizeof block : 0;
        ssize_t got = pread(fd, block, (size_t)(size - from), from);
        if (got <= 0) return size;
        for (ssize_t i = got; i > 0; i--)
            if (block[i - 1] == '\n') return from + i;
        size = from;
    }
    return 0;
}

ath_status ath__event_log_rewind(const char *path, uint64_t size, ath_error *err) {
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0) return errno == ENOENT ? ATH_OK : fail(err, path, errno);
    struct stat st;
    ath_status  status = ATH_OK;
    if (fstat(fd, &st) != 0) {
        status = fail(err, path, errno);
    } else {
        off_t end = (uint64_t)st.st_size > size ? (off_t)size : st.st_size;
        end = last_line_end(fd, end);
        if (end < st.st_size && (ftruncate(fd, end) != 0 || fsync(fd) != 0)) status = fail(err, path, errno);
    }
    close(fd);
    return status;
}
