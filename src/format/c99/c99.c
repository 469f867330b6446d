/* A network as self-contained C99: a source file with its weights inside, and a header with one function.
 *
 *     void NAME_predict(const unsigned char *image, float *result);
 *
 * takes the picture as height x width x channels bytes, as a decoder yields them, normalises it, and yields logits or
 * probabilities. It needs nothing but the C library's mathematics. Weights are written as the bits of their floats, which
 * compilers read fastest and no rounding can touch.
 */
#include "base/error.h"
#include "base/file.h"
#include "format/c99/c99_program.h"
#include "format/tensor_format.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { PER_LINE = 10, FLUSH = 1 << 20 };

/* The name in capitals. */
struct macro {
    char text[64];
};
static struct macro macro_of(const struct ath__export *net) {
    struct macro macro = {{0}};
    for (size_t i = 0; net->name[i] && i + 1 < sizeof macro.text; i++)
        macro.text[i] = (char)toupper((unsigned char)net->name[i]);
    return macro;
}

/* A string literal; whatever is not plain ASCII as octal digits, so that no compiler's idea of encodings matters. */
static void put_literal(struct ath__str *dst, const char *text) {
    ath__str_append(dst, "\"");
    for (const unsigned char *at = (const unsigned char *)text; *at; at++) {
        if (*at < 0x20 || *at > 0x7e || *at == '"' || *at == '\\' || *at == '?')
            ath__str_printf(dst, "\\%03o", *at);
        else
            ath__str_append_bytes(dst, (const char *)at, 1);
    }
    ath__str_append(dst, "\"");
}

/* How a photo becomes the picture that the function takes. */
static void put_preparation(struct ath__str *dst, const struct ath__export *net) {
    const struct ath__export_images *images = &net->images;
    if (images->resize_shorter > 0)
        ath__str_printf(dst, " *   resize the photo so that its shorter side has %d pixels (%s, antialiased)\n",
                        images->resize_shorter, images->interpolation);
    else if (images->resize_height > 0)
        ath__str_printf(dst, " *   resize the photo to %d x %d (%s, antialiased)\n", images->resize_height,
                        images->resize_width, images->interpolation);
    if (images->crop_height > 0)
        ath__str_printf(dst, " *   cut out its middle, %d x %d\n", images->crop_height, images->crop_width);
    if (images->rounding && images->crop_height > 0)
        ath__str_append(
            dst, strcmp(images->rounding, "nearest") == 0
                     ? " *   (a longer side is rounded to the nearest pixel, the margin down)\n"
                     : " *   (a longer side is rounded down, the margin to the nearest pixel, as torchvision)\n");
}

static void put_header(struct ath__str *dst, const struct ath__c99 *c) {
    const struct ath__export *net = c->net;
    struct macro              macro = macro_of(net);
    const char               *m = macro.text, *result = net->softmax ? "probabilities" : "logits";
    ath__str_printf(dst,
                    "/* %s: an image classifier that Athanor wrote.\n"
                    " *\n"
                    " * %s_predict takes one picture of %d x %d pixels as bytes, row by row, %d to the pixel%s,\n"
                    " * and yields the %s of %d classes. What has to be done before:\n",
                    net->model, net->name, net->height, net->width, net->channels,
                    net->channels == 3 ? " (red, green, blue)" : "", result, net->classes);
    size_t before = dst->size;
    put_preparation(dst, net);
    if (dst->size == before) ath__str_append(dst, " *   nothing; the picture has that size already\n");
    ath__str_printf(
        dst,
        " * It computes in %zu bytes of static memory (%s_SCRATCH_BYTES) beside %zu bytes of weights, so that\n"
        " * only one call may run at a time. Compile with -O3; link with -lm.\n"
        " */\n"
        "#ifndef %s_H\n#define %s_H\n\n"
        "#define %s_CHANNELS %d\n#define %s_HEIGHT %d\n#define %s_WIDTH %d\n#define %s_CLASSES %d\n"
        "#define %s_SCRATCH_BYTES %zu\n\n"
        "#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n"
        "/* image: HEIGHT * WIDTH * CHANNELS bytes; %s: CLASSES numbers. */\n"
        "void %s_predict(const unsigned char *image, float *%s);\n",
        c->scratch * sizeof(float), m, c->weight_count * sizeof(float), m, m, m, net->channels, m, net->height, m,
        net->width, m, net->classes, m, c->scratch * sizeof(float), result, net->name, result);
    if (net->class_names)
        ath__str_printf(dst, "\n/* The classes, UTF-8. */\nextern const char *const %s_class_names[%s_CLASSES];\n",
                        net->name, m);
    ath__str_append(dst, "\n#ifdef __cplusplus\n}\n#endif\n#endif\n");
}

/* ---- the source ------------------------------------------------------------------------------------------------- */

struct sink {
    struct ath__file_writer file;
    struct ath__str         text;
};

static ath_status flush(struct sink *sink, bool always, ath_error *err) {
    if (sink->text.failed) return ath__fail_memory(err, sink->file.path);
    if (!always && sink->text.size < FLUSH) return ATH_OK;
    size_t size = sink->text.size;
    sink->text.size = 0;
    return ath__file_writer_append(&sink->file, sink->text.data, size, err);
}

static ath_status put_weights(struct sink *sink, const struct ath__c99 *c, ath_error *err) {
    ath__str_printf(&sink->text,
                    "/* All weights, by the bits of their values. */\n"
                    "static const union {\n    uint32_t bits[%zu];\n    float    value[%zu];\n} weights = {{\n",
                    c->weight_count + 1, c->weight_count + 1);
    for (size_t i = 0; i < c->weight_count; i++) {
        uint32_t bits;
        memcpy(&bits, &c->weights[i], sizeof bits);
        ath__str_printf(&sink->text, i % PER_LINE == PER_LINE - 1 ? "0x%" PRIx32 ",\n" : "0x%" PRIx32 ",", bits);
        ATH_TRY(flush(sink, false, err));
    }
    ath__str_append(&sink->text, "0}};\n\n");
    return ATH_OK;
}

static void put_names(struct ath__str *dst, const struct ath__export *net, const char *macro) {
    if (!net->class_names) return;
    ath__str_printf(dst, "const char *const %s_class_names[%s_CLASSES] = {\n", net->name, macro);
    for (int i = 0; i < net->classes; i++) {
        ath__str_append(dst, "    ");
        put_literal(dst, net->class_names[i]);
        ath__str_append(dst, ",\n");
    }
    ath__str_append(dst, "};\n\n");
}

static void put_reals(struct ath__str *dst, const char *name, const double *values, int count) {
    ath__str_printf(dst, "    static const double %s[] = {", name);
    for (int i = 0; i < count; i++) ath__str_printf(dst, "%s%.17g", i ? ", " : "", values[i]);
    ath__str_append(dst, "};\n");
}

static void put_function(struct ath__str *dst, const struct ath__c99 *c) {
    const struct ath__export *net = c->net;
    const char               *result = net->softmax ? "probabilities" : "logits";
    ath__str_printf(dst, "void %s_predict(const unsigned char *image, float *%s) {\n", net->name, result);
    put_reals(dst, "mean", net->images.mean, net->channels);
    put_reals(dst, "deviation", net->images.deviation, net->channels);
    ath__str_printf(dst,
                    "    int i;\n"
                    "    for (i = 0; i < %d; i++)\n"
                    "        scratch[%zu + i] = (float)((image[i] / 255.0 - mean[i %% %d]) / deviation[i %% %d]);\n",
                    net->height * net->width * net->channels, c->place[net->input], net->channels, net->channels);
    ath__str_append(dst, ath__str_text(&c->calls));
    ath__str_printf(dst, "    for (i = 0; i < %d; i++) %s[i] = scratch[%zu + i];\n}\n", net->classes, result,
                    c->place[net->output]);
}

static ath_status put_source(struct sink *sink, const struct ath__c99 *c, const char *header, ath_error *err) {
    const char  *slash = strrchr(header, '/');
    struct macro macro = macro_of(c->net);
    ath__str_printf(
        &sink->text,
        "/* %s: an image classifier that Athanor wrote; what it takes and yields is said in the header. */\n"
        "#include \"%s\"\n\n#include <math.h>\n#include <stdint.h>\n\n",
        c->net->model, slash ? slash + 1 : header);
    ATH_TRY(put_weights(sink, c, err));
    ath__str_printf(&sink->text, "static float scratch[%zu];\n\n", c->scratch);
    if (c->parts[ATH_C99_CONV])
        ath__str_printf(&sink->text,
                        "/* What lies outside of an image. */\nstatic const float zeros[%" PRId64 "] = {0.0f};\n\n",
                        c->zeros);
    for (int i = 0; i < ATH_C99_PARTS; i++)
        if (c->parts[i]) ath__str_printf(&sink->text, "%s\n", ath__c99_parts[i]);
    put_names(&sink->text, c->net, macro.text);
    put_function(&sink->text, c);
    return flush(sink, true, err);
}

static ath_status write_source(const struct ath__c99 *c, const char *path, const char *header, ath_error *err) {
    struct sink sink = {.text = {0}};
    ATH_TRY(ath__file_writer_open(&sink.file, path, err));
    ath_status status = put_source(&sink, c, header, err);
    if (status == ATH_OK)
        status = ath__file_writer_commit(&sink.file, err);
    else
        ath__file_writer_abandon(&sink.file);
    ath__str_free(&sink.text);
    return status;
}

static ath_status write_header(const struct ath__c99 *c, const char *path, ath_error *err) {
    struct ath__str text = {0};
    put_header(&text, c);
    ath_status status = text.failed ? ath__fail_memory(err, path) : ath__file_write(path, text.data, text.size, err);
    ath__str_free(&text);
    return status;
}

static ath_status write_c99(const struct ath__export *net, const void *options, const char *path,
                            struct ath__str *notes, ath_error *err) {
    struct ath__c99 c;
    char            header[ATH_PATH_MAX];
    (void)options;
    if (!ath__path_ends(path, "c") || strlen(path) >= sizeof header)
        return ath__fail(err, ATH_USAGE, path,
                         "the source file must be called NAME.c; the header NAME.h goes beside it");
    snprintf(header, sizeof header, "%s", path);
    header[strlen(header) - 1] = 'h';
    ath_status status = ath__c99_make(net, &c, err);
    if (status == ATH_OK) status = write_header(&c, header, err);
    if (status == ATH_OK) status = write_source(&c, path, header, err);
    if (status == ATH_OK) {
        ath__str_printf(
            notes, "the header is %s; it says how a photo is to be resized, which the program does not do\n", header);
        ath__str_printf(notes, "it needs %zu bytes of weights and %zu bytes to compute in\n",
                        c.weight_count * sizeof(float), c.scratch * sizeof(float));
    }
    ath__c99_free(&c);
    return status;
}

const struct ath__graph_format ath__graph_format_c99 = {
    .name = "c99",
    .summary = "self-contained C source and header with the weights inside; normalises and classifies",
    .endings = "c",
    .softmax = true,
    .write = write_c99,
};
