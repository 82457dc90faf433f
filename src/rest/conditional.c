/* Conditional requests: entity tags, answers that a loop remembers, If-Match. The
 * tag is a hash of the document, so every shape of every face has its own. */
#include "model.h"

#include <sodium.h>

/* Everything that the answer depends on besides the data. */
static struct nst_str cache_key(struct nst_req *rq)
{
    struct nst_buf b;
    nst_buf_init(&b, rq->arena, 65536);
    nst_put_lit(&b, "etag ");
    nst_put_z(&b, rq->face->name);
    nst_put_char(&b, ' ');
    nst_put_int(&b, rq->caller.is_known ? rq->caller.id : -1);
    nst_put_z(&b, rq->is_tls ? " https://" : " http://"); /* addresses of other pages have it */
    nst_put(&b, rq->x->host);
    nst_put(&b, rq->x->path);
    nst_put_char(&b, '?');
    nst_put(&b, rq->x->query);
    return nst_buf_whole(&b);
}

/* Behind the tag of what leaves inside of a ZIP: other bytes of the same document. */
#define ZIP_SUFFIX "-zip"

/* One tag of an If-None-Match or If-Match list, without W/ and the marks of answers that are
 * packed, here or by the HTTP layer. */
static struct nst_str next_tag(struct nst_str *list)
{
    struct nst_str tag = nst_str_trim(nst_str_cut(list, ','));
    if (nst_str_starts(tag, NST_STR("W/")))
        tag = nst_str_slice(tag, 2, tag.n);
    if (tag.n >= 2 && tag.p[0] == '"')
        tag = nst_str_slice(tag, 1, tag.n - 1);
    if (nst_str_ends(tag, NST_STR("-gzip")))
        tag.n -= 5;
    if (nst_str_ends(tag, NST_STR(ZIP_SUFFIX)))
        tag.n -= sizeof(ZIP_SUFFIX) - 1;
    return tag;
}

static bool tag_matches(struct nst_str list, struct nst_str tag)
{
    while (list.p != NULL) {
        struct nst_str one = next_tag(&list);
        if (nst_str_eq(one, NST_STR("*")) || (tag.n > 0 && nst_str_eq(one, tag)))
            return true;
    }
    return false;
}

static void add_tag(struct nst_req *rq, struct nst_str tag)
{
    struct nst_buf b;
    nst_buf_init(&b, rq->arena, 256);
    nst_put_char(&b, '"');
    nst_put(&b, tag);
    nst_put_z(&b, rq->wants_zip ? ZIP_SUFFIX : "");
    nst_put_char(&b, '"');
    nst_http_add_header(rq->x, "ETag", nst_buf_str(&b));
}

static enum nst_err answer_unchanged(struct nst_req *rq, struct nst_str tag)
{
    add_tag(rq, tag);
    return nst_answer_empty(rq, 304);
}

#define TAG_DIGITS (crypto_shorthash_siphashx24_BYTES * 2)

/* The strong tag of a document: a hash of its bytes. */
static struct nst_str tag_of(struct nst_req *rq, struct nst_str body)
{
    static const unsigned char key[crypto_shorthash_siphashx24_KEYBYTES] = "nestor document";
    unsigned char hash[crypto_shorthash_siphashx24_BYTES];
    struct nst_buf b;
    crypto_shorthash_siphashx24(hash, (const unsigned char *)body.p, body.n, key);
    nst_buf_init(&b, rq->arena, TAG_DIGITS + 1);
    nst_put_bytes_hex(&b, hash, sizeof(hash));
    return nst_buf_str(&b);
}

/* A document as a loop remembers it; whole only when it is JSON, and its headers are known to be
 * a part of it. */
struct remembered {
    char tag[TAG_DIGITS];
    bool is_whole;
    size_t head,
        length; /* bytes of the headers, each a name, a value, NULs behind both; of the body */
    char text[];
};

#define REMEMBERED_MAX ((size_t)256 << 10) /* bytes of a whole one */

static struct nst_str headers_of(struct nst_req *rq)
{
    struct nst_buf b;
    nst_buf_init(&b, rq->arena, REMEMBERED_MAX);
    for (unsigned i = 0; i < rq->x->headers; i++) {
        nst_put(&b, rq->x->header[i].name);
        nst_put_char(&b, '\0');
        nst_put(&b, rq->x->header[i].value);
        nst_put_char(&b, '\0');
    }
    return nst_buf_whole(&b);
}

/* What is asked for once is not worth a copy; its tag is. */
static bool is_worth_it(struct nst_req *rq, struct nst_str key)
{
    return nst_cache_get(rq->cache, key) != NULL && rq->x->out.n <= REMEMBERED_MAX &&
           (rq->is_page || rq->x->headers == 0) &&
           nst_str_eq(rq->x->content_type, NST_STR("application/json"));
}

/* Nothing of it is kept anywhere. */
static bool says_no_store(const struct nst_exchange *x)
{
    bool any = false;
    for (unsigned i = 0; i < x->headers; i++)
        any |= nst_str_eq(x->header[i].name, NST_STR("Cache-Control"));
    return any;
}

static void remember(struct nst_req *rq, struct nst_str tag)
{
    struct nst_str key = cache_key(rq), head = { 0 }, body = { 0 };
    bool is_whole = is_worth_it(rq, key);
    if (is_whole) {
        head = headers_of(rq);
        body = nst_buf_str(&rq->x->out);
    }
    size_t size = sizeof(struct remembered) + head.n + body.n;
    struct remembered *r = nst_alloc(rq->arena, size);
    memcpy(r->tag, tag.p, TAG_DIGITS);
    r->is_whole = is_whole && head.p != NULL;
    r->head = head.n;
    r->length = body.n;
    if (r->is_whole) {
        memcpy(r->text, head.p, head.n);
        memcpy(r->text + head.n, body.p, body.n);
    }
    nst_cache_put(rq->cache, key, r, size);
}

static enum nst_err answer_again(struct nst_req *rq, const struct remembered *r)
{
    struct nst_str head = nst_str_copy(rq->arena, (struct nst_str){ r->text, r->head });
    while (head.n > 0) {
        struct nst_str name = nst_str_cut(&head, '\0');
        nst_http_add_header(rq->x, name.p, nst_str_cut(&head, '\0'));
    }
    nst_put(&rq->x->out, (struct nst_str){ r->text + r->head, r->length });
    add_tag(rq, (struct nst_str){ r->tag, TAG_DIGITS });
    return nst_answer_json(rq, 200);
}

enum nst_err nst_phase_cached(struct nst_req *rq)
{
    if (rq->cache == NULL || rq->method != NST_GET || rq->is_internal || nst_refuses_headers(rq) ||
        rq->zip_asked.n > 0)
        return NST_OK;
    const struct remembered *r = nst_cache_get(rq->cache, cache_key(rq));
    if (r == NULL)
        return NST_OK;
    struct nst_str wanted = nst_http_request_header(rq->x, "If-None-Match");
    const struct nst_str tag = { r->tag, TAG_DIGITS };
    if (wanted.p != NULL && tag_matches(wanted, tag))
        return answer_unchanged(rq, tag);
    return r->is_whole ? answer_again(rq, r) : NST_OK;
}

bool nst_is_known(struct nst_req *rq, struct nst_str tag)
{
    struct nst_str wanted = nst_http_request_header(rq->x, "If-None-Match");
    rq->is_tagged = true;
    add_tag(rq, tag);
    if (rq->method != NST_GET || wanted.p == NULL || !tag_matches(wanted, tag))
        return false;
    return nst_answer_empty(rq, 304) == NST_OK;
}

enum nst_err nst_phase_etag(struct nst_req *rq)
{
    if (rq->method != NST_GET || rq->x->status != 200 || rq->x->out.n == 0 || rq->is_internal ||
        rq->stream != NULL || rq->is_tagged)
        return NST_OK;
    struct nst_str tag = tag_of(rq, nst_buf_str(&rq->x->out));
    struct nst_str wanted = nst_http_request_header(rq->x, "If-None-Match");
    if (rq->cache != NULL && !rq->wants_zip && !says_no_store(rq->x))
        remember(rq, tag);
    if (wanted.p != NULL && tag_matches(wanted, tag))
        return answer_unchanged(rq, tag);
    add_tag(rq, tag);
    return NST_OK;
}

/* ---- Writes on a condition (RFC 9110, 13.1) ---- */

/* What the address of a request stands for at this moment. */
struct present {
    bool is_there;
    struct nst_str tag; /* null where it has no document */
};

/* That the view gave its answer by itself (nst_is_known): of what is no document in hand. */
static struct nst_str given_tag(const struct nst_exchange *x, unsigned from)
{
    struct nst_str tag = { 0 };
    for (unsigned i = from; i < x->headers; i++)
        if (nst_str_eq(x->header[i].name, NST_STR("ETag")))
            tag = nst_str_slice(x->header[i].value, 1, x->header[i].value.n - 1);
    return tag;
}

/* Ask as a GET of this address would; what it fails with means that nothing is there. What the
 * client has already (304) is there. */
static enum nst_err ask(struct present *out, struct nst_req *rq, const struct nst_action *get)
{
    struct nst_req probe = *rq;
    unsigned headers = rq->x->headers;
    probe.method = NST_GET;
    probe.action = get;
    probe.depth = 0;
    enum nst_err e = nst_phase_parents(&probe);
    e = e == NST_OK ? get->permit(&probe) : e;
    if (e == NST_OK && rq->x->status == 0)
        e = get->view(&probe);
    out->is_there = e == NST_OK && (rq->x->status < 300 || rq->x->status == 304);
    if (out->is_there && probe.is_tagged)
        out->tag = given_tag(rq->x, headers);
    else if (out->is_there && rq->x->out.n > 0 && probe.stream == NULL)
        out->tag = tag_of(rq, nst_buf_str(&rq->x->out));
    rq->x->status = 0;
    rq->x->out.n = 0;
    rq->x->headers = headers;
    rq->x->content_type = (struct nst_str){ 0 };
    return e == NST_E_RETRY || nst_err_status(e) >= 500 ? e : NST_OK;
}

/* An address without GET stands for what its path named last. */
static enum nst_err look_at_object(struct present *out, struct nst_req *rq)
{
    const struct nst_object *o = nst_object(rq);
    const struct nst_shape *shape = o != NULL ? nst_shape_of(o->model, rq->face, NST_DETAIL) : NULL;
    struct nst_sql by_id;
    struct nst_buf document;
    void *row = NULL;
    if (shape == NULL || o->row == NULL)
        return NST_OK;
    nst_sql_by_id(&by_id, rq, o->model->resource, ((struct nst_row *)o->row)->id);
    const struct nst_selection what = { shape->select, &shape->columns, &by_id, false };
    NST_TRY(nst_load_row(&row, rq, o->model, &what));
    if (row == NULL)
        return NST_OK;
    nst_buf_init(&document, rq->arena, NST_HTTP_ANSWER_MAX);
    nst_shape_put(&document, rq->face, shape, row);
    *out = (struct present){ true, tag_of(rq, nst_buf_str(&document)) };
    return NST_OK;
}

static bool holds(const struct present *now, struct nst_str if_match, struct nst_str if_none_match)
{
    if (if_match.p != NULL && !(now->is_there && tag_matches(if_match, now->tag)))
        return false;
    return if_none_match.p == NULL || !now->is_there || !tag_matches(if_none_match, now->tag);
}

/* The client changes the document that it knows, or nothing. What a POST to a list makes
 * is not what it was sent to, so it has no condition. Where nothing is there, the view says
 * first whether that is a failure of its own (404). */
enum nst_err nst_phase_precondition(struct nst_req *rq)
{
    struct nst_str if_match = nst_http_request_header(rq->x, "If-Match");
    struct nst_str if_none_match = nst_http_request_header(rq->x, "If-None-Match");
    const struct nst_action *get = rq->endpoint->action[NST_GET];
    struct present now = { 0 };
    if ((if_match.p == NULL && if_none_match.p == NULL) || rq->method == NST_GET ||
        rq->is_internal ||
        (rq->method == NST_POST && get != NULL && rq->endpoint->target == rq->endpoint->count))
        return NST_OK;
    NST_TRY(get != NULL ? ask(&now, rq, get) : look_at_object(&now, rq));
    if (holds(&now, if_match, if_none_match))
        return NST_OK;
    rq->is_unmet = true;
    return now.is_there ? NST_E_PRECONDITION : NST_OK;
}
