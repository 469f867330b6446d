/* Times single photos from the file to the probabilities, as a program that holds a trained network predicts them.
 *
 *     bench_predict [rounds=7] KEY=VALUE... FILE...
 *
 * Keys are those of `athanor predict` (weights= and what describes the network, threads=); batch=1 is set. A photo's time
 * is everything between the moment in which its path is handed to the library and that in which its classes come back:
 * reading, decoding, resizing, normalising, the network, softmax and the choice of the best classes. All files are taken
 * in each round; the first round compiles and warms up. Printed: one JSON object with the lowest, median and highest
 * latency in milliseconds over all photos and rounds, and the class index and probability of each photo.
 * bench/peers/predict_peer.py lays PyTorch beside it.
 */
#include "athanor/athanor.h"

#include "base/clock.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct guess {
    int    index;
    double probability;
};

struct run {
    char        **files;
    int           file_count, rounds, at; /* at: photos handed out so far, the warm-up's among them */
    double        begin;
    double       *latency; /* (rounds, file_count), seconds */
    struct guess *guess;   /* (file_count) */
    const char   *problem;
};

static const char *next_photo(void *context) {
    struct run *run = context;
    if (run->problem || run->at == (run->rounds + 1) * run->file_count) return NULL;
    const char *path = run->files[run->at++ % run->file_count];
    run->begin = ath__seconds();
    return path;
}

static void on_prediction(const ath_prediction *prediction, void *context) {
    struct run *run = context;
    double      took = ath__seconds() - run->begin;
    int         place = run->at - 1 - run->file_count; /* negative in the warm-up */
    if (prediction->problem) {
        fprintf(stderr, "bench_predict: %s: %s\n", prediction->path, prediction->problem);
        run->problem = "a photo cannot be read";
        return;
    }
    run->guess[(run->at - 1) % run->file_count] =
        (struct guess){prediction->top[0].index, prediction->top[0].probability};
    if (place >= 0) run->latency[place] = took;
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static void print_results(struct run *run) {
    size_t count = (size_t)run->rounds * (size_t)run->file_count;
    qsort(run->latency, count, sizeof(double), by_value);
    printf(
        "{\"photos\": %d, \"rounds\": %d, \"latency_ms\": {\"min\": %.3f, \"median\": %.3f, \"max\": %.3f}, \"top\": [",
        run->file_count, run->rounds, 1e3 * run->latency[0], 1e3 * run->latency[count / 2],
        1e3 * run->latency[count - 1]);
    for (int i = 0; i < run->file_count; i++)
        printf("%s[%d, %.6f]", i ? ", " : "", run->guess[i].index, run->guess[i].probability);
    printf("]}\n");
}

/* "key=value" -> the configuration; false where the word is none. */
static bool set_key(ath_config *config, const char *word, ath_status *status, ath_error *err) {
    char        key[64];
    const char *value = strchr(word, '=');
    if (!value || value == word || (size_t)(value - word) >= sizeof key) return false;
    memcpy(key, word, (size_t)(value - word));
    key[value - word] = '\0';
    if (strchr(key, '/')) return false;
    *status = ath_config_set(config, key, value + 1, ATH_ORIGIN_COMMAND_LINE, err);
    return true;
}

int main(int count, char **words) {
    struct run  run = {.files = ath__alloc_array((size_t)count, sizeof(char *)), .rounds = 7};
    ath_error   err = {.code = ATH_OK};
    ath_config *config = NULL;
    ath_status  status = ath_config_create(&config, &err);
    for (int i = 1; i < count && status == ATH_OK && run.files; i++) {
        if (sscanf(words[i], "rounds=%d", &run.rounds) == 1) continue;
        if (!set_key(config, words[i], &status, &err)) run.files[run.file_count++] = words[i];
    }
    if (status == ATH_OK) status = ath_config_set(config, "batch", "1", ATH_ORIGIN_COMMAND_LINE, &err);
    if (status == ATH_OK && (run.file_count == 0 || run.rounds < 1 || run.rounds > 1000)) {
        fprintf(stderr, "bench_predict [rounds=7] KEY=VALUE... FILE...\n");
        ath_config_destroy(config);
        ath__free(run.files);
        return 2;
    }
    run.latency = ath__alloc_array((size_t)run.rounds * (size_t)run.file_count, sizeof(double));
    run.guess = ath__alloc_array((size_t)run.file_count, sizeof(struct guess));
    if (status == ATH_OK && run.latency && run.guess)
        status = ath_predict_stream(config, next_photo, on_prediction, &run, &err);
    if (status != ATH_OK)
        fprintf(stderr, "bench_predict: %s\n", err.message);
    else if (!run.problem)
        print_results(&run);
    ath_config_destroy(config);
    ath__free(run.latency);
    ath__free(run.guess);
    ath__free(run.files);
    return status != ATH_OK || run.problem;
}
