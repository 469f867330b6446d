/* Contact sheets: text by cairo, images written into its surface pixel by pixel.
 *
 *     title
 *     subtitle
 *                first column | the others
 *     row name   image        | image image ...
 *
 * The first column, the original, stands a little apart from what was made of it.
 */
#include "report/contact_sheet.h"

#include "base/error.h"
#include "report/plot_canvas.h"
#include "report/png_write.h"

#include <math.h>
#include <string.h>

enum {
    MARGIN = 24,
    TITLE_HEIGHT = 28,
    SUBTITLE_HEIGHT = 22,
    HEAD_HEIGHT = 24,
    GAP = 4,
    APART = 16,
    TILE = 96,
    MOST_NAME_WIDTH = 180,
    MOST_SIDE = 16000, /* of the images; cairo draws up to 32767 */
};

static const struct ath__text_style title_style = {.size = 18, .bold = true, .color = ATH_INK, .align_y = 0.5};
static const struct ath__text_style subtitle_style = {.size = 12.5, .color = ATH_INK_SOFT, .align_y = 0.5};
static const struct ath__text_style column_style = {.size = 12, .color = ATH_INK_SOFT, .align_x = 0.5, .align_y = 0.5};
static const struct ath__text_style row_style = {
    .size = 13, .color = ATH_INK, .align_x = 1.0, .align_y = 0.5, .widest = 0.0};

/* Where everything stands, in pixels. */
struct layout {
    int zoom, names, top, width, height;
};

static int zoom_for(int height, int width) {
    int side = height > width ? height : width;
    return side < TILE ? TILE / side : 1;
}

static int tile_x(const struct ath__contact_sheet *sheet, const struct layout *layout, int column) {
    int step = sheet->width * layout->zoom + GAP;
    return MARGIN + layout->names + column * step + (column > 0 ? APART : 0);
}

static int tile_y(const struct ath__contact_sheet *sheet, const struct layout *layout, int row) {
    return layout->top + row * (sheet->height * layout->zoom + GAP);
}

static double widest_name(const struct ath__contact_sheet *sheet, const struct ath__canvas *canvas) {
    double widest = 0.0;
    for (int r = 0; r < sheet->rows; r++)
        widest = fmax(widest, ath__canvas_text_width(canvas, sheet->row_names[r], &row_style));
    return fmin(widest, MOST_NAME_WIDTH);
}

/* Measures on a surface that nothing is drawn to. */
static ath_status lay_out(const struct ath__contact_sheet *sheet, struct layout *layout, ath_error *err) {
    cairo_surface_t   *surface = cairo_recording_surface_create(CAIRO_CONTENT_COLOR_ALPHA, NULL);
    struct ath__canvas canvas;
    ath__canvas_open(&canvas, surface);
    layout->zoom = zoom_for(sheet->height, sheet->width);
    layout->names = (int)ceil(widest_name(sheet, &canvas)) + 10;
    layout->top = MARGIN + TITLE_HEIGHT + SUBTITLE_HEIGHT + HEAD_HEIGHT;
    double width = (double)sheet->columns * (sheet->width * layout->zoom + GAP) + layout->names + APART + 2 * MARGIN;
    double height = (double)sheet->rows * (sheet->height * layout->zoom + GAP) + layout->top + MARGIN;
    double title = ath__canvas_text_width(&canvas, sheet->title, &title_style) + 2 * MARGIN;
    double subtitle = ath__canvas_text_width(&canvas, sheet->subtitle, &subtitle_style) + 2 * MARGIN;
    width = fmax(width, fmin(fmax(title, subtitle), 1600.0));
    layout->width = (int)ceil(width);
    layout->height = (int)ceil(height);
    ath_status status = ath__canvas_status(cairo_status(canvas.cr), err);
    ath__canvas_close(&canvas);
    cairo_surface_destroy(surface);
    return status;
}

ath_status ath__contact_sheet_check(int rows, int columns, int height, int width, ath_error *err) {
    int    zoom = zoom_for(height, width);
    double down = (double)rows * (height * zoom + GAP), across = (double)columns * (width * zoom + GAP);
    if (down <= MOST_SIDE && across <= MOST_SIDE) return ATH_OK;
    return ath__fail(err, ATH_USAGE, "rows",
                     "a sheet of %.0fx%.0f pixels is too large: show fewer rows and columns, or resize=", across, down);
}

static void draw_text(const struct ath__contact_sheet *sheet, const struct layout *layout,
                      const struct ath__canvas *canvas) {
    struct ath__text_style title = title_style, subtitle = subtitle_style, row = row_style, column = column_style;
    title.widest = subtitle.widest = layout->width - 2 * MARGIN;
    column.widest = sheet->width * layout->zoom;
    cairo_set_source_rgb(canvas->cr, 1.0, 1.0, 1.0);
    cairo_paint(canvas->cr);
    ath__canvas_text(canvas, sheet->title, MARGIN, MARGIN - 4 + TITLE_HEIGHT / 2.0, &title);
    ath__canvas_text(canvas, sheet->subtitle, MARGIN, MARGIN - 4 + TITLE_HEIGHT + SUBTITLE_HEIGHT / 2.0, &subtitle);
    for (int c = 0; c < sheet->columns; c++)
        ath__canvas_text(canvas, sheet->column_names[c], tile_x(sheet, layout, c) + 0.5 * sheet->width * layout->zoom,
                         layout->top - HEAD_HEIGHT / 2.0, &column);
    for (int r = 0; r < sheet->rows; r++) {
        double wide = ath__canvas_text_width(canvas, sheet->row_names[r], &row_style);
        row.widest = wide > MOST_NAME_WIDTH ? MOST_NAME_WIDTH : 0.0;
        ath__canvas_text(canvas, sheet->row_names[r], MARGIN + layout->names - 10,
                         tile_y(sheet, layout, r) + 0.5 * sheet->height * layout->zoom, &row);
    }
}

/* One image, each pixel as a square of zoom x zoom. */
static void draw_image(const struct ath__contact_sheet *sheet, const struct layout *layout, int row, int column,
                       unsigned char *surface, int stride) {
    size_t               image = (size_t)sheet->height * (size_t)sheet->width * 3;
    const unsigned char *src = sheet->pixels + ((size_t)row * (size_t)sheet->columns + (size_t)column) * image;
    for (int y = 0; y < sheet->height; y++) {
        for (int x = 0; x < sheet->width; x++, src += 3) {
            uint32_t color = (uint32_t)src[0] << 16 | (uint32_t)src[1] << 8 | src[2];
            for (int k = 0; k < layout->zoom * layout->zoom; k++) {
                int to_y = tile_y(sheet, layout, row) + y * layout->zoom + k / layout->zoom;
                int to_x = tile_x(sheet, layout, column) + x * layout->zoom + k % layout->zoom;
                memcpy(surface + (size_t)to_y * (size_t)stride + 4 * (size_t)to_x, &color, 4);
            }
        }
    }
}

ath_status ath__contact_sheet_png(const struct ath__contact_sheet *sheet, struct ath__str *bytes, ath_error *err) {
    struct layout      layout;
    struct ath__canvas canvas;
    ATH_TRY(ath__plot_library_load(err));
    ATH_TRY(lay_out(sheet, &layout, err));
    cairo_surface_t *surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, layout.width, layout.height);
    ath__canvas_open(&canvas, surface);
    draw_text(sheet, &layout, &canvas);
    ath_status status = ath__canvas_status(cairo_status(canvas.cr), err);
    ath__canvas_close(&canvas);
    cairo_surface_flush(surface);
    unsigned char *data = cairo_image_surface_get_data(surface);
    for (int r = 0; status == ATH_OK && r < sheet->rows; r++)
        for (int c = 0; c < sheet->columns; c++)
            draw_image(sheet, &layout, r, c, data, cairo_image_surface_get_stride(surface));
    if (status == ATH_OK) status = ath__png_append(surface, bytes, err);
    cairo_surface_destroy(surface);
    return status;
}
