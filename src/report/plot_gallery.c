/* Pictures in rows of six; below each the true class, and what it was taken for with which probability. */
#include "report/plot_gallery.h"

#include "base/error.h"
#include "report/plot_canvas.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum {
    COLUMNS = 6,
    MARGIN = 24,
    TOP = 64,
    BOX = 128,
    CELL = 148,
    ROW = 190,
    SMALL = 64,
    WELL = 0xf1f3f6,
    GREEN = 0x15803d
};
static const double png_scale = 1.5;

struct gallery {
    const char                  *title;
    const ath_eval_result       *scores;
    const struct ath__thumbnail *thumbnails;
};

static cairo_surface_t *to_surface(const struct ath__thumbnail *t) {
    cairo_surface_t *surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, t->width, t->height);
    unsigned char   *pixels = cairo_image_surface_get_data(surface);
    int              stride = cairo_image_surface_get_stride(surface);
    cairo_surface_flush(surface);
    for (int y = 0; pixels && y < t->height; y++) {
        for (int x = 0; x < t->width; x++) {
            const unsigned char *from = t->rgb + 3 * ((size_t)y * (size_t)t->width + (size_t)x);
            uint32_t             pixel = (uint32_t)from[0] << 16 | (uint32_t)from[1] << 8 | from[2];
            memcpy(pixels + (size_t)y * (size_t)stride + 4 * (size_t)x, &pixel, 4);
        }
    }
    cairo_surface_mark_dirty(surface);
    return surface;
}

/* Centred in its box; small images in whole multiples, pixel by pixel. */
static void draw_image(const struct ath__canvas *canvas, const struct ath__thumbnail *t, double x, double y) {
    int              longest = t->width > t->height ? t->width : t->height;
    bool             small = longest <= SMALL;
    double           scale = small ? floor((double)BOX / longest) : (double)BOX / longest;
    cairo_surface_t *surface = to_surface(t);
    ath__canvas_color(canvas, WELL, 1.0);
    cairo_rectangle(canvas->cr, x, y, BOX, BOX);
    cairo_fill(canvas->cr);
    cairo_save(canvas->cr);
    cairo_translate(canvas->cr, x + floor((BOX - scale * t->width) / 2.0), y + floor((BOX - scale * t->height) / 2.0));
    cairo_rectangle(canvas->cr, 0.0, 0.0, scale * t->width, scale * t->height);
    cairo_clip(canvas->cr);
    cairo_scale(canvas->cr, scale, scale);
    cairo_set_source_surface(canvas->cr, surface, 0.0, 0.0);
    cairo_pattern_set_filter(cairo_get_source(canvas->cr), small ? CAIRO_FILTER_NEAREST : CAIRO_FILTER_GOOD);
    cairo_paint(canvas->cr);
    cairo_restore(canvas->cr);
    cairo_surface_destroy(surface);
}

static void draw_gallery(const struct ath__canvas *canvas, const void *context) {
    const struct gallery        *g = context;
    const double                 wide = CELL * COLUMNS;
    const struct ath__text_style title = {.size = 17, .bold = true, .color = ATH_INK, .align_y = 0.5, .widest = wide};
    const struct ath__text_style below = {.size = 12, .color = ATH_INK_SOFT, .align_y = 0.5, .widest = wide};
    const struct ath__text_style name = {.size = 12.5, .bold = true, .color = ATH_INK, .widest = BOX - 40};
    const struct ath__text_style share = {.size = 12, .color = ATH_INK_SOFT, .align_x = 1.0};
    ath__canvas_text(canvas, g->title, MARGIN, 26.0, &title);
    ath__canvas_text(canvas, "bold: the true class; red: what it was taken for, with the probability", MARGIN, 47.0,
                     &below);
    for (int i = 0; i < g->scores->worst_count; i++) {
        const ath_mistake           *m = &g->scores->worst[i];
        bool                         right = m->label == m->predicted;
        const struct ath__text_style guess = {.size = 12, .color = right ? GREEN : ATH_ALARM, .widest = BOX};
        double                       x = MARGIN + i % COLUMNS * CELL, y = TOP + i / COLUMNS * ROW;
        char                         text[200];
        if (!g->thumbnails[i].rgb) continue;
        snprintf(text, sizeof text, "%.0f%%", 100.0 * m->probability);
        draw_image(canvas, &g->thumbnails[i], x, y);
        ath__canvas_text(canvas, g->scores->per_class[m->label].name, x, y + BOX + 5.0, &name);
        ath__canvas_text(canvas, text, x + BOX, y + BOX + 5.0, &share);
        ath__str_copy(text, sizeof text, "found");
        if (!right) snprintf(text, sizeof text, "taken for %.150s", g->scores->per_class[m->predicted].name);
        ath__canvas_text(canvas, text, x, y + BOX + 22.0, &guess);
    }
}

ath_status ath__gallery_png(const char *title, const ath_eval_result *scores, const struct ath__thumbnail *thumbnails,
                            struct ath__str *bytes, ath_error *err) {
    struct gallery g = {title, scores, thumbnails};
    int            rows = (scores->worst_count + COLUMNS - 1) / COLUMNS;
    return ath__canvas_png(2 * MARGIN + CELL * COLUMNS - (CELL - BOX), TOP + rows * ROW, png_scale, draw_gallery, &g,
                           bytes, err);
}
