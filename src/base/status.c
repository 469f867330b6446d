/* Status codes as text and exit codes, and the one place that fills error reports.
 *
 * Role: every failing function ends in ath__fail, so that a message is always whole, always NUL-terminated and never
 * cut inside a UTF-8 character.
 */
#include "base/error.h"

#include "base/str.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
    int         exit_code;
    const char *text;
} statuses[] = {
#define ATH_STATUS_ROW_(name, exit_code, text) {exit_code, text},
    ATH_STATUS_MAP(ATH_STATUS_ROW_)
#undef ATH_STATUS_ROW_
};

enum { STATUS_COUNT = sizeof statuses / sizeof statuses[0] };

const char *ath_status_text(ath_status status) {
    return (unsigned)status < STATUS_COUNT ? statuses[status].text : "unknown status";
}

int ath_status_exit_code(ath_status status) {
    return (unsigned)status < STATUS_COUNT ? statuses[status].exit_code : 1;
}

ath_status ath__fail(ath_error *err, ath_status code, const char *where, const char *format, ...) {
    if (!err) return code;
    char    message[2 * sizeof err->message];
    va_list args;
    va_start(args, format);
    int written = vsnprintf(message, sizeof message, format, args);
    va_end(args);
    if (written < 0) ath__str_copy(message, sizeof message, format);
    /* `where` and the arguments may point into *err: it is written last. */
    char place[sizeof err->where];
    ath__str_copy(place, sizeof place, where ? where : "");
    err->code = code;
    ath__str_copy(err->message, sizeof err->message, message);
    memcpy(err->where, place, sizeof place);
    return code;
}

ath_status ath__fail_memory(ath_error *err, const char *where) {
    if (!err) return ATH_MEMORY;
    err->code = ATH_MEMORY;
    ath__str_copy(err->message, sizeof err->message,
                  "out of memory: use a smaller batch, a smaller model, or close other programs");
    ath__str_copy(err->where, sizeof err->where, where ? where : "");
    return ATH_MEMORY;
}
