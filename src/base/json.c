/* JSON text, written into memory of base/mem.c.
 *
 * jansson keeps the system's allocator for its trees: replacing it would be a change to the whole process, which may
 * use jansson itself. Text that outlives a tree comes from here instead of json_dumps.
 */
#include "base/json.h"

#include "base/mem.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* What jansson's trees take: an object with its table of eight buckets, an array with its first eight places, any other
 * value with its key or place. Texts take their length twice, once while they are parsed. */
enum { OBJECT_BYTES = 384, ARRAY_BYTES = 160, VALUE_BYTES = 128 };

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

/* About how much the tree of this text takes: every value follows a bracket, a comma or a colon. */
static size_t tree_bytes(const char *text, size_t size) {
    size_t bytes = 2 * size;
    bool   quoted = false;
    for (size_t i = 0; i < size; i++) {
        if (quoted) {
            if (text[i] == '\\')
                i++; /* what is escaped ends no text */
            else
                quoted = text[i] != '"';
            continue;
        }
        switch (text[i]) {
        case '"': quoted = true; break;
        case '{': bytes += OBJECT_BYTES; break;
        case '[': bytes += ARRAY_BYTES; break;
        case ',':
        case ':': bytes += VALUE_BYTES; break;
        default: break;
        }
    }
    return bytes;
}

json_t *ath__json_parse(const char *text, size_t size, size_t most, char why[JSON_ERROR_TEXT_LENGTH]) {
    json_error_t fault;
    size_t       bytes = tree_bytes(text, size);
    if (bytes > most) {
        snprintf(why, JSON_ERROR_TEXT_LENGTH, "its JSON of %zu bytes would take %zu MiB of memory; %zu are possible",
                 size, bytes >> 20, most >> 20);
        return NULL;
    }
    json_t *root = json_loadb(text, size, JSON_REJECT_DUPLICATES, &fault);
    if (!root) snprintf(why, JSON_ERROR_TEXT_LENGTH, "%s", fault.text);
    return root;
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
