/* The watch over a run: takes the vitals of every epoch, keeps them in log.jsonl, and lets the doctor look.
 *
 * What the doctor finds appears as a remark, once per code and run of the program (again when a hint becomes a warning),
 * and in doctor.json. Nothing here changes how the run goes.
 */
#ifndef ATH_TRAIN_WATCH_H
#define ATH_TRAIN_WATCH_H

#include "train/checkpoint.h"
#include "train/doctor/evidence.h"
#include "train/run_folder.h"

enum { ATH_WATCH_MAX_CODES = 64 };

struct ath__watch {
    struct ath__vitals_taker      taker;
    struct ath__evidence          evidence;
    struct ath__vitals           *vitals; /* of all epochs */
    int64_t                       count, capacity;
    int64_t                       stage_epoch; /* epochs in front of the stage */
    const ath_hooks              *hooks;
    const struct ath__run_folder *folder;
    const char                   *told[ATH_WATCH_MAX_CODES];
    int                           told_count;
    bool                          on;
};

/* Behind start or resume, when the folder is there, and once more for every stage, which is looked at alone; what was
 * told before is not told again. Reads the vitals that log.jsonl already has, and says what can be seen before the
 * first step. */
ath_status ath__watch_open(struct ath__watch *watch, const ath_config *config, const struct ath__network *network,
                           const ath_dataset *train, const ath_dataset *val, int64_t steps_per_epoch,
                           const struct ath__preprocess *preprocess, const struct ath__position *position,
                           const struct ath__run_folder *folder, const ath_hooks *hooks, ath_error *err);
void       ath__watch_close(struct ath__watch *watch);

/* Before and behind every step, at the position in front of it. */
void ath__watch_before(struct ath__watch *watch, const struct ath__network *network, const struct ath__metrics *metrics,
                       const struct ath__position *position);
ath_status ath__watch_after(struct ath__watch *watch, struct ath__network *network, const struct ath__samples *samples,
                            const struct ath__metrics *metrics, const struct ath__position *position, double lr,
                            ath_error *err);

/* An epoch is over: its vitals go to the log. To be called before the position moves on. */
ath_status ath__watch_epoch(struct ath__watch *watch, struct ath__position *position,
                            const struct ath__metrics *validation, ath_error *err);
/* Asks the doctor about all epochs so far; `ended`: there will be no more. */
ath_status ath__watch_examine(struct ath__watch *watch, const struct ath__position *position, bool ended,
                              ath_error *err);

#endif
