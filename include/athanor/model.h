/* Models: the zoo's networks and a user's own, described once and built into any graph.
 *
 * A model is a name, option values, an input shape and a number of classes. Training, evaluation, export, profile and
 * merge all build it through ath_model_build.
 */
#ifndef ATHANOR_MODEL_H
#define ATHANOR_MODEL_H

#include "athanor/graph.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ath_model ath_model;

/* `name`: a zoo name ("lenet5", "resnet18-cifar") or the path of a YAML model file. ATH_USAGE for an unknown name, with
 * a suggestion. The model is the caller's to destroy. */
ATH_API ath_status ath_model_create(const char *name, ath_model **model, ath_error *err);
/* The net of a model file that is already in memory (`size` bytes of YAML); `name` stands for the file in messages. */
ATH_API ath_status ath_model_create_text(const char *name, const char *text, size_t size, ath_model **model,
                                         ath_error *err);
/* The text of the model's YAML file, to be kept with its weights; NULL for a zoo model. */
ATH_API const char *ath_model_text(const ath_model *model);
ATH_API void        ath_model_destroy(ath_model *model);

/* Options as text: `kernel=3`, `activation=relu`; keys without the `model.` prefix. */
ATH_API ath_status ath_model_set(ath_model *model, const char *key, const char *value, ath_error *err);
/* The option's present value as text; NULL for an unknown key. Valid until the next call on the model. */
ATH_API const char *ath_model_get(ath_model *model, const char *key);
/* Option i (name, summary, default, allowed), or false past the end. `allowed` is valid until the next call on the
 * model. */
typedef struct ath_model_option {
    const char *name, *summary, *fallback, *allowed;
} ath_model_option;
ATH_API bool ath_model_option_at(ath_model *model, int i, ath_model_option *option);

/* Input channels, height, width and the number of classes; the zoo entry's own until set. */
ATH_API ath_status  ath_model_set_input(ath_model *model, int channels, int height, int width, ath_error *err);
ATH_API ath_status  ath_model_set_classes(ath_model *model, int classes, ath_error *err);
ATH_API void        ath_model_input(const ath_model *model, int *channels, int *height, int *width);
ATH_API int         ath_model_classes(const ath_model *model);
ATH_API const char *ath_model_name(const ath_model *model);

/* Weight transform ("wn" ... or "none") that every convolution's (and, where it applies, linear layer's) weight goes
 * through. */
ATH_API ath_status  ath_model_set_reparam(ath_model *model, const char *name, ath_error *err);
ATH_API const char *ath_model_reparam(const ath_model *model);

/* Appends the network to `graph`: x is (N,C,H,W) f32; returns logits (N, classes). `train` selects batch statistics and
 * dropout; `rng` is the dropout key input (ath_dropout) and may be ATH_NONE when not training. Errors are the graph's.
 */
ATH_API ath_value ath_model_build(const ath_model *model, ath_graph *graph, ath_value x, bool train, ath_value rng);

/* Trainable parameters, elements that are kept but not trained (running statistics, frozen parameters) and multiply-accumulates of one forward pass at batch 1 (convolutions and
 * matrix products). */
typedef struct ath_model_counts {
    int64_t params, buffers, macs;
} ath_model_counts;
ATH_API ath_status ath_model_count(const ath_model *model, ath_model_counts *counts, ath_error *err);

/* The zoo: entry i, or false past the end. */
typedef struct ath_zoo_entry {
    const char *name, *summary;
    int         channels, height, width, classes;
} ath_zoo_entry;
ATH_API bool ath_zoo_at(int i, ath_zoo_entry *entry);

#ifdef __cplusplus
}
#endif
#endif
