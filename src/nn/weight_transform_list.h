/* The weight transforms: one row each. */
ATH_WEIGHT_TRANSFORM(wn)
