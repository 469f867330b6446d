/* Reading the list of transforms, and running it.
 *
 * Transforms of one image run in the order of the list. Those that mix images need finished ones, so they stand behind
 * all others; of several, each image draws one.
 */
#include "data/augment/augment.h"

#include "athanor/data.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/str.h"
#include "data/augment/transform.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define ATH_TRANSFORM(name) extern const struct ath__transform ath__transform_##name;
#include "data/augment/transform_list.h"
#undef ATH_TRANSFORM

static const struct ath__transform *const transforms[] = {
#define ATH_TRANSFORM(name) &ath__transform_##name,
#include "data/augment/transform_list.h"
#undef ATH_TRANSFORM
};

enum { TRANSFORMS = sizeof transforms / sizeof transforms[0], MOST_ITEMS = 16, MOST_TEXT = 128 };

struct item {
    const struct ath__transform *transform;
    void                        *options;
};

struct ath__augment {
    struct item items[MOST_ITEMS]; /* those of one image, then those that mix */
    int         count, mixers;
};

/* ---- catalogue --------------------------------------------------------------------------------------------------- */

bool ath_transform_catalogue(int i, ath_transform_entry *entry) {
    if (i < 0 || i >= (int)TRANSFORMS) return false;
    entry->name = transforms[i]->name;
    entry->summary = transforms[i]->summary;
    return true;
}

bool ath_transform_argument_at(int i, int k, ath_transform_argument *argument) {
    if (i < 0 || i >= (int)TRANSFORMS || k < 0) return false;
    const struct ath__option *option = transforms[i]->options;
    while (option->name && k > 0) option++, k--;
    if (!option->name) return false;
    argument->name = option->name;
    argument->summary = option->summary;
    argument->fallback = option->fallback;
    ath__option_allowed_text(option, argument->allowed, sizeof argument->allowed);
    return true;
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

static const struct ath__transform *find_transform(const char *name) {
    for (size_t i = 0; i < TRANSFORMS; i++)
        if (strcmp(transforms[i]->name, name) == 0) return transforms[i];
    return NULL;
}

static ath_status fail_unknown(const char *name, ath_error *err) {
    const char *names[TRANSFORMS], *near;
    char        known[256] = "";
    for (size_t i = 0; i < TRANSFORMS; i++) {
        size_t used = strlen(known);
        names[i] = transforms[i]->name;
        snprintf(known + used, sizeof known - used, "%s%s", i ? ", " : "", names[i]);
    }
    near = ath__str_closest(name, names, TRANSFORMS);
    if (near) return ath__fail(err, ATH_USAGE, "augment", "there is no transform '%s'; did you mean '%s'?", name, near);
    return ath__fail(err, ATH_USAGE, "augment", "there is no transform '%s'; there are %s", name, known);
}

/* Copies [begin, end) without blanks at its ends. */
static ath_status copy_trimmed(const char *begin, const char *end, char text[MOST_TEXT], ath_error *err) {
    while (begin < end && isspace((unsigned char)*begin)) begin++;
    while (end > begin && isspace((unsigned char)end[-1])) end--;
    if (end - begin >= MOST_TEXT)
        return ath__fail(err, ATH_USAGE, "augment", "'%.40s...' is too long for a transform", begin);
    memcpy(text, begin, (size_t)(end - begin));
    text[end - begin] = '\0';
    return ATH_OK;
}

/* Which arguments of an item were given so far. */
struct given {
    int      without_key;
    uint64_t options; /* a bit for each row of the table */
};

/* Notes that an argument was given; twice is a mistake. An unknown one is left to ath__option_set. */
static ath_status note_given(const struct ath__transform *transform, const char *key, struct given *given,
                             ath_error *err) {
    const struct ath__option *option = ath__option_find(transform->options, key);
    if (!option) return ATH_OK;
    uint64_t bit = (uint64_t)1 << (option - transform->options);
    if (given->options & bit) return ath__fail(err, ATH_USAGE, "augment", "%s.%s is given twice", transform->name, key);
    given->options |= bit;
    return ATH_OK;
}

/* One argument in [begin, end), "value" or "key=value". */
static ath_status set_argument(struct item *item, const char *begin, const char *end, struct given *given,
                               ath_error *err) {
    const struct ath__option *options = item->transform->options;
    const char               *name = item->transform->name, *equals = memchr(begin, '=', (size_t)(end - begin));
    char                      key[MOST_TEXT], value[MOST_TEXT], prefix[64];
    ATH_TRY(copy_trimmed(equals ? equals + 1 : begin, end, value, err));
    if (*value == '\0') return ath__fail(err, ATH_USAGE, "augment", "an argument of %s is empty", name);
    if (equals) {
        ATH_TRY(copy_trimmed(begin, equals, key, err));
    } else {
        int count = 0;
        while (options[count].name) count++;
        if (given->without_key >= count)
            return ath__fail(err, ATH_USAGE, "augment", "'%s' is one argument too many: %s takes %d", value, name,
                             count);
        ath__str_copy(key, sizeof key, options[given->without_key++].name);
    }
    ATH_TRY(note_given(item->transform, key, given, err));
    snprintf(prefix, sizeof prefix, "%s.", name);
    ath_status status = ath__option_set(options, item->options, prefix, key, value, err);
    if (status != ATH_OK && err) ath__str_copy(err->where, sizeof err->where, "augment");
    return status;
}

/* The arguments in [begin, end), separated by commas. */
static ath_status set_arguments(struct item *item, const char *begin, const char *end, ath_error *err) {
    struct given given = {0, 0};
    while (begin <= end) {
        const char *stop = memchr(begin, ',', (size_t)(end - begin));
        if (!stop) stop = end;
        ATH_TRY(set_argument(item, begin, stop, &given, err));
        begin = stop + 1;
    }
    return ATH_OK;
}

static bool is_blank(const char *begin, const char *end) {
    while (begin < end && isspace((unsigned char)*begin)) begin++;
    return begin == end;
}

/* One item in [begin, end): name or name(arguments). */
static ath_status add_item(struct ath__augment *augment, const char *begin, const char *end, ath_error *err) {
    char        name[MOST_TEXT];
    const char *open = memchr(begin, '(', (size_t)(end - begin)), *close = end;
    if (augment->count + augment->mixers == MOST_ITEMS)
        return ath__fail(err, ATH_USAGE, "augment", "more than %d transforms are not possible", (int)MOST_ITEMS);
    ATH_TRY(copy_trimmed(begin, open ? open : end, name, err));
    if (*name == '\0')
        return ath__fail(err, ATH_USAGE, "augment", "a transform has no name: write names separated by commas");
    const struct ath__transform *transform = find_transform(name);
    if (!transform) return fail_unknown(name, err);
    if (!transform->mix && augment->mixers > 0)
        return ath__fail(err, ATH_USAGE, "augment",
                         "%s stands behind a transform that mixes finished images: move mixup and cutmix to the end",
                         name);
    if (transform->frame && augment->count > 0)
        return ath__fail(err, ATH_USAGE, "augment", "%s chooses a part of the whole photo: put it first in the list",
                         name);
    while (open && close > open && isspace((unsigned char)close[-1])) close--;
    if (open && close[-1] != ')')
        return ath__fail(err, ATH_USAGE, "augment", "there is text behind the ')' of %s", name);
    struct item *item = &augment->items[augment->count + augment->mixers];
    item->transform = transform;
    item->options = ath__alloc_zeroed(transform->options_size);
    if (!item->options) return ath__fail_memory(err, "augment");
    if (transform->mix)
        augment->mixers++;
    else
        augment->count++;
    ath__option_defaults(transform->options, item->options);
    if (!open || is_blank(open + 1, close - 1)) return ATH_OK;
    return set_arguments(item, open + 1, close - 1, err);
}

/* The end of the item at `begin`: the next comma that stands in no parentheses, or `end`. */
static ath_status item_end(const char *begin, const char *end, const char **stop, ath_error *err) {
    const char *open = NULL;
    for (*stop = begin; *stop < end && (open || **stop != ','); ++*stop) {
        if (**stop == '(' && open)
            return ath__fail(err, ATH_USAGE, "augment", "a '(' stands within the parentheses of '%.*s'",
                             (int)(open - begin), begin);
        if (**stop == ')' && !open)
            return ath__fail(err, ATH_USAGE, "augment", "a ')' has no '(': '%.*s'", (int)(*stop + 1 - begin), begin);
        if (**stop == '(') open = *stop;
        if (**stop == ')') open = NULL;
    }
    if (open)
        return ath__fail(err, ATH_USAGE, "augment", "the ')' of '%.*s' is missing", (int)(open + 1 - begin), begin);
    return ATH_OK;
}

static ath_status read_items(struct ath__augment *augment, const char *begin, const char *end, ath_error *err) {
    while (begin <= end) {
        const char *stop;
        ATH_TRY(item_end(begin, end, &stop, err));
        ATH_TRY(add_item(augment, begin, stop, err));
        begin = stop + 1;
    }
    return ATH_OK;
}

ath_status ath__augment_open(const char *text, struct ath__augment **augment, ath_error *err) {
    *augment = NULL;
    if (!text) return ATH_OK;
    const char *begin = text, *end = text + strlen(text);
    while (begin < end && isspace((unsigned char)*begin)) begin++;
    while (end > begin && isspace((unsigned char)end[-1])) end--;
    bool opens = begin < end && *begin == '[', closes = begin < end && end[-1] == ']';
    if (opens != closes)
        return ath__fail(err, ATH_USAGE, "augment", "the list '%s' has only one of its brackets [ and ]", text);
    begin += opens;
    end -= closes;
    if (is_blank(begin, end) || (end - begin == 4 && memcmp(begin, "none", 4) == 0)) return ATH_OK;
    struct ath__augment *opened = ATH_NEW(struct ath__augment);
    if (!opened) return ath__fail_memory(err, "augment");
    ath_status status = read_items(opened, begin, end, err);
    if (status == ATH_OK)
        *augment = opened;
    else
        ath__augment_close(opened);
    return status;
}

void ath__augment_close(struct ath__augment *augment) {
    if (!augment) return;
    for (int i = 0; i < augment->count + augment->mixers; i++) ath__free(augment->items[i].options);
    ath__free(augment);
}

/* ---- running ----------------------------------------------------------------------------------------------------- */

ath_status ath__augment_fit(const struct ath__augment *augment, int channels, int height, int width, ath_error *err) {
    for (int i = 0; augment && i < augment->count + augment->mixers; i++) {
        const struct item *item = &augment->items[i];
        if (item->transform->fit) ATH_TRY(item->transform->fit(item->options, channels, height, width, err));
    }
    return ATH_OK;
}

static const struct item *framing(const struct ath__augment *augment) {
    return augment && augment->count > 0 && augment->items[0].transform->frame ? &augment->items[0] : NULL;
}

bool ath__augment_frames(const struct ath__augment *augment) {
    return framing(augment) != NULL;
}

int ath__augment_least(const struct ath__augment *augment, const struct ath__preprocessor *preprocessor) {
    const struct item *item = framing(augment);
    if (!item) return ath__preprocessor_least(preprocessor);
    int    longer = preprocessor->height > preprocessor->width ? preprocessor->height : preprocessor->width;
    double least = ceil((double)longer / item->transform->frame_least(item->options));
    return least < 1e6 ? (int)least : 1000000;
}

ath_status ath__augment_fit_picture(const struct ath__augment *augment, const struct ath__draw *draw,
                                    const struct ath__preprocessor *preprocessor, const struct ath__picture *picture,
                                    struct ath__fitter *fitter, unsigned char *dst, ath_error *err) {
    const struct item *item = framing(augment);
    struct ath__part   box;
    struct ath__rng    rng;
    if (!item) return ath__preprocessor_fit(preprocessor, picture, fitter, dst, err);
    ath__draw_start(&rng, draw, 0);
    item->transform->frame(item->options, &rng, picture->height, picture->width, &box);
    return ath__preprocessor_cut(preprocessor, picture, &box, fitter, dst, err);
}

bool ath__augment_mixes(const struct ath__augment *augment) {
    return augment && augment->mixers > 0;
}

void ath__augment_image(const struct ath__augment *augment, const struct ath__draw *draw,
                        const struct ath__preprocessor *preprocessor, const unsigned char *pixels, float *dst,
                        void *scratch) {
    struct ath__sample sample;
    ath__sample_start(&sample, draw, preprocessor, pixels, scratch);
    for (int i = 0; i < augment->count; i++) {
        if (!augment->items[i].transform->apply) continue;
        ath__draw_start(&sample.rng, draw, i);
        augment->items[i].transform->apply(augment->items[i].options, &sample);
    }
    ath__sample_finish(&sample, dst);
}

/* One image with its partner. */
static void mix_one(const struct ath__augment *augment, const struct ath__draw *draw,
                    const struct ath__mix_batch *batch, int64_t i, const float *other, int32_t other_label) {
    size_t          pixels = (size_t)batch->channels * (size_t)batch->height * (size_t)batch->width;
    struct ath__mix mix = {batch->images + (size_t)i * pixels, other, batch->channels, batch->height, batch->width};
    struct ath__rng rng;
    int             which = 0;
    if (augment->mixers > 1) { /* the choice has a position of its own, behind the longest list */
        ath__draw_start(&rng, draw, MOST_ITEMS);
        which = ath__draw_whole(&rng, 0, augment->mixers - 1);
    }
    const struct item *item = &augment->items[augment->count + which];
    ath__draw_start(&rng, draw, augment->count + which);
    double  weight = item->transform->mix(item->options, &mix, &rng);
    int32_t own_label = batch->labels[i];
    bool    own_leads = weight >= 0.5;
    batch->labels[i] = own_leads ? own_label : other_label;
    batch->second[i] = own_leads ? other_label : own_label;
    batch->weights[i] = (float)(own_leads ? weight : 1.0 - weight);
}

void ath__augment_mix(const struct ath__augment *augment, uint64_t seed, uint32_t epoch,
                      const struct ath__mix_batch *batch, float *spare) {
    size_t pixels = (size_t)batch->channels * (size_t)batch->height * (size_t)batch->width;
    if (batch->count < 1) return;
    /* Image i is mixed before image i + 1, which it needs as it was; the last one needs the first. */
    int32_t first_label = batch->labels[0];
    memcpy(spare, batch->images, pixels * sizeof(float));
    for (int64_t i = 0; i < batch->count; i++) {
        struct ath__draw draw = {seed, epoch, (uint32_t)batch->indices[i]};
        bool             last = i + 1 == batch->count;
        const float     *other = last ? spare : batch->images + (size_t)(i + 1) * pixels;
        mix_one(augment, &draw, batch, i, other, last ? first_label : batch->labels[i + 1]);
    }
}
