/* Confusion matrices as numbers: the CSV file, the shades of cells, the order of confusions. */
#include "report/confusion.h"

#include "base/error.h"
#include "base/file.h"

#include <math.h>
#include <string.h>

double ath__confusion_shade(int64_t count, int64_t row_images, bool diagonal) {
    if (count <= 0 || row_images <= 0) return 0.0;
    double share = (double)count / (double)row_images;
    return diagonal ? share : sqrt(share);
}

bool ath__confusion_next(const ath_eval_result *scores, struct ath__confusion *confusion) {
    struct ath__confusion next = {0, -1, -1};
    for (int r = 0; r < scores->classes; r++) {
        for (int c = 0; c < scores->classes; c++) {
            int64_t here = scores->confusion[(size_t)r * (size_t)scores->classes + (size_t)c];
            bool    behind =
                here < confusion->count ||
                (here == confusion->count && (r > confusion->row || (r == confusion->row && c > confusion->column)));
            if (r != c && here > next.count && behind) next = (struct ath__confusion){here, r, c};
        }
    }
    *confusion = next;
    return next.count > 0;
}

/* Quoted where it holds a comma, a quote or a line break (RFC 4180). */
static void append_field(struct ath__str *out, const char *text) {
    if (!strpbrk(text, ",\"\r\n")) {
        ath__str_append(out, text);
        return;
    }
    ath__str_append(out, "\"");
    for (; *text; text++) {
        if (*text == '"') ath__str_append(out, "\"");
        ath__str_append_bytes(out, text, 1);
    }
    ath__str_append(out, "\"");
}

ath_status ath__confusion_csv_write(const char *path, const ath_eval_result *scores, ath_error *err) {
    struct ath__str out = {0};
    ath__str_append(&out, "true\\predicted");
    for (int c = 0; c < scores->classes; c++) {
        ath__str_append(&out, ",");
        append_field(&out, scores->per_class[c].title);
    }
    ath__str_append(&out, "\n");
    for (int r = 0; r < scores->classes; r++) {
        append_field(&out, scores->per_class[r].title);
        for (int c = 0; c < scores->classes; c++)
            ath__str_printf(&out, ",%lld",
                            (long long)scores->confusion[(size_t)r * (size_t)scores->classes + (size_t)c]);
        ath__str_append(&out, "\n");
    }
    ath_status status = out.failed ? ath__fail_memory(err, path) : ath__file_write(path, out.data, out.size, err);
    ath__str_free(&out);
    return status;
}
