/* Class names from a text file, one a line. */
#ifndef ATH_DATA_CLASS_NAMES_H
#define ATH_DATA_CLASS_NAMES_H

#include "data/dataset.h"

/* Takes the names into `store` if they are good: as many as store->classes, all different, UTF-8 without control
 * characters, none longer than 100 bytes; blank lines do not count. Names that are not leave the store as it was. The
 * only failure is ATH_MEMORY. */
ath_status ath__class_names_parse(const char *text, size_t size, struct ath__image_store *store, ath_error *err);

#endif
