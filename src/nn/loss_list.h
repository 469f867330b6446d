/* The losses, one row each; the first is the default. */
ATH_LOSS(cross_entropy)
ATH_LOSS(focal)
ATH_LOSS(bce)
