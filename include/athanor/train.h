/* Runs: training, evaluation, prediction, measuring, merging; each takes a configuration and does the whole job.
 *
 * Training writes a run folder (docs/run-folder.md). All functions are synchronous; hooks report progress and can ask
 * for an early, clean end. Accuracies are in percent, times in seconds.
 */
#ifndef ATHANOR_TRAIN_H
#define ATHANOR_TRAIN_H

#include "athanor/config.h"
#include "athanor/data.h"
#include "athanor/model.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum ath_activity {
    ATH_ACTIVITY_PREPARE,
    ATH_ACTIVITY_TRAIN,
    ATH_ACTIVITY_EVAL,
    ATH_ACTIVITY_SAVE
} ath_activity;

/* Where a run stands; sent after every batch and every epoch. */
typedef struct ath_progress {
    ath_activity activity;
    int64_t      epoch, epochs;  /* epoch counts from 1; 0 while something is prepared before the first */
    int64_t      batch, batches; /* of this epoch */
    double       loss, top1;     /* mean over the epoch so far */
    double       lr;
    double       images_per_second;
    double       data_wait;    /* share of the time spent waiting for data, 0 to 1 */
    double       seconds_left; /* estimate for the whole run; negative = unknown */
} ath_progress;

/* One finished epoch: a row of results.csv. */
typedef struct ath_epoch {
    int64_t epoch; /* from 1 */
    double  lr, train_loss, train_top1, val_loss, val_top1, seconds, images_per_second, data_wait;
    double  ema_loss, ema_top1; /* validation with the weights' running average; 0 or not a number without one */
    double  grad_norm;          /* mean norm of the gradient, before clipping; the same where it is not measured */
    int     stage;              /* from 1; 0 in a run without stages */
} ath_epoch;

/* A remark about the run in plain words: "the loss has stood at ln 10 = 2.303 for an epoch ...". */
typedef struct ath_remark {
    const char *code; /* "NO-LEARN", "PRECISION" ...; stable */
    const char *text;
    bool        warning;
} ath_remark;

/* All members may be NULL. `stop` is asked between steps: nonzero ends the run after a checkpoint (ATH_INTERRUPTED). */
typedef struct ath_hooks {
    void (*progress)(const ath_progress *progress, void *context);
    void (*epoch)(const ath_epoch *epoch, void *context);
    void (*remark)(const ath_remark *remark, void *context);
    int (*stop)(void *context);
    void *context;
} ath_hooks;

typedef struct ath_train_result {
    char    model[64], data[256], precision[8], device[16], run[1024];
    int64_t params, macs, epochs;
    int64_t skipped; /* files that bad_images=skip left out, of training and validation images */
    double  top1_best, top1_last, loss_last, train_top1_last;
    int64_t epoch_best;
    char    tta[16];                                   /* test-time augmentation of the following three */
    double  top1_final, loss_final, calibration_error; /* of the best epoch's weights, evaluated at the end */
    double  seconds, images_per_second;
    int     threads;
    size_t  planned_bytes; /* activations, gradients, packed weights, scratch of the largest plan */
    size_t  peak_rss;
} ath_train_result;

/* Trains as the configuration says and writes the run folder. ATH_DIVERGED on a non-finite loss (the last good state is
 * kept), ATH_INTERRUPTED when stopped by the hook, ATH_TARGET when require_top1 was set and not reached. The result is
 * filled as far as the run went. */
ATH_API ath_status ath_train(const ath_config *config, const ath_hooks *hooks, ath_train_result *result,
                             ath_error *err);

/* The learning rate that a configuration plans, epoch by epoch, without training. `plateau` rates only fall when a
 * metric stands still: they are shown as if it never did. */
typedef struct ath_schedule_epoch {
    int64_t epoch;                  /* from 1 */
    int     stage;                  /* from 1; 0 = the run has none */
    double  first, last, low, high; /* rates of its first and last step, lowest and highest */
    double  momentum;               /* of its last step; 0 = as set */
} ath_schedule_epoch;
typedef struct ath_schedule_plan {
    char                schedule[128], optimizer[128]; /* of all stages, where they differ: "cosine, constant" */
    double              peak;
    int64_t             epochs, steps_per_epoch; /* of all stages; 0 steps where stages have batches of their own */
    ath_schedule_epoch *rows;                    /* epochs of them */
    double             *x, *y;                   /* points of the curve: epochs done, rate */
    int64_t             points;
} ath_schedule_plan;

/* Reads the size of data= for the steps per epoch; remarks go to the hook. */
ATH_API ath_status ath_schedule_show(const ath_config *config, const ath_hooks *hooks, ath_schedule_plan *plan,
                                     ath_error *err);
ATH_API ath_status ath_schedule_plot(const ath_schedule_plan *plan, const char *png_path, ath_error *err);
ATH_API void       ath_schedule_plan_free(ath_schedule_plan *plan);

/* The result as one JSON object: what summary.json and `athanor train --json` hold (docs/run-folder.md). Freed with
 * ath_text_free; NULL when memory runs out. */
ATH_API char *ath_train_result_json(const ath_train_result *result);

/* Draws the curves of 1 to 16 runs in one figure, one colour each: `paths` are run folders or results.csv files.
 * `png_path` or `svg_path` may be NULL. ATH_DATA for a file that is no results.csv. */
ATH_API ath_status ath_runs_plot(const char *title, const char *const *names, const char *const *paths, int count,
                                 const char *png_path, const char *svg_path, ath_error *err);

/* One class of an evaluation. Shares in percent; not a number where there is nothing to divide by. */
typedef struct ath_class_score {
    const char *name, *title, *group;       /* the title is the name where there is no other; "" = in no group */
    int64_t     images, predicted, correct; /* of this class, taken for it, both */
    double      recall, precision, f1;      /* recall is the accuracy on the images of the class */
} ath_class_score;

/* The classes of one group together. Shares in percent; not a number where there is nothing to divide by. */
typedef struct ath_group_score {
    const char *name;
    int64_t     images, correct, within; /* of these classes; right class; a class of the right group */
    double      top1, group_top1;
} ath_group_score;

/* Images whose predicted class has a probability from b/15 up to (b+1)/15. */
enum { ATH_CALIBRATION_BINS = 15 };
typedef struct ath_calibration_bin {
    int64_t images, correct;
    double  accuracy, confidence; /* percent: correct ones, mean probability; 0 in an empty bin */
} ath_calibration_bin;

/* One image with what was made of it. */
typedef struct ath_mistake {
    int64_t index; /* in the split */
    int     label, predicted;
    double  loss, probability, label_probability; /* of the predicted class, of the true one */
} ath_mistake;

typedef struct ath_eval_result {
    int64_t             images, skipped;
    double              top1, top5, loss;  /* top5 is 100 with fewer than six classes */
    double              confidence;        /* mean probability of the predicted class, percent */
    double              calibration_error; /* expected calibration error over the bins, percent */
    char                tta[16];           /* test-time augmentation: none, flip, flip_shift */
    int                 classes;
    int                 seen_classes; /* those with images in training, as far as the model knows */
    int64_t             seen_images;  /* images of these */
    double              top1_seen;    /* accuracy on them */
    ath_class_score    *per_class;
    int                 groups;
    ath_group_score    *per_group; /* in the order of their classes; NULL without groups */
    int64_t            *confusion; /* classes x classes: row = true class, column = predicted */
    ath_calibration_bin calibration[ATH_CALIBRATION_BINS];
    ath_mistake        *worst; /* images with the largest losses, largest first */
    int                 worst_count;
} ath_eval_result;

/* Evaluates the run's best model (key run=) or a weights file (weights=) on the data set's validation split, or on the
 * split named by split=train|val|test. */
ATH_API ath_status ath_eval(const ath_config *config, const ath_hooks *hooks, ath_eval_result *result, ath_error *err);
ATH_API void       ath_eval_result_free(ath_eval_result *result);

typedef struct ath_guess {
    const char *name, *title, *group; /* the title is the name where the model knows no other; "" = in no group */
    int         index;
    double      probability, logit; /* the logit is what the network computes, before softmax */
} ath_guess;

typedef struct ath_prediction {
    const char      *path; /* "mnist:test[17]" for an element of a data set */
    const ath_guess *top;  /* best first */
    int              count;
    const char      *problem;        /* why the image could not be read; then count is 0 */
    const char *truth, *truth_title; /* its class where that is known: of a data set's element, of a file in a folder
                                             that is called like a class; else NULL */
    int         truth_index;         /* -1 = not known */
} ath_prediction;

/* Predicts images: each path is an image file, a folder (all images below it, sorted by path), an IDX image file (with an
 * optional index range, FILE:FIRST-LAST), or elements of data=NAME (test:0-9). Calls `each` once per image in order;
 * images that cannot be read are handed over with their problem. sheet=FILE writes a contact sheet as well. */
ATH_API ath_status ath_predict(const ath_config *config, const char *const *paths, int path_count,
                               void (*each)(const ath_prediction *prediction, void *context), void *context,
                               ath_error *err);

/* The same for paths that come one by one, as long as `next` does not return NULL; each path is used before the next
 * call. Results come batch by batch. */
ATH_API ath_status ath_predict_stream(const ath_config *config, const char *(*next)(void *context),
                                      void (*each)(const ath_prediction *prediction, void *context), void *context,
                                      ath_error *err);

/* Looks into a trained network (run= or weights=) in the way that what= names. `words` are images, files or elements of
 * the data set ("val:0-8"), for kinds that take any; `path` is the figure's (NULL: what=, with .png, in the working
 * folder). docs/analyze.md describes the JSON of each kind. */
typedef struct ath_analysis {
    char *json;         /* one object */
    char *text;         /* lines for people */
    char  figure[1024]; /* the figure's path; empty = none was drawn */
} ath_analysis;
ATH_API ath_status ath_analyze(const ath_config *config, const char *const *words, int word_count, const char *path,
                               const ath_hooks *hooks, ath_analysis *analysis, ath_error *err);
ATH_API void       ath_analysis_free(ath_analysis *analysis);
/* Kind i of what=; false past the end. */
typedef struct ath_analysis_entry {
    const char *name, *summary;
} ath_analysis_entry;
ATH_API bool ath_analysis_at(int i, ath_analysis_entry *entry);

/* One array that a network gave. */
typedef struct ath_inferred {
    const char *name, *dtype; /* the output's name; "float", "int64" ... */
    const char *path;         /* of the .npy file; "" if none was written */
    int         rank;
    int64_t     dims[8];
    double      min, max, sum;
    int64_t     argmax; /* place of the maximum, counted over all elements */
} ath_inferred;

/* Runs a network on arrays: tensors in, tensors out, without any preprocessing. `model` is an ONNX file, whose graph runs
 * as it stands, or a weights file that ath_eval takes. `inputs` are files of NumPy (.npy, .npz) or ONNX tensors (.pb). An
 * ONNX graph's inputs are matched by name where the arrays have names of inputs, else in the graph's order; several
 * files for a graph with a single input are run one after the other. Key out= is the folder for the outputs, one .npy
 * each. Calls `each` (may be NULL) once per output. */
ATH_API ath_status ath_infer(const ath_config *config, const char *model, const char *const *inputs, int input_count,
                             void (*each)(const ath_inferred *inferred, void *context), void *context, ath_error *err);

/* Parameters, multiply-accumulates and time, layer by layer, for the configuration's model and batch. */
typedef struct ath_layer_profile {
    char    name[128], op[32], shape[64], impl[32];
    int64_t params, macs;
    double  ms; /* forward and backward (training) or forward (inference), median-free mean per step */
} ath_layer_profile;
typedef struct ath_profile {
    int64_t            params, macs;
    ath_layer_profile *layers;
    int                layer_count;
    size_t             planned_bytes, unshared_bytes, parameter_bytes;
    char              *refusals; /* per node, which implementations refused and why */
} ath_profile;
ATH_API ath_status ath_profile_model(const ath_config *config, ath_profile *profile, ath_error *err);
ATH_API void       ath_profile_free(ath_profile *profile);

/* Times steps on synthetic data: keys model, batch, precision, threads, mode=train|infer, input=CxHxW, classes, steps.
 */
typedef struct ath_bench_result {
    char    model[64], mode[8], precision[8];
    int64_t batch;
    int     threads;
    double  step_ms_min, step_ms_median, step_ms_max;
    double  images_per_second_min, images_per_second_median, images_per_second_max;
    double  peak_rss_mib;
} ath_bench_result;
ATH_API ath_status ath_bench(const ath_config *config, ath_bench_result *result, ath_error *err);

/* Writes a contact sheet, a PNG, of training images as augment= makes them: `rows` images of the data set (keys data,
 * resize, normalize, augment, seed, rows, columns), one per class in turn, each as it is stored and then as it comes out
 * in epochs 0, 1, 2 ... of a run with that seed. Images that are mixed (mixup, cutmix) are paired among those shown. */
ATH_API ath_status ath_data_show(const ath_config *config, const char *path, ath_error *err);

/* The graph of the configuration's model as text or Graphviz, after every stage of the pipeline whose name is `stage`
 * (NULL = all): build, fold, ... assign. `train` selects the training step. */
ATH_API ath_status ath_graph_show(const ath_config *config, bool train, const char *stage, ath_graph_format format,
                                  void (*write)(const char *stage, const char *text, void *context), void *context,
                                  ath_error *err);

/* Merges the run's re-parameterised model (or weights=) into the plain one and writes it to `path`; the outputs of both
 * on `images` random inputs are compared. */
typedef struct ath_merge_result {
    char    from[32]; /* the weight transform that was merged away */
    double  max_difference;
    int     images;
    int64_t params_before, params_after;
} ath_merge_result;
ATH_API ath_status ath_merge(const ath_config *config, const char *path, ath_merge_result *result, ath_error *err);

/* Writes the run's model (or weights=) to `path` as the network of another program. Keys: format (empty: by the ending
 * of `path`), export.name (of the network in the file; empty: from `path`), export.softmax (probabilities come out, not
 * logits; each format has its own default), export.fold (false: batch norms are kept; onnx alone), and the format's own
 * options, export.KEY. */
typedef struct ath_export_result {
    const char *format;
    int         nodes;     /* operators */
    int64_t     constants; /* elements of all weights */
    bool        softmax;
    char        notes[1024]; /* what the format has no place for: sentences, one a line */
} ath_export_result;
ATH_API ath_status ath_export(const ath_config *config, const char *path, ath_export_result *result, ath_error *err);

/* Writes the tensors and the metadata of the file `from`, of any format, to `to`. Keys: format (empty: by the ending of
 * `to`), names (format: parameters are called as the format's own users call them; keep: as in `from`). */
typedef struct ath_convert_result {
    const char *from, *to; /* formats */
    int         tensors, metadata;
    int64_t     bytes;
    char        notes[1024]; /* what is different there: sentences, one a line */
} ath_convert_result;
ATH_API ath_status ath_convert(const ath_config *config, const char *from, const char *to, ath_convert_result *result,
                               ath_error *err);

#ifdef __cplusplus
}
#endif
#endif
