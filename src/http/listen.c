/* Where the server listens: an address and port, a Unix socket, or what systemd has
 * opened. Of an address every loop has a listener of its own; a socket that there is
 * only one of is shared by all. */
#include "internal.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "nestor/base/log.h"

#define BACKLOG      1024
#define HOST_MAX     64
#define FIRST_PASSED 3 /* sd_listen_fds(3) */

struct address {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
        struct sockaddr_un un;
    } to;
    socklen_t n;
};

/* ---- Parsing ---- */

static bool parse_port(uint16_t *port, struct nst_str text)
{
    int64_t n;
    if (text.n == 0 || text.p[0] < '0' || text.p[0] > '9' || !nst_str_int(&n, text) || n > 65535)
        return false;
    *port = htons((uint16_t)n);
    return true;
}

static bool parse_unix(struct address *a, struct nst_str path)
{
    if (path.n == 0 || path.n >= sizeof(a->to.un.sun_path) || memchr(path.p, 0, path.n) != NULL)
        return false;
    a->to.un.sun_family = AF_UNIX;
    memcpy(a->to.un.sun_path, path.p, path.n);
    a->n = sizeof(a->to.un);
    return true;
}

static bool parse_v6(struct address *a, const char *host, uint16_t port)
{
    a->to.v6.sin6_family = AF_INET6;
    a->to.v6.sin6_port = port;
    a->n = sizeof(a->to.v6);
    return inet_pton(AF_INET6, host, &a->to.v6.sin6_addr) == 1;
}

static bool parse_v4(struct address *a, const char *host, uint16_t port)
{
    const char *number = strcmp(host, "localhost") == 0 ? "127.0.0.1" : host;
    a->to.v4.sin_family = AF_INET;
    a->to.v4.sin_port = port;
    a->n = sizeof(a->to.v4);
    return *number == '\0' || inet_pton(AF_INET, number, &a->to.v4.sin_addr) == 1;
}

/* The forms that nst_http_options has for `listen`. */
static bool parse_address(struct address *a, struct nst_str s)
{
    char host[HOST_MAX] = "";
    memset(a, 0, sizeof(*a));
    if (nst_str_starts(s, NST_STR("unix:")))
        return parse_unix(a, nst_str_slice(s, 5, s.n));
    size_t colon = s.n;
    while (colon > 0 && s.p[colon - 1] != ':')
        colon--;
    if (colon == 0 || colon > sizeof(host))
        return false;
    struct nst_str name = nst_str_slice(s, 0, colon - 1);
    uint16_t port;
    if (!parse_port(&port, nst_str_slice(s, colon, s.n)))
        return false;
    bool is_v6 = name.n > 2 && name.p[0] == '[' && name.p[name.n - 1] == ']';
    if (is_v6)
        name = nst_str_slice(name, 1, name.n - 1);
    memcpy(host, name.p, name.n);
    return is_v6 ? parse_v6(a, host, port) : parse_v4(a, host, port);
}

/* ---- Opening ---- */

static int close_keeping_errno(int fd)
{
    int saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

static bool set_flag(int fd, int level, int flag)
{
    int on = 1;
    return setsockopt(fd, level, flag, &on, sizeof(on)) == 0;
}

/* TCP_NODELAY is inherited by what is accepted. */
static bool set_flags(int fd, int family, bool is_shared)
{
    if (family == AF_UNIX)
        return true;
    return set_flag(fd, SOL_SOCKET, SO_REUSEADDR) && set_flag(fd, IPPROTO_TCP, TCP_NODELAY) &&
           (!is_shared || set_flag(fd, SOL_SOCKET, SO_REUSEPORT)) &&
           (family == AF_INET || set_flag(fd, IPPROTO_IPV6, IPV6_V6ONLY));
}

/* A listening socket, or -1 with errno set. */
static int open_socket(const struct address *a, bool is_shared)
{
    int fd = socket(a->to.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    bool is_open = set_flags(fd, a->to.any.sa_family, is_shared) &&
                   bind(fd, &a->to.any, a->n) == 0 && listen(fd, BACKLOG) == 0;
    return is_open ? fd : close_keeping_errno(fd);
}

/* SO_REUSEPORT would let a second server of the same user join in silently.
 * A socket without it cannot be bound while anybody listens: try that first. */
static bool is_free(const struct address *a)
{
    if (a->to.v4.sin_port == 0) /* at the same place in both families */
        return true;
    int fd = open_socket(a, false);
    return fd >= 0 && close(fd) == 0;
}

/* The file of a Unix socket outlives a server that was killed: one that nobody
 * listens on is in the way. */
static bool clear_way(const struct address *a)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return false;
    bool is_dead = connect(fd, &a->to.any, a->n) != 0 && errno == ECONNREFUSED;
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

/* ---- Sharing out ---- */

static void give(struct nst_http_loop *l, int fd)
{
    l->listener[l->listeners++] = fd;
}

/* One socket for all loops; takes fd over. */
static enum nst_err share(struct nst_http *h, int fd)
{
    for (unsigned i = 1; i < h->options.loops; i++) {
        int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
        if (copy < 0) {
            close_keeping_errno(fd);
            return failure(h->options.listen);
        }
        give(&h->loop[i], copy);
    }
    give(&h->loop[0], fd);
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
        give(&h->loop[i], fd);
        /* The first one of port 0 has found the port for all. */
        if (getsockname(fd, &a->to.any, &a->n) != 0)
            return failure(h->options.listen);
    }
    h->port = ntohs(a->to.v4.sin_port);
    return NST_OK;
}

static enum nst_err listen_on_file(struct nst_http *h, const struct address *a)
{
    int fd = clear_way(a) ? open_socket(a, false) : -1;
    return fd < 0 ? failure(h->options.listen) : share(h, fd);
}

/* ---- systemd ---- */

static int64_t number_of(const char *variable)
{
    const char *text = getenv(variable);
    int64_t n;
    return text != NULL && nst_str_int(&n, nst_str_z(text)) ? n : 0;
}

/* How many sockets systemd has opened for this process. */
static unsigned passed(void)
{
    int64_t n = number_of("LISTEN_FDS");
    if (n <= 0 || number_of("LISTEN_PID") != getpid())
        return 0;
    return n < HTTP_LISTENERS_MAX ? (unsigned)n : HTTP_LISTENERS_MAX;
}

static enum nst_err listen_passed(struct nst_http *h, unsigned count)
{
    struct address a;
    for (unsigned i = 0; i < count; i++) {
        int fd = FIRST_PASSED + (int)i;
        a.n = sizeof(a.to);
        if (fcntl(fd, F_SETFL, O_NONBLOCK) != 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) != 0 ||
            getsockname(fd, &a.to.any, &a.n) != 0)
            return failure(NST_STR("LISTEN_FDS"));
        if (a.to.any.sa_family != AF_UNIX) {
            (void)set_flag(fd, IPPROTO_TCP, TCP_NODELAY);
            h->port = ntohs(a.to.v4.sin_port);
        }
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
    NST_TRY(listen_on_file(h, &a));
    h->has_file = true;
    return NST_OK;
}

void nst_http_unlisten(const struct nst_http *h)
{
    struct address a;
    if (h->has_file && parse_address(&a, h->options.listen))
        unlink(a.to.un.sun_path);
}
