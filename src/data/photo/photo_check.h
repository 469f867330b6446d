/* Files of a photo set that are no images or broken. */
#ifndef ATH_DATA_PHOTO_CHECK_H
#define ATH_DATA_PHOTO_CHECK_H

#include "data/dataset.h"

/* Without `skip`: ATH_DATA for the first file that is no image by its name and by its content; broken ones are found
 * when they are decoded. With it: every file is decoded once, and those that fail are left out of the store, counted
 * and named in a remark. */
ath_status ath__photo_check(struct ath__image_store *store, bool skip, ath_error *err);

#endif
