/* Thumbnails with the predicted class in bold, its probability, and below: the truth where it is known, else the runner-up.
 */
#include "train/apply/predict_sheet.h"

#include "base/error.h"
#include "base/file.h"
#include "base/str.h"

#include <stdio.h>
#include <string.h>

enum { COLUMNS = 8 };

void ath__predict_sheet_picture(const struct ath__predict_sheet *sheet, const struct ath__picture *picture,
                                struct ath__thumbnail *thumbnail) {
    if (sheet->count < ATH_SHEET_MOST)
        ath__thumbnail_make(picture->pixels, picture->channels, picture->height, picture->width, thumbnail, NULL);
}

/* The name of a file without its folders. */
static const char *file_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

void ath__predict_sheet_add(struct ath__predict_sheet *sheet, const ath_prediction *prediction,
                            struct ath__thumbnail *thumbnail) {
    if (prediction->problem) return;
    bool known = prediction->truth_index >= 0, right = known && prediction->truth_index == prediction->top[0].index;
    sheet->known += known;
    sheet->right += right;
    if (sheet->count++ >= ATH_SHEET_MOST) return;
    struct ath__gallery_item *item = &sheet->items[sheet->count - 1];
    char(*texts)[ATH_SHEET_TEXT] = sheet->texts[sheet->count - 1];
    ath__str_copy(texts[0], ATH_SHEET_TEXT, prediction->top[0].title);
    snprintf(texts[1], ATH_SHEET_TEXT, "%.0f%%", 100.0 * prediction->top[0].probability);
    if (right)
        ath__str_copy(texts[2], ATH_SHEET_TEXT, "right");
    else if (known)
        snprintf(texts[2], ATH_SHEET_TEXT, "is %s", prediction->truth_title);
    else
        ath__str_copy(texts[2], ATH_SHEET_TEXT, file_name(prediction->path));
    *item = (struct ath__gallery_item){*thumbnail, texts[0], texts[1], texts[2],
                                       right   ? ATH_GALLERY_GOOD
                                       : known ? ATH_GALLERY_BAD
                                               : ATH_GALLERY_PLAIN};
    memset(thumbnail, 0, sizeof *thumbnail);
}

ath_status ath__predict_sheet_write(const struct ath__predict_sheet *sheet, const char *title, const char *path,
                                    ath_error *err) {
    struct ath__str bytes = {0}, subtitle = {0};
    int             shown = sheet->count < ATH_SHEET_MOST ? (int)sheet->count : ATH_SHEET_MOST;
    if (shown == 0) return ath__fail(err, ATH_DATA, path, "there is no image that could be predicted to be shown");
    ath__str_printf(&subtitle, "bold: the predicted class with its probability");
    if (sheet->known > 0)
        ath__str_printf(&subtitle, "; below: what it is. %lld of %lld right (%.2f%%)", (long long)sheet->right,
                        (long long)sheet->known, 100.0 * (double)sheet->right / (double)sheet->known);
    if (shown < sheet->count)
        ath__str_printf(&subtitle, "; the first %d of %lld images", shown, (long long)sheet->count);
    ath_status status = ath__gallery_items_png(title, ath__str_text(&subtitle), sheet->items, shown,
                                               shown < COLUMNS ? shown : COLUMNS, &bytes, err);
    if (status == ATH_OK) status = ath__file_write(path, bytes.data, bytes.size, err);
    ath__str_free(&bytes);
    ath__str_free(&subtitle);
    return status;
}

void ath__predict_sheet_free(struct ath__predict_sheet *sheet) {
    for (int64_t i = 0; i < sheet->count && i < ATH_SHEET_MOST; i++) ath__thumbnail_free(&sheet->items[i].thumbnail);
}
