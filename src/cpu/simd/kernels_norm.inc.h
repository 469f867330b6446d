/* Batch norm on panels (see kernels.h): up to 16 lanes, so one, two or four vectors side by side.
 *
 * Each body is inlined with constant arguments for the common case (float32, sixteen lanes) and once for all others.
 */

enum { ROW_VECTORS = ATH_PANEL_LANES / VL };

/* For every row of the panel, `at` = where it begins. */
#define EACH_ROW(w, at)                                                                                                \
    for (int64_t piece = 0; piece < (w)->pieces; piece++)                                                              \
        for (int64_t at = piece * (w)->piece_stride, end = at + (w)->rows * (w)->stride; at < end; at += (w)->stride)

/* Vector v of a row: full (all 16 lanes there), or what is there of it; bfloat16 or float32. */
ALWAYS_INLINE vf row_load(const void *data, int64_t at, int v, int lanes, bool low, bool full) {
    if (!low) {
        const float *p = (const float *)data + at + v * VL;
        if (full || lanes >= (v + 1) * VL) return v_load(p);
        return lanes > v * VL ? v_load_n(p, lanes - v * VL) : v_set(0.0f);
    }
    const uint16_t *p = (const uint16_t *)data + at + v * VL;
    if (full || lanes >= (v + 1) * VL) return v_loadh(p);
    uint16_t rest[VL] = {0};
    for (int i = 0; i < VL && v * VL + i < lanes; i++) rest[i] = p[i];
    return v_loadh(rest);
}

ALWAYS_INLINE void row_store(void *data, int64_t at, int v, int lanes, bool low, bool full, vf value) {
    if (!low) {
        float *p = (float *)data + at + v * VL;
        if (full || lanes >= (v + 1) * VL) {
            v_store(p, value);
        } else if (lanes > v * VL) {
            v_store_n(p, value, lanes - v * VL);
        }
        return;
    }
    uint16_t *p = (uint16_t *)data + at + v * VL;
    if (full || lanes >= (v + 1) * VL) {
        v_storeh(p, value);
        return;
    }
    uint16_t rest[VL];
    v_storeh(rest, value);
    for (int i = 0; i < VL && v * VL + i < lanes; i++) p[i] = rest[i];
}

/* Mean first, then squares around it: two passes over a panel that the first has brought into the cache. A mean far
 * larger than the deviation costs nothing then: x - mean is formed before squaring. The mean of x - mean corrects the
 * rounding of the mean itself. */
ALWAYS_INLINE void norm_stats_body(const struct ath__norm_panel *w, float *mean, float *rest, float *squares, bool low,
                                   bool full) {
    vf s[ROW_VECTORS][2], d[ROW_VECTORS], m[ROW_VECTORS];
    vf count = v_set(1.0f / (float)(w->pieces * w->rows)), zero = v_set(0.0f);
    for (int v = 0; v < ROW_VECTORS; v++) s[v][0] = s[v][1] = zero;
    for (int64_t p = 0; p < w->pieces; p++) {
        int64_t at = p * w->piece_stride, r = 0;
        for (; r + 2 <= w->rows; r += 2, at += 2 * w->stride)
            for (int v = 0; v < ROW_VECTORS; v++) {
                s[v][0] = v_add(s[v][0], row_load(w->x, at, v, w->lanes, low, full));
                s[v][1] = v_add(s[v][1], row_load(w->x, at + w->stride, v, w->lanes, low, full));
            }
        if (r < w->rows)
            for (int v = 0; v < ROW_VECTORS; v++) s[v][0] = v_add(s[v][0], row_load(w->x, at, v, w->lanes, low, full));
    }
    for (int v = 0; v < ROW_VECTORS; v++) {
        m[v] = v_mul(v_add(s[v][0], s[v][1]), count);
        s[v][0] = s[v][1] = d[v] = zero;
    }
    EACH_ROW(w, at)
    for (int v = 0; v < ROW_VECTORS; v++) {
        vf x = v_sub(row_load(w->x, at, v, w->lanes, low, full), m[v]);
        d[v] = v_add(d[v], x);
        s[v][0] = v_fma(x, x, s[v][0]);
    }
    for (int v = 0; v < ROW_VECTORS; v++) {
        vf shift = v_mul(d[v], count);
        v_store(mean + v * VL, m[v]);
        v_store(rest + v * VL, shift);
        v_store(squares + v * VL, v_max(zero, v_sub(s[v][0], v_mul(shift, d[v]))));
    }
}

static void norm_stats(const struct ath__norm_panel *panel, float *mean, float *rest, float *squares) {
    bool full = panel->lanes == ATH_PANEL_LANES;
    if (full && !panel->low) {
        norm_stats_body(panel, mean, rest, squares, false, true);
    } else if (full) {
        norm_stats_body(panel, mean, rest, squares, true, true);
    } else {
        norm_stats_body(panel, mean, rest, squares, panel->low, false);
    }
}

ALWAYS_INLINE vf norm_act(int act, vf x) {
    switch (act) {
    case ATH_ACT_RELU: return act_RELU(x, x, x, x);
    case ATH_ACT_RELU6: return act_RELU6(x, x, x, x);
    case ATH_ACT_SIGMOID: return act_SIGMOID(x, x, x, x);
    case ATH_ACT_TANH: return act_TANH(x, x, x, x);
    case ATH_ACT_HARD_SIGMOID: return act_HARD_SIGMOID(x, x, x, x);
    default: return x;
    }
}

ALWAYS_INLINE vf norm_act_grad(int act, vf dy, vf y) {
    switch (act) {
    case ATH_ACT_RELU: return grad_RELU(dy, y, y, y);
    case ATH_ACT_RELU6: return grad_RELU6(dy, y, y, y);
    case ATH_ACT_SIGMOID: return grad_SIGMOID(dy, y, y, y);
    case ATH_ACT_TANH: return grad_TANH(dy, y, y, y);
    case ATH_ACT_HARD_SIGMOID: return grad_HARD_SIGMOID(dy, y, y, y);
    default: return dy;
    }
}

ALWAYS_INLINE void norm_apply_body(const struct ath__norm_panel *w, int act, bool low, bool full) {
    vf mean[ROW_VECTORS], a[ROW_VECTORS], b[ROW_VECTORS];
    for (int v = 0; v < ROW_VECTORS; v++) {
        mean[v] = v_load(w->mean + v * VL);
        a[v] = v_load(w->a + v * VL);
        b[v] = v_load(w->b + v * VL);
    }
    EACH_ROW(w, at)
    for (int v = 0; v < ROW_VECTORS; v++) {
        vf y = v_fma(v_sub(row_load(w->x, at, v, w->lanes, low, full), mean[v]), a[v], b[v]);
        if (w->residual) y = v_add(y, row_load(w->residual, at, v, w->lanes, low, full));
        row_store(w->y, at, v, w->lanes, low, full, norm_act(act, y));
    }
}

ALWAYS_INLINE vf row_gradient(const struct ath__norm_panel *w, int64_t at, int v, int act, bool low, bool full) {
    vf g = row_load(w->dy, at, v, w->lanes, low, full);
    if (w->dy2) g = v_add(g, row_load(w->dy2, at, v, w->lanes, low, full));
    return act == ATH_ACT_NONE ? g : norm_act_grad(act, g, row_load(w->y_in, at, v, w->lanes, low, full));
}

ALWAYS_INLINE void norm_grad_sums_body(const struct ath__norm_panel *w, float *sums, float *sums_x, int act, bool low,
                                       bool full) {
    vf mean[ROW_VECTORS], s[ROW_VECTORS], t[ROW_VECTORS];
    for (int v = 0; v < ROW_VECTORS; v++) {
        mean[v] = v_load(w->mean + v * VL);
        s[v] = t[v] = v_set(0.0f);
    }
    EACH_ROW(w, at)
    for (int v = 0; v < ROW_VECTORS; v++) {
        vf g = row_gradient(w, at, v, act, low, full);
        s[v] = v_add(s[v], g);
        t[v] = v_fma(g, v_sub(row_load(w->x, at, v, w->lanes, low, full), mean[v]), t[v]);
    }
    for (int v = 0; v < ROW_VECTORS; v++) {
        v_store(sums + v * VL, s[v]);
        v_store(sums_x + v * VL, t[v]);
    }
}

ALWAYS_INLINE void norm_grad_apply_body(const struct ath__norm_panel *w, int act, bool low, bool full) {
    vf mean[ROW_VECTORS], a[ROW_VECTORS], b[ROW_VECTORS], c[ROW_VECTORS];
    for (int v = 0; v < ROW_VECTORS; v++) {
        mean[v] = v_load(w->mean + v * VL);
        a[v] = v_load(w->a + v * VL);
        b[v] = v_load(w->b + v * VL);
        c[v] = v_load(w->c + v * VL);
    }
    EACH_ROW(w, at)
    for (int v = 0; v < ROW_VECTORS; v++) {
        vf g = row_gradient(w, at, v, act, low, full);
        vf x = v_sub(row_load(w->x, at, v, w->lanes, low, full), mean[v]);
        row_store(w->dx, at, v, w->lanes, low, full, v_fma(a[v], g, v_fma(b[v], x, c[v])));
        if (w->dresidual) row_store(w->dresidual, at, v, w->lanes, low, full, g);
    }
}

/* Constant arguments for none and relu; the other activations, rare behind batch norm, share one body that looks. */
#define NORM_CASES(BODY, act)                                                                                          \
    if (full && !panel->low) {                                                                                         \
        BODY(act, false, true);                                                                                        \
    } else if (full) {                                                                                                 \
        BODY(act, true, true);                                                                                         \
    } else {                                                                                                           \
        BODY(act, panel->low, false);                                                                                  \
    }
#define NORM_DISPATCH(BODY)                                                                                            \
    bool full = panel->lanes == ATH_PANEL_LANES;                                                                       \
    if (panel->act == ATH_ACT_NONE) {                                                                                  \
        NORM_CASES(BODY, ATH_ACT_NONE)                                                                                 \
    } else if (panel->act == ATH_ACT_RELU) {                                                                           \
        NORM_CASES(BODY, ATH_ACT_RELU)                                                                                 \
    } else {                                                                                                           \
        BODY(panel->act, panel->low, full);                                                                            \
    }

static void norm_apply(const struct ath__norm_panel *panel) {
#define BODY(act, low, full) norm_apply_body(panel, act, low, full)
    NORM_DISPATCH(BODY)
#undef BODY
}

static void norm_grad_sums(const struct ath__norm_panel *panel, float *total, float *total_x) {
#define BODY(act, low, full) norm_grad_sums_body(panel, total, total_x, act, low, full)
    NORM_DISPATCH(BODY)
#undef BODY
}

static void norm_grad_apply(const struct ath__norm_panel *panel) {
#define BODY(act, low, full) norm_grad_apply_body(panel, act, low, full)
    NORM_DISPATCH(BODY)
#undef BODY
}
