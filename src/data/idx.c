/* IDX files: a big-endian header and bytes.
 *
 *     byte 0, 1   0
 *     byte 2      element type; 0x08: unsigned byte, the only one read here
 *     byte 3      rank
 *     then        rank sizes of 32 bits each, most significant byte first
 *     then        the elements, row-major
 *
 * (The format is described on the MNIST page of Y. LeCun, C. Cortes and C. Burges.) The file may be packed by gzip
 * (data/unpack.h). Nothing a file says is believed: the product of the sizes must fit what the file can hold before
 * memory for it is asked for.
 */
#include "data/idx.h"

#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "data/unpack.h"

#include <inttypes.h>

enum { MOST_SIDE = 65535 };

static uint32_t big_endian_u32(const unsigned char *bytes) {
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static const char *rank_text(int rank) {
    return rank == 1 ? "labels" : rank == 3 ? "images" : "an array of this rank";
}

static ath_status check_magic(const unsigned char magic[4], int rank, const char *path, ath_error *err) {
    uint32_t value = big_endian_u32(magic);
    uint32_t expected = 0x00000800u | (uint32_t)rank;
    if (value == expected) return ATH_OK;
    if (value == 0x00000801u || value == 0x00000803u) {
        return ath__fail(err, ATH_DATA, path,
                         "the magic number is 0x%08" PRIx32 " (%s) where 0x%08" PRIx32
                         " (%s) belongs: are the files of "
                         "images and labels swapped?",
                         value, rank_text((int)(value & 0xff)), expected, rank_text(rank));
    }
    return ath__fail(err, ATH_DATA, path,
                     "this is no IDX file of %s: the magic number is 0x%08" PRIx32 ", not 0x%08" PRIx32,
                     rank_text(rank), value, expected);
}

/* Reads the sizes; *bytes becomes their product. */
static ath_status read_dims(struct ath__unpack *source, struct ath__idx *idx, uint64_t *bytes, ath_error *err) {
    unsigned char header[16];
    size_t        got;
    uint64_t      most = ath__unpack_most(source);
    ATH_TRY(ath__unpack_read(source, header, (size_t)idx->rank * 4, &got, err));
    if (got < (size_t)idx->rank * 4) {
        return ath__fail(err, ATH_DATA, source->path, "the file ends inside its header; get it again");
    }
    *bytes = 1;
    for (int i = 0; i < idx->rank; i++) {
        uint32_t size = big_endian_u32(header + 4 * i);
        if (size == 0) return ath__fail(err, ATH_DATA, source->path, "the header announces an empty array");
        if (i > 0 && size > MOST_SIDE) {
            return ath__fail(err, ATH_DATA, source->path, "the header announces images of %" PRIu32 " pixels a side",
                             size);
        }
        idx->dims[i] = size;
        /* most < 2^63 / 2^32, so the product cannot overflow before it is refused. */
        *bytes *= size;
        if (*bytes > most) {
            return ath__fail(err, ATH_DATA, source->path,
                             "the header announces more data than a file of %zu bytes can hold; the file is cut off or "
                             "damaged: get it again",
                             source->size);
        }
    }
    return ATH_OK;
}

ath_status ath__idx_parse(const unsigned char *bytes, size_t size, const char *path, int rank, struct ath__idx *idx,
                          ath_error *err) {
    struct ath__unpack source;
    unsigned char      magic[4], behind;
    uint64_t           count = 0;
    size_t             got;
    ath_status         status;
    *idx = (struct ath__idx){.rank = rank};
    if (size == 0) return ath__fail(err, ATH_DATA, path, "the file is empty; get it again");
    ATH_TRY(ath__unpack_open(&source, bytes, size, path, err));
    ATH_TRY_DONE(ath__unpack_read(&source, magic, sizeof magic, &got, err));
    if (got < sizeof magic) {
        status = ath__fail(err, ATH_DATA, path, "the file ends inside its header; get it again");
        goto done;
    }
    ATH_TRY_DONE(check_magic(magic, rank, path, err));
    ATH_TRY_DONE(read_dims(&source, idx, &count, err));
    idx->data = ath__alloc((size_t)count);
    if (!idx->data) {
        status = ath__fail_memory(err, path);
        goto done;
    }
    ATH_TRY_DONE(ath__unpack_read(&source, idx->data, (size_t)count, &got, err));
    if (got < count) {
        status = ath__fail(err, ATH_DATA, path,
                           "the file is cut off: the header announces %" PRIu64 " bytes of data, %zu are there; get it "
                           "again",
                           count, got);
        goto done;
    }
    /* One more byte: tells data behind the end, and makes zlib compare the checksum. */
    ATH_TRY_DONE(ath__unpack_read(&source, &behind, 1, &got, err));
    if (got > 0) {
        status = ath__fail(err, ATH_DATA, path,
                           "there is more data than the %" PRIu64 " bytes that the header announces", count);
    }
done:
    ath__unpack_close(&source);
    if (status != ATH_OK) {
        ath__free(idx->data);
        idx->data = NULL;
    }
    return status;
}

ath_status ath__idx_read(const char *path, int rank, struct ath__idx *idx, ath_error *err) {
    struct ath__mapping mapping;
    *idx = (struct ath__idx){.rank = rank};
    ATH_TRY(ath__file_map(path, &mapping, err));
    ath_status status = ath__idx_parse(mapping.data, mapping.size, path, rank, idx, err);
    ath__file_unmap(&mapping);
    return status;
}

ath_status ath__idx_read_pair(const char *images_path, const char *labels_path, int classes,
                              struct ath__image_store *store, ath_error *err) {
    struct ath__idx images = {0}, labels = {0};
    ath_status      status;
    ATH_TRY_DONE(ath__idx_read(labels_path, 1, &labels, err));
    ATH_TRY_DONE(ath__idx_read(images_path, 3, &images, err));
    if (images.dims[0] != labels.dims[0]) {
        status = ath__fail(err, ATH_DATA, images_path,
                           "there are %" PRId64 " images but %" PRId64 " labels in '%s': the two files do not belong "
                           "together",
                           images.dims[0], labels.dims[0], labels_path);
        goto done;
    }
    store->labels = ATH_NEW_ARRAY(int32_t, labels.dims[0]);
    if (!store->labels) {
        status = ath__fail_memory(err, labels_path);
        goto done;
    }
    for (int64_t i = 0; i < labels.dims[0]; i++) {
        if (labels.data[i] >= classes) {
            status = ath__fail(err, ATH_DATA, labels_path,
                               "label %d at index %" PRId64 " is not one of the %d classes (0 to %d)", labels.data[i],
                               i, classes, classes - 1);
            goto done;
        }
        store->labels[i] = labels.data[i];
    }
    store->count = images.dims[0];
    store->channels = 1;
    store->height = (int)images.dims[1];
    store->width = (int)images.dims[2];
    store->classes = classes;
    store->pixels = images.data;
    images.data = NULL;
done:
    ath__free(images.data);
    ath__free(labels.data);
    return status;
}
