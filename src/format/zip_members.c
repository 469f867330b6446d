/* Reading members of a zip archive through libzip. */
#include "format/zip_members.h"

#include "base/error.h"
#include "base/mem.h"
#include "format/zip_library.h"

#include <inttypes.h>
#include <string.h>

/* Deflate packs a thousand zeros into one byte; arrays of numbers hardly ever shrink to a sixteenth. */
enum { INFLATION = 16, SMALL = 64 << 20 };

ath_status ath__zip_members_open(struct ath__zip_members *zip, const char *path, struct ath__tensor_owner *owner,
                                 ath_error *err) {
    zip_error_t error;
    *zip = (struct ath__zip_members){.path = path, .owner = owner};
    ATH_TRY(ath__zip_library_load(err));
    zip_error_init(&error);
    zip_source_t *source = zip_source_buffer_create(owner->mapping.data, owner->mapping.size, 0, &error);
    zip->zip = source ? zip_open_from_source(source, ZIP_RDONLY, &error) : NULL;
    ath_status status = ATH_OK;
    if (!zip->zip) {
        status = ath__fail(err, ATH_DATA, path, "this zip file is damaged: %s", zip_error_strerror(&error));
        if (source) zip_source_free(source);
    }
    zip_error_fini(&error);
    if (status != ATH_OK) return status;
    zip->count = zip_get_num_entries(zip->zip, 0);
    zip->members = ath__alloc_array((size_t)zip->count + 1, sizeof *zip->members);
    zip->sizes = ath__alloc_array((size_t)zip->count + 1, sizeof *zip->sizes);
    if (zip->members && zip->sizes) return ATH_OK;
    ath__zip_members_close(zip);
    return ath__fail_memory(err, path);
}

void ath__zip_members_close(struct ath__zip_members *zip) {
    ath__free(zip->members);
    ath__free(zip->sizes);
    if (zip->zip) zip_discard(zip->zip);
    memset(zip, 0, sizeof *zip);
}

const char *ath__zip_members_name(const struct ath__zip_members *zip, int64_t index) {
    return zip_get_name(zip->zip, (zip_uint64_t)index, ZIP_FL_ENC_RAW);
}

int64_t ath__zip_members_find(const struct ath__zip_members *zip, const char *name) {
    return zip_name_locate(zip->zip, name, 0);
}

/* Counts the member in, before memory is taken for it. */
static ath_status admit(struct ath__zip_members *zip, const zip_stat_t *st, bool stored, ath_error *err) {
    uint64_t file = zip->owner->mapping.size, most = INFLATION * file + SMALL;
    if (stored && st->size > file - zip->read)
        return ath__fail(err, ATH_DATA, zip->path, "this zip file is damaged: its members are larger than the file");
    if (!stored && st->size > most - zip->inflated)
        return ath__fail(err, ATH_DATA, zip->path,
                         "this zip file would become %" PRIu64 " times its size when it is unpacked; more than %d "
                         "times is refused",
                         (zip->inflated + st->size) / (file ? file : 1), (int)INFLATION);
    if (stored)
        zip->read += st->size;
    else
        zip->inflated += st->size;
    return ATH_OK;
}

ath_status ath__zip_members_read(struct ath__zip_members *zip, int64_t index, bool inflate, ath_error *err) {
    zip_stat_t     st;
    const uint64_t wanted = ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE | ZIP_STAT_COMP_METHOD;
    if (zip->members[index]) return ATH_OK;
    if (zip_stat_index(zip->zip, (zip_uint64_t)index, 0, &st) != 0 || (st.valid & wanted) != wanted)
        return ath__fail(err, ATH_DATA, zip->path, "this zip file is damaged: a member has no size");
    bool stored = st.comp_method == ZIP_CM_STORE;
    if ((stored && st.comp_size != st.size) || (!stored && !inflate))
        return ath__fail(err, ATH_DATA, zip->path,
                         "this zip file is compressed, which torch.save never does: unpack it and pack it with zip -0");
    ATH_TRY(admit(zip, &st, stored, err));
    unsigned char *bytes = ath__arena_alloc(&zip->owner->arena, (size_t)st.size);
    if (!bytes) return ath__fail_memory(err, zip->path);
    zip_file_t *member = zip_fopen_index(zip->zip, (zip_uint64_t)index, stored ? ZIP_FL_COMPRESSED : 0);
    uint64_t    got = 0;
    for (int64_t more = 1; member && more > 0 && got < st.size; got += (uint64_t)(more > 0 ? more : 0))
        more = zip_fread(member, bytes + got, st.size - got);
    if (member) zip_fclose(member);
    if (got != st.size)
        return ath__fail(err, ATH_DATA, zip->path, "this zip file is damaged: a member of %" PRIu64 " bytes is cut off",
                         (uint64_t)st.size);
    zip->members[index] = bytes;
    zip->sizes[index] = st.size;
    return ATH_OK;
}
