/* libjpeg (libjpeg-turbo's), loaded when the first JPEG comes: its functions under their own names, through a table. */
#ifndef ATH_DATA_JPEG_LIBRARY_H
#define ATH_DATA_JPEG_LIBRARY_H

#include "athanor/status.h"

#include <stddef.h>
#include <stdio.h>

#include <jpeglib.h>

#include <jerror.h>

#define ATH_JPEG_FUNCTIONS(X)                                                                                          \
    X(jpeg_std_error)                                                                                                  \
    X(jpeg_CreateDecompress)                                                                                           \
    X(jpeg_destroy_decompress)                                                                                         \
    X(jpeg_resync_to_restart)                                                                                          \
    X(jpeg_save_markers)                                                                                               \
    X(jpeg_read_header)                                                                                                \
    X(jpeg_calc_output_dimensions)                                                                                     \
    X(jpeg_start_decompress)                                                                                           \
    X(jpeg_read_scanlines)

struct ath__jpeg_library {
#define ATH_LAZY_FIELD_(name) __typeof__(name) *name;
    ATH_JPEG_FUNCTIONS(ATH_LAZY_FIELD_)
#undef ATH_LAZY_FIELD_
};

extern struct ath__jpeg_library ath__jpeg_library;

/* To be called, successfully, before any of the functions. */
ath_status ath__jpeg_library_load(ath_error *err);

#define jpeg_std_error ath__jpeg_library.jpeg_std_error
#define jpeg_CreateDecompress ath__jpeg_library.jpeg_CreateDecompress
#define jpeg_destroy_decompress ath__jpeg_library.jpeg_destroy_decompress
#define jpeg_resync_to_restart ath__jpeg_library.jpeg_resync_to_restart
#define jpeg_save_markers ath__jpeg_library.jpeg_save_markers
#define jpeg_read_header ath__jpeg_library.jpeg_read_header
#define jpeg_calc_output_dimensions ath__jpeg_library.jpeg_calc_output_dimensions
#define jpeg_start_decompress ath__jpeg_library.jpeg_start_decompress
#define jpeg_read_scanlines ath__jpeg_library.jpeg_read_scanlines

#endif
