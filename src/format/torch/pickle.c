/* The instructions of the pickle machine, which only collects.
 *
 * The instructions are those that Python's pickler emits in protocols 2 to 5; the textual ones of protocol 0 are left out
 * but for GLOBAL. One table row per instruction. Every instruction makes at most one value, so memory is bounded by the
 * number of instructions, which is; containers grow by what was on the stack.
 */
#include "format/torch/pickle.h"

#include "base/error.h"
#include "base/mem.h"
#include "format/torch/pickle_machine.h"

#include <string.h>

enum {
    MAX_STEPS = 2000000, /* a file of a thousand tensors takes some 30,000 */
    MAX_GLOBAL = 256,    /* length of a module's or a class's name */
};

/* ---- instructions: `arg` comes from the table ------------------------------------------------------------------- */

static ath_status op_skip(struct ath__pickle_machine *m, int arg) {
    const unsigned char *bytes;
    return ath__pm_take(m, (uint64_t)arg, &bytes);
}

static ath_status op_mark(struct ath__pickle_machine *m, int arg) {
    (void)arg;
    if (m->mark_count == ATH_PICKLE_MAX_MARKS) return ath__pm_fault(m, "nesting too deep");
    m->marks[m->mark_count++] = m->depth;
    return ATH_OK;
}

static ath_status op_pop(struct ath__pickle_machine *m, int arg) {
    struct ath__pickle *value, **items;
    size_t              count;
    /* POP on a bare mark removes the mark. */
    if (arg == 1 || (m->mark_count > 0 && m->depth == ath__pm_floor(m))) return ath__pm_pop_mark(m, &items, &count);
    return ath__pm_pop(m, &value);
}

/* Values without content are shared. */
static ath_status op_constant(struct ath__pickle_machine *m, int arg) {
    static struct ath__pickle none = {.kind = ATH_PICKLE_NONE}, no = {.kind = ATH_PICKLE_BOOL},
                              yes = {.kind = ATH_PICKLE_BOOL, .as.integer = 1};
    return ath__pm_push(m, arg < 0 ? &none : arg ? &yes : &no);
}

/* An empty container of kind `arg`. */
static ath_status op_empty(struct ath__pickle_machine *m, int arg) {
    struct ath__pickle *value;
    return ath__pm_new(m, (enum ath__pickle_kind)arg, &value);
}

/* Unsigned of 1 or 2 bytes, signed of 4. */
static ath_status op_int(struct ath__pickle_machine *m, int arg) {
    struct ath__pickle *value;
    uint64_t            number;
    ATH_TRY(ath__pm_number(m, arg, &number));
    ATH_TRY(ath__pm_new(m, ATH_PICKLE_INT, &value));
    value->as.integer = arg == 4 ? (int32_t)(uint32_t)number : (int64_t)number;
    return ATH_OK;
}

/* Two's complement of any length, which is given in `arg` bytes. */
static ath_status op_long(struct ath__pickle_machine *m, int arg) {
    const unsigned char *bytes;
    struct ath__pickle  *value;
    uint64_t             length, bits = 0;
    ATH_TRY(ath__pm_number(m, arg, &length));
    ATH_TRY(ath__pm_take(m, length, &bytes));
    ATH_TRY(ath__pm_new(m, length > 8 ? ATH_PICKLE_BIG : ATH_PICKLE_INT, &value));
    if (length > 8) {
        value->as.bytes.text = (const char *)bytes;
        value->as.bytes.length = (size_t)length;
        return ATH_OK;
    }
    if (length > 0 && bytes[length - 1] & 0x80) bits = UINT64_MAX;
    for (size_t i = (size_t)length; i-- > 0;) bits = bits << 8 | bytes[i];
    memcpy(&value->as.integer, &bits, sizeof bits);
    return ATH_OK;
}

/* Eight bytes, the first the highest. */
static ath_status op_real(struct ath__pickle_machine *m, int arg) {
    const unsigned char *bytes;
    struct ath__pickle  *value;
    uint64_t             bits = 0;
    ATH_TRY(ath__pm_take(m, (uint64_t)arg, &bytes));
    for (int i = 0; i < arg; i++) bits = bits << 8 | bytes[i];
    ATH_TRY(ath__pm_new(m, ATH_PICKLE_REAL, &value));
    memcpy(&value->as.real, &bits, sizeof bits);
    return ATH_OK;
}

static ath_status push_bytes(struct ath__pickle_machine *m, enum ath__pickle_kind kind, int width) {
    const unsigned char *bytes;
    struct ath__pickle  *value;
    uint64_t             length;
    ATH_TRY(ath__pm_number(m, width, &length));
    ATH_TRY(ath__pm_take(m, length, &bytes));
    ATH_TRY(ath__pm_new(m, kind, &value));
    value->as.bytes.text = (const char *)bytes;
    value->as.bytes.length = (size_t)length;
    return ATH_OK;
}

/* Text and bytes, whose length is given in `arg` bytes. */
static ath_status op_text(struct ath__pickle_machine *m, int arg) {
    return push_bytes(m, ATH_PICKLE_TEXT, arg);
}

static ath_status op_bytes(struct ath__pickle_machine *m, int arg) {
    return push_bytes(m, ATH_PICKLE_BYTES, arg);
}

static ath_status op_put(struct ath__pickle_machine *m, int arg) {
    uint64_t index;
    ATH_TRY(ath__pm_number(m, arg, &index));
    return ath__pm_remember(m, index);
}

static ath_status op_memoize(struct ath__pickle_machine *m, int arg) {
    (void)arg;
    return ath__pm_remember(m, m->memo_used);
}

static ath_status op_get(struct ath__pickle_machine *m, int arg) {
    uint64_t index;
    ATH_TRY(ath__pm_number(m, arg, &index));
    if (index >= m->memo_size || !m->memo[index]) return ath__pm_fault(m, "a memo entry that was never made");
    return ath__pm_push(m, m->memo[index]);
}

/* The first `arg` values on top as a tuple, or all above the mark. */
static ath_status op_tuple(struct ath__pickle_machine *m, int arg) {
    struct ath__pickle **items, *made = ATH_ARENA_NEW(m->arena, struct ath__pickle);
    size_t               count;
    if (!made) return ath__pm_out_of_memory(m);
    made->kind = ATH_PICKLE_TUPLE;
    ATH_TRY(ath__pm_pop_several(m, arg, &items, &count));
    for (size_t i = 0; i < count; i++) ATH_TRY(ath__pm_add(m, made, items[i]));
    return ath__pm_push(m, made);
}

/* All above the mark into a new list or set. */
static ath_status op_collect(struct ath__pickle_machine *m, int arg) {
    struct ath__pickle **items, *made = ATH_ARENA_NEW(m->arena, struct ath__pickle);
    size_t               count;
    if (!made) return ath__pm_out_of_memory(m);
    made->kind = (enum ath__pickle_kind)arg;
    ATH_TRY(ath__pm_pop_mark(m, &items, &count));
    if (made->kind == ATH_PICKLE_DICT && count % 2 != 0) return ath__pm_fault(m, "a key without a value");
    for (size_t i = 0; i < count; i++) ATH_TRY(ath__pm_add(m, made, items[i]));
    return ath__pm_push(m, made);
}

static ath_status push_global(struct ath__pickle_machine *m, const char *module, size_t module_length, const char *name,
                              size_t name_length) {
    struct ath__pickle *value;
    if (module_length > MAX_GLOBAL || name_length > MAX_GLOBAL)
        return ath__pm_fault(m, "the name of a class is too long");
    char *text = ath__arena_alloc(m->arena, module_length + name_length + 2);
    if (!text) return ath__pm_out_of_memory(m);
    memcpy(text, module, module_length);
    text[module_length] = '.';
    memcpy(text + module_length + 1, name, name_length);
    /* Names are printed in messages, and compared as C strings. */
    for (size_t i = 0; i < module_length + name_length + 1; i++)
        if ((unsigned char)text[i] < 0x20 || (unsigned char)text[i] >= 0x7F) text[i] = '?';
    ATH_TRY(ath__pm_new(m, ATH_PICKLE_GLOBAL, &value));
    value->as.bytes.text = text;
    value->as.bytes.length = module_length + name_length + 1;
    return ATH_OK;
}

/* Two lines: module, name. */
static ath_status op_global(struct ath__pickle_machine *m, int arg) {
    const char *lines[2];
    size_t      lengths[2];
    (void)arg;
    for (int i = 0; i < 2; i++) {
        const void *end = m->at < m->size ? memchr(m->bytes + m->at, '\n', m->size - m->at) : NULL;
        if (!end) return ath__pm_fault(m, "an unfinished line");
        lines[i] = (const char *)m->bytes + m->at;
        lengths[i] = (size_t)((const unsigned char *)end - m->bytes) - m->at;
        m->at += lengths[i] + 1;
    }
    return push_global(m, lines[0], lengths[0], lines[1], lengths[1]);
}

static ath_status op_stack_global(struct ath__pickle_machine *m, int arg) {
    struct ath__pickle *name, *module;
    (void)arg;
    ATH_TRY(ath__pm_pop(m, &name));
    ATH_TRY(ath__pm_pop(m, &module));
    if (name->kind != ATH_PICKLE_TEXT || module->kind != ATH_PICKLE_TEXT)
        return ath__pm_fault(m, "a class without a name");
    return push_global(m, module->as.bytes.text, module->as.bytes.length, name->as.bytes.text, name->as.bytes.length);
}

/* OrderedDict(), or OrderedDict([[key, value], ...]) as Python 2 wrote it. */
static ath_status make_dict(struct ath__pickle_machine *m, const struct ath__pickle *args) {
    struct ath__pickle       *dict;
    const struct ath__pickle *pairs = ath__pickle_item(args, 0);
    ATH_TRY(ath__pm_new(m, ATH_PICKLE_DICT, &dict));
    for (size_t i = 0; ath__pickle_item(pairs, i); i++) {
        const struct ath__pickle *pair = ath__pickle_item(pairs, i);
        if (!ath__pickle_item(pair, 1)) return ath__pm_fault(m, "a key without a value");
        ATH_TRY(ath__pm_add(m, dict, pair->as.list.items[0]));
        ATH_TRY(ath__pm_add(m, dict, pair->as.list.items[1]));
    }
    return ATH_OK;
}

/* A call or a construction (with `arg` = 1 also with named arguments): remembered, never made. */
static ath_status op_call(struct ath__pickle_machine *m, int arg) {
    struct ath__pickle *args, *callable, *value;
    if (arg == 1) ATH_TRY(ath__pm_pop(m, &value));
    ATH_TRY(ath__pm_pop(m, &args));
    ATH_TRY(ath__pm_pop(m, &callable));
    if (args->kind != ATH_PICKLE_TUPLE) return ath__pm_fault(m, "a call without arguments");
    if (ath__pickle_is_global(callable, "collections.OrderedDict")) return make_dict(m, args);
    ATH_TRY(ath__pm_new(m, ATH_PICKLE_OBJECT, &value));
    value->callable = callable;
    value->args = args;
    return ATH_OK;
}

static ath_status op_build(struct ath__pickle_machine *m, int arg) {
    struct ath__pickle *state, *object;
    (void)arg;
    ATH_TRY(ath__pm_pop(m, &state));
    ATH_TRY(ath__pm_top(m, &object));
    if (object->kind == ATH_PICKLE_OBJECT) object->state = state; /* a dict's attributes (_metadata) are not needed */
    return ATH_OK;
}

/* Key and value, one pair (`arg` = 2) or all above the mark, into the dict below. */
static ath_status op_set_items(struct ath__pickle_machine *m, int arg) {
    struct ath__pickle *dict, **items;
    size_t              count;
    ATH_TRY(ath__pm_pop_several(m, arg, &items, &count));
    ATH_TRY(ath__pm_top(m, &dict));
    if (dict->kind != ATH_PICKLE_DICT && dict->kind != ATH_PICKLE_OBJECT)
        return ath__pm_fault(m, "items for what is no dict");
    if (count % 2 != 0) return ath__pm_fault(m, "a key without a value");
    for (size_t i = 0; i < count; i++) ATH_TRY(ath__pm_add(m, dict, items[i]));
    return ATH_OK;
}

/* One value (`arg` = 1) or all above the mark, into the list or set below. */
static ath_status op_append(struct ath__pickle_machine *m, int arg) {
    struct ath__pickle *list, **items;
    size_t              count;
    ATH_TRY(ath__pm_pop_several(m, arg, &items, &count));
    ATH_TRY(ath__pm_top(m, &list));
    if (list->kind == ATH_PICKLE_OBJECT) return ATH_OK; /* a list's subclass: opaque */
    if (list->kind != ATH_PICKLE_LIST && list->kind != ATH_PICKLE_SET)
        return ath__pm_fault(m, "items for what is no list");
    for (size_t i = 0; i < count; i++) ATH_TRY(ath__pm_add(m, list, items[i]));
    return ATH_OK;
}

static ath_status op_persistent(struct ath__pickle_machine *m, int arg) {
    struct ath__pickle *id, *value;
    (void)arg;
    ATH_TRY(ath__pm_pop(m, &id));
    ATH_TRY(ath__pm_new(m, ATH_PICKLE_PERSISTENT, &value));
    value->args = id;
    struct ath__pickle_result *result = m->result;
    if (!ath__pm_make_room(&result->persistent, result->persistent_count, &m->persistent_capacity, sizeof(void *)))
        return ath__pm_out_of_memory(m);
    result->persistent[result->persistent_count++] = value;
    return ATH_OK;
}

static const struct row {
    ath_status (*run)(struct ath__pickle_machine *m, int arg);
    int arg;
} rows[256] = {
    [0x80] = {op_skip, 1},                 /* PROTO */
    [0x95] = {op_skip, 8},                 /* FRAME: its length only helps who reads ahead */
    ['('] = {op_mark, 0},                  /* MARK */
    ['0'] = {op_pop, 0},                   /* POP */
    ['1'] = {op_pop, 1},                   /* POP_MARK */
    ['N'] = {op_constant, -1},             /* NONE */
    [0x88] = {op_constant, 1},             /* NEWTRUE */
    [0x89] = {op_constant, 0},             /* NEWFALSE */
    ['}'] = {op_empty, ATH_PICKLE_DICT},   /* EMPTY_DICT */
    [']'] = {op_empty, ATH_PICKLE_LIST},   /* EMPTY_LIST */
    [')'] = {op_empty, ATH_PICKLE_TUPLE},  /* EMPTY_TUPLE */
    [0x8F] = {op_empty, ATH_PICKLE_SET},   /* EMPTY_SET */
    ['K'] = {op_int, 1},                   /* BININT1 */
    ['M'] = {op_int, 2},                   /* BININT2 */
    ['J'] = {op_int, 4},                   /* BININT */
    [0x8A] = {op_long, 1},                 /* LONG1 */
    [0x8B] = {op_long, 4},                 /* LONG4 */
    ['G'] = {op_real, 8},                  /* BINFLOAT */
    ['U'] = {op_text, 1},                  /* SHORT_BINSTRING */
    ['T'] = {op_text, 4},                  /* BINSTRING */
    [0x8C] = {op_text, 1},                 /* SHORT_BINUNICODE */
    ['X'] = {op_text, 4},                  /* BINUNICODE */
    [0x8D] = {op_text, 8},                 /* BINUNICODE8 */
    ['C'] = {op_bytes, 1},                 /* SHORT_BINBYTES */
    ['B'] = {op_bytes, 4},                 /* BINBYTES */
    [0x8E] = {op_bytes, 8},                /* BINBYTES8 */
    ['q'] = {op_put, 1},                   /* BINPUT */
    ['r'] = {op_put, 4},                   /* LONG_BINPUT */
    [0x94] = {op_memoize, 0},              /* MEMOIZE */
    ['h'] = {op_get, 1},                   /* BINGET */
    ['j'] = {op_get, 4},                   /* LONG_BINGET */
    [0x85] = {op_tuple, 1},                /* TUPLE1 */
    [0x86] = {op_tuple, 2},                /* TUPLE2 */
    [0x87] = {op_tuple, 3},                /* TUPLE3 */
    ['t'] = {op_tuple, -1},                /* TUPLE */
    ['l'] = {op_collect, ATH_PICKLE_LIST}, /* LIST */
    ['d'] = {op_collect, ATH_PICKLE_DICT}, /* DICT */
    [0x91] = {op_collect, ATH_PICKLE_SET}, /* FROZENSET */
    ['c'] = {op_global, 0},                /* GLOBAL */
    [0x93] = {op_stack_global, 0},         /* STACK_GLOBAL */
    ['R'] = {op_call, 0},                  /* REDUCE */
    [0x81] = {op_call, 0},                 /* NEWOBJ */
    [0x92] = {op_call, 1},                 /* NEWOBJ_EX */
    ['b'] = {op_build, 0},                 /* BUILD */
    ['s'] = {op_set_items, 2},             /* SETITEM */
    ['u'] = {op_set_items, -1},            /* SETITEMS */
    ['a'] = {op_append, 1},                /* APPEND */
    ['e'] = {op_append, -1},               /* APPENDS */
    [0x90] = {op_append, -1},              /* ADDITEMS */
    ['Q'] = {op_persistent, 0},            /* BINPERSID */
};

static ath_status run(struct ath__pickle_machine *m) {
    if (m->size < 2 || m->bytes[0] != 0x80 || m->bytes[1] < 2 || m->bytes[1] > 5)
        return ath__pm_fault(m, "no protocol of 2 to 5");
    for (int steps = 0; steps < MAX_STEPS; steps++) {
        if (m->at >= m->size) return ath__pm_fault(m, "no end");
        unsigned char     code = m->bytes[m->at++];
        const struct row *row = &rows[code];
        if (code == '.') {
            struct ath__pickle *root;
            ATH_TRY(ath__pm_pop(m, &root));
            m->result->root = root;
            m->result->size = m->at;
            return ATH_OK;
        }
        if (!row->run)
            return ath__fail(m->err, ATH_DATA, m->path,
                             "its pickle is damaged or not one of torch.save's: unknown instruction 0x%02X at byte %zu",
                             code, m->at - 1);
        ATH_TRY(row->run(m, row->arg));
    }
    return ath__pm_fault(m, "more instructions than any weights file needs");
}

ath_status ath__pickle_read(const char *path, const unsigned char *bytes, size_t size, struct ath__arena *arena,
                            struct ath__pickle_result *result, ath_error *err) {
    struct ath__pickle_machine m = {
        .path = path, .bytes = bytes, .size = size, .arena = arena, .result = result, .err = err};
    memset(result, 0, sizeof *result);
    ath_status status = run(&m);
    ath__free(m.stack);
    ath__free(m.memo);
    if (status != ATH_OK) {
        ath__free(result->persistent);
        memset(result, 0, sizeof *result);
    }
    return status;
}

/* ---- looking at values ------------------------------------------------------------------------------------------ */

bool ath__pickle_is_text(const struct ath__pickle *value, const char *text) {
    return value && value->kind == ATH_PICKLE_TEXT && value->as.bytes.length == strlen(text) &&
           memcmp(value->as.bytes.text, text, value->as.bytes.length) == 0;
}

bool ath__pickle_is_global(const struct ath__pickle *value, const char *name) {
    return value && value->kind == ATH_PICKLE_GLOBAL && strcmp(value->as.bytes.text, name) == 0;
}

const struct ath__pickle *ath__pickle_get(const struct ath__pickle *dict, const char *key) {
    if (!dict || (dict->kind != ATH_PICKLE_DICT && dict->kind != ATH_PICKLE_OBJECT)) return NULL;
    for (size_t i = dict->as.list.count; i >= 2; i -= 2)
        if (ath__pickle_is_text(dict->as.list.items[i - 2], key)) return dict->as.list.items[i - 1];
    return NULL;
}

const struct ath__pickle *ath__pickle_item(const struct ath__pickle *list, size_t i) {
    bool is_list = list && (list->kind == ATH_PICKLE_TUPLE || list->kind == ATH_PICKLE_LIST);
    return is_list && i < list->as.list.count ? list->as.list.items[i] : NULL;
}
