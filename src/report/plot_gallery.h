/* Pictures with words below them, in rows: the gallery of an evaluation's largest losses (mistakes.png), and the contact
 * sheet of predictions. */
#ifndef ATH_REPORT_PLOT_GALLERY_H
#define ATH_REPORT_PLOT_GALLERY_H

#include "athanor/train.h"
#include "base/str.h"
#include "report/thumbnail.h"

/* One picture: a name below it in bold with a short text to its right, then a line of its own. */
struct ath__gallery_item {
    struct ath__thumbnail thumbnail; /* nothing is drawn without pixels */
    const char           *name, *aside, *below;
    enum { ATH_GALLERY_PLAIN, ATH_GALLERY_GOOD, ATH_GALLERY_BAD } mood; /* colour of the line below */
};
ath_status ath__gallery_items_png(const char *title, const char *subtitle, const struct ath__gallery_item *items,
                                  int count, int columns, struct ath__str *bytes, ath_error *err);

/* `thumbnails`: one for each of scores->worst. */
ath_status ath__gallery_png(const char *title, const ath_eval_result *scores, const struct ath__thumbnail *thumbnails,
                            struct ath__str *bytes, ath_error *err);

#endif
