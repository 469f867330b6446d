/* Loading a library by name and looking its functions up. It stays loaded until the program ends. */
#include "base/lazy.h"

#include "base/error.h"

#include <dlfcn.h>
#include <pthread.h>
#include <string.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static ath_status load(struct ath__lazy *library, ath_error *err) {
    void *handle = NULL;
    for (int i = 0; !handle && library->files[i]; i++) handle = dlopen(library->files[i], RTLD_LAZY | RTLD_LOCAL);
    if (!handle) {
        return ath__fail(err, ATH_UNSUPPORTED, library->files[0], "%s, which could not be loaded: install it",
                         library->need);
    }
    for (size_t i = 0; i < library->count; i++) {
        void *address = dlsym(handle, library->names[i]);
        if (!address) {
            dlclose(handle);
            return ath__fail(err, ATH_UNSUPPORTED, library->files[0], "%s, and the one found here has no %s: update it",
                             library->need, library->names[i]);
        }
        /* POSIX: a function's address fits a pointer to an object, with the same representation. */
        memcpy((char *)library->table + i * sizeof address, &address, sizeof address);
    }
    library->loaded = true;
    return ATH_OK;
}

ath_status ath__lazy_load(struct ath__lazy *library, ath_error *err) {
    pthread_mutex_lock(&mutex);
    ath_status status = library->loaded ? ATH_OK : load(library, err);
    pthread_mutex_unlock(&mutex);
    return status;
}
