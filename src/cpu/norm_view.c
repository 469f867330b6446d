/* Panels of a tensor for batch norm (see norm_view.h). Everything here follows from the shape alone, so sums are split
 * in the same way on every machine and for every number of threads.
 */
#include "cpu/norm_view.h"

#include "base/cpuinfo.h"

#include <string.h>

enum { PANEL_ROWS = 128, CHUNK_PANELS = 16 };

static int64_t divide_up(int64_t a, int64_t b) {
    return (a + b - 1) / b;
}

static const char *set_layout(struct ath__norm_view *view, const struct ath__desc *desc, int64_t n, int64_t c,
                              int64_t inner) {
    int                rank = desc->shape.rank, block;
    struct ath__layout last = ath__layout_channels_last(rank);
    bool               is_last = ath__layout_equal(&desc->layout, &last, rank);
    if (is_last || (inner == 1 && ath__layout_is_plain(&desc->layout, rank))) {
        view->groups = divide_up(c, ATH_PANEL_LANES);
        view->group_channels = view->group_stride = view->period = ATH_PANEL_LANES;
        view->segments = n * inner;
        view->segment_stride = c;
        view->length = ATH_PANEL_LANES; /* the last group may have less */
        view->interleaved = true;
    } else if (ath__layout_is_plain(&desc->layout, rank)) {
        view->groups = c;
        view->group_channels = view->period = 1;
        view->group_stride = view->length = inner;
        view->segments = n;
        view->segment_stride = c * inner;
    } else if ((block = ath__layout_single_block(&desc->layout, rank, 1)) > 0 && ATH_PANEL_LANES % block == 0) {
        view->groups = divide_up(c, block);
        view->group_channels = view->period = block;
        view->group_stride = view->length = inner * block;
        view->segments = n;
        view->segment_stride = view->groups * view->length;
    } else if ((block = ath__layout_single_block(&desc->layout, rank, 0)) > 0 && ATH_PANEL_LANES % block == 0) {
        view->groups = c;
        view->group_channels = view->period = 1;
        view->group_stride = view->length = inner * block;
        view->segments = divide_up(n, block);
        view->segment_stride = c * view->length;
        view->image_block = block;
    } else {
        return "a layout other than plain, channels last, channels or images in blocks of up to 16";
    }
    return NULL;
}

/* 1 where the last segment is partly padding, which panels of several segments could not say; else 0. */
static int64_t own_last(const struct ath__norm_view *view) {
    return view->image_block > 0 && view->images % view->image_block != 0;
}

static int64_t bundles_of(const struct ath__norm_view *view, int64_t bundle) {
    return divide_up(view->segments - own_last(view), bundle) + own_last(view);
}

const char *ath__norm_view_make(struct ath__norm_view *view, const struct ath__desc *desc, int64_t bytes) {
    memset(view, 0, sizeof *view);
    if (desc->shape.rank < 2) return "fewer than two dimensions";
    int64_t n = desc->shape.dims[0], c = desc->shape.dims[1], inner = 1;
    for (int i = 2; i < desc->shape.rank; i++) inner *= desc->shape.dims[i];
    if (n <= 0 || c <= 0 || inner <= 0) return "no elements";
    view->channels = c;
    view->images = n;
    view->per_channel = n * inner;
    const char *reason = set_layout(view, desc, n, c, inner);
    if (reason) return reason;
    view->rows = view->length / ATH_PANEL_LANES;
    view->tiles = divide_up(view->rows, PANEL_ROWS);
    view->bundle = view->rows >= PANEL_ROWS ? 1 : PANEL_ROWS / (view->rows > 0 ? view->rows : 1);
    view->bundles = bundles_of(view, view->bundle);
    view->body = view->tiles * view->bundles;
    view->panels = view->body + (view->length % ATH_PANEL_LANES != 0 ? bundles_of(view, PANEL_ROWS) : 0);
    view->chunk = CHUNK_PANELS;
    view->chunks = divide_up(view->panels, view->chunk);
    int64_t cache = (int64_t)(ath__cpuinfo()->l3_bytes / 4);
    if (cache < 4 << 20) cache = 4 << 20;
    view->together = cache / (view->segments * view->length * bytes + 1);
    if (view->together < 1) view->together = 1;
    if (view->interleaved || view->together > view->groups) view->together = view->groups;
    return NULL;
}

int64_t ath__norm_view_panel(const struct ath__norm_view *view, int64_t group, int64_t index,
                             struct ath__norm_panel *panel, bool *valid) {
    int64_t element, bundle, segment;
    panel->stride = ATH_PANEL_LANES;
    panel->piece_stride = view->segment_stride;
    if (index < view->body) {
        int64_t tile = index % view->tiles;
        element = tile * PANEL_ROWS * ATH_PANEL_LANES;
        bundle = view->bundle;
        segment = index / view->tiles * bundle;
        panel->rows = view->rows - tile * PANEL_ROWS < PANEL_ROWS ? view->rows - tile * PANEL_ROWS : PANEL_ROWS;
        panel->lanes = ATH_PANEL_LANES;
    } else {
        element = view->rows * ATH_PANEL_LANES;
        bundle = PANEL_ROWS;
        segment = (index - view->body) * bundle;
        panel->rows = 1;
        panel->lanes = (int)(view->length - element);
    }
    int64_t last = view->segments - own_last(view);
    if (segment >= last) segment = last;
    if (segment < last) {
        panel->pieces = last - segment < bundle ? last - segment : bundle;
    } else {
        panel->pieces = 1;
    }
    if (view->interleaved && view->channels - group * ATH_PANEL_LANES < panel->lanes)
        panel->lanes = (int)(view->channels - group * ATH_PANEL_LANES);
    for (int lane = 0; lane < ATH_PANEL_LANES; lane++) {
        valid[lane] = lane < panel->lanes && ath__norm_view_channel(view, group, lane) < view->channels;
        if (view->image_block > 0) valid[lane] &= segment * view->image_block + lane % view->image_block < view->images;
    }
    return group * view->group_stride + segment * view->segment_stride + element;
}
