/* Data sets: labelled images, opened by name or path, and the batches made from them.
 *
 * Named sets lie under $ATHANOR_DATA/NAME, or in the user's cache folder ($XDG_CACHE_HOME/athanor or ~/.cache/athanor)
 * when ATHANOR_DATA is not set; `digits` is generated and needs no files.
 */
#ifndef ATHANOR_DATA_H
#define ATHANOR_DATA_H

#include "athanor/tensor.h"

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ath_dataset ath_dataset;

typedef enum ath_split {
    ATH_SPLIT_TRAIN, /* training images, less those held out */
    ATH_SPLIT_VAL,   /* what epochs are judged by: the held-out images if any, else the set's own test part */
    ATH_SPLIT_TEST,  /* the set's own test part */
} ath_split;

typedef struct ath_dataset_info {
    const char        *name;
    ath_split          split;
    int64_t            count;
    int                channels;
    int                height, width; /* of each image as read, before resizing; 0 where sizes differ (photos) */
    int                classes;
    const char *const *class_names; /* classes entries, UTF-8; owned by the data set, as all that follows */
    uint64_t           held_out;    /* training images kept back by data.holdout */

    const char *const *class_titles; /* classes entries: names for people (labels.txt), else the class names */
    const int         *class_groups; /* classes entries: which group a class belongs to, -1 = none; NULL = no groups */
    const char *const *group_names;  /* groups entries */
    int                groups;
    int64_t            skipped; /* files left out by bad_images=skip */
    const char        *remarks; /* what is odd about the set in plain words, one remark a line; "" = nothing */
} ath_dataset_info;

/* A key=value option (`holdout=5000`), keys without the `data.` prefix. */
typedef struct ath_option_pair {
    const char *key, *value;
} ath_option_pair;

/* Opens one split of the set `name`: a name of the catalogue, or the path of a folder or archive (docs/data.md). Errors:
 * ATH_USAGE (unknown set or option; suggests), ATH_DATA (missing, broken; says where it looked and how to get it). The
 * data set is the caller's to close. */
ATH_API ath_status ath_dataset_open(const char *name, ath_split split, const ath_option_pair *options, int option_count,
                                    ath_dataset **dataset, ath_error *err);
ATH_API void       ath_dataset_close(ath_dataset *dataset);
ATH_API ath_dataset_info ath_dataset_describe(const ath_dataset *dataset);

/* The size of image `index`: of photos, from the file's header, turned upright as ath_dataset_read does. Thread-safe. */
ATH_API ath_status ath_dataset_size(const ath_dataset *dataset, int64_t index, int *height, int *width, ath_error *err);
ATH_API ath_status ath_dataset_label(const ath_dataset *dataset, int64_t index, int *label, ath_error *err);

/* Copies image `index` as u8 (channels, height, width; ath_dataset_size) and its label; either may be NULL.
 * Thread-safe. */
ATH_API ath_status ath_dataset_read(const ath_dataset *dataset, int64_t index, unsigned char *pixels, int *label,
                                    ath_error *err);

/* The catalogue, for `athanor data list` and `--help`: entry i, or false past the end. */
typedef struct ath_dataset_entry {
    const char *name, *summary;
    bool        downloadable;
} ath_dataset_entry;
ATH_API bool ath_dataset_catalogue(int i, ath_dataset_entry *entry);

/* Where a named set lies or would lie (capacity at least 1024). */
ATH_API ath_status ath_dataset_folder(const char *name, char *path, size_t capacity, ath_error *err);

/* Downloads and verifies a named set; resumes partial files; skips complete ones. `progress` may be NULL; it returns
 * false to stop. The environment variable ATHANOR_MIRROR replaces the base address. */
typedef bool (*ath_download_fn)(const char *file, uint64_t done, uint64_t total, void *context);
ATH_API ath_status ath_dataset_download(const char *name, ath_download_fn progress, void *context, ath_error *err);

/* Per-channel mean and standard deviation of the pixels scaled to [0,1], class counts, duplicates. */
typedef struct ath_dataset_stats {
    double   mean[4], deviation[4];
    int64_t *class_counts; /* classes entries; freed by ath_dataset_stats_free */
    int64_t  duplicates;   /* images whose bytes equal an earlier one's */
    int64_t  conflicts;    /* of those, with another label than the earlier one */
} ath_dataset_stats;
ATH_API ath_status ath_dataset_measure(const ath_dataset *dataset, ath_dataset_stats *stats, ath_error *err);
ATH_API void       ath_dataset_stats_free(ath_dataset_stats *stats);

/* Images of `second` that are byte for byte images of `first` as well; with first == second, that repeat an earlier one.
 * Images of different sizes are never equal. Two passes over the images in memory: some 50 ms for CIFAR-10. */
typedef struct ath_duplicates {
    int64_t images;        /* of `second` */
    int64_t conflicts;     /* of those, with another label than the first equal one in `first` */
    int64_t first, second; /* positions of one such pair, -1 if there is none */
} ath_duplicates;
ATH_API ath_status ath_dataset_compare(const ath_dataset *first, const ath_dataset *second, ath_duplicates *found,
                                       ath_error *err);

/* A look at a whole data set, every image decoded once: what is broken, what occurs twice, how classes and sizes are
 * distributed. Texts belong to the check. */
typedef struct ath_check_image {
    const char *path; /* the file, or "train[17]" */
    const char *part; /* "train", "val", "test" */
    int         label;
} ath_check_image;

/* A file that cannot be read, is no image or is broken. */
typedef struct ath_check_fault {
    ath_check_image image;
    const char     *problem;
} ath_check_fault;

/* Two images that are the same, byte for byte (distance 0), or look so: fingerprints of 128 bits that differ in
 * `distance` of them. Of a group of equal images, the first with each of the others. */
typedef struct ath_check_pair {
    ath_check_image first, second;
    int             distance;
} ath_check_pair;

typedef struct ath_check_part {
    const char *name;
    int64_t     images, broken;
    int64_t    *class_counts; /* classes entries, broken ones not counted */
    int         least_height, least_width, most_height, most_width;
} ath_check_part;

enum { ATH_CHECK_PARTS = 3, ATH_CHECK_DISTANCE = 6 };
typedef struct ath_data_check {
    int                part_count;
    ath_check_part     parts[ATH_CHECK_PARTS];
    int                classes;
    const char *const *class_names, *const *class_titles;
    ath_check_fault *faults;
    int64_t          fault_count;
    ath_check_pair  *copies, *similar; /* at most 10,000 of each are listed */
    int64_t          copy_count, similar_count;
    /* Groups of images that are the same; of these, those with images in several parts, and under several labels. */
    int64_t     copy_groups, groups_across, groups_in_conflict;
    int64_t     similar_across; /* pairs of different parts */
    bool        compared;       /* similar pictures were looked for: there are no more than 100,000 images */
    const char *remarks;        /* of the data set, one a line */
    void       *memory;
} ath_data_check;

/* Opens every part of the set and looks at all its images. The check is the caller's to free, also after a failure. */
ATH_API ath_status ath_dataset_check(const char *name, const ath_option_pair *options, int option_count,
                                     ath_data_check *check, ath_error *err);
ATH_API void       ath_dataset_check_free(ath_data_check *check);

/* The random transforms of augment=[...], for help: transform i and its argument k, or false past the end. Arguments
 * without a name are taken in this order. */
typedef struct ath_transform_entry {
    const char *name, *summary;
} ath_transform_entry;
typedef struct ath_transform_argument {
    const char *name, *summary, *fallback;
    char        allowed[128];
} ath_transform_argument;
ATH_API bool ath_transform_catalogue(int i, ath_transform_entry *entry);
ATH_API bool ath_transform_argument_at(int i, int k, ath_transform_argument *argument);

#ifdef __cplusplus
}
#endif
#endif
