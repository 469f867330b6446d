/* The doctor's rules on planted evidence: each fires on its fault, names it first, and keeps silent on healthy evidence.
 *
 * Evidence starts healthy (the figures of a ResNet on CIFAR-10 that learns well), and each case changes what its fault
 * would change. */
#include "train/doctor/doctor.h"

#include "base/json.h"
#include "base/mem.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { EPOCHS = 10 };

struct plant {
    struct ath__evidence evidence;
    ath_config          *config;
    ath_epoch            epochs[EPOCHS];
    struct ath__vitals   vitals[EPOCHS];
};

static void set(struct plant *p, const char *key, const char *value) {
    ath_error err = {0};
    if (ath_config_set(p->config, key, value, ATH_ORIGIN_COMMAND_LINE, &err) != ATH_OK) fail_msg("%s", err.message);
}

static void plan(struct plant *p) {
    ath_error err = {0};
    if (ath__evidence_plan(&p->evidence, 391, &err) != ATH_OK) fail_msg("%s", err.message);
}

/* A run that goes well: 45% after the first epoch, 91% after the tenth, no gap to speak of. */
static void healthy(struct plant *p) {
    memset(p, 0, sizeof *p);
    assert_int_equal(ath_config_create(&p->config, NULL), ATH_OK);
    p->evidence.config = p->config;
    set(p, "model", "resnet18-cifar");
    set(p, "data", "cifar10");
    set(p, "epochs", "10");
    set(p, "batch", "128");
    set(p, "lr", "0.1");
    set(p, "momentum", "0.9");
    set(p, "weight_decay", "0.0005");
    set(p, "schedule", "cosine");
    set(p, "normalize", "auto");
    p->evidence.net = (struct ath__net_facts){.known = true,
                                              .params = 11173962,
                                              .convs = 20,
                                              .norms = 20,
                                              .linears = 1,
                                              .height = 32,
                                              .width = 32,
                                              .early = 1,
                                              .map_height = 4,
                                              .map_width = 4};
    p->evidence.data = (struct ath__data_facts){.known = true,
                                                .scanned = true,
                                                .train = 50000,
                                                .val = 10000,
                                                .classes = 10,
                                                .channels = 3,
                                                .looked_train = 50000,
                                                .looked_val = 10000,
                                                .smallest = 5000,
                                                .largest = 5000,
                                                .mean = {0.0, 0.01, -0.01},
                                                .deviation = {1.0, 1.0, 1.0}};
    for (int i = 0; i < EPOCHS; i++) {
        double done = (double)i / (EPOCHS - 1);
        p->epochs[i] = (ath_epoch){.epoch = i + 1,
                                   .lr = 0.1 * 0.5 * (1.0 + cos(3.1416 * (i + 1) / EPOCHS)),
                                   .train_loss = 1.6 * pow(0.17, done),
                                   .train_top1 = 42.0 + 50.0 * sqrt(done),
                                   .val_loss = 1.4 * pow(0.2, done),
                                   .val_top1 = 45.0 + 46.0 * sqrt(done),
                                   .seconds = 60.0,
                                   .images_per_second = 833.0,
                                   .data_wait = 0.01};
        p->vitals[i] = (struct ath__vitals){.epoch = i + 1,
                                            .lr_low = p->epochs[i].lr,
                                            .lr_high = 0.1,
                                            .loss_first = p->epochs[i].train_loss * 1.1,
                                            .loss_last = p->epochs[i].train_loss * 0.9,
                                            .loss_high = i == 0 ? 4.2 : p->epochs[i].train_loss * 1.5,
                                            .grad_norm = 1.0,
                                            .weight_norm = 80.0,
                                            .ratio = 2e-3,
                                            .probe_lr = p->epochs[i].lr,
                                            .layer_ratio = 8e-3,
                                            .layer = "conv1.weight",
                                            .dead_share = i < 8 ? 0.02 : NAN,
                                            .dead_layer_share = i < 8 ? 0.1 : NAN,
                                            .dead_layer = "layer4.1",
                                            .top_class_share = 0.11,
                                            .top_class = 3};
    }
    p->evidence.run = (struct ath__run_facts){
        .epochs = p->epochs, .epoch_count = EPOCHS, .vitals = p->vitals, .vitals_count = EPOCHS, .ended = true};
    plan(p);
}

/* Nothing has run yet. */
static void before(struct plant *p) {
    healthy(p);
    memset(&p->evidence.run, 0, sizeof p->evidence.run);
    p->evidence.trial = (struct ath__trial_facts){.steps = 40,
                                                  .loss_first = 2.5,
                                                  .loss_high = 3.4,
                                                  .loss_last = 2.0,
                                                  .lr = 0.1,
                                                  .ratio = 3e-3,
                                                  .growth = 1.05,
                                                  .dead_share = 0.1};
}

/* ---- faults ------------------------------------------------------------------------------------------------------ */

static void lr_stepped_per_batch(struct plant *p) {
    before(p);
    set(p, "schedule", "step");
    set(p, "schedule.every", "30it");
    plan(p);
}

/* A shortened run, of which the rate outlives more than a half: the unit is as wrong as in the whole one. */
static void expression_of_steps(struct plant *p) {
    before(p);
    set(p, "epochs", "3");
    set(p, "schedule", "lambda");
    set(p, "schedule.expression", "0.1^floor(step/30)");
    if (ath__evidence_plan(&p->evidence, 79, NULL) != ATH_OK) fail_msg("no plan");
    assert_true(p->evidence.plan.dead_step > 0.5 * (double)p->evidence.plan.steps);
}

static void lr_dead_in_rows(struct plant *p) {
    healthy(p);
    p->evidence.plan.known = false;
    for (int i = 2; i < EPOCHS; i++) {
        p->epochs[i].lr = 1e-6;
        p->epochs[i].train_loss = 1.5;
        p->epochs[i].train_top1 = p->epochs[i].val_top1 = 40.0;
    }
}

static void plateau_dead_in_rows(struct plant *p) {
    lr_dead_in_rows(p);
    set(p, "schedule", "plateau");
}

static void adam_at_a_tenth(struct plant *p) {
    healthy(p);
    set(p, "optimizer", "adam");
    for (int i = 0; i < EPOCHS; i++)
        p->epochs[i].train_loss = 2.3026, p->epochs[i].train_top1 = p->epochs[i].val_top1 = 10.0;
}

static void decay_of_three(struct plant *p) {
    healthy(p);
    set(p, "weight_decay", "3");
    for (int i = 0; i < EPOCHS; i++) {
        p->epochs[i].train_loss = p->epochs[i].val_loss = 2.303;
        p->epochs[i].train_top1 = p->epochs[i].val_top1 = 10.0;
        p->vitals[i].weight_norm = 80.0 * pow(0.2, i);
        p->vitals[i].top_class_share = 1.0;
    }
}

/* lr * weight_decay = 4 > 2 (1 + 0.9): the weights swing and grow. */
static void decay_of_forty(struct plant *p) {
    before(p);
    set(p, "weight_decay", "40");
}

/* The article's: weights= of ImageNet, the head alone, decay 3 at 0.01 with momentum 0.8. */
static void decay_of_an_article(struct plant *p) {
    before(p);
    set(p, "weights", "mobilenet.safetensors");
    set(p, "freeze", "backbone");
    set(p, "lr", "0.01");
    set(p, "momentum", "0.8");
    set(p, "weight_decay", "3");
}

static void other_preprocessing(struct plant *p) {
    before(p);
    set(p, "weights", "first-run.safetensors");
    p->evidence.tuning = (struct ath__tuning_facts){.known = true,
                                                    .prepared_otherwise = true,
                                                    .there = "resized to 256, then the middle 224x224",
                                                    .here = "resized to 224x224"};
}

static void moving_statistics(struct plant *p) {
    before(p);
    set(p, "weights", "resnet18.pth");
    set(p, "freeze", "backbone");
    set(p, "bn.statistics", "update");
}

static void fast_and_few(struct plant *p) {
    before(p);
    set(p, "weights", "resnet18.pth");
    set(p, "lr", "0.1");
    p->evidence.data.train = 500;
    p->evidence.data.smallest = p->evidence.data.largest = 50;
    set(p, "batch", "20");
    ath__evidence_plan(&p->evidence, 25, NULL);
}

static void head_of_ones(struct plant *p) {
    before(p);
    set(p, "init.head", "ones");
}

static void equal_start(struct plant *p) {
    before(p);
    p->evidence.trial.equal_rows = true;
    snprintf(p->evidence.trial.equal_layer, sizeof p->evidence.trial.equal_layer, "fc.weight");
}

static void dead_at_chance(struct plant *p) {
    healthy(p);
    for (int i = 0; i < EPOCHS; i++) {
        p->epochs[i].train_loss = p->epochs[i].val_loss = 2.301;
        p->epochs[i].train_top1 = p->epochs[i].val_top1 = 11.0;
        p->vitals[i].top_class_share = 1.0;
        if (i < 8) p->vitals[i].dead_layer_share = 0.9;
    }
}

static void diverged(struct plant *p) {
    healthy(p);
    p->evidence.run.epoch_count = p->evidence.run.vitals_count = 0;
    p->evidence.run.ended = false;
    p->evidence.run.diverged = true;
    p->evidence.run.diverged_step = 17;
    p->evidence.run.diverged_lr = 5.0;
}

static void runs_away_in_trial(struct plant *p) {
    before(p);
    p->evidence.trial.loss_last = 30.0;
}

static void dies_in_trial(struct plant *p) {
    before(p);
    p->evidence.trial.loss_last = 2.4;
    p->evidence.trial.growth = 40.0;
    p->evidence.trial.dead_share = 1.0;
}

static void loss_grows(struct plant *p) {
    healthy(p);
    p->epochs[4].train_loss = 3.0 * p->epochs[3].train_loss;
    p->epochs[7].train_loss = 3.0 * p->epochs[6].train_loss;
}

static void imagenet_stem(struct plant *p) {
    before(p);
    p->evidence.net.early = 4;
    p->evidence.net.map_height = p->evidence.net.map_width = 1;
    p->evidence.net.padding_share = 0.56;
    p->evidence.net.stem_option = true;
}

static void creeps(struct plant *p) {
    healthy(p);
    set(p, "lr", "0.00001");
    for (int i = 0; i < EPOCHS; i++) {
        p->epochs[i].train_loss = 2.2 - 0.01 * i;
        p->epochs[i].val_loss = 2.2 - 0.01 * i;
        p->epochs[i].train_top1 = p->epochs[i].val_top1 = 20.0 + i * 0.3;
        p->vitals[i].ratio = 1e-7;
        p->vitals[i].probe_lr = p->vitals[i].lr_high;
        p->vitals[i].layer_ratio = 1e-6;
    }
}

static void raw_pixels(struct plant *p) {
    before(p);
    set(p, "normalize", "none");
    for (int c = 0; c < 3; c++) p->evidence.data.mean[c] = 0.47, p->evidence.data.deviation[c] = 0.25;
}

static void deep_and_plain(struct plant *p) {
    healthy(p);
    p->evidence.net.norms = 0;
    for (int i = 0; i < EPOCHS; i++) {
        p->epochs[i].train_loss = p->epochs[i].val_loss = 2.2;
        p->epochs[i].train_top1 = p->epochs[i].val_top1 = 16.0;
    }
}

static void batch_of_one(struct plant *p) {
    before(p);
    set(p, "batch", "1");
}

static void single_image_left(struct plant *p) {
    before(p);
    p->evidence.data.train = 128 * 300 + 1;
}

static void guesses_in_evaluation(struct plant *p) {
    healthy(p);
    for (int i = 0; i < EPOCHS; i++) p->epochs[i].val_top1 = 10.2, p->epochs[i].val_loss = 5.0;
}

static void half_dead(struct plant *p) {
    healthy(p);
    for (int i = 0; i < 8; i++) p->vitals[i].dead_layer_share = 0.95;
}

static void same_images(struct plant *p) {
    before(p);
    p->evidence.data.shared = 10000;
}

static void some_shared(struct plant *p) {
    before(p);
    p->evidence.data.shared = 300;
}

static void contradicting_labels(struct plant *p) {
    before(p);
    p->evidence.data.duplicates = p->evidence.data.conflicts = 400;
}

static void noisy_labels(struct plant *p) {
    healthy(p);
    for (int i = 0; i < EPOCHS; i++) p->epochs[i].train_top1 *= 0.8;
}

static void rare_class(struct plant *p) {
    before(p);
    p->evidence.data.smallest = 40;
}

static void by_heart(struct plant *p) {
    healthy(p);
    for (int i = 0; i < EPOCHS; i++) {
        p->epochs[i].train_top1 = fmin(60.0 + 8.0 * i, 99.9);
        p->epochs[i].val_top1 = fmin(50.0 + 5.0 * i, 72.0);
        p->epochs[i].val_loss = i < 5 ? 1.2 - 0.05 * i : 0.95 + 0.12 * i;
        p->epochs[i].train_loss = 1.2 * pow(0.6, i);
    }
}

/* As the fourth stage ran with its schedule put right, on 1,500 images: the validation loss swings. */
static void by_heart_with_swings(struct plant *p) {
    static const double figures[][4] = {{2.238, 23.07, 2.147, 20.67},
                                        {1.724, 38.20, 1.917, 36.67},
                                        {1.283, 54.87, 2.193, 34.00},
                                        {0.974, 65.87, 2.463, 32.00},
                                        {0.731, 73.67, 2.143, 34.00}};
    enum { SEEN = sizeof figures / sizeof figures[0] };
    healthy(p);
    p->evidence.run.epoch_count = p->evidence.run.vitals_count = SEEN;
    for (int i = 0; i < SEEN; i++) {
        p->epochs[i].train_loss = figures[i][0];
        p->epochs[i].train_top1 = figures[i][1];
        p->epochs[i].val_loss = figures[i][2];
        p->epochs[i].val_top1 = figures[i][3];
    }
}

static void too_small(struct plant *p) {
    healthy(p);
    for (int i = 0; i < EPOCHS; i++) {
        p->epochs[i].train_top1 = 55.0 - 10.0 * exp(-i);
        p->epochs[i].val_top1 = 55.5 - 10.0 * exp(-i);
        p->epochs[i].train_loss = p->epochs[i].val_loss = 1.25 + 0.3 * exp(-i);
    }
}

/* The ninth stage: drops every 30 epochs, in a run of ten. */
static void drop_behind_the_end(struct plant *p) {
    before(p);
    set(p, "schedule", "step");
    set(p, "schedule.every", "30ep");
    plan(p);
}

static void expression_behind_the_end(struct plant *p) {
    before(p);
    set(p, "schedule", "lambda");
    set(p, "schedule.expression", "0.1^floor(epoch/30)");
    set(p, "warmup", "1ep");
    plan(p);
}

static void endless_warmup(struct plant *p) {
    before(p);
    set(p, "warmup", "20ep");
    plan(p);
}

static void wrong_way_plateau(struct plant *p) {
    healthy(p);
    set(p, "schedule", "plateau");
    for (int i = 0; i < EPOCHS; i++) p->epochs[i].lr = 0.1 * pow(0.5, i / 3);
}

static void hasty_patience(struct plant *p) {
    before(p);
    set(p, "patience", "5");
    set(p, "schedule", "step");
    set(p, "schedule.every", "8ep");
    plan(p);
}

static void nine_steps(struct plant *p) {
    before(p);
    set(p, "batch", "8192");
    ath__evidence_plan(&p->evidence, 5, NULL);
}

static void cut_short(struct plant *p) {
    healthy(p);
    set(p, "schedule", "constant");
    plan(p);
    for (int i = 0; i < EPOCHS; i++) {
        p->epochs[i].lr = 0.1;
        p->epochs[i].train_top1 = p->epochs[i].val_top1 = 20.0 + 5.0 * i;
        p->epochs[i].train_loss = p->epochs[i].val_loss = 2.2 * pow(0.9, i);
    }
}

static void waits_for_data(struct plant *p) {
    healthy(p);
    for (int i = 0; i < EPOCHS; i++) p->epochs[i].data_wait = 0.45;
}

static void no_bf16(struct plant *p) {
    before(p);
    p->evidence.run.precision_missing = true;
}

static void few_images(struct plant *p) {
    healthy(p);
    p->evidence.data.val = 300;
}

/* A fault, the code that must come first, and a text that the change must hold. */
static const struct fault {
    void (*plant)(struct plant *p);
    const char *code, *change;
    double      at_least;
} faults[] = {
    {lr_stepped_per_batch, "LR-DEAD", "schedule.every=30ep", 0.9},
    {expression_of_steps, "LR-DEAD", "schedule.expression=0.1^floor(epoch/30)", 0.9},
    {lr_dead_in_rows, "LR-DEAD", "schedule=cosine", 0.7},
    {plateau_dead_in_rows, "LR-DEAD", "schedule.patience=10", 0.7},
    {adam_at_a_tenth, "LR-ADAM", "lr=0.001", 0.9},
    {decay_of_three, "WD", "weight_decay=", 0.9},
    {decay_of_forty, "WD", "weight_decay=", 0.9},
    {decay_of_an_article, "WD", "weight_decay=", 0.9},
    {other_preprocessing, "PREPROCESS", "normalize=", 0.7},
    {moving_statistics, "BN-FROZEN", "bn.statistics=auto", 0.7},
    {fast_and_few, "TUNE-RATE", "freeze=backbone", 0.5},
    {head_of_ones, "HEAD-START", "init.head=zeros", 0.3},
    {equal_start, "INIT", "init=kaiming", 0.9},
    {dead_at_chance, "NO-LEARN", "lr=0.0167", 0.9},
    {diverged, "LR-HIGH", "lr=0.5", 0.9},
    {runs_away_in_trial, "LR-HIGH", "lr=0.01", 0.7},
    {dies_in_trial, "LR-HIGH", "lr=0.01", 0.85},
    {loss_grows, "LR-HIGH", "lr=0.01", 0.5},
    {imagenet_stem, "STEM", "model.stem=cifar", 0.8},
    {creeps, "LR-LOW", "lr=0.0", 0.6},
    {raw_pixels, "NORM", "normalize=auto", 0.5},
    {deep_and_plain, "NO-BN", "batch normalisation", 0.6},
    {batch_of_one, "BN-BATCH", "batch=32", 0.9},
    {single_image_left, "BN-BATCH", "batch=129", 0.5},
    {guesses_in_evaluation, "BN-GAP", "batch=", 0.7},
    {half_dead, "DEAD-UNITS", "lr=", 0.5},
    {same_images, "VAL-TRAIN", "data.holdout=0.1", 0.9},
    {some_shared, "LEAK", "data=", 0.8},
    {contradicting_labels, "LABELS", "label_smoothing=0.1", 0.8},
    {noisy_labels, "LABEL-NOISE", "label_smoothing=0.1", 0.6},
    {rare_class, "IMBALANCE", "class_weights", 0.5},
    {by_heart, "OVERFIT", "augment=", 0.7},
    {by_heart_with_swings, "OVERFIT", "augment=", 0.8},
    {too_small, "UNDERFIT", "model=", 0.6},
    {drop_behind_the_end, "LR-FLAT", "schedule.every=3ep", 0.5},
    {expression_behind_the_end, "LR-FLAT", "schedule=cosine", 0.5},
    {endless_warmup, "WARMUP", "warmup=0.5ep", 0.8},
    {wrong_way_plateau, "PLATEAU", "schedule.metric", 0.7},
    {hasty_patience, "PATIENCE", "patience=17", 0.5},
    {nine_steps, "STEPS", "batch=2048", 0.5},
    {cut_short, "EPOCHS", "epochs=20", 0.5},
    {waits_for_data, "DATA-BOUND", "loader.threads=2", 0.8},
    {no_bf16, "PRECISION", "precision=f32", 0.4},
    {few_images, "VAL-NOISE", "repeat=5", 0.2},
};
enum { FAULTS = sizeof faults / sizeof faults[0] };

static void examine(struct plant *p, ath_findings *findings) {
    ath_error err = {0};
    if (ath__doctor_examine(&p->evidence, findings, &err) != ATH_OK) fail_msg("%s", err.message);
}

static void print(const ath_findings *findings) {
    for (int i = 0; i < findings->count; i++)
        print_message("    %s %.2f: %s\n", findings->items[i].code, findings->items[i].confidence,
                      findings->items[i].evidence);
}

static void rules_fire_on_their_faults(void **state) {
    (void)state;
    int wrong = 0;
    for (int i = 0; i < FAULTS; i++) {
        struct plant p;
        ath_findings findings;
        faults[i].plant(&p);
        examine(&p, &findings);
        const ath_finding *first = findings.count > 0 ? &findings.items[0] : NULL;
        bool good = first && strcmp(first->code, faults[i].code) == 0 && first->confidence >= faults[i].at_least &&
                    strstr(first->change, faults[i].change) && *first->evidence && *first->cause;
        if (!good) {
            print_message("fault %d should be %s (%s), is %s (%s)\n", i, faults[i].code, faults[i].change,
                          first ? first->code : "nothing", first ? first->change : "");
            print(&findings);
            wrong++;
        }
        ath_findings_free(&findings);
        ath_config_destroy(p.config);
    }
    assert_int_equal(wrong, 0);
}

/* No rule without a fault that calls for it, no code twice. */
static void every_rule_has_a_fault(void **state) {
    (void)state;
    for (int r = 0; ath__doctor_rule_at(r); r++) {
        const char *code = ath__doctor_rule_at(r)->code;
        bool        found = false;
        for (int i = 0; i < FAULTS; i++) found = found || strcmp(faults[i].code, code) == 0;
        if (!found) fail_msg("no fault is planted for %s", code);
        for (int other = 0; other < r; other++) assert_string_not_equal(ath__doctor_rule_at(other)->code, code);
    }
}

static void healthy_evidence_is_left_alone(void **state) {
    (void)state;
    void (*const plants[])(struct plant *) = {healthy, before};
    for (size_t i = 0; i < 2; i++) {
        struct plant p;
        ath_findings findings;
        plants[i](&p);
        examine(&p, &findings);
        print(&findings);
        assert_int_equal(findings.count, 0);
        ath_findings_free(&findings);
        ath_config_destroy(p.config);
    }
    /* And evidence that is not there at all. */
    struct plant p;
    ath_findings findings;
    healthy(&p);
    struct ath__evidence nothing = {.config = p.config};
    p.evidence = nothing;
    examine(&p, &findings);
    assert_int_equal(findings.count, 0);
    ath_findings_free(&findings);
    ath_config_destroy(p.config);
}

/* Fine-tuning as it should be: a frozen part whose statistics stand still, and a whole network at a low rate. */
static void healthy_tuning_is_left_alone(void **state) {
    (void)state;
    static const char *const settings[][4] = {
        {"freeze", "backbone", "lr", "0.1"}, {"freeze", "", "lr", "0.002"}, {"init.head", "zeros", "lr", "0.002"}};
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++) {
        struct plant p;
        ath_findings findings;
        before(&p);
        set(&p, "weights", "resnet18.pth");
        set(&p, settings[i][0], settings[i][1]);
        set(&p, settings[i][2], settings[i][3]);
        p.evidence.tuning.known = true;
        p.evidence.data.train = 3910; /* 391 a class */
        p.evidence.data.smallest = p.evidence.data.largest = 391;
        plan(&p);
        examine(&p, &findings);
        print(&findings);
        assert_int_equal(findings.count, 0);
        ath_findings_free(&findings);
        ath_config_destroy(p.config);
    }
}

/* As the last stage ran on 600 images, 38 steps an epoch: the loss stood above guessing throughout the first epoch, and
 * then fell below. After that first epoch it is a warning, afterwards no longer. */
static void a_high_start_heals(void **state) {
    (void)state;
    static const double losses[] = {2.876, 2.478, 2.226};
    for (int seen = 1; seen <= 3; seen += 2) {
        struct plant p;
        ath_findings findings;
        healthy(&p);
        p.evidence.run.epoch_count = p.evidence.run.vitals_count = seen;
        for (int i = 0; i < seen; i++) p.epochs[i].train_loss = losses[i];
        p.vitals[0].loss_high = 3.98;
        p.vitals[0].loss_last = 2.78;
        examine(&p, &findings);
        if (seen == 1) assert_string_equal(findings.items[0].code, "LR-HIGH");
        if (seen == 3) print(&findings), assert_int_equal(findings.count, 0);
        ath_findings_free(&findings);
        ath_config_destroy(p.config);
    }
}

/* Three steps of a slow net, in which the loss rose as it often does, say nothing yet. */
static void a_short_trial_is_not_trusted(void **state) {
    (void)state;
    struct plant p;
    ath_findings findings;
    before(&p);
    p.evidence.trial.steps = 3;
    p.evidence.trial.loss_high = p.evidence.trial.loss_last = 4.5;
    examine(&p, &findings);
    assert_int_equal(findings.count, 0);
    ath_findings_free(&findings);
    ath_config_destroy(p.config);
}

/* Expressions of the run's length, and drops that are far apart, are counted as they are meant. */
static void healthy_expressions_are_left_alone(void **state) {
    (void)state;
    static const char *const expressions[] = {"1-step/steps", "(1-step/steps)^3", "0.1^floor(step/1000)",
                                              "0.5*(1+cos(3.14159265*step/steps))", "0.1^floor(epoch/4)"};
    for (size_t i = 0; i < sizeof expressions / sizeof expressions[0]; i++) {
        struct plant p;
        ath_findings findings;
        before(&p);
        set(&p, "schedule", "lambda");
        set(&p, "schedule.expression", expressions[i]);
        plan(&p);
        examine(&p, &findings);
        print(&findings);
        assert_int_equal(findings.count, 0);
        ath_findings_free(&findings);
        ath_config_destroy(p.config);
    }
}

static void healthy_schedules_are_left_alone(void **state) {
    (void)state;
    static const char *const schedules[][4] = {{"constant", "30ep", "0.1", "0"}, {"cosine", "30ep", "0.1", "0"},
                                               {"cosine", "30ep", "0.1", "1ep"}, {"step", "3ep", "0.1", "0"},
                                               {"step", "4ep", "0.2", "1ep"},    {"step", "1500it", "0.1", "0"}};
    for (size_t i = 0; i < sizeof schedules / sizeof schedules[0]; i++) {
        struct plant p;
        ath_findings findings;
        before(&p);
        set(&p, "schedule", schedules[i][0]);
        if (strcmp(schedules[i][0], "step") == 0) {
            set(&p, "schedule.every", schedules[i][1]);
            set(&p, "schedule.factor", schedules[i][2]);
        }
        set(&p, "warmup", schedules[i][3]);
        plan(&p);
        examine(&p, &findings);
        print(&findings);
        assert_int_equal(findings.count, 0);
        ath_findings_free(&findings);
        ath_config_destroy(p.config);
    }
}

static void json_says_the_same(void **state) {
    (void)state;
    struct plant p;
    ath_findings findings;
    imagenet_stem(&p);
    examine(&p, &findings);
    char   *text = ath_findings_json(&findings);
    json_t *root = json_loads(text, 0, NULL), *list = json_object_get(root, "findings");
    assert_int_equal(json_array_size(list), (size_t)findings.count);
    json_t                  *first = json_array_get(list, 0);
    static const char *const keys[] = {"code", "title", "evidence", "cause", "change"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        assert_true(json_string_length(json_object_get(first, keys[i])) > 0);
    assert_true(fabs(json_real_value(json_object_get(first, "confidence")) - findings.items[0].confidence) < 0.006);
    json_decref(root);
    ath__free(text);
    ath_findings_free(&findings);
    ath_config_destroy(p.config);
}

static void vitals_survive_the_log(void **state) {
    (void)state;
    struct plant        p;
    struct ath__vitals *read = NULL;
    struct ath__str     text = {0};
    int64_t             count = 0;
    healthy(&p);
    for (int i = 0; i < EPOCHS; i++) {
        ath__str_append(&text, "{\"event\":\"epoch\",\"epoch\":1}\n{\"event\":\"vitals\",");
        ath__vitals_write(&p.vitals[i], &text);
        ath__str_append(&text, "}\nnot json\n");
    }
    ath__str_append(&text, "{\"event\":\"vitals\",\"epoch\":11"); /* being written at this moment */
    assert_int_equal(ath__vitals_collect(text.data, text.size, &read, &count, NULL, NULL, NULL), ATH_OK);
    assert_int_equal(count, EPOCHS);
    for (int i = 0; i < EPOCHS; i++) {
        assert_int_equal(read[i].epoch, i + 1);
        assert_true(fabs(read[i].loss_last - p.vitals[i].loss_last) <= 1e-5 * p.vitals[i].loss_last);
        assert_true(isnan(read[i].dead_share) == isnan(p.vitals[i].dead_share));
        assert_string_equal(read[i].layer, "conv1.weight");
        assert_int_equal(read[i].top_class, 3);
    }
    ath__free(read);
    ath__str_free(&text);
    ath_config_destroy(p.config);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_fire_on_their_faults),     cmocka_unit_test(every_rule_has_a_fault),
        cmocka_unit_test(healthy_evidence_is_left_alone), cmocka_unit_test(healthy_schedules_are_left_alone),
        cmocka_unit_test(healthy_tuning_is_left_alone),   cmocka_unit_test(healthy_expressions_are_left_alone),
        cmocka_unit_test(a_short_trial_is_not_trusted),   cmocka_unit_test(json_says_the_same),
        cmocka_unit_test(vitals_survive_the_log),         cmocka_unit_test(a_high_start_heals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
