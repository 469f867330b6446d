/* Words that name images of the data set: "val:3", "test:0-9", "train:" (all of them). */
#ifndef ATH_TRAIN_IMAGE_WORD_H
#define ATH_TRAIN_IMAGE_WORD_H

#include "athanor/data.h"

#include <stdbool.h>
#include <stdint.h>

/* Whether the word names images of a part of the set; then `*range` is what stands behind the colon. A file or folder of
 * that name has precedence. */
bool ath__image_word_part(const char *word, ath_split *split, const char **range);

/* "17", "0-99", or "" for all of `count`; false for what is none of it, or beyond them. */
bool ath__image_word_range(const char *range, int64_t count, int64_t *first, int64_t *last);

#endif
