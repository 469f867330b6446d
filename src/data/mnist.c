/* MNIST and Fashion-MNIST: four IDX files each, 60,000 training and 10,000 test images of 28x28 grey pixels.
 *
 * LeCun, Bottou, Bengio, Haffner, "Gradient-based learning applied to document recognition", Proc. IEEE 86 (1998);
 * Xiao, Rasul, Vollgraf, "Fashion-MNIST", arXiv 1708.07747 (2017). The files may be packed (.gz) or not, and may have a
 * dot where the usual name has a hyphen (train-images.idx3-ubyte). The digests are the published ones.
 */
#include "base/error.h"
#include "base/file.h"
#include "data/dataset.h"
#include "data/idx.h"

#include <stdio.h>

enum { CLASSES = 10 };

static const struct ath__option options[] = {ATH_DATASET_COMMON_OPTIONS, ATH_OPT_END};

/* The path of the images or labels of a part ("train", "t10k"), under whichever of its names the file is there.
 * ATH_DATA, without a message, when it is not there: `path` is then its usual name. */
static ath_status look_for(const char *folder, const char *part, const char *what, int rank, char path[ATH_PATH_MAX],
                           ath_error *err) {
    static const struct {
        char        mark;
        const char *ending;
    } forms[] = {{'-', ""}, {'.', ".gz"}, {'.', ""}, {'-', ".gz"}}; /* the usual name comes last, for the message */
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        char name[64];
        snprintf(name, sizeof name, "%s-%s%cidx%d-ubyte%s", part, what, forms[i].mark, rank, forms[i].ending);
        ATH_TRY(ath__path_join(path, folder, name, err));
        if (ath__file_exists(path)) return ATH_OK;
    }
    return ATH_DATA;
}

static ath_status find_file(const char *folder, const char *set, const char *part, const char *what, int rank,
                            char path[ATH_PATH_MAX], ath_error *err) {
    ath_status status = look_for(folder, part, what, rank, path, err);
    return status == ATH_DATA ? ath__dataset_missing(set, path, " (nor under its name without .gz)", err) : status;
}

/* One of the four files is enough: the messages for the others are then about a set that is not complete. */
static ath_status is_mnist(const char *path, bool *yes, ath_error *err) {
    static const char *const parts[] = {"train", "t10k"};
    char                     file[ATH_PATH_MAX];
    (void)err;
    *yes = false;
    for (int i = 0; i < 2; i++) {
        if (look_for(path, parts[i], "images", 3, file, NULL) == ATH_OK) *yes = true;
        if (look_for(path, parts[i], "labels", 1, file, NULL) == ATH_OK) *yes = true;
    }
    return ATH_OK;
}

static ath_status open_part(const char *set, const char *const *class_names, const char *folder, bool train,
                            struct ath__image_store *store, ath_error *err) {
    char        images[ATH_PATH_MAX], labels[ATH_PATH_MAX];
    const char *part = train ? "train" : "t10k";
    ATH_TRY(find_file(folder, set, part, "images", 3, images, err));
    ATH_TRY(find_file(folder, set, part, "labels", 1, labels, err));
    ATH_TRY(ath__idx_read_pair(images, labels, CLASSES, store, err));
    store->class_names = class_names;
    return ATH_OK;
}

static ath_status open_mnist(const void *values, const char *folder, ath_split part, struct ath__image_store *store,
                             ath_error *err) {
    static const char *const names[CLASSES] = {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"};
    (void)values;
    return open_part("mnist", names, folder, part == ATH_SPLIT_TRAIN, store, err);
}

static ath_status open_fashion(const void *values, const char *folder, ath_split part, struct ath__image_store *store,
                               ath_error *err) {
    static const char *const names[CLASSES] = {"T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
                                               "Sandal",      "Shirt",   "Sneaker",  "Bag",   "Ankle boot"};
    (void)values;
    return open_part("fashion-mnist", names, folder, part == ATH_SPLIT_TRAIN, store, err);
}

static const struct ath__download_file mnist_files[] = {
    {"train-images-idx3-ubyte.gz", "f68b3c2dcbeaaa9fbdd348bbdeb94873", NULL, "6bbc9ace898e44ae57da46a324031adb"},
    {"train-labels-idx1-ubyte.gz", "d53e105ee54ea40749a09fcbcd1e9432", NULL, "a25bea736e30d166cdddb491f175f624"},
    {"t10k-images-idx3-ubyte.gz", "9fb629c4189551a2d022fa330f9573f3", NULL, "2646ac647ad5339dbf082846283269ea"},
    {"t10k-labels-idx1-ubyte.gz", "ec29112dd5afa0611ce80d1b7f02629c", NULL, "27ae3e4e09519cfbb04c329615203637"},
    {NULL, NULL, NULL, NULL},
};

static const struct ath__download_set mnist_download = {"mnist", "https://ossci-datasets.s3.amazonaws.com/mnist",
                                                        mnist_files};

static const struct ath__download_file fashion_files[] = {
    {"train-images-idx3-ubyte.gz", "8d4fb7e6c68d591d4c3dfef9ec88bf0d", NULL, NULL},
    {"train-labels-idx1-ubyte.gz", "25c81989df183df01b3e8a0aad5dffbe", NULL, NULL},
    {"t10k-images-idx3-ubyte.gz", "bef4ecab320f06d8554ea6380940ec79", NULL, NULL},
    {"t10k-labels-idx1-ubyte.gz", "bb300cfdad3c16e7a12a480ee83cd310", NULL, NULL},
    {NULL, NULL, NULL, NULL},
};

static const struct ath__download_set fashion_download = {
    "fashion-mnist", "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com", fashion_files};

const struct ath__dataset_kind ath__dataset_mnist = {
    .name = "mnist",
    .summary = "handwritten digits, 60,000 + 10,000 grey images of 28x28",
    .options = options,
    .options_size = sizeof(struct ath__dataset_common),
    .download = &mnist_download,
    .files = "a folder with IDX files named as MNIST's",
    .recognise = is_mnist,
    .open = open_mnist,
};

const struct ath__dataset_kind ath__dataset_fashion_mnist = {
    .name = "fashion-mnist",
    .summary = "pieces of clothing in 10 classes, 60,000 + 10,000 grey images of 28x28",
    .options = options,
    .options_size = sizeof(struct ath__dataset_common),
    .download = &fashion_download,
    .open = open_fashion,
};
