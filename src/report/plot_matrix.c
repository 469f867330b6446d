/* A confusion matrix as a figure.
 *
 *                 predicted class
 *                 a   b   c            names stand upright where they do not fit side by side
 *     true    a  [#] [ ] [ ]
 *     class   b  [.] [#] [ ]           blue on the diagonal, red beside it; the darker, the larger the share of the row
 *             c  [ ] [ ] [#]
 */
#include "report/confusion.h"

#include "base/error.h"
#include "report/plot_canvas.h"

#include <math.h>
#include <stdio.h>

enum { MARGIN = 24, TOP = 56, CAPTION = 22, MOST_NUMBERS = 25, MOST_NAMES = 200, RIGHT = 0x2563eb, WRONG = 0xdc2626 };
static const double widest_name = 150.0, png_scale = 1.5;

struct matrix {
    const ath_eval_result *scores;
    const char            *title;
    double                 cell, font;    /* side of a cell; size of names, 0 = none */
    double                 beside, above; /* room for names */
    bool                   upright;       /* names of columns */
};

static struct ath__text_style name_style(const struct matrix *m) {
    return (struct ath__text_style){.size = m->font, .color = ATH_INK_SOFT, .align_y = 0.5, .widest = widest_name};
}

static double longest_name(const struct ath__canvas *canvas, const void *context) {
    const struct matrix         *m = context;
    const struct ath__text_style style = {.size = m->font};
    double                       longest = 0.0;
    for (int c = 0; c < m->scores->classes; c++)
        longest = fmax(longest, ath__canvas_text_width(canvas, m->scores->per_class[c].title, &style));
    return fmin(longest, widest_name);
}

static void draw_names(const struct ath__canvas *canvas, const struct matrix *m, double left, double top) {
    struct ath__text_style style = name_style(m);
    for (int c = 0; c < m->scores->classes && m->font > 0.0; c++) {
        const char *name = m->scores->per_class[c].title;
        double      middle = (c + 0.5) * m->cell;
        style.align_x = 1.0;
        ath__canvas_text(canvas, name, left - 7.0, top + middle, &style);
        style.align_x = m->upright ? 0.0 : 0.5;
        if (m->upright)
            ath__canvas_text_up(canvas, name, left + middle, top - 7.0, &style);
        else
            ath__canvas_text(canvas, name, left + middle, top - 12.0, &style);
    }
}

static void draw_number(const struct ath__canvas *canvas, const struct matrix *m, int64_t count, double x, double y,
                        bool on_dark) {
    const struct ath__text_style style = {.size = fmin(13.0, m->cell * 0.34),
                                          .color = count == 0 ? ATH_GRID
                                                   : on_dark  ? 0xffffff
                                                              : ATH_INK,
                                          .align_x = 0.5,
                                          .align_y = 0.5};
    char                         text[32];
    snprintf(text, sizeof text, "%lld", (long long)count);
    ath__canvas_text(canvas, text, x, y, &style);
}

static void draw_cells(const struct ath__canvas *canvas, const struct matrix *m, double left, double top) {
    int    classes = m->scores->classes;
    double gap = m->cell > 8.0 ? 1.0 : 0.0;
    for (int r = 0; r < classes; r++) {
        for (int c = 0; c < classes; c++) {
            int64_t count = m->scores->confusion[(size_t)r * (size_t)classes + (size_t)c];
            double  shade = ath__confusion_shade(count, m->scores->per_class[r].images, r == c);
            double  x = left + c * m->cell, y = top + r * m->cell;
            double  alpha = 0.08 + 0.87 * shade;
            if (count > 0) {
                ath__canvas_color(canvas, r == c ? RIGHT : WRONG, alpha);
                cairo_rectangle(canvas->cr, x + gap / 2.0, y + gap / 2.0, m->cell - gap, m->cell - gap);
                cairo_fill(canvas->cr);
            }
            if (classes <= MOST_NUMBERS)
                draw_number(canvas, m, count, x + m->cell / 2.0, y + m->cell / 2.0,
                            count > 0 && alpha > (r == c ? 0.5 : 0.65));
        }
    }
}

static void draw_matrix(const struct ath__canvas *canvas, const void *context) {
    const struct matrix         *m = context;
    double                       side = m->cell * m->scores->classes;
    double                       left = MARGIN + CAPTION + m->beside, top = TOP + CAPTION + m->above;
    double                       wide = left + side - MARGIN;
    const struct ath__text_style title = {.size = 17, .bold = true, .color = ATH_INK, .align_y = 0.5, .widest = wide};
    const struct ath__text_style below = {.size = 12, .color = ATH_INK_SOFT, .align_y = 0.5, .widest = wide};
    const struct ath__text_style caption = {.size = 12, .color = ATH_INK_SOFT, .align_x = 0.5, .align_y = 0.5};
    ath__canvas_text(canvas, m->title, MARGIN, 26.0, &title);
    ath__canvas_text(canvas, "shade: share of the row; blue right, red wrong", MARGIN, 48.0, &below);
    ath__canvas_text(canvas, "predicted class", left + side / 2.0, TOP + CAPTION / 2.0 + 4.0, &caption);
    ath__canvas_text_up(canvas, "true class", MARGIN + CAPTION / 2.0 - 4.0, top + side / 2.0, &caption);
    draw_names(canvas, m, left, top);
    draw_cells(canvas, m, left, top);
    ath__canvas_color(canvas, ATH_GRID, 1.0);
    cairo_set_line_width(canvas->cr, 1.0);
    cairo_rectangle(canvas->cr, left - 0.5, top - 0.5, side + 1.0, side + 1.0);
    cairo_stroke(canvas->cr);
}

ath_status ath__confusion_png(const char *title, const ath_eval_result *scores, struct ath__str *bytes,
                              ath_error *err) {
    int           classes = scores->classes;
    double        longest;
    struct matrix m = {.scores = scores, .title = title};
    m.cell = classes <= MOST_NUMBERS ? fmin(60.0, fmax(34.0, 640.0 / classes)) : fmin(24.0, 1100.0 / classes);
    m.font = classes <= MOST_NAMES ? fmin(12.5, m.cell * 0.86) : 0.0;
    ATH_TRY(ath__canvas_measure(longest_name, &m, &longest, err));
    m.upright = longest > m.cell - 4.0;
    m.beside = m.font > 0.0 ? longest + 10.0 : 0.0;
    m.above = m.font > 0.0 ? (m.upright ? longest + 10.0 : 22.0) : 4.0;
    double side = m.cell * classes, width = fmax(MARGIN + CAPTION + m.beside + side + MARGIN, 420.0);
    return ath__canvas_png(width, TOP + CAPTION + m.above + side + MARGIN, png_scale, draw_matrix, &m, bytes, err);
}
