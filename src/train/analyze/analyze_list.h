/* The kinds of analysis: one row each. */
ATH_ANALYSIS(gradcam)
