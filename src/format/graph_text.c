/* The inference graph as text: what the other writers start from, to be read. */
#include "base/error.h"
#include "base/file.h"
#include "format/export.h"

#include <string.h>

static ath_status write_text(const struct ath__export *net, const void *options, const char *path,
                             struct ath__str *notes, ath_error *err) {
    char *text = ath_graph_dump(net->graph, ATH_GRAPH_TEXT);
    (void)options;
    ath__str_append(notes, "the weights are left out\n");
    if (!text) return ath__fail_memory(err, path);
    ath_status status = ath__file_write(path, text, strlen(text), err);
    ath_text_free(text);
    return status;
}

const struct ath__graph_format ath__graph_format_text = {
    .name = "text",
    .summary = "the inference graph, one node a line, without weights: to be read",
    .endings = "txt",
    .write = write_text,
};
