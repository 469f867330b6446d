/* The doctor's findings, from the text of doctor.json: an object with an array "findings" of objects with code, title,
 * evidence, cause, change and confidence. Whatever does not have that form is left out; confidence may be a share from
 * 0 to 1 or a word.
 */
#include "report/html_parts.h"

#include <jansson.h>

static const char *text_of(const json_t *finding, const char *key) {
    const char *text = json_string_value(json_object_get(finding, key));
    return text ? text : "";
}

static void append_line(struct ath__str *out, const json_t *finding, const char *key, const char *label) {
    const char *text = text_of(finding, key);
    if (!*text) return;
    ath__str_printf(out, "<p>%s", label);
    ath__html_text(out, text);
    ath__str_append(out, "</p>\n");
}

/* One setting, or a list of them. */
static void append_change(struct ath__str *out, const json_t *change) {
    bool   list = json_is_array(change);
    size_t count = list ? json_array_size(change) : json_is_string(change) ? 1 : 0;
    if (count == 0) return;
    ath__str_append(out, "<p>Change: ");
    for (size_t i = 0; i < count; i++) {
        const char *text = json_string_value(list ? json_array_get(change, i) : change);
        ath__str_append(out, i > 0 ? " <code>" : "<code>");
        ath__html_text(out, text ? text : "");
        ath__str_append(out, "</code>");
    }
    ath__str_append(out, "</p>\n");
}

static void append_finding(struct ath__str *out, const json_t *finding) {
    const json_t *confidence = json_object_get(finding, "confidence");
    ath__str_append(out, "<div class=\"card finding\">");
    if (json_is_number(confidence) || json_is_string(confidence)) {
        ath__str_append(out, "<span class=sure>confidence ");
        if (json_is_number(confidence))
            ath__str_printf(out, "%.0f%%", 100.0 * json_number_value(confidence));
        else
            ath__html_text(out, json_string_value(confidence));
        ath__str_append(out, "</span>");
    }
    ath__str_append(out, "<h3><span class=chip>");
    ath__html_text(out, text_of(finding, "code"));
    ath__str_append(out, "</span>");
    ath__html_text(out, text_of(finding, "title"));
    ath__str_append(out, "</h3>\n");
    append_line(out, finding, "evidence", "");
    append_line(out, finding, "cause", "Likely cause: ");
    append_change(out, json_object_get(finding, "change"));
    ath__str_append(out, "</div>\n");
}

void ath__html_findings(struct ath__str *out, const char *findings) {
    json_t *root = findings ? json_loads(findings, 0, NULL) : NULL;
    json_t *list = json_object_get(root, "findings");
    if (json_is_array(list)) {
        size_t  index;
        json_t *finding;
        ath__html_section(out, "findings", "What the doctor says",
                          json_array_size(list) == 0 ? "Nothing is wrong with this run, as far as the rules can tell."
                                                     : NULL);
        json_array_foreach(list, index, finding) {
            if (*text_of(finding, "code") || *text_of(finding, "title")) append_finding(out, finding);
        }
        ath__str_append(out, "</section>\n");
    }
    json_decref(root);
}
