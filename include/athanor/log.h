/* Messages of the library to whoever embeds it: one process-wide callback, none by default. */
#ifndef ATHANOR_LOG_H
#define ATHANOR_LOG_H

#include "athanor/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum ath_log_level { ATH_LOG_DEBUG, ATH_LOG_INFO, ATH_LOG_WARNING } ath_log_level;
typedef void (*ath_log_fn)(ath_log_level level, const char *message, void *context);

/* NULL turns messages off. Not to be called while another thread logs. */
ATH_API void ath_log_set(ath_log_fn callback, void *context);

#ifdef __cplusplus
}
#endif
#endif
