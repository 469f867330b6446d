/* JSON helpers on top of jansson: text in the library's own memory, numbers that may be infinite. */
#ifndef ATH_BASE_JSON_H
#define ATH_BASE_JSON_H

#include "base/str.h"

#include <jansson.h>
#include <stdint.h>

/* The value as text, with jansson's JSON_* flags; freed with ath__free. NULL when `value` is NULL or memory runs out.
 */
char *ath__json_text(const json_t *value, size_t flags);

/* Parses hostile text: JSON_REJECT_DUPLICATES, and no tree that would take more than about `most` bytes, which is estimated
 * before any of it is made. NULL, with a sentence in `why`, for what is no JSON or larger. */
json_t *ath__json_parse(const char *text, size_t size, size_t most, char why[JSON_ERROR_TEXT_LENGTH]);

/* Sets a number; null where it is infinite or not a number, which JSON cannot say. */
void ath__json_set_real(json_t *object, const char *key, double value);

/* A number that survives the way there and back, whatever it is: the words "nan", "inf", "-inf" stand for what JSON
 * cannot say. */
json_t *ath__json_real(double value);
double  ath__json_real_value(const json_t *value); /* 0 for anything else */

/* Appends `text` as a JSON string with its quotes. Bytes that are not UTF-8 become U+FFFD. */
void ath__json_quote(struct ath__str *str, const char *text);

/* Length of the UTF-8 character that `text` (NUL-terminated) begins with and its code point; 0 where there is none. */
int ath__utf8_next(const char *text, uint32_t *code);

#endif
