/* The classes of a run in its report: how many of each are found, how often a guess is right, and what is taken for
 * what.
 *
 *     recall(c) = M[c][c] / sum_j M[c][j]        precision(c) = M[c][c] / sum_i M[i][c]
 *
 * for the confusion matrix M, row = true class, column = predicted. Cells are shaded by their share of the row. A
 * matrix of many classes would be a wall: then the most frequent confusions are listed alone.
 */
#include "report/html_parts.h"

#include <math.h>

enum { MOST_CLASSES_SHOWN = 40, MOST_CONFUSIONS = 10 };

static void append_name(struct ath__str *out, const struct ath__report *report, int c) {
    if (report->class_names)
        ath__html_text(out, report->class_names[c]);
    else
        ath__str_printf(out, "%d", c);
}

static int64_t cell(const struct ath__report *report, int row, int column) {
    return report->confusion[(size_t)row * (size_t)report->classes + (size_t)column];
}

static void append_percent(struct ath__str *out, int64_t part, int64_t whole) {
    if (whole > 0)
        ath__str_printf(out, "<td class=n>%.2f%%", 100.0 * (double)part / (double)whole);
    else
        ath__str_append(out, "<td class=\"n d\">none");
}

static void append_class_table(struct ath__str *out, const struct ath__report *report) {
    ath__str_append(
        out, "<h2>Classes</h2>\n<p>On the validation images, with the last epoch's weights.</p>\n<div class=card>"
             "<table><tr><th>class<th class=n>images<th class=n>correct<th class=n>recall<th class=n>precision<th>"
             "</tr>\n");
    for (int c = 0; c < report->classes; c++) {
        int64_t images = 0, guesses = 0, correct = cell(report, c, c);
        for (int k = 0; k < report->classes; k++) {
            images += cell(report, c, k);
            guesses += cell(report, k, c);
        }
        ath__str_append(out, "<tr><td>");
        append_name(out, report, c);
        ath__str_printf(out, "<td class=n>%lld<td class=n>%lld", (long long)images, (long long)correct);
        append_percent(out, correct, images);
        append_percent(out, correct, guesses);
        ath__str_printf(out, "<td><span class=bar><i style=\"width:%.1f%%\"></i></span></tr>\n",
                        images > 0 ? 100.0 * (double)correct / (double)images : 0.0);
    }
    ath__str_append(out, "</table></div>\n");
}

static void append_matrix(struct ath__str *out, const struct ath__report *report) {
    ath__str_append(
        out, "<h2>Confusion matrix</h2>\n<p>Rows: true class; columns: predicted class.</p>\n<div class=card><table "
             "class=matrix><tr><th>");
    for (int c = 0; c < report->classes; c++) {
        ath__str_append(out, "<th>");
        append_name(out, report, c);
    }
    ath__str_append(out, "</tr>\n");
    for (int r = 0; r < report->classes; r++) {
        int64_t images = 0;
        for (int c = 0; c < report->classes; c++) images += cell(report, r, c);
        ath__str_append(out, "<tr><th>");
        append_name(out, report, r);
        for (int c = 0; c < report->classes; c++) {
            int64_t count = cell(report, r, c);
            double  share = images > 0 ? (double)count / (double)images : 0.0;
            /* Confusions are rare where a net is any good: the square root makes them visible. */
            if (count == 0)
                ath__str_append(out, "<td class=z>0");
            else
                ath__str_printf(out, "<td style=\"background:rgba(var(--%s),%.3f)\">%lld", r == c ? "heat" : "miss",
                                r == c ? 0.75 * share : 0.08 + 0.9 * sqrt(share), (long long)count);
        }
        ath__str_append(out, "</tr>\n");
    }
    ath__str_append(out, "</table></div>\n");
}

/* The next most frequent confusion behind (count, row, column) in the order of falling counts; false when none is left.
 */
static bool next_confusion(const struct ath__report *report, int64_t *count, int *row, int *column) {
    int64_t best = 0;
    int     best_row = -1, best_column = -1;
    for (int r = 0; r < report->classes; r++) {
        for (int c = 0; c < report->classes; c++) {
            int64_t here = cell(report, r, c);
            bool    behind = here < *count || (here == *count && (r > *row || (r == *row && c > *column)));
            if (r != c && here > best && behind) best = here, best_row = r, best_column = c;
        }
    }
    *count = best;
    *row = best_row;
    *column = best_column;
    return best > 0;
}

static void append_confusions(struct ath__str *out, const struct ath__report *report) {
    int64_t count = INT64_MAX;
    int     row = -1, column = -1;
    ath__str_append(out, "<h2>Most frequent confusions</h2>\n<div class=card><table><tr><th>true class<th>taken for<th "
                         "class=n>images</tr>\n");
    for (int i = 0; i < MOST_CONFUSIONS && next_confusion(report, &count, &row, &column); i++) {
        ath__str_append(out, "<tr><td>");
        append_name(out, report, row);
        ath__str_append(out, "<td>");
        append_name(out, report, column);
        ath__str_printf(out, "<td class=n>%lld</tr>\n", (long long)count);
    }
    ath__str_append(out, "</table></div>\n");
}

void ath__html_classes(struct ath__str *out, const struct ath__report *report) {
    if (report->classes < 1 || !report->confusion) return;
    append_class_table(out, report);
    if (report->classes <= MOST_CLASSES_SHOWN) append_matrix(out, report);
    append_confusions(out, report);
}
