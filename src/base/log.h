/* Sending messages to the callback that athanor/log.h sets. */
#ifndef ATH_BASE_LOG_H
#define ATH_BASE_LOG_H

#include "athanor/log.h"

void ath__log(ath_log_level level, const char *format, ...) ATH_PRINTF(2, 3);

#endif
