/* The rows of the key table, and checking values against them. */
#include "train/settings.h"

#include "base/error.h"
#include "base/option.h"
#include "base/str.h"
#include "optim/schedule.h"

#include <stdio.h>
#include <string.h>

#define TEXT(name, fallback, summary)                                                                                  \
    { name, ATH_SETTING_TEXT, fallback, NULL, 0, 0, false, summary }
#define INT(name, fallback, min, max, summary)                                                                         \
    { name, ATH_SETTING_INT, fallback, NULL, min, max, false, summary }
#define REAL(name, fallback, min, max, summary)                                                                        \
    { name, ATH_SETTING_REAL, fallback, NULL, min, max, false, summary }
#define ABOVE(name, fallback, min, max, summary)                                                                       \
    { name, ATH_SETTING_REAL, fallback, NULL, min, max, true, summary }
#define FLAG(name, fallback, summary)                                                                                  \
    { name, ATH_SETTING_FLAG, fallback, "false|true", 0, 0, false, summary }
#define CHOICE(name, fallback, choices, summary)                                                                       \
    { name, ATH_SETTING_CHOICE, fallback, choices, 0, 0, false, summary }
#define TIME(name, fallback, summary)                                                                                  \
    { name, ATH_SETTING_DURATION, fallback, NULL, 0, 0, false, summary }

static const struct ath__setting table[] = {
    TEXT("model", "", "network: a zoo name (athanor models) or a YAML model file"),
    TEXT("data", "", "data set: a name (athanor data list) or a path"),
    TEXT("resize", "", "image size that the network sees: 224, or HEIGHTxWIDTH; empty = as stored"),
    TEXT(
        "normalize", "none",
        "none (pixels in 0 to 1), auto (from the training images), imagenet, or mean:deviation per channel: 0.13:0.31"),
    INT("classes", "0", 0, 1000000, "number of classes, 0 = the data set's"),
    TEXT("input", "", "bench, profile, graph: input as CxHxW; empty = the model's own"),
    INT("epochs", "10", 1, 1000000, "passes over the training images"),
    INT("batch", "128", 1, 1000000, "images per optimiser step"),
    INT("micro_batch", "0", 0, 1000000, "images per piece of a step, to save memory; 0 = the whole batch at once"),
    ABOVE("lr", "0.1", 0, 1e6, "learning rate (its peak, under a schedule)"),
    TEXT("optimizer", "sgd", "optimiser (athanor help train lists them)"),
    REAL("momentum", "0", 0, 0.99999, "momentum"),
    FLAG("nesterov", "false", "Nesterov's form of momentum"),
    REAL("weight_decay", "0", 0, 1e3, "coupled L2 weight decay"),
    TEXT("schedule", "constant", "learning-rate schedule: constant, step, cosine"),
    TIME("schedule.every", "30ep", "step: distance of the drops"),
    REAL("schedule.factor", "0.1", 0, 1, "step: multiplier at each drop"),
    REAL("schedule.end", "0", 0, 1, "cosine: final rate as a share of the peak"),
    TIME("warmup", "0", "linear rise of the rate in front of the schedule"),
    REAL("label_smoothing", "0", 0, 0.999, "share of the target spread evenly over all classes"),
    TEXT("init", "torch", "start: xavier, kaiming or torch"),
    TEXT("weights", "", "weights file (.safetensors) to start from, evaluate or predict with"),
    FLAG("weights.partial", "false", "accept a weights file that fills less than 90% of the parameters"),
    TEXT("freeze", "", "parameters not to train: patterns with * and ?, separated by commas"),
    TEXT("reparam", "none", "weight transform: none, wn"),
    INT("seed", "1", 0, 9007199254740992.0, "seed of start, order, dropout"),
    INT("threads", "0", 0, 4096, "threads, 0 = one per processor"),
    CHOICE("precision", "f32", "f32|bf16", "storage and arithmetic of activations"),
    CHOICE("device", "auto", "auto|cpu", "where to compute"),
    REAL("target_top1", "0", 0, 100, "stop when validation accuracy reaches this many percent; 0 = never"),
    REAL("require_top1", "0", 0, 100, "end with exit code 6 if the best validation accuracy stays below"),
    INT("patience", "0", 0, 1000000, "stop after this many epochs without a better validation accuracy; 0 = never"),
    TEXT("out", "", "run folder; empty = runs/<date>-<model>-<data>"),
    TEXT("resume", "", "run folder to continue"),
    FLAG("extend", "false", "resume: allow other epochs or another schedule than the run began with"),
    FLAG("overwrite", "false", "write into a run folder that already holds a run"),
    INT("checkpoint.seconds", "60", 0, 1e9, "longest time between two checkpoints; also one after every epoch"),
    TEXT("run", "", "run folder whose best model is meant; empty = runs/last"),
    CHOICE("split", "val", "train|val|test", "eval, predict: which images"),
    CHOICE("mode", "train", "train|infer", "bench, profile, graph: training step or inference"),
    INT("steps", "10", 1, 1000000, "bench: timed steps"),
    CHOICE("layout", "auto", "auto|plain|channels_last|channel_blocks|batch_blocks", "memory layout of activations"),
    TEXT("implementation", "", "prefer implementations of this name (onednn, ref ...), where they accept"),
    INT("loader.threads", "1", 1, 64, "threads that prepare batches"),
    INT("top", "5", 1, 1000, "predict: guesses per image"),
    INT("repeat", "1", 1, 1000, "train: this many runs with seeds seed, seed+1 ...; mean and 95% interval"),
    INT("doctor.steps", "40", 0, 10000, "doctor: training steps to try before a run, 0 = none"),
    REAL("lr.min", "0", 0, 1e6, "lr-find: lowest rate; 0 = 1e-5 for SGD, 1e-7 for adaptive optimisers"),
    REAL("lr.max", "0", 0, 1e6, "lr-find: highest rate; 0 = 10 for SGD, 1 for adaptive optimisers"),
    INT("lr.steps", "100", 10, 100000, "lr-find: steps from the lowest to the highest rate"),
    CHOICE("method", "grid", "grid|random|halving", "sweep: how trials are chosen"),
    INT("trials", "0", 0, 10000, "sweep: number of trials; 0 = the whole grid, or 16 drawn ones"),
    INT("halving", "3", 2, 16, "sweep method=halving: one of so many trials goes on to the next rung"),
};
enum { COUNT = sizeof table / sizeof table[0] };

const struct ath__setting *ath__setting_at(int i) {
    return i >= 0 && i < COUNT ? &table[i] : NULL;
}

const struct ath__setting *ath__setting_find(const char *name) {
    for (int i = 0; i < COUNT; i++)
        if (strcmp(table[i].name, name) == 0) return &table[i];
    return NULL;
}

void ath__setting_allowed(const struct ath__setting *setting, char *text, size_t capacity) {
    switch (setting->type) {
    case ATH_SETTING_TEXT: ath__str_copy(text, capacity, "text"); break;
    case ATH_SETTING_INT:
        snprintf(text, capacity, "a whole number from %.0f to %.0f", setting->min, setting->max);
        break;
    case ATH_SETTING_REAL:
        snprintf(text, capacity, "a number %s%g%s%g", setting->above_min ? "above " : "from ", setting->min,
                 setting->above_min ? ", up to " : " to ", setting->max);
        break;
    case ATH_SETTING_FLAG: ath__str_copy(text, capacity, "true or false"); break;
    case ATH_SETTING_DURATION: ath__str_copy(text, capacity, "a length of training: 30ep or 500it"); break;
    case ATH_SETTING_CHOICE: {
        size_t at = 0;
        for (const char *c = setting->choices; *c && at + 3 < capacity; c++) {
            if (*c == '|') {
                text[at++] = ',';
                text[at++] = ' ';
            } else {
                text[at++] = *c;
            }
        }
        text[at] = '\0';
        break;
    }
    }
}

static bool is_choice(const char *choices, const char *value) {
    size_t length = strlen(value);
    for (const char *at = choices; at; at = strchr(at, '|')) {
        at += *at == '|';
        if (strcspn(at, "|") == length && strncmp(at, value, length) == 0) return true;
    }
    return false;
}

ath_status ath__setting_check(const struct ath__setting *setting, const char *value, ath_error *err) {
    char    allowed[128];
    bool    good = true;
    int64_t whole;
    double  real;
    switch (setting->type) {
    case ATH_SETTING_TEXT: break;
    case ATH_SETTING_INT:
        good = ath__parse_int(value, &whole) && (double)whole >= setting->min && (double)whole <= setting->max;
        break;
    case ATH_SETTING_REAL:
        good = ath__parse_real(value, &real) && real >= setting->min && real <= setting->max &&
               !(setting->above_min && real <= setting->min);
        break;
    case ATH_SETTING_FLAG:
    case ATH_SETTING_CHOICE: good = is_choice(setting->choices, value); break;
    case ATH_SETTING_DURATION: {
        struct ath__duration duration;
        good = ath__duration_parse(value, &duration, NULL) == ATH_OK;
        break;
    }
    }
    if (good) return ATH_OK;
    ath__setting_allowed(setting, allowed, sizeof allowed);
    return ath__fail(err, ATH_USAGE, NULL, "%s must be %s, not '%s'", setting->name, allowed, value);
}
