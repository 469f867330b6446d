/* config.yaml: the settings of a run, as a recipe that repeats it. */
#ifndef ATH_REPORT_CONFIG_YAML_H
#define ATH_REPORT_CONFIG_YAML_H

#include "athanor/status.h"

#include <stdbool.h>

/* One setting with where it came from. */
struct ath__config_line {
    const char *key, *value, *source;
    bool        text;    /* the value is text, to be quoted where YAML would take it for something else */
    const char *meaning; /* what the value, `auto`, stands for; or NULL */
};

/* Writes the file whole. ATH_USAGE for a value that is not UTF-8, which YAML cannot hold. */
ath_status ath__config_yaml_write(const char *path, const struct ath__config_line *lines, int count, ath_error *err);

#endif
