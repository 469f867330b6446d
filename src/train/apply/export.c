/* `athanor export`: a trained model as the network of another program. */
#include "athanor/train.h"

#include "base/error.h"
#include "base/mem.h"
#include "format/export.h"
#include "train/settings.h"
#include "train/setup_preprocess.h"
#include "train/source.h"

#include <ctype.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

/* ---- which format ----------------------------------------------------------------------------------------------- */

static ath_status unknown_format(const char *where, const char *what, ath_error *err) {
    struct ath__str names = {0};
    for (int i = 0; ath__graph_format_at(i); i++)
        ath__str_printf(&names, "%s%s", i ? ", " : "", ath__graph_format_at(i)->name);
    ath_status status =
        ath__fail(err, ATH_USAGE, NULL, "%s '%s'; format= can be %s", what, where, ath__str_text(&names));
    ath__str_free(&names);
    return status;
}

static ath_status choose_format(const ath_config *config, const char *path, const struct ath__graph_format **format,
                                ath_error *err) {
    const char *name = ath__config_text(config, "format");
    *format = *name ? ath__graph_format_find(name) : ath__graph_format_of(path);
    if (*format) return ATH_OK;
    return *name ? unknown_format(name, "there is no format", err)
                 : unknown_format(path, "which format is meant by the ending of", err);
}

/* ---- options ---------------------------------------------------------------------------------------------------- */

/* What every format is asked: export.name, export.softmax and export.fold. */
struct common {
    char name[64];
    bool softmax, fold;
};

/* The stem of the file's name, with what no identifier may hold as underscores. */
static void name_from_path(const char *path, char name[64]) {
    const char *slash = strrchr(path, '/'), *file = slash ? slash + 1 : path;
    size_t      length = strcspn(file, "."), at = 0;
    if (length == 0 || !isalpha((unsigned char)file[0])) at += (size_t)snprintf(name, 64, "net_");
    for (size_t i = 0; i < length && at < 63; i++) name[at++] = isalnum((unsigned char)file[i]) ? file[i] : '_';
    name[at] = '\0';
}

static ath_status set_name(struct common *common, const char *value, ath_error *err) {
    bool good = isalpha((unsigned char)value[0]) && strlen(value) < sizeof common->name;
    for (const char *c = value; *c; c++) good = good && (isalnum((unsigned char)*c) || *c == '_');
    if (!good)
        return ath__fail(err, ATH_USAGE, NULL,
                         "export.name must be letters, digits and underscores, begin with a letter, and be shorter "
                         "than %zu, not '%s'",
                         sizeof common->name, value);
    snprintf(common->name, sizeof common->name, "%s", value);
    return ATH_OK;
}

static ath_status read_options(const ath_config *config, const char *path, const struct ath__graph_format *format,
                               struct common *common, void *options, ath_error *err) {
    struct flags {
        int64_t softmax, fold;
    } flags = {format->softmax, 1};
    const struct ath__option common_table[] = {
        {"softmax", "probabilities come out, not logits", ATH_OPTION_FLAG, 0, "false", "false|true", 0, 0},
        {"fold", "batch norms go into the convolutions before them", ATH_OPTION_FLAG, offsetof(struct flags, fold),
         "true", "false|true", 0, 0},
        ATH_OPT_END,
    };
    static const struct ath__option none[] = {ATH_OPT_END};
    const struct ath__option       *table = format->options ? format->options : none;
    struct ath__config_pair         pair;
    name_from_path(path, common->name);
    ath__option_defaults(table, options);
    for (int i = 0; ath__config_pair(config, "export.", i, &pair); i++) {
        if (strcmp(pair.key, "name") == 0)
            ATH_TRY(set_name(common, pair.value, err));
        else if (ath__option_find(common_table, pair.key))
            ATH_TRY(ath__option_set(common_table, &flags, "export.", pair.key, pair.value, err));
        else
            ATH_TRY(ath__option_set(table, options, "export.", pair.key, pair.value, err));
    }
    common->softmax = flags.softmax != 0;
    common->fold = flags.fold != 0;
    if (!common->fold && !format->keeps_norms)
        return ath__fail(err, ATH_USAGE, NULL, "export.fold=false keeps batch norms, which format=onnx can; %s cannot",
                         format->name);
    return ATH_OK;
}

/* ---- the export ------------------------------------------------------------------------------------------------- */

static struct ath__export_images images_of(const struct ath__preprocess *preprocess) {
    bool                      cuts = preprocess->fit != ATH_FIT_STRETCH;
    struct ath__export_images images = {.interpolation = ath__filter_name(preprocess->filter),
                                        .rounding = ath__rounding_name(preprocess->rounding),
                                        .crop_height = cuts ? preprocess->height : 0,
                                        .crop_width = cuts ? preprocess->width : 0};
    switch (preprocess->fit) {
    case ATH_FIT_STRETCH:
        images.resize_height = preprocess->height;
        images.resize_width = preprocess->width;
        break;
    case ATH_FIT_SHORTER: images.resize_shorter = preprocess->fit_height; break;
    case ATH_FIT_EXACT:
        images.resize_height = preprocess->fit_height;
        images.resize_width = preprocess->fit_width;
        break;
    case ATH_FIT_CROP: break;
    }
    memcpy(images.mean, preprocess->mean, sizeof images.mean);
    memcpy(images.deviation, preprocess->deviation, sizeof images.deviation);
    return images;
}

static int64_t constant_count(const struct ath__export *net) {
    int64_t count = 0;
    bool   *seen = ATH_NEW_ARRAY(bool, net->graph->value_count + 1);
    for (int i = 0; seen && i < net->graph->order_count; i++) {
        const struct ath__node *node = ath__export_node(net, i);
        if (ath__export_norm_of(net, node)) continue;
        for (int k = 0; k < node->ins; k++) {
            if (!ath__export_constant(net, node->in[k]) || seen[node->in[k]]) continue;
            seen[node->in[k]] = true;
            count += ath_shape_count(&ath__export_value(net, node->in[k])->desc.shape);
        }
    }
    for (int i = 0; i < net->norm_count; i++)
        count += 4 * ath_shape_count(&ath__export_value(net, net->norms[i].gamma)->desc.shape);
    ath__free(seen);
    return count;
}

static ath_status write_net(const struct ath__source *source, const struct ath__graph_format *format, const char *path,
                            ath_export_result *result, ath_error *err) {
    struct common             common;
    struct ath__export        net;
    struct ath__str           notes = {0};
    void                     *options = ath__alloc_zeroed(format->options_size + sizeof(int64_t));
    ath_status                status = ATH_OK;
    struct ath__export_source from = {
        .model = source->model,
        .store = source->network->store,
        .images = images_of(&source->info.preprocess),
        .class_names = (const char *const *)source->info.class_names,
        .class_titles = (const char *const *)source->info.class_titles,
        .class_groups = (const char *const *)source->info.class_groups,
    };
    if (!options) return ath__fail_memory(err, path);
    ATH_TRY_DONE(read_options(source->config, path, format, &common, options, err));
    from.name = common.name;
    from.softmax = common.softmax;
    from.keep_norms = !common.fold;
    ATH_TRY_DONE(ath__export_create(&from, &net, err));
    result->nodes = net.graph->order_count - net.norm_count;
    result->constants = constant_count(&net);
    result->softmax = net.softmax;
    status = format->write(&net, options, path, &notes, err);
    if (status == ATH_OK && notes.failed) status = ath__fail_memory(err, path);
    snprintf(result->notes, sizeof result->notes, "%s", ath__str_text(&notes));
    ath__export_free(&net);
done:
    ath__str_free(&notes);
    ath__free(options);
    return status;
}

ath_status ath_export(const ath_config *config, const char *path, ath_export_result *result, ath_error *err) {
    struct ath__source              source;
    const struct ath__graph_format *format;
    memset(result, 0, sizeof *result);
    ATH_TRY(choose_format(config, path, &format, err));
    result->format = format->name;
    ath_status status = ath__source_open(config, NULL, &source, err);
    if (status == ATH_OK) status = write_net(&source, format, path, result, err);
    ath__source_close(&source);
    return status;
}
