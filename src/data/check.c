/* `athanor data check`: every image of every part decoded once, and compared with all others.
 *
 * Images that are the same are found by the SHA-256 of their bytes: of the file, or of the pixels in memory. Those that
 * look the same are found by comparing the fingerprints of all pairs (data/picture_hash.h), which is quadratic: a second
 * for 50,000 images, so it is left out above MOST_COMPARED.
 */
#include "athanor/data.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/parallel.h"
#include "base/str.h"
#include "data/dataset.h"
#include "data/picture_hash.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK = 8, MOST_COMPARED = 100000, MOST_LISTED = 10000, ROWS = 64 };

/* Images above LARGE_PIXELS are decoded at a reduced size where their format can, as in training: enough for a fingerprint
 * of 9x9 pixels, and those that are read there are not called broken here. */
enum { LARGE_PIXELS = 1 << 24, LEAST_OF_LARGE = 1024 };

/* What is kept of an image. */
struct seen {
    int                      part, label, height, width;
    int64_t                  index;
    bool                     good, copy; /* copy: the same as an earlier one */
    char                     digest[ATH_DIGEST_TEXT];
    struct ath__picture_hash hash;
    const char              *problem;
};

struct look {
    struct ath__arena texts;
    ath_dataset      *sets[ATH_CHECK_PARTS];
    struct seen      *images;
    int64_t           count;
    struct look_thread {
        struct ath__picture picture;
        struct ath__fitter  fitter;
        struct ath__arena   texts;
        ath_status          status;
    } * threads;
    int thread_count;
};

static const char *const part_names[ATH_CHECK_PARTS] = {"train", "val", "test"};

/* ---- opening ----------------------------------------------------------------------------------------------------- */

/* Validation images may be the test images, or training images held back; a part that is another one is left out. */
static bool same_images(const ath_dataset *a, const ath_dataset *b) {
    if (a->store.count != b->store.count || a->store.count == 0) return false;
    if (a->store.paths && b->store.paths) return strcmp(a->store.paths[0], b->store.paths[0]) == 0;
    return a->held_out == 0 && b->held_out == 0;
}

static ath_status open_parts(struct look *look, const char *name, const ath_option_pair *options, int count,
                             ath_error *err) {
    enum { MOST_OPTIONS = 64 };
    ath_option_pair all[MOST_OPTIONS + 1] = {{"bad_images", "keep"}};
    int             given = 1;
    for (int i = 0; i < count && given < MOST_OPTIONS; i++)
        if (strcmp(options[i].key, "bad_images") != 0) all[given++] = options[i];
    ATH_TRY(ath_dataset_open(name, ATH_SPLIT_TRAIN, all, given, &look->sets[0], err));
    for (int p = 1; p < ATH_CHECK_PARTS; p++) {
        ath_error  problem = {.code = ATH_OK};
        ath_status status = ath_dataset_open(name, (ath_split)p, all, given, &look->sets[p], &problem);
        if (status == ATH_DATA && strcmp(problem.where, "data.holdout") == 0) continue; /* there are no such images */
        if (status != ATH_OK) {
            if (err) *err = problem;
            return status;
        }
        if (p == 2 && look->sets[1] && same_images(look->sets[1], look->sets[2])) {
            ath_dataset_close(look->sets[2]);
            look->sets[2] = NULL;
        }
    }
    for (int p = 0; p < ATH_CHECK_PARTS; p++) look->count += look->sets[p] ? look->sets[p]->store.count : 0;
    return ATH_OK;
}

/* ---- decoding ---------------------------------------------------------------------------------------------------- */

static ath_status look_at(struct look *look, struct look_thread *thread, struct seen *seen, ath_error *problem) {
    const ath_dataset *dataset = look->sets[seen->part];
    const char        *path = ath__dataset_path(dataset, seen->index);
    ATH_TRY(ath_dataset_size(dataset, seen->index, &seen->height, &seen->width, problem));
    bool large = (int64_t)seen->height * seen->width > LARGE_PIXELS;
    ATH_TRY(ath__dataset_view(dataset, seen->index, large ? LEAST_OF_LARGE : 0, &thread->picture, problem));
    if (path) {
        struct ath__mapping file;
        ATH_TRY(ath__file_map(path, &file, problem));
        ath__digest_text(&ath__sha256, file.data, file.size, seen->digest);
        ath__file_unmap(&file);
    } else {
        ath__digest_text(&ath__sha256, thread->picture.pixels, ath__picture_bytes(&thread->picture), seen->digest);
    }
    return ath__picture_hash(&thread->picture, &thread->fitter, &seen->hash, problem);
}

static void look_chunk(int64_t chunk, int number, void *context) {
    struct look        *look = context;
    struct look_thread *thread = &look->threads[number];
    for (int64_t i = chunk * CHUNK; i < (chunk + 1) * CHUNK && i < look->count; i++) {
        ath_error  problem = {.code = ATH_OK};
        ath_status status = look_at(look, thread, &look->images[i], &problem);
        look->images[i].good = status == ATH_OK;
        if (status == ATH_OK) continue;
        look->images[i].problem = ath__arena_strdup(&thread->texts, problem.message);
        if (status == ATH_MEMORY || !look->images[i].problem) thread->status = ATH_MEMORY;
    }
}

static ath_status look_at_all(struct look *look, ath_error *err) {
    look->images = ATH_NEW_ARRAY(struct seen, look->count + 1);
    look->threads = ATH_NEW_ARRAY(struct look_thread, ath__threads());
    if (!look->images || !look->threads) return ath__fail_memory(err, "data check");
    look->thread_count = ath__threads();
    int64_t at = 0;
    for (int p = 0; p < ATH_CHECK_PARTS; p++)
        for (int64_t i = 0; look->sets[p] && i < look->sets[p]->store.count; i++)
            look->images[at++] = (struct seen){.part = p, .index = i, .label = look->sets[p]->store.labels[i]};
    ath__parallel_indexed((look->count + CHUNK - 1) / CHUNK, look_chunk, look);
    for (int t = 0; t < look->thread_count; t++)
        if (look->threads[t].status != ATH_OK) return ath__fail_memory(err, "data check");
    return ATH_OK;
}

/* ---- lists ------------------------------------------------------------------------------------------------------- */

static ath_check_image name_image(struct look *look, const struct seen *seen) {
    const char *path = ath__dataset_path(look->sets[seen->part], seen->index);
    if (!path) {
        char text[64];
        snprintf(text, sizeof text, "%s[%" PRId64 "]", part_names[seen->part], seen->index);
        path = ath__arena_strdup(&look->texts, text);
    }
    return (ath_check_image){path ? path : "", part_names[seen->part], seen->label};
}

/* A list of pairs that grows up to MOST_LISTED; counts go on. */
static ath_status add_pair(struct look *look, ath_check_pair **pairs, int64_t *count, const struct seen *a,
                           const struct seen *b, int distance, ath_error *err) {
    int64_t at = (*count)++;
    if (at >= MOST_LISTED) return ATH_OK;
    if ((at & (at - 1)) == 0) { /* the room doubles */
        ath_check_pair *wider = ath__realloc(*pairs, (size_t)(at ? 2 * at : 1) * sizeof *wider);
        if (!wider) return ath__fail_memory(err, "data check");
        *pairs = wider;
    }
    (*pairs)[at] = (ath_check_pair){name_image(look, a), name_image(look, b), distance};
    return ATH_OK;
}

static ath_status list_faults(struct look *look, ath_data_check *check, ath_error *err) {
    int64_t count = 0;
    for (int64_t i = 0; i < look->count; i++) count += !look->images[i].good;
    check->faults = ATH_NEW_ARRAY(ath_check_fault, count + 1);
    if (!check->faults) return ath__fail_memory(err, "data check");
    for (int64_t i = 0; i < look->count; i++)
        if (!look->images[i].good)
            check->faults[check->fault_count++] =
                (ath_check_fault){name_image(look, &look->images[i]), look->images[i].problem};
    return ATH_OK;
}

static ath_status fill_parts(const struct look *look, ath_data_check *check, ath_error *err) {
    int of[ATH_CHECK_PARTS] = {0};
    for (int p = 0; p < ATH_CHECK_PARTS; p++) {
        if (!look->sets[p]) continue;
        of[p] = check->part_count++;
        ath_check_part *part = &check->parts[of[p]];
        part->name = part_names[p];
        part->images = look->sets[p]->store.count;
        part->class_counts = ATH_NEW_ARRAY(int64_t, check->classes + 1);
        if (!part->class_counts) return ath__fail_memory(err, "data check");
    }
    for (int64_t i = 0; i < look->count; i++) {
        const struct seen *seen = &look->images[i];
        ath_check_part    *part = &check->parts[of[seen->part]];
        part->broken += !seen->good;
        if (!seen->good) continue;
        part->class_counts[seen->label]++;
        if (part->least_height == 0 || seen->height < part->least_height) part->least_height = seen->height;
        if (part->least_width == 0 || seen->width < part->least_width) part->least_width = seen->width;
        if (seen->height > part->most_height) part->most_height = seen->height;
        if (seen->width > part->most_width) part->most_width = seen->width;
    }
    return ATH_OK;
}

/* ---- comparing --------------------------------------------------------------------------------------------------- */

static int by_digest(const void *a, const void *b) {
    const struct seen *x = *(struct seen *const *)a, *y = *(struct seen *const *)b;
    int                order = strcmp(x->digest, y->digest);
    return order ? order : x < y ? -1 : x > y;
}

static ath_status find_copies(struct look *look, ath_data_check *check, ath_error *err) {
    struct seen **sorted = ATH_NEW_ARRAY(struct seen *, look->count + 1);
    int64_t       count = 0;
    ath_status    status = sorted ? ATH_OK : ath__fail_memory(err, "data check");
    for (int64_t i = 0; sorted && i < look->count; i++)
        if (look->images[i].good) sorted[count++] = &look->images[i];
    if (count > 0) qsort((void *)sorted, (size_t)count, sizeof *sorted, by_digest);
    for (int64_t begin = 0, end; status == ATH_OK && begin < count; begin = end) {
        bool across = false, conflict = false;
        for (end = begin + 1; end < count && strcmp(sorted[end]->digest, sorted[begin]->digest) == 0; end++) {
            sorted[end]->copy = true;
            across = across || sorted[end]->part != sorted[begin]->part;
            conflict = conflict || sorted[end]->label != sorted[begin]->label;
            status = add_pair(look, &check->copies, &check->copy_count, sorted[begin], sorted[end], 0, err);
            if (status != ATH_OK) break;
        }
        check->copy_groups += end > begin + 1;
        check->groups_across += across;
        check->groups_in_conflict += conflict;
    }
    ath__free((void *)sorted);
    return status;
}

/* Partners that a row of images has behind it, nearest first found; -1 ends the list. */
struct rows {
    const struct look *look;
    int64_t            first;
    struct near {
        int32_t *partner;
        int      count, capacity;
        bool     failed;
    } near[ROWS];
};

static void compare_row(int64_t row, void *context) {
    struct rows       *rows = context;
    const struct look *look = rows->look;
    struct near       *near = &rows->near[row];
    int64_t            i = rows->first + row;
    near->count = 0;
    if (i >= look->count || !look->images[i].good || look->images[i].copy || look->images[i].hash.flat) return;
    for (int64_t k = i + 1; k < look->count; k++) {
        const struct seen *other = &look->images[k];
        if (!other->good || other->copy || other->hash.flat) continue;
        if (ath__picture_distance(&look->images[i].hash, &other->hash) > ATH_CHECK_DISTANCE) continue;
        if (near->count == near->capacity) {
            int      wider = near->capacity ? 2 * near->capacity : 16;
            int32_t *partner = ath__realloc(near->partner, (size_t)wider * sizeof *partner);
            if (!partner) {
                near->failed = true;
                return;
            }
            near->partner = partner;
            near->capacity = wider;
        }
        near->partner[near->count++] = (int32_t)k;
    }
}

static ath_status find_similar(struct look *look, ath_data_check *check, ath_error *err) {
    struct rows *rows = ATH_NEW(struct rows);
    ath_status   status = rows ? ATH_OK : ath__fail_memory(err, "data check");
    check->compared = look->count <= MOST_COMPARED;
    for (int64_t first = 0; status == ATH_OK && check->compared && first < look->count; first += ROWS) {
        rows->look = look;
        rows->first = first;
        ath__parallel(ROWS, compare_row, rows);
        for (int r = 0; r < ROWS && status == ATH_OK; r++) {
            const struct near *near = &rows->near[r];
            if (near->failed) status = ath__fail_memory(err, "data check");
            for (int n = 0; n < near->count && status == ATH_OK; n++) {
                const struct seen *a = &look->images[first + r], *b = &look->images[near->partner[n]];
                check->similar_across += a->part != b->part;
                status = add_pair(look, &check->similar, &check->similar_count, a, b,
                                  ath__picture_distance(&a->hash, &b->hash), err);
            }
        }
    }
    for (int r = 0; rows && r < ROWS; r++) ath__free(rows->near[r].partner);
    ath__free(rows);
    return status;
}

/* ---- the whole --------------------------------------------------------------------------------------------------- */

ath_status ath_dataset_check(const char *name, const ath_option_pair *options, int option_count, ath_data_check *check,
                             ath_error *err) {
    *check = (ath_data_check){.part_count = 0};
    struct look *look = ATH_NEW(struct look);
    if (!look) return ath__fail_memory(err, "data check");
    check->memory = look;
    ATH_TRY(open_parts(look, name, options, option_count, err));
    const struct ath__image_store *store = &look->sets[0]->store;
    check->classes = store->classes;
    check->class_names = store->class_names;
    check->class_titles = store->class_titles ? store->class_titles : store->class_names;
    check->remarks = ath__str_text(&store->remarks);
    ATH_TRY(look_at_all(look, err));
    ATH_TRY(fill_parts(look, check, err));
    ATH_TRY(list_faults(look, check, err));
    ATH_TRY(find_copies(look, check, err));
    return find_similar(look, check, err);
}

void ath_dataset_check_free(ath_data_check *check) {
    struct look *look = check->memory;
    for (int p = 0; p < check->part_count; p++) ath__free(check->parts[p].class_counts);
    ath__free(check->faults);
    ath__free(check->copies);
    ath__free(check->similar);
    for (int t = 0; look && t < look->thread_count; t++) {
        ath__picture_free(&look->threads[t].picture);
        ath__fitter_close(&look->threads[t].fitter);
        ath__arena_free(&look->threads[t].texts);
    }
    for (int p = 0; look && p < ATH_CHECK_PARTS; p++) ath_dataset_close(look->sets[p]);
    if (look) {
        ath__free(look->images);
        ath__free(look->threads);
        ath__arena_free(&look->texts);
    }
    ath__free(look);
    *check = (ath_data_check){.part_count = 0};
}
