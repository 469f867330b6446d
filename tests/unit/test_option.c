/* Option tables: defaults, parsing, and the messages for what is not allowed. */
#include "base/option.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

struct settings {
    int64_t count, side, mode, loud;
    double  rate;

    struct ath__range share;
};

static const struct ath__option table[] = {
    ATH_OPT_INT(struct settings, count, "7", 1, 100, "how many"),
    ATH_OPT_INT_OF(struct settings, side, "5", "3|5|11", "kernel side"),
    ATH_OPT_CHOICE(struct settings, mode, "avg", "max|avg|", "what of a window"),
    ATH_OPT_FLAG(struct settings, loud, "false", "whether it is heard"),
    ATH_OPT_REAL(struct settings, rate, "0.1", 0.0, 1.0, "how fast"),
    ATH_OPT_RANGE(struct settings, share, "0.1:0.4", 0.0, 1.0, "how much"),
    ATH_OPT_END,
};

static void defaults_and_text(void **state) {
    (void)state;
    struct settings s;
    char            text[64];
    ath__option_defaults(table, &s);
    assert_int_equal(s.count, 7);
    assert_int_equal(s.side, 5);
    assert_int_equal(s.mode, 1);
    assert_int_equal(s.loud, 0);
    assert_true(s.rate == 0.1);
    static const struct {
        const char *name, *value, *allowed;
    } texts[] = {{"count", "7", "1 to 100"},  {"side", "5", "3, 5, 11"},
                 {"mode", "avg", "max, avg"}, {"loud", "false", "false, true"},
                 {"rate", "0.1", "0 to 1"},   {"share", "0.1:0.4", "LOW:HIGH within 0 to 1"}};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        const struct ath__option *option = ath__option_find(table, texts[i].name);
        ath__option_value_text(option, &s, text, sizeof text);
        assert_string_equal(text, texts[i].value);
        ath__option_allowed_text(option, text, sizeof text);
        assert_string_equal(text, texts[i].allowed);
    }
}

static void values_are_set(void **state) {
    (void)state;
    struct settings s;
    ath_error       err = {0};
    ath__option_defaults(table, &s);
    assert_int_equal(ath__option_set_all(table, &s, "", "count=100  side=11 mode=max loud=on rate=1e-3", &err), ATH_OK);
    assert_int_equal(s.count, 100);
    assert_int_equal(s.side, 11);
    assert_int_equal(s.mode, 0);
    assert_int_equal(s.loud, 1);
    assert_true(s.rate == 1e-3);
    assert_true(s.share.low == 0.1 && s.share.high == 0.4);
    assert_int_equal(ath__option_set(table, &s, "", "share", "0:5e-1", &err), ATH_OK);
    assert_true(s.share.low == 0.0 && s.share.high == 0.5);
    assert_int_equal(ath__option_set(table, &s, "", "share", "0.25", &err), ATH_OK);
    assert_true(s.share.low == 0.25 && s.share.high == 0.25);
    assert_int_equal(ath__option_set_all(table, &s, "", NULL, &err), ATH_OK);
    assert_int_equal(ath__option_set_all(table, &s, "", "count", &err), ATH_USAGE);
}

static void refusals(void **state) {
    (void)state;
    static const struct {
        const char *key, *value, *part;
    } cases[] = {
        {"cuont", "1", "'m.count'"},
        {"count", "0", "1 to 100"},
        {"count", "101", "1 to 100"},
        {"count", "3.5", "1 to 100"},
        {"count", "", "1 to 100"},
        {"count", " 3", "1 to 100"},
        {"count", "99999999999999999999", "1 to 100"},
        {"side", "4", "3, 5, 11"},
        {"side", "05", "3, 5, 11"},
        {"mode", "avgg", "'avg'"},
        {"mode", "median", "max, avg"},
        {"mode", "", "max, avg"},
        {"loud", "maybe", "true"},
        {"rate", "abc", "0 to 1"},
        {"rate", "nan", "0 to 1"},
        {"rate", "inf", "0 to 1"},
        {"rate", "-0.1", "0 to 1"},
        {"share", "0.5:0.2", "within 0 to 1"},
        {"share", "0.5:1.2", "within 0 to 1"},
        {"share", "-0.5:0.2", "within 0 to 1"},
        {"share", ":0.2", "within 0 to 1"},
        {"share", "0.2:", "within 0 to 1"},
        {"share", "0.1:0.2:0.3", "within 0 to 1"},
        {"share", "nan", "within 0 to 1"},
        {"share", "", "within 0 to 1"},
        {"zzzzzz", "1", "m.count, m.side"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct settings s;
        ath_error       err = {0};
        ath__option_defaults(table, &s);
        assert_int_equal(ath__option_set(table, &s, "m.", cases[i].key, cases[i].value, &err), ATH_USAGE);
        if (!strstr(err.message, cases[i].part)) fail_msg("case %d: %s", (int)i, err.message);
        assert_int_equal(s.count, 7); /* a refused value changes nothing */
        assert_true(s.rate == 0.1);
        assert_true(s.share.low == 0.1 && s.share.high == 0.4);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_and_text),
        cmocka_unit_test(values_are_set),
        cmocka_unit_test(refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
