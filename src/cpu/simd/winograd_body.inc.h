/* The Winograd kernels over one vector vocabulary. The including file includes vec_*.h, the transforms (winograd_f2, _f4,
 * _f2x5, _s2 or _s2_turned.inc.h) and what is stored (winograd_f32.inc.h or its own):
 *
 *     PAIR, element        1 and float, or 2 and bfloat16 as uint16_t
 *     e_load, e_store      a vector of elements
 *     e_store_pair         two vectors interleaved, where PAIR is 2
 *     v_dot(a, b, sum)     per lane sum + a * b, where PAIR is 2 with two products
 *
 * Transforms work on one vector of channels at a time: columns first, into a small array, then rows. Products keep
 * their sums in registers over the whole reduction; neighbouring tiles of a channel block stand together, so that
 * everything that a step broadcasts is a fixed distance from one pointer. A step takes a `unit` from each place, one
 * float or two bfloat16:
 *
 *     product    R tiles x 2 vectors of results; per unit of channels R broadcasts, 2 loads, 2 R multiply-adds
 *     gradient   R channels x 3 vectors of dy;   per unit of tiles    R broadcasts, 3 loads, 3 R multiply-adds
 *
 * and defines, by registers, caches and measurement
 *
 *     PRODUCT_ROWS    most tiles in a product's registers, 6 or 14
 *     GRADIENT_ROWS   channels in a gradient's registers, a divisor of the vector's length
 *     REDUCTION       channels whose products are summed in one go
 *     SEGMENT, BLOCK_TILES, CHUNK_TILES, MANY_CHANNELS   of the table (winograd.h)
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
    FREQUENCIES = SIDE * SIDE,
    SPAN = IN > OUT ? IN : OUT,
    CELL_COUNT = TAPS * TAPS,
    PANEL = 2,
    GRADIENT_VECTORS = 3,
    UNITS = VL / PAIR, /* of one tile in a channel block */
};

/* ---- tiles in --------------------------------------------------------------------------------------------------- */

ALWAYS_INLINE void transform_1d(const vf *d, vf v[SIDE], const int size) {
    if (size == IN)
        source_1d(d, v);
    else
        gradient_1d(d, v);
}

/* Transforms the columns of a tile of `size` rows and columns, of which all exist or those that `tile` says. */
ALWAYS_INLINE void tile_columns(const element *from, int64_t from_row, const struct ath__winograd_tile *tile,
                                vf half[SIDE][SPAN], const int size, const bool all) {
    int top = all ? 0 : tile->top, left = all ? 0 : tile->left;
    UNROLL
    for (int column = 0; column < size; column++) {
        vf   d[SPAN], v[SIDE];
        bool here = all || (column >= left && column < tile->right);
        UNROLL
        for (int row = 0; row < size; row++)
            d[row] = here && (all || (row >= top && row < tile->bottom))
                         ? e_load(from + (row - top) * from_row + (column - left) * VL)
                         : v_set(0);
        transform_1d(d, v, size);
        UNROLL
        for (int row = 0; row < SIDE; row++) half[row][column] = v[row];
    }
}

/* The same of tile i in channel block c. */
ALWAYS_INLINE void gather_columns(const struct ath__winograd_gather *g, int64_t c, int64_t i, vf half[SIDE][SPAN],
                                  const int size) {
    const struct ath__winograd_tile *tile = &g->tiles[i];
    const element                   *from = (const element *)g->from + c * g->from_channel + tile->at;
    if (tile->top == 0 && tile->left == 0 && tile->bottom == size && tile->right == size)
        tile_columns(from, g->from_row, tile, half, size, true);
    else
        tile_columns(from, g->from_row, tile, half, size, false);
}

ALWAYS_INLINE void gather(const struct ath__winograd_gather *g, const int size) {
    for (int64_t c = 0; c < g->channel_blocks; c++)
        for (int64_t i = 0; i < g->count; i++) {
            element *to = (element *)g->to + c * g->to_channel + i * VL;
            vf       half[SIDE][SPAN]; /* by row of the result, column of the source */
            gather_columns(g, c, i, half, size);
            UNROLL
            for (int row = 0; row < SIDE; row++) {
                vf v[SIDE];
                transform_1d(half[row], v, size);
                UNROLL
                for (int column = 0; column < SIDE; column++)
                    e_store(to + (row * SIDE + column) * g->to_frequency, v[column]);
            }
        }
}

static void gather_source(const struct ath__winograd_gather *g) {
    gather(g, IN);
}

#if PAIR == 1 /* nothing to interleave */
#define GATHER_X gather_source

static void gather_dy(const struct ath__winograd_gather *g) {
    gather(g, OUT);
}
#else
#define GATHER_X gather_x

ALWAYS_INLINE void gather_pairs(const struct ath__winograd_gather *g, const int size) {
    for (int64_t c = 0; c < g->channel_blocks; c++)
        for (int64_t i = 0; i < g->count; i += PAIR) {
            element *to = (element *)g->to + c * g->to_channel + i * VL;
            vf       first[SIDE][SPAN], second[SIDE][SPAN];
            gather_columns(g, c, i, first, size);
            if (i + 1 < g->count) {
                gather_columns(g, c, i + 1, second, size);
            } else {
                for (int row = 0; row < SIDE; row++)
                    for (int column = 0; column < size; column++) second[row][column] = v_set(0);
            }
            UNROLL
            for (int row = 0; row < SIDE; row++) {
                vf v[SIDE], w[SIDE];
                transform_1d(first[row], v, size);
                transform_1d(second[row], w, size);
                UNROLL
                for (int column = 0; column < SIDE; column++)
                    e_store_pair(to + (row * SIDE + column) * g->to_frequency, v[column], w[column]);
            }
        }
}

static void gather_x(const struct ath__winograd_gather *g) {
    gather_pairs(g, IN);
}

static void gather_dy(const struct ath__winograd_gather *g) {
    gather_pairs(g, OUT);
}
#endif

/* ---- tiles out -------------------------------------------------------------------------------------------------- */

ALWAYS_INLINE void result_tile(const float *from, int64_t from_frequency, vf y[OUT][OUT]) {
    vf half[OUT][SIDE];
    UNROLL
    for (int column = 0; column < SIDE; column++) {
        vf m[SIDE], v[OUT];
        UNROLL
        for (int row = 0; row < SIDE; row++) m[row] = v_load(from + (row * SIDE + column) * from_frequency);
        result_1d(m, v);
        UNROLL
        for (int row = 0; row < OUT; row++) half[row][column] = v[row];
    }
    UNROLL
    for (int row = 0; row < OUT; row++) result_1d(half[row], y[row]);
}

static void activate(const struct ath__winograd_scatter *s, vf y[OUT]) {
    float line[OUT * VL];
    for (int column = 0; column < OUT; column++) v_store(line + column * VL, y[column]);
    s->act(line, NULL, line, OUT * VL, 0.0f, 0.0f);
    for (int column = 0; column < OUT; column++) y[column] = v_load(line + column * VL);
}

/* Rows and columns that the tile lacks are not written. */
ALWAYS_INLINE void write_tile(const struct ath__winograd_scatter *s, vf y[OUT][OUT], vf bias,
                              const struct ath__winograd_tile *tile, int64_t at, const bool all) {
    UNROLL
    for (int row = 0; row < OUT; row++) {
        if (!all && row >= tile->bottom) continue;
        element       *to = (element *)s->to + at + row * s->to_row;
        const element *residual = s->residual == NULL ? NULL : (const element *)s->residual + at + row * s->to_row;
        UNROLL
        for (int column = 0; column < OUT; column++) {
            vf v = v_add(y[row][column], bias);
            if (residual != NULL && (all || column < tile->right)) v = v_add(v, e_load(residual + column * VL));
            y[row][column] = s->relu ? v_select(v_lt(v, v_set(0)), v_set(0), v) : v;
        }
        if (s->act != NULL) activate(s, y[row]);
        UNROLL
        for (int column = 0; column < OUT; column++)
            if (all || column < tile->right) e_store(to + column * VL, y[row][column]);
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
        }
    }
}

/* ---- filters ---------------------------------------------------------------------------------------------------- */

ALWAYS_INLINE void filter_tile(const float *from, bool turned, vf u[SIDE][SIDE]) {
    const float *cell = from + (turned ? (CELL_COUNT - 1) * VL : 0);
    int64_t      step = turned ? -VL : VL;
    vf           half[SIDE][TAPS];
    UNROLL
    for (int column = 0; column < TAPS; column++) {
        vf g[TAPS], v[SIDE];
        UNROLL
        for (int row = 0; row < TAPS; row++) g[row] = v_load(cell + (row * TAPS + column) * step);
        filter_1d(g, v);
        UNROLL
        for (int row = 0; row < SIDE; row++) half[row][column] = v[row];
    }
    UNROLL
    for (int row = 0; row < SIDE; row++) filter_1d(half[row], u[row]);
}

static void filters(const float *from, int64_t count, bool turned, void *to, int64_t to_frequency, int64_t to_step) {
    for (int64_t i = 0; i < count; i += PAIR) {
        element *place = (element *)to + i * to_step;
        vf       u[PAIR][SIDE][SIDE];
        for (int j = 0; j < PAIR; j++) filter_tile(from + (i + j) * CELL_COUNT * VL, turned, u[j]);
        for (int f = 0; f < FREQUENCIES; f++)
#if PAIR == 1
            e_store(place + f * to_frequency, u[0][f / SIDE][f % SIDE]);
#else
            e_store_pair(place + f * to_frequency, u[0][f / SIDE][f % SIDE], u[1][f / SIDE][f % SIDE]);
#endif
    }
}

static void filters_back(const float *from, int64_t from_frequency, int64_t count, float *to) {
    for (int64_t i = 0; i < count; i++) {
        vf half[TAPS][SIDE];
        UNROLL
        for (int column = 0; column < SIDE; column++) {
            vf s[SIDE], g[TAPS];
            UNROLL
            for (int row = 0; row < SIDE; row++)
                s[row] = v_load(from + (row * SIDE + column) * from_frequency + i * VL);
            filter_back_1d(s, g);
            UNROLL
            for (int row = 0; row < TAPS; row++) half[row][column] = g[row];
        }
        for (int row = 0; row < TAPS; row++) {
            vf g[TAPS];
            filter_back_1d(half[row], g);
            UNROLL
            for (int column = 0; column < TAPS; column++)
                v_store(to + (i * CELL_COUNT + row * TAPS + column) * VL, g[column]);
        }
    }
}

/* ---- products over channels ------------------------------------------------------------------------------------- */

ALWAYS_INLINE void product_tile(const struct ath__winograd_product *p, const float *from, int64_t blocks,
                                const float *weights, bool add, float *to, const int rows, const int vectors) {
    vf      sum[PRODUCT_ROWS][PANEL];
    int64_t from_channel = p->from_channel / PAIR;
    UNROLL
    for (int r = 0; r < rows; r++) {
        UNROLL
        for (int v = 0; v < vectors; v++) sum[r][v] = v_set(0);
    }
    for (int64_t block = 0; block < blocks; block++, from += from_channel) {
        UNROLL_SOME
        for (int c = 0; c < UNITS; c++, weights += vectors * VL) {
            vf w[PANEL];
            UNROLL
            for (int v = 0; v < vectors; v++) w[v] = v_load(weights + v * VL);
            UNROLL
            for (int r = 0; r < rows; r++) {
                vf x = v_set(from[r * UNITS + c]);
                UNROLL
                for (int v = 0; v < vectors; v++) sum[r][v] = v_dot(x, w[v], sum[r][v]);
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
            const float *weights = (const float *)p->weights + (k * p->channels + vectors * block * VL) * UNITS;
            const float *from = (const float *)p->from + block * p->from_channel / PAIR;
            for (int64_t first = 0, rows; first < p->tiles; first += rows) {
                rows = next_rows(p->tiles - first);
                product_tiles[rows - 1][vectors - 1](p, from + first * UNITS, range, weights, block > 0,
                                                     p->to + k * p->to_channel + first * VL);
            }
        }
    }
}

/* ---- products over tiles ---------------------------------------------------------------------------------------- */

ALWAYS_INLINE void gradient_block(const struct ath__winograd_gradient *g, int64_t units, bool add, const float *x,
                                  const float *dy, float *sums, const int vectors) {
    vf           sum[GRADIENT_ROWS][GRADIENT_VECTORS];
    const float *from[GRADIENT_VECTORS];
    int64_t      block = g->sums_block;
    UNROLL
    for (int v = 0; v < vectors; v++) from[v] = dy + v * g->dy_channel / PAIR;
    UNROLL
    for (int r = 0; r < GRADIENT_ROWS; r++) {
        UNROLL
        for (int v = 0; v < vectors; v++) sum[r][v] = v_set(0);
    }
    for (int64_t i = 0; i < units; i++) {
        vf d[GRADIENT_VECTORS];
        UNROLL
        for (int v = 0; v < vectors; v++) d[v] = v_load(from[v] + i * VL);
        UNROLL
        for (int r = 0; r < GRADIENT_ROWS; r++) {
            vf factor = v_set(x[i * VL + r]);
            UNROLL
            for (int v = 0; v < vectors; v++) sum[r][v] = v_dot(factor, d[v], sum[r][v]);
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
    static void gradient_##V(const struct ath__winograd_gradient *g, int64_t units, bool add, const float *x,          \
                             const float *dy, float *sums) {                                                           \
        gradient_block(g, units, add, x, dy, sums, V);                                                                 \
    }
GRADIENT_BLOCK(1)
GRADIENT_BLOCK(2)
GRADIENT_BLOCK(3)

/* Tiles by segments, each summed from zero and then added, as above. */
static void gradient(const struct ath__winograd_gradient *g) {
    static void (*const blocks[])(const struct ath__winograd_gradient *g, int64_t units, bool add, const float *x,
                                  const float *dy, float *sums) = {gradient_1, gradient_2, gradient_3};
    int64_t      groups = (g->dy_blocks + GRADIENT_VECTORS - 1) / GRADIENT_VECTORS;
    const float *all_x = g->x, *all_dy = g->dy;
    for (int64_t tile = 0; tile < g->tiles; tile += SEGMENT) {
        int64_t tiles = g->tiles - tile < SEGMENT ? g->tiles - tile : SEGMENT, first = 0;
        for (int64_t group = 0; group < groups; group++) {
            int64_t      vectors = (g->dy_blocks - first + groups - group - 1) / (groups - group);
            const float *dy = all_dy + first * g->dy_channel / PAIR + tile * UNITS;
            for (int64_t c = 0; c < g->x_blocks * VL; c += GRADIENT_ROWS)
                blocks[vectors - 1](g, (tiles + PAIR - 1) / PAIR, g->add || tile > 0,
                                    all_x + c / VL * g->x_channel / PAIR + tile * UNITS + c % VL, dy,
                                    g->sums + first * g->sums_block + c * VL);
            first += vectors;
        }
    }
}

#define ATH_WINOGRAD_KERNELS_TABLE                                                                                     \
    {                                                                                                                  \
        .lanes = VL, .panel = PANEL, .out = OUT, .in = IN, .step = STEP, .taps = TAPS, .frequencies = FREQUENCIES,     \
        .pair = PAIR, .size = sizeof(element), .segment = SEGMENT, .block_tiles = BLOCK_TILES,                         \
        .chunk_tiles = CHUNK_TILES, .many_channels = MANY_CHANNELS, .gather_source = gather_source,                    \
        .gather_x = GATHER_X, .gather_dy = gather_dy, .scatter = scatter, .filters = filters,                          \
        .filters_back = filters_back, .product = product, .gradient = gradient,                                        \
    }
