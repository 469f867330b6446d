/* The help, printed from the tables: verbs, keys, models, schedules. */
#include "cli/verb.h"

#include <stdio.h>
#include <string.h>

static bool listed(const char *keys, const char *name) {
    size_t length = strlen(name);
    for (const char *at = keys; at && (at = strstr(at, name)) != NULL; at += length) {
        bool starts = at == keys || at[-1] == ' ', ends = at[length] == ' ' || at[length] == '\0';
        if (starts && ends) return true;
    }
    return false;
}

static void print_overview(void) {
    printf("Athanor trains, evaluates and exports convolutional image classifiers.\n\n"
           "  athanor train model=lenet5 data=digits epochs=5 lr=0.1 momentum=0.9\n"
           "  athanor eval run=runs/last\n"
           "  athanor train model=lenet5 data=mnist --show-config\n\n"
           "Usage: athanor VERB key=value ... [--json] [--quiet]\n\nVerbs:\n");
    for (int i = 0; verb_at(i); i++) printf("  %-10s %s\n", verb_at(i)->name, verb_at(i)->summary);
    printf("\n'athanor help VERB' has examples and the keys.\n");
}

/* "crop(pad=4, mode=zero)" and what it does, then each argument. */
static void print_transform(int i, const ath_transform_entry *entry) {
    ath_transform_argument argument;
    printf("  %s(", entry->name);
    for (int k = 0; ath_transform_argument_at(i, k, &argument); k++)
        printf("%s%s=%s", k ? ", " : "", argument.name, argument.fallback);
    printf(")\n      %s\n", entry->summary);
    for (int k = 0; ath_transform_argument_at(i, k, &argument); k++)
        printf("      %-14s %s (%s)\n", argument.name, argument.summary, argument.allowed);
}

static void print_transforms(void) {
    ath_transform_entry entry;
    printf("\nTransforms of augment='[...]', with their arguments and defaults (docs/augmentation.md):\n");
    for (int i = 0; ath_transform_catalogue(i, &entry); i++) print_transform(i, &entry);
}

void help_print(const struct verb *verb) {
    if (!verb) {
        print_overview();
        return;
    }
    printf("athanor %s: %s\n\n%s", verb->name, verb->summary, verb->examples);
    if (!verb->keys) return;
    printf("\nKeys (default):\n");
    ath_config_key key;
    for (int i = 0; ath_config_key_at(i, &key); i++)
        if (listed(verb->keys, key.name))
            printf("  %-20s %s (%s)\n", key.name, key.summary, *key.fallback ? key.fallback : "unset");
    printf("  %-20s %s\n  %-20s %s\n", "model.KEY, data.KEY", "options of the model and of the data set", "recipe",
           "a YAML file of such keys, or the name of a recipe; the command line wins");
    if (listed(verb->keys, "augment")) print_transforms();
}
