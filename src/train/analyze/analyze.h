/* What a kind of analysis is: one file with one record, and one row in analyze_list.h.
 *
 * A kind is given the opened network and fills in a JSON value, lines of text, and at most one figure. Its keys are rows
 * of the settings table that say "analyze what=NAME: ...".
 */
#ifndef ATH_TRAIN_ANALYZE_ANALYZE_H
#define ATH_TRAIN_ANALYZE_ANALYZE_H

#include "base/json.h"
#include "train/source.h"

struct ath__analysis {
    struct ath__source *source;
    const ath_hooks    *hooks;
    const char *const  *words; /* arguments of the command: images */
    int                 word_count;
    json_t             *json;   /* an object; "what" is in it already */
    struct ath__str     text;   /* lines for people */
    struct ath__str     figure; /* bytes of a PNG; empty = there is none */
};

struct ath__analysis_kind {
    const char *name, *summary;
    ath_status (*run)(struct ath__analysis *analysis, ath_error *err);
};

#define ATH_ANALYSIS(name) extern const struct ath__analysis_kind ath__analysis_##name;
#include "train/analyze/analyze_list.h"
#undef ATH_ANALYSIS

#endif
