/* Metadata to JSON and back. */
#include "format/metadata_json.h"

#include "base/error.h"

#include <string.h>

/* As for the header of safetensors. */
enum { MAX_TREE = 256 << 20 };

ath_status ath__metadata_json(const char *path, const struct ath__tensors *what, json_t *beside, char **text,
                              ath_error *err) {
    json_t     *root = json_object(), *meta = json_object();
    const char *refused = NULL;
    for (int i = 0; i < what->metadata_count && !refused; i++)
        if (json_object_set_new(meta, what->metadata[i].key, json_string(what->metadata[i].value)) != 0)
            refused = what->metadata[i].key;
    json_object_set_new(root, "metadata", meta);
    if (beside) json_object_update(root, beside);
    *text = refused ? NULL : ath__json_text(root, JSON_COMPACT);
    json_decref(root);
    json_decref(beside);
    if (refused)
        return ath__fail(err, ATH_USAGE, path, "the metadata '%.64s' is not UTF-8 and cannot be written", refused);
    return *text ? ATH_OK : ath__fail_memory(err, path);
}

ath_status ath__metadata_json_read(const char *path, const unsigned char *text, size_t size,
                                   struct ath__tensor_owner *owner, ath_tensor_file *file, json_t **root,
                                   ath_error *err) {
    char why[JSON_ERROR_TEXT_LENGTH] = "it is no object with metadata";
    *root = ath__json_parse((const char *)text, size, MAX_TREE, why);
    json_t *meta = json_object_get(*root, "metadata"), *value;
    if (!json_is_object(meta)) {
        json_decref(*root);
        *root = NULL;
        return ath__fail(err, ATH_DATA, path, "its member %s is damaged: %s", ATH_METADATA_MEMBER, why);
    }
    size_t        count = json_object_size(meta) + (size_t)file->metadata_count;
    ath_metadata *items = ATH_ARENA_ARRAY(&owner->arena, ath_metadata, count + 1);
    bool          whole = items != NULL;
    if (whole && file->metadata_count > 0) memcpy(items, file->metadata, (size_t)file->metadata_count * sizeof *items);
    if (whole) file->metadata = items;
    const char *key;
    json_object_foreach(meta, key, value) {
        if (!whole || !json_is_string(value)) continue;
        ath_metadata *item = &items[file->metadata_count];
        item->key = ath__arena_strdup(&owner->arena, key);
        item->value = ath__arena_strdup(&owner->arena, json_string_value(value));
        whole = item->key && item->value;
        if (whole) file->metadata_count++;
    }
    if (whole) return ATH_OK;
    json_decref(*root);
    *root = NULL;
    return ath__fail_memory(err, path);
}

bool ath__metadata_json_lists(const json_t *root, const char *key, const char *name) {
    size_t  i;
    json_t *item;
    json_array_foreach(json_object_get(root, key), i, item) {
        const char *text = json_string_value(item);
        if (text && strcmp(text, name) == 0) return true;
    }
    return false;
}
