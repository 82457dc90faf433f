/* What a document asks for: its operation chosen, fragments spread, what stands there twice once,
 * arguments with the values of variables. All that can be wrong with it is found here, in work that
 * OCL_GRAPHQL_STEPS bounds, however its fragments spread one another. */
#include "graphql.h"

/* Where selections stand. */
struct scope {
    const struct ocl_graphql_type *type;
    const struct ocl_graphql_type *on; /* as in struct ocl_graphql_pick */
};

static bool fail(struct ocl_graphql *g, size_t at, struct nst_str message)
{
    if (g->fault.message.p == NULL)
        g->fault = (struct ocl_graphql_fault){ .message = message, .at = at };
    return false;
}

#define FAIL(g, at, ...) fail((g), (at), nst_strf((g)->arena, __VA_ARGS__))

/* ---- Values ---- */

static struct nst_json *make(struct ocl_graphql *g, enum nst_json_kind kind, struct nst_str text)
{
    struct nst_json *v = NST_NEW(g->arena, struct nst_json);
    *v = (struct nst_json){ .kind = kind, .text = text };
    return v;
}

static bool resolve(const struct nst_json **out, struct ocl_graphql *g,
                    const struct ocl_graphql_value *v);

/* What the request gives a variable, or its definition does; NULL: nothing. */
static bool resolve_variable(const struct nst_json **out, struct ocl_graphql *g,
                             const struct ocl_graphql_value *v)
{
    const struct ocl_graphql_variable *d = g->chosen->variable;
    while (d != NULL && !nst_str_eq(d->name, v->text))
        d = d->next;
    if (d == NULL)
        return FAIL(g, v->at, "Variable '$%.*s' is not defined.", NST_FMT(v->text));
    *out = nst_json_get(g->variables, d->name);
    return *out != NULL || d->fallback == NULL || resolve(out, g, d->fallback);
}

static bool resolve_list(const struct nst_json **out, struct ocl_graphql *g,
                         const struct ocl_graphql_value *v)
{
    struct nst_json *list = make(g, NST_JSON_ARRAY, (struct nst_str){ 0 }), **tail = &list->first;
    for (const struct ocl_graphql_value *i = v->first; i != NULL; i = i->next) {
        const struct nst_json *item = NULL;
        if (!resolve(&item, g, i))
            return false;
        *tail = make(g, NST_JSON_NULL, (struct nst_str){ 0 });
        if (item != NULL)
            **tail = *item;
        (*tail)->next = NULL;
        tail = &(*tail)->next;
        list->count++;
    }
    *out = list;
    return true;
}

/* The same as JSON. A word of an enumeration and an object become an object, which no parameter
 * takes. */
static bool resolve(const struct nst_json **out, struct ocl_graphql *g,
                    const struct ocl_graphql_value *v)
{
    static const enum nst_json_kind kind[] = {
        [OCL_GRAPHQL_NULL] = NST_JSON_NULL,     [OCL_GRAPHQL_BOOL] = NST_JSON_BOOL,
        [OCL_GRAPHQL_NUMBER] = NST_JSON_NUMBER, [OCL_GRAPHQL_STRING] = NST_JSON_STRING,
        [OCL_GRAPHQL_ENUM] = NST_JSON_OBJECT,   [OCL_GRAPHQL_OBJECT] = NST_JSON_OBJECT,
    };
    if (v->kind == OCL_GRAPHQL_VARIABLE)
        return resolve_variable(out, g, v);
    if (v->kind == OCL_GRAPHQL_LIST)
        return resolve_list(out, g, v);
    struct nst_json *made = make(g, kind[v->kind], v->text);
    made->boolean = nst_str_eq(v->text, NST_STR("true"));
    *out = made;
    return true;
}

/* ---- Arguments ---- */

static bool is_of(const struct nst_json *v, const struct ocl_graphql_type *type)
{
    int64_t n;
    if (v->kind == NST_JSON_NULL)
        return true;
    if (type->leaf == OCL_GRAPHQL_INT)
        return v->kind == NST_JSON_NUMBER && nst_str_int(&n, v->text) && n >= INT32_MIN &&
               n <= INT32_MAX;
    if (type->leaf == OCL_GRAPHQL_BOOLEAN)
        return v->kind == NST_JSON_BOOL;
    return nst_json_is_text(v);
}

/* Of a list every item, none of which may be null; what is no list is one of one item. */
static bool fits(const struct nst_json *v, const struct ocl_graphql_parameter *p)
{
    if (!p->is_list || v->kind != NST_JSON_ARRAY)
        return is_of(v, p->type);
    for (const struct nst_json *i = v->first; i != NULL; i = i->next)
        if (i->kind == NST_JSON_NULL || !is_of(i, p->type))
            return false;
    return true;
}

static const struct ocl_graphql_parameter *find_parameter(const struct ocl_graphql_field *field,
                                                          struct nst_str name)
{
    const struct ocl_graphql_parameter *p = field->parameter;
    while (p != NULL && p->name != NULL && !nst_str_eq(nst_str_z(p->name), name))
        p++;
    return p != NULL && p->name != NULL ? p : NULL;
}

static bool take_argument(struct ocl_graphql *g, const struct ocl_graphql_type *type,
                          const struct ocl_graphql_pick *pick, const struct nst_json **values,
                          const struct ocl_graphql_value *v)
{
    const struct ocl_graphql_field *field = pick->field;
    const struct ocl_graphql_parameter *p = find_parameter(field, v->name);
    if (p == NULL)
        return FAIL(g, v->at, "Unknown argument '%.*s' on field '%s.%s'.", NST_FMT(v->name),
                    type->name, field->name);
    const struct nst_json **value = &values[p - field->parameter];
    if (*value != NULL)
        return FAIL(g, v->at, "There can be only one argument named '%.*s'.", NST_FMT(v->name));
    if (!resolve(value, g, v))
        return false;
    return *value == NULL || fits(*value, p) ||
           FAIL(g, v->at, "Argument '%s' of field '%s' must be %s%s%s.", p->name, field->name,
                p->is_list ? "a list of " : "", p->type->name, p->is_list ? "!" : "");
}

static bool take_arguments(struct ocl_graphql *g, const struct ocl_graphql_type *type,
                           struct ocl_graphql_pick *pick)
{
    size_t count = 0;
    while (pick->field->parameter != NULL && pick->field->parameter[count].name != NULL)
        count++;
    const struct nst_json **values = NST_NEW_ARRAY(g->arena, const struct nst_json *, count + 1);
    for (const struct ocl_graphql_value *v = pick->by->argument; v != NULL; v = v->next)
        if (!take_argument(g, type, pick, values, v))
            return false;
    pick->argument = values;
    return true;
}

/* ---- Directives ---- */

/* @skip and @include.
 *   left_out  set where one of them takes the selection out */
static bool judge(bool *left_out, struct ocl_graphql *g, const struct ocl_graphql_directive *d)
{
    for (; d != NULL; d = d->next) {
        bool is_skip = nst_str_eq(d->name, NST_STR("skip"));
        const struct nst_json *v = NULL;
        if (!is_skip && !nst_str_eq(d->name, NST_STR("include")))
            return FAIL(g, d->at, "Unknown directive '@%.*s'.", NST_FMT(d->name));
        if (d->argument == NULL || d->argument->next != NULL ||
            !nst_str_eq(d->argument->name, NST_STR("if")))
            return FAIL(g, d->at, "Directive '@%.*s' takes the argument 'if', and no other.",
                        NST_FMT(d->name));
        if (!resolve(&v, g, d->argument))
            return false;
        if (v == NULL || v->kind != NST_JSON_BOOL)
            return FAIL(g, d->at, "Argument 'if' of directive '@%.*s' must be Boolean!.",
                        NST_FMT(d->name));
        *left_out = *left_out || v->boolean == is_skip;
    }
    return true;
}

/* ---- Selections ---- */

static bool plan(struct ocl_graphql_pick **list, struct ocl_graphql *g, struct scope at,
                 const struct ocl_graphql_selection *s);

/* The pick with that key, made where there is none; one of another type of a union is another. */
static struct ocl_graphql_pick *pick_of(struct ocl_graphql_pick **list, struct ocl_graphql *g,
                                        struct scope at, const struct ocl_graphql_selection *s)
{
    for (; *list != NULL; list = &(*list)->next)
        if (nst_str_eq((*list)->key, s->key) && (*list)->on == at.on)
            return *list;
    *list = NST_NEW(g->arena, struct ocl_graphql_pick);
    **list = (struct ocl_graphql_pick){ .key = s->key, .on = at.on };
    return *list;
}

static const struct ocl_graphql_field *find_field(const struct ocl_graphql_type *type,
                                                  struct nst_str name)
{
    const struct ocl_graphql_field *f = type->field;
    while (f != NULL && f->name != NULL && !nst_str_eq(nst_str_z(f->name), name))
        f++;
    return f != NULL && f->name != NULL ? f : NULL;
}

/* A field that stands there before has to mean the same. */
static bool is_alike(struct ocl_graphql *g, const struct ocl_graphql_pick *pick,
                     const struct ocl_graphql_selection *s)
{
    return pick->by == NULL ||
           (nst_str_eq(pick->by->name, s->name) && nst_str_eq(pick->by->arguments, s->arguments)) ||
           FAIL(g, s->at,
                "Fields '%.*s' conflict because they ask for different things. Use different "
                "aliases on the fields to fetch both if this was intentional.",
                NST_FMT(s->key));
}

static bool check_inside(struct ocl_graphql *g, const struct ocl_graphql_field *field,
                         const struct ocl_graphql_selection *s)
{
    if (field->type->leaf == OCL_GRAPHQL_COMPOSITE && s->first == NULL)
        return FAIL(g, s->at,
                    "Field '%s' of type '%s' must have a selection of subfields. Did you mean "
                    "'%s { ... }'?",
                    field->name, field->type->name, field->name);
    if (field->type->leaf != OCL_GRAPHQL_COMPOSITE && s->first != NULL)
        return FAIL(g, s->at,
                    "Field '%s' must not have a selection since type '%s' has no subfields.",
                    field->name, field->type->name);
    return true;
}

static bool plan_field(struct ocl_graphql_pick **list, struct ocl_graphql *g, struct scope at,
                       const struct ocl_graphql_selection *s)
{
    const struct ocl_graphql_field *field = find_field(at.type, s->name);
    bool is_typename = nst_str_eq(s->name, NST_STR("__typename"));
    if (field == NULL && !is_typename)
        return FAIL(g, s->at, "Cannot query field '%.*s' on type '%s'.", NST_FMT(s->name),
                    at.type->name);
    struct ocl_graphql_pick *pick = pick_of(list, g, at, s);
    if (!is_alike(g, pick, s))
        return false;
    if (is_typename && (s->first != NULL || s->argument != NULL))
        return FAIL(g, s->at, "Field '__typename' takes neither arguments nor a selection.");
    pick->field = field;
    bool is_new = pick->by == NULL;
    pick->by = is_new ? s : pick->by;
    if (is_typename)
        return true;
    if (!check_inside(g, field, s) || (is_new && !take_arguments(g, at.type, pick)))
        return false;
    return plan(&pick->first, g, (struct scope){ field->type, NULL }, s->first);
}

/* Of a union its types narrow; of anything else there is only the type itself. */
static bool narrow(struct scope *inner, struct ocl_graphql *g, struct scope at, struct nst_str name,
                   size_t where)
{
    *inner = at;
    if (name.p == NULL || nst_str_eq(nst_str_z(at.type->name), name))
        return true;
    for (size_t i = 0; at.type->among != NULL && at.type->among[i] != NULL; i++)
        if (nst_str_eq(nst_str_z(at.type->among[i]->name), name)) {
            *inner = (struct scope){ at.type->among[i], at.type->among[i] };
            return true;
        }
    return FAIL(g, where,
                "Fragment cannot be spread here as objects of type '%s' can never be of type "
                "'%.*s'.",
                at.type->name, NST_FMT(name));
}

static bool plan_spread(struct ocl_graphql_pick **list, struct ocl_graphql *g, struct scope at,
                        const struct ocl_graphql_selection *s)
{
    struct ocl_graphql_definition *d = g->document;
    struct scope inner;
    while (d != NULL && (d->on.p == NULL || !nst_str_eq(d->name, s->name)))
        d = d->next;
    if (d == NULL)
        return FAIL(g, s->at, "Unknown fragment '%.*s'.", NST_FMT(s->name));
    if (d->is_open)
        return FAIL(g, s->at, "Cannot spread fragment '%.*s' within itself.", NST_FMT(s->name));
    if (!narrow(&inner, g, at, d->on, s->at))
        return false;
    d->is_open = true;
    bool is_good = plan(list, g, inner, d->first);
    d->is_open = false;
    return is_good;
}

static bool plan_one(struct ocl_graphql_pick **list, struct ocl_graphql *g, struct scope at,
                     const struct ocl_graphql_selection *s)
{
    struct scope inner;
    if (++g->steps > OCL_GRAPHQL_STEPS)
        return FAIL(g, s->at, "The document comes to more than %d selections.", OCL_GRAPHQL_STEPS);
    if (s->selects == OCL_GRAPHQL_FIELD)
        return plan_field(list, g, at, s);
    if (s->selects == OCL_GRAPHQL_SPREAD)
        return plan_spread(list, g, at, s);
    return narrow(&inner, g, at, s->name, s->at) && plan(list, g, inner, s->first);
}

/* What is left out is checked all the same, in a list of its own. */
static bool plan(struct ocl_graphql_pick **list, struct ocl_graphql *g, struct scope at,
                 const struct ocl_graphql_selection *s)
{
    for (; s != NULL; s = s->next) {
        struct ocl_graphql_pick *dropped = NULL;
        bool left_out = false;
        if (!judge(&left_out, g, s->directive) || !plan_one(left_out ? &dropped : list, g, at, s))
            return false;
    }
    return true;
}

/* Of a union, what is asked for of all its types is not shown once more for one of them. */
static bool mark_again(struct ocl_graphql *g, struct ocl_graphql_pick *list)
{
    for (struct ocl_graphql_pick *p = list; p != NULL; p = p->next) {
        for (const struct ocl_graphql_pick *q = list; q != NULL; q = q->next) {
            if (p->on == NULL || q->on != NULL || !nst_str_eq(p->key, q->key))
                continue;
            if (!is_alike(g, q, p->by))
                return false;
            p->is_again = true;
        }
        if (!mark_again(g, p->first))
            return false;
    }
    return true;
}

/* ---- The operation ---- */

static bool choose(struct ocl_graphql *g)
{
    size_t operations = 0;
    for (const struct ocl_graphql_definition *d = g->document; d != NULL; d = d->next) {
        if (d->on.p != NULL)
            continue;
        operations++;
        if (g->operation.p == NULL || (d->name.p != NULL && nst_str_eq(d->name, g->operation)))
            g->chosen = d;
    }
    if (g->operation.p != NULL && g->chosen == NULL)
        return FAIL(g, 0, "Unknown operation named '%.*s'.", NST_FMT(g->operation));
    if (g->chosen == NULL)
        return FAIL(g, 0, "Must provide an operation.");
    if (g->operation.p == NULL && operations > 1)
        return FAIL(g, 0, "Must provide operation name if query contains multiple operations.");
    return nst_str_eq(g->chosen->word, NST_STR("query")) ||
           FAIL(g, g->chosen->at, "Schema is not configured to execute %.*s operation.",
                NST_FMT(g->chosen->word));
}

static bool check_variables(struct ocl_graphql *g)
{
    for (const struct ocl_graphql_variable *d = g->chosen->variable; d != NULL; d = d->next) {
        const struct nst_json *v = nst_json_get(g->variables, d->name);
        bool is_missing = v == NULL ? d->fallback == NULL : v->kind == NST_JSON_NULL;
        if (nst_str_ends(d->type, NST_STR("!")) && is_missing)
            return FAIL(g, d->at, "Variable '$%.*s' of required type '%.*s' was not provided.",
                        NST_FMT(d->name), NST_FMT(d->type));
    }
    return true;
}

bool ocl_graphql_plan(struct ocl_graphql_pick **out, struct ocl_graphql *g)
{
    *out = NULL;
    return ocl_graphql_read(&g->document, &g->fault, g->arena, g->text) && choose(g) &&
           check_variables(g) &&
           plan(out, g, (struct scope){ &ocl_graphql_root, NULL }, g->chosen->first) &&
           mark_again(g, *out);
}

bool ocl_graphql_asks(const struct ocl_graphql_pick *pick, const char *path)
{
    struct nst_str rest = nst_str_z(path), name = nst_str_cut(&rest, '.');
    for (const struct ocl_graphql_pick *p = pick->first; p != NULL; p = p->next)
        if (p->field != NULL && nst_str_eq(nst_str_z(p->field->name), name) &&
            (rest.p == NULL || ocl_graphql_asks(p, rest.p)))
            return true;
    return false;
}
