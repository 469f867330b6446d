/* The allocator: the C library's, with a header that remembers the size, counters, and failures on demand.
 *
 *   | header, 64 bytes: size, start | caller's bytes, 64-byte aligned ... | padding to a multiple of 64 |
 *
 * Large zeroed blocks come from calloc, which takes them from the system as pages that are zero already and cost nothing
 * until they are touched; it aligns to 16 bytes only, so that such a block's start may lie in front of its header.
 *
 * Role: the only file that calls the system's allocator. Counters are relaxed atomics: each is exact by itself, and no
 * other memory is published through them.
 */
#include "base/mem.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

struct header {
    size_t size;
    void  *start; /* what the C library gave */
};

enum { HEADER = ATH_MEM_ALIGN, LAZY = 256 << 10, HUGE_PAGE = 2 << 20 };

static _Atomic uint64_t allocations, live_bytes, peak_bytes;
static _Atomic uint64_t attempts, fail_from; /* fail_from 0: never fail on purpose */

static bool fails_on_purpose(void) {
    uint64_t from = atomic_load_explicit(&fail_from, memory_order_relaxed);
    if (from == 0) return false;
    return atomic_fetch_add_explicit(&attempts, 1, memory_order_relaxed) + 1 >= from;
}

static void count_in(size_t bytes) {
    atomic_fetch_add_explicit(&allocations, 1, memory_order_relaxed);
    uint64_t live = atomic_fetch_add_explicit(&live_bytes, bytes, memory_order_relaxed) + bytes;
    uint64_t peak = atomic_load_explicit(&peak_bytes, memory_order_relaxed);
    while (live > peak && !atomic_compare_exchange_weak_explicit(&peak_bytes, &peak, live, memory_order_relaxed,
                                                                 memory_order_relaxed)) {
    }
}

static void count_out(size_t bytes) {
    atomic_fetch_sub_explicit(&live_bytes, bytes, memory_order_relaxed);
}

static void *finish(char *start, char *header, size_t bytes) {
    *(struct header *)header = (struct header){bytes, start};
    count_in(bytes);
    return header + HEADER;
}

static size_t padded(size_t bytes) {
    return (bytes + ATH_MEM_ALIGN - 1) / ATH_MEM_ALIGN * ATH_MEM_ALIGN;
}

void *ath__alloc(size_t bytes) {
    if (fails_on_purpose()) return NULL;
    if (bytes > (size_t)PTRDIFF_MAX - 2 * ATH_MEM_ALIGN) return NULL;
    char *start = aligned_alloc(ATH_MEM_ALIGN, HEADER + padded(bytes));
    return start ? finish(start, start, bytes) : NULL;
}

void *ath__alloc_zeroed(size_t bytes) {
    if (bytes < LAZY) {
        void *ptr = ath__alloc(bytes);
        if (ptr) memset(ptr, 0, bytes);
        return ptr;
    }
    if (fails_on_purpose()) return NULL;
    if (bytes > (size_t)PTRDIFF_MAX - 4 * ATH_MEM_ALIGN) return NULL;
    char *start = calloc(1, HEADER + padded(bytes) + ATH_MEM_ALIGN);
    if (!start) return NULL;
    size_t ahead = (ATH_MEM_ALIGN - (uintptr_t)start % ATH_MEM_ALIGN) % ATH_MEM_ALIGN;
    return finish(start, start + ahead, bytes);
}

void *ath__alloc_array(size_t count, size_t size) {
    if (size != 0 && count > (size_t)PTRDIFF_MAX / size) return NULL;
    return ath__alloc_zeroed(count * size);
}

static struct header *header_of(void *ptr) {
    return (struct header *)((char *)ptr - HEADER);
}

void *ath__realloc(void *ptr, size_t bytes) {
    void *moved = ath__alloc(bytes);
    if (!moved || !ptr) return moved;
    size_t old = header_of(ptr)->size;
    memcpy(moved, ptr, old < bytes ? old : bytes);
    ath__free(ptr);
    return moved;
}

void ath__free(void *ptr) {
    if (!ptr) return;
    count_out(header_of(ptr)->size);
    free(header_of(ptr)->start);
}

char *ath__strdup(const char *text) {
    size_t size = strlen(text) + 1;
    char  *copy = ath__alloc(size);
    if (copy) memcpy(copy, text, size);
    return copy;
}

/* Whole pages; from 2 MiB on, whole huge pages, so that the start can be aligned to one. */
static size_t mapped_size(size_t bytes) {
    size_t unit = bytes >= HUGE_PAGE ? HUGE_PAGE : 65536;
    return bytes == 0 ? unit : (bytes + unit - 1) / unit * unit;
}

void *ath__alloc_pages(size_t bytes) {
    if (fails_on_purpose()) return NULL;
    if (bytes > (size_t)PTRDIFF_MAX - 2 * HUGE_PAGE) return NULL;
    size_t size = mapped_size(bytes);
    size_t slack = size >= HUGE_PAGE ? HUGE_PAGE : 0;
    char  *map = mmap(NULL, size + slack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (map == MAP_FAILED) return NULL;
    if (slack > 0) {
        size_t head = (HUGE_PAGE - (uintptr_t)map % HUGE_PAGE) % HUGE_PAGE;
        if (head > 0) munmap(map, head);
        if (slack > head) munmap(map + head + size, slack - head);
        map += head;
#ifdef MADV_HUGEPAGE
        madvise(map, size, MADV_HUGEPAGE); /* a wish: its refusal costs speed alone */
#endif
    }
    count_in(bytes);
    return map;
}

void ath__free_pages(void *ptr, size_t bytes) {
    if (!ptr) return;
    count_out(bytes);
    munmap(ptr, mapped_size(bytes));
}

struct ath__mem_stats ath__mem_stats(void) {
    return (struct ath__mem_stats){
        .allocations = atomic_load_explicit(&allocations, memory_order_relaxed),
        .live_bytes = atomic_load_explicit(&live_bytes, memory_order_relaxed),
        .peak_bytes = atomic_load_explicit(&peak_bytes, memory_order_relaxed),
    };
}

void ath__mem_fail_at(uint64_t n) {
    atomic_store_explicit(&fail_from, 0, memory_order_relaxed);
    atomic_store_explicit(&attempts, 0, memory_order_relaxed);
    atomic_store_explicit(&fail_from, n, memory_order_relaxed);
}
