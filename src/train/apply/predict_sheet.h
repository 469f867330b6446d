/* The contact sheet of a prediction: every picture with what it was taken for, and what it is where that is known. */
#ifndef ATH_TRAIN_PREDICT_SHEET_H
#define ATH_TRAIN_PREDICT_SHEET_H

#include "athanor/train.h"
#include "data/picture.h"
#include "report/plot_gallery.h"

enum { ATH_SHEET_MOST = 400, ATH_SHEET_TEXT = 300 };

struct ath__predict_sheet {
    struct ath__gallery_item items[ATH_SHEET_MOST];
    char                     texts[ATH_SHEET_MOST][3][ATH_SHEET_TEXT];
    int64_t                  count; /* of all images; those above ATH_SHEET_MOST are left out */
    int64_t                  known, right;
};

/* A small copy of an image for the sheet; without memory for it there is none. */
void ath__predict_sheet_picture(const struct ath__predict_sheet *sheet, const struct ath__picture *picture,
                                struct ath__thumbnail *thumbnail);
/* Takes the thumbnail over. */
void ath__predict_sheet_add(struct ath__predict_sheet *sheet, const ath_prediction *prediction,
                            struct ath__thumbnail *thumbnail);
/* Writes the PNG. */
ath_status ath__predict_sheet_write(const struct ath__predict_sheet *sheet, const char *title, const char *path,
                                    ath_error *err);
void       ath__predict_sheet_free(struct ath__predict_sheet *sheet);

#endif
