/* Figures: where title, legend and panels stand, and the surfaces that they are drawn to.
 *
 * Everything is laid out in pixels of the figure; a PNG is drawn with a scale, an SVG has none. The height follows from
 * the title, the legend and the rows.
 */
#include "report/plot.h"

#include "base/error.h"
#include "report/plot_canvas.h"
#include "report/png_write.h"

#include <math.h>

enum { MARGIN = 24, TITLE_HEIGHT = 26, SUBTITLE_HEIGHT = 20, UNDER_TITLE = 10, BETWEEN_ROWS = 12, BETWEEN_PANELS = 28 };

uint32_t ath__plot_color(int i) {
    static const uint32_t colors[] = {0x0072b2, 0xe69f00, 0x009e73, 0xcc79a7, 0xd55e00, 0x56b4e9, 0x6b7280, 0x8a6d00};
    enum { COLORS = sizeof colors / sizeof colors[0] };
    return colors[(i % COLORS + COLORS) % COLORS];
}

static double draw_legend(const struct ath__canvas *canvas, const struct ath__plot *plot, double y, bool draw) {
    enum { MOST = 40 };
    struct ath__legend_item items[MOST];
    int                     count = 0;
    for (int i = 0; i < plot->legend_count && count < MOST; i++) {
        const struct ath__plot_series *s = &plot->legend[i];
        items[count++] = (struct ath__legend_item){s->name, s->color, s->dashed ? ATH_SAMPLE_DASHES : ATH_SAMPLE_LINE};
    }
    double height = ath__canvas_legend(canvas, items, count, MARGIN, y, plot->width - 2 * MARGIN, 0.0, draw);
    return height > 0.0 ? height + UNDER_TITLE : 0.0;
}

/* Title, subtitle and legend from the top; returns where the rows begin. */
static double draw_top(const struct ath__canvas *canvas, const struct ath__plot *plot, bool draw) {
    const struct ath__text_style title = {
        .size = 18, .bold = true, .color = ATH_INK, .align_y = 0.5, .widest = plot->width - 2 * MARGIN};
    const struct ath__text_style subtitle = {
        .size = 12.5, .color = ATH_INK_SOFT, .align_y = 0.5, .widest = plot->width - 2 * MARGIN};
    double y = MARGIN - 4;
    if (plot->title) {
        if (draw) ath__canvas_text(canvas, plot->title, MARGIN, y + TITLE_HEIGHT / 2.0, &title);
        y += TITLE_HEIGHT;
    }
    if (plot->subtitle) {
        if (draw) ath__canvas_text(canvas, plot->subtitle, MARGIN, y + SUBTITLE_HEIGHT / 2.0, &subtitle);
        y += SUBTITLE_HEIGHT;
    }
    y += UNDER_TITLE;
    return y + draw_legend(canvas, plot, y, draw);
}

static double figure_height(const struct ath__canvas *canvas, const void *context) {
    const struct ath__plot *plot = context;
    double                  y = draw_top(canvas, plot, false);
    for (int r = 0; r < ATH_PLOT_MAX_ROWS && plot->row_heights[r] > 0.0; r++)
        y += plot->row_heights[r] + (r > 0 ? BETWEEN_ROWS : 0);
    return ceil(y + MARGIN / 2.0);
}

static struct ath__box panel_box(const struct ath__plot *plot, const struct ath__plot_panel *panel, double y) {
    double inner = plot->width - 2 * MARGIN;
    double left = MARGIN + panel->left * inner + (panel->left > 0.0 ? BETWEEN_PANELS / 2.0 : 0.0);
    double right = MARGIN + panel->right * inner - (panel->right < 1.0 ? BETWEEN_PANELS / 2.0 : 0.0);
    return (struct ath__box){left, y, right - left, plot->row_heights[panel->row]};
}

static void draw_figure(const struct ath__canvas *canvas, const void *context) {
    const struct ath__plot *plot = context;
    cairo_set_source_rgb(canvas->cr, 1.0, 1.0, 1.0); /* also behind an SVG */
    cairo_paint(canvas->cr);
    double y = draw_top(canvas, plot, true);
    for (int r = 0; r < ATH_PLOT_MAX_ROWS && plot->row_heights[r] > 0.0; r++) {
        double head = 0.0;
        /* Panels side by side share the height of their heads, so that their axes stand on one line. */
        for (int pass = 0; pass < 2; pass++) {
            for (int i = 0; i < plot->panel_count; i++) {
                const struct ath__plot_panel *panel = &plot->panels[i];
                if (panel->row != r) continue;
                struct ath__box box = panel_box(plot, panel, y);
                if (pass == 0)
                    head = fmax(head, ath__panel_head(canvas, panel, box.width - 50.0));
                else
                    ath__panel_draw(canvas, panel, &box, head);
            }
        }
        y += plot->row_heights[r] + BETWEEN_ROWS;
    }
}

void ath__canvas_open(struct ath__canvas *canvas, cairo_surface_t *surface) {
    canvas->cr = cairo_create(surface);
    canvas->layout = pango_cairo_create_layout(canvas->cr);
    /* Unhinted metrics make PNG and SVG, at any scale, come out alike. */
    cairo_font_options_t *options = cairo_font_options_create();
    cairo_font_options_set_antialias(options, CAIRO_ANTIALIAS_GRAY);
    cairo_font_options_set_hint_style(options, CAIRO_HINT_STYLE_NONE);
    cairo_font_options_set_hint_metrics(options, CAIRO_HINT_METRICS_OFF);
    pango_cairo_context_set_font_options(pango_layout_get_context(canvas->layout), options);
    cairo_font_options_destroy(options);
    pango_layout_context_changed(canvas->layout);
}

void ath__canvas_close(struct ath__canvas *canvas) {
    g_object_unref(canvas->layout);
    cairo_destroy(canvas->cr);
}

/* Sizes are known once fonts are; a recording surface measures without drawing anywhere. */
ath_status ath__canvas_measure(ath__measure_fn *measure, const void *context, double *result, ath_error *err) {
    ATH_TRY(ath__plot_library_load(err));
    cairo_surface_t   *surface = cairo_recording_surface_create(CAIRO_CONTENT_COLOR_ALPHA, NULL);
    struct ath__canvas canvas;
    ath__canvas_open(&canvas, surface);
    *result = measure(&canvas, context);
    ath__canvas_close(&canvas);
    cairo_surface_destroy(surface);
    return ATH_OK;
}

static cairo_status_t append(void *str, const unsigned char *bytes, unsigned size) {
    ath__str_append_bytes(str, (const char *)bytes, size);
    return ((struct ath__str *)str)->failed ? CAIRO_STATUS_NO_MEMORY : CAIRO_STATUS_SUCCESS;
}

ath_status ath__canvas_status(cairo_status_t code, ath_error *err) {
    if (code == CAIRO_STATUS_SUCCESS) return ATH_OK;
    if (code == CAIRO_STATUS_NO_MEMORY) return ath__fail_memory(err, "figure");
    return ath__fail(err, ATH_FAILED, "figure", "cannot draw the figure: %s", cairo_status_to_string(code));
}

ath_status ath__canvas_png(double width, double height, double scale, ath__draw_fn *draw, const void *context,
                           struct ath__str *bytes, ath_error *err) {
    ATH_TRY(ath__plot_library_load(err));
    cairo_surface_t *surface =
        cairo_image_surface_create(CAIRO_FORMAT_RGB24, (int)ceil(width * scale), (int)ceil(height * scale));
    struct ath__canvas canvas;
    cairo_surface_set_device_scale(surface, scale, scale);
    ath__canvas_open(&canvas, surface);
    cairo_set_source_rgb(canvas.cr, 1.0, 1.0, 1.0);
    cairo_paint(canvas.cr);
    draw(&canvas, context);
    cairo_status_t code = cairo_status(canvas.cr);
    ath__canvas_close(&canvas);
    ath_status status = ath__canvas_status(code, err);
    if (status == ATH_OK) status = ath__png_append(surface, bytes, err);
    cairo_surface_destroy(surface);
    return status;
}

ath_status ath__plot_png(const struct ath__plot *plot, double scale, struct ath__str *bytes, ath_error *err) {
    double height;
    ATH_TRY(ath__canvas_measure(figure_height, plot, &height, err));
    return ath__canvas_png(plot->width, height, scale, draw_figure, plot, bytes, err);
}

ath_status ath__plot_svg(const struct ath__plot *plot, struct ath__str *text, ath_error *err) {
    double height;
    ATH_TRY(ath__canvas_measure(figure_height, plot, &height, err));
    cairo_surface_t   *surface = cairo_svg_surface_create_for_stream(append, text, plot->width, height);
    struct ath__canvas canvas;
    cairo_svg_surface_set_document_unit(surface, CAIRO_SVG_UNIT_PX);
    ath__canvas_open(&canvas, surface);
    draw_figure(&canvas, plot);
    cairo_status_t code = cairo_status(canvas.cr);
    ath__canvas_close(&canvas);
    cairo_surface_finish(surface);
    if (code == CAIRO_STATUS_SUCCESS) code = cairo_surface_status(surface);
    cairo_surface_destroy(surface);
    if (code == CAIRO_STATUS_SUCCESS && text->failed) code = CAIRO_STATUS_NO_MEMORY;
    return ath__canvas_status(code, err);
}
