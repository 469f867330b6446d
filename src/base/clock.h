/* Monotonic seconds, for timing; wall-clock time, for names and logs; peak memory of the process. */
#ifndef ATH_BASE_CLOCK_H
#define ATH_BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

double   ath__seconds(void);                          /* monotonic, arbitrary origin */
void     ath__timestamp(char *text, size_t capacity); /* "2026-11-21T03:59:12Z", UTC */
uint64_t ath__peak_rss(void);                         /* bytes, this process; 0 where unknown */

#endif
