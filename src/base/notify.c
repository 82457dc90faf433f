/* The protocol is one datagram to a Unix socket, and documented to stay: libsystemd would
 * bring itself and three more libraries for it. */
#include "nestor/base/notify.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define PATIENCE_SECONDS 5 /* with a manager that has messages waiting */

/* A path, or with `@` a name that is no file. False when it is neither. */
static bool address_of(struct sockaddr_un *a, socklen_t *n, struct nst_str name)
{
    *a = (struct sockaddr_un){ .sun_family = AF_UNIX };
    if (name.n < 2 || name.n >= sizeof(a->sun_path) || (name.p[0] != '/' && name.p[0] != '@'))
        return false;
    memcpy(a->sun_path, name.p, name.n);
    if (name.p[0] == '@')
        a->sun_path[0] = '\0';
    *n = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + name.n);
    return true;
}

void nst_notify(struct nst_str state)
{
    const char *name = getenv("NOTIFY_SOCKET");
    struct sockaddr_un a;
    socklen_t n;
    if (name == NULL || !address_of(&a, &n, nst_str_z(name)))
        return;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    const struct timeval patience = { .tv_sec = PATIENCE_SECONDS };
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    (void)!sendto(fd, state.p, state.n, MSG_NOSIGNAL, (const struct sockaddr *)&a, n);
    close(fd);
}

int64_t nst_notify_watchdog(void)
{
    const char *pid = getenv("WATCHDOG_PID"), *limit = getenv("WATCHDOG_USEC");
    int64_t owner, n;
    if (limit == NULL || !nst_str_int(&n, nst_str_z(limit)) || n <= 0)
        return 0;
    bool is_ours = pid == NULL || (nst_str_int(&owner, nst_str_z(pid)) && owner == getpid());
    return is_ours ? n : 0;
}
