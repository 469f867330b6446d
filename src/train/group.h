/* Runs that belong together: the seeds of a repeat, the trials of a sweep.
 *
 * A group has a folder with the settings it was begun with, and a run folder for each member. Going on with a group reads
 * its finished members, resumes interrupted ones bit for bit, and begins the others: a group that was killed at any
 * moment ends as one that was not.
 */
#ifndef ATH_TRAIN_GROUP_H
#define ATH_TRAIN_GROUP_H

#include "athanor/tune.h"
#include "base/file.h"

#include <stdbool.h>

struct ath__group {
    const ath_config *config;
    const ath_hooks  *hooks;
    const char       *settings_name; /* "sweep.yaml" */
    char              path[ATH_PATH_MAX];
};

/* Chooses the folder (out=, else runs/<date>-<kind>...) and writes the settings into it. A folder that already holds a
 * group begun with other settings is refused, naming the first that differs (ATH_USAGE), unless overwrite=true, which
 * begins every member anew. Keys in `may_differ` (separated by blanks) are not compared. */
ath_status ath__group_open(struct ath__group *group, const char *kind, const char *may_differ, ath_error *err);

struct ath__setting_value {
    const char *key, *value;
};

/* Trains the member called `name` with `values` put over the group's settings, or goes on with it, or reads it. `limit`
 * > 0 stops it, to be resumed later, behind that many epochs; the run's schedule is that of its full length all the same.
 * *stopped tells. Returns what ath_train would. */
ath_status ath__group_train(const struct ath__group *group, const char *name, const struct ath__setting_value *values,
                            int count, int64_t limit, ath_train_result *result, bool *stopped, ath_error *err);

/* Path of a member or a file in the group's folder. */
ath_status ath__group_file(const struct ath__group *group, const char *name, char path[ATH_PATH_MAX], ath_error *err);

#endif
