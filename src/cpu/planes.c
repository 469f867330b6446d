/* Planes of the usual layouts (see planes.h). */
#include "cpu/planes.h"

bool ath__planes_make(struct ath__planes *planes, const struct ath__desc *desc) {
    if (desc->shape.rank != 4) return false;
    const int64_t     *dims = desc->shape.dims;
    struct ath__layout last = ath__layout_channels_last(4);
    int                channels = ath__layout_single_block(&desc->layout, 4, 1);
    int                images = ath__layout_single_block(&desc->layout, 4, 0);
    *planes = (struct ath__planes){dims[0] * dims[1], dims[2], dims[3], 1};
    if (ath__layout_is_plain(&desc->layout, 4)) return true;
    if (ath__layout_equal(&desc->layout, &last, 4)) {
        planes->planes = dims[0];
        planes->inner = dims[1];
    } else if (channels > 0) {
        planes->planes = dims[0] * ((dims[1] + channels - 1) / channels);
        planes->inner = channels;
    } else if (images > 0) {
        planes->planes = (dims[0] + images - 1) / images * dims[1];
        planes->inner = images;
    } else {
        return false;
    }
    return true;
}
