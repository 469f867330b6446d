/* Fuzzes lists of transforms: any text is refused with a message, or is a list that runs on any image it fits. */
#include "base/mem.h"
#include "data/augment/augment.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { COUNT = 3, CHANNELS = 3, HEIGHT = 9, WIDTH = 7, PIXELS = CHANNELS * HEIGHT * WIDTH };

/* One small batch. */
static void run(const struct ath__augment *augment, const unsigned char *picture) {
    static const struct ath__preprocess preprocess = {.mean = {0.5, 0.4, 0.3}, .deviation = {0.2, 0.3, 0.4}};
    struct ath__preprocessor            preprocessor;
    float                               images[COUNT][PIXELS], spare[PIXELS], weights[COUNT];
    int32_t                             labels[COUNT] = {0, 1, 2}, second[COUNT];
    int64_t                             indices[COUNT] = {5, 6, 7};
    if (ath__preprocessor_open(&preprocessor, &preprocess, CHANNELS, HEIGHT, WIDTH, NULL) != ATH_OK) abort();
    void *scratch = ath__alloc(ath__sample_scratch(&preprocessor));
    for (uint32_t i = 0; i < COUNT && scratch; i++)
        ath__augment_image(augment, &(struct ath__draw){9, 1, 5 + i}, &preprocessor, picture, images[i], scratch);
    struct ath__mix_batch batch = {images[0], labels, second, weights, indices, COUNT, CHANNELS, HEIGHT, WIDTH};
    if (scratch && ath__augment_mixes(augment)) {
        ath__augment_mix(augment, 9, 1, &batch, spare);
        for (int i = 0; i < COUNT; i++)
            if (!(weights[i] >= 0.5f && weights[i] <= 1.0f)) abort();
    }
    ath__free(scratch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    unsigned char        picture[PIXELS];
    struct ath__augment *augment = NULL;
    ath_error            err = {0};
    char                *text = ath__alloc(size + 1);
    if (!text) return 0;
    if (size > 0) memcpy(text, data, size);
    text[size] = '\0';
    for (size_t i = 0; i < PIXELS; i++) picture[i] = size > 0 ? data[i % size] : 0;
    if (ath__augment_open(text, &augment, &err) != ATH_OK) {
        if (augment || err.code == ATH_OK || !err.message[0]) abort();
    } else if (ath__augment_fit(augment, CHANNELS, HEIGHT, WIDTH, &err) == ATH_OK && augment) {
        run(augment, picture);
    }
    ath__augment_close(augment);
    ath__free(text);
    return 0;
}
