/* Operators that give the same elements another shape or order.
 *
 *     Reshape, Flatten, Squeeze, Unsqueeze, Transpose, Expand, Identity, DepthToSpace, SpaceToDepth
 */
#include "format/onnx/onnx_import.h"

#include <string.h>

/* A file that was exported for a fixed batch writes that batch into its shapes: there the first dimension is the
 * batch's. */
static void free_batch(const struct ath__onnx_node *n, const int64_t *from, int rank_from, int64_t *dims, int rank) {
    const struct ath__onnx_importer *im = n->im;
    if (im->batch && im->declared_batch && rank > 0 && rank_from > 0 && dims[0] == im->declared_batch &&
        from[0] == im->batch)
        dims[0] = im->batch;
}

/* 0 copies a dimension (unless allowzero), -1 is what is left over. */
void ath__onnx_reshape(struct ath__onnx_node *n) {
    int64_t from[ATH_ONNX_MAX_RANK] = {0}, dims[ATH_ONNX_MAX_RANK] = {0}, count = 1, known = 1;
    int     rank, open = -1;
    if (!ath__onnx_has(n, 0)) {
        ath__onnx_fail(n, ATH_DATA, "its input is missing");
        return;
    }
    rank = n->opset >= 5 ? ath__onnx_ints(n, 1, "shape", dims, ATH_ONNX_MAX_RANK)
                         : ath__onnx_attr_ints(n, "shape", dims, ATH_ONNX_MAX_RANK);
    if (rank < 0) {
        ath__onnx_fail(n, ATH_DATA, "it says no shape");
        return;
    }
    int  rank_from = ath__onnx_dims(n->im, n->in[0], from);
    bool zero_copies = ath__onnx_attr_int(n, "allowzero", 0) == 0;
    for (int i = 0; i < rank_from; i++) count *= from[i];
    for (int i = 0; i < rank; i++)
        if (dims[i] == 0 && zero_copies && i < rank_from) dims[i] = from[i];
    free_batch(n, from, rank_from, dims, rank);
    for (int i = 0; i < rank; i++) {
        if (dims[i] == -1 && open < 0)
            open = i;
        else if (dims[i] < 0 || __builtin_mul_overflow(known, dims[i], &known)) {
            ath__onnx_fail(n, ATH_DATA, "its shape is not possible");
            return;
        }
    }
    if (open >= 0 && (known == 0 || count % known != 0)) {
        ath__onnx_fail(n, ATH_DATA, "%lld elements do not fit the shape asked for", (long long)count);
        return;
    }
    if (open >= 0) dims[open] = count / known;
    ath__onnx_set_value(n, 0, ath__onnx_reshape_to(n, n->in[0], rank, dims));
}

void ath__onnx_flatten(struct ath__onnx_node *n) {
    int64_t from[ATH_ONNX_MAX_RANK] = {0}, dims[2] = {1, 1}, axis = ath__onnx_attr_int(n, "axis", 1);
    if (!ath__onnx_has(n, 0)) {
        ath__onnx_fail(n, ATH_DATA, "its input is missing");
        return;
    }
    int rank = ath__onnx_dims(n->im, n->in[0], from);
    if (axis < -rank || axis > rank) {
        ath__onnx_fail(n, ATH_DATA, "axis %lld does not exist", (long long)axis);
        return;
    }
    if (axis < 0) axis += rank;
    for (int i = 0; i < rank; i++) dims[i >= axis] *= from[i];
    ath__onnx_set_value(n, 0, ath__onnx_reshape_to(n, n->in[0], 2, dims));
}

/* The axes are an attribute below opset 13, an input from there on. -1: none given. */
static int axes_of(struct ath__onnx_node *n, int64_t *axes) {
    if (n->opset < 13) return ath__onnx_attr_ints(n, "axes", axes, ATH_ONNX_MAX_RANK);
    return ath__onnx_has(n, 1) ? ath__onnx_ints(n, 1, "axes", axes, ATH_ONNX_MAX_RANK) : -1;
}

void ath__onnx_squeeze(struct ath__onnx_node *n) {
    int64_t from[ATH_ONNX_MAX_RANK] = {0}, dims[ATH_ONNX_MAX_RANK], axes[ATH_ONNX_MAX_RANK];
    bool    drop[ATH_ONNX_MAX_RANK] = {false};
    int     to = 0;
    if (!ath__onnx_has(n, 0)) {
        ath__onnx_fail(n, ATH_DATA, "its input is missing");
        return;
    }
    int rank = ath__onnx_dims(n->im, n->in[0], from), count = axes_of(n, axes);
    for (int i = 0; i < rank; i++) drop[i] = count < 0 && from[i] == 1;
    for (int k = 0, axis; k < count; k++) {
        if (!ath__onnx_axis(n, axes[k], rank, &axis)) return;
        if (from[axis] != 1) {
            ath__onnx_fail(n, ATH_DATA, "dimension %d has more than one place", axis);
            return;
        }
        drop[axis] = true;
    }
    for (int i = 0; i < rank; i++)
        if (!drop[i]) dims[to++] = from[i];
    ath__onnx_set_value(n, 0, ath__onnx_reshape_to(n, n->in[0], to, dims));
}

void ath__onnx_unsqueeze(struct ath__onnx_node *n) {
    int64_t from[ATH_ONNX_MAX_RANK] = {0}, dims[ATH_ONNX_MAX_RANK], axes[ATH_ONNX_MAX_RANK];
    bool    one[ATH_ONNX_MAX_RANK] = {false};
    int     next = 0;
    if (!ath__onnx_has(n, 0)) {
        ath__onnx_fail(n, ATH_DATA, "its input is missing");
        return;
    }
    int rank = ath__onnx_dims(n->im, n->in[0], from), count = axes_of(n, axes);
    if (count < 0) {
        ath__onnx_fail(n, ATH_DATA, "it says no axes");
        return;
    }
    if (rank + count > ATH_ONNX_MAX_RANK) {
        ath__onnx_refuse(n, "%d dimensions", rank + count);
        return;
    }
    for (int k = 0, axis; k < count; k++) {
        if (!ath__onnx_axis(n, axes[k], rank + count, &axis)) return;
        if (one[axis]) {
            ath__onnx_fail(n, ATH_DATA, "axis %d is named twice", axis);
            return;
        }
        one[axis] = true;
    }
    for (int i = 0; i < rank + count; i++) dims[i] = one[i] ? 1 : from[next++];
    ath__onnx_set_value(n, 0, ath__onnx_reshape_to(n, n->in[0], rank + count, dims));
}

void ath__onnx_transpose(struct ath__onnx_node *n) {
    int64_t from[ATH_ONNX_MAX_RANK] = {0}, order[ATH_ONNX_MAX_RANK];
    bool    seen[ATH_ONNX_MAX_RANK] = {false};
    if (!ath__onnx_has(n, 0)) {
        ath__onnx_fail(n, ATH_DATA, "its input is missing");
        return;
    }
    int rank = ath__onnx_dims(n->im, n->in[0], from), count = ath__onnx_attr_ints(n, "perm", order, ATH_ONNX_MAX_RANK);
    for (int i = 0; count < 0 && i < rank; i++) order[i] = rank - 1 - i;
    if (count >= 0 && count != rank) {
        ath__onnx_fail(n, ATH_DATA, "its order has %d entries, not %d", count, rank);
        return;
    }
    for (int i = 0; i < rank; i++) {
        if (order[i] < 0) order[i] += rank;
        if (order[i] < 0 || order[i] >= rank || seen[order[i]]) {
            ath__onnx_fail(n, ATH_DATA, "its order is no permutation of %d dimensions", rank);
            return;
        }
        seen[order[i]] = true;
    }
    if (rank == 0) {
        ath__onnx_set_value(n, 0, n->in[0]);
        return;
    }
    ath__onnx_set_value(n, 0, ath__onnx_permute(n, n->in[0], order));
}

/* The shape asked for and the input's are broadcast onto each other: 1 in the former keeps the dimension. */
void ath__onnx_expand(struct ath__onnx_node *n) {
    int64_t from[ATH_ONNX_MAX_RANK] = {0}, asked[ATH_ONNX_MAX_RANK], dims[ATH_ONNX_MAX_RANK];
    if (!ath__onnx_has(n, 0)) {
        ath__onnx_fail(n, ATH_DATA, "its input is missing");
        return;
    }
    int rank = ath__onnx_dims(n->im, n->in[0], from), count = ath__onnx_ints(n, 1, "shape", asked, ATH_ONNX_MAX_RANK);
    if (count < 0) return;
    free_batch(n, from, rank, asked, count);
    int all = rank > count ? rank : count;
    for (int i = 0; i < all; i++) {
        int64_t a = i >= all - rank ? from[i - (all - rank)] : 1, b = i >= all - count ? asked[i - (all - count)] : 1;
        dims[i] = b == 1 || b == -1 ? a : b;
    }
    ath__onnx_set_value(n, 0, ath__onnx_broadcast(n, n->in[0], all, dims));
}

void ath__onnx_identity(struct ath__onnx_node *n) {
    if (!ath__onnx_has(n, 0)) {
        ath__onnx_fail(n, ATH_DATA, "its input is missing");
        return;
    }
    ath__onnx_set_value(n, 0, n->in[0]);
}

/* (N,C,H,W) seen as six dimensions, permuted, and seen as four again. */
static void blocks(struct ath__onnx_node *n, const int64_t *six, const int64_t *order, const int64_t *four) {
    struct ath__onnx_value *y = ath__onnx_reshape_to(n, n->in[0], 6, six);
    y = ath__onnx_permute(n, y, order);
    ath__onnx_set_value(n, 0, ath__onnx_reshape_to(n, y, 4, four));
}

/* Also checks the block size against what it has to divide. */
static bool block_shape(struct ath__onnx_node *n, int64_t *d, int64_t *b, bool depth) {
    *b = ath__onnx_attr_int(n, "blocksize", 0);
    if (!ath__onnx_has(n, 0) || ath__onnx_dims(n->im, n->in[0], d) != 4 || *b < 1 || *b > 4096 ||
        (depth ? d[1] % (*b * *b) != 0 : d[2] % *b != 0 || d[3] % *b != 0)) {
        ath__onnx_fail(n, ATH_DATA, "it needs images (N,C,H,W) that the block size divides");
        return false;
    }
    return true;
}

void ath__onnx_depth_to_space(struct ath__onnx_node *n) {
    int64_t     d[ATH_ONNX_MAX_RANK], b;
    const char *mode = ath__onnx_attr_text(n, "mode", "DCR");
    if (!mode || !block_shape(n, d, &b, true)) return;
    int64_t four[] = {d[0], d[1] / (b * b), d[2] * b, d[3] * b};
    if (strcmp(mode, "CRD") == 0)
        blocks(n, (int64_t[]){d[0], four[1], b, b, d[2], d[3]}, (int64_t[]){0, 1, 4, 2, 5, 3}, four);
    else
        blocks(n, (int64_t[]){d[0], b, b, four[1], d[2], d[3]}, (int64_t[]){0, 3, 4, 1, 5, 2}, four);
}

void ath__onnx_space_to_depth(struct ath__onnx_node *n) {
    int64_t d[ATH_ONNX_MAX_RANK], b;
    if (!block_shape(n, d, &b, false)) return;
    blocks(n, (int64_t[]){d[0], d[1], d[2] / b, b, d[3] / b, b}, (int64_t[]){0, 3, 5, 1, 2, 4},
           (int64_t[]){d[0], d[1] * b * b, d[2] / b, d[3] / b});
}
