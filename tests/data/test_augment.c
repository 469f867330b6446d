/* The list of random transforms: reading it, what each transform does, and that an image's fate depends on its name
 * (seed, epoch, index, position in the list) alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "data/augment/augment.h"
#include "data/augment/transform.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHANNELS = 3, HEIGHT = 12, WIDTH = 16, PLANE = HEIGHT * WIDTH, PIXELS = CHANNELS * PLANE };

static const struct ath__preprocess preprocess = {.mean = {0.5, 0.25, 0.41}, .deviation = {0.5, 0.25, 0.2}};
static struct ath__preprocessor     preprocessor;
static unsigned char                picture[PIXELS];
static void                        *scratch;

static struct ath__augment *must_read(const char *text) {
    struct ath__augment *augment;
    ath_error            err = {0};
    if (ath__augment_open(text, &augment, &err) != ATH_OK) fail_msg("%s: %s", text, err.message);
    if (ath__augment_fit(augment, CHANNELS, HEIGHT, WIDTH, &err) != ATH_OK) fail_msg("%s: %s", text, err.message);
    return augment;
}

static void transform(const struct ath__augment *augment, uint32_t epoch, uint32_t index, float *dst) {
    ath__augment_image(augment, &(struct ath__draw){7, epoch, index}, &preprocessor, picture, dst, scratch);
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

static void lists_are_read(void **state) {
    (void)state;
    static const char *const good[] = {
        "[crop(4),flip,cutout(8)]",
        "crop(4), flip , cutout( 8 )",
        "[ crop( pad = 4 , mode=reflect ) ]",
        "crop()",
        "[erase(1,scale=0.1:0.2,ratio=1)]",
        "[flip,flip,flip,flip,flip,flip,flip,flip,flip,flip,flip,flip,flip,flip,mixup,cutmix]",
        "autoaugment,randaugment(2,9),trivialaugment,mixup(0.2)"};
    static const char *const empty[] = {NULL, "", "  ", "[]", "[ ]", "none", "[none]"};
    struct ath__augment     *augment;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        augment = must_read(good[i]);
        assert_non_null(augment);
        assert_int_equal(ath__augment_mixes(augment), strstr(good[i], "mix") != NULL);
        ath__augment_close(augment);
    }
    for (size_t i = 0; i < sizeof empty / sizeof empty[0]; i++) {
        assert_int_equal(ath__augment_open(empty[i], &augment, NULL), ATH_OK);
        assert_null(augment);
        assert_false(ath__augment_mixes(augment));
    }
}

static void faults_are_named(void **state) {
    (void)state;
    static const char *const bad[][2] = {
        {"[crpo(4)]", "did you mean 'crop'"},
        {"[sharpen]", "there are random_resized_crop, crop"},
        {"[crop(4,size=3)]", "no option 'crop.size'"},
        {"[crop(4,moed=reflect)]", "did you mean 'crop.mode'"},
        {"[crop(4,reflekt)]", "did you mean 'reflect'"},
        {"[crop(0)]", "crop.pad=0"},
        {"[crop(four)]", "crop.pad must be a whole number"},
        {"[crop(4,zero,5)]", "one argument too many"},
        {"[crop(4,,5)]", "an argument of crop is empty"},
        {"[crop(4,pad=5)]", "crop.pad is given twice"},
        {"[crop(mode=zero,mode=zero)]", "crop.mode is given twice"},
        {"[crop(4),]", "no name"},
        {"[,crop(4)]", "no name"},
        {"[(4)]", "no name"},
        {"[crop(4)", "only one of its brackets"},
        {"crop(4)]", "only one of its brackets"},
        {"[crop(4]", "missing"},
        {"[crop4)]", "has no '('"},
        {"[crop((4))]", "within the parentheses"},
        {"[crop(4)flip]", "behind the ')'"},
        {"[flip(1.5)]", "flip.p=1.5"},
        {"[flip(nan)]", "flip.p must be a number"},
        {"[erase(0.5,0.4:0.1)]", "erase.scale=0.4:0.1"},
        {"[erase(0.5,0.4:)]", "erase.scale=0.4:"},
        {"[erase(0.5,-1:0.3)]", "LOW:HIGH"},
        {"[mixup,flip]", "move mixup and cutmix to the end"},
        {"[autoaugment(imagenet)]", "cifar10"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct ath__augment *augment;
        ath_error            err = {0};
        if (ath__augment_open(bad[i][0], &augment, &err) != ATH_USAGE) fail_msg("%s was taken", bad[i][0]);
        assert_null(augment);
        assert_string_equal(err.where, "augment");
        if (!strstr(err.message, bad[i][1])) fail_msg("%s: '%s' is not in: %s", bad[i][0], bad[i][1], err.message);
    }
    char long_list[256] = "flip", long_item[256] = "crop(";
    for (int i = 0; i < 16; i++) strcat(long_list, ",flip");
    for (int i = 0; i < 200; i++) strcat(long_item, "4");
    struct ath__augment *augment;
    assert_int_equal(ath__augment_open(long_list, &augment, NULL), ATH_USAGE);
    assert_int_equal(ath__augment_open(strcat(long_item, ")"), &augment, NULL), ATH_USAGE);
}

static void sizes_are_checked(void **state) {
    (void)state;
    static const char *const bad[][2] = {{"flip,crop(12)", "crop(12)"}, {"cutout(13,inside)", "cutout(13"}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct ath__augment *augment;
        ath_error            err = {0};
        assert_int_equal(ath__augment_open(bad[i][0], &augment, NULL), ATH_OK);
        assert_int_equal(ath__augment_fit(augment, CHANNELS, HEIGHT, WIDTH, &err), ATH_USAGE);
        assert_non_null(strstr(err.message, bad[i][1]));
        assert_non_null(strstr(err.message, "12x16"));
        ath__augment_close(augment);
    }
}

/* docs/augmentation.md has a heading for each transform and names each of its arguments below it. */
static void documented(void **state) {
    (void)state;
    static char            text[1 << 17];
    ath_transform_entry    entry;
    ath_transform_argument argument;
    FILE                  *file = fopen(ATHANOR_TEST_SOURCE "/../docs/augmentation.md", "r");
    assert_non_null(file);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    int count = 0;
    for (; ath_transform_catalogue(count, &entry); count++) {
        char heading[80], name[80];
        snprintf(heading, sizeof heading, "\n### %s", entry.name);
        char *section = strstr(text, heading);
        if (!section) fail_msg("there is no section on %s", entry.name);
        char *end = strstr(section + 1, "\n### ");
        for (int k = 0; ath_transform_argument_at(count, k, &argument); k++) {
            snprintf(name, sizeof name, "`%s`", argument.name);
            char *found = strstr(section, name);
            if (!found || (end && found > end)) fail_msg("the section on %s does not name %s", entry.name, name);
        }
    }
    assert_int_equal(count, 15);
}

/* ---- what they do ------------------------------------------------------------------------------------------------ */

/* A second implementation of the transforms that only move and cover, one after another on plain arrays. */
struct plain {
    unsigned char pixels[PIXELS];
    bool          covered[PLANE];
};

static int border(int i, int size) {
    return i < 0 ? -i : i >= size ? 2 * size - 2 - i : i;
}

static void plain_move(struct plain *p, int dy, int dx, bool mirror_y, bool mirror_x, bool reflect) {
    struct plain was = *p;
    for (int i = 0; i < PLANE; i++) { /* what follows a patch sees the pixel nearest to the mean */
        if (!was.covered[i]) continue;
        for (int c = 0; c < CHANNELS; c++) was.pixels[c * PLANE + i] = preprocessor.mean_pixel[c];
    }
    for (int y = 0; y < HEIGHT; y++) {
        for (int x = 0; x < WIDTH; x++) {
            int  from_y = mirror_y ? HEIGHT - 1 - y : y + dy, from_x = mirror_x ? WIDTH - 1 - x : x + dx;
            bool outside = from_y < 0 || from_y >= HEIGHT || from_x < 0 || from_x >= WIDTH;
            int  at = border(from_y, HEIGHT) * WIDTH + border(from_x, WIDTH);
            for (int c = 0; c < CHANNELS; c++)
                p->pixels[c * PLANE + y * WIDTH + x] = outside && !reflect ? 0 : was.pixels[c * PLANE + at];
            p->covered[y * WIDTH + x] = false;
        }
    }
}

static void plain_crop(struct plain *p, struct ath__rng *rng, int pad, bool reflect) {
    int dy = ath__draw_whole(rng, -pad, pad), dx = ath__draw_whole(rng, -pad, pad);
    plain_move(p, dy, dx, false, false, reflect);
}

static void plain_flip(struct plain *p, struct ath__rng *rng) {
    if (ath__draw_chance(rng, 0.5)) plain_move(p, 0, 0, false, true, false);
}

static void plain_vflip(struct plain *p, struct ath__rng *rng) {
    if (ath__draw_chance(rng, 0.5)) plain_move(p, 0, 0, true, false, false);
}

static void plain_cutout(struct plain *p, struct ath__rng *rng, int size) {
    int top = ath__draw_whole(rng, 0, HEIGHT - 1) - size / 2, left = ath__draw_whole(rng, 0, WIDTH - 1) - size / 2;
    for (int y = top; y < top + size; y++)
        for (int x = left; x < left + size; x++)
            if (y >= 0 && y < HEIGHT && x >= 0 && x < WIDTH) p->covered[y * WIDTH + x] = true;
}

static void plain_finish(const struct plain *p, float *dst) {
    for (int c = 0; c < CHANNELS; c++)
        for (int i = 0; i < PLANE; i++)
            dst[c * PLANE + i] = p->covered[i] ? 0.0f : preprocessor.table[c][p->pixels[c * PLANE + i]];
}

/* Letters: c, C = crop(3) with zeros, crop(5,reflect); f = flip; v = vflip; o = cutout(5). */
static void plain_list(const char *letters, uint32_t epoch, uint32_t index, float *dst) {
    struct plain p = {{0}, {false}};
    memcpy(p.pixels, picture, sizeof picture);
    for (int i = 0; letters[i]; i++) {
        struct ath__rng rng;
        ath__draw_start(&rng, &(struct ath__draw){7, epoch, index}, i);
        switch (letters[i]) {
        case 'c': plain_crop(&p, &rng, 3, false); break;
        case 'C': plain_crop(&p, &rng, 5, true); break;
        case 'f': plain_flip(&p, &rng); break;
        case 'v': plain_vflip(&p, &rng); break;
        default: plain_cutout(&p, &rng, 5); break;
        }
    }
    plain_finish(&p, dst);
}

/* Whatever is carried out together gives what one after another gives. */
static void fusion_is_invisible(void **state) {
    (void)state;
    static const char *const letters[] = {"c",  "C",   "f",   "v",    "o",    "cf",   "fc",    "vC",    "Cv",
                                          "fv", "fvC", "Cfv", "fCf",  "cfo",  "ofc",  "cC",    "cfC",   "fcvCf",
                                          "oo", "ofo", "cov", "oCfo", "ffff", "Cvco", "ocfvo", "oooooo"};
    for (size_t k = 0; k < sizeof letters / sizeof letters[0]; k++) {
        char text[256] = "";
        for (const char *l = letters[k]; *l; l++) {
            const char *item = *l == 'c'   ? "crop(3)"
                               : *l == 'C' ? "crop(5,reflect)"
                               : *l == 'f' ? "flip"
                               : *l == 'v' ? "vflip"
                                           : "cutout(5)";
            if (text[0]) strcat(text, ",");
            strcat(text, item);
        }
        struct ath__augment *augment = must_read(text);
        for (uint32_t index = 0; index < 200; index++) {
            float expected[PIXELS], got[PIXELS];
            plain_list(letters[k], index % 3, index, expected);
            transform(augment, index % 3, index, got);
            if (memcmp(expected, got, sizeof got) != 0) fail_msg("%s differs for image %u", text, index);
        }
        ath__augment_close(augment);
    }
}

/* Every place of the window is drawn, about equally often: 25 places, 5000 draws, mean 200, deviation 14. */
static void crop_is_uniform(void **state) {
    (void)state;
    int counts[25] = {0};
    for (uint32_t index = 0; index < 5000; index++) {
        struct ath__rng rng;
        ath__draw_start(&rng, &(struct ath__draw){7, 0, index}, 0);
        int dy = ath__draw_whole(&rng, -2, 2), dx = ath__draw_whole(&rng, -2, 2);
        assert_in_range(dy + 2, 0, 4);
        assert_in_range(dx + 2, 0, 4);
        counts[5 * (dy + 2) + dx + 2]++;
    }
    for (int i = 0; i < 25; i++) assert_in_range(counts[i], 200 - 5 * 14, 200 + 5 * 14);
}

static bool is_mirrored(const float *image) {
    float plain[PIXELS];
    ath__preprocessor_normalise(&preprocessor, picture, plain);
    if (memcmp(plain, image, sizeof plain) == 0) return false;
    for (int i = 0; i < PIXELS; i++) assert_true(image[i] == plain[i / WIDTH * WIDTH + WIDTH - 1 - i % WIDTH]);
    return true;
}

static void flips(void **state) {
    (void)state;
    float                image[PIXELS];
    struct ath__augment *random = must_read("flip"), *rare = must_read("flip(0.1)");
    struct ath__augment *alternate = must_read("flip(mode=alternate)");
    int                  first = 0, of_random = 0, of_rare = 0;
    for (uint32_t index = 0; index < 2000; index++) {
        transform(alternate, 0, index, image);
        bool start = is_mirrored(image);
        first += start;
        for (uint32_t epoch = 1; epoch < 4; epoch++) {
            transform(alternate, epoch, index, image);
            assert_int_equal(is_mirrored(image), start ^ (epoch & 1));
        }
        transform(random, 3, index, image);
        of_random += is_mirrored(image);
        transform(rare, 3, index, image);
        of_rare += is_mirrored(image);
    }
    /* Binomial: deviations 22.4 and 13.4. */
    assert_in_range(first, 1000 - 5 * 22, 1000 + 5 * 22);
    assert_in_range(of_random, 1000 - 5 * 22, 1000 + 5 * 22);
    assert_in_range(of_rare, 200 - 5 * 13, 200 + 5 * 13);
    ath__augment_close(random);
    ath__augment_close(rare);
    ath__augment_close(alternate);
}

/* How many pixels are 0 in all channels; no pixel of the picture is the mean itself. */
static int covered_pixels(const float *image) {
    int count = 0;
    for (int i = 0; i < PLANE; i++) {
        bool zero = image[i] == 0.0f;
        for (int c = 1; c < CHANNELS; c++) assert_int_equal(zero, image[c * PLANE + i] == 0.0f);
        count += zero;
    }
    return count;
}

static void covers(void **state) {
    (void)state;
    float                image[PIXELS];
    struct ath__augment *any = must_read("cutout(6)"), *inside = must_read("cutout(6,inside)");
    struct ath__augment *erase = must_read("erase(1,scale=0.1:0.2)"), *half = must_read("erase");
    int                  whole = 0, untouched = 0;
    for (uint32_t index = 0; index < 1000; index++) {
        transform(any, 0, index, image);
        int pixels = covered_pixels(image);
        assert_in_range(pixels, 9, 36); /* at a corner a quarter is left */
        whole += pixels == 36;
        transform(inside, 0, index, image);
        assert_int_equal(covered_pixels(image), 36);
        transform(erase, 0, index, image);
        /* 19.2 to 38.4 pixels; rounding each side to a whole number moves them by half a pixel on a side. */
        assert_in_range(covered_pixels(image), 10, 50);
        transform(half, 0, index, image);
        untouched += covered_pixels(image) == 0;
    }
    /* 7 of 12 rows and 11 of 16 columns leave the square whole: share 0.401, deviation 15.5. */
    assert_in_range(whole, 401 - 5 * 16, 401 + 5 * 16);
    assert_in_range(untouched, 500 - 5 * 16, 500 + 5 * 16);
    ath__augment_close(any);
    ath__augment_close(inside);
    ath__augment_close(erase);
    ath__augment_close(half);
}

/* With strength 0, angle 0 and probability 0 the colour and affine transforms return the image as it was. */
static void nothing_from_nothing(void **state) {
    (void)state;
    static const char *const lists[] = {
        "jitter(0,0,0,0)", "rotate(0)", "rotate(0,nearest)", "affine(0,0,1,0)", "affine(0,0,1,0,nearest)",
        "grey(0)",         "flip(0)",   "vflip(0)",          "erase(0)"};
    float expected[PIXELS], image[PIXELS];
    ath__preprocessor_normalise(&preprocessor, picture, expected);
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        struct ath__augment *augment = must_read(lists[i]);
        for (uint32_t index = 0; index < 20; index++) {
            transform(augment, 1, index, image);
            if (memcmp(image, expected, sizeof image) != 0) fail_msg("%s changes an image", lists[i]);
        }
        ath__augment_close(augment);
    }
}

/* Each list gives other images for other epochs, images, seeds and positions, and the same for the same. */
static void depends_on_its_name_alone(void **state) {
    (void)state;
    static const char *const lists[] = {"crop(5)",
                                        "crop(5,reflect)",
                                        "cutout(7)",
                                        "erase(1)",
                                        "jitter(0.5,0.5,0.5,0.3)",
                                        "rotate(40)",
                                        "affine(20,0.2,0.8:1.2,10)",
                                        "autoaugment",
                                        "randaugment(3,20)",
                                        "trivialaugment",
                                        "crop(4),flip,jitter,rotate(10),cutout(8)"};
    enum { IMAGES = 64 };
    static float one[IMAGES][PIXELS], two[IMAGES][PIXELS];
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        struct ath__augment *augment = must_read(lists[i]);
        char                 later[256];
        snprintf(later, sizeof later, "flip(0),%s", lists[i]);
        struct ath__augment *moved = must_read(later);
        int                  other_epoch = 0, other_image = 0, other_place = 0;
        for (uint32_t n = 0; n < IMAGES; n++) transform(augment, 2, n, one[n]);
        for (uint32_t n = IMAGES; n-- > 0;) transform(augment, 2, n, two[n]);
        assert_memory_equal(one, two, sizeof one);
        for (uint32_t n = 0; n < IMAGES; n++) {
            transform(augment, 3, n, two[n]);
            other_epoch += memcmp(one[n], two[n], sizeof one[n]) != 0;
            other_image += memcmp(one[n], one[(n + 1) % IMAGES], sizeof one[n]) != 0;
            transform(moved, 2, n, two[n]);
            other_place += memcmp(one[n], two[n], sizeof one[n]) != 0;
        }
        /* A policy leaves some images alone; half of them must differ in any case. */
        if (other_epoch < IMAGES / 2 || other_image < IMAGES / 2 || other_place < IMAGES / 2)
            fail_msg("%s: of %d images, %d differ by epoch, %d by image, %d by place", lists[i], (int)IMAGES,
                     other_epoch, other_image, other_place);
        ath__augment_close(augment);
        ath__augment_close(moved);
    }
}

/* ---- mixing ------------------------------------------------------------------------------------------------------ */

/* Mean 1/2 and variance 1 / (4 (2 alpha + 1)). Over 20,000 draws the mean's deviation is at most 0.0035, the variance's
 * at most 0.85% of it (alpha = 4, kurtosis 2.45), so five of them are 0.018 and 4.3%. */
static void beta_has_its_moments(void **state) {
    (void)state;
    static const double alphas[] = {0.01, 0.2, 1.0, 4.0};
    enum { DRAWS = 20000 };
    for (size_t k = 0; k < sizeof alphas / sizeof alphas[0]; k++) {
        struct ath__rng rng;
        double          sum = 0.0, squares = 0.0, variance = 1.0 / (4.0 * (2.0 * alphas[k] + 1.0));
        ath__rng_start(&rng, 5, ATH_RNG_TEST, (uint32_t)k, 0);
        for (int i = 0; i < DRAWS; i++) {
            double draw = ath__draw_beta(&rng, alphas[k]);
            assert_true(draw >= 0.0 && draw <= 1.0);
            sum += draw - 0.5;
            squares += (draw - 0.5) * (draw - 0.5);
        }
        assert_true(fabs(sum / DRAWS) < 0.018);
        if (fabs(squares / DRAWS - variance) > 0.043 * variance)
            fail_msg("alpha %g: variance %g, not %g", alphas[k], squares / DRAWS, variance);
    }
}

enum { BATCH = 9 };

struct mixed {
    float   images[BATCH][PIXELS], before[BATCH][PIXELS];
    int32_t labels[BATCH], second[BATCH];
    float   weights[BATCH];
    int64_t indices[BATCH];
};

/* Images of one value each, so that what is mixed shows. */
static void mix(const char *list, uint32_t epoch, struct mixed *m) {
    struct ath__augment *augment = must_read(list);
    float                spare[PIXELS];
    for (int i = 0; i < BATCH; i++) {
        for (int k = 0; k < PIXELS; k++) m->images[i][k] = (float)(i + 1);
        m->labels[i] = 10 + i;
        m->indices[i] = 100 + 7 * i;
    }
    memcpy(m->before, m->images, sizeof m->before);
    struct ath__mix_batch batch = {.images = m->images[0],
                                   .labels = m->labels,
                                   .second = m->second,
                                   .weights = m->weights,
                                   .indices = m->indices,
                                   .count = BATCH,
                                   .channels = CHANNELS,
                                   .height = HEIGHT,
                                   .width = WIDTH};
    ath__augment_mix(augment, 7, epoch, &batch, spare);
    ath__augment_close(augment);
}

/* The weight of the own image that the labels speak of. */
static double own_weight(const struct mixed *m, int i) {
    int32_t own = 10 + i, other = 10 + (i + 1) % BATCH;
    assert_true(m->weights[i] >= 0.5f && m->weights[i] <= 1.0f);
    assert_true((m->labels[i] == own && m->second[i] == other) || (m->labels[i] == other && m->second[i] == own));
    return m->labels[i] == own ? (double)m->weights[i] : 1.0 - (double)m->weights[i];
}

static void labels_follow_images(void **state) {
    (void)state;
    static struct mixed m;
    int                 cut = 0, blended = 0, plain = 0, swapped = 0;
    for (uint32_t epoch = 0; epoch < 40; epoch++) {
        const char *const lists[] = {"mixup(1)", "cutmix(1)", "mixup(1),cutmix(1)", "flip,cutmix(1,p=0.5)"};
        for (size_t k = 0; k < 4; k++) {
            mix(lists[k], epoch, &m);
            for (int i = 0; i < BATCH; i++) {
                double own = i + 1, other = (i + 1) % BATCH + 1, weight = own_weight(&m, i), sum = 0.0;
                bool   pure = true;
                for (int p = 0; p < PIXELS; p++) {
                    sum += (double)m.images[i][p];
                    pure = pure && (m.images[i][p] == (float)own || m.images[i][p] == (float)other);
                }
                /* The image's mean is the labels' mean: each pixel is rounded to float32, below 16. */
                double mean = weight * own + (1.0 - weight) * other;
                assert_true(fabs(sum / PIXELS - mean) < 16 * 0x1p-23);
                plain += weight == 1.0;
                cut += pure && weight < 1.0;
                blended += !pure;
                swapped += m.labels[i] != 10 + i;
                if (k == 0) assert_true(!pure || weight == 1.0);
                if (k == 1 || k == 3) assert_true(pure);
            }
        }
    }
    assert_true(cut > 500 && blended > 450 && plain > 100 && swapped > 300);
}

static void mixing_depends_on_its_name_alone(void **state) {
    (void)state;
    static struct mixed one, two, three;
    mix("mixup(1),cutmix(1)", 3, &one);
    mix("mixup(1),cutmix(1)", 3, &two);
    mix("mixup(1),cutmix(1)", 4, &three);
    assert_memory_equal(&one, &two, sizeof one);
    assert_true(memcmp(one.weights, three.weights, sizeof one.weights) != 0);
}

static void out_of_memory(void **state) {
    (void)state;
    uint64_t n = 1;
    for (;; n++) {
        struct ath__augment *augment;
        uint64_t             live = ath__mem_stats().live_bytes;
        ath__mem_fail_at(n);
        ath_status status = ath__augment_open("[crop(4),flip,cutout(8),mixup]", &augment, NULL);
        ath__mem_fail_at(0);
        ath__augment_close(augment);
        assert_int_equal(ath__mem_stats().live_bytes, live);
        if (status == ATH_OK) break;
        assert_int_equal(status, ATH_MEMORY);
    }
    assert_int_equal(n, 6);
}

static int set_up(void **state) {
    (void)state;
    for (int i = 0; i < PIXELS; i++) picture[i] = (unsigned char)(i % PLANE + 7 * (i / PLANE));
    if (ath__preprocessor_open(&preprocessor, &preprocess, CHANNELS, HEIGHT, WIDTH, NULL) != ATH_OK) return 1;
    for (int i = 0; i < PIXELS; i++) /* no pixel may normalise to 0, which marks what is covered */
        if (preprocessor.table[i / PLANE][picture[i]] == 0.0f) return 1;
    scratch = ath__alloc(ath__sample_scratch(&preprocessor));
    return scratch == NULL;
}

static int tear_down(void **state) {
    (void)state;
    ath__free(scratch);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_are_read),
        cmocka_unit_test(faults_are_named),
        cmocka_unit_test(sizes_are_checked),
        cmocka_unit_test(documented),
        cmocka_unit_test(fusion_is_invisible),
        cmocka_unit_test(crop_is_uniform),
        cmocka_unit_test(flips),
        cmocka_unit_test(covers),
        cmocka_unit_test(nothing_from_nothing),
        cmocka_unit_test(depends_on_its_name_alone),
        cmocka_unit_test(beta_has_its_moments),
        cmocka_unit_test(labels_follow_images),
        cmocka_unit_test(out_of_memory),
        cmocka_unit_test(mixing_depends_on_its_name_alone),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
