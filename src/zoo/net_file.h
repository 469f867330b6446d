/* Networks of a user's own: a YAML file with a list of layers (docs/model-files.md). */
#ifndef ATH_ZOO_NET_FILE_H
#define ATH_ZOO_NET_FILE_H

#include "nn/nn.h"

struct ath__net;

/* Reads and checks a model file. ATH_DATA with file, line and what is allowed for a faulty one. The net is the caller's
 * to destroy. */
ath_status ath__net_read(const char *path, struct ath__net **net, ath_error *err);
/* The same from `size` bytes of text; `name` stands for the file in messages. */
ath_status ath__net_parse(const char *name, const char *text, size_t size, struct ath__net **net, ath_error *err);
void       ath__net_destroy(struct ath__net *net); /* NULL does nothing */

void ath__net_header(const struct ath__net *net, int *channels, int *height, int *width, int *classes);

/* The file's text. */
const char *ath__net_text(const struct ath__net *net);

/* x (N,C,H,W) -> the last layer's value. Errors are the graph's and name the layer's line. */
ath_value ath__net_build(const struct ath__net *net, struct ath__nn *nn, ath_value x, int classes);

#endif
