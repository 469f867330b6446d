/* Rules about how well a run fits: too little, too much, too short; and about what it was computed with. */
#include "train/doctor/doctor.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static bool augments(const struct ath__evidence *e) {
    const char *augment = ath__evidence_text(e, "augment");
    return *augment && strcmp(augment, "none") != 0 && strcmp(augment, "[]") != 0;
}

/* ---- OVERFIT ------------------------------------------------------------------------------------------------------- */

static void check_overfit(const struct ath__evidence *e, ath_finding *f) {
    const struct ath__run_facts *run = &e->run;
    const ath_epoch             *last = ath__evidence_last(e);
    if (!last || run->epoch_count < 3) return;
    double  gap = last->train_top1 - last->val_top1, lowest = INFINITY;
    int64_t at = 0;
    for (int64_t i = 0; i < run->epoch_count; i++)
        if (run->epochs[i].val_loss < lowest) lowest = run->epochs[i].val_loss, at = i;
    /* Validation losses of small sets swing by more than a rise of 15%: a gap of 25 points and a loss that has not been
     * lower for two epochs say the same. */
    bool rising =
        (last->val_loss > 1.15 * lowest && at < run->epoch_count - 1) || (gap > 25.0 && at < run->epoch_count - 2);
    bool learnt = last->train_top1 > 98.0;
    if (gap < 6.0 || !(rising || learnt)) return;
    f->confidence = gap > 15.0 && rising ? 0.85 : gap > 15.0 || (rising && learnt) ? 0.7 : 0.55;
    ATH_SAY(
        f->evidence,
        "training top-1 %.2f%%, validation top-1 %.2f%%: a gap of %.1f points; the validation loss was lowest in epoch "
        "%lld (%.3g) and is now %.3g",
        last->train_top1, last->val_top1, gap, (long long)run->epochs[at].epoch, lowest, last->val_loss);
    ATH_SAY(f->cause,
            augments(e) ? "the net learns the training images by heart: it is large for %lld images, and little "
                          "holds it back"
                        : "the net learns the %lld training images by heart, which it sees in the same form every "
                          "epoch: there is no augmentation",
            (long long)e->data.train);
    if (!augments(e))
        ATH_SAY(f->change, "augment=[crop(4),flip]%s",
                ath__evidence_real(e, "weight_decay") == 0.0 ? " or weight_decay=0.0005" : " or label_smoothing=0.1");
    else if (ath__evidence_real(e, "weight_decay") == 0.0)
        ATH_SAY(f->change, "weight_decay=0.0005");
    else
        ATH_SAY(f->change, "label_smoothing=0.1 or patience=%lld", (long long)(run->epoch_count - at > 5 ? 5 : 3));
}

const struct ath__doctor_rule ath__doctor_overfit = {
    .code = "OVERFIT",
    .title = "the net learns the training images by heart",
    .explained_by = "VAL-TRAIN BN-GAP",
    .check = check_overfit,
};

/* ---- UNDERFIT ------------------------------------------------------------------------------------------------------ */

/* Low in training, as low in validation, and no longer moving. */
static void check_underfit(const struct ath__evidence *e, ath_finding *f) {
    const struct ath__run_facts *run = &e->run;
    const ath_epoch             *last = ath__evidence_last(e);
    double                       chance = ath__evidence_chance(e);
    if (!last || run->epoch_count < 5 || chance <= 0.0) return;
    const ath_epoch *earlier = &run->epochs[run->epoch_count - 1 - (run->epoch_count >= 12 ? 4 : 2)];
    double           fell = (earlier->train_loss - last->train_loss) / fmax(earlier->train_loss, 1e-9);
    double           epochs = (double)(last->epoch - earlier->epoch);
    double           gap = last->train_top1 - last->val_top1;
    if (last->train_top1 > 85.0 || gap > 5.0 || gap < -25.0 || fell > 0.02 * epochs) return;
    bool hard = augments(e) && gap < -3.0; /* augmented images are harder than plain ones */
    f->confidence = hard ? 0.5 : 0.65;
    ATH_SAY(
        f->evidence,
        "training top-1 %.2f%%, validation top-1 %.2f%%; over the last %.0f epochs the training loss fell by %.1f%% (to "
        "%.3g)",
        last->train_top1, last->val_top1, epochs, 100.0 * fell, last->train_loss);
    ATH_SAY(f->cause,
            "the net cannot, or is not let, fit even its training images: too small, too strongly regularised, or a "
            "rate that keeps it from settling");
    double decay = ath__evidence_real(e, "weight_decay");
    if (decay > 1e-3)
        ATH_SAY(f->change, "weight_decay=%.3g", decay / 10.0);
    else if (strcmp(ath__evidence_text(e, "schedule"), "constant") == 0)
        ATH_SAY(f->change, "schedule=cosine or model=<a wider or deeper net>");
    else
        ATH_SAY(f->change, "model=<a wider or deeper net> or lr=%.3g", 3.0 * ath__evidence_real(e, "lr"));
}

const struct ath__doctor_rule ath__doctor_underfit = {
    .code = "UNDERFIT",
    .title = "the net does not fit its training images",
    .explained_by = "LR-DEAD LR-ADAM LR-HIGH LR-LOW NO-LEARN WD STEM INIT LABEL-NOISE NO-BN",
    .check = check_underfit,
};

/* ---- STEPS, EPOCHS ------------------------------------------------------------------------------------------------- */

static void check_few_steps(const struct ath__evidence *e, ath_finding *f) {
    const struct ath__plan_facts *p = &e->plan;
    double                        batch = ath__evidence_real(e, "batch");
    if (!p->known || p->steps >= 60 || *ath__evidence_text(e, "weights")) return;
    f->confidence = 0.6;
    ATH_SAY(f->evidence, "the whole run has %lld optimiser steps (%lld an epoch, batch=%.0f, %lld training images)",
            (long long)p->steps, (long long)p->steps_per_epoch, batch, (long long)e->data.train);
    ATH_SAY(f->cause, "the batch is large for this set, or the run is short: a net needs some hundred steps at least");
    if (batch > 32.0)
        ATH_SAY(f->change, "batch=%.0f", fmax(16.0, exp2(floor(log2(batch / 4.0)))));
    else
        ATH_SAY(f->change, "epochs=%.0f", ceil(300.0 / (double)p->steps_per_epoch));
}

const struct ath__doctor_rule ath__doctor_few_steps = {
    .code = "STEPS",
    .title = "very few optimiser steps",
    .check = check_few_steps,
};

/* Still falling by several percent an epoch at the end of a run whose rate was not lowered. */
static void check_few_epochs(const struct ath__evidence *e, ath_finding *f) {
    const struct ath__run_facts *run = &e->run;
    const ath_epoch             *last = ath__evidence_last(e);
    if (!last || !run->ended || run->epoch_count < 4) return;
    const ath_epoch *before = &run->epochs[run->epoch_count - 3];
    double           n = fmax((double)e->data.val, 1.0), share = last->val_top1 / 100.0;
    double           noise = 196.0 * sqrt(fmax(share * (1.0 - share), 0.0) / n);
    double           fell = 1.0 - sqrt(last->val_loss / fmax(before->val_loss, 1e-9)); /* an epoch */
    double           gained = last->val_top1 - before->val_top1;
    double           peak = 0.0;
    for (int64_t i = 0; i < run->epoch_count; i++) peak = fmax(peak, run->epochs[i].lr);
    /* A schedule that comes down gains most at its end; more epochs would shift that, not add to it. */
    if (last->lr < 0.3 * peak) return;
    if (fell < 0.04 || gained < fmax(1.0, noise) || last->train_top1 > 99.0) return;
    f->confidence = fell > 0.08 ? 0.6 : 0.5;
    ATH_SAY(
        f->evidence,
        "at the end the validation loss still falls by %.0f%% an epoch (%.3g to %.3g over the last two) and top-1 rose by "
        "%.1f points",
        100.0 * fell, before->val_loss, last->val_loss, gained);
    ATH_SAY(f->cause, "the run ended before the net was done");
    ATH_SAY(f->change, "epochs=%.0f (athanor train resume=RUN extend=true goes on from here)",
            2.0 * ath__evidence_real(e, "epochs"));
}

const struct ath__doctor_rule ath__doctor_few_epochs = {
    .code = "EPOCHS",
    .title = "the run ended while still improving",
    .explained_by = "LR-LOW LR-ADAM STEPS",
    .check = check_few_epochs,
};

/* ---- DATA-BOUND, PRECISION ----------------------------------------------------------------------------------------- */

static void check_data_bound(const struct ath__evidence *e, ath_finding *f) {
    const struct ath__run_facts *run = &e->run;
    double                       wait = 0.0, counted = 0.0, seconds = 0.0;
    for (int64_t i = run->epoch_count > 1 ? 1 : 0; i < run->epoch_count; i++) { /* the first fills caches */
        if (!isfinite(run->epochs[i].data_wait)) continue;
        wait += run->epochs[i].data_wait;
        seconds += run->epochs[i].seconds;
        counted += 1.0;
    }
    if (counted == 0.0 || wait / counted < 0.2 || seconds < 2.0) return;
    double threads = ath__evidence_real(e, "loader.threads");
    f->confidence = wait / counted > 0.4 ? 0.9 : 0.75;
    ATH_SAY(f->evidence, "the net waits for images in %.0f%% of the training time (loader.threads=%.0f)",
            100.0 * wait / counted, threads);
    ATH_SAY(f->cause, "reading and preparing images is slower than training on them");
    ATH_SAY(f->change, "loader.threads=%.0f", 2.0 * fmax(threads, 1.0));
}

const struct ath__doctor_rule ath__doctor_data_bound = {
    .code = "DATA-BOUND",
    .title = "training waits for data",
    .check = check_data_bound,
};

static void check_precision(const struct ath__evidence *e, ath_finding *f) {
    if (!e->run.precision_missing) return;
    f->confidence = 0.45; /* a hint: it costs time, not accuracy */
    ATH_SAY(f->evidence, "precision=bf16 was asked for, and the run computes in float32");
    ATH_SAY(f->cause, "this processor does not compute in bfloat16: the run is right, and about half as fast as hoped");
    ATH_SAY(f->change, "precision=f32");
}

const struct ath__doctor_rule ath__doctor_precision = {
    .code = "PRECISION",
    .title = "bfloat16 is not to be had here",
    .check = check_precision,
};
