/* Whitening filters of image patches. */
#ifndef ATH_ZOO_WHITENING_H
#define ATH_ZOO_WHITENING_H

#include "zoo/zoo.h"

/* Fills `filters`, of shape (2 d, C, kernel, kernel) with d = C kernel^2, from the patches of the images: the eigenvectors
 * of their second moments, the largest eigenvalue first, each divided by sqrt(eigenvalue + eps); then the same with the
 * other sign. ATH_USAGE for patches of more than 64 values or images smaller than a patch. The result does not depend on
 * the number of threads. */
ath_status ath__whitening_filters(const struct ath__zoo_images *images, int kernel, double eps, float *filters,
                                  ath_error *err);

/* Eigenvalues (descending) and eigenvectors (row i belongs to value i, its largest entry positive) of the symmetric n x n
 * matrix `a`, which is overwritten; n at most 64. */
void ath__symmetric_eigen(int n, double *a, double *values, double *vectors);

#endif
