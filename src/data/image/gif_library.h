/* giflib, loaded when the first GIF comes: its functions under their own names, through a table. */
#ifndef ATH_DATA_GIF_LIBRARY_H
#define ATH_DATA_GIF_LIBRARY_H

#include "athanor/status.h"

#include <gif_lib.h>

#define ATH_GIF_FUNCTIONS(X)                                                                                           \
    X(DGifOpen)                                                                                                        \
    X(DGifGetRecordType)                                                                                               \
    X(DGifGetExtension)                                                                                                \
    X(DGifGetExtensionNext)                                                                                            \
    X(DGifGetImageDesc)                                                                                                \
    X(DGifGetLine)                                                                                                     \
    X(DGifCloseFile)

struct ath__gif_library {
#define ATH_LAZY_FIELD_(name) __typeof__(name) *name;
    ATH_GIF_FUNCTIONS(ATH_LAZY_FIELD_)
#undef ATH_LAZY_FIELD_
};

extern struct ath__gif_library ath__gif_library;

/* To be called, successfully, before any of the functions. */
ath_status ath__gif_library_load(ath_error *err);

#define DGifOpen ath__gif_library.DGifOpen
#define DGifGetRecordType ath__gif_library.DGifGetRecordType
#define DGifGetExtension ath__gif_library.DGifGetExtension
#define DGifGetExtensionNext ath__gif_library.DGifGetExtensionNext
#define DGifGetImageDesc ath__gif_library.DGifGetImageDesc
#define DGifGetLine ath__gif_library.DGifGetLine
#define DGifCloseFile ath__gif_library.DGifCloseFile

#endif
