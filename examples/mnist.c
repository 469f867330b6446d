/* Trains LeNet-5 on MNIST (or, without the data, on the built-in digits), then evaluates it: the library in one page.
 *
 *     cc mnist.c $(pkg-config --cflags --libs athanor) -o mnist && ./mnist [DATA] [EPOCHS]
 */
#include <athanor/athanor.h>

#include <stdio.h>

static void on_epoch(const ath_epoch *epoch, void *context) {
    (void)context;
    printf("epoch %lld: train loss %.4f, validation top-1 %.2f%%\n", (long long)epoch->epoch, epoch->train_loss,
           epoch->val_top1);
}

int main(int argc, char **argv) {
    const char *const settings[][2] = {
        {"model", "lenet5-relu"},
        {"data", argc > 1 ? argv[1] : "digits"},
        {"epochs", argc > 2 ? argv[2] : "3"},
        {"batch", "64"},
        {"lr", "0.05"},
        {"momentum", "0.9"},
        {"init", "kaiming"},
        {"overwrite", "true"},
        {"out", "runs/example"},
    };
    ath_error   err = {.code = ATH_OK};
    ath_config *config = NULL;
    ath_status  status = ath_config_create(&config, &err);
    for (size_t i = 0; i < sizeof settings / sizeof settings[0] && status == ATH_OK; i++)
        status = ath_config_set(config, settings[i][0], settings[i][1], ATH_ORIGIN_COMMAND_LINE, &err);

    ath_hooks        hooks = {.epoch = on_epoch};
    ath_train_result trained;
    if (status == ATH_OK) status = ath_train(config, &hooks, &trained, &err);
    if (status == ATH_OK) {
        printf("%lld parameters, best top-1 %.2f%% in epoch %lld, %.1f s\n", (long long)trained.params,
               trained.top1_best, (long long)trained.epoch_best, trained.seconds);
        status = ath_config_set(config, "run", trained.run, ATH_ORIGIN_COMMAND_LINE, &err);
    }
    ath_eval_result score;
    if (status == ATH_OK && (status = ath_eval(config, NULL, &score, &err)) == ATH_OK) {
        printf("evaluated alone: %.2f%% of %lld images\n", score.top1, (long long)score.images);
        ath_eval_result_free(&score);
    }
    if (status != ATH_OK) fprintf(stderr, "%s\n", err.message);
    ath_config_destroy(config);
    return ath_status_exit_code(status);
}
