/* The bytes of a file, whether gzip packed it or not.
 *
 * A packed file is told by its first two bytes, not by its name; it may have several members, one behind the other. The
 * length and checksum at the end of each are compared (RFC 1952), so a caller that reads to the end knows that what it
 * read is what was packed. Deflate expands by less than 1032 to 1.
 */
#include "data/unpack.h"

#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"

#include <string.h>

enum { GZIP_WINDOW = 15 + 16, DEFLATE_MOST = 1032 };

static void *zlib_alloc(void *opaque, unsigned items, unsigned size) {
    (void)opaque;
    return ath__alloc_array(items, size);
}

static void zlib_free(void *opaque, void *address) {
    (void)opaque;
    ath__free(address);
}

ath_status ath__unpack_open(struct ath__unpack *source, const unsigned char *bytes, size_t size, const char *path,
                            ath_error *err) {
    *source = (struct ath__unpack){.bytes = bytes, .size = size, .path = path};
    source->packed = size >= 2 && bytes[0] == 0x1f && bytes[1] == 0x8b;
    if (!source->packed) return ATH_OK;
    source->stream.zalloc = zlib_alloc;
    source->stream.zfree = zlib_free;
    if (inflateInit2(&source->stream, GZIP_WINDOW) != Z_OK) {
        source->packed = false;
        return ath__fail_memory(err, path);
    }
    return ATH_OK;
}

void ath__unpack_close(struct ath__unpack *source) {
    if (source->packed) inflateEnd(&source->stream);
}

/* Hands zlib the next piece of the file: its counters have 32 bits. */
static void source_feed(struct ath__unpack *source) {
    size_t left = source->size - source->used;
    size_t piece = left < ((size_t)1 << 30) ? left : (size_t)1 << 30;
    source->stream.next_in = (Bytef *)(uintptr_t)(source->bytes + source->used);
    source->stream.avail_in = (uInt)piece;
    source->used += piece;
}

/* At the end of a gzip member: another may follow at once. */
static ath_status source_next_member(struct ath__unpack *source, ath_error *err) {
    if (source->stream.avail_in == 0) source_feed(source);
    if (source->stream.avail_in == 0) {
        source->ended = true;
        return ATH_OK;
    }
    if (source->stream.next_in[0] != 0x1f || inflateReset(&source->stream) != Z_OK) {
        return ath__fail(err, ATH_DATA, source->path,
                         "there is something behind the end of the packed data; the file is "
                         "damaged: get it again");
    }
    return ATH_OK;
}

ath_status ath__unpack_read(struct ath__unpack *source, unsigned char *dst, size_t wanted, size_t *got,
                            ath_error *err) {
    *got = 0;
    if (!source->packed) {
        size_t left = source->size - source->used;
        *got = wanted < left ? wanted : left;
        if (*got > 0) memcpy(dst, source->bytes + source->used, *got);
        source->used += *got;
        return ATH_OK;
    }
    while (*got < wanted && !source->ended) {
        size_t piece = wanted - *got < ((size_t)1 << 30) ? wanted - *got : (size_t)1 << 30;
        if (source->stream.avail_in == 0) source_feed(source);
        source->stream.next_out = dst + *got;
        source->stream.avail_out = (uInt)piece;
        int code = inflate(&source->stream, Z_NO_FLUSH);
        *got += piece - source->stream.avail_out;
        if (code == Z_STREAM_END) {
            ATH_TRY(source_next_member(source, err));
        } else if (code == Z_MEM_ERROR) {
            return ath__fail_memory(err, source->path);
        } else if (code == Z_BUF_ERROR && source->used == source->size) {
            return ath__fail(err, ATH_DATA, source->path,
                             "the packed file is cut off (%zu bytes of it are there); get it again", source->size);
        } else if (code != Z_OK) {
            return ath__fail(err, ATH_DATA, source->path, "the packed file is damaged (%s); get it again",
                             source->stream.msg ? source->stream.msg : "bad data");
        }
    }
    return ATH_OK;
}

uint64_t ath__unpack_most(const struct ath__unpack *source) {
    uint64_t size = source->size, limit = ((uint64_t)1 << 20) * DEFLATE_MOST; /* keeps the product below 2^41 */
    if (size > limit) size = limit;
    return source->packed ? size * DEFLATE_MOST : size;
}

ath_status ath__unpack_each(const char *path, void (*sink)(const void *data, size_t size, void *context), void *context,
                            ath_error *err) {
    struct ath__mapping mapping;
    struct ath__unpack  source;
    unsigned char       piece[16384];
    size_t              got = sizeof piece;
    ATH_TRY(ath__file_map(path, &mapping, err));
    ath_status status = ath__unpack_open(&source, mapping.data, mapping.size, path, err);
    if (status == ATH_OK) {
        while (status == ATH_OK && got == sizeof piece) {
            status = ath__unpack_read(&source, piece, sizeof piece, &got, err);
            if (status == ATH_OK && got > 0) sink(piece, got, context);
        }
        ath__unpack_close(&source);
    }
    ath__file_unmap(&mapping);
    return status;
}
