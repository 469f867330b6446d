/* Fuzzes the doctor's findings of a report: any text yields well-formed pieces of a page, in which nothing of the text
 * stands unescaped. */
#include "report/html_parts.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    /* What the page itself may open and close; a text cannot add to it. */
    static const char *const tags[] = {"section", "/section", "h2",   "/h2",  "h3",    "/h3",  "p",
                                       "/p",      "div",      "/div", "span", "/span", "code", "/code"};
    struct ath__str          out = {0};
    char                    *text = malloc(size + 1);
    if (!text) return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    ath__html_findings(&out, text);
    int depth = 0;
    for (const char *at = ath__str_text(&out); *at; at++) {
        if (*at != '<') continue;
        size_t length = strcspn(at + 1, " >"), known = 0;
        for (size_t i = 0; i < sizeof tags / sizeof tags[0]; i++)
            known += strlen(tags[i]) == length && strncmp(tags[i], at + 1, length) == 0;
        depth += at[1] == '/' ? -1 : 1;
        if (!known || depth < 0) abort();
    }
    if (depth != 0 && !out.failed) abort();
    ath__str_free(&out);
    free(text);
    return 0;
}
