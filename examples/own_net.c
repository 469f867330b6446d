/* Builds a network with the graph builder and prints it: a residual block whose weight is computed from other values.
 *
 * A weight is an ordinary value: here the convolution's kernel is w = v * (g / |v|), weight normalisation written out.
 */
#include <athanor/athanor.h>

#include <stdio.h>

int main(void) {
    ath_graph *g = ath_graph_create();
    ath_init   start = {.kind = ATH_INIT_WEIGHT, .from = ATH_NONE};
    ath_value  x = ath_input(g, "images", ATH_F32, ath_shape_of(8, 16, 32, 32));

    ath_scope_push(g, "block");
    ath_value v = ath_param(g, "weight_v", ath_shape_of(16, 16, 3, 3), start);
    ath_value norm = ath_unary_op(g, ath_reduce_op(g, ath_unary_op(g, v, ATH_UNARY_SQUARE), ATH_REDUCE_SUM, 0xe, true),
                                  ATH_UNARY_SQRT);
    ath_value gain =
        ath_param(g, "weight_g", ath_shape_of(16, 1, 1, 1), (ath_init){.kind = ATH_INIT_FROM, .from = norm});
    ath_value w = ath_mul(g, v, ath_binary_op(g, gain, norm, ATH_BINARY_DIV));
    ath_value y = ath_conv2d(g, x, w, ATH_NONE, &(ath_conv2d_attrs){.pad = {1, 1, 1, 1}});
    y = ath_relu(g, ath_add(g, y, x));
    ath_scope_pop(g);

    ath_value head = ath_param(g, "head.weight", ath_shape_of(10, 16), start);
    ath_output(g, ath_linear(g, ath_flatten(g, ath_global_avg_pool(g, y)), head, ATH_NONE), "logits");

    ath_error  err;
    ath_status status = ath_graph_status(g, &err);
    char      *text = status == ATH_OK ? ath_graph_dump(g, ATH_GRAPH_TEXT) : NULL;
    if (text)
        fputs(text, stdout);
    else
        fprintf(stderr, "%s\n", status == ATH_OK ? "out of memory" : err.message);
    ath_text_free(text);
    ath_graph_destroy(g);
    return ath_status_exit_code(status);
}
