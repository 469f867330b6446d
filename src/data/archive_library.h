/* libarchive, loaded when the first archive is read: its functions under their own names, through a table. */
#ifndef ATH_DATA_ARCHIVE_LIBRARY_H
#define ATH_DATA_ARCHIVE_LIBRARY_H

#include "athanor/status.h"

#include <archive.h>
#include <archive_entry.h>

#define ATH_ARCHIVE_FUNCTIONS(X)                                                                                       \
    X(archive_read_new)                                                                                                \
    X(archive_read_support_format_tar)                                                                                 \
    X(archive_read_open)                                                                                               \
    X(archive_read_next_header)                                                                                        \
    X(archive_read_data)                                                                                               \
    X(archive_read_free)                                                                                               \
    X(archive_error_string)                                                                                            \
    X(archive_entry_filetype)                                                                                          \
    X(archive_entry_pathname)                                                                                          \
    X(archive_entry_size)

struct ath__archive_library {
#define ATH_LAZY_FIELD_(name) __typeof__(name) *name;
    ATH_ARCHIVE_FUNCTIONS(ATH_LAZY_FIELD_)
#undef ATH_LAZY_FIELD_
};

extern struct ath__archive_library ath__archive_library;

/* To be called, successfully, before any of the functions. */
ath_status ath__archive_library_load(ath_error *err);

#define archive_read_new ath__archive_library.archive_read_new
#define archive_read_support_format_tar ath__archive_library.archive_read_support_format_tar
#define archive_read_open ath__archive_library.archive_read_open
#define archive_read_next_header ath__archive_library.archive_read_next_header
#define archive_read_data ath__archive_library.archive_read_data
#define archive_read_free ath__archive_library.archive_read_free
#define archive_error_string ath__archive_library.archive_error_string
#define archive_entry_filetype ath__archive_library.archive_entry_filetype
#define archive_entry_pathname ath__archive_library.archive_entry_pathname
#define archive_entry_size ath__archive_library.archive_entry_size

#endif
