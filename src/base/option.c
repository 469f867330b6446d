/* Option tables: parsing by row, and the messages that say what would have been right. */
#include "base/option.h"

#include "base/error.h"
#include "base/str.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool ath__parse_int(const char *text, int64_t *value) {
    char *end;
    errno = 0;
    long long parsed = strtoll(text, &end, 10);
    if (errno || end == text || *end || text[0] == ' ') return false;
    *value = parsed;
    return true;
}

bool ath__parse_real(const char *text, double *value) {
    char  *end;
    double parsed = strtod(text, &end);
    if (end == text || *end || text[0] == ' ' || !isfinite(parsed)) return false;
    *value = parsed;
    return true;
}

/* Length of the name at `names` up to the next '|' or the end. */
static size_t name_length(const char *names) {
    return strcspn(names, "|");
}

/* The next name behind the one at `names`; NULL behind the last. */
static const char *name_next(const char *names) {
    names += name_length(names);
    return *names == '|' && names[1] ? names + 1 : NULL;
}

/* Which of "a|b|c" the text is; -1 if none. */
static int64_t name_index(const char *names, const char *text) {
    int64_t index = 0;
    for (; names; names = name_next(names), index++)
        if (strlen(text) == name_length(names) && strncmp(text, names, name_length(names)) == 0) return index;
    return -1;
}

static void name_copy(const char *name, char *text, size_t capacity) {
    snprintf(text, capacity, "%.*s", (int)name_length(name), name);
}

static int64_t *int_at(const struct ath__option *option, void *options) {
    return (int64_t *)(void *)((char *)options + option->offset);
}

static double *real_at(const struct ath__option *option, void *options) {
    return (double *)(void *)((char *)options + option->offset);
}

static struct ath__range *range_at(const struct ath__option *option, void *options) {
    return (struct ath__range *)(void *)((char *)options + option->offset);
}

/* "low:high", or one number for both. */
static bool parse_range(const char *text, struct ath__range *range) {
    char   low[64];
    size_t length = strcspn(text, ":");
    if (length >= sizeof low) return false;
    memcpy(low, text, length);
    low[length] = '\0';
    return ath__parse_real(low, &range->low) && ath__parse_real(text[length] ? text + length + 1 : low, &range->high);
}

/* The shortest of the forms that read back as the same number. */
static void real_text(double value, char *text, size_t capacity) {
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, capacity, "%.*g", digits, value);
        if (strtod(text, NULL) == value) return;
    }
}

/* Whether the text is a value that the row allows, which is then written. */
static bool value_set(const struct ath__option *option, void *options, const char *text) {
    int64_t integer = 0;
    double  real = 0.0;

    struct ath__range range;
    switch (option->type) {
    case ATH_OPTION_INT:
        if (!ath__parse_int(text, &integer)) return false;
        if (option->choices && name_index(option->choices, text) < 0) return false;
        if (!option->choices && ((double)integer < option->min || (double)integer > option->max)) return false;
        *int_at(option, options) = integer;
        return true;
    case ATH_OPTION_REAL:
        if (!ath__parse_real(text, &real) || real < option->min || real > option->max) return false;
        *real_at(option, options) = real;
        return true;
    case ATH_OPTION_RANGE:
        if (!parse_range(text, &range) || range.low < option->min || range.high > option->max) return false;
        if (range.low > range.high) return false;
        *range_at(option, options) = range;
        return true;
    case ATH_OPTION_CHOICE:
        integer = name_index(option->choices, text);
        if (integer < 0) return false;
        *int_at(option, options) = integer;
        return true;
    case ATH_OPTION_FLAG:
        if (strcmp(text, "true") == 0 || strcmp(text, "1") == 0 || strcmp(text, "yes") == 0 || strcmp(text, "on") == 0)
            integer = 1;
        else if (strcmp(text, "false") != 0 && strcmp(text, "0") != 0 && strcmp(text, "no") != 0 &&
                 strcmp(text, "off") != 0)
            return false;
        *int_at(option, options) = integer;
        return true;
    case ATH_OPTION_TEXT:
        if (strlen(text) >= ATH_OPTION_TEXT_SIZE) return false;
        ath__str_copy((char *)options + option->offset, ATH_OPTION_TEXT_SIZE, text);
        return true;
    }
    return false;
}

void ath__option_defaults(const struct ath__option *table, void *options) {
    for (; table->name; table++) value_set(table, options, table->fallback);
}

const struct ath__option *ath__option_find(const struct ath__option *table, const char *name) {
    for (; table->name; table++)
        if (strcmp(table->name, name) == 0) return table;
    return NULL;
}

enum { MOST_OPTIONS = 128 };

static ath_status unknown_key(const struct ath__option *table, const char *prefix, const char *key, ath_error *err) {
    const char *names[MOST_OPTIONS] = {NULL};
    char        list[512] = "";
    size_t      count = 0, used = 0;
    for (; count < MOST_OPTIONS && table[count].name; count++) {
        names[count] = table[count].name;
        if (used < sizeof list)
            used +=
                (size_t)snprintf(list + used, sizeof list - used, "%s%s%s", count ? ", " : "", prefix, names[count]);
    }
    const char *near = ath__str_closest(key, names, count);
    if (near)
        return ath__fail(err, ATH_USAGE, NULL, "there is no option '%s%s'; did you mean '%s%s'?", prefix, key, prefix,
                         near);
    if (count == 0) return ath__fail(err, ATH_USAGE, NULL, "there is no option '%s%s', nor any other", prefix, key);
    return ath__fail(err, ATH_USAGE, NULL, "there is no option '%s%s'; the options are %s", prefix, key, list);
}

ath_status ath__option_set(const struct ath__option *table, void *options, const char *prefix, const char *key,
                           const char *value, ath_error *err) {
    const struct ath__option *option = ath__option_find(table, key);
    if (!option) return unknown_key(table, prefix, key, err);
    if (value_set(option, options, value)) return ATH_OK;
    char        allowed[384], names[32][32];
    const char *list[32], *near = NULL;
    size_t      count = 0;
    if (option->type == ATH_OPTION_CHOICE) {
        for (const char *name = option->choices; name && count < 32; name = name_next(name), count++) {
            name_copy(name, names[count], sizeof names[count]);
            list[count] = names[count];
        }
        near = ath__str_closest(value, list, count);
    }
    ath__option_allowed_text(option, allowed, sizeof allowed);
    int64_t integer;
    double  real;
    if (option->type == ATH_OPTION_REAL && !ath__parse_real(value, &real))
        return ath__fail(err, ATH_USAGE, NULL, "%s%s must be a number, not '%s'; allowed: %s", prefix, key, value,
                         allowed);
    if (option->type == ATH_OPTION_INT && !ath__parse_int(value, &integer))
        return ath__fail(err, ATH_USAGE, NULL, "%s%s must be a whole number, not '%s'; allowed: %s", prefix, key, value,
                         allowed);
    if (near)
        return ath__fail(err, ATH_USAGE, NULL, "%s%s=%s: did you mean '%s'? Allowed: %s", prefix, key, value, near,
                         allowed);
    return ath__fail(err, ATH_USAGE, NULL, "%s%s=%s is not possible; allowed: %s", prefix, key, value, allowed);
}

ath_status ath__option_set_all(const struct ath__option *table, void *options, const char *prefix, const char *settings,
                               ath_error *err) {
    while (settings && *settings) {
        char   item[256];
        size_t length = strcspn(settings, " ");
        if (length >= sizeof item) return ath__fail(err, ATH_USAGE, NULL, "the setting '%s' is too long", settings);
        memcpy(item, settings, length);
        item[length] = '\0';
        settings += length + (settings[length] == ' ');
        if (length == 0) continue;
        char *equals = strchr(item, '=');
        if (!equals) return ath__fail(err, ATH_USAGE, NULL, "'%s' is not of the form key=value", item);
        *equals = '\0';
        ATH_TRY(ath__option_set(table, options, prefix, item, equals + 1, err));
    }
    return ATH_OK;
}

void ath__option_value_text(const struct ath__option *option, const void *options, char *text, size_t capacity) {
    const char *place = (const char *)options + option->offset;
    if (option->type == ATH_OPTION_REAL) {
        real_text(*(const double *)(const void *)place, text, capacity);
        return;
    }
    if (option->type == ATH_OPTION_RANGE) {
        const struct ath__range *range = (const void *)place;
        char                     low[32], high[32];
        real_text(range->low, low, sizeof low);
        real_text(range->high, high, sizeof high);
        snprintf(text, capacity, "%s:%s", low, high);
        return;
    }
    if (option->type == ATH_OPTION_TEXT) {
        ath__str_copy(text, capacity, place);
        return;
    }
    int64_t value = *(const int64_t *)(const void *)place;
    if (option->type == ATH_OPTION_INT) {
        snprintf(text, capacity, "%" PRId64, value);
        return;
    }
    const char *name = option->choices;
    while (name && value-- > 0) name = name_next(name);
    name_copy(name ? name : "?", text, capacity);
}

void ath__option_allowed_text(const struct ath__option *option, char *text, size_t capacity) {
    size_t used = 0;
    if (option->type == ATH_OPTION_TEXT) {
        snprintf(text, capacity, "a text of fewer than %d bytes", (int)ATH_OPTION_TEXT_SIZE);
        return;
    }
    if (!option->choices) {
        bool range = option->type == ATH_OPTION_RANGE;
        snprintf(text, capacity, "%s%.15g to %.15g", range ? "LOW:HIGH within " : "", option->min, option->max);
        return;
    }
    text[0] = '\0';
    for (const char *name = option->choices; name && used < capacity; name = name_next(name))
        used +=
            (size_t)snprintf(text + used, capacity - used, "%s%.*s", used ? ", " : "", (int)name_length(name), name);
}
