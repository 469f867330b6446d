/* Status codes and error reports.
 *
 * Every fallible function returns an ath_status and, where it takes an `ath_error *` (which may be NULL), fills it with
 * the code, a message that says what went wrong and what to do about it, and where it happened (a file, a node, a key).
 * The library never prints, exits or aborts.
 */
#ifndef ATHANOR_STATUS_H
#define ATHANOR_STATUS_H

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define ATH_API __attribute__((visibility("default")))
#define ATH_PRINTF(fmt, first) __attribute__((format(printf, fmt, first)))
#else
#define ATH_API
#define ATH_PRINTF(fmt, first)
#endif

/* X(NAME, exit code of the program, what it means) */
#define ATH_STATUS_MAP(X)                                                                                              \
    X(OK, 0, "ok")                                                                                                     \
    X(FAILED, 1, "failed")                                                                                             \
    X(USAGE, 2, "wrong usage")                                                                                         \
    X(DATA, 3, "bad or missing data")                                                                                  \
    X(DIVERGED, 4, "training diverged")                                                                                \
    X(DEVICE, 5, "device failure")                                                                                     \
    X(MEMORY, 5, "out of memory")                                                                                      \
    X(IO, 1, "file or disk failure")                                                                                   \
    X(UNSUPPORTED, 1, "not supported")                                                                                 \
    X(TARGET, 6, "target not reached")                                                                                 \
    X(INTERRUPTED, 130, "interrupted")

typedef enum ath_status {
#define ATH_STATUS_ENUM_(name, exit_code, text) ATH_##name,
    ATH_STATUS_MAP(ATH_STATUS_ENUM_)
#undef ATH_STATUS_ENUM_
} ath_status;

typedef struct ath_error {
    ath_status code;
    char       message[768]; /* what went wrong and what to do, one line, UTF-8 */
    char       where[256];   /* file, key, node ... or empty                    */
} ath_error;

/* "bad or missing data" for ATH_DATA. Never NULL. */
ATH_API const char *ath_status_text(ath_status status);

/* The program's exit code for a status (README, "Exit codes"). */
ATH_API int ath_status_exit_code(ath_status status);

#ifdef __cplusplus
}
#endif
#endif
