/* NumPy's .npz: a zip archive of NAME.npy, stored or compressed; and .npy, the single array, as a file of one tensor
 * that is called "array".
 *
 * Our metadata is the member athanor.json, which NumPy hands out as bytes under that name. NumPy has no bfloat16: such
 * tensors are two-byte voids there, and the metadata says which.
 */
#include "base/error.h"
#include "base/mem.h"
#include "format/metadata_json.h"
#include "format/numpy/npy.h"
#include "format/zip_members.h"
#include "format/zip_writer.h"

#include <string.h>

enum { TAIL = 1 << 16 };

/* ---- reading ---------------------------------------------------------------------------------------------------- */

static bool is_zip(const unsigned char *bytes, size_t size) {
    return size >= 30 && memcmp(bytes, "PK\3\4", 4) == 0;
}

/* A zip whose first member, or one of the last, is called *.npy. */
static bool recognise(const unsigned char *bytes, size_t size) {
    if (ath__npy_recognise(bytes, size)) return true;
    if (!is_zip(bytes, size)) return false;
    size_t length = bytes[26] | (size_t)bytes[27] << 8, tail = size < TAIL ? size : TAIL;
    if (length >= 4 && length <= size - 30 && memcmp(bytes + 30 + length - 4, ".npy", 4) == 0) return true;
    for (const unsigned char *at = bytes + size - tail; at + 4 <= bytes + size; at++)
        if (memcmp(at, ".npy", 4) == 0) return true;
    return false;
}

static ath_status read_own(struct ath__zip_members *zip, ath_tensor_file *file, json_t **root, ath_error *err) {
    int64_t index = ath__zip_members_find(zip, ATH_METADATA_MEMBER);
    if (index < 0) return ATH_OK;
    ATH_TRY(ath__zip_members_read(zip, index, true, err));
    return ath__metadata_json_read(zip->path, zip->members[index], (size_t)zip->sizes[index], zip->owner, file, root,
                                   err);
}

/* Member NAME.npy as tensor NAME; other members are none. */
static ath_status read_member(struct ath__zip_members *zip, int64_t index, const json_t *own, ath_tensor_file *file,
                              ath_error *err) {
    const char *name = ath__zip_members_name(zip, index);
    size_t      length = name ? strlen(name) : 0;
    if (length <= 4 || strcmp(name + length - 4, ".npy") != 0) return ATH_OK;
    ath_named_tensor *named = &file->tensors[file->tensor_count];
    char             *kept = ath__arena_strdup(&zip->owner->arena, name);
    if (!kept) return ath__fail_memory(err, zip->path);
    kept[length - 4] = '\0';
    ATH_TRY(ath__tensor_text_check(zip->path, kept, err));
    named->name = kept;
    for (int i = 0; i < file->tensor_count; i++)
        if (strcmp(file->tensors[i].name, kept) == 0)
            return ath__fail(err, ATH_DATA, zip->path, "two arrays are called '%s'", kept);
    ATH_TRY(ath__zip_members_read(zip, index, true, err));
    ATH_TRY(ath__npy_read(zip->path, kept, zip->members[index], (size_t)zip->sizes[index],
                          ath__metadata_json_lists(own, "bf16", kept), &zip->owner->arena, &named->tensor, err));
    file->tensor_count++;
    return ATH_OK;
}

static ath_status read_archive(const char *path, struct ath__tensor_owner *owner, ath_tensor_file *file,
                               ath_error *err) {
    struct ath__zip_members zip;
    json_t                 *own = NULL;
    ATH_TRY(ath__zip_members_open(&zip, path, owner, err));
    file->tensors = ATH_ARENA_ARRAY(&owner->arena, ath_named_tensor, zip.count + 1);
    ath_status status = file->tensors ? read_own(&zip, file, &own, err) : ath__fail_memory(err, path);
    for (int64_t i = 0; status == ATH_OK && i < zip.count; i++) status = read_member(&zip, i, own, file, err);
    if (status == ATH_OK && file->tensor_count == 0)
        status = ath__fail(err, ATH_DATA, path, "this zip file holds no arrays");
    json_decref(own);
    ath__zip_members_close(&zip);
    return status;
}

static ath_status read_file(const char *path, struct ath__tensor_owner *owner, ath_tensor_file *file, ath_error *err) {
    const unsigned char *bytes = owner->mapping.data;
    if (!ath__npy_recognise(bytes, owner->mapping.size)) return read_archive(path, owner, file, err);
    file->tensors = ATH_ARENA_NEW(&owner->arena, ath_named_tensor);
    if (!file->tensors) return ath__fail_memory(err, path);
    file->tensors[0].name = "array";
    ATH_TRY(
        ath__npy_read(path, "this", bytes, owner->mapping.size, false, &owner->arena, &file->tensors[0].tensor, err));
    file->tensor_count = 1;
    return ATH_OK;
}

/* ---- writing ---------------------------------------------------------------------------------------------------- */

/* Header and data as one piece of memory, which libzip reads when the archive is closed. */
static ath_status add_array(struct ath__zip_writer *zip, const ath_named_tensor *named, struct ath__str *member,
                            ath_error *err) {
    struct ath__str name = {0};
    ath__npy_header(member, ath__npy_code(named->tensor.dtype), named->tensor.shape.rank, named->tensor.shape.dims);
    ath__str_append_bytes(member, named->tensor.data, ath__tensor_bytes(&named->tensor));
    ath__str_printf(&name, "%s.npy", named->name);
    ath_status status = name.failed || member->failed
                            ? ath__fail_memory(err, zip->file.path)
                            : ath__zip_writer_add(zip, ath__str_text(&name), member->data, member->size, err);
    ath__str_free(&name);
    return status;
}

static json_t *list_bf16(const struct ath__tensors *what) {
    json_t *list = json_array();
    for (int i = 0; i < what->tensor_count; i++)
        if (what->tensors[i].tensor.dtype == ATH_BF16) json_array_append_new(list, json_string(what->tensors[i].name));
    return list;
}

static ath_status write_file(const char *path, const struct ath__tensors *what, struct ath__str *notes,
                             ath_error *err) {
    struct ath__zip_writer zip;
    char                  *metadata = NULL;
    json_t                *bf16 = list_bf16(what);
    struct ath__str       *members = ATH_NEW_ARRAY(struct ath__str, what->tensor_count + 1);
    if (json_array_size(bf16) > 0)
        ath__str_append(notes, "NumPy has no bfloat16: such tensors are two-byte voids there\n");
    ath_status status = ath__metadata_json(path, what, json_pack("{s:o}", "bf16", bf16), &metadata, err);
    if (status == ATH_OK && !members) status = ath__fail_memory(err, path);
    for (int i = 0; status == ATH_OK && i < what->tensor_count; i++)
        status = ath__tensor_text_check(path, what->tensors[i].name, err);
    if (status == ATH_OK) status = ath__zip_writer_open(&zip, path, err);
    if (status == ATH_OK) {
        for (int i = 0; status == ATH_OK && i < what->tensor_count; i++)
            status = add_array(&zip, &what->tensors[i], &members[i], err);
        if (status == ATH_OK) status = ath__zip_writer_add(&zip, ATH_METADATA_MEMBER, metadata, strlen(metadata), err);
        if (status == ATH_OK)
            status = ath__zip_writer_commit(&zip, err);
        else
            ath__zip_writer_abandon(&zip);
    }
    for (int i = 0; members && i < what->tensor_count; i++) ath__str_free(&members[i]);
    ath__free(members);
    ath__free(metadata);
    return status;
}

const struct ath__tensor_format ath__tensor_format_npz = {
    .name = "npz",
    .summary = "NumPy's archive of arrays (also a single .npy, to be read)",
    .endings = "npz",
    .recognise = recognise,
    .read = read_file,
    .write = write_file,
};
