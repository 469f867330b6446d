/* The named data sets, in the order of the catalogue: one row per kind, each defined in a file of its own. */
ATH_DATASET(digits)
ATH_DATASET(mnist)
ATH_DATASET(fashion_mnist)
ATH_DATASET(cifar10)
ATH_DATASET(cifar100)
ATH_DATASET(photos)
