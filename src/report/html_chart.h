/* Line charts as inline SVG, coloured by the page's style. */
#ifndef ATH_REPORT_HTML_CHART_H
#define ATH_REPORT_HTML_CHART_H

#include "report/html_parts.h"

struct ath__html_series {
    const char   *name;  /* "training" */
    char          color; /* t, v or r: the classes of html_style.c */
    const double *y;
};

struct ath__html_chart {
    const char                    *title;
    const double                  *x; /* epochs: whole numbers */
    int64_t                        count;
    const struct ath__html_series *series;
    int                            series_count;
    double                         width, height;  /* of the drawing; it is scaled to the page */
    double                         floor, ceiling; /* limits that the vertical axis never passes; NAN = none */
    bool                           may_be_log;
    int64_t                        mark; /* point of the last series that gets a ring; -1 = none */
    const char                    *unit; /* behind the numbers of tooltips: "%" or "" */
};

void ath__html_chart(struct ath__str *out, const struct ath__html_chart *chart);

#endif
