/* The report and the figures of an evaluation: complete, self-contained, small, and safe with any names, for ten
 * classes, a hundred and more; findings can be put in later. */
#include "base/file.h"
#include "base/mem.h"
#include "report/confusion.h"
#include "report/html.h"
#include "report/html_parts.h"
#include "report/plot_gallery.h"
#include "train/metrics.h"

#include <cairo.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { EPOCHS = 30, MOST = 1000 };

static void must(ath_status status, const ath_error *err) {
    if (status != ATH_OK) fail_msg("%s", err->message);
}

/* A net that confuses neighbours: 20 images a class, of which the last few go to the next class and one to the seventh.
 * Names of a hundred classes are of many lengths, and some would break a page. */
static ath_eval_result make_scores(int classes, char names[MOST][48]) {
    static const char *const words[] = {
        "beaver", "aquarium fish", "sweet pepper", "castle", "<b>\"caterpillar\" & co</b>",
        "größe",  "lawn mower",    "猫",           "tank",   "oak"};
    const char         *listed[MOST];
    struct ath__metrics metrics;
    ath_eval_result     result;
    ath_error           err = {0};
    must(ath__metrics_start(&metrics, classes, true, &err), &err);
    float *logits = ath__alloc_array((size_t)classes, sizeof(float));
    for (int c = 0; c < classes; c++) {
        snprintf(names[c], 48, classes <= 10 ? "%s" : "%s %d", words[c % 10], c);
        listed[c] = names[c];
        for (int i = 0; i < 20; i++) {
            int32_t             label = c;
            struct ath__samples samples = {.labels = &label, .count = 1};
            int                 guess = i < 15 - c % 4 ? c : i < 19 ? (c + 1) % classes : (c + 7) % classes;
            for (int k = 0; k < classes; k++) logits[k] = (float)((k * 31 + i) % 7) * 0.1f;
            logits[guess] = 3.0f + 0.3f * (float)i;
            ath__metrics_add(&metrics, &samples, logits, NULL);
        }
    }
    must(ath__metrics_result(&metrics, (struct ath__class_labels){.names = listed}, "flip", &result, &err), &err);
    ath__metrics_free(&metrics);
    ath__free(logits);
    return result;
}

static void make_thumbnails(struct ath__thumbnail *thumbnails, int channels, int height, int width) {
    unsigned char *pixels = ath__alloc((size_t)channels * (size_t)height * (size_t)width);
    ath_error      err = {0};
    for (int i = 0; i < ATH_WORST; i++) {
        for (int c = 0; c < channels; c++)
            for (int y = 0; y < height; y++)
                for (int x = 0; x < width; x++)
                    pixels[(c * height + y) * width + x] =
                        (unsigned char)(x * 255 / width + (c + i) * 40 + y * (i % 3));
        must(ath__thumbnail_make(pixels, channels, height, width, &thumbnails[i], &err), &err);
    }
    ath__free(pixels);
}

static void free_thumbnails(struct ath__thumbnail *thumbnails) {
    for (int i = 0; i < ATH_WORST; i++) ath__thumbnail_free(&thumbnails[i]);
}

static void thumbnails_of_any_image(void **state) {
    (void)state;
    struct ath__thumbnail t;
    ath_error             err = {0};
    unsigned char         planes[] = {1, 2, 3, 4, 11, 12, 13, 14, 21, 22, 23, 24, 31, 32, 33, 34};
    must(ath__thumbnail_make(planes, 4, 2, 2, &t, &err), &err); /* the fourth channel is left out */
    assert_true(t.width == 2 && t.height == 2);
    assert_memory_equal(t.rgb, ((unsigned char[]){1, 11, 21, 2, 12, 22, 3, 13, 23, 4, 14, 24}), 12);
    ath__thumbnail_free(&t);
    must(ath__thumbnail_make(planes, 1, 2, 2, &t, &err), &err);
    assert_memory_equal(t.rgb, ((unsigned char[]){1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4}), 12);
    ath__thumbnail_free(&t);
    static unsigned char wide[3 * 10 * 4000];
    memset(wide, 77, sizeof wide);
    must(ath__thumbnail_make(wide, 3, 10, 4000, &t, &err), &err);
    assert_true(t.width == ATH_THUMBNAIL_SIDE && t.height == 1);
    for (int i = 0; i < 3 * ATH_THUMBNAIL_SIDE; i++) assert_int_equal(t.rgb[i], 77);
    ath__thumbnail_free(&t);
}

static const char findings_text[] =
    "{\"findings\":[{\"code\":\"LR-DEAD\",\"title\":\"The rate decayed to nothing\",\"evidence\":\"1e-10 after 3 of 30 "
    "epochs, <script>\",\"cause\":\"a schedule of epochs stepped per batch\",\"change\":\"schedule.every=10ep\","
    "\"confidence\":0.95},{\"code\":\"NORM\",\"title\":\"x\",\"change\":[\"normalize=auto\",\"batch=64\"],\"confidence\":"
    "\"high\"},7,{}]}";

static ath_status write_page(const char *path, int classes, const char *findings, size_t *size) {
    static char             names[MOST][48];
    ath_eval_result         scores = make_scores(classes, names);
    ath_epoch               rows[EPOCHS];
    struct ath__thumbnail   thumbnails[ATH_WORST];
    struct ath__config_line settings[] = {{"model", "resnet18-cifar", "command line", true, NULL},
                                          {"lr", "0.1", "recipe cifar10/resnet18", false, NULL},
                                          {"model.note", "<script>alert(1)</script>", "command line", true, NULL},
                                          {"seed", "1", "default", false, NULL}};
    ath_layer_profile       layers[] = {{"conv1", "conv2d", "128x64x32x32", "winograd", 1728, 1769472, 3.25},
                                        {"<fc>", "matmul", "128x10", "onednn", 5130, 5120, 0.4}};
    ath_profile             profile = {.layers = layers, .layer_count = 2};
    struct ath__environment environment = {.version = "0.1.0", .processor = "a <processor>", .time = "now"};
    ath_train_result        result = {.model = "resnet18",
                                      .data = "cifar10",
                                      .run = "runs/x",
                                      .params = 11173962,
                                      .macs = 556000000,
                                      .epochs = EPOCHS,
                                      .top1_best = 71.5,
                                      .epoch_best = 28,
                                      .seconds = 4000.0};
    for (int i = 0; i < EPOCHS; i++) {
        double left = exp(-i / 8.0);
        rows[i] = (ath_epoch){.epoch = i + 1,
                              .lr = 0.1 * left,
                              .train_loss = 2.3 * left + 0.02,
                              .train_top1 = 100.0 - 85.0 * left,
                              .val_loss = i == 9 ? (double)NAN : 2.0 * left + 0.3,
                              .val_top1 = 95.0 - 75.0 * left,
                              .seconds = 120.0,
                              .images_per_second = 420.0,
                              .data_wait = 0.01};
    }
    make_thumbnails(thumbnails, 3, 32, 32);
    struct ath__report report = {.title = "resnet18 on <cifar10>",
                                 .result = &result,
                                 .settings = settings,
                                 .setting_count = 4,
                                 .epochs = rows,
                                 .epoch_count = EPOCHS,
                                 .environment = &environment,
                                 .scores = &scores,
                                 .worst = thumbnails,
                                 .layers = &profile,
                                 .layers_batch = 128,
                                 .findings = findings};
    ath_error          err = {0};
    ath_status         status = ath__report_html_write(path, &report, &err);
    char              *text;
    if (status == ATH_OK) {
        must(ath__file_read(path, 1 << 24, &text, size, &err), &err);
        ath__free(text);
    }
    free_thumbnails(thumbnails);
    ath_eval_result_free(&scores);
    return status;
}

static void check_page(const char *path) {
    static const char *const never[] = {"<script",   "src=\"http", "<link", "@import", "url(", "<b>\"", "<fc>",
                                        "<cifar10>", "a <p",       "nan\"", "inf\"",   " nan", "-nan"};
    size_t                   size, opened = 0, closed = 0;
    char                    *text;
    ath_error                err = {0};
    must(ath__file_read(path, 1 << 24, &text, &size, &err), &err);
    for (size_t i = 0; i < sizeof never / sizeof never[0]; i++)
        if (strstr(text, never[i])) fail_msg("%s holds %s", path, never[i]);
    for (const char *at = text; (at = strstr(at, "<section")) != NULL; at++) opened++;
    for (const char *at = text; (at = strstr(at, "</section>")) != NULL; at++) closed++;
    assert_true(opened >= 9);
    assert_int_equal(opened, closed);
    assert_non_null(strstr(text, "prefers-color-scheme:dark"));
    assert_non_null(strstr(text, "&lt;script&gt;alert(1)&lt;/script&gt;"));
    ath__free(text);
}

/* 24 pictures of 32 x 32 with their names take some 80 KiB; a page is a fraction of a megabyte. */
static void pages(void **state) {
    (void)state;
    static const int classes[] = {10, 2, 100, 300};
    for (int i = 0; i < 4; i++) {
        char   path[64];
        size_t size = 0;
        snprintf(path, sizeof path, "page-%d.html", classes[i]);
        assert_int_equal(write_page(path, classes[i], i == 0 ? findings_text : NULL, &size), ATH_OK);
        check_page(path);
        print_message("a report of %d classes: %d KiB\n", classes[i], (int)(size / 1024));
        assert_true(size < 512 * 1024);
    }
}

static bool holds(const char *path, const char *what) {
    size_t    size;
    char     *text;
    ath_error err = {0};
    must(ath__file_read(path, 1 << 24, &text, &size, &err), &err);
    bool found = strstr(text, what) != NULL;
    ath__free(text);
    return found;
}

static void findings_come_later(void **state) {
    (void)state;
    size_t    size;
    ath_error err = {0};
    assert_int_equal(write_page("later.html", 10, NULL, &size), ATH_OK);
    assert_false(holds("later.html", "id=findings"));
    must(ath__report_html_findings("later.html", findings_text, &err), &err);
    check_page("later.html");
    assert_true(holds("later.html", "LR-DEAD") && holds("later.html", "<code>batch=64</code>") &&
                holds("later.html", "95%"));
    must(ath__report_html_findings("later.html", "{\"findings\":[]}", &err), &err);
    assert_true(holds("later.html", "id=findings") && !holds("later.html", "LR-DEAD"));
    static const char *const broken[] = {"", "{", "[]", "{\"findings\":7}", "\xFF"};
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        must(ath__report_html_findings("later.html", broken[i], &err), &err);
        assert_false(holds("later.html", "id=findings"));
    }
    must(ath__file_write("other.html", "<p>mine", 7, &err), &err);
    assert_int_equal(ath__report_html_findings("other.html", findings_text, &err), ATH_DATA);
    assert_true(holds("other.html", "<p>mine"));
}

static void confusions_in_order(void **state) {
    (void)state;
    int64_t               matrix[] = {9, 3, 0, 5, 1, 3, 0, 5, 2};
    ath_eval_result       scores = {.classes = 3, .confusion = matrix};
    struct ath__confusion c = {INT64_MAX, -1, -1};
    static const int      expected[][3] = {{5, 1, 0}, {5, 2, 1}, {3, 0, 1}, {3, 1, 2}};
    for (int i = 0; i < 4; i++) {
        assert_true(ath__confusion_next(&scores, &c));
        assert_true(c.count == expected[i][0] && c.row == expected[i][1] && c.column == expected[i][2]);
    }
    assert_false(ath__confusion_next(&scores, &c));
}

static void csv_quotes_names(void **state) {
    (void)state;
    int64_t         matrix[] = {1, 2, 3, 4};
    ath_class_score names[] = {{.name = "0", .title = "a, \"b\""}, {.name = "1", .title = "c"}};
    ath_eval_result scores = {.classes = 2, .confusion = matrix, .per_class = names};
    ath_error       err = {0};
    must(ath__confusion_csv_write("quotes.csv", &scores, &err), &err);
    assert_true(holds("quotes.csv", "true\\predicted,\"a, \"\"b\"\"\",c\n\"a, \"\"b\"\"\",1,2\nc,3,4\n"));
}

/* Every size can be drawn; the same scores give the same bytes; the picture is a PNG with both colours in it. */
static void figures(void **state) {
    (void)state;
    static char      names[MOST][48];
    static const int sizes[] = {2, 10, 26, 100, 1000};
    for (int i = 0; i < 5; i++) {
        ath_eval_result scores = make_scores(sizes[i], names);
        struct ath__str png = {0}, again = {0};
        ath_error       err = {0};
        char            path[64];
        must(ath__confusion_png("resnet18 on cifar10: 71.50% of 10,000 images", &scores, &png, &err), &err);
        must(ath__confusion_png("resnet18 on cifar10: 71.50% of 10,000 images", &scores, &again, &err), &err);
        assert_int_equal(png.size, again.size);
        assert_memory_equal(png.data, again.data, png.size);
        snprintf(path, sizeof path, "confusion-%d.png", sizes[i]);
        must(ath__file_write(path, png.data, png.size, &err), &err);
        cairo_surface_t *surface = cairo_image_surface_create_from_png(path);
        assert_int_equal(cairo_surface_status(surface), CAIRO_STATUS_SUCCESS);
        int width = cairo_image_surface_get_width(surface), height = cairo_image_surface_get_height(surface);
        int stride = cairo_image_surface_get_stride(surface), blue = 0, red = 0;
        assert_true(width >= 300 && width < 3000 && height >= 200 && height < 3000);
        for (int y = 0; y < height; y++) {
            for (int x = 0; x < width; x++) {
                const unsigned char *p = cairo_image_surface_get_data(surface) + y * stride + 4 * x;
                blue += p[0] > p[2] + 60;
                red += p[2] > p[0] + 60;
            }
        }
        assert_true(blue > 500 && red > 300);
        cairo_surface_destroy(surface);
        ath__str_free(&png);
        ath__str_free(&again);
        ath_eval_result_free(&scores);
    }
}

static void galleries(void **state) {
    (void)state;
    static char names[MOST][48];
    static const struct { int c, h, w; } images[] = {{1, 28, 28}, {3, 32, 32}, {3, 224, 224}, {3, 50, 300}};
    ath_eval_result scores = make_scores(10, names);
    for (int i = 0; i < 4; i++) {
        struct ath__thumbnail thumbnails[ATH_WORST];
        struct ath__str       png = {0};
        ath_error             err = {0};
        char                  path[64];
        make_thumbnails(thumbnails, images[i].c, images[i].h, images[i].w);
        must(ath__gallery_png("a net on images: the largest losses", &scores, thumbnails, &png, &err), &err);
        snprintf(path, sizeof path, "gallery-%d.png", i);
        must(ath__file_write(path, png.data, png.size, &err), &err);
        cairo_surface_t *surface = cairo_image_surface_create_from_png(path);
        assert_int_equal(cairo_surface_status(surface), CAIRO_STATUS_SUCCESS);
        assert_true(cairo_image_surface_get_height(surface) > 1000);
        cairo_surface_destroy(surface);
        ath__str_free(&png);
        free_thumbnails(thumbnails);
    }
    ath_eval_result_free(&scores);
}

static void without_memory(void **state) {
    (void)state;
    size_t   size;
    uint64_t live = ath__mem_stats().live_bytes;
    assert_int_equal(write_page("memory.html", 10, NULL, &size), ATH_OK);
    assert_int_equal(ath__mem_stats().live_bytes, live);
    static char     names[MOST][48];
    ath_eval_result scores = make_scores(10, names);
    live = ath__mem_stats().live_bytes;
    for (uint64_t n = 1; n < 12; n++) {
        struct ath__str png = {0};
        ath_error       err = {0};
        ath__mem_fail_at(n);
        ath_status status = ath__confusion_png("x", &scores, &png, &err);
        ath__mem_fail_at(0);
        assert_int_equal(status, ATH_MEMORY);
        ath__str_free(&png);
        assert_int_equal(ath__mem_stats().live_bytes, live);
    }
    ath_eval_result_free(&scores);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(thumbnails_of_any_image),
        cmocka_unit_test(pages),
        cmocka_unit_test(findings_come_later),
        cmocka_unit_test(confusions_in_order),
        cmocka_unit_test(csv_quotes_names),
        cmocka_unit_test(figures),
        cmocka_unit_test(galleries),
        cmocka_unit_test(without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
