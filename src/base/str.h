/* A growing string with a sticky failure flag: append freely, look at `failed` once. */
#ifndef ATH_BASE_STR_H
#define ATH_BASE_STR_H

#include "athanor/status.h"

#include <stdbool.h>
#include <stddef.h>

struct ath__str {
    char  *data; /* NUL-terminated once anything was appended; NULL before */
    size_t size; /* bytes without the NUL */
    size_t capacity;
    bool   failed; /* memory ran out; the text is incomplete */
};

void        ath__str_append(struct ath__str *str, const char *text);
void        ath__str_append_bytes(struct ath__str *str, const char *bytes, size_t count);
void        ath__str_printf(struct ath__str *str, const char *format, ...) ATH_PRINTF(2, 3);
void        ath__str_free(struct ath__str *str);
const char *ath__str_text(const struct ath__str *str); /* never NULL */

/* Copies with truncation, always NUL-terminated. */
void ath__str_copy(char *dst, size_t capacity, const char *src);

/* The entry of `names` (count entries) closest to `text` by edit distance; NULL if none is near enough to suggest. */
const char *ath__str_closest(const char *text, const char *const *names, size_t count);

#endif
