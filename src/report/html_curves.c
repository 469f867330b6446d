/* The curves of a run in its report: loss and accuracy side by side, the learning rate below them. */
#include "report/html_chart.h"

#include "base/error.h"
#include "base/mem.h"
#include "report/curves.h"

#include <math.h>

ath_status ath__html_curves(struct ath__str *out, const struct ath__report *report, ath_error *err) {
    int64_t n = report->epoch_count;
    double *v = ATH_NEW_ARRAY(double, 6 * (size_t)n + 1);
    if (!v) return ath__fail_memory(err, "curves");
    for (int64_t i = 0; i < n; i++) {
        const ath_epoch *e = &report->epochs[i];
        const double     values[] = {(double)e->epoch, e->train_loss, e->val_loss, e->train_top1, e->val_top1, e->lr};
        for (int k = 0; k < 6; k++) v[k * n + i] = values[k];
    }
    const struct ath__html_series loss[] = {{"training", 't', v + n}, {"validation", 'v', v + 2 * n}};
    const struct ath__html_series top1[] = {{"training", 't', v + 3 * n}, {"validation", 'v', v + 4 * n}};
    const struct ath__html_series rate[] = {{"learning rate", 'r', v + 5 * n}};
    struct ath__html_chart        chart = {.title = "Loss",
                                           .x = v,
                                           .count = n,
                                           .series = loss,
                                           .series_count = 2,
                                           .width = 520,
                                           .height = 270,
                                           .floor = 0.0,
                                           .ceiling = NAN,
                                           .may_be_log = true,
                                           .mark = -1,
                                           .unit = ""};
    ath__html_section(out, "curves", "Curves",
                      "Over the epochs. Training figures are means over an epoch while the net changed; validation is "
                      "measured behind it. The ring marks the best epoch.");
    ath__str_append(out, "<div class=two>\n");
    ath__html_chart(out, &chart);
    chart.title = "Top-1, %";
    chart.series = top1;
    chart.ceiling = 100.0;
    chart.may_be_log = false;
    chart.mark = ath__curves_best(report->epochs, n);
    chart.unit = "%";
    ath__html_chart(out, &chart);
    ath__str_append(out, "</div>\n<div style=\"margin-top:16px\">");
    chart = (struct ath__html_chart){.title = "Learning rate",
                                     .x = v,
                                     .count = n,
                                     .series = rate,
                                     .series_count = 1,
                                     .width = 1072,
                                     .height = 140,
                                     .floor = 0.0,
                                     .ceiling = NAN,
                                     .mark = -1,
                                     .unit = ""};
    ath__html_chart(out, &chart);
    ath__str_append(out, "</div></section>\n");
    ath__free(v);
    return ATH_OK;
}
