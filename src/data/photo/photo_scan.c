/* Class folders: every folder in the folder is a class, every file below it a photo of the class.
 *
 * Names are bytes as the file system has them; they have to be UTF-8 without control characters, since they go into
 * model files and reports. Paths are sorted bytewise, so the order of a set depends on its names alone.
 */
#include "data/photo/photo_scan.h"

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "data/dataset.h"
#include "data/photo/photo_file.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_DEPTH = 16, LONGEST_NAME = 255, LOOKED_AT = 10000 };

void ath__photo_scan_free(struct ath__photo_scan *scan) {
    ath__free(scan->names);
    ath__free(scan->slots);
    ath__free(scan->photos);
    *scan = (struct ath__photo_scan){0};
}

/* ---- names ------------------------------------------------------------------------------------------------------- */

static uint32_t hash_name(const char *name) {
    uint32_t hash = 2166136261u; /* FNV-1a */
    for (; *name; name++) hash = (hash ^ (unsigned char)*name) * 16777619u;
    return hash;
}

static ath_status check_name(const char *name, ath_error *err) {
    size_t size = strlen(name);
    bool   good = size > 0 && size <= LONGEST_NAME;
    for (size_t i = 0; good && i < size;) {
        uint32_t code;
        int      length = ath__utf8_next(name + i, &code);
        good = length > 0 && code >= 0x20 && code != 0x7f;
        i += (size_t)length;
    }
    if (good) return ATH_OK;
    struct ath__str shown = {0};
    ath__json_quote(&shown, name);
    ath_status status = ath__fail(err, ATH_DATA, "data",
                                  "%.300s cannot be the name of a class: it must be UTF-8 text of at most %d bytes "
                                  "without control characters",
                                  ath__str_text(&shown), (int)LONGEST_NAME);
    ath__str_free(&shown);
    return status;
}

/* The slot that holds `name`, or the empty one where it belongs. */
static int32_t *slot_of(const struct ath__photo_scan *scan, const char *name) {
    uint32_t mask = (uint32_t)scan->slot_count - 1, at = hash_name(name) & mask;
    while (scan->slots[at] && strcmp(scan->names[scan->slots[at] - 1].name, name) != 0) at = (at + 1) & mask;
    return &scan->slots[at];
}

/* Room for one more name; the table stays at most half full. */
static ath_status widen_names(struct ath__photo_scan *scan, ath_error *err) {
    if (scan->name_count < scan->name_capacity) return ATH_OK;
    int                      wider = scan->name_capacity ? 2 * scan->name_capacity : 64;
    int32_t                 *slots = ATH_NEW_ARRAY(int32_t, 2 * wider);
    struct ath__photo_class *names = ath__realloc(scan->names, (size_t)wider * sizeof *names);
    if (names) scan->names = names;
    if (!slots || !names) {
        ath__free(slots);
        return ath__fail_memory(err, "data");
    }
    ath__free(scan->slots);
    scan->slots = slots;
    scan->slot_count = 2 * wider;
    scan->name_capacity = wider;
    for (int i = 0; i < scan->name_count; i++) *slot_of(scan, scan->names[i].name) = i + 1;
    return ATH_OK;
}

ath_status ath__photo_scan_name(struct ath__photo_scan *scan, const char *name, int *position, ath_error *err) {
    ATH_TRY(widen_names(scan, err));
    int32_t *slot = slot_of(scan, name);
    if (!*slot) {
        ATH_TRY(check_name(name, err));
        if (scan->name_count == ATH_MAX_CLASSES)
            return ath__fail(err, ATH_UNSUPPORTED, "data", "there are more than %d classes", (int)ATH_MAX_CLASSES);
        const char *copy = ath__arena_strdup(scan->texts, name);
        if (!copy) return ath__fail_memory(err, "data");
        scan->names[scan->name_count++] = (struct ath__photo_class){.name = copy};
        *slot = scan->name_count;
    }
    *position = *slot - 1;
    return ATH_OK;
}

ath_status ath__photo_scan_add(struct ath__photo_scan *scan, const char *path, int name, ath_error *err) {
    if (scan->count == scan->capacity) {
        int64_t            wider = scan->capacity ? 2 * scan->capacity : 1024;
        struct ath__photo *photos = ath__realloc(scan->photos, (size_t)wider * sizeof *photos);
        if (!photos) return ath__fail_memory(err, "data");
        scan->photos = photos;
        scan->capacity = wider;
    }
    const char *copy = ath__arena_strdup(scan->texts, path);
    if (!copy) return ath__fail_memory(err, "data");
    scan->photos[scan->count++] = (struct ath__photo){copy, name};
    return ATH_OK;
}

/* ---- folders ----------------------------------------------------------------------------------------------------- */

/* The entries of a folder, sorted by name; hidden ones left out. */
struct listing {
    struct ath__arena texts;
    struct entry {
        const char *name;
        bool        folder;
    } * entries;
    int count, capacity;
};

static int by_name(const void *a, const void *b) {
    return strcmp(((const struct entry *)a)->name, ((const struct entry *)b)->name);
}

static ath_status note_entry(struct listing *listing, const char *folder, const struct dirent *found, ath_error *err) {
    char path[ATH_PATH_MAX];
    bool is_folder = found->d_type == DT_DIR;
    if (listing->count == listing->capacity) {
        int           wider = listing->capacity ? 2 * listing->capacity : 256;
        struct entry *entries = ath__realloc(listing->entries, (size_t)wider * sizeof *entries);
        if (!entries) return ath__fail_memory(err, folder);
        listing->entries = entries;
        listing->capacity = wider;
    }
    if (found->d_type == DT_UNKNOWN || found->d_type == DT_LNK) {
        ATH_TRY(ath__path_join(path, folder, found->d_name, err));
        is_folder = ath__folder_exists(path);
    }
    const char *name = ath__arena_strdup(&listing->texts, found->d_name);
    if (!name) return ath__fail_memory(err, folder);
    listing->entries[listing->count++] = (struct entry){name, is_folder};
    return ATH_OK;
}

static void free_listing(struct listing *listing) {
    ath__arena_free(&listing->texts);
    ath__free(listing->entries);
}

/* To be freed also after a failure. */
static ath_status list_folder(const char *folder, struct listing *listing, ath_error *err) {
    ath_status status = ATH_OK;
    DIR       *dir = opendir(folder);
    *listing = (struct listing){.count = 0};
    if (!dir) return ath__fail(err, ATH_DATA, folder, "cannot read the folder '%s': %s", folder, strerror(errno));
    for (struct dirent *found; status == ATH_OK && (found = readdir(dir)) != NULL;)
        if (found->d_name[0] != '.') status = note_entry(listing, folder, found, err);
    closedir(dir);
    if (listing->count > 0) qsort(listing->entries, (size_t)listing->count, sizeof *listing->entries, by_name);
    return status;
}

static ath_status walk(const char *folder, int depth, ath__photo_visit_fn visit, void *context, ath_error *err) {
    struct listing listing;
    char           path[ATH_PATH_MAX];
    if (depth > MOST_DEPTH)
        return ath__fail(
            err, ATH_DATA, folder,
            "'%s' lies too deep: at most %d folders within each other are read; is there a link that leads "
            "back to a folder above it?",
            folder, (int)MOST_DEPTH);
    ath_status status = list_folder(folder, &listing, err);
    for (int i = 0; i < listing.count && status == ATH_OK; i++) {
        status = ath__path_join(path, folder, listing.entries[i].name, err);
        if (status != ATH_OK) break;
        status = listing.entries[i].folder ? walk(path, depth + 1, visit, context, err) : visit(context, path, err);
    }
    free_listing(&listing);
    return status;
}

ath_status ath__photo_walk(const char *folder, ath__photo_visit_fn visit, void *context, ath_error *err) {
    return walk(folder, 0, visit, context, err);
}

/* Looking for the first file that is an image by its name. */
struct look {
    int  left;
    bool found;
};

static ath_status look_at(void *context, const char *path, ath_error *err) {
    struct look *look = context;
    (void)err;
    look->found = ath__photo_has_ending(path);
    return look->found || --look->left <= 0 ? ATH_INTERRUPTED : ATH_OK;
}

ath_status ath__photo_has_classes(const char *folder, bool *yes, ath_error *err) {
    struct listing listing;
    char           path[ATH_PATH_MAX];
    struct look    look = {.left = LOOKED_AT};
    ath_error      problem = {.code = ATH_OK};
    ath_status     status = list_folder(folder, &listing, &problem);
    for (int i = 0; status == ATH_OK && i < listing.count && !look.found && look.left > 0; i++) {
        if (!listing.entries[i].folder) continue;
        status = ath__path_join(path, folder, listing.entries[i].name, &problem);
        if (status == ATH_OK) status = ath__photo_walk(path, look_at, &look, &problem);
        if (status != ATH_MEMORY) status = ATH_OK; /* found, enough looked at, or a folder that cannot be read */
    }
    free_listing(&listing);
    *yes = look.found;
    if (status != ATH_MEMORY) return ATH_OK;
    if (err) *err = problem;
    return status;
}

/* One class folder on its way into the scan. */
struct adding {
    struct ath__photo_scan *scan;
    int                     name;
    bool                    any, wanted;
};

static ath_status add_file(void *context, const char *path, ath_error *err) {
    struct adding *adding = context;
    adding->any = true;
    return adding->wanted ? ath__photo_scan_add(adding->scan, path, adding->name, err) : ATH_OK;
}

ath_status ath__photo_scan_folder(struct ath__photo_scan *scan, const char *folder, unsigned part, bool wanted,
                                  ath_error *err) {
    struct listing listing;
    char           path[ATH_PATH_MAX];
    ath_status     status = list_folder(folder, &listing, err);
    for (int i = 0; i < listing.count && status == ATH_OK; i++) {
        struct adding adding = {.scan = scan, .wanted = wanted};
        status = ath__path_join(path, folder, listing.entries[i].name, err);
        if (status != ATH_OK) break;
        if (!listing.entries[i].folder) {
            scan->loose += wanted && ath__photo_has_ending(path);
            continue;
        }
        status = ath__photo_scan_name(scan, listing.entries[i].name, &adding.name, err);
        if (status == ATH_OK) status = ath__photo_walk(path, add_file, &adding, err);
        if (status == ATH_OK && adding.any) scan->names[adding.name].parts |= part;
    }
    free_listing(&listing);
    return status;
}
