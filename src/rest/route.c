/* Routes: a tree of path segments per face, built from the resources' tables
 * and walked once a request. Literals win over variables (G61). */
#include "model.h"

#include "nestor/base/log.h"

#include <assert.h>

#define PATHS_MAX    32 /* alternatives of one route */
#define SEGMENTS_MAX 16

/* Expand the first "(a|b)" of path, recursively, into out. */
static size_t expand(struct nst_arena *a, struct nst_str path, struct nst_str *out, size_t n)
{
    size_t open = nst_str_find(path, '(');
    if (open == path.n) {
        assert(n < PATHS_MAX);
        out[n] = path;
        return n + 1;
    }
    size_t close = nst_str_find(path, ')');
    assert(close < path.n);
    struct nst_str choices = nst_str_slice(path, open + 1, close);
    struct nst_str before = nst_str_slice(path, 0, open);
    struct nst_str after = nst_str_slice(path, close + 1, path.n);
    while (choices.p != NULL) {
        struct nst_str one = nst_str_cut(&choices, '|');
        struct nst_str whole =
            nst_strf(a, "%.*s%.*s%.*s", NST_FMT(before), NST_FMT(one), NST_FMT(after));
        n = expand(a, whole, out, n);
    }
    return n;
}

static void fault(struct nst_registry *reg, struct nst_str what, const char *why)
{
    nst_log(NST_LOG_ERROR, "table_fault", NST_LOG_STR("what", what),
            NST_LOG_STR("why", nst_str_z(why)));
    reg->faults++;
}

static const struct nst_model *model_named(struct nst_registry *reg, struct nst_str name)
{
    for (size_t i = 0; i < reg->models; i++)
        if (nst_str_eq(nst_str_z(reg->model[i].resource->name), name))
            return &reg->model[i];
    fault(reg, name, "a path names no resource");
    return &reg->model[0];
}

static struct nst_step compile_step(struct nst_registry *reg, struct nst_str segment)
{
    struct nst_step step = { .kind = STEP_LITERAL, .word = segment };
    if (segment.n > 0 && segment.p[0] == ':') {
        struct nst_str name = nst_str_slice(segment, 1, segment.n);
        step.word = (struct nst_str){ 0 };
        if (nst_str_ends(name, NST_STR("?"))) {
            name.n--;
            step.kind = STEP_TEXT;
        } else {
            step.kind = STEP_LOAD;
            step.model = model_named(reg, name);
        }
        step.name = nst_str_to_z(reg->arena, name);
        return step;
    }
    struct nst_str name = segment;
    struct nst_str word = nst_str_cut(&name, '~');
    if (name.p != NULL) {
        step.kind = STEP_ALIAS;
        step.word = word;
        step.model = model_named(reg, name);
        step.name = nst_str_to_z(reg->arena, name);
    }
    return step;
}

static struct nst_node *child_of(struct nst_registry *reg, struct nst_node *node,
                                 struct nst_str word)
{
    struct nst_node **at = &node->child;
    for (; *at != NULL; at = &(*at)->next)
        if (nst_str_eq((*at)->word, word))
            return *at;
    /* Variables stand last: the first match while walking is the literal. */
    struct nst_node *fresh = NST_NEW(reg->arena, struct nst_node);
    fresh->word = word;
    if (word.p == NULL) {
        *at = fresh;
    } else {
        fresh->next = node->child;
        node->child = fresh;
    }
    return fresh;
}

static const char *const method_name[NST_METHOD_COUNT] = { "GET",   "POST",   "PUT",
                                                           "PATCH", "DELETE", "OPTIONS" };

/* A generic view needs its serializer; inside the program nothing is rendered. */
static bool lacks_serializer(const struct nst_endpoint *e, const struct nst_action *action)
{
    static const struct {
        nst_view *view;
        enum nst_use use;
        bool renders;
    } needed[] = {
        { nst_list, NST_LIST, true },      { nst_retrieve, NST_DETAIL, true },
        { nst_create, NST_CREATE, false }, { nst_create, NST_DETAIL, true },
        { nst_update, NST_UPDATE, false }, { nst_update, NST_DETAIL, true },
    };
    const struct nst_model *m = e->is_detail ? e->step[e->count - 1].model : e->model;
    bool is_inside = e->route->face->mount == NULL;
    for (size_t i = 0; i < NST_COUNT(needed); i++)
        if (action->view == needed[i].view && !(is_inside && needed[i].renders) &&
            nst_shape_of(m, e->route->face, needed[i].use) == NULL)
            return true;
    return false;
}

/* If-Match compares with the document that the face shows: a route that changes what
 * it names needs one. */
static bool lacks_document(const struct nst_endpoint *e, enum nst_method method)
{
    return e->is_detail && method != NST_GET && e->route->face->mount != NULL &&
           nst_shape_of(e->step[e->count - 1].model, e->route->face, NST_DETAIL) == NULL;
}

static bool stores(const struct nst_resource *r, const char *name)
{
    int i = nst_field_index(r, nst_str_z(name));
    return i >= 0 && nst_is_stored(&r->field[i]);
}

/* nst_destroy marks a row inactive, at a time. */
static bool lacks_columns(const struct nst_endpoint *e, const struct nst_action *action)
{
    const struct nst_model *m = e->is_detail ? e->step[e->count - 1].model : e->model;
    return action->view == nst_destroy &&
           !(stores(m->resource, "is_active") && stores(m->resource, "updated_at"));
}

static void fill_actions(struct nst_registry *reg, struct nst_endpoint *e)
{
    const struct nst_route *r = e->route;
    const struct nst_action *action[] = { &r->get, &r->post, &r->put, &r->patch, &r->delete };
    struct nst_buf allow;
    nst_buf_init(&allow, reg->arena, 256);
    for (int i = NST_GET; i <= NST_DELETE; i++) {
        if (action[i]->view == NULL)
            continue;
        if (action[i]->permit == NULL)
            fault(reg, e->path, "a method without a permission");
        if (lacks_serializer(e, action[i]))
            fault(reg, e->path, "a generic view without its serializer");
        if (lacks_document(e, (enum nst_method)i))
            fault(reg, e->path, "a route that changes a row needs its detail serializer");
        if (lacks_columns(e, action[i]))
            fault(reg, e->path, "nst_destroy needs the columns is_active and updated_at");
        e->action[i] = action[i];
        nst_put_z(&allow, method_name[i]);
        nst_put_lit(&allow, ", ");
    }
    if (e->action[NST_GET] != NULL)
        nst_put_lit(&allow, "HEAD, ");
    nst_put_lit(&allow, "OPTIONS");
    e->allow = nst_buf_str(&allow);
}

static bool loads(const struct nst_step *step)
{
    return step->kind == STEP_LOAD || step->kind == STEP_ALIAS;
}

/* A write holds the row that its path ends with, and the one around it, since what becomes
 * of a row concerns its neighbours; where the path ends with no row, the last one: what is
 * made lies in it. */
static size_t first_held(const struct nst_endpoint *e)
{
    unsigned rows = e->is_detail ? 2 : 1;
    size_t i = e->count;
    while (i > 0 && rows > 0)
        rows -= loads(&e->step[--i]);
    return i;
}

static void add_path(struct nst_registry *reg, const struct nst_model *m,
                     const struct nst_route *route, struct nst_str path)
{
    struct nst_endpoint *e = NST_NEW(reg->arena, struct nst_endpoint);
    struct nst_node *node = reg->root[nst_face_index(reg, route->face)];
    struct nst_str rest = nst_str_slice(path, 1, path.n);
    e->route = route;
    e->model = m;
    e->path = path;
    e->step = NST_NEW_ARRAY(reg->arena, struct nst_step, SEGMENTS_MAX);
    while (rest.p != NULL && rest.n > 0) {
        assert(e->count < SEGMENTS_MAX);
        struct nst_step step = compile_step(reg, nst_str_cut(&rest, '/'));
        e->step[e->count++] = step;
        node = child_of(reg, node, step.word);
        e->is_detail = loads(&step);
    }
    e->held = first_held(e);
    if (node->endpoint != NULL)
        fault(reg, path, "a path stands twice");
    node->endpoint = e;
    fill_actions(reg, e);
    struct nst_endpoint **all =
        NST_NEW_ARRAY(reg->arena, struct nst_endpoint *, reg->endpoints + 1);
    for (size_t i = 0; i < reg->endpoints; i++)
        all[i] = reg->endpoint[i];
    all[reg->endpoints++] = e;
    reg->endpoint = all;
}

void nst_route_add(struct nst_registry *reg, const struct nst_model *m)
{
    for (size_t i = 0; i < m->resource->route_count; i++) {
        const struct nst_route *route = &m->resource->route[i];
        struct nst_str path[PATHS_MAX];
        size_t n = expand(reg->arena, nst_str_z(route->path), path, 0);
        for (size_t k = 0; k < n; k++)
            add_path(reg, m, route, path[k]);
    }
}

/* A walk tries the literal first and comes back for the variable, since
 * /a/latest/ may exist while /a/latest/concepts/ goes through /a/:version/. */
static const struct nst_endpoint *walk(const struct nst_node *node, const struct nst_str *segment,
                                       size_t count)
{
    if (count == 0)
        return node->endpoint;
    for (const struct nst_node *c = node->child; c != NULL; c = c->next) {
        if (c->word.p != NULL && !nst_str_eq(c->word, *segment))
            continue;
        const struct nst_endpoint *found = walk(c, segment + 1, count - 1);
        if (found != NULL)
            return found;
    }
    return NULL;
}

enum nst_err nst_route_find(struct nst_req *rq, struct nst_str path)
{
    return rq->face->route != NULL ? rq->face->route(rq, path) : nst_route_tree(rq, path);
}

struct nst_str nst_allowed_methods(const struct nst_req *rq)
{
    return rq->endpoint->allow;
}

enum nst_err nst_route_tree(struct nst_req *rq, struct nst_str path)
{
    struct nst_str segment[SEGMENTS_MAX];
    size_t n = 0;
    if (!nst_str_ends(path, NST_STR("/")) && !rq->face->ignores_slash)
        return NST_E_NOT_FOUND;
    struct nst_str rest = nst_str_slice(path, 1, path.n);
    while (rest.p != NULL && rest.n > 0) {
        if (n == SEGMENTS_MAX)
            return NST_E_NOT_FOUND;
        segment[n] = nst_percent_decode(rq->arena, nst_str_cut(&rest, '/'), false);
        if (!nst_utf8_valid(segment[n]) || nst_str_find(segment[n], '\0') < segment[n].n)
            return NST_E_NOT_FOUND;
        n++;
    }
    const struct nst_registry *reg = rq->registry;
    rq->endpoint = walk(reg->root[nst_face_index(reg, rq->face)], segment, n);
    if (rq->endpoint == NULL)
        return NST_E_NOT_FOUND;
    rq->var_count = 0;
    for (size_t i = 0; i < n; i++) {
        if (rq->endpoint->step[i].kind == STEP_LITERAL || rq->endpoint->step[i].kind == STEP_ALIAS)
            continue;
        assert(rq->var_count < NST_VAR_MAX);
        rq->var[rq->var_count++] = segment[i];
    }
    return NST_OK;
}
