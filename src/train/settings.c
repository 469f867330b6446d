/* The rows of the key table, and checking values against them. */
#include "train/settings.h"

#include "base/error.h"
#include "base/option.h"
#include "base/str.h"
#include "data/augment/augment.h"
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
#define TRANSFORMS(name, fallback, summary)                                                                            \
    { name, ATH_SETTING_AUGMENT, fallback, NULL, 0, 0, false, summary }

static const struct ath__setting table[] = {
    TEXT("model", "", "network: a zoo name (athanor models), a YAML model file or an ONNX file"),
    TEXT("data", "", "data set: a name (athanor data list) or a path"),
    TEXT("resize", "",
         "size that images are brought to: 256 = the shorter side, HEIGHTxWIDTH = both; empty = as stored (photos: "
         "docs/photos.md)"),
    TEXT("crop", "",
         "size of the middle that is then cut out, which the network sees: 224, or HEIGHTxWIDTH; empty = resize="),
    CHOICE("resize.rounding", "nearest", "nearest|torchvision",
           "fractions of pixels in resize= and crop=: the longer side to the nearest and the margin down, or as "
           "torchvision"),
    CHOICE("interpolation", "bilinear", "bilinear|bicubic|nearest|box",
           "how pixels are computed when resizing (antialiased, as Pillow does)"),
    TEXT("normalize", "none",
         "none (pixels in 0 to 1), auto (from the training images), imagenet, half (-1 to 1), or mean:deviation per "
         "channel: 0.13:0.31"),
    TRANSFORMS("augment", "",
               "random transforms of training images, in order: '[crop(4),flip,cutout(8)]'; empty = none"),
    INT("classes", "0", 0, 1000000, "number of classes, 0 = the data set's"),
    TEXT("input", "", "bench, profile, graph: input as CxHxW; empty = the model's own"),
    INT("epochs", "10", 1, 1000000, "passes over the training images"),
    INT("batch", "128", 1, 1000000, "images per optimiser step"),
    INT("micro_batch", "0", 0, 1000000, "images per piece of a step, to save memory; 0 = the whole batch at once"),
    ABOVE("lr", "auto", 0, 1e6, "learning rate (its peak, under a schedule); auto = the optimizer's usual one"),
    TEXT("optimizer", "sgd", "sgd, adam, adamw, nadam, rmsprop, adagrad, lars, muon (docs/optimisers.md)"),
    REAL("momentum", "auto", 0, 0.99999, "sgd, rmsprop, lars, muon: momentum"),
    REAL("dampening", "auto", 0, 1, "sgd: share of a gradient that does not enter the momentum"),
    FLAG("nesterov", "auto", "sgd, muon: Nesterov's form of momentum"),
    REAL("weight_decay", "auto", 0, 1e3, "weight decay; decoupled from the gradient in adamw and muon, else L2"),
    REAL("beta1", "auto", 0, 0.99999, "adam, adamw, nadam: decay of the gradient's mean"),
    REAL("beta2", "auto", 0, 0.9999999, "adam, adamw, nadam: decay of the gradient's mean square"),
    ABOVE("eps", "auto", 0, 1, "adaptive optimizers: added to the divisor"),
    REAL("alpha", "auto", 0, 0.9999999, "rmsprop: decay of the gradient's mean square"),
    FLAG("centered", "auto", "rmsprop: divide by the deviation of gradients, not by their mean square"),
    REAL("momentum_decay", "auto", 0, 1, "nadam: how fast its momentum rises to beta1"),
    REAL("lr_decay", "auto", 0, 1e3, "adagrad: rate / (1 + steps * lr_decay)"),
    ABOVE("trust", "auto", 0, 1e3, "lars: rate of a layer as a share of |weights| / |gradient|"),
    INT("ns_steps", "auto", 1, 20, "muon: Newton-Schulz iterations"),
    FLAG("renormalize", "auto", "muon: scale every weight to norm sqrt(filters) before each step (airbench's form)"),
    TEXT("decay.exclude", "", "parameters without weight decay: norm, bias or norm,bias"),
    REAL("clip.norm", "0", 0, 1e9, "largest Euclidean norm of the whole gradient; 0 = no limit"),
    REAL("clip.value", "0", 0, 1e9, "largest absolute value of a gradient; 0 = no limit"),
    FLAG("log.grad_norm", "false", "log the gradient's norm also without clipping"),
    INT("lookahead", "0", 0, 1000000, "Lookahead: steps between two of the slow weights; 0 = none"),
    REAL("lookahead.alpha", "0.5", 0, 1, "Lookahead: share of the way that slow weights go"),
    REAL("lookahead.end", "0", 0, 1, "Lookahead: with lookahead.power, the share at the run's end"),
    REAL("lookahead.power", "0", 0, 100,
         "Lookahead: the share goes from alpha to end by this power of time; 0 = it stays"),
    FLAG("lookahead.statistics", "false", "Lookahead: running statistics of batch norms follow slowly as well"),
    REAL("sam", "0", 0, 100, "sharpness-aware minimisation: radius (0.05); two passes a step; 0 = none"),
    REAL("ema", "0", 0, 0.9999999, "running average of the weights: its decay (0.999); 0 = none"),
    TEXT("schedule", "constant",
         "learning-rate schedule: constant, step, multistep, lambda, exponential, polynomial, square, linear, cosine, "
         "cosine-restarts, one-cycle, triangle, plateau (docs/schedules.md)"),
    TIME("schedule.every", "auto", "step: distance of the drops; exponential: length that one factor stands for"),
    REAL("schedule.factor", "auto", 0, 1, "step, multistep, plateau: multiplier at each drop; exponential: per every"),
    TEXT("schedule.milestones", "auto", "multistep: times of the drops: [30ep,60ep]"),
    TEXT("schedule.expression", "auto",
         "lambda: share of the peak, from epoch, epochs, step, steps: 0.1^floor(epoch/30)"),
    REAL("schedule.start", "auto", 0, 1000, "linear, triangle: first rate as a share of the peak"),
    REAL("schedule.end", "auto", 0, 1000, "descents: final rate as a share of the peak"),
    TIME("schedule.length", "auto", "descents, one-cycle, triangle: their length; 0 = the whole run"),
    ABOVE("schedule.power", "auto", 0, 100, "polynomial: its power"),
    TIME("schedule.period", "auto", "cosine-restarts: length of the first cosine"),
    REAL("schedule.growth", "auto", 1, 100, "cosine-restarts: each cosine over the one before"),
    REAL("schedule.rise", "auto", 0, 1, "one-cycle, triangle: share of the length in which the rate rises"),
    REAL("schedule.div", "auto", 1, 1e9, "one-cycle: peak over first rate"),
    REAL("schedule.final_div", "auto", 1, 1e12, "one-cycle: first rate over last rate"),
    CHOICE("schedule.anneal", "auto", "cosine|linear", "one-cycle: half cosines or straight lines"),
    REAL("schedule.momentum_low", "auto", 0, 0.99999, "one-cycle: momentum at the peak (0.85); 0 = it does not cycle"),
    REAL("schedule.momentum_high", "auto", 0, 0.99999, "one-cycle: momentum at both ends (0.95)"),
    CHOICE("schedule.metric", "auto", "val_top1|val_loss|train_top1|train_loss",
           "plateau: what is watched; losses are to fall, accuracies to rise"),
    INT("schedule.patience", "auto", 0, 1000000, "plateau: epochs without improvement that are waited for"),
    REAL("schedule.threshold", "auto", 0, 1e6, "plateau: smallest improvement that counts"),
    CHOICE("schedule.threshold_mode", "auto", "rel|abs",
           "plateau: threshold as a share of the best value, or absolute"),
    INT("schedule.cooldown", "auto", 0, 1000000, "plateau: epochs behind a drop that do not count"),
    REAL("schedule.min_lr", "auto", 0, 1e6, "plateau: the rate never falls below"),
    TIME("warmup", "0", "linear rise of the rate in front of the schedule"),
    TEXT("loss", "cross_entropy", "loss: cross_entropy, focal, bce (one class against the rest)"),
    REAL("loss.gamma", "2", 0, 100, "focal: exponent by which what is classified well counts less"),
    TEXT("class_weights", "",
         "weights of the classes in the loss: auto (by inverse frequency) or w0,w1,...; empty = all 1"),
    REAL("label_smoothing", "0", 0, 0.999, "share of the target spread evenly over all classes"),
    TEXT("init", "torch", "start: xavier, kaiming or torch"),
    CHOICE("init.head", "auto", "auto|zeros|ones",
           "start of the last layer: as init= and weights= say, or its weights all 0 or all 1 and its bias 0"),
    TEXT("weights", "",
         "weights file to start from, evaluate or predict with: .safetensors or PyTorch's (.pth, .pt, .th)"),
    FLAG("weights.partial", "false", "accept a weights file that fills less than 90% of the parameters"),
    TEXT("freeze", "",
         "parameters not to train: backbone (all but the last layer), or patterns with * and ?, separated by commas"),
    CHOICE(
        "bn.statistics", "auto", "auto|frozen|update|recalibrate",
        "batch norms' statistics: frozen where scale and shift are (auto), frozen everywhere, updated everywhere, or "
        "measured anew before every validation"),
    CHOICE("features", "none", "none|cache", "cache: compute the frozen part's output once and train the rest on it"),
    INT("features.views", "1", 1, 1000,
        "features=cache: views kept of every training image, the first without augment="),
    FLAG("features.plain", "true", "features=cache: the first view is the image as it is; false: augmented as well"),
    TEXT("features.folder", "", "features=cache: where features are kept; empty = the user's cache folder"),
    TEXT("reparam", "none", "weight transform: none, wn"),
    INT("seed", "1", 0, 9007199254740992.0, "seed of start, order, dropout"),
    INT("threads", "0", 0, 4096, "threads, 0 = one per processor"),
    CHOICE("precision", "f32", "f32|bf16", "storage and arithmetic of activations"),
    CHOICE("device", "auto", "auto|cpu", "where to compute"),
    REAL("target_top1", "0", 0, 100, "stop when validation accuracy reaches this many percent; 0 = never"),
    REAL("require_top1", "0", 0, 100, "end with exit code 6 if the best validation accuracy stays below"),
    INT("patience", "0", 0, 1000000, "stop after this many epochs without a better validation accuracy; 0 = never"),
    TEXT("out", "", "run folder; empty = runs/<date>-<model>-<data> (data show: the PNG to write)"),
    TEXT("resume", "", "run folder to continue"),
    FLAG("extend", "false", "resume: allow other epochs or another schedule than the run began with"),
    FLAG("overwrite", "false", "write into a run folder that already holds a run"),
    INT("checkpoint.seconds", "60", 0, 1e9, "longest time between two checkpoints; also one after every epoch"),
    TEXT("format", "", "export, convert: format to write; empty = by the ending of the file's name"),
    CHOICE("names", "format", "format|keep",
           "convert: names of parameters as the format's users have them, or as they are"),
    TEXT("run", "", "run folder whose best model is meant; empty = runs/last"),
    CHOICE(
        "tta", "none", "none|flip|flip_shift",
        "test-time augmentation: mean logits over the mirrored image (flip) and over shifts by a pixel (flip_shift)"),
    CHOICE("split", "val", "train|val|test", "eval, predict: which images"),
    CHOICE("mode", "train", "train|infer", "bench, profile, graph: training step or inference"),
    INT("steps", "10", 1, 1000000, "bench: timed steps"),
    CHOICE("layout", "auto", "auto|plain|channels_last|channel_blocks|batch_blocks", "memory layout of activations"),
    TEXT("implementation", "", "prefer implementations of this name (onednn, ref ...), where they accept"),
    INT("loader.threads", "1", 1, 64, "threads that prepare batches"),
    INT("loader.cache", "1024", 0, 1048576,
        "MiB for images that were read and resized, kept for the next epoch; 0 = none"),
    TEXT("labels", "",
         "photos: file with titles and groups of the classes; empty = labels.txt in the data folder, none = no titles"),
    CHOICE("bad_images", "stop", "stop|skip",
           "photos that are broken or no images: stop with the file's name, or leave them out and count them"),
    INT("rows", "10", 1, 64, "data show: images"),
    INT("columns", "9", 1, 64, "data show: epochs whose form of each image is shown, beside the original"),
    INT("top", "5", 1, 1000, "predict: guesses per image"),
    TEXT("sheet", "", "predict: contact sheet to write, a PNG of the pictures with what they were taken for"),
    TEXT("what", "", "analyze: which analysis: gradcam"),
    TEXT("layer", "", "analyze what=gradcam: layer or block whose feature map is looked at; empty = the last one"),
    TEXT("class", "", "analyze what=gradcam: class to explain, name or number; empty = each image's predicted one"),
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
    case ATH_SETTING_AUGMENT: ath__str_copy(text, capacity, "a list of transforms: [crop(4),flip]"); break;
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
    if (strcmp(value, "auto") == 0 && strcmp(setting->fallback, "auto") == 0) return ATH_OK;
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
    case ATH_SETTING_AUGMENT: {
        struct ath__augment *augment;
        ath_status           status = ath__augment_open(value, &augment, err); /* whose messages say more */
        ath__augment_close(augment);
        return status;
    }
    }
    if (good) return ATH_OK;
    ath__setting_allowed(setting, allowed, sizeof allowed);
    return ath__fail(err, ATH_USAGE, NULL, "%s must be %s, not '%s'", setting->name, allowed, value);
}
