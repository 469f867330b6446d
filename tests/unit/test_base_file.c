/* Files: whole or not there, bounded, with errors that say what to do. Runs in a scratch folder that it empties. */
#include "base/file.h"
#include "base/mem.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "athanor-file-XXXXXX";

static const char *in_folder(const char *name) {
    static char path[4][ATH_PATH_MAX];
    static int  turn;
    turn = (turn + 1) % 4;
    assert_int_equal(ath__path_join(path[turn], folder, name, NULL), ATH_OK);
    return path[turn];
}

static int make_folder(void **state) {
    (void)state;
    return mkdtemp(folder) == NULL;
}

static int remove_folder(void **state) {
    (void)state;
    char command[64];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

static void test_write_then_read(void **state) {
    (void)state;
    ath_error   err;
    char       *data = NULL;
    size_t      size = 0;
    const char *path = in_folder("plain");
    assert_int_equal(ath__file_write(path, "one\0two", 7, &err), ATH_OK);
    assert_int_equal(ath__file_read(path, 7, &data, &size, &err), ATH_OK);
    assert_int_equal(size, 7);
    assert_memory_equal(data, "one\0two", 8); /* with the NUL behind it */
    ath__free(data);
    assert_int_equal(ath__file_write(path, "", 0, &err), ATH_OK);
    assert_int_equal(ath__file_read(path, 0, &data, &size, &err), ATH_OK);
    assert_int_equal(size, 0);
    assert_string_equal(data, "");
    ath__free(data);
    assert_false(ath__file_exists(in_folder("plain.tmp")));
}

static void test_read_refuses(void **state) {
    (void)state;
    ath_error err;
    char     *data = (char *)"untouched";
    size_t    size = 9;
    assert_int_equal(ath__file_read(in_folder("nothing"), 10, &data, &size, &err), ATH_DATA);
    assert_non_null(strstr(err.message, "there is no file"));
    assert_null(data);
    assert_int_equal(size, 0);
    assert_int_equal(ath__file_read(folder, 10, &data, &size, &err), ATH_DATA);
    assert_non_null(strstr(err.message, "is a folder"));
    const char *path = in_folder("eleven");
    assert_int_equal(ath__file_write(path, "12345678901", 11, &err), ATH_OK);
    assert_int_equal(ath__file_read(path, 10, &data, &size, &err), ATH_DATA);
    assert_non_null(strstr(err.message, "larger than 10 bytes"));
    assert_int_equal(ath__file_read(path, 11, &data, &size, &err), ATH_OK);
    ath__free(data);
    /* A file without an end is cut off at the limit. */
    assert_int_equal(ath__file_read("/dev/zero", 200000, &data, &size, &err), ATH_DATA);
    assert_null(data);
}

static void test_read_survives_failing_memory(void **state) {
    (void)state;
    ath_error   err;
    char       *data = NULL;
    size_t      size = 0;
    const char *path = in_folder("memory");
    assert_int_equal(ath__file_write(path, "text", 4, &err), ATH_OK);
    ath__mem_fail_at(1);
    ath_status status = ath__file_read(path, 100, &data, &size, &err);
    ath__mem_fail_at(0);
    assert_int_equal(status, ATH_MEMORY);
    assert_null(data);
}

static void test_a_pipe_has_no_size(void **state) {
    (void)state;
    ath_error err;
    int       ends[2];
    char      name[32], *data = NULL, chunk[50000];
    size_t    size = 0;
    memset(chunk, 'p', sizeof chunk);
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], chunk, sizeof chunk), (ssize_t)sizeof chunk);
    close(ends[1]);
    snprintf(name, sizeof name, "/dev/fd/%d", ends[0]);
    assert_int_equal(ath__file_read(name, 1 << 20, &data, &size, &err), ATH_OK);
    close(ends[0]);
    assert_int_equal(size, sizeof chunk);
    ath__free(data);
}

static void test_until_the_commit_the_old_content_stands(void **state) {
    (void)state;
    ath_error               err;
    struct ath__file_writer writer;
    struct ath__mapping     mapping;
    const char             *path = in_folder("swap");
    assert_int_equal(ath__file_write(path, "old", 3, &err), ATH_OK);

    assert_int_equal(ath__file_writer_open(&writer, path, &err), ATH_OK);
    assert_int_equal(ath__file_writer_append(&writer, "ne", 2, &err), ATH_OK);
    assert_int_equal(ath__file_map(path, &mapping, &err), ATH_OK);
    assert_int_equal(mapping.size, 3);
    assert_memory_equal(mapping.data, "old", 3);
    assert_int_equal(ath__file_writer_append(&writer, "w!", 2, &err), ATH_OK);
    assert_int_equal(ath__file_writer_commit(&writer, &err), ATH_OK);
    assert_memory_equal(mapping.data, "old", 3); /* who has it open keeps it */
    ath__file_unmap(&mapping);
    assert_int_equal(ath__file_map(path, &mapping, &err), ATH_OK);
    assert_memory_equal(mapping.data, "new!", 4);
    ath__file_unmap(&mapping);

    assert_int_equal(ath__file_writer_open(&writer, path, &err), ATH_OK);
    assert_int_equal(ath__file_writer_append(&writer, "dropped", 7, &err), ATH_OK);
    ath__file_writer_abandon(&writer);
    ath__file_writer_abandon(&writer);
    assert_false(ath__file_exists(in_folder("swap.tmp")));
    assert_int_equal(ath__file_map(path, &mapping, &err), ATH_OK);
    assert_int_equal(mapping.size, 4);
    ath__file_unmap(&mapping);
}

static void test_unwritable_places(void **state) {
    (void)state;
    ath_error               err;
    struct ath__file_writer writer;
    assert_int_equal(ath__file_write(in_folder("missing/file"), "x", 1, &err), ATH_IO);
    assert_int_equal(ath__folder_make(in_folder("taken"), &err), ATH_OK);
    assert_int_equal(ath__file_writer_open(&writer, in_folder("taken"), &err), ATH_IO);
    assert_false(ath__file_exists(in_folder("taken.tmp")));
    char path[ATH_PATH_MAX + 10];
    memset(path, 'x', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    assert_int_equal(ath__file_writer_open(&writer, path, &err), ATH_USAGE);
    /* A link planted under the temporary name is not followed. */
    assert_int_equal(symlink("victim", in_folder("linked.tmp")), 0);
    assert_int_equal(ath__file_write(in_folder("linked"), "x", 1, &err), ATH_IO);
    assert_false(ath__file_exists(in_folder("victim")));
}

/* A full disk, played by a limit on the size of files; writing beyond it fails once its signal is ignored. */
static void test_a_full_disk_keeps_the_old_file(void **state) {
    (void)state;
    ath_error     err;
    char         *data = NULL;
    size_t        size = 0;
    static char   large[100000];
    struct rlimit before, limit;
    const char   *path = in_folder("full");
    assert_int_equal(ath__file_write(path, "old", 3, &err), ATH_OK);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    limit = before;
    limit.rlim_cur = 50000;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    ath_status status = ath__file_write(path, large, sizeof large, &err);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(status, ATH_IO);
    assert_non_null(strstr(err.message, path));
    assert_false(ath__file_exists(in_folder("full.tmp")));
    assert_int_equal(ath__file_read(path, 10, &data, &size, &err), ATH_OK);
    assert_string_equal(data, "old");
    ath__free(data);

    /* And a real one, where the system has it. */
    if (access("/dev/full", W_OK) != 0) return;
    struct ath__file_writer writer = {.fd = open("/dev/full", O_WRONLY)};
    assert_int_equal(ath__file_writer_append(&writer, "x", 1, &err), ATH_IO);
    assert_non_null(strstr(err.message, "disk is full"));
    close(writer.fd);
}

static void test_mapping(void **state) {
    (void)state;
    ath_error           err;
    struct ath__mapping mapping;
    assert_int_equal(ath__file_write(in_folder("empty"), "", 0, &err), ATH_OK);
    assert_int_equal(ath__file_map(in_folder("empty"), &mapping, &err), ATH_OK);
    assert_int_equal(mapping.size, 0);
    assert_non_null(mapping.data);
    ath__file_unmap(&mapping);
    assert_int_equal(ath__file_map(in_folder("nothing"), &mapping, &err), ATH_DATA);
    assert_int_equal(mapping.size, 0);
    assert_int_equal(ath__file_map(folder, &mapping, &err), ATH_DATA);
    assert_int_equal(ath__file_map("/dev/null", &mapping, &err), ATH_DATA);
}

static void test_folders_and_paths(void **state) {
    (void)state;
    ath_error err;
    char      path[ATH_PATH_MAX], long_name[ATH_PATH_MAX];
    assert_int_equal(ath__folder_make(in_folder("a/b//c/"), &err), ATH_OK);
    assert_true(ath__folder_exists(in_folder("a/b/c")));
    assert_int_equal(ath__folder_make(in_folder("a/b/c"), &err), ATH_OK);
    assert_int_equal(ath__file_write(in_folder("a/file"), "", 0, &err), ATH_OK);
    assert_true(ath__file_exists(in_folder("a/file")));
    assert_false(ath__folder_exists(in_folder("a/file")));
    assert_false(ath__file_exists(in_folder("a")));
    assert_int_equal(ath__folder_make(in_folder("a/file"), &err), ATH_IO);
    assert_non_null(strstr(err.message, "in the way"));
    assert_int_equal(ath__folder_make(in_folder("a/file/deeper"), &err), ATH_IO);
    assert_int_equal(ath__folder_make("", &err), ATH_USAGE);

    assert_int_equal(ath__path_join(path, "x", "y", &err), ATH_OK);
    assert_string_equal(path, "x/y");
    assert_int_equal(ath__path_join(path, "x/", "y", &err), ATH_OK);
    assert_string_equal(path, "x/y");
    assert_int_equal(ath__path_join(path, "", "y", &err), ATH_OK);
    assert_string_equal(path, "y");
    memset(long_name, 'n', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = '\0';
    assert_int_equal(ath__path_join(path, "x", long_name, &err), ATH_USAGE);
    assert_string_equal(path, "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_write_then_read),
        cmocka_unit_test(test_read_refuses),
        cmocka_unit_test(test_read_survives_failing_memory),
        cmocka_unit_test(test_a_pipe_has_no_size),
        cmocka_unit_test(test_until_the_commit_the_old_content_stands),
        cmocka_unit_test(test_unwritable_places),
        cmocka_unit_test(test_a_full_disk_keeps_the_old_file),
        cmocka_unit_test(test_mapping),
        cmocka_unit_test(test_folders_and_paths),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
