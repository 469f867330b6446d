/* Reading the case files. Test code: plain malloc, and sizes are trusted as far as shape inference checks them. */
#include "support/impl_case.h"

#include "base/rng.h"
#include "tensor/dtype.h"

#include <glob.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static bool fail(char *why, const char *what, const char *text) {
    snprintf(why, 256, "%.100s: \"%.140s\"", what, text);
    return false;
}

static bool parse_shape(const char **text, ath_shape *shape) {
    *shape = (ath_shape){0};
    while (shape->rank < ATH_MAX_RANK) {
        char *end;
        long  dim = strtol(*text, &end, 10);
        if (end == *text || dim < 1) return false;
        shape->dims[shape->rank++] = dim;
        *text = end;
        if (**text != 'x') return true;
        (*text)++;
    }
    return false;
}

/* ":i32<10", "~pos" ... behind a shape. */
static bool parse_kind(const char *text, struct ath__desc *desc, struct case_operand *operand, char *why) {
    if (*text == ':') {
        char   name[8] = {0};
        size_t length = strcspn(++text, "<~");
        if (length >= sizeof name) return fail(why, "unknown type", text);
        memcpy(name, text, length);
        int dtype = ath__dtype_of_name(name);
        if (dtype < 0) return fail(why, "unknown type", text);
        desc->dtype = (ath_dtype)dtype;
        text += length;
    }
    if (*text == '<') {
        operand->fill = FILL_WHOLE;
        operand->below = (uint32_t)strtoul(text + 1, NULL, 10);
        return operand->below > 0 || fail(why, "a bound above 0 is needed", text);
    }
    if (strcmp(text, "~pos") == 0)
        operand->fill = FILL_POSITIVE;
    else if (strcmp(text, "~prob") == 0)
        operand->fill = FILL_PROBABILITY;
    else if (*text != '\0')
        return fail(why, "unknown kind of values", text);
    return true;
}

/* "@pool2d.1(2x8x14x14)" */
static bool parse_from(const char *text, struct impl_case *c, struct case_operand *operand, struct ath__desc *desc,
                       char *why) {
    char   name[32] = {0};
    size_t length = strcspn(text, ".");
    if (length >= sizeof name || text[length] != '.') return fail(why, "@OP.J(SHAPE) is needed", text);
    memcpy(name, text, length);
    operand->fill = FILL_FROM;
    operand->from = ath__op_find(name);
    operand->from_out = text[length + 1] - '0';
    const char *shape = strchr(text, '(');
    if (operand->from == NULL || operand->from_out < 0 || operand->from_out >= ATH_MAX_OUTS || shape == NULL)
        return fail(why, "@OP.J(SHAPE) is needed", text);
    shape++;
    if (!parse_shape(&shape, &operand->from_shape)) return fail(why, "bad shape", text);
    struct ath__desc  in = ath__desc_plain(ATH_F32, &operand->from_shape);
    struct ath__infer infer = {.attrs = c->attrs, .ins = 1, .in = &in};
    if (operand->from->infer(&infer) != ATH_OK) return fail(why, infer.why, text);
    if (operand->from_out >= infer.outs) return fail(why, "no such output", text);
    *desc = infer.out[operand->from_out];
    return true;
}

static bool parse_operand(const char *name, const char *value, struct impl_case *c, char *why) {
    if (c->ins == CASE_MAX_OPERANDS) return fail(why, "too many operands", name);
    struct case_operand *operand = &c->operand[c->ins];
    struct ath__desc    *desc = &c->in[c->ins++];
    memset(operand, 0, sizeof *operand);
    snprintf(operand->name, sizeof operand->name, "%s", name);
    memset(desc, 0, sizeof *desc);
    if (strcmp(value, "-") == 0) return true;
    if (*value == '@') return parse_from(value + 1, c, operand, desc, why);
    ath_shape shape;
    if (!parse_shape(&value, &shape)) return fail(why, "bad shape", value);
    *desc = ath__desc_plain(ATH_F32, &shape);
    return parse_kind(value, desc, operand, why);
}

static int choice_of(const char *choices, const char *text) {
    size_t length = strlen(text);
    for (int i = 0;; i++) {
        size_t span = strcspn(choices, "|");
        if (span == length && strncmp(choices, text, span) == 0) return i;
        if (choices[span] == '\0') return -1;
        choices += span + 1;
    }
}

static bool parse_attr(const struct ath__attr *attr, const char *value, void *attrs, char *why) {
    char       *at = (char *)attrs + attr->offset;
    const char *text = value;
    if (attr->type == ATH_ATTR_CHOICE) {
        int choice = choice_of(attr->choices, value);
        if (choice < 0) return fail(why, "unknown choice", value);
        *(int64_t *)(void *)at = choice;
        return true;
    }
    double last = 0;
    for (int i = 0; i < attr->count; i++) {
        if (*text != '\0') {
            char *end;
            last = strtod(text, &end);
            if (end == text) return fail(why, "a number is needed", value);
            text = *end == ',' ? end + 1 : end;
        }
        if (attr->type == ATH_ATTR_REAL)
            ((double *)(void *)at)[i] = last;
        else
            ((int64_t *)(void *)at)[i] = (int64_t)last;
    }
    return *text == '\0' || fail(why, "too many numbers", value);
}

static const struct ath__attr *attr_find(const struct ath__op *op, const char *name) {
    for (const struct ath__attr *attr = op->attrs; attr != NULL && attr->name != NULL; attr++)
        if (strcmp(attr->name, name) == 0) return attr;
    return NULL;
}

/* Attributes first, since operands may be computed with them; then operands in their order. */
static bool parse_words(char words[][128], int count, struct impl_case *c, char *why) {
    for (int pass = 0; pass < 2; pass++)
        for (int i = 1; i < count; i++) {
            char *value = strchr(words[i], '=');
            if (value == NULL) return fail(why, "KEY=VALUE is needed", words[i]);
            *value = '\0';
            const struct ath__attr *attr = attr_find(c->op, words[i]);
            bool                    good = pass == 0 ? attr == NULL || parse_attr(attr, value + 1, c->attrs, why)
                                                     : attr != NULL || parse_operand(words[i], value + 1, c, why);
            *value = '=';
            if (!good) return false;
        }
    return true;
}

bool impl_case_parse(const char *line, struct impl_case *c, char *why) {
    static char words[64][128];
    int         count = 0;
    memset(c, 0, sizeof *c);
    snprintf(c->line, sizeof c->line, "%s", line);
    char *save = NULL, copy[CASE_MAX_LINE];
    memcpy(copy, c->line, sizeof copy);
    for (char *word = strtok_r(copy, " \t\r\n", &save); word != NULL && count < 64;
         word = strtok_r(NULL, " \t\r\n", &save))
        snprintf(words[count++], sizeof words[0], "%s", word);
    if (count == 0) return fail(why, "empty line", line);
    c->op = ath__op_find(words[0]);
    if (c->op == NULL) return fail(why, "unknown operator", words[0]);
    c->attrs = calloc(1, c->op->attrs_size + 1);
    if (c->attrs == NULL || !parse_words(words, count, c, why)) return false;
    struct ath__infer infer = {.attrs = c->attrs, .ins = c->ins, .in = c->in};
    if (c->op->infer(&infer) != ATH_OK) return fail(why, infer.why, line);
    c->outs = infer.outs;
    memcpy(c->out, infer.out, sizeof c->out);
    return true;
}

void impl_case_free(struct impl_case *c) {
    free(c->attrs);
    c->attrs = NULL;
}

static bool load_file(const char *path, struct impl_case **cases, int *count, char *why) {
    FILE *file = fopen(path, "r");
    char  line[CASE_MAX_LINE];
    if (file == NULL) return fail(why, "cannot be read", path);
    const char *base = strrchr(path, '/') != NULL ? strrchr(path, '/') + 1 : path;
    bool        good = true;
    for (int number = 1; good && fgets(line, sizeof line, file) != NULL; number++) {
        line[strcspn(line, "#\n")] = '\0';
        if (line[strspn(line, " \t")] == '\0') continue;
        struct impl_case *grown = realloc(*cases, (size_t)(*count + 1) * sizeof **cases);
        if (grown == NULL) {
            good = fail(why, "out of memory", path);
            break;
        }
        *cases = grown;
        struct impl_case *c = &grown[*count];
        char              reason[256];
        good = impl_case_parse(line, c, reason);
        if (!good) snprintf(why, 256, "%.40s:%d: %.200s", base, number, reason);
        (*count)++;
        snprintf(c->file, sizeof c->file, "%s", base);
        c->number = number;
    }
    fclose(file);
    return good;
}

bool impl_cases_load(const char *path, struct impl_case **cases, int *count, char *why) {
    struct stat info;
    *cases = NULL;
    *count = 0;
    if (stat(path, &info) != 0) return fail(why, "not found", path);
    if (!S_ISDIR(info.st_mode)) return load_file(path, cases, count, why);
    char   pattern[1024];
    glob_t found;
    bool   good = true;
    snprintf(pattern, sizeof pattern, "%s/*.case", path);
    if (glob(pattern, 0, NULL, &found) != 0) return fail(why, "no *.case files", path);
    for (size_t i = 0; i < found.gl_pathc && good; i++) good = load_file(found.gl_pathv[i], cases, count, why);
    globfree(&found);
    return good;
}

void impl_cases_free(struct impl_case *cases, int count) {
    for (int i = 0; i < count; i++) impl_case_free(&cases[i]);
    free(cases);
}

/* FNV-1a over the line: the same draws whatever else the file holds. */
static uint32_t line_hash(const char *line) {
    uint32_t hash = 2166136261U;
    for (; *line != '\0'; line++) hash = (hash ^ (uint8_t)*line) * 16777619U;
    return hash;
}

static void fill_normal(struct ath__rng *rng, double *values, int64_t count) {
    for (int64_t i = 0; i < count; i++) values[i] = ath__rng_normal(rng);
}

/* Runs the other operator's reference and keeps the one output. */
static void fill_from(const struct impl_case *c, const struct case_operand *operand, struct ath__rng *rng,
                      double *values) {
    struct ath__desc  in = ath__desc_plain(ATH_F32, &operand->from_shape);
    struct ath__infer infer = {.attrs = c->attrs, .ins = 1, .in = &in};
    operand->from->infer(&infer);
    struct ath__ref_tensor x = {in.shape, NULL}, out[ATH_MAX_OUTS];
    int64_t                count = ath_shape_count(&in.shape);
    x.data = malloc((size_t)count * sizeof(double));
    fill_normal(rng, x.data, count);
    for (int i = 0; i < infer.outs; i++) {
        out[i] = (struct ath__ref_tensor){infer.out[i].shape, NULL};
        if (infer.out[i].present) out[i].data = malloc((size_t)ath_shape_count(&out[i].shape) * sizeof(double));
    }
    struct ath__ref ref = {c->attrs, 1, infer.outs, &x, out};
    operand->from->ref(&ref);
    memcpy(values, out[operand->from_out].data,
           (size_t)ath_shape_count(&out[operand->from_out].shape) * sizeof(double));
    for (int i = 0; i < infer.outs; i++) free(out[i].data);
    free(x.data);
}

void impl_case_values(const struct impl_case *c, int i, double *values) {
    const struct case_operand *operand = &c->operand[i];
    const ath_shape           *shape = &c->in[i].shape;
    int64_t                    count = ath_shape_count(shape);
    struct ath__rng            rng;
    ath__rng_start(&rng, line_hash(c->line), ATH_RNG_TEST, (uint32_t)i, 0);
    switch (operand->fill) {
    case FILL_NORMAL: fill_normal(&rng, values, count); break;
    case FILL_FROM: fill_from(c, operand, &rng, values); break;
    case FILL_WHOLE:
        for (int64_t j = 0; j < count; j++) values[j] = ath__rng_below(&rng, operand->below);
        break;
    case FILL_POSITIVE:
    case FILL_PROBABILITY:
        for (int64_t j = 0; j < count; j++) values[j] = 0.5 + (double)ath__rng_uniform(&rng);
        break;
    }
    if (operand->fill != FILL_PROBABILITY) return;
    int64_t row = shape->dims[shape->rank - 1];
    for (int64_t at = 0; at < count; at += row) {
        double sum = 0;
        for (int64_t j = 0; j < row; j++) sum += values[at + j];
        for (int64_t j = 0; j < row; j++) values[at + j] /= sum;
    }
}

uint64_t impl_case_macs(const struct impl_case *c) {
    return c->op->macs != NULL ? c->op->macs(c->attrs, c->in, c->out) : 0;
}

int64_t impl_case_reduction(const struct impl_case *c) {
    int64_t largest = 1, smallest = INT64_MAX;
    if (c->op->macs != NULL) return (int64_t)impl_case_macs(c) / ath_shape_count(&c->out[0].shape);
    for (int i = 0; i < c->ins; i++)
        if (c->in[i].present && ath_shape_count(&c->in[i].shape) > largest) largest = ath_shape_count(&c->in[i].shape);
    for (int i = 0; i < c->outs; i++)
        if (c->out[i].present && ath_shape_count(&c->out[i].shape) < smallest)
            smallest = ath_shape_count(&c->out[i].shape);
    return largest / smallest > 1 ? largest / smallest : 1;
}
