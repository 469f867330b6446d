/* A bump arena: many small objects with one lifetime, freed together; failure is sticky. */
#ifndef ATH_BASE_ARENA_H
#define ATH_BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>

struct ath__arena_block;

struct ath__arena {
    struct ath__arena_block *head;
    bool                     failed; /* memory ran out at some call */
};

/* Zeroed, 16-byte aligned; NULL (and `failed`) when memory runs out. */
void *ath__arena_alloc(struct ath__arena *arena, size_t bytes);
char *ath__arena_strdup(struct ath__arena *arena, const char *text);
void  ath__arena_free(struct ath__arena *arena);

#define ATH_ARENA_NEW(arena, T) ((T *)ath__arena_alloc((arena), sizeof(T)))
#define ATH_ARENA_ARRAY(arena, T, n) ((T *)ath__arena_alloc((arena), sizeof(T) * (size_t)(n)))

#endif
