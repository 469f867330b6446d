/* report.html: result, curves, classes, confusion matrix, epochs, settings, environment.
 *
 * Self-contained: the style is inline, the curves are an inline SVG, nothing is fetched. All text goes through
 * append_text, which escapes it; the SVG alone, which is ours, does not. Light and dark follow the reader's system.
 */
#include "report/html.h"

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/str.h"
#include "report/curves.h"
#include "report/html_parts.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char style[] =
    ":root{color-scheme:light dark;--ink:#111827;--soft:#4b5563;--line:#e5e7eb;--page:#f9fafb;--card:#fff;--accent:#2563eb;"
    "--heat:37,99,235;--miss:220,38,38}"
    "@media(prefers-color-scheme:dark){:root{--ink:#f3f4f6;--soft:#9ca3af;--line:#374151;--page:#0b0f17;--card:#141a24;"
    "--accent:#60a5fa;--heat:59,130,246;--miss:239,68,68}}"
    "*{box-sizing:border-box}body{margin:0;background:var(--page);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"
    "'Segoe UI','Noto Sans','DejaVu Sans',sans-serif}main{max-width:1180px;margin:0 auto;padding:32px 20px 64px}"
    "h1{font-size:26px;margin:0 0 4px;line-height:1.25}h2{font-size:18px;margin:36px 0 12px}p{margin:0 0 12px;"
    "color:var(--soft)}"
    ".figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:12px;margin:20px 0}"
    ".figure{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:12px 14px}"
    ".figure b{display:block;font-size:21px;font-weight:650;font-variant-numeric:tabular-nums}.figure span{color:var(--soft);"
    "font-size:13px}"
    ".card{background:var(--card);border:1px solid var(--line);border-radius:10px;overflow:auto;max-height:640px}"
    ".plot{background:#fff;max-height:none;padding:4px}.plot svg{display:block;width:100%;height:auto}"
    "table{border-collapse:collapse;width:100%;font-size:13.5px}th,td{padding:6px 12px;text-align:left;border-bottom:1px solid "
    "var(--line);white-space:nowrap}tr:last-child td{border-bottom:0}th{position:sticky;top:0;background:var(--card);"
    "color:var(--soft);font-weight:600}.n{text-align:right;font-variant-numeric:tabular-nums}td.w{white-space:normal;"
    "overflow-wrap:anywhere}tr.best td{font-weight:650}.d{color:var(--soft)}"
    ".bar{display:inline-block;width:120px;height:8px;border-radius:4px;background:var(--line);overflow:hidden;"
    "vertical-align:middle}.bar i{display:block;height:100%;background:var(--accent)}"
    ".matrix td,.matrix th{padding:4px 6px;text-align:center;border:1px solid var(--line);font-size:12px;"
    "font-variant-numeric:tabular-nums}.matrix tr>th:first-child{text-align:right;position:sticky;left:0;z-index:1}"
    ".matrix td{min-width:34px}.z{color:var(--line)}";

void ath__html_text(struct ath__str *out, const char *text) {
    while (*text) {
        uint32_t code;
        int      length = ath__utf8_next(text, &code);
        if (length == 0 || (code < 0x20 && code != '\t' && code != '\n'))
            ath__str_append(out, "\xEF\xBF\xBD");
        else if (code == '<')
            ath__str_append(out, "&lt;");
        else if (code == '>')
            ath__str_append(out, "&gt;");
        else if (code == '&')
            ath__str_append(out, "&amp;");
        else if (code == '"')
            ath__str_append(out, "&quot;");
        else if (code == '\'')
            ath__str_append(out, "&#39;");
        else
            ath__str_append_bytes(out, text, (size_t)length);
        text += length > 0 ? length : 1;
    }
}

static void append_figure(struct ath__str *out, const char *value, const char *name) {
    ath__str_append(out, "<div class=figure><b>");
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

static void append_result(struct ath__str *out, const struct ath__report *report) {
    const ath_train_result *r = report->result;
    char                    text[64], name[96];
    ath__str_append(out, "<h1>");
    ath__html_text(out, report->title);
    ath__str_append(out, "</h1>\n<p>");
    ath__html_text(out, r->run);
    ath__str_append(out, " &middot; ");
    ath__html_text(out, report->environment->time);
    ath__str_append(out, "</p>\n<div class=figures>\n");
    snprintf(text, sizeof text, "%.2f%%", r->top1_best);
    snprintf(name, sizeof name, "best validation top-1 (epoch %lld)", (long long)r->epoch_best);
    append_figure(out, text, name);
    snprintf(text, sizeof text, "%.2f%%", r->top1_last);
    append_figure(out, text, "last validation top-1");
    snprintf(text, sizeof text, "%.2f%%", r->train_top1_last);
    append_figure(out, text, "last training top-1");
    snprintf(text, sizeof text, "%.4g", r->loss_last);
    append_figure(out, text, "last validation loss");
    snprintf(text, sizeof text, "%lld", (long long)r->epochs);
    append_figure(out, text, "epochs");
    format_seconds(r->seconds, text);
    append_figure(out, text, "training time");
    snprintf(text, sizeof text, "%.0f", r->images_per_second);
    append_figure(out, text, "images per second");
    format_count(r->params, text);
    append_figure(out, text, "parameters");
    format_count(r->macs, text);
    append_figure(out, text, "multiply-accumulates per image");
    snprintf(text, sizeof text, "%.0f MiB", (double)r->peak_rss / 1048576.0);
    append_figure(out, text, "peak memory");
    ath__str_append(out, "</div>\n");
}

static ath_status append_curves(struct ath__str *out, const struct ath__report *report, ath_error *err) {
    struct ath__str svg = {0};
    ath_status      status = ath__curves_svg(report->title, report->epochs, report->epoch_count, &svg, err);
    const char *from = status == ATH_OK ? strstr(ath__str_text(&svg), "<svg") : NULL; /* behind the XML declaration */
    if (from) {
        ath__str_append(out, "<h2>Curves</h2>\n<div class=\"card plot\">");
        ath__str_append(out, from);
        ath__str_append(out, "</div>\n");
    }
    ath__str_free(&svg);
    return status;
}

static void append_epochs(struct ath__str *out, const struct ath__report *report) {
    int64_t best = ath__curves_best(report->epochs, report->epoch_count);
    bool    averaged = false;
    for (int64_t i = 0; i < report->epoch_count; i++) averaged = averaged || report->epochs[i].ema_top1 > 0.0;
    ath__str_append(out,
                    "<h2>Epochs</h2>\n<div class=card><table><tr><th class=n>epoch<th class=n>learning rate<th class=n>"
                    "training loss<th class=n>training top-1<th class=n>validation loss<th class=n>validation top-1<th "
                    "class=n>seconds<th class=n>images/s<th class=n>waiting for data");
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
    ath__str_append(out, "</table></div>\n");
}

static void append_settings(struct ath__str *out, const struct ath__report *report) {
    ath__str_append(out, "<h2>Settings</h2>\n<div class=card><table><tr><th>key<th>value<th>from</tr>\n");
    for (int i = 0; i < report->setting_count; i++) {
        const struct ath__config_line *s = &report->settings[i];
        const char                    *dim = strcmp(s->source, "default") == 0 ? " d" : "";
        ath__str_append(out, "<tr><td>");
        ath__html_text(out, s->key);
        ath__str_printf(out, "<td class=\"w%s\">", dim);
        ath__html_text(out, s->meaning ? s->meaning : s->value);
        ath__str_printf(out, "<td class=\"w%s\">", dim);
        ath__html_text(out, s->source);
        ath__str_append(out, "</tr>\n");
    }
    ath__str_append(out, "</table></div>\n");
}

static void append_pair(struct ath__str *out, const char *name, const char *value) {
    if (!*value) return;
    ath__str_append(out, "<tr><td>");
    ath__html_text(out, name);
    ath__str_append(out, "<td class=w>");
    ath__html_text(out, value);
    ath__str_append(out, "</tr>\n");
}

static void append_environment(struct ath__str *out, const struct ath__report *report) {
    const struct ath__environment *e = report->environment;
    const ath_train_result        *r = report->result;
    char                           text[160];
    ath__str_append(out, "<h2>Environment</h2>\n<div class=card><table>\n");
    snprintf(text, sizeof text, "%s%s%s%s", e->version, *e->revision ? " (" : "", e->revision, *e->revision ? ")" : "");
    append_pair(out, "Athanor", text);
    snprintf(text, sizeof text, "%s, %s", e->compiler, e->build);
    append_pair(out, "built with", text);
    snprintf(text, sizeof text, "%s (%s kernels)", e->processor, e->tier);
    append_pair(out, "processor", text);
    snprintf(text, sizeof text, "%d of %d processors", r->threads, e->processors);
    append_pair(out, "threads", text);
    append_pair(out, "device", r->device);
    append_pair(out, "precision", r->precision);
    snprintf(text, sizeof text, "%.1f GiB; planned for a step: %.1f MiB", (double)e->memory_bytes / 1073741824.0,
             (double)r->planned_bytes / 1048576.0);
    append_pair(out, "memory", text);
    append_pair(out, "oneDNN", e->onednn);
    append_pair(out, "system", e->system);
    ath__str_append(out, "</table></div>\n");
}

ath_status ath__report_html_write(const char *path, const struct ath__report *report, ath_error *err) {
    struct ath__str out = {0};
    ath__str_append(&out, "<!doctype html>\n<html lang=en><head><meta charset=utf-8>"
                          "<meta name=viewport content=\"width=device-width,initial-scale=1\"><title>");
    ath__html_text(&out, report->title);
    ath__str_append(&out, "</title><style>");
    ath__str_append(&out, style);
    ath__str_append(&out, "</style></head><body><main>\n");
    append_result(&out, report);
    ath_status status = append_curves(&out, report, err);
    ath__html_classes(&out, report);
    append_epochs(&out, report);
    append_settings(&out, report);
    append_environment(&out, report);
    ath__str_append(&out, "</main></body></html>\n");
    if (status == ATH_OK && out.failed) status = ath__fail_memory(err, path);
    if (status == ATH_OK) status = ath__file_write(path, out.data, out.size, err);
    ath__str_free(&out);
    return status;
}
