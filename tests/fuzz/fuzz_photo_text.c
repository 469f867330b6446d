/* Fuzzes the texts of photo sets: list files and labels, in lines and in YAML. The first byte chooses the reader. Any text
 * is one error, or names and titles that are UTF-8. */
#include "base/json.h"
#include "data/photo/photo_labels.h"
#include "data/photo/photo_scan.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must_be_text(const char *text) {
    for (const char *at = text; *at;) {
        uint32_t code;
        int      length = ath__utf8_next(at, &code);
        if (length == 0) abort();
        at += length;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const names[] = {"00_00", "00_01", "cat"};
    struct ath__arena        texts = {0};
    struct ath__photo_scan   scan = {.texts = &texts};
    struct ath__label_list   labels = {0};
    ath_error                err = {0};
    ath_status               status;
    if (size < 1) return 0;
    char *text = malloc(size); /* of the exact size, so that reading beyond it is seen */
    if (!text) return 0;
    memcpy(text, data + 1, size - 1);
    switch (data[0] % 3) {
    case 0: status = ath__photo_list_parse(&scan, text, size - 1, "list", "folder", 1, true, &err); break;
    case 1: status = ath__labels_parse(&texts, "labels", text, size - 1, names, 3, &labels, &err); break;
    default: status = ath__labels_parse_yaml(&texts, "labels", text, size - 1, &labels, &err); break;
    }
    if (status != ATH_OK && (status != err.code || err.message[0] == '\0')) abort();
    if (status == ATH_OK) {
        for (int i = 0; i < scan.name_count; i++) must_be_text(scan.names[i].name);
        for (int i = 0; i < labels.count; i++) {
            must_be_text(labels.items[i].title);
            if (labels.items[i].group) must_be_text(labels.items[i].group);
        }
    }
    ath__photo_scan_free(&scan);
    ath__arena_free(&texts);
    free(text);
    return 0;
}
