/* Fuzzes the IDX reader, raw and packed: any bytes give an array whose data can be read whole, or one error. The first
 * byte chooses the rank that is asked for. */
#include "base/mem.h"
#include "data/idx.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct ath__idx idx;
    ath_error       err = {0};
    if (size < 1) return 0;
    int        rank = 1 + data[0] % 4;
    uint64_t   live = ath__mem_stats().live_bytes;
    ath_status status = ath__idx_parse(data + 1, size - 1, "fuzz", rank, &idx, &err);
    if (status == ATH_OK) {
        uint64_t      count = 1;
        volatile char sum = 0;
        for (int i = 0; i < rank; i++) count *= (uint64_t)idx.dims[i];
        for (uint64_t i = 0; i < count; i++) sum = (char)(sum + idx.data[i]);
        ath__free(idx.data);
    } else if (idx.data || err.code != status || err.message[0] == '\0') {
        abort();
    }
    if (ath__mem_stats().live_bytes != live) abort();
    return 0;
}
