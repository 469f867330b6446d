/* Filters that make the patches of images white:
 *
 *     S = sum over patches p of p p^T / their number = sum_i lambda_i v_i v_i^T,    w_i = v_i / sqrt(lambda_i + eps)
 *
 * so that the outputs w_i . p are uncorrelated and, but for eps, of equal power. Sums run over fixed groups of images,
 * each in double, and are added in order: the same bits for any number of threads. The eigenvectors come from Jacobi's
 * rotations (Golub and Van Loan, "Matrix Computations", section 8.5), which are accurate to the last digits for small
 * matrices.
 */
#include "zoo/whitening.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/parallel.h"

#include <math.h>
#include <string.h>

enum { MAX_PATCH = 64, GROUP = 64, MAX_SWEEPS = 50 };

/* ---- second moments --------------------------------------------------------------------------------------------- */

struct moments {
    const struct ath__zoo_images *images;
    int                           kernel, size;
    double                       *sums; /* (groups, size, size), upper triangles */
};

static void add_patches(const struct moments *m, const float *image, double *sum) {
    int    width = m->images->width, height = m->images->height;
    double patch[MAX_PATCH];
    for (int y = 0; y + m->kernel <= height; y++)
        for (int x = 0; x + m->kernel <= width; x++) {
            int n = 0;
            for (int c = 0; c < m->images->channels; c++)
                for (int r = 0; r < m->kernel; r++)
                    for (int s = 0; s < m->kernel; s++)
                        patch[n++] = (double)image[((int64_t)c * height + y + r) * width + x + s];
            for (int i = 0; i < m->size; i++)
                for (int j = i; j < m->size; j++) sum[i * m->size + j] += patch[i] * patch[j];
        }
}

static void add_group(int64_t group, void *context) {
    const struct moments *m = context;
    int64_t               pixels = (int64_t)m->images->channels * m->images->height * m->images->width;
    int64_t begin = group * GROUP, end = begin + GROUP < m->images->count ? begin + GROUP : m->images->count;
    for (int64_t i = begin; i < end; i++)
        add_patches(m, m->images->data + i * pixels, m->sums + group * m->size * m->size);
}

/* ---- eigenvectors ----------------------------------------------------------------------------------------------- */

/* One rotation in the plane (p, q) that makes a[p][q] zero. */
static void rotate(int n, double *a, double *vectors, int p, int q) {
    double apq = a[p * n + q];
    if (apq == 0.0) return;
    double theta = (a[q * n + q] - a[p * n + p]) / (2.0 * apq);
    double t = (theta >= 0.0 ? 1.0 : -1.0) / (fabs(theta) + sqrt(theta * theta + 1.0));
    double c = 1.0 / sqrt(t * t + 1.0), s = t * c;
    for (int k = 0; k < n; k++) {
        double akp = a[k * n + p], akq = a[k * n + q];
        a[k * n + p] = c * akp - s * akq;
        a[k * n + q] = s * akp + c * akq;
    }
    for (int k = 0; k < n; k++) {
        double apk = a[p * n + k], aqk = a[q * n + k], vp = vectors[p * n + k], vq = vectors[q * n + k];
        a[p * n + k] = c * apk - s * aqk;
        a[q * n + k] = s * apk + c * aqk;
        vectors[p * n + k] = c * vp - s * vq;
        vectors[q * n + k] = s * vp + c * vq;
    }
}

static bool is_diagonal(int n, const double *a) {
    double off = 0.0, all = 0.0;
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++) {
            all += a[i * n + j] * a[i * n + j];
            if (i != j) off += a[i * n + j] * a[i * n + j];
        }
    return off <= 1e-30 * all;
}

/* Swaps the largest remaining value and its vector to the front, and turns the vector's largest entry positive. */
static void put_in_order(int n, double *values, double *vectors) {
    for (int i = 0; i < n; i++) {
        int best = i, peak = 0;
        for (int j = i + 1; j < n; j++)
            if (values[j] > values[best]) best = j;
        double value = values[i];
        values[i] = values[best];
        values[best] = value;
        for (int k = 0; k < n; k++) {
            double entry = vectors[i * n + k];
            vectors[i * n + k] = vectors[best * n + k];
            vectors[best * n + k] = entry;
        }
        for (int k = 1; k < n; k++)
            if (fabs(vectors[i * n + k]) > fabs(vectors[i * n + peak])) peak = k;
        if (vectors[i * n + peak] >= 0.0) continue;
        for (int k = 0; k < n; k++) vectors[i * n + k] = -vectors[i * n + k];
    }
}

void ath__symmetric_eigen(int n, double *a, double *values, double *vectors) {
    memset(vectors, 0, (size_t)n * (size_t)n * sizeof *vectors);
    for (int i = 0; i < n; i++) vectors[i * n + i] = 1.0;
    for (int sweep = 0; sweep < MAX_SWEEPS && !is_diagonal(n, a); sweep++)
        for (int p = 0; p < n; p++)
            for (int q = p + 1; q < n; q++) rotate(n, a, vectors, p, q);
    for (int i = 0; i < n; i++) values[i] = a[i * n + i];
    put_in_order(n, values, vectors);
}

/* ---- filters ---------------------------------------------------------------------------------------------------- */

ath_status ath__whitening_filters(const struct ath__zoo_images *images, int kernel, double eps, float *filters,
                                  ath_error *err) {
    int64_t wide = (int64_t)images->channels * kernel * kernel, groups = (images->count + GROUP - 1) / GROUP;
    double  vectors[MAX_PATCH * MAX_PATCH], values[MAX_PATCH];
    if (wide > MAX_PATCH || images->height < kernel || images->width < kernel || images->count < 1)
        return ath__fail(
            err, ATH_USAGE, "whitening",
            "%lld images of %dx%dx%d cannot be whitened in patches of %dx%d: patches have at most %d values",
            (long long)images->count, images->channels, images->height, images->width, kernel, kernel, (int)MAX_PATCH);
    int            n = (int)wide;
    struct moments m = {.images = images, .kernel = kernel, .size = n};
    m.sums = ath__alloc_array((size_t)groups * (size_t)n * (size_t)n, sizeof *m.sums);
    if (!m.sums) return ath__fail_memory(err, "whitening");
    ath__parallel(groups, add_group, &m);
    double patches =
        (double)images->count * (double)(images->height - kernel + 1) * (double)(images->width - kernel + 1);
    for (int i = 0; i < n; i++)
        for (int j = i; j < n; j++) {
            double sum = 0.0;
            for (int64_t g = 0; g < groups; g++) sum += m.sums[(g * n + i) * n + j];
            m.sums[i * n + j] = m.sums[j * n + i] = sum / patches; /* group 0 is read before it is overwritten */
        }
    ath__symmetric_eigen(n, m.sums, values, vectors);
    for (int i = 0; i < n; i++)
        for (int k = 0; k < n; k++) {
            double entry = vectors[i * n + k] / sqrt((values[i] > 0.0 ? values[i] : 0.0) + eps);
            filters[i * n + k] = (float)entry;
            filters[(n + i) * n + k] = (float)-entry;
        }
    ath__free(m.sums);
    return ATH_OK;
}
