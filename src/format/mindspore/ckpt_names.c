/* Translating names of parameters between MindSpore and PyTorch. */
#include "format/mindspore/ckpt_names.h"

#include "base/error.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_NAME = 512 };

/* ---- batch norms ------------------------------------------------------------------------------------------------ */

static const char *const norm[][2] = {
    {"running_mean", "moving_mean"}, {"running_var", "moving_variance"}, {"weight", "gamma"}, {"bias", "beta"}};
enum { TORCH, MINDSPORE, NORM = sizeof norm / sizeof norm[0] };

static int by_text(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Names in order, to be looked up. */
static const char **sort_names(const ath_named_tensor *tensors, int count) {
    const char **sorted = ath__alloc_array((size_t)count + 1, sizeof *sorted);
    for (int i = 0; sorted && i < count; i++) sorted[i] = tensors[i].name;
    if (sorted) qsort(sorted, (size_t)count, sizeof *sorted, by_text);
    return sorted;
}

static bool is_there(const char *const *sorted, int count, const char *name) {
    return bsearch(&name, sorted, (size_t)count, sizeof *sorted, by_text) != NULL;
}

/* "bn1.weight" to "bn1.gamma", if there is a "bn1.running_mean" too. */
static void translate_norm(const char *const *sorted, int count, int from, char name[MAX_NAME]) {
    char  *dot = strrchr(name, '.'), sibling[MAX_NAME + 32];
    size_t stem = dot ? (size_t)(dot + 1 - name) : 0;
    for (int i = 0; i < NORM; i++) {
        if (strcmp(name + stem, norm[i][from]) != 0) continue;
        snprintf(sibling, sizeof sibling, "%.*s%s", (int)stem, name, norm[0][from]);
        if (!is_there(sorted, count, sibling)) return;
        snprintf(name + stem, MAX_NAME - stem, "%s", norm[i][!from]);
        return;
    }
}

/* ---- tables of nets --------------------------------------------------------------------------------------------- */

/* '#' stands for a number, '*' at the end for the rest; the same numbers and rest go where they stand on the other
 * side. The first row that fits is taken. */
static const char *const mobilenetv2[][2] = {
    {"features.#.conv.#.#.*", "features.#.conv.#.features.#.*"},
    {"features.#.#.*", "features.#.features.#.*"},
    {"classifier.1.*", "head.1.*"},
};
enum { ROWS = sizeof mobilenetv2 / sizeof mobilenetv2[0], MAX_NUMBERS = 4 };

struct match {
    const char *number[MAX_NUMBERS];
    size_t      length[MAX_NUMBERS];
    int         count;
    const char *rest;
};

static bool matches(const char *pattern, const char *name, struct match *match) {
    *match = (struct match){.rest = ""};
    for (; *pattern; pattern++) {
        if (*pattern == '*') {
            match->rest = name;
            return *name != '\0';
        }
        if (*pattern == '#') {
            size_t length = strspn(name, "0123456789");
            if (length == 0 || match->count == MAX_NUMBERS) return false;
            match->number[match->count] = name;
            match->length[match->count++] = length;
            name += length;
        } else if (*name++ != *pattern) {
            return false;
        }
    }
    return *name == '\0';
}

static void apply(const char *pattern, const struct match *match, char dst[MAX_NAME]) {
    size_t at = 0;
    int    number = 0;
    for (; *pattern && at < MAX_NAME - 1; pattern++) {
        if (*pattern == '*') {
            at += (size_t)snprintf(dst + at, MAX_NAME - at, "%s", match->rest);
        } else if (*pattern == '#') {
            at += (size_t)snprintf(dst + at, MAX_NAME - at, "%.*s", (int)match->length[number], match->number[number]);
            number++;
        } else {
            dst[at++] = *pattern;
        }
    }
    dst[at < MAX_NAME ? at : MAX_NAME - 1] = '\0';
}

static void translate_layer(int from, char name[MAX_NAME]) {
    char         source[MAX_NAME];
    struct match match;
    snprintf(source, sizeof source, "%s", name);
    for (int i = 0; i < ROWS; i++) {
        if (!matches(mobilenetv2[i][from], source, &match)) continue;
        apply(mobilenetv2[i][!from], &match, name);
        return;
    }
}

static bool is_mobilenetv2(const ath_named_tensor *tensors, int count, int from) {
    static const char *const marks[2] = {"features.1.conv.0.0.weight", "features.1.conv.0.features.0.weight"};
    for (int i = 0; i < count; i++)
        if (strcmp(tensors[i].name, marks[from]) == 0) return true;
    return false;
}

/* ---- all names -------------------------------------------------------------------------------------------------- */

static ath_status translate(const char *path, ath_named_tensor *tensors, int count, int from, struct ath__arena *arena,
                            ath_error *err) {
    const char **sorted = sort_names(tensors, count);
    bool         nested = is_mobilenetv2(tensors, count, from);
    if (!sorted) return ath__fail_memory(err, path);
    ath_status status = ATH_OK;
    for (int i = 0; status == ATH_OK && i < count; i++) {
        char name[MAX_NAME];
        if (strlen(tensors[i].name) > MAX_NAME - 64) continue;
        snprintf(name, sizeof name, "%s", tensors[i].name);
        translate_norm(sorted, count, from, name);
        if (nested) translate_layer(from, name);
        if (strcmp(name, tensors[i].name) == 0) continue;
        tensors[i].name = ath__arena_strdup(arena, name);
        if (!tensors[i].name) status = ath__fail_memory(err, path);
    }
    ath__free(sorted);
    return status;
}

ath_status ath__names_to_mindspore(const char *path, ath_named_tensor *tensors, int count, struct ath__arena *arena,
                                   ath_error *err) {
    return translate(path, tensors, count, TORCH, arena, err);
}

static size_t prefix_length(const char *name) {
    static const char *const prefixes[] = {"backbone.", "network."};
    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++)
        if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0) return strlen(prefixes[i]);
    return 0;
}

static ath_status strip_prefixes(const char *path, ath_named_tensor *tensors, int count, ath_error *err) {
    const char **sorted = sort_names(tensors, count);
    bool         clash = false;
    if (!sorted) return ath__fail_memory(err, path);
    for (int i = 0; i < count; i++) {
        size_t length = prefix_length(tensors[i].name);
        clash = clash || (length > 0 && is_there(sorted, count, tensors[i].name + length));
    }
    ath__free(sorted);
    for (int i = 0; !clash && i < count; i++) tensors[i].name += prefix_length(tensors[i].name);
    return ATH_OK;
}

ath_status ath__names_from_mindspore(const char *path, ath_named_tensor *tensors, int count, struct ath__arena *arena,
                                     ath_error *err) {
    ATH_TRY(strip_prefixes(path, tensors, count, err));
    return translate(path, tensors, count, MINDSPORE, arena, err);
}
