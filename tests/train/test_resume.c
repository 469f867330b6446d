/* Exact resume: a run killed with SIGKILL at 20 random moments and resumed ends with the same weights, bit for bit, as
 * the run that was left alone, each time, whatever optimiser and schedule remember; so does one that Ctrl-C stopped.
 * results.csv has the same rows but for the timing columns, and log.jsonl tells of every epoch once.
 *
 * Each training runs in a child process of its own (this process starts no threads, so that forking is safe). A
 * checkpoint is written behind every step, so most kills fall into one; the moments are spread over the time that the
 * undisturbed run took, from its first instruction to its last. Half of the runs are killed once more while resuming.
 */
#include "athanor/athanor.h"
#include "base/clock.h"
#include "base/rng.h"

#include <errno.h>
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

enum { KILLS = 20, FEW = 5, FEWER = 3, MAX_FILE = 8 << 20, PATH_SIZE = 512, MAX_TRIES = 50 };

static const char dropout_net[] = "name: dropout-net\n"
                                  "input: [1, 28, 28]\n"
                                  "classes: 10\n"
                                  "layers:\n"
                                  "  - conv: {out: 8, kernel: 3, stride: 2, padding: 1, bias: false}\n"
                                  "  - batch_norm\n"
                                  "  - relu\n"
                                  "  - max_pool: {kernel: 2}\n"
                                  "  - flatten\n"
                                  "  - dropout: {p: 0.25}\n"
                                  "  - linear: {out: classes}\n";

/* ---- one training in a child ------------------------------------------------------------------------------------- */

static volatile sig_atomic_t interrupts;

static void on_interrupt(int signal) {
    (void)signal;
    interrupts++;
}

static int stop_after_interrupt(void *context) {
    (void)context;
    return interrupts > 0;
}

/* Ends the process with the program's exit code. */
static void child_train(const char *const *pairs) {
    ath_config      *config = NULL;
    ath_train_result result;
    ath_error        err = {0};
    ath_hooks        hooks = {.stop = stop_after_interrupt};
    signal(SIGINT, on_interrupt);
    ath_status status = ath_config_create(&config, &err);
    for (; status == ATH_OK && pairs[0]; pairs += 2)
        status = ath_config_set(config, pairs[0], pairs[1], ATH_ORIGIN_COMMAND_LINE, &err);
    if (status == ATH_OK) status = ath_train(config, &hooks, &result, &err);
    if (status != ATH_OK && status != ATH_INTERRUPTED) fprintf(stderr, "%s (%s)\n", err.message, err.where);
    _exit(ath_status_exit_code(status));
}

static pid_t start(const char *const *pairs) {
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) child_train(pairs);
    return child;
}

/* The exit code, or -signal. */
static int wait_for(pid_t child) {
    int status = 0;
    while (waitpid(child, &status, 0) < 0) assert_int_equal(errno, EINTR);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static int wait_after(pid_t child, double seconds, int signal_number) {
    struct timespec pause = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};
    nanosleep(&pause, NULL);
    kill(child, signal_number);
    return wait_for(child);
}

/* ---- a run and its folder ---------------------------------------------------------------------------------------- */

struct job {
    const char        *model, *folder, *threads;
    const char *const *more; /* further settings, NULL at the end; NULL = the plain ones */
};

static const char *const plain[] = {"schedule", "cosine", "momentum", "0.9", NULL};
/* Everything that a step or an epoch remembers: averages, slow weights, groups, decisions about the rate. A threshold
 * that no accuracy passes makes the rate drop behind every epoch. */
static const char *const decided[] = {"optimizer",
                                      "nadam",
                                      "ema",
                                      "0.9",
                                      "lookahead",
                                      "4",
                                      "clip.norm",
                                      "1",
                                      "schedule",
                                      "plateau",
                                      "schedule.patience",
                                      "0",
                                      "schedule.threshold",
                                      "500",
                                      "schedule.threshold_mode",
                                      "abs",
                                      "schedule.factor",
                                      "0.5",
                                      "group.bias.match",
                                      "*.bias",
                                      "group.bias.lr",
                                      "4",
                                      NULL};
/* A rate and a momentum that are other in every step. */
static const char *const cycled[] = {"schedule",
                                     "one-cycle",
                                     "momentum",
                                     "0.9",
                                     "nesterov",
                                     "true",
                                     "schedule.momentum_low",
                                     "0.85",
                                     "schedule.momentum_high",
                                     "0.95",
                                     "warmup",
                                     "3it",
                                     "ema",
                                     "0.99",
                                     "lookahead",
                                     "5",
                                     "decay.exclude",
                                     "norm,bias",
                                     "weight_decay",
                                     "5e-4",
                                     NULL};

/* Augmented images, a sharpness-aware step's parameters set aside, LARS and Lookahead. */
static const char *const layered[] = {"optimizer",
                                      "lars",
                                      "lr",
                                      "1",
                                      "sam",
                                      "0.05",
                                      "lookahead",
                                      "3",
                                      "lookahead.alpha",
                                      "1",
                                      "lookahead.end",
                                      "0.25",
                                      "lookahead.power",
                                      "3",
                                      "lookahead.statistics",
                                      "true",
                                      "ema",
                                      "0.95",
                                      "augment",
                                      "[crop(2),flip(mode=alternate),cutout(6)]",
                                      "schedule",
                                      "one-cycle",
                                      "clip.norm",
                                      "5",
                                      NULL};
/* Muon, whose vectors go to AdamW; a plateau; augmented images; images mixed with their neighbours. */
static const char *const orthogonal[] = {"optimizer",
                                         "muon",
                                         "lr",
                                         "0.02",
                                         "ema",
                                         "0.9",
                                         "lookahead",
                                         "4",
                                         "augment",
                                         "[crop(2,mode=reflect),rotate(10),mixup(0.2)]",
                                         "schedule",
                                         "plateau",
                                         "schedule.patience",
                                         "0",
                                         "schedule.threshold",
                                         "500",
                                         "schedule.threshold_mode",
                                         "abs",
                                         "schedule.factor",
                                         "0.5",
                                         NULL};
/* A stage on kept features, then the whole network with augmented images and a running average. */
static const char *const staged[] = {"momentum",
                                     "0.9",
                                     "schedule",
                                     "cosine",
                                     "features.folder",
                                     "resume-features",
                                     "augment",
                                     "[crop(2)]",
                                     "stage.1.epochs",
                                     "1",
                                     "stage.1.freeze",
                                     "backbone",
                                     "stage.1.features",
                                     "cache",
                                     "stage.1.features.views",
                                     "2",
                                     "stage.2.epochs",
                                     "2",
                                     "stage.2.ema",
                                     "0.9",
                                     "stage.2.group.head.match",
                                     "head",
                                     "stage.2.group.head.lr",
                                     "2",
                                     NULL};

static pid_t start_job(const struct job *job, const char *folder, bool resume) {
    const char *const fresh[] = {"model",
                                 job->model,
                                 "data",
                                 "digits",
                                 "data.n",
                                 "240",
                                 "batch",
                                 "32",
                                 "epochs",
                                 "3",
                                 "lr",
                                 "0.05",
                                 "init",
                                 "kaiming",
                                 "seed",
                                 "7",
                                 "threads",
                                 job->threads,
                                 "out",
                                 folder,
                                 "overwrite",
                                 "true",
                                 "checkpoint.seconds",
                                 "0"};
    enum { FRESH = sizeof fresh / sizeof fresh[0], MOST = FRESH + 40 };
    const char       *all[MOST] = {NULL};
    const char *const again[] = {"resume", folder, NULL};
    memcpy(all, fresh, sizeof fresh);
    for (int i = 0; job->more[i] && FRESH + i + 1 < MOST; i++) all[FRESH + i] = job->more[i];
    return start(resume ? again : all);
}

static void path_in(char path[PATH_SIZE], const char *folder, const char *name) {
    snprintf(path, PATH_SIZE, "%s/%s", folder, name);
}

static bool has_file(const char *folder, const char *name) {
    char        path[PATH_SIZE];
    struct stat found;
    path_in(path, folder, name);
    return stat(path, &found) == 0;
}

static bool has_checkpoint(const char *folder) {
    return has_file(folder, "checkpoint/state.safetensors");
}

static char *read_whole(const char *folder, const char *name, size_t *size) {
    char path[PATH_SIZE];
    path_in(path, folder, name);
    FILE *file = fopen(path, "rb");
    char *data = malloc(MAX_FILE + 1);
    if (!file) fail_msg("%s: %s", path, strerror(errno));
    assert_non_null(data);
    *size = fread(data, 1, MAX_FILE, file);
    data[*size] = '\0';
    fclose(file);
    return data;
}

static void compare_files(const char *a, const char *b, const char *name) {
    size_t size_a, size_b;
    char  *data_a = read_whole(a, name, &size_a), *data_b = read_whole(b, name, &size_b);
    if (size_a != size_b || memcmp(data_a, data_b, size_a) != 0) fail_msg("%s of %s and of %s differ", name, a, b);
    free(data_a);
    free(data_b);
}

/* Rows of results.csv up to the columns that hold seconds, rates and waits: the first six. */
static void cut_timing(char *text) {
    char *out = text;
    for (char *line = text; *line;) {
        char *end = strchr(line, '\n');
        int   commas = 0;
        for (char *at = line; at < (end ? end : line + strlen(line)) && commas < 6; at++) {
            commas += *at == ',';
            if (commas < 6) *out++ = *at;
        }
        *out++ = '\n';
        line = end ? end + 1 : line + strlen(line);
    }
    *out = '\0';
}

static void compare_results(const char *a, const char *b) {
    size_t size;
    char  *text_a = read_whole(a, "results.csv", &size), *text_b = read_whole(b, "results.csv", &size);
    cut_timing(text_a);
    cut_timing(text_b);
    assert_string_equal(text_a, text_b);
    free(text_a);
    free(text_b);
}

/* Three epochs, once each and in order; nothing torn. */
static void check_log(const char *folder) {
    size_t size;
    char  *text = read_whole(folder, "log.jsonl", &size);
    int    epochs = 0;
    for (char *line = text; *line; line = strchr(line, '\n') + 1) {
        char *end = strchr(line, '\n');
        if (!end || line[0] != '{' || end[-1] != '}') fail_msg("%s: a torn line in log.jsonl", folder);
        *end = '\0';
        if (strstr(line, "\"event\":\"epoch\"")) {
            char want[32];
            snprintf(want, sizeof want, "\"epoch\":%d,", ++epochs);
            if (!strstr(line, want)) fail_msg("%s: epoch %d is not where it belongs: %s", folder, epochs, line);
        }
        *end = '\n';
    }
    assert_int_equal(epochs, 3);
    free(text);
}

static void compare_runs(const char *calm, const char *disturbed) {
    compare_files(calm, disturbed, "weights/last.safetensors");
    compare_files(calm, disturbed, "weights/best.safetensors");
    if (has_file(calm, "weights/ema.safetensors")) compare_files(calm, disturbed, "weights/ema.safetensors");
    compare_results(calm, disturbed);
    check_log(disturbed);
}

/* Resumes (or, where the kill came before the first checkpoint, begins again) until the run is over. */
static void finish(const struct job *job, const char *folder) {
    int code = wait_for(start_job(job, folder, has_checkpoint(folder)));
    if (code != 0) fail_msg("%s: the resumed run ended with %d", folder, code);
}

static double run_calm(const struct job *job) {
    double begin = ath__seconds();
    assert_int_equal(wait_for(start_job(job, job->folder, false)), 0);
    return ath__seconds() - begin;
}

static void kill_and_resume(const struct job *job, int first, int kills) {
    double          seconds = run_calm(job);
    struct ath__rng rng;
    int             early = 0, late = 0;
    ath__rng_start(&rng, 2026, ATH_RNG_TEST, (uint32_t)first, 0);
    check_log(job->folder);
    for (int k = 0; k < kills; k++) {
        char folder[128];
        snprintf(folder, sizeof folder, "%s-killed-%d", job->folder, first + k);
        /* one draw in each of `kills` equal shares of the time: spread over the whole run, and random in it */
        double at = seconds * ((double)k + (double)ath__rng_uniform(&rng)) / (double)kills;
        int    code = wait_after(start_job(job, folder, false), at, SIGKILL);
        assert_true(code == -SIGKILL || code == 0);
        late += code == 0;
        early += !has_checkpoint(folder);
        if (k % 2 == 1 && has_checkpoint(folder))
            wait_after(start_job(job, folder, true), seconds * 0.5 * (double)ath__rng_uniform(&rng), SIGKILL);
        finish(job, folder);
        compare_runs(job->folder, folder);
    }
    print_message("%s: %d kills in %.2f s runs, %d before the first checkpoint, %d behind the end\n", job->model, kills,
                  seconds, early, late);
    assert_true(early + late < kills);
}

static void test_lenet(void **state) {
    (void)state;
    kill_and_resume(&(struct job){"lenet5", "resume-lenet5", "1", plain}, 0, KILLS / 2);
}

/* Dropout, batch norm's running statistics, and two threads. */
static void test_dropout_net(void **state) {
    (void)state;
    kill_and_resume(&(struct job){"resume-dropout-net.yaml", "resume-dropout", "2", plain}, KILLS / 2,
                    KILLS - KILLS / 2);
}

/* Plateau, running averages, Lookahead, groups. The log tells of every decision once, and the rate did fall. */
static void test_decided(void **state) {
    (void)state;
    const struct job job = {"resume-dropout-net.yaml", "resume-decided", "2", decided};
    kill_and_resume(&job, KILLS, FEW);
    size_t size;
    char  *text = read_whole(job.folder, "log.jsonl", &size), *at = text;
    int    drops = 0;
    for (; (at = strstr(at, "\"decision\":\"drop\"")); at++) drops++;
    assert_int_equal(drops, 2); /* behind the second and the third epoch */
    free(text);
    text = read_whole(job.folder, "results.csv", &size);
    assert_non_null(strstr(text, "ema_loss,ema_top1,grad_norm\n"));
    free(text);
}

static void test_cycled(void **state) {
    (void)state;
    kill_and_resume(&(struct job){"resume-dropout-net.yaml", "resume-cycled", "1", cycled}, KILLS + FEW, FEW);
}

static void test_layered(void **state) {
    (void)state;
    kill_and_resume(&(struct job){"resume-dropout-net.yaml", "resume-layered", "2", layered}, KILLS + 4 * FEW, FEWER);
}

static void test_orthogonal(void **state) {
    (void)state;
    kill_and_resume(&(struct job){"resume-dropout-net.yaml", "resume-orthogonal", "2", orthogonal}, KILLS + 5 * FEW,
                    FEWER);
}

/* Also when the kill meets the border between two stages, or the features in front of them. */
static void test_staged(void **state) {
    (void)state;
    const struct job job = {"resume-dropout-net.yaml", "resume-staged", "2", staged};
    size_t           size;
    kill_and_resume(&job, KILLS + 2 * FEW, 2 * FEW);
    char *text = read_whole(job.folder, "results.csv", &size);
    assert_non_null(strstr(text, ",stage\n"));
    assert_non_null(strstr(text, ",1\n2,"));
    free(text);
}

/* The first Ctrl-C saves and ends with 130. The run is started anew until the signal meets it under way. */
static void test_interrupt(void **state) {
    (void)state;
    const struct job job = {"lenet5", "resume-interrupt-calm", "1", plain};
    const char      *folder = "resume-interrupt";
    double           seconds = run_calm(&job);
    int              code = 0;
    for (int k = 0; k < MAX_TRIES && code != 130; k++)
        code = wait_after(start_job(&job, folder, false), seconds * (0.5 - 0.4 * k / MAX_TRIES), SIGINT);
    assert_int_equal(code, 130);
    assert_true(has_checkpoint(folder));
    finish(&job, folder);
    compare_runs(job.folder, folder);
}

/* Resumed after its end a run changes nothing. */
static void test_finished(void **state) {
    (void)state;
    const struct job job = {"lenet5", "resume-interrupt-calm", "1", plain};
    finish(&job, "resume-interrupt");
    compare_runs(job.folder, "resume-interrupt");
}

int main(void) {
    FILE *file = fopen("resume-dropout-net.yaml", "w");
    if (!file || fputs(dropout_net, file) < 0 || fclose(file) != 0) {
        perror("resume-dropout-net.yaml");
        return 1;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lenet),  cmocka_unit_test(test_dropout_net), cmocka_unit_test(test_decided),
        cmocka_unit_test(test_cycled), cmocka_unit_test(test_layered),     cmocka_unit_test(test_orthogonal),
        cmocka_unit_test(test_staged), cmocka_unit_test(test_interrupt),   cmocka_unit_test(test_finished),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
