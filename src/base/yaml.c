/* YAML text to a tree, on libyaml's event parser.
 *
 * A collection's items are gathered in a list while it is open and become an array when it ends; everything lives in
 * the caller's arena.
 */
#include "base/yaml.h"

#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <yaml.h>

struct reader {
    yaml_parser_t      parser;
    struct ath__arena *arena;
    const char        *name;
    int                nodes;
    ath_error         *err;
};

ath_status ath__yaml_fail(ath_error *err, ath_status code, const char *name, int line, const char *format, ...) {
    char    where[256], text[768];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    snprintf(where, sizeof where, "%.200s:%d", name, line);
    return ath__fail(err, code, where, "%s", text);
}

static int line_of(const yaml_event_t *event) {
    return (int)event->start_mark.line + 1;
}

static ath_status next_event(struct reader *reader, yaml_event_t *event) {
    if (yaml_parser_parse(&reader->parser, event)) return ATH_OK;
    const yaml_parser_t *parser = &reader->parser;
    if (parser->error == YAML_MEMORY_ERROR) return ath__fail_memory(reader->err, reader->name);
    size_t line = parser->problem_mark.line ? parser->problem_mark.line : parser->context_mark.line;
    return ath__yaml_fail(reader->err, ATH_DATA, reader->name, (int)line + 1, "this is not valid YAML: %s",
                          parser->problem ? parser->problem : "unreadable text");
}

static ath_status read_node(struct reader *reader, const yaml_event_t *event, int depth, struct ath__yaml **node);

struct item {
    struct ath__yaml *node;
    const char       *key;
    struct item      *next;
};

/* The key of a mapping's next entry, from its event. */
static ath_status read_key(struct reader *reader, const yaml_event_t *event, const struct item *items,
                           const char **key) {
    if (event->type != YAML_SCALAR_EVENT || event->data.scalar.anchor)
        return ath__yaml_fail(reader->err, ATH_DATA, reader->name, line_of(event), "a key must be plain text");
    const char *text = (const char *)event->data.scalar.value;
    if (strlen(text) != event->data.scalar.length)
        return ath__yaml_fail(reader->err, ATH_DATA, reader->name, line_of(event), "a key holds a zero byte");
    for (; items; items = items->next)
        if (strcmp(items->key, text) == 0)
            return ath__yaml_fail(reader->err, ATH_DATA, reader->name, line_of(event), "the key '%s' is given twice",
                                  text);
    *key = ath__arena_strdup(reader->arena, text);
    return *key ? ATH_OK : ath__fail_memory(reader->err, reader->name);
}

static ath_status items_to_arrays(struct reader *reader, struct item *last_first, struct ath__yaml *node) {
    struct ath__yaml **items = ATH_ARENA_ARRAY(reader->arena, struct ath__yaml *, node->count + 1);
    const char       **keys = ATH_ARENA_ARRAY(reader->arena, const char *, node->count + 1);
    if (!items || !keys) return ath__fail_memory(reader->err, reader->name);
    for (int i = node->count; i-- > 0; last_first = last_first->next) {
        items[i] = last_first->node;
        keys[i] = last_first->key;
    }
    node->items = items;
    if (node->kind == ATH_YAML_MAPPING) node->keys = keys;
    return ATH_OK;
}

static ath_status read_items(struct reader *reader, int depth, struct ath__yaml *node) {
    yaml_event_type_t end = node->kind == ATH_YAML_MAPPING ? YAML_MAPPING_END_EVENT : YAML_SEQUENCE_END_EVENT;
    struct item      *last = NULL;
    ath_status        status = ATH_OK;
    for (;;) {
        yaml_event_t event;
        ATH_TRY(next_event(reader, &event));
        struct item *item = event.type == end ? NULL : ATH_ARENA_NEW(reader->arena, struct item);
        if (event.type == end) {
            yaml_event_delete(&event);
            return items_to_arrays(reader, last, node);
        }
        if (!item) status = ath__fail_memory(reader->err, reader->name);
        if (status == ATH_OK && node->kind == ATH_YAML_MAPPING && node->count == ATH_YAML_MAX_KEYS)
            status = ath__yaml_fail(reader->err, ATH_DATA, reader->name, line_of(&event), "more than %d keys",
                                    (int)ATH_YAML_MAX_KEYS);
        if (status == ATH_OK && node->kind == ATH_YAML_MAPPING) {
            status = read_key(reader, &event, last, &item->key);
            yaml_event_delete(&event);
            if (status != ATH_OK) return status;
            ATH_TRY(next_event(reader, &event));
        }
        if (status == ATH_OK) status = read_node(reader, &event, depth + 1, &item->node);
        yaml_event_delete(&event);
        if (status != ATH_OK) return status;
        item->next = last;
        last = item;
        node->count++;
    }
}

static ath_status read_node(struct reader *reader, const yaml_event_t *event, int depth, struct ath__yaml **node) {
    struct ath__yaml *made = ATH_ARENA_NEW(reader->arena, struct ath__yaml);
    const char       *name = reader->name;
    int               line = line_of(event);
    if (!made) return ath__fail_memory(reader->err, name);
    *node = made;
    made->line = line;
    if (depth > ATH_YAML_MAX_DEPTH)
        return ath__yaml_fail(reader->err, ATH_DATA, name, line, "nested more than %d deep", (int)ATH_YAML_MAX_DEPTH);
    if (++reader->nodes > ATH_YAML_MAX_NODES)
        return ath__yaml_fail(reader->err, ATH_DATA, name, line, "more than %d entries", (int)ATH_YAML_MAX_NODES);
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        if (event->data.scalar.anchor || event->data.scalar.tag) break;
        if (strlen((const char *)event->data.scalar.value) != event->data.scalar.length)
            return ath__yaml_fail(reader->err, ATH_DATA, name, line, "the text holds a zero byte");
        made->kind = ATH_YAML_SCALAR;
        made->quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
        made->text = ath__arena_strdup(reader->arena, (const char *)event->data.scalar.value);
        return made->text ? ATH_OK : ath__fail_memory(reader->err, name);
    case YAML_SEQUENCE_START_EVENT:
        if (event->data.sequence_start.anchor || event->data.sequence_start.tag) break;
        made->kind = ATH_YAML_SEQUENCE;
        return read_items(reader, depth, made);
    case YAML_MAPPING_START_EVENT:
        if (event->data.mapping_start.anchor || event->data.mapping_start.tag) break;
        made->kind = ATH_YAML_MAPPING;
        return read_items(reader, depth, made);
    default: break;
    }
    return ath__yaml_fail(reader->err, ATH_DATA, name, line, "anchors (&), aliases (*) and tags (!) are not supported");
}

/* The whole stream: one document, and nothing behind it. */
static ath_status read_stream(struct reader *reader, struct ath__yaml **root) {
    ath_status status = ATH_OK;
    bool       done = false;
    while (status == ATH_OK && !done) {
        yaml_event_t event;
        ATH_TRY(next_event(reader, &event));
        switch (event.type) {
        case YAML_STREAM_START_EVENT:
        case YAML_DOCUMENT_START_EVENT:
        case YAML_DOCUMENT_END_EVENT:
        case YAML_NO_EVENT: break;
        case YAML_STREAM_END_EVENT: done = true; break;
        default:
            status = *root ? ath__yaml_fail(reader->err, ATH_DATA, reader->name, line_of(&event),
                                            "a second document begins here; only one is read")
                           : read_node(reader, &event, 0, root);
        }
        yaml_event_delete(&event);
    }
    return status;
}

ath_status ath__yaml_parse(struct ath__arena *arena, const char *name, const char *text, size_t size,
                           const struct ath__yaml **root, ath_error *err) {
    struct reader     reader = {.arena = arena, .name = name, .err = err};
    struct ath__yaml *made = NULL;
    *root = NULL;
    if (size > ATH_YAML_MAX_BYTES)
        return ath__fail(err, ATH_DATA, name, "the file is larger than %d bytes", (int)ATH_YAML_MAX_BYTES);
    if (!yaml_parser_initialize(&reader.parser)) return ath__fail_memory(err, name);
    yaml_parser_set_input_string(&reader.parser, (const unsigned char *)text, size);
    ath_status status = read_stream(&reader, &made);
    yaml_parser_delete(&reader.parser);
    if (status == ATH_OK && !made) {
        made = ATH_ARENA_NEW(arena, struct ath__yaml);
        if (!made) return ath__fail_memory(err, name);
        *made = (struct ath__yaml){.kind = ATH_YAML_SCALAR, .line = 1, .text = ""};
    }
    if (status == ATH_OK) *root = made;
    return status;
}

ath_status ath__yaml_read(struct ath__arena *arena, const char *path, const struct ath__yaml **root, ath_error *err) {
    char  *text;
    size_t size;
    *root = NULL;
    ATH_TRY(ath__file_read(path, ATH_YAML_MAX_BYTES, &text, &size, err));
    ath_status status = ath__yaml_parse(arena, path, text, size, root, err);
    ath__free(text);
    return status;
}

const struct ath__yaml *ath__yaml_get(const struct ath__yaml *mapping, const char *key) {
    if (!mapping || mapping->kind != ATH_YAML_MAPPING) return NULL;
    for (int i = 0; i < mapping->count; i++)
        if (strcmp(mapping->keys[i], key) == 0) return mapping->items[i];
    return NULL;
}
