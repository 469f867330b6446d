/* Images that occur twice, within a data set or in two.
 *
 * Every image gets a fingerprint of 64 bits; sorting brings equal ones together, and only those are compared byte by
 * byte. So the work is one pass over the images at the speed of memory, and the answer is exact. In a group of equal
 * fingerprints the first image of each content leads; any later one is compared with the leaders alone, which keeps a
 * group of many equal images (all of them black, say) linear.
 */
#include "athanor/data.h"
#include "base/error.h"
#include "base/mem.h"
#include "data/dataset.h"

#include <stdlib.h>
#include <string.h>

struct print {
    uint64_t hash;
    uint32_t side; /* 0: the first data set, 1: the second */
    uint32_t index;
};

struct search {
    const ath_dataset *sides[2];
    size_t             bytes;     /* of an image */
    unsigned char     *buffer[2]; /* an image each, for sets that do not lie in memory */
    struct print      *prints;
    size_t             count;
};

static uint64_t hash_bytes(const unsigned char *bytes, size_t size) {
    uint64_t hash = size * 0x9E3779B97F4A7C15u;
    while (size > 0) {
        uint64_t word = 0;
        size_t   piece = size < sizeof word ? size : sizeof word;
        memcpy(&word, bytes, piece);
        hash = (hash ^ word) * 0xD6E8FEB86659FD93u;
        hash ^= hash >> 32;
        bytes += piece;
        size -= piece;
    }
    return hash;
}

struct hashing {
    struct print *prints; /* of this side */
    uint32_t      side;
    size_t        bytes;
};

static void note_print(const unsigned char *pixels, int64_t index, int chunk, void *context) {
    const struct hashing *hashing = context;
    (void)chunk;
    hashing->prints[index] = (struct print){hash_bytes(pixels, hashing->bytes), hashing->side, (uint32_t)index};
}

static int compare_prints(const void *a, const void *b) {
    const struct print *p = a, *q = b;
    if (p->hash != q->hash) return p->hash < q->hash ? -1 : 1;
    if (p->side != q->side) return p->side < q->side ? -1 : 1;
    return p->index < q->index ? -1 : p->index > q->index;
}

static ath_status image_at(const struct search *search, const struct print *print, int which,
                           const unsigned char **pixels, ath_error *err) {
    const ath_dataset *dataset = search->sides[print->side];
    *pixels = ath__dataset_pixels(dataset, print->index);
    if (*pixels) return ATH_OK;
    *pixels = search->buffer[which];
    return ath_dataset_read(dataset, print->index, search->buffer[which], NULL, err);
}

static ath_status same_image(const struct search *search, const struct print *a, const struct print *b, bool *same,
                             ath_error *err) {
    const unsigned char *first, *second;
    ATH_TRY(image_at(search, a, 0, &first, err));
    ATH_TRY(image_at(search, b, 1, &second, err));
    *same = memcmp(first, second, search->bytes) == 0;
    return ATH_OK;
}

static ath_status note_found(const struct search *search, const struct print *leader, const struct print *print,
                             ath_duplicates *found, ath_error *err) {
    int labels[2];
    ATH_TRY(ath_dataset_read(search->sides[leader->side], leader->index, NULL, &labels[0], err));
    ATH_TRY(ath_dataset_read(search->sides[print->side], print->index, NULL, &labels[1], err));
    found->images++;
    found->conflicts += labels[0] != labels[1];
    if (found->second < 0 || print->index < found->second) {
        found->first = leader->index;
        found->second = print->index;
    }
    return ATH_OK;
}

/* Prints [begin, end) have one hash; those of the first side come first. The leaders move to the front. */
static ath_status search_group(const struct search *search, size_t begin, size_t end, ath_duplicates *found,
                               ath_error *err) {
    struct print *prints = search->prints;
    bool          within = search->sides[0] == search->sides[1];
    size_t        leaders = begin;
    for (size_t i = begin; i < end; i++) {
        bool   same = false, first_side = prints[i].side == 0;
        size_t leader = begin;
        for (; leader < leaders; leader++) {
            ATH_TRY(same_image(search, &prints[leader], &prints[i], &same, err));
            if (same) break;
        }
        if (same && (within || !first_side)) {
            ATH_TRY(note_found(search, &prints[leader], &prints[i], found, err));
        } else if (!same && first_side) {
            prints[leaders++] = prints[i];
        }
    }
    return ATH_OK;
}

static ath_status make_prints(struct search *search, int64_t first, int64_t second, ath_error *err) {
    const char *name = ath_dataset_describe(search->sides[0]).name;
    search->count = (size_t)first + (size_t)second;
    search->prints = ATH_NEW_ARRAY(struct print, search->count);
    search->buffer[0] = ath__alloc(search->bytes);
    search->buffer[1] = ath__alloc(search->bytes);
    if (!search->prints || !search->buffer[0] || !search->buffer[1]) return ath__fail_memory(err, name);
    struct hashing hashing = {search->prints, 0, search->bytes};
    ATH_TRY(ath__dataset_visit(search->sides[0], note_print, &hashing, err));
    if (second > 0) {
        hashing = (struct hashing){search->prints + first, 1, search->bytes};
        ATH_TRY(ath__dataset_visit(search->sides[1], note_print, &hashing, err));
    }
    qsort(search->prints, search->count, sizeof *search->prints, compare_prints);
    return ATH_OK;
}

ath_status ath_dataset_compare(const ath_dataset *first, const ath_dataset *second, ath_duplicates *found,
                               ath_error *err) {
    ath_dataset_info a = ath_dataset_describe(first), b = ath_dataset_describe(second);
    struct search    search = {.sides = {first, second}};
    ath_status       status = ATH_OK;
    *found = (ath_duplicates){.first = -1, .second = -1};
    if (a.channels != b.channels || a.height != b.height || a.width != b.width) return ATH_OK;
    if (a.count >= UINT32_MAX || b.count >= UINT32_MAX)
        return ath__fail(err, ATH_UNSUPPORTED, a.name, "the data set is too large to search for duplicates");
    search.bytes = (size_t)a.channels * (size_t)a.height * (size_t)a.width;
    ATH_TRY_DONE(make_prints(&search, a.count, first == second ? 0 : b.count, err));
    for (size_t begin = 0, end; begin < search.count; begin = end) {
        for (end = begin + 1; end < search.count && search.prints[end].hash == search.prints[begin].hash;) end++;
        if (end - begin > 1) ATH_TRY_DONE(search_group(&search, begin, end, found, err));
    }
done:
    ath__free(search.prints);
    ath__free(search.buffer[0]);
    ath__free(search.buffer[1]);
    return status;
}
