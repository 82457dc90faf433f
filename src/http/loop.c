/* One event loop: a thread, a libmicrohttpd daemon in external epoll mode, and
 * an outer epoll over the daemon's and an eventfd for answers that come from
 * other threads. The eventfd is read after epoll_wait and before MHD_run: read
 * anywhere else, wake-ups get lost. Deadlines of requests are ours, because
 * libmicrohttpd's only timeout starts again with every byte. */
#include "internal.h"

#include <assert.h>
#include <errno.h>
#include <libdeflate.h>
#include <linux/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "nestor/base/log.h"
#include "nestor/base/random.h"
#include "nestor/base/time.h"

#define MILLISECOND (NST_SECOND / 1000)

/* What a connection's buffer holds beside the headers: libmicrohttpd's entries
 * for fields and cookies (56 bytes each) and later the headers of the answer. It
 * also copies a Cookie field. With more than fit it answers 431 by itself, before
 * our limits do; room for any Cookie would nearly double an idle connection. */
#define BUFFER_EXTRA ((size_t)2048)

static void write_peer(struct conn *c, const struct sockaddr *a)
{
    c->peer[0] = '\0';
    if (a->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, a, sizeof(in));
        inet_ntop(AF_INET, &in.sin_addr, c->peer, sizeof(c->peer));
    } else if (a->sa_family == AF_INET6) {
        struct sockaddr_in6 in;
        memcpy(&in, a, sizeof(in));
        inet_ntop(AF_INET6, &in.sin6_addr, c->peer, sizeof(c->peer));
    }
}

static const struct sockaddr *address_of(struct MHD_Connection *mhd)
{
    return MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr;
}

static void *conn_open(struct nst_http_loop *l, struct MHD_Connection *mhd)
{
    struct conn *c = calloc(1, sizeof(*c));
    if (c == NULL)
        abort();
    c->loop = l;
    c->is_counted = true;
    c->fd = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    write_peer(c, address_of(mhd));
    nst_http_conn_enter(c, CONN_IDLE);
    c->older = l->newest;
    if (c->older != NULL)
        c->older->newer = c;
    l->newest = c;
    return c;
}

static void conn_close(struct conn *c)
{
    if (c->newer != NULL)
        c->newer->older = c->older;
    else
        c->loop->newest = c->older;
    if (c->older != NULL)
        c->older->newer = c->newer;
    free(c);
}

static enum MHD_Result may_connect(void *arg, const struct sockaddr *address, socklen_t n)
{
    const struct nst_http_loop *l = arg;
    (void)n;
    return nst_http_peers_enter(l->server, address) ? MHD_YES : MHD_NO;
}

static void connection_changed(void *arg, struct MHD_Connection *mhd, void **context,
                               enum MHD_ConnectionNotificationCode what)
{
    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        *context = conn_open(arg, mhd);
    } else {
        nst_http_peers_leave(((struct nst_http_loop *)arg)->server, address_of(mhd));
        conn_close(*context);
        *context = NULL;
    }
}

/* TCP_CLOSE_WAIT of <netinet/tcp.h>, which cannot stand beside <linux/tcp.h>. */
#define STATE_CLOSE_WAIT 8

/* libmicrohttpd does not tell that the first byte of a request has come, only
 * that its first line has. The kernel counts bytes: what arrived since the last
 * sweep of an idle connection belongs to a request that trickles in. */
static bool has_begun(struct conn *c)
{
    struct tcp_info info = { 0 };
    socklen_t n = sizeof(info);
    if (getsockopt(c->fd, IPPROTO_TCP, TCP_INFO, &info, &n) != 0)
        return false;
    if (info.tcpi_state == STATE_CLOSE_WAIT) {
        /* A FIN that came with the request is no event of its own any more. */
        shutdown(c->fd, SHUT_RDWR);
        return false;
    }
    bool has_more = c->is_counted && info.tcpi_bytes_received > c->received;
    c->received = info.tcpi_bytes_received;
    c->is_counted = true;
    return has_more;
}

/* An eighth of the deadline is as exact as anybody needs; a second keeps the
 * cost of many idle connections low. */
static int64_t sweep_interval(const struct nst_http_loop *l)
{
    int64_t interval = l->server->options.request_seconds * NST_SECOND / 8;
    return interval < NST_SECOND ? interval : NST_SECOND;
}

static void sweep(struct nst_http_loop *l)
{
    int64_t limit = l->server->options.request_seconds * NST_SECOND;
    for (struct conn *c = l->newest; c != NULL; c = c->older) {
        if (c->state == CONN_IDLE && has_begun(c))
            nst_http_conn_enter(c, CONN_READING);
        else if (c->state == CONN_READING && l->now - c->since >= limit)
            nst_http_reply_late(c, NST_E_TIMEOUT);
    }
    l->sweep_at = l->now + sweep_interval(l);
}

static void begin_drain(struct nst_http_loop *l)
{
    l->is_draining = true;
    l->drain_until = l->now + l->server->options.drain_seconds * NST_SECOND;
    l->listener = MHD_quiesce_daemon(l->mhd);
    if (l->listener >= 0)
        close(l->listener);
    l->listener = -1;
}

static void shut_all(struct nst_http_loop *l)
{
    for (struct conn *c = l->newest; c != NULL; c = c->older) {
        if (c->state != CONN_CLOSING)
            nst_http_cut(c);
        c->state = CONN_CLOSING;
    }
}

static bool is_in_flight(const struct nst_http_loop *l)
{
    if (l->busy > 0)
        return true;
    for (const struct conn *c = l->newest; c != NULL; c = c->older) {
        if (c->state == CONN_READING)
            return true;
    }
    return false;
}

/* True when the loop may end. Past the deadline the sockets are shut, yet an
 * exchange that another thread works on is waited for: its memory is in use. */
static bool is_drained(struct nst_http_loop *l)
{
    if (!is_in_flight(l))
        return true;
    if (l->now >= l->drain_until && l->drain_until != 0) {
        nst_log(NST_LOG_WARN, "stopping with requests in flight", NST_LOG_INT("count", l->busy));
        shut_all(l);
        l->drain_until = 0;
    }
    return false;
}

static void earlier(int64_t *wait, int64_t until)
{
    int64_t left = until > 0 ? until : 0;
    if (*wait < 0 || left < *wait)
        *wait = left;
}

/* Milliseconds until something is due, rounded up; -1 when nothing is. */
static int next_wait(struct nst_http_loop *l)
{
    int64_t wait = -1;
    unsigned long long idle;
    if (MHD_get_timeout(l->mhd, &idle) == MHD_YES)
        wait = idle < 3600000 ? (int64_t)idle * MILLISECOND : 3600 * NST_SECOND;
    if (wait == 0)
        return 0;
    if (l->newest != NULL)
        earlier(&wait, l->sweep_at - l->now);
    if (l->is_draining && l->drain_until != 0)
        earlier(&wait, l->drain_until - l->now);
    return wait < 0 ? -1 : (int)((wait + MILLISECOND - 1) / MILLISECOND);
}

static void resume_all(struct nst_http_loop *l)
{
    struct exchange *x = atomic_exchange_explicit(&l->resumed, NULL, memory_order_acquire);
    while (x != NULL) {
        struct exchange *next = x->next;
        x->is_done = true;
        MHD_resume_connection(x->mhd);
        x = next;
    }
}

static void wait_for_events(struct nst_http_loop *l)
{
    struct epoll_event event[2];
    int n = epoll_wait(l->poll, event, 2, next_wait(l));
    for (int i = 0; i < n; i++) {
        uint64_t count;
        if (event[i].data.fd == l->wake)
            (void)!read(l->wake, &count, sizeof(count));
    }
    l->now = nst_ticks();
}

static void *run(void *arg)
{
    struct nst_http_loop *l = arg;
    const struct nst_http_app *app = l->server->app;
    if (app->loop_start != NULL)
        l->state = app->loop_start(app->context);
    do {
        wait_for_events(l);
        if (!l->is_draining && atomic_load(&l->server->is_stopping))
            begin_drain(l);
        resume_all(l);
        MHD_run(l->mhd);
        if (app->tick_end != NULL)
            app->tick_end(l->state);
        if (l->now >= l->sweep_at)
            sweep(l);
    } while (!l->is_draining || !is_drained(l));
    MHD_stop_daemon(l->mhd);
    l->mhd = NULL;
    if (app->loop_stop != NULL)
        app->loop_stop(l->state);
    return NULL;
}

void nst_http_resume(struct nst_exchange *pub)
{
    struct exchange *x = (struct exchange *)pub;
    struct nst_http_loop *l = pub->loop;
    struct exchange *head = atomic_load_explicit(&l->resumed, memory_order_relaxed);
    do {
        x->next = head;
    } while (!atomic_compare_exchange_weak_explicit(&l->resumed, &head, x, memory_order_release,
                                                    memory_order_relaxed));
    /* x belongs to the loop now. Who found the list empty wakes it. */
    if (head == NULL)
        nst_http_loop_wake(l);
}

void *nst_http_loop_state(const struct nst_exchange *x)
{
    return x->loop->state;
}

void nst_http_loop_wake(struct nst_http_loop *l)
{
    uint64_t one = 1;
    (void)!write(l->wake, &one, sizeof(one));
}

static struct MHD_Daemon *daemon_start(struct nst_http_loop *l, const struct nst_http_options *o)
{
    /* Not STRICT_FOR_CLIENT: it refuses a missing Host and blanks in the target,
     * with libmicrohttpd's own garbled answer or none; the guard answers well. */
    return MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, may_connect, l,
                            nst_http_handle, l, MHD_OPTION_LISTEN_SOCKET, l->listener,
                            MHD_OPTION_CONNECTION_MEMORY_LIMIT, o->header_bytes + BUFFER_EXTRA,
                            MHD_OPTION_CONNECTION_LIMIT, o->connections,
                            MHD_OPTION_CONNECTION_TIMEOUT, o->idle_seconds,
                            MHD_OPTION_NOTIFY_COMPLETED, nst_http_completed, l,
                            MHD_OPTION_NOTIFY_CONNECTION, connection_changed, l,
                            MHD_OPTION_URI_LOG_CALLBACK, nst_http_hide_query, l,
                            MHD_OPTION_UNESCAPE_CALLBACK, nst_http_keep_escapes, l,
                            MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, MHD_OPTION_END);
}

static bool watch(const struct nst_http_loop *l, int fd)
{
    struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };
    return epoll_ctl(l->poll, EPOLL_CTL_ADD, fd, &event) == 0;
}

enum nst_err nst_http_loop_init(struct nst_http_loop *l, struct nst_http *h, int listener)
{
    l->server = h;
    l->listener = listener;
    l->now = nst_ticks();
    nst_random(&l->id_next, sizeof(l->id_next));
    l->poll = epoll_create1(EPOLL_CLOEXEC);
    l->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    l->mhd = daemon_start(l, &h->options);
    if (l->poll < 0 || l->wake < 0 || l->mhd == NULL) {
        nst_log(NST_LOG_ERROR, "loop not started", NST_LOG_INT("errno", errno));
        return NST_E_INTERNAL;
    }
    int inner = MHD_get_daemon_info(l->mhd, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
    return watch(l, inner) && watch(l, l->wake) ? NST_OK : NST_E_INTERNAL;
}

enum nst_err nst_http_loop_start(struct nst_http_loop *l)
{
    int failure = pthread_create(&l->thread, NULL, run, l);
    if (failure == 0)
        return NST_OK;
    nst_log(NST_LOG_ERROR, "loop not started", NST_LOG_INT("errno", failure));
    return NST_E_INTERNAL;
}

/* libmicrohttpd owns the listener as long as its daemon lives. */
void nst_http_loop_release(struct nst_http_loop *l)
{
    if (l->mhd != NULL)
        MHD_stop_daemon(l->mhd);
    else if (l->listener >= 0)
        close(l->listener);
    while (l->pool != NULL) {
        struct exchange *x = l->pool;
        l->pool = x->next;
        nst_http_exchange_free(x);
    }
    if (l->compressor != NULL)
        libdeflate_free_compressor(l->compressor);
    if (l->poll >= 0)
        close(l->poll);
    if (l->wake >= 0)
        close(l->wake);
}
