/* One chart: title and key above, horizontal grid lines, lines that break where a value is no finite number, and up to
 * MOST_DOTS points that tell their value when the pointer rests on them.
 */
#include "report/html_chart.h"

#include "report/plot_ticks.h"

#include <math.h>

enum { LEFT = 52, RIGHT = 10, TOP = 8, BOTTOM = 26, MOST_DOTS = 120 };

struct frame {
    const struct ath__html_chart *chart;
    struct ath__axis              x, y;
};

static double at_x(const struct frame *f, double x) {
    return LEFT + ath__axis_place(&f->x, x) * (f->chart->width - LEFT - RIGHT);
}

static double at_y(const struct frame *f, double y) {
    return TOP + (1.0 - ath__axis_place(&f->y, y)) * (f->chart->height - TOP - BOTTOM);
}

static bool usable(const struct frame *f, double y) {
    return isfinite(y) && !(f->y.log && y <= 0.0);
}

static void make_axes(struct frame *f) {
    const struct ath__html_chart *c = f->chart;
    double                        min = INFINITY, max = -INFINITY;
    int                           rows = (int)(c->height / 46.0) + 1;
    for (int s = 0; s < c->series_count; s++) {
        for (int64_t i = 0; i < c->count; i++) {
            if (!isfinite(c->series[s].y[i])) continue;
            min = fmin(min, c->series[s].y[i]);
            max = fmax(max, c->series[s].y[i]);
        }
    }
    if (min > max) min = 0.0, max = 1.0;
    if (c->may_be_log && ath__axis_suits_log(min, max))
        ath__axis_log(&f->y, min, max, rows);
    else
        ath__axis_linear(&f->y, min, max, rows, false, c->floor, c->ceiling);
    ath__axis_linear(&f->x, c->count > 0 ? c->x[0] : 0.0, c->count > 0 ? c->x[c->count - 1] : 1.0,
                     (int)(c->width / 70.0), true, NAN, NAN);
}

static void append_axes(struct ath__str *out, const struct frame *f) {
    double right = f->chart->width - RIGHT, bottom = f->chart->height - BOTTOM;
    char   text[32];
    for (int i = 0; i < f->y.tick_count; i++) {
        double y = at_y(f, f->y.ticks[i]);
        ath__axis_label(&f->y, i, text, sizeof text);
        ath__str_printf(out, "<path class=grid d=\"M%d %.1fH%.1f\"/><text x=%d y=%.1f text-anchor=end>%s</text>",
                        (int)LEFT, y, right, LEFT - 8, y + 4.0, text);
    }
    ath__str_printf(out, "<path class=axis d=\"M%d %.1fH%.1f\"/>", (int)LEFT, bottom, right);
    for (int i = 0; i < f->x.tick_count; i++) {
        ath__axis_label(&f->x, i, text, sizeof text);
        ath__str_printf(out, "<text x=%.1f y=%.1f text-anchor=middle>%s</text>", at_x(f, f->x.ticks[i]), bottom + 17.0,
                        text);
    }
    ath__str_append(out, "\n");
}

static void append_series(struct ath__str *out, const struct frame *f, const struct ath__html_series *series) {
    const struct ath__html_chart *c = f->chart;
    bool                          drawing = false;
    ath__str_printf(out, "<path class=%c d=\"", series->color);
    for (int64_t i = 0; i < c->count; i++) {
        bool use = usable(f, series->y[i]);
        if (use) ath__str_printf(out, "%c%.1f %.1f", drawing ? 'L' : 'M', at_x(f, c->x[i]), at_y(f, series->y[i]));
        drawing = use;
    }
    ath__str_append(out, "\"/>\n");
    for (int64_t i = 0; i < c->count && c->count <= MOST_DOTS; i++) {
        if (!usable(f, series->y[i])) continue;
        ath__str_printf(out, "<circle class=d%c cx=%.1f cy=%.1f r=%s><title>", series->color, at_x(f, c->x[i]),
                        at_y(f, series->y[i]), c->count <= MOST_DOTS / 3 ? "3" : "2");
        ath__html_text(out, series->name);
        ath__str_printf(out, ", epoch %.0f: %.4g%s</title></circle>", c->x[i], series->y[i], c->unit);
    }
    ath__str_append(out, "\n");
}

static void append_key(struct ath__str *out, const struct ath__html_chart *chart) {
    static const struct {
        char class;
        const char *color;
    } colors[] = {{'t', "amber"}, {'v', "blue"}, {'r', "soft"}};
    if (chart->series_count < 2) return;
    ath__str_append(out, "<div class=key>");
    for (int s = 0; s < chart->series_count; s++) {
        const char *color = colors[0].color;
        for (size_t k = 0; k < sizeof colors / sizeof colors[0]; k++)
            if (colors[k].class == chart->series[s].color) color = colors[k].color;
        ath__str_printf(out, "<span><i style=\"background:var(--%s)\"></i>", color);
        ath__html_text(out, chart->series[s].name);
        ath__str_append(out, "</span>");
    }
    ath__str_append(out, "</div>\n");
}

void ath__html_chart(struct ath__str *out, const struct ath__html_chart *chart) {
    struct frame f = {.chart = chart};
    make_axes(&f);
    ath__str_append(out, "<div class=\"card pad\"><h3>");
    ath__html_text(out, chart->title);
    if (f.y.log) ath__str_append(out, " <span class=d>logarithmic</span>");
    ath__str_append(out, "</h3>\n");
    append_key(out, chart);
    ath__str_printf(out, "<svg viewBox=\"0 0 %.0f %.0f\" role=img><title>", chart->width, chart->height);
    ath__html_text(out, chart->title);
    ath__str_append(out, "</title>\n");
    append_axes(out, &f);
    for (int s = 0; s < chart->series_count; s++) append_series(out, &f, &chart->series[s]);
    if (chart->mark >= 0 && chart->series_count > 0 &&
        usable(&f, chart->series[chart->series_count - 1].y[chart->mark]))
        ath__str_printf(out, "<circle class=ring cx=%.1f cy=%.1f r=7 />", at_x(&f, chart->x[chart->mark]),
                        at_y(&f, chart->series[chart->series_count - 1].y[chart->mark]));
    ath__str_append(out, "</svg></div>\n");
}
