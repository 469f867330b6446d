/* Inside a data set: what a kind (digits, mnist ...) has to say about itself, and the images it hands over.
 *
 * A kind is one file and one line of dataset_list.h. It fills an image store with one part of the set (the training or
 * the test images); data/dataset.c does the rest: options, hold-out, reading, the catalogue.
 */
#ifndef ATH_DATA_DATASET_H
#define ATH_DATA_DATASET_H

#include "athanor/data.h"
#include "base/arena.h"
#include "base/file.h"
#include "base/option.h"
#include "base/str.h"
#include "data/picture.h"

/* Options that every kind takes; the first member of a kind's own option struct, the first rows of its table. */
struct ath__dataset_common {
    double  holdout;      /* 0: none; a whole number: the last images; a fraction: drawn by class */
    int64_t holdout_seed; /* of the draw by class */
    int64_t bad_images;   /* ATH_BAD_STOP ...: of images in files */
};
enum { ATH_BAD_STOP, ATH_BAD_SKIP, ATH_BAD_KEEP };
#define ATH_DATASET_COMMON_OPTIONS                                                                                     \
    {"holdout",                                                                                                        \
     "training images kept back for validation: a number of them (the last ones) or a fraction, drawn by class",       \
     ATH_OPTION_REAL,                                                                                                  \
     offsetof(struct ath__dataset_common, holdout),                                                                    \
     "0",                                                                                                              \
     NULL,                                                                                                             \
     0,                                                                                                                \
     1e9},                                                                                                             \
        {"holdout_seed",                                                                                               \
         "seed of the draw when holdout is a fraction",                                                                \
         ATH_OPTION_INT,                                                                                               \
         offsetof(struct ath__dataset_common, holdout_seed),                                                           \
         "1",                                                                                                          \
         NULL,                                                                                                         \
         0,                                                                                                            \
         9e15},                                                                                                        \
    {                                                                                                                  \
        "bad_images",                                                                                                  \
            "files that are no images or broken: stop at the first, leave them out, or keep all files unseen",         \
            ATH_OPTION_CHOICE, offsetof(struct ath__dataset_common, bad_images), "stop", "stop|skip|keep", 0, 0        \
    }

enum { ATH_MAX_CLASSES = 100000 };

/* Labelled images: of one size and all in memory, or each in a file of its own and of any size. */
struct ath__image_store {
    int64_t            count;
    int                channels, height, width; /* of every image; height and width 0 for images in files */
    int                classes;
    const char *const *class_names; /* a constant table, in `names` or in `texts` */
    void              *names;       /* class names that were read from a file; NULL if none were; ath__free */
    unsigned char     *pixels;      /* (count, channels, height, width); NULL for images in files; ath__free */
    const char       **paths;       /* (count) files, in `texts`; NULL for images in memory; ath__free */
    int32_t           *labels;      /* (count); ath__free */

    struct ath__arena  texts;
    const char *const *class_titles; /* (classes) names for people; NULL = the class names; in `texts` */
    const int         *class_groups; /* (classes) group of each class, -1 = none; NULL = no groups; in `texts` */
    const char *const *group_names;  /* (groups), in `texts` */
    int                groups;
    int64_t            skipped; /* files left out because they are no images or broken */
    struct ath__str    remarks; /* what is odd about the set, one remark a line */
};
void ath__image_store_free(struct ath__image_store *store);
/* Grey images in memory become images of three equal colours. The store is freed after a failure. */
ath_status ath__image_store_colour(struct ath__image_store *store, ath_error *err);

struct ath_dataset {
    char                    name[ATH_PATH_MAX];
    ath_split               split;
    uint64_t                held_out;
    struct ath__image_store store;
};

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
     * holds the set's files or what `recognise` said yes to; it is empty for a generated set. `part` is the part wanted;
     * a set of two parts takes validation images from its test images. */
    ath_status (*open)(const void *options, const char *path, ath_split part, struct ath__image_store *store,
                       ath_error *err);
    bool nameless; /* known by paths alone: it has no place in the catalogue */
};

/* A data set of images that are there already: `store` is taken, also after a failure, and its class names borrowed. */
ath_status ath__dataset_wrap(const char *name, ath_split split, struct ath__image_store *store, ath_dataset **dataset,
                             ath_error *err);

/* Gives the images the numbers that their classes have in `names` (count of them). ATH_DATA where an image's class is not
 * among them. */
ath_status ath__dataset_relabel(ath_dataset *dataset, const char *const *names, int count, ath_error *err);

/* Leaves the images that data.holdout keeps back out of `store` (train), or keeps them alone; *held_out: how many. */
ath_status ath__hold_out(struct ath__image_store *store, const struct ath__dataset_common *common, bool train,
                         uint64_t *held_out, ath_error *err);

/* The image where it lies in memory, (channels, height, width); NULL if it has to be read from a file. */
const unsigned char *ath__dataset_pixels(const ath_dataset *dataset, int64_t index);

/* The image in whichever way is cheapest: where it lies in memory, or decoded into the picture's block. A file may be
 * decoded at a reduced size, as long as no side becomes shorter than `least` pixels; 0: at its full size. ATH_DATA, with
 * the file's name, for a broken one. Thread-safe, one picture per thread. */
ath_status ath__dataset_view(const ath_dataset *dataset, int64_t index, int least, struct ath__picture *picture,
                             ath_error *err);

/* The file that an image lies in; NULL for one in memory. */
const char *ath__dataset_path(const ath_dataset *dataset, int64_t index);

/* Shows every image, at its full size, to `visit`. The images are split into chunks by their number alone; chunks run at
 * the same time on several threads, each in order on one. */
enum { ATH_DATASET_CHUNKS = 16 };
typedef void (*ath__visit_fn)(const struct ath__picture *picture, int64_t index, int chunk, void *context);
ath_status ath__dataset_visit(const ath_dataset *dataset, ath__visit_fn visit, void *context, ath_error *err);

/* The messages for a folder or file of a named set that is not there. `path` is what was looked for, `forms` what would
 * have done as well (" (nor ...)"). */
ath_status ath__dataset_missing(const char *name, const char *path, const char *forms, ath_error *err);

/* Downloads what is not complete yet into `folder`. ATHANOR_MIRROR=BASE takes the files from BASE/NAME/FILE instead. */
ath_status ath__download_set(const struct ath__download_set *set, const char *folder, ath_download_fn progress,
                             void *context, ath_error *err);

#endif
