/* Pieces of report.html that have a file of their own. */
#ifndef ATH_REPORT_HTML_PARTS_H
#define ATH_REPORT_HTML_PARTS_H

#include "base/str.h"
#include "report/html.h"

/* Appends text, escaped for element content and for quoted attributes. */
void ath__html_text(struct ath__str *out, const char *text);

/* The table of classes and the confusion matrix; nothing where the report has none. */
void ath__html_classes(struct ath__str *out, const struct ath__report *report);

#endif
