/* One panel: title, legend, axes, lines.
 *
 *     title   - series  - series  o mark
 *     1.0 |--------------------------------   <- head ends here
 *         |                                      plot area
 *     0.0 |________________________________
 *           10        20        30            <- tick labels
 *                    epoch                    <- x_label
 */
#include "report/plot_canvas.h"
#include "report/plot_ticks.h"

#include <math.h>
#include <stdio.h>

enum { TITLE_LINE = 20, HEAD_GAP = 8, TICKS_BELOW = 20, LABEL_BELOW = 18, MAX_LEGEND = 40, MARKED_POINTS = 40 };

static const struct ath__text_style title_style = {.size = 13.5, .bold = true, .color = ATH_INK, .align_y = 0.5};

struct frame {
    const struct ath__canvas     *canvas;
    const struct ath__plot_panel *panel;
    struct ath__box               area; /* inside the axes */
    struct ath__axis              x, y;
    bool                          empty; /* nothing to draw */
};

static bool usable(const struct frame *frame, double x, double y) {
    return isfinite(x) && isfinite(y) && !(frame->y.log && y <= 0.0) && !(frame->x.log && x <= 0.0);
}

static bool has_gaps(const struct ath__plot_panel *panel) {
    for (int s = 0; s < panel->series_count; s++)
        for (int64_t i = 0; i < panel->series[s].count; i++)
            if (!isfinite(panel->series[s].y[i])) return true;
    return false;
}

static int list_legend(const struct ath__plot_panel *panel, struct ath__legend_item items[MAX_LEGEND]) {
    int count = 0;
    for (int s = 0; s < panel->series_count && panel->legend && count < MAX_LEGEND - 2; s++) {
        const struct ath__plot_series *series = &panel->series[s];
        if (!series->name) continue;
        items[count++] = (struct ath__legend_item){series->name, series->color,
                                                   series->dashed ? ATH_SAMPLE_DASHES : ATH_SAMPLE_LINE};
    }
    if (panel->mark.name)
        items[count++] = (struct ath__legend_item){panel->mark.name, panel->mark.color, ATH_SAMPLE_RING};
    if (has_gaps(panel)) items[count++] = (struct ath__legend_item){"not a finite number", ATH_ALARM, ATH_SAMPLE_CROSS};
    return count;
}

/* The range of the finite values of x or y; false if there are none. `positive`: only those above 0 count. */
static bool find_range(const struct ath__plot_panel *panel, bool of_y, bool positive, double *min, double *max) {
    *min = INFINITY;
    *max = -INFINITY;
    for (int s = 0; s < panel->series_count; s++) {
        const struct ath__plot_series *series = &panel->series[s];
        for (int64_t i = 0; i < series->count; i++) {
            double value = of_y ? series->y[i] : series->x[i];
            if (!isfinite(value) || (positive && value <= 0.0)) continue;
            *min = fmin(*min, value);
            *max = fmax(*max, value);
        }
    }
    return *min <= *max;
}

static bool wants_log(ath__plot_scale scale, double least, double min, double max) {
    return scale == ATH_PLOT_LOG || (scale == ATH_PLOT_AUTO && least > 0.0 && ath__axis_suits_log(min, max));
}

/* Is the vertical axis logarithmic? */
static bool panel_is_log(const struct ath__plot_panel *panel) {
    double min, max;
    return find_range(panel, true, false, &min, &max) && wants_log(panel->y_scale, min, min, max) &&
           find_range(panel, true, true, &min, &max);
}

static double head(const struct ath__canvas *canvas, const struct ath__plot_panel *panel, double x, double y,
                   double width, bool draw) {
    char title[160];
    snprintf(title, sizeof title, "%.120s%s", panel->title, panel_is_log(panel) ? " (logarithmic)" : "");
    struct ath__legend_item items[MAX_LEGEND];
    int                     count = list_legend(panel, items);
    double                  indent = ath__canvas_text_width(canvas, title, &title_style) + 20.0;
    if (draw) ath__canvas_text(canvas, title, x, y + TITLE_LINE / 2.0, &title_style);
    double legend = ath__canvas_legend(canvas, items, count, x, y + 1.0, width, indent, draw);
    return fmax(legend, TITLE_LINE) + HEAD_GAP;
}

double ath__panel_head(const struct ath__canvas *canvas, const struct ath__plot_panel *panel, double width) {
    return head(canvas, panel, 0.0, 0.0, width, false);
}

static bool make_axis(const struct ath__plot_panel *panel, bool of_y, double pixels, struct ath__axis *axis) {
    ath__plot_scale scale = of_y ? panel->y_scale : panel->x_scale;
    double          min, max;
    int             wanted = (int)(pixels / (of_y ? 42.0 : 75.0)) + 1;
    bool            found = find_range(panel, of_y, false, &min, &max);
    if (!found) min = 0.0, max = 1.0;
    if (wants_log(scale, min, min, max) && find_range(panel, of_y, true, &min, &max)) {
        ath__axis_log(axis, min, max, wanted);
    } else {
        ath__axis_linear(axis, min, max, wanted, scale == ATH_PLOT_WHOLE, of_y ? panel->y_floor : NAN,
                         of_y ? panel->y_ceiling : NAN);
    }
    return found;
}

static double at_x(const struct frame *f, double x) {
    return f->area.x + ath__axis_place(&f->x, x) * f->area.width;
}

static double at_y(const struct frame *f, double y) {
    return f->area.y + (1.0 - ath__axis_place(&f->y, y)) * f->area.height;
}

static void draw_axes(const struct frame *f) {
    const struct ath__canvas    *canvas = f->canvas;
    const struct ath__box       *a = &f->area;
    const struct ath__text_style below = {.size = 11, .color = ATH_INK_SOFT, .align_x = 0.5};
    const struct ath__text_style beside = {.size = 11, .color = ATH_INK_SOFT, .align_x = 1.0, .align_y = 0.5};
    char                         text[32];
    for (int i = 0; i < f->y.tick_count; i++) {
        double y = at_y(f, f->y.ticks[i]);
        ath__canvas_color(canvas, ATH_GRID, 1.0);
        ath__canvas_line(canvas, a->x, y, a->x + a->width, y, 1.0);
        ath__axis_label(&f->y, i, text, sizeof text);
        ath__canvas_text(canvas, text, a->x - 7.0, y, &beside);
    }
    double bottom = a->y + a->height;
    ath__canvas_color(canvas, ATH_INK_FAINT, 1.0);
    ath__canvas_line(canvas, a->x, bottom, a->x + a->width, bottom, 1.2);
    for (int i = 0; i < f->x.tick_count; i++) {
        double x = at_x(f, f->x.ticks[i]);
        ath__canvas_color(canvas, ATH_INK_FAINT, 1.0);
        ath__canvas_line(canvas, x, bottom, x, bottom + 4.0, 1.2);
        ath__axis_label(&f->x, i, text, sizeof text);
        ath__canvas_text(canvas, text, x, bottom + 5.0, &below);
    }
    if (f->panel->x_label)
        ath__canvas_text(canvas, f->panel->x_label, a->x + a->width / 2.0, bottom + TICKS_BELOW + 2.0, &below);
}

static void draw_dot(const struct frame *f, double x, double y, uint32_t color) {
    cairo_t *cr = f->canvas->cr;
    cairo_new_sub_path(cr);
    cairo_arc(cr, x, y, 3.0, 0.0, 6.2831853);
    ath__canvas_color(f->canvas, color, 1.0);
    cairo_fill(cr);
}

static void draw_cross(const struct frame *f, double x) {
    double y = f->area.y + 6.0;
    ath__canvas_color(f->canvas, ATH_ALARM, 1.0);
    ath__canvas_line(f->canvas, x - 4.0, y - 4.0, x + 4.0, y + 4.0, 2.0);
    ath__canvas_line(f->canvas, x - 4.0, y + 4.0, x + 4.0, y - 4.0, 2.0);
}

/* The line, broken where values are missing; dots where there are few points or one stands alone. */
static void draw_series(const struct frame *f, const struct ath__plot_series *s) {
    static const double dashes[] = {5.0, 4.0};
    cairo_t            *cr = f->canvas->cr;
    bool                drawing = false;
    for (int64_t i = 0; i < s->count; i++) {
        if (!usable(f, s->x[i], s->y[i])) {
            drawing = false;
            continue;
        }
        if (drawing)
            cairo_line_to(cr, at_x(f, s->x[i]), at_y(f, s->y[i]));
        else
            cairo_move_to(cr, at_x(f, s->x[i]), at_y(f, s->y[i]));
        drawing = true;
    }
    ath__canvas_color(f->canvas, s->color, s->dashed ? 0.75 : 1.0);
    cairo_set_line_width(cr, s->dashed ? 1.5 : 2.0);
    cairo_set_line_join(cr, CAIRO_LINE_JOIN_ROUND);
    if (s->dashed) cairo_set_dash(cr, dashes, 2, 0.0);
    cairo_stroke(cr);
    cairo_set_dash(cr, NULL, 0, 0.0);
    for (int64_t i = 0; i < s->count; i++) {
        if (!usable(f, s->x[i], s->y[i])) continue;
        bool before = i > 0 && usable(f, s->x[i - 1], s->y[i - 1]);
        bool after = i + 1 < s->count && usable(f, s->x[i + 1], s->y[i + 1]);
        if ((s->count <= MARKED_POINTS && !s->dashed) || (!before && !after))
            draw_dot(f, at_x(f, s->x[i]), at_y(f, s->y[i]), s->color);
    }
}

/* One cross for each stretch of values that are no numbers. */
static void draw_gaps(const struct frame *f, const struct ath__plot_series *s) {
    for (int64_t i = 0; i < s->count; i++)
        if (isfinite(s->x[i]) && !isfinite(s->y[i]) && (i == 0 || isfinite(s->y[i - 1])))
            draw_cross(f, at_x(f, s->x[i]));
}

static void draw_mark(const struct frame *f) {
    const struct ath__plot_mark *mark = &f->panel->mark;
    if (!mark->name || !usable(f, mark->x, mark->y)) return;
    cairo_new_sub_path(f->canvas->cr);
    cairo_arc(f->canvas->cr, at_x(f, mark->x), at_y(f, mark->y), 6.5, 0.0, 6.2831853);
    ath__canvas_color(f->canvas, mark->color, 1.0);
    cairo_set_line_width(f->canvas->cr, 2.0);
    cairo_stroke(f->canvas->cr);
}

void ath__panel_draw(const struct ath__canvas *canvas, const struct ath__plot_panel *panel, const struct ath__box *box,
                     double head_height) {
    const struct ath__text_style label = {.size = 11, .color = ATH_INK_SOFT};
    struct frame                 f = {.canvas = canvas, .panel = panel};
    double                       below = TICKS_BELOW + (panel->x_label ? LABEL_BELOW : 0), widest = 0.0;
    f.area = (struct ath__box){box->x, box->y + head_height, box->width, box->height - head_height - below};
    if (f.area.height < 20.0) f.area.height = 20.0;
    f.empty = !make_axis(panel, true, f.area.height, &f.y);
    for (int i = 0; i < f.y.tick_count; i++) {
        char text[32];
        ath__axis_label(&f.y, i, text, sizeof text);
        widest = fmax(widest, ath__canvas_text_width(canvas, text, &label));
    }
    double beside = fmax(widest, 24.0) + 10.0;
    f.area.x += beside;
    f.area.width -= beside;
    make_axis(panel, false, f.area.width, &f.x);
    head(canvas, panel, f.area.x, box->y, f.area.width, true);
    draw_axes(&f);
    cairo_save(canvas->cr);
    cairo_rectangle(canvas->cr, f.area.x - 8.0, f.area.y - 8.0, f.area.width + 16.0, f.area.height + 16.0);
    cairo_clip(canvas->cr);
    for (int s = 0; s < panel->series_count; s++) draw_series(&f, &panel->series[s]);
    for (int s = 0; s < panel->series_count; s++) draw_gaps(&f, &panel->series[s]);
    draw_mark(&f);
    cairo_restore(canvas->cr);
    if (f.empty) {
        const struct ath__text_style middle = {.size = 12, .color = ATH_INK_FAINT, .align_x = 0.5, .align_y = 0.5};
        ath__canvas_text(canvas, "no finite values", f.area.x + f.area.width / 2.0, f.area.y + f.area.height / 2.0,
                         &middle);
    }
}
