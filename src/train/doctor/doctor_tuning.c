/* Rules about fine-tuning: weights from elsewhere, a part of the network frozen, few images. */
#include "train/doctor/doctor.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static bool is(const struct ath__evidence *e, const char *key, const char *value) {
    return strcmp(ath__evidence_text(e, key), value) == 0;
}

/* ---- PREPROCESS: images prepared otherwise than the weights are used to --------------------------------------------- */

static void check_preprocess(const struct ath__evidence *e, ath_finding *f) {
    const struct ath__tuning_facts *t = &e->tuning;
    if (!t->known || !t->prepared_otherwise) return;
    f->confidence = 0.8;
    ATH_SAY(f->evidence, "weights= was trained on images %s; this run's are %s", t->there, t->here);
    ATH_SAY(
        f->cause,
        "a network is good at images that are prepared as in its training: a frozen part sees others from the first "
        "step on, and a trained one has to unlearn");
    ATH_SAY(f->change, "resize=, crop=, interpolation= and normalize= as in the run that made the weights");
}

const struct ath__doctor_rule ath__doctor_preprocess = {
    .code = "PREPROCESS",
    .title = "images are prepared otherwise than for the weights that it starts from",
    .check = check_preprocess,
};

/* ---- BN-FROZEN: frozen layers whose statistics move ----------------------------------------------------------------- */

static void check_norm_frozen(const struct ath__evidence *e, ath_finding *f) {
    if (!e->net.known || e->net.norms == 0 || !*ath__evidence_text(e, "freeze")) return;
    if (!is(e, "bn.statistics", "update")) return;
    f->confidence = 0.75;
    ATH_SAY(f->evidence,
            "freeze=%.60s keeps parameters as they are, and bn.statistics=update moves the statistics of "
            "%d batch norms with every batch",
            ath__evidence_text(e, "freeze"), e->net.norms);
    ATH_SAY(f->cause,
            "the frozen part is not frozen: its output drifts with the statistics of batches of %.0f images, "
            "and training sees another network than validation",
            ath__evidence_real(e, "batch"));
    ATH_SAY(f->change, "bn.statistics=auto");
}

const struct ath__doctor_rule ath__doctor_norm_frozen = {
    .code = "BN-FROZEN",
    .title = "frozen layers take in new batch-norm statistics",
    .check = check_norm_frozen,
};

/* ---- TUNE-RATE: the whole network moved far by few images ----------------------------------------------------------- */

/* Rates are compared as if batches had 256 images: what a run from scratch is given there, 0.1 with momentum 0.9, moves
 * weights as far as 1.0 without. Pretrained weights are good; a tenth of that is usual. */
static void check_tune_rate(const struct ath__evidence *e, ath_finding *f) {
    const struct ath__data_facts *d = &e->data;
    double                        batch = ath__evidence_real(e, "batch");
    if (!*ath__evidence_text(e, "weights") || *ath__evidence_text(e, "freeze") || !d->known || d->classes < 2) return;
    double each = (double)d->train / d->classes, lr = ath__evidence_real(e, "lr");
    bool   adaptive = ath__evidence_adaptive(e);
    double strength = adaptive ? lr / 1e-3 : lr * ath__evidence_gain(e) * 256.0 / fmax(batch, 1.0);
    if (each >= 300.0 || strength < 1.0) return;
    f->confidence = 0.6;
    ATH_SAY(f->evidence,
            "all layers of pretrained weights are trained at lr=%g (batch=%.0f) on %.0f images a class: as fast as one "
            "trains from scratch",
            lr, batch, each);
    ATH_SAY(f->cause, "the weights forget what they came with before so few images can teach them as much");
    ATH_SAY(f->change, "lr=%.2g or freeze=backbone", lr / (10.0 * fmax(strength, 1.0)));
}

const struct ath__doctor_rule ath__doctor_tune_rate = {
    .code = "TUNE-RATE",
    .title = "a pretrained network is trained at the rate of a new one",
    .explained_by = "LR-HIGH LR-ADAM WD",
    .check = check_tune_rate,
};

/* ---- HEAD-START ------------------------------------------------------------------------------------------------------ */

/* Rows of the last layer part at the first step, because every class has its own labels; so this is a hint. */
static void check_head_start(const struct ath__evidence *e, ath_finding *f) {
    bool ones = is(e, "init.head", "ones");
    if (!ones && !e->trial.equal_head) return;
    if (is(e, "init.head", "zeros")) return;
    f->confidence = 0.4;
    ATH_SAY(f->evidence, "all rows of the last layer start equal, so that the first loss is ln %d = %.4f for any image",
            e->data.classes, ath__evidence_chance(e));
    ATH_SAY(f->cause,
            "what all classes have in common cancels in the softmax: it teaches nothing, feeds weight decay and takes "
            "digits of the logits");
    ATH_SAY(f->change, "init.head=zeros");
}

const struct ath__doctor_rule ath__doctor_head_start = {
    .code = "HEAD-START",
    .title = "the last layer starts with equal rows",
    .check = check_head_start,
};
