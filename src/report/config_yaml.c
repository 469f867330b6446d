/* config.yaml: `key: value  # source` lines.
 *
 * A value must come back as the very same text, in this program and in any YAML 1.1 or 1.2 reader: yes, 012, 1:30, ~,
 * empty and the like are quoted. Numbers and flags stay bare.
 */
#include "report/config_yaml.h"

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/str.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

/* Words that a YAML 1.1 reader does not take for text. */
static bool is_reserved_word(const char *text) {
    static const char *const words[] = {"y", "n", "yes", "no", "on", "off", "true", "false", "null"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strcasecmp(text, words[i]) == 0) return true;
    return false;
}

static bool made_of(const char *text, const char *others) {
    for (; *text; text++)
        if (!isalnum((unsigned char)*text) && !strchr(others, *text)) return false;
    return true;
}

/* Text that no reader takes for anything else: a letter first, then letters, digits and marks without meaning. */
static bool is_plain_text(const char *text) {
    return isalpha((unsigned char)*text) && made_of(text, "._/-") && !is_reserved_word(text);
}

static bool is_plain_number(const char *text) {
    return *text && made_of(text, "+-.");
}

/* What YAML prints as it is within double quotes. */
static bool is_printable(uint32_t code) {
    if (code < 0xA0) return code >= 0x20 && code <= 0x7E;
    return code != 0xAD && code != 0x2028 && code != 0x2029 && code != 0xFEFF && !(code >= 0xFFF0 && code <= 0xFFFF) &&
           (code & 0xFFFE) != 0xFFFE;
}

static bool append_quoted(struct ath__str *out, const char *text) {
    ath__str_append(out, "\"");
    while (*text) {
        uint32_t code;
        int      length = ath__utf8_next(text, &code);
        if (length == 0) return false;
        if (code == '"' || code == '\\')
            ath__str_printf(out, "\\%c", (int)code);
        else if (code == '\n')
            ath__str_append(out, "\\n");
        else if (code == '\t')
            ath__str_append(out, "\\t");
        else if (is_printable(code))
            ath__str_append_bytes(out, text, (size_t)length);
        else if (code <= 0xFFFF)
            ath__str_printf(out, "\\u%04X", (unsigned)code);
        else
            ath__str_printf(out, "\\U%08X", (unsigned)code);
        text += length;
    }
    ath__str_append(out, "\"");
    return true;
}

/* A comment cannot be quoted: what is not printable is left out. */
static void append_comment(struct ath__str *out, const char *text) {
    while (*text) {
        uint32_t code;
        int      length = ath__utf8_next(text, &code);
        if (length > 0 && is_printable(code))
            ath__str_append_bytes(out, text, (size_t)length);
        else
            ath__str_append(out, "?");
        text += length > 0 ? length : 1;
    }
}

static bool append_line(struct ath__str *out, const struct ath__config_line *line) {
    enum { COMMENT_COLUMN = 40 };
    size_t begin = out->size;
    if (is_plain_text(line->key))
        ath__str_append(out, line->key);
    else if (!append_quoted(out, line->key))
        return false;
    ath__str_append(out, ": ");
    if (line->text ? is_plain_text(line->value) : is_plain_number(line->value))
        ath__str_append(out, line->value);
    else if (!append_quoted(out, line->value))
        return false;
    do ath__str_append(out, " ");
    while (!out->failed && out->size - begin < COMMENT_COLUMN);
    ath__str_append(out, "# ");
    append_comment(out, line->source);
    if (line->meaning) {
        ath__str_append(out, ": ");
        append_comment(out, line->meaning);
    }
    ath__str_append(out, "\n");
    return true;
}

ath_status ath__config_yaml_write(const char *path, const struct ath__config_line *lines, int count, ath_error *err) {
    struct ath__str out = {0};
    ath_status      status = ATH_OK;
    ath__str_append(&out, "# The settings of this run, every one, and where each came from.\n"
                          "# athanor train recipe=<this file> repeats it.\n");
    for (int i = 0; i < count && status == ATH_OK; i++)
        if (!append_line(&out, &lines[i]))
            status = ath__fail(err, ATH_USAGE, lines[i].key,
                               "the value of %s is not UTF-8 text, so it cannot be kept in '%s'", lines[i].key, path);
    if (status == ATH_OK && out.failed) status = ath__fail_memory(err, path);
    if (status == ATH_OK) status = ath__file_write(path, ath__str_text(&out), out.size, err);
    ath__str_free(&out);
    return status;
}
