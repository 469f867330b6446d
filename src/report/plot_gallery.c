/* Pictures in rows, each with its words. Of the largest losses: the true class, and what it was taken for. */
#include "report/plot_gallery.h"

#include "base/error.h"
#include "base/mem.h"
#include "report/plot_canvas.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MARGIN = 24, TOP = 64, BOX = 128, CELL = 148, ROW = 190, SMALL = 64, WELL = 0xf1f3f6, GREEN = 0x15803d };
static const double png_scale = 1.5;

struct gallery {
    const char                     *title, *subtitle;
    const struct ath__gallery_item *items;
    int                             count, columns;
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
    static const uint32_t        colors[] = {ATH_INK_SOFT, GREEN, ATH_ALARM}; /* by mood */
    const struct gallery        *g = context;
    const double                 wide = CELL * g->columns;
    const struct ath__text_style title = {.size = 17, .bold = true, .color = ATH_INK, .align_y = 0.5, .widest = wide};
    const struct ath__text_style below = {.size = 12, .color = ATH_INK_SOFT, .align_y = 0.5, .widest = wide};
    const struct ath__text_style name = {.size = 12.5, .bold = true, .color = ATH_INK, .widest = BOX - 40};
    const struct ath__text_style aside = {.size = 12, .color = ATH_INK_SOFT, .align_x = 1.0};
    ath__canvas_text(canvas, g->title, MARGIN, 26.0, &title);
    ath__canvas_text(canvas, g->subtitle, MARGIN, 47.0, &below);
    for (int i = 0; i < g->count; i++) {
        const struct ath__gallery_item *item = &g->items[i];
        const struct ath__text_style    line = {.size = 12, .color = colors[item->mood], .widest = BOX};
        double                          x = MARGIN + i % g->columns * CELL, y = TOP + i / g->columns * ROW;
        if (!item->thumbnail.rgb) continue;
        draw_image(canvas, &item->thumbnail, x, y);
        ath__canvas_text(canvas, item->name, x, y + BOX + 5.0, &name);
        ath__canvas_text(canvas, item->aside, x + BOX, y + BOX + 5.0, &aside);
        ath__canvas_text(canvas, item->below, x, y + BOX + 22.0, &line);
    }
}

ath_status ath__gallery_items_png(const char *title, const char *subtitle, const struct ath__gallery_item *items,
                                  int count, int columns, struct ath__str *bytes, ath_error *err) {
    struct gallery g = {title, subtitle, items, count, columns};
    int            rows = (count + columns - 1) / columns;
    return ath__canvas_png(2 * MARGIN + CELL * columns - (CELL - BOX), TOP + rows * ROW, png_scale, draw_gallery, &g,
                           bytes, err);
}

ath_status ath__gallery_png(const char *title, const ath_eval_result *scores, const struct ath__thumbnail *thumbnails,
                            struct ath__str *bytes, ath_error *err) {
    enum { COLUMNS = 6, TEXT = 300 };
    int                       count = scores->worst_count;
    struct ath__gallery_item *items = ATH_NEW_ARRAY(struct ath__gallery_item, count + 1);
    char(*texts)[2][TEXT] = ath__alloc_array((size_t)count + 1, sizeof *texts);
    ath_status status = items && texts ? ATH_OK : ath__fail_memory(err, "gallery");
    for (int i = 0; i < count && status == ATH_OK; i++) {
        const ath_mistake *m = &scores->worst[i];
        bool               right = m->label == m->predicted;
        snprintf(texts[i][0], TEXT, "%.0f%%", 100.0 * m->probability);
        ath__str_copy(texts[i][1], TEXT, "found");
        if (!right) snprintf(texts[i][1], TEXT, "taken for %s", scores->per_class[m->predicted].title);
        items[i] = (struct ath__gallery_item){thumbnails[i], scores->per_class[m->label].title, texts[i][0],
                                              texts[i][1], right ? ATH_GALLERY_GOOD : ATH_GALLERY_BAD};
    }
    if (status == ATH_OK)
        status = ath__gallery_items_png(title, "bold: the true class; red: what it was taken for, with the probability",
                                        items, count, COLUMNS, bytes, err);
    ath__free(items);
    ath__free(texts);
    return status;
}
