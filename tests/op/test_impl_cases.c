/* Every implementation on every case that it accepts, in every layout and type, against the reference in double
 * precision.
 *
 * For each line of the case files, each row of the device that serves its operator, each wish for the activations'
 * layout and each storage type, the row runs on Philox values and the test asks:
 *
 *     results    within the tolerance below of the operator's `ref`; whole numbers equal
 *     padding    of blocked outputs is zero
 *     guards     around operands and scratch are unharmed, inputs unchanged
 *     memory     a run allocates nothing through the library
 *     again      a second run gives the same bits
 *     in place   where the row promises that an output may share an input's memory, it gives the same there
 *
 * Tolerance. Inputs are rounded to their type before the reference sees them, so what differs is the arithmetic, in
 * float32 with unit roundoff u = 2^-24. A sum of K terms rounds K times; each rounding errs by at most u times a
 * partial sum. For products of standard normal numbers partial sums are random walks, below 5 sqrt(K) but once in 10^6,
 * and the K errors are themselves independent: together below u * 5 sqrt(K) * sqrt(K) with the scale sqrt(K) of such
 * sums. For other operators the scale is the largest result. 16 u for what comes around the sum (elementary functions
 * of up to 3 units in the last place, scaling by computed statistics). A bfloat16 result is rounded once more: 2^-8 of
 * its size. So
 *
 *     |got - want| <= u * (16 + 5 sqrt(K)) * scale + (bf16: 2^-8 * |want|)
 *
 * Winograd's convolution (cpu/simd/winograd.h) adds up other numbers. For random d and g of deviation 1 the sum over
 * channels at frequency i, in one dimension, has terms of deviation |B_i| |G_i|, and a result weighs it with A_ij; what
 * a rounding adds is so the root of S_j = sum_i A_ij^2 |B_i|^2 |G_i|^2 times as large as for a term of deviation 1. A
 * direct sum has 3 such terms. In two dimensions that is S_j / 3 in all, 7.22 for the worst row j (the weight gradient,
 * with A and G exchanged and sums of 4: 5.98). The sums over channels are 9 times shorter than K, and roundings of the
 * transforms add once per term of a sum rather than once per partial sum, for which there is room: the tolerance is 7.3
 * times that of a direct sum. For 5x5 filters it is S_j / 5 = 5.5, and for their weight gradient S_j / 2 = 9.7.
 *
 * In bfloat16 (F(2x2, 3x3): S_j / 3 = 5/3, for the weight gradient S_j / 2 = 2) transformed tiles and filters are
 * rounded to 8 bits before they are multiplied. Such a rounding errs by at most 2^-8 of the number, with a deviation
 * below 2^-8 / sqrt(3); of a product, which has two, it is sqrt(2/3) 2^-8. Errors of different products are independent,
 * so their sum has that deviation times S_j / 3 sqrt(K), and the tolerance is 5 times as much, which is passed once in
 * 10^6: u in the first term hardly matters beside it.
 *
 * One missing or doubled term of a sum errs by about 1, hundreds of times the tolerance at the sizes of the cases; with
 * Winograd's bfloat16 about the tolerance itself, so test_winograd.c has whole numbers there, on which it is exact.
 *
 * ATHANOR_TEST_VERBOSE=1 lists what ran and what refused, with reasons.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/cpuinfo.h"
#include "base/mem.h"
#include "device/choose.h"
#include "support/impl_trial.h"
#include "tensor/plain.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool verbose;

/* The reference's results on the inputs as the trial holds them. */
struct truth {
    bool    made;
    double *out[ATH_MAX_OUTS];
};

static double *doubles(const ath_shape *shape) {
    double *data = malloc((size_t)ath_shape_count(shape) * sizeof(double));
    assert_non_null(data);
    return data;
}

static void truth_make(const struct impl_trial *trial, struct truth *truth) {
    const struct impl_case *c = trial->c;
    struct ath__ref_tensor  in[CASE_MAX_OPERANDS], out[ATH_MAX_OUTS];
    for (int i = 0; i < c->ins; i++) {
        in[i] = (struct ath__ref_tensor){c->in[i].shape, NULL};
        if (!c->in[i].present) continue;
        in[i].data = doubles(&c->in[i].shape);
        ath__desc_load(&trial->in[i], trial->in_memory[i].data, in[i].data);
    }
    for (int i = 0; i < c->outs; i++) {
        truth->out[i] = c->out[i].present ? doubles(&c->out[i].shape) : NULL;
        out[i] = (struct ath__ref_tensor){c->out[i].shape, truth->out[i]};
    }
    struct ath__ref ref = {c->attrs, c->ins, c->outs, in, out};
    c->op->ref(&ref);
    for (int i = 0; i < c->ins; i++) free(in[i].data);
}

static void truth_free(struct truth *truth) {
    for (int i = 0; i < ATH_MAX_OUTS; i++) free(truth->out[i]);
    memset(truth, 0, sizeof *truth);
}

static void complain(const struct impl_trial *trial, const char *what) {
    char text[512];
    impl_trial_text(trial, text, sizeof text);
    print_error("%s:%d: %s\n  %s [%s]: %s\n", trial->c->file, trial->c->number, trial->c->line, trial->impl->name, text,
                what);
}

/* How much more rounding a row's method adds than direct sums: S_j / 3 above. */
static double amplification_of(const struct impl_trial *trial) {
    if (strcmp(trial->impl->name, "winograd") != 0) return 1.0;
    return strcmp(trial->c->op->name, "conv2d_wgrad") == 0 && trial->out[0].shape.dims[2] == 5 ? 9.7 : 7.3;
}

/* The deviation, for terms of deviation 1 and a sum of scale 1, of what is lost in rounding factors to bfloat16. */
static double factor_rounding_of(const struct impl_trial *trial) {
    bool low = strcmp(trial->impl->name, "winograd") == 0 && trial->in[0].dtype == ATH_BF16;
    return low ? 2.0 * sqrt(2.0 / 3.0) * ldexp(1.0, -8) : 0.0;
}

static double tolerance_of(const struct impl_trial *trial, const double *want, int64_t count) {
    double reduction = (double)impl_case_reduction(trial->c), scale = 0;
    for (int64_t i = 0; i < count; i++)
        if (fabs(want[i]) > scale) scale = fabs(want[i]);
    if (trial->c->op->macs != NULL)
        scale = sqrt(reduction) + 1; /* of the sum before an activation; + 1: bias, residual */
    return ldexp(1.0, -24) * (16 + 5 * sqrt(reduction)) * scale * amplification_of(trial) +
           5 * factor_rounding_of(trial) * scale;
}

static bool same_results(const struct impl_trial *trial, int output, const void *data, const double *want) {
    const struct ath__desc *desc = &trial->out[output];
    int64_t                 count = ath_shape_count(&desc->shape), wrong = -1, wrongs = 0;
    double                 *got = doubles(&desc->shape), tolerance = tolerance_of(trial, want, count);
    bool                    whole = desc->dtype == ATH_I32 || desc->dtype == ATH_I64 || desc->dtype == ATH_U8;
    double                  relative = desc->dtype == ATH_BF16 ? ldexp(1.0, -8) : 0;
    ath__desc_load(desc, data, got);
    for (int64_t i = 0; i < count; i++) {
        double allowed = whole ? 0 : tolerance + relative * fabs(want[i]);
        if (fabs(got[i] - want[i]) <= allowed || (isnan(want[i]) && isnan(got[i])) || got[i] == want[i]) continue;
        if (wrongs++ == 0) wrong = i;
    }
    if (wrongs > 0) {
        char what[256];
        snprintf(what, sizeof what, "output %d: %lld of %lld wrong, first at %lld: %.9g instead of %.9g (allowed %.3g)",
                 output, (long long)wrongs, (long long)count, (long long)wrong, got[wrong], want[wrong], tolerance);
        complain(trial, what);
    }
    free(got);
    return wrongs == 0;
}

struct padding {
    const unsigned char *data;
    size_t               element;
    int64_t              dirty;
};

static void look_at_padding(int64_t offset, void *context) {
    struct padding *padding = context;
    for (size_t i = 0; i < padding->element; i++)
        if (padding->data[(size_t)offset * padding->element + i] != 0) {
            padding->dirty++;
            return;
        }
}

static bool clean_padding(const struct impl_trial *trial, int output, const void *data) {
    struct padding padding = {data, ath_dtype_size(trial->out[output].dtype), 0};
    ath__desc_visit_padding(&trial->out[output], look_at_padding, &padding);
    if (padding.dirty > 0) complain(trial, "padding of a blocked output is not zero");
    return padding.dirty == 0;
}

static bool check_outputs(const struct impl_trial *trial, const struct truth *truth, int alias_out, int alias_in) {
    bool good = true;
    for (int i = 0; i < trial->c->outs; i++) {
        if (!trial->out[i].present) continue;
        const void *data = i == alias_out ? trial->in_memory[alias_in].data : trial->out_memory[i].data;
        good &= same_results(trial, i, data, truth->out[i]) && clean_padding(trial, i, data);
    }
    return good;
}

static bool check_guards(const struct impl_trial *trial) {
    bool good = guarded_unharmed(&trial->scratch);
    if (!good) complain(trial, "wrote outside its scratch");
    for (int i = 0; i < trial->c->ins; i++)
        if (!guarded_unharmed(&trial->in_memory[i])) {
            complain(trial, "wrote around an input");
            good = false;
        }
    for (int i = 0; i < trial->c->outs; i++)
        if (!guarded_unharmed(&trial->out_memory[i])) {
            complain(trial, "wrote outside an output");
            good = false;
        }
    return good;
}

/* A copy of the inputs or outputs, to compare with later. */
static unsigned char *snapshot(const struct guarded *memory, int count) {
    size_t bytes = 1, at = 0;
    for (int i = 0; i < count; i++) bytes += memory[i].bytes;
    unsigned char *copy = malloc(bytes);
    assert_non_null(copy);
    for (int i = 0; i < count; at += memory[i++].bytes)
        if (memory[i].bytes > 0) memcpy(copy + at, memory[i].data, memory[i].bytes);
    return copy;
}

static bool unchanged(const struct guarded *memory, int count, const unsigned char *copy) {
    size_t at = 0;
    for (int i = 0; i < count; at += memory[i++].bytes)
        if (memory[i].bytes > 0 && memcmp(copy + at, memory[i].data, memory[i].bytes) != 0) return false;
    return true;
}

static bool check_in_place(struct impl_trial *trial, const struct truth *truth) {
    bool good = true;
    for (int o = 0; o < trial->c->outs && o < 8; o++)
        for (int i = 0; i < trial->c->ins && i < 8; i++) {
            if (!(trial->impl->in_place >> (o * 8 + i) & 1)) continue;
            if (!trial->in[i].present || !trial->out[o].present) continue;
            if (ath__desc_bytes(&trial->in[i]) != ath__desc_bytes(&trial->out[o])) continue;
            if (impl_trial_run(trial, o, i) != ATH_OK || !check_outputs(trial, truth, o, i)) {
                complain(trial, "wrong when an output shares an input's memory as promised");
                good = false;
            }
            impl_trial_fill(trial, i);
        }
    return good;
}

static bool check_runs(struct impl_trial *trial, const struct truth *truth) {
    unsigned char        *inputs = snapshot(trial->in_memory, trial->c->ins);
    struct ath__mem_stats before = ath__mem_stats();
    bool                  good = impl_trial_run(trial, -1, -1) == ATH_OK;
    if (!good) complain(trial, "run failed");
    if (ath__mem_stats().allocations != before.allocations) {
        complain(trial, "a run allocated memory");
        good = false;
    }
    good = good && check_outputs(trial, truth, -1, -1);
    if (!unchanged(trial->in_memory, trial->c->ins, inputs)) {
        complain(trial, "an input was changed");
        good = false;
    }
    unsigned char *outputs = snapshot(trial->out_memory, trial->c->outs);
    if (good && (impl_trial_run(trial, -1, -1) != ATH_OK || !unchanged(trial->out_memory, trial->c->outs, outputs))) {
        complain(trial, "a second run gave other bits");
        good = false;
    }
    free(outputs);
    free(inputs);
    good = good && check_in_place(trial, truth);
    return check_guards(trial) && good;
}

/* `truth` serves all trials of the case with inputs of these types; the first one makes it. */
static bool check_trial(struct impl_trial *trial, struct truth *truth) {
    char why[256];
    bool good = impl_trial_open(trial, why);
    if (good) {
        if (!truth->made) truth_make(trial, truth);
        truth->made = true;
        good = check_runs(trial, truth);
    } else {
        complain(trial, why);
    }
    impl_trial_close(trial);
    return good;
}

enum { MAX_LAYOUTS = 9, MAX_WISHES = 2 * MAX_LAYOUTS * MAX_LAYOUTS };

static int add_wish(struct trial_wish *wishes, int count, const char *name, struct ath__layout to,
                    struct ath__layout from) {
    for (int low = 0; low < 2; low++) wishes[count++] = (struct trial_wish){name, to, from, low != 0};
    return count;
}

static struct ath__layout two_blocks(int dim_a, int a, int dim_b, int b) {
    struct ath__layout layout = ath__layout_channel_blocks(a);
    layout.blocks = 2;
    layout.block_dim[0] = (int8_t)dim_a;
    layout.block_size[0] = (int8_t)a;
    layout.block_dim[1] = (int8_t)dim_b;
    layout.block_size[1] = (int8_t)b;
    return layout;
}

/* The layout speaks of dimensions that a tensor of this rank has. */
static bool fits(const struct ath__layout *layout, int rank) {
    for (int i = 0; i < rank; i++)
        if (layout->order[i] >= rank) return false;
    for (int i = 0; i < layout->blocks; i++)
        if (layout->block_dim[i] >= rank) return false;
    return true;
}

/* All wishes; for a reorder all pairs of layouts, among them those of packed weights. */
static int list_wishes(const struct impl_case *c, struct trial_wish *wishes) {
    const struct ath__layout layouts[MAX_LAYOUTS] = {
        ath__layout_plain(),           ath__layout_channels_last(4),
        ath__layout_channel_blocks(8), ath__layout_channel_blocks(16),
        ath__layout_batch_blocks(16),  ath__layout_batch_blocks(8),
        two_blocks(1, 8, 0, 8),        two_blocks(0, 8, 1, 8),
        two_blocks(1, 16, 0, 16),
    };
    int  count = 0;
    bool reorder = strcmp(c->op->name, "reorder") == 0;
    int  rank = c->in[0].shape.rank;
    for (int i = 0; i < (reorder ? MAX_LAYOUTS : 5); i++) {
        if (reorder && !fits(&layouts[i], rank)) continue;
        if (!reorder) count = add_wish(wishes, count, "wish", layouts[i], layouts[i]);
        for (int j = 0; reorder && j < MAX_LAYOUTS; j++)
            if (fits(&layouts[j], rank)) count = add_wish(wishes, count, "reorder", layouts[i], layouts[j]);
    }
    return count;
}

/* The same row in the same layouts and types was tried before (its wishes led to the same). */
static bool seen(const struct impl_trial *trial, char texts[][512], int *count) {
    char *text = texts[*count];
    impl_trial_text(trial, text, 512);
    for (int i = 0; i < *count; i++)
        if (strcmp(texts[i], text) == 0) return true;
    (*count)++;
    return false;
}

/* The reference as an implementation converts and calls what the truth is made with: plain float32 and one blocked
 * bfloat16 say all about it, and nothing if another row ran on a case of more than a million multiplications. */
static bool skipped(const struct impl_case *c, const struct ath__impl *impl, const struct trial_wish *wish, int ran) {
    if (strcmp(impl->op, "*") != 0) return false;
    if (ran > 0 && c->op->macs != NULL && c->op->macs(c->attrs, c->in, c->out) > 1000000) return true;
    return wish->low ? wish->layout.blocks != 1 || wish->layout.block_size[0] != 8 || wish->layout.block_dim[0] != 1
                     : wish->layout.blocks != 0 || wish->layout.order[1] != 1;
}

static bool check_row(const struct impl_case *c, const struct ath__impl *impl, struct truth truths[2], int *ran) {
    static char              texts[MAX_WISHES][512];
    static struct trial_wish wishes[MAX_WISHES];
    int                      count = list_wishes(c, wishes), tried = 0, others = *ran;
    bool                     good = true;
    for (int i = 0; i < count; i++) {
        struct impl_trial trial;
        char              text[512];
        if (skipped(c, impl, &wishes[i], others)) continue;
        impl_trial_describe(&trial, c, impl, &wishes[i]);
        const char *reason = impl_trial_choose(&trial);
        impl_trial_text(&trial, text, sizeof text);
        if (reason != NULL) {
            if (verbose) print_message("  %-12s refused [%s]: %s\n", impl->name, text, reason);
            continue;
        }
        if (seen(&trial, texts, &tried)) continue;
        if (verbose) print_message("  %-12s runs    [%s]\n", impl->name, text);
        good &= check_trial(&trial, &truths[wishes[i].low]);
        (*ran)++;
    }
    return good;
}

static void check_case(void **state) {
    const struct impl_case *c = *state;
    struct truth            truths[2] = {{false, {NULL}}, {false, {NULL}}};
    int                     ran = 0;
    bool                    good = true;
    if (verbose) print_message("%s\n", c->line);
    for (const struct ath__impl *const *row = ath__device_cpu()->impls; *row != NULL; row++)
        if (ath__impl_serves(*row, c->op->name)) good &= check_row(c, *row, truths, &ran);
    for (int i = 0; i < 2; i++) truth_free(&truths[i]);
    assert_true(ran > 0);
    assert_true(good);
}

int main(int argc, char **argv) {
    char              path[1024], why[256];
    struct impl_case *cases;
    int               count;
    verbose = getenv("ATHANOR_TEST_VERBOSE") != NULL;
    snprintf(path, sizeof path, "%s", argc > 1 ? argv[1] : ATHANOR_TEST_SOURCE "/op/impl_cases");
    if (!impl_cases_load(path, &cases, &count, why)) {
        fprintf(stderr, "%s\n", why);
        return 1;
    }
    struct CMUnitTest *tests = calloc((size_t)count, sizeof *tests);
    if (tests == NULL) return 1;
    for (int i = 0; i < count; i++) tests[i] = (struct CMUnitTest){cases[i].line, check_case, NULL, NULL, &cases[i]};
    print_message("processor tier: %s\n", ath__cpu_tier_name(ath__cpuinfo()->tier));
    int failed = _cmocka_run_group_tests("implementations", tests, (size_t)count, NULL, NULL);
    free(tests);
    impl_cases_free(cases, count);
    return failed;
}
