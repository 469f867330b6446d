/* A short spin before sleeping, for machines that do other things too.
 *
 * GNU's OpenMP runtime lets a thread spin for milliseconds at the end of each parallel loop. That is free while every
 * thread has a processor to itself. Where it has not (a desktop, a container, two runs at once), the spinning thread
 * burns the very time that the thread it waits for needs: training LeNet-5 on two processors that were shared with ten
 * other busy threads took 27 s an epoch, and 3.3 s with the spin below. The runtime reads its setting once, while the
 * program is being loaded, hence the second start (a few milliseconds) of verbs that compute. OMP_WAIT_POLICY or
 * GOMP_SPINCOUNT in the environment override it.
 */
#include "cli/wait_policy.h"

#include <stdlib.h>
#include <unistd.h>

/* About 20 to 60 microseconds, by processor: longer than the gap between two loops, shorter than a scheduler's slice.
 */
#define SPIN_COUNT "2000"

void wait_policy_apply(char **argv) {
    if (getenv("OMP_WAIT_POLICY") || getenv("GOMP_SPINCOUNT")) return;
    if (setenv("GOMP_SPINCOUNT", SPIN_COUNT, 0) != 0) return;
    execv("/proc/self/exe", argv);
}
