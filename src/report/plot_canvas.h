/* What panels are drawn on: a cairo context with one text layout, and the look that all figures share. */
#ifndef ATH_REPORT_PLOT_CANVAS_H
#define ATH_REPORT_PLOT_CANVAS_H

#include "report/plot.h"
#include "report/plot_library.h"

enum {
    ATH_INK = 0x111827,
    ATH_INK_SOFT = 0x4b5563,
    ATH_INK_FAINT = 0x9ca3af,
    ATH_GRID = 0xe5e7eb,
    ATH_ALARM = 0xdc2626,
};

struct ath__canvas {
    cairo_t     *cr;
    PangoLayout *layout;
};

/* Where text stands relative to its point: 0 = begins there, 0.5 = is centred, 1 = ends there; vertically likewise. */
struct ath__text_style {
    double   size; /* pixels */
    bool     bold;
    uint32_t color;
    double   align_x, align_y;
    double   widest; /* 0 = as wide as it is; else cut with an ellipsis */
};

struct ath__box {
    double x, y, width, height;
};

/* A canvas on a surface, to be closed before the surface is read; and what a failure of cairo means. */
void       ath__canvas_open(struct ath__canvas *canvas, cairo_surface_t *surface);
void       ath__canvas_close(struct ath__canvas *canvas);
ath_status ath__canvas_status(cairo_status_t code, ath_error *err);

void   ath__canvas_color(const struct ath__canvas *canvas, uint32_t color, double alpha);
double ath__canvas_text(const struct ath__canvas *canvas, const char *text, double x, double y,
                        const struct ath__text_style *style);
double ath__canvas_text_width(const struct ath__canvas *canvas, const char *text, const struct ath__text_style *style);
/* A line from (x0,y0) to (x1,y1). */
void ath__canvas_line(const struct ath__canvas *canvas, double x0, double y0, double x1, double y1, double width);

/* The same reading upwards, turned about its point. */
void ath__canvas_text_up(const struct ath__canvas *canvas, const char *text, double x, double y,
                         const struct ath__text_style *style);

/* A drawing of `width` x `height` pixels on white as the bytes of a PNG, `scale` device pixels per pixel. */
typedef void ath__draw_fn(const struct ath__canvas *canvas, const void *context);
ath_status   ath__canvas_png(double width, double height, double scale, ath__draw_fn *draw, const void *context,
                             struct ath__str *bytes, ath_error *err);
/* What `measure` returns for a canvas that nothing is drawn on: sizes that depend on text. */
typedef double ath__measure_fn(const struct ath__canvas *canvas, const void *context);
ath_status     ath__canvas_measure(ath__measure_fn *measure, const void *context, double *result, ath_error *err);

/* One name of a legend with its sample. */
struct ath__legend_item {
    const char *name;
    uint32_t    color;
    enum { ATH_SAMPLE_LINE, ATH_SAMPLE_DASHES, ATH_SAMPLE_RING, ATH_SAMPLE_CROSS } sample;
};
/* Draws items in lines of at most `width`, the first line beginning `indent` further right; returns the height. With
 * draw false only the height is computed. */
double ath__canvas_legend(const struct ath__canvas *canvas, const struct ath__legend_item *items, int count, double x,
                          double y, double width, double indent, bool draw);

/* The height that a panel needs above its axes, and the panel itself; `head` is the largest of its row. */
double ath__panel_head(const struct ath__canvas *canvas, const struct ath__plot_panel *panel, double width);
void ath__panel_draw(const struct ath__canvas *canvas, const struct ath__plot_panel *panel, const struct ath__box *box,
                     double head);

#endif
