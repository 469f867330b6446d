/* The form of torch.save since 1.6: a zip archive of <root>/data.pkl, <root>/data/<key> and a few small members.
 *
 * Members are stored without compression. They are read as stored, without a look at their checksums, which torch can be
 * told to leave out. A member counts once, however many tensors share it, and all of them together may not be larger
 * than the file, so that overlapping members cannot blow it up.
 */
#include "base/error.h"
#include "base/mem.h"
#include "format/torch/torch_file.h"
#include "format/zip_library.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { MAX_ROOT = 256 };

struct archive {
    const char               *path;
    struct ath__tensor_owner *owner;
    zip_t                    *zip;
    char                      root[MAX_ROOT]; /* "archive/" */
    const unsigned char     **members;        /* by index, once read */
    uint64_t                 *sizes;
    int64_t                   count;
    uint64_t                  read; /* bytes of all members read */
    ath_error                *err;
};

static ath_status open_archive(struct archive *a) {
    zip_error_t error;
    ATH_TRY(ath__zip_library_load(a->err));
    zip_error_init(&error);
    zip_source_t *source = zip_source_buffer_create(a->owner->mapping.data, a->owner->mapping.size, 0, &error);
    a->zip = source ? zip_open_from_source(source, ZIP_RDONLY, &error) : NULL;
    ath_status status = ATH_OK;
    if (!a->zip) {
        status = ath__fail(a->err, ATH_DATA, a->path, "this zip file is damaged: %s", zip_error_strerror(&error));
        if (source) zip_source_free(source);
    }
    zip_error_fini(&error);
    if (status != ATH_OK) return status;
    a->count = zip_get_num_entries(a->zip, 0);
    a->members = ath__alloc_array((size_t)a->count + 1, sizeof *a->members);
    a->sizes = ath__alloc_array((size_t)a->count + 1, sizeof *a->sizes);
    return a->members && a->sizes ? ATH_OK : ath__fail_memory(a->err, a->path);
}

static ath_status read_member(struct archive *a, int64_t index) {
    zip_stat_t     st;
    const uint64_t wanted = ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE | ZIP_STAT_COMP_METHOD;
    if (a->members[index]) return ATH_OK;
    if (zip_stat_index(a->zip, (zip_uint64_t)index, 0, &st) != 0 || (st.valid & wanted) != wanted)
        return ath__fail(a->err, ATH_DATA, a->path, "this zip file is damaged: a member has no size");
    if (st.comp_method != ZIP_CM_STORE || st.comp_size != st.size)
        return ath__fail(a->err, ATH_DATA, a->path,
                         "this zip file is compressed, which torch.save never does: unpack it and pack it with zip -0");
    if (st.size > a->owner->mapping.size - a->read)
        return ath__fail(a->err, ATH_DATA, a->path, "this zip file is damaged: its members are larger than the file");
    a->read += st.size;
    unsigned char *bytes = ath__arena_alloc(&a->owner->arena, (size_t)st.size);
    if (!bytes) return ath__fail_memory(a->err, a->path);
    zip_file_t *member = zip_fopen_index(a->zip, (zip_uint64_t)index, ZIP_FL_COMPRESSED);
    int64_t     got = member ? zip_fread(member, bytes, st.size) : -1;
    if (member) zip_fclose(member);
    if (got < 0 || (uint64_t)got != st.size)
        return ath__fail(a->err, ATH_DATA, a->path,
                         "this zip file is damaged: a member of %" PRIu64 " bytes is cut off", (uint64_t)st.size);
    a->members[index] = bytes;
    a->sizes[index] = st.size;
    return ATH_OK;
}

/* Finds <root>/<name>; -1 if there is none. */
static int64_t locate(const struct archive *a, const char *name) {
    char full[MAX_ROOT + 96];
    snprintf(full, sizeof full, "%s%s", a->root, name);
    return zip_name_locate(a->zip, full, 0);
}

/* The member <root>/data.pkl, which gives the root its name. */
static ath_status find_root(struct archive *a, int64_t *index) {
    for (int64_t i = 0; i < a->count; i++) {
        const char *name = zip_get_name(a->zip, (zip_uint64_t)i, ZIP_FL_ENC_RAW);
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
    ATH_TRY(read_member(a, index));
    if (a->sizes[index] >= 6 && memcmp(a->members[index], "little", 6) == 0) return ATH_OK;
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
    ATH_TRY(read_member(a, index));
    *data = a->members[index];
    *size = a->sizes[index];
    return ATH_OK;
}

static ath_status read_all(struct archive *a, ath_tensor_file *file, struct ath__pickle_result *object) {
    int64_t index = 0;
    ATH_TRY(open_archive(a));
    ATH_TRY(find_root(a, &index));
    if (locate(a, "constants.pkl") >= 0)
        return ath__fail(a->err, ATH_DATA, a->path,
                         "this is a TorchScript program, not weights: save the state_dict() of the net");
    ATH_TRY(check_order(a));
    ATH_TRY(read_member(a, index));
    ATH_TRY(ath__pickle_read(a->path, a->members[index], (size_t)a->sizes[index], &a->owner->arena, object, a->err));
    return ath__torch_tensors(a->path, object->root, fetch, a, a->owner, file, a->err);
}

ath_status ath__torch_zip_read(const char *path, struct ath__tensor_owner *owner, ath_tensor_file *file,
                               ath_error *err) {
    struct archive            a = {.path = path, .owner = owner, .err = err};
    struct ath__pickle_result object = {.root = NULL};
    ath_status                status = read_all(&a, file, &object);
    ath__free(object.persistent);
    ath__free(a.members);
    ath__free(a.sizes);
    if (a.zip) zip_discard(a.zip);
    return status;
}
