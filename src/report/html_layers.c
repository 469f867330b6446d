/* What the layers of the net cost: parameters, multiply-accumulates, and time on this machine while it trained. */
#include "report/html_parts.h"

#include <stdio.h>

static void append_number(struct ath__str *out, int64_t number) {
    char   text[32], grouped[48];
    int    size = snprintf(text, sizeof text, "%lld", (long long)number);
    size_t at = 0;
    for (int i = 0; i < size; i++) {
        if (i > 0 && (size - i) % 3 == 0) grouped[at++] = ',';
        grouped[at++] = text[i];
    }
    grouped[at] = '\0';
    ath__str_printf(out, "<td class=n>%s", number > 0 ? grouped : "");
}

void ath__html_layers(struct ath__str *out, const struct ath__report *report) {
    const ath_profile *profile = report->layers;
    double             total = 0.0;
    char               lead[256];
    if (!profile || profile->layer_count == 0) return;
    for (int i = 0; i < profile->layer_count; i++) total += profile->layers[i].ms;
    if (total > 0.0)
        snprintf(
            lead, sizeof lead,
            "Times are forward and backward together, the mean over some of the run's own first steps: %.2f ms for a "
            "batch of %lld.",
            total, (long long)report->layers_batch);
    else
        snprintf(lead, sizeof lead, "The run was too short to take times.");
    ath__html_section(out, "layers", "Layers", lead);
    ath__str_append(out,
                    "<div class=\"card scroll\"><table><tr><th>layer<th>operator<th>output<th class=n>parameters<th "
                    "class=n>MACs per image<th class=n>ms<th class=n>share<th></tr>\n");
    for (int i = 0; i < profile->layer_count; i++) {
        const ath_layer_profile *layer = &profile->layers[i];
        double                   share = total > 0.0 ? 100.0 * layer->ms / total : 0.0;
        ath__str_append(out, "<tr><td>");
        ath__html_text(out, layer->name);
        ath__str_append(out, "<td class=d>");
        ath__html_text(out, layer->op);
        ath__str_append(out, "<td class=d>");
        ath__html_text(out, layer->shape);
        append_number(out, layer->params);
        append_number(out, layer->macs);
        ath__str_printf(
            out, "<td class=n>%.3f<td class=n>%.1f%%<td><span class=bar><i style=\"width:%.1f%%\"></i></span></tr>\n",
            layer->ms, share, share);
    }
    ath__str_append(out, "</table></div></section>\n");
}
