/* `athanor convert`: tensors of one file, written in another format.
 *
 * Which format a file is in its content says; which one is written, format= or the ending of the name. Metadata goes
 * along, so that a model file is one in every format.
 */
#include "athanor/train.h"

#include "base/error.h"
#include "format/export.h"
#include "format/tensor_format.h"
#include "train/settings.h"

#include <stdio.h>
#include <string.h>

static ath_status choose(const ath_config *config, const char *path, const struct ath__tensor_format **format,
                         ath_error *err) {
    const char *name = ath__config_text(config, "format");
    *format = *name ? ath__tensor_format_find(name) : ath__tensor_format_of(path);
    if (*format) return ATH_OK;
    if (*name ? ath__graph_format_find(name) != NULL : ath__graph_format_of(path) != NULL)
        return ath__fail(err, ATH_USAGE, path,
                         "this is a format for whole networks: athanor export weights=FILE out=%s", path);
    struct ath__str                  names = {0};
    const struct ath__tensor_format *row;
    for (int i = 0; (row = ath__tensor_format_row(i)); i++)
        if (row->write) ath__str_printf(&names, "%s%s", i ? ", " : "", row->name);
    ath_status status =
        *name
            ? ath__fail(err, ATH_USAGE, NULL, "there is no format '%s'; format= can be %s", name, ath__str_text(&names))
            : ath__fail(err, ATH_USAGE, path, "which format is to be written? Its ending is of none; format= can be %s",
                        ath__str_text(&names));
    ath__str_free(&names);
    return status;
}

static int64_t count_bytes(const ath_tensor_file *file) {
    int64_t bytes = 0;
    for (int i = 0; i < file->tensor_count; i++) bytes += (int64_t)ath__tensor_bytes(&file->tensors[i].tensor);
    return bytes;
}

ath_status ath_convert(const ath_config *config, const char *from, const char *to, ath_convert_result *result,
                       ath_error *err) {
    const struct ath__tensor_format *format;
    ath_tensor_file                  file;
    struct ath__str                  notes = {0};
    memset(result, 0, sizeof *result);
    ATH_TRY(choose(config, to, &format, err));
    ATH_TRY(ath_tensor_file_load(from, &file, err));
    result->from = file.format;
    result->to = format->name;
    result->tensors = file.tensor_count;
    result->metadata = file.metadata_count;
    result->bytes = count_bytes(&file);
    struct ath__tensors what = {.tensors = file.tensors,
                                .tensor_count = file.tensor_count,
                                .metadata = file.metadata,
                                .metadata_count = file.metadata_count,
                                .keep_names = strcmp(ath__config_text(config, "names"), "keep") == 0};
    ath_status          status = format->write(to, &what, &notes, err);
    if (status == ATH_OK && notes.failed) status = ath__fail_memory(err, to);
    snprintf(result->notes, sizeof result->notes, "%s", ath__str_text(&notes));
    ath__str_free(&notes);
    ath_tensor_file_free(&file);
    return status;
}
