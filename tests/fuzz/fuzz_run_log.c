/* Fuzzes the readers of what a run or a user leaves: lines of log.jsonl, and the values of a sweep. */
#include "base/mem.h"
#include "train/doctor/evidence.h"
#include "train/tune/sweep_plan.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_log(const char *text, size_t size) {
    struct ath__vitals *vitals = NULL;
    int64_t             count = 0;
    if (ath__vitals_collect(text, size, &vitals, &count, NULL, NULL, NULL) != ATH_OK) abort();
    for (int64_t i = 0; i < count; i++)
        if (vitals[i].epoch < 1 || strlen(vitals[i].layer) >= sizeof vitals[i].layer) abort();
    ath__free(vitals);
}

static void read_axis(const char *text) {
    struct ath__sweep_axis axis;
    ath_error              err = {0};
    ath_status             status = ath__sweep_axis_read(&axis, "lr", text, &err);
    if (status == ATH_OK && !axis.range && axis.count < 1) abort();
    if (status == ATH_OK && axis.range && !(axis.low < axis.high && axis.points >= 2)) abort();
    if (status != ATH_OK && err.message[0] == '\0') abort();
    ath__sweep_axis_free(&axis);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = malloc(size + 1);
    if (!text) return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    read_log(text, size);
    read_axis(text);
    free(text);
    return 0;
}
