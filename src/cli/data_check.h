/* athanor data check: what is broken, what occurs twice, how classes and sizes are distributed. */
#ifndef ATH_CLI_DATA_CHECK_H
#define ATH_CLI_DATA_CHECK_H

#include "cli/verb.h"

/* Looks at every image of the data set `name`. ATH_DATA, behind the report, when images are broken. */
ath_status data_check(const struct invocation *invocation, const char *name, ath_error *err);

#endif
