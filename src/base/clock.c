/* Time and peak memory, as the system reports them. */
#include "base/clock.h"

#include <stdbool.h>
#include <stdio.h>
#include <sys/resource.h>
#include <time.h>

double ath__seconds(void) {
    struct timespec now;
    if (clock_gettime(CLOCK_MONOTONIC, &now) != 0) return 0.0;
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

void ath__timestamp(char *text, size_t capacity) {
    if (capacity == 0) return;
    text[0] = '\0';
    time_t    now = time(NULL);
    struct tm utc;
    if (!gmtime_r(&now, &utc)) return;
    if (strftime(text, capacity, "%Y-%m-%dT%H:%M:%SZ", &utc) == 0) text[0] = '\0';
}

/* Linux's own count of this program. What getrusage reports there began before exec, with the program that started this
 * one, and never falls. False where there is no such count. */
static bool peak_from_proc(uint64_t *bytes) {
    FILE *status = fopen("/proc/self/status", "r");
    char  line[128];
    bool  found = false;
    if (!status) return false;
    while (!found && fgets(line, sizeof line, status)) {
        unsigned long long kib;
        found = sscanf(line, "VmHWM: %llu kB", &kib) == 1;
        if (found) *bytes = kib * 1024;
    }
    fclose(status);
    return found;
}

uint64_t ath__peak_rss(void) {
    uint64_t      bytes;
    struct rusage usage;
    if (peak_from_proc(&bytes)) return bytes;
    if (getrusage(RUSAGE_SELF, &usage) != 0 || usage.ru_maxrss < 0) return 0;
#ifdef __APPLE__
    return (uint64_t)usage.ru_maxrss;
#else
    return (uint64_t)usage.ru_maxrss * 1024; /* Linux and the BSDs count in KiB */
#endif
}
