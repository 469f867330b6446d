/* The table of epochs; folded away where it is long. */
#include "report/curves.h"
#include "report/html_parts.h"

enum { MOST_OPEN = 12 };

void ath__html_epochs(struct ath__str *out, const struct ath__report *report) {
    int64_t best = ath__curves_best(report->epochs, report->epoch_count);
    bool    folded = report->epoch_count > MOST_OPEN, averaged = false;
    for (int64_t i = 0; i < report->epoch_count; i++) averaged = averaged || report->epochs[i].ema_top1 > 0.0;
    ath__html_section(out, "epochs", "Epochs", NULL);
    ath__str_append(out, "<div class=card>");
    if (folded) ath__str_printf(out, "<details><summary>All %lld epochs</summary>", (long long)report->epoch_count);
    ath__str_append(out,
                    "<div class=scroll><table><tr><th class=n>epoch<th class=n>learning rate<th class=n>training loss"
                    "<th class=n>training top-1<th class=n>validation loss<th class=n>validation top-1<th class=n>"
                    "seconds<th class=n>images/s<th class=n>waiting for data");
    ath__str_append(out, averaged ? "<th class=n>loss, averaged weights<th class=n>top-1, averaged weights</tr>\n"
                                  : "</tr>\n");
    for (int64_t i = 0; i < report->epoch_count; i++) {
        const ath_epoch *e = &report->epochs[i];
        ath__str_printf(out, "<tr%s><td class=n>%lld<td class=n>%.4g<td class=n>%.4f<td class=n>%.2f%%<td class=n>%.4f",
                        i == best ? " class=best" : "", (long long)e->epoch, e->lr, e->train_loss, e->train_top1,
                        e->val_loss);
        ath__str_printf(out, "<td class=n>%.2f%%<td class=n>%.2f<td class=n>%.0f<td class=n>%.1f%%", e->val_top1,
                        e->seconds, e->images_per_second, 100.0 * e->data_wait);
        if (averaged) ath__str_printf(out, "<td class=n>%.4f<td class=n>%.2f%%", e->ema_loss, e->ema_top1);
        ath__str_append(out, "</tr>\n");
    }
    ath__str_append(out, folded ? "</table></div></details></div></section>\n" : "</table></div></div></section>\n");
}
