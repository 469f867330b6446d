/* The run folder: choosing it, and calling the reports that fill it.
 *
 * A folder is made before anything else of a run, so that a wrong path shows at once and not after an epoch. Whole
 * files are written to a temporary and renamed; log.jsonl alone is appended to. Drawing is held to a small share of a
 * run's time: within a run the figures are at most DRAW_SECONDS old, and the last ones are always drawn.
 */
#include "train/run_folder.h"

#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/parallel.h"
#include "base/str.h"
#include "report/config_yaml.h"
#include "report/confusion.h"
#include "report/curves.h"
#include "report/environment.h"
#include "report/event_log.h"
#include "report/html.h"
#include "report/plot_gallery.h"
#include "report/results_csv.h"
#include "report/summary.h"
#include "report/tensorboard.h"
#include "train/settings.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { DRAW_SECONDS = 2 };
static const char checkpoint_name[] = "checkpoint/state.safetensors";
/* TensorBoard knows event files by the start of their names. */
static const char events_name[] = "events.out.tfevents.athanor";

/* ---- choosing the folder ----------------------------------------------------------------------------------------- */

/* The last part of a path, without .yaml, in letters that every file system takes. */
static void safe_name(const char *text, char *name, size_t capacity) {
    size_t size = strlen(text);
    while (size > 0 && text[size - 1] == '/') size--;
    size_t begin = size;
    while (begin > 0 && text[begin - 1] != '/') begin--;
    for (const char *const *end = (const char *const[]){".yaml", ".yml", NULL}; *end; end++)
        if (size - begin > strlen(*end) && strncmp(text + size - strlen(*end), *end, strlen(*end)) == 0)
            size -= strlen(*end);
    size_t at = 0;
    for (size_t i = begin; i < size && at + 1 < capacity; i++)
        name[at++] = isalnum((unsigned char)text[i]) || strchr("._-", text[i]) ? text[i] : '-';
    name[at] = '\0';
    if (name[0] == '.' || name[0] == '\0') ath__str_copy(name, capacity, "unnamed");
}

/* With -2, -3 ... behind it where the name is taken. */
ath_status ath__run_folder_new(const ath_config *config, const char *kind, char path[ATH_PATH_MAX], ath_error *err) {
    char      model[48], data[48], stamp[32] = "run";
    time_t    now = time(NULL);
    struct tm local;
    safe_name(ath__config_text(config, "model"), model, sizeof model);
    safe_name(ath__config_text(config, "data"), data, sizeof data);
    if (localtime_r(&now, &local)) strftime(stamp, sizeof stamp, "%Y%m%d-%H%M%S", &local);
    ATH_TRY(ath__folder_make("runs", err));
    for (int number = 1; number < 1000; number++) {
        int size = snprintf(path, ATH_PATH_MAX, "runs/%s-%s%s-%s", stamp, kind, model, data);
        if (number > 1) snprintf(path + size, ATH_PATH_MAX - (size_t)size, "-%d", number);
        if (mkdir(path, 0777) == 0) return ATH_OK;
        if (errno != EEXIST)
            return ath__fail(err, ATH_IO, path, "cannot make the folder '%s': %s; choose another with out=", path,
                             strerror(errno));
    }
    return ath__fail(err, ATH_IO, path, "every name like '%s' is taken; choose one with out=", path);
}

static bool holds_file(const char *folder, const char *name) {
    char path[ATH_PATH_MAX];
    return ath__path_join(path, folder, name, NULL) == ATH_OK && ath__file_exists(path);
}

static bool holds_run(const char *folder) {
    return holds_file(folder, "config.yaml") || holds_file(folder, checkpoint_name);
}

/* Copies a path without slashes at its end; a link (runs/last) is replaced by what it points to, so that the run keeps
 * its own name when the link moves on. */
static ath_status clean_path(const char *text, char path[ATH_PATH_MAX], ath_error *err) {
    size_t size = strlen(text);
    if (size >= ATH_PATH_MAX - 64) /* room for the names of the files */
        return ath__fail(err, ATH_USAGE, text, "the path of the run folder is too long");
    memcpy(path, text, size + 1);
    while (size > 1 && path[size - 1] == '/') path[--size] = '\0';
    char    target[ATH_PATH_MAX];
    ssize_t got = readlink(path, target, sizeof target - 1);
    if (got <= 0) return ATH_OK;
    target[got] = '\0';
    if (target[0] == '/') return clean_path(target, path, err);
    char  *slash = strrchr(path, '/');
    size_t folder = slash ? (size_t)(slash - path) + 1 : 0;
    if (folder + (size_t)got >= ATH_PATH_MAX - 64 || strchr(target, '/')) return ATH_OK;
    memcpy(path + folder, target, (size_t)got + 1);
    return ATH_OK;
}

static bool same_folder(const char *a, const char *b) {
    struct stat x, y;
    return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

static ath_status choose_folder(const ath_config *config, char path[ATH_PATH_MAX], ath_error *err) {
    const char *out = ath__config_text(config, "out"), *resume = ath__config_text(config, "resume");
    if (*resume) {
        if (*out && !same_folder(out, resume))
            return ath__fail(err, ATH_USAGE, "out", "a resumed run goes on in its own folder '%s'; leave out=%s away",
                             resume, out);
        ATH_TRY(clean_path(resume, path, err));
        if (!holds_file(path, checkpoint_name))
            return ath__fail(err, ATH_USAGE, "resume", "'%s' holds no checkpoint (%s) to go on from", path,
                             checkpoint_name);
        return ATH_OK;
    }
    if (!*out) return ath__run_folder_new(config, "", path, err);
    ATH_TRY(clean_path(out, path, err));
    if (holds_run(path) && !ath__config_flag(config, "overwrite"))
        return ath__fail(
            err, ATH_USAGE, "out",
            "'%s' already holds a run: go on with it by resume=%s, replace it by overwrite=true, or choose another "
            "out=",
            path, path);
    return ath__folder_make(path, err);
}

/* runs/last -> NAME for a run in a folder called runs. That some file systems have no links is no failure. */
static void point_last(const char *path) {
    char        link[ATH_PATH_MAX], temporary[ATH_PATH_MAX];
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    size_t      folder = slash ? (size_t)(slash - path) : 0;
    bool        under_runs =
        folder >= 4 && strncmp(path + folder - 4, "runs", 4) == 0 && (folder == 4 || path[folder - 5] == '/');
    if (!under_runs || strcmp(name, "last") == 0) return;
    int size = snprintf(link, sizeof link, "%.*s/last", (int)folder, path);
    int temporary_size = snprintf(temporary, sizeof temporary, "%.*s/.last-%ld", (int)folder, path, (long)getpid());
    if (size < 0 || size >= ATH_PATH_MAX || temporary_size < 0 || temporary_size >= ATH_PATH_MAX) return;
    struct stat st;
    if (lstat(link, &st) == 0 && !S_ISLNK(st.st_mode)) return; /* a file or folder of the user's */
    unlink(temporary);
    if (symlink(name, temporary) == 0 && rename(temporary, link) == 0) return;
    ath__log(ATH_LOG_WARNING, "cannot point '%s' at the run: %s", link, strerror(errno));
    unlink(temporary);
}

ath_status ath__run_folder_open(const ath_config *config, struct ath__run_folder *folder, ath_error *err) {
    char path[ATH_PATH_MAX], model[64], data[64];
    memset(folder, 0, sizeof *folder);
    ATH_TRY(choose_folder(config, path, err));
    ath__str_copy(folder->path, sizeof folder->path, path);
    safe_name(ath__config_text(config, "model"), model, sizeof model);
    safe_name(ath__config_text(config, "data"), data, sizeof data);
    snprintf(folder->title, sizeof folder->title, "%s on %s", model, data);
    static const char *const inner[] = {"weights", "checkpoint"};
    for (size_t i = 0; i < sizeof inner / sizeof inner[0]; i++) {
        ATH_TRY(ath__path_join(path, folder->path, inner[i], err));
        ATH_TRY(ath__folder_make(path, err));
    }
    point_last(folder->path);
    return ATH_OK;
}

ath_status ath__run_folder_file(const struct ath__run_folder *folder, const char *name, char path[ATH_PATH_MAX],
                                ath_error *err) {
    return ath__path_join(path, folder->path, name, err);
}

/* ---- the beginning
 * --------------------------------------------------------------------------------------------------- */

/* What an overwritten run left; else its rows would be taken for the new run's until they are replaced. The checkpoint
 * goes first: a kill in between leaves nothing that looks like a run to be resumed. */
static ath_status remove_old_files(const struct ath__run_folder *folder, ath_error *err) {
    static const char *const names[] = {checkpoint_name,
                                        "config.yaml",
                                        "env.json",
                                        "classes.txt",
                                        "log.jsonl",
                                        "results.csv",
                                        "summary.json",
                                        "curves.png",
                                        "curves.svg",
                                        "confusion.csv",
                                        "confusion.png",
                                        "mistakes.png",
                                        "doctor.json",
                                        "report.html",
                                        "doctor.json",
                                        "weights/best.safetensors",
                                        "weights/last.safetensors",
                                        "weights/ema.safetensors",
                                        events_name};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[ATH_PATH_MAX];
        ATH_TRY(ath__run_folder_file(folder, names[i], path, err));
        if (unlink(path) != 0 && errno != ENOENT)
            return ath__fail(err, ATH_IO, path, "cannot replace '%s': %s", path, strerror(errno));
    }
    return ATH_OK;
}

/* Keys that say where to write or which run: they are not the run's own. */
static bool is_about_runs(const char *key) {
    static const char *const keys[] = {"out", "resume", "run", "overwrite", "extend", "recipe"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        if (strcmp(key, keys[i]) == 0) return true;
    return false;
}

/* The settings to keep; `lines` is freed by the caller and borrows from the configuration. */
static ath_status list_settings(const ath_config *config, struct ath__config_line **lines, int *count, ath_error *err) {
    ath_config_item item;
    int             total = 0;
    while (ath_config_at(config, total, &item)) total++;
    *count = 0;
    *lines = ATH_NEW_ARRAY(struct ath__config_line, total + 1);
    if (!*lines) return ath__fail_memory(err, "configuration");
    for (int i = 0; ath_config_at(config, i, &item); i++) {
        if (is_about_runs(item.key)) continue;
        const struct ath__setting *setting = ath__setting_find(item.key);
        bool number = setting && (setting->type == ATH_SETTING_INT || setting->type == ATH_SETTING_REAL ||
                                  setting->type == ATH_SETTING_FLAG);
        struct ath__config_line line = {item.key, item.value, item.source, !number, NULL};
        /* Left to the optimizer or the schedule: written as such, so that another one has its own. */
        if (setting && strcmp(setting->fallback, "auto") == 0 && strcmp(item.value, "auto") != 0 &&
            ath__config_origin(config, item.key) == ATH_ORIGIN_DEFAULT) {
            line.meaning = item.value;
            line.value = "auto";
        }
        (*lines)[(*count)++] = line;
    }
    return ATH_OK;
}

static ath_status write_classes(const char *path, const struct ath__model_info *info, ath_error *err) {
    struct ath__str text = {0};
    for (int c = 0; c < info->classes; c++) {
        size_t begin = text.size;
        if (info->class_names)
            ath__str_append(&text, info->class_names[c]);
        else
            ath__str_printf(&text, "%d", c);
        for (size_t i = begin; i < text.size; i++) /* one line a class, whatever its name */
            if (text.data[i] == '\n' || text.data[i] == '\r') text.data[i] = ' ';
        ath__str_append(&text, "\n");
    }
    ath_status status =
        text.failed ? ath__fail_memory(err, path) : ath__file_write(path, ath__str_text(&text), text.size, err);
    ath__str_free(&text);
    return status;
}

ath_status ath__settings_write(const char *path, const ath_config *config, ath_error *err) {
    struct ath__config_line *lines = NULL;
    int                      count;
    ATH_TRY(list_settings(config, &lines, &count, err));
    ath_status status = ath__config_yaml_write(path, lines, count, err);
    ath__free(lines);
    return status;
}

ath_status ath__run_folder_settings(const struct ath__run_folder *folder, const ath_config *config, ath_error *err) {
    char path[ATH_PATH_MAX];
    ATH_TRY(ath__run_folder_file(folder, "config.yaml", path, err));
    return ath__settings_write(path, config, err);
}

ath_status ath__run_folder_begin(const struct ath__run_folder *folder, const ath_config *config,
                                 const struct ath__model_info *info, ath_error *err) {
    char                    path[ATH_PATH_MAX];
    struct ath__environment environment;
    ATH_TRY(remove_old_files(folder, err));
    ATH_TRY(ath__run_folder_settings(folder, config, err));
    ATH_TRY(ath__run_folder_file(folder, "env.json", path, err));
    ath__environment_read(ath__threads(), &environment);
    ATH_TRY(ath__environment_write(path, &environment, err));
    ATH_TRY(ath__run_folder_file(folder, "classes.txt", path, err));
    return write_classes(path, info, err);
}

/* ---- the log
 * --------------------------------------------------------------------------------------------------------- */

ath_status ath__run_folder_log(const struct ath__run_folder *folder, struct ath__position *position, const char *event,
                               const char *fields, ath_error *err) {
    char path[ATH_PATH_MAX];
    ATH_TRY(ath__run_folder_file(folder, "log.jsonl", path, err));
    return ath__event_log_append(path, event, fields, &position->log_bytes, err);
}

ath_status ath__run_folder_rewind(const struct ath__run_folder *folder, const struct ath__position *position,
                                  ath_error *err) {
    char path[ATH_PATH_MAX];
    ATH_TRY(ath__run_folder_file(folder, "log.jsonl", path, err));
    return ath__event_log_rewind(path, position->log_bytes, err);
}

/* ---- epochs and the end
 * ---------------------------------------------------------------------------------------------- */

/* Has the file not been written for DRAW_SECONDS? One that is missing or dated in the future counts as old. */
static bool is_old(const char *path) {
    struct stat st;
    if (stat(path, &st) != 0) return true;
    double age = difftime(time(NULL), st.st_mtime);
    return age < 0.0 || age >= DRAW_SECONDS;
}

typedef ath_status curves_fn(const char *title, const ath_epoch *rows, int64_t count, struct ath__str *out,
                             ath_error *err);

static ath_status write_curves(const struct ath__run_folder *folder, const struct ath__position *p, curves_fn *draw,
                               const char *name, ath_error *err) {
    char            path[ATH_PATH_MAX];
    struct ath__str out = {0};
    ATH_TRY(ath__run_folder_file(folder, name, path, err));
    ath_status status = draw(folder->title, p->epochs, p->epoch_count, &out, err);
    if (status == ATH_OK) status = ath__file_write(path, out.data, out.size, err);
    ath__str_free(&out);
    return status;
}

/* config.yaml is written once, when the run begins. */
static double read_beginning(const struct ath__run_folder *folder) {
    char        path[ATH_PATH_MAX];
    struct stat st;
    if (ath__run_folder_file(folder, "config.yaml", path, NULL) == ATH_OK && stat(path, &st) == 0)
        return (double)st.st_mtime;
    return (double)time(NULL);
}

ath_status ath__run_folder_draw(const struct ath__run_folder *folder, const struct ath__position *position,
                                ath_error *err) {
    char path[ATH_PATH_MAX];
    ATH_TRY(ath__run_folder_file(folder, events_name, path, err));
    ATH_TRY(ath__tensorboard_write(path, position->epochs, position->epoch_count, read_beginning(folder), err));
    ATH_TRY(write_curves(folder, position, ath__curves_svg, "curves.svg", err));
    return write_curves(folder, position, ath__curves_png, "curves.png", err);
}

ath_status ath__run_folder_epochs(const struct ath__run_folder *folder, const struct ath__position *position,
                                  ath_error *err) {
    char path[ATH_PATH_MAX];
    ATH_TRY(ath__run_folder_file(folder, "results.csv", path, err));
    ATH_TRY(ath__results_csv_write(path, position->epochs, position->epoch_count, err));
    ATH_TRY(ath__run_folder_file(folder, "curves.png", path, err));
    return is_old(path) ? ath__run_folder_draw(folder, position, err) : ATH_OK;
}

/* Confusion matrix and gallery. */
static ath_status write_figures(const struct ath__run_folder *folder, const ath_eval_result *scores,
                                const struct ath__thumbnail *worst, ath_error *err) {
    char            path[ATH_PATH_MAX], title[400];
    struct ath__str matrix = {0}, gallery = {0};
    ath_status      status = ATH_OK;
    ATH_TRY_DONE(ath__run_folder_file(folder, "confusion.csv", path, err));
    ATH_TRY_DONE(ath__confusion_csv_write(path, scores, err));
    snprintf(title, sizeof title, "%s: top-1 %.2f%% on %lld validation images", folder->title, scores->top1,
             (long long)scores->images);
    ATH_TRY_DONE(ath__confusion_png(title, scores, &matrix, err));
    ATH_TRY_DONE(ath__run_folder_file(folder, "confusion.png", path, err));
    ATH_TRY_DONE(ath__file_write(path, ath__str_text(&matrix), matrix.size, err));
    snprintf(title, sizeof title, "%s: the largest losses", folder->title);
    ATH_TRY_DONE(ath__gallery_png(title, scores, worst, &gallery, err));
    ATH_TRY_DONE(ath__run_folder_file(folder, "mistakes.png", path, err));
    ATH_TRY_DONE(ath__file_write(path, ath__str_text(&gallery), gallery.size, err));
done:
    ath__str_free(&matrix);
    ath__str_free(&gallery);
    return status;
}

/* The text of doctor.json; NULL where there is none that can be read. */
static char *read_findings(const struct ath__run_folder *folder) {
    enum { MOST_BYTES = 1 << 22 };
    char   path[ATH_PATH_MAX], *text = NULL;
    size_t size;
    if (ath__run_folder_file(folder, "doctor.json", path, NULL) != ATH_OK || !ath__file_exists(path)) return NULL;
    return ath__file_read(path, MOST_BYTES, &text, &size, NULL) == ATH_OK ? text : NULL;
}

static ath_status write_report(const struct ath__run_folder *folder, const ath_config *config,
                               const struct ath__position *position, const ath_train_result *result,
                               const struct ath__final *final, ath_error *err) {
    char                     path[ATH_PATH_MAX], *findings = NULL;
    struct ath__config_line *lines = NULL;
    struct ath__environment  environment;
    struct ath__report       report = {.title = folder->title,
                                       .result = result,
                                       .epochs = position->epochs,
                                       .epoch_count = position->epoch_count,
                                       .environment = &environment,
                                       .scores = final->done ? &final->scores : NULL,
                                       .worst = final->worst,
                                       .layers = &final->layers,
                                       .layers_batch = final->layers_batch};
    ath__environment_read(result->threads, &environment);
    ATH_TRY(ath__run_folder_file(folder, "report.html", path, err));
    ATH_TRY(list_settings(config, &lines, &report.setting_count, err));
    report.settings = lines;
    report.findings = findings = read_findings(folder);
    ath_status status = ath__report_html_write(path, &report, err);
    ath__free(findings);
    ath__free(lines);
    return status;
}

ath_status ath__run_folder_finish(const struct ath__run_folder *folder, const ath_config *config,
                                  const struct ath__position *position, const ath_train_result *result,
                                  const struct ath__final *final, ath_error *err) {
    char path[ATH_PATH_MAX];
    ATH_TRY(ath__run_folder_file(folder, "results.csv", path, err));
    ATH_TRY(ath__results_csv_write(path, position->epochs, position->epoch_count, err));
    ATH_TRY(ath__run_folder_draw(folder, position, err));
    if (final->done) ATH_TRY(write_figures(folder, &final->scores, final->worst, err));
    ATH_TRY(ath__run_folder_file(folder, "summary.json", path, err));
    ATH_TRY(ath__summary_write(path, result, err));
    return write_report(folder, config, position, result, final, err);
}
