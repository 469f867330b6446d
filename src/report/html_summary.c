/* The head of a report: which run, what it reached, what it took. */
#include "report/html_parts.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static void append_fact(struct ath__str *out, const char *value, const char *name) {
    ath__str_append(out, "<div><b>");
    ath__html_text(out, value);
    ath__str_append(out, "</b><span>");
    ath__html_text(out, name);
    ath__str_append(out, "</span></div>\n");
}

/* 61.7 k, 1.23 M, 4.5 G */
static void format_count(int64_t count, char text[32]) {
    static const char *const units[] = {"", " k", " M", " G", " T"};
    double                   value = (double)count;
    int                      unit = 0;
    while (value >= 999.5 && unit < 4) value /= 1000.0, unit++;
    snprintf(text, 32, unit ? "%.3g%s" : "%.0f%s", value, units[unit]);
}

static void format_seconds(double seconds, char text[48]) {
    int64_t whole = seconds > 0.0 && seconds < 1e12 ? (int64_t)(seconds + 0.5) : 0;
    if (seconds < 100.0)
        snprintf(text, 48, "%.1f s", seconds);
    else if (whole < 3600)
        snprintf(text, 48, "%d min %02d s", (int)(whole / 60), (int)(whole % 60));
    else
        snprintf(text, 48, "%lld h %02d min", (long long)(whole / 3600), (int)(whole / 60 % 60));
}

/* The number that a run is judged by: with test-time augmentation where that was asked for. */
static void append_main(struct ath__str *out, const struct ath__report *report) {
    const ath_train_result *r = report->result;
    bool                    augmented = report->scores && strcmp(report->scores->tta, "none") != 0;
    ath__str_printf(out,
                    "<div class=\"card main\"><b>%.2f%%</b><span>validation top-1<br>best epoch: %lld of %lld</span>",
                    augmented ? report->scores->top1 : r->top1_best, (long long)r->epoch_best, (long long)r->epochs);
    if (augmented) ath__str_printf(out, "<span>tta=%s; %.2f%% without</span>", report->scores->tta, r->top1_best);
    ath__str_append(out, "</div>\n");
}

static void append_scores(struct ath__str *out, const ath_eval_result *scores) {
    char text[64];
    if (scores->classes > 5) {
        snprintf(text, sizeof text, "%.2f%%", scores->top5);
        append_fact(out, text, "validation top-5, best epoch");
    }
    snprintf(text, sizeof text, "%.4g", scores->loss);
    append_fact(out, text, "validation loss, best epoch");
    snprintf(text, sizeof text, "%.2f%%", scores->calibration_error);
    append_fact(out, text, "calibration error, best epoch");
}

void ath__html_summary(struct ath__str *out, const struct ath__report *report) {
    const ath_train_result *r = report->result;
    char                    text[64];
    ath__str_append(out, "<h1>");
    ath__html_text(out, report->title);
    ath__str_append(out, "</h1>\n<p>");
    ath__html_text(out, r->run);
    ath__str_append(out, " &middot; ");
    ath__html_text(out, report->environment->time);
    ath__str_append(out, "</p>\n<div class=hero>");
    append_main(out, report);
    ath__str_append(out, "<div class=\"card facts\">\n");
    snprintf(text, sizeof text, "%.2f%%", r->top1_last);
    append_fact(out, text, "validation top-1, last epoch");
    snprintf(text, sizeof text, "%.2f%%", r->train_top1_last);
    append_fact(out, text, "training top-1, last epoch");
    if (report->scores) append_scores(out, report->scores);
    format_seconds(r->seconds, text);
    append_fact(out, text, "training time");
    snprintf(text, sizeof text, "%.0f", r->images_per_second);
    append_fact(out, text, "images per second");
    format_count(r->params, text);
    append_fact(out, text, "parameters");
    format_count(r->macs, text);
    append_fact(out, text, "multiply-accumulates per image");
    snprintf(text, sizeof text, "%.0f MiB", (double)r->peak_rss / 1048576.0);
    append_fact(out, text, "peak memory");
    ath__str_append(out, "</div></div>\n");
}
