/* The CPU's implementations, best first within each operator. Rows expand into declarations and the search table
 * (device_cpu.c): ATH_IMPL(NAME) is the object `const struct ath__impl ath__impl_NAME`.
 *
 * Order within an operator: batch_blocks rows first (small nets), then winograd, then oneDNN, then our own general
 * kernels. A row is listed once its file exists. ref_any serves every operator and stays last.
 */
ATH_IMPL(batch_blocks_conv2d)
ATH_IMPL(batch_blocks_conv2d_dgrad)
ATH_IMPL(batch_blocks_conv2d_wgrad)
ATH_IMPL(batch_blocks_matmul)
ATH_IMPL(onednn_conv2d)
ATH_IMPL(onednn_conv2d_dgrad)
ATH_IMPL(onednn_conv2d_wgrad)
ATH_IMPL(onednn_matmul)
ATH_IMPL(onednn_reorder)
ATH_IMPL(cpu_pool2d)
ATH_IMPL(cpu_pool2d_grad)
ATH_IMPL(cpu_chain)
ATH_IMPL(cpu_act)
ATH_IMPL(cpu_act_grad)
ATH_IMPL(cpu_unary)
ATH_IMPL(cpu_binary)
ATH_IMPL(cpu_reduce)
ATH_IMPL(cpu_softmax)
ATH_IMPL(cpu_softmax_grad)
ATH_IMPL(cpu_cross_entropy)
ATH_IMPL(cpu_cross_entropy_grad)
ATH_IMPL(cpu_hits)
ATH_IMPL(cpu_reorder)
ATH_IMPL(cpu_cast)
ATH_IMPL(cpu_batch_sum)
ATH_IMPL(cpu_pack)
ATH_IMPL(ref_any)
