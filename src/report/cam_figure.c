/* The figure of class activation maps:
 *
 *     title
 *     subtitle                            [legend: dark .. bright]
 *     +-------+-------+   +-------+-------+
 *     | photo | map   |   | photo | map   |
 *     +-------+-------+   +-------+-------+
 *     name                name
 *     caption             caption
 *
 * A map is enlarged to the photo by bilinear interpolation with half-pixel centres, divided by its largest value, and
 * laid over the photo in grey, the more opaque the larger the value.
 */
#include "report/cam_figure.h"

#include "base/error.h"
#include "report/heat_map.h"
#include "report/plot_canvas.h"

#include <math.h>
#include <string.h>

enum { MARGIN = 24, TOP = 72, BOX = 200, GAP = 4, APART = 28, TEXT = 48, MOST_COLUMNS = 3, LEGEND = 150, SMALL = 100 };
static const double png_scale = 1.5;

static int columns_of(const struct ath__cam_figure *figure) {
    return figure->count < MOST_COLUMNS ? figure->count : MOST_COLUMNS;
}

static double largest_of(const struct ath__cam_figure *figure, const float *map) {
    double largest = 0.0;
    for (int64_t i = 0; i < figure->map_height * figure->map_width; i++) largest = fmax(largest, (double)map[i]);
    return largest;
}

/* The two rows (or columns) of the map around a pixel's centre, and the second one's share. */
static void neighbours(int at, int pixels, int64_t cells, int64_t index[2], double *share) {
    double place = fmin(fmax((at + 0.5) * (double)cells / pixels - 0.5, 0.0), (double)(cells - 1));
    index[0] = (int64_t)place;
    index[1] = index[0] + 1 < cells ? index[0] + 1 : index[0];
    *share = place - (double)index[0];
}

static double value_at(const struct ath__cam_figure *figure, const float *map, int y, int x) {
    int64_t row[2], column[2];
    double  down, right;
    neighbours(y, figure->height, figure->map_height, row, &down);
    neighbours(x, figure->width, figure->map_width, column, &right);
    const float *upper = map + row[0] * figure->map_width, *lower = map + row[1] * figure->map_width;
    return (1.0 - down) * ((1.0 - right) * (double)upper[column[0]] + right * (double)upper[column[1]]) +
           down * ((1.0 - right) * (double)lower[column[0]] + right * (double)lower[column[1]]);
}

static uint32_t mixed(const unsigned char *rgb, double value) {
    double   grey = 0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2], opaque = 0.25 + 0.5 * value;
    uint32_t heat = ath__heat_color(value), pixel = 0;
    for (int c = 0; c < 3; c++)
        pixel = pixel << 8 | (uint32_t)lround((1.0 - opaque) * grey + opaque * (heat >> (16 - 8 * c) & 255u));
    return pixel;
}

/* The photo (map NULL), or the photo under its map. */
static cairo_surface_t *to_surface(const struct ath__cam_figure *figure, const unsigned char *rgb, const float *map) {
    cairo_surface_t *surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, figure->width, figure->height);
    unsigned char   *pixels = cairo_image_surface_get_data(surface);
    int              stride = cairo_image_surface_get_stride(surface);
    double           largest = map ? largest_of(figure, map) : 0.0;
    cairo_surface_flush(surface);
    for (int y = 0; pixels && y < figure->height; y++)
        for (int x = 0; x < figure->width; x++, rgb += 3) {
            uint32_t pixel = (uint32_t)rgb[0] << 16 | (uint32_t)rgb[1] << 8 | rgb[2];
            if (map) pixel = mixed(rgb, largest > 0.0 ? value_at(figure, map, y, x) / largest : 0.0);
            memcpy(pixels + (size_t)y * (size_t)stride + 4 * (size_t)x, &pixel, 4);
        }
    cairo_surface_mark_dirty(surface);
    return surface;
}

static void draw_picture(const struct ath__canvas *canvas, const struct ath__cam_figure *figure,
                         const unsigned char *rgb, const float *map, double x, double y) {
    int              longest = figure->width > figure->height ? figure->width : figure->height;
    double           scale = (double)BOX / longest;
    cairo_surface_t *surface = to_surface(figure, rgb, map);
    cairo_save(canvas->cr);
    cairo_translate(canvas->cr, x + (BOX - scale * figure->width) / 2.0, y + (BOX - scale * figure->height) / 2.0);
    cairo_rectangle(canvas->cr, 0.0, 0.0, scale * figure->width, scale * figure->height);
    cairo_clip(canvas->cr);
    cairo_scale(canvas->cr, scale, scale);
    cairo_set_source_surface(canvas->cr, surface, 0.0, 0.0);
    cairo_pattern_set_filter(cairo_get_source(canvas->cr), longest <= SMALL ? CAIRO_FILTER_NEAREST : CAIRO_FILTER_GOOD);
    cairo_paint(canvas->cr);
    cairo_restore(canvas->cr);
    cairo_surface_destroy(surface);
}

/* A bar of all colours at the right edge, with words for its ends. */
static void draw_legend(const struct ath__canvas *canvas, double right, double y) {
    struct ath__text_style words = {.size = 12, .color = ATH_INK_SOFT, .align_x = 1.0, .align_y = 0.5};
    double                 most = ath__canvas_text_width(canvas, "most", &words), left = right - most - 8.0 - LEGEND;
    ath__canvas_text(canvas, "most", right, y, &words);
    ath__canvas_text(canvas, "speaks for the class: not at all", left - 8.0, y, &words);
    for (int i = 0; i < LEGEND; i++) {
        ath__canvas_color(canvas, ath__heat_color((i + 0.5) / LEGEND), 1.0);
        cairo_rectangle(canvas->cr, left + i, y - 6.0, i + 1 < LEGEND ? 2.0 : 1.0, 12.0); /* no seams */
        cairo_fill(canvas->cr);
    }
}

static double width_of(const struct ath__cam_figure *figure) {
    double tiles = columns_of(figure) * (2.0 * BOX + GAP + APART) - APART;
    return 2.0 * MARGIN + fmax(tiles, 2.0 * BOX + GAP);
}

static void draw_figure(const struct ath__canvas *canvas, const void *context) {
    const struct ath__cam_figure *figure = context;
    double                        wide = width_of(figure) - 2.0 * MARGIN;
    const struct ath__text_style  title = {
         .size = 17, .bold = true, .color = ATH_INK, .align_y = 0.5, .widest = figure->count > 1 ? wide / 2.0 : wide};
    const struct ath__text_style below = {.size = 12, .color = ATH_INK_SOFT, .align_y = 0.5, .widest = wide};
    const struct ath__text_style name = {.size = 12.5, .bold = true, .color = ATH_INK, .widest = 2.0 * BOX + GAP};
    const struct ath__text_style caption = {.size = 12.5, .color = ATH_INK_SOFT, .widest = 2.0 * BOX + GAP};
    ath__canvas_text(canvas, figure->title, MARGIN, 26.0, &title);
    if (figure->count > 1) ath__canvas_text(canvas, figure->subtitle, MARGIN, 48.0, &below);
    draw_legend(canvas, MARGIN + wide, figure->count > 1 ? 26.0 : 48.0);
    for (int i = 0; i < figure->count; i++) {
        const struct ath__cam_tile *tile = &figure->tiles[i];
        double                      x = MARGIN + i % columns_of(figure) * (2.0 * BOX + GAP + APART);
        double                      y = TOP + i / columns_of(figure) * (double)(BOX + TEXT);
        draw_picture(canvas, figure, tile->rgb, NULL, x, y);
        draw_picture(canvas, figure, tile->rgb, tile->map, x + BOX + GAP, y);
        ath__canvas_text(canvas, tile->name, x, y + BOX + 5.0, &name);
        ath__canvas_text(canvas, tile->caption, x, y + BOX + 23.0, &caption);
    }
}

ath_status ath__cam_figure_png(const struct ath__cam_figure *figure, struct ath__str *bytes, ath_error *err) {
    if (figure->count < 1 || figure->count > ATH_CAM_FIGURE_MOST)
        return ath__fail(err, ATH_USAGE, NULL, "a figure shows 1 to %d images, not %d", (int)ATH_CAM_FIGURE_MOST,
                         figure->count);
    int rows = (figure->count + columns_of(figure) - 1) / columns_of(figure);
    return ath__canvas_png(width_of(figure), TOP + rows * (BOX + TEXT) + MARGIN / 2.0, png_scale, draw_figure, figure,
                           bytes, err);
}
