/* Loading weights by name.
 *
 * A tensor fits when name and shape agree. The tensors of a head (head.h) for another number of classes differ from the
 * network's in their first dimension alone: they keep their starting values, as one wants in fine-tuning, and do not
 * count as a fault.
 *
 * weights=NAME that is no path is looked for among the user's data, in weights/NAME.
 */
#include "train/weights.h"

#include "base/error.h"
#include "base/str.h"
#include "base/user_folder.h"
#include "tensor/dtype.h"
#include "tensor/shape.h"
#include "train/model_file.h"
#include "train/setup.h"
#include "zoo/model.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { NAMED = 4 }; /* names told of each kind */

static void add_name(struct ath__name_list *list, const char *name) {
    size_t used = strlen(list->text);
    if (++list->count <= NAMED)
        snprintf(list->text + used, sizeof list->text - used, "%s%.90s", list->count > 1 ? ", " : "", name);
}

static void end_list(struct ath__name_list *list) {
    size_t used = strlen(list->text);
    if (list->count > NAMED) snprintf(list->text + used, sizeof list->text - used, " and %d more", list->count - NAMED);
}

/* Is the file's tensor that of a head (head.h) for another number of classes? */
static bool is_other_head(const struct ath__network *network, const ath_tensor *tensor, int entry) {
    const ath_shape *shape = &network->store->entries[entry].shape;
    if (!network->is_head[entry] || shape->rank == 0 || tensor->shape.rank != shape->rank) return false;
    if (tensor->shape.dims[0] == shape->dims[0]) return false;
    for (int d = 1; d < shape->rank; d++)
        if (shape->dims[d] != tensor->shape.dims[d]) return false;
    return true;
}

static void note_misfit(struct ath__load_report *report, const ath_tensor *tensor, const struct ath__network *network,
                        int index) {
    const struct ath__entry *entry = &network->store->entries[index];
    if (is_other_head(network, tensor, index)) {
        report->head_classes = tensor->shape.dims[0];
        add_name(&report->head, entry->name);
        return;
    }
    char text[192], there[64], here[64];
    snprintf(text, sizeof text, "%.40s (%s there, %s here)", entry->name,
             ath__shape_print(&tensor->shape, there, sizeof there), ath__shape_print(&entry->shape, here, sizeof here));
    add_name(&report->reshaped, text);
}

/* Whether no exponent is all ones: one pass without branches, which compilers turn into vectors. */
static bool all_finite(const float *values, size_t count) {
    uint32_t found = 0;
    for (size_t k = 0; k < count; k++) {
        uint32_t bits;
        memcpy(&bits, &values[k], sizeof bits);
        found |= (bits & 0x7f800000u) == 0x7f800000u;
    }
    return found == 0;
}

static ath_status copy_values(const char *path, const ath_tensor *tensor, struct ath__entry *entry, ath_error *err) {
    size_t count = (size_t)ath_shape_count(&entry->shape);
    ath__convert(entry->data, ATH_F32, tensor->data, tensor->dtype, count);
    if (all_finite(entry->data, count)) return ATH_OK;
    for (size_t k = 0; k < count; k++)
        if (!isfinite(entry->data[k]))
            return ath__fail(err, ATH_DATA, path, "'%s' holds a value that is no finite number at position %zu",
                             entry->name, k);
    return ATH_OK;
}

static bool ends_in(const char *name, const char *ending) {
    size_t length = strlen(name), size = strlen(ending);
    return length >= size && strcmp(name + length - size, ending) == 0;
}

/* PyTorch's batch norms count their batches, which nothing here needs. */
static bool is_counter(const char *name) {
    return ends_in(name, "num_batches_tracked");
}

const char *ath__weights_advice(const ath_tensor_file *file, const ath_model *model) {
    int norms = 0, biases = 0;
    for (int t = 0; t < file->tensor_count; t++) {
        norms += ends_in(file->tensors[t].name, ".running_var");
        biases += ends_in(file->tensors[t].name, ".bias");
    }
    if (norms == 0 && biases > 1 && ath__model_option_is(model, "bn", "live"))
        return "; the file has no batch norms, so they are folded into its convolutions: model.bn=folded fits, and "
               "weights that were trained in TensorFlow need model.padding=same as well";
    if (norms > 0 && ath__model_option_is(model, "bn", "folded"))
        return "; the file has batch norms: model.bn=live fits";
    return "";
}

ath_status ath__weights_load(const ath_tensor_file *file, const char *path, struct ath__network *network,
                             struct ath__load_report *report, ath_error *err) {
    memset(report, 0, sizeof *report);
    for (int i = 0; i < network->store->count; i++) {
        struct ath__entry *entry = &network->store->entries[i];
        if (!ath__is_model_tensor(entry)) continue;
        const ath_tensor *tensor = ath_tensor_file_find(file, entry->name);
        if (!tensor) {
            add_name(&report->missing, entry->name);
        } else if (!ath_shape_equal(&tensor->shape, &entry->shape)) {
            note_misfit(report, tensor, network, i);
        } else {
            ATH_TRY(copy_values(path, tensor, entry, err));
            report->loaded++;
        }
    }
    for (int t = 0; t < file->tensor_count; t++)
        if (!ath__store_find(network->store, file->tensors[t].name) && !is_counter(file->tensors[t].name))
            add_name(&report->unexpected, file->tensors[t].name);
    end_list(&report->missing);
    end_list(&report->reshaped);
    end_list(&report->head);
    end_list(&report->unexpected);
    ath__network_changed(network);
    return ATH_OK;
}

static void tell_list(struct ath__str *text, const struct ath__name_list *list, const char *what) {
    if (list->count > 0) ath__str_printf(text, "; %d %s: %s", list->count, what, list->text);
}

void ath__weights_tell(const char *path, const ath_tensor_file *file, const struct ath__load_report *report,
                       const ath_hooks *hooks) {
    int             all = report->loaded + report->missing.count + report->reshaped.count + report->head.count;
    struct ath__str text = {0};
    if (report->loaded == all)
        ath__str_printf(&text, "all %d tensors loaded", all);
    else
        ath__str_printf(&text, "%d of %d tensors loaded", report->loaded, all);
    if (report->head.count > 0)
        ath__str_printf(&text, "; the head is for %lld classes there and starts anew: %s",
                        (long long)report->head_classes, report->head.text);
    tell_list(&text, &report->missing, "missing");
    tell_list(&text, &report->reshaped, "of another shape");
    tell_list(&text, &report->unexpected, "not used");
    ath__remark(hooks, "WEIGHTS", false, "%s (%s): %s", path, file->format, ath__str_text(&text));
    ath__str_free(&text);
}

ath_status ath__weights_find(const char *name, char path[ATH_PATH_MAX], ath_error *err) {
    char folder[ATH_PATH_MAX];
    if (strlen(name) >= ATH_PATH_MAX)
        return ath__fail(err, ATH_USAGE, "weights", "the path of the weights is too long");
    ath__str_copy(path, ATH_PATH_MAX, name);
    if (ath__file_exists(name) || name[0] == '/') return ATH_OK;
    if (ath__user_data("weights", folder, NULL) != ATH_OK) return ATH_OK;
    ATH_TRY(ath__path_join(path, folder, name, err));
    if (ath__file_exists(path)) return ATH_OK;
    return ath__fail(err, ATH_DATA, name, "there is no file '%s', neither here nor in '%s'", name, folder);
}

ath_status ath__weights_apply(const char *name, bool partial, const ath_hooks *hooks, struct ath__network *network,
                              ath_error *err) {
    ath_tensor_file         file;
    struct ath__load_report report;
    char                    path[ATH_PATH_MAX];
    ATH_TRY(ath__weights_find(name, path, err));
    ATH_TRY(ath_tensor_file_load(path, &file, err));
    ath_status status = ath__weights_load(&file, path, network, &report, err);
    if (status == ATH_OK) ath__weights_tell(path, &file, &report, hooks);
    const char *advice = ath__weights_advice(&file, network->model);
    ath_tensor_file_free(&file);
    if (status != ATH_OK) return status;
    int wanted = report.loaded + report.missing.count + report.reshaped.count;
    if (partial || (report.loaded > 0 && report.loaded * 10 >= wanted * 9)) return ATH_OK;
    return ath__fail(err, ATH_DATA, path,
                     "only %d of %d tensors fit this model (%s %s)%s; weights.partial=true accepts that", report.loaded,
                     wanted, report.missing.count ? "missing:" : "of another shape:",
                     report.missing.count ? report.missing.text : report.reshaped.text, advice);
}
