/* What the doctor found, for people. */
#ifndef ATH_CLI_FINDINGS_H
#define ATH_CLI_FINDINGS_H

#include "athanor/tune.h"

/* On stdout, most certain first. */
void findings_print(const ath_findings *findings);

#endif
