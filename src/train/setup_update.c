/* Reading optimiser, parameter groups, clipping, Lookahead and averaging.
 *
 *     group.NAME.match=PATTERNS          which parameters, by name: *.bias, or several, separated by commas
 *     group.NAME.lr=64                   times the run's rate
 *     group.NAME.optimizer=sgd           another optimiser than the run's
 *     group.NAME.from=1ep until=3ep      when it is updated
 *     group.NAME.SETTING=VALUE           any setting of its optimiser: weight_decay, momentum, beta1 ...
 */
#include "train/setup_update.h"

#include "base/error.h"
#include "base/option.h"
#include "base/str.h"
#include "train/chosen.h"
#include "train/settings.h"

#include <stdio.h>
#include <string.h>

static ath_status read_main(const ath_config *config, struct ath__network_settings *settings, ath_error *err) {
    ath__optimizer_defaults(settings->optimizer, &settings->optim);
    for (const struct ath__optim_key *key = settings->optimizer->keys; key->name; key++)
        ATH_TRY(ath__optimizer_set(settings->optimizer, &settings->optim, key->name,
                                   ath__config_text(config, key->name), err));
    if (settings->optim.nesterov != 0.0 && settings->optim.momentum <= 0.0)
        return ath__fail(err, ATH_USAGE, "nesterov", "nesterov=true needs momentum above 0 (0.9, say)");
    return ATH_OK;
}

/* The name of the group in "NAME.KEY"; false when there is none. */
static bool group_of_key(const char *key, char *name, size_t capacity) {
    const char *dot = strchr(key, '.');
    if (!dot || dot == key || (size_t)(dot - key) >= capacity) return false;
    memcpy(name, key, (size_t)(dot - key));
    name[dot - key] = '\0';
    return true;
}

static const char *group_value(const ath_config *config, const char *group, const char *key) {
    char name[160];
    snprintf(name, sizeof name, "group.%s.%s", group, key);
    return ath__config_text(config, name);
}

/* One "group.NAME.KEY=VALUE" into its rule, whose optimiser is settled. */
static ath_status read_pair(struct ath__group_rule *rule, const char *key, const char *value, ath_error *err) {
    if (strcmp(key, "match") == 0 || strcmp(key, "optimizer") == 0) return ATH_OK;
    if (strcmp(key, "lr") == 0) {
        if (ath__parse_real(value, &rule->lr) && rule->lr >= 0.0 && rule->lr <= 1e9) return ATH_OK;
        return ath__fail(err, ATH_USAGE, NULL, "group.%s.lr must be a multiple of lr, 0 to 1e9, not '%s'", rule->name,
                         value);
    }
    if (strcmp(key, "from") == 0) return ath__duration_parse(value, &rule->from, err);
    if (strcmp(key, "until") == 0) return ath__duration_parse(value, &rule->until, err);
    const struct ath__setting *setting = ath__setting_find(key);
    if (!setting || ath__chooser_of(key) != ATH_CHOOSER_OPTIMIZER)
        return ath__fail(
            err, ATH_USAGE, NULL,
            "unknown key 'group.%s.%s'; a group has match, lr, from, until, optimizer and its optimizer's settings "
            "(weight_decay ...)",
            rule->name, key);
    ATH_TRY(ath__setting_check(setting, value, err));
    return strcmp(value, "auto") == 0 ? ATH_OK : ath__optimizer_set(rule->optimizer, &rule->optim, key, value, err);
}

/* A group starts with the run's settings, or with its own optimiser's defaults. */
static ath_status rule_begin(const ath_config *config, const struct ath__network_settings *settings, const char *name,
                             struct ath__group_rule *rule, ath_error *err) {
    const char *match = group_value(config, name, "match"), *optimizer = group_value(config, name, "optimizer");
    *rule =
        (struct ath__group_rule){.match = match, .optimizer = settings->optimizer, .optim = settings->optim, .lr = 1.0};
    ath__str_copy(rule->name_text, sizeof rule->name_text, name);
    rule->name = rule->name_text;
    if (!*match)
        return ath__fail(err, ATH_USAGE, NULL,
                         "group.%s needs group.%s.match: the parameters that it takes, by name (*.bias)", name, name);
    if (!*optimizer) return ATH_OK;
    ATH_TRY(ath__optimizer_find(optimizer, &rule->optimizer, err));
    if (rule->optimizer != settings->optimizer) ath__optimizer_defaults(rule->optimizer, &rule->optim);
    return ATH_OK;
}

static struct ath__group_rule *rule_find(struct ath__group_rule *rules, int count, const char *name) {
    for (int r = 0; r < count; r++)
        if (strcmp(rules[r].name, name) == 0) return &rules[r];
    return NULL;
}

static ath_status read_groups(const ath_config *config, struct ath__network_settings *settings,
                              struct ath__group_rule *rules, ath_error *err) {
    struct ath__config_pair pair;
    for (int i = 0; ath__config_pair(config, "group.", i, &pair); i++) {
        char name[32];
        if (!group_of_key(pair.key, name, sizeof name))
            return ath__fail(err, ATH_USAGE, NULL, "'group.%s' must be group.NAME.KEY, NAME of at most 31 letters",
                             pair.key);
        if (rule_find(rules, settings->rule_count, name)) continue;
        if (settings->rule_count == ATH_GROUP_MAX_RULES)
            return ath__fail(err, ATH_USAGE, NULL, "more than %d groups", (int)ATH_GROUP_MAX_RULES);
        ATH_TRY(rule_begin(config, settings, name, &rules[settings->rule_count++], err));
    }
    for (int i = 0; ath__config_pair(config, "group.", i, &pair); i++) {
        char name[32];
        group_of_key(pair.key, name, sizeof name);
        ATH_TRY(read_pair(rule_find(rules, settings->rule_count, name), pair.key + strlen(name) + 1, pair.value, err));
    }
    settings->rules = rules;
    return ATH_OK;
}

static ath_status read_exclusions(const char *text, unsigned *exclude, ath_error *err) {
    static const struct {
        const char *word;
        unsigned    bit;
    } words[] = {{"norm", ATH_DECAY_EXCLUDE_NORM}, {"bias", ATH_DECAY_EXCLUDE_BIAS}};
    const char *at = text + strspn(text, "[ ");
    while (*at && *at != ']') {
        size_t   length = strcspn(at, ",] ");
        unsigned bit = 0;
        for (size_t w = 0; w < 2; w++)
            if (strlen(words[w].word) == length && strncmp(at, words[w].word, length) == 0) bit = words[w].bit;
        if (!bit)
            return ath__fail(err, ATH_USAGE, "decay.exclude", "decay.exclude must be norm, bias or norm,bias, not '%s'",
                             text);
        *exclude |= bit;
        at += length;
        at += strspn(at, ", ");
    }
    return ATH_OK;
}

ath_status ath__setup_update(const ath_config *config, const ath_hooks *hooks, struct ath__network_settings *settings,
                             struct ath__group_rule *rules, ath_error *err) {
    ATH_TRY(ath__optimizer_find(ath__config_text(config, "optimizer"), &settings->optimizer, err));
    ATH_TRY(ath__chosen_check(config, ATH_CHOOSER_OPTIMIZER, hooks, err));
    ATH_TRY(read_main(config, settings, err));
    ATH_TRY(read_groups(config, settings, rules, err));
    ATH_TRY(read_exclusions(ath__config_text(config, "decay.exclude"), &settings->decay_exclude, err));
    settings->lookahead_steps = ath__config_int(config, "lookahead");
    settings->lookahead_alpha = ath__config_real(config, "lookahead.alpha");
    settings->lookahead_end = ath__config_real(config, "lookahead.end");
    settings->lookahead_power = ath__config_real(config, "lookahead.power");
    settings->lookahead_statistics = ath__config_flag(config, "lookahead.statistics");
    settings->clip_norm = ath__config_real(config, "clip.norm");
    settings->clip_value = ath__config_real(config, "clip.value");
    settings->measure_norm = ath__config_flag(config, "log.grad_norm");
    settings->ema = ath__config_real(config, "ema");
    settings->sam = ath__config_real(config, "sam");
    if (settings->clip_norm > 0.0 && settings->clip_value > 0.0)
        return ath__fail(err, ATH_USAGE, "clip", "clip.norm and clip.value exclude each other: give one");
    return ATH_OK;
}
