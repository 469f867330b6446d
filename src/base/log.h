/* Messages to whoever embeds the library: one process-wide callback, none by default. */
#ifndef ATH_BASE_LOG_H
#define ATH_BASE_LOG_H

#include "athanor/status.h"

typedef enum ath_log_level { ATH_LOG_DEBUG, ATH_LOG_INFO, ATH_LOG_WARNING } ath_log_level;
typedef void (*ath_log_fn)(ath_log_level level, const char *message, void *context);

/* NULL turns messages off. Not to be called while another thread logs. */
ATH_API void ath_log_set(ath_log_fn callback, void *context);

void ath__log(ath_log_level level, const char *format, ...) ATH_PRINTF(2, 3);

#endif
