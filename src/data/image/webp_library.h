/* libwebp, loaded when the first WebP image comes: its functions under their own names, through a table. */
#ifndef ATH_DATA_WEBP_LIBRARY_H
#define ATH_DATA_WEBP_LIBRARY_H

#include "athanor/status.h"

#include <webp/decode.h>

#define ATH_WEBP_FUNCTIONS(X)                                                                                          \
    X(WebPGetFeaturesInternal)                                                                                         \
    X(WebPDecodeRGBInto)

struct ath__webp_library {
#define ATH_LAZY_FIELD_(name) __typeof__(name) *name;
    ATH_WEBP_FUNCTIONS(ATH_LAZY_FIELD_)
#undef ATH_LAZY_FIELD_
};

extern struct ath__webp_library ath__webp_library;

/* To be called, successfully, before any of the functions. */
ath_status ath__webp_library_load(ath_error *err);

#define WebPGetFeaturesInternal ath__webp_library.WebPGetFeaturesInternal
#define WebPDecodeRGBInto ath__webp_library.WebPDecodeRGBInto

#endif
