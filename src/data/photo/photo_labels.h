/* labels.txt: what the classes of a photo set are called, and which groups they belong to.
 *
 *     Recyclable: 00                 a group, since other codes begin with 00_
 *     plastic bottle: 00_00          the class whose folder is 00_00
 *
 * Blank lines and lines that begin with # mean nothing; the colon may be the full-width one. Code and title may stand the
 * other way round, if the codes are then the classes' names. Or YAML (labels.yaml):
 *
 *     00_00: {name: plastic bottle, group: Recyclable}
 *     00_01: hat
 */
#ifndef ATH_DATA_PHOTO_LABELS_H
#define ATH_DATA_PHOTO_LABELS_H

#include "data/dataset.h"

struct ath__label {
    const char *code, *title;
    const char *group; /* title of its group; NULL = none */
};

struct ath__label_list {
    struct ath__label *items; /* in the order of the file, groups among them */
    int                count;
};

/* Reads the text; `name` stands for the file in messages. `class_names` (count entries, sorted or not) tell which side of
 * a line is the code. ATH_DATA with the line for what is faulty. */
ath_status ath__labels_parse(struct ath__arena *arena, const char *name, const char *text, size_t size,
                             const char *const *class_names, int classes, struct ath__label_list *list, ath_error *err);
/* The same in YAML. */
ath_status ath__labels_parse_yaml(struct ath__arena *arena, const char *name, const char *text, size_t size,
                                  struct ath__label_list *list, ath_error *err);

/* Gives the classes of `store` their titles and groups, from the file at `path`: YAML if its name ends so. What does not
 * fit is said in the store's remarks; ATH_DATA if nothing fits. */
ath_status ath__labels_apply(const char *path, struct ath__image_store *store, ath_error *err);

#endif
