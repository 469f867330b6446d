/* Greedy placement by size: buffers are taken largest first; each goes to the smallest gap, between already placed
 * buffers whose lifetimes touch its own, that holds it, or behind them all.
 *
 *     offset
 *       ^   +-----------+
 *       |   |     B     |  +----+
 *       |   +-----+-----+  | D  |
 *       |   |  A  |  C     +----+
 *       +-------------------------> call
 */
#include "graph/plan_memory.h"

#include "base/error.h"
#include "base/mem.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

enum { ALIGN = 64 };

static size_t aligned(size_t bytes) {
    return (bytes + ALIGN - 1) / ALIGN * ALIGN;
}

struct rank {
    const struct ath__lifetime *buffer;
    int                         index;
};

static int by_size(const void *a, const void *b) {
    const struct rank *x = a, *y = b;
    if (x->buffer->bytes != y->buffer->bytes) return x->buffer->bytes < y->buffer->bytes ? 1 : -1;
    if (x->buffer->first != y->buffer->first) return x->buffer->first < y->buffer->first ? -1 : 1;
    return x->index < y->index ? -1 : 1;
}

static bool overlaps(const struct ath__lifetime *a, const struct ath__lifetime *b) {
    return a->first <= b->last && b->first <= a->last;
}

/* Lowest offset in the tightest gap. `placed` lists placed buffers by offset. */
static size_t best_offset(const struct ath__lifetime *buffers, const int *placed, int placed_count,
                          const struct ath__lifetime *wanted) {
    size_t end = 0, best = SIZE_MAX, best_gap = SIZE_MAX;
    for (int i = 0; i < placed_count; i++) {
        const struct ath__lifetime *other = &buffers[placed[i]];
        if (!overlaps(other, wanted)) continue;
        if (other->offset > end && other->offset - end >= wanted->bytes && other->offset - end < best_gap) {
            best = end;
            best_gap = other->offset - end;
        }
        size_t other_end = other->offset + aligned(other->bytes);
        if (other_end > end) end = other_end;
    }
    return best != SIZE_MAX ? best : end;
}

ath_status ath__plan_place(struct ath__lifetime *buffers, int count, size_t *total, ath_error *err) {
    ath_status   status = ATH_OK;
    struct rank *ranks = ATH_NEW_ARRAY(struct rank, count + 1);
    int         *placed = ATH_NEW_ARRAY(int, count + 1);
    *total = 0;
    if (!ranks || !placed) {
        status = ath__fail_memory(err, "memory plan");
        goto done;
    }
    for (int i = 0; i < count; i++) ranks[i] = (struct rank){&buffers[i], i};
    qsort(ranks, (size_t)count, sizeof *ranks, by_size);
    for (int r = 0; r < count; r++) {
        struct ath__lifetime *buffer = &buffers[ranks[r].index];
        buffer->offset = best_offset(buffers, placed, r, buffer);
        int at = r;
        while (at > 0 && buffers[placed[at - 1]].offset > buffer->offset) {
            placed[at] = placed[at - 1];
            at--;
        }
        placed[at] = ranks[r].index;
        if (buffer->offset + aligned(buffer->bytes) > *total) *total = buffer->offset + aligned(buffer->bytes);
    }
done:
    ath__free(ranks);
    ath__free(placed);
    return status;
}
