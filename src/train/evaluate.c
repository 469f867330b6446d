/* Evaluation: every batch through the forward program, scores added up in one place. */
#include "train/evaluate.h"

#include "base/error.h"
#include "train/setup.h"

static ath_status evaluate(struct ath__viewer *viewer, struct ath__loader *loader, struct ath__metrics *metrics,
                           ath_error *err) {
    ATH_TRY(ath__loader_start(loader, 0, 0, err));
    for (;;) {
        struct ath__batch batch;
        ATH_TRY(ath__loader_next(loader, &batch, err));
        if (batch.count == 0) return ATH_OK;
        struct ath__samples samples = ath__setup_samples(&batch);
        ATH_TRY(ath__viewer_eval(viewer, &samples, ath__metrics_add, metrics, err));
    }
}

ath_status ath__evaluate_views(struct ath__network *network, const struct ath__tta *tta, int64_t batch,
                               struct ath__loader *loader, struct ath__metrics *metrics, ath_error *err) {
    struct ath__viewer viewer;
    ath_status         status = ath__viewer_open(network, tta, batch, &viewer, err);
    if (status == ATH_OK) status = evaluate(&viewer, loader, metrics, err);
    ath__viewer_close(&viewer);
    return status;
}

ath_status ath__evaluate(struct ath__network *network, struct ath__loader *loader, struct ath__metrics *metrics,
                         ath_error *err) {
    const struct ath__tta *none;
    ATH_TRY(ath__tta_find("none", &none, err));
    return ath__evaluate_views(network, none, 0, loader, metrics, err);
}
