/* Reading words that name images of the data set, for predict and for analyses. */
#include "train/image_word.h"

#include "base/file.h"
#include "base/option.h"

#include <string.h>

bool ath__image_word_part(const char *word, ath_split *split, const char **range) {
    static const struct {
        const char *prefix;
        ath_split   split;
    } parts[] = {{"train:", ATH_SPLIT_TRAIN}, {"val:", ATH_SPLIT_VAL}, {"test:", ATH_SPLIT_TEST}};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        size_t length = strlen(parts[i].prefix);
        if (strncmp(word, parts[i].prefix, length) != 0) continue;
        if (ath__file_exists(word) || ath__folder_exists(word)) return false;
        *split = parts[i].split;
        *range = word + length;
        return true;
    }
    return false;
}

bool ath__image_word_range(const char *range, int64_t count, int64_t *first, int64_t *last) {
    char   from[32];
    size_t length = strcspn(range, "-");
    *first = 0;
    *last = count - 1;
    if (!*range) return true;
    if (length >= sizeof from) return false;
    memcpy(from, range, length);
    from[length] = '\0';
    if (!ath__parse_int(from, first)) return false;
    *last = *first;
    if (range[length] == '-' && !ath__parse_int(range + length + 1, last)) return false;
    return *first >= 0 && *last >= *first && *last < count;
}
