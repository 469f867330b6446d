/* Photos: folders of class folders, or list files.
 *
 *     FOLDER/train/CLASS/... and FOLDER/val/CLASS/... (also valid, validation; test)
 *     FOLDER/CLASS/...                                 with data.holdout=0.1
 *     FOLDER/train.txt and FOLDER/val.txt, or data.train=LIST data.val=LIST (photo_list.c)
 *
 * Classes are matched by name: they are the names that have photos in any part, sorted, so a photo has the same label in
 * every part. Names that are whole numbers in list files are sorted as numbers, since there they are mostly positions.
 */
#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "data/dataset.h"
#include "data/photo/photo_check.h"
#include "data/photo/photo_labels.h"
#include "data/photo/photo_scan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { PARTS = 3, NAMES_SHOWN = 5 };

struct options {
    struct ath__dataset_common common;
    int64_t                    channels;
    char                       train[ATH_OPTION_TEXT_SIZE], val[ATH_OPTION_TEXT_SIZE], test[ATH_OPTION_TEXT_SIZE];
    char                       labels[ATH_OPTION_TEXT_SIZE];
};

static const struct ath__option table[] = {
    ATH_DATASET_COMMON_OPTIONS,
    ATH_OPT_INT_OF(struct options, channels, "3", "1|3", "3 = colour, 1 = grey"),
    ATH_OPT_TEXT(struct options, train, "", "training photos: a list file or a folder of class folders"),
    ATH_OPT_TEXT(struct options, val, "", "validation photos, likewise"),
    ATH_OPT_TEXT(struct options, test, "", "test photos, likewise"),
    ATH_OPT_TEXT(struct options, labels, "",
                 "titles and groups of the classes: a file, none, or empty for labels.txt beside the folders"),
    ATH_OPT_END,
};

/* ---- where the parts lie ----------------------------------------------------------------------------------------- */

/* The folder or list file of each part; "" = the set has none. */
struct layout {
    char path[PARTS][ATH_PATH_MAX];
};

static bool is_there(const char *path) {
    return ath__file_exists(path) || ath__folder_exists(path);
}

static bool find_below(const char *folder, const char *const *names, char path[ATH_PATH_MAX]) {
    for (; *names; names++)
        if (ath__path_join(path, folder, *names, NULL) == ATH_OK && is_there(path)) return true;
    path[0] = '\0';
    return false;
}

/* What data.train= and its like name: a path as it stands, or one below the set's folder. */
static ath_status find_given(const char *root, const char *key, const char *given, char path[ATH_PATH_MAX],
                             ath_error *err) {
    if (!*given) return ATH_OK;
    const char *const names[] = {given, NULL};
    if (*given != '/' && find_below(root, names, path)) return ATH_OK;
    ath__str_copy(path, ATH_PATH_MAX, given);
    if (is_there(path)) return ATH_OK;
    return ath__fail(err, ATH_DATA, key, "%s=%s: there is no such file or folder, here or in '%s'", key, given, root);
}

static ath_status find_parts(const struct options *options, const char *root, struct layout *layout, ath_error *err) {
    static const char *const folders[PARTS][4] = {
        {"train", NULL}, {"val", "valid", "validation", NULL}, {"test", NULL}};
    static const char *const lists[PARTS][4] = {
        {"train.txt", NULL}, {"val.txt", "valid.txt", "validation.txt", NULL}, {"test.txt", NULL}};
    memset(layout, 0, sizeof *layout);
    if (ath__file_exists(root)) {
        ath__str_copy(layout->path[ATH_SPLIT_TRAIN], ATH_PATH_MAX, root);
    } else {
        for (int p = 0; p < PARTS; p++)
            if (!find_below(root, folders[p], layout->path[p])) find_below(root, lists[p], layout->path[p]);
        if (!layout->path[ATH_SPLIT_TRAIN][0] && !layout->path[ATH_SPLIT_VAL][0])
            ath__str_copy(layout->path[ATH_SPLIT_TRAIN], ATH_PATH_MAX, root);
    }
    ATH_TRY(find_given(root, "data.train", options->train, layout->path[ATH_SPLIT_TRAIN], err));
    ATH_TRY(find_given(root, "data.val", options->val, layout->path[ATH_SPLIT_VAL], err));
    return find_given(root, "data.test", options->test, layout->path[ATH_SPLIT_TEST], err);
}

/* The part that answers for `part`: validation and test photos stand for each other where only one of them exists. */
static ath_status choose_part(const struct layout *layout, const char *root, ath_split part, ath_split *chosen,
                              ath_error *err) {
    ath_split other = part == ATH_SPLIT_VAL ? ATH_SPLIT_TEST : ATH_SPLIT_VAL;
    *chosen = part;
    if (layout->path[part][0]) return ATH_OK;
    if (part == ATH_SPLIT_TRAIN) return ath__fail(err, ATH_DATA, root, "'%s' has no training photos (train/)", root);
    *chosen = other;
    if (layout->path[other][0]) return ATH_OK;
    return ath__fail(err, ATH_DATA, "data.holdout",
                     "'%s' has no validation photos (val/, valid/, validation/ or test/): keep some of the training "
                     "photos back with data.holdout=0.1, or name others with data.val=",
                     root);
}

/* ---- classes ----------------------------------------------------------------------------------------------------- */

static int by_text(const void *a, const void *b) {
    return strcmp(((const struct ath__photo_class *)a)->name, ((const struct ath__photo_class *)b)->name);
}

static int by_number(const void *a, const void *b) {
    const char *x = ((const struct ath__photo_class *)a)->name, *y = ((const struct ath__photo_class *)b)->name;
    size_t      m = strlen(x), n = strlen(y);
    return m != n ? (m < n ? -1 : 1) : strcmp(x, y);
}

static bool are_numbers(const struct ath__photo_scan *scan) {
    for (int i = 0; i < scan->name_count; i++) {
        const char *name = scan->names[i].name;
        if (strspn(name, "0123456789") != strlen(name) || (name[0] == '0' && name[1])) return false;
    }
    return true;
}

/* "'a', 'b' and 7 more": the classes for which `pick` says yes. */
static int list_classes(const struct ath__photo_class *classes, int count, unsigned mask, unsigned parts,
                        struct ath__str *text) {
    int found = 0;
    for (int c = 0; c < count; c++) {
        if ((classes[c].parts & mask) != parts) continue;
        if (found++ < NAMES_SHOWN) ath__str_printf(text, "%s'%s'", found > 1 ? ", " : "", classes[c].name);
    }
    if (found > NAMES_SHOWN) ath__str_printf(text, " and %d more", found - NAMES_SHOWN);
    return found;
}

static void remark_missing(const struct ath__photo_class *classes, int count, const struct layout *layout,
                           struct ath__str *remarks) {
    static const unsigned train = 1u << ATH_SPLIT_TRAIN, judged = 1u << ATH_SPLIT_VAL | 1u << ATH_SPLIT_TEST;
    struct ath__str       names = {0};
    if (!layout->path[ATH_SPLIT_VAL][0] && !layout->path[ATH_SPLIT_TEST][0]) return;
    int unlearnt = list_classes(classes, count, train, 0, &names);
    if (unlearnt > 0)
        ath__str_printf(remarks, "%s %s validation photos but no training photos: %s cannot be learnt\n",
                        ath__str_text(&names), unlearnt == 1 ? "has" : "have", unlearnt == 1 ? "it" : "they");
    ath__str_free(&names);
    int unjudged = 0;
    for (int c = 0; c < count; c++) {
        if (classes[c].parts & judged) continue;
        if (unjudged++ < NAMES_SHOWN) ath__str_printf(&names, "%s'%s'", unjudged > 1 ? ", " : "", classes[c].name);
    }
    if (unjudged > NAMES_SHOWN) ath__str_printf(&names, " and %d more", unjudged - NAMES_SHOWN);
    if (unjudged > 0)
        ath__str_printf(remarks, "%s %s training photos but no validation photos: nothing tells how well %s learnt\n",
                        ath__str_text(&names), unjudged == 1 ? "has" : "have", unjudged == 1 ? "it is" : "they are");
    ath__str_free(&names);
}

static void remark_case(const struct ath__photo_class *classes, int count, struct ath__str *remarks) {
    for (int i = 0; i < count; i++)
        for (int k = i + 1; k < count && count <= 4096; k++)
            if (strcasecmp(classes[i].name, classes[k].name) == 0)
                ath__str_printf(remarks, "'%s' and '%s' differ only in case: they are two classes here\n",
                                classes[i].name, classes[k].name);
}

/* Sorts the names that have photos into store->class_names; `order` becomes the label of each name, -1 = none. */
static ath_status make_classes(struct ath__photo_scan *scan, const struct layout *layout, bool numbers,
                               struct ath__image_store *store, int *order, ath_error *err) {
    struct ath__photo_class *sorted = ATH_NEW_ARRAY(struct ath__photo_class, scan->name_count);
    const char             **names = ATH_ARENA_ARRAY(&store->texts, const char *, scan->name_count);
    ath_status               status = ATH_OK;
    struct ath__str          empty = {0};
    if (!sorted || !names) {
        status = ath__fail_memory(err, "data");
        goto done;
    }
    int kept = 0, blank = list_classes(scan->names, scan->name_count, ~0u, 0, &empty);
    for (int i = 0; i < scan->name_count; i++)
        if (scan->names[i].parts) sorted[kept++] = scan->names[i];
    if (blank > 0)
        ath__str_printf(&store->remarks, "%s %s empty: no class\n", ath__str_text(&empty),
                        blank == 1 ? "is a folder that is" : "are folders that are");
    qsort(sorted, (size_t)kept, sizeof *sorted, numbers && are_numbers(scan) ? by_number : by_text);
    for (int c = 0; c < kept; c++) {
        int position;
        names[c] = sorted[c].name;
        ATH_TRY_DONE(ath__photo_scan_name(scan, sorted[c].name, &position, err));
        order[position] = c;
    }
    store->class_names = names;
    store->classes = kept;
    remark_missing(sorted, kept, layout, &store->remarks);
    remark_case(sorted, kept, &store->remarks);
done:
    ath__str_free(&empty);
    ath__free(sorted);
    return status;
}

static ath_status check_classes(const struct ath__image_store *store, const char *root, ath_error *err) {
    if (store->classes == 0)
        return ath__fail(
            err, ATH_DATA, root,
            "there are no photos in '%s': it should hold train/ and val/ with one folder per class, or one "
            "folder per class",
            root);
    if (store->classes == 1)
        return ath__fail(err, ATH_DATA, root,
                         "'%s' has only one class, '%s': a classifier needs two or more folders of photos", root,
                         store->class_names[0]);
    return ATH_OK;
}

/* Titles and groups from data.labels=, or from labels.txt in the set's folder. */
static ath_status read_labels(const struct options *options, const char *root, struct ath__image_store *store,
                              ath_error *err) {
    static const char *const usual[] = {"labels.txt", "labels.yaml", "labels.yml", NULL};
    char                     path[ATH_PATH_MAX] = "";
    if (strcmp(options->labels, "none") == 0) return ATH_OK;
    if (!*options->labels)
        find_below(root, usual, path);
    else
        ATH_TRY(find_given(root, "data.labels", options->labels, path, err));
    if (!*path) return ATH_OK;
    if (*options->labels) return ath__labels_apply(path, store, err);
    ath_error  problem = {.code = ATH_OK};
    ath_status status = ath__labels_apply(path, store, &problem); /* nobody asked for it: no reason to stop */
    if (status == ATH_DATA)
        ath__str_printf(&store->remarks, "titles of the classes are not used: %s\n", problem.message);
    if (status != ATH_OK && status != ATH_DATA && err) *err = problem;
    return status == ATH_DATA ? ATH_OK : status;
}

/* ---- opening ----------------------------------------------------------------------------------------------------- */

static ath_status scan_parts(const struct layout *layout, ath_split wanted, struct ath__photo_scan *scan,
                             bool *all_lists, ath_error *err) {
    *all_lists = true;
    for (int p = 0; p < PARTS; p++) {
        const char *path = layout->path[p];
        if (!*path) continue;
        bool folder = ath__folder_exists(path);
        *all_lists = *all_lists && !folder;
        ATH_TRY(folder ? ath__photo_scan_folder(scan, path, 1u << p, p == (int)wanted, err)
                       : ath__photo_scan_list(scan, path, 1u << p, p == (int)wanted, err));
    }
    return ATH_OK;
}

static ath_status take_photos(const struct ath__photo_scan *scan, const int *order, struct ath__image_store *store,
                              ath_error *err) {
    store->paths = ATH_NEW_ARRAY(const char *, scan->count);
    store->labels = ATH_NEW_ARRAY(int32_t, scan->count);
    if (!store->paths || !store->labels) return ath__fail_memory(err, "data");
    for (int64_t i = 0; i < scan->count; i++) {
        store->paths[i] = scan->photos[i].path;
        store->labels[i] = order[scan->photos[i].name];
    }
    store->count = scan->count;
    return ATH_OK;
}

static ath_status open_photos(const void *values, const char *path, ath_split part, struct ath__image_store *store,
                              ath_error *err) {
    const struct options  *options = values;
    struct ath__photo_scan scan = {.texts = &store->texts};
    struct layout          layout;
    bool                   lists;
    int                   *order = NULL;
    ath_status             status;
    store->channels = (int)options->channels;
    ATH_TRY_DONE(find_parts(options, path, &layout, err));
    ATH_TRY_DONE(choose_part(&layout, path, part, &part, err));
    ATH_TRY_DONE(scan_parts(&layout, part, &scan, &lists, err));
    order = ATH_NEW_ARRAY(int, scan.name_count + 1);
    if (!order) {
        status = ath__fail_memory(err, path);
        goto done;
    }
    ATH_TRY_DONE(make_classes(&scan, &layout, lists, store, order, err));
    ATH_TRY_DONE(check_classes(store, path, err));
    ATH_TRY_DONE(read_labels(options, path, store, err));
    ATH_TRY_DONE(take_photos(&scan, order, store, err));
    if (scan.loose > 0)
        ath__str_printf(&store->remarks, "%lld photos in '%s' lie beside the class folders and are left out\n",
                        (long long)scan.loose, layout.path[part]);
    if (options->common.bad_images != ATH_BAD_KEEP)
        ATH_TRY_DONE(ath__photo_check(store, options->common.bad_images == ATH_BAD_SKIP, err));
    if (store->count == 0)
        status = ath__fail(err, ATH_DATA, layout.path[part], "there are no photos in '%s'", layout.path[part]);
    if (status == ATH_OK && store->remarks.failed) status = ath__fail_memory(err, path);
done:
    ath__photo_scan_free(&scan);
    ath__free(order);
    return status;
}

/* A folder with folders or lists in it, or a text file whose first line names a photo. */
static ath_status is_photos(const char *path, bool *yes, ath_error *err) {
    static const char *const lists[] = {"train.txt", "val.txt", "valid.txt", "validation.txt", NULL};
    char                     found[ATH_PATH_MAX];
    struct ath__arena        texts = {0};
    struct ath__photo_scan   scan = {.texts = &texts};
    *yes = false;
    if (ath__folder_exists(path)) {
        *yes = find_below(path, lists, found);
        return *yes ? ATH_OK : ath__photo_has_classes(path, yes, err);
    }
    const char *dot = strrchr(path, '.');
    if (dot && (strcmp(dot, ".txt") == 0 || strcmp(dot, ".lst") == 0 || strcmp(dot, ".tsv") == 0))
        *yes = ath__photo_scan_list(&scan, path, 1, false, err) == ATH_OK && scan.name_count > 0;
    ath__photo_scan_free(&scan);
    ath__arena_free(&texts);
    return ATH_OK;
}

const struct ath__dataset_kind ath__dataset_photos = {
    .name = "photos",
    .summary = "photos in folders, one per class",
    .options = table,
    .options_size = sizeof(struct options),
    .files = "a folder of class folders with photos, with or without train/ and val/ above them, or a list of photos",
    .recognise = is_photos,
    .open = open_photos,
    .nameless = true,
};
