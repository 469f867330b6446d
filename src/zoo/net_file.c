/* Reading model files: YAML to layers, every mistake answered with its line and what would be right.
 *
 * A layer is written `kind` or `kind: {field: value, ...}`. Which fields a kind takes stands in its row (net_build.c),
 * what a field may hold in the table below. Files are taken as hostile: numbers are bounded, nesting and repetition
 * too.
 */
#include "zoo/net_file.h"

#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/option.h"
#include "base/str.h"
#include "base/yaml.h"
#include "zoo/graph_file.h"
#include "zoo/net_layer.h"

#include <ctype.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

enum {
    MOST_NESTED = 12,    /* lists inside lists       */
    MOST_IN_LIST = 1000, /* layers of one list       */
    MOST_LAYERS = 10000, /* repetitions multiplied   */
    MOST_BRANCHES = 16,  /* of a concat              */
    LONGEST_NAME = 48,   /* of a layer               */
};

enum field_type {
    FIELD_INT,
    FIELD_OUT,
    FIELD_PAIR,
    FIELD_REAL,
    FIELD_FLAG,
    FIELD_ACT,
    FIELD_NAME,
    FIELD_LIST,
    FIELD_BRANCHES
};

static const struct field {
    const char     *name;
    enum field_type type;
    size_t          offset;
    double          min, max;
} fields[] = {
#define FIELD(name, type, min, max)                                                                                    \
    { #name, type, offsetof(struct ath__net_layer, name), min, max }
    FIELD(out, FIELD_OUT, 1, 1 << 20),  FIELD(kernel, FIELD_PAIR, 1, 255),   FIELD(stride, FIELD_PAIR, 1, 255),
    FIELD(padding, FIELD_PAIR, 0, 255), FIELD(dilation, FIELD_PAIR, 1, 255), FIELD(groups, FIELD_INT, 1, 1 << 20),
    FIELD(times, FIELD_INT, 1, 1000),   FIELD(bias, FIELD_FLAG, 0, 1),       FIELD(exclude_padding, FIELD_FLAG, 0, 1),
    FIELD(activation, FIELD_ACT, 0, 0), FIELD(p, FIELD_REAL, 0, 0.99),       FIELD(name, FIELD_NAME, 0, 0),
    FIELD(body, FIELD_LIST, 0, 0),      FIELD(shortcut, FIELD_LIST, 0, 0),   FIELD(branches, FIELD_BRANCHES, 0, 0),
#undef FIELD
};

struct reader {
    struct ath__net *net;
    int              nested;
    ath_error       *err;
};

#define FAIL(reader, node, ...) ath__yaml_fail((reader)->err, ATH_DATA, (reader)->net->file, (node)->line, __VA_ARGS__)

static ath_status read_list(struct reader *reader, const struct ath__yaml *node, struct ath__net_list *list,
                            int64_t *size);

/* Whether `word` stands in the blank-separated list, with or without "!". */
static bool word_in(const char *list, const char *word) {
    size_t length = strlen(word);
    for (const char *at = list; *at; at += strcspn(at, " "), at += *at == ' ')
        if (strncmp(at, word, length) == 0 && strchr(" !", at[length])) return true;
    return false;
}

/* "out, kernel, stride" of "out! kernel! stride". */
static void words_text(const char *list, bool only_required, char *text, size_t capacity) {
    size_t used = 0;
    text[0] = '\0';
    for (const char *at = list; *at && used < capacity; at += strcspn(at, " "), at += *at == ' ') {
        int  length = (int)strcspn(at, " !");
        bool required = at[length] == '!';
        if (only_required && !required) continue;
        used += (size_t)snprintf(text + used, capacity - used, "%s%.*s", used ? ", " : "", length, at);
    }
}

static ath_status read_int(struct reader *reader, const struct ath__yaml *node, const struct field *field,
                           int64_t *value) {
    if (node->kind == ATH_YAML_SCALAR && ath__parse_int(node->text, value) && (double)*value >= field->min &&
        (double)*value <= field->max)
        return ATH_OK;
    return FAIL(reader, node, "'%s' must be a whole number from %.0f to %.0f%s", field->name, field->min, field->max,
                field->type == FIELD_PAIR  ? ", or two of them: [vertical, horizontal]"
                : field->type == FIELD_OUT ? ", or the word 'classes'"
                                           : "");
}

static ath_status read_pair(struct reader *reader, const struct ath__yaml *node, const struct field *field,
                            int64_t *value) {
    if (node->kind == ATH_YAML_SEQUENCE && node->count == 2) {
        ATH_TRY(read_int(reader, node->items[0], field, &value[0]));
        return read_int(reader, node->items[1], field, &value[1]);
    }
    ATH_TRY(read_int(reader, node, field, &value[0]));
    value[1] = value[0];
    return ATH_OK;
}

static ath_status read_act(struct reader *reader, const struct ath__yaml *node, int64_t *value) {
    static const char *const names[] = {
#define ACT_NAME(id, text, from_output) text,
        ATH_ACT_MAP(ACT_NAME)
#undef ACT_NAME
    };
    const size_t count = sizeof names / sizeof names[0];
    const char  *text = node->kind == ATH_YAML_SCALAR ? node->text : "?";
    char         allowed[256];
    size_t       used = 0;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(names[i], text) == 0) {
            *value = (int64_t)i;
            return ATH_OK;
        }
        if (used < sizeof allowed)
            used += (size_t)snprintf(allowed + used, sizeof allowed - used, "%s%s", i ? ", " : "", names[i]);
    }
    return FAIL(reader, node, "'%s' is no activation; choose one of: %s", text, allowed);
}

static ath_status read_name(struct reader *reader, const struct ath__yaml *node, const char **name) {
    bool right = node->kind == ATH_YAML_SCALAR && node->text[0] && strlen(node->text) <= LONGEST_NAME;
    for (const char *c = right ? node->text : ""; *c; c++)
        right = right && (isalnum((unsigned char)*c) || strchr("_-", *c));
    if (!right) return FAIL(reader, node, "a name is 1 to %d letters, digits, '_' and '-'", (int)LONGEST_NAME);
    *name = ath__arena_strdup(&reader->net->arena, node->text);
    return *name ? ATH_OK : ath__fail_memory(reader->err, reader->net->file);
}

static ath_status read_branches(struct reader *reader, const struct ath__yaml *node, struct ath__net_layer *layer,
                                int64_t *size) {
    if (node->kind != ATH_YAML_SEQUENCE || node->count < 1 || node->count > MOST_BRANCHES)
        return FAIL(reader, node, "'branches' must be 1 to %d lists of layers", (int)MOST_BRANCHES);
    layer->branches = ATH_ARENA_ARRAY(&reader->net->arena, struct ath__net_list, node->count);
    if (!layer->branches) return ath__fail_memory(reader->err, reader->net->file);
    layer->branch_count = node->count;
    for (int i = 0; i < node->count; i++) ATH_TRY(read_list(reader, node->items[i], &layer->branches[i], size));
    return ATH_OK;
}

static ath_status read_field(struct reader *reader, const struct ath__yaml *node, const struct field *field,
                             struct ath__net_layer *layer, int64_t *size) {
    void   *place = (char *)layer + field->offset;
    double *real = place;
    switch (field->type) {
    case FIELD_OUT:
        if (node->kind == ATH_YAML_SCALAR && strcmp(node->text, "classes") == 0) return ATH_OK;
        return read_int(reader, node, field, place);
    case FIELD_INT: return read_int(reader, node, field, place);
    case FIELD_PAIR: return read_pair(reader, node, field, place);
    case FIELD_REAL:
        if (node->kind == ATH_YAML_SCALAR && ath__parse_real(node->text, real) && *real >= field->min &&
            *real <= field->max)
            return ATH_OK;
        return FAIL(reader, node, "'%s' must be a number from %g to %g", field->name, field->min, field->max);
    case FIELD_FLAG:
        if (node->kind == ATH_YAML_SCALAR && (strcmp(node->text, "true") == 0 || strcmp(node->text, "false") == 0)) {
            *(int64_t *)place = node->text[0] == 't';
            return ATH_OK;
        }
        return FAIL(reader, node, "'%s' must be true or false", field->name);
    case FIELD_ACT: return read_act(reader, node, place);
    case FIELD_NAME: return read_name(reader, node, place);
    case FIELD_LIST:
        if (place == (void *)&layer->shortcut) layer->has_shortcut = true;
        return read_list(reader, node, place, size);
    case FIELD_BRANCHES: return read_branches(reader, node, layer, size);
    }
    return ATH_OK;
}

/* Every field that the kind demands is there. */
static ath_status check_required(struct reader *reader, const struct ath__yaml *node, const struct ath__yaml *values,
                                 const struct ath__net_kind *kind) {
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        char mark[32], list[128];
        snprintf(mark, sizeof mark, "%s!", fields[i].name);
        const char *found = strstr(kind->fields, mark);
        if (!found || (found != kind->fields && found[-1] != ' ') || ath__yaml_get(values, fields[i].name)) continue;
        words_text(kind->fields, true, list, sizeof list);
        return FAIL(reader, node, "'%s' needs a value for '%s'; it must be given: %s", kind->name, fields[i].name,
                    list);
    }
    return ATH_OK;
}

static ath_status read_fields(struct reader *reader, const struct ath__yaml *node, const struct ath__yaml *values,
                              struct ath__net_layer *layer, int64_t *size) {
    const struct ath__net_kind *kind = layer->kind;
    char                        list[256];
    words_text(kind->fields, false, list, sizeof list);
    if (values && values->kind != ATH_YAML_MAPPING && !(values->kind == ATH_YAML_SCALAR && !values->text[0]))
        return FAIL(reader, node, "write '%s' with its fields in braces, {field: value}; it takes %s", kind->name,
                    list[0] ? list : "none");
    for (int i = 0; values && values->kind == ATH_YAML_MAPPING && i < values->count; i++) {
        const struct field *field = NULL;
        for (size_t j = 0; j < sizeof fields / sizeof fields[0]; j++)
            if (strcmp(fields[j].name, values->keys[i]) == 0 && word_in(kind->fields, fields[j].name))
                field = &fields[j];
        if (!field)
            return FAIL(reader, values->items[i], "'%s' has no field '%s'; it takes %s", kind->name, values->keys[i],
                        list[0] ? list : "none");
        ATH_TRY(read_field(reader, values->items[i], field, layer, size));
    }
    return check_required(reader, node, values, kind);
}

static ath_status find_kind(struct reader *reader, const struct ath__yaml *node, const char *name,
                            const struct ath__net_kind **kind) {
    const char *names[64] = {NULL};
    char        list[512] = "";
    size_t      count = 0, used = 0;
    for (const struct ath__net_kind *row = ath__net_kinds; row->name && count < 64; row++) {
        if (strcmp(row->name, name) == 0) {
            *kind = row;
            return ATH_OK;
        }
        if (used < sizeof list)
            used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", count ? ", " : "", row->name);
        names[count++] = row->name;
    }
    const char *near = ath__str_closest(name, names, count);
    if (near) return FAIL(reader, node, "no layer is called '%s'; did you mean '%s'?", name, near);
    return FAIL(reader, node, "no layer is called '%s'; there are %s", name, list);
}

/* One layer; *size counts layers with their repetitions. */
static ath_status read_layer(struct reader *reader, const struct ath__yaml *node, struct ath__net_layer *layer,
                             int64_t *size) {
    bool mapping = node->kind == ATH_YAML_MAPPING && node->count == 1;
    if (!mapping && !(node->kind == ATH_YAML_SCALAR && node->text[0]))
        return FAIL(reader, node, "a layer is written 'relu' or 'conv: {out: 16, kernel: 3}', one behind each '-'");
    ATH_TRY(find_kind(reader, node, mapping ? node->keys[0] : node->text, &layer->kind));
    layer->line = node->line;
    layer->bias = 1;
    int64_t inner = 0;
    ATH_TRY(read_fields(reader, node, mapping ? node->items[0] : NULL, layer, &inner));
    *size += 1 + inner * (layer->times > 0 ? layer->times : 1);
    if (*size > MOST_LAYERS)
        return FAIL(reader, node, "the net has more than %d layers, repetitions counted", (int)MOST_LAYERS);
    return ATH_OK;
}

/* Names those layers that have a scope and no name: prefix and number, counted within the list; refuses doubles. */
static ath_status name_layers(struct reader *reader, const struct ath__yaml *node, struct ath__net_list *list) {
    for (int i = 0; i < list->count; i++) {
        struct ath__net_layer *layer = &list->layers[i];
        int                    number = 1;
        char                   name[64];
        if (!layer->kind->prefix) continue;
        for (int j = 0; j < i; j++) {
            const char *prefix = list->layers[j].kind->prefix;
            number += prefix && strcmp(prefix, layer->kind->prefix) == 0;
        }
        snprintf(name, sizeof name, "%s%d", layer->kind->prefix, number);
        if (!layer->name) layer->name = ath__arena_strdup(&reader->net->arena, name);
        if (!layer->name) return ath__fail_memory(reader->err, reader->net->file);
        for (int j = 0; j < i; j++)
            if (list->layers[j].name && strcmp(list->layers[j].name, layer->name) == 0)
                return FAIL(reader, node->items[i], "the name '%s' is also that of the layer in line %d; give another",
                            layer->name, list->layers[j].line);
    }
    return ATH_OK;
}

static ath_status read_list(struct reader *reader, const struct ath__yaml *node, struct ath__net_list *list,
                            int64_t *size) {
    if (node->kind != ATH_YAML_SEQUENCE)
        return FAIL(reader, node, "a list of layers is wanted here, one behind each '-'");
    if (node->count > MOST_IN_LIST) return FAIL(reader, node, "more than %d layers in a list", (int)MOST_IN_LIST);
    if (reader->nested == MOST_NESTED) return FAIL(reader, node, "lists nested more than %d deep", (int)MOST_NESTED);
    list->layers = ATH_ARENA_ARRAY(&reader->net->arena, struct ath__net_layer, node->count + 1);
    if (!list->layers) return ath__fail_memory(reader->err, reader->net->file);
    reader->nested++;
    for (int i = 0; i < node->count; i++) {
        ATH_TRY(read_layer(reader, node->items[i], &list->layers[i], size));
        list->count++;
    }
    reader->nested--;
    return name_layers(reader, node, list);
}

/* name, input, classes, layers; nothing else. */
static ath_status read_header(struct reader *reader, const struct ath__yaml *root) {
    static const char *const keys[] = {"name",   "input",     "classes", "layers", "parameters",
                                       "states", "constants", "nodes",   "output"};
    enum { KEYS = sizeof keys / sizeof keys[0], PLAIN = 4 }; /* those behind the plain ones are of graphs */
    static const struct field side = {"input", FIELD_INT, 0, 1, 65536}, classes = {"classes", FIELD_INT, 0, 2, 1000000};
    if (root->kind != ATH_YAML_MAPPING)
        return FAIL(reader, root, "a model file holds input: [channels, height, width], classes: and layers:");
    for (int i = 0; i < root->count; i++) {
        bool known = false;
        for (size_t j = 0; j < KEYS; j++) known = known || strcmp(keys[j], root->keys[i]) == 0;
        const char *near = known ? NULL : ath__str_closest(root->keys[i], keys, PLAIN);
        if (!known)
            return FAIL(reader, root->items[i], "a model file has no key '%s'; %s%s", root->keys[i],
                        near ? "did you mean " : "its keys are name, input, classes, layers", near ? near : "");
    }
    const struct ath__yaml *input = ath__yaml_get(root, "input"), *count = ath__yaml_get(root, "classes");
    const struct ath__yaml *layers = ath__yaml_get(root, "layers");
    if (!input || input->kind != ATH_YAML_SEQUENCE || input->count != 3)
        return FAIL(reader, input ? input : root, "give 'input: [channels, height, width]'");
    for (int i = 0; i < 3; i++) ATH_TRY(read_int(reader, input->items[i], &side, &reader->net->input[i]));
    if (!count) return FAIL(reader, root, "give the number of classes: 'classes: 10'");
    ATH_TRY(read_int(reader, count, &classes, &reader->net->classes));
    if (!layers && ath__yaml_get(root, "nodes"))
        return ath__dag_read(&reader->net->arena, reader->net->file, root, &reader->net->dag, reader->err);
    if (!layers) return FAIL(reader, root, "give the layers: 'layers:' and one behind each '-' below it");
    int64_t size = 0;
    return read_list(reader, layers, &reader->net->layers, &size);
}

ath_status ath__net_parse(const char *name, const char *text, size_t size, struct ath__net **net, ath_error *err) {
    struct ath__arena       scratch = {0};
    const struct ath__yaml *root;
    *net = NULL;
    struct ath__net *made = ATH_NEW(struct ath__net);
    if (!made) return ath__fail_memory(err, name);
    struct reader reader = {.net = made, .err = err};
    made->file = ath__arena_strdup(&made->arena, name);
    char      *copy = ath__arena_alloc(&made->arena, size + 1);
    ath_status status = made->file && copy ? ATH_OK : ath__fail_memory(err, name);
    if (status != ATH_OK) goto done;
    memcpy(copy, text, size);
    made->text = copy;
    ATH_TRY_DONE(ath__yaml_parse(&scratch, name, text, size, &root, err));
    ATH_TRY_DONE(read_header(&reader, root));
    *net = made;
done:
    ath__arena_free(&scratch);
    if (status != ATH_OK) ath__net_destroy(made);
    return status;
}

ath_status ath__net_read(const char *path, struct ath__net **net, ath_error *err) {
    char  *text;
    size_t size;
    *net = NULL;
    ATH_TRY(ath__file_read(path, ATH_YAML_MAX_BYTES, &text, &size, err));
    ath_status status = ath__net_parse(path, text, size, net, err);
    ath__free(text);
    return status;
}

void ath__net_destroy(struct ath__net *net) {
    if (!net) return;
    ath__arena_free(&net->arena);
    ath__free(net);
}

void ath__net_header(const struct ath__net *net, int *channels, int *height, int *width, int *classes) {
    *channels = (int)net->input[0];
    *height = (int)net->input[1];
    *width = (int)net->input[2];
    *classes = (int)net->classes;
}

const char *ath__net_text(const struct ath__net *net) {
    return net->text;
}
