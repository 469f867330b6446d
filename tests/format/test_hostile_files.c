/* Files made to exhaust memory, and files cut off anywhere: each reader answers with one message, within a bound.
 *
 * Every case runs in a process of its own whose data segment may grow by the bound and no further (the limit also holds
 * what libzip, zlib and jansson allocate), so a reader that asks for more fails for want of memory, which is not the
 * answer asked for. Sanitizers need room of their own: there the counter of base/mem.c is compared alone.
 */
#include "base/mem.h"
#include "base/str.h"
#include "format/onnx/array_file.h"
#include "format/onnx/onnx_file.h"
#include "format/onnx/onnx_run.h"
#include "format/tensor_format.h"
#include "support/torch_bytes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>

#include <cmocka.h>

#if defined(__SANITIZE_ADDRESS__)
enum { SANITIZED = 1 };
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
enum { SANITIZED = 1 };
#else
enum { SANITIZED = 0 };
#endif
#else
enum { SANITIZED = 0 };
#endif

enum { MIB = 1 << 20 };

/* ---- readers ---------------------------------------------------------------------------------------------------- */

typedef ath_status reader(const char *path, ath_error *err);

static ath_status as_tensors(const char *path, ath_error *err) {
    ath_tensor_file file;
    ath_status      status = ath_tensor_file_load(path, &file, err);
    if (status == ATH_OK) ath_tensor_file_free(&file);
    return status;
}

static ath_status as_arrays(const char *path, ath_error *err) {
    struct ath__arena  arena = {0};
    struct ath__array *arrays;
    int                count;
    ath_status         status = ath__array_file_read(path, &arena, &arrays, &count, err);
    ath__arena_free(&arena);
    return status;
}

/* A graph with one input, x, of one element, as `athanor infer` runs it. */
static ath_status as_graph(const char *path, ath_error *err) {
    float                    one = 1.0f;
    struct ath__onnx_tensor  x = {.type = ATH_ONNX_FLOAT, .rank = 1, .dims = {1}, .count = 1, .data = &one};
    struct ath__onnx_feed    feed = {"x", &x};
    struct ath__onnx_result *results;
    struct ath__onnx_file    file = {.path = NULL};
    struct ath__arena        arena = {0};
    struct ath__mapping      mapping;
    int                      count;
    ath_status               status = ath__file_map(path, &mapping, err);
    if (status != ATH_OK) return status;
    status = ath__onnx_file_read(path, mapping.data, mapping.size, &file, err);
    if (status == ATH_OK) status = ath__onnx_run(&file, &feed, 1, &arena, &results, &count, err);
    ath__onnx_file_close(&file);
    ath__arena_free(&arena);
    ath__file_unmap(&mapping);
    return status;
}

/* ---- the bound -------------------------------------------------------------------------------------------------- */

static size_t data_bytes(void) {
    char          line[128];
    unsigned long kib = 0;
    FILE         *file = fopen("/proc/self/status", "r");
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "VmData: %lu kB", &kib) == 1) break;
    if (file) fclose(file);
    return (size_t)kib << 10;
}

/* What the child found, as its exit status. */
enum finding { AS_WANTED, ACCEPTED, OTHER_STATUS, OTHER_MESSAGE, TOO_MUCH_MEMORY, MEMORY_LOST };

static enum finding look(reader *read, const char *path, size_t bound, ath_status wanted, const char *part) {
    ath_error     err = {.code = ATH_OK};
    uint64_t      live = ath__mem_stats().live_bytes, peak = ath__mem_stats().peak_bytes;
    struct rlimit limit = {data_bytes() + bound, data_bytes() + bound};
    if (!SANITIZED && data_bytes() > 0) setrlimit(RLIMIT_DATA, &limit);
    ath_status status = read(path, &err);
    fprintf(stderr, "  %s\n", status == ATH_OK ? "accepted" : err.message);
    if (status == ATH_OK && wanted != ATH_OK) return ACCEPTED;
    if (status != wanted) return OTHER_STATUS;
    if (wanted != ATH_OK && !strstr(err.message, part)) return OTHER_MESSAGE;
    struct ath__mem_stats now = ath__mem_stats();
    if (now.peak_bytes > peak && now.peak_bytes - live > bound) return TOO_MUCH_MEMORY;
    return now.live_bytes == live ? AS_WANTED : MEMORY_LOST;
}

/* The file, read within `bound` bytes of memory, gives `wanted` and a message that says `part`. */
static void within(reader *read, const char *path, size_t bound, ath_status wanted, const char *part) {
    static const char *const words[] = {"",
                                        "the file was accepted",
                                        "another status",
                                        "another message",
                                        "more memory than the bound",
                                        "memory was lost"};
    int                      code = 0;
    pid_t                    child = fork();
    assert_true(child >= 0);
    if (child == 0) _exit((int)look(read, path, bound, wanted, part));
    assert_int_equal(waitpid(child, &code, 0), child);
    if (!WIFEXITED(code)) fail_msg("%s: the reader died of signal %d", path, WTERMSIG(code));
    int finding = WEXITSTATUS(code);
    if (finding != AS_WANTED) fail_msg("%s: %s", path, finding <= MEMORY_LOST ? words[finding] : "the reader ended");
    remove(path);
}

/* ---- files ------------------------------------------------------------------------------------------------------ */

static FILE *begin(const char *path) {
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    return file;
}

static void repeat(FILE *file, const char *text, size_t size, size_t times) {
    for (size_t i = 0; i < times; i++) fwrite(text, size, 1, file);
}

static void little(FILE *file, uint64_t value, int bytes) {
    for (int i = 0; i < bytes; i++, value >>= 8) fputc((int)(value & 255), file);
}

/* ---- safetensors ------------------------------------------------------------------------------------------------ */

static void safetensors_header(void **state) {
    (void)state;
    /* A header of 100 MB, as long as the format's own limit lets it be, then one that is only announced. */
    FILE *file = begin("header.safetensors");
    little(file, 100000000, 8);
    fputs("{\"w\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]}}", file);
    for (long left = 100000000 - 52; left > 0; left -= 1000) fprintf(file, "%*s", left < 1000 ? (int)left : 1000, "");
    fclose(file);
    within(as_tensors, "header.safetensors", 2 * MIB, ATH_DATA, "no more than 16777216 are read");
    file = begin("cut.safetensors");
    little(file, 100000000, 8);
    fputs("{\"w\":", file);
    fclose(file);
    within(as_tensors, "cut.safetensors", MIB, ATH_DATA, "cut off");
}

/* Three bytes of an empty object take some hundred in a tree; a quotation mark in a key hides none of them. */
static void safetensors_tree(void **state) {
    static const char *const values[] = {"{}", "[]", "0", "\"\""}, *const heads[] = {"{\"w\":[", "{\"\\\"\":["};
    (void)state;
    for (int i = 0; i < 8; i++) {
        const char *value = values[i / 2], *head = heads[i % 2];
        size_t      length = strlen(value), times = ((size_t)16 * MIB - 16) / (length + 1);
        FILE       *file = begin("tree.safetensors");
        little(file, strlen(head) + times * (length + 1) + length + 2, 8);
        fputs(head, file);
        for (size_t k = 0; k < times; k++) fprintf(file, "%s,", value);
        fprintf(file, "%s]}", value);
        fclose(file);
        within(as_tensors, "tree.safetensors", 2 * MIB, ATH_DATA, "of memory");
    }
}

/* The estimate holds for what is let through: 60,000 tensors, far more than any network has. */
static void safetensors_many(void **state) {
    struct ath__str header = {0};
    (void)state;
    for (int i = 0; i < 60000; i++)
        ath__str_printf(&header,
                        "%s\"layer%d.weight\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1],\"data_offsets\":[%d,%d]}",
                        i ? "," : "{", i, 4 * i, 4 * i + 4);
    ath__str_append(&header, "}");
    FILE *file = begin("many.safetensors");
    little(file, header.size, 8);
    fwrite(header.data, header.size, 1, file);
    repeat(file, "\0\0\0\0", 4, 60000);
    fclose(file);
    ath__str_free(&header);
    within(as_tensors, "many.safetensors", 288 * (size_t)MIB, ATH_OK, "");
}

/* ---- zip -------------------------------------------------------------------------------------------------------- */

/* `members` entries of the directory, named by `format` with their numbers, that all mean the same few bytes, which are said
 * to become `size` each: an array of zeros, deflated. */
static void write_bomb(const char *path, const char *format, int members, size_t size) {
    unsigned char *zeros = calloc(size, 1), *packed = malloc(size / 500 + 1000);
    z_stream       stream = {.next_in = zeros, .avail_in = (uInt)size, .next_out = packed};
    stream.avail_out = (uInt)(size / 500 + 1000);
    assert_true(zeros && packed);
    memcpy(zeros, "\x93NUMPY\1\0\x76\0", 10);
    memset(zeros + 10, ' ', 118);
    char dict[100];
    int  written =
        snprintf(dict, sizeof dict, "{'descr': '|u1', 'fortran_order': False, 'shape': (%zu,), }", size - 128);
    memcpy(zeros + 10, dict, (size_t)written);
    assert_true(deflateInit2(&stream, 9, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY) == Z_OK);
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    uint64_t length = stream.total_out, sum = crc32(crc32(0L, Z_NULL, 0), zeros, (uInt)size);
    deflateEnd(&stream);
    FILE *file = begin(path);
    char  name[32];
    for (int i = -1; i < members; i++) {
        int named = snprintf(name, sizeof name, format, i < 0 ? 0 : i);
        fwrite(i < 0 ? "PK\3\4" : "PK\1\2", 4, 1, file);
        if (i >= 0) little(file, 20, 2);
        little(file, 20, 2);
        little(file, 0, 2);
        little(file, Z_DEFLATED, 2);
        little(file, 0x210000, 4);
        little(file, sum, 4);
        little(file, length, 4);
        little(file, size, 4);
        little(file, (uint64_t)named, 2);
        little(file, 0, 2);
        if (i >= 0) {
            little(file, 0, 10); /* comment, disk, attributes */
            little(file, 0, 4);
        }
        fwrite(name, (size_t)named, 1, file);
        if (i < 0) fwrite(packed, length, 1, file);
    }
    long     end = ftell(file);
    uint64_t start = 30 + (uint64_t)snprintf(name, sizeof name, format, 0) + length;
    fwrite("PK\5\6\0\0\0\0", 8, 1, file);
    little(file, (uint64_t)members, 2);
    little(file, (uint64_t)members, 2);
    little(file, (uint64_t)end - start, 4);
    little(file, start, 4);
    little(file, 0, 2);
    fclose(file);
    free(zeros);
    free(packed);
}

static void zip_bombs(void **state) {
    (void)state;
    write_bomb("bomb.npz", "w%d.npy", 1, (size_t)100 * MIB);
    within(as_tensors, "bomb.npz", 4 * MIB, ATH_DATA, "times its size");
    write_bomb("bomb.npz", "w%d.npy", 1, (size_t)100 * MIB);
    within(as_arrays, "bomb.npz", 4 * MIB, ATH_DATA, "times its size");
    write_bomb("bomb.pth", "net%d/data.pkl", 1, (size_t)100 * MIB);
    within(as_tensors, "bomb.pth", 4 * MIB, ATH_DATA, "compressed");
    /* A thousand members of 8 MiB that lie on each other: each would do alone. */
    write_bomb("layers.npz", "w%d.npy", 1000, (size_t)8 * MIB);
    within(as_tensors, "layers.npz", 96 * (size_t)MIB, ATH_DATA, "times its size");
    write_bomb("layers.npz", "w%d.npy", 1000, (size_t)8 * MIB);
    within(as_arrays, "layers.npz", 192 * (size_t)MIB, ATH_DATA, "times its size");
}

/* ---- NumPy, PyTorch, MindSpore ---------------------------------------------------------------------------------- */

static void announced_sizes(void **state) {
    static const char dict[] = "{'descr': '<f4', 'fortran_order': False, 'shape': (1000000, 1000000), }";
    (void)state;
    for (int arrays = 0; arrays < 2; arrays++) {
        FILE *huge = begin("huge.npy");
        fwrite("\x93NUMPY\1\0", 8, 1, huge);
        little(huge, sizeof dict - 1, 2);
        fputs(dict, huge);
        fclose(huge);
        within(arrays ? as_arrays : as_tensors, "huge.npy", MIB, ATH_DATA, "cut off");
    }
    FILE *file = begin("huge.pb"); /* dims 2^40, float, no data */
    fwrite("\x08\x80\x80\x80\x80\x80\x20\x10\x01", 9, 1, file);
    fclose(file);
    within(as_arrays, "huge.pb", 2 * MIB, ATH_DATA, "not that of its shape");
}

/* A pickle of nothing but new lists: each byte makes a value, up to a number of steps. */
static void pickle_of_lists(void **state) {
    struct ath__str object = {0};
    ath_error       err = {.code = ATH_OK};
    (void)state;
    ath__str_append_bytes(&object, "\x80\x02", 2);
    for (int i = 0; i < 16 * MIB; i++) ath__str_append_bytes(&object, "]", 1);
    ath__str_append(&object, ".");
    assert_int_equal(torch_write_legacy("lists.pt", &object, &err), ATH_OK);
    ath__str_free(&object);
    within(as_tensors, "lists.pt", 288 * (size_t)MIB, ATH_DATA, "pickle");
}

/* Values of eighteen bytes, each of which would have a place in the list of tensors. */
static void small_values(void **state) {
    (void)state;
    FILE *file = begin("values.ckpt");
    repeat(file, "\012\022\012\001\167\022\015\010\000\022\007\106\154\157\141\164\063\062\032\000", 20, 1 << 20);
    fclose(file);
    within(as_tensors, "values.ckpt", 32 * (size_t)MIB, ATH_DATA, "values");
}

/* ---- ONNX ------------------------------------------------------------------------------------------------------- */

static void varint(struct ath__str *to, uint64_t value) {
    for (; value > 127; value >>= 7) ath__str_append_bytes(to, &(char){(char)(value | 128)}, 1);
    ath__str_append_bytes(to, &(char){(char)value}, 1);
}

/* Two bytes of an empty node become a struct of some hundred. */
static void empty_nodes(void **state) {
    struct ath__str head = {0};
    size_t          size = 64 * (size_t)MIB;
    (void)state;
    FILE *file = begin("nodes.onnx");
    ath__str_append_bytes(&head, "\x08\x08\x3a", 3);
    varint(&head, size);
    fwrite(head.data, head.size, 1, file);
    repeat(file, "\x0a\x00", 2, size / 2);
    fclose(file);
    ath__str_free(&head);
    within(as_tensors, "nodes.onnx", 224 * (size_t)MIB, ATH_DATA, "protobuf");
}

/* y = Expand(x, (10^6, 10^6)): four terabytes. */
static void giant_value(void **state) {
    static const char model[] =
        "\010\010\072\117\012\021\012\001\170\012\001\163\022\001\171\042\006\105\170\160\141\156\144\022"
        "\001\147\052\017\010\002\020\007\072\006\300\204\075\300\204\075\102\001\163\132\017\012\001\170"
        "\022\012\012\010\010\001\022\004\012\002\010\001\142\025\012\001\171\022\020\012\016\010\001\022"
        "\012\012\003\022\001\141\012\003\022\001\142\102\004\012\000\020\015";
    (void)state;
    FILE *file = begin("giant.onnx");
    fwrite(model, sizeof model - 1, 1, file);
    fclose(file);
    within(as_graph, "giant.onnx", 16 * MIB, ATH_UNSUPPORTED, "GiB");
}

/* ---- cut off anywhere ------------------------------------------------------------------------------------------- */

static void cut_everywhere(const char *path, reader *read, bool pieces) {
    char     *bytes;
    size_t    size, accepted = 0;
    ath_error err = {.code = ATH_OK};
    assert_int_equal(ath__file_read(path, 1 << 24, &bytes, &size, &err), ATH_OK);
    size_t step = size / 400 + 1;
    for (size_t cut = 0; cut < size; cut += step) {
        uint64_t live = ath__mem_stats().live_bytes;
        assert_int_equal(ath__file_write("cut.bin", bytes, cut, &err), ATH_OK);
        memset(&err, 0, sizeof err);
        ath_status status = read("cut.bin", &err);
        if (status == ATH_OK && !pieces) fail_msg("%s is accepted when it is cut off at %zu of %zu", path, cut, size);
        if (status != ATH_OK && (err.code != status || !err.message[0]))
            fail_msg("%s cut at %zu: no message", path, cut);
        assert_int_equal(ath__mem_stats().live_bytes, live);
        accepted += status == ATH_OK;
    }
    /* A checkpoint is a row of values with nothing behind them: cut off between two, it is a shorter checkpoint. */
    assert_true(accepted <= 4);
    ath__free(bytes);
}

static void cut_off(void **state) {
    static float              numbers[256];
    static ath_named_tensor   tensors[] = {{"conv.weight", {ATH_F32, {4, {8, 2, 3, 3}}, numbers}},
                                           {"conv.bias", {ATH_F32, {1, {8}}, numbers}}};
    static const ath_metadata metadata[] = {{"model", "lenet5"}};
    (void)state;
    for (int i = 0; ath__tensor_format_row(i); i++) {
        const struct ath__tensor_format *format = ath__tensor_format_row(i);
        struct ath__tensors              what = {tensors, 2, metadata, 1, false};
        struct ath__str                  notes = {0};
        ath_error                        err = {.code = ATH_OK};
        if (!format->write) continue;
        assert_int_equal(format->write("whole.bin", &what, &notes, &err), ATH_OK);
        ath__str_free(&notes);
        cut_everywhere("whole.bin", as_tensors, strcmp(format->name, "mindspore") == 0);
        if (strcmp(format->name, "npz") == 0) cut_everywhere("whole.bin", as_arrays, false);
    }
    cut_everywhere(ATHANOR_TEST_SOURCE "/golden/torch-legacy.pt", as_tensors, false);
    cut_everywhere(ATHANOR_TEST_SOURCE "/golden/onnx/classifier.onnx", as_tensors, false);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(safetensors_header), cmocka_unit_test(safetensors_tree),
        cmocka_unit_test(safetensors_many),   cmocka_unit_test(zip_bombs),
        cmocka_unit_test(announced_sizes),    cmocka_unit_test(pickle_of_lists),
        cmocka_unit_test(small_values),       cmocka_unit_test(empty_nodes),
        cmocka_unit_test(giant_value),        cmocka_unit_test(cut_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
