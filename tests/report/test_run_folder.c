/* Run folders: which folder is chosen or refused, what it holds after a run, and that its config.yaml is the run's
 * settings. */
#include "train/run_folder.h"

#include "athanor/train.h"
#include "base/json.h"
#include "base/mem.h"
#include "report/config_yaml.h"

#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static ath_config *config;

static void set(const char *key, const char *value) {
    ath_error err = {0};
    if (ath_config_set(config, key, value, ATH_ORIGIN_COMMAND_LINE, &err) != ATH_OK) fail_msg("%s", err.message);
}

/* Each test stands in an empty folder of its own. */
static int set_up(void **state) {
    char *folder = strdup("run-folder-XXXXXX");
    if (!folder || !mkdtemp(folder) || chdir(folder) != 0) return -1;
    *state = folder;
    if (ath_config_create(&config, NULL) != ATH_OK) return -1;
    set("model", "nets/my net.yaml");
    set("data", "mnist");
    return 0;
}

static int tear_down(void **state) {
    char command[128];
    ath_config_destroy(config);
    snprintf(command, sizeof command, "chmod -R u+w '%s' && rm -rf '%s'", (char *)*state, (char *)*state);
    int status = chdir("..") == 0 && system(command) == 0 ? 0 : -1;
    free(*state);
    return status;
}

static ath_status open_run(struct ath__run_folder *folder, ath_error *err) {
    memset(err, 0, sizeof *err);
    return ath__run_folder_open(config, folder, err);
}

static void must_open(struct ath__run_folder *folder) {
    ath_error err;
    if (open_run(folder, &err) != ATH_OK) fail_msg("%s", err.message);
}

static void begin(const struct ath__run_folder *folder) {
    char                  *names[] = {"zero", "<1> & \"two\"", "line\nbreak"};
    struct ath__model_info info = {.class_names = names, .classes = 3};
    ath_error              err = {0};
    if (ath__run_folder_begin(folder, config, &info, &err) != ATH_OK) fail_msg("%s", err.message);
}

static bool in_folder(const struct ath__run_folder *folder, const char *name) {
    char path[ATH_PATH_MAX];
    return ath__run_folder_file(folder, name, path, NULL) == ATH_OK && ath__file_exists(path);
}

static char *read_in_folder(const struct ath__run_folder *folder, const char *name) {
    char   path[ATH_PATH_MAX], *text;
    size_t size;
    assert_int_equal(ath__run_folder_file(folder, name, path, NULL), ATH_OK);
    assert_int_equal(ath__file_read(path, 1 << 22, &text, &size, NULL), ATH_OK);
    return text;
}

static void default_names(void **state) {
    (void)state;
    struct ath__run_folder first, second;
    char                   target[ATH_PATH_MAX];
    must_open(&first);
    must_open(&second);
    assert_string_not_equal(first.path, second.path);
    assert_true(strlen(first.path) >= strlen("runs/20260102-030405-my-net-mnist"));
    assert_non_null(strstr(first.path, "-my-net-mnist"));
    assert_string_equal(first.title, "my-net on mnist");
    ssize_t size = readlink("runs/last", target, sizeof target - 1);
    assert_true(size > 0);
    target[size] = '\0';
    assert_string_equal(target, second.path + strlen("runs/"));
    assert_true(ath__folder_exists("runs/last/weights") && ath__folder_exists("runs/last/checkpoint"));
}

static void link_is_left_to_the_user(void **state) {
    (void)state;
    struct ath__run_folder folder;
    assert_int_equal(ath__folder_make("runs/last", NULL), ATH_OK); /* a folder of that name */
    must_open(&folder);
    struct stat st;
    assert_int_equal(lstat("runs/last", &st), 0);
    assert_true(S_ISDIR(st.st_mode));
    set("out", "elsewhere/x"); /* not under runs/: no link */
    must_open(&folder);
    assert_string_equal(folder.path, "elsewhere/x");
    assert_int_not_equal(lstat("elsewhere/last", &st), 0);
}

static void a_run_is_not_overwritten(void **state) {
    (void)state;
    struct ath__run_folder folder;
    ath_error              err;
    set("out", "runs/a/");
    must_open(&folder);
    assert_string_equal(folder.path, "runs/a");
    must_open(&folder); /* nothing in it yet */
    begin(&folder);
    assert_int_equal(open_run(&folder, &err), ATH_USAGE);
    assert_non_null(strstr(err.message, "resume=runs/a"));
    assert_non_null(strstr(err.message, "overwrite=true"));
    assert_int_equal(ath__file_write("runs/a/results.csv", "old", 3, NULL), ATH_OK);
    assert_int_equal(ath__file_write("runs/a/weights/best.safetensors", "old", 3, NULL), ATH_OK);
    assert_int_equal(ath__file_write("runs/a/notes.txt", "mine", 4, NULL), ATH_OK);
    set("overwrite", "true");
    must_open(&folder);
    assert_true(in_folder(&folder, "results.csv")); /* until the new run begins, which may still fail */
    begin(&folder);
    assert_false(in_folder(&folder, "results.csv"));
    assert_false(in_folder(&folder, "weights/best.safetensors"));
    assert_true(in_folder(&folder, "notes.txt"));
    set("out", "runs/b");
    set("overwrite", "false");
    must_open(&folder);
    assert_int_equal(ath__file_write("runs/b/checkpoint/state.safetensors", "x", 1, NULL), ATH_OK);
    assert_int_equal(open_run(&folder, &err), ATH_USAGE);
}

static void resuming(void **state) {
    (void)state;
    struct ath__run_folder folder;
    ath_error              err;
    set("out", "runs/a");
    must_open(&folder);
    set("out", "");
    set("resume", "runs/last");
    assert_int_equal(open_run(&folder, &err), ATH_USAGE); /* no checkpoint */
    assert_non_null(strstr(err.message, "checkpoint"));
    assert_int_equal(ath__file_write("runs/a/checkpoint/state.safetensors", "x", 1, NULL), ATH_OK);
    must_open(&folder);
    assert_string_equal(folder.path, "runs/a"); /* the run itself, not the link */
    set("out", "runs/c");
    assert_int_equal(open_run(&folder, &err), ATH_USAGE);
    set("out", "runs/a/");
    must_open(&folder);
}

static void folders_that_cannot_be(void **state) {
    (void)state;
    struct ath__run_folder folder;
    ath_error              err;
    assert_int_equal(ath__file_write("file", "x", 1, NULL), ATH_OK);
    set("out", "file/run");
    assert_int_equal(open_run(&folder, &err), ATH_IO);
    assert_non_null(strstr(err.message, "file"));
    char path[2000];
    memset(path, 'x', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    set("out", path);
    assert_int_equal(open_run(&folder, &err), ATH_USAGE);
}

static void unwritable_folder(void **state) {
    (void)state;
    struct ath__run_folder folder;
    ath_error              err;
    if (geteuid() == 0) skip(); /* root may write anywhere */
    assert_int_equal(mkdir("closed", 0555), 0);
    set("out", "closed/run");
    assert_int_equal(open_run(&folder, &err), ATH_IO);
    assert_non_null(strstr(err.message, "closed"));
}

/* Values that YAML has other ideas about; all must come back as the same text. */
static const char *const odd_values[] = {
    "",     "yes",  "No",           "null",         "~",         "true",   "012",        "0x1F",  "1e-3",
    "1:30", ".inf", "- a",          "a: b",         "a #b",      "[a, b]", "{x}",        "\"q\"", "it's",
    " a ",  "a\\b", "tab\tx",       "a\nb",         "*x",        "&x",     "!x",         "%x",    "@x",
    "|",    ">",    "größe",        "数字",         "\xC2\x85x", "?",      "2026-01-02", "<b>",   "\xF0\x9F\x94\xA5",
    "\x01", "\x7F", "\xE2\x80\xA8", "\xEF\xBB\xBF", "a,b",       "=",      "x-",         "-",     "./a/b.yaml"};
enum { ODD = sizeof odd_values / sizeof odd_values[0] };

static void settings_come_back(void **state) {
    (void)state;
    struct ath__run_folder folder;
    ath_config            *loaded = NULL;
    ath_config_item        item, other;
    ath_error              err = {0};
    char                   key[64];
    for (int i = 0; i < ODD; i++) {
        snprintf(key, sizeof key, "model.odd%d", i);
        set(key, odd_values[i]);
    }
    set("data.a key: with #marks", "x");
    set("lr", "1e-3");
    set("nesterov", "true");
    set("warmup", "5ep");
    set("normalize", "0.13:0.31");
    set("out", "run");
    set("run", "runs/other");
    set("extend", "true");
    must_open(&folder);
    begin(&folder);
    assert_int_equal(ath_config_create(&loaded, &err), ATH_OK);
    if (ath_config_load(loaded, "run/config.yaml", &err) != ATH_OK) fail_msg("%s: %s", err.where, err.message);
    int count = 0;
    for (; ath_config_at(config, count, &item); count++) {
        static const char *const left_out[] = {"out", "resume", "run", "overwrite", "extend"};
        bool                     kept = true;
        for (size_t k = 0; k < sizeof left_out / sizeof left_out[0]; k++)
            kept = kept && strcmp(item.key, left_out[k]) != 0;
        const char *value = ath_config_get(loaded, item.key);
        assert_non_null(value);
        if (kept && strcmp(value, item.value) != 0)
            fail_msg("%s was '%s' and came back as '%s'", item.key, item.value, value);
    }
    assert_string_equal(ath_config_get(loaded, "out"), "");
    assert_string_equal(ath_config_get(loaded, "run"), "");
    assert_string_equal(ath_config_get(loaded, "extend"), "false");
    int other_count = 0;
    while (ath_config_at(loaded, other_count, &other)) other_count++;
    assert_int_equal(other_count, count); /* nothing was added */
    ath_config_destroy(loaded);
    char *text = read_in_folder(&folder, "config.yaml");
    assert_non_null(strstr(text, "\nlr: 1e-3 "));
    assert_non_null(strstr(text, "# command line\n"));
    assert_non_null(strstr(text, "# default\n"));
    assert_non_null(strstr(text, "\nmomentum: auto ")); /* the optimizer's own, and what that is */
    assert_non_null(strstr(text, "# default: 0\n"));
    assert_null(strstr(text, "\nout:"));
    ath__free(text);
}

static void settings_that_yaml_cannot_hold(void **state) {
    (void)state;
    struct ath__config_line line = {"data", "\xFF\xFE", "command line", true, NULL};
    ath_error               err = {0};
    assert_int_equal(ath__config_yaml_write("config.yaml", &line, 1, &err), ATH_USAGE);
    assert_non_null(strstr(err.message, "data"));
    assert_false(ath__file_exists("config.yaml"));
}

static void add_epoch(struct ath__position *position, double loss) {
    ath_epoch epoch = {.epoch = position->epoch_count + 1,
                       .lr = 0.1,
                       .train_loss = loss,
                       .train_top1 = 90.0,
                       .val_loss = loss,
                       .val_top1 = 91.0 + (double)position->epoch_count,
                       .seconds = 1.0,
                       .images_per_second = 5e4,
                       .data_wait = 0.01,
                       .ema_loss = NAN,
                       .ema_top1 = NAN,
                       .grad_norm = NAN};
    assert_int_equal(ath__position_add_epoch(position, &epoch, NULL), ATH_OK);
}

static void a_whole_run(void **state) {
    (void)state;
    struct ath__run_folder   folder;
    struct ath__position     position = {0};
    ath_error                err = {0};
    static const char *const files[] = {
        "config.yaml",   "env.json",      "classes.txt", "log.jsonl",   "results.csv",
        "summary.json",  "curves.png",    "curves.svg",  "report.html", "events.out.tfevents.athanor",
        "confusion.csv", "confusion.png", "mistakes.png"};
    set("out", "run");
    set("model.note", "<script>alert(1)</script>");
    must_open(&folder);
    begin(&folder);
    for (int e = 0; e < 3; e++) {
        add_epoch(&position, e == 1 ? (double)NAN : 0.5);
        assert_int_equal(ath__run_folder_log(&folder, &position, "epoch", "\"x\":1", &err), ATH_OK);
        if (ath__run_folder_epochs(&folder, &position, &err) != ATH_OK) fail_msg("%s", err.message);
        assert_true(in_folder(&folder, "curves.png")); /* already after the first epoch */
    }
    char               *names[] = {"zero", "<1> & \"two\"", "line\nbreak"};
    int64_t             confusion[9] = {5, 1, 0, 0, 7, 0, 2, 0, 4};
    struct ath__metrics metrics = {.classes = 3, .images = 19, .hits1 = 16, .confusion = confusion};
    struct ath__final   final = {.done = true};
    ath_train_result    result = {.model = "my-net", .epochs = 3, .run = "run"};
    if (ath__metrics_result(&metrics, (struct ath__class_labels){.names = (const char *const *)names}, "none",
                            &final.scores, &err) != ATH_OK)
        fail_msg("%s", err.message);
    if (ath__run_folder_finish(&folder, config, &position, &result, &final, &err) != ATH_OK)
        fail_msg("%s", err.message);
    ath__final_free(&final);
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
        if (!in_folder(&folder, files[i])) fail_msg("no %s", files[i]);
    char *text = read_in_folder(&folder, "classes.txt");
    assert_string_equal(text, "zero\n<1> & \"two\"\nline break\n");
    ath__free(text);
    text = read_in_folder(&folder, "env.json");
    json_t                  *environment = json_loads(text, 0, NULL);
    static const char *const keys[] = {"version", "revision",   "compiler", "processor", "tier",    "processors",
                                       "threads", "memory_mib", "onednn",   "system",    "machine", "time"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        if (!json_object_get(environment, keys[i])) fail_msg("env.json has no %s", keys[i]);
    json_decref(environment);
    ath__free(text);
    text = read_in_folder(&folder, "report.html");
    assert_null(strstr(text, "<script"));
    assert_non_null(strstr(text, "&lt;script&gt;alert(1)&lt;/script&gt;"));
    assert_non_null(strstr(text, "&lt;1&gt; &amp; &quot;two&quot;"));
    assert_null(strstr(text, "src=\"http"));
    assert_null(strstr(text, "<link"));
    assert_null(strstr(text, "@import"));
    assert_null(strstr(text, "url(http"));
    assert_non_null(strstr(text, "83.33%")); /* recall of class 0: 5 of 6 */
    assert_non_null(strstr(text, "71.43%")); /* its precision: 5 of 7 */
    ath__free(text);
    uint64_t whole = position.log_bytes;
    assert_int_equal(ath__run_folder_log(&folder, &position, "diverged", "", &err), ATH_OK);
    position.log_bytes = whole;
    assert_int_equal(ath__run_folder_rewind(&folder, &position, &err), ATH_OK);
    text = read_in_folder(&folder, "log.jsonl");
    assert_int_equal(strlen(text), whole);
    ath__free(text);
    ath__position_free(&position);
}

/* Within a run figures are redrawn when they are two seconds old, not at every epoch. */
static void drawing_is_held_back(void **state) {
    (void)state;
    struct ath__run_folder folder;
    struct ath__position   position = {0};
    struct stat            first, second;
    ath_error              err = {0};
    set("out", "run");
    must_open(&folder);
    begin(&folder);
    add_epoch(&position, 0.5);
    assert_int_equal(ath__run_folder_epochs(&folder, &position, &err), ATH_OK);
    struct timespec later[2] = {{.tv_sec = time(NULL)}, {.tv_sec = time(NULL)}};
    assert_int_equal(utimensat(AT_FDCWD, "run/curves.png", later, 0), 0);
    assert_int_equal(stat("run/curves.png", &first), 0);
    add_epoch(&position, 0.4);
    assert_int_equal(ath__run_folder_epochs(&folder, &position, &err), ATH_OK);
    assert_int_equal(stat("run/curves.png", &second), 0);
    assert_int_equal(first.st_ino, second.st_ino); /* the same file: not rewritten */
    later[0].tv_sec = later[1].tv_sec = time(NULL) - 3;
    assert_int_equal(utimensat(AT_FDCWD, "run/curves.png", later, 0), 0);
    assert_int_equal(ath__run_folder_epochs(&folder, &position, &err), ATH_OK);
    assert_int_equal(stat("run/curves.png", &second), 0);
    assert_true(second.st_mtime > later[0].tv_sec); /* rewritten */
    ath__position_free(&position);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(default_names),
        TEST(link_is_left_to_the_user),
        TEST(a_run_is_not_overwritten),
        TEST(resuming),
        TEST(folders_that_cannot_be),
        TEST(unwritable_folder),
        TEST(settings_come_back),
        TEST(settings_that_yaml_cannot_hold),
        TEST(a_whole_run),
        TEST(drawing_is_held_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
