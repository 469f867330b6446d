/* The CPU's implementations, best first within each operator. Rows expand into declarations and the search table
 * (device_cpu.c): ATH_IMPL(NAME) is the object `const struct ath__impl ath__impl_NAME`.
 *
 * Order within an operator: batch_blocks rows first (small nets), then winograd, then oneDNN, then our own general
 * kernels. A row is listed once its file exists. ref_any serves every operator and stays last.
 */
ATH_IMPL(onednn_conv2d)
ATH_IMPL(onednn_conv2d_dgrad)
ATH_IMPL(onednn_conv2d_wgrad)
ATH_IMPL(onednn_matmul)
ATH_IMPL(cpu_pool2d)
ATH_IMPL(cpu_pool2d_grad)
ATH_IMPL(ref_any)
