/* Metadata as one JSON text, for formats that have a place for a text but none for metadata: the member athanor.json of
 * zip archives.
 *
 *     {"metadata": {"key": "value", ...}, "added": [names], "bf16": [names], "names": "mindspore"}
 *
 * What stands beside the metadata lets a file survive the way there and back: `added` are tensors that a writer put
 * beside the caller's because the format's users expect them, which a reader leaves out again; `bf16` are those whose
 * type the format cannot say; `names` says that they were translated.
 */
#ifndef ATH_FORMAT_METADATA_JSON_H
#define ATH_FORMAT_METADATA_JSON_H

#include "base/json.h"
#include "format/tensor_format.h"

#define ATH_METADATA_MEMBER "athanor.json"

/* The text, for ath__free. `beside` (an object, or NULL) is taken: what stands beside the metadata. ATH_USAGE for text
 * that is not UTF-8. */
ath_status ath__metadata_json(const char *path, const struct ath__tensors *what, json_t *beside, char **text,
                              ath_error *err);

/* Appends to the file's metadata what the text says, and returns the whole object, for json_decref. ATH_DATA for
 * anything else than such a text. */
ath_status ath__metadata_json_read(const char *path, const unsigned char *text, size_t size,
                                   struct ath__tensor_owner *owner, ath_tensor_file *file, json_t **root,
                                   ath_error *err);

/* Is the name in the list `key` of the object? */
bool ath__metadata_json_lists(const json_t *root, const char *key, const char *name);

#endif
