/* Rules about the schedule: one that never acts, warm-up, plateau, patience. */
#include "train/doctor/doctor.h"

#include "optim/schedule.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- LR-FLAT: a schedule whose first drop lies behind the end of the run ------------------------------------------- */

/* A rate that stays at its peak keeps the loss from settling; whoever names a schedule means it to fall. What a plateau
 * schedule does is not planned, and a constant rate is asked for. */
static void check_lr_flat(const struct ath__evidence *e, ath_finding *f) {
    const struct ath__plan_facts *p = &e->plan;
    const char                   *schedule = ath__evidence_text(e, "schedule");
    if (!p->known || p->peak <= 0.0 || p->warmup_steps >= 0.5 * (double)p->steps) return;
    if (strcmp(schedule, "constant") == 0 || strcmp(schedule, "plateau") == 0) return;
    if (p->lowest < 0.999 * p->peak) return;
    double               epochs = ath__evidence_real(e, "epochs");
    struct ath__duration every;
    f->confidence = 0.6;
    if (strcmp(schedule, "step") == 0 &&
        ath__duration_parse(ath__evidence_text(e, "schedule.every"), &every, NULL) == ATH_OK)
        ATH_SAY(f->evidence,
                "schedule=step lowers the rate every %g %s, the run has %.0f epochs (%lld steps): it stays at %.3g",
                every.amount, every.epochs ? "epochs" : "steps", epochs, (long long)p->steps, p->peak);
    else
        ATH_SAY(f->evidence, "with schedule=%s the planned rate is %.3g in all of the run's %.0f epochs (%lld steps)",
                schedule, p->peak, epochs, (long long)p->steps);
    ATH_SAY(f->cause, "the first drop comes behind the end of the run: the rate is constant, and the last points of "
                      "accuracy come when it falls");
    ATH_SAY(f->change, strcmp(schedule, "step") == 0 ? "schedule.every=%gep or schedule=cosine" : "schedule=cosine",
            fmax(1.0, floor(epochs / 3.0)));
}

const struct ath__doctor_rule ath__doctor_lr_flat = {
    .code = "LR-FLAT",
    .title = "the schedule never lowers the rate",
    .check = check_lr_flat,
};

/* ---- WARMUP, PLATEAU, PATIENCE ------------------------------------------------------------------------------------ */

static void check_warmup(const struct ath__evidence *e, ath_finding *f) {
    const struct ath__plan_facts *p = &e->plan;
    if (!p->known || p->warmup_steps < 0.5 * (double)p->steps) return;
    f->confidence = p->warmup_steps >= (double)p->steps ? 0.9 : 0.6;
    ATH_SAY(f->evidence, "warmup=%s takes %.0f of the run's %lld steps", ath__evidence_text(e, "warmup"),
            p->warmup_steps, (long long)p->steps);
    ATH_SAY(f->cause, "the warm-up is as long as the run, which hardly sees its full rate");
    ATH_SAY(f->change, "warmup=%gep", fmax(0.05 * ath__evidence_real(e, "epochs"), 0.1));
}

const struct ath__doctor_rule ath__doctor_warmup = {
    .code = "WARMUP",
    .title = "the warm-up takes most of the run",
    .check = check_warmup,
};

/* A drop of the rate behind an epoch that was the best so far, in accuracy and in loss: the schedule watches the wrong
 * way. Schedules that fall by plan are left alone. */
static void check_plateau(const struct ath__evidence *e, ath_finding *f) {
    const struct ath__run_facts *run = &e->run;
    int64_t                      wrong = 0, drops = 0, at = 0;
    double                       top1 = -1.0, loss = INFINITY;
    if (strcmp(ath__evidence_text(e, "schedule"), "plateau") != 0) return;
    for (int64_t i = 0; i + 1 < run->epoch_count; i++) {
        bool best = run->epochs[i].val_top1 > top1 && run->epochs[i].val_loss < loss && i > 0;
        top1 = fmax(top1, run->epochs[i].val_top1);
        loss = fmin(loss, run->epochs[i].val_loss);
        if (!(run->epochs[i + 1].lr < 0.99 * run->epochs[i].lr)) continue;
        drops++;
        if (best) wrong++, at = i;
    }
    if (drops < 1 || wrong * 2 <= drops) return;
    f->confidence = wrong > 1 ? 0.8 : 0.5;
    ATH_SAY(
        f->evidence,
        "%lld of %lld drops of the rate came behind an epoch that was the best so far in loss and accuracy (epoch %lld: "
        "%.2f%%)",
        (long long)wrong, (long long)drops, (long long)run->epochs[at].epoch, run->epochs[at].val_top1);
    ATH_SAY(f->cause, "the plateau schedule waits for the metric to move the wrong way, or not at all");
    ATH_SAY(f->change, "schedule.metric=val_top1 or schedule.patience=10");
}

const struct ath__doctor_rule ath__doctor_plateau = {
    .code = "PLATEAU",
    .title = "the plateau schedule lowers the rate while the net improves",
    .check = check_plateau,
};

/* Stopping waits for `patience` epochs; a rate that would only fall later never gets the chance to help. */
static void check_patience(const struct ath__evidence *e, ath_finding *f) {
    double               patience = ath__evidence_real(e, "patience");
    const char          *schedule = ath__evidence_text(e, "schedule");
    struct ath__duration every;
    if (patience <= 0.0) return;
    double waits = 0.0;
    if (strcmp(schedule, "step") == 0 &&
        ath__duration_parse(ath__evidence_text(e, "schedule.every"), &every, NULL) == ATH_OK)
        waits = every.epochs ? every.amount : 0.0;
    if (strcmp(schedule, "plateau") == 0) waits = ath__evidence_real(e, "schedule.patience");
    if (waits <= 0.0 || patience > waits || ath__evidence_real(e, "epochs") <= patience) return;
    f->confidence = 0.6;
    ATH_SAY(f->evidence,
            "patience=%.0f ends the run after as many epochs without a better validation accuracy; schedule=%s "
            "waits %.0f epochs before it lowers the rate",
            patience, schedule, waits);
    ATH_SAY(f->cause, "the run stops before the lower rate can help, which is often when most is gained");
    ATH_SAY(f->change, "patience=%.0f", 2.0 * waits + 1.0);
}

const struct ath__doctor_rule ath__doctor_patience = {
    .code = "PATIENCE",
    .title = "early stopping comes before the rate falls",
    .check = check_patience,
};
