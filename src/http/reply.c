/* Answers: from the filled-in exchange to libmicrohttpd, compressed where that
 * pays, or piece by piece; and the access log. An answer that comes in the middle of a request,
 * where libmicrohttpd takes none, is written to the socket directly. */
#include "internal.h"

#include <assert.h>
#include <libdeflate.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "nestor/base/log.h"
#include "nestor/base/time.h"

#define GZIP_LEVEL  1
#define GZIP_SUFFIX "-gzip\""
#define VALUE_MAX   16384 /* longest header value sent */

/* Drop what would end the line; copies only when there is something to drop. */
static struct nst_str clean_value(struct nst_exchange *x, struct nst_str value)
{
    size_t n = 0;
    while (n < value.n && ((unsigned char)value.p[n] >= 0x20 || value.p[n] == '\t') &&
           value.p[n] != 0x7F)
        n++;
    if (n == value.n)
        return value;
    char *copy = nst_alloc_text(x->arena, value.n);
    n = 0;
    for (size_t i = 0; i < value.n; i++) {
        unsigned char c = (unsigned char)value.p[i];
        if ((c >= 0x20 && c != 0x7F) || c == '\t')
            copy[n++] = (char)c;
    }
    return (struct nst_str){ copy, n };
}

void nst_http_add_header(struct nst_exchange *x, const char *name, struct nst_str value)
{
    assert(x->header_count < NST_HTTP_HEADERS_OUT);
    x->header[x->header_count++] =
        (struct nst_http_header){ nst_str_z(name), clean_value(x, value) };
}

static struct nst_http_header *find_header(struct nst_exchange *x, struct nst_str name)
{
    for (unsigned i = 0; i < x->header_count; i++) {
        if (nst_str_eq_nocase(x->header[i].name, name))
            return &x->header[i];
    }
    return NULL;
}

void nst_http_fail(struct exchange *x, enum nst_err err, const char *detail)
{
    struct nst_exchange *pub = &x->pub;
    pub->status = 0;
    pub->header_count = 0;
    pub->content_type = (struct nst_str){ NULL, 0 };
    pub->more = NULL;
    nst_buf_init(&pub->out, pub->arena, NST_HTTP_ANSWER_MAX);
    pub->loop->server->app->error(pub, err, detail);
    if (pub->status == 0)
        pub->status = nst_err_status(err);
    pub->must_close = true;
}

/* Text and JSON shrink; pictures and archives do not. */
static bool is_text(struct nst_str type)
{
    struct nst_str rest = type;
    struct nst_str name = nst_str_trim(nst_str_cut(&rest, ';'));
    return nst_str_starts(name, NST_STR("text/")) || nst_str_ends(name, NST_STR("json")) ||
           nst_str_ends(name, NST_STR("xml")) || nst_str_ends(name, NST_STR("javascript"));
}

static void vary_on_encoding(struct nst_exchange *x)
{
    struct nst_http_header *vary = find_header(x, NST_STR("Vary"));
    if (vary == NULL && x->header_count < NST_HTTP_HEADERS_OUT)
        nst_http_add_header(x, "Vary", NST_STR("Accept-Encoding"));
    else if (vary != NULL && !nst_http_list_has(vary->value, "Accept-Encoding") &&
             !nst_http_list_has(vary->value, "*"))
        vary->value = nst_strf(x->arena, "%.*s, Accept-Encoding", NST_FMT(vary->value));
}

/* The two representations differ in bytes, hence need two strong tags: `"a"`
 * leaves as `"a-gzip"`. Who compares If-None-Match strips the suffix first. */
static void mark_etag(struct nst_exchange *x)
{
    struct nst_http_header *etag = find_header(x, NST_STR("ETag"));
    if (etag == NULL || etag->value.n < 2 || etag->value.p[0] != '"')
        return;
    etag->value = nst_strf(x->arena, "%.*s" GZIP_SUFFIX, (int)etag->value.n - 1, etag->value.p);
}

static bool may_compress(struct nst_exchange *x)
{
    return x->more == NULL && x->out.n >= x->loop->server->options.gzip_from &&
           x->content_type.p != NULL && is_text(x->content_type) && x->status != 206 &&
           find_header(x, NST_STR("Content-Encoding")) == NULL;
}

static void compress(struct nst_exchange *x)
{
    if (!may_compress(x))
        return;
    vary_on_encoding(x);
    struct nst_str accepted = nst_http_request_header(x, "Accept-Encoding");
    if (x->header_count == NST_HTTP_HEADERS_OUT || !nst_http_list_has(accepted, "gzip"))
        return;
    struct nst_http_loop *l = x->loop;
    if (l->compressor == NULL)
        l->compressor = libdeflate_alloc_compressor(GZIP_LEVEL);
    if (l->compressor == NULL)
        return;
    char *small = nst_alloc_text(x->arena, x->out.n);
    size_t n = libdeflate_gzip_compress(l->compressor, x->out.p, x->out.n, small, x->out.n);
    if (n == 0)
        return; /* it would have become larger */
    x->out.p = small;
    x->out.n = n;
    nst_http_add_header(x, "Content-Encoding", NST_STR("gzip"));
    mark_etag(x);
}

/* libmicrohttpd wants C strings; values that do not end in NUL are copied to
 * the stack. It copies once more. */
static void put_header(struct MHD_Response *r, struct nst_str name, struct nst_str value)
{
    char text[512];
    if (value.n < sizeof(text)) {
        memcpy(text, value.p != NULL ? value.p : "", value.n);
        text[value.n] = '\0';
        MHD_add_response_header(r, name.p, text);
        return;
    }
    size_t n = value.n < VALUE_MAX ? value.n : VALUE_MAX;
    char *copy = strndup(value.p, n);
    if (copy == NULL)
        abort();
    MHD_add_response_header(r, name.p, copy);
    free(copy);
}

static bool has_no_body(unsigned status)
{
    return status < 200 || status == 204 || status == 304;
}

static bool is_too_large(const struct nst_exchange *x)
{
    if (x->out.is_full)
        nst_log(NST_LOG_ERROR, "answer too large", NST_LOG_STR("path", x->path),
                NST_LOG_STR("request", x->id));
    return x->out.is_full;
}

static void check_answer(struct exchange *x)
{
    assert(x->pub.status != 0);
    if (is_too_large(&x->pub))
        nst_http_fail(x, NST_E_INTERNAL, NULL);
    if (has_no_body(x->pub.status)) {
        x->pub.out.n = 0;
        x->pub.more = NULL;
    }
}

/* ---- Streams ---- */

#define BLOCK_BYTES ((size_t)32 << 10) /* at a time to a client of HTTP/1.0 */

/* Asks until there is something to send. Returns false when it will come later. */
static bool next_piece(struct exchange *x)
{
    struct nst_exchange *pub = &x->pub;
    while (x->taken == pub->out.n && pub->more != NULL && !pub->is_broken) {
        x->sent += x->taken;
        x->taken = 0;
        x->is_done = false;
        if (pub->more(pub) == NST_HTTP_LATER) {
            MHD_suspend_connection(x->mhd);
            return false;
        }
    }
    return true;
}

/* What libmicrohttpd calls when the socket takes more. */
static ssize_t read_piece(void *arg, uint64_t at, char *to, size_t max)
{
    struct exchange *x = arg;
    struct nst_exchange *pub = &x->pub;
    (void)at;
    if (x->conn->state == CONN_CLOSING)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    if (!next_piece(x))
        return 0;
    if (pub->is_broken || is_too_large(pub))
        return MHD_CONTENT_READER_END_WITH_ERROR;
    size_t n = pub->out.n - x->taken;
    if (n == 0)
        return MHD_CONTENT_READER_END_OF_STREAM;
    n = n < max ? n : max;
    memcpy(to, pub->out.p + x->taken, n);
    x->taken += n;
    return (ssize_t)n;
}

/* x lives until libmicrohttpd says that the request is completed, which is the last
 * that is heard of the response. */
static struct MHD_Response *make_response(struct exchange *x)
{
    struct nst_exchange *pub = &x->pub;
    if (pub->more == NULL)
        return MHD_create_response_from_buffer(pub->out.n, pub->out.p, MHD_RESPMEM_PERSISTENT);
    struct MHD_Response *r =
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK_BYTES, read_piece, x, NULL);
    x->is_stream = !nst_str_eq(pub->method, NST_STR("HEAD"));
    /* libmicrohttpd 0.9.75 would put a last chunk behind the headers, which the client
     * would take for the next answer. */
    if (!x->is_stream && r != NULL) {
        MHD_set_response_options(r, MHD_RF_HTTP_1_0_COMPATIBLE_STRICT, MHD_RO_END);
        pub->out.n = 0;
    }
    return r;
}

void nst_http_cut(struct conn *c)
{
    static const struct sockaddr nowhere = { .sa_family = AF_UNSPEC };
    if (c->x == NULL || !c->x->is_stream || connect(c->fd, &nowhere, sizeof(nowhere)) != 0)
        shutdown(c->fd, SHUT_RDWR);
}

enum MHD_Result nst_http_reply(struct exchange *x)
{
    struct nst_exchange *pub = &x->pub;
    check_answer(x);
    compress(pub);
    struct MHD_Response *r = make_response(x);
    if (r == NULL)
        return MHD_NO;
    if (pub->content_type.p != NULL)
        put_header(r, NST_STR("Content-Type"), pub->content_type);
    put_header(r, NST_STR("X-Request-Id"), pub->id);
    for (unsigned i = 0; i < pub->header_count; i++)
        put_header(r, pub->header[i].name, pub->header[i].value);
    if (pub->must_close || pub->loop->is_draining)
        MHD_add_response_header(r, MHD_HTTP_HEADER_CONNECTION, "close");
    x->conn->state = CONN_ANSWERING;
    enum MHD_Result result = MHD_queue_response(x->mhd, pub->status, r);
    MHD_destroy_response(r);
    return result;
}

static void put_line(struct nst_buf *b, struct nst_str name, struct nst_str value)
{
    nst_put(b, name);
    nst_put_lit(b, ": ");
    nst_put(b, value);
    nst_put_lit(b, "\r\n");
}

static void render(struct nst_buf *b, struct nst_exchange *x)
{
    nst_putf(b, "HTTP/1.1 %u %s\r\nConnection: close\r\nContent-Length: %zu\r\nDate: ", x->status,
             MHD_get_reason_phrase_for(x->status), x->out.n);
    nst_put_http_date(b, nst_now());
    nst_put_lit(b, "\r\n");
    if (x->content_type.p != NULL)
        put_line(b, NST_STR("Content-Type"), x->content_type);
    put_line(b, NST_STR("X-Request-Id"), x->id);
    for (unsigned i = 0; i < x->header_count; i++)
        put_line(b, x->header[i].name, x->header[i].value);
    nst_put_lit(b, "\r\n");
    if (!nst_str_eq(x->method, NST_STR("HEAD")))
        nst_put(b, nst_buf_str(&x->out));
}

void nst_http_reply_late(struct conn *c, enum nst_err err)
{
    struct exchange *x = c->x != NULL ? c->x : nst_http_exchange_take(c);
    nst_http_fail(x, err, NULL);
    struct nst_buf b;
    nst_buf_init(&b, x->pub.arena, NST_HTTP_ANSWER_MAX);
    render(&b, &x->pub);
    /* One attempt: a client whose window is full gets the close alone. */
    (void)!send(c->fd, b.p, b.n, MSG_DONTWAIT | MSG_NOSIGNAL);
    shutdown(c->fd, SHUT_RDWR);
    c->state = CONN_CLOSING;
    if (c->x == NULL) {
        nst_http_log(x, MHD_REQUEST_TERMINATED_TIMEOUT_REACHED);
        nst_http_exchange_release(x);
    }
}

void nst_http_log(const struct exchange *x, enum MHD_RequestTerminationCode how)
{
    const struct nst_exchange *pub = &x->pub;
    if (!pub->loop->server->options.access_log || !nst_log_is_on(NST_LOG_INFO))
        return;
    uint64_t bytes = x->is_stream ? x->sent + x->taken : pub->out.n;
    bool is_whole = how == MHD_REQUEST_TERMINATED_COMPLETED_OK;
    nst_log(NST_LOG_INFO, is_whole ? "request" : "request cut", NST_LOG_STR("method", pub->method),
            NST_LOG_STR("path", pub->path), NST_LOG_INT("status", pub->status),
            NST_LOG_INT("bytes", (int64_t)bytes), NST_LOG_INT("us", nst_ticks() - pub->started),
            NST_LOG_STR("peer", pub->peer), NST_LOG_STR("user", pub->user),
            NST_LOG_STR("request", pub->id));
}
