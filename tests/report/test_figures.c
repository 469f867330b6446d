/* Figures: ticks are round and within the axis, every kind of run can be drawn, a PNG is what a PNG reader reads. */
#include "base/file.h"
#include "base/mem.h"
#include "report/curves.h"
#include "report/plot.h"
#include "report/plot_ticks.h"
#include "report/results_csv.h"

#include <cairo.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { MOST = 300 };
static ath_epoch rows[MOST];

static void make_rows(int count) {
    for (int i = 0; i < count; i++) {
        double left = exp(-(i + 1) / (0.2 * count + 1.0));
        rows[i] = (ath_epoch){.epoch = i + 1,
                              .lr = 0.1 * left,
                              .train_loss = 2.3 * left + 0.004,
                              .train_top1 = 100.0 - 60.0 * left,
                              .val_loss = 2.2 * left + 0.05,
                              .val_top1 = 99.0 - 58.0 * left,
                              .seconds = 1.0,
                              .images_per_second = 50000.0,
                              .data_wait = 0.01,
                              .ema_loss = NAN,
                              .ema_top1 = NAN,
                              .grad_norm = NAN};
    }
}

static void check_axis(const struct ath__axis *axis) {
    assert_true(isfinite(axis->low) && isfinite(axis->high) && axis->low < axis->high);
    assert_true(axis->tick_count <= ATH_MAX_TICKS);
    for (int i = 0; i < axis->tick_count; i++) {
        double place = ath__axis_place(axis, axis->ticks[i]);
        assert_true(place > -1e-6 && place < 1.0 + 1e-6);
        if (i > 0) assert_true(axis->ticks[i] > axis->ticks[i - 1]);
    }
}

static void linear_ticks(void **state) {
    (void)state;
    struct ath__axis axis;
    char             text[32];
    ath__axis_linear(&axis, 0.0, 1.0, 5, false, 0.0, NAN);
    check_axis(&axis);
    assert_int_equal(axis.tick_count, 3); /* 1.05 / 5 = 0.21, so steps of 0.5 */
    ath__axis_label(&axis, 1, text, sizeof text);
    assert_string_equal(text, "0.5");
    ath__axis_linear(&axis, 98.2, 99.9, 6, false, 0.0, 100.0);
    check_axis(&axis);
    assert_true(axis.low > 97.0 && axis.high <= 100.0);
    ath__axis_linear(&axis, 1.0, 5.0, 10, true, NAN, NAN);
    check_axis(&axis);
    assert_int_equal(axis.tick_count, 5);
    ath__axis_label(&axis, 4, text, sizeof text);
    assert_string_equal(text, "5");
    ath__axis_linear(&axis, 1.0, 1.0, 10, true, NAN, NAN);
    check_axis(&axis);
    assert_int_equal(axis.tick_count, 1);
    ath__axis_linear(&axis, 100.0, 100.0, 6, false, 0.0, 100.0);
    check_axis(&axis);
}

static void ticks_of_any_range(void **state) {
    (void)state;
    static const double values[] = {0.0, 5e-324, 1e-300, 1e-9, 0.3, 1.0, 99.9, 1e5, 123456789.0, 1e30, 1e300};
    enum { COUNT = sizeof values / sizeof values[0] };
    for (int a = 0; a < COUNT; a++) {
        for (int b = a; b < COUNT; b++) {
            struct ath__axis axis;
            for (int wanted = 1; wanted < 10; wanted += 4) {
                ath__axis_linear(&axis, values[a], values[b], wanted, false, NAN, NAN);
                check_axis(&axis);
                ath__axis_linear(&axis, -values[b], values[a], wanted, false, NAN, NAN);
                check_axis(&axis);
                if (values[a] < 1e-200) continue;
                ath__axis_log(&axis, values[a], values[b], wanted);
                check_axis(&axis);
            }
        }
    }
}

static void log_ticks(void **state) {
    (void)state;
    struct ath__axis axis;
    ath__axis_log(&axis, 0.001, 0.1, 2); /* the powers of a step schedule are named, not those between them */
    check_axis(&axis);
    assert_int_equal(axis.tick_count, 2);
    assert_true(fabs(axis.ticks[0] - 0.001) < 1e-12 && fabs(axis.ticks[1] - 0.1) < 1e-12);
    ath__axis_log(&axis, 0.02, 2.0, 7);
    check_axis(&axis);
    assert_true(axis.tick_count >= 6); /* 0.02 0.05 0.1 0.2 0.5 1 2 */
    ath__axis_log(&axis, 1e-8, 1e30, 6);
    check_axis(&axis);
    assert_true(axis.tick_count >= 3 && axis.tick_count <= 7);
}

static cairo_status_t read_bytes(void *source, unsigned char *bytes, unsigned size) {
    struct ath__str *text = source; /* `capacity` serves as the place read up to */
    if (text->size - text->capacity < size) return CAIRO_STATUS_READ_ERROR;
    memcpy(bytes, text->data + text->capacity, size);
    text->capacity += size;
    return CAIRO_STATUS_SUCCESS;
}

/* Decodes the PNG; `colors` receives how many pixels are near the two lines' colours. */
static void check_png(const struct ath__str *png, int *width, int *height, int colors[2]) {
    struct ath__str  source = {.data = png->data, .size = png->size};
    cairo_surface_t *surface = cairo_image_surface_create_from_png_stream(read_bytes, &source);
    assert_int_equal(cairo_surface_status(surface), CAIRO_STATUS_SUCCESS);
    *width = cairo_image_surface_get_width(surface);
    *height = cairo_image_surface_get_height(surface);
    int                  stride = cairo_image_surface_get_stride(surface);
    const unsigned char *pixels = cairo_image_surface_get_data(surface);
    colors[0] = colors[1] = 0;
    for (int y = 0; y < *height; y++) {
        for (int x = 0; x < *width; x++) {
            uint32_t pixel;
            memcpy(&pixel, pixels + y * stride + 4 * x, 4);
            colors[0] += (pixel & 0xffffff) == 0xf59e0b;
            colors[1] += (pixel & 0xffffff) == 0x2563eb;
        }
    }
    cairo_surface_destroy(surface);
}

static void draw(const char *title, int count, int least_of_each_line) {
    struct ath__str png = {0}, svg = {0}, again = {0};
    ath_error       err = {0};
    int             width, height, colors[2];
    if (ath__curves_png(title, rows, count, &png, &err) != ATH_OK) fail_msg("%s", err.message);
    check_png(&png, &width, &height, colors);
    assert_int_equal(width, 1800);
    assert_true(height > 700 && height < 1200);
    for (int i = 0; i < 2; i++)
        if (colors[i] < least_of_each_line) fail_msg("%d epochs: line %d has %d pixels", count, i, colors[i]);
    assert_int_equal(ath__curves_png(title, rows, count, &again, &err), ATH_OK);
    assert_int_equal(again.size, png.size);
    assert_memory_equal(again.data, png.data, png.size); /* the same run gives the same file */
    if (ath__curves_svg(title, rows, count, &svg, &err) != ATH_OK) fail_msg("%s", err.message);
    assert_non_null(strstr(svg.data, "<svg"));
    assert_non_null(strstr(svg.data, "</svg>"));
    assert_null(strstr(svg.data, "<image"));
    assert_null(strstr(svg.data, "NaN"));
    ath__str_free(&png);
    ath__str_free(&svg);
    ath__str_free(&again);
}

static void curves_of_any_length(void **state) {
    (void)state;
    static const int counts[] = {0, 1, 2, 5, 20, MOST};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        make_rows(counts[i]);
        /* A legend's sample alone is 20 x 2.4 pixels, times the square of the scale: about 100. A point's dot, with
         * radius 3, adds about 60 in each of the two panels, a line more; dots may cover each other where accuracies
         * meet. */
        draw("lenet5 on mnist", counts[i], counts[i] == 0 ? 0 : 150);
    }
}

static void curves_of_bad_runs(void **state) {
    (void)state;
    make_rows(12);
    for (int i = 7; i < 12; i++) rows[i].train_loss = NAN, rows[i].val_loss = INFINITY;
    rows[6].train_loss = 3e38;
    draw("diverged", 12, 150);
    for (int i = 0; i < 12; i++)
        rows[i].train_loss = rows[i].val_loss = rows[i].train_top1 = rows[i].val_top1 = rows[i].lr = NAN;
    draw("nothing finite", 12, 0);
    make_rows(10);
    for (int i = 0; i < 10; i++)
        rows[i].train_loss = rows[i].val_loss = 0.0, rows[i].train_top1 = rows[i].val_top1 = 100.0;
    draw("perfect", 10, 0);
    make_rows(3);
    char title[2000];
    memset(title, 'x', sizeof title - 1);
    title[sizeof title - 1] = '\0';
    draw(title, 3, 150);
    draw("größe 数字 \xFF\xC0 <b>&amp;</b> %s %n", 3, 150);
    draw("", 3, 150);
}

static void best_epoch(void **state) {
    (void)state;
    make_rows(10);
    for (int i = 0; i < 10; i++) rows[i].val_top1 = 50.0;
    assert_int_equal(ath__curves_best(rows, 10), 0);
    rows[4].val_top1 = rows[7].val_top1 = 60.0;
    rows[8].val_top1 = NAN;
    assert_int_equal(ath__curves_best(rows, 10), 4);
    assert_int_equal(ath__curves_best(rows, 0), -1);
}

static void several_runs(void **state) {
    (void)state;
    ath_error                err = {0};
    static const char *const names[] = {"LeNet-5", "3x3 kernels", "half width"}, *const paths[] = {"a.csv", "b.csv",
                                                                                                   "c"};
    make_rows(20);
    assert_int_equal(ath__results_csv_write("a.csv", rows, 20, &err), ATH_OK);
    assert_int_equal(ath__results_csv_write("b.csv", rows, 1, &err), ATH_OK);
    assert_int_equal(ath__folder_make("c", &err), ATH_OK);
    assert_int_equal(ath__results_csv_write("c/results.csv", rows, 0, &err), ATH_OK);
    if (ath_runs_plot("variants", names, paths, 3, "runs.png", "runs.svg", &err) != ATH_OK) fail_msg("%s", err.message);
    assert_true(ath__file_exists("runs.png") && ath__file_exists("runs.svg"));
    assert_int_equal(ath_runs_plot("x", names, paths, 0, "none.png", NULL, &err), ATH_USAGE);
    assert_int_equal(ath_runs_plot("x", names, paths, 17, "none.png", NULL, &err), ATH_USAGE);
    static const char *const missing[] = {"a.csv", "missing.csv"};
    assert_int_equal(ath_runs_plot("x", names, missing, 2, "none.png", NULL, &err), ATH_DATA);
    assert_false(ath__file_exists("none.png"));
    assert_int_equal(ath_runs_plot("x", names, paths, 1, "no/folder/x.png", NULL, &err), ATH_IO);
}

static void drawing_without_memory(void **state) {
    (void)state;
    make_rows(5);
    uint64_t live = ath__mem_stats().live_bytes;
    for (uint64_t n = 1; n < 12; n++) {
        struct ath__str png = {0};
        ath_error       err = {0};
        ath__mem_fail_at(n);
        ath_status status = ath__curves_png("x", rows, 5, &png, &err);
        ath__mem_fail_at(0);
        assert_int_equal(status, ATH_MEMORY);
        ath__str_free(&png);
    }
    assert_int_equal(ath__mem_stats().live_bytes, live);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(linear_ticks), cmocka_unit_test(ticks_of_any_range),     cmocka_unit_test(log_ticks),
        cmocka_unit_test(best_epoch),   cmocka_unit_test(curves_of_any_length),   cmocka_unit_test(curves_of_bad_runs),
        cmocka_unit_test(several_runs), cmocka_unit_test(drawing_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
