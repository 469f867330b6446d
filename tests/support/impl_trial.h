/* One implementation on one case: layouts, memory with guards around it, preparation, runs. */
#ifndef ATH_TESTS_IMPL_TRIAL_H
#define ATH_TESTS_IMPL_TRIAL_H

#include "contract/device.h"
#include "support/impl_case.h"

/* Memory between guard zones of a known pattern. */
struct guarded {
    unsigned char *base;
    void          *data; /* 64-byte aligned */
    size_t         bytes;
};
bool guarded_alloc(struct guarded *memory, size_t bytes);
void guarded_free(struct guarded *memory);
bool guarded_unharmed(const struct guarded *memory);

struct impl_trial {
    const struct impl_case *c;
    const struct ath__impl *impl;
    struct ath__desc        in[CASE_MAX_OPERANDS], out[ATH_MAX_OUTS];
    struct ath__problem     problem;
    void                   *state;
    struct guarded          in_memory[CASE_MAX_OPERANDS], out_memory[ATH_MAX_OUTS], scratch;
};

/* How activations are wished to lie. `from` is for reorders: the layout of their input. */
struct trial_wish {
    const char        *name;
    struct ath__layout layout, from;
    bool               low; /* bfloat16 where the operator's traits allow it */
};

/* Operands with the wish's types; layouts are chosen by impl_trial_choose. */
void impl_trial_describe(struct impl_trial *trial, const struct impl_case *c, const struct ath__impl *impl,
                         const struct trial_wish *wish);
/* NULL if the implementation accepts; its layouts are then in in[] and out[]. Else its reason. */
const char *impl_trial_choose(struct impl_trial *trial);
/* Memory, inputs, preparation. False with a reason. impl_trial_close frees in any case. */
bool impl_trial_open(struct impl_trial *trial, char *why);
void impl_trial_close(struct impl_trial *trial);
/* Runs with output `alias_out` in the memory of input `alias_in` (-1, -1 for none). */
ath_status impl_trial_run(struct impl_trial *trial, int alias_out, int alias_in);
/* Writes input i's values into its memory. */
void impl_trial_fill(struct impl_trial *trial, int i);

/* "x nChw8c bf16, w nchw f32 -> ..." */
void impl_trial_text(const struct impl_trial *trial, char *text, size_t capacity);

#endif
