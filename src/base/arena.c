/* A bump arena: blocks that double in size, each object a step of a cursor, everything freed at once.
 *
 * Role: graphs and parse trees, whose many small nodes share one lifetime.
 */
#include "base/arena.h"

#include "base/mem.h"

#include <string.h>

struct ath__arena_block {
    struct ath__arena_block *next;
    size_t                   used, capacity; /* bytes of `data` */
};

enum { ALIGN = 16, FIRST_BLOCK = 4096, LARGEST_BLOCK = 1 << 18 };

/* The bytes of a block start behind its header, which is padded to the alignment. */
static const size_t data_offset = (sizeof(struct ath__arena_block) + ALIGN - 1) / ALIGN * ALIGN;

static struct ath__arena_block *add_block(struct ath__arena *arena, size_t bytes) {
    size_t capacity = arena->head ? arena->head->capacity * 2 : FIRST_BLOCK;
    if (capacity > LARGEST_BLOCK) capacity = LARGEST_BLOCK;
    if (capacity < bytes) capacity = bytes;
    struct ath__arena_block *block = ath__alloc_zeroed(data_offset + capacity);
    if (!block) return NULL;
    block->capacity = capacity;
    block->next = arena->head;
    arena->head = block;
    return block;
}

void *ath__arena_alloc(struct ath__arena *arena, size_t bytes) {
    if (bytes > (size_t)PTRDIFF_MAX / 2) {
        arena->failed = true;
        return NULL;
    }
    size_t                   padded = bytes == 0 ? ALIGN : (bytes + ALIGN - 1) / ALIGN * ALIGN;
    struct ath__arena_block *block = arena->head;
    if (!block || block->capacity - block->used < padded) block = add_block(arena, padded);
    if (!block) {
        arena->failed = true;
        return NULL;
    }
    void *ptr = (char *)block + data_offset + block->used;
    block->used += padded;
    return ptr;
}

char *ath__arena_strdup(struct ath__arena *arena, const char *text) {
    size_t size = strlen(text) + 1;
    char  *copy = ath__arena_alloc(arena, size);
    if (copy) memcpy(copy, text, size);
    return copy;
}

void ath__arena_free(struct ath__arena *arena) {
    struct ath__arena_block *block = arena->head;
    while (block) {
        struct ath__arena_block *next = block->next;
        ath__free(block);
        block = next;
    }
    *arena = (struct ath__arena){0};
}
