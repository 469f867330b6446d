/* Tensor files of every format that is written: what goes in comes out, bit for bit, whatever way round it took; hostile
 * files are refused with one message and without memory out of proportion.
 */
#include "format/mindspore/ckpt.h"
#include "format/numpy/npy.h"
#include "format/tensor_format.h"
#include "format/zip_library.h"

#include "base/mem.h"
#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include <cmocka.h>

static void must(ath_status status, const ath_error *err) {
    if (status != ATH_OK) fail_msg("%s (%s)", err->message, err->where);
}

/* ---- what is written -------------------------------------------------------------------------------------------- */

static float            weight[24] = {1.0f, -2.0f, 3.5f, 0.0f, 1e-30f, -1e30f, 0.1f};
static float            gain[2] = {0.5f, 2.0f}, shift[2] = {0.1f, -0.1f}, mean[2] = {3.0f, 4.0f}, var[2] = {1.0f, 9.0f};
static double           reals[2] = {1.0 / 3.0, -0.0};
static int64_t          step = -5;
static int32_t          whole[3] = {1, -1, 1 << 30};
static unsigned char    bytes[5] = {1, 2, 255, 0, 7};
static uint16_t         halves[2] = {0x3F80, 0xC000};
static ath_named_tensor tensors[] = {
    {"step", {ATH_I64, {.rank = 0}, &step}},
    {"reals", {ATH_F64, {1, {2}}, reals}},
    {"bn1.bias", {ATH_F32, {1, {2}}, shift}},
    {"bn1.running_mean", {ATH_F32, {1, {2}}, mean}},
    {"bn1.running_var", {ATH_F32, {1, {2}}, var}},
    {"bn1.weight", {ATH_F32, {1, {2}}, gain}},
    {"classifier.1.weight", {ATH_F32, {2, {4, 6}}, weight}},
    {"empty", {ATH_F32, {2, {0, 4}}, weight}},
    {"features.0.0.weight", {ATH_F32, {4, {2, 3, 2, 2}}, weight}},
    {"features.1.conv.0.0.weight", {ATH_F32, {4, {2, 1, 2, 2}}, weight}},
    {"features.1.conv.1.weight", {ATH_F32, {4, {2, 2, 1, 1}}, weight}},
    {"grösse", {ATH_I32, {1, {3}}, whole}},
    {"bf", {ATH_BF16, {1, {2}}, halves}},
    {"half", {ATH_F16, {1, {2}}, halves}},
    {"bytes", {ATH_U8, {1, {5}}, bytes}},
};
enum { TENSORS = sizeof tensors / sizeof tensors[0] };
static const ath_metadata metadata[] = {{"model", "mobilenetv2"}, {"classes", "[\"猫\", \"x\\\"y\"]"}, {"", ""}};
enum { METADATA = 3 };

static struct ath__tensors everything(void) {
    return (struct ath__tensors){
        .tensors = tensors, .tensor_count = TENSORS, .metadata = metadata, .metadata_count = METADATA};
}

static void check_file(const ath_tensor_file *file) {
    assert_int_equal(file->tensor_count, TENSORS);
    for (int i = 0; i < TENSORS; i++) {
        const ath_tensor *read = ath_tensor_file_find(file, tensors[i].name), *written = &tensors[i].tensor;
        if (!read) fail_msg("'%s' is not there", tensors[i].name);
        assert_int_equal(read->dtype, written->dtype);
        if (!ath_shape_equal(&read->shape, &written->shape)) fail_msg("'%s' has another shape", tensors[i].name);
        assert_int_equal((uintptr_t)read->data % ath_dtype_size(read->dtype), 0);
        assert_memory_equal(read->data, written->data, ath__tensor_bytes(written));
    }
    assert_int_equal(file->metadata_count, METADATA);
    for (int i = 0; i < METADATA; i++)
        assert_string_equal(ath_tensor_file_metadata(file, metadata[i].key), metadata[i].value);
}

static void write_as(const char *format, const struct ath__tensors *what, const char *path) {
    struct ath__str notes = {0};
    ath_error       err = {0};
    must(ath__tensor_format_find(format)->write(path, what, &notes, &err), &err);
    ath__str_free(&notes);
}

static void every_format(void **state) {
    ath_tensor_file file;
    ath_error       err = {0};
    (void)state;
    for (int i = 0; ath__tensor_format_row(i); i++) {
        if (!ath__tensor_format_row(i)->write) continue;
        struct ath__tensors what = everything();
        const char         *format = ath__tensor_format_row(i)->name;
        write_as(format, &what, "every.out");
        must(ath_tensor_file_load("every.out", &file, &err), &err);
        assert_string_equal(file.format, format);
        check_file(&file);
        ath_tensor_file_free(&file);
    }
}

static char *slurp(const char *path, size_t *size) {
    char     *data;
    ath_error err = {0};
    must(ath__file_read(path, 1 << 20, &data, size, &err), &err);
    return data;
}

/* safetensors -> pth -> ckpt -> npz -> safetensors: the same bytes. */
static void round_trip(void **state) {
    static const char *const way[] = {"safetensors", "pytorch", "mindspore", "npz", "safetensors"};
    struct ath__tensors      what = everything();
    ath_tensor_file          file;
    ath_error                err = {0};
    size_t                   first_size, last_size;
    (void)state;
    write_as(way[0], &what, "way0");
    for (int i = 1; i < 5; i++) {
        char from[16], to[16];
        snprintf(from, sizeof from, "way%d", i - 1);
        snprintf(to, sizeof to, "way%d", i);
        must(ath_tensor_file_load(from, &file, &err), &err);
        what = (struct ath__tensors){.tensors = file.tensors,
                                     .tensor_count = file.tensor_count,
                                     .metadata = file.metadata,
                                     .metadata_count = file.metadata_count};
        write_as(way[i], &what, to);
        ath_tensor_file_free(&file);
    }
    char *first = slurp("way0", &first_size), *last = slurp("way4", &last_size);
    assert_int_equal(first_size, last_size);
    assert_memory_equal(first, last, first_size);
    ath__free(first);
    ath__free(last);
}

static bool holds(const char *path, const char *text) {
    size_t size;
    char  *data = slurp(path, &size);
    bool   found = memmem(data, size, text, strlen(text)) != NULL;
    ath__free(data);
    return found;
}

/* ---- MindSpore -------------------------------------------------------------------------------------------------- */

static void mindspore_names(void **state) {
    struct ath__tensors what = everything();
    (void)state;
    write_as("mindspore", &what, "names.ckpt");
    assert_true(holds("names.ckpt", "bn1.moving_variance") && holds("names.ckpt", "bn1.gamma"));
    assert_true(holds("names.ckpt", "features.0.features.0.weight"));
    assert_true(holds("names.ckpt", "features.1.conv.0.features.0.weight"));
    assert_true(holds("names.ckpt", "features.1.conv.1.weight") && holds("names.ckpt", "head.1.weight"));
    assert_false(holds("names.ckpt", "running_mean"));
    what.keep_names = true;
    write_as("mindspore", &what, "names.ckpt");
    assert_true(holds("names.ckpt", "bn1.running_mean") && !holds("names.ckpt", "moving_mean"));
}

/* A tensor in pieces, as very large ones are written, comes back whole. */
static void mindspore_slices(void **state) {
    struct ath__tensors what = everything();
    struct ath__str     notes = {0};
    ath_tensor_file     file;
    ath_error           err = {0};
    (void)state;
    must(ath__ckpt_write("slices.ckpt", &what, 28, &notes, &err), &err); /* 7 floats */
    must(ath_tensor_file_load("slices.ckpt", &file, &err), &err);
    check_file(&file);
    ath_tensor_file_free(&file);
    ath__str_free(&notes);
}

static ath_status load_bytes(const char *data, size_t size, ath_tensor_file *file, ath_error *err) {
    ath_error other = {0};
    must(ath__file_write("bytes.bin", data, size, &other), &other);
    memset(err, 0, sizeof *err);
    return ath_tensor_file_load("bytes.bin", file, err);
}

static void refuse(const char *data, size_t size, const char *part) {
    ath_tensor_file file;
    ath_error       err;
    uint64_t        live = ath__mem_stats().live_bytes;
    if (load_bytes(data, size, &file, &err) == ATH_OK) fail_msg("'%s' is accepted", part);
    if (!strstr(err.message, part)) fail_msg("'%s' does not say '%s'", err.message, part);
    assert_int_equal(ath__mem_stats().live_bytes, live);
}
#define REFUSE(text, part) refuse(text, sizeof(text) - 1, part)

/* A value of two float32 called w, with an optimiser's scalar and a text beside it, as MindSpore writes them; the
 * checksum in the trailer is that of its bytes. */
static void mindspore_own_files(void **state) {
    (void)state;
    struct ath__str file = {0};
    ath_tensor_file read;
    ath_error       err;
    /* tag "network.w", dims 2, Float32, 8 bytes */
    ath__str_append_bytes(&file,
                          "\x0a\x22\x0a\x09network.w\x12\x15\x08\x02\x12\x07"
                          "Float32\x1a\x08",
                          28);
    ath__str_append_bytes(&file, (const char *)gain, 8);
    /* tag "note", dims 0, str, two characters of four bytes */
    ath__str_append_bytes(&file, "\x0a\x19\x0a\x04note\x12\x11\x08\x00\x12\x03str\x1a\x08h\0\0\0\xe9\0\0\0", 27);
    uLong sum = crc32(0L, (const Bytef *)file.data, (uInt)file.size);
    ath__str_append_bytes(&file, "crc_num\0\0\0\0\0\0", 13);
    for (int i = 3; i >= 0; i--) ath__str_append_bytes(&file, &(char){(char)(sum >> (8 * i))}, 1);
    must(load_bytes(file.data, file.size, &read, &err), &err);
    assert_int_equal(read.tensor_count, 1);
    assert_string_equal(read.tensors[0].name, "w");
    assert_memory_equal(read.tensors[0].tensor.data, gain, 8);
    assert_string_equal(ath_tensor_file_metadata(&read, "mindspore.note"), "h\xc3\xa9");
    ath_tensor_file_free(&read);
    file.data[30] ^= 1;
    refuse(file.data, file.size, "checksum");
    refuse(file.data, 20, "cut off");
    ath__str_free(&file);
}

static void mindspore_hostile(void **state) {
    (void)state;
    REFUSE("\xd8\x5e\x3a\x7f....", "encrypted");
    REFUSE("\x0a\x22\x0a\x09network.w\x12\x15\x08\x7f\x12\x07"
           "Float32\x1a\x08"
           "12345678",
           "larger than the file");
    REFUSE("\x0a\x22\x0a\x09network.w\x12\x15\x08\x03\x12\x07"
           "Float32\x1a\x08"
           "12345678",
           "cut off: 2 of 3");
    REFUSE("\x0a\x22\x0a\x09network.w\x12\x15\x08\x01\x12\x07"
           "Float32\x1a\x08"
           "12345678",
           "more data");
    REFUSE("\x0a\x22\x0a\x09network.w\x12\x15\x08\x02\x12\x07"
           "Qint4x2\x1a\x08"
           "12345678",
           "not supported");
    REFUSE("\x0a\x22\x0a\x09network\n\x12\x12\x15\x08\x02\x12\x07"
           "Float32\x1a\x08"
           "1234567",
           "known formats");
    REFUSE("\x0a\xff\xff\xff\x7f\x0a\x09network.w\x12\x15", "cut off");
    /* Dimensions whose product overflows. */
    REFUSE(
        "\x0a\x27\x0a\x01w\x12\x22\x08\xff\xff\xff\xff\xff\xff\xff\xff\x7f\x08\xff\xff\xff\xff\xff\xff\xff\xff\x7f\x12\x07"
        "Float32\x1a\x03"
        "123",
        "impossible size");
}

/* ---- NumPy ------------------------------------------------------------------------------------------------------ */

static void npy_file(struct ath__str *file, int version, const char *header, const void *data, size_t size) {
    size_t length = strlen(header);
    file->size = 0;
    ath__str_append_bytes(file, "\x93NUMPY", 6);
    ath__str_append_bytes(file, &(char){(char)version}, 1);
    ath__str_append_bytes(file, "\0", 1);
    for (int i = 0; i < (version == 1 ? 2 : 4); i++) ath__str_append_bytes(file, &(char){(char)(length >> (8 * i))}, 1);
    ath__str_append(file, header);
    ath__str_append_bytes(file, data, size);
}

static void numpy_arrays(void **state) {
    static const float   fortran[6] = {1, 4, 2, 5, 3, 6};
    static const char    big[] = {0, 0, 0, 1, (char)255, (char)255, (char)255, (char)254}, small[] = {(char)253, 7};
    static const int32_t expected[2] = {1, -2}, widened[2] = {-3, 7};
    struct ath__str      file = {0};
    ath_tensor_file      read;
    ath_error            err;
    (void)state;
    npy_file(&file, 1, "{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3), }\n", fortran, sizeof fortran);
    must(load_bytes(file.data, file.size, &read, &err), &err);
    assert_int_equal(read.tensors[0].tensor.shape.dims[1], 3);
    for (int i = 0; i < 6; i++) assert_int_equal(((float *)read.tensors[0].tensor.data)[i], i + 1);
    ath_tensor_file_free(&read);
    npy_file(&file, 2, "{\"shape\": (2L,), 'fortran_order': False, 'descr': '>i4'}", big, sizeof big);
    must(load_bytes(file.data, file.size, &read, &err), &err);
    assert_memory_equal(read.tensors[0].tensor.data, expected, sizeof expected);
    ath_tensor_file_free(&read);
    npy_file(&file, 3, "{'descr': '|i1', 'fortran_order': False, 'shape': (2,), }", small, sizeof small);
    must(load_bytes(file.data, file.size, &read, &err), &err);
    assert_memory_equal(read.tensors[0].tensor.data, widened, sizeof widened);
    ath_tensor_file_free(&read);
    ath__str_free(&file);
}

static void numpy_hostile(void **state) {
    static const struct {
        const char *header, *part;
    } rows[] = {
        {"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", "Python objects"},
        {"{'descr': '<c8', 'fortran_order': False, 'shape': (1,), }", "not supported"},
        {"{'descr': '|V2', 'fortran_order': False, 'shape': (1,), }", "not supported"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }", "cut off"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, 16), }", "damaged header"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (461168601842738790, 160), }", "cut off"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }", "damaged header"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': __import__('os').system('touch pwned'), }",
         "damaged header"},
        {"{'descr': '<f4', 'shape': (1,), }", "damaged header"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1,1,1,1), }", "damaged header"},
        {"", "damaged header"},
    };
    struct ath__str file = {0};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        npy_file(&file, 1, rows[i].header, "12345678", 8);
        refuse(file.data, file.size, rows[i].part);
    }
    REFUSE("\x93NUMPY\x09\0\0\0\0\0\0\0", "version");
    REFUSE("\x93NUMPY\x02\0\xff\xff\xff\x7f{}", "cut off");
    ath__str_free(&file);
}

/* A megabyte that would become a hundred, and members that lie on each other. */
static void zip_bomb(void **state) {
    ath_error err = {0};
    int       code = 0;
    size_t    size = (size_t)100 << 20, packed;
    (void)state;
    must(ath__zip_library_load(&err), &err);
    char *zeros = ath__alloc_zeroed(size);
    assert_non_null(zeros);
    remove("bomb.npz");
    zip_t *zip = zip_open("bomb.npz", ZIP_CREATE, &code);
    assert_non_null(zip);
    assert_true(zip_file_add(zip, "w.npy", zip_source_buffer(zip, zeros, size, 0), 0) == 0);
    assert_int_equal(zip_close(zip), 0);
    ath__free(zeros);
    char *bytes_of_it = slurp("bomb.npz", &packed);
    assert_true(packed < (1 << 20));
    uint64_t peak = ath__mem_stats().peak_bytes;
    refuse(bytes_of_it, packed, "times its size");
    assert_true(ath__mem_stats().peak_bytes <= peak + (1 << 20));
    ath__free(bytes_of_it);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_format),     cmocka_unit_test(round_trip),          cmocka_unit_test(mindspore_names),
        cmocka_unit_test(mindspore_slices), cmocka_unit_test(mindspore_own_files), cmocka_unit_test(mindspore_hostile),
        cmocka_unit_test(numpy_arrays),     cmocka_unit_test(numpy_hostile),       cmocka_unit_test(zip_bomb),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
