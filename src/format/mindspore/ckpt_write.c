/* Writing MindSpore's checkpoints: one Checkpoint message per value, streamed.
 *
 * Tensors of more than `slice` bytes are cut into ceil(bytes / slice) pieces of about equal size, each a value with the
 * same tag and the full shape. Our metadata is a field that MindSpore skips.
 */
#include "base/error.h"
#include "base/mem.h"
#include "format/metadata_json.h"
#include "format/mindspore/ckpt.h"
#include "format/mindspore/ckpt_names.h"
#include "format/mindspore/proto_sink.h"
#include "mindspore_ckpt.pb-c.h"

#include <string.h>

/* One piece of a tensor. Packing writes to nothing that it is given. */
static void put_value(struct ath__proto_sink *sink, const ath_named_tensor *named, const unsigned char *data,
                      size_t bytes) {
    Athanor__Ms__CkptTensor tensor = ATHANOR__MS__CKPT_TENSOR__INIT;
    Athanor__Ms__CkptValue  value = ATHANOR__MS__CKPT_VALUE__INIT, *values[1] = {&value};
    Athanor__Ms__Checkpoint checkpoint = ATHANOR__MS__CHECKPOINT__INIT;
    int64_t                 dims[ATH_MAX_RANK];
    memcpy(dims, named->tensor.shape.dims, sizeof dims);
    tensor.n_dims = (size_t)named->tensor.shape.rank;
    tensor.dims = dims;
    tensor.tensor_type = (char *)(uintptr_t)ath__ckpt_type_name(named->tensor.dtype);
    tensor.tensor_content.len = bytes;
    tensor.tensor_content.data = (uint8_t *)(uintptr_t)data;
    value.tag = (char *)(uintptr_t)named->name;
    value.tensor = &tensor;
    checkpoint.n_value = 1;
    checkpoint.value = values;
    athanor__ms__checkpoint__pack_to_buffer(&checkpoint, &sink->base);
}

/* The first pieces have one element more than the last, as numpy.array_split cuts. */
static void put_tensor(struct ath__proto_sink *sink, const ath_named_tensor *named, size_t slice) {
    const unsigned char *data = named->tensor.data;
    size_t               width = ath_dtype_size(named->tensor.dtype), bytes = ath__tensor_bytes(&named->tensor);
    size_t               pieces = bytes > slice ? (bytes + slice - 1) / slice : 1, count = bytes / width;
    for (size_t i = 0; i < pieces && sink->status == ATH_OK; i++) {
        size_t piece = (count / pieces + (i < count % pieces)) * width;
        put_value(sink, named, data, piece);
        data += piece;
    }
}

static void put_own(struct ath__proto_sink *sink, const char *metadata) {
    Athanor__Ms__Checkpoint checkpoint = ATHANOR__MS__CHECKPOINT__INIT;
    checkpoint.athanor = (char *)(uintptr_t)metadata;
    athanor__ms__checkpoint__pack_to_buffer(&checkpoint, &sink->base);
}

static ath_status write_values(const char *path, const ath_named_tensor *tensors, int count, size_t slice,
                               const char *metadata, ath_error *err) {
    struct ath__proto_sink *sink;
    ATH_TRY(ath__proto_sink_open(path, &sink, err));
    for (int i = 0; i < count && sink->status == ATH_OK; i++) put_tensor(sink, &tensors[i], slice);
    put_own(sink, metadata);
    return ath__proto_sink_close(sink);
}

static ath_status check_tensors(const char *path, const struct ath__tensors *what, ath_error *err) {
    if (what->tensor_count == 0) return ath__fail(err, ATH_USAGE, path, "a checkpoint needs at least one tensor");
    for (int i = 0; i < what->tensor_count; i++) ATH_TRY(ath__tensor_text_check(path, what->tensors[i].name, err));
    return ATH_OK;
}

ath_status ath__ckpt_write(const char *path, const struct ath__tensors *what, size_t slice, struct ath__str *notes,
                           ath_error *err) {
    struct ath__arena arena = {0};
    char             *metadata = NULL;
    ath_named_tensor *tensors = NULL;
    ath_status        status = ATH_OK;
    ATH_TRY_DONE(check_tensors(path, what, err));
    tensors = ATH_NEW_ARRAY(ath_named_tensor, what->tensor_count);
    if (!tensors) {
        status = ath__fail_memory(err, path);
        goto done;
    }
    memcpy(tensors, what->tensors, (size_t)what->tensor_count * sizeof *tensors);
    if (!what->keep_names) ATH_TRY_DONE(ath__names_to_mindspore(path, tensors, what->tensor_count, &arena, err));
    int renamed = 0;
    for (int i = 0; i < what->tensor_count; i++) renamed += strcmp(tensors[i].name, what->tensors[i].name) != 0;
    if (renamed > 0) ath__str_printf(notes, "%d of %d names are MindSpore's\n", renamed, what->tensor_count);
    ATH_TRY_DONE(
        ath__metadata_json(path, what, json_pack("{s:s}", "names", renamed ? "mindspore" : "kept"), &metadata, err));
    status = write_values(path, tensors, what->tensor_count, slice, metadata, err);
done:
    ath__free(metadata);
    ath__free(tensors);
    ath__arena_free(&arena);
    return status;
}
