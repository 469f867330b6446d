/* The confusion matrix in a report, and its most frequent confusions.
 *
 * Up to MOST_NUMBERS classes it is a table with the counts; up to MOST_DRAWN a drawing in which cells of about the same
 * shade share one path, so that 100 classes stay small; of more the confusions are listed alone.
 */
#include "report/confusion.h"
#include "report/html_parts.h"

#include <math.h>
#include <string.h>

enum { MOST_NUMBERS = 20, MOST_BESIDE = 12, SHORT_NAME = 4, MOST_DRAWN = 200, MOST_CONFUSIONS = 10, SHADES = 12 };

static int64_t cell(const ath_eval_result *scores, int row, int column) {
    return scores->confusion[(size_t)row * (size_t)scores->classes + (size_t)column];
}

static void append_table(struct ath__str *out, const struct ath__report *report) {
    const ath_eval_result *scores = report->scores;
    size_t                 longest = 0;
    for (int c = 0; c < scores->classes; c++)
        if (strlen(scores->per_class[c].title) > longest) longest = strlen(scores->per_class[c].title);
    ath__str_printf(out, "<div class=\"card pad scroll\" style=\"max-height:none\"><table class=\"matrix%s\"><tr><th>",
                    longest > SHORT_NAME ? " up" : ""); /* names of columns stand upright where they are long */
    for (int c = 0; c < scores->classes; c++) {
        ath__str_append(out, "<th><div>");
        ath__html_class(out, report, c);
        ath__str_append(out, "</div>");
    }
    ath__str_append(out, "</tr>\n");
    for (int r = 0; r < scores->classes; r++) {
        ath__str_append(out, "<tr><th>");
        ath__html_class(out, report, r);
        for (int c = 0; c < scores->classes; c++) {
            int64_t count = cell(scores, r, c);
            double  shade = ath__confusion_shade(count, scores->per_class[r].images, r == c);
            if (count == 0)
                ath__str_append(out, "<td class=z>0");
            else
                ath__str_printf(out, "<td style=\"background:rgba(var(--%s),%.2f)\">%lld", r == c ? "heat" : "miss",
                                r == c ? 0.1 + 0.5 * shade : 0.06 + 0.8 * shade, (long long)count);
        }
        ath__str_append(out, "</tr>\n");
    }
    ath__str_append(out, "</table></div>\n");
}

/* The cells of one kind and shade, in units of a cell. */
static void append_shade(struct ath__str *out, const ath_eval_result *scores, bool diagonal, int shade) {
    bool begun = false;
    for (int r = 0; r < scores->classes; r++) {
        for (int c = 0; c < scores->classes; c++) {
            double s = (r == c) == diagonal
                           ? ath__confusion_shade(cell(scores, r, c), scores->per_class[r].images, diagonal)
                           : 0.0;
            if (s <= 0.0 || (int)fmin(s * SHADES, SHADES - 1) != shade) continue;
            if (!begun)
                ath__str_printf(out, "<path class=%s fill-opacity=%.2f d=\"", diagonal ? "hot" : "bad",
                                0.15 + 0.85 * (shade + 0.5) / SHADES);
            begun = true;
            ath__str_printf(out, "M%d %dh10v10h-10z", 10 * c, 10 * r);
        }
    }
    if (begun) ath__str_append(out, "\"/>\n");
}

static void append_drawing(struct ath__str *out, const struct ath__report *report) {
    const ath_eval_result *scores = report->scores;
    enum { LABELS = 130 };
    int side = 10 * scores->classes;
    ath__str_printf(out,
                    "<div class=\"card pad\"><svg viewBox=\"%d %d %d %d\" role=img><title>confusion matrix</title>"
                    "<g style=\"font-size:7px\">\n",
                    -(int)LABELS, -(int)LABELS, side + LABELS, side + LABELS);
    for (int shade = 0; shade < SHADES; shade++) {
        append_shade(out, scores, true, shade);
        append_shade(out, scores, false, shade);
    }
    ath__str_printf(out, "<path class=grid fill=none d=\"M0 0h%dv%dh-%dz\"/>\n", side, side, side);
    for (int c = 0; c < scores->classes; c++) {
        ath__str_printf(out, "<text style=\"font-size:8px\" x=-5 y=%d text-anchor=end>", 10 * c + 8);
        ath__html_class(out, report, c);
        ath__str_printf(out, "</text><text style=\"font-size:8px\" transform=\"translate(%d -5) rotate(-90)\">",
                        10 * c + 8);
        ath__html_class(out, report, c);
        ath__str_append(out, "</text>\n");
    }
    ath__str_append(out, "</g></svg></div>\n");
}

static void append_confusions(struct ath__str *out, const struct ath__report *report) {
    struct ath__confusion confusion = {INT64_MAX, -1, -1};
    ath__str_append(
        out, "<div class=card><div class=pad style=\"padding-bottom:4px\"><h3>Most frequent confusions</h3></div>"
             "<table><tr><th>true class<th>taken for<th class=n>images<th class=n>share</tr>\n");
    for (int i = 0; i < MOST_CONFUSIONS && ath__confusion_next(report->scores, &confusion); i++) {
        ath__str_append(out, "<tr><td class=w>");
        ath__html_class(out, report, confusion.row);
        ath__str_append(out, "<td class=w>");
        ath__html_class(out, report, confusion.column);
        ath__str_printf(out, "<td class=n>%lld<td class=n>%.1f%%</tr>\n", (long long)confusion.count,
                        100.0 * (double)confusion.count / (double)report->scores->per_class[confusion.row].images);
    }
    ath__str_append(out, "</table></div>\n");
}

void ath__html_matrix(struct ath__str *out, const struct ath__report *report) {
    int classes = report->scores->classes;
    ath__html_section(out, "confusion", "Confusion matrix",
                      classes <= MOST_DRAWN
                          ? "Rows: true class; columns: predicted class. Blue is right, red is wrong; the darker, the "
                            "larger the share of its row."
                          : "The whole matrix is in confusion.csv and confusion.png beside this page.");
    bool beside = classes <= MOST_BESIDE;
    ath__str_append(out, beside ? "<div class=beside>" : "<div class=stack>");
    if (classes <= MOST_NUMBERS)
        append_table(out, report);
    else if (classes <= MOST_DRAWN)
        append_drawing(out, report);
    append_confusions(out, report);
    ath__str_append(out, "</div></section>\n");
}
