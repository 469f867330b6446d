/* The batch-block kernels over one vector vocabulary (include vec_*.h first, and define the two tilings below).
 *
 * A block of 16 images is LV vectors. A tile keeps its sums in registers over all taps:
 *
 *     product    F filters x P positions x LV vectors; per tap P * LV loads, F broadcasts, F * P * LV multiply-adds
 *     gradient   F filters x T taps; per position and vector F + T loads, F * T multiply-adds
 *
 * Tiles are chosen so that loads stay below two per two multiply-adds and at least eight sums hide their latency:
 *
 *     PRODUCT_FILTERS        most filters in a tile (the filters of a call are split evenly into such tiles)
 *     PRODUCT_POSITIONS(f)   positions in a tile of f filters: 1, 2 or 4
 *     GRADIENT_SUMS          most sums in a gradient tile of at most 4 filters and 4 taps
 */
#include "cpu/simd/batch_blocks.h"

#define ALWAYS_INLINE static inline __attribute__((always_inline))

/* Loops over the parts of a tile: unrolled whole, which is what puts the arrays of sums into registers. Not in builds
 * with sanitizers, where every access of the unrolled code is checked and compiling takes minutes. */
#if defined(ATHANOR_INSTRUMENTED)
#define EACH(i, n) for (int i = 0; i < (n); i++)
#elif defined(__clang__)
#define EACH(i, n) _Pragma("clang loop unroll(full)") for (int i = 0; i < (n); i++)
#else
#define EACH(i, n) _Pragma("GCC unroll 8") for (int i = 0; i < (n); i++)
#endif

enum { LV = ATH_BATCH_BLOCK / VL, MAX_FILTERS = 6, MAX_POSITIONS = 4, MAX_TILE = 4 };

/* ---- product ---------------------------------------------------------------------------------------------------- */

ALWAYS_INLINE void product_tile(const struct ath__batch_product *p, const float *x, const float *w, const float *bias,
                                float *y, const int filters, const int positions) {
    vf      sum[MAX_FILTERS][MAX_POSITIONS][LV];
    int64_t x_position = p->x_position, w_filter = p->w_filter, inner = p->taps[2], x_step = p->x_tap[2],
            w_step = p->w_tap[2];
    EACH(f, filters) {
        vf start = v_set(bias != NULL ? bias[f] : 0.0f);
        EACH(i, positions) EACH(v, LV) sum[f][i][v] = start;
    }
    for (int64_t t0 = 0; t0 < p->taps[0]; t0++)
        for (int64_t t1 = 0; t1 < p->taps[1]; t1++) {
            const float *from = x + t0 * p->x_tap[0] + t1 * p->x_tap[1];
            const float *weight = w + t0 * p->w_tap[0] + t1 * p->w_tap[1];
            for (int64_t t2 = 0; t2 < inner; t2++) {
                vf in[MAX_POSITIONS][LV];
                EACH(i, positions) EACH(v, LV) in[i][v] = v_load(from + i * x_position + v * VL);
                EACH(f, filters) {
                    vf factor = v_set(weight[f * w_filter]);
                    EACH(i, positions) EACH(v, LV) sum[f][i][v] = v_fma(in[i][v], factor, sum[f][i][v]);
                }
                from += x_step;
                weight += w_step;
            }
        }
    EACH(f, filters)
    EACH(i, positions) EACH(v, LV) v_store(y + f * p->y_filter + i * p->y_position + v * VL, sum[f][i][v]);
}

typedef void (*product_tile_fn)(const struct ath__batch_product *p, const float *x, const float *w, const float *bias,
                                float *y);

#define PRODUCT_TILE(F, P)                                                                                             \
    static void product_##F##x##P(const struct ath__batch_product *p, const float *x, const float *w,                  \
                                  const float *bias, float *y) {                                                       \
        product_tile(p, x, w, bias, y, F, P);                                                                          \
    }
#define PRODUCT_TILES(F) PRODUCT_TILE(F, 1) PRODUCT_TILE(F, 2) PRODUCT_TILE(F, 4)
PRODUCT_TILES(1)
PRODUCT_TILES(2)
PRODUCT_TILES(3)
PRODUCT_TILES(4)
PRODUCT_TILES(5)
PRODUCT_TILES(6)

#define PRODUCT_ROW(F)                                                                                                 \
    { product_##F##x1, product_##F##x2, product_##F##x4 }
static const product_tile_fn product_tiles[MAX_FILTERS][3] = {PRODUCT_ROW(1), PRODUCT_ROW(2), PRODUCT_ROW(3),
                                                              PRODUCT_ROW(4), PRODUCT_ROW(5), PRODUCT_ROW(6)};

static void product(const struct ath__batch_product *p) {
    int64_t groups = (p->filters + PRODUCT_FILTERS - 1) / PRODUCT_FILTERS;
    int64_t first = 0;
    for (int64_t group = 0; group < groups; group++) {
        int64_t                filters = (p->filters - first + groups - group - 1) / (groups - group);
        const product_tile_fn *tiles = product_tiles[filters - 1];
        const float           *w = p->w + first * p->w_filter, *bias = p->bias != NULL ? p->bias + first : NULL;
        float                 *y = p->y + first * p->y_filter;
        int64_t                size = PRODUCT_POSITIONS(filters);
        for (int64_t i = 0; i < p->positions;) {
            while (size > p->positions - i) size /= 2;
            tiles[size / 2](p, p->x + i * p->x_position, w, bias, y + i * p->y_position);
            i += size;
        }
        first += filters;
    }
}

/* ---- gradient --------------------------------------------------------------------------------------------------- */

ALWAYS_INLINE void gradient_tile(const struct ath__batch_gradient *g, const float *dy, const int64_t *tap, float *sums,
                                 const int filters, const int taps) {
    vf           sum[MAX_TILE][MAX_TILE];
    const float *from[MAX_TILE];
    int64_t      dy_filter = g->dy_filter, dy_column = g->dy_column, x_column = g->x_column, columns = g->columns;
    EACH(f, filters) EACH(t, taps) sum[f][t] = v_load(sums + f * g->sums_filter + t * VL);
    for (int64_t row = 0; row < g->rows; row++) {
        const float *out = dy + row * g->dy_row;
        EACH(t, taps) from[t] = g->x + tap[t] + row * g->x_row;
        for (int64_t column = 0; column < columns; column++) {
            EACH(v, LV) {
                vf in[MAX_TILE];
                EACH(t, taps) in[t] = v_load(from[t] + v * VL);
                EACH(f, filters) {
                    vf factor = v_load(out + f * dy_filter + v * VL);
                    EACH(t, taps) sum[f][t] = v_fma(factor, in[t], sum[f][t]);
                }
            }
            out += dy_column;
            EACH(t, taps) from[t] += x_column;
        }
    }
    EACH(f, filters) EACH(t, taps) v_store(sums + f * g->sums_filter + t * VL, sum[f][t]);
}

typedef void (*gradient_tile_fn)(const struct ath__batch_gradient *g, const float *dy, const int64_t *tap, float *sums);

#define GRADIENT_TILE(F, T)                                                                                            \
    static void gradient_##F##x##T(const struct ath__batch_gradient *g, const float *dy, const int64_t *tap,           \
                                   float *sums) {                                                                      \
        gradient_tile(g, dy, tap, sums, F, T);                                                                         \
    }
#define GRADIENT_TILES(F) GRADIENT_TILE(F, 1) GRADIENT_TILE(F, 2) GRADIENT_TILE(F, 3) GRADIENT_TILE(F, 4)
GRADIENT_TILES(1)
GRADIENT_TILES(2)
GRADIENT_TILES(3)
GRADIENT_TILES(4)

#define GRADIENT_ROW(F)                                                                                                \
    { gradient_##F##x1, gradient_##F##x2, gradient_##F##x3, gradient_##F##x4 }
static const gradient_tile_fn gradient_tiles[MAX_TILE][MAX_TILE] = {GRADIENT_ROW(1), GRADIENT_ROW(2), GRADIENT_ROW(3),
                                                                    GRADIENT_ROW(4)};

/* Four positions at a time, so that the additions do not wait for one another. */
static void gradient_bias(const struct ath__batch_gradient *g, int64_t f) {
    const float *dy = g->dy + f * g->dy_filter;
    vf           sum[4][LV];
    for (int i = 0; i < 4; i++)
        for (int v = 0; v < LV; v++) sum[i][v] = v_set(0.0f);
    for (int64_t row = 0; row < g->rows; row++) {
        const float *from = dy + row * g->dy_row;
        int64_t      column = 0;
        for (; column + 4 <= g->columns; column += 4)
            EACH(i, 4) EACH(v, LV) sum[i][v] = v_add(sum[i][v], v_load(from + (column + i) * g->dy_column + v * VL));
        for (; column < g->columns; column++)
            EACH(v, LV) sum[0][v] = v_add(sum[0][v], v_load(from + column * g->dy_column + v * VL));
    }
    vf total = v_load(g->bias_sums + f * VL);
    for (int v = 0; v < LV; v++) total = v_add(total, v_add(v_add(sum[0][v], sum[1][v]), v_add(sum[2][v], sum[3][v])));
    v_store(g->bias_sums + f * VL, total);
}

/* Filters outside, taps inside: the strip of dy that a group of filters reads stays in the first-level cache. */
static void gradient(const struct ath__batch_gradient *g) {
    int64_t filter_groups = (g->filters + MAX_TILE - 1) / MAX_TILE;
    int64_t first = 0;
    for (int64_t group = 0; group < filter_groups; group++) {
        int64_t filters = (g->filters - first + filter_groups - group - 1) / (filter_groups - group);
        int64_t most = GRADIENT_SUMS / filters < MAX_TILE ? GRADIENT_SUMS / filters : MAX_TILE;
        int64_t tap_groups = (g->taps + most - 1) / most, first_tap = 0;
        for (int64_t tap_group = 0; tap_group < tap_groups; tap_group++) {
            int64_t taps = (g->taps - first_tap + tap_groups - tap_group - 1) / (tap_groups - tap_group);
            gradient_tiles[filters - 1][taps - 1](g, g->dy + first * g->dy_filter, g->tap + first_tap,
                                                  g->sums + first * g->sums_filter + first_tap * VL);
            first_tap += taps;
        }
        for (int64_t f = first; g->bias_sums != NULL && f < first + filters; f++) gradient_bias(g, f);
        first += filters;
    }
}

static void fold(const float *from, float *to, int64_t n) {
    for (int64_t i = 0; i < n; i++) {
        float part[VL];
        memcpy(part, from + i * VL, sizeof part);
        for (int width = VL / 2; width > 0; width /= 2)
            for (int lane = 0; lane < width; lane++) part[lane] += part[lane + width];
        to[i] = part[0];
    }
}

/* ---- pooling ---------------------------------------------------------------------------------------------------- */

typedef int32_t batch_places __attribute__((vector_size(VL * 4)));

/* A lane of `a` where the mask is set, else of `b`. */
static inline vf pick(batch_places mask, vf a, vf b) {
    return (vf)(((batch_places)a & mask) | ((batch_places)b & ~mask));
}

/* The first maximum, or the first not-a-number. */
ALWAYS_INLINE void max_windows(const struct ath__batch_pool *p, const int64_t rows, const int64_t columns) {
    for (int64_t i = 0; i < p->windows; i++)
        for (int v = 0; v < LV; v++) {
            const float *x = p->from + i * p->window + v * VL;
            vf           best = v_load(x);
            batch_places places = (batch_places){0} + p->place;
            for (int64_t r = 0; r < rows; r++)
                for (int64_t s = 0; s < columns; s++) {
                    vf           value = v_load(x + r * p->row + s * ATH_BATCH_BLOCK);
                    int32_t      place = p->place + (int32_t)r * p->place_row + (int32_t)s;
                    batch_places take =
                        (batch_places)(best < value) | ((batch_places)(value != value) & (batch_places)(best == best));
                    best = pick(take, value, best);
                    places = (places & ~take) | (((batch_places){0} + place) & take);
                }
            v_store(p->to + i * ATH_BATCH_BLOCK + v * VL, best);
            if (p->places != NULL) memcpy(p->places + i * ATH_BATCH_BLOCK + v * VL, &places, sizeof places);
        }
}

ALWAYS_INLINE void avg_windows(const struct ath__batch_pool *p, const int64_t rows, const int64_t columns) {
    vf scale = v_set(p->scale);
    for (int64_t i = 0; i < p->windows; i++)
        for (int v = 0; v < LV; v++) {
            const float *x = p->from + i * p->window + v * VL;
            vf           sum = v_set(0.0f);
            for (int64_t r = 0; r < rows; r++)
                for (int64_t s = 0; s < columns; s++) sum = v_add(sum, v_load(x + r * p->row + s * ATH_BATCH_BLOCK));
            v_store(p->to + i * ATH_BATCH_BLOCK + v * VL, v_mul(sum, scale));
        }
}

/* Each window hands its gradient to its cells: all alike, or to the one that was the maximum. */
ALWAYS_INLINE void grad_windows(const struct ath__batch_pool *p, const int64_t rows, const int64_t columns,
                                const bool max, const bool add) {
    vf scale = v_set(p->scale);
    for (int64_t i = 0; i < p->windows; i++)
        for (int v = 0; v < LV; v++) {
            float       *dx = p->to + i * p->window + v * VL;
            vf           dy = v_load(p->from + i * ATH_BATCH_BLOCK + v * VL);
            batch_places places = {0};
            if (max)
                memcpy(&places, p->places_in + i * ATH_BATCH_BLOCK + v * VL, sizeof places);
            else
                dy = v_mul(dy, scale);
            for (int64_t r = 0; r < rows; r++)
                for (int64_t s = 0; s < columns; s++) {
                    float *cell = dx + r * p->row + s * ATH_BATCH_BLOCK;
                    vf     part = dy;
                    if (max) {
                        int32_t      place = p->place + (int32_t)r * p->place_row + (int32_t)s;
                        batch_places mine = (batch_places)(places == (batch_places){0} + place);
                        part = (vf)((batch_places)part & mine);
                    }
                    v_store(cell, add ? v_add(v_load(cell), part) : part);
                }
        }
}

/* Windows of 2 x 2 are compiled with their size known. */
static void pool_max(const struct ath__batch_pool *p) {
    if (p->rows == 2 && p->columns == 2)
        max_windows(p, 2, 2);
    else
        max_windows(p, p->rows, p->columns);
}

static void pool_avg(const struct ath__batch_pool *p) {
    if (p->rows == 2 && p->columns == 2)
        avg_windows(p, 2, 2);
    else
        avg_windows(p, p->rows, p->columns);
}

static void pool_grad(const struct ath__batch_pool *p) {
    bool max = p->places_in != NULL, square = p->rows == 2 && p->columns == 2;
    if (square && !p->add && max)
        grad_windows(p, 2, 2, true, false);
    else if (square && !p->add)
        grad_windows(p, 2, 2, false, false);
    else if (max)
        grad_windows(p, p->rows, p->columns, true, p->add);
    else
        grad_windows(p, p->rows, p->columns, false, p->add);
}

#define ATH_BATCH_KERNELS_TABLE                                                                                        \
    { VL, product, gradient, pool_max, pool_avg, pool_grad, fold }
