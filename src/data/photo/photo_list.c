/* List files: one photo a line, its path and its label.
 *
 *     train/a cat.jpg cat          the label is what stands behind the last blank, so paths may have blanks;
 *     photo.jpg<TAB>ginger cat     with a tab in the line, what stands behind the last tab: labels may have blanks too;
 *     "a photo.jpg" ginger cat     a path in double quotes says where it ends
 *
 * Paths are relative to the folder of the list. Blank lines and those that begin with # are left out; UTF-8, with or
 * without a byte order mark; lines end with LF or CR LF.
 */
#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "data/photo/photo_scan.h"

#include <string.h>

enum { MOST_LIST_BYTES = 1 << 29, LONGEST_LINE = 2048 };

static ath_status fail_line(const char *name, int64_t line, const char *what, ath_error *err) {
    return ath__fail(err, ATH_DATA, name, "line %lld of '%s' %s: write 'path label', e.g. train/cat.jpg cat",
                     (long long)line, name, what);
}

static bool is_blank(char c) {
    return c == ' ' || c == '\t';
}

/* Cuts the line in two; NULL where there is no label. The path comes back in *path. */
static char *split(char *line, char **path) {
    char *label = NULL;
    *path = line;
    if (*line == '"') {
        char *quote = strchr(line + 1, '"');
        if (!quote || !is_blank(quote[1])) return NULL;
        *path = line + 1;
        *quote = '\0';
        label = quote + 1;
    } else {
        char *tab = strrchr(line, '\t'), *cut = tab ? tab : strrchr(line, ' ');
        if (!cut) return NULL;
        label = cut + 1;
        while (cut > line && is_blank(cut[-1])) cut--;
        *cut = '\0';
    }
    while (is_blank(*label)) label++;
    return *label && **path ? label : NULL;
}

static ath_status add_line(struct ath__photo_scan *scan, char *line, const char *name, int64_t number,
                           const char *folder, unsigned part, bool wanted, ath_error *err) {
    char *path, full[ATH_PATH_MAX], *label = split(line, &path);
    int   position;
    if (!label) return fail_line(name, number, "has no label", err);
    ATH_TRY(ath__photo_scan_name(scan, label, &position, err));
    scan->names[position].parts |= part;
    if (!wanted) return ATH_OK;
    if (*path == '/') return ath__photo_scan_add(scan, path, position, err);
    ATH_TRY(ath__path_join(full, folder, path, err));
    return ath__photo_scan_add(scan, full, position, err);
}

ath_status ath__photo_list_parse(struct ath__photo_scan *scan, const char *text, size_t size, const char *name,
                                 const char *folder, unsigned part, bool wanted, ath_error *err) {
    char    line[LONGEST_LINE];
    int64_t number = 0;
    size_t  at = size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    while (at < size) {
        const char *begin = text + at, *end = memchr(begin, '\n', size - at);
        size_t      length = end ? (size_t)(end - begin) : size - at;
        at += length + 1;
        number++;
        while (length > 0 && (is_blank(begin[length - 1]) || begin[length - 1] == '\r')) length--;
        while (length > 0 && is_blank(*begin)) begin++, length--;
        if (length == 0 || *begin == '#') continue;
        if (length >= sizeof line) return fail_line(name, number, "is too long", err);
        if (memchr(begin, '\0', length)) return fail_line(name, number, "is no text", err);
        memcpy(line, begin, length);
        line[length] = '\0';
        ATH_TRY(add_line(scan, line, name, number, folder, part, wanted, err));
    }
    return ATH_OK;
}

ath_status ath__photo_scan_list(struct ath__photo_scan *scan, const char *path, unsigned part, bool wanted,
                                ath_error *err) {
    char        folder[ATH_PATH_MAX], *text = NULL;
    size_t      size;
    const char *slash = strrchr(path, '/');
    ATH_TRY(ath__file_read(path, MOST_LIST_BYTES, &text, &size, err));
    ath__str_copy(folder, sizeof folder, slash ? path : ".");
    if (slash && (size_t)(slash - path) < sizeof folder) folder[slash == path ? 1 : slash - path] = '\0';
    ath_status status = ath__photo_list_parse(scan, text, size, path, folder, part, wanted, err);
    ath__free(text);
    return status;
}
