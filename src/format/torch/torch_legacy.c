/* The form of torch.save before 1.6:
 *
 *     pickle(magic number) pickle(1001) pickle(system) pickle(object) pickle(list of keys)
 *     then for each key in that order: i64 number of elements, the elements
 *
 * How wide a storage's elements are stands only where tensors refer to it, so every reference of the object's pickle is
 * looked at before the storages can be told apart.
 */
#include "base/error.h"
#include "base/mem.h"
#include "format/torch/torch_file.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* One storage of the file. */
struct entry {
    const struct ath__pickle *key;
    int                       width; /* of an element; 0 = nothing refers to it */
    const unsigned char      *data;
    uint64_t                  size;
};

struct legacy {
    const char    *path;
    struct entry  *entries; /* in the order of the file */
    struct entry **sorted;  /* by key */
    size_t         count;
    ath_error     *err;
};

static int compare_keys(const struct ath__pickle *a, const struct ath__pickle *b) {
    size_t shorter = a->as.bytes.length < b->as.bytes.length ? a->as.bytes.length : b->as.bytes.length;
    int    order = memcmp(a->as.bytes.text, b->as.bytes.text, shorter);
    if (order != 0) return order;
    return a->as.bytes.length < b->as.bytes.length ? -1 : a->as.bytes.length > b->as.bytes.length;
}

static int by_key(const void *a, const void *b) {
    return compare_keys((*(struct entry *const *)a)->key, (*(struct entry *const *)b)->key);
}

static struct entry *find_entry(const struct legacy *legacy, const struct ath__pickle *key) {
    struct entry   wanted = {.key = key}, *pointer = &wanted;
    struct entry **found = bsearch(&pointer, legacy->sorted, legacy->count, sizeof(struct entry *), by_key);
    return found ? *found : NULL;
}

static ath_status fetch(void *context, const struct ath__torch_storage *storage, const unsigned char **data,
                        uint64_t *size, ath_error *err) {
    struct legacy *legacy = context;
    struct entry  *entry = find_entry(legacy, storage->key);
    if (!entry) return ath__fail(err, ATH_DATA, legacy->path, "the storage of a tensor is missing");
    *data = entry->data;
    *size = entry->size;
    return ATH_OK;
}

static ath_status collect_keys(struct legacy *legacy, const struct ath__pickle *keys) {
    if (keys->kind != ATH_PICKLE_LIST)
        return ath__fail(legacy->err, ATH_DATA, legacy->path, "this PyTorch file lists no storages");
    legacy->count = keys->as.list.count;
    legacy->entries = ath__alloc_array(legacy->count + 1, sizeof *legacy->entries);
    legacy->sorted = ath__alloc_array(legacy->count + 1, sizeof *legacy->sorted);
    if (!legacy->entries || !legacy->sorted) return ath__fail_memory(legacy->err, legacy->path);
    for (size_t i = 0; i < legacy->count; i++) {
        legacy->entries[i].key = ath__pickle_item(keys, i);
        legacy->sorted[i] = &legacy->entries[i];
        if (legacy->entries[i].key->kind != ATH_PICKLE_TEXT)
            return ath__fail(legacy->err, ATH_DATA, legacy->path, "this PyTorch file lists a storage without a name");
    }
    qsort(legacy->sorted, legacy->count, sizeof(struct entry *), by_key);
    for (size_t i = 1; i < legacy->count; i++)
        if (by_key(&legacy->sorted[i - 1], &legacy->sorted[i]) == 0)
            return ath__fail(legacy->err, ATH_DATA, legacy->path, "this PyTorch file lists a storage twice");
    return ATH_OK;
}

/* The widths of elements, from all references. */
static ath_status find_widths(struct legacy *legacy, const struct ath__pickle_result *object) {
    for (size_t i = 0; i < object->persistent_count; i++) {
        struct ath__torch_storage storage;
        const struct ath__pickle *id = object->persistent[i]->args;
        if (ath__pickle_is_text(ath__pickle_item(id, 0), "module")) continue; /* a class with its source: code */
        ATH_TRY(ath__torch_storage_read(legacy->path, object->persistent[i], &storage, legacy->err));
        struct entry *entry = find_entry(legacy, storage.key);
        if (!entry) continue;
        if (entry->width != 0 && entry->width != storage.type->width)
            return ath__fail(legacy->err, ATH_DATA, legacy->path, "a storage is said to be of two types");
        entry->width = storage.type->width;
    }
    return ATH_OK;
}

static ath_status place_storages(struct legacy *legacy, const unsigned char *bytes, size_t size) {
    for (size_t i = 0; i < legacy->count; i++) {
        struct entry *entry = &legacy->entries[i];
        uint64_t      count = 0;
        if (entry->width == 0)
            return ath__fail(legacy->err, ATH_DATA, legacy->path,
                             "no tensor refers to storage %zu of this PyTorch file", i);
        if (size < 8) return ath__fail(legacy->err, ATH_DATA, legacy->path, "this PyTorch file is cut off");
        for (int b = 7; b >= 0; b--) count = count << 8 | bytes[b];
        bytes += 8;
        size -= 8;
        if (count > size / (size_t)entry->width)
            return ath__fail(legacy->err, ATH_DATA, legacy->path,
                             "this PyTorch file is cut off: a storage would have %" PRIu64 " elements", count);
        entry->data = bytes;
        entry->size = count * (uint64_t)entry->width;
        bytes += entry->size;
        size -= (size_t)entry->size;
    }
    return ATH_OK;
}

/* What stands in front of the object: magic number, version, system. */
static ath_status check_head(const char *path, const struct ath__pickle *version, const struct ath__pickle *system,
                             ath_error *err) {
    const struct ath__pickle *little = ath__pickle_get(system, "little_endian");
    if (version->kind != ATH_PICKLE_INT || version->as.integer != 1001)
        return ath__fail(err, ATH_DATA, path, "this PyTorch file is of an unknown version; load and save it anew");
    if (little && little->kind == ATH_PICKLE_BOOL && !little->as.integer)
        return ath__fail(err, ATH_DATA, path,
                         "this PyTorch file was written on a big-endian machine; load and save it on another");
    return ATH_OK;
}

ath_status ath__torch_legacy_read(const char *path, struct ath__tensor_owner *owner, ath_tensor_file *file,
                                  ath_error *err) {
    enum { MAGIC, VERSION, SYSTEM, OBJECT, KEYS, PICKLES };
    static const unsigned char magic[] = {0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19};
    struct ath__pickle_result  parts[PICKLES] = {0};
    struct legacy              legacy = {.path = path, .err = err};
    const unsigned char       *bytes = owner->mapping.data;
    size_t                     size = owner->mapping.size;
    ath_status                 status = ATH_OK;
    for (int i = 0; i < PICKLES; i++) {
        ATH_TRY_DONE(ath__pickle_read(path, bytes, size, &owner->arena, &parts[i], err));
        bytes += parts[i].size;
        size -= parts[i].size;
        const struct ath__pickle *root = parts[i].root;
        if (i == MAGIC && (root->kind != ATH_PICKLE_BIG || root->as.bytes.length != sizeof magic ||
                           memcmp(root->as.bytes.text, magic, sizeof magic) != 0)) {
            status = ath__fail(err, ATH_DATA, path, "this is a pickle, but not one of torch.save");
            goto done;
        }
        if (i == SYSTEM) ATH_TRY_DONE(check_head(path, parts[VERSION].root, root, err));
    }
    ATH_TRY_DONE(collect_keys(&legacy, parts[KEYS].root));
    ATH_TRY_DONE(find_widths(&legacy, &parts[OBJECT]));
    ATH_TRY_DONE(place_storages(&legacy, bytes, size));
    status = ath__torch_tensors(path, parts[OBJECT].root, fetch, &legacy, owner, file, err);
done:
    for (int i = 0; i < PICKLES; i++) ath__free(parts[i].persistent);
    ath__free(legacy.entries);
    ath__free(legacy.sorted);
    return status;
}
