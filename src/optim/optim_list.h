/* The optimisers, one row each. */
ATH_OPTIMIZER(sgd)
