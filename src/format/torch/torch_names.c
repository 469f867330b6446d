/* Finding the tensors by name in what was pickled:
 *
 *     a dict of tensors           {"conv1.weight": tensor, ...}                        net.state_dict()
 *     a net                       an object whose state has _parameters, _buffers and _modules; a tensor's name is the
 *                                 path to it: layer1.0.conv1.weight
 *     a dict around one of them   under "state_dict", "model", "net" ...
 *
 * The class of a net is a name and stays one. Values may be shared and form circles, so the walk through a net is bounded
 * in depth and in steps.
 */
#include "format/torch/torch_file.h"

#include "base/error.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_NAME = 512, MAX_DEPTH = 32, MAX_TENSORS = 100000, MAX_VISITS = 100000, WRAPPED = 4, LISTED_KEYS = 8 };

struct finder {
    const char              *path;
    struct ath__arena       *arena;
    struct ath__torch_named *named;
    size_t                   count, capacity;
    int                      visits; /* modules seen */
    char                     prefix[MAX_NAME + 1];
    ath_error               *err;
};

/* The call that rebuilds a tensor, out of the parameters that wrap it; NULL if the value is no tensor. */
static const struct ath__pickle *rebuilding(const struct ath__pickle *value) {
    static const char *const wrappers[] = {"torch._utils._rebuild_parameter",
                                           "torch._utils._rebuild_parameter_with_state",
                                           "torch.nn.parameter.Parameter"};
    for (int depth = 0; depth <= WRAPPED && value && value->kind == ATH_PICKLE_OBJECT; depth++) {
        bool wrapped = false;
        for (size_t i = 0; i < sizeof wrappers / sizeof wrappers[0]; i++)
            wrapped = wrapped || ath__pickle_is_global(value->callable, wrappers[i]);
        if (!wrapped)
            return value->callable->kind == ATH_PICKLE_GLOBAL &&
                           strncmp(value->callable->as.bytes.text, "torch._utils._rebuild_", 22) == 0
                       ? value
                       : NULL;
        value = ath__pickle_item(value->args, 0);
    }
    return NULL;
}

static bool is_dict(const struct ath__pickle *value) {
    return value && (value->kind == ATH_PICKLE_DICT || value->kind == ATH_PICKLE_OBJECT);
}

static bool holds_tensors(const struct ath__pickle *dict) {
    for (size_t i = 0; is_dict(dict) && i + 1 < dict->as.list.count; i += 2)
        if (dict->as.list.items[i]->kind == ATH_PICKLE_TEXT && rebuilding(dict->as.list.items[i + 1])) return true;
    return false;
}

/* The children of a net's object, NULL if the value is none. */
static const struct ath__pickle *modules_of(const struct ath__pickle *value) {
    const struct ath__pickle *modules =
        value && value->kind == ATH_PICKLE_OBJECT ? ath__pickle_get(value->state, "_modules") : NULL;
    return is_dict(modules) ? modules : NULL;
}

/* Puts a key behind the first `length` characters of the prefix, and `end` behind it. */
static ath_status extend_prefix(struct finder *f, size_t *length, const struct ath__pickle *key, const char *end) {
    size_t wanted = *length + key->as.bytes.length + strlen(end);
    if (wanted > MAX_NAME || memchr(key->as.bytes.text, '\0', key->as.bytes.length))
        return ath__fail(f->err, ATH_DATA, f->path, "the name of a tensor is too long or holds a control character");
    memcpy(f->prefix + *length, key->as.bytes.text, key->as.bytes.length);
    strcpy(f->prefix + *length + key->as.bytes.length, end);
    *length = wanted;
    return ATH_OK;
}

/* Adds the tensor that the prefix names, without the "module." of nets trained on several devices. */
static ath_status add_tensor(struct finder *f, const struct ath__pickle *call) {
    const char *name = strncmp(f->prefix, "module.", 7) == 0 && f->prefix[7] ? f->prefix + 7 : f->prefix;
    if (f->count == MAX_TENSORS)
        return ath__fail(f->err, ATH_DATA, f->path, "more than %d tensors, than any net has", (int)MAX_TENSORS);
    if (f->count == f->capacity) {
        size_t                   wider = f->capacity ? 2 * f->capacity : 128;
        struct ath__torch_named *moved = ATH_ARENA_ARRAY(f->arena, struct ath__torch_named, wider);
        if (!moved) return ath__fail_memory(f->err, f->path);
        if (f->count > 0) memcpy(moved, f->named, f->count * sizeof *moved);
        f->named = moved;
        f->capacity = wider;
    }
    f->named[f->count] = (struct ath__torch_named){ath__arena_strdup(f->arena, name), call};
    if (!f->named[f->count].name) return ath__fail_memory(f->err, f->path);
    f->count++;
    return ath__tensor_text_check(f->path, name, f->err);
}

/* The tensors of one dict, whose keys follow the first `length` characters of the prefix. */
static ath_status add_dict(struct finder *f, const struct ath__pickle *dict, size_t length) {
    for (size_t i = 0; is_dict(dict) && i + 1 < dict->as.list.count; i += 2) {
        const struct ath__pickle *key = dict->as.list.items[i], *call = rebuilding(dict->as.list.items[i + 1]);
        size_t                    extended = length;
        if (key->kind != ATH_PICKLE_TEXT || !call) continue;
        ATH_TRY(extend_prefix(f, &extended, key, ""));
        ATH_TRY(add_tensor(f, call));
    }
    return ATH_OK;
}

static ath_status add_net(struct finder *f, const struct ath__pickle *net, size_t length, int depth) {
    const struct ath__pickle *modules = modules_of(net);
    if (!modules) return ATH_OK;
    if (depth == MAX_DEPTH || ++f->visits > MAX_VISITS)
        return ath__fail(f->err, ATH_DATA, f->path, "its modules are nested without end");
    ATH_TRY(add_dict(f, ath__pickle_get(net->state, "_parameters"), length));
    ATH_TRY(add_dict(f, ath__pickle_get(net->state, "_buffers"), length));
    for (size_t i = 0; i + 1 < modules->as.list.count; i += 2) {
        size_t extended = length;
        if (modules->as.list.items[i]->kind != ATH_PICKLE_TEXT) continue;
        ATH_TRY(extend_prefix(f, &extended, modules->as.list.items[i], "."));
        ATH_TRY(add_net(f, modules->as.list.items[i + 1], extended, depth + 1));
    }
    return ATH_OK;
}

/* The error for a file without tensors by name, which says what there is instead. */
static ath_status no_tensors(const char *path, const struct ath__pickle *root, ath_error *err) {
    if (root->kind == ATH_PICKLE_OBJECT && root->callable->kind == ATH_PICKLE_GLOBAL)
        return ath__fail(err, ATH_DATA, path,
                         "it holds an object of '%s', which is code and not run here: save the state_dict() of the net",
                         root->callable->as.bytes.text);
    if (root->kind != ATH_PICKLE_DICT)
        return ath__fail(err, ATH_DATA, path, "it holds no dict of tensors: save the state_dict() of the net");
    char   keys[256] = "";
    size_t used = 0, listed = 0;
    for (size_t i = 0; i + 1 < root->as.list.count && listed < LISTED_KEYS; i += 2) {
        const struct ath__pickle *key = root->as.list.items[i];
        bool                      plain = key->kind == ATH_PICKLE_TEXT && key->as.bytes.length < 24;
        for (size_t k = 0; plain && k < key->as.bytes.length; k++)
            plain = key->as.bytes.text[k] > 0x20 && key->as.bytes.text[k] < 0x7F;
        if (!plain) continue;
        used += (size_t)snprintf(keys + used, sizeof keys - used, "%s%.*s", listed++ ? ", " : "",
                                 (int)key->as.bytes.length, key->as.bytes.text);
    }
    return ath__fail(err, ATH_DATA, path,
                     "it holds no tensors by name (its keys: %s): save the state_dict() of the net",
                     listed ? keys : "none");
}

static int by_name(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static ath_status check_unique(const struct finder *f) {
    ath_status   status = ATH_OK;
    const char **names = ath__alloc_array(f->count + 1, sizeof *names);
    if (!names) return ath__fail_memory(f->err, f->path);
    for (size_t i = 0; i < f->count; i++) names[i] = f->named[i].name;
    qsort(names, f->count, sizeof *names, by_name);
    for (size_t i = 1; i < f->count && status == ATH_OK; i++)
        if (strcmp(names[i - 1], names[i]) == 0)
            status = ath__fail(f->err, ATH_DATA, f->path, "two tensors are called '%s'", names[i]);
    ath__free(names);
    return status;
}

ath_status ath__torch_find(const char *path, const struct ath__pickle *root, struct ath__arena *arena,
                           struct ath__torch_named **named, size_t *count, ath_error *err) {
    static const char *const  keys[] = {"state_dict", "model_state_dict", "model", "net", "model_ema", "ema"};
    struct finder             f = {.path = path, .arena = arena, .err = err};
    const struct ath__pickle *found = root;
    for (size_t i = 0; !holds_tensors(found) && !modules_of(found); i++) {
        if (i == sizeof keys / sizeof keys[0]) return no_tensors(path, root, err);
        found = ath__pickle_get(root, keys[i]);
    }
    ATH_TRY(modules_of(found) ? add_net(&f, found, 0, 0) : add_dict(&f, found, 0));
    if (f.count == 0) return no_tensors(path, root, err);
    ATH_TRY(check_unique(&f));
    *named = f.named;
    *count = f.count;
    return ATH_OK;
}
