/* The key table: every setting of a run, once. Parsing, defaults, help, recipes and messages come from these rows. */
#ifndef ATH_TRAIN_SETTINGS_H
#define ATH_TRAIN_SETTINGS_H

#include "athanor/config.h"

#include <stddef.h>
#include <stdint.h>

typedef enum ath__setting_type {
    ATH_SETTING_TEXT,
    ATH_SETTING_INT,
    ATH_SETTING_REAL,
    ATH_SETTING_FLAG,     /* true, false */
    ATH_SETTING_CHOICE,   /* one of "a|b|c" */
    ATH_SETTING_DURATION, /* 30ep, 500it */
    ATH_SETTING_AUGMENT,  /* a list of random transforms (data/augment/augment.h) */
} ath__setting_type;

struct ath__setting {
    const char       *name;
    ath__setting_type type;
    const char *fallback; /* "auto": the chosen optimizer's or schedule's own (train/chosen.h), where it has one */
    const char *choices;
    double      min, max;  /* INT, REAL */
    bool        above_min; /* min itself is not allowed */
    const char *summary;
};

/* Row i, or NULL past the end. */
const struct ath__setting *ath__setting_at(int i);
const struct ath__setting *ath__setting_find(const char *name);
/* Checks a value; ATH_USAGE with what is allowed. */
ath_status ath__setting_check(const struct ath__setting *setting, const char *value, ath_error *err);
void       ath__setting_allowed(const struct ath__setting *setting, char *text, size_t capacity);

/* Typed access to a configuration: keys must be of the table and of that type. */
int64_t     ath__config_int(const ath_config *config, const char *key);
double      ath__config_real(const ath_config *config, const char *key);
bool        ath__config_flag(const ath_config *config, const char *key);
const char *ath__config_text(const ath_config *config, const char *key); /* never NULL; "" if unset */
/* Was it given by the user or a recipe? */
bool ath__config_given(const ath_config *config, const char *key);
/* Where it comes from; ATH_ORIGIN_DEFAULT if it was not given, or as auto. */
ath_origin ath__config_origin(const ath_config *config, const char *key);

/* Forgets a key; one that ends with a dot stands for its whole family ("sweep."). */
void ath__config_unset(ath_config *config, const char *key);

/* Puts every PREFIX.KEY over KEY, unless that has a higher origin. */
ath_status ath__config_overlay(ath_config *config, const char *prefix, ath_error *err);

/* Pair i of the open families "model.", "data.", "group.", "sweep.", "stage." and "export." (key without the prefix); false past the end. */
struct ath__config_pair {
    const char *key, *value;
};
bool ath__config_pair(const ath_config *config, const char *prefix, int i, struct ath__config_pair *pair);

#endif
