/* athanor data check: the report for people, and the same as JSON. */
#include "cli/data_check.h"

#include "cli/console.h"
#include "cli/json_out.h"

#include <stdio.h>
#include <string.h>

enum { SHOWN = 10, MOST_OPTIONS = 64 };

/* ---- JSON -------------------------------------------------------------------------------------------------------- */

static json_t *image_json(const ath_data_check *check, const ath_check_image *image) {
    return json_pack("{s:o, s:s, s:s}", "path", json_text(image->path), "split", image->part, "class",
                     check->class_names[image->label]);
}

static json_t *pairs_json(const ath_data_check *check, const ath_check_pair *pairs, int64_t count) {
    json_t *array = json_array();
    for (int64_t i = 0; pairs && i < count && i < 10000; i++)
        json_array_append_new(array, json_pack("{s:o, s:o, s:i}", "first", image_json(check, &pairs[i].first), "second",
                                               image_json(check, &pairs[i].second), "distance", pairs[i].distance));
    return array;
}

static json_t *part_json(const ath_data_check *check, const ath_check_part *part) {
    json_t *classes = json_object();
    for (int c = 0; c < check->classes; c++)
        json_object_set_new(classes, check->class_names[c], json_integer(part->class_counts[c]));
    return json_pack("{s:s, s:I, s:I, s:[i,i], s:[i,i], s:o}", "split", part->name, "images", (json_int_t)part->images,
                     "broken", (json_int_t)part->broken, "smallest", part->least_height, part->least_width, "largest",
                     part->most_height, part->most_width, "classes", classes);
}

static json_t *check_json(const ath_data_check *check, const char *name) {
    json_t *parts = json_array(), *broken = json_array(), *remarks = json_array();
    for (int p = 0; p < check->part_count; p++) json_array_append_new(parts, part_json(check, &check->parts[p]));
    for (int64_t i = 0; i < check->fault_count; i++) {
        json_t *fault = image_json(check, &check->faults[i].image);
        json_object_set_new(fault, "problem", json_text(check->faults[i].problem));
        json_array_append_new(broken, fault);
    }
    for (const char *line = check->remarks; *line; line += strcspn(line, "\n") + 1)
        json_array_append_new(remarks, json_stringn(line, strcspn(line, "\n")));
    return json_pack("{s:o, s:o, s:o, s:{s:I, s:I, s:I, s:I, s:o}, s:{s:b, s:i, s:I, s:I, s:o}, s:o}", "data",
                     json_text(name), "parts", parts, "broken", broken, "copies", "groups",
                     (json_int_t)check->copy_groups, "across", (json_int_t)check->groups_across, "conflicts",
                     (json_int_t)check->groups_in_conflict, "images", (json_int_t)check->copy_count, "pairs",
                     pairs_json(check, check->copies, check->copy_count), "similar", "compared", check->compared,
                     "distance", (int)ATH_CHECK_DISTANCE, "count", (json_int_t)check->similar_count, "across",
                     (json_int_t)check->similar_across, "pairs",
                     pairs_json(check, check->similar, check->similar_count), "remarks", remarks);
}

/* ---- text -------------------------------------------------------------------------------------------------------- */

static void print_sizes(const ath_check_part *part) {
    if (part->images == part->broken) return;
    if (part->least_height == part->most_height && part->least_width == part->most_width)
        printf("    size              all %dx%d (height x width)\n", part->least_height, part->least_width);
    else
        printf("    sizes             heights %d to %d, widths %d to %d\n", part->least_height, part->most_height,
               part->least_width, part->most_width);
}

static void print_part(const ath_data_check *check, const ath_check_part *part) {
    char    images[32];
    int     least = -1, most = -1, empty = 0;
    int64_t counted = 0;
    for (int c = 0; c < check->classes; c++) {
        int64_t count = part->class_counts[c];
        counted += count;
        if (count == 0) {
            empty++;
            continue;
        }
        if (least < 0 || count < part->class_counts[least]) least = c;
        if (most < 0 || count > part->class_counts[most]) most = c;
    }
    printf("  %s: %s images\n", part->name, console_count(part->images, images));
    print_sizes(part);
    if (least >= 0)
        printf("    per class         %lld ('%s') to %lld ('%s'), %.1f on average%s\n",
               (long long)part->class_counts[least], check->class_titles[least], (long long)part->class_counts[most],
               check->class_titles[most], (double)counted / (check->classes - empty), empty ? "; some have none" : "");
}

/* Whether a pair is of two parts or of two classes: it weighs more, and is shown first. */
static bool weighs(const ath_check_pair *pair) {
    return strcmp(pair->first.part, pair->second.part) != 0 || pair->first.label != pair->second.label;
}

static void print_pairs(const ath_data_check *check, const ath_check_pair *pairs, int64_t count, const char *sign) {
    int shown = 0;
    for (int pass = 1; pass >= 0; pass--)
        for (int64_t i = 0; i < count && i < 10000 && shown < SHOWN; i++) {
            const ath_check_pair *pair = &pairs[i];
            if (weighs(pair) != (pass == 1)) continue;
            shown++;
            printf("    %s %s %s%s\n", pair->first.path, sign, pair->second.path,
                   strcmp(pair->first.part, pair->second.part) != 0 ? "   [across parts]" : "");
            if (pair->first.label != pair->second.label)
                printf("      under two classes: '%s' and '%s'\n", check->class_titles[pair->first.label],
                       check->class_titles[pair->second.label]);
        }
    if (count > shown) printf("    ... and %lld more (--json lists them)\n", (long long)(count - shown));
}

static void print_text(const ath_data_check *check, const char *name) {
    printf("%s: %d classes\n", name, check->classes);
    for (int p = 0; p < check->part_count; p++) print_part(check, &check->parts[p]);
    printf("  broken files: %lld\n", (long long)check->fault_count);
    for (int64_t i = 0; i < check->fault_count && i < SHOWN; i++)
        printf("    %s: %s\n", check->faults[i].image.path, check->faults[i].problem);
    if (check->fault_count > SHOWN)
        printf("    ... and %lld more (--json lists them)\n", (long long)check->fault_count - SHOWN);
    printf("  identical images: %lld groups, %lld of them across parts, %lld under several classes\n",
           (long long)check->copy_groups, (long long)check->groups_across, (long long)check->groups_in_conflict);
    print_pairs(check, check->copies, check->copy_count, "=");
    if (check->compared) {
        printf("  similar images: %lld pairs, %lld of them across parts (fingerprints that differ in at most %d of 128 "
               "bits)\n",
               (long long)check->similar_count, (long long)check->similar_across, (int)ATH_CHECK_DISTANCE);
        print_pairs(check, check->similar, check->similar_count, "~");
    }
    for (const char *line = check->remarks; *line; line += strcspn(line, "\n") + 1)
        printf("  remark: %.*s\n", (int)strcspn(line, "\n"), line);
}

ath_status data_check(const struct invocation *invocation, const char *name, ath_error *err) {
    ath_option_pair options[MOST_OPTIONS];
    ath_data_check  check;
    ath_config_item item;
    int             count = 0;
    for (int i = 0; ath_config_at(invocation->config, i, &item) && count < MOST_OPTIONS; i++)
        if (strncmp(item.key, "data.", 5) == 0) options[count++] = (ath_option_pair){item.key + 5, item.value};
    const char *labels = ath_config_get(invocation->config, "labels");
    if (*labels && count < MOST_OPTIONS) options[count++] = (ath_option_pair){"labels", labels};
    ath_status status = ath_dataset_check(name, options, count, &check, err);
    if (status == ATH_OK) {
        if (invocation->json)
            status = json_print(check_json(&check, name), err);
        else
            print_text(&check, name);
    }
    if (status == ATH_OK && check.fault_count > 0) {
        snprintf(err->message, sizeof err->message, "%lld files are broken or no images: '%s' is the first",
                 (long long)check.fault_count, check.faults[0].image.path);
        err->where[0] = '\0';
        status = err->code = ATH_DATA;
    }
    ath_dataset_check_free(&check);
    return status;
}
