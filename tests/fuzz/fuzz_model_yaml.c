/* Fuzzes model files: any bytes either give a net that builds or fails with a message, or are refused with one. */
#include "athanor/model.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    ath_model *model = NULL;
    ath_error  err = {0};
    ath_status status = ath_model_create_text("fuzz.yaml", (const char *)data, size, &model, &err);
    if (status != ATH_OK) {
        if (model || !err.message[0]) abort();
        return 0;
    }
    ath_model_counts counts;
    status = ath_model_count(model, &counts, &err);
    if (status != ATH_OK && !err.message[0]) abort();
    ath_model_destroy(model);
    return 0;
}
