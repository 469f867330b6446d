/* Panels of a tensor for batch norm (see norm_view.h). Everything here follows from the shape alone, so sums are split
 * in the same way on every machine and for every number of threads.
 */
#include "cpu/norm_view.h"

#include "base/cpuinfo.h"

#include <string.h>

enum { PANEL_ROWS = 128, CHUNK_PANELS = 16, CHUNK_PANELS_INTERLEAVED = 4 };

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
        view->length = c < ATH_PANEL_LANES ? c : ATH_PANEL_LANES; /* the last group may have less */
        view->interleaved = view->across = true;
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
    bool padded_images = view->image_block > 0 && n % view->image_block != 0;
    if (!view->interleaved && !padded_images) {
        int64_t along = view->length / ATH_PANEL_LANES, rows = view->segments;
        if (along > PANEL_ROWS) along = PANEL_ROWS;
        if (rows > PANEL_ROWS) rows = PANEL_ROWS;
        view->across = rows > along;
    }
    if (view->across) {
        view->panels = divide_up(view->segments, PANEL_ROWS) * divide_up(view->length, ATH_PANEL_LANES);
    } else {
        int64_t rows = view->length / ATH_PANEL_LANES;
        view->panels = view->segments * (divide_up(rows, PANEL_ROWS) + (view->length % ATH_PANEL_LANES != 0));
    }
    view->chunk = view->interleaved ? CHUNK_PANELS_INTERLEAVED : CHUNK_PANELS;
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
    int64_t offset = group * view->group_stride, segment, element;
    if (view->across) {
        int64_t columns = divide_up(view->length, ATH_PANEL_LANES), left;
        segment = index / columns * PANEL_ROWS;
        element = index % columns * ATH_PANEL_LANES;
        left = view->length - element;
        panel->rows = view->segments - segment < PANEL_ROWS ? view->segments - segment : PANEL_ROWS;
        panel->stride = view->segment_stride;
        panel->lanes = left < ATH_PANEL_LANES ? (int)left : ATH_PANEL_LANES;
        if (view->interleaved && view->channels - group * ATH_PANEL_LANES < panel->lanes)
            panel->lanes = (int)(view->channels - group * ATH_PANEL_LANES);
    } else {
        int64_t rows = view->length / ATH_PANEL_LANES, rest = view->length % ATH_PANEL_LANES;
        int64_t tiles = divide_up(rows, PANEL_ROWS), per_segment = tiles + (rest != 0), tile = index % per_segment;
        segment = index / per_segment;
        element = tile * PANEL_ROWS * ATH_PANEL_LANES;
        panel->stride = panel->lanes = ATH_PANEL_LANES;
        panel->rows = rows - tile * PANEL_ROWS < PANEL_ROWS ? rows - tile * PANEL_ROWS : PANEL_ROWS;
        if (tile == tiles) {
            element = rows * ATH_PANEL_LANES;
            panel->rows = 1;
            panel->lanes = (int)rest;
        }
    }
    for (int lane = 0; lane < ATH_PANEL_LANES; lane++) {
        valid[lane] = lane < panel->lanes && ath__norm_view_channel(view, group, lane) < view->channels;
        if (view->image_block > 0)
            valid[lane] &= segment * view->image_block + lane % view->image_block < view->images;
    }
    return offset + segment * view->segment_stride + element;
}
