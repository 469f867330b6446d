/* The families of networks: one row each. */
ATH_ZOO(lenet)
ATH_ZOO(alexnet)
ATH_ZOO(resnet_mnist)
ATH_ZOO(resnet_cifar)
ATH_ZOO(resnet)
