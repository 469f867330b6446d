/* resize=, resize.rounding=, crop=, interpolation=, normalize=: how images become network input. */
#include "train/setup_preprocess.h"

#include "base/error.h"
#include "base/option.h"
#include "base/str.h"
#include "train/model_file.h"
#include "train/settings.h"
#include "train/setup.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_SIDE = 16384, USUAL_SIDE = 224 };

/* "224" (one side: *width is 0) or "96x128". */
static ath_status parse_size(const char *key, const char *text, int *height, int *width, ath_error *err) {
    char    first[32];
    int64_t h = 0, w = 0;
    size_t  length = strcspn(text, "x");
    bool    good = length < sizeof first;
    if (good) {
        memcpy(first, text, length);
        first[length] = '\0';
        good = ath__parse_int(first, &h) && (!text[length] || ath__parse_int(text + length + 1, &w));
    }
    if (!good || h < 1 || (text[length] && w < 1) || h > MOST_SIDE || w > MOST_SIDE)
        return ath__fail(err, ATH_USAGE, key, "%s must be a size (224) or HEIGHTxWIDTH (96x128), not '%s'", key, text);
    *height = (int)h;
    *width = (int)w;
    return ATH_OK;
}

/* What `resize=` and `crop=` say; both may be empty. */
static ath_status parse_fit(const char *resize, const char *crop, struct ath__preprocess *preprocess, ath_error *err) {
    int height = 0, width = 0, crop_height = 0, crop_width = 0;
    if (*resize) ATH_TRY(parse_size("resize", resize, &height, &width, err));
    if (*crop) ATH_TRY(parse_size("crop", crop, &crop_height, &crop_width, err));
    if (*crop && !crop_width) crop_width = crop_height;
    preprocess->fit_height = height;
    preprocess->fit_width = width;
    preprocess->height = *crop ? crop_height : height;
    preprocess->width = *crop ? crop_width : width ? width : height;
    if (*resize)
        preprocess->fit = !width ? ATH_FIT_SHORTER : *crop ? ATH_FIT_EXACT : ATH_FIT_STRETCH;
    else if (*crop)
        preprocess->fit = ATH_FIT_CROP;
    if (!*resize || !*crop) return ATH_OK;
    int least_height = height, least_width = width ? width : height;
    if (crop_height <= least_height && crop_width <= least_width) return ATH_OK;
    return ath__fail(err, ATH_USAGE, "crop", "crop=%s does not fit into resize=%s", crop, resize);
}

/* Photos have sizes of their own: without a word on it they are brought to the size that the model is usually given,
 * with the margin that is usual in evaluation, 256 to 224. */
static ath_status choose_fit(const ath_config *config, struct ath__preprocess *preprocess, ath_error *err) {
    const char *name = ath__config_text(config, "model");
    int         height = preprocess->height, width = preprocess->width, channels;
    if (height == 0 && *name) {
        ath_model *model;
        ATH_TRY(ath__model_named(name, &model, err));
        ath_model_input(model, &channels, &height, &width);
        ath_model_destroy(model);
    }
    if (height == 0) height = width = USUAL_SIDE;
    int shorter = height < width ? height : width, longer = height < width ? width : height;
    preprocess->height = height;
    preprocess->width = width;
    preprocess->fit = ATH_FIT_SHORTER;
    preprocess->fit_height = (shorter * 256 + 112) / 224;
    if (preprocess->fit_height < longer) preprocess->fit_height = longer;
    return ATH_OK;
}

/* "0.49:0.25" or one pair per channel: "0.49:0.25,0.48:0.24,0.45:0.26". */
static ath_status parse_normalize(const char *text, int channels, struct ath__preprocess *preprocess, ath_error *err) {
    const char *at = text + (*text == '[');
    int         c = 0;
    for (; c < 4 && *at && *at != ']'; c++) {
        char  *end = NULL;
        double mean = strtod(at, &end), deviation = 0.0;
        if (end == at || *end != ':') break;
        at = end + 1;
        deviation = strtod(at, &end);
        if (end == at || !(deviation > 0.0)) break;
        preprocess->mean[c] = mean;
        preprocess->deviation[c] = deviation;
        at = end + (*end == ',');
        at += strspn(at, " ");
    }
    if (c == 0 || (*at && *at != ']') || (c != 1 && c != channels))
        return ath__fail(
            err, ATH_USAGE, "normalize",
            "normalize must be none, auto, imagenet, half or one mean:deviation per channel (%d), not '%s'", channels,
            text);
    for (int k = c; k < channels; k++) {
        preprocess->mean[k] = preprocess->mean[0];
        preprocess->deviation[k] = preprocess->deviation[0];
    }
    return ATH_OK;
}

static ath_status measure(const ath_dataset *train, struct ath__preprocess *preprocess, ath_error *err) {
    ath_dataset_info  info = ath_dataset_describe(train);
    ath_dataset_stats stats;
    ATH_TRY(ath_dataset_measure(train, &stats, err));
    for (int c = 0; c < info.channels && c < 4; c++) {
        preprocess->mean[c] = stats.mean[c];
        preprocess->deviation[c] = stats.deviation[c] > 1e-6 ? stats.deviation[c] : 1.0;
    }
    ath_dataset_stats_free(&stats);
    return ATH_OK;
}

static ath_status channels_of_model(const ath_config *config, int *channels, ath_error *err) {
    ath_model *model;
    int        height, width;
    ATH_TRY(ath_model_create(ath__config_text(config, "model"), &model, err));
    ath_model_input(model, channels, &height, &width);
    ath_model_destroy(model);
    return ATH_OK;
}

ath_status ath__setup_preprocess(const ath_config *config, const ath_dataset *train, struct ath__preprocess *preprocess,
                                 ath_error *err) {
    static const struct {
        const char *name, *value;
    } named[] = {{"imagenet", "0.485:0.229,0.456:0.224,0.406:0.225"}, {"half", "0.5:0.5"}}; /* half: 2 x - 1 */
    ath_dataset_info info = {0};
    const char      *normalize = ath__config_text(config, "normalize");
    const char      *resize = ath__config_text(config, "resize");
    if (train)
        info = ath_dataset_describe(train);
    else
        ATH_TRY(channels_of_model(config, &info.channels, err));
    memset(preprocess, 0, sizeof *preprocess);
    for (int c = 0; c < 4; c++) preprocess->deviation[c] = 1.0;
    preprocess->filter = ath__filter_find(ath__config_text(config, "interpolation"));
    preprocess->rounding = ath__rounding_find(ath__config_text(config, "resize.rounding"));
    ATH_TRY(parse_fit(resize, ath__config_text(config, "crop"), preprocess, err));
    if (info.height == 0 && !*resize) ATH_TRY(choose_fit(config, preprocess, err));
    if (strcmp(normalize, "none") == 0) return ATH_OK;
    if (strcmp(normalize, "auto") == 0) {
        if (train) return measure(train, preprocess, err);
        return ath__fail(err, ATH_USAGE, "normalize",
                         "normalize=auto measures the training images: give data= as well, or say what these weights "
                         "were trained with: none, imagenet, half or mean:deviation");
    }
    for (size_t i = 0; i < sizeof named / sizeof named[0]; i++)
        if (strcmp(normalize, named[i].name) == 0) normalize = named[i].value;
    return parse_normalize(normalize, info.channels, preprocess, err);
}

/* ---- names ------------------------------------------------------------------------------------------------------- */

static const char *const filters[] = {"bilinear", "bicubic", "nearest", "box"};
enum { FILTERS = sizeof filters / sizeof filters[0] };

int ath__filter_find(const char *name) {
    for (int i = 0; i < FILTERS; i++)
        if (strcmp(name, filters[i]) == 0) return i;
    return ATH_FILTER_BILINEAR;
}

const char *ath__filter_name(int filter) {
    return filter >= 0 && filter < FILTERS ? filters[filter] : filters[ATH_FILTER_BILINEAR];
}

/* In the order of enum ath__rounding. */
static const char *const roundings[] = {"nearest", "torchvision"};

enum ath__rounding ath__rounding_find(const char *name) {
    return strcmp(name, roundings[ATH_ROUND_TORCHVISION]) == 0 ? ATH_ROUND_TORCHVISION : ATH_ROUND_NEAREST;
}

const char *ath__rounding_name(enum ath__rounding rounding) {
    return roundings[rounding];
}

void ath__preprocess_text(const struct ath__preprocess *p, char *text, size_t capacity) {
    const char *filter = ath__filter_name(p->filter);
    const char *rounding = p->rounding == ATH_ROUND_TORCHVISION ? ", rounded as torchvision" : "";
    switch (p->fit) {
    case ATH_FIT_STRETCH:
        if (p->height > 0)
            snprintf(text, capacity, "resized to %dx%d (%s)", p->height, p->width, filter);
        else
            ath__str_copy(text, capacity, "as they are");
        return;
    case ATH_FIT_SHORTER:
        snprintf(text, capacity, "resized so that the shorter side has %d pixels (%s%s), then the middle %dx%d",
                 p->fit_height, filter, rounding, p->height, p->width);
        return;
    case ATH_FIT_EXACT:
        snprintf(text, capacity, "resized to %dx%d (%s%s), then the middle %dx%d", p->fit_height, p->fit_width, filter,
                 rounding, p->height, p->width);
        return;
    case ATH_FIT_CROP: snprintf(text, capacity, "the middle %dx%d", p->height, p->width); return;
    }
}

void ath__setup_tell_data(const ath_hooks *hooks, const ath_dataset *dataset) {
    const char *line = ath_dataset_describe(dataset).remarks;
    while (*line) {
        size_t length = strcspn(line, "\n");
        ath__remark(hooks, "DATA", true, "%.*s", (int)length, line);
        line += length + (line[length] == '\n');
    }
}

void ath__setup_tell_skipped(const ath_hooks *hooks, const ath_dataset *dataset) {
    int64_t skipped = ath_dataset_describe(dataset).skipped;
    if (skipped > 0)
        ath__remark(hooks, "DATA", true,
                    "%lld validation files are no images or broken and are left out; 'athanor data check' names them",
                    (long long)skipped);
}

void ath__setup_tell_preprocess(const ath_config *config, const ath_hooks *hooks, const ath_dataset *dataset,
                                const struct ath__preprocess *preprocess) {
    char text[160];
    if (ath_dataset_describe(dataset).height > 0 || *ath__config_text(config, "resize")) return;
    ath__preprocess_text(preprocess, text, sizeof text);
    ath__remark(hooks, "PREPROCESS", false, "photos are %s (resize=%d crop=%dx%d, which nothing said otherwise)", text,
                preprocess->fit_height, preprocess->height, preprocess->width);
}
