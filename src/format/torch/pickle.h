/* Python's pickle format as data: a tree of values. Nothing is imported, called or built.
 *
 * A pickle is a program for a stack machine, with instructions that name functions and call them. Here such an
 * instruction makes an OBJECT that remembers the name and the arguments, and that is all that ever happens to it: what a
 * reader knows how to read (torch's tensors) it reads from there, everything else stays opaque.
 */
#ifndef ATH_FORMAT_PICKLE_H
#define ATH_FORMAT_PICKLE_H

#include "athanor/status.h"
#include "base/arena.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum ath__pickle_kind {
    ATH_PICKLE_NONE,
    ATH_PICKLE_BOOL,       /* integer 0 or 1 */
    ATH_PICKLE_INT,        /* integer */
    ATH_PICKLE_BIG,        /* an integer beyond 64 bits: its bytes */
    ATH_PICKLE_REAL,       /* real */
    ATH_PICKLE_TEXT,       /* bytes: length of them at text, not NUL-terminated, not checked */
    ATH_PICKLE_BYTES,      /* bytes */
    ATH_PICKLE_TUPLE,      /* list */
    ATH_PICKLE_LIST,       /* list */
    ATH_PICKLE_SET,        /* list */
    ATH_PICKLE_DICT,       /* list: key, value, key, value ... */
    ATH_PICKLE_GLOBAL,     /* bytes: "module.name", NUL-terminated: a function or a class */
    ATH_PICKLE_OBJECT,     /* callable(*args) with state, and the list of what was put into it as into a dict */
    ATH_PICKLE_PERSISTENT, /* args: the id under which something outside of the pickle is meant */
};

struct ath__pickle {
    enum ath__pickle_kind kind;
    union {
        int64_t integer;
        double  real;
        struct {
            const char *text;
            size_t      length;
        } bytes;
        struct {
            struct ath__pickle **items;
            size_t               count, capacity;
        } list;
    } as;
    struct ath__pickle *callable, *args, *state;
};

/* What a pickle held. Values live in the arena and point into the bytes; they may be shared and may form circles. */
struct ath__pickle_result {
    const struct ath__pickle  *root;
    const struct ath__pickle **persistent; /* every PERSISTENT value, in order; ath__free */
    size_t                     persistent_count;
    size_t                     size; /* bytes read, the final STOP included */
};

/* Reads one pickle of protocol 2 to 5 from the front of `bytes`. ATH_DATA for anything that is none or goes beyond the
 * limits: instructions, open marks, and a memo that grows with its use. `path` stands in messages. */
ath_status ath__pickle_read(const char *path, const unsigned char *bytes, size_t size, struct ath__arena *arena,
                            struct ath__pickle_result *result, ath_error *err);

/* The value of a text key in a DICT or OBJECT (the last one set, as in Python); NULL if there is none or `dict` is
 * something else. */
const struct ath__pickle *ath__pickle_get(const struct ath__pickle *dict, const char *key);

/* Item i of a TUPLE or LIST; NULL where there is none. */
const struct ath__pickle *ath__pickle_item(const struct ath__pickle *list, size_t i);

/* Whether the value is that TEXT, or a GLOBAL of that name. */
bool ath__pickle_is_text(const struct ath__pickle *value, const char *text);
bool ath__pickle_is_global(const struct ath__pickle *value, const char *name);

#endif
