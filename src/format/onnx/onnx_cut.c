/* Operators that cut values up and join them.
 *
 *     Concat, Split, Slice, Gather, Pad, Tile
 */
#include "format/onnx/onnx_import.h"

#include <string.h>

enum { MOST_PLACES = 1 << 24 }; /* of one dimension, where places are listed */

static bool first_input(struct ath__onnx_node *n, int64_t *dims, int *rank) {
    if (!ath__onnx_has(n, 0)) {
        ath__onnx_fail(n, ATH_DATA, "its input is missing");
        return false;
    }
    *rank = ath__onnx_dims(n->im, n->in[0], dims);
    return true;
}

/* A list of places, in the arena. */
static int64_t *places(struct ath__onnx_node *n, int64_t count) {
    if (count < 0 || count > MOST_PLACES) {
        ath__onnx_refuse(n, "%lld places of one dimension", (long long)count);
        return NULL;
    }
    int64_t *list = ATH_ARENA_ARRAY(&n->im->arena, int64_t, count + 1);
    if (!list) ath__onnx_fail(n, ATH_MEMORY, "out of memory");
    return list;
}

void ath__onnx_concat(struct ath__onnx_node *n) {
    int64_t dims[ATH_ONNX_MAX_RANK];
    int     rank, axis;
    if (!first_input(n, dims, &rank)) return;
    /* Opset 1 to 3 let the axis be 1 by default. */
    if (!ath__onnx_axis(n, ath__onnx_attr_int(n, "axis", 1), rank, &axis)) return;
    for (int i = 0; i < n->ins; i++)
        if (!n->in[i]) {
            ath__onnx_fail(n, ATH_DATA, "input %d is missing", i);
            return;
        }
    ath__onnx_set_value(n, 0, ath__onnx_join(n, n->in, n->ins, axis));
}

/* Sizes from the attribute (below 13), the input, or equal parts (the last one smaller, from 18 on). */
static bool split_sizes(struct ath__onnx_node *n, int64_t length, int64_t *sizes, int capacity) {
    int count = n->opset < 13         ? ath__onnx_attr_ints(n, "split", sizes, capacity)
                : ath__onnx_has(n, 1) ? ath__onnx_ints(n, 1, "sizes", sizes, capacity)
                                      : -1;
    if (ath__onnx_failed(n)) return false;
    int64_t sum = 0, part = (length + n->outs - 1) / n->outs;
    if (count < 0) {
        for (int i = 0; i < n->outs; i++) {
            sizes[i] = length - sum < part ? length - sum : part;
            sum += sizes[i];
        }
        return true;
    }
    for (int i = 0; i < count; i++) {
        if (sizes[i] < 0 || sizes[i] > length - sum) break;
        sum += sizes[i];
    }
    if (count == n->outs && sum == length) return true;
    ath__onnx_fail(n, ATH_DATA, "its sizes do not add up to the %lld places of the dimension", (long long)length);
    return false;
}

void ath__onnx_split(struct ath__onnx_node *n) {
    int64_t dims[ATH_ONNX_MAX_RANK], sizes[256], begin = 0;
    int     rank, axis;
    if (!first_input(n, dims, &rank)) return;
    if (n->outs < 1 || n->outs > 256) {
        ath__onnx_refuse(n, "%d parts", n->outs);
        return;
    }
    if (!ath__onnx_axis(n, ath__onnx_attr_int(n, "axis", 0), rank, &axis)) return;
    if (!split_sizes(n, dims[axis], sizes, 256)) return;
    int64_t *index = places(n, dims[axis]);
    for (int i = 0; index && i < n->outs; i++) {
        for (int64_t k = 0; k < sizes[i]; k++) index[k] = begin + k;
        ath__onnx_set_value(n, i, ath__onnx_take(n, n->in[0], axis, index, sizes[i]));
        begin += sizes[i];
    }
}

/* The places that start:end:step names in `length`, as Python does. */
static int64_t slice_places(int64_t length, int64_t start, int64_t end, int64_t step, int64_t *index) {
    int64_t low = step > 0 ? 0 : -1, high = step > 0 ? length : length - 1, count = 0;
    if (start < 0) start = start < -length ? low : start + length;
    if (end < 0) end = end < -length ? low : end + length;
    start = start < low ? low : start > high ? high : start;
    end = end < low ? low : end > high ? high : end;
    if (step > length) step = length + 1;
    if (step < -length) step = -length - 1;
    for (int64_t at = start; step > 0 ? at < end : at > end; at += step) index[count++] = at;
    return count;
}

/* Attributes below opset 10 (without steps), inputs from there on. */
void ath__onnx_slice(struct ath__onnx_node *n) {
    enum { MOST = ATH_ONNX_MAX_RANK };
    int64_t dims[MOST], start[MOST], end[MOST], axes[MOST], step[MOST];
    int     rank, axis, count, ends, given = -1;
    if (!first_input(n, dims, &rank)) return;
    for (int i = 0; i < MOST; i++) step[i] = 1;
    if (n->opset < 10) {
        count = ath__onnx_attr_ints(n, "starts", start, MOST);
        ends = ath__onnx_attr_ints(n, "ends", end, MOST);
        given = ath__onnx_attr_ints(n, "axes", axes, MOST);
    } else {
        count = ath__onnx_ints(n, 1, "starts", start, MOST);
        ends = count < 0 ? -1 : ath__onnx_ints(n, 2, "ends", end, MOST);
        if (ends >= 0 && ath__onnx_has(n, 3)) given = ath__onnx_ints(n, 3, "axes", axes, MOST);
        if (ends >= 0 && ath__onnx_has(n, 4) && ath__onnx_ints(n, 4, "steps", step, MOST) != count) {
            ath__onnx_fail(n, ATH_DATA, "its starts and steps differ in number");
            return;
        }
    }
    if (ath__onnx_failed(n)) return;
    if (count < 0 || ends != count || (given >= 0 && given != count) || (given < 0 && count > rank)) {
        ath__onnx_fail(n, ATH_DATA, "its starts, ends and axes differ in number");
        return;
    }
    struct ath__onnx_value *y = n->in[0];
    for (int i = 0; i < count && y; i++) {
        if (!ath__onnx_axis(n, given < 0 ? i : axes[i], rank, &axis)) return;
        if (step[i] == 0) {
            ath__onnx_fail(n, ATH_DATA, "a step of 0");
            return;
        }
        ath__onnx_dims(n->im, y, dims);
        int64_t *index = places(n, dims[axis]);
        if (!index) return;
        int64_t kept = slice_places(dims[axis], start[i], end[i], step[i], index);
        if (kept == dims[axis] && step[i] == 1) continue;
        y = ath__onnx_take(n, y, axis, index, kept);
    }
    ath__onnx_set_value(n, 0, y);
}

/* y = x with the dimension `axis` replaced by those of the indices. */
void ath__onnx_gather(struct ath__onnx_node *n) {
    int64_t dims[ATH_ONNX_MAX_RANK], to[2 * ATH_ONNX_MAX_RANK], length;
    int     rank, axis, out = 0;
    if (!first_input(n, dims, &rank)) return;
    if (!ath__onnx_axis(n, ath__onnx_attr_int(n, "axis", 0), rank, &axis)) return;
    if (!ath__onnx_has(n, 1) || !n->in[1]->host) {
        ath__onnx_refuse(n, "its indices must be constant");
        return;
    }
    const struct ath__onnx_tensor *indices = n->in[1]->host;
    int64_t                       *index = places(n, indices->count);
    length = dims[axis];
    for (int64_t i = 0; index && i < indices->count; i++) {
        double at = ath__onnx_get(indices, i);
        if (!(at >= -(double)length && at < (double)length)) {
            ath__onnx_fail(n, ATH_DATA, "index %g lies outside the %lld places", at, (long long)length);
            return;
        }
        index[i] = (int64_t)at < 0 ? (int64_t)at + length : (int64_t)at;
    }
    if (!index) return;
    struct ath__onnx_value *y = ath__onnx_take(n, n->in[0], axis, index, indices->count);
    for (int d = 0; d < axis; d++) to[out++] = dims[d];
    for (int d = 0; d < indices->rank; d++) to[out++] = indices->dims[d];
    for (int d = axis + 1; d < rank; d++) to[out++] = dims[d];
    if (out > ATH_ONNX_MAX_RANK) {
        ath__onnx_refuse(n, "%d dimensions", out);
        return;
    }
    ath__onnx_set_value(n, 0, ath__onnx_reshape_to(n, y, out, to));
}

/* ---- Pad ------------------------------------------------------------------------------------------------------------ */

/* The margins of every dimension, from attributes (below 11: `pads`, at first `paddings`) or inputs. */
static bool margins(struct ath__onnx_node *n, int rank, int64_t *before, int64_t *after, double *value) {
    int64_t list[2 * ATH_ONNX_MAX_RANK], axes[ATH_ONNX_MAX_RANK];
    int     count, named = rank, axis;
    for (int i = 0; i < rank; i++) {
        before[i] = after[i] = 0;
        axes[i] = i;
    }
    if (n->opset < 11) {
        count = ath__onnx_attr_ints(n, n->opset < 2 ? "paddings" : "pads", list, 2 * ATH_ONNX_MAX_RANK);
        *value = ath__onnx_attr_real(n, "value", 0.0);
    } else {
        count = ath__onnx_ints(n, 1, "margins", list, 2 * ATH_ONNX_MAX_RANK);
        *value = ath__onnx_has(n, 2) && n->in[2]->host && n->in[2]->host->count == 0
                     ? 0.0
                     : ath__onnx_number(n, 2, "value", 0.0);
        if (ath__onnx_has(n, 3)) named = ath__onnx_ints(n, 3, "axes", axes, ATH_ONNX_MAX_RANK);
    }
    if (ath__onnx_failed(n)) return false;
    if (count != 2 * named) {
        ath__onnx_fail(n, ATH_DATA, "%d margins for %d dimensions", count, named);
        return false;
    }
    for (int k = 0; k < named; k++) {
        if (!ath__onnx_axis(n, axes[k], rank, &axis)) return false;
        before[axis] = list[k];
        after[axis] = list[named + k];
    }
    return true;
}

/* Which place of 0..length-1 the place `at` outside mirrors, repeats or wraps to. */
static int64_t outside(const char *mode, int64_t at, int64_t length) {
    if (strcmp(mode, "edge") == 0) return at < 0 ? 0 : at >= length ? length - 1 : at;
    if (strcmp(mode, "wrap") == 0) return (at % length + length) % length;
    int64_t period = length > 1 ? 2 * (length - 1) : 1;
    at = (at % period + period) % period;
    return at < length ? at : period - at;
}

void ath__onnx_pad(struct ath__onnx_node *n) {
    int64_t     dims[ATH_ONNX_MAX_RANK], before[ATH_ONNX_MAX_RANK], after[ATH_ONNX_MAX_RANK];
    int         rank;
    double      value;
    const char *mode = ath__onnx_attr_text(n, "mode", "constant");
    if (!mode || !first_input(n, dims, &rank) || !margins(n, rank, before, after, &value)) return;
    bool constant = strcmp(mode, "constant") == 0;
    if (!constant && strcmp(mode, "reflect") != 0 && strcmp(mode, "edge") != 0 && strcmp(mode, "wrap") != 0) {
        ath__onnx_refuse(n, "mode %.40s", mode);
        return;
    }
    struct ath__onnx_value *y = n->in[0];
    for (int axis = 0; axis < rank && y; axis++) {
        int64_t first = constant && before[axis] > 0 ? 0 : -before[axis];
        int64_t last = dims[axis] + (constant && after[axis] > 0 ? 0 : after[axis]);
        if (before[axis] < -MOST_PLACES || before[axis] > MOST_PLACES || after[axis] < -MOST_PLACES ||
            after[axis] > MOST_PLACES || last < first || dims[axis] < 1) {
            ath__onnx_fail(n, ATH_DATA, "margins of %lld and %lld are not possible", (long long)before[axis],
                           (long long)after[axis]);
            return;
        }
        int64_t *index = places(n, last - first);
        for (int64_t at = first; index && at < last; at++)
            index[at - first] = constant ? at : outside(mode, at, dims[axis]);
        if (index && (first != 0 || last != dims[axis])) y = ath__onnx_take(n, y, axis, index, last - first);
        before[axis] = constant && before[axis] > 0 ? before[axis] : 0;
        after[axis] = constant && after[axis] > 0 ? after[axis] : 0;
    }
    ath__onnx_set_value(n, 0, ath__onnx_margin(n, y, before, after, value));
}

void ath__onnx_tile(struct ath__onnx_node *n) {
    int64_t dims[ATH_ONNX_MAX_RANK], times[ATH_ONNX_MAX_RANK];
    int     rank;
    if (!first_input(n, dims, &rank)) return;
    if (ath__onnx_ints(n, 1, "repeats", times, ATH_ONNX_MAX_RANK) != rank) {
        ath__onnx_fail(n, ATH_DATA, "it needs one number of repeats per dimension");
        return;
    }
    struct ath__onnx_value *y = n->in[0];
    for (int axis = 0; axis < rank && y; axis++) {
        if (times[axis] == 1) continue;
        if (times[axis] < 0 || times[axis] > MOST_PLACES || dims[axis] > MOST_PLACES) {
            ath__onnx_refuse(n, "%lld repeats", (long long)times[axis]);
            return;
        }
        int64_t *index = places(n, dims[axis] * times[axis]);
        for (int64_t i = 0; index && i < dims[axis] * times[axis]; i++) index[i] = i % dims[axis];
        y = index ? ath__onnx_take(n, y, axis, index, dims[axis] * times[axis]) : NULL;
    }
    ath__onnx_set_value(n, 0, y);
}
