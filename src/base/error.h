/* Filling ath_error and forwarding failures. */
#ifndef ATH_BASE_ERROR_H
#define ATH_BASE_ERROR_H

#include "athanor/status.h"

/* Fills `err` (which may be NULL) and returns `code`. `where` may be NULL. */
ath_status ath__fail(ath_error *err, ath_status code, const char *where, const char *format, ...) ATH_PRINTF(4, 5);

/* The error for memory that could not be had. Formats nothing that allocates. */
ath_status ath__fail_memory(ath_error *err, const char *where);

/* Forwards a failure to the caller. */
#define ATH_TRY(expr)                                                                                                  \
    do {                                                                                                               \
        ath_status ath_try_status_ = (expr);                                                                           \
        if (ath_try_status_ != ATH_OK) return ath_try_status_;                                                         \
    } while (0)

/* Goes to the function's one clean-up label `done` with `status` set. */
#define ATH_TRY_DONE(expr)                                                                                             \
    do {                                                                                                               \
        status = (expr);                                                                                               \
        if (status != ATH_OK) goto done;                                                                               \
    } while (0)

#endif
