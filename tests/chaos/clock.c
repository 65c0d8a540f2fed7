/* A clock of one process, loaded before it (LD_PRELOAD), that can be set while the process runs.
 *
 * What is asked for the time of day answers so many seconds later, or earlier, as stand in the file
 * that CLOCK_FILE names: 8 bytes, which are mapped here and written by the test. Only the time of
 * day moves: the steady clock, by which everything waits, stays the kernel's.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile const int64_t *shift;

__attribute__((constructor)) static void begin(void)
{
    const char *file = getenv("CLOCK_FILE");
    int end = file ? open(file, O_RDONLY | O_CLOEXEC) : -1;
    if (end < 0)
        abort(); /* a test whose clock does not move would prove nothing */
    void *found = mmap(NULL, sizeof *shift, PROT_READ, MAP_SHARED, end, 0);
    close(end);
    if (found == MAP_FAILED)
        abort();
    shift = found;
}

int clock_gettime(clockid_t which, struct timespec *at)
{
    int failed = (int)syscall(SYS_clock_gettime, which, at);
    if (!failed && shift && (which == CLOCK_REALTIME || which == CLOCK_REALTIME_COARSE))
        at->tv_sec += *shift;
    return failed;
}

int gettimeofday(struct timeval *restrict at, void *restrict zone)
{
    struct timespec now;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &now);
    at->tv_sec = now.tv_sec;
    at->tv_usec = now.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *at)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (at)
        *at = now.tv_sec;
    return now.tv_sec;
}
