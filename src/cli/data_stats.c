/* athanor data stats: a column of figures for each part of a data set, then what the parts have in common. */
#include "cli/data_stats.h"

#include "cli/console.h"
#include "cli/json_out.h"

#include <stdio.h>
#include <string.h>

enum { MOST_PARTS = 3, MOST_PAIRS = MOST_PARTS * (MOST_PARTS - 1) / 2, MOST_OPTIONS = 64 };

struct part {
    const char       *name; /* "train" ... */
    ath_dataset      *dataset;
    ath_dataset_info  info;
    ath_dataset_stats stats;
};

struct pair {
    const struct part *first, *second;
    ath_duplicates     found;
};

struct report {
    const char *name;
    struct part parts[MOST_PARTS];
    struct pair pairs[MOST_PAIRS];
    int         part_count, pair_count;
};

/* ---- measuring --------------------------------------------------------------------------------------------------- */

static ath_status add_part(struct report *report, const char *name, ath_split split, const ath_option_pair *options,
                           int option_count, ath_error *err) {
    struct part *part = &report->parts[report->part_count];
    ath_status   status = ath_dataset_open(report->name, split, options, option_count, &part->dataset, err);
    if (status != ATH_OK) return status;
    part->name = name;
    part->info = ath_dataset_describe(part->dataset);
    report->part_count++;
    return ath_dataset_measure(part->dataset, &part->stats, err);
}

/* Training images, then those held out if any are, then the test images; or the one part that split= names. */
static ath_status add_parts(struct report *report, const char *only, const ath_option_pair *options, int option_count,
                            ath_error *err) {
    static const struct {
        const char *name;
        ath_split   split;
    } all[MOST_PARTS] = {{"train", ATH_SPLIT_TRAIN}, {"val", ATH_SPLIT_VAL}, {"test", ATH_SPLIT_TEST}};
    for (int i = 0; i < MOST_PARTS; i++) {
        /* Without a hold-out the validation images are the test images. */
        bool wanted =
            only ? strcmp(only, all[i].name) == 0 : all[i].split != ATH_SPLIT_VAL || report->parts[0].info.held_out > 0;
        if (!wanted) continue;
        ath_status status = add_part(report, all[i].name, all[i].split, options, option_count, err);
        if (status != ATH_OK) return status;
    }
    for (int i = 0; i < report->part_count; i++) {
        for (int k = i + 1; k < report->part_count; k++) {
            struct pair *pair = &report->pairs[report->pair_count++];
            *pair = (struct pair){.first = &report->parts[i], .second = &report->parts[k]};
            ath_status status = ath_dataset_compare(pair->first->dataset, pair->second->dataset, &pair->found, err);
            if (status != ATH_OK) return status;
        }
    }
    return ATH_OK;
}

/* ---- printing ---------------------------------------------------------------------------------------------------- */

static void part_json(const struct part *part, json_t *object) {
    const ath_dataset_stats *stats = &part->stats;
    json_t                  *mean = json_array(), *deviation = json_array(), *classes = json_object();
    for (int c = 0; c < part->info.channels && c < 4; c++) {
        json_array_append_new(mean, json_real(stats->mean[c]));
        json_array_append_new(deviation, json_real(stats->deviation[c]));
    }
    for (int c = 0; c < part->info.classes; c++)
        json_object_set_new(classes, part->info.class_names[c], json_integer(stats->class_counts[c]));
    json_object_set_new(object, "split", json_string(part->name));
    json_object_set_new(object, "images", json_integer(part->info.count));
    json_object_set_new(object, "mean", mean);
    json_object_set_new(object, "deviation", deviation);
    json_object_set_new(object, "classes", classes);
    json_object_set_new(object, "duplicates", json_integer(stats->duplicates));
    json_object_set_new(object, "conflicts", json_integer(stats->conflicts));
}

/* The first part's figures, then the others and the pairs (docs/data.md). */
static json_t *report_json(const struct report *report) {
    json_t *object = json_object(), *others = json_array(), *across = json_array();
    json_object_set_new(object, "data", json_string(report->name));
    part_json(&report->parts[0], object);
    for (int i = 1; i < report->part_count; i++) {
        json_t *other = json_object();
        part_json(&report->parts[i], other);
        json_array_append_new(others, other);
    }
    for (int i = 0; i < report->pair_count; i++) {
        const struct pair *pair = &report->pairs[i];
        json_array_append_new(across, json_pack("{s:s, s:s, s:I, s:I}", "first", pair->first->name, "second",
                                                pair->second->name, "images", (json_int_t)pair->found.images,
                                                "conflicts", (json_int_t)pair->found.conflicts));
    }
    json_object_set_new(object, "others", others);
    json_object_set_new(object, "across", across);
    return object;
}

static void print_counts(const struct report *report, const char *what, int64_t (*value)(const struct part *, int),
                         int index) {
    char text[32];
    printf("  %-32s", what);
    for (int i = 0; i < report->part_count; i++) printf(" %10s", console_count(value(&report->parts[i], index), text));
    putchar('\n');
}

static int64_t images_of(const struct part *part, int unused) {
    (void)unused;
    return part->info.count;
}

static int64_t duplicates_of(const struct part *part, int unused) {
    (void)unused;
    return part->stats.duplicates;
}

static int64_t conflicts_of(const struct part *part, int unused) {
    (void)unused;
    return part->stats.conflicts;
}

static int64_t members_of(const struct part *part, int index) {
    return part->stats.class_counts[index];
}

static void print_figures(const struct report *report, int channel) {
    for (int deviation = 0; deviation < 2; deviation++) {
        char what[40];
        snprintf(what, sizeof what, "channel %d: %s", channel, deviation ? "deviation" : "mean");
        printf("  %-32s", what);
        for (int i = 0; i < report->part_count; i++) {
            const ath_dataset_stats *stats = &report->parts[i].stats;
            printf(" %10.4f", deviation ? stats->deviation[channel] : stats->mean[channel]);
        }
        putchar('\n');
    }
}

static void print_pair(const struct pair *pair) {
    const ath_duplicates *found = &pair->found;
    char                  text[32];
    if (found->images == 0) {
        printf("no image of %s is in %s\n", pair->second->name, pair->first->name);
        return;
    }
    printf("%s %s of %s %s in %s as well (%s[%lld] = %s[%lld])", console_count(found->images, text),
           found->images == 1 ? "image" : "images", pair->second->name, found->images == 1 ? "is" : "are",
           pair->first->name, pair->second->name, (long long)found->second, pair->first->name, (long long)found->first);
    if (found->conflicts > 0) printf(", %s under another label", console_count(found->conflicts, text));
    putchar('\n');
}

static void print_report(const struct report *report) {
    const ath_dataset_info *info = &report->parts[0].info;
    printf("%s: images of %dx%dx%d in %d classes\n  %-32s", report->name, info->channels, info->height, info->width,
           info->classes, "");
    for (int i = 0; i < report->part_count; i++) printf(" %10s", report->parts[i].name);
    putchar('\n');
    print_counts(report, "images", images_of, 0);
    print_counts(report, "duplicates of an earlier image", duplicates_of, 0);
    print_counts(report, "  under another label", conflicts_of, 0);
    for (int c = 0; c < info->channels && c < 4; c++) print_figures(report, c);
    for (int c = 0; c < info->classes; c++) print_counts(report, info->class_names[c], members_of, c);
    for (int i = 0; i < report->pair_count; i++) print_pair(&report->pairs[i]);
}

ath_status data_stats(const struct invocation *invocation, const char *name, ath_error *err) {
    struct report   report = {.name = name};
    ath_option_pair options[MOST_OPTIONS];
    ath_config_item item;
    int             option_count = 0;
    const char     *only = NULL;
    for (int i = 0; ath_config_at(invocation->config, i, &item); i++) {
        if (strcmp(item.key, "split") == 0 && item.origin != ATH_ORIGIN_DEFAULT) only = item.value;
        if (strncmp(item.key, "data.", 5) == 0 && option_count < MOST_OPTIONS)
            options[option_count++] = (ath_option_pair){item.key + 5, item.value};
    }
    ath_status status = add_parts(&report, only, options, option_count, err);
    if (status == ATH_OK) {
        if (invocation->json)
            status = json_print(report_json(&report), err);
        else
            print_report(&report);
    }
    for (int i = 0; i < report.part_count; i++) {
        ath_dataset_stats_free(&report.parts[i].stats);
        ath_dataset_close(report.parts[i].dataset);
    }
    return status;
}
