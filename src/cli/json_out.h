/* One JSON value on stdout. */
#ifndef ATH_CLI_JSON_OUT_H
#define ATH_CLI_JSON_OUT_H

#include "athanor/status.h"

#include <jansson.h>

/* Prints the value with a newline and releases it. ATH_MEMORY for NULL, ATH_IO when stdout cannot be written. */
ath_status json_print(json_t *json, ath_error *err);

/* A string of any bytes, such as a path: what is no UTF-8 has question marks for all that is not ASCII. */
json_t *json_text(const char *text);

#endif
