/* Where protobuf-c packs a message to: a file that is written whole, through a buffer for the many small pieces. */
#ifndef ATH_FORMAT_PROTO_SINK_H
#define ATH_FORMAT_PROTO_SINK_H

#include "base/file.h"

#include <protobuf-c/protobuf-c.h>

enum { ATH_PROTO_STAGE = 1 << 16 };

struct ath__proto_sink {
    ProtobufCBuffer         base; /* what packing is given */
    struct ath__file_writer file;
    ath_status              status; /* sticky */
    ath_error              *err;
    size_t                  filled;
    unsigned char           bytes[ATH_PROTO_STAGE];
};

/* The sink is the caller's to close. */
ath_status ath__proto_sink_open(const char *path, struct ath__proto_sink **sink, ath_error *err);
/* Puts the file in place; after a failure nothing of it stays. */
ath_status ath__proto_sink_close(struct ath__proto_sink *sink);

#endif
