/* libzip, loaded when the first zip file is opened: its functions under their own names, through a table. */
#ifndef ATH_FORMAT_ZIP_LIBRARY_H
#define ATH_FORMAT_ZIP_LIBRARY_H

#include "athanor/status.h"

#include <zip.h>

#define ATH_ZIP_FUNCTIONS(X)                                                                                           \
    X(zip_error_init)                                                                                                  \
    X(zip_error_strerror)                                                                                              \
    X(zip_error_fini)                                                                                                  \
    X(zip_source_buffer_create)                                                                                        \
    X(zip_source_free)                                                                                                 \
    X(zip_open)                                                                                                        \
    X(zip_open_from_source)                                                                                            \
    X(zip_discard)                                                                                                     \
    X(zip_get_num_entries)                                                                                             \
    X(zip_get_name)                                                                                                    \
    X(zip_name_locate)                                                                                                 \
    X(zip_stat_index)                                                                                                  \
    X(zip_fopen_index)                                                                                                 \
    X(zip_fread)                                                                                                       \
    X(zip_fclose)                                                                                                      \
    X(zip_source_function_create)                                                                                      \
    X(zip_source_make_command_bitmap)                                                                                  \
    X(zip_source_buffer)                                                                                               \
    X(zip_file_add)                                                                                                    \
    X(zip_set_file_compression)                                                                                        \
    X(zip_file_set_dostime)                                                                                            \
    X(zip_file_extra_field_set)                                                                                        \
    X(zip_strerror)                                                                                                    \
    X(zip_close)

struct ath__zip_library {
#define ATH_LAZY_FIELD_(name) __typeof__(name) *name;
    ATH_ZIP_FUNCTIONS(ATH_LAZY_FIELD_)
#undef ATH_LAZY_FIELD_
};

extern struct ath__zip_library ath__zip_library;

/* To be called, successfully, before any of the functions. */
ath_status ath__zip_library_load(ath_error *err);

#define zip_error_init ath__zip_library.zip_error_init
#define zip_error_strerror ath__zip_library.zip_error_strerror
#define zip_error_fini ath__zip_library.zip_error_fini
#define zip_source_buffer_create ath__zip_library.zip_source_buffer_create
#define zip_source_free ath__zip_library.zip_source_free
#define zip_open ath__zip_library.zip_open
#define zip_open_from_source ath__zip_library.zip_open_from_source
#define zip_discard ath__zip_library.zip_discard
#define zip_get_num_entries ath__zip_library.zip_get_num_entries
#define zip_get_name ath__zip_library.zip_get_name
#define zip_name_locate ath__zip_library.zip_name_locate
#define zip_stat_index ath__zip_library.zip_stat_index
#define zip_fopen_index ath__zip_library.zip_fopen_index
#define zip_fread ath__zip_library.zip_fread
#define zip_fclose ath__zip_library.zip_fclose
#define zip_source_function_create ath__zip_library.zip_source_function_create
#define zip_source_make_command_bitmap ath__zip_library.zip_source_make_command_bitmap
#define zip_source_buffer ath__zip_library.zip_source_buffer
#define zip_file_add ath__zip_library.zip_file_add
#define zip_set_file_compression ath__zip_library.zip_set_file_compression
#define zip_file_set_dostime ath__zip_library.zip_file_set_dostime
#define zip_file_extra_field_set ath__zip_library.zip_file_extra_field_set
#define zip_strerror ath__zip_library.zip_strerror
#define zip_close ath__zip_library.zip_close

#endif
