/* The settings of a run, those that somebody chose before the defaults, and the machine that it ran on. */
#include "report/html_parts.h"

#include <stdio.h>
#include <string.h>

static bool is_default(const struct ath__config_line *setting) {
    return strcmp(setting->source, "default") == 0;
}

static void append_settings(struct ath__str *out, const struct ath__report *report, bool defaults) {
    ath__str_append(out, "<table><tr><th>key<th>value<th>from</tr>\n");
    for (int i = 0; i < report->setting_count; i++) {
        const struct ath__config_line *s = &report->settings[i];
        if (is_default(s) != defaults) continue;
        ath__str_append(out, "<tr><td>");
        ath__html_text(out, s->key);
        ath__str_append(out, "<td class=w>");
        ath__html_text(out, s->value);
        ath__str_append(out, "<td class=\"w d\">");
        ath__html_text(out, s->source);
        ath__str_append(out, "</tr>\n");
    }
    ath__str_append(out, "</table>\n");
}

void ath__html_settings(struct ath__str *out, const struct ath__report *report) {
    int defaults = 0;
    for (int i = 0; i < report->setting_count; i++) defaults += is_default(&report->settings[i]);
    ath__html_section(out, "settings", "Settings", "What was chosen for this run; config.yaml repeats it.");
    ath__str_append(out, "<div class=card>");
    append_settings(out, report, false);
    ath__str_printf(out,
                    "</div>\n<div class=card style=\"margin-top:12px\"><details><summary>%d settings at their "
                    "default</summary>",
                    defaults);
    append_settings(out, report, true);
    ath__str_append(out, "</details></div></section>\n");
}

static void append_pair(struct ath__str *out, const char *name, const char *value) {
    if (!*value) return;
    ath__str_append(out, "<tr><td class=d>");
    ath__html_text(out, name);
    ath__str_append(out, "<td class=w>");
    ath__html_text(out, value);
    ath__str_append(out, "</tr>\n");
}

void ath__html_environment(struct ath__str *out, const struct ath__report *report) {
    const struct ath__environment *e = report->environment;
    const ath_train_result        *r = report->result;
    char                           text[160];
    ath__html_section(out, "machine", "Machine", NULL);
    ath__str_append(out, "<div class=card><table>\n");
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
    ath__str_append(out, "</table></div></section>\n");
}
