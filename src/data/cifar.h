/* CIFAR-10 and CIFAR-100: what differs between the two, and reading either from files or an archive. */
#ifndef ATH_DATA_CIFAR_H
#define ATH_DATA_CIFAR_H

#include "data/archive.h"
#include "data/cifar_records.h"
#include "data/dataset.h"

enum { ATH_CIFAR_MOST_FILES = 5 };

struct ath__cifar_set {
    struct ath__cifar_format format;
    const char              *name;    /* "cifar10" */
    const char              *folder;  /* that the archive unpacks to */
    const char              *archive; /* of the binary version */
    const char              *python_folder, *python_archive;
    const char              *train[ATH_CIFAR_MOST_FILES + 1], *test[2]; /* files, in order; ended by NULL */
    struct {
        const char        *file;  /* a class name a line */
        const char *const *known; /* the published ones, where that file is missing or broken */
    } names[ATH_CIFAR_MOST_LABELS];
};

extern const struct ath__cifar_set ath__cifar10_set, ath__cifar100_set;

/* Is the path, which exists, a folder with files of the set or an archive of them? */
ath_status ath__cifar_recognise(const struct ath__cifar_set *set, const char *path, bool *yes, ath_error *err);

/* Reads the training or test images with one of their labels from wherever `path` has them. Fills all of `store`. */
ath_status ath__cifar_open(const struct ath__cifar_set *set, const char *path, bool train, int labelling,
                           struct ath__image_store *store, ath_error *err);

/* The same from an archive, whose members may lie in any order; reads it to its end. */
ath_status ath__cifar_read_archive(const struct ath__cifar_set *set, struct ath__archive *archive, bool train,
                                   int labelling, struct ath__image_store *store, ath_error *err);

#endif
