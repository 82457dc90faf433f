/* A connection: what it does in each of its states, one step at a time. A step
 * reads or writes at most once; while it says so, the next one follows. Epoll is
 * level-triggered, so that nothing depends on a call having taken all there was. */
#include "internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#include "nestor/base/time.h"

#define BODY_RESERVE   ((size_t)64 << 10) /* taken before the first byte of a body came */
#define LINGER_SECONDS 2                  /* for a client to see that we have closed */
#define STEPS_MAX      64                 /* without a look at other connections */

struct nst_http_calls nst_http_calls = { read, writev, sendfile, accept4, epoll_wait };

/* ---- Opening and closing ---- */

static void unlink_conn(struct conn *c)
{
    struct conn_list *list = &c->loop->conns[c->state];
    if (c->newer != NULL)
        c->newer->older = c->older;
    else
        list->newest = c->older;
    if (c->older != NULL)
        c->older->newer = c->newer;
    else
        list->oldest = c->newer;
}

static void link_conn(struct conn *c)
{
    struct conn_list *list = &c->loop->conns[c->state];
    c->newer = NULL;
    c->older = list->newest;
    if (c->older != NULL)
        c->older->newer = c;
    else
        list->oldest = c;
    list->newest = c;
}

/* Each list stays in the order of `since`, so that the oldest expires first. */
void nst_http_conn_enter(struct conn *c, enum conn_state state)
{
    unlink_conn(c);
    c->state = state;
    c->since = c->loop->now;
    c->taken = 0;
    link_conn(c);
}

static void write_peer(struct conn *c, const struct sockaddr *a)
{
    if (a->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, a, sizeof(in));
        inet_ntop(AF_INET, &in.sin_addr, c->peer, sizeof(c->peer));
    } else if (a->sa_family == AF_INET6) {
        struct sockaddr_in6 in;
        memcpy(&in, a, sizeof(in));
        inet_ntop(AF_INET6, &in.sin6_addr, c->peer, sizeof(c->peer));
    } else {
        memcpy(c->peer, "unix", sizeof("unix"));
    }
}

void nst_http_conn_open(struct nst_http_loop *l, int fd, const struct sockaddr *peer,
                        struct http_peer *counted)
{
    struct conn *c = calloc(1, sizeof(*c));
    if (c == NULL)
        abort();
    c->loop = l;
    c->fd = fd;
    c->counted = counted;
    c->watched = EPOLLIN;
    c->since = l->now;
    write_peer(c, peer);
    link_conn(c);
    struct epoll_event event = { .events = EPOLLIN, .data.ptr = c };
    if (epoll_ctl(l->poll, EPOLL_CTL_ADD, fd, &event) != 0)
        nst_http_conn_close(c);
}

void nst_http_conn_close(struct conn *c)
{
    close(c->fd);
    nst_http_peers_leave(c->loop->server, c->counted);
    nst_http_conn_enter(c, CONN_GONE);
}

static void end_exchange(struct exchange *x, bool is_whole)
{
    const struct nst_http_app *app = x->pub.loop->server->app;
    if (x->pub.started != 0) {
        nst_http_log(x, is_whole);
        if (app->finished != NULL)
            app->finished(&x->pub);
    }
    if (x->file >= 0)
        close(x->file);
}

static void drop_exchange(struct conn *c)
{
    nst_http_exchange_release(c->x);
    c->x = NULL;
}

/* A reset, so that no client takes a part of an answer for the whole. */
static void reset(const struct conn *c)
{
    static const struct sockaddr nowhere = { .sa_family = AF_UNSPEC };
    if (connect(c->fd, &nowhere, sizeof(nowhere)) != 0)
        shutdown(c->fd, SHUT_RDWR);
}

void nst_http_conn_cut(struct conn *c)
{
    if (c->state == CONN_GONE || c->is_lost)
        return;
    if (c->x != NULL && c->x->has_begun)
        reset(c);
    if (c->state == CONN_WORKING) {
        c->is_lost = true;
        epoll_ctl(c->loop->poll, EPOLL_CTL_DEL, c->fd, NULL);
        shutdown(c->fd, SHUT_RDWR);
        return;
    }
    if (c->x != NULL) {
        end_exchange(c->x, false);
        drop_exchange(c);
    }
    nst_http_conn_close(c);
}

/* ---- Reading ---- */

static bool is_again(int error)
{
    return error == EAGAIN || error == EWOULDBLOCK;
}

/* Returns the bytes read; 0 when there are none now, or c is cut: there never will be. */
static size_t receive(struct conn *c, char *to, size_t room)
{
    ssize_t n;
    if (!c->may_read)
        return 0;
    c->may_read = false;
    do
        n = nst_http_calls.read(c->fd, to, room);
    while (n < 0 && errno == EINTR);
    if (n > 0) {
        c->taken += (size_t)n;
        return (size_t)n;
    }
    if (n == 0 || !is_again(errno))
        nst_http_conn_cut(c);
    return 0;
}

/* Move the request to the front of its bytes, where it has room to grow, and read
 * its head again: this happens once a request at most. */
static void move_to_front(struct exchange *x)
{
    memmove(x->bytes, x->bytes + x->from, x->to - x->from);
    x->to -= x->from;
    x->from = 0;
    nst_http_head_init(&x->head, x->head.limits, x->in);
}

static bool fill(struct conn *c)
{
    struct exchange *x = c->x;
    size_t size = x->head.limits->head_bytes + HTTP_BODY_ROOM;
    if (x->to == size)
        move_to_front(x);
    size_t n = receive(c, x->bytes + x->to, size - x->to);
    if (n > 0)
        x->to += n;
    return n > 0;
}

/* ---- Handing over ---- */

static bool answer(struct conn *c)
{
    nst_http_answer(c->x);
    nst_http_conn_enter(c, CONN_SENDING);
    return true;
}

static bool fail(struct conn *c, enum nst_err err, const char *detail)
{
    if (c->x->pub.started == 0)
        nst_http_exchange_begin(c->x);
    nst_http_fail(c->x, err, detail);
    c->x->pub.must_close = true;
    return answer(c);
}

static bool handle(struct conn *c)
{
    nst_http_conn_enter(c, CONN_WORKING);
    /* LATER: from here on the exchange may be another thread's. */
    if (c->loop->server->app->handle(&c->x->pub) == NST_HTTP_LATER)
        return false;
    return answer(c);
}

static bool begin_body(struct conn *c)
{
    struct exchange *x = c->x;
    size_t here = x->to - x->from, stated = (size_t)x->head.length;
    nst_http_conn_enter(c, CONN_BODY);
    nst_buf_init(&x->body, x->pub.arena, x->body_limit);
    nst_http_chunks_init(&x->chunks, x->head.limits);
    if (x->head.framing == NST_HTTP_LENGTH) {
        (void)nst_buf_reserve(&x->body, stated < BODY_RESERVE ? stated : BODY_RESERVE);
        nst_put(&x->body, (struct nst_str){ x->bytes + x->from, here });
        x->from = x->to;
    }
    if (x->head.expects_continue && here == 0)
        nst_http_push(x, NST_STR("HTTP/1.1 100 Continue\r\n\r\n"));
    return true;
}

/* The head is complete, and perhaps the body, too. */
static bool begin(struct conn *c)
{
    struct exchange *x = c->x;
    const struct nst_http_head *h = &x->head;
    size_t here = x->to - x->from - h->at;
    bool is_whole =
        h->framing == NST_HTTP_NO_BODY || (h->framing == NST_HTTP_LENGTH && h->length <= here);
    if (!is_whole && x->from > 0) {
        move_to_front(x);
        return true;
    }
    nst_http_exchange_begin(x);
    x->from += h->at;
    x->body_limit = c->loop->server->app->body_limit(&x->pub);
    if (h->length > x->body_limit)
        return fail(c, NST_E_TOO_LARGE, NULL);
    if (!is_whole)
        return begin_body(c);
    x->pub.body = (struct nst_str){ x->bytes + x->from, (size_t)h->length };
    x->from += x->pub.body.n;
    return handle(c);
}

/* ---- Steps: true when another may follow at once ---- */

static bool step_waiting(struct conn *c)
{
    c->x = nst_http_exchange_take(c);
    if (fill(c)) {
        nst_http_conn_enter(c, CONN_HEAD);
        return true;
    }
    if (c->x != NULL)
        drop_exchange(c);
    return false;
}

static bool step_head(struct conn *c)
{
    struct exchange *x = c->x;
    struct nst_str text = { x->bytes + x->from, x->to - x->from };
    switch (nst_http_read_head(&x->head, text)) {
    case NST_HTTP_MORE:
        return fill(c);
    case NST_HTTP_REFUSED:
        return fail(c, x->head.err, x->head.detail);
    case NST_HTTP_DONE:
        break;
    }
    return begin(c);
}

static bool take_length(struct conn *c)
{
    struct nst_buf *body = &c->x->body;
    size_t left = (size_t)c->x->head.length - body->n;
    (void)nst_buf_reserve(body, left < BODY_RESERVE ? left : BODY_RESERVE);
    size_t room = body->cap - body->n;
    size_t n = receive(c, body->p + body->n, room < left ? room : left);
    if (n == 0)
        return false;
    body->n += n;
    if (n < left)
        return true;
    c->x->pub.body = nst_buf_str(body);
    return handle(c);
}

static bool take_chunks(struct conn *c)
{
    struct exchange *x = c->x;
    struct nst_str data, in = { x->bytes + x->from, x->to - x->from };
    enum nst_http_read result;
    do {
        result = nst_http_read_chunks(&x->chunks, &data, &in);
        size_t room = x->body_limit - x->body.n;
        if (data.n > room || x->chunks.left > room - data.n)
            return fail(c, NST_E_TOO_LARGE, NULL);
        nst_put(&x->body, data);
    } while (result == NST_HTTP_MORE && in.n > 0);
    x->from = x->to - in.n;
    if (result == NST_HTTP_REFUSED)
        return fail(c, NST_E_MALFORMED, x->chunks.detail);
    if (result == NST_HTTP_DONE) {
        x->pub.body = nst_buf_str(&x->body);
        return handle(c);
    }
    x->from = x->to = x->head.at; /* behind the head, which stays */
    return fill(c);
}

static void drop_sent(struct exchange *x, size_t n)
{
    struct iovec *part = &x->out[x->out_at];
    for (; x->out_at < x->out_count && n >= part->iov_len; part++, x->out_at++)
        n -= part->iov_len;
    if (x->out_at < x->out_count) {
        part->iov_base = (char *)part->iov_base + n;
        part->iov_len -= n;
    }
}

/* Send what is in out; true when all of it has left. */
static bool flush(struct conn *c)
{
    struct exchange *x = c->x;
    ssize_t n;
    if (x->out_at == x->out_count)
        return true;
    do
        n = nst_http_calls.writev(c->fd, &x->out[x->out_at], (int)(x->out_count - x->out_at));
    while (n < 0 && errno == EINTR);
    if (n < 0 && !is_again(errno)) {
        nst_http_conn_cut(c);
        return false;
    }
    if (n > 0) {
        drop_sent(x, (size_t)n);
        nst_http_conn_enter(c, c->state);
    }
    c->is_blocked = x->out_at < x->out_count; /* epoll tells when to go on */
    if (!c->is_blocked)
        x->out_at = x->out_count = 0;
    return !c->is_blocked;
}

static bool step_body(struct conn *c)
{
    if (c->x->out_count > 0 && !c->is_blocked)
        (void)flush(c); /* the 100 Continue; the body may come meanwhile */
    if (c->state != CONN_BODY)
        return false;
    return c->x->head.framing == NST_HTTP_LENGTH ? take_length(c) : take_chunks(c);
}

/* The answer has left; the next request may be here already. */
static bool finish(struct conn *c)
{
    struct exchange *x = c->x;
    bool keeps_alive = x->keeps_alive && !c->loop->is_draining, has_more = x->from < x->to;
    end_exchange(x, true);
    if (keeps_alive && has_more) {
        nst_http_exchange_renew(x);
        nst_http_conn_enter(c, CONN_HEAD);
        return true;
    }
    drop_exchange(c);
    if (!keeps_alive)
        shutdown(c->fd, SHUT_WR);
    nst_http_conn_enter(c, keeps_alive ? CONN_WAITING : CONN_CLOSING);
    return false;
}

static bool take_piece(struct conn *c)
{
    nst_http_put_piece(c->x);
    nst_http_conn_enter(c, CONN_SENDING);
    return true;
}

static bool send_file(struct conn *c)
{
    ssize_t n = nst_http_send_file(c->x);
    c->is_blocked = n == 0;
    if (n < 0)
        nst_http_conn_cut(c);
    else if (n > 0)
        nst_http_conn_enter(c, CONN_SENDING);
    return n > 0;
}

static bool step_sending(struct conn *c)
{
    struct exchange *x = c->x;
    if (x->pub.is_broken) {
        nst_http_conn_cut(c);
        return false;
    }
    if (!flush(c))
        return false;
    if (x->file_left > 0)
        return send_file(c);
    if (x->pub.more == NULL)
        return finish(c);
    nst_http_conn_enter(c, CONN_WORKING);
    return x->pub.more(&x->pub) == NST_HTTP_ANSWERED && take_piece(c);
}

static bool step_closing(struct conn *c)
{
    c->discarded += receive(c, c->loop->scratch, sizeof(c->loop->scratch));
    if (c->state == CONN_CLOSING && c->discarded > HTTP_DISCARD_MAX)
        nst_http_conn_close(c);
    return false;
}

static bool step_nothing(struct conn *c)
{
    (void)c;
    return false;
}

static bool (*const step[CONN_STATES])(struct conn *) = {
    [CONN_WAITING] = step_waiting, [CONN_HEAD] = step_head,       [CONN_BODY] = step_body,
    [CONN_WORKING] = step_nothing, [CONN_SENDING] = step_sending, [CONN_CLOSING] = step_closing,
    [CONN_GONE] = step_nothing,
};

/* ---- Going on ---- */

static uint32_t wanted(const struct conn *c)
{
    uint32_t out = c->is_blocked ? EPOLLOUT : 0;
    if (c->state == CONN_WORKING)
        return 0;
    return c->state == CONN_SENDING ? out : EPOLLIN | out;
}

/* What is not wanted goes on being watched until it happens: a client that waits for
 * its answer sends nothing, so that most requests cost no call here. */
static void watch(struct conn *c, uint32_t events)
{
    uint32_t want = wanted(c);
    if (c->state == CONN_GONE || c->is_lost ||
        ((want & ~c->watched) == 0 && (events & c->watched & ~want) == 0))
        return;
    struct epoll_event event = { .events = want, .data.ptr = c };
    c->watched = want;
    if (epoll_ctl(c->loop->poll, EPOLL_CTL_MOD, c->fd, &event) != 0)
        nst_http_conn_cut(c);
}

void nst_http_conn_advance(struct conn *c, uint32_t events)
{
    bool is_over = (events & (EPOLLHUP | EPOLLERR)) != 0;
    c->may_read = c->may_read || is_over || (events & EPOLLIN) != 0;
    c->is_blocked = c->is_blocked && !is_over && (events & EPOLLOUT) == 0;
    if (is_over && c->state == CONN_WORKING)
        nst_http_conn_cut(c);
    unsigned steps = 0;
    while (steps < STEPS_MAX && !(c->is_blocked && c->state == CONN_SENDING) && step[c->state](c))
        steps++;
    if (steps == STEPS_MAX) /* others have their turn; this one goes on by the next event */
        c->is_blocked = true;
    watch(c, events);
}

void nst_http_conn_resume(struct conn *c)
{
    if (c->is_lost) {
        c->is_lost = false;
        nst_http_conn_enter(c, CONN_SENDING);
        nst_http_conn_cut(c);
        return;
    }
    if (c->x->has_begun)
        (void)take_piece(c);
    else
        (void)answer(c);
    nst_http_conn_advance(c, 0);
}

/* ---- Deadlines ---- */

int64_t nst_http_conn_patience(const struct nst_http_loop *l, enum conn_state state)
{
    const struct nst_http_options *o = &l->server->options;
    switch (state) {
    case CONN_WAITING:
    case CONN_SENDING:
        return o->idle_seconds * NST_SECOND;
    case CONN_HEAD:
    case CONN_BODY:
        return o->request_seconds * NST_SECOND;
    case CONN_CLOSING:
        return LINGER_SECONDS * NST_SECOND;
    default:
        return 0;
    }
}

void nst_http_conn_expire(struct conn *c)
{
    size_t seconds = (size_t)(nst_http_conn_patience(c->loop, c->state) / NST_SECOND);
    bool keeps_rate = c->taken >= seconds * NST_HTTP_BODY_RATE;
    if (keeps_rate && (c->state == CONN_BODY || c->state == CONN_CLOSING)) {
        nst_http_conn_enter(c, c->state);
    } else if (c->state == CONN_HEAD || c->state == CONN_BODY) {
        (void)fail(c, NST_E_TIMEOUT, NULL);
        nst_http_conn_advance(c, 0);
    } else {
        nst_http_conn_cut(c);
    }
}
