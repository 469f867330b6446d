/* Inside a data set: what a kind (digits, mnist ...) has to say about itself, and the images it hands over.
 *
 * A kind is one file and one line of dataset_list.h. It fills an image store with one part of the set (the training or
 * the test images); data/dataset.c does the rest: options, hold-out, reading, the catalogue.
 */
#ifndef ATH_DATA_DATASET_H
#define ATH_DATA_DATASET_H

#include "athanor/data.h"
#include "base/option.h"

/* Options that every kind takes; the first member of a kind's own option struct, the first rows of its table. */
struct ath__dataset_common {
    double  holdout;      /* 0: none; a whole number: the last images; a fraction: drawn by class */
    int64_t holdout_seed; /* of the draw by class */
};
#define ATH_DATASET_COMMON_OPTIONS                                                                                     \
    {"holdout",                                                                                                        \
     "training images kept back for validation: a number of them (the last ones) or a fraction, drawn by class",       \
     ATH_OPTION_REAL,                                                                                                  \
     offsetof(struct ath__dataset_common, holdout),                                                                    \
     "0",                                                                                                              \
     NULL,                                                                                                             \
     0,                                                                                                                \
     1e9},                                                                                                             \
    {                                                                                                                  \
        "holdout_seed", "seed of the draw when holdout is a fraction", ATH_OPTION_INT,                                 \
            offsetof(struct ath__dataset_common, holdout_seed), "1", NULL, 0, 9e15                                     \
    }

enum { ATH_MAX_CLASSES = 100000 };

/* Images of one size, all in memory. */
struct ath__image_store {
    int64_t            count;
    int                channels, height, width;
    int                classes;
    const char *const *class_names; /* a constant table, or in `names` */
    void              *names;       /* class names that were read from a file; NULL if none were; ath__free */
    unsigned char     *pixels;      /* (count, channels, height, width); ath__free */
    int32_t           *labels;      /* (count); ath__free */
};
void ath__image_store_free(struct ath__image_store *store);

/* One file to download, with its published digest. */
struct ath__download_file {
    const char *name;        /* NULL ends a list */
    const char *md5;         /* of the file, hexadecimal; or NULL */
    const char *sha256;      /* of the file, hexadecimal; or NULL */
    const char *content_md5; /* of what is inside the .gz: a file that was packed anew counts as complete; or NULL */
};
struct ath__download_set {
    const char                      *name;
    const char                      *base; /* address that the file names are appended to */
    const struct ath__download_file *files;
};

struct ath__dataset_kind {
    const char                     *name, *summary;
    const struct ath__option       *options;
    size_t                          options_size;
    const struct ath__download_set *download; /* NULL: generated, nothing to get */
    /* What data=PATH may name to be taken for this kind ("a folder with ..."), and whether `path`, which exists, is
     * such a thing: told by names and, of an archive, by what is in it. NULL: the kind is known by its name alone. Fails
     * for want of memory or a library, not for a path of another kind. */
    const char *files;
    ath_status (*recognise)(const char *path, bool *yes, ath_error *err);
    /* Fills `store`, which is zeroed before and freed by the caller also after a failure. `path` is the folder that
     * holds the set's files or what `recognise` said yes to; it is empty for a generated set. */
    ath_status (*open)(const void *options, const char *path, bool train, struct ath__image_store *store,
                       ath_error *err);
};

/* A data set of images that are there already: `store` is taken, also after a failure, and its class names borrowed. */
ath_status ath__dataset_wrap(const char *name, ath_split split, struct ath__image_store *store, ath_dataset **dataset,
                             ath_error *err);

/* The image where it lies in memory, (channels, height, width); NULL if the set has to be read from files. */
const unsigned char *ath__dataset_pixels(const ath_dataset *dataset, int64_t index);

/* Shows every image to `visit`. The images are split into chunks by their number alone; chunks run at the
 * same time on several threads, each in order on one. */
enum { ATH_DATASET_CHUNKS = 16 };
typedef void (*ath__visit_fn)(const unsigned char *pixels, int64_t index, int chunk, void *context);
ath_status ath__dataset_visit(const ath_dataset *dataset, ath__visit_fn visit, void *context, ath_error *err);

/* The messages for a folder or file of a named set that is not there. `path` is what was looked for, `forms` what would
 * have done as well (" (nor ...)"). */
ath_status ath__dataset_missing(const char *name, const char *path, const char *forms, ath_error *err);

/* Downloads what is not complete yet into `folder`. ATHANOR_MIRROR=BASE takes the files from BASE/NAME/FILE instead. */
ath_status ath__download_set(const struct ath__download_set *set, const char *folder, ath_download_fn progress,
                             void *context, ath_error *err);

#endif
