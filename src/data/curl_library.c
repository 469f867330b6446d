/* Loading libcurl, under the names that distributions give it. */
#include "data/curl_library.h"

#include "base/lazy.h"

ATH_LAZY_LIBRARY(curl, ATH_CURL_FUNCTIONS, "downloads need libcurl", "libcurl.so.4", "libcurl-gnutls.so.4",
                 "libcurl.so")
