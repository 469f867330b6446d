/* JSON on stdout: compact separators, keys in the order given, 17 digits so that numbers survive. */
#include "cli/json_out.h"

#include <stdio.h>

ath_status json_print(json_t *json, ath_error *err) {
    if (!json || json_dumpf(json, stdout, JSON_REAL_PRECISION(9)) != 0) {
        if (err) {
            err->code = json ? ATH_IO : ATH_MEMORY;
            err->where[0] = '\0';
            snprintf(err->message, sizeof err->message, json ? "writing to standard output failed" : "out of memory");
        }
        json_decref(json);
        return json ? ATH_IO : ATH_MEMORY;
    }
    json_decref(json);
    putchar('\n');
    return ATH_OK;
}
