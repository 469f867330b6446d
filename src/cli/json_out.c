/* JSON on stdout: compact separators, keys in the order given, 17 digits so that numbers survive. */
#include "cli/json_out.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

json_t *json_text(const char *text) {
    json_t *json = json_string(text);
    size_t  size = strlen(text);
    char   *copy = json ? NULL : malloc(size + 1);
    if (!copy) return json;
    for (size_t i = 0; i <= size; i++) copy[i] = (unsigned char)text[i] < 0x80 ? text[i] : '?';
    json = json_string(copy);
    free(copy);
    return json;
}
