/* The doctor: rules over evidence, each of which may yield one finding.
 *
 * A rule is one row of doctor_rule_list.h and one struct with a function. It looks at the evidence alone, sets the
 * confidence above 0 when it fires, and writes what it saw, the likely cause, and the key=value to change. Symptoms
 * give way to causes: a rule names in `explained_by` the findings that account for what it sees, and keeps silent when
 * one of them is at hand with a confidence of EXPLAINS or more.
 *
 * From ATH_FINDING_WARNS on a finding is a warning, which a healthy run should never see; below, a hint.
 */
#ifndef ATH_TRAIN_DOCTOR_H
#define ATH_TRAIN_DOCTOR_H

#include "athanor/tune.h"
#include "train/doctor/evidence.h"

#define ATH_FINDING_WARNS 0.5

struct ath__doctor_rule {
    const char *code, *title;
    const char *explained_by; /* codes separated by blanks; may be NULL */
    void (*check)(const struct ath__evidence *evidence, ath_finding *finding);
};

#define ATH_DOCTOR_RULE(name) extern const struct ath__doctor_rule ath__doctor_##name;
#include "train/doctor/doctor_rule_list.h"
#undef ATH_DOCTOR_RULE

/* Row i; NULL past the end. */
const struct ath__doctor_rule *ath__doctor_rule_at(int i);

/* Applies all rules; `findings` is the caller's to free (ath_findings_free). */
ath_status ath__doctor_examine(const struct ath__evidence *evidence, ath_findings *findings, ath_error *err);

/* Writes doctor.json into a run folder, unless it already holds these findings. */
ath_status ath__doctor_write(const char *folder, const ath_findings *findings, ath_error *err);

/* printf into one of a finding's texts. */
#define ATH_SAY(field, ...) snprintf((field), sizeof(field), __VA_ARGS__)

/* What several rules ask of the evidence. */
double      ath__evidence_real(const struct ath__evidence *evidence, const char *key);
const char *ath__evidence_text(const struct ath__evidence *evidence, const char *key);
bool        ath__evidence_adaptive(const struct ath__evidence *evidence); /* Adam and its kin: rates near 0.001 */
double      ath__evidence_chance(const struct ath__evidence *evidence);   /* ln of the number of classes; 0 = unknown */
const ath_epoch          *ath__evidence_last(const struct ath__evidence *evidence);   /* NULL before the first epoch */
const struct ath__vitals *ath__evidence_vitals(const struct ath__evidence *evidence); /* the last; NULL if none */
/* Momentum multiplies what a gradient moves: 1 / (1 - momentum) for plain SGD, 1 for the adaptive ones. */
double ath__evidence_gain(const struct ath__evidence *evidence);

#endif
