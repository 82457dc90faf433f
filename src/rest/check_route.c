/* Checks routes: their paths before they are compiled, then what a path loads and
 * what its methods do. */
#include "check.h"
#include "openapi.h"

/* ---- Paths ---- */

static bool face_is_unlisted(const struct nst_at *at)
{
    return !nst_lists_face(at->reg, at->route->face);
}

static bool lacks_doc(const struct nst_at *at)
{
    return at->route->doc == NULL;
}

static bool path_is_malformed(const struct nst_at *at)
{
    struct nst_str path = at->path;
    if (path.n == 0 || path.p[0] != '/' || !nst_str_ends(path, NST_STR("/")))
        return true;
    for (size_t i = 1; i < path.n; i++)
        if (path.p[i] == '/' && path.p[i - 1] == '/')
            return true;
    return false;
}

static bool has_too_many_segments(const struct nst_at *at)
{
    size_t slashes = 0;
    for (size_t i = 0; i < at->path.n; i++)
        slashes += at->path.p[i] == '/';
    return slashes > NST_SEGMENTS_MAX + 1;
}

/* `(a/b|c)` stand one behind another, not in one another. */
static bool alternatives_are_open(const struct nst_at *at)
{
    bool is_open = false;
    for (size_t i = 0; i < at->path.n; i++) {
        char c = at->path.p[i];
        if ((c == '(' && is_open) || (c == ')' && !is_open))
            return true;
        is_open = c == '(' || (is_open && c != ')');
    }
    return is_open;
}

static const struct nst_check route_checks[] = {
    { face_is_unlisted, "its face is not in the list of faces", "add the face" },
    { lacks_doc, "a route needs a sentence of documentation", "write it in .doc" },
    { alternatives_are_open, "the parentheses of the path do not match",
      "close them, and put none inside others" },
    { 0 },
};

static const struct nst_check path_checks[] = {
    { path_is_malformed, "a path begins and ends with a slash, and has no empty segment",
      "correct it" },
    { has_too_many_segments, "a path has more than 16 segments", "shorten it" },
    { 0 },
};

bool nst_check_route(const struct nst_at *at)
{
    return nst_passes(at, route_checks);
}

bool nst_check_path(const struct nst_at *at)
{
    return nst_passes(at, path_checks);
}

/* ---- What a path loads ---- */

static bool loads(const struct nst_step *step)
{
    return step->kind == STEP_LOAD || step->kind == STEP_ALIAS;
}

static unsigned count_loads(const struct nst_endpoint *e)
{
    unsigned count = 0;
    for (size_t i = 0; i < e->count; i++)
        count += loads(&e->step[i]);
    return count;
}

static bool loads_too_many(const struct nst_at *at)
{
    return count_loads(at->endpoint) > NST_CHAIN_MAX;
}

static bool has_too_many_variables(const struct nst_at *at)
{
    unsigned count = 0;
    for (size_t i = 0; i < at->endpoint->count; i++)
        count += at->endpoint->step[i].word.p == NULL;
    return count > NST_VAR_MAX;
}

/* True when the question is answered with yes for a resource that the path loads;
 * `above` is what it loads before, or NULL. */
static bool any_load(const struct nst_at *at,
                     bool (*is_wrong)(const struct nst_step *step, const struct nst_model *above))
{
    const struct nst_model *above = NULL;
    for (size_t i = 0; i < at->endpoint->count; i++) {
        const struct nst_step *step = &at->endpoint->step[i];
        if (!loads(step))
            continue;
        if (is_wrong(step, above))
            return true;
        above = step->model;
    }
    return false;
}

static bool step_lacks_key(const struct nst_step *step, const struct nst_model *above)
{
    (void)above;
    return step->model->resource->size == 0 || (step->kind == STEP_LOAD && step->model->key < 0);
}

static bool step_lacks_alias(const struct nst_step *step, const struct nst_model *above)
{
    (void)above;
    return step->kind == STEP_ALIAS && step->model->set.hook.alias == NULL;
}

static bool is_unscoped(const struct nst_model *m)
{
    return m->resource->parent == NULL && m->set.hook.scope == NULL;
}

static bool step_is_unscoped(const struct nst_step *step, const struct nst_model *above)
{
    return above != NULL && is_unscoped(step->model);
}

static bool lacks_key(const struct nst_at *at)
{
    return any_load(at, step_lacks_key);
}

static bool lacks_alias(const struct nst_at *at)
{
    return any_load(at, step_lacks_alias);
}

static bool loads_unscoped(const struct nst_at *at)
{
    return any_load(at, step_is_unscoped);
}

static const struct nst_check endpoint_checks[] = {
    { loads_too_many, "the path loads more than 6 resources", "shorten it" },
    { has_too_many_variables, "the path has more than 8 variables", "shorten it" },
    { lacks_key, "a resource of the path has no key to be found by",
      "mark one of its fields with NST_KEY, or name it in .key" },
    { lacks_alias, "a resource of the path has no alias hook", "write .hook.alias, or use :name" },
    { loads_unscoped, "a nested resource that would be found under any parent",
      "name the column of its parent in .parent, or write .hook.scope" },
    { 0 },
};

/* ---- What its methods do ---- */

static bool does(const struct nst_at *at, nst_view *view)
{
    return at->action->view == view;
}

/* The resource whose rows a generic view is about. */
static const struct nst_model *model_of(const struct nst_at *at)
{
    const struct nst_endpoint *e = at->endpoint;
    return e->target < e->count ? e->step[e->target].model : e->model;
}

static bool has_permission_only(const struct nst_at *at)
{
    return at->action->view == NULL;
}

static bool lacks_permission(const struct nst_at *at)
{
    return at->action->permit == NULL;
}

static bool takes_tokens(const struct nst_face *face)
{
    struct nst_str rest = nst_str_z(face->credentials != NULL ? face->credentials : "token");
    bool takes = false;
    while (face->authenticate != NULL && rest.p != NULL)
        takes |= nst_str_eq(nst_str_cut(&rest, ' '), NST_STR("token"));
    return takes;
}

/* A browser is asked for name and token (Basic). */
static bool is_page_in_vain(const struct nst_at *at)
{
    const struct nst_route *route = at->endpoint->route;
    return (at->action->flags & NST_PAGE) != 0 &&
           (!takes_tokens(route->face) || (at->action->flags & NST_ANONYMOUS) != 0 ||
            at->action != &route->get);
}

/* Nobody but the view itself knows what it takes and answers. */
static bool lacks_description(const struct nst_at *at)
{
    return at->endpoint->route->face->mount != NULL && !nst_is_generic(at->action->view) &&
           at->action->describe == NULL;
}

static bool describes_no_answer(const struct nst_at *at)
{
    const struct nst_description *own = at->action->describe;
    return own != NULL && own->as == NULL && (own->response == NULL || own->response->status == 0);
}

/* Rows of one status, or of the generic view's. */
static bool answers_twice(const struct nst_at *at)
{
    const struct nst_description *own = at->action->describe;
    const struct nst_response *r = own != NULL ? own->response : NULL;
    for (const struct nst_response *one = r; one != NULL && one->status != 0; one++)
        for (const struct nst_response *before = r; before != one; before++)
            if (before->status == one->status)
                return true;
    return false;
}

static bool is_broken(const struct nst_at *at, const char *schema)
{
    return schema != NULL && !nst_is_json(at->reg->arena, schema);
}

static bool has_broken_schema(const struct nst_at *at)
{
    const struct nst_description *own = at->action->describe;
    const struct nst_parameter *p = own != NULL ? own->parameter : NULL;
    const struct nst_response *r = own != NULL ? own->response : NULL;
    bool any = own != NULL && is_broken(at, own->request.schema);
    for (; p != NULL && p->name != NULL; p++)
        any |= p->doc == NULL || is_broken(at, p->schema);
    for (; r != NULL && r->status != 0; r++)
        any |= r->doc == NULL || is_broken(at, r->content.schema);
    return any;
}

static bool gathers_in_vain(const struct nst_at *at)
{
    return at->action->gather != NULL && at->action->prepare == NULL;
}

/* A generic view needs its serializer; inside the program nothing is rendered. */
static bool lacks_serializer(const struct nst_at *at)
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
    const struct nst_face *face = at->endpoint->route->face;
    for (size_t i = 0; i < NST_COUNT(needed); i++)
        if (does(at, needed[i].view) && !(face->mount == NULL && needed[i].renders) &&
            nst_shape_of(model_of(at), face, needed[i].use) == NULL)
            return true;
    return false;
}

static bool stores(const struct nst_resource *r, const char *name)
{
    int i = nst_field_index(r, nst_str_z(name));
    return i >= 0 && nst_is_stored(&r->field[i]);
}

/* nst_destroy marks a row inactive, at a time. */
static bool cannot_destroy(const struct nst_at *at)
{
    const struct nst_resource *r = model_of(at)->resource;
    return does(at, nst_destroy) && !(stores(r, "is_active") && stores(r, "updated_at"));
}

static bool lacks_row(const struct nst_at *at)
{
    bool needs = does(at, nst_retrieve) || does(at, nst_update) || does(at, nst_destroy);
    bool may_lack = (at->action->flags & NST_MAY_BE_ABSENT) != 0;
    return needs && (may_lack || count_loads(at->endpoint) == 0);
}

static bool is_of_many(const struct nst_at *at)
{
    return does(at, nst_list) || does(at, nst_create);
}

static bool lacks_store(const struct nst_at *at)
{
    return is_of_many(at) && at->endpoint->model->resource->size == 0;
}

static bool lacks_order(const struct nst_at *at)
{
    return does(at, nst_list) && at->set->order == NULL && at->set->hook.order == NULL;
}

static bool is_of_any_parent(const struct nst_at *at)
{
    return is_of_many(at) && count_loads(at->endpoint) > 0 && is_unscoped(at->endpoint->model);
}

/* A scope says where rows are found, not where a new one belongs. */
static bool creates_an_orphan(const struct nst_at *at)
{
    bool is_nested = count_loads(at->endpoint) > 0;
    return does(at, nst_create) && at->set->hook.before_create == NULL &&
           is_nested != (at->resource->parent != NULL);
}

static const struct nst_check action_checks[] = {
    { has_permission_only, "a permission without a view", "name the view, or take it out" },
    { lacks_permission, "a method without a permission", "name one: nst_allow_any lets everybody" },
    { is_page_in_vain, "NST_PAGE where no token is asked for, or not of a GET", "take it out" },
    { lacks_description, "a view of its own without a description",
      "say in .describe what it takes and answers" },
    { describes_no_answer, "a description without an answer",
      "name a generic view in .as, or a row in .response" },
    { answers_twice, "a description has two answers of one status", "leave one row" },
    { has_broken_schema, "a row of the description has no doc, or its schema is no JSON",
      "write both" },
    { gathers_in_vain, "gather is of use before prepare only", "set .prepare, or take it out" },
    { lacks_store, "a generic view of a resource without a struct", "write a view" },
    { lacks_row, "a generic view of one row, and the path need not load one",
      "end the path with :name, and take NST_MAY_BE_ABSENT out" },
    { lacks_serializer, "a generic view without its serializer",
      "nst_list needs NST_LIST, the others NST_DETAIL and NST_CREATE or NST_UPDATE" },
    { lacks_order, "a list without an order", "set .order, a unique key last" },
    { cannot_destroy, "nst_destroy needs the columns is_active and updated_at",
      "add both fields, or write a view" },
    { is_of_any_parent, "a nested route that would show and fill any parent",
      "name the column of its parent in .parent, or write .hook.scope" },
    { creates_an_orphan, "a new row would have no parent",
      "nest the route and name the column in .parent, or set it in .hook.before_create" },
    { 0 },
};

static bool is_empty(const struct nst_action *a)
{
    return a->view == NULL && a->permit == NULL && a->gather == NULL && a->prepare == NULL;
}

static void check_actions(struct nst_at at)
{
    static const char *const method[] = { "GET", "POST", "PUT", "PATCH", "DELETE" };
    const struct nst_route *r = at.endpoint->route;
    const struct nst_action *action[] = { &r->get, &r->post, &r->put, &r->patch, &r->delete };
    struct nst_str route = at.row;
    for (int i = NST_GET; i <= NST_DELETE; i++) {
        at.action = action[i];
        at.row = nst_strf(at.reg->arena, "%.*s %s", NST_FMT(route), method[i]);
        if (!is_empty(at.action))
            nst_passes(&at, action_checks);
    }
}

/* ---- What stands above a resource with a parent column ---- */

static void note_above(const struct nst_at *at, const struct nst_model *m,
                       const struct nst_resource *above)
{
    struct nst_model *own = &at->reg->model[m - at->reg->model];
    if (m->resource->parent == NULL)
        return;
    if (own->above != NULL && own->above != above)
        nst_refuse(at, "another resource stands above it here than elsewhere",
                   "one column has numbers of one table: write .hook.scope");
    else
        own->above = above;
}

static void note_parents(const struct nst_at *at)
{
    const struct nst_endpoint *e = at->endpoint;
    const struct nst_resource *above = NULL;
    for (size_t i = 0; i < e->count; i++) {
        if (!loads(&e->step[i]))
            continue;
        if (above != NULL)
            note_above(at, e->step[i].model, above);
        above = e->step[i].model->resource;
    }
    if (above != NULL && (e->route->get.view == nst_list || e->route->post.view == nst_create))
        note_above(at, e->model, above);
}

void nst_check_endpoint(const struct nst_at *at)
{
    if (!nst_passes(at, endpoint_checks))
        return;
    check_actions(*at);
    note_parents(at);
}
