/* report.html: what came out, what the doctor says, curves, mistakes, classes, calibration, layers, epochs, settings,
 * machine.
 *
 * Self-contained: the style is inline, figures are inline SVG and PNG, nothing is fetched and nothing is run. All text
 * goes through ath__html_text, which escapes it. Light and dark follow the reader's system. The doctor's findings stand
 * between two comments, so that a later diagnosis can be put in.
 */
#include "report/html.h"

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "report/html_parts.h"

#include <string.h>

static const char findings_begin[] = "<!--findings-->", findings_end[] = "<!--/findings-->";

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

void ath__html_section(struct ath__str *out, const char *anchor, const char *heading, const char *lead) {
    ath__str_printf(out, "<section id=%s><h2>%s</h2>\n", anchor, heading);
    if (!lead) return;
    ath__str_append(out, "<p class=lead>");
    ath__html_text(out, lead);
    ath__str_append(out, "</p>\n");
}

void ath__html_class(struct ath__str *out, const struct ath__report *report, int c) {
    ath__html_text(out, report->scores->per_class[c].title);
}

static void append_navigation(struct ath__str *out, const struct ath__report *report) {
    ath__str_append(out, "<nav><div><a href=#top>Athanor</a><a href=#curves>Curves</a>");
    if (report->scores && report->worst && report->scores->worst_count > 0)
        ath__str_append(out, "<a href=#mistakes>Mistakes</a>");
    if (report->scores)
        ath__str_append(out,
                        "<a href=#classes>Classes</a><a href=#confusion>Confusion</a><a href=#calibration>Calibration"
                        "</a>");
    if (report->layers && report->layers->layer_count > 0) ath__str_append(out, "<a href=#layers>Layers</a>");
    ath__str_append(
        out, "<a href=#epochs>Epochs</a><a href=#settings>Settings</a><a href=#machine>Machine</a></div></nav>\n");
}

static ath_status append_page(struct ath__str *out, const struct ath__report *report, ath_error *err) {
    ath__str_append(out, "<!doctype html>\n<html lang=en><head><meta charset=utf-8>"
                         "<meta name=viewport content=\"width=device-width,initial-scale=1\"><title>");
    ath__html_text(out, report->title);
    ath__str_append(out, "</title><style>");
    for (const char *const *piece = ath__html_style; *piece; piece++) ath__str_append(out, *piece);
    ath__str_append(out, "</style></head><body id=top>\n");
    append_navigation(out, report);
    ath__str_append(out, "<main>\n");
    ath__html_summary(out, report);
    ath__str_append(out, findings_begin);
    ath__html_findings(out, report->findings);
    ath__str_append(out, findings_end);
    ATH_TRY(ath__html_curves(out, report, err));
    if (report->scores) {
        ATH_TRY(ath__html_mistakes(out, report, err));
        ath__html_classes(out, report);
        ath__html_matrix(out, report);
        ath__html_calibration(out, report);
    }
    ath__html_layers(out, report);
    ath__html_epochs(out, report);
    ath__html_settings(out, report);
    ath__html_environment(out, report);
    ath__str_append(out, "</main></body></html>\n");
    return ATH_OK;
}

ath_status ath__report_html_write(const char *path, const struct ath__report *report, ath_error *err) {
    struct ath__str out = {0};
    ath_status      status = append_page(&out, report, err);
    if (status == ATH_OK && out.failed) status = ath__fail_memory(err, path);
    if (status == ATH_OK) status = ath__file_write(path, out.data, out.size, err);
    ath__str_free(&out);
    return status;
}

ath_status ath__report_html_findings(const char *path, const char *findings, ath_error *err) {
    enum { MOST_BYTES = 1 << 28 };
    struct ath__str out = {0};
    char           *old = NULL;
    size_t          size;
    ATH_TRY(ath__file_read(path, MOST_BYTES, &old, &size, err));
    char      *begin = strstr(old, findings_begin), *end = begin ? strstr(begin, findings_end) : NULL;
    ath_status status = ATH_OK;
    if (end) {
        ath__str_append_bytes(&out, old, (size_t)(begin - old) + strlen(findings_begin));
        ath__html_findings(&out, findings);
        ath__str_append_bytes(&out, end, size - (size_t)(end - old));
        status = out.failed ? ath__fail_memory(err, path) : ath__file_write(path, out.data, out.size, err);
    } else {
        status = ath__fail(err, ATH_DATA, path, "this is no report with a place for findings");
    }
    ath__str_free(&out);
    ath__free(old);
    return status;
}
