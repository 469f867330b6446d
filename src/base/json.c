/* JSON text, written into memory of base/mem.c.
 *
 * jansson keeps the system's allocator for its trees: replacing it would be a change to the whole process, which may
 * use jansson itself. Text that outlives a tree comes from here instead of json_dumps.
 */
#include "base/json.h"

#include "base/mem.h"

#include <math.h>
#include <string.h>

static int append(const char *bytes, size_t size, void *str) {
    ath__str_append_bytes(str, bytes, size);
    return ((struct ath__str *)str)->failed ? -1 : 0;
}

char *ath__json_text(const json_t *value, size_t flags) {
    struct ath__str str = {0};
    if (value && json_dump_callback(value, append, &str, flags) == 0 && !str.failed && str.data) return str.data;
    ath__str_free(&str);
    return NULL;
}

void ath__json_set_real(json_t *object, const char *key, double value) {
    json_object_set_new(object, key, isfinite(value) ? json_real(value) : json_null());
}

json_t *ath__json_real(double value) {
    if (isfinite(value)) return json_real(value);
    return json_string(isnan(value) ? "nan" : value > 0.0 ? "inf" : "-inf");
}

double ath__json_real_value(const json_t *value) {
    const char *word = json_string_value(value);
    if (!word) return json_number_value(value);
    if (strcmp(word, "nan") == 0) return (double)NAN;
    if (strcmp(word, "inf") == 0) return (double)INFINITY;
    return strcmp(word, "-inf") == 0 ? -(double)INFINITY : 0.0;
}

/* RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF. */
int ath__utf8_next(const char *text, uint32_t *code) {
    const unsigned char *s = (const unsigned char *)text;
    if (s[0] == 0) return 0;
    if (s[0] < 0x80) {
        *code = s[0];
        return 1;
    }
    int length = s[0] >= 0xC2 && s[0] < 0xE0 ? 2 : (s[0] & 0xF0) == 0xE0 ? 3 : s[0] >= 0xF0 && s[0] < 0xF5 ? 4 : 0;
    if (length == 0) return 0;
    uint32_t value = s[0] & (0xFFu >> (length + 1));
    for (int i = 1; i < length; i++) {
        if ((s[i] & 0xC0) != 0x80) return 0;
        value = value << 6 | (s[i] & 0x3Fu);
    }
    if (length == 3 && (value < 0x800 || (value >= 0xD800 && value < 0xE000))) return 0;
    if (length == 4 && (value < 0x10000 || value > 0x10FFFF)) return 0;
    *code = value;
    return length;
}

void ath__json_quote(struct ath__str *str, const char *text) {
    ath__str_append(str, "\"");
    while (*text) {
        uint32_t code = 0;
        int      length = ath__utf8_next(text, &code);
        if (length == 0) {
            ath__str_append(str, "\xEF\xBF\xBD");
            text++;
            continue;
        }
        if (code == '"' || code == '\\')
            ath__str_printf(str, "\\%c", (int)code);
        else if (code < 0x20)
            ath__str_printf(str, "\\u%04x", (unsigned)code);
        else
            ath__str_append_bytes(str, text, (size_t)length);
        text += length;
    }
    ath__str_append(str, "\"");
}
