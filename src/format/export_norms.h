/* Batch norms that an exported network keeps. */
#ifndef ATH_FORMAT_EXPORT_NORMS_H
#define ATH_FORMAT_EXPORT_NORMS_H

#include "format/export.h"

/* Fills net->norms. To be called before the graph is folded, when its parameters are constants. */
ath_status ath__export_norms_find(struct ath__export *net, ath_error *err);

#endif
