/* Reading titles and groups of classes.
 *
 * A code is a group's if it and a "_" begin other codes; a class belongs to the longest code that begins its own so. That
 * is how sets number them (01 dry waste, 01_03 old mirror), and it needs no rule about blank lines or order.
 */
#include "data/photo/photo_labels.h"

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/yaml.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_BYTES = 1 << 24, LONGEST_TEXT = 255, NAMES_SHOWN = 5 };

static const char wide_colon[] = "\xef\xbc\x9a";

/* ---- checks ------------------------------------------------------------------------------------------------------ */

static bool is_label(const char *text) {
    size_t size = strlen(text);
    bool   good = size > 0 && size <= LONGEST_TEXT;
    for (size_t i = 0; good && i < size;) {
        uint32_t code;
        int      length = ath__utf8_next(text + i, &code);
        good = length > 0 && code >= 0x20 && code != 0x7f;
        i += (size_t)length;
    }
    return good;
}

static int by_code(const void *a, const void *b) {
    return strcmp((*(const struct ath__label *const *)a)->code, (*(const struct ath__label *const *)b)->code);
}

/* Pointers to the labels, sorted by code. */
static struct ath__label **sort_labels(const struct ath__label_list *list) {
    struct ath__label **sorted = ATH_NEW_ARRAY(struct ath__label *, list->count + 1);
    if (!sorted) return NULL;
    for (int i = 0; i < list->count; i++) sorted[i] = &list->items[i];
    qsort((void *)sorted, (size_t)list->count, sizeof *sorted, by_code);
    return sorted;
}

static struct ath__label *find_label(struct ath__label *const *sorted, int count, const char *code) {
    struct ath__label         wanted = {.code = code}, *key = &wanted;
    struct ath__label *const *found =
        bsearch((const void *)&key, (const void *)sorted, (size_t)count, sizeof *sorted, by_code);
    return found ? *found : NULL;
}

/* The label whose code and a "_" begin `code`, the longest of them. */
static const struct ath__label *find_group(struct ath__label *const *sorted, int count, const char *code) {
    char prefix[LONGEST_TEXT + 1];
    ath__str_copy(prefix, sizeof prefix, code);
    for (char *cut = strrchr(prefix, '_'); cut; cut = strrchr(prefix, '_')) {
        *cut = '\0';
        const struct ath__label *group = find_label(sorted, count, prefix);
        if (group) return group;
    }
    return NULL;
}

/* Codes are unique; then every label gets the group that its code says. */
static ath_status link_groups(const char *name, struct ath__label_list *list, ath_error *err) {
    struct ath__label **sorted = sort_labels(list);
    if (!sorted) return ath__fail_memory(err, name);
    ath_status status = ATH_OK;
    for (int i = 1; i < list->count && status == ATH_OK; i++)
        if (strcmp(sorted[i - 1]->code, sorted[i]->code) == 0)
            status = ath__fail(err, ATH_DATA, name, "the code '%s' stands twice in '%s', for '%s' and for '%s'",
                               sorted[i]->code, name, sorted[i - 1]->title, sorted[i]->title);
    for (int i = 0; i < list->count && status == ATH_OK; i++) {
        const struct ath__label *group = find_group(sorted, list->count, list->items[i].code);
        if (group) list->items[i].group = group->title;
    }
    ath__free((void *)sorted);
    return status;
}

/* ---- lines ------------------------------------------------------------------------------------------------------- */

static ath_status fail_line(const char *name, int line, const char *what, ath_error *err) {
    return ath__fail(err, ATH_DATA, name, "line %d of '%s' %s: write 'title: code', e.g. plastic bottle: 00_00", line,
                     name, what);
}

/* The last colon of the line and how many bytes it has. */
static char *find_colon(char *line, size_t *width) {
    char *colon = strrchr(line, ':'), *wide = NULL;
    for (char *at = strstr(line, wide_colon); at; at = strstr(at + 1, wide_colon)) wide = at;
    *width = wide > colon ? sizeof wide_colon - 1 : 1;
    return wide > colon ? wide : colon;
}

static char *trim(char *text) {
    char *end = text + strlen(text);
    while (*text == ' ' || *text == '\t') text++;
    while (end > text && strchr(" \t\r", end[-1])) end--;
    *end = '\0';
    return text;
}

static ath_status parse_line(char *line, const char *name, int number, struct ath__label *label, ath_error *err) {
    size_t width;
    char  *colon = find_colon(line, &width);
    if (!colon) return fail_line(name, number, "has no colon", err);
    label->code = trim(colon + width);
    *colon = '\0';
    label->title = trim(line);
    if (is_label(label->code) && is_label(label->title)) return ATH_OK;
    return fail_line(name, number, "lacks a title or a code, or they are no UTF-8 text", err);
}

static bool is_class(const char *const *class_names, int classes, const char *name) {
    for (int c = 0; c < classes; c++)
        if (strcmp(class_names[c], name) == 0) return true;
    return false;
}

/* Titles and codes change places where that is what makes codes the names of classes. */
static void turn_round(const char *const *class_names, int classes, struct ath__label_list *list) {
    int right = 0, left = 0;
    for (int i = 0; i < list->count && i < 256; i++) {
        right += is_class(class_names, classes, list->items[i].code);
        left += is_class(class_names, classes, list->items[i].title);
    }
    for (int i = 0; left > right && i < list->count; i++) {
        const char *code = list->items[i].title;
        list->items[i].title = list->items[i].code;
        list->items[i].code = code;
    }
}

ath_status ath__labels_parse(struct ath__arena *arena, const char *name, const char *text, size_t size,
                             const char *const *class_names, int classes, struct ath__label_list *list,
                             ath_error *err) {
    size_t at = size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0, lines = 1;
    char  *copy = ath__arena_alloc(arena, size + 1);
    *list = (struct ath__label_list){0};
    for (size_t i = 0; i < size; i++) lines += text[i] == '\n';
    if (lines > 2 * ATH_MAX_CLASSES) return ath__fail(err, ATH_DATA, name, "'%s' has too many lines", name);
    list->items = ATH_ARENA_ARRAY(arena, struct ath__label, lines);
    if (!copy || !list->items) return ath__fail_memory(err, name);
    if (size > 0) memcpy(copy, text, size);
    if (memchr(text, '\0', size)) return ath__fail(err, ATH_DATA, name, "'%s' is no text file", name);
    int number = 0;
    for (char *line = copy + at, *next; line; line = next) {
        char *end = strchr(line, '\n');
        next = end ? end + 1 : NULL;
        if (end) *end = '\0';
        number++;
        line = trim(line);
        if (*line == '\0' || *line == '#') continue;
        ATH_TRY(parse_line(line, name, number, &list->items[list->count], err));
        list->count++;
    }
    turn_round(class_names, classes, list);
    return link_groups(name, list, err);
}

/* ---- YAML -------------------------------------------------------------------------------------------------------- */

static ath_status read_item(const char *name, const char *code, const struct ath__yaml *item, struct ath__label *label,
                            ath_error *err) {
    const struct ath__yaml *title = item, *group = NULL;
    if (item->kind == ATH_YAML_MAPPING) {
        title = ath__yaml_get(item, "name");
        group = ath__yaml_get(item, "group");
        for (int k = 0; k < item->count; k++)
            if (strcmp(item->keys[k], "name") != 0 && strcmp(item->keys[k], "group") != 0)
                return ath__yaml_fail(err, ATH_DATA, name, item->items[k]->line,
                                      "'%s' is not known here: a class has a name and a group", item->keys[k]);
    }
    bool good = title && title->kind == ATH_YAML_SCALAR && is_label(title->text) && is_label(code);
    if (good && group) good = group->kind == ATH_YAML_SCALAR && is_label(group->text);
    if (!good)
        return ath__yaml_fail(err, ATH_DATA, name, item->line,
                              "write CODE: NAME or CODE: {name: NAME, group: GROUP}, in UTF-8");
    *label = (struct ath__label){.code = code, .title = title->text, .group = group ? group->text : NULL};
    return ATH_OK;
}

ath_status ath__labels_parse_yaml(struct ath__arena *arena, const char *name, const char *text, size_t size,
                                  struct ath__label_list *list, ath_error *err) {
    const struct ath__yaml *root;
    *list = (struct ath__label_list){0};
    ATH_TRY(ath__yaml_parse(arena, name, text, size, &root, err));
    if (root->kind != ATH_YAML_MAPPING)
        return ath__yaml_fail(err, ATH_DATA, name, root->line, "labels are a mapping: CODE: NAME");
    list->items = ATH_ARENA_ARRAY(arena, struct ath__label, root->count + 1);
    if (!list->items) return ath__fail_memory(err, name);
    for (int i = 0; i < root->count; i++)
        ATH_TRY(read_item(name, root->keys[i], root->items[i], &list->items[list->count++], err));
    return ATH_OK;
}

/* ---- applying ---------------------------------------------------------------------------------------------------- */

/* The group's number, which is its place in the order of classes. */
static int group_number(const char **names, int *count, const char *name) {
    for (int g = 0; g < *count; g++)
        if (strcmp(names[g], name) == 0) return g;
    names[*count] = name;
    return (*count)++;
}

/* A title that two classes share is of no use to tell them apart. */
static ath_status check_titles(const char *path, const struct ath__image_store *store, const char *const *titles,
                               ath_error *err) {
    for (int i = 0; i < store->classes && store->classes <= 4096; i++)
        for (int k = i + 1; k < store->classes; k++)
            if (strcmp(titles[i], titles[k]) == 0)
                return ath__fail(err, ATH_DATA, path, "'%s' gives the classes '%s' and '%s' the same title, '%s'", path,
                                 store->class_names[i], store->class_names[k], titles[i]);
    return ATH_OK;
}

static void remark_untitled(const char *path, struct ath__image_store *store, int untitled, const char *names) {
    if (untitled > 0)
        ath__str_printf(&store->remarks, "'%s' has no title for %d of the %d classes: %s%s\n", path, untitled,
                        store->classes, names, untitled > NAMES_SHOWN ? " ..." : "");
}

static ath_status apply(const char *path, struct ath__label *const *sorted, int count, struct ath__image_store *store,
                        ath_error *err) {
    const char    **titles = ATH_ARENA_ARRAY(&store->texts, const char *, store->classes);
    const char    **group_names = ATH_ARENA_ARRAY(&store->texts, const char *, store->classes);
    int            *groups = ATH_ARENA_ARRAY(&store->texts, int, store->classes), group_count = 0, untitled = 0;
    struct ath__str names = {0};
    if (!titles || !group_names || !groups) return ath__fail_memory(err, path);
    for (int c = 0; c < store->classes; c++) {
        const struct ath__label *label = find_label(sorted, count, store->class_names[c]);
        titles[c] = label ? label->title : store->class_names[c];
        groups[c] = label && label->group ? group_number(group_names, &group_count, label->group) : -1;
        if (!label && untitled++ < NAMES_SHOWN)
            ath__str_printf(&names, "%s'%s'", untitled > 1 ? ", " : "", store->class_names[c]);
    }
    remark_untitled(path, store, untitled, ath__str_text(&names));
    ath__str_free(&names);
    if (untitled == store->classes)
        return ath__fail(err, ATH_DATA, path, "'%s' names none of the classes: its codes must be the classes' folders",
                         path);
    ATH_TRY(check_titles(path, store, titles, err));
    store->class_titles = titles;
    if (group_count == 0) return ATH_OK;
    store->class_groups = groups;
    store->group_names = group_names;
    store->groups = group_count;
    return ATH_OK;
}

ath_status ath__labels_apply(const char *path, struct ath__image_store *store, ath_error *err) {
    struct ath__label_list list;
    char                  *text = NULL;
    size_t                 size;
    const char            *dot = strrchr(path, '.');
    bool                   yaml = dot && (strcmp(dot, ".yaml") == 0 || strcmp(dot, ".yml") == 0);
    struct ath__label    **sorted = NULL;
    ath_status             status;
    ATH_TRY(ath__file_read(path, MOST_BYTES, &text, &size, err));
    ATH_TRY_DONE(
        yaml ? ath__labels_parse_yaml(&store->texts, path, text, size, &list, err)
             : ath__labels_parse(&store->texts, path, text, size, store->class_names, store->classes, &list, err));
    sorted = sort_labels(&list);
    status = sorted ? apply(path, sorted, list.count, store, err) : ath__fail_memory(err, path);
done:
    ath__free((void *)sorted);
    ath__free(text);
    return status;
}
