/* Which photos there are, and of which class: from folders of class folders, or from list files. */
#ifndef ATH_DATA_PHOTO_SCAN_H
#define ATH_DATA_PHOTO_SCAN_H

#include "athanor/status.h"
#include "base/arena.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A class by its name, and in which parts of the set it has photos (a bit per ath_split). */
struct ath__photo_class {
    const char *name;
    unsigned    parts;
};

struct ath__photo {
    const char *path;
    int         name; /* position in `names` of its scan */
};

/* What was found so far. Texts live in `texts`, which is the caller's. */
struct ath__photo_scan {
    struct ath__arena       *texts;
    struct ath__photo_class *names; /* in the order in which they were met */
    int                      name_count, name_capacity;
    int32_t                 *slots; /* hash table over names: position + 1, or 0 */
    int                      slot_count;
    struct ath__photo       *photos;
    int64_t                  count, capacity;
    int64_t                  loose; /* image files that lie beside the class folders, and are left out */
};
void ath__photo_scan_free(struct ath__photo_scan *scan);

/* Adds one photo of class `name` to the scan; the position of its class is told by ath__photo_scan_name. */
ath_status ath__photo_scan_name(struct ath__photo_scan *scan, const char *name, int *position, ath_error *err);
ath_status ath__photo_scan_add(struct ath__photo_scan *scan, const char *path, int name, ath_error *err);

/* Notes the classes of `folder`, a folder of class folders, as those of `part`; with `wanted`, its files as photos as
 * well, class by class, each class sorted by path. Files in folders below belong to the class; hidden ones are left
 * out. */
ath_status ath__photo_scan_folder(struct ath__photo_scan *scan, const char *folder, unsigned part, bool wanted,
                                  ath_error *err);

/* The same from a list file (photo_list.c), in its own order. */
ath_status ath__photo_scan_list(struct ath__photo_scan *scan, const char *path, unsigned part, bool wanted,
                                ath_error *err);

/* The list as text, for files that lie in `folder`. */
ath_status ath__photo_list_parse(struct ath__photo_scan *scan, const char *text, size_t size, const char *name,
                                 const char *folder, unsigned part, bool wanted, ath_error *err);

/* Whether a file below a folder in `folder` is an image by its name; looks at some ten thousand at most. */
ath_status ath__photo_has_classes(const char *folder, bool *yes, ath_error *err);

/* Calls `visit` for every file below `folder`, sorted by path; hidden ones are left out. */
typedef ath_status (*ath__photo_visit_fn)(void *context, const char *path, ath_error *err);
ath_status ath__photo_walk(const char *folder, ath__photo_visit_fn visit, void *context, ath_error *err);

#endif
