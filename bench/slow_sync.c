/* A disk that takes its time, to be preloaded: each sync takes BENCH_SYNC_US
 * microseconds more than it does. Disks that keep what they acknowledge take from
 * a fraction of a millisecond (local flash) to several (network, turning). */
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static void wait_for_disk(void)
{
    const char *text = getenv("BENCH_SYNC_US");
    long us = text != NULL ? strtol(text, NULL, 10) : 0;
    const struct timespec pause = { us / 1000000, us % 1000000 * 1000 };
    nanosleep(&pause, NULL);
}

typedef int sync_call(int);

static int sync_by(const char *name, int fd)
{
    union {
        void *object;
        sync_call *call;
    } found = { dlsym(RTLD_NEXT, name) };
    wait_for_disk();
    return found.call(fd);
}

__attribute__((visibility("default"))) int fsync(int fd)
{
    return sync_by("fsync", fd);
}

__attribute__((visibility("default"))) int fdatasync(int fd)
{
    return sync_by("fdatasync", fd);
}
