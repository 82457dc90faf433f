/* Fuzzes a connection from its first byte to its end, without sockets and threads: the
 * calls of nst_http_calls serve the input in pieces and keep what is answered. The first
 * eight bytes of an input are the seed of all that is chance: where the pieces are
 * cut, which calls are interrupted or would block or break, how soon LATER comes, when
 * deadlines pass. The rest is what the client sends before it says no more.
 *
 * What must hold: every request that was taken is answered once and in order, answers
 * are well framed, nothing follows one with Connection: close, and the connection ends
 * with nothing left behind. */
#include "app.h"
#include "fuzz.h"
#include "http/internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "nestor/base/time.h"

#define OUT_MAX   (1 << 20)
#define ASKED_MAX 4096
#define ROUNDS    100000 /* more than any input needs */

/* A promise of the layer. */
#define MUST(condition) \
    do { \
        if (!(condition)) { \
            fprintf(stderr, "connection.c:%d: not so: %s\n", __LINE__, #condition); \
            abort(); \
        } \
    } while (0)

/* The client, and what the application was asked. */
static struct {
    struct nst_str in;
    uint64_t chance; /* 0: all goes well and at once */
    bool may_break;
    bool is_broken;
    char out[OUT_MAX];
    size_t out_n;
    struct asked {
        char id[65];
        bool is_head;
        bool is_whole; /* all of the answer was written */
    } asked[ASKED_MAX];
    unsigned asks, over;
} client;

static struct nst_http *server;

/* True once in n times. */
static bool happens(unsigned n)
{
    if (client.chance == 0)
        return false;
    client.chance ^= client.chance << 13;
    client.chance ^= client.chance >> 7;
    client.chance ^= client.chance << 17;
    return client.chance % n == 0;
}

static size_t some_of(size_t n)
{
    if (n > 1 && happens(2))
        return happens(2) ? 1 : 1 + client.chance % n;
    return n;
}

/* ---- The calls ---- */

static bool fails(void)
{
    if (client.is_broken)
        errno = ECONNRESET;
    else if (happens(8))
        errno = EINTR;
    else if (happens(8))
        errno = EAGAIN;
    else if (client.may_break && happens(64)) {
        client.is_broken = true;
        errno = ECONNRESET;
    } else
        return false;
    return true;
}

static ssize_t fuzz_read(int fd, void *to, size_t n)
{
    (void)fd;
    MUST(n > 0);
    if (fails())
        return -1;
    n = some_of(n < client.in.n ? n : client.in.n);
    memcpy(to, client.in.p, n);
    client.in = nst_str_slice(client.in, n, client.in.n);
    return (ssize_t)n;
}

static ssize_t fuzz_writev(int fd, const struct iovec *part, int count)
{
    size_t all = 0, done = 0;
    (void)fd;
    MUST(count > 0);
    for (int i = 0; i < count; i++)
        all += part[i].iov_len;
    MUST(all > 0);
    if (fails())
        return -1;
    all = some_of(all);
    MUST(client.out_n + all <= OUT_MAX);
    for (int i = 0; i < count && done < all; i++) {
        size_t n = all - done < part[i].iov_len ? all - done : part[i].iov_len;
        memcpy(client.out + client.out_n + done, part[i].iov_base, n);
        done += n;
    }
    client.out_n += all;
    return (ssize_t)all;
}

static ssize_t fuzz_sendfile(int out, int in, off_t *at, size_t n)
{
    (void)out;
    MUST(n > 0);
    if (fails())
        return -1;
    n = some_of(n);
    MUST(client.out_n + n <= OUT_MAX);
    ssize_t got = pread(in, client.out + client.out_n, n, *at);
    MUST(got > 0);
    client.out_n += (size_t)got;
    *at += got;
    return got;
}

/* ---- The application ---- */

static void ask(const struct nst_exchange *x)
{
    MUST(client.asks < ASKED_MAX && x->id.n < sizeof(client.asked[0].id));
    struct asked *a = &client.asked[client.asks++];
    memset(a, 0, sizeof(*a));
    memcpy(a->id, x->id.p, x->id.n);
    a->is_head = nst_str_eq(x->method, NST_STR("HEAD"));
}

static size_t fuzz_limit(struct nst_exchange *x)
{
    MUST(client.asks == client.over);
    ask(x);
    return app.body_limit(x);
}

static enum nst_http_next fuzz_handle(struct nst_exchange *x)
{
    MUST(client.asks == client.over + 1);
    return app.handle(x);
}

static void fuzz_error(struct nst_exchange *x, enum nst_err err, const char *detail)
{
    if (client.asks == client.over) /* the head was refused */
        ask(x);
    app.error(x, err, detail);
}

static void fuzz_finished(struct nst_exchange *pub)
{
    const struct exchange *x = (const struct exchange *)pub;
    MUST(client.asks == client.over + 1);
    client.asked[client.over++].is_whole = x->has_begun && x->out_count == x->out_at &&
                                           x->file_left == 0 && pub->more == NULL &&
                                           !pub->is_broken;
}

static const struct nst_http_app fuzz_app = {
    .body_limit = fuzz_limit, .handle = fuzz_handle, .error = fuzz_error, .finished = fuzz_finished
};

/* ---- What was answered ---- */

static struct nst_str take_line(struct nst_str *rest)
{
    size_t n = 0;
    while (n + 1 < rest->n && !(rest->p[n] == '\r' && rest->p[n + 1] == '\n'))
        n++;
    if (n + 1 >= rest->n) {
        rest->n = 0;
        return (struct nst_str){ NULL, 0 };
    }
    struct nst_str line = nst_str_slice(*rest, 0, n);
    MUST(memchr(line.p, '\n', n) == NULL && memchr(line.p, '\r', n) == NULL);
    *rest = nst_str_slice(*rest, n + 2, rest->n);
    return line;
}

struct head {
    unsigned status;
    int64_t length; /* -1: not said */
    bool is_chunked, closes, is_whole;
    struct nst_str id;
};

static void take_field(struct head *h, struct nst_str line)
{
    struct nst_str value = line, name = nst_str_cut(&value, ':');
    MUST(name.n > 0 && value.n > 0 && value.p[0] == ' ');
    value = nst_str_trim(value);
    if (nst_str_eq(name, NST_STR("Content-Length")))
        MUST(h->length == -1 && nst_str_int(&h->length, value) && h->length >= 0);
    else if (nst_str_eq(name, NST_STR("Transfer-Encoding")))
        h->is_chunked = nst_str_eq(value, NST_STR("chunked"));
    else if (nst_str_eq(name, NST_STR("Connection")))
        h->closes = nst_str_eq(value, NST_STR("close"));
    else if (nst_str_eq(name, NST_STR("X-Request-Id")))
        h->id = value;
}

static struct head take_head(struct nst_str *rest)
{
    struct head h = { .length = -1 };
    struct nst_str line = take_line(rest);
    if (line.p == NULL)
        return h;
    int64_t status;
    MUST(line.n > 12 && nst_str_starts(line, NST_STR("HTTP/1.1 ")));
    MUST(nst_str_int(&status, nst_str_slice(line, 9, 12)) && status >= 100 && status < 600);
    MUST(status < 500 || status == 505);
    h.status = (unsigned)status;
    while ((line = take_line(rest)).n > 0)
        take_field(&h, line);
    h.is_whole = line.p != NULL;
    return h;
}

static bool take_bytes(struct nst_str *rest, uint64_t n)
{
    bool is_there = rest->n >= n;
    *rest = nst_str_slice(*rest, is_there ? n : rest->n, rest->n);
    return is_there;
}

static bool take_chunk(struct nst_str *rest, bool *is_last)
{
    struct nst_str line = take_line(rest);
    uint64_t n = 0;
    if (line.p == NULL)
        return false;
    MUST(line.n > 0 && line.n <= 8);
    for (size_t i = 0; i < line.n; i++) {
        const char *digit = strchr("0123456789abcdef", line.p[i]);
        MUST(digit != NULL && *digit != '\0');
        n = n * 16 + (uint64_t)(*digit > '9' ? *digit - 'a' + 10 : *digit - '0');
    }
    *is_last = n == 0;
    if (!take_bytes(rest, n) || rest->n < 2)
        return false;
    MUST(rest->p[0] == '\r' && rest->p[1] == '\n');
    return take_bytes(rest, 2);
}

/* True when it is complete. */
static bool take_body(struct nst_str *rest, const struct head *h, bool is_head)
{
    bool is_last = false;
    if (is_head || h->status == 204 || h->status == 304)
        return true;
    MUST(!h->is_chunked || h->length == -1);
    if (h->length >= 0)
        return take_bytes(rest, (uint64_t)h->length);
    while (h->is_chunked && !is_last)
        if (!take_chunk(rest, &is_last))
            return false;
    MUST(h->is_chunked || h->closes);
    return h->is_chunked || take_bytes(rest, rest->n);
}

static void check(void)
{
    struct nst_str rest = { client.out, client.out_n };
    bool closes = false;
    MUST(client.over == client.asks);
    for (unsigned i = 0; i < client.asks; i++) {
        const struct asked *a = &client.asked[i];
        MUST(a->is_whole || i + 1 == client.asks);
        MUST(!closes);
        struct head h = take_head(&rest);
        if (h.status == 100 && h.is_whole)
            h = take_head(&rest);
        MUST(h.is_whole || !a->is_whole);
        if (!h.is_whole)
            return;
        MUST(nst_str_eq(h.id, nst_str_z(a->id)));
        bool is_whole = take_body(&rest, &h, a->is_head);
        MUST(is_whole || !a->is_whole);
        if (!is_whole)
            return;
        closes = h.closes;
    }
    MUST(rest.n == 0);
}

/* ---- Driving ---- */

static void stop(void)
{
    nst_http_loop_release(&server->loop[0]);
    pthread_mutex_destroy(&server->peers_lock);
    free(server);
}

/* Two pages of bytes, to be asked for by ranges. */
static void make_file(void)
{
    static char path[] = "/tmp/fuzz-connection-XXXXXX", byte[8192];
    int fd = mkstemp(path);
    MUST(fd >= 0 && write(fd, byte, sizeof(byte)) == sizeof(byte));
    close(fd);
    app_file = path;
}

static void remove_file(void)
{
    unlink(app_file);
}

static void start(void)
{
    nst_http_calls.read = fuzz_read;
    nst_http_calls.writev = fuzz_writev;
    nst_http_calls.sendfile = fuzz_sendfile;
    app_number_max = 90;
    make_file();
    server = calloc(1, sizeof(*server) + sizeof(server->loop[0]));
    MUST(server != NULL);
    server->options = (struct nst_http_options){ .loops = 1, .connections = 10, .gzip_from = 60 };
    server->limits = (struct nst_http_limits){ 1024, 300, 20 };
    server->app = &fuzz_app;
    for (enum conn_state state = 0; state < CONN_STATES; state++)
        server->patience[state] = state == CONN_WORKING ? 0 : NST_SECOND;
    pthread_mutex_init(&server->peers_lock, NULL);
    MUST(nst_http_loop_init(&server->loop[0], server) == NST_OK);
    atexit(remove_file);
    atexit(stop);
}

static struct conn *open_connection(struct nst_http_loop *l)
{
    const struct sockaddr peer = { .sa_family = AF_INET };
    struct http_peer *counted = nst_http_peers_enter(server, &peer);
    MUST(counted != NULL);
    l->is_draining = false;
    nst_http_conn_open(l, eventfd(0, EFD_CLOEXEC), &peer, counted);
    MUST(!TAILQ_EMPTY(&l->conns[CONN_WAITING]));
    return TAILQ_FIRST(&l->conns[CONN_WAITING]);
}

/* What epoll and the other thread would do next. */
static void go_on(struct conn *c)
{
    bool is_working = c->state == CONN_WORKING;
    uint32_t events = c->watched & (EPOLLIN | EPOLLOUT);
    if (client.is_broken)
        events |= EPOLLERR;
    if (!is_working && happens(200)) {
        nst_http_conn_expire(c);
        return;
    }
    struct nst_exchange *x = is_working && !happens(3) ? app_work_once() : NULL;
    if (x != NULL) {
        MUST(((struct exchange *)x)->conn == c);
        nst_http_conn_resume(c);
        return;
    }
    MUST(is_working || events != 0); /* else it would wait for ever */
    if (events != 0 && !c->is_lost)
        nst_http_conn_advance(c, events);
    if (happens(500))
        c->loop->is_draining = true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (server == NULL)
        start();
    uint64_t seed = 0;
    size_t n = size < sizeof(seed) ? size : sizeof(seed);
    memcpy(&seed, data, n);
    client.in = (struct nst_str){ (const char *)data + n, size - n };
    client.chance = seed;
    client.may_break = (seed & 1) != 0;
    client.is_broken = false;
    client.out_n = client.asks = client.over = 0;
    struct nst_http_loop *l = &server->loop[0];
    struct conn *c = open_connection(l);
    for (unsigned round = 0; c->state != CONN_GONE; round++) {
        MUST(round < ROUNDS);
        go_on(c);
    }
    check();
    MUST(server->connections == 0 && server->peers == NULL);
    TAILQ_REMOVE(&l->conns[CONN_GONE], c, link);
    free(c);
    return 0;
}
