/* athanor recipes [NAME] */
#include "cli/json_out.h"
#include "cli/verb.h"

#include <stdio.h>
#include <string.h>

static ath_status print_file(const char *path, ath_error *err) {
    FILE *file = fopen(path, "r");
    char  line[1024];
    if (!file) {
        snprintf(err->message, sizeof err->message, "cannot be read");
        snprintf(err->where, sizeof err->where, "%.200s", path);
        return err->code = ATH_IO;
    }
    while (fgets(line, sizeof line, file)) fputs(line, stdout);
    fclose(file);
    return ATH_OK;
}

static ath_status run(const struct invocation *invocation, ath_error *err) {
    ath_recipe *recipes = NULL;
    int         count = 0;
    bool        found = false;
    ath_status  status = ath_recipes_list(&recipes, &count, err);
    json_t     *all = invocation->json ? json_array() : NULL;
    for (int i = 0; i < count && status == ATH_OK; i++) {
        if (invocation->word_count > 0) {
            if (strcmp(invocation->words[0], recipes[i].name) != 0) continue;
            found = true;
            status = print_file(recipes[i].path, err);
        } else if (all) {
            json_array_append_new(all, json_pack("{s:s, s:s, s:s}", "name", recipes[i].name, "summary",
                                                 recipes[i].summary, "path", recipes[i].path));
        } else {
            printf("%-24s %s\n", recipes[i].name, recipes[i].summary);
        }
    }
    ath_recipes_free(recipes);
    if (status == ATH_OK && invocation->word_count > 0 && !found) {
        snprintf(err->message, sizeof err->message, "there is no recipe '%.200s'; 'athanor recipes' lists them",
                 invocation->words[0]);
        err->where[0] = '\0';
        status = err->code = ATH_USAGE;
    }
    if (all && status == ATH_OK && invocation->word_count == 0) return json_print(all, err);
    json_decref(all);
    return status;
}

const struct verb verb_recipes = {
    .name = "recipes",
    .summary = "list the documented experiments, or print one",
    .examples = "  athanor recipes\n  athanor recipes mnist/lenet5\n  athanor train recipe=mnist/lenet5 seed=3\n",
    .run = run,
};
