/* The images that the best weights are most wrong about, as pictures in the page: largest loss first. */
#include "report/html_parts.h"

#include "base/error.h"
#include "report/png_write.h"

#include <stdio.h>

/* RFC 4648. */
static void append_base64(struct ath__str *out, const unsigned char *bytes, size_t size) {
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < size; i += 3) {
        size_t   left = size - i;
        uint32_t group = (uint32_t)bytes[i] << 16 | (left > 1 ? (uint32_t)bytes[i + 1] << 8 : 0) |
                         (left > 2 ? (uint32_t)bytes[i + 2] : 0);
        const char text[5] = {letters[group >> 18], letters[group >> 12 & 63],
                              left > 1 ? letters[group >> 6 & 63] : '=', left > 2 ? letters[group & 63] : '=', '\0'};
        ath__str_append(out, text);
    }
}

static ath_status append_image(struct ath__str *out, const struct ath__thumbnail *thumbnail, ath_error *err) {
    struct ath__str png = {0};
    ath_status      status = ath__png_append_rgb(thumbnail->rgb, thumbnail->width, thumbnail->height, &png, err);
    if (status == ATH_OK) {
        /* A small image is shown pixel by pixel, so that one sees what the net saw. */
        ath__str_printf(out, "<img alt=\"\" %ssrc=\"data:image/png;base64,",
                        thumbnail->width <= 64 && thumbnail->height <= 64 ? "class=s " : "");
        append_base64(out, (const unsigned char *)png.data, png.size);
        ath__str_append(out, "\">");
    }
    ath__str_free(&png);
    return status;
}

ath_status ath__html_mistakes(struct ath__str *out, const struct ath__report *report, ath_error *err) {
    const ath_eval_result *scores = report->scores;
    if (!report->worst || scores->worst_count == 0) return ATH_OK;
    ath__html_section(out, "mistakes", "Worst mistakes",
                      "The validation images with the largest loss under the best epoch's weights: what it is, what it "
                      "was taken for, and with which probability. Wrong labels gather here.");
    ath__str_append(out, "<div class=gallery>\n");
    for (int i = 0; i < scores->worst_count; i++) {
        const ath_mistake *m = &scores->worst[i];
        if (!report->worst[i].rgb) continue;
        ath__str_printf(out, "<figure title=\"image %lld of the split, loss %.3g\">", (long long)m->index, m->loss);
        ATH_TRY(append_image(out, &report->worst[i], err));
        ath__str_append(out, "<figcaption><b>");
        ath__html_class(out, report, m->label);
        ath__str_append(out,
                        m->label == m->predicted ? "</b><span class=right>found" : "</b><span class=wrong>taken for ");
        if (m->label != m->predicted) ath__html_class(out, report, m->predicted);
        ath__str_printf(out, "</span> <span class=d>%.0f%%</span></figcaption></figure>\n", 100.0 * m->probability);
    }
    ath__str_append(out, "</div></section>\n");
    return ATH_OK;
}
