/* The form of torch.save since 1.6: a zip archive of <root>/data.pkl, <root>/data/<key> and a few small members.
 *
 * Members are stored without compression. What Athanor wrote itself has its metadata in <root>/athanor.json, which torch
 * does not look at.
 */
#include "base/error.h"
#include "base/mem.h"
#include "format/metadata_json.h"
#include "format/torch/torch_file.h"
#include "format/zip_members.h"

#include <stdio.h>
#include <string.h>

enum { MAX_ROOT = 256 };

struct archive {
    struct ath__zip_members zip;
    const char             *path;
    char                    root[MAX_ROOT]; /* "archive/" */
    ath_error              *err;
};

/* Finds <root>/<name>; -1 if there is none. */
static int64_t locate(const struct archive *a, const char *name) {
    char full[MAX_ROOT + 96];
    snprintf(full, sizeof full, "%s%s", a->root, name);
    return ath__zip_members_find(&a->zip, full);
}

/* The member <root>/data.pkl, which gives the root its name. */
static ath_status find_root(struct archive *a, int64_t *index) {
    for (int64_t i = 0; i < a->zip.count; i++) {
        const char *name = ath__zip_members_name(&a->zip, i);
        size_t      length = name ? strlen(name) : 0;
        if (length < 8 || length - 8 >= MAX_ROOT || strcmp(name + length - 8, "data.pkl") != 0) continue;
        if (length > 8 && name[length - 9] != '/') continue;
        memcpy(a->root, name, length - 8);
        a->root[length - 8] = '\0';
        *index = i;
        return ATH_OK;
    }
    return ath__fail(a->err, ATH_DATA, a->path, "this zip file is none of PyTorch's: it has no member data.pkl");
}

static ath_status check_order(struct archive *a) {
    int64_t index = locate(a, "byteorder");
    if (index < 0) return ATH_OK;
    ATH_TRY(ath__zip_members_read(&a->zip, index, false, a->err));
    if (a->zip.sizes[index] >= 6 && memcmp(a->zip.members[index], "little", 6) == 0) return ATH_OK;
    return ath__fail(a->err, ATH_DATA, a->path,
                     "this PyTorch file was written on a big-endian machine; load and save it on another");
}

static ath_status fetch(void *context, const struct ath__torch_storage *storage, const unsigned char **data,
                        uint64_t *size, ath_error *err) {
    struct archive *a = context;
    char            name[80];
    snprintf(name, sizeof name, "data/%.*s", (int)storage->key->as.bytes.length, storage->key->as.bytes.text);
    int64_t index = locate(a, name);
    if (index < 0) return ath__fail(err, ATH_DATA, a->path, "the storage of a tensor is missing");
    ATH_TRY(ath__zip_members_read(&a->zip, index, false, err));
    *data = a->zip.members[index];
    *size = a->zip.sizes[index];
    return ATH_OK;
}

/* What Athanor's own writer put beside the tensors, and took into account. */
static ath_status read_own(struct archive *a, ath_tensor_file *file) {
    int64_t index = locate(a, ATH_METADATA_MEMBER);
    json_t *root = NULL;
    if (index < 0) return ATH_OK;
    ATH_TRY(ath__zip_members_read(&a->zip, index, false, a->err));
    ATH_TRY(ath__metadata_json_read(a->path, a->zip.members[index], (size_t)a->zip.sizes[index], a->zip.owner, file,
                                    &root, a->err));
    int kept = 0;
    for (int i = 0; i < file->tensor_count; i++)
        if (!ath__metadata_json_lists(root, "added", file->tensors[i].name)) file->tensors[kept++] = file->tensors[i];
    file->tensor_count = kept;
    json_decref(root);
    return ATH_OK;
}

static ath_status read_all(struct archive *a, ath_tensor_file *file, struct ath__pickle_result *object) {
    int64_t index = 0;
    ATH_TRY(find_root(a, &index));
    if (locate(a, "constants.pkl") >= 0)
        return ath__fail(a->err, ATH_DATA, a->path,
                         "this is a TorchScript program, not weights: save the state_dict() of the net");
    ATH_TRY(check_order(a));
    ATH_TRY(ath__zip_members_read(&a->zip, index, false, a->err));
    ATH_TRY(ath__pickle_read(a->path, a->zip.members[index], (size_t)a->zip.sizes[index], &a->zip.owner->arena, object,
                             a->err));
    ATH_TRY(ath__torch_tensors(a->path, object->root, fetch, a, a->zip.owner, file, a->err));
    return read_own(a, file);
}

ath_status ath__torch_zip_read(const char *path, struct ath__tensor_owner *owner, ath_tensor_file *file,
                               ath_error *err) {
    struct archive            a = {.path = path, .err = err};
    struct ath__pickle_result object = {.root = NULL};
    ATH_TRY(ath__zip_members_open(&a.zip, path, owner, err));
    ath_status status = read_all(&a, file, &object);
    ath__free(object.persistent);
    ath__zip_members_close(&a.zip);
    return status;
}
