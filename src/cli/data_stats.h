/* athanor data stats: the figures of a data set's parts, and the images that occur twice. */
#ifndef ATH_CLI_DATA_STATS_H
#define ATH_CLI_DATA_STATS_H

#include "cli/verb.h"

/* Measures the data set `name` with the configuration's data.* options: its training, held-out and test images, or what
 * split= names alone. */
ath_status data_stats(const struct invocation *invocation, const char *name, ath_error *err);

#endif
