/* The classes of a run in its report: how many of each are found, how often a guess is right. Shares come from the
 * evaluation (train/metrics.c). */
#include "report/html_parts.h"

#include <math.h>
#include <stdio.h>

static void append_percent(struct ath__str *out, double percent) {
    if (isfinite(percent))
        ath__str_printf(out, "<td class=n>%.2f%%", percent);
    else
        ath__str_append(out, "<td class=\"n d\">none");
}

/* The groups that the classes belong to, where the data set has them. */
static void append_groups(struct ath__str *out, const ath_eval_result *scores) {
    ath__str_append(out, "<div class=\"card scroll\"><table><tr><th>group<th class=n>images<th class=n>right class<th "
                         "class=n>top-1<th class=n>right group<th class=n>top-1 of groups</tr>\n");
    for (int g = 0; g < scores->groups; g++) {
        const ath_group_score *group = &scores->per_group[g];
        ath__str_append(out, "<tr><td>");
        ath__html_text(out, group->name);
        ath__str_printf(out, "<td class=n>%lld<td class=n>%lld", (long long)group->images, (long long)group->correct);
        append_percent(out, group->top1);
        ath__str_printf(out, "<td class=n>%lld", (long long)group->within);
        append_percent(out, group->group_top1);
        ath__str_append(out, "</tr>\n");
    }
    ath__str_append(out, "</table></div>\n");
}

void ath__html_classes(struct ath__str *out, const struct ath__report *report) {
    const ath_eval_result *scores = report->scores;
    char                   lead[256];
    snprintf(
        lead, sizeof lead,
        "On %lld validation images, with the best epoch's weights%s%s. Recall: the share of a class that is found, "
        "which is its accuracy. Precision: the share of the guesses for a class that are right.",
        (long long)scores->images, scores->tta[0] && scores->tta[0] != 'n' ? " and tta=" : "",
        scores->tta[0] && scores->tta[0] != 'n' ? scores->tta : "");
    ath__html_section(out, "classes", "Classes", lead);
    if (scores->groups > 0) append_groups(out, scores);
    ath__str_append(out,
                    "<div class=\"card scroll\"><table><tr><th>class<th class=n>images<th class=n>found<th class=n>"
                    "recall<th><th class=n>precision<th class=n>F1</tr>\n");
    for (int c = 0; c < scores->classes; c++) {
        const ath_class_score *score = &scores->per_class[c];
        ath__str_append(out, "<tr><td>");
        ath__html_class(out, report, c);
        ath__str_printf(out, "<td class=n>%lld<td class=n>%lld", (long long)score->images, (long long)score->correct);
        append_percent(out, score->recall);
        ath__str_printf(out, "<td><span class=bar><i style=\"width:%.1f%%\"></i></span>",
                        isfinite(score->recall) ? score->recall : 0.0);
        append_percent(out, score->precision);
        append_percent(out, score->f1);
        ath__str_append(out, "</tr>\n");
    }
    ath__str_append(out, "</table></div></section>\n");
}
