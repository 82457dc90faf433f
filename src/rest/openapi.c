/* OpenAPI 3.1 out of the same tables that serve: paths from the route trees, schemas
 * from the serializers, and what a view of one's own says of itself. */
#include "openapi.h"

static const char *const method_name[] = { "get", "post", "put", "patch", "delete" };

void nst_put_comma(struct nst_buf *out)
{
    if (out->n > 0 && out->p[out->n - 1] != '{' && out->p[out->n - 1] != '[')
        nst_put_char(out, ',');
}

void nst_put_member(struct nst_buf *out, const char *name, const char *text)
{
    nst_put_comma(out);
    nst_putf(out, "\"%s\":", name);
    nst_json_put_str(out, nst_str_z(text));
}

const struct nst_model *nst_answered_model(const struct nst_endpoint *e)
{
    return e->target < e->count ? e->step[e->target].model : e->model;
}

bool nst_is_generic(nst_view *view)
{
    return view == nst_list || view == nst_retrieve || view == nst_create || view == nst_update ||
           view == nst_destroy;
}

nst_view *nst_view_of(const struct nst_action *action)
{
    return action->describe != NULL ? action->describe->as : action->view;
}

/* ---- Paths ---- */

static bool is_variable(const struct nst_step *step)
{
    return step->word.p == NULL;
}

static void put_path(struct nst_buf *out, const struct nst_endpoint *e)
{
    nst_put_comma(out);
    nst_putf(out, "\"%s", e->route->face->mount);
    for (size_t i = 0; i < e->count; i++) {
        if (is_variable(&e->step[i]))
            nst_putf(out, "/{%s}", e->step[i].name);
        else
            nst_putf(out, "/%.*s", NST_FMT(e->step[i].word));
    }
    nst_put_lit(out, "/\":{");
}

/* "v2_get_orgs_org_sources". openapi_test.py looks that none stands twice. */
static void put_operation_id(struct nst_buf *out, const struct nst_endpoint_method *op)
{
    const struct nst_endpoint *e = op->endpoint;
    nst_putf(out, "\"operationId\":\"%s_%s", e->route->face->name, method_name[op->method]);
    for (size_t i = 0; i < e->count; i++) {
        struct nst_str word =
            is_variable(&e->step[i]) ? nst_str_z(e->step[i].name) : e->step[i].word;
        nst_put_char(out, '_');
        for (size_t k = 0; k < word.n; k++)
            nst_put_char(out, word.p[k] == '-' || word.p[k] == '.' ? '_' : word.p[k]);
    }
    nst_put_char(out, '"');
}

static void put_path_parameters(struct nst_buf *out, const struct nst_endpoint *e)
{
    nst_put_lit(out, "\"parameters\":[");
    for (size_t i = 0; i < e->count; i++) {
        const struct nst_step *step = &e->step[i];
        if (!is_variable(step))
            continue;
        nst_put_comma(out);
        nst_putf(out,
                 "{\"name\":\"%s\",\"in\":\"path\",\"required\":true,"
                 "\"schema\":{\"type\":\"string\",\"minLength\":1},\"description\":",
                 step->name);
        nst_json_put_str(out, step->model != NULL
                                  ? nst_strf(out->arena, "`%s` of the %s.",
                                             step->model->resource->field[step->model->key].name,
                                             step->model->set.name)
                                  : NST_STR("Which one, by its name."));
        nst_put_char(out, '}');
    }
    nst_put_char(out, ']');
}

/* ---- Parameters of the query ---- */

static void put_parameter(struct nst_buf *out, const struct nst_parameter *p)
{
    nst_put_comma(out);
    nst_putf(out, "{\"name\":\"%s\",\"in\":\"query\",\"schema\":%s", p->name,
             p->schema != NULL ? p->schema : "{\"type\":\"string\"}");
    nst_put_member(out, "description", p->doc);
    nst_put_char(out, '}');
}

static void put_parameter_rows(struct nst_buf *out, const struct nst_parameter *p)
{
    for (; p != NULL && p->name != NULL; p++)
        put_parameter(out, p);
}

#define NUMBER "{\"type\":\"integer\",\"minimum\":%u%s}"

#define PARAMETERS_MAX 16

static void add_parameter(struct nst_parameter *list, size_t *count, const char *name,
                          const char *schema, const char *doc)
{
    if (name != NULL)
        list[(*count)++] = (struct nst_parameter){ name, schema, doc };
}

/* What the lists of a face ask the query for; ends with a row without name, and holds at most
 * PARAMETERS_MAX. */
static void page_parameters(struct nst_parameter *list, struct nst_arena *a,
                            const struct nst_list_grammar *g)
{
    size_t n = 0;
    const char *most = nst_strf(a, ",\"maximum\":%u", g->limit_max).p;
    const char *usual = nst_strf(a, "%s,\"default\":%u", most, g->limit_default).p;
    add_parameter(list, &n, g->limit, nst_strf(a, NUMBER, 1, usual).p, "Rows of a page.");
    add_parameter(list, &n, g->limit_too, nst_strf(a, NUMBER, 1, most).p, "The same.");
    add_parameter(list, &n, g->page, nst_strf(a, NUMBER, 1, ",\"default\":1").p,
                  "Number of the page.");
    add_parameter(list, &n, g->offset, nst_strf(a, NUMBER, 0, "").p,
                  "Rows before the page, instead of its number.");
    add_parameter(list, &n, g->after, NULL,
                  "Where the page before ended, from a link of its answer.");
    add_parameter(list, &n, g->format, "{\"enum\":[\"json\",\"csv\"]}",
                  "`csv`: every row, whatever page is asked for, as a table.");
    add_parameter(list, &n, g->table, NST_SWITCH_SCHEMA,
                  "The address of that table, as `url`, instead of the rows.");
    list[n] = (struct nst_parameter){ 0 };
}

static void sort_parameters(struct nst_parameter *list, struct nst_arena *a,
                            const struct nst_list_grammar *g, struct nst_str names)
{
    size_t n = 0;
    add_parameter(list, &n, g->sort_up, NULL, "Name to sort by, upwards.");
    add_parameter(list, &n, g->sort_down, NULL, "Name to sort by, downwards.");
    add_parameter(
        list, &n, g->sort, NULL,
        nst_strf(a, "Names to sort by, `-` before one for downwards: %.*s.", NST_FMT(names)).p);
    list[n] = (struct nst_parameter){ 0 };
}

void nst_list_words(const char *word[NST_LIST_WORDS], const struct nst_face *face)
{
    const struct nst_list_grammar *g = nst_lists_of(face);
    const char *const all[NST_LIST_WORDS] = { g->limit,   g->limit_too, g->page,  g->offset,
                                              g->after,   g->format,    g->table, g->sort,
                                              g->sort_up, g->sort_down };
    memcpy(word, all, sizeof(all));
}

bool nst_is_list_parameter(const struct nst_face *face, struct nst_str name)
{
    const char *word[NST_LIST_WORDS];
    nst_list_words(word, face);
    for (size_t i = 0; i < NST_LIST_WORDS; i++)
        if (word[i] != NULL && nst_str_eq(nst_str_z(word[i]), name))
            return true;
    return false;
}

static void put_sorts(struct nst_buf *out, const struct nst_list_grammar *g,
                      const struct nst_resource *r)
{
    struct nst_parameter list[PARAMETERS_MAX];
    struct nst_buf names;
    nst_buf_init(&names, out->arena, 4096);
    for (const struct nst_sort *s = r->sort; s != NULL && s->name != NULL; s++)
        nst_putf(&names, "%s%s", names.n > 0 ? ", " : "", s->name);
    if (names.n == 0)
        return;
    sort_parameters(list, out->arena, g, nst_buf_str(&names));
    put_parameter_rows(out, list);
}

/* What the signs of a filter mean: "`a,b` is either, `!a` is not, ...". */
static void put_signs(struct nst_buf *out, const struct nst_list_grammar *g)
{
    if (g->either != 0)
        nst_putf(out, " `a%cb` is either.", g->either);
    if (g->neither != 0)
        nst_putf(out, " `%ca` is none of these.", g->neither);
    if (g->some != 0)
        nst_putf(out, " `a%c` begins so.", g->some);
    if (g->literal != 0)
        nst_putf(out, " `%ca%c` is taken as it stands.", g->literal, g->literal);
}

static const char *filter_schema(const struct nst_filter *f)
{
    if (f->how == NST_ONE_OF && f->type->rep == NST_REP_BOOL)
        return NST_SWITCH_SCHEMA;
    return NULL;
}

static void put_filter(struct nst_buf *out, const struct nst_face *face,
                       const struct nst_filter_slot *slot)
{
    const struct nst_filter *f = &slot->row;
    struct nst_str name = face->spelling == NST_CAMEL_CASE ? slot->camel : slot->snake;
    struct nst_buf doc;
    nst_buf_init(&doc, out->arena, 4096);
    nst_putf(&doc,
             f->how == NST_SINCE ? "Only rows from this time on: %s" : "Only rows with this: %s",
             f->doc);
    if (f->how == NST_SINCE)
        nst_put_lit(&doc, " A date, or a time of ISO 8601; without zone it is UTC.");
    else if (f->type->rep == NST_REP_STR)
        put_signs(&doc, nst_lists_of(face));
    put_parameter(out,
                  &(const struct nst_parameter){ nst_str_to_z(out->arena, name), filter_schema(f),
                                                 nst_str_to_z(out->arena, nst_buf_str(&doc)) });
}

/* Parameters with names of their own: OpenAPI knows no beginning of a name. */
static void put_key_filter(struct nst_buf *out, const struct nst_filter *f)
{
    struct nst_arena *a = out->arena;
    if (f->joint != NULL) {
        put_parameter(out, &(const struct nst_parameter){
                               nst_strf(a, "%s%sKEY", f->name, f->joint).p, NULL, f->doc });
        return;
    }
    put_parameter(out, &(const struct nst_parameter){
                           nst_strf(a, "%s.KEY", f->name).p, NULL,
                           "Only rows with this text under that key, dots lead into objects." });
    put_parameter(out, &(const struct nst_parameter){ nst_strf(a, "%s.exact.KEY", f->name).p, NULL,
                                                      "The same, to the letter." });
    put_parameter(out, &(const struct nst_parameter){ nst_strf(a, "%s.exists", f->name).p, NULL,
                                                      "Only rows that have all of these keys." });
}

static void put_filters(struct nst_buf *out, const struct nst_face *face, const struct nst_model *m)
{
    for (const struct nst_filter_slot *f = m->filter; f < m->filter + m->filters; f++) {
        if (f->row.how == NST_KEYS)
            put_key_filter(out, &f->row);
        else
            put_filter(out, face, f);
    }
}

/* A switch that stands in several rows is said by the last, where it is alone. */
static bool is_said_later(const struct nst_switch *s)
{
    for (const struct nst_switch *later = s + 1; later->name != NULL; later++)
        if (later->of == s->of && strcmp(later->name, s->name) == 0)
            return true;
    return false;
}

/* Of what is shown as `use` in this face. */
static void put_switches(struct nst_buf *out, const struct nst_face *face,
                         const struct nst_model *m, enum nst_use use)
{
    const struct nst_switch *s = m->set.switches;
    for (; s != NULL && s->name != NULL; s++) {
        if (s->of != use || nst_shape_of(m, face, s->as) == NULL)
            continue;
        if (!is_said_later(s))
            put_parameter(out, &(const struct nst_parameter){ s->name, NST_SWITCH_SCHEMA, s->doc });
        if (s->also != NULL)
            put_parameter(out,
                          &(const struct nst_parameter){ s->also, NST_SWITCH_SCHEMA, s->also_doc });
    }
}

static void put_zip_header(struct nst_buf *out, const struct nst_endpoint_method *op)
{
    const char *name = op->endpoint->route->face->zip_header;
    if (op->method != NST_GET || name == NULL)
        return;
    nst_put_comma(out);
    nst_putf(out, "{\"name\":\"%s\",\"in\":\"header\",\"schema\":" NST_SWITCH_SCHEMA, name);
    nst_put_member(out, "description",
                   nst_view_of(op->action) == nst_list
                       ? "Inside of a ZIP, with every row, whatever page is asked for."
                       : "The document, where it is one, inside of a ZIP.");
    nst_put_char(out, '}');
}

static void put_query_parameters(struct nst_buf *out, const struct nst_endpoint_method *op)
{
    const struct nst_face *face = op->endpoint->route->face;
    const struct nst_model *m = nst_answered_model(op->endpoint);
    nst_view *view = nst_view_of(op->action);
    nst_put_lit(out, ",\"parameters\":[");
    if (view == nst_list) {
        struct nst_parameter list[PARAMETERS_MAX];
        page_parameters(list, out->arena, nst_lists_of(face));
        put_parameter_rows(out, list);
        put_sorts(out, nst_lists_of(face), m->resource);
        put_filters(out, face, m);
        put_switches(out, face, m, NST_LIST);
        put_parameter_rows(out, m->set.asked);
    } else if (view == nst_retrieve) {
        put_switches(out, face, m, NST_DETAIL);
    }
    if ((view == nst_list || view == nst_retrieve) && nst_has_members(m, face))
        put_parameter_rows(out, m->set.member_asked);
    if (op->action->describe != NULL)
        put_parameter_rows(out, op->action->describe->parameter);
    put_zip_header(out, op);
    nst_put_char(out, ']');
}

/* ---- Bodies ---- */

static bool has_required(const struct nst_shape *shape)
{
    for (size_t i = 0; i < shape->count; i++)
        if (shape->slot[i].is_required)
            return true;
    return false;
}

static void put_request(struct nst_document *d, const struct nst_endpoint_method *op)
{
    static const struct nst_content none = { 0 };
    const struct nst_face *face = op->endpoint->route->face;
    const struct nst_model *m = nst_answered_model(op->endpoint);
    const struct nst_description *own = op->action->describe;
    const struct nst_content *request = own != NULL ? &own->request : &none;
    nst_view *view = nst_view_of(op->action);
    enum nst_use use = view == nst_create ? NST_CREATE : NST_UPDATE;
    bool is_own = request->schema != NULL || request->put != NULL;
    const struct nst_shape *shape = nst_shape_of(m, face, use);
    if (!is_own && ((view != nst_create && view != nst_update) || shape == NULL))
        return;
    nst_putf(d->out, ",\"requestBody\":{\"required\":%s",
             (is_own ? !request->is_optional : has_required(shape)) ? "true" : "false");
    if (is_own) {
        nst_put_content(d->out, request, op->action);
    } else {
        nst_put_lit(d->out, ",\"content\":{\"application/json\":{\"schema\":");
        nst_put_reference(d, m, face, use);
        nst_put_lit(d->out, "}}");
    }
    nst_put_char(d->out, '}');
}

/* ---- Credentials ---- */

static const struct {
    const char *name, *scheme;
} schemes[] = {
    { "token", "{\"type\":\"apiKey\",\"in\":\"header\",\"name\":\"Authorization\","
               "\"description\":\"`Token` and the token.\"}" },
    { "bearer", "{\"type\":\"http\",\"scheme\":\"bearer\"}" },
    { "jwt", "{\"type\":\"apiKey\",\"in\":\"header\",\"name\":\"Authorization\","
             "\"description\":\"`JWT` and a signed web token.\"}" },
    { "basic", "{\"type\":\"http\",\"scheme\":\"basic\"}" },
    { "session", "{\"type\":\"apiKey\",\"in\":\"cookie\",\"name\":\"sessionid\"}" },
};

bool nst_is_scheme(struct nst_str name)
{
    for (size_t i = 0; i < NST_COUNT(schemes); i++)
        if (nst_str_eq(name, nst_str_z(schemes[i].name)))
            return true;
    return false;
}

static void put_schemes(struct nst_buf *out)
{
    for (size_t i = 0; i < NST_COUNT(schemes); i++) {
        nst_put_comma(out);
        nst_putf(out, "\"%s\":%s", schemes[i].name, schemes[i].scheme);
    }
}

/* Any of these; `{}`: none is needed. */
static void put_security(struct nst_buf *out, const struct nst_endpoint_method *op)
{
    const struct nst_face *face = op->endpoint->route->face;
    nst_permission *permit = op->action->permit;
    bool is_login = (op->action->flags & NST_ANONYMOUS) != 0 || face->authenticate == NULL;
    struct nst_str rest = nst_str_z(face->credentials != NULL ? face->credentials : "token");
    nst_put_lit(out, ",\"security\":[");
    if (!is_login && (permit == nst_allow_any || permit == face->open))
        nst_put_lit(out, "{}");
    while (!is_login && rest.p != NULL) {
        struct nst_str scheme = nst_str_cut(&rest, ' ');
        nst_put_comma(out);
        nst_putf(out, "{\"%.*s\":[]}", NST_FMT(scheme));
    }
    if (!is_login && (op->action->flags & NST_PAGE) != 0) {
        nst_put_comma(out);
        nst_put_lit(out, "{\"basic\":[]}");
    }
    nst_put_char(out, ']');
}

/* ---- Operations ---- */

static void put_operation(struct nst_document *d, const struct nst_endpoint_method *op)
{
    const struct nst_route *route = op->endpoint->route;
    nst_putf(d->out, ",\"%s\":{", method_name[op->method]);
    put_operation_id(d->out, op);
    nst_put_member(d->out, "summary", route->doc);
    nst_putf(d->out, ",\"tags\":[\"%s\"]", route->face->name);
    put_security(d->out, op);
    put_query_parameters(d->out, op);
    put_request(d, op);
    nst_put_responses(d, op);
    nst_put_char(d->out, '}');
}

static void put_endpoint(struct nst_document *d, const struct nst_endpoint *e)
{
    put_path(d->out, e);
    put_path_parameters(d->out, e);
    for (int i = NST_GET; i <= NST_DELETE; i++)
        if (e->action[i] != NULL)
            put_operation(d, &(const struct nst_endpoint_method){ e, e->action[i],
                                                                  (enum nst_method)i });
    nst_put_char(d->out, '}');
}

/* ---- The document ---- */

void nst_registry_describe(struct nst_registry *reg, const char *title, const char *version)
{
    reg->title = title;
    reg->version = version;
}

static void put_info(struct nst_buf *out, const struct nst_registry *reg)
{
    nst_put_lit(out, "{\"openapi\":\"3.1.0\",\"info\":{\"title\":");
    nst_json_put_str(out, nst_str_z(reg->title != NULL ? reg->title : "Nestor"));
    nst_put_member(out, "version", reg->version != NULL ? reg->version : "1");
    nst_put_lit(out, "},\"tags\":[");
    for (size_t i = 0; i < reg->faces; i++) {
        if (reg->face[i]->mount == NULL)
            continue;
        nst_put_comma(out);
        nst_putf(out, "{\"name\":\"%s\"", reg->face[i]->name);
        nst_put_member(out, "description", reg->face[i]->doc);
        nst_put_char(out, '}');
    }
    nst_put_char(out, ']');
}

void nst_openapi(struct nst_buf *out, const struct nst_registry *reg)
{
    struct nst_document d = {
        .out = out,
        .reg = reg,
        .is_used = nst_alloc(out->arena, (reg->models * reg->faces + 1) * sizeof(*d.is_used)),
    };
    put_info(out, reg);
    nst_put_lit(out, ",\"paths\":{");
    for (size_t i = 0; i < reg->endpoints; i++)
        if (reg->endpoint[i]->route->face->mount != NULL)
            put_endpoint(&d, reg->endpoint[i]);
    nst_put_lit(out, "},\"components\":{\"securitySchemes\":{");
    put_schemes(out);
    nst_put_lit(out, "},\"responses\":{");
    nst_put_refusals(&d);
    nst_put_lit(out, "},\"schemas\":{");
    nst_put_schemas(&d);
    nst_put_lit(out, "}}}");
}
