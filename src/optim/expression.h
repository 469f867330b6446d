/* Expressions for learning rates: "0.1^floor(epoch/30)", "epoch < 5 ? (epoch+1)/5 : cos(pi*step/steps)".
 *
 *     condition  or [? condition : condition]           right associative
 *     or         and (|| and)*        and  comparison (&& comparison)*
 *     comparison sum [< <= > >= == != sum]               1 or 0
 *     sum        product ((+ | -) product)*
 *     product    sign ((* | / | %) sign)*
 *     sign       (- | + | !) sign, or power
 *     power      atom [^ sign]                           right associative; -2^2 is -4
 *     atom       number, variable, pi, function(...), (condition)
 *
 * Variables: epoch, step, steps, epochs. Functions: floor ceil round abs exp log sqrt cos sin of one value, min max pow
 * of two. Text compiles into a short list of instructions for a stack machine: no allocation, no recursion when it
 * runs, bounded length and depth. Nothing in it can reach beyond these numbers.
 */
#ifndef ATH_OPTIM_EXPRESSION_H
#define ATH_OPTIM_EXPRESSION_H

#include "athanor/status.h"

#include <stdint.h>

enum { ATH_EXPRESSION_MAX_CODE = 128, ATH_EXPRESSION_MAX_DEPTH = 32 };

typedef enum ath__expression_variable {
    ATH_EXPRESSION_EPOCH,
    ATH_EXPRESSION_STEP,
    ATH_EXPRESSION_STEPS,
    ATH_EXPRESSION_EPOCHS,
    ATH_EXPRESSION_VARIABLES,
} ath__expression_variable;

struct ath__expression {
    int count; /* 0: none */
    struct {
        int    code;
        double value;
    } at[ATH_EXPRESSION_MAX_CODE];
};

/* Compiles the text. ATH_USAGE, saying what is wrong at which character. */
ath_status ath__expression_parse(const char *text, struct ath__expression *expression, ath_error *err);

/* The value for these variables; not a number or infinite where the arithmetic gives that. */
double ath__expression_value(const struct ath__expression *expression,
                             const double                  variables[ATH_EXPRESSION_VARIABLES]);

#endif
