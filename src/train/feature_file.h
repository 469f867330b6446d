/* Features on disk: one file per view of a split, named by the digest of everything that they follow from.
 *
 * The key is a text (docs/fine-tuning.md lists its parts); the file is <sha256 of the key>.safetensors with the tensor
 * "features" and the metadata "format", "key" and "crc32c". A file that cannot be trusted counts as one that is not
 * there.
 */
#ifndef ATH_TRAIN_FEATURE_FILE_H
#define ATH_TRAIN_FEATURE_FILE_H

#include "athanor/data.h"
#include "athanor/format.h"
#include "base/file.h"
#include "base/str.h"
#include "data/loader.h"
#include "train/network.h"

/* SHA-256 over the bytes of all images in their order, as they are stored: pixels in memory, or files. */
ath_status ath__feature_images_digest(const ath_dataset *dataset, char digest[65], ath_error *err);

/* What features of any view follow from, but for the view: images, preprocessing, and the frozen part of the network
 * with its weights. */
ath_status ath__feature_key(const ath_dataset *dataset, const struct ath__preprocess *preprocess,
                            const struct ath__network *network, struct ath__str *key, ath_error *err);

/* Path of the file for a key in a folder. */
ath_status ath__feature_path(const char *folder, const char *key, char path[ATH_PATH_MAX], ath_error *err);

enum ath__feature_find { ATH_FEATURES_MISSING, ATH_FEATURES_FOUND, ATH_FEATURES_BROKEN };

/* Maps the file of `key` for `count` images of `shape` (1, ...). Found: *file is the caller's to free. Broken: `why`
 * says what is wrong. */
enum ath__feature_find ath__feature_load(const char *path, const char *key, int64_t count, const ath_shape *shape,
                                         ath_tensor_file *file, char why[256]);

ath_status ath__feature_save(const char *path, const char *key, int64_t count, const ath_shape *shape,
                             const float *features, ath_error *err);

#endif
