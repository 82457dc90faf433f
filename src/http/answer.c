/* Answers: from the filled-in exchange to the bytes that leave, compressed where that
 * pays, whole or piece by piece. */
#include "internal.h"

#include <assert.h>
#include <libdeflate.h>
#include <string.h>

#include "nestor/base/log.h"
#include "nestor/base/time.h"

#define GZIP_LEVEL  1
#define GZIP_SUFFIX "-gzip\""
#define HEAD_GUESS  ((size_t)768)

/* Drop what would end the line; copies only when there is something to drop. */
static struct nst_str clean_value(struct nst_exchange *x, struct nst_str value)
{
    struct nst_buf b = { 0 };
    for (size_t i = 0; i < value.n; i++) {
        unsigned char c = (unsigned char)value.p[i];
        bool is_control = (c < 0x20 && c != '\t') || c == 0x7F;
        if (is_control && b.max == 0) {
            nst_buf_init(&b, x->arena, value.n);
            nst_put(&b, nst_str_slice(value, 0, i));
        } else if (!is_control && b.max > 0) {
            nst_put_char(&b, (char)c);
        }
    }
    return b.max > 0 ? nst_buf_str(&b) : value;
}

void nst_http_add_header(struct nst_exchange *x, const char *name, struct nst_str value)
{
    assert(x->headers < NST_COUNT(x->header));
    x->header[x->headers++] = (struct nst_http_header){ nst_str_z(name), clean_value(x, value) };
}

struct nst_http_header *nst_http_find_header(struct nst_exchange *x, const char *name)
{
    struct nst_str wanted = nst_str_z(name);
    for (unsigned i = 0; i < x->headers; i++)
        if (nst_str_eq_nocase(x->header[i].name, wanted))
            return &x->header[i];
    return NULL;
}

/* What every answer says, unless the application says otherwise: JSON is never to be
 * taken for a page, nor shown inside one. */
static const struct nst_http_header defaults[] = {
    { NST_STR_INIT("X-Content-Type-Options"), NST_STR_INIT("nosniff") },
    { NST_STR_INIT("Referrer-Policy"), NST_STR_INIT("same-origin") },
    { NST_STR_INIT("X-Frame-Options"), NST_STR_INIT("DENY") },
    { NST_STR_INIT("Content-Security-Policy"),
      NST_STR_INIT("default-src 'none'; frame-ancestors 'none'") },
};

static void put_line(struct nst_buf *b, struct nst_str name, struct nst_str value)
{
    nst_put(b, name);
    nst_put_lit(b, ": ");
    nst_put(b, value);
    nst_put_lit(b, "\r\n");
}

void nst_http_fail(struct exchange *x, enum nst_err err, const char *detail)
{
    struct nst_exchange *pub = &x->pub;
    pub->status = 0;
    pub->headers = 0;
    pub->content_type = (struct nst_str){ NULL, 0 };
    pub->more = NULL;
    nst_http_drop_file(x);
    nst_buf_init(&pub->out, pub->arena, NST_HTTP_ANSWER_MAX);
    pub->loop->server->app->error(pub, err, detail);
    if (pub->status == 0)
        pub->status = nst_err_status(err);
}

static bool is_too_large(const struct nst_exchange *x)
{
    if (x->out.is_full)
        nst_log(NST_LOG_ERROR, "answer too large", NST_LOG_STR("path", x->path),
                NST_LOG_STR("request", x->id));
    return x->out.is_full;
}

/* Text and JSON shrink; pictures and archives do not. */
static bool is_text(struct nst_str type)
{
    struct nst_str rest = type;
    struct nst_str name = nst_str_trim(nst_str_cut(&rest, ';'));
    return nst_str_starts(name, NST_STR("text/")) || nst_str_ends(name, NST_STR("json")) ||
           nst_str_ends(name, NST_STR("xml")) || nst_str_ends(name, NST_STR("javascript"));
}

void nst_http_vary(struct nst_exchange *x, const char *name)
{
    struct nst_http_header *vary = nst_http_find_header(x, "Vary");
    if (vary == NULL)
        nst_http_add_header(x, "Vary", nst_str_z(name));
    else if (!nst_list_has(vary->value, name) && !nst_list_has(vary->value, "*"))
        vary->value = nst_strf(x->arena, "%.*s, %s", NST_FMT(vary->value), name);
}

/* The two representations differ in bytes, hence need two strong tags: `"a"`
 * leaves as `"a-gzip"`. Who compares If-None-Match strips the suffix first. */
static struct nst_str gzip_tag(struct nst_exchange *x, struct nst_str tag)
{
    if (tag.n < 2 || tag.p[0] != '"')
        return tag;
    return nst_strf(x->arena, "%.*s" GZIP_SUFFIX, (int)tag.n - 1, tag.p);
}

/* X60, RFC 9110, 15.4.5: a 304 has the tag that its client holds, and the Vary of a 200
 * that is compressed: whether this one would be, only its body could tell. */
static void revalidate(struct nst_exchange *x)
{
    struct nst_http_header *etag = nst_http_find_header(x, "ETag");
    if (etag == NULL || x->loop->server->options.gzip_from == SIZE_MAX)
        return;
    nst_http_vary(x, "Accept-Encoding");
    struct nst_str held = nst_http_request_header(x, "If-None-Match");
    struct nst_str tag = gzip_tag(x, etag->value);
    if (held.n > 0 && memmem(held.p, held.n, tag.p, tag.n) != NULL)
        etag->value = tag;
}

static void compress(struct nst_exchange *x)
{
    struct nst_http_loop *l = x->loop;
    if (x->out.n < l->server->options.gzip_from || !is_text(x->content_type) || x->status == 206 ||
        nst_http_find_header(x, "Content-Encoding") != NULL)
        return;
    nst_http_vary(x, "Accept-Encoding");
    struct nst_str accepted = nst_http_request_header(x, "Accept-Encoding");
    if (!nst_list_has(accepted, "gzip"))
        return;
    if (l->compressor == NULL && (l->compressor = libdeflate_alloc_compressor(GZIP_LEVEL)) == NULL)
        return;
    char *small = nst_alloc_text(x->arena, x->out.n);
    size_t n = libdeflate_gzip_compress(l->compressor, x->out.p, x->out.n, small, x->out.n);
    if (n == 0)
        return; /* it would have become larger */
    x->out.p = small;
    x->out.n = n;
    nst_http_add_header(x, "Content-Encoding", NST_STR("gzip"));
    struct nst_http_header *etag = nst_http_find_header(x, "ETag");
    if (etag != NULL)
        etag->value = gzip_tag(x, etag->value);
}

static const char statuses[] =
    "200 OK\r\n201 Created\r\n202 Accepted\r\n204 No Content\r\n206 Partial Content\r\n"
    "207 Multi-Status\r\n208 Already Reported\r\n301 Moved Permanently\r\n302 Found\r\n"
    "303 See Other\r\n304 Not Modified\r\n307 Temporary Redirect\r\n308 Permanent Redirect\r\n"
    "400 Bad Request\r\n401 Unauthorized\r\n403 Forbidden\r\n404 Not Found\r\n"
    "405 Method Not Allowed\r\n406 Not Acceptable\r\n408 Request Timeout\r\n409 Conflict\r\n"
    "410 Gone\r\n411 Length Required\r\n412 Precondition Failed\r\n413 Content Too Large\r\n"
    "414 URI Too Long\r\n415 Unsupported Media Type\r\n416 Range Not Satisfiable\r\n"
    "422 Unprocessable Content\r\n428 Precondition Required\r\n429 Too Many Requests\r\n"
    "431 Request Header Fields Too Large\r\n500 Internal Server Error\r\n501 Not Implemented\r\n"
    "502 Bad Gateway\r\n503 Service Unavailable\r\n504 Gateway Timeout\r\n"
    "505 HTTP Version Not Supported\r\n507 Insufficient Storage\r\n";

static void put_status(struct nst_buf *b, unsigned status)
{
    const char number[] = { (char)('0' + status / 100 % 10), (char)('0' + status / 10 % 10),
                            (char)('0' + status % 10), ' ', '\0' };
    const char *line = strstr(statuses, number);
    nst_put_lit(b, "HTTP/1.1 ");
    if (line != NULL)
        nst_put(b, (struct nst_str){ line, (size_t)(strchr(line, '\n') + 1 - line) });
    else
        nst_putf(b, "%s\r\n", number);
}

/* Made anew when the second has changed. */
static struct nst_str date_line(struct nst_http_loop *l)
{
    if (l->now >= l->date_until) {
        int64_t now = nst_now();
        struct nst_buf b = { .p = l->date_line, .cap = sizeof(l->date_line) };
        nst_put_lit(&b, "Date: ");
        nst_put_http_date(&b, now);
        nst_put_lit(&b, "\r\n");
        l->date_n = b.n;
        l->date_at = now - now % NST_SECOND;
        l->date_until = l->now + NST_SECOND - now % NST_SECOND;
    }
    return (struct nst_str){ l->date_line, l->date_n };
}

/* Who asks from the Date on must miss nothing that this answer does not have yet (V901). */
static void put_date(struct nst_buf *b, const struct nst_exchange *x)
{
    struct nst_str line = date_line(x->loop);
    if (x->made_at == 0 || x->made_at >= x->loop->date_at) {
        nst_put(b, line);
        return;
    }
    nst_put_lit(b, "Date: ");
    nst_put_http_date(b, x->made_at);
    nst_put_lit(b, "\r\n");
}

/* RFC 9112, 6.3: what tells the client where the answer ends. */
static void put_framing(struct nst_buf *b, const struct exchange *x)
{
    uint64_t n = x->kind == BODY_COUNTED ? x->pub.length : x->pub.out.n + x->file_left;
    if (x->kind == BODY_CHUNKED) {
        nst_put_lit(b, "Transfer-Encoding: chunked\r\n");
    } else if (x->kind != BODY_NONE && x->kind != BODY_TO_CLOSE) {
        nst_put_lit(b, "Content-Length: ");
        nst_put_int(b, (int64_t)n);
        nst_put_lit(b, "\r\n");
    }
    if (!x->keeps_alive)
        nst_put_lit(b, "Connection: close\r\n");
    else if (x->head.is_http_1_0)
        nst_put_lit(b, "Connection: keep-alive\r\n");
}

static struct nst_str head_of(struct exchange *x)
{
    struct nst_exchange *pub = &x->pub;
    struct nst_buf b;
    nst_buf_init(&b, pub->arena, NST_HTTP_ANSWER_MAX);
    (void)nst_buf_reserve(&b, HEAD_GUESS + pub->lines.n);
    put_status(&b, pub->status);
    put_date(&b, pub);
    if (pub->content_type.p != NULL)
        put_line(&b, NST_STR("Content-Type"), clean_value(pub, pub->content_type));
    put_framing(&b, x);
    put_line(&b, NST_STR("X-Request-Id"), pub->id);
    for (unsigned i = 0; i < pub->headers; i++)
        put_line(&b, pub->header[i].name, pub->header[i].value);
    for (size_t i = 0; i < NST_COUNT(defaults); i++)
        if (nst_http_find_header(pub, defaults[i].name.p) == NULL)
            put_line(&b, defaults[i].name, defaults[i].value);
    nst_put(&b, pub->lines);
    nst_put_lit(&b, "\r\n");
    assert(!b.is_full);
    return nst_buf_str(&b);
}

void nst_http_push(struct exchange *x, struct nst_str part)
{
    if (part.n == 0)
        return;
    assert(x->out_count < HTTP_OUT_MAX);
    x->out[x->out_count++] = (struct iovec){ (void *)(uintptr_t)part.p, part.n };
}

static void put_chunk(struct exchange *x)
{
    struct nst_exchange *pub = &x->pub;
    bool is_last = pub->more == NULL;
    if (pub->out.n > 0) {
        struct nst_buf size = { .p = x->chunk_size, .cap = sizeof(x->chunk_size) };
        nst_put_hex(&size, pub->out.n, 8);
        nst_put_lit(&size, "\r\n");
        nst_http_push(x, nst_buf_str(&size));
        nst_http_push(x, nst_buf_str(&pub->out));
        nst_http_push(x, is_last ? NST_STR("\r\n0\r\n\r\n") : NST_STR("\r\n"));
    } else if (is_last) {
        nst_http_push(x, NST_STR("0\r\n\r\n"));
    }
}

void nst_http_put_piece(struct exchange *x)
{
    struct nst_exchange *pub = &x->pub;
    uint64_t left = pub->length - x->sent;
    bool fits = pub->more != NULL ? pub->out.n <= left : pub->out.n == left;
    if (pub->is_broken || is_too_large(pub) || (x->kind == BODY_COUNTED && !fits)) {
        pub->is_broken = true; /* also when the pieces do not add up to Content-Length */
        return;
    }
    if (x->kind == BODY_CHUNKED)
        put_chunk(x);
    else
        nst_http_push(x, nst_buf_str(&pub->out));
    x->sent += pub->out.n;
    pub->out.n = 0;
}

static enum body_kind kind_of(const struct exchange *x)
{
    if (x->pub.status == 204 || x->pub.status == 304)
        return BODY_NONE;
    if (x->file >= 0)
        return BODY_FILE;
    if (x->pub.more == NULL)
        return BODY_WHOLE;
    if (x->pub.length > 0)
        return BODY_COUNTED;
    return x->head.is_http_1_0 ? BODY_TO_CLOSE : BODY_CHUNKED;
}

void nst_http_answer(struct exchange *x)
{
    struct nst_exchange *pub = &x->pub;
    assert(pub->status != 0 && pub->headers <= NST_HTTP_HEADERS_OUT);
    if (is_too_large(pub))
        nst_http_fail(x, NST_E_INTERNAL, NULL);
    if (x->file >= 0)
        nst_http_apply_range(x);
    if (pub->loop->server->app->headers != NULL)
        pub->loop->server->app->headers(pub);
    x->kind = kind_of(x);
    if (pub->status == 304)
        revalidate(pub);
    else if (x->kind == BODY_WHOLE)
        compress(pub);
    x->keeps_alive = x->head.keeps_alive && !pub->must_close && !pub->loop->is_draining &&
                     x->kind != BODY_TO_CLOSE;
    nst_http_push(x, head_of(x));
    x->has_begun = true;
    if (x->kind == BODY_NONE || nst_str_eq(pub->method, NST_STR("HEAD"))) {
        pub->more = NULL;
        pub->out.n = 0;
        x->file_left = 0;
        x->kind = BODY_NONE;
    } else {
        nst_http_put_piece(x);
    }
}
