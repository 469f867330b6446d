/* Zip archives through libzip, which writes into the file that base/file.h will put in place.
 *
 * A member's data begins behind its local header of 30 bytes, its name and its extra fields; one extra field of zeros
 * brings it to a multiple of 64. Members of 4 GiB and more get a longer header than that, and those behind them begin
 * where they happen to.
 */
#include "format/zip_writer.h"

#include "base/error.h"
#include "format/zip_library.h"

#include <string.h>
#include <unistd.h>

enum { ALIGN = 64, LOCAL_HEADER = 30, EXTRA_HEADER = 4, EXTRA_ID = 0x4246 };

/* What libzip asks of the place that it writes to. */
static zip_int64_t on_command(void *context, void *data, zip_uint64_t length, zip_source_cmd_t command) {
    struct ath__zip_writer *writer = context;
    switch ((int)command) {
    case ZIP_SOURCE_SUPPORTS:
        return zip_source_make_command_bitmap(
            ZIP_SOURCE_STAT, ZIP_SOURCE_BEGIN_WRITE, ZIP_SOURCE_WRITE, ZIP_SOURCE_SEEK_WRITE, ZIP_SOURCE_TELL_WRITE,
            ZIP_SOURCE_COMMIT_WRITE, ZIP_SOURCE_ROLLBACK_WRITE, ZIP_SOURCE_REMOVE, ZIP_SOURCE_ERROR, ZIP_SOURCE_FREE,
            ZIP_SOURCE_OPEN, ZIP_SOURCE_READ, ZIP_SOURCE_CLOSE, ZIP_SOURCE_SEEK, ZIP_SOURCE_TELL, -1);
    case ZIP_SOURCE_STAT: {
        zip_stat_t *st = data;
        memset(st, 0, sizeof *st);
        st->valid = ZIP_STAT_SIZE;
        return sizeof *st;
    }
    case ZIP_SOURCE_WRITE:
        return ath__file_writer_append(&writer->file, data, (size_t)length, &writer->fault) == ATH_OK
                   ? (zip_int64_t)length
                   : -1;
    case ZIP_SOURCE_SEEK_WRITE: {
        const zip_source_args_seek_t *seek = data;
        return length >= sizeof *seek && lseek(writer->file.fd, (off_t)seek->offset, seek->whence) >= 0 ? 0 : -1;
    }
    case ZIP_SOURCE_TELL_WRITE: return (zip_int64_t)lseek(writer->file.fd, 0, SEEK_CUR);
    case ZIP_SOURCE_ERROR: {
        const int codes[2] = {ZIP_ER_WRITE, 0};
        memcpy(data, codes, sizeof codes);
        return sizeof codes;
    }
    case ZIP_SOURCE_OPEN:
    case ZIP_SOURCE_CLOSE:
    case ZIP_SOURCE_BEGIN_WRITE:
    case ZIP_SOURCE_COMMIT_WRITE:
    case ZIP_SOURCE_ROLLBACK_WRITE:
    case ZIP_SOURCE_REMOVE:
    case ZIP_SOURCE_FREE: return 0;
    default: return -1;
    }
}

ath_status ath__zip_writer_open(struct ath__zip_writer *writer, const char *path, ath_error *err) {
    zip_error_t error;
    memset(writer, 0, sizeof *writer);
    ATH_TRY(ath__zip_library_load(err));
    ATH_TRY(ath__file_writer_open(&writer->file, path, err));
    zip_error_init(&error);
    zip_source_t *source = zip_source_function_create(on_command, writer, &error);
    writer->zip = source ? zip_open_from_source(source, ZIP_CREATE | ZIP_TRUNCATE, &error) : NULL;
    ath_status status = ATH_OK;
    if (!writer->zip) {
        status = ath__fail(err, ATH_FAILED, path, "a zip file cannot be begun: %s", zip_error_strerror(&error));
        if (source) zip_source_free(source);
        ath__file_writer_abandon(&writer->file);
    }
    zip_error_fini(&error);
    return status;
}

ath_status ath__zip_writer_add(struct ath__zip_writer *writer, const char *name, const void *data, uint64_t size,
                               ath_error *err) {
    static const unsigned char zeros[ALIGN];
    zip_t                     *zip = writer->zip;
    size_t                     length = strlen(name);
    uint64_t                   begin = writer->at + LOCAL_HEADER + length + EXTRA_HEADER;
    zip_uint16_t               pad = (zip_uint16_t)((ALIGN - begin % ALIGN) % ALIGN);
    zip_source_t              *source = zip_source_buffer(zip, data, size, 0);
    zip_int64_t                index = source ? zip_file_add(zip, name, source, ZIP_FL_ENC_UTF_8) : -1;
    if (index < 0) {
        if (source) zip_source_free(source);
        return ath__fail(err, ATH_FAILED, writer->file.path, "'%.64s' cannot be put into a zip file: %s", name,
                         zip_strerror(zip));
    }
    if (zip_set_file_compression(zip, (zip_uint64_t)index, ZIP_CM_STORE, 0) != 0 ||
        zip_file_set_dostime(zip, (zip_uint64_t)index, 0, 0x21, 0) != 0 ||
        zip_file_extra_field_set(zip, (zip_uint64_t)index, EXTRA_ID, ZIP_EXTRA_FIELD_NEW, zeros, pad, ZIP_FL_LOCAL) !=
            0)
        return ath__fail(err, ATH_FAILED, writer->file.path, "a member of the zip file: %s", zip_strerror(zip));
    writer->at = begin + pad + size;
    return ATH_OK;
}

ath_status ath__zip_writer_commit(struct ath__zip_writer *writer, ath_error *err) {
    if (zip_close(writer->zip) == 0) return ath__file_writer_commit(&writer->file, err);
    ath_status status = writer->fault.code;
    if (status == ATH_OK)
        status = ath__fail(err, ATH_FAILED, writer->file.path, "the zip file cannot be written: %s",
                           zip_strerror(writer->zip));
    else if (err)
        *err = writer->fault;
    ath__zip_writer_abandon(writer);
    return status;
}

void ath__zip_writer_abandon(struct ath__zip_writer *writer) {
    if (writer->zip) zip_discard(writer->zip);
    writer->zip = NULL;
    ath__file_writer_abandon(&writer->file);
}
