/* The graph and its builder.
 *
 * A builder call appends a node and returns its value; it reads like eager code:
 *
 *     ath_value y = ath_relu(g, ath_conv2d(g, x, w, b, &(ath_conv2d_attrs){.stride = {2, 2}, .pad = {1, 1, 1, 1}}));
 *
 * Errors are sticky: after the first one every call returns ATH_NONE and does nothing, and ath_graph_status tells what
 * went wrong and at which node. Optional operands are ATH_NONE. Shapes are N,C,H,W; weights K,C/groups,R,S.
 *
 * A weight is an ordinary value: any node's output may be passed as the weights of a convolution.
 */
#ifndef ATHANOR_GRAPH_H
#define ATHANOR_GRAPH_H

#include "athanor/ops.h"
#include "athanor/tensor.h"

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ath_graph ath_graph;
typedef int32_t          ath_value; /* index of a value in its graph */
#define ATH_NONE ((ath_value)-1)

/* How a parameter starts. WEIGHT and BIAS follow the run's `init=` policy (xavier, kaiming, torch). */
typedef enum ath_init_kind {
    ATH_INIT_ZEROS,
    ATH_INIT_CONSTANT, /* value */
    ATH_INIT_WEIGHT,   /* by policy; fan_in = product of dims 1.., fan_out = dim 0 * product of dims 2.. */
    ATH_INIT_BIAS,     /* by policy: uniform +-1/sqrt(fan_in) (torch, xavier) or zero (kaiming) */
    ATH_INIT_UNIFORM,  /* uniform +-value */
    ATH_INIT_NORMAL,   /* normal, deviation value */
    ATH_INIT_DIRAC,    /* by policy, then filter i of the first dims[1] passes channel i on unchanged */
    ATH_INIT_FROM,     /* equal to the value `from` of the graph at the start (a weight norm's gain, say) */
} ath_init_kind;

typedef struct ath_init {
    ath_init_kind kind;
    double        value;
    int64_t       fan_in; /* BIAS: fan-in of the layer that it belongs to */
    ath_value     from;
} ath_init;

/* Life and errors. */
ATH_API ath_graph *ath_graph_create(void); /* NULL when memory runs out */
ATH_API void       ath_graph_destroy(ath_graph *graph);
ATH_API ath_status ath_graph_status(const ath_graph *graph, ath_error *err);
/* Sets the sticky error (for layers that find a fault of their own). Returns ATH_NONE. */
ATH_API ath_value ath_graph_fail(ath_graph *graph, ath_status code, const char *format, ...) ATH_PRINTF(3, 4);

/* Scopes: names of parameters and nodes are prefixed "outer.inner.". The text is copied. */
ATH_API void ath_scope_push(ath_graph *graph, const char *name);
ATH_API void ath_scope_pop(ath_graph *graph);

/* Leaves. Names are relative to the current scope and unique in the graph. */
ATH_API ath_value ath_input(ath_graph *graph, const char *name, ath_dtype dtype, ath_shape shape);      /* per batch */
ATH_API ath_value ath_step_input(ath_graph *graph, const char *name, ath_dtype dtype, ath_shape shape); /* per step  */
ATH_API ath_value ath_param(ath_graph *graph, const char *name, ath_shape shape, ath_init init); /* trained, f32 */
ATH_API ath_value ath_state(ath_graph *graph, const char *name, ath_shape shape, ath_init init); /* kept, f32    */
/* The parameter is not trained, whatever the settings: it keeps its start, or what is loaded. */
ATH_API void      ath_param_freeze(ath_graph *graph, ath_value param);
ATH_API ath_value ath_constant(ath_graph *graph, const char *name, const ath_tensor *tensor); /* copies       */

/* Names a value (for merges, dumps and outputs), and marks a value as an output to be kept. */
ATH_API void ath_value_name(ath_graph *graph, ath_value value, const char *name);
ATH_API void ath_output(ath_graph *graph, ath_value value, const char *name);

ATH_API ath_shape ath_value_shape(const ath_graph *graph, ath_value value);
ATH_API ath_dtype ath_value_dtype(const ath_graph *graph, ath_value value);

/* Convolution and matrix product. `bias` may be ATH_NONE; attrs NULL = all defaults. */
ATH_API ath_value ath_conv2d(ath_graph *g, ath_value x, ath_value weights, ath_value bias,
                             const ath_conv2d_attrs *attrs);
ATH_API ath_value ath_matmul(ath_graph *g, ath_value a, ath_value b, ath_value bias, const ath_matmul_attrs *attrs);
/* x (N,K) . weights (M,K)^T + bias (M) */
ATH_API ath_value ath_linear(ath_graph *g, ath_value x, ath_value weights, ath_value bias);

/* Batch normalisation over dim 1. Training uses the batch's statistics and updates running_mean / running_var (states);
 * evaluation uses them. */
ATH_API ath_value ath_batch_norm_train(ath_graph *g, ath_value x, ath_value gamma, ath_value beta,
                                       ath_value running_mean, ath_value running_var, double eps, double momentum);
ATH_API ath_value ath_batch_norm_eval(ath_graph *g, ath_value x, ath_value gamma, ath_value beta,
                                      ath_value running_mean, ath_value running_var, double eps);

/* Element-wise. Binary functions broadcast as NumPy does. */
ATH_API ath_value ath_activation(ath_graph *g, ath_value x, ath_act kind);
ATH_API ath_value ath_relu(ath_graph *g, ath_value x);
ATH_API ath_value ath_sigmoid(ath_graph *g, ath_value x);
ATH_API ath_value ath_scale(ath_graph *g, ath_value x, double a, double b); /* a*x + b */
ATH_API ath_value ath_unary_op(ath_graph *g, ath_value x, ath_unary kind);
ATH_API ath_value ath_binary_op(ath_graph *g, ath_value a, ath_value b, ath_binary kind);
ATH_API ath_value ath_add(ath_graph *g, ath_value a, ath_value b);
ATH_API ath_value ath_mul(ath_graph *g, ath_value a, ath_value b);

/* Pooling. */
ATH_API ath_value ath_pool2d(ath_graph *g, ath_value x, const ath_pool2d_attrs *attrs);
ATH_API ath_value ath_global_avg_pool(ath_graph *g, ath_value x); /* (N,C,1,1) */
ATH_API ath_value ath_adaptive_pool(ath_graph *g, ath_value x, ath_pool kind, int64_t out_h, int64_t out_w);

/* Shape. */
ATH_API ath_value ath_reshape(ath_graph *g, ath_value x, ath_shape shape); /* one dimension may be -1 */
ATH_API ath_value ath_flatten(ath_graph *g, ath_value x);                  /* (N, rest) */
ATH_API ath_value ath_permute(ath_graph *g, ath_value x, const int64_t *order);
ATH_API ath_value ath_slice(ath_graph *g, ath_value x, const int64_t *begin, const int64_t *size);
ATH_API ath_value ath_pad(ath_graph *g, ath_value x, const int64_t *before, const int64_t *after, double value);
ATH_API ath_value ath_concat(ath_graph *g, const ath_value *values, int count, int axis);
ATH_API ath_value ath_expand(ath_graph *g, ath_value x, ath_shape shape); /* broadcast to */
ATH_API ath_value ath_reduce_op(ath_graph *g, ath_value x, ath_reduce kind, uint32_t axes, bool keep);
ATH_API ath_value ath_resize(ath_graph *g, ath_value x, ath_resize_mode mode, int64_t out_h, int64_t out_w);

/* Classification. labels: i32 (N) or soft targets f32 (N,K). */
ATH_API ath_value ath_softmax(ath_graph *g, ath_value x, bool log);
ATH_API ath_value ath_cross_entropy(ath_graph *g, ath_value logits, ath_value labels, double smoothing); /* (N) */
ATH_API ath_value ath_hits(ath_graph *g, ath_value logits, ath_value labels, int k); /* (N), 0 or 1 */

/* rng: i32 (4) = seed low, seed high, step, 0 of this batch. p = probability of dropping. */
ATH_API ath_value ath_dropout(ath_graph *g, ath_value x, ath_value rng, double p);
/* The same with one draw a sample, which drops all of it or nothing: stochastic depth. */
ATH_API ath_value ath_drop_path(ath_graph *g, ath_value x, ath_value rng, double p);

/* Text of the graph, one line a node. Returned memory is freed with ath_text_free; NULL when memory runs out. */
typedef enum ath_graph_format { ATH_GRAPH_TEXT, ATH_GRAPH_DOT } ath_graph_format;
ATH_API char *ath_graph_dump(const ath_graph *graph, ath_graph_format format);
ATH_API void  ath_text_free(char *text);

#ifdef __cplusplus
}
#endif
#endif
