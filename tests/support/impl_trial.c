/* Trials of implementations. Outputs and scratch start as not-a-numbers, so that reading them shows. */
#include "support/impl_trial.h"

#include "device/choose.h"
#include "tensor/plain.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GUARD = 256, PATTERN = 0xA5 };

bool guarded_alloc(struct guarded *memory, size_t bytes) {
    size_t whole = (bytes + 2 * GUARD + 63) / 64 * 64;
    memory->base = aligned_alloc(64, whole);
    memory->bytes = bytes;
    if (memory->base == NULL) return false;
    memset(memory->base, PATTERN, whole);
    memory->data = memory->base + GUARD;
    memset(memory->data, 0xFF, bytes);
    return true;
}

void guarded_free(struct guarded *memory) {
    free(memory->base);
    memset(memory, 0, sizeof *memory);
}

bool guarded_unharmed(const struct guarded *memory) {
    if (memory->base == NULL) return true;
    for (size_t i = 0; i < GUARD; i++)
        if (memory->base[i] != PATTERN || memory->base[GUARD + memory->bytes + i] != PATTERN) return false;
    return true;
}

static void lower(struct ath__desc *desc, bool follows) {
    if (follows && desc->present && desc->dtype == ATH_F32 && desc->shape.rank >= 2) desc->dtype = ATH_BF16;
}

static bool wished(const struct ath__desc *desc, const struct ath__layout *layout, int64_t batch) {
    int rank = desc->shape.rank;
    if (!desc->present || desc->shape.dims[0] != batch) return false;
    return rank == 4 || (rank == 2 && ath__layout_single_block(layout, 4, 0) > 0);
}

void impl_trial_describe(struct impl_trial *trial, const struct impl_case *c, const struct ath__impl *impl,
                         const struct trial_wish *wish) {
    memset(trial, 0, sizeof *trial);
    trial->c = c;
    trial->impl = impl;
    memcpy(trial->in, c->in, sizeof trial->in);
    memcpy(trial->out, c->out, sizeof trial->out);
    uint32_t traits = c->op->traits;
    int64_t  batch = c->in[0].shape.dims[0];
    bool     reorder = strcmp(c->op->name, "reorder") == 0, weights_out = strcmp(c->op->name, "conv2d_wgrad") == 0;
    for (int i = 0; i < c->ins; i++) {
        if (wish->low) lower(&trial->in[i], traits & (ATH_OP_LOW_ALL | ATH_OP_LOW_FIRST | ATH_OP_LOW_IN));
        if (reorder)
            trial->in[i].layout = wish->from;
        else if (wished(&trial->in[i], &wish->layout, batch) && strcmp(c->operand[i].name, "w") != 0)
            trial->in[i].layout = wish->layout;
    }
    for (int i = 0; i < c->outs; i++) {
        bool first = i == 0 || i == 3;
        if (wish->low) lower(&trial->out[i], (traits & ATH_OP_LOW_ALL) || ((traits & ATH_OP_LOW_FIRST) && first));
        if (reorder || (wished(&trial->out[i], &wish->layout, batch) && !weights_out))
            trial->out[i].layout = wish->layout;
    }
    trial->problem = (struct ath__problem){.op = c->op->name,
                                           .attrs = c->attrs,
                                           .ins = c->ins,
                                           .outs = c->outs,
                                           .in = trial->in,
                                           .out = trial->out,
                                           .ref = c->op->ref};
}

const char *impl_trial_choose(struct impl_trial *trial) {
    struct ath__layout_wish wish = {.op = trial->c->op->name,
                                    .attrs = trial->c->attrs,
                                    .ins = trial->c->ins,
                                    .outs = trial->c->outs,
                                    .in = trial->in,
                                    .out = trial->out};
    return ath__impl_ask(trial->impl, &wish, trial->c->op->ref);
}

void impl_trial_fill(struct impl_trial *trial, int i) {
    double *values = malloc((size_t)ath_shape_count(&trial->in[i].shape) * sizeof(double));
    if (values == NULL) return;
    impl_case_values(trial->c, i, values);
    ath__desc_store(&trial->in[i], values, trial->in_memory[i].data);
    free(values);
}

bool impl_trial_open(struct impl_trial *trial, char *why) {
    const struct ath__impl *impl = trial->impl;
    snprintf(why, 256, "out of memory");
    for (int i = 0; i < trial->c->ins; i++) {
        if (!trial->in[i].present) continue;
        if (!guarded_alloc(&trial->in_memory[i], ath__desc_bytes(&trial->in[i]))) return false;
        impl_trial_fill(trial, i);
    }
    for (int i = 0; i < trial->c->outs; i++)
        if (trial->out[i].present && !guarded_alloc(&trial->out_memory[i], ath__desc_bytes(&trial->out[i])))
            return false;
    ath_error err = {0};
    if (impl->prepare != NULL && impl->prepare(&trial->problem, &trial->state, &err) != ATH_OK) {
        snprintf(why, 256, "prepare failed: %.200s", err.message);
        return false;
    }
    size_t scratch = impl->scratch != NULL ? impl->scratch(&trial->problem, trial->state) : 0;
    return guarded_alloc(&trial->scratch, scratch);
}

void impl_trial_close(struct impl_trial *trial) {
    if (trial->impl->release != NULL && trial->state != NULL) trial->impl->release(trial->state);
    for (int i = 0; i < trial->c->ins; i++) guarded_free(&trial->in_memory[i]);
    for (int i = 0; i < trial->c->outs; i++) guarded_free(&trial->out_memory[i]);
    guarded_free(&trial->scratch);
    trial->state = NULL;
}

ath_status impl_trial_run(struct impl_trial *trial, int alias_out, int alias_in) {
    void *in[CASE_MAX_OPERANDS], *out[ATH_MAX_OUTS];
    for (int i = 0; i < trial->c->ins; i++) in[i] = trial->in_memory[i].data;
    for (int i = 0; i < trial->c->outs; i++) out[i] = trial->out_memory[i].data;
    if (alias_out >= 0) out[alias_out] = in[alias_in];
    struct ath__exec exec = {.problem = &trial->problem, .in = in, .out = out, .scratch = trial->scratch.data};
    return trial->impl->run(&exec, trial->state);
}

void impl_trial_text(const struct impl_trial *trial, char *text, size_t capacity) {
    size_t used = 0;
    text[0] = '\0';
    for (int i = 0; i < trial->c->ins + trial->c->outs; i++) {
        bool                    input = i < trial->c->ins;
        const struct ath__desc *desc = input ? &trial->in[i] : &trial->out[i - trial->c->ins];
        char                    layout[48];
        if (!desc->present) continue;
        ath__layout_text(&desc->layout, desc->shape.rank, layout, sizeof layout);
        int wrote = snprintf(text + used, capacity - used, "%s%s:%s",
                             i == trial->c->ins ? " -> "
                             : i > 0            ? " "
                                                : "",
                             layout, ath_dtype_name(desc->dtype));
        if (wrote < 0 || (used += (size_t)wrote) >= capacity) return;
    }
}
