/* Rules about the data: splits, labels, balance, pixel values, how much the validation accuracy can be trusted. */
#include "train/doctor/doctor.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- VAL-TRAIN, LEAK ----------------------------------------------------------------------------------------------- */

static double shared_share(const struct ath__evidence *e) {
    return e->data.scanned && e->data.looked_val > 0 ? (double)e->data.shared / (double)e->data.looked_val : 0.0;
}

static void check_val_is_train(const struct ath__evidence *e, ath_finding *f) {
    const struct ath__data_facts *d = &e->data;
    if (shared_share(e) < 0.5) return;
    f->confidence = 0.98;
    ATH_SAY(f->evidence,
            "%lld of %lld validation images are in the training set as well (validation image %lld is training "
            "image %lld)",
            (long long)d->shared, (long long)d->looked_val, (long long)d->shared_val, (long long)d->shared_train);
    ATH_SAY(f->cause, "validation measures what was learnt by heart: its accuracy says nothing about new images");
    ATH_SAY(f->change, "data.holdout=0.1");
}

const struct ath__doctor_rule ath__doctor_val_is_train = {
    .code = "VAL-TRAIN",
    .title = "the validation images are training images",
    .check = check_val_is_train,
};

static void check_leak(const struct ath__evidence *e, ath_finding *f) {
    const struct ath__data_facts *d = &e->data;
    double                        share = shared_share(e);
    if (share <= 0.0 || share >= 0.5) return;
    f->confidence = share >= 0.01 ? 0.85 : 0.3;
    ATH_SAY(f->evidence,
            "%lld of %lld validation images (%.2f%%) are in the training set, byte for byte (validation image "
            "%lld is training image %lld)",
            (long long)d->shared, (long long)d->looked_val, 100.0 * share, (long long)d->shared_val,
            (long long)d->shared_train);
    ATH_SAY(f->cause, "duplicates lie across the splits: the validation accuracy is up to %.2f points too high",
            100.0 * share);
    ATH_SAY(f->change, "data=<the set without duplicates>");
}

const struct ath__doctor_rule ath__doctor_leak = {
    .code = "LEAK",
    .title = "training and validation share images",
    .check = check_leak,
};

/* ---- LABELS, LABEL-NOISE, IMBALANCE -------------------------------------------------------------------------------- */

static void check_labels(const struct ath__evidence *e, ath_finding *f) {
    const struct ath__data_facts *d = &e->data;
    if (!d->scanned || d->conflicts == 0) return;
    double share = (double)d->conflicts / (double)d->looked_train;
    f->confidence = share > 0.005 ? 0.8 : 0.35;
    ATH_SAY(f->evidence,
            "%lld training images (%.2f%%) equal another one that has a different label (images %lld and %lld)",
            (long long)d->conflicts, 100.0 * share, (long long)d->conflict_a, (long long)d->conflict_b);
    ATH_SAY(f->cause, "at least one label of each such pair is wrong, and others that have no twin are likely to be");
    ATH_SAY(f->change, "data=<the set with these labels mended> or label_smoothing=0.1");
}

const struct ath__doctor_rule ath__doctor_labels = {
    .code = "LABELS",
    .title = "equal images with different labels",
    .check = check_labels,
};

/* Wrong labels in training alone: a net that generalises is right on clean validation images and "wrong" on them. What
 * else makes training look worse than validation (augmentation, dropout, smoothing) rules it out. */
static void check_label_noise(const struct ath__evidence *e, ath_finding *f) {
    const ath_epoch *last = ath__evidence_last(e);
    if (!last || e->run.epoch_count < 4 || !e->net.known || e->net.dropouts > 0) return;
    if (*ath__evidence_text(e, "augment") && strcmp(ath__evidence_text(e, "augment"), "none") != 0) return;
    if (last->val_top1 - last->train_top1 < 8.0 || last->val_top1 < 60.0) return;
    f->confidence = 0.65;
    ATH_SAY(f->evidence,
            "validation top-1 is %.2f%%, training top-1 %.2f%%, without augmentation or dropout to explain it",
            last->val_top1, last->train_top1);
    ATH_SAY(f->cause,
            "about %.0f%% of the training labels are wrong: the net has learnt the rule and fails on the exceptions",
            100.0 * (last->val_top1 - last->train_top1) / fmax(last->val_top1, 1.0));
    ATH_SAY(f->change, "data=<the set with its labels checked> or label_smoothing=0.1");
}

const struct ath__doctor_rule ath__doctor_label_noise = {
    .code = "LABEL-NOISE",
    .title = "training labels contradict what was learnt from them",
    .check = check_label_noise,
};

static void check_imbalance(const struct ath__evidence *e, ath_finding *f) {
    const struct ath__data_facts *d = &e->data;
    if (!d->scanned || d->looked_train < d->train || d->classes < 2 || d->largest <= 10 * d->smallest) return;
    f->confidence = d->smallest == 0 ? 0.8 : d->largest > 50 * d->smallest ? 0.6 : 0.45;
    ATH_SAY(f->evidence, "class %d has %lld training images, class %d has %lld", d->largest_class,
            (long long)d->largest, d->smallest_class, (long long)d->smallest);
    ATH_SAY(f->cause, d->smallest == 0 ? "a class without images can never be predicted"
                                       : "the net is rewarded for guessing the frequent classes");
    ATH_SAY(f->change, d->smallest == 0 ? "data=<the set with images of every class>" : "class_weights=auto");
}

const struct ath__doctor_rule ath__doctor_imbalance = {
    .code = "IMBALANCE",
    .title = "classes differ much in size",
    .check = check_imbalance,
};

/* ---- NORM: pixels far from mean 0 and deviation 1 ------------------------------------------------------------------ */

/* Pixels whose mean is larger than their deviation all have the same sign as seen from the first layer: its gradients
 * then all point the same way. Scaling alone (0.3 instead of 1) hardly matters, an offset does. */
static void check_norm_input(const struct ath__evidence *e, ath_finding *f) {
    const struct ath__data_facts *d = &e->data;
    int                           worst = 0;
    double                        offset = 0.0;
    if (!d->scanned) return;
    for (int c = 0; c < d->channels && c < 4; c++) {
        double of = fabs(d->mean[c]) / fmax(d->deviation[c], 1e-6);
        if (of > offset) offset = of, worst = c;
    }
    double deviation = d->deviation[worst];
    bool   scale = deviation > 8.0 || deviation < 0.05;
    if (offset <= 1.25 && !scale) return;
    /* Batch norm behind the first layer takes most of the harm away. */
    f->confidence = scale ? 0.75 : e->net.known && e->net.norms > 0 ? 0.5 : 0.65;
    ATH_SAY(f->evidence,
            "what the net sees of channel %d has mean %.3f and deviation %.3f: the mean is %.1f deviations from 0",
            worst, d->mean[worst], deviation, offset);
    ATH_SAY(f->cause, strcmp(ath__evidence_text(e, "normalize"), "none") == 0
                          ? "pixels are given as they are (normalize=none)"
                          : "the given mean and deviation are not those of these images");
    ATH_SAY(f->change, "normalize=auto");
}

const struct ath__doctor_rule ath__doctor_norm_input = {
    .code = "NORM",
    .title = "the input is not normalised",
    .check = check_norm_input,
};

/* ---- VAL-NOISE ----------------------------------------------------------------------------------------------------- */

/* 95% of the time a measured share p of n images is within 1.96 sqrt(p (1 - p) / n) of the true one. */
static void check_val_noise(const struct ath__evidence *e, ath_finding *f) {
    const ath_epoch *last = ath__evidence_last(e);
    if (e->data.val < 1) return;
    double share = last ? last->val_top1 / 100.0 : 0.95, n = (double)e->data.val;
    double within = 196.0 * sqrt(share * (1.0 - share) / n);
    if (within < 1.0) return;
    f->confidence = 0.3;
    ATH_SAY(f->evidence, "%lld validation images: an accuracy of %.1f%% is good to %.1f points either way (95%%)",
            (long long)e->data.val, 100.0 * share, within);
    ATH_SAY(f->cause,
            "differences between runs and epochs smaller than that are chance; so is much of a best epoch's lead");
    ATH_SAY(f->change, "repeat=5");
}

const struct ath__doctor_rule ath__doctor_val_noise = {
    .code = "VAL-NOISE",
    .title = "few validation images: accuracies are coarse",
    .check = check_val_noise,
};
