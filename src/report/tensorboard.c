/* TensorBoard event files.
 *
 * A file is a series of records (TFRecord framing), each holding one Event in protobuf:
 *
 *     u64 length | u32 masked CRC-32C of the length | length bytes | u32 masked CRC-32C of them        (little-endian)
 *
 * The first says the version of the format. The file is rewritten whole from all epochs: a resumed run then shows each
 * epoch once. It takes 300 bytes an epoch.
 */
#include "report/tensorboard.h"

#include "base/crc32c.h"
#include "base/error.h"
#include "base/file.h"
#include "base/str.h"
#include "tb_event.pb-c.h"

#include <stddef.h>
#include <stdint.h>

enum { SCALARS = 8, ALWAYS = 5, MAX_EVENT = 512 };

static const struct {
    const char *tag;
    size_t      offset;
} scalars[SCALARS] = {{"train/loss", offsetof(ath_epoch, train_loss)},
                      {"train/top1", offsetof(ath_epoch, train_top1)},
                      {"val/loss", offsetof(ath_epoch, val_loss)},
                      {"val/top1", offsetof(ath_epoch, val_top1)},
                      {"lr", offsetof(ath_epoch, lr)},
                      {"val/loss_ema", offsetof(ath_epoch, ema_loss)},
                      {"val/top1_ema", offsetof(ath_epoch, ema_top1)},
                      {"grad_norm", offsetof(ath_epoch, grad_norm)}};

static void put_little_endian(unsigned char *bytes, uint64_t value, int size) {
    for (int i = 0; i < size; i++) bytes[i] = (unsigned char)(value >> (8 * i));
}

static void append_record(struct ath__str *file, const Athanor__Tb__Event *event) {
    unsigned char packed[MAX_EVENT], head[12], tail[4];
    size_t        size = athanor__tb__event__get_packed_size(event);
    if (size > sizeof packed) {
        file->failed = true;
        return;
    }
    athanor__tb__event__pack(event, packed);
    put_little_endian(head, size, 8);
    put_little_endian(head + 8, ath__crc32c_masked(head, 8), 4);
    put_little_endian(tail, ath__crc32c_masked(packed, size), 4);
    ath__str_append_bytes(file, (const char *)head, sizeof head);
    ath__str_append_bytes(file, (const char *)packed, size);
    ath__str_append_bytes(file, (const char *)tail, sizeof tail);
}

static void append_epoch(struct ath__str *file, const ath_epoch *row, double time) {
    Athanor__Tb__Value   values[SCALARS], *list[SCALARS];
    Athanor__Tb__Summary summary = ATHANOR__TB__SUMMARY__INIT;
    Athanor__Tb__Event   event = ATHANOR__TB__EVENT__INIT;
    size_t               count = 0;
    for (int i = 0; i < SCALARS; i++) {
        double value = *(const double *)((const char *)row + scalars[i].offset);
        if (i >= ALWAYS && !(value > 0.0)) continue; /* not measured in this run */
        athanor__tb__value__init(&values[count]);
        values[count].tag = (char *)(uintptr_t)scalars[i].tag; /* packing does not write to it */
        values[count].has_simple_value = 1;
        values[count].simple_value = (float)value;
        list[count] = &values[count];
        count++;
    }
    summary.n_value = count;
    summary.value = list;
    event.wall_time = time;
    event.has_step = 1;
    event.step = row->epoch;
    event.summary = &summary;
    append_record(file, &event);
}

ath_status ath__tensorboard_write(const char *path, const ath_epoch *rows, int64_t count, double began,
                                  ath_error *err) {
    static char        version[] = "brain.Event:2";
    struct ath__str    file = {0};
    Athanor__Tb__Event first = ATHANOR__TB__EVENT__INIT;
    first.wall_time = began;
    first.file_version = version;
    append_record(&file, &first);
    double time = began;
    for (int64_t i = 0; i < count; i++) {
        if (rows[i].seconds > 0.0 && rows[i].seconds < 1e9) time += rows[i].seconds;
        append_epoch(&file, &rows[i], time);
    }
    ath_status status = file.failed ? ath__fail_memory(err, path) : ath__file_write(path, file.data, file.size, err);
    ath__str_free(&file);
    return status;
}
