/* One event loop: a thread, an epoll, the listeners, and the connections that it
 * accepted. A round takes what epoll reports, answers from other threads (told by an
 * eventfd, which is read before their list), and what has lasted too long; then the
 * application's tick ends. */
#include "internal.h"

#include <errno.h>
#include <libdeflate.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "nestor/base/log.h"
#include "nestor/base/random.h"
#include "nestor/base/time.h"

#define EVENTS   256
#define ACCEPTS  64               /* of a round and a listener */
#define PAUSE    NST_SECOND       /* of listening, when files have run out */
#define FAREWELL (NST_SECOND / 2) /* for last answers and late requests, on stop */
#define WAIT_MAX (3600 * NST_SECOND)

static bool watch(const struct nst_http_loop *l, void *what, int fd, uint32_t events)
{
    struct epoll_event event = { .events = events, .data.ptr = what };
    return epoll_ctl(l->poll, EPOLL_CTL_ADD, fd, &event) == 0 || errno == EEXIST;
}

/* A listener that loops share wakes only one of them. While there is no file left,
 * accept4 would fail at once, again and again: the loop does not listen then. */
static bool set_listening(struct nst_http_loop *l, bool is_on)
{
    for (unsigned i = 0; i < l->listeners; i++) {
        if (!is_on)
            epoll_ctl(l->poll, EPOLL_CTL_DEL, l->listener[i], NULL);
        else if (!watch(l, &l->listener[i], l->listener[i], EPOLLIN | EPOLLEXCLUSIVE))
            return set_listening(l, false);
    }
    l->accept_at = is_on ? 0 : l->now + PAUSE;
    return is_on;
}

static void accept_some(struct nst_http_loop *l, int listener)
{
    for (unsigned n = 0; n < ACCEPTS; n++) {
        struct sockaddr_storage a = { 0 };
        socklen_t size = sizeof(a);
        struct sockaddr *peer = (struct sockaddr *)&a;
        int fd = nst_http_calls.accept4(listener, peer, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0 && (errno == EINTR || errno == ECONNABORTED || errno == EPROTO))
            continue;
        if (fd < 0 && errno == EAGAIN)
            return;
        if (fd < 0) {
            nst_log(NST_LOG_WARN, "no more connections for a moment",
                    NST_LOG_STR("reason", nst_str_z(strerrordesc_np(errno))));
            (void)set_listening(l, false);
            return;
        }
        struct http_peer *counted = nst_http_peers_enter(l->server, peer);
        if (counted != NULL) {
            nst_count_own(&l->tally.accepted, 1);
            nst_http_conn_open(l, fd, peer, counted);
        } else {
            nst_count_own(&l->tally.turned_away, 1);
            close(fd);
        }
    }
}

/* Milliseconds until something is due, rounded up; the round is over. */
static int next_wait(struct nst_http_loop *l)
{
    int64_t now = nst_ticks();
    int64_t due = l->close_until != 0 ? l->close_until : l->drain_until;
    if (due == 0 || (l->accept_at != 0 && l->accept_at < due))
        due = l->accept_at;
    due = due != 0 ? due : l->now + WAIT_MAX;
    for (enum conn_state s = 0; s < CONN_STATES; s++) {
        int64_t patience = l->server->patience[s];
        const struct conn *oldest = TAILQ_FIRST(&l->conns[s]);
        if (patience > 0 && oldest != NULL && oldest->since + patience < due)
            due = oldest->since + patience;
    }
    int64_t wait = due - now;
    nst_histogram_count_own(&l->tally.round, &nst_http_round_buckets, now - l->now);
    return wait <= 0 ? 0 : (int)((wait + 999) / 1000);
}

static void take_event(struct nst_http_loop *l, const struct epoll_event *e)
{
    int *listener = e->data.ptr;
    if (e->data.ptr == &l->wake) {
        uint64_t count;
        (void)!read(l->wake, &count, sizeof(count));
    } else if (listener >= l->listener && listener < l->listener + l->listeners) {
        if (l->accept_at == 0)
            accept_some(l, *listener);
    } else {
        nst_http_conn_advance(e->data.ptr, e->events);
    }
}

static void wait_for_events(struct nst_http_loop *l)
{
    struct epoll_event event[EVENTS];
    int n = nst_http_calls.epoll_wait(l->poll, event, EVENTS, next_wait(l));
    l->now = nst_ticks();
    for (int i = 0; i < n; i++)
        take_event(l, &event[i]);
}

static void resume_all(struct nst_http_loop *l)
{
    struct exchange *x = atomic_exchange_explicit(&l->resumed, NULL, memory_order_acquire);
    while (x != NULL) {
        struct exchange *next = x->next;
        nst_http_conn_resume(x->conn);
        x = next;
    }
}

static void expire(struct nst_http_loop *l)
{
    for (enum conn_state s = 0; s < CONN_STATES; s++) {
        int64_t patience = l->server->patience[s];
        struct conn *c;
        while (patience > 0 && (c = TAILQ_FIRST(&l->conns[s])) != NULL &&
               l->now - c->since >= patience)
            nst_http_conn_expire(c);
    }
    if (l->accept_at != 0 && l->now >= l->accept_at && !l->is_draining)
        (void)set_listening(l, true);
}

static void free_gone(struct nst_http_loop *l)
{
    struct conn *c;
    while ((c = TAILQ_FIRST(&l->conns[CONN_GONE])) != NULL) {
        TAILQ_REMOVE(&l->conns[CONN_GONE], c, link);
        free(c);
    }
}

static void close_listeners(struct nst_http_loop *l)
{
    (void)set_listening(l, false); /* epoll would keep a socket that somebody else holds, too */
    while (l->listeners > 0)
        close(l->listener[--l->listeners]);
}

/* What waits to be accepted is still served, and so are the connections that there
 * are, until none has a request in flight. */
static void begin_drain(struct nst_http_loop *l)
{
    for (unsigned i = 0; i < l->listeners * HTTP_BACKLOG / ACCEPTS; i++)
        accept_some(l, l->listener[i % l->listeners]);
    close_listeners(l);
    l->accept_at = 0; /* never again: else a pause that is over would be waited for */
    l->is_draining = true;
    l->drain_until = l->now + l->server->options.drain_seconds * NST_SECOND;
}

/* Cut those in a state, or see what epoll had no time to tell of. Either may leave it. */
static void each(struct nst_http_loop *l, enum conn_state state, bool is_end)
{
    struct conn *next;
    for (struct conn *c = TAILQ_FIRST(&l->conns[state]); c != NULL; c = next) {
        next = TAILQ_NEXT(c, link);
        if (is_end)
            nst_http_conn_cut(c);
        else
            nst_http_conn_advance(c, EPOLLIN);
    }
}

static void cut_all(struct nst_http_loop *l)
{
    for (enum conn_state s = 0; s < CONN_GONE; s++)
        each(l, s, true);
}

/* Who has connected but not asked yet: the first request may be on its way. */
static bool has_newcomer(const struct nst_http_loop *l)
{
    const struct conn *c;
    TAILQ_FOREACH (c, &l->conns[CONN_WAITING], link)
        if (!c->has_asked)
            return true;
    return false;
}

/* True when the loop may end. Past the deadline the sockets are shut, yet an
 * exchange that another thread works on is waited for: its memory is in use. */
static bool is_drained(struct nst_http_loop *l)
{
    if (l->busy == 0)
        each(l, CONN_WAITING, false);
    if (l->busy == 0) {
        bool is_alone = TAILQ_EMPTY(&l->conns[CONN_CLOSING]) && !has_newcomer(l);
        l->close_until = l->close_until != 0 ? l->close_until : l->now + FAREWELL;
        return is_alone || l->now >= l->close_until;
    }
    l->close_until = 0; /* when one has come late, the farewell begins anew after it */
    bool is_late = l->now >= l->drain_until || atomic_load(&l->server->is_hurried);
    if (l->drain_until != 0 && is_late) {
        nst_log(NST_LOG_WARN, "stopping with requests in flight", NST_LOG_INT("count", l->busy));
        cut_all(l);
        l->drain_until = 0;
    }
    return l->busy == 0;
}

static void *run(void *arg)
{
    struct nst_http_loop *l = arg;
    const struct nst_http_app *app = l->server->app;
    l->now = nst_ticks();
    if (app->loop_start != NULL)
        l->state = app->loop_start(app->context);
    bool is_over;
    do {
        wait_for_events(l);
        resume_all(l);
        expire(l);
        if (!l->is_draining && atomic_load(&l->server->is_stopping))
            begin_drain(l);
        is_over = l->is_draining && is_drained(l);
        free_gone(l);
        if (app->tick_end != NULL)
            app->tick_end(l->state);
        atomic_store(&l->pulse, atomic_load(&l->server->pulse));
    } while (!is_over);
    cut_all(l);
    if (app->loop_stop != NULL)
        app->loop_stop(l->state);
    return NULL;
}

void nst_http_resume(struct nst_exchange *pub)
{
    struct exchange *x = (struct exchange *)pub;
    struct nst_http_loop *l = pub->loop;
    atomic_fetch_add(&l->resuming, 1);
    struct exchange *head = atomic_load_explicit(&l->resumed, memory_order_relaxed);
    do {
        x->next = head;
    } while (!atomic_compare_exchange_weak_explicit(&l->resumed, &head, x, memory_order_release,
                                                    memory_order_relaxed));
    /* x belongs to the loop now. Who found the list empty wakes it. */
    if (head == NULL)
        nst_http_loop_wake(l);
    atomic_fetch_sub(&l->resuming, 1); /* now the loop may be released */
}

void nst_http_loop_wake(struct nst_http_loop *l)
{
    uint64_t one = 1;
    (void)!write(l->wake, &one, sizeof(one));
}

static enum nst_err not_started(int reason)
{
    nst_log(NST_LOG_ERROR, "loop not started",
            NST_LOG_STR("reason", nst_str_z(strerrordesc_np(reason))));
    return NST_E_INTERNAL;
}

enum nst_err nst_http_loop_init(struct nst_http_loop *l, struct nst_http *h)
{
    l->server = h;
    for (enum conn_state s = 0; s < CONN_STATES; s++)
        TAILQ_INIT(&l->conns[s]);
    l->now = nst_ticks();
    nst_random(&l->id_next, sizeof(l->id_next));
    l->poll = epoll_create1(EPOLL_CLOEXEC);
    l->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (l->poll >= 0 && l->wake >= 0 && watch(l, &l->wake, l->wake, EPOLLIN) &&
        set_listening(l, true))
        return NST_OK;
    return not_started(errno);
}

enum nst_err nst_http_loop_start(struct nst_http_loop *l)
{
    int failure = pthread_create(&l->thread, NULL, run, l);
    return failure == 0 ? NST_OK : not_started(failure);
}

void nst_http_loop_release(struct nst_http_loop *l)
{
    free_gone(l);
    close_listeners(l);
    for (struct exchange *next, *x = l->pool; x != NULL; x = next) {
        next = x->next;
        nst_http_exchange_free(x);
    }
    libdeflate_free_compressor(l->compressor);
    close(l->poll);
    close(l->wake);
}
