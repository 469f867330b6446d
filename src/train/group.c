/* Groups of runs: their folder, and training one member. */
#include "train/group.h"

#include "base/error.h"
#include "base/str.h"
#include "train/run_folder.h"
#include "train/run_info.h"
#include "train/settings.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

ath_status ath__group_file(const struct ath__group *group, const char *name, char path[ATH_PATH_MAX], ath_error *err) {
    return ath__path_join(path, group->path, name, err);
}

static bool listed(const char *keys, const char *key) {
    size_t length = strlen(key);
    for (const char *at = keys; (at = strstr(at, key)) != NULL; at += length)
        if ((at == keys || at[-1] == ' ') && (at[length] == ' ' || at[length] == '\0')) return true;
    return false;
}

/* Keys that change where or how fast a run is computed, not what comes out. */
static const char about_the_machine[] =
    "out resume run overwrite extend recipe threads loader.threads checkpoint.seconds device layout implementation "
    "require_top1";

static ath_status one_way(const ath_config *a, const ath_config *b, const char *folder, const char *may_differ,
                          ath_error *err) {
    ath_config_item item;
    for (int i = 0; ath_config_at(a, i, &item); i++) {
        if (listed(about_the_machine, item.key) || listed(may_differ, item.key)) continue;
        const char *other = ath_config_get(b, item.key);
        if (strcmp(item.value, other ? other : "") == 0) continue;
        return ath__fail(err, ATH_USAGE, "out",
                         "'%s' was begun with other settings (%s is '%s' in one and '%s' in the other): give the same, "
                         "choose another out=, or begin anew with overwrite=true",
                         folder, item.key, item.value, other ? other : "");
    }
    return ATH_OK;
}

static ath_status compare_settings(const struct ath__group *group, const char *path, const char *may_differ,
                                   ath_error *err) {
    ath_config *before = NULL;
    ATH_TRY(ath_config_create(&before, err));
    ath_status status = ath_config_load(before, path, err);
    if (status == ATH_OK) status = one_way(group->config, before, group->path, may_differ, err);
    if (status == ATH_OK) status = one_way(before, group->config, group->path, may_differ, err);
    ath_config_destroy(before);
    return status;
}

/* overwrite=true: what earlier members came to no longer counts. Training then replaces their files. */
static ath_status forget_members(const struct ath__group *group, ath_error *err) {
    static const char *const names[] = {"summary.json", "results.csv", "config.yaml", "checkpoint/state.safetensors"};
    DIR                     *dir = opendir(group->path);
    ath_status               status = ATH_OK;
    for (struct dirent *item; dir && status == ATH_OK && (item = readdir(dir)) != NULL;) {
        char member[ATH_PATH_MAX], path[ATH_PATH_MAX];
        if (strncmp(item->d_name, "seed-", 5) != 0 && strncmp(item->d_name, "trial-", 6) != 0) continue;
        status = ath__group_file(group, item->d_name, member, err);
        for (size_t i = 0; i < sizeof names / sizeof names[0] && status == ATH_OK; i++) {
            status = ath__path_join(path, member, names[i], err);
            if (status == ATH_OK && unlink(path) != 0 && errno != ENOENT)
                status = ath__fail(err, ATH_IO, path, "cannot replace '%s': %s", path, strerror(errno));
        }
    }
    if (dir) closedir(dir);
    return status;
}

ath_status ath__group_open(struct ath__group *group, const char *kind, const char *may_differ, ath_error *err) {
    char        path[ATH_PATH_MAX];
    const char *out = ath__config_text(group->config, "out");
    if (strlen(out) >= sizeof group->path - 128) /* room for the names of members and their files */
        return ath__fail(err, ATH_USAGE, "out", "the path of the folder is too long");
    if (!*out) {
        ATH_TRY(ath__run_folder_new(group->config, kind, group->path, err));
    } else {
        ath__str_copy(group->path, sizeof group->path, out);
        for (size_t size = strlen(group->path); size > 1 && group->path[size - 1] == '/';) group->path[--size] = '\0';
        ATH_TRY(ath__group_file(group, "config.yaml", path, err));
        if (ath__file_exists(path))
            return ath__fail(err, ATH_USAGE, "out", "'%s' holds a single run; choose another out=", group->path);
        ATH_TRY(ath__folder_make(group->path, err));
    }
    ATH_TRY(ath__group_file(group, group->settings_name, path, err));
    if (ath__config_flag(group->config, "overwrite"))
        ATH_TRY(forget_members(group, err));
    else if (ath__file_exists(path))
        ATH_TRY(compare_settings(group, path, may_differ, err));
    return ath__settings_write(path, group->config, err);
}

/* Hooks that pass everything on, and ask for an end behind epoch `limit`. */
struct limiter {
    const ath_hooks *hooks;
    int64_t          limit;
    bool             reached;
};

static void on_progress(const ath_progress *progress, void *context) {
    struct limiter  *limiter = context;
    const ath_hooks *hooks = limiter->hooks;
    /* Killed behind the checkpoint of epoch `limit`, it was resumed into the next. */
    if (limiter->limit > 0 && progress->activity == ATH_ACTIVITY_TRAIN && progress->epoch > limiter->limit)
        limiter->reached = true;
    if (hooks && hooks->progress) hooks->progress(progress, hooks->context);
}

static void on_epoch(const ath_epoch *epoch, void *context) {
    struct limiter *limiter = context;
    if (limiter->limit > 0 && epoch->epoch >= limiter->limit) limiter->reached = true;
    if (limiter->hooks && limiter->hooks->epoch) limiter->hooks->epoch(epoch, limiter->hooks->context);
}

static void on_remark(const ath_remark *remark, void *context) {
    const ath_hooks *hooks = ((struct limiter *)context)->hooks;
    if (hooks && hooks->remark) hooks->remark(remark, hooks->context);
}

static int on_stop(void *context) {
    const struct limiter *limiter = context;
    const ath_hooks      *hooks = limiter->hooks;
    return limiter->reached || (hooks && hooks->stop && hooks->stop(hooks->context));
}

/* The member's own settings: those of the group without what makes it a group. */
static ath_status member_config(const struct ath__group *group, const char *path,
                                const struct ath__setting_value *values, int count, ath_config **config,
                                ath_error *err) {
    static const char *const about_groups[] = {"sweep.", "repeat", "method", "trials",      "halving",
                                               "resume", "extend", "run",    "require_top1"};
    if (ath__run_resumable(path)) {
        ATH_TRY(ath_config_create(config, err));
        return ath_config_set(*config, "resume", path, ATH_ORIGIN_COMMAND_LINE, err);
    }
    ATH_TRY(ath_config_copy(group->config, config, err));
    for (size_t i = 0; i < sizeof about_groups / sizeof about_groups[0]; i++)
        ath__config_unset(*config, about_groups[i]);
    for (int i = 0; i < count; i++)
        ATH_TRY(ath_config_set(*config, values[i].key, values[i].value, ATH_ORIGIN_COMMAND_LINE, err));
    return ath_config_set(*config, "out", path, ATH_ORIGIN_COMMAND_LINE, err);
}

/* How far an unfinished member has come already. */
static bool at_limit(const char *path, int64_t limit, ath_train_result *result) {
    ath_run_info info;
    if (limit <= 0 || ath_run_read(path, &info, NULL) != ATH_OK || info.epochs < limit) return false;
    memset(result, 0, sizeof *result);
    ath__str_copy(result->run, sizeof result->run, path);
    result->epochs = info.epochs;
    result->epoch_best = info.epoch_best;
    result->top1_best = info.top1_best;
    result->top1_last = info.top1_last;
    result->loss_last = info.loss_last;
    result->seconds = info.seconds;
    return true;
}

ath_status ath__group_train(const struct ath__group *group, const char *name, const struct ath__setting_value *values,
                            int count, int64_t limit, ath_train_result *result, bool *stopped, ath_error *err) {
    char path[ATH_PATH_MAX];
    *stopped = false;
    memset(result, 0, sizeof *result);
    ATH_TRY(ath__group_file(group, name, path, err));
    if (ath__run_finished(path, result)) return ATH_OK;
    if (at_limit(path, limit, result)) {
        *stopped = true;
        return ATH_OK;
    }
    struct limiter limiter = {.hooks = group->hooks, .limit = limit};
    ath_hooks      hooks = {on_progress, on_epoch, on_remark, on_stop, &limiter};
    ath_config    *config = NULL;
    ath_status     status = member_config(group, path, values, count, &config, err);
    if (status == ATH_OK) status = ath_train(config, &hooks, result, err);
    ath_config_destroy(config);
    bool asked = group->hooks && group->hooks->stop && group->hooks->stop(group->hooks->context);
    if (status == ATH_INTERRUPTED && limiter.reached && !asked) {
        *stopped = true;
        return ATH_OK;
    }
    return status;
}
