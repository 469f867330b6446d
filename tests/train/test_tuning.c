/* lr-find, repeat and sweep on real, small trainings: what they find, that their numbers are those of the runs, and that
 * a sweep that is killed at any moment and resumed ends as one that was left alone.
 *
 * Trainings that are killed run in a child process of their own, forked before this process starts any thread. */
#include "athanor/athanor.h"
#include "base/json.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum { MAX_FILE = 1 << 20 };

static int set_up(void **state) {
    char *folder = strdup("tuning-XXXXXX");
    if (!folder || !mkdtemp(folder) || chdir(folder) != 0) return -1;
    *state = folder;
    return 0;
}

static int tear_down(void **state) {
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", (char *)*state);
    int status = chdir("..") == 0 && system(command) == 0 ? 0 : -1;
    free(*state);
    return status;
}

/* A small run on 600 digits, with `pairs` (ending with NULL) over it. */
static ath_config *small_run(const char *const *pairs) {
    static const char *const base[] = {"model",     "lenet5-relu", "data",    "digits",   "data.n", "600",  "batch",
                                       "50",        "lr",          "0.05",    "momentum", "0.9",    "init", "kaiming",
                                       "normalize", "auto",        "threads", "1",        NULL};
    ath_config              *config = NULL;
    ath_error                err = {0};
    assert_int_equal(ath_config_create(&config, &err), ATH_OK);
    for (int list = 0; list < 2; list++)
        for (const char *const *p = list ? pairs : base; p[0]; p += 2)
            if (ath_config_set(config, p[0], p[1], ATH_ORIGIN_COMMAND_LINE, &err) != ATH_OK)
                fail_msg("%s", err.message);
    return config;
}

static bool there(const char *path) {
    struct stat st;
    return stat(path, &st) == 0;
}

static char *read_text(const char *path) {
    FILE *file = fopen(path, "rb");
    char *data = calloc(1, MAX_FILE + 1);
    if (!file) fail_msg("%s: %s", path, strerror(errno));
    assert_non_null(data);
    assert_true(fread(data, 1, MAX_FILE, file) > 0);
    fclose(file);
    return data;
}

/* ---- sweep, first, while there are no threads --------------------------------------------------------------------- */

static const char *const sweep_pairs[] = {"sweep.lr", "0.002,0.05,0.2", "sweep.seed", "1,2,3", "epochs", "4",
                                          "method",   "halving",        "halving",    "2",     NULL};

static pid_t start_sweep(const char *folder) {
    pid_t child = fork();
    assert_true(child >= 0);
    if (child > 0) return child;
    ath_sweep_result result;
    ath_error        err = {0};
    ath_config      *config = small_run(sweep_pairs);
    ath_config_set(config, "out", folder, ATH_ORIGIN_COMMAND_LINE, &err);
    ath_status status = ath_sweep(config, NULL, &result, &err);
    if (status != ATH_OK) fprintf(stderr, "%s\n", err.message);
    _exit(ath_status_exit_code(status));
}

static int wait_for(pid_t child) {
    int status = 0;
    while (waitpid(child, &status, 0) < 0) assert_int_equal(errno, EINTR);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/* sweep.csv without the column of seconds. */
static char *ranking(const char *folder) {
    char path[256];
    snprintf(path, sizeof path, "%s/sweep.csv", folder);
    char *text = read_text(path), *out = calloc(1, MAX_FILE);
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        int   column = 0;
        char *end = out + strlen(out);
        for (const char *c = line; *c; c++) {
            column += *c == ',';
            if (column != 6) *end++ = *c;
        }
        *end++ = '\n';
    }
    free(text);
    return out;
}

static void killed_sweeps_end_alike(void **state) {
    (void)state;
    struct timespec begin, end;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    assert_int_equal(wait_for(start_sweep("alone")), 0);
    clock_gettime(CLOCK_MONOTONIC, &end);
    double seconds = (double)(end.tv_sec - begin.tv_sec) + 1e-9 * (double)(end.tv_nsec - begin.tv_nsec);
    int    kills = 0;
    for (int attempt = 0; attempt < 40; attempt++) {
        double          after = seconds * (0.15 + 0.06 * (attempt % 5));
        struct timespec pause = {(time_t)after, (long)((after - floor(after)) * 1e9)};
        pid_t           child = start_sweep("killed");
        if (attempt < 6) {
            nanosleep(&pause, NULL);
            kill(child, SIGKILL);
        }
        int code = wait_for(child);
        kills += code == -SIGKILL;
        if (code == 0) break;
        assert_int_equal(code, -SIGKILL);
    }
    assert_true(kills >= 2);
    char *a = ranking("alone"), *b = ranking("killed");
    if (strcmp(a, b) != 0) fail_msg("alone:\n%s\nkilled %d times:\n%s", a, kills, b);
    /* Of nine trials eight hold for a rung at least: 9 -> 4 -> 2 with epochs 1, 2, 4. */
    assert_non_null(strstr(a, "stopped,1,"));
    assert_non_null(strstr(a, "finished,4,"));
    free(a);
    free(b);
    assert_true(there("alone/sweep.png") && there("alone/curves.png") && there("alone/sweep.yaml"));
}

/* A trial that halving kept is the run that it would have been alone, bit for bit. */
static void kept_trials_are_whole_runs(void **state) {
    (void)state;
    char path[64] = "";
    assert_int_equal(wait_for(start_sweep("sweep")), 0);
    for (int t = 1; t <= 9 && !*path; t++) {
        snprintf(path, sizeof path, "sweep/trial-%03d/summary.json", t);
        if (!there(path)) *path = '\0';
    }
    assert_true(*path);
    *strrchr(path, '/') = '\0';
    ath_config *config = NULL;
    ath_error   err = {0};
    char        file[96];
    assert_int_equal(ath_config_create(&config, NULL), ATH_OK);
    snprintf(file, sizeof file, "%s/config.yaml", path);
    assert_int_equal(ath_config_load(config, file, &err), ATH_OK);
    ath_config_set(config, "out", "single", ATH_ORIGIN_COMMAND_LINE, &err);
    if (ath_train(config, NULL, NULL, &err) != ATH_OK) fail_msg("%s", err.message);
    ath_config_destroy(config);
    char command[256];
    snprintf(command, sizeof command, "cmp '%s/weights/last.safetensors' single/weights/last.safetensors", path);
    assert_int_equal(system(command), 0);
}

static void grid_sweep(void **state) {
    (void)state;
    static const char *const pairs[] = {"sweep.lr", "0.05,1e30", "epochs", "1", "out", "grid", NULL};
    ath_sweep_result         result;
    ath_error                err = {0};
    ath_config              *config = small_run(pairs);
    if (ath_sweep(config, NULL, &result, &err) != ATH_OK) {
        /* 1e30 is above what lr takes: refused before any trial. */
        assert_non_null(strstr(err.message, "lr must be"));
        assert_false(there("grid"));
    } else {
        fail_msg("a rate of 1e30 was taken");
    }
    ath_config_set(config, "sweep.lr", "0.05,900000", ATH_ORIGIN_COMMAND_LINE, &err);
    if (ath_sweep(config, NULL, &result, &err) != ATH_OK) fail_msg("%s", err.message);
    assert_int_equal(result.count, 2);
    assert_string_equal(result.trials[0].settings, "lr=0.05");
    assert_string_equal(result.trials[0].state, "finished");
    assert_string_equal(result.trials[1].state, "diverged");
    assert_true(isnan(result.trials[1].top1_best));
    ath_sweep_result_free(&result);
    /* Other settings in the same folder are refused, naming the first. */
    ath_config_set(config, "batch", "25", ATH_ORIGIN_COMMAND_LINE, &err);
    assert_int_equal(ath_sweep(config, NULL, &result, &err), ATH_USAGE);
    assert_non_null(strstr(err.message, "batch is '25'"));
    ath_config_destroy(config);
}

/* ---- repeat ------------------------------------------------------------------------------------------------------ */

static void repeat(void **state) {
    (void)state;
    static const char *const pairs[] = {"repeat", "3", "epochs", "1", "seed", "5", "out", "three", NULL};
    ath_repeat_result        result;
    ath_error                err = {0};
    ath_config              *config = small_run(pairs);
    if (ath_train_repeat(config, NULL, &result, &err) != ATH_OK) fail_msg("%s", err.message);
    assert_int_equal(result.count, 3);
    double a = result.runs[0].top1_best, b = result.runs[1].top1_best, c = result.runs[2].top1_best;
    double mean = (a + b + c) / 3.0;
    double deviation = sqrt(((a - mean) * (a - mean) + (b - mean) * (b - mean) + (c - mean) * (c - mean)) / 2.0);
    double reach = 4.302653 * deviation / sqrt(3.0); /* t(0.975) with two degrees of freedom */
    assert_true(fabs(result.top1_best.mean - mean) < 1e-9);
    assert_true(fabs(result.top1_best.deviation - deviation) < 1e-9);
    assert_true(fabs(result.top1_best.high - (mean + reach)) < 1e-5 &&
                fabs(result.top1_best.low - (mean - reach)) < 1e-5);
    assert_true(deviation > 0.0); /* other seeds, other runs */
    assert_true(there("three/seed-5/summary.json") && there("three/seed-7/weights/best.safetensors"));
    assert_true(there("three/curves.png") && there("three/repeat.json"));
    char   *text = read_text("three/repeat.json");
    json_t *root = json_loads(text, 0, NULL);
    assert_int_equal(json_array_size(json_object_get(root, "runs")), 3);
    json_decref(root);
    free(text);
    ath_repeat_result_free(&result);
    /* Asked for a fourth, the first three are read, not run. */
    struct stat first, again;
    assert_int_equal(stat("three/seed-5/weights/last.safetensors", &first), 0);
    ath_config_set(config, "repeat", "4", ATH_ORIGIN_COMMAND_LINE, &err);
    if (ath_train_repeat(config, NULL, &result, &err) != ATH_OK) fail_msg("%s", err.message);
    assert_int_equal(result.count, 4);
    assert_true(result.runs[0].top1_best == a && result.seeds[3] == 8);
    assert_int_equal(stat("three/seed-5/weights/last.safetensors", &again), 0);
    assert_true(first.st_ino == again.st_ino);
    ath_repeat_result_free(&result);
    ath_config_destroy(config);
    ath_run_info *runs = NULL;
    int           count = 0;
    assert_int_equal(ath_runs_find(".", &runs, &count, &err), ATH_OK);
    assert_int_equal(count, 4);
    assert_string_equal(runs[0].state, "finished");
    assert_true(runs[0].top1_best == a);
    ath_runs_free(runs);
}

/* ---- lr-find ----------------------------------------------------------------------------------------------------- */

static void lr_find(void **state) {
    (void)state;
    static const char *const pairs[] = {"data.n", "4000", "lr.steps", "120", NULL};
    ath_lr_curve             curve, same;
    ath_error                err = {0};
    ath_config              *config = small_run(pairs);
    if (ath_lr_find(config, NULL, &curve, &err) != ATH_OK) fail_msg("%s", err.message);
    assert_true(curve.count > 40 && curve.count < 120); /* it ran away before 10 */
    assert_true(curve.diverged_at > 0.1 && curve.diverged_at <= 10.0);
    for (int i = 1; i < curve.count; i++) assert_true(curve.points[i].lr > curve.points[i - 1].lr);
    print_message("steepest %g, minimum %g, suggested %g, ran away at %g\n", curve.steepest, curve.minimum,
                  curve.suggested, curve.diverged_at);
    /* This net learns well between 0.005 and 0.1 with momentum 0.9 (docs/tuning.md). */
    assert_true(curve.suggested >= 0.002 && curve.suggested <= 0.1);
    assert_true(curve.steepest <= curve.minimum && curve.suggested <= curve.minimum / 10.0 + 1e-12);
    if (ath_lr_curve_plot(&curve, "range", "range.png", &err) != ATH_OK) fail_msg("%s", err.message);
    assert_true(there("range.png") && !there("runs"));
    char   *text = ath_lr_curve_json(&curve);
    json_t *root = json_loads(text, 0, NULL);
    assert_int_equal(json_array_size(json_object_get(root, "points")), (size_t)curve.count);
    json_decref(root);
    ath_text_free(text);
    /* The same again: nothing was kept. */
    if (ath_lr_find(config, NULL, &same, &err) != ATH_OK) fail_msg("%s", err.message);
    assert_int_equal(same.count, curve.count);
    assert_memory_equal(same.points, curve.points, (size_t)curve.count * sizeof *curve.points);
    ath_lr_curve_free(&same);
    ath_lr_curve_free(&curve);
    ath_config_set(config, "lr.min", "2", ATH_ORIGIN_COMMAND_LINE, &err);
    ath_config_set(config, "lr.max", "1", ATH_ORIGIN_COMMAND_LINE, &err);
    assert_int_equal(ath_lr_find(config, NULL, &curve, &err), ATH_USAGE);
    ath_config_destroy(config);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(killed_sweeps_end_alike, set_up, tear_down),
        cmocka_unit_test_setup_teardown(kept_trials_are_whole_runs, set_up, tear_down),
        cmocka_unit_test_setup_teardown(grid_sweep, set_up, tear_down),
        cmocka_unit_test_setup_teardown(repeat, set_up, tear_down),
        cmocka_unit_test_setup_teardown(lr_find, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
