/* Status codes, error reports, messages and growing strings. */
#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_texts_and_exit_codes(void **state) {
    (void)state;
    assert_string_equal(ath_status_text(ATH_DATA), "bad or missing data");
    assert_int_equal(ath_status_exit_code(ATH_OK), 0);
    assert_int_equal(ath_status_exit_code(ATH_USAGE), 2);
    assert_int_equal(ath_status_exit_code(ATH_DATA), 3);
    assert_int_equal(ath_status_exit_code(ATH_DIVERGED), 4);
    assert_int_equal(ath_status_exit_code(ATH_MEMORY), 5);
    assert_int_equal(ath_status_exit_code(ATH_TARGET), 6);
    assert_int_equal(ath_status_exit_code(ATH_INTERRUPTED), 130);
    assert_string_equal(ath_status_text((ath_status)99), "unknown status");
    assert_int_equal(ath_status_exit_code((ath_status)99), 1);
}

static void test_fail_fills_the_report(void **state) {
    (void)state;
    ath_error err = {0};
    assert_int_equal(ath__fail(&err, ATH_DATA, "a.gz", "label %d of %s", 11, "image 3"), ATH_DATA);
    assert_int_equal(err.code, ATH_DATA);
    assert_string_equal(err.message, "label 11 of image 3");
    assert_string_equal(err.where, "a.gz");
    assert_int_equal(ath__fail(NULL, ATH_IO, NULL, "unheard"), ATH_IO);
    /* A report may be built from the one that it replaces. */
    ath__fail(&err, ATH_DATA, err.where, "in the set: %s", err.message);
    assert_string_equal(err.message, "in the set: label 11 of image 3");
    assert_string_equal(err.where, "a.gz");
    assert_int_equal(ath__fail_memory(&err, "plan"), ATH_MEMORY);
    assert_string_equal(err.where, "plan");
    assert_int_equal(ath__fail_memory(NULL, NULL), ATH_MEMORY);
}

static void test_long_reports_are_cut_between_characters(void **state) {
    (void)state;
    ath_error err;
    char      text[1600] = "x";
    for (size_t i = 1; i + 1 < sizeof text; i += 2) memcpy(text + i, "\xC3\xA9", 3); /* e with acute accent */
    ath__fail(&err, ATH_DATA, text, "%s", text);
    size_t size = strlen(err.message);
    assert_in_range(size, sizeof err.message - 3, sizeof err.message - 1);
    assert_int_equal((unsigned char)err.message[size - 1], 0xA9);
    size = strlen(err.where);
    assert_in_range(size, sizeof err.where - 3, sizeof err.where - 1);
    assert_int_equal((unsigned char)err.where[size - 1], 0xA9);
}

static void test_copy_cuts(void **state) {
    (void)state;
    char text[4] = "???";
    ath__str_copy(text, sizeof text, "ab");
    assert_string_equal(text, "ab");
    ath__str_copy(text, sizeof text, "abc");
    assert_string_equal(text, "abc");
    ath__str_copy(text, sizeof text, "abcd");
    assert_string_equal(text, "abc");
    ath__str_copy(text, sizeof text, "ab\xE2\x82\xAC"); /* the euro sign does not fit */
    assert_string_equal(text, "ab");
    ath__str_copy(text, 0, "zz");
    assert_string_equal(text, "ab");
}

static void test_strings_grow(void **state) {
    (void)state;
    struct ath__str str = {0};
    assert_string_equal(ath__str_text(&str), "");
    for (int i = 0; i < 1000; i++) ath__str_printf(&str, "%d,", i);
    ath__str_append(&str, "end");
    ath__str_append_bytes(&str, "\0x", 2);
    assert_false(str.failed);
    assert_int_equal(str.size, 10 * 2 + 90 * 3 + 900 * 4 + 3 + 2);
    assert_memory_equal(ath__str_text(&str), "0,1,2,3,", 8);
    assert_string_equal(ath__str_text(&str) + str.size - 2 - 7, "999,end");
    ath__str_free(&str);
    assert_null(str.data);
}

static void test_strings_fail_once_and_stay_failed(void **state) {
    (void)state;
    struct ath__str str = {0};
    ath__str_append(&str, "kept");
    ath__mem_fail_at(1);
    for (int i = 0; i < 100; i++) ath__str_append(&str, "lost");
    ath__mem_fail_at(0);
    assert_true(str.failed);
    ath__str_append(&str, "more");
    assert_memory_equal(ath__str_text(&str), "keptlost", 8); /* what fitted before memory ran out */
    assert_null(strstr(ath__str_text(&str), "more"));
    ath__str_free(&str);
}

static void test_closest_names(void **state) {
    (void)state;
    static const char *const names[] = {"lr", "batch", "epochs", "momentum", "weight_decay", "optimizer"};
    const size_t             count = sizeof names / sizeof names[0];
    assert_string_equal(ath__str_closest("momentun", names, count), "momentum");
    assert_string_equal(ath__str_closest("bacth", names, count), "batch");
    assert_string_equal(ath__str_closest("epoch", names, count), "epochs");
    assert_string_equal(ath__str_closest("weightdecay", names, count), "weight_decay");
    assert_string_equal(ath__str_closest("optimiser", names, count), "optimizer");
    assert_null(ath__str_closest("zzzzzz", names, count));
    assert_null(ath__str_closest("", names, count));
    assert_null(ath__str_closest("x", names, count));
    char longer[200];
    memset(longer, 'a', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    assert_null(ath__str_closest(longer, names, count));
}

static char          heard[2000];
static ath_log_level heard_level;

static void hear(ath_log_level level, const char *message, void *context) {
    heard_level = level;
    strncpy(heard, message, sizeof heard - 1);
    *(int *)context += 1;
}

static void test_messages_reach_the_callback(void **state) {
    (void)state;
    int count = 0;
    ath__log(ATH_LOG_WARNING, "nobody %s", "listens");
    ath_log_set(hear, &count);
    ath__log(ATH_LOG_INFO, "plan of %d bytes", 42);
    assert_string_equal(heard, "plan of 42 bytes");
    assert_int_equal(heard_level, ATH_LOG_INFO);
    ath_log_set(NULL, NULL);
    ath__log(ATH_LOG_WARNING, "unheard");
    assert_int_equal(count, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts_and_exit_codes),
        cmocka_unit_test(test_fail_fills_the_report),
        cmocka_unit_test(test_long_reports_are_cut_between_characters),
        cmocka_unit_test(test_copy_cuts),
        cmocka_unit_test(test_strings_grow),
        cmocka_unit_test(test_strings_fail_once_and_stay_failed),
        cmocka_unit_test(test_closest_names),
        cmocka_unit_test(test_messages_reach_the_callback),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
