/* The layers of a model file: what the reader fills (net_file.c) and the builder walks (net_build.c). */
#ifndef ATH_ZOO_NET_LAYER_H
#define ATH_ZOO_NET_LAYER_H

#include "base/arena.h"
#include "nn/nn.h"
#include "zoo/net_file.h"

struct ath__net_layer;

struct ath__net_list {
    int                    count;
    struct ath__net_layer *layers;
};

/* One layer; a kind uses the fields that its table row allows. */
struct ath__net_layer {
    const struct ath__net_kind *kind;
    int                         line;
    const char                 *name; /* its scope: the file's, or made from the kind and a number */
    int64_t                     out;  /* 0 = the number of classes */
    int64_t                     kernel[2], stride[2], padding[2], dilation[2];
    int64_t                     groups, times;
    int64_t                     bias, exclude_padding; /* 0 or 1 */
    int64_t                     activation;            /* ath_act */
    double                      p;
    struct ath__net_list        body, shortcut;
    bool                        has_shortcut;
    int                         branch_count;
    struct ath__net_list       *branches;
};

struct ath__dag;

struct ath__net {
    struct ath__arena    arena;
    struct ath__dag     *dag;  /* a general graph (graph_file.h) instead of layers; or NULL */
    const char          *file; /* for messages */
    const char          *text; /* the whole file */
    int64_t              input[3];
    int64_t              classes;
    struct ath__net_list layers;
};

/* A net being built. */
struct ath__net_build {
    const struct ath__net *net;
    struct ath__nn        *nn;
    int64_t                classes;
    bool                   located; /* the graph's error already names a line */
};

struct ath__net_kind {
    const char *name;   /* as written in the file */
    const char *prefix; /* of names made for it: "conv" -> conv1, conv2 ...; NULL = it needs no scope */
    const char *fields; /* allowed ones; "!" marks those that must be given */
    ath_act     act;    /* activation layers */
    ath_value (*build)(struct ath__net_build *build, const struct ath__net_layer *layer, ath_value x);
};

/* The kinds; ends with a NULL name. */
extern const struct ath__net_kind ath__net_kinds[];

#endif
