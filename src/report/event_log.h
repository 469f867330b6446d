/* log.jsonl: what happened in a run, one JSON object a line, appended and flushed to the disk. */
#ifndef ATH_REPORT_EVENT_LOG_H
#define ATH_REPORT_EVENT_LOG_H

#include "athanor/status.h"

#include <stdint.h>

/* Appends {"event": EVENT, "time": "2026-...Z", FIELDS}; `fields` is the inside of a JSON object or "". Numbers nan and
 * inf in it become null. `size` receives the length of the file. A line is there whole or not at all. */
ath_status ath__event_log_append(const char *path, const char *event, const char *fields, uint64_t *size,
                                 ath_error *err);

/* Cuts the file back to `size` bytes, and a half-written last line off. A file that is shorter or missing stays. */
ath_status ath__event_log_rewind(const char *path, uint64_t size, ath_error *err);

#endif
