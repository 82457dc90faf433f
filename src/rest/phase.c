/* The life of a request as a list of phases; see nst_default_phases. A phase
 * fails, answers, or lets the next one go on. */
#include "model.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

/* ---- Negotiation ---- */

static bool allows_json(struct nst_str accept)
{
    while (accept.p != NULL) {
        struct nst_str range = nst_str_cut(&accept, ',');
        struct nst_str type = nst_str_trim(nst_str_cut(&range, ';'));
        if (nst_str_eq(type, NST_STR("*/*")) || nst_str_eq_nocase(type, NST_STR("application/*")) ||
            nst_str_eq_nocase(type, NST_STR("application/json")))
            return true;
    }
    return false;
}

enum nst_err nst_phase_negotiate(struct nst_req *rq)
{
    struct nst_str accept = nst_http_request_header(rq->x, "Accept");
    return accept.n == 0 || allows_json(accept) ? NST_OK : NST_E_NOT_ACCEPTABLE;
}

enum nst_err nst_phase_authenticate(struct nst_req *rq)
{
    if (rq->is_internal || rq->face->authenticate == NULL)
        return NST_OK;
    return rq->face->authenticate(rq);
}

/* ---- Method ---- */

static enum nst_err answer_options(struct nst_req *rq)
{
    struct nst_buf *out = &rq->x->out;
    nst_http_add_header(rq->x, "Allow", rq->endpoint->allow);
    nst_put_lit(out, "{\"name\":");
    nst_json_put_str(out, nst_str_z(rq->endpoint->model->resource->name));
    nst_put_lit(out, ",\"description\":");
    nst_json_put_str(out, nst_str_z(rq->endpoint->route->doc));
    nst_put_lit(out, ",\"renders\":[\"application/json\"],\"parses\":[\"application/json\","
                     "\"application/x-www-form-urlencoded\",\"multipart/form-data\"]}");
    return nst_answer_json(rq, 200);
}

enum nst_err nst_phase_method(struct nst_req *rq)
{
    if (rq->method == NST_OPTIONS)
        return answer_options(rq);
    rq->action = rq->method < NST_METHOD_COUNT ? rq->endpoint->action[rq->method] : NULL;
    if (rq->action != NULL)
        return NST_OK;
    nst_http_add_header(rq->x, "Allow", rq->endpoint->allow);
    struct nst_str method = nst_utf8_valid(rq->x->method) ? rq->x->method : NST_STR("?");
    return nst_fail_bare(rq, NST_E_METHOD, "detail",
                         nst_strf(rq->arena, "Method \"%.*s\" not allowed.", NST_FMT(method)));
}

/* ---- Conditional requests ---- */

/* Everything that the answer depends on besides the data. */
static struct nst_str cache_key(struct nst_req *rq)
{
    struct nst_buf b;
    nst_buf_init(&b, rq->arena, 65536);
    nst_put_lit(&b, "etag ");
    nst_put_z(&b, rq->face->name);
    nst_put_char(&b, ' ');
    nst_put_int(&b, rq->caller.is_known ? rq->caller.id : -1);
    nst_put_char(&b, ' ');
    nst_put(&b, rq->x->path);
    nst_put_char(&b, '?');
    nst_put(&b, rq->x->query);
    return nst_buf_str(&b);
}

/* One tag of an If-None-Match or If-Match list, without W/ and the mark that the
 * HTTP layer adds to compressed answers. */
static struct nst_str next_tag(struct nst_str *list)
{
    struct nst_str tag = nst_str_trim(nst_str_cut(list, ','));
    if (nst_str_starts(tag, NST_STR("W/")))
        tag = nst_str_slice(tag, 2, tag.n);
    if (tag.n >= 2 && tag.p[0] == '"')
        tag = nst_str_slice(tag, 1, tag.n - 1);
    if (nst_str_ends(tag, NST_STR("-gzip")))
        tag.n -= 5;
    return tag;
}

static bool tag_matches(struct nst_str list, struct nst_str tag)
{
    while (list.p != NULL) {
        struct nst_str one = next_tag(&list);
        if (nst_str_eq(one, tag) || nst_str_eq(one, NST_STR("*")))
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

/* A document as a loop remembers it; the body only when it is small and comes
 * without headers of its own. */
struct remembered {
    char tag[TAG_DIGITS];
    bool has_body;
    uint32_t length;
    char body[];
};

#define REMEMBERED_MAX 4096 /* bytes of a body */

static void remember(struct nst_req *rq, struct nst_str tag)
{
    struct nst_str body = nst_buf_str(&rq->x->out), key = cache_key(rq);
    /* What is asked for once is not worth a copy; its tag is. */
    bool is_known = nst_cache_get(rq->cache, key) != NULL;
    bool has_body = is_known && body.n <= REMEMBERED_MAX && rq->x->header_count == 0;
    size_t size = sizeof(struct remembered) + (has_body ? body.n : 0);
    struct remembered *r = nst_alloc(rq->arena, size);
    memcpy(r->tag, tag.p, TAG_DIGITS);
    r->has_body = has_body;
    r->length = has_body ? (uint32_t)body.n : 0;
    if (has_body)
        memcpy(r->body, body.p, body.n);
    nst_cache_put(rq->cache, key, r, size);
}

enum nst_err nst_phase_cached(struct nst_req *rq)
{
    if (rq->cache == NULL || rq->method != NST_GET || rq->is_internal)
        return NST_OK;
    const struct remembered *r = nst_cache_get(rq->cache, cache_key(rq));
    if (r == NULL)
        return NST_OK;
    struct nst_str wanted = nst_http_request_header(rq->x, "If-None-Match");
    const struct nst_str tag = { r->tag, TAG_DIGITS };
    if (wanted.p != NULL && tag_matches(wanted, tag))
        return answer_unchanged(rq, tag);
    if (!r->has_body)
        return NST_OK;
    nst_put(&rq->x->out, (struct nst_str){ r->body, r->length });
    add_tag(rq, tag);
    return nst_answer_json(rq, 200);
}

enum nst_err nst_phase_etag(struct nst_req *rq)
{
    if (rq->method != NST_GET || rq->x->status != 200 || rq->x->out.n == 0 || rq->is_internal)
        return NST_OK;
    struct nst_str tag = tag_of(rq, nst_buf_str(&rq->x->out));
    struct nst_str wanted = nst_http_request_header(rq->x, "If-None-Match");
    if (rq->cache != NULL)
        remember(rq, tag);
    if (wanted.p != NULL && tag_matches(wanted, tag))
        return answer_unchanged(rq, tag);
    add_tag(rq, tag);
    return NST_OK;
}

/* If-Match: the client changes the document that it knows, or nothing. */
enum nst_err nst_phase_precondition(struct nst_req *rq)
{
    struct nst_str wanted = nst_http_request_header(rq->x, "If-Match");
    const struct nst_object *o = nst_object(rq);
    if (wanted.p == NULL || rq->method == NST_GET || !rq->endpoint->is_detail)
        return NST_OK;
    if (o == NULL || o->row == NULL)
        return NST_E_PRECONDITION;
    const struct nst_shape *shape = nst_shape_of(o->model, rq->face, NST_DETAIL);
    struct nst_sql by_id;
    struct nst_buf document;
    void *row;
    nst_sql_by_id(&by_id, rq, o->model->resource, ((struct nst_row *)o->row)->id);
    const struct nst_selection what = { shape->select, shape->columns, &by_id };
    enum nst_err e = nst_load_row(&row, rq, o->model, &what);
    if (e != NST_OK || row == NULL)
        return e != NST_OK ? e : NST_E_PRECONDITION;
    nst_buf_init(&document, rq->arena, NST_HTTP_ANSWER_MAX);
    nst_shape_put(&document, rq->face, shape, row);
    return tag_matches(wanted, tag_of(rq, nst_buf_str(&document))) ? NST_OK : NST_E_PRECONDITION;
}

/* ---- Objects of the path (G56 to G60) ---- */

static struct nst_selection choose(struct nst_req *rq, const struct nst_model *m, bool is_target)
{
    if (!is_target)
        return (struct nst_selection){ m->select_core, m->core, NULL };
    if (rq->method != NST_GET)
        return (struct nst_selection){ m->select_all, m->all, NULL };
    const struct nst_resource *r = m->resource;
    enum nst_use use = r->hook.shape != NULL ? r->hook.shape(rq, NST_DETAIL) : NST_DETAIL;
    const struct nst_shape *shape = nst_shape_of(m, rq->face, use);
    if (shape == NULL)
        return (struct nst_selection){ m->select_core, m->core, NULL };
    return (struct nst_selection){ shape->select, shape->columns, NULL };
}

static enum nst_err load_step(void **row, struct nst_req *rq, const struct nst_step *step,
                              struct nst_str value, bool is_target)
{
    const struct nst_model *m = step->model;
    const struct nst_resource *r = m->resource;
    struct nst_sql q;
    enum nst_err e = NST_OK;
    nst_sql_init(&q, rq->arena);
    if (r->hook.scope != NULL)
        e = r->hook.scope(&q, rq, nst_object(rq));
    if (e == NST_OK && step->kind == STEP_ALIAS) {
        e = r->hook.alias(&q, rq, step->word);
    } else if (e == NST_OK) {
        const struct nst_field *key = &r->field[m->key];
        nst_sql_add(&q, " AND ");
        nst_column_put(&q.text, r, key);
        nst_sql_add(&q, " = ");
        int64_t number = -1;
        if (key->rep == NST_REP_INT && !nst_str_int(&number, value))
            number = -1;
        nst_sql_bind(&q, key->rep == NST_REP_INT ? NST_INT(number) : NST_TEXT(value));
    }
    if (e != NST_OK)
        return e;
    struct nst_selection what = choose(rq, m, is_target);
    what.conditions = &q;
    return nst_load_row(row, rq, m, &what);
}

/* Ancestors are the same for many requests: a loop keeps those it has read until
 * the data changes. */
static struct nst_str ancestor_key(struct nst_req *rq, const struct nst_step *step,
                                   struct nst_str value)
{
    const struct nst_object *parent = nst_object(rq);
    struct nst_buf b;
    nst_buf_init(&b, rq->arena, 65536);
    nst_put_lit(&b, "row ");
    nst_put_z(&b, rq->face->name);
    nst_put_char(&b, ' ');
    nst_put_z(&b, step->model->resource->name);
    nst_put_char(&b, step->kind == STEP_LOAD ? '/' : '~');
    if (step->kind == STEP_ALIAS)
        nst_put_int(&b, rq->caller.is_known ? rq->caller.id : -1);
    if (parent != NULL) {
        nst_put_z(&b, parent->model->resource->name);
        nst_put_int(&b, ((const struct nst_row *)parent->row)->id);
    }
    nst_put_char(&b, '/');
    nst_put(&b, value);
    return nst_buf_str(&b);
}

static enum nst_err load_ancestor(void **row, struct nst_req *rq, const struct nst_step *step,
                                  struct nst_str value)
{
    struct nst_str key = ancestor_key(rq, step, value);
    void *known = nst_cache_row(rq->cache, key);
    if (known != NULL) {
        *row = known;
        return NST_OK;
    }
    NST_TRY(load_step(row, rq, step, value, false));
    if (*row != NULL)
        nst_cache_put_row(rq->cache, key, step->model, *row);
    return NST_OK;
}

enum nst_err nst_phase_parents(struct nst_req *rq)
{
    const struct nst_endpoint *endpoint = rq->endpoint;
    unsigned var = 0;
    for (size_t i = 0; i < endpoint->count; i++) {
        const struct nst_step *step = &endpoint->step[i];
        struct nst_str value = step->word.p == NULL ? rq->var[var++] : step->word;
        if (step->kind == STEP_LITERAL || step->kind == STEP_TEXT)
            continue;
        bool is_last = i + 1 == endpoint->count;
        void *row;
        bool is_known = !is_last && rq->cache != NULL;
        enum nst_err e = is_known ? load_ancestor(&row, rq, step, value)
                                  : load_step(&row, rq, step, value, is_last);
        if (e != NST_OK)
            return e;
        if (row == NULL && !(is_last && (rq->action->flags & NST_MAY_BE_ABSENT) != 0)) {
            rq->missing = step->model->resource->name;
            return NST_E_NOT_FOUND;
        }
        assert(rq->depth < NST_CHAIN_MAX);
        rq->chain[rq->depth++] = (struct nst_object){ step->model, row };
        if (row != NULL && step->model->resource->hook.may_view != NULL) {
            e = step->model->resource->hook.may_view(rq, nst_object(rq));
            if (e != NST_OK)
                return e;
        }
    }
    return NST_OK;
}

enum nst_err nst_phase_permit(struct nst_req *rq)
{
    return rq->action->permit(rq);
}

/* ---- The body (G88) ---- */

static enum nst_err read_json(struct nst_req *rq)
{
    struct nst_json_fault fault;
    struct nst_json *tree;
    enum nst_err e = nst_json_read(&tree, &fault, rq->arena, rq->x->body, NULL);
    if (e == NST_OK) {
        rq->body = tree;
        return NST_OK;
    }
    return nst_fail_bare(rq, NST_E_MALFORMED, "detail",
                         nst_strf(rq->arena, "JSON parse error - line %zu column %zu: %s",
                                  fault.line, fault.column, fault.reason));
}

enum nst_err nst_phase_bind(struct nst_req *rq)
{
    if (rq->method == NST_GET || rq->is_internal)
        return NST_OK;
    struct nst_str type = nst_http_request_header(rq->x, "Content-Type"), rest = type;
    struct nst_str essence = nst_str_trim(nst_str_cut(&rest, ';'));
    rq->body = NST_NEW(rq->arena, struct nst_json);
    rq->body->kind = NST_JSON_OBJECT;
    if (rq->x->body.n == 0)
        return NST_OK;
    if (nst_str_eq_nocase(essence, NST_STR("application/json")))
        return read_json(rq);
    if (nst_str_eq_nocase(essence, NST_STR("application/x-www-form-urlencoded")) ||
        nst_str_eq_nocase(essence, NST_STR("multipart/form-data")))
        return nst_form_read(&rq->body, rq, type);
    struct nst_str shown = essence.p != NULL && nst_utf8_valid(essence) ? essence : NST_STR("");
    return nst_fail_bare(rq, NST_E_MEDIA_TYPE, "detail",
                         nst_strf(rq->arena, "Unsupported media type \"%.*s\" in request.",
                                  NST_FMT(shown)));
}

enum nst_err nst_phase_view(struct nst_req *rq)
{
    if (!rq->is_gathering)
        return rq->action->view(rq);
    return rq->action->gather != NULL ? rq->action->gather(rq) : NST_OK;
}

nst_phase *const nst_default_phases[] = {
    nst_phase_authenticate,
    nst_phase_negotiate,
    nst_phase_method,
    nst_phase_cached,
    nst_phase_parents,
    nst_phase_permit,
    nst_phase_precondition,
    nst_phase_bind,
    nst_phase_view,
    nst_phase_etag,
    NULL,
};

/* ---- Running them ---- */

enum nst_err nst_run_phases(struct nst_req *rq)
{
    enum nst_err e = rq->endpoint == NULL ? NST_E_NOT_FOUND : NST_OK;
    for (nst_phase *const *phase = rq->face->phase; e == NST_OK && *phase != NULL; phase++) {
        e = (*phase)(rq);
        if (rq->x->status != 0 && *phase != nst_phase_view)
            break;
    }
    if (e == NST_E_RETRY)
        return e;
    if (e != NST_OK) {
        rq->x->status = 0;
        rq->x->out.n = 0;
        rq->face->error(rq, e);
    }
    return e;
}

void nst_req_rewind(struct nst_req *rq)
{
    rq->depth = 0;
    rq->problem = NULL;
    rq->missing = NULL;
    rq->body = NULL;
    rq->action = NULL;
    rq->caller = rq->is_internal ? rq->caller : (struct nst_caller){ 0 };
    rq->x->status = 0;
    rq->x->header_count = 0;
    rq->x->content_type = (struct nst_str){ 0 };
    nst_buf_init(&rq->x->out, rq->arena, NST_HTTP_ANSWER_MAX);
}

enum nst_err nst_call(struct nst_req *rq, const struct nst_face *face, enum nst_method method,
                      struct nst_str path, struct nst_json *body)
{
    static const char *const name[] = { "GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS" };
    rq->face = face;
    rq->method = method;
    rq->is_internal = true;
    rq->now = nst_now();
    nst_req_rewind(rq);
    rq->body = body;
    rq->x->method = nst_str_z(name[method]);
    struct nst_str rest = path;
    rq->x->path = nst_str_cut(&rest, '?');
    rq->x->query = rest;
    rq->endpoint = NULL;
    enum nst_err e = nst_route_find(rq, rq->x->path);
    return e == NST_OK || e == NST_E_NOT_FOUND ? nst_run_phases(rq) : e;
}
