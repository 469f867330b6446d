/* The machine that pickles are programs for: bytes that are read, a stack of values with marks in it, and a memo of values
 * that are used again. The instructions are in format/torch/pickle.c. */
#ifndef ATH_FORMAT_PICKLE_MACHINE_H
#define ATH_FORMAT_PICKLE_MACHINE_H

#include "format/torch/pickle.h"

enum { ATH_PICKLE_MAX_MARKS = 1000 };

struct ath__pickle_machine {
    const char                *path;
    const unsigned char       *bytes;
    size_t                     size, at;
    struct ath__arena         *arena;
    struct ath__pickle       **stack;
    size_t                     depth, stack_capacity;
    size_t                     marks[ATH_PICKLE_MAX_MARKS];
    int                        mark_count;
    struct ath__pickle       **memo;
    size_t                     memo_size, memo_used;
    struct ath__pickle_result *result;
    size_t                     persistent_capacity;
    ath_error                 *err;
};

/* The errors: ATH_DATA with what is wrong and where, and ATH_MEMORY. */
ath_status ath__pm_fault(const struct ath__pickle_machine *m, const char *what);
ath_status ath__pm_out_of_memory(const struct ath__pickle_machine *m);

/* The next `count` bytes, and an unsigned little-endian number of `width` bytes. */
ath_status ath__pm_take(struct ath__pickle_machine *m, uint64_t count, const unsigned char **bytes);
ath_status ath__pm_number(struct ath__pickle_machine *m, int width, uint64_t *value);

/* The stack. Nothing is popped through a mark; ath__pm_top leaves the value where it is. */
ath_status ath__pm_push(struct ath__pickle_machine *m, struct ath__pickle *value);
ath_status ath__pm_new(struct ath__pickle_machine *m, enum ath__pickle_kind kind, struct ath__pickle **value);
ath_status ath__pm_pop(struct ath__pickle_machine *m, struct ath__pickle **value);
ath_status ath__pm_top(struct ath__pickle_machine *m, struct ath__pickle **value);
size_t     ath__pm_floor(const struct ath__pickle_machine *m);

/* Takes everything above the last mark off the stack, and the mark; or the `wanted` values on top (for a negative number
 * again all above the mark). The values stay readable until the next push. */
ath_status ath__pm_pop_mark(struct ath__pickle_machine *m, struct ath__pickle ***items, size_t *count);
ath_status ath__pm_pop_several(struct ath__pickle_machine *m, int wanted, struct ath__pickle ***items, size_t *count);

/* Appends to a container's list. */
ath_status ath__pm_add(struct ath__pickle_machine *m, struct ath__pickle *list, struct ath__pickle *item);

/* Puts the value on top into the memo. An index far beyond what the memo holds is a fault. */
ath_status ath__pm_remember(struct ath__pickle_machine *m, uint64_t index);

/* Gives an array (of pointers, by its address) room for one item more; false when memory runs out. */
bool ath__pm_make_room(void *array, size_t count, size_t *capacity, size_t item);

#endif
