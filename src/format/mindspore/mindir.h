/* A MindIR model under construction.
 *
 * A node's operands are names: of the graph's input, of a parameter, of another node's result, or of a Constant node that
 * holds a number, a flag or a tuple. What kind of operator a node applies stands in a list of primitives beside the graph;
 * the node names its entry, "REF::Conv2D:4". All of the model lives in one arena; the weights are those of the export.
 */
#ifndef ATH_FORMAT_MINDIR_H
#define ATH_FORMAT_MINDIR_H

#include "base/arena.h"
#include "format/export.h"
#include "mindir.pb-c.h"

enum { ATH_MINDIR_MAX_OPERANDS = 12, ATH_MINDIR_MAX_ATTRS = 12 };

/* A growing list of pointers. */
struct ath__mindir_list {
    void **items;
    size_t count, capacity;
};

struct ath__mindir {
    const struct ath__export *net;
    struct ath__arena         arena;
    struct ath__mindir_list   nodes, parameters, primitives;
    const char              **names; /* of each value of the graph, once it is written */
    int                       constants;
    ath_status                status; /* sticky */
    ath_error                *err;
};

/* One operator that is applied: what its primitive is called and whether MindSpore describes it as a function (operands
 * only) or as a class with attributes. */
struct ath__mindir_call {
    const char                      *type;
    bool                             is_class;
    int                              operands, attrs;
    const char                      *operand[ATH_MINDIR_MAX_OPERANDS];
    Athanor__Mindir__AttributeProto *attr[ATH_MINDIR_MAX_ATTRS];
};

/* Appends the node; its result, of that shape, is called `name`. Returns the full name ("" after a failure). */
const char *ath__mindir_apply(struct ath__mindir *m, const struct ath__mindir_call *call, const ath_shape *shape,
                              const char *name);

/* Constant nodes: a whole number, a flag, a real, a tuple of whole numbers, a vector of them as a tensor. */
const char *ath__mindir_int(struct ath__mindir *m, int64_t value);
const char *ath__mindir_flag(struct ath__mindir *m, bool value);
const char *ath__mindir_real(struct ath__mindir *m, double value);
const char *ath__mindir_tuple(struct ath__mindir *m, const int64_t *values, int count);
const char *ath__mindir_vector(struct ath__mindir *m, const int64_t *values, int count);

/* A parameter of the graph; `data` (f32) is borrowed until the model is written. */
const char *ath__mindir_parameter(struct ath__mindir *m, const char *name, const ath_shape *shape, const float *data);

/* Attributes of a class. */
Athanor__Mindir__AttributeProto *ath__mindir_attr_int(struct ath__mindir *m, const char *name, int64_t value);
Athanor__Mindir__AttributeProto *ath__mindir_attr_flag(struct ath__mindir *m, const char *name, bool value);
Athanor__Mindir__AttributeProto *ath__mindir_attr_text(struct ath__mindir *m, const char *name, const char *value);
Athanor__Mindir__AttributeProto *ath__mindir_attr_tuple(struct ath__mindir *m, const char *name, const int64_t *values,
                                                        int count);

/* What a value of the export is called: a result, the input, or a constant, which becomes a parameter. */
const char *ath__mindir_value(struct ath__mindir *m, ath_value value);

/* Writes one node of the export (format/mindspore/mindir_ops.c). */
ath_status ath__mindir_node(struct ath__mindir *m, const struct ath__node *node);

#endif
