/* CIFAR-10 and CIFAR-100: 50,000 training and 10,000 test photos of 32x32 in colour, in 10 or 100 classes; CIFAR-100's
 * also in 20 groups of five. A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009. The digests
 * are the published ones.
 */
#include "data/cifar.h"

static const char *const cifar10_names[] = {"airplane", "automobile", "bird",  "cat",  "deer",
                                            "dog",      "frog",       "horse", "ship", "truck"};

static const char *const coarse_names[] = {
    "aquatic_mammals",
    "fish",
    "flowers",
    "food_containers",
    "fruit_and_vegetables",
    "household_electrical_devices",
    "household_furniture",
    "insects",
    "large_carnivores",
    "large_man-made_outdoor_things",
    "large_natural_outdoor_scenes",
    "large_omnivores_and_herbivores",
    "medium_mammals",
    "non-insect_invertebrates",
    "people",
    "reptiles",
    "small_mammals",
    "trees",
    "vehicles_1",
    "vehicles_2",
};

static const char *const fine_names[] = {
    "apple",      "aquarium_fish", "baby",         "bear",       "beaver",      "bed",         "bee",
    "beetle",     "bicycle",       "bottle",       "bowl",       "boy",         "bridge",      "bus",
    "butterfly",  "camel",         "can",          "castle",     "caterpillar", "cattle",      "chair",
    "chimpanzee", "clock",         "cloud",        "cockroach",  "couch",       "crab",        "crocodile",
    "cup",        "dinosaur",      "dolphin",      "elephant",   "flatfish",    "forest",      "fox",
    "girl",       "hamster",       "house",        "kangaroo",   "keyboard",    "lamp",        "lawn_mower",
    "leopard",    "lion",          "lizard",       "lobster",    "man",         "maple_tree",  "motorcycle",
    "mountain",   "mouse",         "mushroom",     "oak_tree",   "orange",      "orchid",      "otter",
    "palm_tree",  "pear",          "pickup_truck", "pine_tree",  "plain",       "plate",       "poppy",
    "porcupine",  "possum",        "rabbit",       "raccoon",    "ray",         "road",        "rocket",
    "rose",       "sea",           "seal",         "shark",      "shrew",       "skunk",       "skyscraper",
    "snail",      "snake",         "spider",       "squirrel",   "streetcar",   "sunflower",   "sweet_pepper",
    "table",      "tank",          "telephone",    "television", "tiger",       "tractor",     "train",
    "trout",      "tulip",         "turtle",       "wardrobe",   "whale",       "willow_tree", "wolf",
    "woman",      "worm",
};

const struct ath__cifar_set ath__cifar10_set = {
    .format = {.title = "CIFAR-10", .labels = 1, .of = {{"label", 10}}},
    .name = "cifar10",
    .folder = "cifar-10-batches-bin",
    .archive = "cifar-10-binary.tar.gz",
    .python_folder = "cifar-10-batches-py",
    .python_archive = "cifar-10-python.tar.gz",
    .train = {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin"},
    .test = {"test_batch.bin"},
    .names = {{"batches.meta.txt", cifar10_names}},
};

enum { COARSE, FINE };

const struct ath__cifar_set ath__cifar100_set = {
    .format = {.title = "CIFAR-100",
               .labels = 2,
               .of = {[COARSE] = {"coarse label", 20}, [FINE] = {"fine label", 100}}},
    .name = "cifar100",
    .folder = "cifar-100-binary",
    .archive = "cifar-100-binary.tar.gz",
    .python_folder = "cifar-100-python",
    .python_archive = "cifar-100-python.tar.gz",
    .train = {"train.bin"},
    .test = {"test.bin"},
    .names = {[COARSE] = {"coarse_label_names.txt", coarse_names}, [FINE] = {"fine_label_names.txt", fine_names}},
};

struct cifar100_options {
    struct ath__dataset_common common;
    int64_t                    labels; /* COARSE or FINE */
};

static const struct ath__option cifar10_options[] = {ATH_DATASET_COMMON_OPTIONS, ATH_OPT_END};
static const struct ath__option cifar100_options[] = {
    ATH_DATASET_COMMON_OPTIONS,
    ATH_OPT_CHOICE(struct cifar100_options, labels, "fine", "coarse|fine", "which classes: 100 fine ones or 20 groups"),
    ATH_OPT_END,
};

static ath_status is_cifar10(const char *path, bool *yes, ath_error *err) {
    return ath__cifar_recognise(&ath__cifar10_set, path, yes, err);
}

static ath_status is_cifar100(const char *path, bool *yes, ath_error *err) {
    return ath__cifar_recognise(&ath__cifar100_set, path, yes, err);
}

static ath_status open_cifar10(const void *values, const char *path, ath_split part, struct ath__image_store *store,
                               ath_error *err) {
    (void)values;
    return ath__cifar_open(&ath__cifar10_set, path, part == ATH_SPLIT_TRAIN, 0, store, err);
}

static ath_status open_cifar100(const void *values, const char *path, ath_split part, struct ath__image_store *store,
                                ath_error *err) {
    const struct cifar100_options *chosen = values;
    return ath__cifar_open(&ath__cifar100_set, path, part == ATH_SPLIT_TRAIN, (int)chosen->labels, store, err);
}

static const struct ath__download_file cifar10_files[] = {
    {"cifar-10-binary.tar.gz", "c32a1d4ab5d03f1284b67883e8d87530", NULL, NULL},
    {NULL, NULL, NULL, NULL},
};

static const struct ath__download_file cifar100_files[] = {
    {"cifar-100-binary.tar.gz", "03b5dce01913d631647c71ecec9e9cb8", NULL, NULL},
    {NULL, NULL, NULL, NULL},
};

static const struct ath__download_set cifar10_download = {"cifar10", "https://www.cs.toronto.edu/~kriz", cifar10_files};
static const struct ath__download_set cifar100_download = {"cifar100", "https://www.cs.toronto.edu/~kriz",
                                                           cifar100_files};

const struct ath__dataset_kind ath__dataset_cifar10 = {
    .name = "cifar10",
    .summary = "photos in 10 classes, 50,000 + 10,000 colour images of 32x32",
    .options = cifar10_options,
    .options_size = sizeof(struct ath__dataset_common),
    .download = &cifar10_download,
    .files = "a folder with CIFAR-10's binary files, or their archive",
    .recognise = is_cifar10,
    .open = open_cifar10,
};

const struct ath__dataset_kind ath__dataset_cifar100 = {
    .name = "cifar100",
    .summary = "photos in 100 classes (20 groups: labels=coarse), 50,000 + 10,000 colour images of 32x32",
    .options = cifar100_options,
    .options_size = sizeof(struct cifar100_options),
    .download = &cifar100_download,
    .files = "a folder with CIFAR-100's binary files, or their archive",
    .recognise = is_cifar100,
    .open = open_cifar100,
};
