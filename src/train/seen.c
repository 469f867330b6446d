/* Counting labels, and accuracy where the network had a chance. */
#include "train/seen.h"

#include "base/error.h"
#include "base/mem.h"

ath_status ath__seen_note(const ath_dataset *train, struct ath__model_info *info, ath_error *err) {
    int64_t count = ath_dataset_describe(train).count;
    int     missing = info->classes;
    ath__free(info->unseen);
    info->unseen = ATH_NEW_ARRAY(bool, info->classes);
    if (!info->unseen) return ath__fail_memory(err, "classes");
    for (int c = 0; c < info->classes; c++) info->unseen[c] = true;
    for (int64_t i = 0; i < count && missing > 0; i++) {
        int label;
        ATH_TRY(ath_dataset_label(train, i, &label, err));
        if (label < 0 || label >= info->classes || !info->unseen[label]) continue;
        info->unseen[label] = false;
        missing--;
    }
    if (missing > 0) return ATH_OK;
    ath__free(info->unseen);
    info->unseen = NULL;
    return ATH_OK;
}

void ath__seen_score(const struct ath__model_info *info, ath_eval_result *result) {
    int64_t correct = 0;
    result->seen_classes = 0;
    result->seen_images = 0;
    for (int c = 0; c < result->classes; c++) {
        if (info->unseen && c < info->classes && info->unseen[c]) continue;
        result->seen_classes++;
        result->seen_images += result->per_class[c].images;
        correct += result->per_class[c].correct;
    }
    result->top1_seen = result->seen_images > 0 ? 100.0 * (double)correct / (double)result->seen_images : 0.0;
}
