/* Where the server listens: an address and port, a Unix socket, or what systemd has
 * opened. Of an address every loop has a listener of its own; a socket that there is
 * only one of is shared by all. */
#include "internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "nestor/base/log.h"

struct address {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
        struct sockaddr_un un;
    } to;
    socklen_t n;
};

static bool parse_tcp(struct address *a, struct nst_str host, struct nst_str port)
{
    char name[64];
    int64_t n;
    struct addrinfo *found, hints = { .ai_flags = AI_NUMERICHOST, .ai_family = AF_INET };
    if (host.n > 2 && host.p[0] == '[' && host.p[host.n - 1] == ']') {
        hints.ai_family = AF_INET6;
        host = nst_str_slice(host, 1, host.n - 1);
    } else if (nst_str_eq(host, NST_STR("localhost"))) {
        host = NST_STR("127.0.0.1");
    } else if (host.n == 0) {
        host = NST_STR("0.0.0.0");
    }
    snprintf(name, sizeof(name), "%.*s", NST_FMT(host));
    if (host.n >= sizeof(name) || port.n == 0 || port.n > 5 || port.p[0] < '0' ||
        !nst_str_int(&n, port) || n > 65535 || getaddrinfo(name, NULL, &hints, &found) != 0)
        return false;
    a->n = found->ai_addrlen;
    memcpy(&a->to, found->ai_addr, a->n);
    a->to.v4.sin_port = htons((uint16_t)n); /* at the same place in both families */
    freeaddrinfo(found);
    return true;
}

/* The forms that nst_http_options has for `listen`. */
static bool parse_address(struct address *a, struct nst_str s)
{
    *a = (struct address){ .to.un.sun_family = AF_UNIX, .n = sizeof(a->to.un) };
    if (nst_str_starts(s, NST_STR("unix:"))) {
        size_t n = s.n - 5;
        memcpy(a->to.un.sun_path, s.p + 5, n < sizeof(a->to.un.sun_path) ? n : 0);
        return n > 0 && n < sizeof(a->to.un.sun_path) && memchr(s.p, '\0', s.n) == NULL;
    }
    size_t colon = s.n;
    while (colon > 0 && s.p[colon - 1] != ':')
        colon--;
    return colon > 0 && parse_tcp(a, nst_str_slice(s, 0, colon - 1), nst_str_slice(s, colon, s.n));
}

const char *nst_http_listen_fault(struct nst_str listen)
{
    struct address a;
    if (parse_address(&a, listen))
        return NULL;
    return nst_str_starts(listen, NST_STR("unix:")) && listen.n - 5 >= sizeof(a.to.un.sun_path)
               ? "but the path of a socket has 107 bytes at most"
               : "which is no ADDRESS:PORT, localhost:PORT, :PORT or unix:PATH (IPv6 as "
                 "[::1]:8000)";
}

static bool set_flag(int fd, int level, int flag)
{
    int on = 1;
    return setsockopt(fd, level, flag, &on, sizeof(on)) == 0;
}

/* A listening socket, or -1 with errno set. TCP_NODELAY is inherited by what it
 * accepts. */
static int open_socket(const struct address *a, bool is_shared)
{
    int family = a->to.any.sa_family;
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    bool is_set =
        family == AF_UNIX ||
        (set_flag(fd, SOL_SOCKET, SO_REUSEADDR) && set_flag(fd, IPPROTO_TCP, TCP_NODELAY) &&
         (!is_shared || set_flag(fd, SOL_SOCKET, SO_REUSEPORT)) &&
         (family == AF_INET || set_flag(fd, IPPROTO_IPV6, IPV6_V6ONLY)));
    if (is_set && bind(fd, &a->to.any, a->n) == 0 && listen(fd, HTTP_BACKLOG) == 0)
        return fd;
    int saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

/* SO_REUSEPORT would let a second server of the same user join in silently.
 * A socket without it cannot be bound while anybody listens: try that first. */
static bool is_free(const struct address *a)
{
    if (a->to.v4.sin_port == 0)
        return true;
    int fd = open_socket(a, false);
    return fd >= 0 && close(fd) == 0;
}

/* The file of a Unix socket outlives a server that was killed: one that nobody
 * listens on is in the way. */
static bool clear_way(const struct address *a)
{
    struct stat st;
    if (lstat(a->to.un.sun_path, &st) != 0 || !S_ISSOCK(st.st_mode))
        return true; /* nothing, or something that is not ours to remove */
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool is_dead = fd >= 0 && connect(fd, &a->to.any, a->n) != 0 && errno == ECONNREFUSED;
    close(fd);
    return !is_dead || unlink(a->to.un.sun_path) == 0;
}

static enum nst_err failure(struct nst_str what)
{
    int reason = errno;
    nst_log(NST_LOG_ERROR, "cannot listen", NST_LOG_STR("address", what),
            NST_LOG_STR("reason", nst_str_z(strerrordesc_np(reason))));
    return reason == EADDRINUSE ? NST_E_BUSY : NST_E_INTERNAL;
}

/* One socket for all loops; takes fd over. */
static enum nst_err share(struct nst_http *h, int fd)
{
    for (unsigned i = 0; i < h->options.loops; i++) {
        struct nst_http_loop *l = &h->loop[i];
        int copy = i == 0 ? fd : fcntl(fd, F_DUPFD_CLOEXEC, 0);
        if (copy < 0)
            return failure(h->options.listen);
        l->listener[l->listeners++] = copy;
    }
    return NST_OK;
}

static enum nst_err listen_apart(struct nst_http *h, struct address *a)
{
    if (!is_free(a))
        return failure(h->options.listen);
    for (unsigned i = 0; i < h->options.loops; i++) {
        int fd = open_socket(a, true);
        if (fd < 0)
            return failure(h->options.listen);
        h->loop[i].listener[h->loop[i].listeners++] = fd;
        /* The first one of port 0 has found the port for all. */
        if (getsockname(fd, &a->to.any, &a->n) != 0)
            return failure(h->options.listen);
    }
    h->port = ntohs(a->to.v4.sin_port);
    return NST_OK;
}

/* How many sockets systemd has opened for this process. */
static unsigned passed(void)
{
    const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");
    int64_t owner, n;
    if (pid == NULL || fds == NULL || !nst_str_int(&owner, nst_str_z(pid)) ||
        !nst_str_int(&n, nst_str_z(fds)) || owner != getpid() || n <= 0)
        return 0;
    return n <= HTTP_LISTENERS_MAX ? (unsigned)n : HTTP_LISTENERS_MAX + 1;
}

/* What is true of it is not what the settings say. */
static void take_place(struct nst_http *h, const struct address *a)
{
    const struct sockaddr *any = &a->to.any;
    char host[INET6_ADDRSTRLEN] = "";
    if (any->sa_family == AF_UNIX)
        snprintf(h->place, sizeof(h->place), "unix:%.*s", (int)sizeof(a->to.un.sun_path),
                 a->to.un.sun_path);
    else if (any->sa_family == AF_INET6)
        snprintf(h->place, sizeof(h->place), "[%s]:%u",
                 inet_ntop(AF_INET6, &a->to.v6.sin6_addr, host, sizeof(host)), h->port);
    else if (any->sa_family != AF_INET)
        snprintf(h->place, sizeof(h->place), "family %d", any->sa_family);
    else
        snprintf(h->place, sizeof(h->place), "%s:%u",
                 inet_ntop(AF_INET, &a->to.v4.sin_addr, host, sizeof(host)), h->port);
    h->options.listen = nst_str_z(h->place);
}

static enum nst_err listen_passed(struct nst_http *h, unsigned count)
{
    struct address a = { 0 };
    for (unsigned i = 0; i < count; i++) {
        int fd = 3 + (int)i; /* sd_listen_fds(3) */
        a.n = sizeof(a.to);
        errno = E2BIG;
        if (count > HTTP_LISTENERS_MAX || fcntl(fd, F_SETFL, O_NONBLOCK) != 0 ||
            fcntl(fd, F_SETFD, FD_CLOEXEC) != 0 || listen(fd, HTTP_BACKLOG) != 0 ||
            getsockname(fd, &a.to.any, &a.n) != 0)
            return failure(NST_STR("LISTEN_FDS"));
        if (a.to.any.sa_family == AF_INET || a.to.any.sa_family == AF_INET6) {
            (void)set_flag(fd, IPPROTO_TCP, TCP_NODELAY);
            h->port = ntohs(a.to.v4.sin_port);
        }
        take_place(h, &a);
        NST_TRY(share(h, fd));
    }
    unsetenv("LISTEN_FDS"); /* they are taken */
    return NST_OK;
}

enum nst_err nst_http_listen(struct nst_http *h)
{
    struct address a;
    unsigned count = passed();
    if (count > 0)
        return listen_passed(h, count);
    if (!parse_address(&a, h->options.listen)) {
        nst_log(NST_LOG_ERROR, "cannot parse the address to listen on",
                NST_LOG_STR("address", h->options.listen));
        return NST_E_INVALID;
    }
    if (a.to.any.sa_family != AF_UNIX)
        return listen_apart(h, &a);
    int fd = clear_way(&a) ? open_socket(&a, false) : -1;
    h->has_file = fd >= 0;
    return fd < 0 ? failure(h->options.listen) : share(h, fd);
}

void nst_http_unlisten(const struct nst_http *h)
{
    struct address a;
    if (h->has_file && parse_address(&a, h->options.listen))
        unlink(a.to.un.sun_path);
}
