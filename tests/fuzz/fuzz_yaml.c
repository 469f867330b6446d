/* Fuzzes the YAML reader: any bytes give a tree or one error, and every node of a tree can be walked. */
#include "base/yaml.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t walk(const struct ath__yaml *node, int depth) {
    if (depth > ATH_YAML_MAX_DEPTH || node->line < 1) abort();
    if (node->kind == ATH_YAML_SCALAR) return strlen(node->text);
    size_t sum = 0;
    for (int i = 0; i < node->count; i++) {
        if (node->kind == ATH_YAML_MAPPING) {
            if (ath__yaml_get(node, node->keys[i]) != node->items[i]) abort(); /* keys are unique */
        }
        sum += walk(node->items[i], depth + 1);
    }
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct ath__arena       arena = {0};
    const struct ath__yaml *root = NULL;
    ath_error               err = {0};
    ath_status              status = ath__yaml_parse(&arena, "fuzz", (const char *)data, size, &root, &err);
    if (status == ATH_OK) {
        walk(root, 0);
    } else if (root || err.code != status || err.message[0] == '\0') {
        abort();
    }
    ath__arena_free(&arena);
    return 0;
}
