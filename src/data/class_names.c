/* Class names, one a line: split in one block of memory that holds the table of lines and their text. */
#include "data/class_names.h"

#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"

#include <string.h>

enum { LONGEST = 100 };

static bool is_name(const char *line, size_t size) {
    if (size > LONGEST) return false;
    for (size_t i = 0; i < size;) {
        uint32_t code;
        int      length = ath__utf8_next(line + i, &code);
        if (length == 0 || code < 0x20 || (code >= 0x7f && code < 0xa0)) return false;
        i += (size_t)length;
    }
    return true;
}

/* Cuts `text` into lines and notes those that are not blank. Returns their number; -1 if one is no name, if two are
 * equal, or if there are more than `most`. */
static int split(char *text, const char **names, int most) {
    int count = 0;
    for (char *line = text; line;) {
        char *end = strchr(line, '\n'), *next = end ? end + 1 : NULL;
        if (!end) end = line + strlen(line);
        while (line < end && (*line == ' ' || *line == '\t')) line++;
        while (end > line && (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\r')) end--;
        *end = '\0';
        if (end > line) {
            if (count == most || !is_name(line, (size_t)(end - line))) return -1;
            for (int i = 0; i < count; i++) {
                if (strcmp(names[i], line) == 0) return -1;
            }
            names[count++] = line;
        }
        line = next;
    }
    return count;
}

ath_status ath__class_names_parse(const char *text, size_t size, struct ath__image_store *store, ath_error *err) {
    if (memchr(text, '\0', size)) return ATH_OK;
    size_t       table = (size_t)store->classes * sizeof(char *);
    const char **names = ath__alloc(table + size + 1);
    if (!names) return ath__fail_memory(err, "class names");
    char *copy = (char *)names + table;
    memcpy(copy, text, size);
    copy[size] = '\0';
    if (split(copy, names, store->classes) != store->classes) {
        ath__free((void *)names);
        return ATH_OK;
    }
    ath__free(store->names);
    store->names = (void *)names;
    store->class_names = (const char *const *)names;
    return ATH_OK;
}
