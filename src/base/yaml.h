/* YAML text as a tree with line numbers: what recipes and model files are read into.
 *
 * The subset that configuration needs: one document of mappings, sequences and scalars. Anchors, aliases and tags are
 * refused, so that a small file cannot stand for a huge tree; keys are scalars and unique. Depth, size and the number
 * of nodes are bounded.
 */
#ifndef ATH_BASE_YAML_H
#define ATH_BASE_YAML_H

#include "athanor/status.h"
#include "base/arena.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ATH_YAML_MAX_DEPTH = 64, ATH_YAML_MAX_NODES = 100000, ATH_YAML_MAX_KEYS = 4096, ATH_YAML_MAX_BYTES = 1 << 20 };

typedef enum ath__yaml_kind { ATH_YAML_SCALAR, ATH_YAML_SEQUENCE, ATH_YAML_MAPPING } ath__yaml_kind;

struct ath__yaml {
    ath__yaml_kind           kind;
    int                      line;   /* from 1 */
    const char              *text;   /* SCALAR */
    bool                     quoted; /* SCALAR: was written in quotes; "" unquoted means: no value given */
    int                      count;  /* SEQUENCE, MAPPING */
    struct ath__yaml *const *items;
    const char *const       *keys; /* MAPPING: of item i */
};

/* Parses `size` bytes into a tree in `arena`; `name` stands for the file in messages ("name:line"). ATH_DATA for faulty
 * text. An empty document is a scalar "". */
ath_status ath__yaml_parse(struct ath__arena *arena, const char *name, const char *text, size_t size,
                           const struct ath__yaml **root, ath_error *err);

/* The same from a file of at most ATH_YAML_MAX_BYTES. */
ath_status ath__yaml_read(struct ath__arena *arena, const char *path, const struct ath__yaml **root, ath_error *err);

/* The value of a mapping's key; NULL if it has none (or is no mapping). */
const struct ath__yaml *ath__yaml_get(const struct ath__yaml *mapping, const char *key);

/* Fills err with `code` and "name:line" as the place. */
ath_status ath__yaml_fail(ath_error *err, ath_status code, const char *name, int line, const char *format, ...)
    ATH_PRINTF(5, 6);

#endif
