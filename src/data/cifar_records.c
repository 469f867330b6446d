/* Records of the binary version of CIFAR-10 and CIFAR-100 (A. Krizhevsky, "Learning Multiple Layers of Features from Tiny
 * Images", 2009; the layout is described on the page that the sets are published on):
 *
 *     CIFAR-10     label (0 to 9),                      1,024 red, 1,024 green, 1,024 blue      3,073 bytes
 *     CIFAR-100    coarse label (0 to 19), fine label (0 to 99), then the same                  3,074 bytes
 *
 * each colour a plane of 32 rows of 32 bytes. A file is nothing but records, so any whole number of them is a file; there
 * is no header and no checksum. What tells a file of another kind is its size and labels that are no class.
 */
#include "data/cifar_records.h"

#include "base/error.h"

#include <inttypes.h>
#include <string.h>

static size_t record_size(const struct ath__cifar_format *format) {
    return (size_t)format->labels + ATH_CIFAR_PIXELS;
}

ath_status ath__cifar_count(const struct ath__cifar_format *format, uint64_t size, const unsigned char *begin,
                            const char *file, const char *where, int64_t *count, ath_error *err) {
    uint64_t record = record_size(format);
    *count = (int64_t)(size / record);
    if (size == 0) return ath__fail(err, ATH_DATA, where, "'%s' is empty; get it again", file);
    if (size % record != 0 && begin && size > 1 && begin[0] == 0x80 && begin[1] <= 5)
        return ath__fail(err, ATH_DATA, where,
                         "'%s' belongs to %s's version for Python; the binary version is read here", file,
                         format->title);
    if (size % record != 0)
        return ath__fail(err, ATH_DATA, where,
                         "'%s' is cut off or of another kind: its %" PRIu64
                         " bytes are no whole number of %s's records "
                         "of %" PRIu64 " bytes; get it again",
                         file, size, format->title, record);
    if (size / record > ATH_CIFAR_MOST_RECORDS)
        return ath__fail(err, ATH_DATA, where,
                         "'%s' has %" PRIu64 " bytes, which is more than %d records of %s: it is of another kind", file,
                         size, (int)ATH_CIFAR_MOST_RECORDS, format->title);
    return ATH_OK;
}

static ath_status take_record(struct ath__cifar_records *records, const unsigned char *record, ath_error *err) {
    const struct ath__cifar_format *format = records->format;
    int64_t                         i = records->done;
    for (int k = 0; k < format->labels; k++) {
        if (record[k] < format->of[k].classes) continue;
        return ath__fail(err, ATH_DATA, records->where,
                         "%s %d of record %" PRId64 " of '%s' is not one of %s's %d classes (0 to %d): the file is "
                         "damaged or of another kind",
                         format->of[k].name, record[k], i, records->file, format->title, format->of[k].classes,
                         format->of[k].classes - 1);
    }
    records->labels[i] = record[records->labelling];
    memcpy(records->images + (size_t)i * ATH_CIFAR_PIXELS, record + format->labels, ATH_CIFAR_PIXELS);
    records->done++;
    return ATH_OK;
}

ath_status ath__cifar_put(struct ath__cifar_records *records, const unsigned char *bytes, size_t size, ath_error *err) {
    size_t whole = record_size(records->format);
    while (size > 0) {
        size_t taken = whole;
        if (records->done == records->count)
            return ath__fail(err, ATH_DATA, records->where, "'%s' goes on behind its %" PRId64 " records",
                             records->file, records->count);
        if (records->pending == 0 && size >= whole) {
            ATH_TRY(take_record(records, bytes, err));
        } else {
            taken = whole - records->pending < size ? whole - records->pending : size;
            memcpy(records->record + records->pending, bytes, taken);
            records->pending += taken;
            if (records->pending == whole) {
                records->pending = 0;
                ATH_TRY(take_record(records, records->record, err));
            }
        }
        bytes += taken;
        size -= taken;
    }
    return ATH_OK;
}

ath_status ath__cifar_end(const struct ath__cifar_records *records, ath_error *err) {
    if (records->done == records->count) return ATH_OK;
    return ath__fail(err, ATH_DATA, records->where,
                     "'%s' is cut off: %" PRId64 " of its %" PRId64 " records are there; get it again", records->file,
                     records->done, records->count);
}
