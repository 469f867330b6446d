/* The pickle machine's bytes, stack, marks and memo, every access checked. */
#include "format/torch/pickle_machine.h"

#include "base/error.h"
#include "base/mem.h"

#include <string.h>

enum { MEMO_SLACK = 1024 }; /* how far the memo's indices may run ahead of its use */

ath_status ath__pm_fault(const struct ath__pickle_machine *m, const char *what) {
    return ath__fail(m->err, ATH_DATA, m->path, "its pickle is damaged or not one of torch.save's: %s at byte %zu",
                     what, m->at);
}

ath_status ath__pm_out_of_memory(const struct ath__pickle_machine *m) {
    return ath__fail_memory(m->err, m->path);
}

/* ---- bytes ------------------------------------------------------------------------------------------------------ */

ath_status ath__pm_take(struct ath__pickle_machine *m, uint64_t count, const unsigned char **bytes) {
    *bytes = m->bytes + m->at;
    if (count > m->size - m->at) return ath__pm_fault(m, "a length beyond its end");
    m->at += (size_t)count;
    return ATH_OK;
}

/* An unsigned little-endian number of `width` bytes. */
ath_status ath__pm_number(struct ath__pickle_machine *m, int width, uint64_t *value) {
    const unsigned char *bytes;
    ATH_TRY(ath__pm_take(m, (uint64_t)width, &bytes));
    *value = 0;
    for (int i = width - 1; i >= 0; i--) *value = *value << 8 | bytes[i];
    return ATH_OK;
}

/* ---- stack and memo --------------------------------------------------------------------------------------------- */

/* Gives an array room for one more. */
bool ath__pm_make_room(void *array, size_t count, size_t *capacity, size_t item) {
    if (count < *capacity) return true;
    size_t wider = *capacity ? *capacity * 2 : 64;
    void  *old, *moved;
    memcpy(&old, array, sizeof old);
    moved = ath__realloc(old, wider * item);
    if (!moved) return false;
    memcpy(array, &moved, sizeof moved);
    *capacity = wider;
    return true;
}

ath_status ath__pm_push(struct ath__pickle_machine *m, struct ath__pickle *value) {
    if (!ath__pm_make_room(&m->stack, m->depth, &m->stack_capacity, sizeof *m->stack)) return ath__pm_out_of_memory(m);
    m->stack[m->depth++] = value;
    return ATH_OK;
}

ath_status ath__pm_new(struct ath__pickle_machine *m, enum ath__pickle_kind kind, struct ath__pickle **value) {
    *value = ATH_ARENA_NEW(m->arena, struct ath__pickle);
    if (!*value) return ath__pm_out_of_memory(m);
    (*value)->kind = kind;
    return ath__pm_push(m, *value);
}

size_t ath__pm_floor(const struct ath__pickle_machine *m) {
    return m->mark_count > 0 ? m->marks[m->mark_count - 1] : 0;
}

ath_status ath__pm_pop(struct ath__pickle_machine *m, struct ath__pickle **value) {
    *value = NULL;
    if (m->depth <= ath__pm_floor(m)) return ath__pm_fault(m, "an empty stack");
    *value = m->stack[--m->depth];
    return ATH_OK;
}

/* The value on top, which stays. */
ath_status ath__pm_top(struct ath__pickle_machine *m, struct ath__pickle **value) {
    ATH_TRY(ath__pm_pop(m, value));
    m->depth++;
    return ATH_OK;
}

/* Takes everything above the last mark off the stack, and the mark; the values stay where they were until a push. */
ath_status ath__pm_pop_mark(struct ath__pickle_machine *m, struct ath__pickle ***items, size_t *count) {
    *items = NULL;
    *count = 0;
    if (m->mark_count == 0) return ath__pm_fault(m, "a missing mark");
    size_t begin = m->marks[--m->mark_count];
    *count = m->depth - begin;
    if (*count > 0) *items = m->stack + begin;
    m->depth = begin;
    return ATH_OK;
}

/* The same for the `wanted` values on top; all above the mark for a negative number. */
ath_status ath__pm_pop_several(struct ath__pickle_machine *m, int wanted, struct ath__pickle ***items, size_t *count) {
    if (wanted < 0) return ath__pm_pop_mark(m, items, count);
    *count = (size_t)wanted;
    *items = NULL;
    if (m->depth - ath__pm_floor(m) < *count) return ath__pm_fault(m, "an empty stack");
    m->depth -= *count;
    *items = m->stack + m->depth;
    return ATH_OK;
}

ath_status ath__pm_add(struct ath__pickle_machine *m, struct ath__pickle *list, struct ath__pickle *item) {
    if (list->as.list.count == list->as.list.capacity) {
        size_t               wider = list->as.list.capacity ? list->as.list.capacity * 2 : 4;
        struct ath__pickle **moved = ATH_ARENA_ARRAY(m->arena, struct ath__pickle *, wider);
        if (!moved) return ath__pm_out_of_memory(m);
        if (list->as.list.count > 0) memcpy(moved, list->as.list.items, list->as.list.count * sizeof *moved);
        list->as.list.items = moved;
        list->as.list.capacity = wider;
    }
    list->as.list.items[list->as.list.count++] = item;
    return ATH_OK;
}

ath_status ath__pm_remember(struct ath__pickle_machine *m, uint64_t index) {
    struct ath__pickle *value;
    ATH_TRY(ath__pm_top(m, &value));
    if (index > 2 * (uint64_t)m->memo_used + MEMO_SLACK) return ath__pm_fault(m, "a memo entry far beyond the others");
    if (index >= m->memo_size) {
        size_t               wider = 2 * (size_t)index + 64;
        struct ath__pickle **moved = ath__realloc(m->memo, wider * sizeof *moved);
        if (!moved) return ath__pm_out_of_memory(m);
        memset(moved + m->memo_size, 0, (wider - m->memo_size) * sizeof *moved);
        m->memo = moved;
        m->memo_size = wider;
    }
    m->memo_used += m->memo[index] == NULL;
    m->memo[index] = value;
    return ATH_OK;
}
