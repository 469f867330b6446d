/* The Winograd kernels over one vector vocabulary (include vec_*.h first, and define the two tilings below).
 *
 * Transforms work on one vector of channels at a time: columns first, into a small array, then rows. Products keep
 * their sums in registers over the whole reduction; neighbouring tiles of a channel block stand together, so that
 * everything that a step broadcasts is a fixed distance from one pointer:
 *
 *     product    R tiles x 2 vectors of results; per channel R broadcasts, 2 loads, 2 R multiply-adds
 *     gradient   R channels x 3 vectors of dy;   per tile    R broadcasts, 3 loads, 3 R multiply-adds
 *
 *     PRODUCT_ROWS    most tiles in a product's registers, 6 or 14
 *     GRADIENT_ROWS   channels in a gradient's registers, a divisor of the vector's length
 */
#include "cpu/simd/winograd.h"

#include <stddef.h>

#define ALWAYS_INLINE static inline __attribute__((always_inline))
#if defined(ATHANOR_INSTRUMENTED) /* with sanitizers, unrolled code takes minutes to compile */
#define UNROLL
#define UNROLL_SOME
#elif defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#define UNROLL_SOME _Pragma("clang loop unroll_count(4)")
#else
#define UNROLL _Pragma("GCC unroll 16")
#define UNROLL_SOME _Pragma("GCC unroll 4")
#endif

enum {
    OUT = ATH_WINOGRAD_OUT,
    IN = ATH_WINOGRAD_IN,
    CELL_COUNT = ATH_WINOGRAD_CELLS,
    PANEL = 2,
    REDUCTION = 64, /* channels whose products are summed in one go */
    SEGMENT = ATH_WINOGRAD_SEGMENT,
    GRADIENT_VECTORS = 3,
};

/* The points and what the matrices hold of them. */
#define PA 0.6875f
#define PB 1.4375f
#define PAA (PA * PA)
#define PBB (PB * PB)
#define PN (2.0f * PAA * (PAA - PBB))
#define PM (2.0f * PBB * (PBB - PAA))

/* ---- one-dimensional transforms --------------------------------------------------------------------------------- */

/* B^T d. */
ALWAYS_INLINE void source_1d(const vf d[IN], vf v[IN]) {
    vf even_a = v_fma(d[2], v_set(-PBB), d[4]), odd_a = v_fma(d[1], v_set(-PBB), d[3]);
    vf even_b = v_fma(d[2], v_set(-PAA), d[4]), odd_b = v_fma(d[1], v_set(-PAA), d[3]);
    v[0] = v_fma(d[0], v_set(PAA * PBB), v_fma(d[2], v_set(-(PAA + PBB)), d[4]));
    v[1] = v_fma(odd_a, v_set(PA), even_a);
    v[2] = v_fma(odd_a, v_set(-PA), even_a);
    v[3] = v_fma(odd_b, v_set(PB), even_b);
    v[4] = v_fma(odd_b, v_set(-PB), even_b);
    v[5] = v_fma(d[1], v_set(PAA * PBB), v_fma(d[3], v_set(-(PAA + PBB)), d[5]));
}

/* A d. */
ALWAYS_INLINE void gradient_1d(const vf d[OUT], vf v[IN]) {
    vf even_a = v_fma(d[2], v_set(PAA), d[0]), odd_a = v_fma(d[3], v_set(PAA), d[1]);
    vf even_b = v_fma(d[2], v_set(PBB), d[0]), odd_b = v_fma(d[3], v_set(PBB), d[1]);
    v[0] = d[0];
    v[1] = v_fma(odd_a, v_set(PA), even_a);
    v[2] = v_fma(odd_a, v_set(-PA), even_a);
    v[3] = v_fma(odd_b, v_set(PB), even_b);
    v[4] = v_fma(odd_b, v_set(-PB), even_b);
    v[5] = d[3];
}

/* A^T m. */
ALWAYS_INLINE void result_1d(const vf m[IN], vf y[OUT]) {
    vf sum_a = v_add(m[1], m[2]), sum_b = v_add(m[3], m[4]);
    vf difference_a = v_mul(v_sub(m[1], m[2]), v_set(PA)), difference_b = v_mul(v_sub(m[3], m[4]), v_set(PB));
    y[0] = v_add(m[0], v_add(sum_a, sum_b));
    y[1] = v_add(difference_a, difference_b);
    y[2] = v_fma(sum_a, v_set(PAA), v_mul(sum_b, v_set(PBB)));
    y[3] = v_fma(difference_a, v_set(PAA), v_fma(difference_b, v_set(PBB), m[5]));
}

/* G g. */
ALWAYS_INLINE void filter_1d(const vf g[3], vf u[IN]) {
    vf even_a = v_fma(g[2], v_set(PAA / PN), v_mul(g[0], v_set(1.0f / PN)));
    vf even_b = v_fma(g[2], v_set(PBB / PM), v_mul(g[0], v_set(1.0f / PM)));
    u[0] = v_mul(g[0], v_set(1.0f / (PAA * PBB)));
    u[1] = v_fma(g[1], v_set(PA / PN), even_a);
    u[2] = v_fma(g[1], v_set(-PA / PN), even_a);
    u[3] = v_fma(g[1], v_set(PB / PM), even_b);
    u[4] = v_fma(g[1], v_set(-PB / PM), even_b);
    u[5] = g[2];
}

/* G^T s. */
ALWAYS_INLINE void filter_back_1d(const vf s[IN], vf g[3]) {
    vf sum_a = v_add(s[1], s[2]), sum_b = v_add(s[3], s[4]);
    vf difference_a = v_sub(s[1], s[2]), difference_b = v_sub(s[3], s[4]);
    g[0] = v_fma(s[0], v_set(1.0f / (PAA * PBB)), v_fma(sum_a, v_set(1.0f / PN), v_mul(sum_b, v_set(1.0f / PM))));
    g[1] = v_fma(difference_a, v_set(PA / PN), v_mul(difference_b, v_set(PB / PM)));
    g[2] = v_fma(sum_a, v_set(PAA / PN), v_fma(sum_b, v_set(PBB / PM), s[5]));
}

/* ---- tiles in --------------------------------------------------------------------------------------------------- */

/* A tile of `size` rows and columns, of which all exist or those that `tile` says. */
ALWAYS_INLINE void gather_tile(const float *from, int64_t from_row, const struct ath__winograd_tile *tile, float *to,
                               int64_t to_frequency, const int size, const bool all) {
    vf  half[IN][IN]; /* by row of the result, column of the source */
    int top = all ? 0 : tile->top, left = all ? 0 : tile->left;
    UNROLL
    for (int column = 0; column < size; column++) {
        vf   d[IN], v[IN];
        bool here = all || (column >= left && column < tile->right);
        UNROLL
        for (int row = 0; row < size; row++)
            d[row] = here && (all || (row >= top && row < tile->bottom))
                         ? v_load(from + (row - top) * from_row + (column - left) * VL)
                         : v_set(0);
        if (size == IN)
            source_1d(d, v);
        else
            gradient_1d(d, v);
        UNROLL
        for (int row = 0; row < IN; row++) half[row][column] = v[row];
    }
    for (int row = 0; row < IN; row++) {
        vf v[IN];
        if (size == IN)
            source_1d(half[row], v);
        else
            gradient_1d(half[row], v);
        UNROLL
        for (int column = 0; column < IN; column++) v_store(to + (row * IN + column) * to_frequency, v[column]);
    }
}

ALWAYS_INLINE void gather(const struct ath__winograd_gather *g, const int size) {
    for (int64_t c = 0; c < g->channel_blocks; c++)
        for (int64_t i = 0; i < g->count; i++) {
            const struct ath__winograd_tile *tile = &g->tiles[i];
            const float                     *from = g->from + c * g->from_channel + tile->at;
            float                           *to = g->to + c * g->to_channel + i * VL;
            if (tile->top == 0 && tile->left == 0 && tile->bottom == size && tile->right == size)
                gather_tile(from, g->from_row, tile, to, g->to_frequency, size, true);
            else
                gather_tile(from, g->from_row, tile, to, g->to_frequency, size, false);
        }
}

static void gather_source(const struct ath__winograd_gather *g) {
    gather(g, IN);
}

static void gather_gradient(const struct ath__winograd_gather *g) {
    gather(g, OUT);
}

/* ---- tiles out -------------------------------------------------------------------------------------------------- */

ALWAYS_INLINE void result_tile(const float *from, int64_t from_frequency, vf y[OUT][OUT]) {
    vf half[OUT][IN];
    UNROLL
    for (int column = 0; column < IN; column++) {
        vf m[IN], v[OUT];
        UNROLL
        for (int row = 0; row < IN; row++) m[row] = v_load(from + (row * IN + column) * from_frequency);
        result_1d(m, v);
        UNROLL
        for (int row = 0; row < OUT; row++) half[row][column] = v[row];
    }
    UNROLL
    for (int row = 0; row < OUT; row++) result_1d(half[row], y[row]);
}

/* Rows and columns that the tile lacks are not written. */
ALWAYS_INLINE void write_tile(const struct ath__winograd_scatter *s, vf y[OUT][OUT], vf bias,
                              const struct ath__winograd_tile *tile, int64_t at, const bool all) {
    UNROLL
    for (int row = 0; row < OUT; row++) {
        UNROLL
        for (int column = 0; column < OUT; column++) {
            if (!all && (row >= tile->bottom || column >= tile->right)) continue;
            int64_t place = at + row * s->to_row + column * VL;
            vf      v = v_add(y[row][column], bias);
            if (s->residual != NULL) v = v_add(v, v_load(s->residual + place));
            if (s->relu) v = v_select(v_lt(v, v_set(0)), v_set(0), v);
            v_store(s->to + place, v);
        }
    }
}

static void scatter(const struct ath__winograd_scatter *s) {
    for (int64_t k = 0; k < s->channel_blocks; k++) {
        vf bias = s->bias != NULL ? v_load(s->bias + k * VL) : v_set(0);
        for (int64_t i = 0; i < s->count; i++) {
            const struct ath__winograd_tile *tile = &s->tiles[i];
            int64_t                          at = k * s->to_channel + tile->at;
            vf                               y[OUT][OUT];
            result_tile(s->from + k * s->from_channel + i * VL, s->from_frequency, y);
            if (tile->bottom == OUT && tile->right == OUT)
                write_tile(s, y, bias, tile, at, true);
            else
                write_tile(s, y, bias, tile, at, false);
            for (int row = 0; s->act != NULL && row < tile->bottom; row++) {
                float *line = s->to + at + row * s->to_row;
                s->act(line, NULL, line, tile->right * VL, 0.0f, 0.0f);
            }
        }
    }
}

/* ---- filters ---------------------------------------------------------------------------------------------------- */

static void filters(const float *from, int64_t count, bool turned, float *to, int64_t to_frequency, int64_t to_step) {
    for (int64_t i = 0; i < count; i++) {
        const float *cell = from + i * CELL_COUNT * VL + (turned ? (CELL_COUNT - 1) * VL : 0);
        int64_t      step = turned ? -VL : VL;
        vf           half[IN][3];
        UNROLL
        for (int column = 0; column < 3; column++) {
            vf g[3], u[IN];
            UNROLL
            for (int row = 0; row < 3; row++) g[row] = v_load(cell + (row * 3 + column) * step);
            filter_1d(g, u);
            UNROLL
            for (int row = 0; row < IN; row++) half[row][column] = u[row];
        }
        for (int row = 0; row < IN; row++) {
            vf u[IN];
            filter_1d(half[row], u);
            UNROLL
            for (int column = 0; column < IN; column++)
                v_store(to + i * to_step + (row * IN + column) * to_frequency, u[column]);
        }
    }
}

static void filters_back(const float *from, int64_t from_frequency, int64_t count, float *to) {
    for (int64_t i = 0; i < count; i++) {
        vf half[3][IN];
        UNROLL
        for (int column = 0; column < IN; column++) {
            vf s[IN], g[3];
            UNROLL
            for (int row = 0; row < IN; row++) s[row] = v_load(from + (row * IN + column) * from_frequency + i * VL);
            filter_back_1d(s, g);
            UNROLL
            for (int row = 0; row < 3; row++) half[row][column] = g[row];
        }
        for (int row = 0; row < 3; row++) {
            vf g[3];
            filter_back_1d(half[row], g);
            UNROLL
            for (int column = 0; column < 3; column++)
                v_store(to + (i * CELL_COUNT + row * 3 + column) * VL, g[column]);
        }
    }
}

/* ---- products over channels ------------------------------------------------------------------------------------- */

ALWAYS_INLINE void product_tile(const struct ath__winograd_product *p, const float *from, int64_t blocks,
                                const float *weights, bool add, float *to, const int rows, const int vectors) {
    vf      sum[PRODUCT_ROWS][PANEL];
    int64_t from_channel = p->from_channel;
    UNROLL
    for (int r = 0; r < rows; r++) {
        UNROLL
        for (int v = 0; v < vectors; v++) sum[r][v] = v_set(0);
    }
    for (int64_t block = 0; block < blocks; block++, from += from_channel) {
        UNROLL_SOME
        for (int c = 0; c < VL; c++, weights += vectors * VL) {
            vf w[PANEL];
            UNROLL
            for (int v = 0; v < vectors; v++) w[v] = v_load(weights + v * VL);
            UNROLL
            for (int r = 0; r < rows; r++) {
                vf x = v_set(from[r * VL + c]);
                UNROLL
                for (int v = 0; v < vectors; v++) sum[r][v] = v_fma(x, w[v], sum[r][v]);
            }
        }
    }
    UNROLL
    for (int r = 0; r < rows; r++) {
        UNROLL
        for (int v = 0; v < vectors; v++) {
            float *place = to + v * p->to_channel + r * VL;
            v_store(place, add ? v_add(sum[r][v], v_load(place)) : sum[r][v]);
        }
    }
}

typedef void (*product_tile_fn)(const struct ath__winograd_product *p, const float *from, int64_t blocks,
                                const float *weights, bool add, float *to);

#define PRODUCT_TILE(R, V)                                                                                             \
    static void product_##R##x##V(const struct ath__winograd_product *p, const float *from, int64_t blocks,            \
                                  const float *weights, bool add, float *to) {                                         \
        product_tile(p, from, blocks, weights, add, to, R, V);                                                         \
    }
#define PRODUCT_TILES(R) PRODUCT_TILE(R, 1) PRODUCT_TILE(R, 2)
#define PRODUCT_PAIR(R)                                                                                                \
    { product_##R##x1, product_##R##x2 }
PRODUCT_TILES(1)
PRODUCT_TILES(2)
PRODUCT_TILES(3)
PRODUCT_TILES(4)
PRODUCT_TILES(5)
PRODUCT_TILES(6)
#if PRODUCT_ROWS > 6
PRODUCT_TILES(7)
PRODUCT_TILES(8)
PRODUCT_TILES(9)
PRODUCT_TILES(10)
PRODUCT_TILES(11)
PRODUCT_TILES(12)
PRODUCT_TILES(13)
PRODUCT_TILES(14)
#endif

static const product_tile_fn product_tiles[PRODUCT_ROWS][PANEL] = {
    PRODUCT_PAIR(1),  PRODUCT_PAIR(2),  PRODUCT_PAIR(3), PRODUCT_PAIR(4),  PRODUCT_PAIR(5),  PRODUCT_PAIR(6),
#if PRODUCT_ROWS > 6
    PRODUCT_PAIR(7),  PRODUCT_PAIR(8),  PRODUCT_PAIR(9), PRODUCT_PAIR(10), PRODUCT_PAIR(11), PRODUCT_PAIR(12),
    PRODUCT_PAIR(13), PRODUCT_PAIR(14),
#endif
};

/* How many of `left` tiles to take next: whole registers' worth, and the last two shares even. */
static int64_t next_rows(int64_t left) {
    if (left >= 2 * PRODUCT_ROWS || left == PRODUCT_ROWS) return PRODUCT_ROWS;
    return left > PRODUCT_ROWS ? (left + 1) / 2 : left;
}

/* A panel's weights from a range of channels stay in the first-level cache while the tiles pass by. Each range is
 * summed from zero and then added: rounding grows with the root of the range rather than of all channels. */
static void product(const struct ath__winograd_product *p) {
    int64_t blocks = p->channels / VL;
    for (int64_t block = 0; block < blocks; block += REDUCTION / VL) {
        int64_t range = blocks - block < REDUCTION / VL ? blocks - block : REDUCTION / VL;
        for (int64_t k = 0; k < p->to_blocks; k += PANEL) {
            int64_t      vectors = p->to_blocks - k < PANEL ? p->to_blocks - k : PANEL;
            const float *weights = p->weights + (k * p->channels + vectors * block * VL) * VL;
            for (int64_t first = 0, rows; first < p->tiles; first += rows) {
                rows = next_rows(p->tiles - first);
                product_tiles[rows - 1][vectors - 1](p, p->from + block * p->from_channel + first * VL, range, weights,
                                                     block > 0, p->to + k * p->to_channel + first * VL);
            }
        }
    }
}

/* ---- products over tiles ---------------------------------------------------------------------------------------- */

ALWAYS_INLINE void gradient_block(const struct ath__winograd_gradient *g, int64_t tiles, bool add, const float *x,
                                  const float *dy, float *sums, const int vectors) {
    vf           sum[GRADIENT_ROWS][GRADIENT_VECTORS];
    const float *from[GRADIENT_VECTORS];
    int64_t      block = g->sums_block;
    UNROLL
    for (int v = 0; v < vectors; v++) from[v] = dy + v * g->dy_channel;
    UNROLL
    for (int r = 0; r < GRADIENT_ROWS; r++) {
        UNROLL
        for (int v = 0; v < vectors; v++) sum[r][v] = v_set(0);
    }
    for (int64_t i = 0; i < tiles; i++) {
        vf d[GRADIENT_VECTORS];
        UNROLL
        for (int v = 0; v < vectors; v++) d[v] = v_load(from[v] + i * VL);
        UNROLL
        for (int r = 0; r < GRADIENT_ROWS; r++) {
            vf factor = v_set(x[i * VL + r]);
            UNROLL
            for (int v = 0; v < vectors; v++) sum[r][v] = v_fma(factor, d[v], sum[r][v]);
        }
    }
    UNROLL
    for (int r = 0; r < GRADIENT_ROWS; r++) {
        UNROLL
        for (int v = 0; v < vectors; v++) {
            float *place = sums + v * block + r * VL;
            v_store(place, add ? v_add(sum[r][v], v_load(place)) : sum[r][v]);
        }
    }
}

#define GRADIENT_BLOCK(V)                                                                                              \
    static void gradient_##V(const struct ath__winograd_gradient *g, int64_t tiles, bool add, const float *x,          \
                             const float *dy, float *sums) {                                                           \
        gradient_block(g, tiles, add, x, dy, sums, V);                                                                 \
    }
GRADIENT_BLOCK(1)
GRADIENT_BLOCK(2)
GRADIENT_BLOCK(3)

/* Tiles by segments, each summed from zero and then added, as above. */
static void gradient(const struct ath__winograd_gradient *g) {
    static void (*const blocks[])(const struct ath__winograd_gradient *g, int64_t tiles, bool add, const float *x,
                                  const float *dy, float *sums) = {gradient_1, gradient_2, gradient_3};
    int64_t groups = (g->dy_blocks + GRADIENT_VECTORS - 1) / GRADIENT_VECTORS;
    for (int64_t tile = 0; tile < g->tiles; tile += SEGMENT) {
        int64_t tiles = g->tiles - tile < SEGMENT ? g->tiles - tile : SEGMENT, first = 0;
        for (int64_t group = 0; group < groups; group++) {
            int64_t      vectors = (g->dy_blocks - first + groups - group - 1) / (groups - group);
            const float *dy = g->dy + first * g->dy_channel + tile * VL;
            for (int64_t c = 0; c < g->x_blocks * VL; c += GRADIENT_ROWS)
                blocks[vectors - 1](g, tiles, g->add || tile > 0, g->x + c / VL * g->x_channel + tile * VL + c % VL, dy,
                                    g->sums + first * g->sums_block + c * VL);
            first += vectors;
        }
    }
}

#define ATH_WINOGRAD_KERNELS_TABLE                                                                                     \
    { VL, PANEL, gather_source, gather_gradient, scatter, filters, filters_back, product, gradient }
