/* Libraries loaded at first use: found under a later name, missing, and too old. */
#include "base/lazy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

struct table {
    double (*fabs)(double);
    double (*fmax)(double, double);
};

static void test_second_name_is_found(void **state) {
    (void)state;
    static const char *const files[] = {"libathanor-is-not-there.so.9", "libm.so.6", NULL};
    static const char *const names[] = {"fabs", "fmax"};
    struct table             table = {NULL, NULL};
    struct ath__lazy         library = {
                .files = files, .need = "numbers need libm", .names = names, .count = 2, .table = &table};
    ath_error err;
    assert_int_equal(ath__lazy_load(&library, &err), ATH_OK);
    assert_true(table.fabs(-3.0) == 3.0);
    assert_true(table.fmax(4.0, 5.0) == 5.0);
    table.fabs = NULL;
    assert_int_equal(ath__lazy_load(&library, &err), ATH_OK);
    assert_null(table.fabs); /* loaded once */
}

static void test_a_missing_library_is_an_ordinary_error(void **state) {
    (void)state;
    static const char *const files[] = {"libathanor-is-not-there.so.9", NULL};
    static const char *const names[] = {"fabs"};
    struct table             table = {NULL, NULL};
    struct ath__lazy         library = {
                .files = files, .need = "numbers need libm", .names = names, .count = 1, .table = &table};
    ath_error err;
    assert_int_equal(ath__lazy_load(&library, &err), ATH_UNSUPPORTED);
    assert_non_null(strstr(err.message, "numbers need libm"));
    assert_non_null(strstr(err.message, "install it"));
    assert_null(table.fabs);
}

static void test_a_library_without_the_function(void **state) {
    (void)state;
    static const char *const files[] = {"libm.so.6", NULL};
    static const char *const names[] = {"fabs", "no_such_function"};
    struct table             table = {NULL, NULL};
    struct ath__lazy         library = {
                .files = files, .need = "numbers need libm", .names = names, .count = 2, .table = &table};
    ath_error err;
    assert_int_equal(ath__lazy_load(&library, &err), ATH_UNSUPPORTED);
    assert_non_null(strstr(err.message, "no_such_function"));
    assert_false(library.loaded);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_second_name_is_found),
        cmocka_unit_test(test_a_missing_library_is_an_ordinary_error),
        cmocka_unit_test(test_a_library_without_the_function),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
