/* Downloads: one file after another, resumed where they broke off, verified, then put in place whole.
 *
 *     FILE complete? -> skip.   else FILE.part: Range request from its size -> digest -> rename to FILE
 *
 * A connection that breaks is taken up again at once as long as each attempt brings something; what cannot be finished
 * stays in FILE.part for the next call. A file whose digest is wrong is never put in place, and its part is removed. A
 * lock on the part keeps two programs from writing the same one.
 *
 * The environment variable ATHANOR_MIRROR=BASE takes FILE of the set NAME from BASE/NAME/FILE; http, https and file
 * addresses are allowed.
 */
#include "base/digest.h"
#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "data/curl_library.h"
#include "data/dataset.h"
#include "data/unpack.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ADDRESS_MAX = 2048, FRUITLESS_ATTEMPTS = 3, CONNECT_SECONDS = 30, STALL_SECONDS = 60, MOST_REDIRECTS = 5 };

struct transfer {
    const struct ath__download_file *file;
    char                             address[ADDRESS_MAX];
    char                             path[ATH_PATH_MAX], part[ATH_PATH_MAX];
    int                              fd;       /* of the part */
    uint64_t                         resumed;  /* size of the part when the request went out */
    uint64_t                         received; /* bytes of this attempt */
    int                              write_errno;
    bool                             stopped; /* the progress function said so */
    bool                             checked; /* the answer to a Range request was looked at */
    bool                             discard; /* the data are not the file's */
    ath_download_fn                  progress;
    void                            *context;
    CURL                            *curl;
    char                             detail[CURL_ERROR_SIZE];
};

/* ---- verifying --------------------------------------------------------------------------------------------------- */

static void add_to_digest(const void *data, size_t size, void *context) {
    ath__digest_add(context, data, size);
}

static ath_status file_digest(const char *path, const struct ath__digest_kind *kind, char text[ATH_DIGEST_TEXT],
                              ath_error *err) {
    struct ath__mapping mapping;
    ATH_TRY(ath__file_map(path, &mapping, err));
    ath__digest_text(kind, mapping.data, mapping.size, text);
    ath__file_unmap(&mapping);
    return ATH_OK;
}

/* Compares a file with its published digest. *found and *expected are the two, for messages. */
static ath_status matches(const struct ath__download_file *file, const char *path, bool *same,
                          char found[ATH_DIGEST_TEXT], const char **expected, ath_error *err) {
    const struct ath__digest_kind *kind = file->sha256 ? &ath__sha256 : &ath__md5;
    *expected = file->sha256 ? file->sha256 : file->md5;
    found[0] = '\0';
    *same = true;
    if (!*expected) return ATH_OK;
    ATH_TRY(file_digest(path, kind, found, err));
    *same = strcasecmp(found, *expected) == 0;
    return ATH_OK;
}

/* Is the file in place, as published or with the published content packed in another way? */
static bool is_complete(const struct ath__download_file *file, const char *path) {
    char               found[ATH_DIGEST_TEXT];
    const char        *expected;
    bool               same;
    struct ath__digest digest;
    if (!ath__file_exists(path)) return false;
    if (matches(file, path, &same, found, &expected, NULL) != ATH_OK) return false;
    if (same || !file->content_md5) return same;
    ath__digest_start(&digest, &ath__md5);
    if (ath__unpack_each(path, add_to_digest, &digest, NULL) != ATH_OK) return false;
    ath__digest_end(&digest, found);
    return strcasecmp(found, file->content_md5) == 0;
}

/* ---- one request ------------------------------------------------------------------------------------------------- */

/* A server may answer a request for the rest with the whole file: the part then starts anew. Or with 416, there is no
 * such range, and some words, which are not to be written. */
static bool check_answer(struct transfer *transfer) {
    long code = 0;
    transfer->checked = true;
    if (transfer->resumed == 0) return true;
    curl_easy_getinfo(transfer->curl, CURLINFO_RESPONSE_CODE, &code);
    transfer->discard = code == 416;
    if (code != 200) return true;
    if (ftruncate(transfer->fd, 0) != 0 || lseek(transfer->fd, 0, SEEK_SET) != 0) {
        transfer->write_errno = errno;
        return false;
    }
    transfer->resumed = 0;
    return true;
}

static size_t on_data(char *data, size_t one, size_t size, void *context) {
    struct transfer *transfer = context;
    size_t           left = one * size;
    if (!transfer->checked && !check_answer(transfer)) return 0;
    if (transfer->discard) return left;
    while (left > 0) {
        ssize_t put = write(transfer->fd, data, left);
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) {
            transfer->write_errno = errno;
            return 0;
        }
        data += put;
        left -= (size_t)put;
        transfer->received += (uint64_t)put;
    }
    return one * size;
}

static int on_progress(void *context, curl_off_t total, curl_off_t done, curl_off_t upload_total, curl_off_t uploaded) {
    struct transfer *transfer = context;
    (void)upload_total;
    (void)uploaded;
    if (!transfer->progress) return 0;
    uint64_t whole = total > 0 ? transfer->resumed + (uint64_t)total : 0;
    if (transfer->progress(transfer->file->name, transfer->resumed + (uint64_t)done, whole, transfer->context))
        return 0;
    transfer->stopped = true;
    return 1;
}

static void set_options(struct transfer *transfer) {
    CURL *curl = transfer->curl;
    curl_easy_reset(curl);
    curl_easy_setopt(curl, CURLOPT_URL, transfer->address);
#if LIBCURL_VERSION_NUM >= 0x075500
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https,file");
    curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
#else
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS | CURLPROTO_FILE));
    curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(curl, CURLOPT_MAXREDIRS, (long)MOST_REDIRECTS);
    curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_SECONDS);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, (long)STALL_SECONDS);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "athanor");
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, transfer->detail);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_data);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, transfer);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, transfer);
    if (transfer->resumed > 0) {
        curl_easy_setopt(curl, CURLOPT_RESUME_FROM_LARGE, (curl_off_t)transfer->resumed);
    }
}

static ath_status fail_to_write(const struct transfer *transfer, const char *path, int code, ath_error *err) {
    if (code == ENOSPC || code == EDQUOT) {
        return ath__fail(
            err, ATH_IO, transfer->path,
            "cannot write '%s': the disk is full; free some space and run the command again, it goes on from "
            "there",
            path);
    }
    return ath__fail(err, ATH_IO, transfer->path,
                     "cannot write '%s': %s; set ATHANOR_DATA to a folder that you may write to", path, strerror(code));
}

/* What a failed request means to the user. */
static ath_status explain(struct transfer *transfer, CURLcode code, ath_error *err) {
    long answer = 0;
    curl_easy_getinfo(transfer->curl, CURLINFO_RESPONSE_CODE, &answer);
    if (transfer->stopped) {
        return ath__fail(err, ATH_INTERRUPTED, transfer->path,
                         "the download was stopped; the same command goes on from there");
    }
    if (transfer->write_errno != 0) return fail_to_write(transfer, transfer->part, transfer->write_errno, err);
    if (code == CURLE_HTTP_RETURNED_ERROR) {
        return ath__fail(
            err, ATH_IO, transfer->path,
            "the server answered %ld to '%s'; is the address right? ATHANOR_MIRROR=BASE takes the files from "
            "BASE/SET/FILE instead",
            answer, transfer->address);
    }
    return ath__fail(err, ATH_IO, transfer->path,
                     "cannot get '%s': %s; what came is kept: run the command again, or set ATHANOR_MIRROR",
                     transfer->address, transfer->detail[0] ? transfer->detail : curl_easy_strerror(code));
}

/* Is it worth while to ask again at once? */
static bool may_retry(const struct transfer *transfer, CURLcode code) {
    if (transfer->stopped || transfer->write_errno != 0) return false;
    return code == CURLE_PARTIAL_FILE || code == CURLE_RECV_ERROR || code == CURLE_GOT_NOTHING ||
           code == CURLE_OPERATION_TIMEDOUT || code == CURLE_COULDNT_CONNECT || code == CURLE_SEND_ERROR;
}

/* The server has no range from the part's size on: the part is as long as the file, or longer; the digest will tell.
 * (Some versions of the library count 416 as a success, some as a failure.) */
static bool out_of_range(const struct transfer *transfer, CURLcode code) {
    long answer = 0;
    curl_easy_getinfo(transfer->curl, CURLINFO_RESPONSE_CODE, &answer);
    if (transfer->resumed == 0) return false;
    return answer == 416 || code == CURLE_RANGE_ERROR || code == CURLE_BAD_DOWNLOAD_RESUME;
}

/* Fills the part to its end; *earlier is what it held before. */
static ath_status receive(struct transfer *transfer, uint64_t *earlier, ath_error *err) {
    int fruitless = 0;
    for (bool first = true;; first = false) {
        off_t size = lseek(transfer->fd, 0, SEEK_END);
        if (size < 0) return fail_to_write(transfer, transfer->part, errno, err);
        if (first) *earlier = (uint64_t)size;
        transfer->resumed = (uint64_t)size;
        transfer->received = 0;
        transfer->checked = transfer->discard = false;
        transfer->detail[0] = '\0';
        set_options(transfer);
        CURLcode code = curl_easy_perform(transfer->curl);
        if (code == CURLE_OK || out_of_range(transfer, code)) return ATH_OK;
        if (!may_retry(transfer, code)) return explain(transfer, code, err);
        fruitless = transfer->received > 0 ? 0 : fruitless + 1;
        if (fruitless == FRUITLESS_ATTEMPTS) return explain(transfer, code, err);
    }
}

/* ---- one file ---------------------------------------------------------------------------------------------------- */

/* Receives and verifies. *again: it is wrong, but began with what an earlier call had left, which is now gone. */
static ath_status receive_and_verify(struct transfer *transfer, bool *again, ath_error *err) {
    char        found[ATH_DIGEST_TEXT];
    const char *expected;
    bool        same;
    uint64_t    earlier = 0;
    *again = false;
    ATH_TRY(receive(transfer, &earlier, err));
    if (fsync(transfer->fd) != 0 && errno != EINVAL) return fail_to_write(transfer, transfer->part, errno, err);
    ATH_TRY(matches(transfer->file, transfer->part, &same, found, &expected, err));
    if (same) return ATH_OK;
    if (earlier > 0 && ftruncate(transfer->fd, 0) == 0) {
        *again = true;
        return ATH_OK;
    }
    unlink(transfer->part);
    return ath__fail(err, ATH_DATA, transfer->path,
                     "'%s' is not the file that was published: its %s is %s, not %s; it was thrown away. Try again, or "
                     "another ATHANOR_MIRROR",
                     transfer->address, transfer->file->sha256 ? "SHA-256" : "MD5", found, expected);
}

static ath_status get_file(struct transfer *transfer, ath_error *err) {
    bool       again = false;
    ath_status status;
    transfer->fd = open(transfer->part, O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (transfer->fd < 0) return fail_to_write(transfer, transfer->part, errno, err);
    if (flock(transfer->fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
        status = ath__fail(err, ATH_IO, transfer->path, "another program is downloading '%s'", transfer->part);
        goto done;
    }
    ATH_TRY_DONE(receive_and_verify(transfer, &again, err));
    if (again) ATH_TRY_DONE(receive_and_verify(transfer, &again, err));
    if (rename(transfer->part, transfer->path) != 0) status = fail_to_write(transfer, transfer->path, errno, err);
done:
    close(transfer->fd);
    return status;
}

/* BASE/FILE, or with a mirror BASE/SET/FILE. */
static ath_status make_address(const struct ath__download_set *set, const char *file, char address[ADDRESS_MAX],
                               ath_error *err) {
    const char *mirror = getenv("ATHANOR_MIRROR");
    const char *base = mirror && mirror[0] ? mirror : set->base;
    size_t      n = strlen(base);
    int         size;
    while (n > 0 && base[n - 1] == '/') n--;
    if (base == mirror) {
        size = snprintf(address, ADDRESS_MAX, "%.*s/%s/%s", (int)n, base, set->name, file);
    } else {
        size = snprintf(address, ADDRESS_MAX, "%.*s/%s", (int)n, base, file);
    }
    if (size < 0 || size >= ADDRESS_MAX) return ath__fail(err, ATH_USAGE, "ATHANOR_MIRROR", "the address is too long");
    return ATH_OK;
}

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;
static CURLcode       curl_started;

static void start_curl(void) {
    curl_started = curl_global_init(CURL_GLOBAL_DEFAULT);
}

ath_status ath__download_set(const struct ath__download_set *set, const char *folder, ath_download_fn progress,
                             void *context, ath_error *err) {
    ath_status status = ATH_OK;
    ATH_TRY(ath__curl_library_load(err));
    struct transfer *transfer = ATH_NEW(struct transfer);
    if (!transfer) return ath__fail_memory(err, set->name);
    transfer->progress = progress;
    transfer->context = context;
    pthread_once(&curl_once, start_curl);
    transfer->curl = curl_started == CURLE_OK ? curl_easy_init() : NULL;
    if (!transfer->curl) {
        status = ath__fail(err, ATH_FAILED, set->name, "cannot start the download library");
        goto done;
    }
    ATH_TRY_DONE(ath__folder_make(folder, err));
    for (const struct ath__download_file *file = set->files; file->name; file++) {
        transfer->file = file;
        ATH_TRY_DONE(ath__path_join(transfer->path, folder, file->name, err));
        if (snprintf(transfer->part, sizeof transfer->part, "%s.part", transfer->path) >= ATH_PATH_MAX) {
            status = ath__fail(err, ATH_USAGE, folder, "the path is too long");
            goto done;
        }
        if (is_complete(file, transfer->path)) continue;
        ATH_TRY_DONE(make_address(set, file->name, transfer->address, err));
        ATH_TRY_DONE(get_file(transfer, err));
    }
done:
    if (transfer->curl) curl_easy_cleanup(transfer->curl);
    ath__free(transfer);
    return status;
}
