/* A contact sheet: a table of images with names at its rows and columns, as a PNG. */
#ifndef ATH_REPORT_CONTACT_SHEET_H
#define ATH_REPORT_CONTACT_SHEET_H

#include "base/str.h"

struct ath__contact_sheet {
    const char        *title, *subtitle;
    int                rows, columns;
    const char *const *row_names, *const *column_names; /* UTF-8 */
    int                  height, width;                 /* of each image */
    const unsigned char *pixels;                        /* (rows, columns, height, width, 3): red, green, blue */
};

/* ATH_USAGE for more or larger images than a viewer can be expected to show: to be asked before they are made. */
ath_status ath__contact_sheet_check(int rows, int columns, int height, int width, ath_error *err);

/* Appends the PNG. Small images are enlarged by a whole number, so that their pixels stay sharp. */
ath_status ath__contact_sheet_png(const struct ath__contact_sheet *sheet, struct ath__str *bytes, ath_error *err);

#endif
