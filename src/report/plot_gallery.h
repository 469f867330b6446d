/* The gallery of an evaluation's largest losses as one picture: mistakes.png. */
#ifndef ATH_REPORT_PLOT_GALLERY_H
#define ATH_REPORT_PLOT_GALLERY_H

#include "athanor/train.h"
#include "base/str.h"
#include "report/thumbnail.h"

/* `thumbnails`: one for each of scores->worst. */
ath_status ath__gallery_png(const char *title, const ath_eval_result *scores, const struct ath__thumbnail *thumbnails,
                            struct ath__str *bytes, ath_error *err);

#endif
