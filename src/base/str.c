/* Growing strings, cutting copies, and the edit distance behind "did you mean".
 *
 * Distance (Levenshtein with transpositions of neighbours, "optimal string alignment"):
 *   d[i][j] = min(d[i-1][j] + 1, d[i][j-1] + 1, d[i-1][j-1] + (a[i] != b[j]), d[i-2][j-2] + 1 if swapped)
 */
#include "base/str.h"

#include "base/mem.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* Room for `extra` more bytes and the NUL. */
static bool reserve(struct ath__str *str, size_t extra) {
    if (str->failed) return false;
    if (extra > (size_t)PTRDIFF_MAX / 2 - str->size - 1) {
        str->failed = true;
        return false;
    }
    size_t need = str->size + extra + 1;
    if (need <= str->capacity) return true;
    size_t capacity = str->capacity < 32 ? 64 : str->capacity * 2;
    if (capacity < need) capacity = need;
    char *data = ath__realloc(str->data, capacity);
    if (!data) {
        str->failed = true;
        return false;
    }
    str->data = data;
    str->capacity = capacity;
    return true;
}

void ath__str_append_bytes(struct ath__str *str, const char *bytes, size_t count) {
    if (!reserve(str, count)) return;
    if (count > 0) memcpy(str->data + str->size, bytes, count);
    str->size += count;
    str->data[str->size] = '\0';
}

void ath__str_append(struct ath__str *str, const char *text) {
    ath__str_append_bytes(str, text, strlen(text));
}

void ath__str_printf(struct ath__str *str, const char *format, ...) {
    va_list args;
    va_start(args, format);
    int count = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (count < 0) {
        str->failed = true;
        return;
    }
    if (!reserve(str, (size_t)count)) return;
    va_start(args, format);
    vsnprintf(str->data + str->size, (size_t)count + 1, format, args);
    va_end(args);
    str->size += (size_t)count;
}

void ath__str_free(struct ath__str *str) {
    ath__free(str->data);
    *str = (struct ath__str){0};
}

const char *ath__str_text(const struct ath__str *str) {
    return str->data ? str->data : "";
}

void ath__str_copy(char *dst, size_t capacity, const char *src) {
    if (capacity == 0) return;
    size_t size = strnlen(src, capacity);
    if (size == capacity) {
        size = capacity - 1;
        /* Not in the middle of a UTF-8 character: step back over continuation bytes. */
        while (size > 0 && ((unsigned char)src[size] & 0xC0) == 0x80) size--;
    }
    memmove(dst, src, size);
    dst[size] = '\0';
}

enum { LONGEST = 63 };

static int min3(int a, int b, int c) {
    int m = a < b ? a : b;
    return m < c ? m : c;
}

static int edit_distance(const char *a, size_t size_a, const char *b, size_t size_b) {
    int rows[3][LONGEST + 1];
    for (size_t j = 0; j <= size_b; j++) rows[0][j] = (int)j;
    for (size_t i = 1; i <= size_a; i++) {
        int *row = rows[i % 3], *above = rows[(i + 2) % 3], *above2 = rows[(i + 1) % 3];
        row[0] = (int)i;
        for (size_t j = 1; j <= size_b; j++) {
            int  d = min3(above[j] + 1, row[j - 1] + 1, above[j - 1] + (a[i - 1] != b[j - 1]));
            bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            if (swapped && above2[j - 2] + 1 < d) d = above2[j - 2] + 1;
            row[j] = d;
        }
    }
    return rows[size_a % 3][size_b];
}

const char *ath__str_closest(const char *text, const char *const *names, size_t count) {
    size_t      size = strnlen(text, LONGEST + 1);
    const char *best = NULL;
    int         best_distance = 0;
    if (size == 0 || size > LONGEST) return NULL;
    for (size_t i = 0; i < count; i++) {
        size_t name_size = strnlen(names[i], LONGEST + 1);
        if (name_size == 0 || name_size > LONGEST) continue;
        int distance = edit_distance(text, size, names[i], name_size);
        /* One slip per three letters of the longer word, but never a word in which nothing is kept. */
        size_t longer = size > name_size ? size : name_size;
        int    allowed = (int)(longer + 2) / 3;
        if (distance > allowed || distance >= (int)longer) continue;
        if (!best || distance < best_distance) {
            best = names[i];
            best_distance = distance;
        }
    }
    return best;
}
