/* Writing what torch.save(state_dict) writes: an OrderedDict of tensors, in a zip archive.
 *
 *     archive/data.pkl       the pickle, of protocol 2
 *     archive/byteorder      "little"
 *     archive/data/0 ...     the storages, each at a multiple of 64 bytes
 *     archive/version        "3"
 *     archive/athanor.json   our metadata; torch does not look at it
 *
 * It holds nothing that torch.load(weights_only=True) would refuse. Where a batch norm has a running_mean and no
 * num_batches_tracked, one of 0 is added, so that load_state_dict(strict=True) finds what torch's own class keeps.
 */
#include "base/error.h"
#include "base/mem.h"
#include "base/str.h"
#include "format/metadata_json.h"
#include "format/torch/torch_file.h"
#include "format/zip_writer.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define COUNTER "num_batches_tracked"
#define ROOT "archive/"

static const struct {
    ath_dtype   dtype;
    const char *storage;
} storages[] = {
    {ATH_F32, "FloatStorage"}, {ATH_F16, "HalfStorage"}, {ATH_BF16, "BFloat16Storage"}, {ATH_F64, "DoubleStorage"},
    {ATH_I64, "LongStorage"},  {ATH_I32, "IntStorage"},  {ATH_U8, "ByteStorage"},
};

static const char *storage_of(ath_dtype dtype) {
    for (size_t i = 0; i < sizeof storages / sizeof storages[0]; i++)
        if (storages[i].dtype == dtype) return storages[i].storage;
    return NULL;
}

/* ---- the pickle ------------------------------------------------------------------------------------------------- */

static void put_little_endian(struct ath__str *pickle, uint64_t value, int size) {
    for (int i = 0; i < size; i++) ath__str_append_bytes(pickle, &(char){(char)(value >> (8 * i))}, 1);
}

static void put_code(struct ath__str *pickle, char code) {
    ath__str_append_bytes(pickle, &code, 1);
}

/* BINUNICODE */
static void put_text(struct ath__str *pickle, const char *text) {
    put_code(pickle, 'X');
    put_little_endian(pickle, strlen(text), 4);
    ath__str_append(pickle, text);
}

/* BININT for what fits, LONG1 of eight bytes for the rest; never negative. */
static void put_int(struct ath__str *pickle, int64_t value) {
    if (value <= INT32_MAX) {
        put_code(pickle, 'J');
        put_little_endian(pickle, (uint64_t)value, 4);
    } else {
        put_code(pickle, (char)0x8a);
        put_code(pickle, 8);
        put_little_endian(pickle, (uint64_t)value, 8);
    }
}

/* MARK items TUPLE */
static void put_ints(struct ath__str *pickle, const int64_t *values, int count) {
    put_code(pickle, '(');
    for (int i = 0; i < count; i++) put_int(pickle, values[i]);
    put_code(pickle, 't');
}

/* OrderedDict(), new */
static void put_dict(struct ath__str *pickle) {
    ath__str_append(pickle, "ccollections\nOrderedDict\n)R");
}

/* _rebuild_tensor_v2(storage, 0, sizes, strides, False, OrderedDict()), storage number `key` of the archive. */
static void put_tensor(struct ath__str *pickle, const ath_tensor *tensor, int key) {
    char    number[16];
    int64_t strides[ATH_MAX_RANK], stride = 1;
    for (int d = tensor->shape.rank - 1; d >= 0; d--) {
        strides[d] = stride;
        stride *= tensor->shape.dims[d] > 0 ? tensor->shape.dims[d] : 1;
    }
    snprintf(number, sizeof number, "%d", key);
    ath__str_append(pickle, "ctorch._utils\n_rebuild_tensor_v2\n((");
    put_text(pickle, "storage");
    ath__str_printf(pickle, "ctorch\n%s\n", storage_of(tensor->dtype));
    put_text(pickle, number);
    put_text(pickle, "cpu");
    put_int(pickle, ath_shape_count(&tensor->shape));
    ath__str_append(pickle, "tQ");
    put_int(pickle, 0);
    put_ints(pickle, tensor->shape.dims, tensor->shape.rank);
    put_ints(pickle, strides, tensor->shape.rank);
    put_code(pickle, (char)0x89); /* False */
    put_dict(pickle);
    ath__str_append(pickle, "tR");
}

static void put_state_dict(struct ath__str *pickle, const ath_named_tensor *tensors, int count) {
    ath__str_append_bytes(pickle, "\x80\x02", 2);
    put_dict(pickle);
    put_code(pickle, '(');
    for (int i = 0; i < count; i++) {
        put_text(pickle, tensors[i].name);
        put_tensor(pickle, &tensors[i].tensor, i);
    }
    ath__str_append(pickle, "u.");
}

/* ---- what torch's batch norm keeps ------------------------------------------------------------------------------ */

static bool has(const struct ath__tensors *what, const char *name) {
    for (int i = 0; i < what->tensor_count; i++)
        if (strcmp(what->tensors[i].name, name) == 0) return true;
    return false;
}

/* The caller's tensors, each running_var followed by the counter that it lacks. */
static ath_status add_counters(const struct ath__tensors *what, struct ath__arena *arena, ath_named_tensor *all,
                               int *count, json_t *added, const char *path, ath_error *err) {
    static int64_t zero;
    for (int i = 0; i < what->tensor_count; i++) {
        const char *name = what->tensors[i].name, *dot = strrchr(name, '.');
        char        counter[512];
        all[(*count)++] = what->tensors[i];
        if (!dot || strcmp(dot, ".running_var") != 0) continue;
        snprintf(counter, sizeof counter, "%.*s" COUNTER, (int)(dot + 1 - name), name);
        if (has(what, counter)) continue;
        const char *kept = ath__arena_strdup(arena, counter);
        if (!kept || json_array_append_new(added, json_string(kept)) != 0) return ath__fail_memory(err, path);
        all[(*count)++] = (ath_named_tensor){kept, {ATH_I64, {.rank = 0}, &zero}};
    }
    return ATH_OK;
}

/* ---- the archive ------------------------------------------------------------------------------------------------ */

static ath_status add_members(struct ath__zip_writer *zip, const ath_named_tensor *tensors, int count,
                              const struct ath__str *pickle, const char *metadata, ath_error *err) {
    ATH_TRY(ath__zip_writer_add(zip, ROOT "data.pkl", pickle->data, pickle->size, err));
    ATH_TRY(ath__zip_writer_add(zip, ROOT "byteorder", "little", 6, err));
    for (int i = 0; i < count; i++) {
        char name[48];
        snprintf(name, sizeof name, ROOT "data/%d", i);
        ATH_TRY(ath__zip_writer_add(zip, name, tensors[i].tensor.data, ath__tensor_bytes(&tensors[i].tensor), err));
    }
    ATH_TRY(ath__zip_writer_add(zip, ROOT "version", "3\n", 2, err));
    return ath__zip_writer_add(zip, ROOT ATH_METADATA_MEMBER, metadata, strlen(metadata), err);
}

static ath_status write_archive(const char *path, const ath_named_tensor *tensors, int count,
                                const struct ath__str *pickle, const char *metadata, ath_error *err) {
    struct ath__zip_writer zip;
    ATH_TRY(ath__zip_writer_open(&zip, path, err));
    ath_status status = add_members(&zip, tensors, count, pickle, metadata, err);
    if (status == ATH_OK) return ath__zip_writer_commit(&zip, err);
    ath__zip_writer_abandon(&zip);
    return status;
}

static ath_status check_names(const char *path, const struct ath__tensors *what, ath_error *err) {
    for (int i = 0; i < what->tensor_count; i++) ATH_TRY(ath__tensor_text_check(path, what->tensors[i].name, err));
    return ATH_OK;
}

ath_status ath__torch_write(const char *path, const struct ath__tensors *what, struct ath__str *notes, ath_error *err) {
    struct ath__arena arena = {0};
    struct ath__str   pickle = {0};
    char             *metadata = NULL;
    int               count = 0;
    json_t           *added = json_array();
    ath_status        status = check_names(path, what, err);
    ath_named_tensor *all = ATH_NEW_ARRAY(ath_named_tensor, 2 * what->tensor_count + 1);
    if (status == ATH_OK && (!all || !added)) status = ath__fail_memory(err, path);
    if (status == ATH_OK) status = add_counters(what, &arena, all, &count, added, path, err);
    if (status == ATH_OK && json_array_size(added) > 0)
        ath__str_printf(notes, "%zu batch norms got a " COUNTER " of 0, which PyTorch's classes expect\n",
                        json_array_size(added));
    if (status == ATH_OK) status = ath__metadata_json(path, what, json_pack("{s:O}", "added", added), &metadata, err);
    json_decref(added);
    if (status == ATH_OK) {
        put_state_dict(&pickle, all, count);
        status = pickle.failed ? ath__fail_memory(err, path) : write_archive(path, all, count, &pickle, metadata, err);
    }
    ath__free(metadata);
    ath__str_free(&pickle);
    ath__arena_free(&arena);
    ath__free(all);
    return status;
}
