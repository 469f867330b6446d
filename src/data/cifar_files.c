/* Reading CIFAR-10 and CIFAR-100 from whichever place has them:
 *
 *     PATH/cifar-10-batches-bin/     the folder that the archive unpacks to
 *     PATH/                          the same files without that folder
 *     PATH/cifar-10-binary.tar.gz    the archive as published, without unpacking it
 *     PATH                           that archive under any name
 *
 * The first that is there counts, and needs all the files of the part. The images come in the order of the files' names,
 * wherever they lie.
 */
#include "data/cifar.h"

#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "data/class_names.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
    PIECE = 64 * ATH_CIFAR_MOST_RECORD, /* bytes that are taken from an archive at once */
    MOST_NAMES = 1 << 16,               /* bytes of a file of class names */
    PEEK_MEMBERS = 16,                  /* members of an archive, and bytes of it, that are looked at to see whether */
    PEEK_BYTES = 1 << 26,               /* it is one of ours */
};

/* ---- where a set lies -------------------------------------------------------------------------------------------- */

struct place {
    bool archive;
    char path[ATH_PATH_MAX];
};

/* Is one of the set's files in the folder? */
static bool has_files(const struct ath__cifar_set *set, const char *folder) {
    char path[ATH_PATH_MAX];
    for (int i = 0; set->train[i]; i++) {
        if (ath__path_join(path, folder, set->train[i], NULL) == ATH_OK && ath__file_exists(path)) return true;
    }
    return ath__path_join(path, folder, set->test[0], NULL) == ATH_OK && ath__file_exists(path);
}

static bool find_place(const struct ath__cifar_set *set, const char *path, struct place *place) {
    place->archive = false;
    if (ath__path_join(place->path, path, set->folder, NULL) == ATH_OK && has_files(set, place->path)) return true;
    ath__str_copy(place->path, sizeof place->path, path);
    if (has_files(set, path)) return true;
    place->archive = true;
    if (ath__file_exists(path)) return true;
    return ath__path_join(place->path, path, set->archive, NULL) == ATH_OK && ath__file_exists(place->path);
}

/* Position of a file's name in the list; -1 if it is not there. */
static int position(const char *const *names, const char *name) {
    for (int i = 0; names[i]; i++) {
        if (strcmp(names[i], name) == 0) return i;
    }
    return -1;
}

/* Does the file hold files of the set? The first members tell; a file that is no archive, or is damaged where it is looked
 * at, does not. */
static ath_status peek(const struct ath__cifar_set *set, const char *path, bool *holds, ath_error *err) {
    struct ath__archive       *archive = NULL;
    struct ath__archive_member member;
    ath_error                  error = {0};
    bool                       more = true;
    ath_status                 status = ath__archive_open(path, PEEK_BYTES, &archive, &error);
    for (int i = 0; i < PEEK_MEMBERS && status == ATH_OK && more && !*holds; i++) {
        status = ath__archive_next(archive, &member, &more, &error);
        if (status == ATH_OK && more)
            *holds = position(set->train, member.name) >= 0 || position(set->test, member.name) >= 0;
    }
    ath__archive_close(archive);
    if (status == ATH_OK || status == ATH_DATA) return ATH_OK;
    if (err) *err = error;
    return status;
}

ath_status ath__cifar_recognise(const struct ath__cifar_set *set, const char *path, bool *yes, ath_error *err) {
    struct place place;
    const char  *slash = strrchr(path, '/');
    *yes = find_place(set, path, &place);
    if (!*yes || !ath__file_exists(path)) return ATH_OK;
    *yes = strcmp(slash ? slash + 1 : path, set->archive) == 0;
    return *yes ? ATH_OK : peek(set, path, yes, err);
}

/* Nothing of the set is there; what is there may be the other version of it. */
static ath_status fail_missing(const struct ath__cifar_set *set, const char *folder, ath_error *err) {
    char path[ATH_PATH_MAX], forms[128];
    for (int i = 0; i < 2; i++) {
        const char *other = i ? set->python_archive : set->python_folder;
        ATH_TRY(ath__path_join(path, folder, other, err));
        if (!ath__file_exists(path) && !ath__folder_exists(path)) continue;
        return ath__fail(err, ATH_DATA, path,
                         "this is %s's version for Python; the binary version is read here: `athanor data get %s` "
                         "downloads it",
                         set->format.title, set->name);
    }
    ATH_TRY(ath__path_join(path, folder, set->archive, err));
    snprintf(forms, sizeof forms, " (nor a folder '%s' with files)", set->folder);
    return ath__dataset_missing(set->name, path, forms, err);
}

/* ---- from a folder ----------------------------------------------------------------------------------------------- */

static ath_status make_room(struct ath__image_store *store, int64_t count, const char *where, ath_error *err) {
    store->count = count;
    store->channels = ATH_CIFAR_CHANNELS;
    store->height = store->width = ATH_CIFAR_SIDE;
    store->pixels = ath__alloc((size_t)count * ATH_CIFAR_PIXELS);
    store->labels = ath__alloc((size_t)count * sizeof *store->labels);
    return store->pixels && store->labels ? ATH_OK : ath__fail_memory(err, where);
}

static ath_status map_file(const struct ath__cifar_set *set, const char *folder, const char *file,
                           struct ath__mapping *mapping, int64_t *count, ath_error *err) {
    char path[ATH_PATH_MAX];
    ATH_TRY(ath__path_join(path, folder, file, err));
    if (!ath__file_exists(path))
        return ath__fail(err, ATH_DATA, path,
                         "'%s' is missing from '%s', which holds other files of %s: unpack '%s' there again (`athanor "
                         "data get %s` downloads it)",
                         file, folder, set->format.title, set->archive, set->name);
    ATH_TRY(ath__file_map(path, mapping, err));
    return ath__cifar_count(&set->format, mapping->size, mapping->data, file, path, count, err);
}

/* The class names of a file that need not be there, or good. */
static ath_status read_names(const struct ath__cifar_set *set, const char *folder, int labelling,
                             struct ath__image_store *store, ath_error *err) {
    char   path[ATH_PATH_MAX], *text = NULL;
    size_t size = 0;
    ATH_TRY(ath__path_join(path, folder, set->names[labelling].file, err));
    ath_status status = ath__file_read(path, MOST_NAMES, &text, &size, NULL);
    if (status == ATH_MEMORY) return ath__fail_memory(err, path);
    if (status != ATH_OK) return ATH_OK;
    status = ath__class_names_parse(text, size, store, err);
    ath__free(text);
    return status;
}

static ath_status read_folder(const struct ath__cifar_set *set, const char *folder, bool train, int labelling,
                              struct ath__image_store *store, ath_error *err) {
    const char *const  *files = train ? set->train : set->test;
    struct ath__mapping mappings[ATH_CIFAR_MOST_FILES] = {{0}};
    int64_t             counts[ATH_CIFAR_MOST_FILES] = {0}, total = 0, first = 0;
    char                path[ATH_PATH_MAX];
    ath_status          status;
    for (int i = 0; files[i]; i++) {
        ATH_TRY_DONE(map_file(set, folder, files[i], &mappings[i], &counts[i], err));
        total += counts[i];
    }
    ATH_TRY_DONE(make_room(store, total, folder, err));
    for (int i = 0; files[i]; i++) {
        ATH_TRY_DONE(ath__path_join(path, folder, files[i], err));
        struct ath__cifar_records records = {.format = &set->format,
                                             .labelling = labelling,
                                             .file = files[i],
                                             .where = path,
                                             .count = counts[i],
                                             .images = store->pixels + (size_t)first * ATH_CIFAR_PIXELS,
                                             .labels = store->labels + first};
        ATH_TRY_DONE(ath__cifar_put(&records, mappings[i].data, mappings[i].size, err));
        ath__file_unmap(&mappings[i]); /* so that no more than one file is resident beside the images */
        first += counts[i];
    }
    status = read_names(set, folder, labelling, store, err);
done:
    for (int i = 0; i < ATH_CIFAR_MOST_FILES; i++) ath__file_unmap(&mappings[i]);
    return status;
}

/* ---- from an archive --------------------------------------------------------------------------------------------- */

/* Files of the part, each in memory of its own until all are there, since they come in any order. */
struct gathering {
    const struct ath__cifar_set *set;
    struct ath__archive         *archive;
    int                          labelling;
    unsigned char               *piece;
    struct ath__image_store      parts[ATH_CIFAR_MOST_FILES];
};

static ath_status gather_file(struct gathering *gathering, int i, const struct ath__archive_member *member,
                              ath_error *err) {
    struct ath__image_store *part = &gathering->parts[i];
    const char              *where = ath__archive_path(gathering->archive);
    int64_t                  count;
    if (part->pixels) return ath__fail(err, ATH_DATA, where, "the archive has '%s' twice; get it again", member->name);
    ATH_TRY(ath__cifar_count(&gathering->set->format, member->size, NULL, member->name, where, &count, err));
    if (member->size > ath__archive_most(gathering->archive))
        return ath__fail(err, ATH_DATA, where,
                         "'%s' is announced with %" PRIu64 " bytes, more than the archive can hold; get it again",
                         member->name, member->size);
    ATH_TRY(make_room(part, count, where, err));
    struct ath__cifar_records records = {.format = &gathering->set->format,
                                         .labelling = gathering->labelling,
                                         .file = member->name,
                                         .where = where,
                                         .count = count,
                                         .images = part->pixels,
                                         .labels = part->labels};
    for (size_t got = PIECE; got == PIECE;) {
        ATH_TRY(ath__archive_read(gathering->archive, gathering->piece, PIECE, &got, err));
        ATH_TRY(ath__cifar_put(&records, gathering->piece, got, err));
    }
    return ath__cifar_end(&records, err);
}

static ath_status gather_names(struct gathering *gathering, const struct ath__archive_member *member,
                               struct ath__image_store *store, ath_error *err) {
    size_t got;
    if (member->size > MOST_NAMES || store->names) return ATH_OK;
    ATH_TRY(ath__archive_read(gathering->archive, gathering->piece, MOST_NAMES, &got, err));
    return ath__class_names_parse((const char *)gathering->piece, got, store, err);
}

/* Puts the parts behind each other, giving each one's memory back at once. */
static ath_status join_parts(struct gathering *gathering, const char *const *files, struct ath__image_store *store,
                             ath_error *err) {
    const char *where = ath__archive_path(gathering->archive);
    int64_t     total = 0, first = 0;
    for (int i = 0; files[i]; i++) {
        if (!gathering->parts[i].pixels)
            return ath__fail(
                err, ATH_DATA, where,
                "the archive has no '%s': it is not complete; `athanor data get %s` gets the published one", files[i],
                gathering->set->name);
        total += gathering->parts[i].count;
    }
    ATH_TRY(make_room(store, total, where, err));
    for (int i = 0; files[i]; i++) {
        struct ath__image_store *part = &gathering->parts[i];
        memcpy(store->pixels + (size_t)first * ATH_CIFAR_PIXELS, part->pixels, (size_t)part->count * ATH_CIFAR_PIXELS);
        memcpy(store->labels + first, part->labels, (size_t)part->count * sizeof *store->labels);
        first += part->count;
        ath__image_store_free(part);
    }
    return ATH_OK;
}

ath_status ath__cifar_read_archive(const struct ath__cifar_set *set, struct ath__archive *archive, bool train,
                                   int labelling, struct ath__image_store *store, ath_error *err) {
    const char *const         *files = train ? set->train : set->test;
    struct gathering           gathering = {.set = set, .archive = archive, .labelling = labelling};
    struct ath__archive_member member;
    bool                       more = true;
    ath_status                 status = ATH_OK;
    store->classes = set->format.of[labelling].classes;
    store->class_names = set->names[labelling].known;
    gathering.piece = ath__alloc(PIECE);
    if (!gathering.piece) return ath__fail_memory(err, ath__archive_path(archive));
    for (;;) {
        ATH_TRY_DONE(ath__archive_next(archive, &member, &more, err));
        if (!more) break;
        int i = position(files, member.name);
        if (i >= 0) {
            ATH_TRY_DONE(gather_file(&gathering, i, &member, err));
        } else if (strcmp(member.name, set->names[labelling].file) == 0) {
            ATH_TRY_DONE(gather_names(&gathering, &member, store, err));
        }
    }
    status = join_parts(&gathering, files, store, err);
done:
    for (int i = 0; i < ATH_CIFAR_MOST_FILES; i++) ath__image_store_free(&gathering.parts[i]);
    ath__free(gathering.piece);
    return status;
}

ath_status ath__cifar_open(const struct ath__cifar_set *set, const char *path, bool train, int labelling,
                           struct ath__image_store *store, ath_error *err) {
    struct place         place;
    struct ath__archive *archive = NULL;
    if (!find_place(set, path, &place)) return fail_missing(set, path, err);
    store->classes = set->format.of[labelling].classes;
    store->class_names = set->names[labelling].known;
    if (!place.archive) return read_folder(set, place.path, train, labelling, store, err);
    ATH_TRY(ath__archive_open(place.path, UINT64_MAX, &archive, err));
    ath_status status = ath__cifar_read_archive(set, archive, train, labelling, store, err);
    ath__archive_close(archive);
    return status;
}
