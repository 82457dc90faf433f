/* The life of a request as a list of phases; see nst_default_phases. A phase
 * fails, answers, or lets the next one go on. */
#include "openapi.h"

#include <assert.h>

/* ---- Negotiation ---- */

/* Does a range of an Accept header hold the media type "text/plain"? */
static bool holds_media(struct nst_str range, struct nst_str media)
{
    if (nst_str_eq(range, NST_STR("*/*")) || nst_str_eq_nocase(range, media))
        return true;
    struct nst_str kind = nst_str_cut(&media, '/');
    return nst_str_ends(range, NST_STR("/*")) && range.n == kind.n + 2 &&
           nst_str_eq_nocase(nst_str_slice(range, 0, kind.n), kind);
}

static bool allows(struct nst_str accept, const char *media)
{
    while (accept.p != NULL) {
        struct nst_str range = nst_str_cut(&accept, ',');
        if (holds_media(nst_str_trim(nst_str_cut(&range, ';')), nst_str_z(media)))
            return true;
    }
    return false;
}

/* Failures are JSON whatever is accepted; what a view answers besides, its description says. */
static bool allows_answer(struct nst_str accept, const struct nst_req *rq)
{
    const struct nst_action *action =
        rq->method < NST_METHOD_COUNT ? rq->endpoint->action[rq->method] : NULL;
    const struct nst_description *own = action != NULL ? action->describe : NULL;
    const struct nst_response *r = own != NULL ? own->response : NULL;
    for (; r != NULL && r->status != 0; r++)
        if (r->content.media != NULL && allows(accept, r->content.media))
            return true;
    return false;
}

static bool is_list(const struct nst_req *rq)
{
    const struct nst_action *action = rq->endpoint->action[NST_GET];
    return rq->method == NST_GET && action != NULL && nst_view_of(action) == nst_list;
}

/* In what form else the request asks for its answer. */
static bool allows_form(struct nst_str accept, struct nst_req *rq)
{
    return (is_list(rq) && nst_is_table_asked(rq) && allows(accept, "text/csv")) ||
           (rq->wants_zip && allows(accept, "application/zip"));
}

enum nst_err nst_phase_negotiate(struct nst_req *rq)
{
    struct nst_str accept = nst_http_request_header(rq->x, "Accept");
    return accept.n == 0 || allows(accept, "application/json") || allows_answer(accept, rq) ||
                   allows_form(accept, rq)
               ? NST_OK
               : NST_E_NOT_ACCEPTABLE;
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
    nst_json_put_str(out, nst_str_z(rq->endpoint->model->set.name));
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
    if (rq->method < NST_METHOD_COUNT && (rq->endpoint->route->not_found >> rq->method & 1) != 0)
        return NST_E_NOT_FOUND;
    nst_http_add_header(rq->x, "Allow", rq->endpoint->allow);
    struct nst_str method = nst_utf8_valid(rq->x->method) ? rq->x->method : NST_STR("?");
    return nst_fail_bare(rq, NST_E_METHOD, "detail",
                         nst_strf(rq->arena, "Method \"%.*s\" not allowed.", NST_FMT(method)));
}

/* ---- Objects of the path ---- */

static struct nst_selection choose(struct nst_req *rq, const struct nst_model *m, bool is_target)
{
    if (!is_target)
        return (struct nst_selection){ m->select_core, &m->core, NULL };
    if (rq->method != NST_GET)
        return (struct nst_selection){ m->select_all, &m->all, NULL };
    const struct nst_shape *shape = nst_shape_chosen(rq, m, NST_DETAIL);
    if (shape == NULL)
        return (struct nst_selection){ m->select_core, &m->core, NULL };
    return (struct nst_selection){ shape->select, &shape->columns, NULL };
}

/* A segment as the look-up field stores it; what is none of its values finds nothing. */
static struct nst_value key_of(struct nst_req *rq, const struct nst_field *key,
                               struct nst_str segment)
{
    const struct nst_json v = { .kind = NST_JSON_STRING, .text = segment };
    struct nst_str text = NST_STR(NST_NO_TEXT);
    int64_t number = -1;
    if (key->rep == NST_REP_INT)
        return NST_INT(key->type->parse(rq, key, &v, &number) ? number : -1);
    return NST_TEXT(key->type->parse(rq, key, &v, &text) ? text : NST_STR(NST_NO_TEXT));
}

/* A segment that stands for a row. */
struct named {
    const struct nst_step *step;
    struct nst_str value;
    bool is_target; /* it is what is asked for */
    bool is_held;   /* by a write, for itself: see struct nst_endpoint */
};

static enum nst_err load_named(void **row, struct nst_req *rq, const struct named *n)
{
    const struct nst_step *step = n->step;
    const struct nst_model *m = step->model;
    struct nst_sql q;
    nst_sql_init(&q, rq->arena);
    enum nst_err e = nst_scope(&q, rq, m, nst_object(rq));
    if (e == NST_OK && step->kind == STEP_ALIAS) {
        e = m->set.hook.alias(&q, rq, step->word);
    } else if (e == NST_OK) {
        const struct nst_field *key = &m->resource->field[m->key];
        nst_sql_add(&q, " AND ");
        nst_column_put(&q.text, m->resource, key);
        nst_sql_add(&q, " = ");
        nst_sql_bind(&q, key_of(rq, key, n->value));
    }
    if (e != NST_OK)
        return e;
    struct nst_selection what = choose(rq, m, n->is_target);
    what.conditions = &q;
    what.is_held = n->is_held;
    return nst_load_row(row, rq, m, &what);
}

/* Ancestors are the same for many requests: a loop keeps those it has read until
 * the data changes. */
static struct nst_str ancestor_key(struct nst_req *rq, const struct named *n)
{
    const struct nst_step *step = n->step;
    const struct nst_object *parent = nst_object(rq);
    struct nst_buf b;
    nst_buf_init(&b, rq->arena, 65536);
    nst_put_z(&b, n->is_held ? "held " : "row ");
    nst_put_z(&b, rq->face->name);
    nst_put_char(&b, ' ');
    nst_put_z(&b, step->model->set.name);
    nst_put_char(&b, step->kind == STEP_LOAD ? '/' : '~');
    if (step->kind == STEP_ALIAS)
        nst_put_int(&b, rq->caller.is_known ? rq->caller.id : -1);
    if (parent != NULL) {
        nst_put_z(&b, parent->model->set.name);
        nst_put_int(&b, ((const struct nst_row *)parent->row)->id);
    }
    nst_put_char(&b, '/');
    nst_put(&b, n->value);
    return nst_buf_whole(&b);
}

/* What its hooks read of the query may find another row of that name: none is kept then. */
static bool may_differ(struct nst_req *rq, const struct nst_model *m)
{
    for (const struct nst_parameter *p = m->set.asked; p != NULL && p->name != NULL; p++)
        if (nst_query_value(rq, p->name).n > 0)
            return true;
    return false;
}

static enum nst_err load_ancestor(void **row, struct nst_req *rq, const struct named *n)
{
    if (may_differ(rq, n->step->model))
        return load_named(row, rq, n);
    struct nst_str key = ancestor_key(rq, n);
    void *known = nst_cache_row(rq->cache, key);
    if (known != NULL) {
        *row = known;
        return NST_OK;
    }
    NST_TRY(load_named(row, rq, n));
    if (*row != NULL)
        nst_cache_put_row(rq->cache, key, n->step->model, *row);
    return NST_OK;
}

/* Load what one segment names, put it into the chain, ask whether the caller may
 * see it: before anything under it is looked at. */
static enum nst_err enter(struct nst_req *rq, const struct named *n)
{
    void *row;
    NST_TRY(!n->is_target && rq->cache != NULL ? load_ancestor(&row, rq, n)
                                               : load_named(&row, rq, n));
    const struct nst_set *set = &n->step->model->set;
    if (row == NULL && !(n->is_target && (rq->action->flags & NST_MAY_BE_ABSENT) != 0)) {
        rq->missing = n->step->kind == STEP_LOAD ? set->name : NULL;
        return NST_E_NOT_FOUND;
    }
    assert(rq->depth < NST_CHAIN_MAX);
    rq->chain[rq->depth++] = (struct nst_object){ n->step->model, row };
    return row != NULL && set->hook.may_view != NULL ? set->hook.may_view(rq, nst_object(rq))
                                                     : NST_OK;
}

enum nst_err nst_phase_parents(struct nst_req *rq)
{
    const struct nst_endpoint *endpoint = rq->endpoint;
    unsigned var = 0;
    for (size_t i = 0; i < endpoint->count; i++) {
        const struct nst_step *step = &endpoint->step[i];
        const struct named n = {
            .step = step,
            .value = step->word.p == NULL ? rq->var[var++] : step->word,
            .is_target = i == endpoint->target,
            .is_held = i >= endpoint->held && nst_is_write(rq),
        };
        if (step->kind == STEP_LOAD || step->kind == STEP_ALIAS)
            NST_TRY(enter(rq, &n));
    }
    return NST_OK;
}

enum nst_err nst_phase_permit(struct nst_req *rq)
{
    return rq->action->permit(rq);
}

/* ---- The body ---- */

static enum nst_err read_json(struct nst_req *rq, struct nst_str type)
{
    struct nst_json_fault fault;
    struct nst_json *tree;
    struct nst_str text;
    if (!nst_charset_decode(&text, rq->arena, type, rq->x->body))
        return nst_fail_bare(rq, NST_E_MALFORMED, "detail",
                             NST_STR("JSON parse error - the body is not in its charset"));
    enum nst_err e = nst_json_read(&tree, &fault, rq->arena, text, NULL);
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
    if (rq->method == NST_GET || rq->is_internal || (rq->action->flags & NST_SPOOLS) != 0)
        return NST_OK;
    struct nst_str type = nst_http_request_header(rq->x, "Content-Type"), rest = type;
    struct nst_str essence = nst_str_trim(nst_str_cut(&rest, ';'));
    rq->body = NST_NEW(rq->arena, struct nst_json);
    rq->body->kind = NST_JSON_OBJECT;
    if (rq->x->body.n == 0)
        return NST_OK;
    if (nst_str_eq_nocase(essence, NST_STR("application/json")))
        return read_json(rq, type);
    if (nst_str_eq_nocase(essence, NST_STR("application/x-www-form-urlencoded")) ||
        nst_str_eq_nocase(essence, NST_STR("multipart/form-data")))
        return nst_form_read(&rq->body, rq, type);
    struct nst_str shown = type.p != NULL && nst_utf8_valid(type) ? type : NST_STR("");
    return nst_fail_bare(rq, NST_E_MEDIA_TYPE, "detail",
                         nst_strf(rq->arena, "Unsupported media type \"%.*s\" in request.",
                                  NST_FMT(shown)));
}

/* ---- The view ---- */

/* A right may be lost meanwhile, and a row that the path names be another. */
enum nst_err nst_judge(struct nst_req *rq)
{
    const unsigned status = rq->x->status;
    enum nst_err e = NST_OK;
    nst_phase *const *phase = nst_phases_of(rq->face);
    for (; e == NST_OK && *phase != NULL; phase++) {
        if (*phase == nst_phase_parents)
            rq->depth = 0;
        if (*phase == nst_phase_parents || *phase == nst_phase_permit)
            e = (*phase)(rq);
        if (e == NST_OK && rq->x->status != status)
            e = NST_E_FORBIDDEN;
    }
    return e;
}

bool nst_may_read_elsewhere(const struct nst_req *rq)
{
    return rq->method == NST_GET && !rq->is_internal && !rq->is_gathering &&
           (rq->action->flags & NST_RECORDS) == 0 &&
           (is_list(rq) || (rq->action->flags & NST_LISTS) != 0);
}

static void forget_answer(struct nst_req *rq, unsigned headers)
{
    rq->x->status = 0;
    rq->x->out.n = 0;
    rq->x->headers = headers;
    rq->x->content_type = (struct nst_str){ 0 };
    rq->x->made_at = 0;
}

/* The rows of the path are read there once more: what is shown is of one moment. Whatever else
 * than an answer comes of it is left to the primary.
 *   is_answered  nothing is left to do */
static enum nst_err view_elsewhere(bool *is_answered, struct nst_req *rq)
{
    const struct nst_req before = *rq;
    unsigned headers = rq->x->headers;
    struct nst_db *replica;
    *is_answered = false;
    NST_TRY(nst_replica_enter(&replica, rq->db));
    if (replica == NULL)
        return NST_OK;
    rq->db = replica;
    enum nst_err e = nst_judge(rq);
    if (e == NST_OK)
        e = rq->action->view(rq);
    e = nst_replica_leave(replica, e);
    rq->db = before.db;
    *is_answered = e == NST_OK;
    if (e == NST_OK)
        return NST_OK;
    *rq = before;
    forget_answer(rq, headers);
    return e == NST_E_BUSY ? e : NST_OK;
}

enum nst_err nst_phase_view(struct nst_req *rq)
{
    bool is_answered = false;
    if (rq->is_gathering)
        return rq->action->gather != NULL ? rq->action->gather(rq) : NST_OK;
    if (nst_may_read_elsewhere(rq))
        NST_TRY(view_elsewhere(&is_answered, rq));
    if (!is_answered)
        NST_TRY(rq->action->view(rq));
    return rq->is_unmet ? NST_E_PRECONDITION : NST_OK;
}

nst_phase *const nst_default_phases[] = {
    nst_phase_authenticate,
    nst_phase_negotiate,
    nst_phase_method,
    nst_phase_cached,
    nst_phase_parents,
    nst_phase_permit,
    nst_phase_query,
    nst_phase_precondition,
    nst_phase_bind,
    nst_phase_view,
    nst_phase_etag,
    nst_phase_packed,
    NULL,
};
