/* The run folder: what a training run leaves on disk (docs/run-folder.md).
 *
 *     config.yaml env.json classes.txt log.jsonl results.csv summary.json curves.png curves.svg report.html
 *     weights/best.safetensors weights/last.safetensors weights/ema.safetensors checkpoint/state.safetensors
 *     events.out.tfevents.*
 */
#ifndef ATH_TRAIN_RUN_FOLDER_H
#define ATH_TRAIN_RUN_FOLDER_H

#include "athanor/train.h"
#include "base/file.h"
#include "train/checkpoint.h"
#include "train/model_file.h"

struct ath__run_folder {
    char path[ATH_PATH_MAX];
    char title[256]; /* "lenet5 on mnist" */
};

/* Chooses and makes the folder: out=, or resume=, or runs/<date>-<model>-<data>. A folder that already holds a run is
 * refused unless resume= or overwrite=true. Points runs/last at it when it lies under runs/. */
ath_status ath__run_folder_open(const ath_config *config, struct ath__run_folder *folder, ath_error *err);

/* Path of a file in the folder. */
ath_status ath__run_folder_file(const struct ath__run_folder *folder, const char *name, char path[ATH_PATH_MAX],
                                ath_error *err);

/* config.yaml alone: at the beginning, and when a resumed run is extended. */
ath_status ath__run_folder_settings(const struct ath__run_folder *folder, const ath_config *config, ath_error *err);

/* config.yaml, env.json, classes.txt. */
ath_status ath__run_folder_begin(const struct ath__run_folder *folder, const ath_config *config,
                                 const struct ath__model_info *info, ath_error *err);

/* One line of log.jsonl: {"event": ..., "time": ..., ...}; `fields` is the inside of a JSON object or empty. Advances
 * position->log_bytes. */
ath_status ath__run_folder_log(const struct ath__run_folder *folder, struct ath__position *position, const char *event,
                               const char *fields, ath_error *err);
/* Cuts log.jsonl back to where the checkpoint was made. */
ath_status ath__run_folder_rewind(const struct ath__run_folder *folder, const struct ath__position *position,
                                  ath_error *err);

/* results.csv of all epochs so far; curves and TensorBoard events too where those on disk are two seconds old. */
ath_status ath__run_folder_epochs(const struct ath__run_folder *folder, const struct ath__position *position,
                                  ath_error *err);
/* Curves and TensorBoard events now: for a run that ends early. */
ath_status ath__run_folder_draw(const struct ath__run_folder *folder, const struct ath__position *position,
                                ath_error *err);

/* Everything of ath__run_folder_epochs, summary.json and report.html. */
ath_status ath__run_folder_finish(const struct ath__run_folder *folder, const ath_config *config,
                                  const struct ath__position *position, const ath_train_result *result,
                                  const struct ath__metrics *validation, const struct ath__model_info *info,
                                  ath_error *err);

#endif
