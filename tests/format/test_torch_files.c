/* PyTorch's files: what torch.save wrote (tools/golden/torch_files.py) comes back in values and shapes, whatever the
 * form, the strides and the sharing; a hostile file is refused with one message, nothing of it runs, and it takes no
 * memory out of proportion. */
#include "athanor/format.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "support/torch_bytes.h"
#include "tensor/dtype.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char path[] = "test.pt";

static ath_status load(const char *name, ath_tensor_file *file, ath_error *err) {
    memset(err, 0, sizeof *err);
    return ath_tensor_file_load(name, file, err);
}

/* ---- files of torch.save ---------------------------------------------------------------------------------------- */

enum values { REAL, WHOLE, BYTE, BIT };

static const struct {
    const char *name;
    ath_dtype   dtype;
    ath_shape   shape;
    enum values values;
    int         first; /* the number of its first element, for views */
} expected[] = {
    {"f32", ATH_F32, {2, {2, 3}}, REAL, 0},
    {"f16", ATH_F16, {2, {2, 3}}, REAL, 0},
    {"bf16", ATH_BF16, {2, {2, 3}}, REAL, 0},
    {"f64", ATH_F64, {2, {2, 3}}, REAL, 0},
    {"i64", ATH_I64, {1, {5}}, WHOLE, 0},
    {"i32", ATH_I32, {1, {5}}, WHOLE, 0},
    {"i16", ATH_I32, {1, {5}}, WHOLE, 0},
    {"i8", ATH_I32, {1, {5}}, WHOLE, 0},
    {"u8", ATH_U8, {1, {5}}, BYTE, 0},
    {"bool", ATH_U8, {1, {5}}, BIT, 0},
    {"channels_last", ATH_F32, {4, {2, 3, 2, 2}}, REAL, 0},
    {"transposed", ATH_F32, {2, {3, 2}}, REAL, 0},
    {"shared.whole", ATH_F32, {1, {12}}, REAL, 0},
    {"shared.part", ATH_F32, {2, {2, 3}}, REAL, 4},
    {"empty", ATH_F32, {2, {0, 4}}, REAL, 0},
    {"parameter", ATH_F32, {1, {4}}, REAL, 0},
};
enum { EXPECTED = sizeof expected / sizeof expected[0] };

static double value_of(enum values values, int i) {
    switch (values) {
    case REAL: return (i - 3) / 4.0;
    case WHOLE: return 7.0 * i - 11.0;
    case BYTE: return 7.0 * i;
    default: return i % 2;
    }
}

/* torch.save(net): the parameters and buffers of the net's object, by path; its class is a name that nobody looks up. */
static void whole_nets(void **state) {
    (void)state;
    static const struct {
        const char *name;
        ath_shape   shape;
    } wanted[] = {{"conv1.weight", {4, {2, 1, 3, 3}}}, {"layers.0.weight", {1, {2}}},
                  {"layers.0.bias", {1, {2}}},         {"layers.0.running_mean", {1, {2}}},
                  {"layers.2.weight", {2, {3, 2}}},    {"layers.2.bias", {1, {3}}},
                  {"layers.0.running_var", {1, {2}}},  {"scale", {0, {0}}}};
    char            golden[1024];
    ath_tensor_file file;
    ath_error       err;
    snprintf(golden, sizeof golden, "%s/golden/torch-net.pt", ATHANOR_TEST_SOURCE);
    if (load(golden, &file, &err) != ATH_OK) fail_msg("%s", err.message);
    assert_int_equal(file.tensor_count, sizeof wanted / sizeof wanted[0] + 1); /* and the batch norm's counter */
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        const ath_tensor *tensor = ath_tensor_file_find(&file, wanted[i].name);
        if (!tensor) fail_msg("'%s' is missing", wanted[i].name);
        assert_true(ath_shape_equal(&tensor->shape, &wanted[i].shape));
    }
    const ath_tensor *weight = ath_tensor_file_find(&file, "layers.2.weight");
    for (int i = 0; i < 6; i++) assert_true(((const float *)weight->data)[i] == (float)(i - 3) / 4.0f);
    assert_string_equal(ath_tensor_file_metadata(&file, "torch.acc"), "0.5");
    ath_tensor_file_free(&file);
}

/* The form before 1.6 keeps a class's source beside its name. */
static void net_with_source(void **state) {
    (void)state;
    static const char   head[] = "\x80\2(X\6\0\0\0modulec__main__\nNet\nX\4\0\0\0fileX\4\0\0\0codetQ)\x81}("
                                 "X\x0B\0\0\0_parameters}";
    static const char   tail[] = "X\x08\0\0\0_modules}ub.";
    struct torch_tensor tensor = {.count = 4, .rank = 2, .sizes = {2, 2}, .strides = {2, 1}};
    struct ath__str     object = {0};
    ath_tensor_file     file;
    ath_error           err = {0};
    ath__str_append_bytes(&object, head, sizeof head - 1);
    torch_put_tensor(&object, "w", &tensor);
    ath__str_append_bytes(&object, tail, sizeof tail - 1);
    torch_write_legacy_with(path, &object, 4, &err);
    ath__str_free(&object);
    if (load(path, &file, &err) != ATH_OK) fail_msg("%s", err.message);
    assert_int_equal(file.tensor_count, 1);
    assert_string_equal(file.tensors[0].name, "w");
    assert_true(((const float *)file.tensors[0].tensor.data)[3] == 3.0f);
    ath_tensor_file_free(&file);
}

static void check_tensors(const ath_tensor_file *file) {
    assert_int_equal(file->tensor_count, EXPECTED + 1);
    for (size_t t = 0; t < EXPECTED; t++) {
        const ath_tensor *tensor = ath_tensor_file_find(file, expected[t].name);
        if (!tensor) fail_msg("'%s' is missing", expected[t].name);
        assert_int_equal(tensor->dtype, expected[t].dtype);
        assert_true(ath_shape_equal(&tensor->shape, &expected[t].shape));
        assert_int_equal((uintptr_t)tensor->data % ath_dtype_size(tensor->dtype), 0);
        for (int i = 0; i < (int)ath_shape_count(&tensor->shape); i++) {
            double got = ath__dtype_load(tensor->data, tensor->dtype, (size_t)i);
            double want = value_of(expected[t].values, i + expected[t].first);
            if (got != want) fail_msg("%s[%d] is %g instead of %g", expected[t].name, i, got, want);
        }
    }
    const ath_tensor *counter = ath_tensor_file_find(file, "bn.num_batches_tracked");
    assert_non_null(counter);
    assert_int_equal(counter->shape.rank, 0);
    assert_true(ath__dtype_load(counter->data, counter->dtype, 0) == 7.0);
}

static void written_by_torch(void **state) {
    (void)state;
    static const char *const names[] = {"torch-zip.pt", "torch-zip-4.pt", "torch-legacy.pt"};
    for (size_t n = 0; n < sizeof names / sizeof names[0]; n++) {
        char            golden[1024];
        ath_tensor_file file;
        ath_error       err;
        snprintf(golden, sizeof golden, "%s/golden/%s", ATHANOR_TEST_SOURCE, names[n]);
        if (load(golden, &file, &err) != ATH_OK) fail_msg("%s: %s", names[n], err.message);
        assert_string_equal(file.format, "pytorch");
        check_tensors(&file);
        assert_string_equal(ath_tensor_file_metadata(&file, "torch.epoch"), "3");
        assert_string_equal(ath_tensor_file_metadata(&file, "torch.best_prec1"), "91.5");
        assert_string_equal(ath_tensor_file_metadata(&file, "torch.arch"), "tiny");
        assert_string_equal(ath_tensor_file_metadata(&file, "torch.done"), "true");
        assert_null(ath_tensor_file_metadata(&file, "torch.optimizer"));
        ath_tensor_file_free(&file);
    }
}

/* A copy of a golden file with `size` bytes, and one text in it replaced by another of the same length. */
static void write_altered(const char *name, size_t size, const char *from, const char *to) {
    char      golden[1024], *data;
    size_t    whole;
    ath_error err = {0};
    snprintf(golden, sizeof golden, "%s/golden/%s", ATHANOR_TEST_SOURCE, name);
    if (ath__file_read(golden, 1 << 20, &data, &whole, &err) != ATH_OK) fail_msg("%s", err.message);
    for (size_t i = 0; from && i + strlen(from) <= whole; i++)
        if (memcmp(data + i, from, strlen(from)) == 0) memcpy(data + i, to, strlen(to));
    if (ath__file_write(path, data, size < whole ? size : whole, &err) != ATH_OK) fail_msg("%s", err.message);
    ath__free(data);
}

static void expect_refusal(const char *what, ath_status wanted, const char *part) {
    ath_tensor_file file;
    ath_error       err;
    uint64_t        live = ath__mem_stats().live_bytes;
    ath_status      status = load(path, &file, &err);
    if (status != wanted) fail_msg("%s: status %d, '%s'", what, (int)status, err.message);
    if (!strstr(err.message, part)) fail_msg("%s: '%s' does not say '%s'", what, err.message, part);
    assert_int_equal(err.code, wanted);
    assert_null(file.owner);
    assert_int_equal(ath__mem_stats().live_bytes, live);
}

static void damaged_files(void **state) {
    (void)state;
    write_altered("torch-zip.pt", SIZE_MAX, "little", "b\1g\1\1\1");
    expect_refusal("big-endian zip", ATH_DATA, "big-endian");
    write_altered("torch-zip.pt", SIZE_MAX, "/data.pkl", "/dota.pkl");
    expect_refusal("no pickle", ATH_DATA, "known formats");
    write_altered("torch-zip.pt", SIZE_MAX, "FloatStorage", "QuadFStorage");
    expect_refusal("unknown storage", ATH_UNSUPPORTED, "QuadFStorage");
    write_altered("torch-zip.pt", SIZE_MAX, "/data/0", "/dota/0");
    expect_refusal("missing storage", ATH_DATA, "missing");
    write_altered("torch-legacy.pt", SIZE_MAX, "little_endian\x71\2\x88", "little_endian\x71\2\x89");
    expect_refusal("big-endian legacy", ATH_DATA, "big-endian");
    write_altered("torch-legacy.pt", SIZE_MAX, "M\xE9\3.", "M\xEA\3.");
    expect_refusal("another version", ATH_DATA, "version");
    write_altered("torch-zip.pt", SIZE_MAX, "module.f32", "module.f16");
    expect_refusal("two of a name", ATH_DATA, "two tensors");
    write_altered("torch-zip.pt", SIZE_MAX, "module.f32", "module.\n32");
    expect_refusal("a name that breaks lines", ATH_DATA, "control");
    write_altered("torch-zip.pt", SIZE_MAX, "module.f32", "module.\xFF\x33\x32");
    expect_refusal("a name that is no UTF-8", ATH_DATA, "UTF-8");
}

/* Every shorter file is refused, but for a legacy one that has lost nothing. */
static void truncated_files(void **state) {
    (void)state;
    static const char *const names[] = {"torch-zip.pt", "torch-legacy.pt"};
    for (size_t n = 0; n < 2; n++)
        for (size_t size = 0; size < 6000; size += 61) {
            char   golden[1024], *data;
            size_t whole;
            snprintf(golden, sizeof golden, "%s/golden/%s", ATHANOR_TEST_SOURCE, names[n]);
            assert_int_equal(ath__file_read(golden, 1 << 20, &data, &whole, NULL), ATH_OK);
            ath__free(data);
            if (size >= whole) break;
            write_altered(names[n], size, NULL, NULL);
            expect_refusal(names[n], ATH_DATA, "");
        }
}

/* The n-th allocation fails, for every n. */
static void memory_runs_out(void **state) {
    (void)state;
    static const char *const names[] = {"torch-zip.pt", "torch-legacy.pt"};
    for (size_t f = 0; f < 2; f++) {
        char       golden[1024];
        uint64_t   live = ath__mem_stats().live_bytes;
        ath_status status = ATH_MEMORY;
        int        failures = 0;
        snprintf(golden, sizeof golden, "%s/golden/%s", ATHANOR_TEST_SOURCE, names[f]);
        for (uint64_t n = 1; status != ATH_OK; n++) {
            ath_tensor_file file;
            ath_error       err;
            ath__mem_fail_at(n);
            status = load(golden, &file, &err);
            ath__mem_fail_at(0);
            if (status != ATH_OK && status != ATH_MEMORY) fail_msg("allocation %d: %s", (int)n, err.message);
            failures += status == ATH_MEMORY;
            if (status == ATH_OK) ath_tensor_file_free(&file);
            assert_int_equal(ath__mem_stats().live_bytes, live);
        }
        assert_true(failures > 3);
    }
}

/* ---- hostile files ---------------------------------------------------------------------------------------------- */

/* Wraps the object into the legacy form with no storages and expects a refusal. */
static void expect_object_refused(const char *what, struct ath__str *object, ath_status wanted, const char *part) {
    ath_error err = {0};
    torch_write_legacy(path, object, &err);
    expect_refusal(what, wanted, part);
    ath__str_free(object);
}

static void expect_bytes_refused(const char *what, const char *bytes, size_t size, const char *part) {
    struct ath__str object = {0};
    ath__str_append(&object, "\x80\2");
    ath__str_append_bytes(&object, bytes, size);
    expect_object_refused(what, &object, ATH_DATA, part);
}
#define REFUSE(what, bytes, part) expect_bytes_refused(what, bytes, sizeof(bytes) - 1, part)

static void hostile_pickles(void **state) {
    (void)state;
    remove("pwned");
    REFUSE("a command", "cos\nsystem\nX\x0B\0\0\0touch pwned\x85R.", "os.system");
    REFUSE("a command of builtins",
           "c__builtin__\neval\nX\3\0\0\0"
           "1+1\x85R.",
           "__builtin__.eval");
    REFUSE("a command in a dict", "}X\1\0\0\0acos\nsystem\nX\x0B\0\0\0touch pwned\x85Rs.", "no tensors");
    REFUSE("a command as state", "c__main__\nNet\n)\x81}X\1\0\0\0acos\nsystem\nX\x0B\0\0\0touch pwned\x85Rsb.",
           "__main__.Net");
    assert_false(ath__file_exists("pwned"));
    REFUSE("a list", "].", "no dict");
    REFUSE("nothing", ".", "empty stack");
    REFUSE("no end", "}", "");
    REFUSE("a dict in itself", "}q\0X\1\0\0\0ah\0s.", "no tensors");
    REFUSE("a list in itself", "]q\0h\0a.", "no dict");
    REFUSE("a tuple of itself through the memo", "]q\0(h\0h\0tq\1a.", "no dict");
    REFUSE("a memo entry far off", "}r\xF0\xFF\xFF\xFF.", "memo");
    REFUSE("a memo entry that is not there", "h\7.", "memo");
    REFUSE("a text of 4 GiB", "X\xFF\xFF\xFF\xFFxx.", "length");
    REFUSE("a text of 16 EiB", "\x8D\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFFxx.", "length");
    REFUSE("a number of 4 GiB", "\x8B\xFF\xFF\xFF\xFFxx.", "length");
    REFUSE("an unknown instruction", "}\x97.", "0x97");
    REFUSE("a textual instruction", "I1\n.", "0x49");
    REFUSE("a key without a value", "}(X\1\0\0\0au.", "key");
    REFUSE("items for a number", "K\1K\1K\2s.", "no dict");
    REFUSE("items without a mark", "}u.", "mark");
    REFUSE("popping through a mark", "K\1(s.", "empty stack");
    REFUSE("a call without arguments", "cos\nsystem\nNR.", "arguments");
    REFUSE("a name without an end", "cos", "line");
    REFUSE("a class that is a number", "K\1K\1\x93.", "class");
    REFUSE("a storage that is a number", "K\1Q.", "storage");
}

/* A net that is its own child, and one whose children are the same net twice, 40 levels deep. */
static void endless_nets(void **state) {
    (void)state;
    struct ath__str doubling = {0};
    REFUSE("a net in itself", "c__main__\nNet\n)\x81q\0}X\x08\0\0\0_modules}X\1\0\0\0ah\0ssb.", "without end");
    ath__str_append(&doubling, "\x80\2"
                               "c__main__\nNet\n)\x81}X\x08");
    ath__str_append_bytes(&doubling, "\0\0\0_modules}sbq\0", 16);
    for (int i = 0; i < 20; i++) {
        ath__str_append(&doubling, "c__main__\nNet\n)\x81}X\x08");
        ath__str_append_bytes(&doubling, "\0\0\0_modules}(X\1\0\0\0a", 19);
        ath__str_append_bytes(&doubling, (char[]){'h', (char)i}, 2);
        ath__str_append_bytes(&doubling, "X\1\0\0\0b", 6);
        ath__str_append_bytes(&doubling, (char[]){'h', (char)i, 'u', 's', 'b', 'q', (char)(i + 1)}, 7);
    }
    ath__str_append(&doubling, ".");
    expect_object_refused("nets of nets", &doubling, ATH_DATA, "without end");
}

static void repeated(struct ath__str *object, const char *bytes, size_t size, int times) {
    for (int i = 0; i < times; i++) ath__str_append_bytes(object, bytes, size);
}

static void exhausting_pickles(void **state) {
    (void)state;
    struct ath__str marks = {0}, tuples = {0}, steps = {0}, doubling = {0}, name = {0};
    ath__str_append(&marks, "\x80\2");
    repeated(&marks, "(", 1, 5000);
    expect_object_refused("marks", &marks, ATH_DATA, "deep");
    ath__str_append(&tuples, "\x80\2)");
    repeated(&tuples, "\x85", 1, 100000);
    ath__str_append(&tuples, ".");
    expect_object_refused("tuples in tuples", &tuples, ATH_DATA, "no dict");
    ath__str_append(&steps, "\x80\2");
    repeated(&steps, "N0", 2, 1100000);
    expect_object_refused("endless instructions", &steps, ATH_DATA, "more instructions");
    /* Each list holds the one before twice: 2^60 elements for whoever walks them. */
    ath__str_append(&doubling, "\x80\2]q");
    ath__str_append_bytes(&doubling, "\0", 1);
    for (int i = 0; i < 60; i++) {
        char step[] = {']', 'q', (char)(i + 1), '(', 'h', (char)i, 'h', (char)i, 'e'};
        ath__str_append_bytes(&doubling, step, sizeof step);
    }
    ath__str_append(&doubling, ".");
    expect_object_refused("lists of lists", &doubling, ATH_DATA, "no dict");
    ath__str_append(&name, "\x80\2"
                           "c");
    repeated(&name, "x", 1, 100000);
    ath__str_append(&name, "\ny\n.");
    expect_object_refused("a long name", &name, ATH_DATA, "too long");
    assert_true(ath__mem_stats().peak_bytes < 512u << 20);
}

static void expect_tensor_refused(const char *what, struct torch_tensor tensor, ath_status wanted, const char *part) {
    struct ath__str object = {0};
    ath__str_append(&object, "\x80\2}");
    torch_put_tensor(&object, "w", &tensor);
    ath__str_append(&object, ".");
    ath_error err = {0};
    torch_write_legacy_with(path, &object, 4, &err);
    expect_refusal(what, wanted, part);
    ath__str_free(&object);
}

/* A file with one storage of four floats, and tensors that claim more than is there. */
static void hostile_tensors(void **state) {
    (void)state;
    struct torch_tensor good = {.count = 4, .rank = 2, .sizes = {2, 2}, .strides = {2, 1}}, bad;
    struct ath__str     object = {0};
    ath_tensor_file     file;
    ath_error           err = {0};
    ath__str_append(&object, "\x80\2}");
    torch_put_tensor(&object, "w", &good);
    ath__str_append(&object, ".");
    torch_write_legacy_with(path, &object, 4, &err);
    ath__str_free(&object);
    if (load(path, &file, &err) != ATH_OK) fail_msg("%s", err.message);
    assert_true(((float *)file.tensors[0].tensor.data)[3] == 3.0f);
    ath_tensor_file_free(&file);

#define WITH(...) (bad = good, bad.__VA_ARGS__, bad)
    expect_tensor_refused("sizes beyond", WITH(sizes[0] = 3), ATH_DATA, "beyond its storage");
    expect_tensor_refused("strides beyond", WITH(strides[0] = 4), ATH_DATA, "beyond its storage");
    expect_tensor_refused("offset beyond", WITH(offset = 1), ATH_DATA, "beyond its storage");
    expect_tensor_refused("a negative offset", WITH(offset = -1), ATH_DATA, "no shape");
    expect_tensor_refused("a negative stride", WITH(strides[1] = -1), ATH_DATA, "no shape");
    expect_tensor_refused("a negative size", WITH(sizes[1] = -2), ATH_DATA, "no shape");
    expect_tensor_refused("a count of 2^62", WITH(count = INT64_C(1) << 62), ATH_DATA, "cut off");
    expect_tensor_refused("a storage of another size", WITH(count = 5), ATH_DATA, "cut off");
    expect_tensor_refused("seven dimensions", WITH(rank = 7), ATH_DATA, "no shape");
    bad = good;
    bad.sizes[0] = INT64_C(1) << 40;
    bad.strides[0] = bad.strides[1] = 0;
    expect_tensor_refused("one value a trillion times", bad, ATH_DATA, "repeats");
    bad.sizes[0] = bad.sizes[1] = INT64_C(1) << 32;
    expect_tensor_refused("a size beyond 64 bits", bad, ATH_DATA, "beyond its storage");
    bad.sizes[0] = 0;
    bad.sizes[1] = INT64_MAX;
    expect_tensor_refused("an empty tensor of impossible size", bad, ATH_DATA, "beyond its storage");
    bad = good;
    bad.strides[0] = bad.sizes[0] = INT64_MAX;
    expect_tensor_refused("strides beyond 64 bits", bad, ATH_DATA, "beyond its storage");
    expect_tensor_refused("complex numbers", WITH(type = "ComplexFloatStorage"), ATH_UNSUPPORTED, "ComplexFloat");
    expect_tensor_refused("another storage", WITH(key = "1"), ATH_DATA, "refers to storage");
    expect_tensor_refused("a quantised tensor", WITH(rebuild = "_rebuild_qtensor"), ATH_UNSUPPORTED, "qtensor");
#undef WITH
}

/* One storage seen by ever so many gathered tensors: the copies stay in proportion to the file. */
static void copies_without_end(void **state) {
    (void)state;
    struct torch_tensor turned = {.count = 4096, .rank = 2, .sizes = {64, 64}, .strides = {1, 64}};
    struct ath__str     object = {0};
    ath_error           err = {0};
    ath__str_append(&object, "\x80\2}");
    for (int i = 0; i < 100; i++) {
        char name[16];
        snprintf(name, sizeof name, "w%d", i);
        torch_put_tensor(&object, name, &turned);
    }
    ath__str_append(&object, ".");
    torch_write_legacy_with(path, &object, 4096, &err);
    ath__str_free(&object);
    expect_refusal("copies", ATH_DATA, "memory");
}

static void other_files(void **state) {
    (void)state;
    static const struct {
        const char *bytes;
        size_t      size;
        const char *part;
    } cases[] = {{"", 0, "known formats"},
                 {"cos\nsystem\n(S'true'\ntR.", 23, "known formats"},
                 {"\x80\2}.", 4, "not one of torch.save"},
                 {"PK\3\4 and no archive data.pkl", 28, "damaged"},
                 {"<html>404 Not Found</html>", 26, "pytorch"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(ath__file_write(path, cases[i].bytes, cases[i].size, NULL), ATH_OK);
        expect_refusal(cases[i].bytes, ATH_DATA, cases[i].part);
    }
    ath_tensor_format format;
    int               count = 0;
    while (ath_tensor_format_at(count, &format)) {
        assert_true(format.name[0] && format.summary[0]);
        count++;
    }
    assert_true(count >= 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(written_by_torch), cmocka_unit_test(whole_nets),         cmocka_unit_test(net_with_source),
        cmocka_unit_test(endless_nets),     cmocka_unit_test(damaged_files),      cmocka_unit_test(truncated_files),
        cmocka_unit_test(memory_runs_out),  cmocka_unit_test(hostile_pickles),    cmocka_unit_test(exhausting_pickles),
        cmocka_unit_test(hostile_tensors),  cmocka_unit_test(copies_without_end), cmocka_unit_test(other_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
