/* Routes: a tree of path segments per face, built from the resources' tables
 * and walked once a request. Literals win over variables. */
#include "check.h"
#include "openapi.h"

#include <assert.h>

static const struct nst_model *model_named(struct nst_registry *reg, struct nst_str name)
{
    for (size_t i = 0; i < reg->models; i++)
        if (nst_str_eq(nst_str_z(reg->model[i].set.name), name))
            return &reg->model[i];
    return NULL;
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

static void fill_actions(struct nst_registry *reg, struct nst_endpoint *e)
{
    const struct nst_route *r = e->route;
    const struct nst_action *action[] = { &r->get, &r->post, &r->put, &r->patch, &r->delete };
    struct nst_buf allow;
    nst_buf_init(&allow, reg->arena, 256);
    for (int i = NST_GET; i <= NST_DELETE; i++) {
        if (action[i]->view == NULL)
            continue;
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
 * made lies in it. One that is replaced by its changes is held with the one around it. */
static size_t first_held(const struct nst_endpoint *e)
{
    unsigned rows = e->target < e->count ? 2 : 1;
    size_t i = e->count;
    while (i > 0 && rows > 0) {
        const struct nst_step *step = &e->step[--i];
        bool is_replaced = step->model != NULL && step->model->resource->is_replaced;
        rows -= loads(step) && !(rows == 1 && is_replaced);
    }
    return i;
}

/* A detail is about the row that its path ends with. A word may follow (`HEAD/`), where the
 * path is another name of that row's. */
static size_t find_target(const struct nst_endpoint *e)
{
    size_t i = e->count;
    while (i > 0 && !loads(&e->step[i - 1]))
        i--;
    bool is_about_it = i == e->count || nst_view_of(&e->route->get) == nst_retrieve;
    return i > 0 && is_about_it ? i - 1 : e->count;
}

/* Compile the segments of a path; false when one names no resource. */
static bool compile_steps(struct nst_registry *reg, struct nst_endpoint *e)
{
    struct nst_str rest = nst_str_slice(e->path, 1, e->path.n);
    bool is_good = true;
    e->step = NST_NEW_ARRAY(reg->arena, struct nst_step, e->path.n);
    while (rest.p != NULL && rest.n > 0) {
        struct nst_step step = compile_step(reg, nst_str_cut(&rest, '/'));
        is_good &= !loads(&step) || step.model != NULL;
        e->step[e->count++] = step;
    }
    e->target = find_target(e);
    e->held = first_held(e);
    return is_good;
}

static void keep(struct nst_registry *reg, struct nst_endpoint *e)
{
    struct nst_endpoint **all =
        NST_NEW_ARRAY(reg->arena, struct nst_endpoint *, reg->endpoints + 1);
    for (size_t i = 0; i < reg->endpoints; i++)
        all[i] = reg->endpoint[i];
    e->number = reg->endpoints;
    all[reg->endpoints++] = e;
    reg->endpoint = all;
}

static void add_path(struct nst_at at, const struct nst_model *m)
{
    struct nst_registry *reg = at.reg;
    struct nst_endpoint *e = NST_NEW(reg->arena, struct nst_endpoint);
    struct nst_node *node = reg->root[nst_face_index(reg, at.route->face)];
    e->route = at.route;
    e->model = m;
    e->path = at.path;
    at.endpoint = e;
    at.row = nst_strf(reg->arena, "route %.*s", NST_FMT(at.path));
    if (!nst_check_path(&at))
        return;
    if (!compile_steps(reg, e)) {
        nst_refuse(&at, "a path names no resource", "correct it, or list the resource");
        return;
    }
    for (size_t i = 0; i < e->count; i++)
        node = child_of(reg, node, e->step[i].word);
    if (node->endpoint != NULL)
        nst_refuse(&at, "a path stands twice", "bring its methods together in one route");
    node->endpoint = e;
    nst_check_endpoint(&at);
    fill_actions(reg, e);
    keep(reg, e);
}

/* Add a path with the first of its "(a|b)" expanded, recursively. */
static void add_alternatives(struct nst_at at, const struct nst_model *m)
{
    struct nst_str path = at.path;
    size_t open = nst_str_find(path, '(');
    if (open == path.n) {
        add_path(at, m);
        return;
    }
    size_t close = nst_str_find(path, ')');
    struct nst_str choices = nst_str_slice(path, open + 1, close);
    struct nst_str before = nst_str_slice(path, 0, open);
    struct nst_str after = nst_str_slice(path, close + 1, path.n);
    while (choices.p != NULL) {
        struct nst_str one = nst_str_cut(&choices, '|');
        at.path =
            nst_strf(at.reg->arena, "%.*s%.*s%.*s", NST_FMT(before), NST_FMT(one), NST_FMT(after));
        add_alternatives(at, m);
    }
}

void nst_route_add(struct nst_registry *reg, const struct nst_model *m)
{
    for (size_t i = 0; i < m->set.routes; i++) {
        const struct nst_route *route = &m->set.route[i];
        const struct nst_at at = {
            .reg = reg,
            .table = nst_str_z(m->set.name),
            .row = nst_strf(reg->arena, "route %s", route->path != NULL ? route->path : "?"),
            .resource = m->resource,
            .set = &m->set,
            .route = route,
            .path = nst_str_z(route->path),
        };
        if (nst_check_route(&at))
            add_alternatives(at, m);
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
    struct nst_str segment[NST_SEGMENTS_MAX];
    size_t n = 0;
    bool has_slash = nst_str_ends(path, NST_STR("/")) || rq->face->ignores_slash;
    struct nst_str rest = nst_str_slice(path, 1, path.n);
    while (rest.p != NULL && rest.n > 0) {
        if (n == NST_SEGMENTS_MAX)
            return NST_E_NOT_FOUND;
        segment[n] = nst_percent_decode(rq->arena, nst_str_cut(&rest, '/'), false);
        if (!nst_utf8_valid(segment[n]) || nst_str_find(segment[n], '\0') < segment[n].n)
            return NST_E_NOT_FOUND;
        n++;
    }
    const struct nst_registry *reg = rq->registry;
    rq->endpoint = walk(reg->root[nst_face_index(reg, rq->face)], segment, n);
    if (rq->endpoint != NULL && !has_slash && !rq->endpoint->route->ignores_slash)
        rq->endpoint = NULL;
    if (rq->endpoint == NULL)
        return NST_E_NOT_FOUND;
    rq->vars = 0;
    for (size_t i = 0; i < n; i++) {
        if (rq->endpoint->step[i].kind == STEP_LITERAL || rq->endpoint->step[i].kind == STEP_ALIAS)
            continue;
        assert(rq->vars < NST_VAR_MAX);
        rq->var[rq->vars++] = segment[i];
    }
    return NST_OK;
}
