/* The table of the formats that networks are written in. */
#include "athanor/format.h"
#include "base/error.h"
#include "format/export.h"
#include "format/tensor_format.h"

#include <string.h>

static const struct ath__graph_format *const formats[] = {
#define ATH_GRAPH_FORMAT(name) &ath__graph_format_##name,
#include "format/graph_format_list.h"
#undef ATH_GRAPH_FORMAT
};
enum { FORMATS = sizeof formats / sizeof formats[0] };

const struct ath__graph_format *ath__graph_format_at(int i) {
    return i >= 0 && i < FORMATS ? formats[i] : NULL;
}

const struct ath__graph_format *ath__graph_format_find(const char *name) {
    for (int i = 0; i < FORMATS; i++)
        if (strcmp(formats[i]->name, name) == 0) return formats[i];
    return NULL;
}

const struct ath__graph_format *ath__graph_format_of(const char *path) {
    for (int i = 0; i < FORMATS; i++)
        if (ath__path_ends(path, formats[i]->endings)) return formats[i];
    return NULL;
}

ath_status ath__export_refuse(const struct ath__export *net, const struct ath__node *node, const char *format,
                              const char *why, ath_error *err) {
    const char *name = node->outs > 0 && node->out[0] != ATH_NONE ? net->graph->values[node->out[0]].name : NULL;
    return ath__fail(err, ATH_UNSUPPORTED, name ? name : node->op->name, "%s cannot be written as %s: %s",
                     node->op->name, format, why);
}

bool ath_export_format_at(int i, ath_export_format *format) {
    const struct ath__graph_format *row = ath__graph_format_at(i);
    if (row) *format = (ath_export_format){row->name, row->summary, row->endings};
    return row != NULL;
}
