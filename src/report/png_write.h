/* PNG from a cairo image surface, or from pixels. */
#ifndef ATH_REPORT_PNG_WRITE_H
#define ATH_REPORT_PNG_WRITE_H

#include "base/str.h"
#include "report/plot_library.h"

/* Appends the PNG of pixels (height, width, 3). */
ath_status ath__png_append_rgb(const unsigned char *rgb, int width, int height, struct ath__str *bytes, ath_error *err);

/* Appends the PNG of a CAIRO_FORMAT_RGB24 surface. */
ath_status ath__png_append(cairo_surface_t *surface, struct ath__str *bytes, ath_error *err);

#endif
