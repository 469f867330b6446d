/* The only allocator of the library: counted, 64-byte aligned, able to fail on purpose.
 *
 * The counters let a test assert that a training step allocates nothing; fault injection lets a test fail the n-th
 * allocation of a program for every n. Both are process-wide and thread-safe.
 */
#ifndef ATH_BASE_MEM_H
#define ATH_BASE_MEM_H

#include <stddef.h>
#include <stdint.h>

enum { ATH_MEM_ALIGN = 64 };

struct ath__mem_stats {
    uint64_t allocations; /* calls that returned memory, since the start   */
    uint64_t live_bytes;  /* held now                                      */
    uint64_t peak_bytes;  /* the most ever held                            */
};

/* All return NULL when memory runs out; a size of 0 yields a valid pointer to free. Contents of ath__alloc are
 * undefined, of the zeroed forms 0. ath__free(NULL) does nothing. */
void *ath__alloc(size_t bytes);
void *ath__alloc_zeroed(size_t bytes);
void *ath__alloc_array(size_t count, size_t size); /* zeroed; NULL also when count * size overflows */
void *ath__realloc(void *ptr, size_t bytes);
void  ath__free(void *ptr);
char *ath__strdup(const char *text);

/* Large page-aligned zeroed memory (activations, parameters), backed by huge pages where the system grants them. */
void *ath__alloc_pages(size_t bytes);
void  ath__free_pages(void *ptr, size_t bytes);

#define ATH_NEW(T) ((T *)ath__alloc_array(1, sizeof(T)))
#define ATH_NEW_ARRAY(T, n) ((T *)ath__alloc_array((size_t)(n), sizeof(T)))

struct ath__mem_stats ath__mem_stats(void);

/* The n-th allocation from now (1 = the next) fails, and all after it; 0 turns injection off. */
void ath__mem_fail_at(uint64_t n);

#endif
