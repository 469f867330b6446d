/* Building PyTorch files byte by byte. */
#include "support/torch_bytes.h"

#include "base/file.h"

#include <string.h>

static void put(struct ath__str *out, const char *bytes, size_t size) {
    ath__str_append_bytes(out, bytes, size);
}

/* BINUNICODE */
static void put_text(struct ath__str *out, const char *text) {
    size_t length = strlen(text);
    put(out, (const char[]){'X', (char)length, 0, 0, 0}, 5);
    put(out, text, length);
}

/* LONG1 of eight bytes */
static void put_number(struct ath__str *out, int64_t number) {
    char bytes[10] = {'\x8A', 8};
    for (int i = 0; i < 8; i++) bytes[2 + i] = (char)((uint64_t)number >> (8 * i));
    put(out, bytes, sizeof bytes);
}

static void put_numbers(struct ath__str *out, const int64_t *numbers, int count) {
    put(out, "(", 1);
    for (int i = 0; i < count; i++) put_number(out, numbers[i]);
    put(out, "t", 1);
}

void torch_put_tensor(struct ath__str *pickle, const char *name, const struct torch_tensor *tensor) {
    put_text(pickle, name);
    ath__str_printf(pickle, "ctorch._utils\n%s\n((", tensor->rebuild ? tensor->rebuild : "_rebuild_tensor_v2");
    put_text(pickle, "storage");
    ath__str_printf(pickle, "ctorch\n%s\n", tensor->type ? tensor->type : "FloatStorage");
    put_text(pickle, tensor->key ? tensor->key : "0");
    put_text(pickle, "cpu");
    put_number(pickle, tensor->count);
    put(pickle, "tQ", 2);
    put_number(pickle, tensor->offset);
    put_numbers(pickle, tensor->sizes, tensor->rank);
    put_numbers(pickle, tensor->strides, tensor->rank);
    put(pickle, "\x89}tRs", 5);
}

static void put_head(struct ath__str *file, const struct ath__str *object) {
    static const char head[] = "\x80\2\x8A\x0A\x6C\xFC\x9C\x46\xF9\x20\x6A\xA8\x50\x19.\x80\2M\xE9\3.\x80\2}.";
    put(file, head, sizeof head - 1);
    put(file, object->data, object->size);
}

ath_status torch_write_legacy(const char *path, const struct ath__str *object, ath_error *err) {
    struct ath__str file = {0};
    put_head(&file, object);
    put(&file, "\x80\2].", 4);
    ath_status status = ath__file_write(path, file.data, file.size, err);
    ath__str_free(&file);
    return status;
}

ath_status torch_write_legacy_with(const char *path, const struct ath__str *object, int count, ath_error *err) {
    struct ath__str file = {0};
    put_head(&file, object);
    put(&file, "\x80\2]", 3);
    put_text(&file, "0");
    put(&file, "a.", 2);
    for (int i = 0; i < 8; i++) put(&file, &(char){(char)((uint64_t)count >> (8 * i))}, 1);
    for (int i = 0; i < count; i++) {
        float value = (float)i;
        put(&file, (const char *)&value, sizeof value);
    }
    ath_status status = ath__file_write(path, file.data, file.size, err);
    ath__str_free(&file);
    return status;
}
