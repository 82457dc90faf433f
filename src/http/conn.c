/* A connection: what it does in each of its states, one step at a time. A step
 * reads and writes at most once; while it says so, the next one follows. Epoll is
 * level-triggered, so that nothing depends on a call having taken all there was. */
#include "internal.h"

#include <errno.h>
#include <linux/sockios.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#include "nestor/base/file.h"
#include "nestor/base/log.h"
#include "nestor/base/time.h"

#define BODY_RESERVE ((size_t)64 << 10)  /* taken of the memory for a body at first */
#define BODY_GROWTH  8                   /* times as much is taken when that is full */
#define SPOOL_ROOM   ((size_t)256 << 10) /* for what is on its way into a file */
#define CONTINUE     "HTTP/1.1 100 Continue\r\n\r\n"
#define STEPS_MAX    64 /* without a look at other connections */

struct nst_http_calls nst_http_calls = { read, writev, sendfile, accept4, epoll_wait };

/* Each list stays in the order of `since`, so that the oldest expires first. */
void nst_http_conn_enter(struct conn *c, enum conn_state state)
{
    TAILQ_REMOVE(&c->loop->conns[c->state], c, link);
    TAILQ_INSERT_TAIL(&c->loop->conns[state], c, link);
    c->state = state;
    c->since = c->loop->now;
    c->taken = 0;
}

/* A socket for both families maps the addresses of the old one: they are written as elsewhere. */
static void name_peer(struct conn *c, const struct sockaddr *peer)
{
    const struct in6_addr *six = &((const struct sockaddr_in6 *)(const void *)peer)->sin6_addr;
    struct sockaddr_in four = { .sin_family = AF_INET };
    if (peer->sa_family == AF_UNIX)
        return;
    if (peer->sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(six)) {
        memcpy(&four.sin_addr, six->s6_addr + sizeof(*six) - sizeof(four.sin_addr),
               sizeof(four.sin_addr));
        peer = (const struct sockaddr *)&four;
    }
    (void)getnameinfo(peer, peer->sa_family == AF_INET ? sizeof(four) : sizeof(struct sockaddr_in6),
                      c->peer, sizeof(c->peer), NULL, 0, NI_NUMERICHOST);
}

void nst_http_conn_open(struct nst_http_loop *l, int fd, const struct sockaddr *peer,
                        struct http_peer *counted)
{
    struct conn *c = malloc(sizeof(*c));
    if (c == NULL)
        abort();
    *c = (struct conn){
        .loop = l, .fd = fd, .counted = counted, .watched = EPOLLIN, .since = l->now, .peer = "unix"
    };
    c->is_trusted = nst_http_trusts(l->server->trust, peer);
    name_peer(c, peer);
    TAILQ_INSERT_TAIL(&l->conns[CONN_WAITING], c, link);
    struct epoll_event event = { .events = EPOLLIN, .data.ptr = c };
    if (epoll_ctl(l->poll, EPOLL_CTL_ADD, fd, &event) != 0)
        nst_http_conn_cut(c);
}

static void end_exchange(struct exchange *x, bool is_whole)
{
    const struct nst_http_app *app = x->pub.loop->server->app;
    struct http_tally *tally = &x->pub.loop->tally;
    if (x->pub.started != 0) {
        nst_count_own(&tally->ended, 1);
        if (!is_whole)
            nst_count_own(&tally->cut, 1);
        nst_http_log(x, is_whole);
        if (app->finished != NULL)
            app->finished(&x->pub);
    }
    nst_http_drop_file(x);
}

void nst_http_conn_cut(struct conn *c)
{
    static const struct sockaddr nowhere = { .sa_family = AF_UNSPEC };
    if (c->state == CONN_GONE || c->is_lost)
        return;
    if (c->x != NULL && c->x->has_begun) /* a reset: no client takes a part for the whole */
        (void)connect(c->fd, &nowhere, sizeof(nowhere));
    if (c->state == CONN_WORKING) {
        c->is_lost = true;
        epoll_ctl(c->loop->poll, EPOLL_CTL_DEL, c->fd, NULL);
        shutdown(c->fd, SHUT_RDWR);
        return;
    }
    if (c->x != NULL) {
        end_exchange(c->x, false);
        nst_http_exchange_release(c->x);
    }
    close(c->fd);
    nst_count_own(&c->loop->tally.closed, 1);
    nst_http_peers_leave(c->loop->server, c->counted);
    nst_http_conn_enter(c, CONN_GONE);
}

/* The application has filled in the answer, or its next piece. */
static bool answer(struct conn *c)
{
    if (c->x->has_begun)
        nst_http_put_piece(c->x);
    else
        nst_http_answer(c->x);
    nst_http_conn_enter(c, CONN_SENDING);
    return true;
}

static bool fail(struct conn *c, enum nst_err err, const char *detail)
{
    if (c->x->pub.started == 0)
        nst_http_exchange_begin(c->x);
    nst_count_own(&c->loop->tally.refused[err], 1);
    nst_http_fail(c->x, err, detail);
    c->x->pub.must_close = true;
    return answer(c);
}

/* What is logged meanwhile is of this request, and what is left for LATER takes it along. */
static enum nst_http_next ask(struct exchange *x, nst_http_more *what)
{
    nst_log_for(x->pub.id);
    enum nst_http_next next = what(&x->pub);
    nst_log_for((struct nst_str){ NULL, 0 });
    return next;
}

static bool handle(struct conn *c)
{
    nst_http_conn_enter(c, CONN_WORKING);
    /* LATER: from here on the exchange may be another thread's. */
    if (ask(c->x, c->loop->server->app->handle) == NST_HTTP_LATER)
        return false;
    return answer(c);
}

/* Returns the bytes read; 0 when there are none now, or there never will be: then c is
 * cut, or its unfinished request refused. */
static size_t receive(struct conn *c, char *to, size_t room)
{
    if (!c->may_read)
        return 0;
    c->may_read = false;
    ssize_t n = nst_http_calls.read(c->fd, to, room);
    if (n == 0 && (c->state == CONN_HEAD || c->state == CONN_BODY))
        (void)fail(c, NST_E_MALFORMED, "The request ended before it was complete.");
    else if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
        nst_http_conn_cut(c);
    size_t taken = n > 0 ? (size_t)n : 0;
    c->taken += taken;
    nst_count_own(&c->loop->tally.bytes_in, taken);
    return taken;
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
    return n > 0 || c->state == CONN_SENDING;
}

/* What there is of the body goes into its file. False: it takes no more, and c has failed. */
static bool spool(struct conn *c, struct nst_str data)
{
    struct exchange *x = c->x;
    bool good = nst_write_all(x->pub.body_file, data);
    x->pub.body_file_size += good ? data.n : 0;
    if (!good)
        (void)fail(c, nst_err_of_write(errno), NULL);
    return good;
}

static void take_room(struct exchange *x, size_t most)
{
    size_t first = BODY_RESERVE;
    if (x->pub.body_file > 0) {
        first = SPOOL_ROOM;
        most = most < first ? most : first;
    }
    nst_buf_init(&x->body, x->pub.arena, most);
    (void)nst_buf_reserve(&x->body, most < first ? most : first);
}

/* The last of the body is in x->body. */
static bool end_body(struct conn *c)
{
    struct exchange *x = c->x;
    if (x->pub.body_file == 0)
        x->pub.body = nst_buf_str(&x->body);
    else if (!spool(c, nst_buf_str(&x->body)))
        return true;
    return handle(c);
}

/* The application has decided. */
static bool read_or_refuse(struct conn *c)
{
    struct exchange *x = c->x;
    size_t here = x->to - x->from, stated = (size_t)x->head.length;
    x->is_admitting = false;
    if (x->pub.status != 0) {
        x->pub.must_close = true;
        return answer(c);
    }
    nst_http_conn_enter(c, CONN_BODY);
    take_room(x, stated > 0 ? stated : x->body_limit);
    nst_http_chunks_init(&x->chunks, x->head.limits);
    if (stated > 0) {
        nst_put(&x->body, (struct nst_str){ x->bytes + x->from, here });
        x->from = x->to;
    }
    if (x->head.expects_continue && here == 0)
        nst_http_push(x, NST_STR(CONTINUE));
    return true;
}

static bool begin_body(struct conn *c)
{
    const struct nst_http_app *app = c->loop->server->app;
    c->x->is_admitting = true;
    nst_http_conn_enter(c, CONN_WORKING);
    /* LATER: from here on the exchange may be another thread's. */
    if (app->admit != NULL && ask(c->x, app->admit) == NST_HTTP_LATER)
        return false;
    return read_or_refuse(c);
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
        nst_http_exchange_release(c->x);
    return false;
}

static bool step_head(struct conn *c)
{
    struct exchange *x = c->x;
    while (x->head.at == 0 && x->to - x->from >= 2 && memcmp(x->bytes + x->from, "\r\n", 2) == 0)
        x->from += 2; /* RFC 9112, 2.2: old clients end a body so; it begins no request */
    if (x->from == x->to) {
        nst_http_exchange_release(x);
        nst_http_conn_enter(c, CONN_WAITING);
        return false;
    }
    if (x->to - x->from == 1 && x->bytes[x->from] == '\r') /* half of such a line */
        return fill(c);
    c->has_asked = true;
    struct nst_str text = { x->bytes + x->from, x->to - x->from };
    enum nst_http_read result = nst_http_read_head(&x->head, text);
    if (result == NST_HTTP_MORE)
        return fill(c);
    return result == NST_HTTP_DONE ? begin(c) : fail(c, x->head.err, x->head.detail);
}

/* Room for more of it; false: the file takes no more. */
static bool make_room(struct conn *c, size_t left)
{
    struct nst_buf *body = &c->x->body;
    size_t more = (BODY_GROWTH - 1) * body->cap;
    if (body->n < body->cap)
        return true;
    if (c->x->pub.body_file == 0)
        return nst_buf_reserve(body, left < more ? left : more);
    bool good = spool(c, nst_buf_str(body));
    body->n = 0;
    return good;
}

static bool take_length(struct conn *c)
{
    struct exchange *x = c->x;
    struct nst_buf *body = &x->body;
    size_t left = (size_t)(x->head.length - x->pub.body_file_size) - body->n;
    if (!make_room(c, left))
        return true;
    size_t room = body->cap - body->n, n = receive(c, body->p + body->n, left < room ? left : room);
    if (n == 0)
        return c->state == CONN_SENDING;
    body->n += n;
    return n < left || end_body(c);
}

static bool take_chunks(struct conn *c)
{
    struct exchange *x = c->x;
    struct nst_str data, in = { x->bytes + x->from, x->to - x->from };
    enum nst_http_read result;
    do {
        result = nst_http_read_chunks(&x->chunks, &data, &in);
        size_t room = x->body_limit - (size_t)x->pub.body_file_size - x->body.n;
        if (data.n > room || x->chunks.left > room - data.n)
            return fail(c, NST_E_TOO_LARGE, NULL);
        if (x->pub.body_file == 0)
            nst_put(&x->body, data);
        else if (!spool(c, data))
            return true;
    } while (result == NST_HTTP_MORE && in.n > 0);
    x->from = x->to - in.n;
    if (result == NST_HTTP_REFUSED)
        return fail(c, NST_E_MALFORMED, x->chunks.detail);
    if (result == NST_HTTP_DONE)
        return end_body(c);
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
    if (x->out_at == x->out_count)
        return true;
    int count = (int)(x->out_count - x->out_at);
    ssize_t n = nst_http_calls.writev(c->fd, &x->out[x->out_at], count);
    if (n < 0 && errno != EAGAIN && errno != EINTR) {
        nst_http_conn_cut(c);
        return false;
    }
    if (n > 0) {
        nst_count_own(&c->loop->tally.bytes_out, (uint64_t)n);
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
    nst_http_exchange_release(x);
    if (!keeps_alive)
        shutdown(c->fd, SHUT_WR);
    nst_http_conn_enter(c, keeps_alive ? CONN_WAITING : CONN_CLOSING);
    return false;
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
    if (x->file_left > 0) {
        ssize_t n = nst_http_send_file(x);
        c->is_blocked = n == 0;
        if (n < 0)
            nst_http_conn_cut(c);
        if (n > 0)
            nst_http_conn_enter(c, CONN_SENDING);
        return n > 0;
    }
    if (x->pub.more == NULL)
        return finish(c);
    nst_http_conn_enter(c, CONN_WORKING);
    return ask(x, x->pub.more) == NST_HTTP_ANSWERED && answer(c);
}

static bool step_closing(struct conn *c)
{
    c->discarded += receive(c, c->loop->scratch, sizeof(c->loop->scratch));
    if (c->state == CONN_CLOSING && c->discarded > HTTP_DISCARD_MAX)
        nst_http_conn_cut(c);
    return false;
}

static bool (*const step[CONN_STATES])(struct conn *) = {
    [CONN_WAITING] = step_waiting, [CONN_HEAD] = step_head,       [CONN_BODY] = step_body,
    [CONN_SENDING] = step_sending, [CONN_CLOSING] = step_closing,
};

/* What is not wanted goes on being watched until it happens: a client that waits for
 * its answer sends nothing, so that most requests cost no call here. */
static void watch(struct conn *c, uint32_t happened)
{
    uint32_t want = c->is_blocked ? EPOLLOUT : 0;
    if (c->state == CONN_WORKING)
        want = 0;
    else if (c->state != CONN_SENDING)
        want |= EPOLLIN;
    bool is_unwanted = (happened & c->watched & ~want) != 0;
    if (c->state == CONN_GONE || c->is_lost || ((want & ~c->watched) == 0 && !is_unwanted))
        return;
    struct epoll_event event = { .events = want, .data.ptr = c };
    c->watched = want;
    if (epoll_ctl(c->loop->poll, EPOLL_CTL_MOD, c->fd, &event) != 0)
        nst_http_conn_cut(c);
}

/* RFC 9112, 9.6: who says no more may wait for its answer, or be gone. An interim answer,
 * which every client must be able to read, tells: who is gone resets the connection. */
static void probe(struct conn *c)
{
    char byte;
    if (c->x->has_begun || c->x->head.is_http_1_0 || recv(c->fd, &byte, 1, MSG_PEEK) != 0)
        return;
    nst_http_push(c->x, NST_STR(CONTINUE));
    (void)flush(c);
}

void nst_http_conn_advance(struct conn *c, uint32_t events)
{
    bool is_over = (events & (EPOLLHUP | EPOLLERR)) != 0;
    bool is_reading = c->state != CONN_WORKING && c->state != CONN_SENDING;
    c->may_read = c->may_read || is_over || (events & EPOLLIN) != 0;
    c->is_blocked = c->is_blocked && !is_over && (events & EPOLLOUT) == 0;
    if (is_over && c->state == CONN_WORKING)
        nst_http_conn_cut(c);
    else if (c->state == CONN_WORKING && (events & EPOLLIN) != 0)
        probe(c);
    unsigned steps = 0;
    while ((steps < STEPS_MAX || c->state == CONN_HEAD) && /* a whole request is no slow head */
           !(c->is_blocked && c->state == CONN_SENDING) && step[c->state] != NULL &&
           step[c->state](c))
        steps++;
    if (steps >= STEPS_MAX) /* others have their turn; this one goes on by the next event */
        c->is_blocked = true;
    /* What came while it was reading was wanted, and no more may come. */
    watch(c, is_reading ? events & ~(uint32_t)EPOLLIN : events);
}

void nst_http_conn_resume(struct conn *c)
{
    if (c->is_lost) {
        c->is_lost = false;
        nst_http_conn_enter(c, CONN_SENDING);
        nst_http_conn_cut(c);
        return;
    }
    (void)(c->x->is_admitting ? read_or_refuse(c) : answer(c));
    nst_http_conn_advance(c, 0);
}

/* The socket is full: the kernel takes no more before a third of its buffer is free, which
 * a slow reader may need long for. It goes on as long as its queue shrinks. */
static bool goes_on_reading(struct conn *c)
{
    int queued = 0;
    if (ioctl(c->fd, SIOCOUTQ, &queued) != 0 || (c->taken > 0 && (size_t)queued >= c->taken))
        return false;
    nst_http_conn_enter(c, c->state);
    c->taken = (size_t)queued;
    return true;
}

void nst_http_conn_expire(struct conn *c)
{
    size_t seconds = (size_t)(c->loop->server->patience[c->state] / NST_SECOND);
    bool keeps_rate = c->taken >= seconds * NST_HTTP_BODY_RATE;
    if (c->state == CONN_SENDING && goes_on_reading(c))
        return;
    if (keeps_rate && (c->state == CONN_BODY || c->state == CONN_CLOSING)) {
        nst_http_conn_enter(c, c->state);
    } else if (c->state == CONN_HEAD || c->state == CONN_BODY) {
        (void)fail(c, NST_E_TIMEOUT, NULL);
        nst_http_conn_advance(c, 0);
    } else {
        nst_http_conn_cut(c);
    }
}
