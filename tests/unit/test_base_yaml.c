/* YAML: the tree and its lines, UTF-8, every refusal with its line, and every allocation failing in turn. */
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/yaml.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const char recipe[] = "# a recipe\n"
                             "model: lenet5\n"
                             "model_options: {kernel: 3, \"pooling\": 'max'}\n"
                             "augment:\n"
                             "  - crop\n"
                             "  - [flip, 0.5]\n"
                             "note: \"K\xC3\xB6ln\"\n"
                             "empty:\n"
                             "quoted: \"\"\n";

static void test_tree_and_lines(void **state) {
    (void)state;
    struct ath__arena       arena = {0};
    const struct ath__yaml *root = NULL;
    ath_error               err;
    assert_int_equal(ath__yaml_parse(&arena, "r.yaml", recipe, sizeof recipe - 1, &root, &err), ATH_OK);
    assert_int_equal(root->kind, ATH_YAML_MAPPING);
    assert_int_equal(root->count, 6);
    assert_string_equal(root->keys[0], "model");
    const struct ath__yaml *node = ath__yaml_get(root, "model");
    assert_string_equal(node->text, "lenet5");
    assert_int_equal(node->line, 2);
    assert_false(node->quoted);
    node = ath__yaml_get(root, "model_options");
    assert_int_equal(node->kind, ATH_YAML_MAPPING);
    assert_string_equal(ath__yaml_get(node, "kernel")->text, "3");
    assert_true(ath__yaml_get(node, "pooling")->quoted);
    node = ath__yaml_get(root, "augment");
    assert_int_equal(node->kind, ATH_YAML_SEQUENCE);
    assert_int_equal(node->count, 2);
    assert_int_equal(node->items[1]->line, 6);
    assert_string_equal(node->items[1]->items[1]->text, "0.5");
    assert_string_equal(ath__yaml_get(root, "note")->text, "K\xC3\xB6ln");
    assert_string_equal(ath__yaml_get(root, "empty")->text, "");
    assert_false(ath__yaml_get(root, "empty")->quoted);
    assert_true(ath__yaml_get(root, "quoted")->quoted);
    assert_null(ath__yaml_get(root, "absent"));
    assert_null(ath__yaml_get(node, "crop"));
    assert_null(ath__yaml_get(NULL, "x"));
    ath__arena_free(&arena);
}

static void test_nothing_is_an_empty_scalar(void **state) {
    (void)state;
    static const char *const texts[] = {"", "# only a comment\n", "---\n"};
    for (size_t i = 0; i < 3; i++) {
        struct ath__arena       arena = {0};
        const struct ath__yaml *root = NULL;
        ath_error               err;
        assert_int_equal(ath__yaml_parse(&arena, "r", texts[i], strlen(texts[i]), &root, &err), ATH_OK);
        assert_int_equal(root->kind, ATH_YAML_SCALAR);
        assert_string_equal(root->text, "");
        ath__arena_free(&arena);
    }
}

static void check_refused(const char *text, size_t size, const char *where, const char *part) {
    struct ath__arena       arena = {0};
    const struct ath__yaml *root = NULL;
    ath_error               err = {0};
    assert_int_equal(ath__yaml_parse(&arena, "r.yaml", text, size, &root, &err), ATH_DATA);
    assert_null(root);
    assert_string_equal(err.where, where);
    if (!strstr(err.message, part)) fail_msg("'%s' does not say '%s'", err.message, part);
    ath__arena_free(&arena);
}

static void test_refusals(void **state) {
    (void)state;
    static const struct {
        const char *text, *where, *part;
    } cases[] = {
        {"a: 1\nb: 2\na: 3\n", "r.yaml:3", "the key 'a' is given twice"},
        {"a: &x 1\nb: *x\n", "r.yaml:1", "anchors"},
        {"a: 1\nb: *x\n", "r.yaml:2", "aliases"},
        {"a: !!python/object x\n", "r.yaml:1", "tags"},
        {"a: 1\n---\nb: 2\n", "r.yaml:3", "second document"},
        {"a: [1, 2\nb: 3\n", "r.yaml:2", "not valid YAML"},
        {"a: 1\n\tb: 2\n", "r.yaml:2", "not valid YAML"},
        {"? [a, b]\n: 1\n", "r.yaml:1", "a key must be plain text"},
        {"a: \"x\\0y\"\n", "r.yaml:1", "zero byte"},
        {"\"x\\0y\": 1\n", "r.yaml:1", "zero byte"},
        {"a: \xFF\xFE\n", "r.yaml:1", "not valid YAML"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        check_refused(cases[i].text, strlen(cases[i].text), cases[i].where, cases[i].part);
    }
}

static void test_bounds(void **state) {
    (void)state;
    struct ath__str str = {0};
    for (int i = 0; i < ATH_YAML_MAX_DEPTH + 2; i++) ath__str_append(&str, "[");
    check_refused(str.data, str.size, "r.yaml:1", "nested more than");
    ath__str_free(&str);
    ath__str_append(&str, "[");
    for (int i = 0; i <= ATH_YAML_MAX_NODES; i++) ath__str_append(&str, "1,");
    check_refused(str.data, str.size, "r.yaml:1", "more than 100000 entries");
    ath__str_free(&str);
    for (int i = 0; i <= ATH_YAML_MAX_KEYS; i++) ath__str_printf(&str, "k%d: 1\n", i);
    check_refused(str.data, str.size, "r.yaml:4097", "more than 4096 keys");
    ath__str_free(&str);
    while (str.size <= ATH_YAML_MAX_BYTES) ath__str_append(&str, "# filler filler filler filler filler filler\n");
    check_refused(str.data, str.size, "r.yaml", "larger than");
    ath__str_free(&str);
}

/* libyaml's own memory does not come from base/mem.h; everything of ours fails once. */
static void test_every_allocation_failing(void **state) {
    (void)state;
    struct ath__mem_stats before = ath__mem_stats();
    bool                  passed = false;
    for (uint64_t n = 1; !passed; n++) {
        struct ath__arena       arena = {0};
        const struct ath__yaml *root = NULL;
        ath_error               err;
        ath__mem_fail_at(n);
        ath_status status = ath__yaml_parse(&arena, "r", recipe, sizeof recipe - 1, &root, &err);
        ath__mem_fail_at(0);
        passed = status == ATH_OK;
        if (!passed) assert_int_equal(status, ATH_MEMORY);
        ath__arena_free(&arena);
        assert_int_equal(ath__mem_stats().live_bytes, before.live_bytes);
        assert_true(n < 100);
    }
}

static void test_files(void **state) {
    (void)state;
    const char             *path = "test_base_yaml.yaml";
    struct ath__arena       arena = {0};
    const struct ath__yaml *root = NULL;
    ath_error               err;
    assert_int_equal(ath__file_write(path, recipe, sizeof recipe - 1, &err), ATH_OK);
    assert_int_equal(ath__yaml_read(&arena, path, &root, &err), ATH_OK);
    assert_string_equal(ath__yaml_get(root, "model")->text, "lenet5");
    assert_int_equal(ath__file_write(path, "a: [", 4, &err), ATH_OK);
    assert_int_equal(ath__yaml_read(&arena, path, &root, &err), ATH_DATA);
    assert_non_null(strstr(err.where, path));
    unlink(path);
    assert_int_equal(ath__yaml_read(&arena, path, &root, &err), ATH_DATA);
    assert_non_null(strstr(err.message, "there is no file"));
    ath__arena_free(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tree_and_lines), cmocka_unit_test(test_nothing_is_an_empty_scalar),
        cmocka_unit_test(test_refusals),       cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_files),          cmocka_unit_test(test_every_allocation_failing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
