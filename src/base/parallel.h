/* The one door to OpenMP: every kernel's parallel loop goes through here.
 *
 * ath__parallel(tasks, body, context) runs body(task, context) for task = 0 .. tasks-1, statically split over the
 * threads. The number of tasks must depend on shapes only, never on the thread count, wherever tasks reduce: then
 * results are the same bits for any number of threads.
 */
#ifndef ATH_BASE_PARALLEL_H
#define ATH_BASE_PARALLEL_H

#include <stdint.h>

typedef void (*ath__task_fn)(int64_t task, void *context);

void ath__parallel(int64_t tasks, ath__task_fn body, void *context);
/* As ath__parallel, with the index of the running thread (below ath__threads()) for per-thread scratch. */
void ath__parallel_indexed(int64_t tasks, void (*body)(int64_t task, int thread, void *context), void *context);

int  ath__threads(void);          /* threads that a parallel loop uses now */
void ath__threads_set(int count); /* 0 = one per processor that the process may use */

#endif
