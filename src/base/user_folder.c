/* Folders from the environment (XDG Base Directory Specification). */
#include "base/user_folder.h"

#include "base/error.h"

#include <stdlib.h>

/* The value of an environment variable; NULL also when it is empty. */
static const char *environment(const char *name) {
    const char *value = getenv(name);
    return value && value[0] ? value : NULL;
}

ath_status ath__user_cache(const char *name, char path[ATH_PATH_MAX], ath_error *err) {
    char        base[ATH_PATH_MAX];
    const char *cache = environment("XDG_CACHE_HOME"), *home = environment("HOME");
    if (cache && cache[0] == '/') /* relative ones are to be ignored */
        ATH_TRY(ath__path_join(base, cache, "athanor", err));
    else if (home)
        ATH_TRY(ath__path_join(base, home, ".cache/athanor", err));
    else
        return ath__fail(err, ATH_USAGE, "HOME", "neither XDG_CACHE_HOME nor HOME is set: there is no cache folder");
    return ath__path_join(path, base, name, err);
}

ath_status ath__user_data(const char *name, char path[ATH_PATH_MAX], ath_error *err) {
    const char *data = environment("ATHANOR_DATA");
    return data ? ath__path_join(path, data, name, err) : ath__user_cache(name, path, err);
}
