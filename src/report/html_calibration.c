/* Calibration in a report: of the images predicted with about 80%, are about 80% right? */
#include "report/html_parts.h"

#include <math.h>
#include <stdio.h>

enum { SIDE = 300, LEFT = 40, TOP = 10, BELOW = 34 };

static double at_x(double percent) {
    return LEFT + percent / 100.0 * SIDE;
}

static double at_y(double percent) {
    return TOP + (1.0 - percent / 100.0) * SIDE;
}

static void append_diagram(struct ath__str *out, const ath_eval_result *scores) {
    double step = 100.0 / ATH_CALIBRATION_BINS;
    ath__str_printf(
        out, "<svg viewBox=\"0 0 %d %d\" style=\"max-width:420px\" role=img><title>reliability diagram</title>\n",
        LEFT + SIDE + 10, TOP + SIDE + BELOW);
    for (int p = 0; p <= 100; p += 20)
        ath__str_printf(out,
                        "<path class=grid d=\"M%d %.1fh%d\"/><text x=%d y=%.1f text-anchor=end>%d</text><text x=%.1f "
                        "y=%d text-anchor=middle>%d</text>\n",
                        (int)LEFT, at_y(p), (int)SIDE, LEFT - 8, at_y(p) + 4.0, p, at_x(p), TOP + SIDE + 16, p);
    for (int b = 0; b < ATH_CALIBRATION_BINS; b++) {
        const ath_calibration_bin *bin = &scores->calibration[b];
        if (bin->images == 0) continue;
        double x = at_x(b * step) + 1.0, width = SIDE / (double)ATH_CALIBRATION_BINS - 2.0;
        double low = fmin(bin->accuracy, bin->confidence), high = fmax(bin->accuracy, bin->confidence);
        ath__str_printf(out, "<g><title>%lld images with %.0f to %.0f%%: mean %.1f%%, right %.1f%%</title>",
                        (long long)bin->images, b * step, (b + 1) * step, bin->confidence, bin->accuracy);
        ath__str_printf(out, "<rect class=hollow x=%.1f y=%.1f width=%.1f height=%.1f />", x, at_y(bin->accuracy),
                        width, bin->accuracy / 100.0 * SIDE);
        ath__str_printf(out, "<rect class=%s x=%.1f y=%.1f width=%.1f height=%.1f fill-opacity=.55 />",
                        bin->confidence > bin->accuracy ? "bad" : "hot", x, at_y(high), width,
                        fmax(at_y(low) - at_y(high), 1.0));
        ath__str_printf(out, "<path class=v d=\"M%.1f %.1fh%.1f\"/></g>\n", x, at_y(bin->accuracy), width);
    }
    ath__str_printf(out,
                    "<path class=ideal d=\"M%.1f %.1fL%.1f %.1f\"/><text x=%.1f y=%d text-anchor=middle>probability "
                    "of the predicted class, %%</text></svg>\n",
                    at_x(0), at_y(0), at_x(100), at_y(100), at_x(50), TOP + SIDE + BELOW - 3);
}

static void append_counts(struct ath__str *out, const ath_eval_result *scores) {
    int64_t most = 1;
    double  step = 100.0 / ATH_CALIBRATION_BINS;
    for (int b = 0; b < ATH_CALIBRATION_BINS; b++)
        if (scores->calibration[b].images > most) most = scores->calibration[b].images;
    ath__str_append(out, "<h3>Images by probability</h3><table>\n");
    for (int b = ATH_CALIBRATION_BINS - 1; b >= 0; b--) {
        const ath_calibration_bin *bin = &scores->calibration[b];
        if (bin->images == 0) continue;
        ath__str_printf(
            out,
            "<tr><td class=n>%.0f to %.0f%%<td style=\"width:50%%\"><span class=bar><i style=\"width:%.1f%%\">"
            "</i></span><td class=n>%lld<td class=n>%.1f%% right</tr>\n",
            b * step, (b + 1) * step, 100.0 * (double)bin->images / (double)most, (long long)bin->images,
            bin->accuracy);
    }
    ath__str_append(out, "</table>\n");
}

void ath__html_calibration(struct ath__str *out, const struct ath__report *report) {
    const ath_eval_result *scores = report->scores;
    double                 gap = scores->confidence - scores->top1;
    char                   lead[320];
    snprintf(
        lead, sizeof lead,
        "Mean probability %.1f%%, accuracy %.1f%%: %s. Expected calibration error over %d bins: %.2f%%. Red: surer "
        "than right; blue: more often right than sure.",
        scores->confidence, scores->top1,
        fabs(gap) < 1.0 ? "on the whole as sure as it is right"
        : gap > 0.0     ? "surer than it is right"
                        : "more often right than it is sure",
        (int)ATH_CALIBRATION_BINS, scores->calibration_error);
    ath__html_section(out, "calibration", "Calibration", lead);
    ath__str_append(out, "<div class=two><div class=\"card pad\"><h3>Right, % of the images of a bin</h3>");
    append_diagram(out, scores);
    ath__str_append(out, "</div><div class=\"card pad\">");
    append_counts(out, scores);
    ath__str_append(out, "</div></div></section>\n");
}
