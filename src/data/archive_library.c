/* Loading libarchive, under the names that distributions give it. */
#include "data/archive_library.h"

#include "base/lazy.h"

ATH_LAZY_LIBRARY(archive, ATH_ARCHIVE_FUNCTIONS, "archives need libarchive", "libarchive.so.13", "libarchive.so")
