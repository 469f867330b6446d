/* Safetensors: what is written comes back, in the order of the format's own writer; whatever a hostile file says is
 * refused with a message, without a read outside of the file and without memory beyond its size. */
#include "athanor/format.h"

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

static const char path[] = "test.safetensors";

/* Writes a file from its header and `data_size` bytes 0, 1, 2 ... */
static void write_file(const char *header, size_t data_size) {
    struct ath__str file = {0};
    uint64_t        size = strlen(header);
    ath_error       err = {0};
    for (int i = 0; i < 8; i++) ath__str_append_bytes(&file, &(char){(char)(size >> (8 * i))}, 1);
    ath__str_append(&file, header);
    for (size_t i = 0; i < data_size; i++) ath__str_append_bytes(&file, &(char){(char)i}, 1);
    if (ath__file_write(path, file.data, file.size, &err) != ATH_OK) fail_msg("%s", err.message);
    ath__str_free(&file);
}

static ath_status load(ath_tensor_file *file, ath_error *err) {
    memset(err, 0, sizeof *err);
    return ath_safetensors_load(path, file, err);
}

static void expect_refusal(const char *header, size_t data_size, ath_status expected, const char *part) {
    ath_tensor_file file;
    ath_error       err;
    write_file(header, data_size);
    ath_status status = load(&file, &err);
    if (status != expected) fail_msg("%.200s: status %d, %s", header, (int)status, err.message);
    if (!strstr(err.message, part)) fail_msg("%.200s: '%s' does not say '%s'", header, err.message, part);
    assert_int_equal(err.code, expected);
    assert_null(file.owner);
    assert_int_equal(file.tensor_count, 0);
}

static void round_trip(void **state) {
    (void)state;
    float            weight[6] = {1.0f, -2.0f, 3.5f, 0.0f, 1e-30f, -1e30f}, scalar = 7.0f;
    int64_t          steps = -5;
    unsigned char    bytes[3] = {1, 2, 255};
    uint16_t         halves[2] = {0x3F80, 0xC000};
    ath_named_tensor tensors[] = {{"z.bytes", {ATH_U8, {1, {3}}, bytes}},
                                  {"b.weight", {ATH_F32, {2, {2, 3}}, weight}},
                                  {"a \"quoted\" größe", {ATH_F32, {0, {0}}, &scalar}},
                                  {"none", {ATH_F64, {2, {0, 4}}, weight}},
                                  {"half", {ATH_BF16, {1, {2}}, halves}},
                                  {"steps", {ATH_I64, {1, {1}}, &steps}}};
    ath_metadata     metadata[] = {{"model", "lenet5"}, {"text", "line\nline \\ \"x\" ü"}, {"", ""}};
    ath_error        err = {0};
    ath_tensor_file  file;
    if (ath_safetensors_save(path, tensors, 6, metadata, 3, &err) != ATH_OK) fail_msg("%s", err.message);
    if (load(&file, &err) != ATH_OK) fail_msg("%s", err.message);
    assert_int_equal(file.tensor_count, 6);
    for (size_t i = 0; i < 6; i++) {
        const ath_tensor *read = ath_tensor_file_find(&file, tensors[i].name), *written = &tensors[i].tensor;
        assert_non_null(read);
        assert_int_equal(read->dtype, written->dtype);
        assert_true(ath_shape_equal(&read->shape, &written->shape));
        assert_int_equal((uintptr_t)read->data % ath_dtype_size(read->dtype), 0);
        assert_memory_equal(read->data, written->data,
                            (size_t)ath_shape_count(&written->shape) * ath_dtype_size(written->dtype));
    }
    /* Wider types first, then by name. */
    static const char *const order[] = {"none", "steps", "a \"quoted\" größe", "b.weight", "half", "z.bytes"};
    for (int i = 0; i < 6; i++) assert_string_equal(file.tensors[i].name, order[i]);
    for (size_t i = 0; i < 3; i++)
        assert_string_equal(ath_tensor_file_metadata(&file, metadata[i].key), metadata[i].value);
    assert_null(ath_tensor_file_metadata(&file, "absent"));
    assert_null(ath_tensor_file_find(&file, "absent"));
    ath_tensor_file_free(&file);
    ath_tensor_file_free(&file); /* twice does nothing */
}

static void layout_on_disk(void **state) {
    (void)state;
    float            value = 1.0f;
    ath_named_tensor tensor = {"w", {ATH_F32, {1, {1}}, &value}};
    ath_error        err = {0};
    char            *data;
    size_t           size;
    assert_int_equal(ath_safetensors_save(path, &tensor, 1, NULL, 0, &err), ATH_OK);
    assert_int_equal(ath__file_read(path, 1000, &data, &size, &err), ATH_OK);
    size_t header = (unsigned char)data[0];
    assert_int_equal(header % 8, 0);
    assert_int_equal(size, 8 + header + 4);
    static const char text[] = "{\"w\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}";
    assert_memory_equal(data + 8, text, strlen(text));
    for (size_t i = 8 + strlen(text); i < 8 + header; i++) assert_int_equal(data[i], ' ');
    ath__free(data);
    assert_false(ath__file_exists("test.safetensors.tmp"));
}

static void writer_refuses(void **state) {
    (void)state;
    float            value = 1.0f;
    ath_tensor       one = {ATH_F32, {1, {1}}, &value};
    ath_named_tensor twice[] = {{"w", one}, {"v", one}, {"w", one}}, reserved = {"__metadata__", one},
                     latin = {"gr\xF6\xDF", one};
    ath_metadata keys[] = {{"k", "1"}, {"k", "2"}}, bad = {"k", "\xFF"};
    ath_error    err = {0};
    unlink(path);
    assert_int_equal(ath_safetensors_save(path, twice, 3, NULL, 0, &err), ATH_USAGE);
    assert_int_equal(ath_safetensors_save(path, &reserved, 1, NULL, 0, &err), ATH_USAGE);
    assert_int_equal(ath_safetensors_save(path, &latin, 1, NULL, 0, &err), ATH_USAGE);
    assert_int_equal(ath_safetensors_save(path, twice, 2, keys, 2, &err), ATH_USAGE);
    assert_int_equal(ath_safetensors_save(path, twice, 2, &bad, 1, &err), ATH_USAGE);
    assert_false(ath__file_exists(path));
    assert_int_equal(ath_safetensors_save("no/such/folder/x.safetensors", twice, 2, NULL, 0, &err), ATH_IO);
}

/* A record with shape and offsets as given. */
#define T(name, shape, begin, end)                                                                                     \
    "\"" name "\":{\"dtype\":\"F32\",\"shape\":" shape ",\"data_offsets\":[" #begin "," #end "]}"

static void accepts(void **state) {
    (void)state;
    static const struct {
        const char *header;
        size_t      data;
        int         tensors;
    } cases[] = {
        {"{}", 0, 0},
        {"{}      ", 0, 0},
        {"{\"__metadata__\":{}}", 0, 0},
        {"{" T("a", "[2]", 0, 8) "}", 8, 1},
        {"{" T("b", "[1]", 4, 8) "," T("a", "[1]", 0, 4) "}", 8, 2},
        {"{" T("e", "[0]", 4, 4) "," T("a", "[1]", 0, 4) "," T("b", "[1]", 4, 8) "}", 8, 3},
        {"{" T("s", "[]", 0, 4) "}", 4, 1},
        {"{" T("u", "[1]", 1, 5) ",\"x\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1],\"more\":null}}", 5, 2},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ath_tensor_file file;
        ath_error       err;
        write_file(cases[i].header, cases[i].data);
        if (load(&file, &err) != ATH_OK) fail_msg("%s: %s", cases[i].header, err.message);
        assert_int_equal(file.tensor_count, cases[i].tensors);
        for (int t = 0; t < file.tensor_count; t++) {
            const ath_tensor *tensor = &file.tensors[t].tensor;
            assert_int_equal((uintptr_t)tensor->data % ath_dtype_size(tensor->dtype), 0);
        }
        ath_tensor_file_free(&file);
    }
}

static void unaligned_data(void **state) {
    (void)state;
    ath_tensor_file file;
    ath_error       err;
    write_file("{" T("u", "[1]", 1, 5) ",\"x\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}", 5);
    assert_int_equal(load(&file, &err), ATH_OK);
    static const unsigned char expected[] = {1, 2, 3, 4};
    assert_memory_equal(ath_tensor_file_find(&file, "u")->data, expected, 4);
    ath_tensor_file_free(&file);
}

static void hostile_headers(void **state) {
    (void)state;
    static const struct {
        const char *header;
        size_t      data;
        ath_status  status;
        const char *part;
    } cases[] = {
        {"", 0, ATH_DATA, "safetensors"},
        {"[]", 0, ATH_DATA, "no object"},
        {"null", 0, ATH_DATA, "safetensors"},
        {"{", 0, ATH_DATA, "safetensors"},
        {"{} x", 0, ATH_DATA, "safetensors"},
        {"{\"a\":1}", 0, ATH_DATA, "lacks"},
        {"{\"a\":[]}", 0, ATH_DATA, "lacks"},
        {"{\"a\":{}}", 0, ATH_DATA, "lacks"},
        {"{\"a\":{\"dtype\":4,\"shape\":[1],\"data_offsets\":[0,4]}}", 4, ATH_DATA, "lacks"},
        {"{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,4]}}", 4, ATH_DATA, "shape"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", 4, ATH_DATA, "lacks"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4,4]}}", 4, ATH_DATA, "lacks"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":{\"0\":1},\"data_offsets\":[0,4]}}", 4, ATH_DATA, "shape"},
        {"{\"a\":{\"dtype\":\"C128\",\"shape\":[1],\"data_offsets\":[0,16]}}", 16, ATH_UNSUPPORTED, "C128"},
        {"{\"a\":{\"dtype\":\"f32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, ATH_UNSUPPORTED, "f32"},
        {"{" T("a", "[1.0]", 0, 4) "}", 4, ATH_DATA, "impossible"},
        {"{" T("a", "[\"1\"]", 0, 4) "}", 4, ATH_DATA, "impossible"},
        {"{" T("a", "[-1]", 0, 4) "}", 4, ATH_DATA, "impossible"},
        {"{" T("a", "[-1,-1]", 0, 4) "}", 4, ATH_DATA, "impossible"},
        {"{" T("a", "[1,1,1,1,1,1,1]", 0, 4) "}", 4, ATH_DATA, "dimensions"},
        {"{" T("a", "[4611686018427387904,4]", 0, 0) "}", 0, ATH_DATA, "impossible"},
        {"{" T("a", "[4294967296,4294967296]", 0, 0) "}", 0, ATH_DATA, "impossible"},
        {"{" T("a", "[0,4611686018427387904,4]", 0, 0) "}", 0, ATH_DATA, "impossible"},
        {"{" T("a", "[2305843009213693952]", 0, 0) "}", 0, ATH_DATA, "impossible"},
        {"{" T("a", "[99999999999999999999]", 0, 4) "}", 4, ATH_DATA, "safetensors"},
        {"{" T("a", "[1]", 0, 8) "}", 8, ATH_DATA, "size"},
        {"{" T("a", "[2]", 0, 4) "}", 4, ATH_DATA, "size"},
        {"{" T("a", "[1]", 4, 0) "}", 4, ATH_DATA, "size"},
        {"{" T("a", "[1]", -4, 0) "}", 4, ATH_DATA, "outside"},
        {"{" T("a", "[1]", 0, 4) "}", 3, ATH_DATA, "outside"},
        {"{" T("a", "[1]", 9223372036854775804, 9223372036854775807) "}", 4, ATH_DATA, "outside"},
        {"{" T("a", "[1]", 0.0, 4) "}", 4, ATH_DATA, "outside"},
        {"{" T("a", "[1]", 0, 4) "}", 5, ATH_DATA, "no tensor"},
        {"{" T("a", "[1]", 1, 5) "}", 5, ATH_DATA, "hole"},
        {"{}", 1, ATH_DATA, "no tensor"},
        {"{" T("a", "[1]", 0, 4) "," T("b", "[1]", 0, 4) "}", 4, ATH_DATA, "overlap"},
        {"{" T("a", "[2]", 0, 8) "," T("b", "[1]", 4, 8) "}", 8, ATH_DATA, "overlap"},
        {"{" T("a", "[1]", 0, 4) "," T("b", "[1]", 8, 12) "}", 12, ATH_DATA, "hole"},
        {"{" T("a", "[1]", 0, 4) "," T("e", "[0]", 2, 2) "}", 4, ATH_DATA, "overlap"},
        {"{" T("a", "[1]", 0, 4) "," T("a", "[1]", 0, 4) "}", 4, ATH_DATA, "safetensors"},
        {"{" T("a\\u0000b", "[1]", 0, 4) "}", 4, ATH_DATA, "safetensors"},
        {"{" T("a\\u001b[31m", "[1]", 0, 4) "}", 4, ATH_DATA, "control"},
        {"{" T("\xFF", "[1]", 0, 4) "}", 4, ATH_DATA, "safetensors"},
        {"{\"__metadata__\":[]}", 0, ATH_DATA, "__metadata__"},
        {"{\"__metadata__\":null}", 0, ATH_DATA, "__metadata__"},
        {"{\"__metadata__\":{\"k\":1}}", 0, ATH_DATA, "no text"},
        {"{\"__metadata__\":{\"k\":\"1\",\"k\":\"2\"}}", 0, ATH_DATA, "safetensors"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        expect_refusal(cases[i].header, cases[i].data, cases[i].status, cases[i].part);
}

static void hostile_lengths(void **state) {
    (void)state;
    static const struct {
        unsigned char bytes[16];
        size_t        size;
    } cases[] = {
        {{0}, 0},
        {{1}, 1},
        {{2, 0, 0, 0, 0, 0, 0}, 7},
        {{2, 0, 0, 0, 0, 0, 0, 0, '{'}, 9},
        {{0}, 8},
        {{255, 255, 255, 255, 255, 255, 255, 255, '{', '}'}, 10},
        {{250, 255, 255, 255, 255, 255, 255, 255, '{', '}'}, 10},
        {{0, 0, 0, 0, 0, 0, 0, 128, '{', '}'}, 10},
        {{3, 0, 0, 0, 0, 0, 0, 0, '{', '}'}, 10},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ath_tensor_file file;
        ath_error       err = {0};
        assert_int_equal(ath__file_write(path, cases[i].bytes, cases[i].size, &err), ATH_OK);
        assert_int_equal(load(&file, &err), ATH_DATA);
        assert_non_null(strstr(err.message, "safetensors"));
    }
    ath_tensor_file file;
    ath_error       err = {0};
    unlink(path);
    assert_int_equal(load(&file, &err), ATH_DATA);
    assert_int_equal(ath_safetensors_load(".", &file, &err), ATH_DATA);
}

static void deep_nesting(void **state) {
    (void)state;
    enum { DEPTH = 200000 };
    char *header = malloc(2 * DEPTH + 16);
    assert_non_null(header);
    memcpy(header, "{\"a\":", 5);
    memset(header + 5, '[', DEPTH);
    header[5 + DEPTH] = '\0';
    expect_refusal(header, 0, ATH_DATA, "safetensors");
    free(header);
}

/* Many unaligned tensors that all claim the same bytes: copies would take their number times the file. */
static void overlapping_copies(void **state) {
    (void)state;
    enum { TENSORS = 1000, BYTES = 1 << 20 };
    struct ath__str header = {0};
    ath__str_append(&header, "{\"x\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}");
    for (int i = 0; i < TENSORS; i++)
        ath__str_printf(&header, ",\"t%d\":{\"dtype\":\"F32\",\"shape\":[%d],\"data_offsets\":[1,%d]}", i, BYTES / 4,
                        BYTES + 1);
    ath__str_append(&header, "}");
    while (header.size % 8 != 0) ath__str_append(&header, " ");
    uint64_t before = ath__mem_stats().peak_bytes;
    expect_refusal(header.data, BYTES + 1, ATH_DATA, "overlap");
    /* The file itself is built in memory by this test; copies of the claims would add a gigabyte. */
    assert_true(ath__mem_stats().peak_bytes - before < (uint64_t)16 * BYTES);
    ath__str_free(&header);
}

/* Every byte of a good file replaced by every kind of value, and every length of it: never a crash, never a message
 * missing. */
static void damaged_files(void **state) {
    (void)state;
    static const unsigned char values[] = {0, 1, 0x20, '"', '0', '9', '-', '[', '{', '}', 0x7F, 0x80, 0xFF};
    write_file("{\"__metadata__\":{\"k\":\"v\"}," T("b", "[1]", 4, 8) "," T("a", "[1,1]", 0, 4) "}", 8);
    char           *data;
    size_t          size;
    ath_error       err = {0};
    ath_tensor_file file;
    assert_int_equal(ath__file_read(path, 1000, &data, &size, &err), ATH_OK);
    for (size_t length = 0; length < size; length++) {
        assert_int_equal(ath__file_write(path, data, length, &err), ATH_OK);
        assert_int_equal(load(&file, &err), ATH_DATA);
        assert_true(err.message[0] != '\0');
    }
    int fd =
        memfd_create("safetensors", 0); /* as a file that is rewritten in place would be, without a disk to wait for */
    char name[64];
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    assert_true(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    for (size_t at = 0; at < size; at++) {
        for (size_t v = 0; v < sizeof values; v++) {
            assert_int_equal(pwrite(fd, &values[v], 1, (off_t)at), 1);
            memset(&err, 0, sizeof err);
            if (ath_safetensors_load(name, &file, &err) == ATH_OK) {
                unsigned sum = 0;
                for (int t = 0; t < file.tensor_count; t++) {
                    const ath_tensor    *tensor = &file.tensors[t].tensor;
                    const unsigned char *bytes = tensor->data;
                    size_t count = (size_t)ath_shape_count(&tensor->shape) * ath_dtype_size(tensor->dtype);
                    for (size_t i = 0; i < count; i++) sum += bytes[i];
                }
                assert_true(sum <= 255u * 8u); /* the data are eight bytes */
                ath_tensor_file_free(&file);
            } else {
                assert_true(err.message[0] != '\0');
            }
        }
        assert_int_equal(pwrite(fd, &data[at], 1, (off_t)at), 1);
    }
    close(fd);
    ath__free(data);
}

static void memory_runs_out(void **state) {
    (void)state;
    write_file("{\"__metadata__\":{\"k\":\"v\"}," T("b", "[1]", 4, 8) "," T("a", "[1,1]", 0, 4) "}", 8);
    uint64_t live = ath__mem_stats().live_bytes;
    int      failures = 0;
    for (uint64_t n = 1; n < 100; n++) {
        ath_tensor_file file;
        ath_error       err;
        ath__mem_fail_at(n);
        ath_status status = load(&file, &err);
        ath__mem_fail_at(0);
        if (status == ATH_OK) {
            ath_tensor_file_free(&file);
            break;
        }
        assert_int_equal(status, ATH_MEMORY);
        failures++;
    }
    assert_true(failures > 0 && failures < 99);
    assert_int_equal(ath__mem_stats().live_bytes, live);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip),      cmocka_unit_test(layout_on_disk),  cmocka_unit_test(writer_refuses),
        cmocka_unit_test(accepts),         cmocka_unit_test(unaligned_data),  cmocka_unit_test(hostile_headers),
        cmocka_unit_test(hostile_lengths), cmocka_unit_test(deep_nesting),    cmocka_unit_test(overlapping_copies),
        cmocka_unit_test(damaged_files),   cmocka_unit_test(memory_runs_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
