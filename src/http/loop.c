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

#define ARENA_FIRST  ((size_t)16 << 10)
#define POOL_MAX     64
#define BODY_RESERVE ((size_t)64 << 10) /* taken before the first byte came */
#define MILLISECOND  (NST_SECOND / 1000)

/* What a connection's buffer holds beside the headers: libmicrohttpd's entries
 * for the fields (56 bytes each) and later the headers of the answer. With more
 * or longer fields than fit it answers 431 by itself, before our limits do. */
#define BUFFER_EXTRA ((size_t)2048)

/* A request id costs no system call: a counter, mixed so that ids of one loop
 * do not look like a sequence (the finaliser of SplitMix64). */
static void make_id(struct exchange *x)
{
    static const char digit[] = "0123456789abcdef";
    uint64_t z = x->pub.loop->id_next += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    z ^= z >> 31;
    for (int i = 0; i < 16; i++, z >>= 4)
        x->id[i] = digit[z & 15];
    x->pub.id = (struct nst_str){ x->id, 16 };
}

static struct exchange *exchange_new(const struct nst_http_loop *l)
{
    size_t fields = l->server->options.header_fields;
    struct exchange *x = malloc(sizeof(*x) + fields * sizeof(x->in[0]));
    if (x == NULL)
        abort();
    x->pub.arena = nst_arena_new(ARENA_FIRST);
    return x;
}

struct exchange *http_exchange_take(struct conn *c)
{
    struct nst_http_loop *l = c->loop;
    struct exchange *x = l->pool;
    if (x != NULL) {
        l->pool = x->next;
        l->pooled--;
    } else {
        x = exchange_new(l);
    }
    struct nst_arena *arena = x->pub.arena;
    memset(x, 0, sizeof(*x));
    x->conn = c;
    x->pub.arena = arena;
    x->pub.loop = l;
    x->pub.started = nst_ticks();
    x->pub.peer = nst_str_z(c->peer);
    nst_buf_init(&x->pub.out, arena, NST_HTTP_ANSWER_MAX);
    make_id(x);
    l->busy++;
    return x;
}

static void exchange_free(struct exchange *x)
{
    nst_arena_free(x->pub.arena);
    free(x);
}

void http_exchange_release(struct exchange *x)
{
    struct nst_http_loop *l = x->pub.loop;
    l->busy--;
    if (l->pooled == POOL_MAX) {
        exchange_free(x);
        return;
    }
    nst_arena_reset(x->pub.arena);
    x->next = l->pool;
    l->pool = x;
    l->pooled++;
}

static struct conn *conn_of(struct MHD_Connection *mhd)
{
    return MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

static void enter(struct conn *c, enum conn_state state)
{
    c->state = state;
    c->since = c->loop->now;
}

/* Called with the request line. libmicrohttpd would take the query apart, in
 * place and into its buffer; we want it whole, hence show it an empty one until
 * the guard puts the first byte back. */
static void *hide_query(void *arg, const char *uri, struct MHD_Connection *mhd)
{
    struct conn *c = conn_of(mhd);
    (void)arg;
    if (c->state == CONN_IDLE)
        enter(c, CONN_READING);
    const char *mark = strchr(uri, '?');
    c->query = NULL;
    if (mark != NULL) {
        c->query = (char *)(uintptr_t)mark + 1;
        c->query_first = *c->query;
        *c->query = '\0';
    }
    return NULL;
}

/* The path is handed over as it was sent. */
static size_t keep_escapes(void *arg, struct MHD_Connection *mhd, char *text)
{
    (void)arg;
    (void)mhd;
    return strlen(text);
}

static enum MHD_Result fail_now(struct exchange *x, enum nst_err err, const char *detail)
{
    http_fail(x, err, detail);
    return http_reply(x);
}

/* A body that is too long by its own statement. Who waits for leave to send it,
 * or would send more than we care to throw away, gets the answer at once. */
static enum MHD_Result refuse_length(struct exchange *x)
{
    struct nst_str expect = nst_http_request_header(&x->pub, "Expect");
    if (nst_str_eq_nocase(expect, NST_STR("100-continue")) || x->content_length > HTTP_DISCARD_MAX)
        return fail_now(x, NST_E_TOO_LARGE, NULL);
    x->failed = NST_E_TOO_LARGE;
    return MHD_YES;
}

/* The headers are complete. An answer queued here closes the connection, hence
 * only errors are; all else is answered when the body, even an empty one, is in. */
static enum MHD_Result begin(struct exchange *x, const char *url, const char *method,
                             const char *version)
{
    const char *detail = NULL;
    enum nst_err err = http_guard(x, &detail, url, method, version);
    if (err != NST_OK)
        return fail_now(x, err, detail);
    x->body_limit = x->pub.loop->server->app->body_limit(&x->pub);
    nst_buf_init(&x->body, x->pub.arena, x->body_limit);
    if (x->content_length > x->body_limit)
        return refuse_length(x);
    if (x->content_length > 0) {
        size_t n = (size_t)x->content_length;
        (void)nst_buf_reserve(&x->body, n < BODY_RESERVE ? n : BODY_RESERVE);
    }
    return MHD_YES;
}

static enum MHD_Result take_body(struct exchange *x, const char *data, size_t *n)
{
    if (x->failed == NST_OK && *n > x->body_limit - x->body.n)
        x->failed = NST_E_TOO_LARGE;
    if (x->failed == NST_OK) {
        nst_put(&x->body, (struct nst_str){ data, *n });
    } else {
        x->discarded += *n;
        if (x->discarded > HTTP_DISCARD_MAX) {
            http_reply_late(x->conn, x->failed);
            return MHD_NO;
        }
    }
    *n = 0;
    return MHD_YES;
}

static enum MHD_Result finish(struct exchange *x)
{
    if (x->failed != NST_OK)
        return fail_now(x, x->failed, NULL);
    if (x->is_later)
        return x->is_done ? http_reply(x) : MHD_YES;
    x->pub.body = nst_buf_str(&x->body);
    x->conn->state = CONN_ANSWERING;
    if (x->pub.loop->server->app->handle(&x->pub) == NST_HTTP_ANSWERED)
        return http_reply(x);
    /* Another thread may have resumed it already: the list is read later, by
     * this thread, hence always after the suspension. */
    x->is_later = true;
    MHD_suspend_connection(x->mhd);
    return MHD_YES;
}

static enum MHD_Result handle(void *arg, struct MHD_Connection *mhd, const char *url,
                              const char *method, const char *version, const char *data, size_t *n,
                              void **context)
{
    struct exchange *x = *context;
    (void)arg;
    if (x == NULL) {
        struct conn *c = conn_of(mhd);
        if (c->state == CONN_CLOSING)
            return MHD_NO;
        x = http_exchange_take(c);
        x->mhd = mhd;
        c->x = x;
        *context = x;
        return begin(x, url, method, version);
    }
    if (x->conn->state == CONN_CLOSING)
        return MHD_NO;
    return *n > 0 ? take_body(x, data, n) : finish(x);
}

/* libmicrohttpd has answered, and closed, by itself. */
static void log_refusal(const struct conn *c, struct MHD_Connection *mhd)
{
    const union MHD_ConnectionInfo *i =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_HTTP_STATUS);
    if (i != NULL && c->loop->server->options.access_log)
        nst_log(NST_LOG_INFO, "request refused", NST_LOG_INT("status", i->http_status),
                NST_LOG_STR("peer", nst_str_z(c->peer)));
}

static void completed(void *arg, struct MHD_Connection *mhd, void **context,
                      enum MHD_RequestTerminationCode how)
{
    struct exchange *x = *context;
    struct conn *c = conn_of(mhd);
    (void)arg;
    if (x != NULL) {
        http_log(x, how);
        if (c->loop->server->app->finished != NULL)
            c->loop->server->app->finished(&x->pub);
        http_exchange_release(x);
    } else {
        log_refusal(c, mhd);
    }
    *context = NULL;
    c->x = NULL;
    c->query = NULL;
    c->is_counted = false;
    if (c->state != CONN_CLOSING)
        enter(c, CONN_IDLE);
}

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
    enter(c, CONN_IDLE);
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
    return http_peers_enter(l->server, address) ? MHD_YES : MHD_NO;
}

static void connection_changed(void *arg, struct MHD_Connection *mhd, void **context,
                               enum MHD_ConnectionNotificationCode what)
{
    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        *context = conn_open(arg, mhd);
    } else {
        http_peers_leave(((struct nst_http_loop *)arg)->server, address_of(mhd));
        conn_close(*context);
        *context = NULL;
    }
}

/* libmicrohttpd does not tell that the first byte of a request has come, only
 * that its first line has. The kernel counts bytes: what arrived since the last
 * sweep of an idle connection belongs to a request that trickles in. */
static bool has_begun(struct conn *c)
{
    struct tcp_info info = { 0 };
    socklen_t n = sizeof(info);
    if (getsockopt(c->fd, IPPROTO_TCP, TCP_INFO, &info, &n) != 0)
        return false;
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
            enter(c, CONN_READING);
        else if (c->state == CONN_READING && l->now - c->since >= limit)
            http_reply_late(c, NST_E_TIMEOUT);
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
            shutdown(c->fd, SHUT_RDWR);
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
        http_loop_wake(l);
}

void *nst_http_loop_state(const struct nst_exchange *x)
{
    return x->loop->state;
}

void http_loop_wake(struct nst_http_loop *l)
{
    uint64_t one = 1;
    (void)!write(l->wake, &one, sizeof(one));
}

static struct MHD_Daemon *daemon_start(struct nst_http_loop *l, const struct nst_http_options *o)
{
    /* Not STRICT_FOR_CLIENT: it refuses a missing Host and blanks in the target,
     * with libmicrohttpd's own garbled answer or none; the guard answers well. */
    return MHD_start_daemon(
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, may_connect, l, handle, l,
        MHD_OPTION_LISTEN_SOCKET, l->listener, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        o->header_bytes + BUFFER_EXTRA, MHD_OPTION_CONNECTION_LIMIT, o->connections,
        MHD_OPTION_CONNECTION_TIMEOUT, o->idle_seconds, MHD_OPTION_NOTIFY_COMPLETED, completed, l,
        MHD_OPTION_NOTIFY_CONNECTION, connection_changed, l, MHD_OPTION_URI_LOG_CALLBACK,
        hide_query, l, MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, l,
        MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, MHD_OPTION_END);
}

static bool watch(const struct nst_http_loop *l, int fd)
{
    struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };
    return epoll_ctl(l->poll, EPOLL_CTL_ADD, fd, &event) == 0;
}

enum nst_err http_loop_init(struct nst_http_loop *l, struct nst_http *h, int listener)
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

enum nst_err http_loop_start(struct nst_http_loop *l)
{
    int failure = pthread_create(&l->thread, NULL, run, l);
    if (failure == 0)
        return NST_OK;
    nst_log(NST_LOG_ERROR, "loop not started", NST_LOG_INT("errno", failure));
    return NST_E_INTERNAL;
}

/* libmicrohttpd owns the listener as long as its daemon lives. */
void http_loop_release(struct nst_http_loop *l)
{
    if (l->mhd != NULL)
        MHD_stop_daemon(l->mhd);
    else if (l->listener >= 0)
        close(l->listener);
    while (l->pool != NULL) {
        struct exchange *x = l->pool;
        l->pool = x->next;
        exchange_free(x);
    }
    if (l->compressor != NULL)
        libdeflate_free_compressor(l->compressor);
    if (l->poll >= 0)
        close(l->poll);
    if (l->wake >= 0)
        close(l->wake);
}
