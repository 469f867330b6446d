/* What a weights file says about the run that made it. */
#include "base/str.h"
#include "train/doctor/evidence.h"
#include "train/model_file.h"
#include "train/settings.h"
#include "train/setup_preprocess.h"
#include "train/weights.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static void describe(const struct ath__preprocess *p, char *text, size_t capacity) {
    char size[96];
    ath__preprocess_text(p, size, sizeof size);
    snprintf(text, capacity, "%s, pixels less %.3g over %.3g", size, p->mean[0], p->deviation[0]);
}

/* The same pixels come out, to within a thousandth of a deviation. Height and width 0 stand for "as stored". */
static bool same(const struct ath__preprocess *a, const struct ath__preprocess *b) {
    if (a->height != b->height || a->width != b->width || a->fit != b->fit || a->fit_height != b->fit_height ||
        a->fit_width != b->fit_width || a->filter != b->filter || a->rounding != b->rounding)
        return false;
    for (int c = 0; c < 4; c++)
        if (fabs(a->mean[c] - b->mean[c]) > 1e-3 * b->deviation[c] ||
            fabs(a->deviation[c] - b->deviation[c]) > 1e-3 * b->deviation[c])
            return false;
    return true;
}

void ath__evidence_tuning(struct ath__evidence *evidence, const struct ath__preprocess *preprocess) {
    struct ath__tuning_facts *tuning = &evidence->tuning;
    const char               *weights = ath__config_text(evidence->config, "weights");
    char                      path[ATH_PATH_MAX];
    ath_tensor_file           file;
    memset(tuning, 0, sizeof *tuning);
    tuning->known = true;
    if (!*weights || ath__weights_find(weights, path, NULL) != ATH_OK ||
        ath_tensor_file_load(path, &file, NULL) != ATH_OK)
        return;
    if (ath__is_described(&file)) {
        struct ath__preprocess before;
        ath__model_file_preprocess(&file, &before);
        tuning->prepared_otherwise = !same(&before, preprocess);
        describe(&before, tuning->there, sizeof tuning->there);
        describe(preprocess, tuning->here, sizeof tuning->here);
    }
    ath_tensor_file_free(&file);
}
