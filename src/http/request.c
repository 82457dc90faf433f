/* One request: from libmicrohttpd's callbacks to the application and back, and
 * the pool of exchanges. An exchange is taken when the headers are complete and
 * returned when the answer has left, so that idle connections hold none. */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

#include "nestor/base/log.h"
#include "nestor/base/time.h"

#define ARENA_FIRST  ((size_t)16 << 10)
#define POOL_MAX     64
#define BODY_RESERVE ((size_t)64 << 10) /* taken before the first byte came */

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

struct exchange *nst_http_exchange_take(struct conn *c)
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

void nst_http_exchange_free(struct exchange *x)
{
    nst_arena_free(x->pub.arena);
    free(x);
}

void nst_http_exchange_release(struct exchange *x)
{
    struct nst_http_loop *l = x->pub.loop;
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

struct conn *nst_http_conn_of(struct MHD_Connection *mhd)
{
    return MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

void nst_http_conn_enter(struct conn *c, enum conn_state state)
{
    c->state = state;
    c->since = c->loop->now;
}

/* Called with the request line. libmicrohttpd would take the query apart, in
 * place and into its buffer; we want it whole, hence show it an empty one until
 * the guard puts the first byte back. */
void *nst_http_hide_query(void *arg, const char *uri, struct MHD_Connection *mhd)
{
    struct conn *c = nst_http_conn_of(mhd);
    (void)arg;
    if (c->state == CONN_IDLE)
        nst_http_conn_enter(c, CONN_READING);
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
size_t nst_http_keep_escapes(void *arg, struct MHD_Connection *mhd, char *text)
{
    (void)arg;
    (void)mhd;
    return strlen(text);
}

static enum MHD_Result fail_now(struct exchange *x, enum nst_err err, const char *detail)
{
    nst_http_fail(x, err, detail);
    return nst_http_reply(x);
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
    enum nst_err err = nst_http_guard(x, &detail, url, method, version);
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
            nst_http_reply_late(x->conn, x->failed);
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
        return x->is_done ? nst_http_reply(x) : MHD_YES;
    x->pub.body = nst_buf_str(&x->body);
    x->conn->state = CONN_ANSWERING;
    if (x->pub.loop->server->app->handle(&x->pub) == NST_HTTP_ANSWERED)
        return nst_http_reply(x);
    /* Another thread may have resumed it already: the list is read later, by
     * this thread, hence always after the suspension. */
    x->is_later = true;
    MHD_suspend_connection(x->mhd);
    return MHD_YES;
}

/* NOLINTNEXTLINE(readability-function-size): libmicrohttpd's signature */
enum MHD_Result nst_http_handle(void *arg, struct MHD_Connection *mhd, const char *url,
                                const char *method, const char *version, const char *data,
                                size_t *n, void **context)
{
    struct exchange *x = *context;
    (void)arg;
    if (x == NULL) {
        struct conn *c = nst_http_conn_of(mhd);
        if (c->state == CONN_CLOSING)
            return MHD_NO;
        x = nst_http_exchange_take(c);
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

void nst_http_completed(void *arg, struct MHD_Connection *mhd, void **context,
                        enum MHD_RequestTerminationCode how)
{
    struct exchange *x = *context;
    struct conn *c = nst_http_conn_of(mhd);
    (void)arg;
    if (x != NULL) {
        if (x->is_stream && how != MHD_REQUEST_TERMINATED_COMPLETED_OK)
            nst_http_cut(c);
        nst_http_log(x, how);
        if (c->loop->server->app->finished != NULL)
            c->loop->server->app->finished(&x->pub);
        nst_http_exchange_release(x);
    } else {
        log_refusal(c, mhd);
    }
    *context = NULL;
    c->x = NULL;
    c->query = NULL;
    c->is_counted = false;
    if (c->state != CONN_CLOSING)
        nst_http_conn_enter(c, CONN_IDLE);
}
