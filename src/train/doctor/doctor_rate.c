/* Rules about the learning rate: decayed to nothing, too high, too low, wrong for the optimiser. */
#include "train/doctor/doctor.h"

#include "optim/schedule.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- LR-DEAD: the rate falls to nothing long before the run ends -------------------------------------------------- */

/* Times given in steps that read like epochs: the classic of a schedule stepped once per batch. */
static bool counted_in_steps(const struct ath__evidence *e, const char *key, double *amount) {
    struct ath__duration every;
    if (ath__duration_parse(ath__evidence_text(e, key), &every, NULL) != ATH_OK) return false;
    *amount = every.amount;
    return !every.epochs && every.amount > 0.0 && every.amount < (double)e->plan.steps_per_epoch;
}

/* Copies `text` with every word `from` (no letter or digit behind it, none in front unless `unit`) as `to`; false if
 * there was none. */
static bool replace_word(const char *text, const char *from, const char *to, bool unit, char *out, size_t capacity) {
    size_t length = strlen(from), at = 0;
    bool   found = false;
    for (const char *c = text; *c && at + strlen(to) + 1 < capacity;) {
        bool alone = unit || c == text || !isalnum((unsigned char)c[-1]);
        if (strncmp(c, from, length) == 0 && alone && !isalnum((unsigned char)c[length])) {
            memcpy(out + at, to, strlen(to));
            at += strlen(to);
            c += length;
            found = true;
        } else {
            out[at++] = *c++;
        }
    }
    out[at] = '\0';
    return found;
}

/* The key whose times are counted in steps where epochs were meant, with the mended value in `text`; NULL if there is
 * none. An expression that looks at the run's length (`steps`) knows what it counts. */
static const char *mistaken_unit(const struct ath__evidence *e, char *text, size_t capacity) {
    const char *milestones = ath__evidence_text(e, "schedule.milestones");
    const char *expression = ath__evidence_text(e, "schedule.expression");
    double      amount;
    if (strcmp(ath__evidence_text(e, "schedule"), "lambda") == 0) {
        bool relative = replace_word(expression, "steps", "steps", false, text, capacity);
        bool counts = replace_word(expression, "step", "epoch", false, text, capacity);
        return counts && !relative ? "schedule.expression" : NULL;
    }
    if (counted_in_steps(e, "schedule.every", &amount)) {
        snprintf(text, capacity, "%gep", amount);
        return "schedule.every";
    }
    return replace_word(milestones, "it", "ep", true, text, capacity) ? "schedule.milestones" : NULL;
}

static void suggest_units(const struct ath__evidence *e, ath_finding *f) {
    char        text[160];
    const char *key = mistaken_unit(e, text, sizeof text);
    if (key) {
        ATH_SAY(
            f->cause,
            "%s=%.120s counts optimiser steps, of which an epoch has %lld: the schedule is stepped once per batch where "
            "once per epoch was meant",
            key, ath__evidence_text(e, key), (long long)e->plan.steps_per_epoch);
        ATH_SAY(f->change, "%s=%s", key, text);
        /* A mistake of units explains the whole, however short the run. */
        f->confidence = fmax(f->confidence, 0.95);
    } else {
        ATH_SAY(f->cause, "the drops of schedule=%s come too soon or are too deep for a run of %.0f epochs",
                ath__evidence_text(e, "schedule"), ath__evidence_real(e, "epochs"));
        ATH_SAY(f->change, "schedule=cosine");
    }
}

static void lr_dead_planned(const struct ath__evidence *e, ath_finding *f) {
    const struct ath__plan_facts *p = &e->plan;
    if (!p->known || p->peak <= 0.0 || p->steps < 2) return;
    double share = p->dead_step / (double)p->steps;
    char   mended[160];
    /* A schedule that has come down by half of the run has wasted the other half. One that comes down within four epochs
     * (drops of ten to one, less than an epoch apart) by times that it counts in steps is meant otherwise even where the
     * run is hardly longer than that. */
    bool unit = p->dead_step < 4.0 * (double)p->steps_per_epoch && mistaken_unit(e, mended, sizeof mended);
    if (share >= (unit ? 0.9 : 0.5)) return;
    f->confidence = share < 0.1 ? 0.97 : share < 0.33 ? 0.8 : 0.55;
    ATH_SAY(
        f->evidence,
        "the planned rate falls from %.3g to below a thousandth of it at step %.0f of %lld (%.2f of %.0f epochs) and "
        "stays there for %.0f%% of the run; it ends at %.3g",
        p->peak, p->dead_step, (long long)p->steps, p->dead_step / (double)p->steps_per_epoch,
        (double)p->steps / (double)p->steps_per_epoch, 100.0 * (1.0 - share), p->last);
    suggest_units(e, f);
}

/* What happened, where the plan does not say it (plateau, or a run without a known plan). */
static void lr_dead_seen(const struct ath__evidence *e, ath_finding *f) {
    const struct ath__run_facts *run = &e->run;
    double                       peak = 0.0;
    int64_t                      dead = 0;
    for (int64_t i = 0; i < run->epoch_count; i++) peak = fmax(peak, run->epochs[i].lr);
    for (int64_t i = 0; i < run->vitals_count; i++)
        if (run->vitals[i].lr_high > peak) peak = run->vitals[i].lr_high;
    while (dead < run->epoch_count && run->epochs[run->epoch_count - 1 - dead].lr < 1e-3 * peak) dead++;
    /* A schedule may end at nothing; it may not spend the run there. */
    if (run->epoch_count < 2 || dead < 2 || (double)dead < 0.4 * (double)run->epoch_count) return;
    const ath_epoch *last = ath__evidence_last(e);
    f->confidence = (double)dead > 0.8 * (double)run->epoch_count ? 0.95 : 0.7;
    ATH_SAY(
        f->evidence,
        "in %lld of %lld epochs the rate was below a thousandth of its highest value %.3g (last %.3g); training top-1 "
        "stands at %.2f%%",
        (long long)dead, (long long)run->epoch_count, peak, last->lr, last->train_top1);
    if (strcmp(ath__evidence_text(e, "schedule"), "plateau") == 0) {
        ATH_SAY(f->cause, "the plateau schedule took noise for standstill and multiplied the rate down to nothing");
        ATH_SAY(f->change, "schedule.patience=10");
    } else {
        suggest_units(e, f);
    }
}

static void check_lr_dead(const struct ath__evidence *e, ath_finding *f) {
    lr_dead_planned(e, f);
    if (f->confidence <= 0.0) lr_dead_seen(e, f);
}

const struct ath__doctor_rule ath__doctor_lr_dead = {
    .code = "LR-DEAD",
    .title = "the learning rate decays to nothing",
    .check = check_lr_dead,
};

/* ---- LR-ADAM: a rate for SGD given to an adaptive optimiser ------------------------------------------------------- */

/* Adam moves every weight by about the rate itself, whatever the gradient: weights of a layer with fan-in n start near
 * 1/sqrt(n), 0.02 to 0.05 in a ResNet, so that 0.1 throws all of them away in one step. */
static void check_lr_adaptive(const struct ath__evidence *e, ath_finding *f) {
    double lr = ath__evidence_real(e, "lr");
    if (!ath__evidence_adaptive(e) || lr < 0.01) return;
    f->confidence = lr >= 0.03 ? 0.93 : 0.6;
    ATH_SAY(
        f->evidence,
        "lr=%g with optimizer=%s: each step moves each weight by about %g, and weights of this kind of net start near "
        "0.03",
        lr, ath__evidence_text(e, "optimizer"), lr);
    ATH_SAY(f->cause,
            "adaptive optimisers divide by the gradient's size, so their rate is a step length: 0.001 is usual, "
            "0.1 is a rate for SGD");
    ATH_SAY(f->change, "lr=0.001 or optimizer=sgd momentum=0.9");
}

const struct ath__doctor_rule ath__doctor_lr_adaptive = {
    .code = "LR-ADAM",
    .title = "the rate is too high for an adaptive optimiser",
    .check = check_lr_adaptive,
};

/* ---- LR-HIGH ------------------------------------------------------------------------------------------------------ */

static void too_high(const struct ath__evidence *e, ath_finding *f, double confidence, double lr) {
    f->confidence = confidence;
    ATH_SAY(f->cause, "steps are longer than the loss surface is flat: each overshoots, and the loss grows instead of "
                      "falling");
    bool warm = e->plan.warmup_steps > 0.0;
    ATH_SAY(f->change, "lr=%.3g%s", lr / 10.0, warm ? "" : " or warmup=1ep");
}

static bool lr_high_from_epochs(const struct ath__evidence *e, ath_finding *f) {
    const struct ath__run_facts *run = &e->run;
    double                       chance = ath__evidence_chance(e), lr = ath__evidence_real(e, "lr");
    const struct ath__vitals    *first = run->vitals_count > 0 && run->vitals[0].epoch == 1 ? &run->vitals[0] : NULL;
    /* High at first is common with momentum and heals, in short epochs after the first of them; high and staying there
     * does not. */
    bool healed = run->epoch_count > 1 && run->epochs[run->epoch_count - 1].train_loss < 0.98 * chance;
    if (first && !healed && chance > 0.0 && first->loss_high > 1.5 * chance && first->loss_last > 0.95 * chance) {
        too_high(e, f, 0.75, lr);
        ATH_SAY(
            f->evidence,
            "in the first epoch the loss of a batch rose to %.3g (guessing gives ln %d = %.3f), and was still %.3g over "
            "its last tenth",
            first->loss_high, e->data.classes, chance, first->loss_last);
        return true;
    }
    int64_t rises = 0, at = 0;
    for (int64_t i = 1; i < run->epoch_count; i++)
        if (run->epochs[i].train_loss > 1.25 * run->epochs[i - 1].train_loss &&
            run->epochs[i].train_loss > 0.3 * chance)
            rises++, at = i;
    if (rises > 0) {
        too_high(e, f, rises > 1 ? 0.7 : 0.55, lr);
        ATH_SAY(f->evidence,
                "the training loss rose by more than a quarter in %lld epoch%s, from %.3g to %.3g in epoch %lld",
                (long long)rises, rises > 1 ? "s" : "", run->epochs[at - 1].train_loss, run->epochs[at].train_loss,
                (long long)run->epochs[at].epoch);
        return true;
    }
    const struct ath__vitals *last = ath__evidence_vitals(e);
    if (last && last->ratio > 0.1) {
        too_high(e, f, 0.6, last->lr_high);
        ATH_SAY(f->evidence, "one step moved the weights by %.2g of their own length (%s: %.2g); about 0.001 is usual",
                last->ratio, last->layer, last->layer_ratio);
        return true;
    }
    return false;
}

/* The loss of a healthy net with batch normalisation often rises in the first steps of a trial; behind this many it has
 * turned. Where steps are slow a trial ends before. */
static const int64_t settled = 10;

static void check_lr_high(const struct ath__evidence *e, ath_finding *f) {
    const struct ath__run_facts   *run = &e->run;
    const struct ath__trial_facts *trial = &e->trial;
    double                         chance = ath__evidence_chance(e);
    if (run->diverged) {
        too_high(e, f, 0.9, run->diverged_lr > 0.0 ? run->diverged_lr : ath__evidence_real(e, "lr"));
        ATH_SAY(f->evidence, "the loss or a weight ceased to be a finite number at step %lld, at a rate of %.3g",
                (long long)run->diverged_step, run->diverged_lr);
        return;
    }
    if (lr_high_from_epochs(e, f) || run->epoch_count > 0 || trial->steps == 0) return;
    if (trial->diverged) {
        too_high(e, f, 0.95, trial->lr);
        ATH_SAY(f->evidence, "in a trial the loss ceased to be a finite number after %lld steps at a rate of %.3g",
                (long long)trial->steps, trial->lr);
    } else if (trial->loss_last > 0.95 * chance && trial->dead_share >= 0.8 && trial->growth > 1.5) {
        too_high(e, f, 0.9, trial->lr);
        ATH_SAY(
            f->evidence,
            "in a trial of %lld steps the weights grew to %.3g times their length, %.0f%% of the units of %s died, and "
            "the loss is %.3g (guessing gives %.3f)",
            (long long)trial->steps, trial->growth, 100.0 * trial->dead_share, trial->dead_layer, trial->loss_last,
            chance);
    } else if (trial->loss_last > 0.95 * chance && trial->growth > 3.0) {
        too_high(e, f, 0.75, trial->lr);
        ATH_SAY(
            f->evidence,
            "in a trial of %lld steps the weights grew to %.3g times their length, and the loss is %.3g (guessing gives "
            "%.3f)",
            (long long)trial->steps, trial->growth, trial->loss_last, chance);
    } else if (trial->steps >= settled && trial->loss_last > 1.3 * fmax(trial->loss_first, chance)) {
        too_high(e, f, 0.8, trial->lr);
        ATH_SAY(f->evidence,
                "in a trial of %lld steps the loss went from %.3g to %.3g (highest %.3g; guessing gives %.3f)",
                (long long)trial->steps, trial->loss_first, trial->loss_last, trial->loss_high, chance);
    }
}

const struct ath__doctor_rule ath__doctor_lr_high = {
    .code = "LR-HIGH",
    .title = "the learning rate is too high",
    .explained_by = "LR-ADAM WD NO-LEARN INIT",
    .check = check_lr_high,
};

/* ---- LR-LOW ------------------------------------------------------------------------------------------------------- */

/* Steps of 1/1000 of the weights' length are usual; at 1/50000 an epoch of 400 steps moves them by less than a hundredth.
 */
static const double creeping = 2e-5;

static void too_low(const struct ath__evidence *e, ath_finding *f, double confidence, double ratio) {
    double factor = fmin(fmax(3e-4 / fmax(ratio, 1e-9), 10.0), 1000.0);
    double round_factor = pow(10.0, floor(log10(factor)));
    bool   plain = strcmp(ath__evidence_text(e, "optimizer"), "sgd") == 0 && ath__evidence_real(e, "momentum") == 0.0;
    f->confidence = confidence;
    ATH_SAY(f->cause, "the rate is far below what this net stands: it creeps%s",
            plain ? "; plain SGD without momentum is ten times slower still" : "");
    ATH_SAY(f->change, "lr=%.3g%s", ath__evidence_real(e, "lr") * round_factor, plain ? " or momentum=0.9" : "");
}

static void check_lr_low(const struct ath__evidence *e, ath_finding *f) {
    const struct ath__run_facts *run = &e->run;
    double                       highest = 0.0, peak = 0.0;
    for (int64_t i = 0; i < run->vitals_count; i++)
        if (run->vitals[i].lr_high > peak) peak = run->vitals[i].lr_high;
    for (int64_t i = 0; i < run->vitals_count; i++) {
        /* Measured late in a schedule; at the peak it would have been longer. */
        double at_peak = run->vitals[i].ratio * peak / run->vitals[i].probe_lr;
        if (isfinite(at_peak) && at_peak > highest) highest = at_peak;
    }
    const ath_epoch *last = ath__evidence_last(e);
    if (last && highest > 0.0 && highest < creeping && last->train_top1 < 98.0) {
        too_low(e, f, highest < creeping / 4.0 ? 0.85 : 0.65, highest);
        ATH_SAY(
            f->evidence,
            "at its highest rate a step moves the weights by %.2g of their own length (about 1e-3 is usual); after %lld epoch%s the "
            "training loss is %.3g, top-1 %.2f%%",
            highest, (long long)run->epoch_count, run->epoch_count > 1 ? "s" : "", last->train_loss, last->train_top1);
        return;
    }
    const struct ath__trial_facts *t = &e->trial;
    if (last || t->steps < 5 || t->diverged || e->plan.warmup_steps > 0.0 || !(t->ratio < creeping)) return;
    too_low(e, f, t->ratio < creeping / 4.0 ? 0.8 : 0.6, t->ratio);
    ATH_SAY(f->evidence,
            "in a trial of %lld steps each moved the weights by %.2g of their own length; about 1e-3 is usual",
            (long long)t->steps, t->ratio);
}

const struct ath__doctor_rule ath__doctor_lr_low = {
    .code = "LR-LOW",
    .title = "the learning rate is too low",
    .explained_by = "LR-DEAD WD",
    .check = check_lr_low,
};
