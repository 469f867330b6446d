/* The optimisers, one row each. */
ATH_OPTIMIZER(sgd)
ATH_OPTIMIZER(adam)
ATH_OPTIMIZER(adamw)
ATH_OPTIMIZER(nadam)
ATH_OPTIMIZER(rmsprop)
ATH_OPTIMIZER(adagrad)
ATH_OPTIMIZER(lars)
ATH_OPTIMIZER(muon)
