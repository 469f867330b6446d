/* Parallel loops on OpenMP, the only file with its pragmas.
 *
 * Tasks are split statically, in order, over the threads. A loop inside a loop runs serially, and so does a loop of one
 * task. Where the compiler has no OpenMP (and under ThreadSanitizer, which cannot look into an OpenMP runtime) the same
 * split runs on POSIX threads started for the loop: slower to start, equal in effect.
 */
#include "base/parallel.h"

#include "base/cpuinfo.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

#ifdef _OPENMP
#include <omp.h>
#else
#include <pthread.h>
#endif

enum { MOST_THREADS = 1024 };

static _Atomic int chosen_threads; /* 0 = not chosen yet */

static int default_threads(void) {
#ifdef _OPENMP
    if (getenv("OMP_NUM_THREADS")) return omp_get_max_threads();
#endif
    return ath__cpuinfo()->processors;
}

int ath__threads(void) {
    int count = atomic_load_explicit(&chosen_threads, memory_order_relaxed);
    if (count > 0) return count;
    count = default_threads();
    if (count > MOST_THREADS) count = MOST_THREADS;
    atomic_store_explicit(&chosen_threads, count, memory_order_relaxed);
    return count;
}

void ath__threads_set(int count) {
    if (count <= 0) count = default_threads();
    if (count > MOST_THREADS) count = MOST_THREADS;
    atomic_store_explicit(&chosen_threads, count, memory_order_relaxed);
#ifdef _OPENMP
    omp_set_num_threads(count); /* for the libraries that open their own loops from this thread */
#endif
}

typedef void (*indexed_fn)(int64_t task, int thread, void *context);

#ifdef _OPENMP

static void run(int64_t tasks, int threads, indexed_fn body, void *context) {
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int64_t task = 0; task < tasks; task++) body(task, omp_get_thread_num(), context);
}

static bool inside_loop(void) {
    return omp_in_parallel();
}

#else

static _Thread_local bool in_loop;

struct share {
    int64_t    first, end;
    int        thread;
    indexed_fn body;
    void      *context;
};

static void *run_share(void *argument) {
    const struct share *share = argument;
    in_loop = true;
    for (int64_t task = share->first; task < share->end; task++) share->body(task, share->thread, share->context);
    in_loop = false;
    return NULL;
}

static void run(int64_t tasks, int threads, indexed_fn body, void *context) {
    struct share shares[MOST_THREADS] = {{0}};
    pthread_t    ids[MOST_THREADS];
    bool         started[MOST_THREADS] = {false};
    for (int t = 0; t < threads; t++) {
        shares[t] = (struct share){tasks * t / threads, tasks * (t + 1) / threads, t, body, context};
        if (t > 0) started[t] = pthread_create(&ids[t], NULL, run_share, &shares[t]) == 0;
    }
    run_share(&shares[0]);
    for (int t = 1; t < threads; t++) {
        if (started[t]) {
            pthread_join(ids[t], NULL);
        } else {
            run_share(&shares[t]);
        }
    }
}

static bool inside_loop(void) {
    return in_loop;
}

#endif

void ath__parallel_indexed(int64_t tasks, void (*body)(int64_t task, int thread, void *context), void *context) {
    int threads = ath__threads();
    if (threads > tasks) threads = (int)tasks;
    if (threads <= 1 || inside_loop()) {
        for (int64_t task = 0; task < tasks; task++) body(task, 0, context);
    } else {
        run(tasks, threads, body, context);
    }
}

struct plain {
    ath__task_fn body;
    void        *context;
};

static void run_plain(int64_t task, int thread, void *context) {
    (void)thread;
    const struct plain *plain = context;
    plain->body(task, plain->context);
}

void ath__parallel(int64_t tasks, ath__task_fn body, void *context) {
    struct plain plain = {body, context};
    ath__parallel_indexed(tasks, run_plain, &plain);
}
