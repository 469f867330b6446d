/* Networks written as C99: they compile without a warning in every compiler that is here, and compute what Athanor
 * computes. The compiled program takes bytes; Athanor gets the same picture, normalised.
 *
 * Tolerance: both sides sum in float32 in different orders, and weights that were folded in double precision carry one
 * rounding more: u * sqrt(longest sum) a layer, of the largest logit.
 */
#include "format/export.h"
#include "support/small_network.h"

#include "base/mem.h"
#include "base/rng.h"

#include <dlfcn.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *const compilers[] = {"gcc -O3 -Wextra -pedantic", "clang -O1 -Wextra -pedantic", "tcc"};
enum { COMPILERS = 3 };
static bool there[COMPILERS];

static void must(ath_status status, const ath_error *err) {
    if (status != ATH_OK) fail_msg("%s (%s)", err->message, err->where);
}

static int find_compilers(void **state) {
    char command[128];
    (void)state;
    for (int i = 0; i < COMPILERS; i++) {
        snprintf(command, sizeof command, "command -v %.*s >/dev/null", (int)strcspn(compilers[i], " "), compilers[i]);
        there[i] = system(command) == 0;
    }
    return 0;
}

typedef void predict_fn(const unsigned char *image, float *result);

/* Compiles net.c and runs it over the picture. */
static void run_program(int compiler, const unsigned char *picture, float *result, const char *name) {
    char command[256], file[32];
    snprintf(file, sizeof file, "./net%d.so", compiler);
    snprintf(command, sizeof command, "%s -std=c99 -Wall -Werror -shared -fPIC net.c -o %s -lm", compilers[compiler],
             file);
    remove(file);
    if (system(command) != 0) fail_msg("%s: '%s' fails", name, command);
    void *library = dlopen(file, RTLD_NOW | RTLD_LOCAL);
    if (!library) fail_msg("%s", dlerror());
    predict_fn *predict;
    *(void **)(void *)&predict = dlsym(library, "net_predict");
    assert_non_null(predict);
    predict(picture, result);
    dlclose(library);
}

static const struct ath__export_images images = {.resize_height = 32,
                                                 .resize_width = 32,
                                                 .interpolation = "bilinear",
                                                 .mean = {0.4, 0.5, 0.6},
                                                 .deviation = {0.2, 0.25, 0.3}};

/* A picture of random bytes, and what the network sees of it. */
static unsigned char *draw(const struct small_network *net, float *image) {
    size_t          place = 0, plane = (size_t)net->height * (size_t)net->width, channels = (size_t)net->channels;
    unsigned char  *picture = ath__alloc(plane * channels);
    struct ath__rng rng;
    assert_non_null(picture);
    ath__rng_start(&rng, 4, ATH_RNG_TEST, 0, 0);
    for (size_t i = 0; i < plane; i++)
        for (size_t c = 0; c < channels; c++, place++) {
            picture[place] = (unsigned char)(255.0f * ath__rng_uniform(&rng));
            image[c * plane + i] = (float)((picture[place] / 255.0 - images.mean[c]) / images.deviation[c]);
        }
    return picture;
}

static void write_net(const struct small_network *small, bool softmax) {
    static const char *const names[10] = {"a", "b \"quoted\"", "\xe7\x8c\xab", "d ?/", "e\\", "f", "g", "h", "i", "*/"};
    struct ath__export_source source = {.model = small->model,
                                        .store = small->network->store,
                                        .name = "net",
                                        .softmax = softmax,
                                        .images = images,
                                        .class_names = names};
    struct ath__export        net;
    struct ath__str           notes = {0};
    ath_error                 err = {0};
    must(ath__export_create(&source, &net, &err), &err);
    must(ath__graph_format_find("c99")->write(&net, NULL, "net.c", &notes, &err), &err);
    ath__export_free(&net);
    ath__str_free(&notes);
}

static void check_net(const char *name, const char *options, int channels, int size, int layers, int only) {
    struct small_network small;
    float                result[10];
    small_network_make(&small, name, options, channels, size, 10);
    float         *image = small_network_image(&small, 1);
    unsigned char *picture = draw(&small, image);
    float         *logits = small_network_logits(&small, image), largest = 0.0f;
    for (int c = 0; c < 10; c++) largest = fmaxf(largest, fabsf(logits[c]));
    double tolerance = layers * ldexp(1.0, -24) * sqrt(512.0 * 9.0) * (double)largest;
    write_net(&small, false);
    for (int i = 0; i < COMPILERS; i++) {
        if (!there[i] || (only >= 0 && i != only)) continue;
        run_program(i, picture, result, name);
        for (int c = 0; c < 10; c++)
            if (!(fabs((double)result[c] - (double)logits[c]) <= tolerance))
                fail_msg("%s by %s: logit %d is %g, not %g (tolerance %g)", name, compilers[i], c, (double)result[c],
                         (double)logits[c], tolerance);
    }
    ath__free(image);
    ath__free(picture);
    ath__free(logits);
    small_network_free(&small);
}

static void skip_without_compiler(void) {
    if (there[0] || there[1] || there[2]) return;
    print_message("skipped: no C compiler is installed\n");
    skip();
}

static void small_nets(void **state) {
    (void)state;
    skip_without_compiler();
    check_net("lenet5", "", 1, 28, 5, -1);
    check_net("lenet5", "activation=relu pooling=max", 3, 32, 5, 2);
}

/* Residual sums, padded shortcuts, batch norms in front of convolutions, depth-wise convolutions. */
static void other_nets(void **state) {
    int first = there[2] ? 2 : there[0] ? 0 : 1;
    (void)state;
    skip_without_compiler();
    check_net("resnet20-cifar", "", 3, 32, 20, first);
    check_net("wrn-16-4", "width=1", 3, 32, 16, first);
    check_net("mobilenetv2-cifar", "", 3, 32, 53, first);
    check_net("shufflenetv2-0.5", "", 3, 64, 56, first); /* slices, permutations, concatenations, padded pooling */
}

static void probabilities(void **state) {
    struct small_network small;
    float                result[10], sum = 0.0f;
    (void)state;
    skip_without_compiler();
    small_network_make(&small, "lenet5", "", 1, 28, 10);
    float         *image = small_network_image(&small, 1);
    unsigned char *picture = draw(&small, image);
    write_net(&small, true);
    run_program(there[0] ? 0 : there[1] ? 1 : 2, picture, result, "lenet5");
    for (int c = 0; c < 10; c++) sum += result[c];
    assert_true(fabs((double)sum - 1.0) < 1e-6);
    ath__free(image);
    ath__free(picture);
    small_network_free(&small);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(small_nets), cmocka_unit_test(other_nets),
                                       cmocka_unit_test(probabilities)};
    return cmocka_run_group_tests(tests, find_compilers, NULL);
}
