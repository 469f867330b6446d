/* Figures of curves: panels in rows, each with axes, series and a legend, drawn to PNG or SVG.
 *
 * The legend stands above the axes, never on the lines. A value that is infinite or not a number breaks its line, and a
 * cross at the top of the panel says where. Text is UTF-8; bytes that are not are replaced. All pointers are borrowed.
 */
#ifndef ATH_REPORT_PLOT_H
#define ATH_REPORT_PLOT_H

#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

typedef enum ath__plot_scale {
    ATH_PLOT_AUTO, /* logarithmic where positive values span more than a factor of 30 */
    ATH_PLOT_LINEAR,
    ATH_PLOT_LOG,   /* values that are not positive are left out */
    ATH_PLOT_WHOLE, /* linear, ticks at whole numbers: epochs */
} ath__plot_scale;

struct ath__plot_series {
    const char   *name; /* in the legend; NULL = not in it */
    const double *x, *y;
    int64_t       count;
    uint32_t      color; /* 0xRRGGBB */
    bool          dashed;
};

/* A ring around one point. */
struct ath__plot_mark {
    const char *name; /* in the legend; NULL = no ring */
    double      x, y;
    uint32_t    color;
};

struct ath__plot_panel {
    const char                    *title, *x_label;
    const struct ath__plot_series *series;
    int                            series_count;
    struct ath__plot_mark          mark;
    ath__plot_scale                x_scale, y_scale;
    double                         y_floor, y_ceiling; /* limits that the axis never passes; NAN = none */
    bool                           legend;
    int                            row;
    double                         left, right; /* share of the figure's width: 0, 0.5 = its left half */
};

enum { ATH_PLOT_MAX_ROWS = 4 };

struct ath__plot {
    const char                    *title, *subtitle; /* may be NULL */
    const struct ath__plot_panel  *panels;
    int                            panel_count;
    double                         row_heights[ATH_PLOT_MAX_ROWS]; /* pixels; 0 ends the rows */
    double                         width;                          /* pixels */
    const struct ath__plot_series *legend; /* names shown under the title for all panels; may be NULL */
    int                            legend_count;
};

/* The figure as the bytes of a PNG, `scale` device pixels per pixel, or as the text of an SVG. */
ath_status ath__plot_png(const struct ath__plot *plot, double scale, struct ath__str *bytes, ath_error *err);
ath_status ath__plot_svg(const struct ath__plot *plot, struct ath__str *text, ath_error *err);

/* Colours that people with any colour vision tell apart (Okabe and Ito 2008), by number. */
uint32_t ath__plot_color(int i);

#endif
