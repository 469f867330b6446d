/* Pieces of report.html, one file each. */
#ifndef ATH_REPORT_HTML_PARTS_H
#define ATH_REPORT_HTML_PARTS_H

#include "base/str.h"
#include "report/html.h"

/* Appends text, escaped for element content and for quoted attributes. */
void ath__html_text(struct ath__str *out, const char *text);
/* Opens a section: its anchor, its heading, and a line below it (plain text; may be NULL). Closed by "</section>\n". */
void ath__html_section(struct ath__str *out, const char *anchor, const char *heading, const char *lead);
/* The name of a class, escaped. */
void ath__html_class(struct ath__str *out, const struct ath__report *report, int c);

extern const char *const ath__html_style[]; /* pieces; NULL ends them */

/* Each appends a section, or nothing where the report has nothing for it. */
void       ath__html_summary(struct ath__str *out, const struct ath__report *report);
void       ath__html_findings(struct ath__str *out, const char *findings);
ath_status ath__html_curves(struct ath__str *out, const struct ath__report *report, ath_error *err);
ath_status ath__html_mistakes(struct ath__str *out, const struct ath__report *report, ath_error *err);
void       ath__html_classes(struct ath__str *out, const struct ath__report *report);
void       ath__html_matrix(struct ath__str *out, const struct ath__report *report);
void       ath__html_calibration(struct ath__str *out, const struct ath__report *report);
void       ath__html_layers(struct ath__str *out, const struct ath__report *report);
void       ath__html_epochs(struct ath__str *out, const struct ath__report *report);
void       ath__html_settings(struct ath__str *out, const struct ath__report *report);
void       ath__html_environment(struct ath__str *out, const struct ath__report *report);

#endif
