/* athanor doctor */
#include "cli/console.h"
#include "cli/findings.h"
#include "cli/verb.h"

#include <stdio.h>
#include <string.h>

void findings_print(const ath_findings *findings) {
    if (findings->count == 0) {
        printf("Nothing found.\n");
        return;
    }
    for (int i = 0; i < findings->count; i++) {
        const ath_finding *f = &findings->items[i];
        printf("%s%-12s %s  (%s, confidence %.2f)\n", i ? "\n" : "", f->code, f->title,
               f->confidence >= 0.5 ? "warning" : "hint", f->confidence);
        printf("  seen    %s\n  cause   %s\n  change  %s\n", f->evidence, f->cause, f->change);
    }
}

static void print_rules(void) {
    const char *code, *title;
    for (int i = 0; ath_doctor_rule_at(i, &code, &title); i++) printf("%-12s %s\n", code, title);
}

static ath_status run(const struct invocation *invocation, ath_error *err) {
    ath_findings findings;
    ath_hooks    hooks = console_hooks();
    if (invocation->word_count == 1 && strcmp(invocation->words[0], "rules") == 0) {
        print_rules();
        return ATH_OK;
    }
    if (invocation->word_count > 0) {
        snprintf(err->message, sizeof err->message, "'%s' is no key=value; a run folder is given as run=%s",
                 invocation->words[0], invocation->words[0]);
        err->where[0] = '\0';
        return err->code = ATH_USAGE;
    }
    ath_status status = ath_doctor(invocation->config, &hooks, &findings, err);
    if (status != ATH_OK) return status;
    if (invocation->json) {
        char *json = ath_findings_json(&findings);
        if (json) puts(json);
        ath_text_free(json);
    } else {
        findings_print(&findings);
    }
    ath_findings_free(&findings);
    return ATH_OK;
}

const struct verb verb_doctor = {
    .name = "doctor",
    .summary = "say what is wrong with a run, before or after, and what to change",
    .examples = "  athanor doctor recipe=mnist/lenet5 lr=3        before: configuration, data, 40 steps; seconds\n"
                "  athanor doctor run=runs/last                   a run folder, finished or under way\n"
                "  athanor doctor run=runs/last --json            also written to doctor.json in the folder\n"
                "  athanor doctor rules                           what it looks for\n",
    .keys =
        "run model data resize normalize epochs batch micro_batch lr optimizer momentum weight_decay schedule "
        "schedule.every schedule.factor schedule.end warmup init weights seed threads precision patience doctor.steps",
    .computes = true,
    .run = run,
};
