/* The kernels of separable blocks (separable.h) over one vector vocabulary. The including file includes vec_*.h and
 * defines, by the number of registers,
 *
 *     PANEL                      blocks of results that a product makes at a time, 2 or 3
 *     ROWS_OF_TWO, ROWS_OF_ONE   most pixels whose sums fit into registers, for two blocks and for one; four for three
 *     COLUMNS                    neighbouring results of a window
 *
 * A product's step takes one channel: a broadcast per pixel, a load per block, a multiply-add for each pair.
 */
#include "athanor/ops.h"
#include "cpu/simd/separable.h"

#include <math.h>
#include <stddef.h>

#define ALWAYS_INLINE static inline __attribute__((always_inline))
#if defined(ATHANOR_INSTRUMENTED) /* with sanitizers, unrolled code takes minutes to compile */
#define UNROLL
#elif defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

enum { MOST_ROWS = ROWS_OF_ONE > ROWS_OF_TWO ? ROWS_OF_ONE : ROWS_OF_TWO };

/* An activation as bounds, and hard swish, which is none; a branch per vector would cost as much as a short sum.
 * Not-a-numbers pass: the second operand is what minimum and maximum return for them. */
struct clamp {
    vf   low, high;
    bool swish;
};

ALWAYS_INLINE struct clamp clamp_of(int64_t act) {
    bool bounded = act == ATH_ACT_RELU || act == ATH_ACT_RELU6;
    return (struct clamp){.low = v_set(bounded ? 0.0f : -INFINITY),
                          .high = v_set(act == ATH_ACT_RELU6 ? 6.0f : INFINITY),
                          .swish = act == ATH_ACT_HARD_SWISH};
}

ALWAYS_INLINE vf clamped(vf y, const struct clamp *clamp) {
    return v_min(clamp->high, v_max(clamp->low, y));
}

static void swish(float *y) {
    vf v = v_load(y), gate = v_min(v_set(6.0f), v_max(v_set(0.0f), v_add(v, v_set(3.0f))));
    v_store(y, v_mul(v_mul(v, gate), v_set(1.0f / 6.0f)));
}

/* ---- products --------------------------------------------------------------------------------------------------- */

struct tile {
    const float   *from, *weights, *bias, *residual;
    float         *to;
    const int32_t *places;
};

ALWAYS_INLINE void tile_start(const struct ath__separable_product *p, const struct tile *t, vf sum[MOST_ROWS][PANEL],
                              const int rows, const int blocks) {
    UNROLL
    for (int b = 0; b < blocks; b++) {
        if (t->bias != NULL) {
            vf bias = v_load(t->bias + b * VL);
            UNROLL
            for (int r = 0; r < rows; r++) sum[r][b] = bias;
        } else {
            UNROLL
            for (int r = 0; r < rows; r++) sum[r][b] = v_load(t->to + b * p->to_block + t->places[r]);
        }
    }
}

ALWAYS_INLINE void tile_channel(const float *from, const float *weights, vf sum[MOST_ROWS][PANEL], const int rows,
                                const int blocks) {
    vf w[PANEL];
    UNROLL
    for (int b = 0; b < blocks; b++) w[b] = v_load(weights + b * VL);
    UNROLL
    for (int r = 0; r < rows; r++) {
        vf x = v_set(from[r * VL]);
        UNROLL
        for (int b = 0; b < blocks; b++) sum[r][b] = v_fma(x, w[b], sum[r][b]);
    }
}

ALWAYS_INLINE void tile_finish(const struct ath__separable_product *p, const struct tile *t, vf sum[MOST_ROWS][PANEL],
                               const int rows, const int blocks) {
    struct clamp clamp = clamp_of(p->act);
    if (t->residual != NULL) {
        UNROLL
        for (int r = 0; r < rows; r++) {
            UNROLL
            for (int b = 0; b < blocks; b++)
                sum[r][b] = v_add(sum[r][b], v_load(t->residual + b * p->to_block + t->places[r]));
        }
    }
    UNROLL
    for (int r = 0; r < rows; r++) {
        float *to = t->to + t->places[r];
        UNROLL
        for (int b = 0; b < blocks; b++) v_store(to + b * p->to_block, clamped(sum[r][b], &clamp));
    }
    for (int i = 0; clamp.swish && i < rows * blocks; i++) swish(t->to + i / rows * p->to_block + t->places[i % rows]);
}

ALWAYS_INLINE void product_tile(const struct ath__separable_product *p, const struct tile *t, const int rows,
                                const int blocks) {
    vf           sum[MOST_ROWS][PANEL];
    const float *from = t->from, *weights = t->weights;
    int64_t      whole = p->channels / VL, rest = p->channels % VL;
    tile_start(p, t, sum, rows, blocks);
    for (int64_t block = 0; block < whole; block++, from += p->from_block) {
        UNROLL
        for (int c = 0; c < VL; c++) tile_channel(from + c, weights + c * PANEL * VL, sum, rows, blocks);
        weights += VL * PANEL * VL;
    }
    for (int64_t c = 0; c < rest; c++) tile_channel(from + c, weights + c * PANEL * VL, sum, rows, blocks);
    tile_finish(p, t, sum, rows, blocks);
}

typedef void (*product_tile_fn)(const struct ath__separable_product *p, const struct tile *t);

#define PRODUCT_TILE(R, B)                                                                                             \
    static void product_##R##x##B(const struct ath__separable_product *p, const struct tile *t) {                      \
        product_tile(p, t, R, B);                                                                                      \
    }
PRODUCT_TILE(1, 1)
PRODUCT_TILE(2, 1)
PRODUCT_TILE(3, 1)
PRODUCT_TILE(4, 1)
PRODUCT_TILE(5, 1)
PRODUCT_TILE(6, 1)
PRODUCT_TILE(7, 1)
PRODUCT_TILE(8, 1)
PRODUCT_TILE(9, 1)
PRODUCT_TILE(10, 1)
PRODUCT_TILE(11, 1)
PRODUCT_TILE(12, 1)
PRODUCT_TILE(1, 2)
PRODUCT_TILE(2, 2)
PRODUCT_TILE(3, 2)
PRODUCT_TILE(4, 2)
PRODUCT_TILE(5, 2)
PRODUCT_TILE(6, 2)
#if ROWS_OF_TWO > 6
PRODUCT_TILE(7, 2)
PRODUCT_TILE(8, 2)
PRODUCT_TILE(9, 2)
PRODUCT_TILE(10, 2)
PRODUCT_TILE(11, 2)
PRODUCT_TILE(12, 2)
PRODUCT_TILE(13, 2)
PRODUCT_TILE(14, 2)
#endif

#if PANEL == 3
PRODUCT_TILE(1, 3)
PRODUCT_TILE(2, 3)
PRODUCT_TILE(3, 3)
PRODUCT_TILE(4, 3)

enum { ROWS_OF_THREE = 4 };
static const product_tile_fn tiles_of_three[ROWS_OF_THREE] = {product_1x3, product_2x3, product_3x3, product_4x3};
#endif

static const product_tile_fn tiles_of_one[ROWS_OF_ONE] = {
    product_1x1, product_2x1, product_3x1, product_4x1,  product_5x1,  product_6x1,
    product_7x1, product_8x1, product_9x1, product_10x1, product_11x1, product_12x1,
};
static const product_tile_fn tiles_of_two[ROWS_OF_TWO] = {
    product_1x2, product_2x2, product_3x2, product_4x2,  product_5x2,  product_6x2,
#if ROWS_OF_TWO > 6
    product_7x2, product_8x2, product_9x2, product_10x2, product_11x2, product_12x2, product_13x2, product_14x2,
#endif
};

/* How many of `left` pixels to take next: whole registers' worth, and the last two shares even. */
static int64_t next_rows(int64_t left, int64_t most) {
    if (left >= 2 * most || left == most) return most;
    return left > most ? (left + 1) / 2 : left;
}

static void product(const struct ath__separable_product *p) {
    for (int64_t k = 0; k < p->to_blocks; k += PANEL) {
        int64_t                blocks = p->to_blocks - k, most = blocks >= 2 ? ROWS_OF_TWO : ROWS_OF_ONE;
        const product_tile_fn *tiles = blocks >= 2 ? tiles_of_two : tiles_of_one;
        struct tile            t = {.from = p->from,
                                    .weights = p->weights + k / PANEL * p->weights_panel,
                                    .bias = p->bias != NULL ? p->bias + k * VL : NULL,
                                    .residual = p->residual != NULL ? p->residual + k * p->to_block : NULL,
                                    .to = p->to + k * p->to_block};
#if PANEL == 3
        if (blocks >= PANEL) {
            tiles = tiles_of_three;
            most = ROWS_OF_THREE;
        }
#endif
        for (int64_t first = 0, rows; first < p->pixels; first += rows) {
            rows = next_rows(p->pixels - first, most);
            t.from = p->from + first * VL;
            t.places = p->places + first;
            tiles[rows - 1](p, &t);
        }
    }
}

/* ---- windows ---------------------------------------------------------------------------------------------------- */

/* Taps and strides that are constants where the caller inlines this with constants. */
ALWAYS_INLINE void window_columns(const struct ath__separable_window *w, const float *from, float *to,
                                  const int columns, const int64_t tall, const int64_t wide, const int64_t step) {
    struct clamp clamp = clamp_of(w->act);
    vf           sum[COLUMNS], bias = v_load(w->bias);
    UNROLL
    for (int i = 0; i < columns; i++) sum[i] = bias;
    UNROLL
    for (int64_t r = 0; r < tall; r++) {
        UNROLL
        for (int64_t s = 0; s < wide; s++) {
            vf weight = v_load(w->weights + (r * wide + s) * VL);
            UNROLL
            for (int i = 0; i < columns; i++)
                sum[i] = v_fma(v_load(from + r * w->from_row + (i * step + s) * VL), weight, sum[i]);
        }
    }
    UNROLL
    for (int i = 0; i < columns; i++) v_store(to + i * VL, clamped(sum[i], &clamp));
    for (int i = 0; clamp.swish && i < columns; i++) swish(to + i * VL);
}

/* Rows of at least COLUMNS results end with a step that overlaps the one before. */
ALWAYS_INLINE void window_rows(const struct ath__separable_window *w, const int64_t tall, const int64_t wide,
                               const int64_t step) {
    for (int64_t p = 0; p < w->rows; p++) {
        const float *from = w->from + p * w->stride[0] * w->from_row;
        float       *to = w->to + p * w->columns * VL;
        if (w->columns < COLUMNS) {
            for (int64_t q = 0; q < w->columns; q++)
                window_columns(w, from + q * step * VL, to + q * VL, 1, tall, wide, step);
            continue;
        }
        for (int64_t q = 0; q < w->columns; q += COLUMNS) {
            int64_t at = q + COLUMNS <= w->columns ? q : w->columns - COLUMNS;
            window_columns(w, from + at * step * VL, to + at * VL, COLUMNS, tall, wide, step);
        }
    }
}

#define WINDOW(T, S)                                                                                                   \
    static void window_##T##_##S(const struct ath__separable_window *w) {                                              \
        window_rows(w, T, T, S);                                                                                       \
    }
WINDOW(3, 1)
WINDOW(3, 2)
WINDOW(5, 1)
WINDOW(5, 2)

/* Any other size, tap by tap. */
static void window_any(const struct ath__separable_window *w) {
    struct clamp clamp = clamp_of(w->act);
    for (int64_t i = 0; i < w->rows * w->columns; i++) {
        const float *from = w->from + i / w->columns * w->stride[0] * w->from_row + i % w->columns * w->stride[1] * VL;
        vf           sum = v_load(w->bias);
        for (int64_t r = 0; r < w->taps[0]; r++)
            for (int64_t s = 0; s < w->taps[1]; s++)
                sum =
                    v_fma(v_load(from + r * w->from_row + s * VL), v_load(w->weights + (r * w->taps[1] + s) * VL), sum);
        v_store(w->to + i * VL, clamped(sum, &clamp));
        if (clamp.swish) swish(w->to + i * VL);
    }
}

static void window(const struct ath__separable_window *w) {
    bool square = w->taps[0] == w->taps[1] && w->stride[0] == w->stride[1];
    if (square && w->taps[0] == 3 && w->stride[0] == 1)
        window_3_1(w);
    else if (square && w->taps[0] == 3 && w->stride[0] == 2)
        window_3_2(w);
    else if (square && w->taps[0] == 5 && w->stride[0] == 1)
        window_5_1(w);
    else if (square && w->taps[0] == 5 && w->stride[0] == 2)
        window_5_2(w);
    else
        window_any(w);
}

#define ATH_SEPARABLE_KERNELS_TABLE                                                                                    \
    { .lanes = VL, .panel = PANEL, .product = product, .window = window }
