/* The optimisers by name, and their hyper-parameters by name. */
#include "optim/optimizer.h"

#include "base/error.h"
#include "base/option.h"
#include "base/str.h"

#include <stddef.h>
#include <string.h>

static const struct ath__optimizer *const table[] = {
#define ATH_OPTIMIZER(name) &ath__optimizer_##name,
#include "optim/optim_list.h"
#undef ATH_OPTIMIZER
};
enum { COUNT = sizeof table / sizeof table[0] };

static const struct {
    const char *name;
    size_t      offset;
} fields[] = {
#define FIELD(name) {#name, offsetof(struct ath__optim_settings, name)},
    ATH_OPTIM_MAP(FIELD)
#undef FIELD
};
enum { FIELDS = sizeof fields / sizeof fields[0] };

const struct ath__optimizer *ath__optimizer_at(int i) {
    return i >= 0 && i < COUNT ? table[i] : NULL;
}

ath_status ath__optimizer_find(const char *name, const struct ath__optimizer **optimizer, ath_error *err) {
    const char     *names[COUNT];
    struct ath__str all = {0};
    for (int i = 0; i < COUNT; i++) {
        names[i] = table[i]->name;
        if (strcmp(name, table[i]->name) == 0) {
            *optimizer = table[i];
            ath__str_free(&all);
            return ATH_OK;
        }
        ath__str_printf(&all, "%s%s", i ? ", " : "", names[i]);
    }
    const char *closest = ath__str_closest(name, names, COUNT);
    ath_status  status =
        closest
             ? ath__fail(err, ATH_USAGE, "optimizer", "unknown optimizer '%s'; did you mean '%s'?", name, closest)
             : ath__fail(err, ATH_USAGE, "optimizer", "unknown optimizer '%s'; there are %s", name, ath__str_text(&all));
    ath__str_free(&all);
    return status;
}

static double *field(struct ath__optim_settings *settings, const char *name) {
    for (int i = 0; i < FIELDS; i++)
        if (strcmp(fields[i].name, name) == 0) return (double *)(void *)((char *)settings + fields[i].offset);
    return NULL;
}

bool ath__optim_is_key(const char *name) {
    struct ath__optim_settings any;
    return field(&any, name) != NULL;
}

double ath__optim_value(const struct ath__optim_settings *settings, const char *name) {
    struct ath__optim_settings copy = *settings;
    const double              *value = field(&copy, name);
    return value ? *value : 0.0;
}

const char *ath__optimizer_default(const struct ath__optimizer *optimizer, const char *name) {
    if (strcmp(name, "lr") == 0) return optimizer->lr;
    for (const struct ath__optim_key *key = optimizer->keys; key->name; key++)
        if (strcmp(key->name, name) == 0) return key->fallback;
    return NULL;
}

static bool parse(const char *text, double *value) {
    if (strcmp(text, "true") == 0 || strcmp(text, "false") == 0) {
        *value = strcmp(text, "true") == 0;
        return true;
    }
    return ath__parse_real(text, value);
}

void ath__optimizer_defaults(const struct ath__optimizer *optimizer, struct ath__optim_settings *settings) {
    memset(settings, 0, sizeof *settings);
    for (const struct ath__optim_key *key = optimizer->keys; key->name; key++)
        parse(key->fallback, field(settings, key->name));
}

static ath_status not_read(const struct ath__optimizer *optimizer, const char *name, ath_error *err) {
    struct ath__str own = {0}, others = {0};
    ath__str_append(&own, "lr");
    for (const struct ath__optim_key *key = optimizer->keys; key->name; key++) ath__str_printf(&own, ", %s", key->name);
    for (int i = 0; i < COUNT; i++)
        if (ath__optimizer_default(table[i], name))
            ath__str_printf(&others, "%s%s", others.size ? ", " : "", table[i]->name);
    ath_status status =
        ath__fail(err, ATH_USAGE, name, "optimizer=%s does not use %s (%s%s); it uses %s. Leave it out, or set %s=auto",
                  optimizer->name, name, others.size ? "a setting of " : "no optimizer does", ath__str_text(&others),
                  ath__str_text(&own), name);
    ath__str_free(&own);
    ath__str_free(&others);
    return status;
}

ath_status ath__optimizer_set(const struct ath__optimizer *optimizer, struct ath__optim_settings *settings,
                              const char *name, const char *value, ath_error *err) {
    double number;
    if (!ath__optimizer_default(optimizer, name) || !field(settings, name)) return not_read(optimizer, name, err);
    if (!parse(value, &number))
        return ath__fail(err, ATH_USAGE, name, "%s must be a number, or true or false, not '%s'", name, value);
    *field(settings, name) = number;
    return ATH_OK;
}
