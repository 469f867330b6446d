/* Text, lines and legends on a cairo context. */
#include "report/plot_canvas.h"

#include "base/json.h"

#include <string.h>

void ath__canvas_color(const struct ath__canvas *canvas, uint32_t color, double alpha) {
    cairo_set_source_rgba(canvas->cr, (double)(color >> 16 & 255) / 255.0, (double)(color >> 8 & 255) / 255.0,
                          (double)(color & 255) / 255.0, alpha);
}

/* Puts the text into the layout; its size in pixels. */
static void lay_out(const struct ath__canvas *canvas, const char *text, const struct ath__text_style *style, int *width,
                    int *height) {
    static const char     replacement[] = "\xEF\xBF\xBD";
    struct ath__str       valid = {0};
    PangoFontDescription *font = pango_font_description_new();
    while (*text) {
        uint32_t code;
        int      length = ath__utf8_next(text, &code);
        if (length > 0 && code >= 0x20)
            ath__str_append_bytes(&valid, text, (size_t)length);
        else
            ath__str_append(&valid, length > 0 ? " " : replacement);
        text += length > 0 ? length : 1;
    }
    pango_font_description_set_family_static(font, "Inter, Noto Sans, Open Sans, DejaVu Sans, sans-serif");
    pango_font_description_set_weight(font, style->bold ? PANGO_WEIGHT_BOLD : PANGO_WEIGHT_NORMAL);
    pango_font_description_set_absolute_size(font, style->size * PANGO_SCALE);
    pango_layout_set_font_description(canvas->layout, font);
    pango_layout_set_single_paragraph_mode(canvas->layout, TRUE);
    pango_layout_set_ellipsize(canvas->layout, style->widest > 0.0 ? PANGO_ELLIPSIZE_END : PANGO_ELLIPSIZE_NONE);
    pango_layout_set_width(canvas->layout, style->widest > 0.0 ? (int)(style->widest * PANGO_SCALE) : -1);
    pango_layout_set_text(canvas->layout, ath__str_text(&valid), -1);
    pango_layout_get_pixel_size(canvas->layout, width, height);
    pango_font_description_free(font);
    ath__str_free(&valid);
}

double ath__canvas_text(const struct ath__canvas *canvas, const char *text, double x, double y,
                        const struct ath__text_style *style) {
    int width, height;
    lay_out(canvas, text, style, &width, &height);
    ath__canvas_color(canvas, style->color, 1.0);
    cairo_move_to(canvas->cr, x - style->align_x * width, y - style->align_y * height);
    pango_cairo_show_layout(canvas->cr, canvas->layout);
    return width;
}

void ath__canvas_text_up(const struct ath__canvas *canvas, const char *text, double x, double y,
                         const struct ath__text_style *style) {
    cairo_save(canvas->cr);
    cairo_translate(canvas->cr, x, y);
    cairo_rotate(canvas->cr, -1.5707963267948966);
    ath__canvas_text(canvas, text, 0.0, 0.0, style);
    cairo_restore(canvas->cr);
}

double ath__canvas_text_width(const struct ath__canvas *canvas, const char *text, const struct ath__text_style *style) {
    int width, height;
    lay_out(canvas, text, style, &width, &height);
    return width;
}

void ath__canvas_line(const struct ath__canvas *canvas, double x0, double y0, double x1, double y1, double width) {
    cairo_set_line_width(canvas->cr, width);
    cairo_move_to(canvas->cr, x0, y0);
    cairo_line_to(canvas->cr, x1, y1);
    cairo_stroke(canvas->cr);
}

enum { SAMPLE = 20, GAP = 6, BETWEEN = 18, LEGEND_LINE = 18 };

static void draw_sample(const struct ath__canvas *canvas, const struct ath__legend_item *item, double x, double y) {
    static const double dashes[] = {4.0, 3.0};
    cairo_t            *cr = canvas->cr;
    ath__canvas_color(canvas, item->color, 1.0);
    cairo_set_line_width(cr, 2.0);
    switch (item->sample) {
    case ATH_SAMPLE_LINE:
    case ATH_SAMPLE_DASHES:
        if (item->sample == ATH_SAMPLE_DASHES) cairo_set_dash(cr, dashes, 2, 0.0);
        ath__canvas_line(canvas, x, y, x + SAMPLE, y, 2.4);
        cairo_set_dash(cr, NULL, 0, 0.0);
        break;
    case ATH_SAMPLE_RING:
        cairo_new_sub_path(cr);
        cairo_arc(cr, x + SAMPLE / 2.0, y, 4.5, 0.0, 6.2831853);
        cairo_stroke(cr);
        break;
    case ATH_SAMPLE_CROSS:
        ath__canvas_line(canvas, x + SAMPLE / 2.0 - 4, y - 4, x + SAMPLE / 2.0 + 4, y + 4, 2.0);
        ath__canvas_line(canvas, x + SAMPLE / 2.0 - 4, y + 4, x + SAMPLE / 2.0 + 4, y - 4, 2.0);
        break;
    }
}

double ath__canvas_legend(const struct ath__canvas *canvas, const struct ath__legend_item *items, int count, double x,
                          double y, double width, double indent, bool draw) {
    const struct ath__text_style style = {
        .size = 12, .color = ATH_INK_SOFT, .align_y = 0.5, .widest = width - SAMPLE - GAP};
    double at = indent, line = 0.0;
    for (int i = 0; i < count; i++) {
        double wide = SAMPLE + GAP + ath__canvas_text_width(canvas, items[i].name, &style);
        if (at > 0.0 && at + wide > width) {
            at = 0.0;
            line += LEGEND_LINE;
        }
        if (draw) {
            draw_sample(canvas, &items[i], x + at, y + line + LEGEND_LINE / 2.0);
            ath__canvas_text(canvas, items[i].name, x + at + SAMPLE + GAP, y + line + LEGEND_LINE / 2.0, &style);
        }
        at += wide + BETWEEN;
    }
    return count > 0 ? line + LEGEND_LINE : 0.0;
}
