/* Fuzzes the pickle reader: any bytes give a tree or one error, and a tree can be walked as far as one cares to. */
#include "base/mem.h"
#include "format/torch/pickle.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Values may be shared and form circles, so the walk has a depth and a number of steps. */
static size_t walk(const struct ath__pickle *value, int depth, int *steps) {
    size_t sum = 0;
    if (!value || depth > 20 || --*steps < 0) return 0;
    switch (value->kind) {
    case ATH_PICKLE_TEXT:
    case ATH_PICKLE_BYTES:
    case ATH_PICKLE_BIG:
    case ATH_PICKLE_GLOBAL:
        for (size_t i = 0; i < value->as.bytes.length; i++) sum += (unsigned char)value->as.bytes.text[i];
        if (value->kind == ATH_PICKLE_GLOBAL && strlen(value->as.bytes.text) > value->as.bytes.length) abort();
        break;
    case ATH_PICKLE_TUPLE:
    case ATH_PICKLE_LIST:
    case ATH_PICKLE_SET:
    case ATH_PICKLE_DICT:
    case ATH_PICKLE_OBJECT:
        for (size_t i = 0; i < value->as.list.count; i++) sum += walk(value->as.list.items[i], depth + 1, steps);
        if (value->kind == ATH_PICKLE_DICT && value->as.list.count % 2 != 0) abort();
        sum += ath__pickle_get(value, "state_dict") != NULL;
        break;
    default: break;
    }
    return sum + walk(value->callable, depth + 1, steps) + walk(value->args, depth + 1, steps) +
           walk(value->state, depth + 1, steps);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct ath__arena         arena = {0};
    struct ath__pickle_result result;
    ath_error                 err = {0};
    uint64_t                  live = ath__mem_stats().live_bytes;
    int                       steps = 10000;
    ath_status                status = ath__pickle_read("fuzz", data, size, &arena, &result, &err);
    if (status == ATH_OK) {
        if (!result.root || result.size > size) abort();
        size_t sum = walk(result.root, 0, &steps);
        for (size_t i = 0; i < result.persistent_count; i++) sum += walk(result.persistent[i], 0, &steps);
        volatile size_t kept = sum;
        (void)kept;
    } else if (result.root || err.code != status || err.message[0] == '\0') {
        abort();
    }
    ath__free(result.persistent);
    ath__arena_free(&arena);
    if (ath__mem_stats().live_bytes != live) abort();
    return 0;
}
