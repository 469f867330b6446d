/* Evaluation: every batch through the forward program, scores added up in one place. */
#include "train/evaluate.h"

#include "base/error.h"

static ath_status evaluate(struct ath__viewer *viewer, const struct ath__feed *feed, struct ath__metrics *metrics,
                           ath_error *err) {
    ATH_TRY(ath__feed_start(feed, 0, 0, err));
    for (;;) {
        struct ath__samples samples;
        ATH_TRY(ath__feed_next(feed, &samples, err));
        if (samples.count == 0) return ATH_OK;
        ATH_TRY(ath__viewer_eval(viewer, &samples, ath__metrics_add, metrics, err));
    }
}

ath_status ath__evaluate_views(struct ath__network *network, const struct ath__tta *tta, int64_t batch,
                               const struct ath__feed *feed, struct ath__metrics *metrics, ath_error *err) {
    struct ath__viewer viewer;
    ath_status         status = ath__viewer_open(network, tta, batch, &viewer, err);
    if (status == ATH_OK) status = evaluate(&viewer, feed, metrics, err);
    ath__viewer_close(&viewer);
    return status;
}

ath_status ath__evaluate(struct ath__network *network, const struct ath__feed *feed, struct ath__metrics *metrics,
                         ath_error *err) {
    const struct ath__tta *none;
    ATH_TRY(ath__tta_find("none", &none, err));
    return ath__evaluate_views(network, none, 0, feed, metrics, err);
}
