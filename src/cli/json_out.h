/* One JSON value on stdout. */
#ifndef ATH_CLI_JSON_OUT_H
#define ATH_CLI_JSON_OUT_H

#include "athanor/status.h"

#include <jansson.h>

/* Prints the value with a newline and releases it. ATH_MEMORY for NULL, ATH_IO when stdout cannot be written. */
ath_status json_print(json_t *json, ath_error *err);

#endif
