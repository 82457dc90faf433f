/* Exchanges: their pool, what a request is shown as, and the line of the access log.
 * One is taken when a request begins and given back when its answer has left, so that
 * idle connections hold none. */
#include "internal.h"

#include <netdb.h>
#include <stdlib.h>

#include "nestor/base/log.h"
#include "nestor/base/time.h"

#define ARENA_FIRST    ((size_t)16 << 10)
#define POOL_MAX       64
#define REQUEST_ID_MAX 64

/* A request id costs no system call: a counter, mixed so that ids of one loop
 * do not look like a sequence (the finaliser of SplitMix64). */
static void make_id(struct exchange *x)
{
    struct nst_buf b = { .p = x->id, .cap = sizeof(x->id) };
    uint64_t z = x->pub.loop->id_next += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    z ^= z >> 31;
    nst_put_hex(&b, z, 16);
    x->pub.id = nst_buf_str(&b);
}

static struct exchange *exchange_new(const struct nst_http_loop *l)
{
    const struct nst_http_limits *limits = &l->server->limits;
    size_t fields = limits->fields * sizeof(struct nst_http_header);
    struct exchange *x = malloc(sizeof(*x) + fields + limits->head_bytes + HTTP_BODY_ROOM);
    if (x == NULL)
        abort();
    x->bytes = (char *)x + sizeof(*x) + fields;
    x->pub.arena = nst_arena_new(ARENA_FIRST);
    return x;
}

void nst_http_exchange_renew(struct exchange *x)
{
    struct conn *c = x->conn;
    struct nst_arena *arena = x->pub.arena;
    char *bytes = x->bytes;
    size_t from = x->from, to = x->to;
    *x = (struct exchange){ .conn = c, .bytes = bytes, .from = from, .to = to, .file = -1 };
    x->pub = (struct nst_exchange){ .arena = arena, .loop = c->loop, .peer = nst_str_z(c->peer) };
    nst_arena_reset(arena);
    nst_buf_init(&x->pub.out, arena, NST_HTTP_ANSWER_MAX);
    nst_http_head_init(&x->head, &c->loop->server->limits, x->in);
    make_id(x);
}

struct exchange *nst_http_exchange_take(struct conn *c)
{
    struct nst_http_loop *l = c->loop;
    struct exchange *x = l->pool != NULL ? l->pool : exchange_new(l);
    if (x == l->pool) {
        l->pool = x->next;
        l->pooled--;
    }
    l->busy++;
    x->conn = c;
    x->from = x->to = 0;
    nst_http_exchange_renew(x);
    return x;
}

void nst_http_exchange_free(struct exchange *x)
{
    nst_arena_free(x->pub.arena);
    free(x);
}

void nst_http_exchange_release(struct exchange *x)
{
    struct nst_http_loop *l = x->pub.loop;
    x->conn->x = NULL;
    l->busy--;
    if (l->pooled == POOL_MAX) {
        nst_http_exchange_free(x);
        return;
    }
    nst_arena_reset(x->pub.arena);
    x->next = l->pool;
    l->pool = x;
    l->pooled++;
}

/* Links need a host, also when the client named none: where it came in. */
static struct nst_str own_address(const struct exchange *x)
{
    struct sockaddr_storage a = { 0 };
    socklen_t n = sizeof(a);
    char host[INET6_ADDRSTRLEN + 1 + IF_NAMESIZE], port[sizeof("65535")];
    if (getsockname(x->conn->fd, (struct sockaddr *)&a, &n) != 0 || a.ss_family == AF_UNIX ||
        getnameinfo((struct sockaddr *)&a, n, host, sizeof(host), port, sizeof(port),
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        return NST_STR("localhost");
    bool is_v6 = a.ss_family == AF_INET6;
    return nst_strf(x->pub.arena, "%s%s%s:%s", is_v6 ? "[" : "", host, is_v6 ? "]" : "", port);
}

void nst_http_exchange_begin(struct exchange *x)
{
    const struct nst_http_head *h = &x->head;
    struct nst_str id = h->request_id.value;
    x->pub.started = nst_ticks();
    nst_count_own(&x->pub.loop->tally.begun, 1);
    x->pub.method = h->method;
    x->pub.path = h->path;
    x->pub.query = h->query;
    x->pub.host = h->host.value.n > 0 ? h->host.value : own_address(x);
    if (!x->conn->is_trusted)
        return;
    if (id.n > 0 && id.n <= REQUEST_ID_MAX)
        x->pub.id = id;
    nst_http_take_forwarded(x);
}

struct nst_str nst_http_request_header(const struct nst_exchange *pub, const char *name)
{
    const struct exchange *x = (const struct exchange *)pub;
    struct nst_str wanted = nst_str_z(name);
    for (unsigned i = 0; pub->loop != NULL && i < x->head.fields; i++)
        if (x->in[i].name.n == wanted.n && nst_str_eq_nocase(x->in[i].name, wanted))
            return x->in[i].value;
    return (struct nst_str){ NULL, 0 };
}

void *nst_http_loop_state(const struct nst_exchange *x)
{
    return x->loop->state;
}

bool nst_http_is_gone(const struct nst_exchange *x)
{
    return x->loop != NULL && ((const struct exchange *)x)->conn->is_lost;
}

void nst_http_log(const struct exchange *x, bool is_whole)
{
    const struct nst_exchange *pub = &x->pub;
    if (!atomic_load(&pub->loop->server->logs_access) || !nst_log_is_on(NST_LOG_INFO))
        return;
    nst_log(NST_LOG_INFO, is_whole ? "request" : "request cut", NST_LOG_STR("method", pub->method),
            NST_LOG_STR("path", pub->path), NST_LOG_INT("status", pub->status),
            NST_LOG_INT("bytes", (int64_t)x->sent), NST_LOG_INT("us", nst_ticks() - pub->started),
            NST_LOG_STR("peer", pub->peer), NST_LOG_STR("user", pub->user),
            NST_LOG_STR("request", pub->id));
}
