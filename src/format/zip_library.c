/* Loading libzip, under the names that distributions give it. */
#include "format/zip_library.h"

#include "base/lazy.h"

ATH_LAZY_LIBRARY(zip, ATH_ZIP_FUNCTIONS, "PyTorch's and NumPy's zip files need libzip", "libzip.so.5", "libzip.so.4",
                 "libzip.so")
