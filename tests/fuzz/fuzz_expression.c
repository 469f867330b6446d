/* Fuzzes expressions: any text is one error, or a program that runs on any variables without reading or writing beyond
 * its stack. */
#include "optim/expression.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const double variables[][ATH_EXPRESSION_VARIABLES] = {{0, 0, 1, 1}, {7, 700, 1000, 10}, {-1, 1e300, 0, 0}};
    struct ath__expression expression;
    ath_error              err = {0};
    char                  *text = malloc(size + 1);
    if (!text) return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    ath_status      status = ath__expression_parse(text, &expression, &err);
    volatile double sink = 0.0;
    if (status == ATH_OK) {
        if (expression.count < 1 || expression.count > ATH_EXPRESSION_MAX_CODE) abort();
        for (size_t v = 0; v < sizeof variables / sizeof variables[0]; v++)
            sink = ath__expression_value(&expression, variables[v]);
    } else if (status != ATH_USAGE || err.message[0] == '\0' || expression.count != 0) {
        abort();
    }
    (void)sink;
    free(text);
    return 0;
}
