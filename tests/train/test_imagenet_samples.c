/* MobileNetV2 with the published ImageNet weights on real photos, where $ATHANOR_DATA has them: each photo's class is the
 * one that the reference gives it (labels.csv: float32, Pillow's decoder and antialiased bilinear resize), along the way
 * that `predict` takes; and on the reference's own cut of the photo the five stored logits come out within 0.05, which
 * leaves room for a decoder that rounds otherwise (a grey level is 1/127.5 of the input).
 *
 * The cuts differ by up to one pixel: the reference rounds the longer side to the nearest pixel and the margin down,
 * `predict` does as torchvision.
 */
#include "data/photo/photo_file.h"
#include "data/preprocess.h"
#include "train/source.h"

#include "base/mem.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SIDE = 224, SHORTER = 256, CLASSES = 1000, PHOTOS = 24, STORED = 5 };

struct bench {
    struct ath__source       source;
    struct ath__preprocessor preprocessor;
    struct ath__fitter       fitter;
    struct ath__picture      picture;
    unsigned char            pixels[3 * SIDE * SIDE];
    float                    values[3 * SIDE * SIDE], logits[CLASSES];
};

static void must(ath_status status, const ath_error *err) {
    if (status != ATH_OK) fail_msg("%s (%s)", err->message, err->where);
}

static void open_bench(struct bench *bench) {
    static const char *const settings[][2] = {{"model", "mobilenetv2"},
                                              {"model.padding", "same"},
                                              {"model.bn", "folded"},
                                              {"resize", "256"},
                                              {"crop", "224"},
                                              {"normalize", "half"},
                                              {"weights", "mobilenet_v2_imagenet_folded.safetensors"}};
    ath_error                err = {0};
    ath_config              *config;
    must(ath_config_create(&config, &err), &err);
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++)
        must(ath_config_set(config, settings[i][0], settings[i][1], ATH_ORIGIN_COMMAND_LINE, &err), &err);
    must(ath__source_open(config, NULL, &bench->source, &err), &err);
    ath_config_destroy(config);
    must(ath__preprocessor_open(&bench->preprocessor, &bench->source.info.preprocess, 3, 0, 0, &err), &err);
}

static void keep(void *context, const struct ath__samples *samples, const float *logits, const float *losses) {
    (void)samples;
    (void)losses;
    memcpy(context, logits, CLASSES * sizeof(float));
}

/* The fitted pixels through the network; returns the class. */
static int classify(struct bench *bench) {
    struct ath__samples samples = {.images = bench->values, .count = 1};
    ath_error           err = {0};
    int                 best = 0;
    ath__preprocessor_normalise(&bench->preprocessor, bench->pixels, bench->values);
    must(ath__network_eval(bench->source.network, &samples, keep, bench->logits, &err), &err);
    for (int c = 1; c < CLASSES; c++)
        if (bench->logits[c] > bench->logits[best]) best = c;
    return best;
}

/* The reference's cut: longer side to the nearest pixel, margins rounded down. */
static void fit_as_reference(struct bench *bench) {
    const struct ath__picture *p = &bench->picture;
    int                        shorter = p->height < p->width ? p->height : p->width;
    int                        height = (int)lround((double)p->height * SHORTER / shorter);
    int                        width = (int)lround((double)p->width * SHORTER / shorter);
    struct ath__part           all = {0, 0, p->height, p->width};
    struct ath__part           cut = {(height - SIDE) / 2, (width - SIDE) / 2, SIDE, SIDE};
    ath_error                  err = {0};
    must(ath__fitter_fit(&bench->fitter, p, &all, height, width, bench->preprocessor.settings.filter, &cut,
                         bench->pixels, &err),
         &err);
}

/* "file,index,class:logit,...": returns the largest distance from the five logits. */
static double compare_photo(struct bench *bench, const char *folder, char *line) {
    char      path[1200], *file = strtok(line, ","), *item = strtok(NULL, ",");
    double    worst = 0.0;
    ath_error err = {0};
    snprintf(path, sizeof path, "%s/%s", folder, file);
    must(ath__photo_read(path, 3, 0, &bench->picture, &err), &err);
    fit_as_reference(bench);
    classify(bench);
    int expected = -1;
    for (int k = 0; k < STORED; k++) {
        int    index;
        double logit;
        item = strtok(NULL, ",\r\n");
        assert_non_null(item);
        assert_int_equal(sscanf(item, "%d:%lf", &index, &logit), 2);
        assert_in_range(index, 0, CLASSES - 1);
        if (k == 0) expected = index;
        worst = fmax(worst, fabs((double)bench->logits[index] - logit));
    }
    must(ath__preprocessor_fit(&bench->preprocessor, &bench->picture, &bench->fitter, bench->pixels, &err), &err);
    int found = classify(bench);
    if (found != expected) fail_msg("%s is taken for class %d instead of %d", file, found, expected);
    if (worst > 0.05) fail_msg("%s: a logit is off by %.3g", file, worst);
    return worst;
}

static void photos_get_their_classes(void **state) {
    char          folder[1024], path[1100], line[1024];
    struct bench *bench = ATH_NEW(struct bench);
    double        worst = 0.0;
    int           photos = 0;
    (void)state;
    assert_non_null(bench);
    open_bench(bench);
    snprintf(folder, sizeof folder, "%s/imagenet_samples", getenv("ATHANOR_DATA"));
    snprintf(path, sizeof path, "%s/labels.csv", folder);
    FILE *labels = fopen(path, "r");
    assert_non_null(labels);
    assert_non_null(fgets(line, sizeof line, labels)); /* the header */
    for (; fgets(line, sizeof line, labels); photos++) worst = fmax(worst, compare_photo(bench, folder, line));
    fclose(labels);
    assert_int_equal(photos, PHOTOS);
    print_message("%d photos; logits differ by at most %.3g\n", photos, worst);
    ath__fitter_close(&bench->fitter);
    ath__picture_free(&bench->picture);
    ath__source_close(&bench->source);
    ath__free(bench);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(photos_get_their_classes)};
    const char             *data = getenv("ATHANOR_DATA");
    char                    path[1200];
    snprintf(path, sizeof path, "%s/imagenet_samples/labels.csv", data ? data : "");
    FILE *file = data ? fopen(path, "r") : NULL;
    if (!file) {
        printf("skipped: ATHANOR_DATA names no folder with imagenet_samples/labels.csv\n");
        return 77;
    }
    fclose(file);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
