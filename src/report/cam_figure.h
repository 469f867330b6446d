/* Photos beside where a network saw their class. */
#ifndef ATH_REPORT_CAM_FIGURE_H
#define ATH_REPORT_CAM_FIGURE_H

#include "base/str.h"

#include <stdint.h>

enum { ATH_CAM_FIGURE_MOST = 180 }; /* tiles */

struct ath__cam_tile {
    const char          *name, *caption; /* below: in bold, then a line of its own; UTF-8 */
    const unsigned char *rgb;            /* (height, width, 3) */
    const float         *map;            /* (map_height, map_width), not below 0; borrowed */
};

struct ath__cam_figure {
    const char                 *title, *subtitle;
    const struct ath__cam_tile *tiles;
    int                         count;         /* at most ATH_CAM_FIGURE_MOST */
    int                         height, width; /* of every photo */
    int64_t                     map_height, map_width;
};

/* Each photo twice: as it is, and in grey under its map, whose largest value is the brightest colour. Appends the PNG. */
ath_status ath__cam_figure_png(const struct ath__cam_figure *figure, struct ath__str *bytes, ath_error *err);

#endif
