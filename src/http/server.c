/* The server: options, listening sockets, and the life of its loops. */
#include "internal.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "nestor/base/log.h"

#define LOOPS_MAX   256
#define BACKLOG     1024
#define ADDRESS_MAX 64
#define FILES_EXTRA 256

struct address {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } to;
    socklen_t n;
};

static unsigned processors(void)
{
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n < 1 ? 1 : (unsigned)n;
}

static unsigned number_or(unsigned n, unsigned otherwise)
{
    return n != 0 ? n : otherwise;
}

static size_t size_or(size_t n, size_t otherwise)
{
    return n != 0 ? n : otherwise;
}

static struct nst_http_options with_defaults(struct nst_http_options o)
{
    o.loops = number_or(o.loops, processors());
    o.connections = number_or(o.connections, 10000);
    o.header_fields = number_or(o.header_fields, 100);
    o.idle_seconds = number_or(o.idle_seconds, 60);
    o.request_seconds = number_or(o.request_seconds, 30);
    o.drain_seconds = number_or(o.drain_seconds, 10);
    o.header_bytes = size_or(o.header_bytes, 8192);
    o.target_bytes = size_or(o.target_bytes, 4096);
    o.gzip_from = size_or(o.gzip_from, 1024);
    if (o.loops > LOOPS_MAX)
        o.loops = LOOPS_MAX;
    return o;
}

static bool parse_port(uint16_t *port, struct nst_str text)
{
    int64_t n;
    if (text.n == 0 || text.p[0] < '0' || text.p[0] > '9' || !nst_str_int(&n, text) || n > 65535)
        return false;
    *port = htons((uint16_t)n);
    return true;
}

/* "1.2.3.4:80" or "[::1]:80". */
static bool parse_address(struct address *a, struct nst_str s)
{
    char host[ADDRESS_MAX];
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
    host[name.n] = '\0';
    memset(a, 0, sizeof(*a));
    if (is_v6) {
        a->to.v6.sin6_family = AF_INET6;
        a->to.v6.sin6_port = port;
        a->n = sizeof(a->to.v6);
        return inet_pton(AF_INET6, host, &a->to.v6.sin6_addr) == 1;
    }
    a->to.v4.sin_family = AF_INET;
    a->to.v4.sin_port = port;
    a->n = sizeof(a->to.v4);
    return inet_pton(AF_INET, host, &a->to.v4.sin_addr) == 1;
}

static bool set_flag(int fd, int level, int flag)
{
    int on = 1;
    return setsockopt(fd, level, flag, &on, sizeof(on)) == 0;
}

/* A bound socket, or -1 with errno set. */
static int bind_socket(const struct address *a, bool is_shared)
{
    int fd = socket(a->to.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    bool is_ready = set_flag(fd, SOL_SOCKET, SO_REUSEADDR) &&
                    (!is_shared || set_flag(fd, SOL_SOCKET, SO_REUSEPORT)) &&
                    (a->to.any.sa_family == AF_INET || set_flag(fd, IPPROTO_IPV6, IPV6_V6ONLY)) &&
                    bind(fd, &a->to.any, a->n) == 0;
    if (is_ready)
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
    int fd = bind_socket(a, false);
    if (fd < 0)
        return false;
    bool is_listening = listen(fd, 1) == 0;
    int saved = errno;
    close(fd);
    errno = saved;
    return is_listening;
}

/* Bind one more listener to a; the first of port 0 writes the port back. */
static int open_listener(struct address *a)
{
    int fd = bind_socket(a, true);
    if (fd < 0)
        return -1;
    if (listen(fd, BACKLOG) != 0 || getsockname(fd, &a->to.any, &a->n) != 0) {
        int saved = errno;
        close(fd);
        errno = saved;
        return -1;
    }
    return fd;
}

static enum nst_err bind_failure(struct nst_str listen_to)
{
    int reason = errno;
    nst_log(NST_LOG_ERROR, "cannot listen", NST_LOG_STR("address", listen_to),
            NST_LOG_STR("reason", nst_str_z(strerrordesc_np(reason))));
    return reason == EADDRINUSE ? NST_E_BUSY : NST_E_INTERNAL;
}

static enum nst_err init_loops(struct nst_http *h, struct address *a)
{
    if (a->to.v4.sin_port != 0 && !is_free(a))
        return bind_failure(h->options.listen);
    for (unsigned i = 0; i < h->options.loops; i++) {
        int listener = open_listener(a);
        if (listener < 0)
            return bind_failure(h->options.listen);
        enum nst_err err = nst_http_loop_init(&h->loop[i], h, listener);
        if (err != NST_OK)
            return err;
    }
    h->port = ntohs(a->to.v4.sin_port); /* at the same place in both families */
    return NST_OK;
}

static enum nst_err start_loops(struct nst_http *h)
{
    while (h->started < h->options.loops) {
        enum nst_err err = nst_http_loop_start(&h->loop[h->started]);
        if (err != NST_OK)
            return err;
        h->started++;
    }
    return NST_OK;
}

/* A connection is a file; the usual soft limit of 1024 is for programs that use
 * select. What the store and the log need comes on top. */
static void raise_file_limit(unsigned connections)
{
    struct rlimit limit;
    rlim_t wanted = (rlim_t)connections + FILES_EXTRA;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted)
        return;
    limit.rlim_cur = wanted < limit.rlim_max ? wanted : limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur < wanted)
        nst_log(NST_LOG_WARN, "fewer files than connections may be open",
                NST_LOG_INT("files", (int64_t)limit.rlim_cur),
                NST_LOG_INT("connections", connections));
}

static struct nst_http *server_new(const struct nst_http_options *o, const struct nst_http_app *app)
{
    struct nst_http_options options = with_defaults(*o);
    struct nst_http *h = calloc(1, sizeof(*h) + options.loops * sizeof(h->loop[0]));
    if (h == NULL)
        abort();
    h->options = options;
    h->app = app;
    nst_http_peers_init(&h->peers);
    for (unsigned i = 0; i < options.loops; i++)
        h->loop[i].listener = h->loop[i].poll = h->loop[i].wake = -1;
    return h;
}

enum nst_err nst_http_start(struct nst_http **out, const struct nst_http_options *o,
                            const struct nst_http_app *app)
{
    struct address a;
    if (!parse_address(&a, o->listen)) {
        nst_log(NST_LOG_ERROR, "cannot parse the address to listen on",
                NST_LOG_STR("address", o->listen));
        return NST_E_INVALID;
    }
    signal(SIGPIPE, SIG_IGN);
    struct nst_http *h = server_new(o, app);
    raise_file_limit(h->options.connections);
    enum nst_err err = init_loops(h, &a);
    if (err == NST_OK)
        err = start_loops(h);
    if (err != NST_OK) {
        nst_http_stop(h);
        return err;
    }
    *out = h;
    return NST_OK;
}

unsigned nst_http_port(const struct nst_http *h)
{
    return h->port;
}

void nst_http_stop(struct nst_http *h)
{
    atomic_store(&h->is_stopping, true);
    for (unsigned i = 0; i < h->started; i++)
        nst_http_loop_wake(&h->loop[i]);
    for (unsigned i = 0; i < h->started; i++)
        pthread_join(h->loop[i].thread, NULL);
    for (unsigned i = 0; i < h->options.loops; i++)
        nst_http_loop_release(&h->loop[i]);
    nst_http_peers_release(&h->peers);
    free(h);
}
