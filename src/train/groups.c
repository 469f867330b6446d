/* Assigning parameters to groups. */
#include "train/groups.h"

#include "base/error.h"
#include "base/json.h"

#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

bool ath__name_matches(const char *patterns, const char *name) {
    if (!patterns) return false;
    size_t size = strlen(patterns);
    bool   list = size > 1 && patterns[0] == '[' && patterns[size - 1] == ']'; /* a recipe's: [*.bias, *.bn?.weight] */
    const char *at = list ? patterns + 1 : patterns, *end = patterns + size - list;
    while (at < end) {
        char   one[256];
        size_t length = strcspn(at, ",");
        if (length > (size_t)(end - at)) length = (size_t)(end - at);
        if (length < sizeof one) {
            memcpy(one, at, length);
            one[length] = '\0';
            if (fnmatch(one, name, 0) == 0) return true;
        }
        at += length + 1;
        while (at < end && *at == ' ') at++;
    }
    return false;
}

static bool ends_with(const char *name, const char *end) {
    size_t length = strlen(name), tail = strlen(end);
    return length >= tail && strcmp(name + length - tail, end) == 0 &&
           (length == tail || name[length - tail - 1] == '.');
}

/* Is the layer of "layer.weight" one with running statistics, or the parameter the scale of a norm without them? */
static bool is_norm(const ath_graph *graph, const char *name, const ath_shape *shape) {
    char        state[320];
    const char *dot = strrchr(name, '.');
    if (shape->rank > 1) return false;
    if (ends_with(name, "weight")) return true;
    if (!dot || !graph) return false;
    snprintf(state, sizeof state, "%.*s.running_mean", (int)(dot - name), name);
    return ath__graph_find(graph, state) != ATH_NONE;
}

static bool loses_decay(const struct ath__groups *groups, const char *name, const ath_shape *shape) {
    if ((groups->decay_exclude & ATH_DECAY_EXCLUDE_BIAS) && ends_with(name, "bias")) return true;
    return (groups->decay_exclude & ATH_DECAY_EXCLUDE_NORM) && is_norm(groups->graph, name, shape);
}

/* Patterns as the user writes them: names, and the two parts of a network. */
static bool takes(const struct ath__groups *groups, const char *patterns, const char *name) {
    if (ath__name_matches(patterns, name)) return true;
    ath_value value = groups->graph && groups->is_head ? ath__graph_find(groups->graph, name) : ATH_NONE;
    return value != ATH_NONE && ath__name_matches(patterns, groups->is_head[value] ? "head" : "backbone");
}

/* The group that this parameter is to be in. */
static struct ath__param_group wanted_group(struct ath__groups *groups, const char *name, const ath_shape *shape) {
    const struct ath__group_rule *rule = &groups->main;
    for (int r = 0; r < groups->rule_count; r++) {
        if (!takes(groups, groups->rules[r].match, name)) continue;
        rule = &groups->rules[r];
        groups->taken[r]++;
        break;
    }
    struct ath__param_group group = {
        .optimizer = rule->optimizer, .optim = rule->optim, .lr = rule->lr, .from = rule->from, .until = rule->until};
    const char *rest = "", *plain = "";
    if (group.optimizer && group.optimizer->fits && !group.optimizer->fits(shape)) {
        ath__optimizer_find(group.optimizer->rest, &group.optimizer, NULL);
        ath__optimizer_defaults(group.optimizer, &group.optim);
        group.optim.weight_decay = rule->optim.weight_decay;
        rest = ", rest";
    }
    if (group.optim.weight_decay > 0.0 && loses_decay(groups, name, shape)) {
        group.optim.weight_decay = 0.0;
        plain = ", no decay";
    }
    snprintf(group.name, sizeof group.name, "%.32s%s%s", rule->name, rest, plain);
    return group;
}

int ath__groups_assign(void *context, const char *name, const ath_shape *shape) {
    struct ath__groups *groups = context;
    if (takes(groups, groups->freeze, name)) return ATH_STORE_FROZEN;
    struct ath__param_group wanted = wanted_group(groups, name, shape);
    int                     g = 0;
    while (g < groups->count && strcmp(groups->at[g].name, wanted.name) != 0) g++;
    if (g == ATH_STORE_MAX_GROUPS) {
        groups->full = true;
        return 0;
    }
    if (g == groups->count) groups->at[groups->count++] = wanted;
    groups->at[g].parameters++;
    return g;
}

double ath__group_rate(const struct ath__param_group *group, double lr, uint64_t step, double steps_per_epoch) {
    double from = ath__duration_steps(&group->from, steps_per_epoch);
    double until = ath__duration_steps(&group->until, steps_per_epoch);
    bool   now = (double)step >= from && (!(group->until.amount > 0.0) || (double)step < until);
    return now ? lr * group->lr : 0.0;
}

ath_status ath__groups_check(const struct ath__groups *groups, ath_error *err) {
    if (groups->full)
        return ath__fail(err, ATH_USAGE, "group",
                         "the parameters fall into more than %d groups (a group counts twice when decay.exclude or the "
                         "optimizer splits it); use fewer",
                         (int)ATH_STORE_MAX_GROUPS);
    for (int r = 0; r < groups->rule_count; r++)
        if (groups->taken[r] == 0)
            return ath__fail(
                err, ATH_USAGE, "group",
                "group.%s.match='%s' takes no parameter: none has such a name, or groups before it took them "
                "('athanor profile' and the run's log name all parameters' layers)",
                groups->rules[r].name, groups->rules[r].match);
    return ATH_OK;
}

static const char *unit_of(const struct ath__duration *duration) {
    return duration->epochs ? "ep" : "it";
}

/* "bias: sgd, lr x64, momentum 0.9 ..." */
static void describe(const struct ath__param_group *group, struct ath__str *text) {
    ath__str_printf(text, "%s: %s, lr x%.17g", group->name, group->optimizer->name, group->lr);
    if (group->from.amount > 0.0) ath__str_printf(text, ", from %.17g%s", group->from.amount, unit_of(&group->from));
    if (group->until.amount > 0.0)
        ath__str_printf(text, ", until %.17g%s", group->until.amount, unit_of(&group->until));
    for (const struct ath__optim_key *key = group->optimizer->keys; key->name; key++)
        ath__str_printf(text, ", %s %.17g", key->name, ath__optim_value(&group->optim, key->name));
}

char *ath__groups_text(const struct ath__groups *groups, const struct ath__store *store) {
    struct ath__str texts[ATH_STORE_MAX_GROUPS] = {{0}};
    json_t         *all = json_object();
    bool            failed = false;
    for (int g = 0; g < groups->count; g++) {
        describe(&groups->at[g], &texts[g]);
        failed |= texts[g].failed;
    }
    for (int i = 0; i < store->count; i++) {
        const struct ath__entry *entry = &store->entries[i];
        if (entry->leaf != ATH_LEAF_PARAM) continue;
        const char *group =
            entry->group >= 0 && entry->group < groups->count ? ath__str_text(&texts[entry->group]) : "frozen";
        json_object_set_new(all, entry->name, json_string(group));
    }
    for (int g = 0; g < groups->count; g++) ath__str_free(&texts[g]);
    char *text = failed ? NULL : ath__json_text(all, JSON_COMPACT);
    json_decref(all);
    return text;
}
