/* Fuzzes ONNX files as models (tensor_reader.h): what is read has a graph that can be built and counted. */
#include "athanor/model.h"
#include "format/onnx/onnx_model.h"
#include "fuzz/tensor_reader.h"

static void build(const ath_tensor_file *file) {
    const char *net = ath_tensor_file_metadata(file, "net");
    ath_model  *model = NULL;
    ath_error   err = {0};
    if (net && ath_model_create_text("fuzz", net, strlen(net), &model, &err) == ATH_OK) {
        ath_model_counts counts;
        if (ath_model_count(model, &counts, &err) != ATH_OK && err.message[0] == '\0') abort();
    }
    ath_model_destroy(model);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_tensor_reader(ath__onnx_model_read, data, size, 64, 320 << 20, build);
    return 0;
}
