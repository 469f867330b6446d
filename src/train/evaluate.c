/* Evaluation: every batch through the forward program, scores added up in one place. */
#include "train/evaluate.h"

#include "base/error.h"
#include "train/setup.h"

ath_status ath__evaluate(struct ath__network *network, struct ath__loader *loader, struct ath__metrics *metrics,
                         ath_error *err) {
    ATH_TRY(ath__loader_start(loader, 0, 0, err));
    for (;;) {
        struct ath__batch batch;
        ATH_TRY(ath__loader_next(loader, &batch, err));
        if (batch.count == 0) return ATH_OK;
        struct ath__samples samples = ath__setup_samples(&batch);
        ATH_TRY(ath__network_eval(network, &samples, ath__metrics_add, metrics, err));
    }
}
