/* Packing protobuf messages into files. */
#include "format/mindspore/proto_sink.h"

#include "base/error.h"
#include "base/mem.h"

#include <string.h>

static void flush(struct ath__proto_sink *sink) {
    if (sink->status == ATH_OK)
        sink->status = ath__file_writer_append(&sink->file, sink->bytes, sink->filled, sink->err);
    sink->filled = 0;
}

static void append(ProtobufCBuffer *buffer, size_t length, const uint8_t *data) {
    struct ath__proto_sink *sink = (struct ath__proto_sink *)(void *)buffer;
    if (length > ATH_PROTO_STAGE - sink->filled) flush(sink);
    if (length > ATH_PROTO_STAGE) {
        if (sink->status == ATH_OK) sink->status = ath__file_writer_append(&sink->file, data, length, sink->err);
        return;
    }
    memcpy(sink->bytes + sink->filled, data, length);
    sink->filled += length;
}

ath_status ath__proto_sink_open(const char *path, struct ath__proto_sink **sink, ath_error *err) {
    struct ath__proto_sink *made = ath__alloc_zeroed(sizeof *made);
    *sink = NULL;
    if (!made) return ath__fail_memory(err, path);
    made->base.append = append;
    made->err = err;
    ath_status status = ath__file_writer_open(&made->file, path, err);
    if (status == ATH_OK)
        *sink = made;
    else
        ath__free(made);
    return status;
}

ath_status ath__proto_sink_close(struct ath__proto_sink *sink) {
    flush(sink);
    ath_status status = sink->status;
    if (status == ATH_OK)
        status = ath__file_writer_commit(&sink->file, sink->err);
    else
        ath__file_writer_abandon(&sink->file);
    ath__free(sink);
    return status;
}
