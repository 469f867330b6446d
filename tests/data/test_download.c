/* Downloads against a server of our own: whole, cut off and resumed, damaged, missing, redirected by ATHANOR_MIRROR. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/digest.h"
#include "base/file.h"
#include "base/mem.h"
#include "data/dataset.h"
#include "support/cifar_files.h"
#include "support/http_server.h"
#include "support/idx_files.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SIZE = 300000 };

static unsigned char             content[SIZE];
static char                      md5[ATH_DIGEST_TEXT], sha256[ATH_DIGEST_TEXT], folder[1024];
static struct http_server       *server;
static struct ath__download_file files[3];
static struct ath__download_set  set;
static const struct http_file    served[] = {
       {"/base/first.bin", content, SIZE},
       {"/base/second.bin", content, 1000},
       {"/mirror/things/first.bin", content, SIZE},
       {"/mirror/mnist/train-images-idx3-ubyte.gz", content, 1000},
       {"/mirror/cifar10/cifar-10-binary.tar.gz", content, 2000},
       {"/mirror/cifar100/cifar-100-binary.tar.gz", content, 3000},
       {NULL, NULL, 0},
};
static char      base[128];
static ath_error err;

static char *path_of(const char *name) {
    static char path[1100];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static bool is_there(const char *name) {
    return access(path_of(name), F_OK) == 0;
}

static void expect_content(const char *name, size_t size) {
    char  *data;
    size_t found;
    assert_int_equal(ath__file_read(path_of(name), SIZE + 1, &data, &found, &err), ATH_OK);
    assert_int_equal(found, size);
    assert_memory_equal(data, content, size);
    ath__free(data);
}

static ath_status get(void) {
    memset(&err, 0, sizeof err);
    return ath__download_set(&set, folder, NULL, NULL, &err);
}

static void must_get(void) {
    if (get() != ATH_OK) fail_msg("%s", err.message);
}

static void expect_failure(ath_status code, const char *text) {
    uint64_t live = ath__mem_stats().live_bytes;
    assert_int_equal(get(), code);
    if (!strstr(err.message, text)) fail_msg("'%s' is not in: %s", text, err.message);
    assert_int_equal(ath__mem_stats().live_bytes, live);
}

static void whole(void **state) {
    (void)state;
    char second_md5[ATH_DIGEST_TEXT];
    ath__digest_text(&ath__md5, content, 1000, second_md5);
    files[1] = (struct ath__download_file){.name = "second.bin", .md5 = second_md5};
    must_get();
    expect_content("first.bin", SIZE);
    expect_content("second.bin", 1000);
    assert_false(is_there("first.bin.part"));
    assert_int_equal(http_server_requests(server), 2);
    must_get(); /* complete: nothing is asked for */
    assert_int_equal(http_server_requests(server), 2);
    assert_int_equal(remove(path_of("second.bin")), 0);
    must_get();
    assert_int_equal(http_server_requests(server), 3);
}

/* A connection that breaks again and again is taken up again; no byte is sent twice. */
static void cut_off(void **state) {
    (void)state;
    http_server_behave(server, (struct http_behaviour){.cut_after = 70000});
    must_get();
    expect_content("first.bin", SIZE);
    assert_int_equal(http_server_requests(server), 5);
    assert_int_equal(http_server_sent(server), SIZE);
    assert_int_equal(http_server_range(server), 280000);
}

static bool stop_after(const char *file, uint64_t done, uint64_t total, void *context) {
    assert_string_equal(file, "first.bin");
    assert_true(total == 0 || total == SIZE);
    assert_true(done <= SIZE);
    return done < *(uint64_t *)context;
}

/* Stopped by the caller, then gone on with by a later call. */
static void stopped_and_resumed(void **state) {
    (void)state;
    uint64_t limit = 1;
    assert_int_equal(ath__download_set(&set, folder, stop_after, &limit, &err), ATH_INTERRUPTED);
    assert_false(is_there("first.bin"));
    write_file(folder, "first.bin.part", content, 123456); /* whatever came before the stop */
    http_server_behave(server, (struct http_behaviour){0});
    must_get();
    expect_content("first.bin", SIZE);
    assert_int_equal(http_server_range(server), 123456);
    assert_int_equal(http_server_sent(server), SIZE - 123456);
}

static bool note_total(const char *file, uint64_t done, uint64_t total, void *context) {
    uint64_t *seen = context;
    (void)file;
    if (done > seen[0]) seen[0] = done;
    if (total > seen[1]) seen[1] = total;
    return true;
}

/* Progress counts the bytes of the earlier call too. */
static void progress(void **state) {
    (void)state;
    uint64_t seen[2] = {0, 0};
    write_file(folder, "first.bin.part", content, 200000);
    assert_int_equal(ath__download_set(&set, folder, note_total, seen, &err), ATH_OK);
    assert_int_equal(seen[0], SIZE);
    assert_int_equal(seen[1], SIZE);
}

static void server_without_ranges(void **state) {
    (void)state;
    write_file(folder, "first.bin.part", content, 200000);
    http_server_behave(server, (struct http_behaviour){.no_ranges = true});
    must_get();
    expect_content("first.bin", SIZE);
}

/* A part that is complete already, one that is too long, one with other bytes. */
static void odd_parts(void **state) {
    (void)state;
    write_file(folder, "first.bin.part", content, SIZE);
    must_get();
    expect_content("first.bin", SIZE);
    assert_int_equal(http_server_sent(server), 0);

    assert_int_equal(remove(path_of("first.bin")), 0);
    unsigned char *longer = calloc(1, SIZE + 100);
    assert_non_null(longer);
    write_file(folder, "first.bin.part", longer, SIZE + 100);
    must_get();
    expect_content("first.bin", SIZE);

    assert_int_equal(remove(path_of("first.bin")), 0);
    write_file(folder, "first.bin.part", longer, 1000); /* found out at the end; then from the start */
    must_get();
    expect_content("first.bin", SIZE);
    free(longer);
}

static void wrong_checksum(void **state) {
    (void)state;
    files[0].md5 = "0123456789abcdef0123456789abcdef";
    expect_failure(ATH_DATA, "0123456789abcdef0123456789abcdef");
    assert_non_null(strstr(err.message, md5));
    assert_false(is_there("first.bin"));
    assert_false(is_there("first.bin.part"));
    files[0].md5 = NULL;
    files[0].sha256 = sha256;
    must_get();
    assert_int_equal(remove(path_of("first.bin")), 0);
    files[0].sha256 = md5; /* not a SHA-256 at all */
    expect_failure(ATH_DATA, "SHA-256");
}

static void missing(void **state) {
    (void)state;
    files[0].name = "third.bin";
    expect_failure(ATH_IO, "404");
    assert_non_null(strstr(err.message, "/base/third.bin"));
    assert_false(is_there("third.bin"));
}

static void no_server(void **state) {
    (void)state;
    set.base = "http://127.0.0.1:1"; /* tcpmux: nobody listens there */
    expect_failure(ATH_IO, "ATHANOR_MIRROR");
    set.base = "ftp://127.0.0.1/base";
    expect_failure(ATH_IO, "ftp://127.0.0.1/base/first.bin");
}

/* ATHANOR_MIRROR=BASE: BASE/SET/FILE, with or without a slash at the end. */
static void mirror(void **state) {
    (void)state;
    char address[128];
    set.base = "http://127.0.0.1:1";
    for (int slash = 0; slash < 2; slash++) {
        snprintf(address, sizeof address, "%s/mirror%s", http_server_address(server), slash ? "/" : "");
        setenv("ATHANOR_MIRROR", address, 1);
        must_get();
        expect_content("first.bin", SIZE);
        assert_int_equal(remove(path_of("first.bin")), 0);
    }
    /* The public function, with a mirror that has other bytes than the published ones. */
    setenv("ATHANOR_DATA", folder, 1);
    assert_int_equal(ath_dataset_download("mnist", NULL, NULL, &err), ATH_DATA);
    assert_non_null(strstr(err.message, "/mirror/mnist/train-images-idx3-ubyte.gz"));
    assert_int_equal(ath_dataset_download("fashion-mnist", NULL, NULL, &err), ATH_IO);
    assert_non_null(strstr(err.message, "404"));
    for (int i = 0; i < 2; i++) {
        const char *name = i ? "cifar100" : "cifar10";
        assert_int_equal(ath_dataset_download(name, NULL, NULL, &err), ATH_DATA);
        assert_non_null(
            strstr(err.message, i ? "03b5dce01913d631647c71ecec9e9cb8" : "c32a1d4ab5d03f1284b67883e8d87530"));
        assert_non_null(strstr(err.message, i ? "/cifar-100-binary.tar.gz" : "/cifar-10-binary.tar.gz"));
    }
    assert_false(is_there("cifar10/cifar-10-binary.tar.gz"));
    unsetenv("ATHANOR_DATA");
}

/* An archive that was downloaded is a data set at once. */
static void archive_that_opens(void **state) {
    (void)state;
    struct tar   tar;
    ath_dataset *dataset;
    char         digest[ATH_DIGEST_TEXT];
    tar_small_cifar10(&tar, NULL);
    tar_pack(&tar);
    ath__digest_text(&ath__md5, tar.bytes, tar.size, digest);
    const struct http_file offer[] = {{"/cifar-10-binary.tar.gz", tar.bytes, tar.size}, {NULL, NULL, 0}};
    struct http_server    *other = http_server_start(offer);
    files[0] = (struct ath__download_file){.name = "cifar-10-binary.tar.gz", .md5 = digest};
    set.base = http_server_address(other);
    must_get();
    http_server_stop(other);
    if (ath_dataset_open(folder, ATH_SPLIT_TRAIN, NULL, 0, &dataset, &err) != ATH_OK) fail_msg("%s", err.message);
    assert_int_equal(ath_dataset_describe(dataset).count, SMALL_CIFAR_TRAIN);
    ath_dataset_close(dataset);
    free(tar.bytes);
}

/* Files that cannot be written, and a part that another program is writing. */
static void unwritable(void **state) {
    (void)state;
    assert_int_equal(mkdir(path_of("first.bin.part"), 0777), 0);
    expect_failure(ATH_IO, "ATHANOR_DATA");
    assert_int_equal(rmdir(path_of("first.bin.part")), 0);

    int fd = open(path_of("first.bin.part"), O_RDWR | O_CREAT, 0666);
    assert_true(fd >= 0 && flock(fd, LOCK_EX) == 0);
    expect_failure(ATH_IO, "another program");
    close(fd);
    must_get();
}

/* A folder of another name in the way of ours. */
static void no_folder(void **state) {
    (void)state;
    char inside[1100];
    write_file(folder, "file", "x", 1);
    snprintf(inside, sizeof inside, "%s/file/mnist", folder);
    assert_int_equal(ath__download_set(&set, inside, NULL, NULL, &err), ATH_IO);
    assert_true(err.message[0] != '\0');
}

/* A file whose packing differs but whose content is the published one counts as complete. */
static void packed_anew(void **state) {
    (void)state;
    static unsigned char packed[SIZE + 1000];
    write_file(folder, "first.bin", packed, gzip_bytes(packed, sizeof packed, content, SIZE));
    files[0].content_md5 = md5;
    must_get();
    assert_int_equal(http_server_requests(server), 0);
    files[0].content_md5 = "0123456789abcdef0123456789abcdef";
    must_get(); /* neither file nor content: fetched, and put in its place */
    assert_int_equal(http_server_requests(server), 1);
    expect_content("first.bin", SIZE);
}

static int before_each(void **state) {
    (void)state;
    scratch_make(folder);
    ath__digest_text(&ath__md5, content, SIZE, md5);
    ath__digest_text(&ath__sha256, content, SIZE, sha256);
    files[0] = (struct ath__download_file){.name = "first.bin", .md5 = md5};
    files[1] = files[2] = (struct ath__download_file){0};
    snprintf(base, sizeof base, "%s/base", http_server_address(server));
    set = (struct ath__download_set){.name = "things", .base = base, .files = files};
    unsetenv("ATHANOR_MIRROR");
    http_server_behave(server, (struct http_behaviour){0});
    return 0;
}

static int after_each(void **state) {
    (void)state;
    unsetenv("ATHANOR_MIRROR");
    scratch_remove(folder);
    return 0;
}

static int set_up(void **state) {
    (void)state;
    uint32_t word = 1;
    for (int i = 0; i < SIZE; i++) {
        word = word * 1664525u + 1013904223u;
        content[i] = (unsigned char)(word >> 24);
    }
    unsetenv("http_proxy");
    unsetenv("all_proxy");
    unsetenv("ALL_PROXY");
    server = http_server_start(served);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    http_server_stop(server);
    return 0;
}

#define EACH(test) cmocka_unit_test_setup_teardown(test, before_each, after_each)

int main(void) {
    const struct CMUnitTest tests[] = {
        EACH(whole),
        EACH(cut_off),
        EACH(stopped_and_resumed),
        EACH(progress),
        EACH(server_without_ranges),
        EACH(odd_parts),
        EACH(mirror),
        EACH(wrong_checksum),
        EACH(missing),
        EACH(no_server),
        EACH(unwritable),
        EACH(no_folder),
        EACH(packed_anew),
        EACH(archive_that_opens),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
