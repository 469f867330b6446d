/* Problems for implementations, as text: one line each in the .case files of tests/op/impl_cases.
 *
 *     conv2d x=2x6x14x14 w=16x6x5x5 b=16 residual=- stride=1 pad=0 act=relu
 *     pool2d_grad dy=2x8x7x7 ws=@pool2d.1(2x8x14x14) kernel=2 src=14,14
 *
 * The first word is the operator. A key of the operator's attribute table sets that attribute: numbers with commas
 * between (one number fills all its places), choices by name. Every other key is an operand, in the order of the
 * operator's signature; the names are for the reader, but for `w`: weights, which are wished plain. Values of operands:
 *
 *     2x3x4x5          float32, normal numbers of deviation 1          2x3:i32<10  whole numbers in [0, 10)
 *     2x3~pos          uniform in [0.5, 1.5]                           2x3~prob    positive, rows sum to 1
 *     @OP.J(2x3x4x5)   output J of operator OP with the same attributes on normal numbers of that shape
 *     -                absent
 *
 * `#` starts a comment. Values are Philox draws keyed by the line's text and the operand, the same on every machine.
 */
#ifndef ATH_TESTS_IMPL_CASE_H
#define ATH_TESTS_IMPL_CASE_H

#include "graph/op.h"

enum { CASE_MAX_OPERANDS = 16, CASE_MAX_LINE = 512 };

enum case_fill { FILL_NORMAL, FILL_POSITIVE, FILL_PROBABILITY, FILL_WHOLE, FILL_FROM };

struct case_operand {
    char                  name[24];
    enum case_fill        fill;
    uint32_t              below; /* FILL_WHOLE */
    const struct ath__op *from;  /* FILL_FROM */
    int                   from_out;
    ath_shape             from_shape;
};

struct impl_case {
    char                  line[CASE_MAX_LINE];
    char                  file[64];
    int                   number;
    const struct ath__op *op;
    void                 *attrs;
    int                   ins, outs;
    struct ath__desc      in[CASE_MAX_OPERANDS];
    struct ath__desc      out[ATH_MAX_OUTS];
    struct case_operand   operand[CASE_MAX_OPERANDS];
};

/* False with a reason in `why` (256 bytes). */
bool impl_case_parse(const char *line, struct impl_case *c, char *why);
void impl_case_free(struct impl_case *c);

/* All lines of all .case files of a folder, or of one file; *cases is freed with impl_cases_free. False with a reason.
 */
bool impl_cases_load(const char *path, struct impl_case **cases, int *count, char *why);
void impl_cases_free(struct impl_case *cases, int count);

/* The values of operand i as plain doubles, before rounding to its type. */
void impl_case_values(const struct impl_case *c, int i, double *values);

/* Length of the longest sum behind one element of a result, and multiply-accumulates of one run (0 where none count).
 */
int64_t  impl_case_reduction(const struct impl_case *c);
uint64_t impl_case_macs(const struct impl_case *c);

#endif
