/* matmul on batch blocks (N/16, features, 16 images): the three products of a dense layer's training.
 *
 *     rows       y (N,M) = act(a (N,L) . op(b) + bias)    a and y in batch blocks, b plain: y and dx = dy . w
 *     gradient   y (L,M) = a (N,L)^T . b (N,M)            a and b in batch blocks, y plain: dw = dy^T . x
 *
 * Rows are a 1x1 convolution: vectors over images, weights broadcast. For the gradient the images are the summed
 * dimension: b is turned so that vectors run over 16 of its features, a is broadcast, and results come out in place;
 * every result is one running sum over the batch, whatever the number of threads.
 */
#include "base/error.h"
#include "base/mem.h"
#include "base/parallel.h"
#include "cpu/batch_blocks_common.h"

#include <string.h>

enum {
    ROWS_BLOCKS = 4,    /* image blocks of a task: weights are read once for them */
    ROWS_FEATURES = 24, /* result features of a task */
    MOST_SLOTS = 32,    /* tasks of the gradient, each with scratch of its own */
};

struct product_state {
    const struct ath__batch_kernels *kernels;
    const struct ath__kernels       *common;
    struct ath__batch_epilogue       epilogue;
    bool                             gradient;
    int64_t                          images, blocks;
    int64_t                          a_features, y_features;
    int64_t                          w_feature, w_tap; /* strides of b: result feature, summed feature */
    int64_t                          slots, panels;    /* gradient: panels of 16 columns, dealt out to slots */
    size_t                           slot;             /* floats of scratch */
};

/* ---- what is accepted -------------------------------------------------------------------------------------------- */

static void layouts(struct ath__layout_wish *wish) {
    const ath_matmul_attrs *attrs = wish->attrs;
    struct ath__layout      blocks = ath__layout_batch_blocks(ATH_BATCH_BLOCK), plain = ath__layout_plain();
    if (wish->in[0].shape.rank != 2 || !ath__batch_blocked(&wish->in[0])) return;
    for (int i = 0; i < wish->ins; i++) wish->in[i].layout = plain;
    wish->in[0].layout = blocks;
    if (attrs->trans_a) wish->in[1].layout = blocks;
    wish->out[0].layout = attrs->trans_a ? plain : blocks;
}

static const char *refuse(const struct ath__problem *problem) {
    const ath_matmul_attrs *attrs = problem->attrs;
    bool                    bias = problem->ins > 2 && problem->in[2].present;
    if (problem->out[0].shape.rank != 2) return "batched";
    if (!ath__batch_blocked(&problem->in[0])) return "activations are not in batch blocks";
    const char *reason = ath__batch_blocks_types(problem);
    if (reason != NULL) return reason;
    if (attrs->trans_a) {
        if (attrs->trans_b || bias || attrs->act != ATH_ACT_NONE) return "not the form of a weight gradient";
        if (!ath__batch_blocked(&problem->in[1])) return "activations are not in batch blocks";
        return ath__layout_is_plain(&problem->out[0].layout, 2) ? NULL : "the weight gradient is not plain";
    }
    if (!ath__batch_blocked(&problem->out[0])) return "activations are not in batch blocks";
    return ath__layout_is_plain(&problem->in[1].layout, 2) ? NULL : "weights are not plain";
}

/* ---- preparation ------------------------------------------------------------------------------------------------ */

static int64_t min_i64(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static ath_status prepare(const struct ath__problem *problem, void **result, ath_error *err) {
    const ath_matmul_attrs *attrs = problem->attrs;
    const int64_t          *a = problem->in[0].shape.dims, *b = problem->in[1].shape.dims;
    struct product_state   *state = ATH_NEW(struct product_state);
    *result = state;
    if (state == NULL) return ath__fail_memory(err, problem->op);
    state->kernels = ath__batch_kernels();
    state->common = ath__kernels();
    state->epilogue = ath__batch_epilogue_of(attrs->act);
    state->gradient = attrs->trans_a != 0;
    state->images = a[0];
    state->blocks = ath__batch_blocks_count(a[0]);
    state->a_features = a[1];
    state->y_features = problem->out[0].shape.dims[1];
    state->w_feature = attrs->trans_b ? b[1] : 1;
    state->w_tap = attrs->trans_b ? 1 : b[1];
    if (state->gradient) {
        state->panels = (state->y_features + ATH_BATCH_BLOCK - 1) / ATH_BATCH_BLOCK;
        state->slots = min_i64(state->panels, MOST_SLOTS);
        /* The turned panel (images, 16 columns), then room for a panel of results. */
        state->slot = (size_t)(state->blocks * ATH_BATCH_BLOCK + state->a_features) * ATH_BATCH_BLOCK;
    }
    return ATH_OK;
}

static size_t scratch(const struct ath__problem *problem, const void *state) {
    const struct product_state *product = state;
    (void)problem;
    return (size_t)product->slots * product->slot * sizeof(float);
}

/* ---- run -------------------------------------------------------------------------------------------------------- */

struct product_run {
    const struct product_state *state;
    const float                *a, *b, *bias;
    float                      *y, *scratch;
};

static int64_t rows_pieces(const struct product_state *state) {
    return (state->y_features + ROWS_FEATURES - 1) / ROWS_FEATURES;
}

static void rows_task(int64_t task, void *context) {
    const struct product_run   *run = context;
    const struct product_state *state = run->state;
    int64_t                     pieces = rows_pieces(state), piece = task % pieces;
    int64_t                     first_block = task / pieces * ROWS_BLOCKS;
    int64_t                     first = piece * state->y_features / pieces;
    int64_t                     features = (piece + 1) * state->y_features / pieces - first;
    int64_t                     a_block = state->a_features * ATH_BATCH_BLOCK;
    int64_t                     y_block = state->y_features * ATH_BATCH_BLOCK;
    struct ath__batch_product   product = {
          .x = run->a + first_block * a_block,
          .w = run->b + first * state->w_feature,
          .bias = run->bias != NULL ? run->bias + first : NULL,
          .y = run->y + first_block * y_block + first * ATH_BATCH_BLOCK,
          .filters = features,
          .positions = min_i64(ROWS_BLOCKS, state->blocks - first_block),
          .taps = {1, 1, state->a_features},
          .x_tap = {0, 0, ATH_BATCH_BLOCK},
          .w_tap = {0, 0, state->w_tap},
          .x_position = a_block,
          .w_filter = state->w_feature,
          .y_filter = ATH_BATCH_BLOCK,
          .y_position = y_block,
    };
    state->kernels->product(&product);
    for (int64_t i = 0; i < product.positions; i++)
        ath__batch_epilogue_run(&state->epilogue, product.y + i * y_block, features,
                                ath__batch_blocks_valid(state->images, first_block + i));
}

/* Columns first .. first+15 of the result, from b's features of the same numbers. */
static void gradient_panel(const struct product_run *run, int64_t first, float *turned) {
    const struct product_state *state = run->state;
    int64_t                     b_block = state->y_features * ATH_BATCH_BLOCK;
    int64_t                     columns = min_i64(ATH_BATCH_BLOCK, state->y_features - first);
    bool                        whole = columns == ATH_BATCH_BLOCK;
    float                      *results = turned + state->blocks * ATH_BATCH_BLOCK * ATH_BATCH_BLOCK;
    if (!whole) memset(turned, 0, (size_t)(state->blocks * ATH_BATCH_BLOCK * ATH_BATCH_BLOCK) * sizeof(float));
    for (int64_t block = 0; block < state->blocks; block++)
        state->common->transpose(run->b + block * b_block + first * ATH_BATCH_BLOCK, ATH_BATCH_BLOCK,
                                 turned + block * ATH_BATCH_BLOCK * ATH_BATCH_BLOCK, ATH_BATCH_BLOCK, columns,
                                 ATH_BATCH_BLOCK);
    struct ath__batch_product product = {
        .x = turned,
        .w = run->a,
        .y = whole ? run->y + first : results,
        .filters = state->a_features,
        .positions = 1,
        .taps = {1, state->blocks, ATH_BATCH_BLOCK},
        .x_tap = {0, ATH_BATCH_BLOCK * ATH_BATCH_BLOCK, ATH_BATCH_BLOCK},
        .w_tap = {0, state->a_features * ATH_BATCH_BLOCK, 1},
        .w_filter = ATH_BATCH_BLOCK,
        .y_filter = whole ? state->y_features : ATH_BATCH_BLOCK,
    };
    state->kernels->product(&product);
    for (int64_t i = 0; !whole && i < state->a_features; i++)
        memcpy(run->y + i * state->y_features + first, results + i * ATH_BATCH_BLOCK, (size_t)columns * sizeof(float));
}

static void gradient_task(int64_t slot, void *context) {
    const struct product_run   *run = context;
    const struct product_state *state = run->state;
    for (int64_t panel = slot * state->panels / state->slots; panel < (slot + 1) * state->panels / state->slots;
         panel++)
        gradient_panel(run, panel * ATH_BATCH_BLOCK, run->scratch + (size_t)slot * state->slot);
}

static ath_status run_product(const struct ath__exec *exec, void *data) {
    const struct product_state *state = data;
    bool                        bias = exec->problem->ins > 2 && exec->problem->in[2].present;
    struct product_run run = {state, exec->in[0], exec->in[1], bias ? exec->in[2] : NULL, exec->out[0], exec->scratch};
    if (state->gradient) {
        ath__parallel(state->slots, gradient_task, &run);
        return ATH_OK;
    }
    int64_t groups = (state->blocks + ROWS_BLOCKS - 1) / ROWS_BLOCKS;
    ath__parallel(groups * rows_pieces(state), rows_task, &run);
    return ATH_OK;
}

const struct ath__impl ath__impl_batch_blocks_matmul = {
    .op = "matmul",
    .name = "batch_blocks",
    .layouts = layouts,
    .refuse = refuse,
    .prepare = prepare,
    .release = ath__free,
    .scratch = scratch,
    .run = run_product,
};
