/* Moves of data, the same on fixed values (here and now) and in the graph (as its operators). */
#include "format/onnx/onnx_import.h"

#include "base/mem.h"

#include <string.h>

enum { MOST_PIECES = 64 }; /* slices that a take is made of, before it becomes a product with a 0/1 matrix */

static int64_t product(const int64_t *dims, int from, int to) {
    int64_t count = 1;
    for (int i = from; i < to; i++) count *= dims[i];
    return count;
}

/* Copies elements of `x` to `y`, whose place `i` reads place start + sum of index * stride. */
static struct ath__onnx_value *host_walk(struct ath__onnx_node *n, const struct ath__onnx_value *x, int rank,
                                         const int64_t *dims, const int64_t *stride) {
    struct ath__onnx_tensor *y = ath__onnx_host_new(n, x->type, rank, dims);
    int64_t                  at[ATH_ONNX_MAX_RANK] = {0}, from = 0;
    size_t                   size = ath__onnx_type_size(x->type);
    for (int64_t i = 0; y && i < y->count; i++) {
        memcpy((char *)y->data + (size_t)i * size, (const char *)x->host->data + (size_t)from * size, size);
        for (int d = rank - 1; d >= 0; d--) {
            from += stride[d];
            if (++at[d] < dims[d]) break;
            from -= dims[d] * stride[d];
            at[d] = 0;
        }
    }
    return ath__onnx_fixed(n, y);
}

static void strides_of(int rank, const int64_t *dims, int64_t *stride) {
    int64_t step = 1;
    for (int d = rank - 1; d >= 0; d--) {
        stride[d] = step;
        step *= dims[d];
    }
}

/* ---- reshape, permute, broadcast ----------------------------------------------------------------------------------- */

struct ath__onnx_value *ath__onnx_reshape_to(struct ath__onnx_node *n, struct ath__onnx_value *x, int rank,
                                             const int64_t *dims) {
    if (!x || ath__onnx_failed(n)) return NULL;
    if (x->fixed) {
        struct ath__onnx_tensor *y = ATH_ARENA_NEW(&n->im->arena, struct ath__onnx_tensor);
        int64_t                  count;
        if (!ath__onnx_count(x->type, rank, dims, SIZE_MAX / 2, &count) || count != x->host->count) {
            ath__onnx_fail(n, ATH_DATA, "%lld elements do not fit the shape asked for", (long long)x->host->count);
            return NULL;
        }
        if (!y) return NULL;
        *y = *x->host;
        y->rank = rank;
        for (int i = 0; i < rank; i++) y->dims[i] = dims[i];
        return ath__onnx_fixed(n, y);
    }
    if (rank > ATH_MAX_RANK) {
        ath__onnx_refuse(n, "%d dimensions; up to %d are computed with", rank, (int)ATH_MAX_RANK);
        return NULL;
    }
    ath_shape shape = ath_shape_make(rank, dims);
    return ath__onnx_computed(n, ath_reshape(n->graph, ath__onnx_graph(n, x), shape), x->type);
}

struct ath__onnx_value *ath__onnx_permute(struct ath__onnx_node *n, struct ath__onnx_value *x, const int64_t *order) {
    int64_t dims[ATH_ONNX_MAX_RANK], stride[ATH_ONNX_MAX_RANK], to[ATH_ONNX_MAX_RANK], step[ATH_ONNX_MAX_RANK];
    if (!x || ath__onnx_failed(n)) return NULL;
    if (!x->fixed) return ath__onnx_computed(n, ath_permute(n->graph, ath__onnx_graph(n, x), order), x->type);
    int rank = ath__onnx_dims(n->im, x, dims);
    strides_of(rank, dims, stride);
    for (int d = 0; d < rank; d++) {
        to[d] = dims[order[d]];
        step[d] = stride[order[d]];
    }
    return host_walk(n, x, rank, to, step);
}

struct ath__onnx_value *ath__onnx_broadcast(struct ath__onnx_node *n, struct ath__onnx_value *x, int rank,
                                            const int64_t *dims) {
    int64_t from[ATH_ONNX_MAX_RANK], stride[ATH_ONNX_MAX_RANK], step[ATH_ONNX_MAX_RANK] = {0};
    if (!x || ath__onnx_failed(n)) return NULL;
    int rank_x = ath__onnx_dims(n->im, x, from);
    for (int d = 0; d < rank_x; d++)
        if (rank_x > rank || (from[d] != 1 && from[d] != dims[d + rank - rank_x])) {
            ath__onnx_fail(n, ATH_DATA, "its shapes do not broadcast");
            return NULL;
        }
    if (!x->fixed) {
        if (rank > ATH_MAX_RANK) {
            ath__onnx_refuse(n, "%d dimensions; up to %d are computed with", rank, (int)ATH_MAX_RANK);
            return NULL;
        }
        return ath__onnx_computed(n, ath_expand(n->graph, ath__onnx_graph(n, x), ath_shape_make(rank, dims)), x->type);
    }
    strides_of(rank_x, from, stride);
    for (int d = 0; d < rank_x; d++) step[d + rank - rank_x] = from[d] == 1 ? 0 : stride[d];
    return host_walk(n, x, rank, dims, step);
}

/* ---- take ---------------------------------------------------------------------------------------------------------- */

static struct ath__onnx_value *host_take(struct ath__onnx_node *n, const struct ath__onnx_value *x, int axis,
                                         const int64_t *index, int64_t count) {
    int64_t dims[ATH_ONNX_MAX_RANK];
    int     rank = ath__onnx_dims(n->im, x, dims);
    int64_t outer = product(dims, 0, axis), length = dims[axis], inner = product(dims, axis + 1, rank);
    size_t  size = ath__onnx_type_size(x->type) * (size_t)inner;
    dims[axis] = count;
    struct ath__onnx_tensor *y = ath__onnx_host_new(n, x->type, rank, dims);
    for (int64_t o = 0; y && y->count > 0 && o < outer; o++)
        for (int64_t i = 0; i < count; i++)
            memcpy((char *)y->data + (size_t)(o * count + i) * size,
                   (const char *)x->host->data + (size_t)(o * length + index[i]) * size, size);
    return ath__onnx_fixed(n, y);
}

/* `count` places from `begin` on. */
static ath_value cut(ath_graph *g, ath_value x, int axis, int64_t begin, int64_t count) {
    ath_shape shape = ath_value_shape(g, x);
    int64_t   first[ATH_MAX_RANK] = {0};
    if (begin == 0 && count == shape.dims[axis]) return x;
    first[axis] = begin;
    shape.dims[axis] = count;
    return ath_slice(g, x, first, shape.dims);
}

/* Every step-th place from `begin` on: (outer, length, inner) -> (outer, count, step, inner) -> its first of `step`. */
static ath_value stride_through(ath_graph *g, ath_value x, int axis, int64_t begin, int64_t step, int64_t count) {
    ath_shape shape = ath_value_shape(g, x);
    int64_t   length = shape.dims[axis] - begin, whole = count * step, zero[4] = {0}, after[4] = {0};
    int64_t   outer = product(shape.dims, 0, axis), inner = product(shape.dims, axis + 1, shape.rank);
    x = cut(g, x, axis, begin, length < whole ? length : whole);
    if (length < whole) {
        x = ath_reshape(g, x, ath_shape_of(outer, length, inner));
        after[1] = whole - length;
        x = ath_pad(g, x, zero, after, 0.0);
    }
    x = ath_reshape(g, x, ath_shape_of(outer, count, step, inner));
    x = cut(g, x, 2, 0, 1);
    shape.dims[axis] = count;
    return ath_reshape(g, x, shape);
}

/* Runs of neighbouring places, each a slice, joined. */
static ath_value join_runs(struct ath__onnx_node *n, ath_value x, int axis, const int64_t *index, int64_t count) {
    ath_value pieces[MOST_PIECES];
    int       used = 0;
    for (int64_t i = 0; i < count;) {
        int64_t run = 1;
        while (i + run < count && index[i + run] == index[i] + run) run++;
        pieces[used++] = cut(n->graph, x, axis, index[i], run);
        i += run;
    }
    return used == 1 ? pieces[0] : ath_concat(n->graph, pieces, used, axis);
}

struct ath__onnx_value *ath__onnx_take(struct ath__onnx_node *n, struct ath__onnx_value *x, int axis,
                                       const int64_t *index, int64_t count) {
    int64_t dims[ATH_ONNX_MAX_RANK], runs = count > 0;
    if (!x || ath__onnx_failed(n)) return NULL;
    ath__onnx_dims(n->im, x, dims);
    if (x->fixed) return host_take(n, x, axis, index, count);
    if (count == 0) { /* nothing is computed: an empty tensor is known */
        int rank = ath__onnx_dims(n->im, x, dims);
        dims[axis] = 0;
        return ath__onnx_fixed(n, ath__onnx_host_new(n, x->type, rank, dims));
    }
    ath_value from = ath__onnx_graph(n, x);
    int64_t   step = count > 1 ? index[1] - index[0] : 1;
    bool      even = step > 1;
    for (int64_t i = 1; i < count; i++) {
        runs += index[i] != index[i - 1] + 1;
        even = even && index[i] - index[i - 1] == step;
    }
    if (even) return ath__onnx_computed(n, stride_through(n->graph, from, axis, index[0], step, count), x->type);
    if (runs <= MOST_PIECES) return ath__onnx_computed(n, join_runs(n, from, axis, index, count), x->type);
    double *m = ATH_NEW_ARRAY(double, (size_t)count *(size_t)dims[axis]);
    for (int64_t i = 0; m && i < count; i++) m[i * dims[axis] + index[i]] = 1.0;
    struct ath__onnx_value *y = m ? ath__onnx_mix(n, x, axis, m, count, dims[axis]) : NULL;
    if (!m) ath__onnx_fail(n, ATH_MEMORY, "out of memory");
    ath__free(m);
    return y;
}

struct ath__onnx_value *ath__onnx_mix(struct ath__onnx_node *n, struct ath__onnx_value *x, int axis, const double *m,
                                      int64_t rows, int64_t columns) {
    if (!x || ath__onnx_failed(n)) return NULL;
    ath_graph *g = n->graph;
    ath_value  from = ath__onnx_graph(n, x);
    ath_shape  shape = ath_value_shape(g, from), matrix = ath_shape_of(rows, columns);
    int64_t    outer = product(shape.dims, 0, axis), inner = product(shape.dims, axis + 1, shape.rank);
    ath_value  weights = ath__onnx_constant(n, m, &matrix), y;
    shape.dims[axis] = rows;
    if (inner == 1) {
        y = ath_reshape(g, from, ath_shape_of(outer, columns));
        y = ath_matmul(g, y, weights, ATH_NONE, &(ath_matmul_attrs){.trans_b = 1});
    } else {
        /* (outer, columns, inner) with the columns brought last. */
        static const int64_t order[] = {0, 2, 1};
        y = ath_permute(g, ath_reshape(g, from, ath_shape_of(outer, columns, inner)), order);
        y = ath_reshape(g, y, ath_shape_of(outer * inner, columns));
        y = ath_matmul(g, y, weights, ATH_NONE, &(ath_matmul_attrs){.trans_b = 1});
        y = ath_permute(g, ath_reshape(g, y, ath_shape_of(outer, inner, rows)), order);
    }
    return ath__onnx_computed(n, ath_reshape(g, y, shape), x->type);
}

/* ---- join, margin --------------------------------------------------------------------------------------------------- */

static struct ath__onnx_value *host_join(struct ath__onnx_node *n, struct ath__onnx_value *const *list, int count,
                                         int axis) {
    int64_t dims[ATH_ONNX_MAX_RANK], length = 0, at = 0;
    int     rank = ath__onnx_dims(n->im, list[0], dims);
    for (int i = 0; i < count; i++) {
        const struct ath__onnx_tensor *t = list[i]->host;
        for (int d = 0; d < rank; d++)
            if (t->rank != rank || t->type != list[0]->type || (d != axis && t->dims[d] != dims[d])) {
                ath__onnx_fail(n, ATH_DATA, "its inputs do not have the same shape and type");
                return NULL;
            }
        if (__builtin_add_overflow(length, t->dims[axis], &length)) return NULL;
    }
    int64_t outer = product(dims, 0, axis), inner = product(dims, axis + 1, rank);
    size_t  size = ath__onnx_type_size(list[0]->type) * (size_t)inner;
    dims[axis] = length;
    struct ath__onnx_tensor *y = ath__onnx_host_new(n, list[0]->type, rank, dims);
    for (int i = 0; y && y->count > 0 && i < count; i++) {
        int64_t part = list[i]->host->dims[axis];
        for (int64_t o = 0; o < outer; o++)
            memcpy((char *)y->data + (size_t)(o * length + at) * size,
                   (const char *)list[i]->host->data + (size_t)(o * part) * size, (size_t)part * size);
        at += part;
    }
    return ath__onnx_fixed(n, y);
}

struct ath__onnx_value *ath__onnx_join(struct ath__onnx_node *n, struct ath__onnx_value *const *list, int count,
                                       int axis) {
    bool fixed = true;
    int  used = 0;
    if (ath__onnx_failed(n)) return NULL;
    for (int i = 0; i < count; i++) {
        if (!list[i]) return NULL;
        fixed = fixed && list[i]->fixed;
    }
    if (fixed) return host_join(n, list, count, axis);
    ath_value *values = ATH_ARENA_ARRAY(&n->im->arena, ath_value, count);
    if (!values) return NULL;
    for (int i = 0; i < count; i++)
        if (!list[i]->host || list[i]->host->count > 0) values[used++] = ath__onnx_graph(n, list[i]);
    return ath__onnx_computed(n, used == 1 ? values[0] : ath_concat(n->graph, values, used, axis), list[0]->type);
}

static struct ath__onnx_value *host_margin(struct ath__onnx_node *n, const struct ath__onnx_value *x,
                                           const int64_t *before, const int64_t *after, double value) {
    int64_t dims[ATH_ONNX_MAX_RANK], to[ATH_ONNX_MAX_RANK], stride[ATH_ONNX_MAX_RANK], at[ATH_ONNX_MAX_RANK] = {0};
    int     rank = ath__onnx_dims(n->im, x, dims);
    for (int d = 0; d < rank; d++)
        if (before[d] < 0 || after[d] < 0 || before[d] > INT32_MAX || after[d] > INT32_MAX) return NULL;
    for (int d = 0; d < rank; d++) to[d] = dims[d] + before[d] + after[d];
    struct ath__onnx_tensor *y = ath__onnx_host_new(n, x->type, rank, to);
    if (!y) return NULL;
    for (int64_t i = 0; i < y->count; i++) ath__onnx_put(y, i, value);
    strides_of(rank, to, stride);
    for (int64_t i = 0; i < x->host->count; i++) {
        int64_t place = 0;
        for (int d = 0; d < rank; d++) place += (at[d] + before[d]) * stride[d];
        ath__onnx_put(y, place, ath__onnx_get(x->host, i));
        for (int d = rank - 1; d >= 0; d--) {
            if (++at[d] < dims[d]) break;
            at[d] = 0;
        }
    }
    return ath__onnx_fixed(n, y);
}

struct ath__onnx_value *ath__onnx_margin(struct ath__onnx_node *n, struct ath__onnx_value *x, const int64_t *before,
                                         const int64_t *after, double value) {
    bool none = true;
    if (!x || ath__onnx_failed(n)) return NULL;
    int64_t dims[ATH_ONNX_MAX_RANK];
    int     rank = ath__onnx_dims(n->im, x, dims);
    for (int d = 0; d < rank; d++) none = none && before[d] == 0 && after[d] == 0;
    if (none) return x;
    if (x->fixed) return host_margin(n, x, before, after, value);
    return ath__onnx_computed(n, ath_pad(n->graph, ath__onnx_graph(n, x), before, after, value), x->type);
}
