/* athanor data list | get NAME | check NAME | stats NAME | show NAME */
#include "cli/console.h"
#include "cli/data_check.h"
#include "cli/data_stats.h"
#include "cli/json_out.h"
#include "cli/verb.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static ath_status wrong_use(ath_error *err) {
    snprintf(err->message, sizeof err->message,
             "say what to do: data list, data get NAME, data check NAME, data stats NAME, data show NAME");
    err->where[0] = '\0';
    return err->code = ATH_USAGE;
}

static ath_status list(const struct invocation *invocation, ath_error *err) {
    ath_dataset_entry entry;
    json_t           *all = invocation->json ? json_array() : NULL;
    for (int i = 0; ath_dataset_catalogue(i, &entry); i++) {
        char folder[1024] = "";
        if (entry.downloadable) ath_dataset_folder(entry.name, folder, sizeof folder, NULL);
        bool here = *folder && access(folder, R_OK) == 0;
        if (all)
            json_array_append_new(all, json_pack("{s:s, s:s, s:b, s:b, s:s}", "name", entry.name, "summary",
                                                 entry.summary, "downloadable", entry.downloadable, "present",
                                                 here || !entry.downloadable, "folder", folder));
        else if (!*folder)
            printf("%-16s %s\n", entry.name, entry.summary);
        else if (here)
            printf("%-16s %s  [%s]\n", entry.name, entry.summary, folder);
        else
            printf("%-16s %s  [not here: athanor data get %s]\n", entry.name, entry.summary, entry.name);
    }
    return all ? json_print(all, err) : ATH_OK;
}

static bool on_download(const char *file, uint64_t done, uint64_t total, void *context) {
    (void)context;
    if (!isatty(STDERR_FILENO)) return true;
    if (total > 0)
        fprintf(stderr, "\r\033[K%s  %.1f of %.1f MB (%.0f%%)", file, (double)done / 1e6, (double)total / 1e6,
                100.0 * (double)done / (double)total);
    else
        fprintf(stderr, "\r\033[K%s  %.1f MB", file, (double)done / 1e6);
    if (done == total) fputc('\n', stderr);
    return true;
}

static ath_status get(const char *name, ath_error *err) {
    char       folder[1024];
    ath_status status = ath_dataset_download(name, on_download, NULL, err);
    if (status == ATH_OK) status = ath_dataset_folder(name, folder, sizeof folder, err);
    if (status == ATH_OK) console_note("%s is complete and verified in %s", name, folder);
    return status;
}

static ath_status stats(const struct invocation *invocation, ath_error *err) {
    const char *name = invocation->word_count > 1 ? invocation->words[1] : ath_config_get(invocation->config, "data");
    return *name ? data_stats(invocation, name, err) : wrong_use(err);
}

static ath_status check(const struct invocation *invocation, ath_error *err) {
    const char *name = invocation->word_count > 1 ? invocation->words[1] : ath_config_get(invocation->config, "data");
    return *name ? data_check(invocation, name, err) : wrong_use(err);
}

static ath_status show(const struct invocation *invocation, ath_error *err) {
    ath_config *config = invocation->config;
    if (invocation->word_count > 1) {
        ath_status status = ath_config_set(config, "data", invocation->words[1], ATH_ORIGIN_COMMAND_LINE, err);
        if (status != ATH_OK) return status;
    }
    if (!*ath_config_get(config, "data")) return wrong_use(err);
    const char *path = invocation_file(invocation, "augment.png");
    ath_status  status = ath_data_show(config, path, err);
    if (status == ATH_OK) console_note("wrote %s", path);
    return status;
}

static ath_status run(const struct invocation *invocation, ath_error *err) {
    const char *what = invocation->word_count > 0 ? invocation->words[0] : "";
    if (strcmp(what, "list") == 0) return list(invocation, err);
    if (strcmp(what, "get") == 0 && invocation->word_count == 2) return get(invocation->words[1], err);
    if (strcmp(what, "check") == 0 && invocation->word_count <= 2) return check(invocation, err);
    if (strcmp(what, "stats") == 0) return stats(invocation, err);
    if (strcmp(what, "show") == 0 && invocation->word_count <= 2) return show(invocation, err);
    return wrong_use(err);
}

const struct verb verb_data = {
    .name = "data",
    .summary = "list, download, check, measure and show data sets",
    .examples =
        "  athanor data list\n"
        "  athanor data get mnist         verified; resumes; ATHANOR_MIRROR names another source\n"
        "  athanor data check photos/     broken files, images that occur twice or look the same, sizes, classes\n"
        "  athanor data stats mnist       mean, deviation, class counts, duplicates within and across parts\n"
        "  athanor data stats cifar10 data.holdout=5000\n"
        "  athanor data stats photos/cifar-10-binary.tar.gz split=train --json\n"
        "  athanor data show cifar10 'augment=[crop(4),flip,cutout(8)]' normalize=auto out=sheet.png\n"
        "                                 a contact sheet of training images: originals, and what random\n"
        "                                 transforms make of them in each epoch\n"
        "\nData lies under $ATHANOR_DATA/NAME, or in the user's cache folder.\n",
    .keys =
        "split data resize resize.rounding crop interpolation normalize bad_images labels augment seed rows columns out",
    .run = run,
};
