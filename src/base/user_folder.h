/* Where a user's files lie: data under ATHANOR_DATA, what can be made again under the cache folder. */
#ifndef ATH_BASE_USER_FOLDER_H
#define ATH_BASE_USER_FOLDER_H

#include "base/file.h"

/* $XDG_CACHE_HOME/athanor/NAME, else $HOME/.cache/athanor/NAME. ATH_USAGE where neither is set. */
ath_status ath__user_cache(const char *name, char path[ATH_PATH_MAX], ath_error *err);
/* $ATHANOR_DATA/NAME, else the cache folder's. */
ath_status ath__user_data(const char *name, char path[ATH_PATH_MAX], ath_error *err);

#endif
