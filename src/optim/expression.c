/* Expressions: a recursive-descent parser that emits instructions, and the stack machine that runs them. */
#include "optim/expression.h"

#include "base/error.h"

#include <ctype.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static double add(double a, double b) {
    return a + b;
}
static double subtract(double a, double b) {
    return a - b;
}
static double multiply(double a, double b) {
    return a * b;
}
static double divide(double a, double b) {
    return a / b;
}
static double less(double a, double b) {
    return a < b;
}
static double at_most(double a, double b) {
    return a <= b;
}
static double greater(double a, double b) {
    return a > b;
}
static double at_least(double a, double b) {
    return a >= b;
}
static double equal(double a, double b) {
    return a <= b && a >= b;
}
static double unequal(double a, double b) {
    return !(a <= b && a >= b);
}
static double both(double a, double b) {
    return fabs(a) > 0.0 && fabs(b) > 0.0;
}
static double either(double a, double b) {
    return fabs(a) > 0.0 || fabs(b) > 0.0;
}
static double negate(double a) {
    return -a;
}
static double is_zero(double a) {
    return !(fabs(a) > 0.0);
}

static const struct {
    const char *name;
    double (*one)(double);
    double (*two)(double, double);
} functions[] = {
    {"floor", floor, NULL}, {"ceil", ceil, NULL}, {"round", round, NULL}, {"abs", fabs, NULL},  {"exp", exp, NULL},
    {"log", log, NULL},     {"sqrt", sqrt, NULL}, {"cos", cos, NULL},     {"sin", sin, NULL},   {"min", NULL, fmin},
    {"max", NULL, fmax},    {"pow", NULL, pow},   {"-", negate, NULL},    {"!", is_zero, NULL},
};

/* Operators by level, loosest first; a longer one stands before its own beginning. */
static const struct {
    int         level;
    const char *text;
    double (*two)(double, double);
} operators[] = {
    {0, "||", either},  {1, "&&", both},  {2, "<=", at_most}, {2, ">=", at_least}, {2, "==", equal},
    {2, "!=", unequal}, {2, "<", less},   {2, ">", greater},  {3, "+", add},       {3, "-", subtract},
    {4, "*", multiply}, {4, "/", divide}, {4, "%", fmod},     {5, "^", pow},
};
enum { FUNCTIONS = sizeof functions / sizeof functions[0], OPERATORS = sizeof operators / sizeof operators[0] };
enum { LEVEL_COMPARISON = 2, LEVEL_SIGN = 5 };

/* Instructions: a number, a variable, a function, an operator, or the choice of ? :. */
enum { CODE_NUMBER, CODE_SELECT, CODE_VARIABLE, CODE_FUNCTION = CODE_VARIABLE + ATH_EXPRESSION_VARIABLES };
enum { CODE_OPERATOR = CODE_FUNCTION + FUNCTIONS };

static const char *const variables[ATH_EXPRESSION_VARIABLES] = {"epoch", "step", "steps", "epochs"};

struct parser {
    const char             *text, *at;
    struct ath__expression *out;
    int                     nesting, stack; /* of the parser; values on the machine's stack so far */
    ath_error              *err;
};

static ath_status fault(const struct parser *parser, const char *format, ...) ATH_PRINTF(2, 3);
static ath_status fault(const struct parser *parser, const char *format, ...) {
    char    what[160];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    return ath__fail(parser->err, ATH_USAGE, NULL, "%s at character %d of '%s'", what,
                     (int)(parser->at - parser->text) + 1, parser->text);
}

/* Appends an instruction that takes `takes` values from the stack and leaves one. */
static ath_status emit(struct parser *parser, int code, double value, int takes) {
    if (parser->out->count == ATH_EXPRESSION_MAX_CODE) return fault(parser, "the expression becomes too long");
    parser->stack += 1 - takes;
    if (parser->stack > ATH_EXPRESSION_MAX_DEPTH) return fault(parser, "the expression is nested too deep");
    parser->out->at[parser->out->count].code = code;
    parser->out->at[parser->out->count].value = value;
    parser->out->count++;
    return ATH_OK;
}

static void skip(struct parser *parser) {
    while (*parser->at == ' ' || *parser->at == '\t') parser->at++;
}

static bool take(struct parser *parser, const char *text) {
    size_t length = strlen(text);
    skip(parser);
    if (strncmp(parser->at, text, length) != 0) return false;
    parser->at += length;
    return true;
}

static ath_status parse_condition(struct parser *parser);
static ath_status parse_level(struct parser *parser, int level);

static ath_status parse_call(struct parser *parser, int function) {
    if (!take(parser, "(")) return fault(parser, "%s needs its values in parentheses", functions[function].name);
    ATH_TRY(parse_condition(parser));
    if (functions[function].two) {
        if (!take(parser, ","))
            return fault(parser, "%s needs two values, separated by a comma", functions[function].name);
        ATH_TRY(parse_condition(parser));
    }
    if (!take(parser, ")")) return fault(parser, "a ) is missing");
    return emit(parser, CODE_FUNCTION + function, 0.0, functions[function].two ? 2 : 1);
}

static ath_status parse_word(struct parser *parser) {
    char        word[16];
    const char *start = parser->at;
    size_t      length = 0;
    while (isalnum((unsigned char)start[length]) || start[length] == '_') length++;
    snprintf(word, sizeof word, "%.*s", (int)(length < 15 ? length : 15), start);
    if (length < sizeof word) {
        if (strcmp(word, "pi") == 0) {
            parser->at += length;
            return emit(parser, CODE_NUMBER, 3.14159265358979323846, 0);
        }
        for (int v = 0; v < ATH_EXPRESSION_VARIABLES; v++) {
            if (strcmp(word, variables[v]) != 0) continue;
            parser->at += length;
            return emit(parser, CODE_VARIABLE + v, 0.0, 0);
        }
        for (int f = 0; f < FUNCTIONS; f++) {
            if (strcmp(word, functions[f].name) != 0) continue;
            parser->at += length;
            return parse_call(parser, f);
        }
    }
    return fault(parser,
                 "'%s' is none of epoch, epochs, step, steps, pi and the functions floor, ceil, round, abs, exp, "
                 "log, sqrt, cos, sin, min, max, pow",
                 word);
}

/* Digits, a point, an exponent: strtod alone would also take inf, nan and hexadecimal. */
static ath_status parse_number(struct parser *parser) {
    char   digits[64];
    size_t length = strspn(parser->at, "0123456789.");
    if ((parser->at[length] == 'e' || parser->at[length] == 'E') && length > 0) {
        size_t sign = parser->at[length + 1] == '-' || parser->at[length + 1] == '+';
        size_t power = strspn(parser->at + length + 1 + sign, "0123456789");
        if (power > 0) length += 1 + sign + power;
    }
    if (length >= sizeof digits) return fault(parser, "this number is too long");
    memcpy(digits, parser->at, length);
    digits[length] = '\0';
    char  *end;
    double value = strtod(digits, &end);
    if (end == digits || *end || !isfinite(value)) return fault(parser, "'%s' is no number", digits);
    parser->at += length;
    return emit(parser, CODE_NUMBER, value, 0);
}

static ath_status parse_atom(struct parser *parser) {
    skip(parser);
    if (take(parser, "(")) {
        ATH_TRY(parse_condition(parser));
        return take(parser, ")") ? ATH_OK : fault(parser, "a ) is missing");
    }
    if (isdigit((unsigned char)*parser->at) || *parser->at == '.') return parse_number(parser);
    if (isalpha((unsigned char)*parser->at)) return parse_word(parser);
    return fault(parser, *parser->at ? "a value is expected" : "the expression ends where a value is expected");
}

static int find_function(const char *name) {
    int f = 0;
    while (strcmp(functions[f].name, name) != 0) f++;
    return f;
}

/* Every way down to a value passes here, so this bounds the recursion. */
static ath_status parse_sign(struct parser *parser) {
    if (++parser->nesting > ATH_EXPRESSION_MAX_DEPTH) return fault(parser, "the expression is nested too deep");
    ath_status status;
    skip(parser);
    char sign = *parser->at;
    if (sign == '-' || sign == '+' || sign == '!') {
        parser->at++;
        status = parse_sign(parser);
        if (status == ATH_OK && sign != '+')
            status = emit(parser, CODE_FUNCTION + find_function(sign == '-' ? "-" : "!"), 0.0, 1);
    } else {
        status = parse_atom(parser);
        if (status == ATH_OK && take(parser, "^")) {
            status = parse_sign(parser);
            if (status == ATH_OK) status = emit(parser, CODE_OPERATOR + OPERATORS - 1, 0.0, 2);
        }
    }
    parser->nesting--;
    return status;
}

static int take_operator(struct parser *parser, int level) {
    for (int o = 0; o < OPERATORS; o++)
        if (operators[o].level == level && take(parser, operators[o].text)) return o;
    return -1;
}

static ath_status parse_level(struct parser *parser, int level) {
    if (level == LEVEL_SIGN) return parse_sign(parser);
    ATH_TRY(parse_level(parser, level + 1));
    for (int o; (o = take_operator(parser, level)) >= 0;) {
        ATH_TRY(parse_level(parser, level + 1));
        ATH_TRY(emit(parser, CODE_OPERATOR + o, 0.0, 2));
        if (level == LEVEL_COMPARISON) break; /* 1 < 2 < 3 is an error, not a surprise */
    }
    return ATH_OK;
}

static ath_status parse_condition(struct parser *parser) {
    if (++parser->nesting > ATH_EXPRESSION_MAX_DEPTH) return fault(parser, "the expression is nested too deep");
    ATH_TRY(parse_level(parser, 0));
    if (take(parser, "?")) {
        ATH_TRY(parse_condition(parser));
        if (!take(parser, ":")) return fault(parser, "a : is missing");
        ATH_TRY(parse_condition(parser));
        ATH_TRY(emit(parser, CODE_SELECT, 0.0, 3));
    }
    parser->nesting--;
    return ATH_OK;
}

ath_status ath__expression_parse(const char *text, struct ath__expression *expression, ath_error *err) {
    struct parser parser = {.text = text, .at = text, .out = expression, .err = err};
    expression->count = 0;
    ath_status status = parse_condition(&parser);
    skip(&parser);
    if (status == ATH_OK && *parser.at) status = fault(&parser, "an operator is expected");
    if (status != ATH_OK) expression->count = 0;
    return status;
}

double ath__expression_value(const struct ath__expression *expression, const double values[ATH_EXPRESSION_VARIABLES]) {
    double stack[ATH_EXPRESSION_MAX_DEPTH + 2] = {0.0};
    int    top = -1;
    for (int i = 0; i < expression->count; i++) {
        int code = expression->at[i].code;
        if (code == CODE_NUMBER) {
            stack[++top] = expression->at[i].value;
        } else if (code == CODE_SELECT) {
            top -= 2;
            stack[top] = fabs(stack[top]) > 0.0 ? stack[top + 1] : stack[top + 2];
        } else if (code < CODE_FUNCTION) {
            stack[++top] = values[code - CODE_VARIABLE];
        } else if (code < CODE_OPERATOR && functions[code - CODE_FUNCTION].one) {
            stack[top] = functions[code - CODE_FUNCTION].one(stack[top]);
        } else {
            double (*two)(double, double) =
                code < CODE_OPERATOR ? functions[code - CODE_FUNCTION].two : operators[code - CODE_OPERATOR].two;
            top--;
            stack[top] = two(stack[top], stack[top + 1]);
        }
    }
    return top == 0 ? stack[0] : NAN;
}
