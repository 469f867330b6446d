/* Images that occur twice, within a data set or in two.
 *
 * Every image gets a fingerprint of 64 bits; sorting brings equal ones together, and only those are compared byte by
 * byte. Images in files are compared by their files. So the work is one pass over the images at the speed of memory, and the answer is exact. In a group of equal
 * fingerprints the first image of each content leads; any later one is compared with the leaders alone, which keeps a
 * group of many equal images (all of them black, say) linear.
 */
#include "athanor/data.h"
#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/parallel.h"
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
    struct print      *prints;
    size_t             count;
};

/* The bytes that an image is compared by: its pixels in memory, or its file. */
struct content {
    const unsigned char *bytes;
    size_t               size;
    struct ath__mapping  mapping;
};

static ath_status content_open(const ath_dataset *dataset, int64_t index, struct content *content, ath_error *err) {
    const char      *path = ath__dataset_path(dataset, index);
    ath_dataset_info info = ath_dataset_describe(dataset);
    *content = (struct content){.bytes = ath__dataset_pixels(dataset, index),
                                .size = (size_t)info.channels * (size_t)info.height * (size_t)info.width};
    if (!path) return ATH_OK;
    ATH_TRY(ath__file_map(path, &content->mapping, err));
    content->bytes = content->mapping.data;
    content->size = content->mapping.size;
    return ATH_OK;
}

static void content_close(const ath_dataset *dataset, struct content *content) {
    if (ath__dataset_path(dataset, 0)) ath__file_unmap(&content->mapping);
}

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
    const ath_dataset *dataset;
    struct print      *prints; /* of this side */
    uint32_t           side;
    int64_t            count;
    ath_status         status[ATH_DATASET_CHUNKS];
    ath_error          errors[ATH_DATASET_CHUNKS];
};

static void hash_chunk(int64_t chunk, void *context) {
    struct hashing *hashing = context;
    int64_t         begin = hashing->count * chunk / ATH_DATASET_CHUNKS,
            end = hashing->count * (chunk + 1) / ATH_DATASET_CHUNKS;
    for (int64_t i = begin; i < end && hashing->status[chunk] == ATH_OK; i++) {
        struct content content;
        hashing->status[chunk] = content_open(hashing->dataset, i, &content, &hashing->errors[chunk]);
        if (hashing->status[chunk] != ATH_OK) return;
        hashing->prints[i] = (struct print){hash_bytes(content.bytes, content.size), hashing->side, (uint32_t)i};
        content_close(hashing->dataset, &content);
    }
}

static ath_status hash_side(const ath_dataset *dataset, uint32_t side, int64_t count, struct print *prints,
                            ath_error *err) {
    struct hashing hashing = {.dataset = dataset, .prints = prints, .side = side, .count = count};
    ath__parallel(ATH_DATASET_CHUNKS, hash_chunk, &hashing);
    for (int k = 0; k < ATH_DATASET_CHUNKS; k++) {
        if (hashing.status[k] == ATH_OK) continue;
        if (err) *err = hashing.errors[k];
        return hashing.status[k];
    }
    return ATH_OK;
}

static int compare_prints(const void *a, const void *b) {
    const struct print *p = a, *q = b;
    if (p->hash != q->hash) return p->hash < q->hash ? -1 : 1;
    if (p->side != q->side) return p->side < q->side ? -1 : 1;
    return p->index < q->index ? -1 : p->index > q->index;
}

static ath_status same_image(const struct search *search, const struct print *a, const struct print *b, bool *same,
                             ath_error *err) {
    struct content first, second;
    ATH_TRY(content_open(search->sides[a->side], a->index, &first, err));
    ath_status status = content_open(search->sides[b->side], b->index, &second, err);
    if (status == ATH_OK) {
        *same = first.size == second.size && memcmp(first.bytes, second.bytes, first.size) == 0;
        content_close(search->sides[b->side], &second);
    }
    content_close(search->sides[a->side], &first);
    return status;
}

static ath_status note_found(const struct search *search, const struct print *leader, const struct print *print,
                             ath_duplicates *found, ath_error *err) {
    int labels[2];
    ATH_TRY(ath_dataset_label(search->sides[leader->side], leader->index, &labels[0], err));
    ATH_TRY(ath_dataset_label(search->sides[print->side], print->index, &labels[1], err));
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
    if (!search->prints) return ath__fail_memory(err, name);
    ATH_TRY(hash_side(search->sides[0], 0, first, search->prints, err));
    if (second > 0) ATH_TRY(hash_side(search->sides[1], 1, second, search->prints + first, err));
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
    ATH_TRY_DONE(make_prints(&search, a.count, first == second ? 0 : b.count, err));
    for (size_t begin = 0, end; begin < search.count; begin = end) {
        for (end = begin + 1; end < search.count && search.prints[end].hash == search.prints[begin].hash;) end++;
        if (end - begin > 1) ATH_TRY_DONE(search_group(&search, begin, end, found, err));
    }
done:
    ath__free(search.prints);
    return status;
}
