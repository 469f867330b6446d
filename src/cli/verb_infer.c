/* athanor infer */
#include "cli/console.h"
#include "cli/json_out.h"
#include "cli/verb.h"

#include <stdio.h>

struct sink {
    json_t *outputs; /* NULL: print text */
};

static void each(const ath_inferred *y, void *context) {
    struct sink *sink = context;
    if (sink->outputs) {
        json_t *shape = json_array();
        for (int d = 0; d < y->rank; d++) json_array_append_new(shape, json_integer((json_int_t)y->dims[d]));
        json_array_append_new(sink->outputs, json_pack("{s:s, s:s, s:s, s:o, s:f, s:f, s:I}", "name", y->name, "path",
                                                       y->path, "type", y->dtype, "shape", shape, "min", y->min, "max",
                                                       y->max, "argmax", (json_int_t)y->argmax));
        return;
    }
    printf("%-24s %-8s (", y->name, y->dtype);
    for (int d = 0; d < y->rank; d++) printf("%s%lld", d ? "," : "", (long long)y->dims[d]);
    printf(")  min %.6g  max %.6g at %lld%s%s\n", y->min, y->max, (long long)y->argmax, *y->path ? "  -> " : "",
           y->path);
}

static ath_status run(const struct invocation *invocation, ath_error *err) {
    struct sink sink = {.outputs = invocation->json ? json_array() : NULL};
    if (invocation->word_count < 1) {
        snprintf(err->message, sizeof err->message, "which model? athanor infer MODEL INPUT... out=DIR");
        return err->code = ATH_USAGE;
    }
    ath_status status = ath_infer(invocation->config, invocation->words[0], invocation->words + 1,
                                  invocation->word_count - 1, each, &sink, err);
    if (status == ATH_OK && sink.outputs)
        return json_print(json_pack("{s:s, s:o}", "model", invocation->words[0], "outputs", sink.outputs), err);
    json_decref(sink.outputs);
    return status;
}

const struct verb verb_infer = {
    .name = "infer",
    .summary = "run a network on arrays: tensors in, tensors out",
    .examples = "  athanor infer net.onnx images.npy out=answers    writes answers/<output's name>.npy\n"
                "  athanor infer model.safetensors images.npy --json\n"
                "  athanor infer net.onnx inputs.npz              arrays by the names of the graph's inputs\n"
                "  athanor infer model.onnx input_0.pb input_1.pb out=answers\n",
    .keys = "out batch threads precision",
    .computes = true,
    .run = run,
};
