/* Rules about the network: stem, normalisation, dead units, starting values, standing at chance, weight decay. */
#include "train/doctor/doctor.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- STEM ---------------------------------------------------------------------------------------------------------- */

static void check_stem(const struct ath__evidence *e, ath_finding *f) {
    const struct ath__net_facts *n = &e->net;
    if (!n->known || n->convs < 4) return;
    bool idle = n->padding_share > 0.2, coarse = n->early >= 4 && n->height <= 64;
    if (!idle && !coarse) return;
    f->confidence = idle && coarse ? 0.88 : idle ? 0.7 : 0.4;
    int at = ATH_SAY(f->evidence,
                     "the %dx%d image is %d times smaller at the second convolution, and %dx%d where the last "
                     "3x3 convolution sees it",
                     n->height, n->width, n->early, n->map_height, n->map_width);
    if (idle && at > 0 && (size_t)at < sizeof f->evidence)
        snprintf(f->evidence + at, sizeof f->evidence - (size_t)at,
                 "; %.0f%% of the convolutions' weights only ever meet padding (first in %s)", 100.0 * n->padding_share,
                 n->padding_layer);
    ATH_SAY(f->cause,
            "the stem was made for photos of 224x224: on small images it throws away the detail that tells the "
            "classes apart, before the first block");
    int larger = n->map_height > 0 ? 7 / n->map_height : 4; /* photos leave 7x7 to the last stage */
    if (n->stem_option)
        ATH_SAY(f->change, "model.stem=cifar");
    else
        ATH_SAY(f->change, "resize=%d", n->height * (larger < 2 ? 2 : larger > 4 ? 4 : larger));
}

const struct ath__doctor_rule ath__doctor_stem = {
    .code = "STEM",
    .title = "the stem is too coarse for images of this size",
    .check = check_stem,
};

/* ---- NO-BN: a deep net without normalisation ----------------------------------------------------------------------- */

static void check_no_norm(const struct ath__evidence *e, ath_finding *f) {
    const struct ath__net_facts *n = &e->net;
    if (!n->known || n->norms > 0 || n->convs < 8) return;
    if (*ath__evidence_text(e, "weights")) return; /* trained already, perhaps with norms that were folded into it */
    const ath_epoch *last = ath__evidence_last(e);
    double           chance = ath__evidence_chance(e);
    bool             stuck = last && chance > 0.0 && last->train_loss > 0.9 * chance;
    f->confidence = stuck ? 0.75 : 0.45;
    ATH_SAY(f->evidence, "%d convolutions in a row and no normalisation between them%s", n->convs,
            stuck ? "; the training loss stands near that of guessing" : "");
    ATH_SAY(f->cause, "without normalisation the signal shrinks or grows from layer to layer, and so do the gradients");
    ATH_SAY(f->change, "model=<the same net with batch normalisation> or init=kaiming with a lower lr and warmup=1ep");
}

const struct ath__doctor_rule ath__doctor_no_norm = {
    .code = "NO-BN",
    .title = "a deep net without normalisation layers",
    .check = check_no_norm,
};

/* ---- BN-BATCH: statistics of too few images ------------------------------------------------------------------------ */

static void check_norm_batch(const struct ath__evidence *e, ath_finding *f) {
    double batch = ath__evidence_real(e, "batch"), micro = ath__evidence_real(e, "micro_batch");
    double together = micro > 0.0 && micro < batch ? micro : batch;
    if (!e->net.known || e->net.norms == 0) return;
    double left = e->data.train > 0 ? fmod((double)e->data.train, batch) : 0.0;
    if (together <= 8.0) {
        f->confidence = together <= 2.0 ? 0.9 : 0.6;
        ATH_SAY(f->evidence, "%d batch-norm layers take mean and deviation over %.0f image%s (%s)", e->net.norms,
                together, together == 1.0 ? "" : "s", micro > 0.0 && micro < batch ? "micro_batch" : "batch");
        ATH_SAY(f->cause, "statistics of so few images are noise, and differ from those that evaluation uses");
        ATH_SAY(f->change, micro > 0.0 && micro < batch ? "micro_batch=32" : "batch=32");
    } else if (left == 1.0) {
        f->confidence = 0.6;
        ATH_SAY(f->evidence,
                "the last batch of an epoch has 1 image (%lld images in batches of %.0f), and %d layers "
                "normalise over it",
                (long long)e->data.train, batch, e->net.norms);
        ATH_SAY(f->cause, "a single image has no deviation over the batch: that step is noise, once an epoch");
        ATH_SAY(f->change, "batch=%.0f", batch + 1.0);
    }
}

const struct ath__doctor_rule ath__doctor_norm_batch = {
    .code = "BN-BATCH",
    .title = "batch normalisation over too few images",
    .check = check_norm_batch,
};

/* ---- BN-GAP: fine in training, chance in evaluation ---------------------------------------------------------------- */

static void check_norm_gap(const struct ath__evidence *e, ath_finding *f) {
    const ath_epoch *last = ath__evidence_last(e);
    if (!last || e->data.classes < 2 || e->net.norms == 0 || e->run.epoch_count < 2) return;
    double chance = 100.0 / e->data.classes;
    if (last->train_top1 < chance + 40.0 || last->val_top1 > chance * 1.5 + 2.0) return;
    f->confidence = 0.75;
    ATH_SAY(f->evidence, "training top-1 %.2f%%, validation top-1 %.2f%% (guessing: %.1f%%)", last->train_top1,
            last->val_top1, chance);
    ATH_SAY(f->cause,
            "evaluation uses batch norm's running statistics, which are far from those of the batches; or the "
            "validation images are prepared differently or belong to other labels");
    ATH_SAY(f->change, "batch=128");
}

const struct ath__doctor_rule ath__doctor_norm_gap = {
    .code = "BN-GAP",
    .title = "learns in training and guesses in evaluation",
    .explained_by = "BN-BATCH LR-HIGH LR-ADAM",
    .check = check_norm_gap,
};

/* ---- INIT ---------------------------------------------------------------------------------------------------------- */

static void check_equal_start(const struct ath__evidence *e, ath_finding *f) {
    if (!e->trial.equal_rows) return;
    f->confidence = 0.95;
    ATH_SAY(f->evidence, "all rows of %s start with the same values", e->trial.equal_layer);
    ATH_SAY(f->cause, "units that start equal get equal gradients and stay equal: the layer is one unit wide");
    ATH_SAY(f->change, "init=kaiming");
}

const struct ath__doctor_rule ath__doctor_equal_start = {
    .code = "INIT",
    .title = "the units of a layer start equal",
    .check = check_equal_start,
};

/* ---- NO-LEARN, DEAD ------------------------------------------------------------------------------------------------ */

static const double stuck_within = 0.02; /* a loss this close to that of guessing, as a share of it, has not moved */

static const struct ath__vitals *last_with_dead_units(const struct ath__evidence *e) {
    for (int64_t i = e->run.vitals_count - 1; i >= 0; i--)
        if (!isnan(e->run.vitals[i].dead_layer_share)) return &e->run.vitals[i];
    return NULL;
}

/* Dead units are counted after epochs 1, 2, 4 ...; a dead layer stays dead, so that the last count holds. */
static void check_no_learn(const struct ath__evidence *e, ath_finding *f) {
    const ath_epoch          *last = ath__evidence_last(e);
    const struct ath__vitals *vitals = ath__evidence_vitals(e), *dead = last_with_dead_units(e);
    double                    chance = ath__evidence_chance(e);
    if (!last || chance <= 0.0) return;
    bool stuck = fabs(last->train_loss - chance) < stuck_within * chance;
    bool one = vitals && vitals->top_class_share >= 0.999 && last->val_top1 < 100.0 / e->data.classes * 1.5 + 2.0;
    if (!stuck && !one) return;
    char about[96] = "";
    if (one)
        snprintf(about, sizeof about, ", and every validation image is given class %lld", (long long)vitals->top_class);
    int at = stuck ? ATH_SAY(f->evidence, "the training loss stands at ln %d = %.3f (%.3f)%s", e->data.classes, chance,
                             last->train_loss, about)
                   : ATH_SAY(f->evidence, "the training loss is %.4g (guessing gives ln %d = %.3f)%s", last->train_loss,
                             e->data.classes, chance, about);
    if (dead && dead->dead_layer_share >= 0.8 && at > 0 && (size_t)at < sizeof f->evidence) {
        snprintf(f->evidence + at, sizeof f->evidence - (size_t)at,
                 ". %.0f%% of the units of %s are dead (zero for every image)", 100.0 * dead->dead_layer_share,
                 dead->dead_layer);
        f->confidence = 0.95;
        ATH_SAY(f->cause,
                "the rate was too high for this activation: a few steps pushed its units below zero, where no "
                "gradient reaches them and no step can revive them. Start again");
        ATH_SAY(f->change, "lr=%.3g or init=kaiming", ath__evidence_real(e, "lr") / 6.0);
        return;
    }
    /* Many nets stand still for an epoch or two, saturating ones longer, and then leave the plateau. */
    bool young =
        last->epoch <= (e->net.saturating > 0 ? 5 : 3) && ath__evidence_real(e, "epochs") > (double)last->epoch;
    f->confidence = young ? 0.4 : one ? 0.85 : 0.8;
    if (e->net.saturating > 0)
        ATH_SAY(f->cause,
                "saturating activations (%d sigmoid or tanh) pass on little gradient; they can need some epochs to "
                "leave this plateau",
                e->net.saturating);
    else
        ATH_SAY(f->cause,
                "the rate is off by a factor of ten or more, labels do not belong to the images, or the signal is "
                "lost between the layers");
    ATH_SAY(f->change, "lr=%.3g or lr=%.3g or init=kaiming", ath__evidence_real(e, "lr") / 10.0,
            ath__evidence_real(e, "lr") * 10.0);
}

const struct ath__doctor_rule ath__doctor_no_learn = {
    .code = "NO-LEARN",
    .title = "nothing is being learnt",
    .explained_by = "LR-DEAD LR-ADAM WD INIT LR-LOW STEPS",
    .check = check_no_learn,
};

static void check_dead_units(const struct ath__evidence *e, ath_finding *f) {
    const struct ath__vitals *dead = last_with_dead_units(e);
    if (!dead || dead->dead_layer_share < 0.8) return;
    f->confidence = dead->dead_layer_share >= 0.9 ? 0.6 : 0.4;
    ATH_SAY(f->evidence,
            "after epoch %lld %.0f%% of the units of %s are dead (zero for every image); %.0f%% over all layers",
            (long long)dead->epoch, 100.0 * dead->dead_layer_share, dead->dead_layer, 100.0 * dead->dead_share);
    ATH_SAY(f->cause,
            "steps that were too long pushed these units below zero for good; the net works with what is left");
    ATH_SAY(f->change, "lr=%.3g or init=kaiming or warmup=1ep", ath__evidence_real(e, "lr") / 3.0);
}

const struct ath__doctor_rule ath__doctor_dead_units = {
    .code = "DEAD-UNITS",
    .title = "most units of a layer are dead",
    .explained_by = "NO-LEARN LR-ADAM WD",
    .check = check_dead_units,
};

/* ---- WD ------------------------------------------------------------------------------------------------------------ */

/* By which a weight that the loss leaves alone changes per step of SGD with coupled decay. With a = lr * weight_decay
 *
 *     v' = m v + a w,  w' = w - v'    =>    z^2 - (1 + m - a) z + m = 0
 *
 * and the larger root counts; it is above 1 where a > 2 (1 + m). */
static double free_factor(double a, double m) {
    double sum = 1.0 + m - a, under = sum * sum - 4.0 * m;
    return under < 0.0 ? sqrt(m) : (fabs(sum) + sqrt(under)) / 2.0;
}

/* Weight decay alone shrinks the weights by lr * wd * gain a step, to 1/e in 1 / (lr * wd * gain) steps. The fastest
 * recipes that are known to work forget in about 75 steps; usual ones in thousands. */
static void check_weight_decay(const struct ath__evidence *e, ath_finding *f) {
    double decay = ath__evidence_real(e, "weight_decay"), lr = ath__evidence_real(e, "lr");
    /* Muon and LARS scale their steps themselves; with renormalize the weights keep their length whatever pulls them. */
    bool own_scale = strcmp(ath__evidence_text(e, "optimizer"), "muon") == 0 ||
                     strcmp(ath__evidence_text(e, "optimizer"), "lars") == 0;
    if (decay <= 0.0 || (own_scale && strcmp(ath__evidence_text(e, "renormalize"), "true") == 0)) return;
    bool   coupled_adaptive = ath__evidence_adaptive(e) && !strstr(ath__evidence_text(e, "optimizer"), "adamw");
    double shrink = lr * decay * ath__evidence_gain(e);
    const struct ath__vitals *first = e->run.vitals_count > 1 ? &e->run.vitals[0] : NULL,
                             *last = ath__evidence_vitals(e);
    bool faded = first && last->weight_norm < 0.3 * first->weight_norm;
    if (coupled_adaptive && decay >= 0.1)
        f->confidence = 0.8;
    else if (shrink > 0.1)
        f->confidence = 0.92;
    else if (shrink > 0.02 && (faded || !own_scale))
        f->confidence = faded ? 0.9 : 0.65;
    else if (shrink > 0.002 && faded && ath__evidence_last(e) && ath__evidence_last(e)->train_top1 < 90.0)
        f->confidence = 0.6;
    else
        return;
    bool   sgd = strcmp(ath__evidence_text(e, "optimizer"), "sgd") == 0;
    double momentum = sgd ? ath__evidence_real(e, "momentum") : 0.0;
    double factor = sgd ? free_factor(lr * decay, momentum) : exp(-shrink);
    int    at = factor < 1.0
                    ? ATH_SAY(f->evidence, "weight_decay=%g at lr=%g shrinks the weights to a third in %.3g steps", decay,
                              lr, fmax(-1.0 / log(factor), 1.0))
                    : ATH_SAY(f->evidence,
                              "weight_decay=%g at lr=%g is unstable: lr * weight_decay = %.3g is above 2 (1 + "
                                 "momentum), so weights grow by a factor of %.3g with every step",
                              decay, lr, lr * decay, factor);
    if (faded && at > 0 && (size_t)at < sizeof f->evidence)
        snprintf(f->evidence + at, sizeof f->evidence - (size_t)at,
                 "; their norm went from %.3g after epoch %lld to %.3g after epoch %lld", first->weight_norm,
                 (long long)first->epoch, last->weight_norm, (long long)last->epoch);
    ATH_SAY(f->cause, coupled_adaptive ? "an adaptive optimiser divides the L2 term by the gradient's size as well: it "
                                         "outweighs the loss"
                                       : "weight decay pulls the weights to zero faster than the loss can hold them");
    ATH_SAY(f->change, "weight_decay=%s", coupled_adaptive ? "0.0001" : "0.0005");
}

const struct ath__doctor_rule ath__doctor_weight_decay = {
    .code = "WD",
    .title = "weight decay is far too large",
    .check = check_weight_decay,
};
