/* Messages: formatted once, handed to the callback of whoever embeds the library, dropped where there is none. */
#include "base/log.h"

#include "base/str.h"

#include <stdarg.h>
#include <stdio.h>

static ath_log_fn log_callback;
static void      *log_context;

void ath_log_set(ath_log_fn callback, void *context) {
    log_callback = callback;
    log_context = context;
}

void ath__log(ath_log_level level, const char *format, ...) {
    if (!log_callback) return;
    char    wide[2048];
    char    message[1024];
    va_list args;
    va_start(args, format);
    int written = vsnprintf(wide, sizeof wide, format, args);
    va_end(args);
    if (written < 0) return;
    ath__str_copy(message, sizeof message, wide); /* cuts between characters, not inside one */
    log_callback(level, message, log_context);
}
