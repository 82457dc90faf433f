/* Compiles resource tables, which are checked before, into what requests walk. */
#include "check.h"

#include <stdlib.h>

const struct nst_model *nst_model_of(const struct nst_registry *reg, const struct nst_resource *r)
{
    for (size_t i = 0; i < reg->models; i++)
        if (reg->model[i].resource == r)
            return &reg->model[i];
    abort(); /* a resource that the program forgot to register */
}

const struct nst_model *nst_model_of_set(const struct nst_registry *reg, const struct nst_set *set)
{
    for (size_t i = 0; i < reg->models; i++)
        if (reg->model[i].declared == set)
            return &reg->model[i];
    abort(); /* a set that no resource has */
}

const struct nst_model *nst_model_here(const struct nst_req *rq, const struct nst_resource *r)
{
    const struct nst_model *m = rq->endpoint != NULL ? rq->endpoint->model : NULL;
    return m != NULL && m->resource == r ? m : nst_model_of(rq->registry, r);
}

size_t nst_face_index(const struct nst_registry *reg, const struct nst_face *face)
{
    for (size_t i = 0; i < reg->faces; i++)
        if (reg->face[i] == face)
            return i;
    abort(); /* a face that the program forgot to register */
}

const struct nst_shape *nst_shape_of(const struct nst_model *m, const struct nst_face *face,
                                     enum nst_use use)
{
    return m->shape[nst_face_index(m->registry, face)][use];
}

int nst_field_index(const struct nst_resource *r, struct nst_str name)
{
    for (size_t i = 0; i < r->fields; i++)
        if (nst_str_eq(nst_str_z(r->field[i].name), name))
            return (int)i;
    return -1;
}

static bool is_identifier(const char *text)
{
    for (; *text != '\0'; text++)
        if ((*text < 'a' || *text > 'z') && (*text < '0' || *text > '9') && *text != '_')
            return false;
    return true;
}

bool nst_is_stored(const struct nst_field *f)
{
    if (f->link != NULL || f->constant != NULL)
        return false;
    return f->column == NULL || (f->column[0] != '\0' && is_identifier(f->column));
}

bool nst_is_key(const struct nst_set *set, const struct nst_field *f)
{
    return set->key != NULL ? nst_str_eq(nst_str_z(set->key), nst_str_z(f->name))
                            : (f->flags & NST_KEY) != 0;
}

bool nst_is_made(const struct nst_field *f)
{
    return f->link != NULL && f->type != &nst_url;
}

bool nst_has_rows(const struct nst_resource *r)
{
    return r->table != NULL && r->size > 0;
}

bool nst_has_column(const struct nst_field *f)
{
    return f->link == NULL && f->constant == NULL && (f->column == NULL || f->column[0] != '\0');
}

struct nst_str nst_camel(struct nst_arena *a, struct nst_str snake)
{
    char *out = nst_alloc_text(a, snake.n);
    size_t n = 0;
    for (size_t i = 0; i < snake.n; i++) {
        bool is_joint = snake.p[i] == '_' && i > 0 && i + 1 < snake.n;
        out[n++] = is_joint ? nst_upper(snake.p[++i]) : snake.p[i];
    }
    return (struct nst_str){ out, n };
}

/* "{a}x/{b}/" becomes (literal "", a) (literal "x/", b) (literal "/", none). */
static void compile_link(struct nst_model *m, struct nst_link *link, const char *template)
{
    struct nst_str rest = nst_str_z(template);
    link->piece = NST_NEW_ARRAY(m->registry->arena, struct nst_piece, rest.n + 1);
    while (rest.p != NULL && rest.n > 0) {
        struct nst_piece *piece = &link->piece[link->count++];
        piece->literal = nst_str_cut(&rest, '{');
        piece->field = -1;
        if (rest.p == NULL)
            return;
        piece->field = nst_field_index(m->resource, nst_str_cut(&rest, '}'));
    }
}

/* Mark the fields with columns that field i is made of. */
static void need(bool *needed, const struct nst_model *m, unsigned i)
{
    const struct nst_link *link = &m->link[i];
    needed[i] |= nst_has_column(&m->resource->field[i]);
    for (size_t k = 0; k < link->count; k++)
        if (link->piece[k].field >= 0)
            need(needed, m, (unsigned)link->piece[k].field);
}

static struct nst_columns columns_of(const struct nst_model *m, const bool *needed)
{
    size_t fields = m->resource->fields;
    unsigned *field = NST_NEW_ARRAY(m->registry->arena, unsigned, fields + 1), count = 0;
    for (unsigned i = 0; i < fields; i++)
        if (needed[i])
            field[count++] = i;
    return (struct nst_columns){ field, count };
}

void nst_column_put(struct nst_buf *b, const struct nst_resource *r, const struct nst_field *f)
{
    if (nst_is_stored(f)) {
        nst_put_z(b, r->table);
        nst_put_char(b, '.');
    }
    nst_put_z(b, f->column != NULL ? f->column : f->name);
}

void nst_select_text(struct nst_buf *b, const struct nst_model *m,
                     const struct nst_columns *columns)
{
    const struct nst_resource *r = m->resource;
    nst_put_lit(b, "SELECT ");
    for (unsigned i = 0; i < columns->count; i++) {
        nst_put_z(b, i > 0 ? ", " : "");
        nst_column_put(b, r, &r->field[columns->field[i]]);
    }
    nst_put(b, m->sources);
}

#define STATEMENT_MAX ((size_t)1 << 20)

static struct nst_str select_of(struct nst_registry *reg, const struct nst_model *m,
                                const struct nst_columns *columns)
{
    struct nst_buf b;
    nst_buf_init(&b, reg->arena, STATEMENT_MAX);
    nst_select_text(&b, m, columns);
    return nst_buf_str(&b);
}

static const struct nst_rule *find_rule(const struct nst_serializer *s, struct nst_str name)
{
    for (const struct nst_rule *rule = s->rules; rule != NULL && rule->field != NULL; rule++)
        if (nst_str_eq(nst_str_z(rule->field), name))
            return rule;
    return NULL;
}

bool nst_next_word(struct nst_word *w, struct nst_str *rest)
{
    struct nst_str word = { 0 };
    while (word.n == 0 && rest->p != NULL)
        word = nst_str_cut(rest, ' ');
    if (word.n == 0)
        return false;
    *w = (struct nst_word){ .text = word, .is_required = nst_str_ends(word, NST_STR("*")) };
    word.n -= w->is_required;
    w->name = word;
    w->shown = nst_str_cut(&w->name, '=');
    w->is_verbatim = w->name.p != NULL;
    if (!w->is_verbatim)
        w->name = w->shown;
    return true;
}

static void compile_slot(struct nst_model *m, struct nst_slot *slot, const struct nst_serializer *s,
                         const struct nst_word *w)
{
    struct nst_arena *a = m->registry->arena;
    int index = nst_field_index(m->resource, w->name);
    *slot = (struct nst_slot){
        .index = (unsigned)index,
        .model = m,
        .is_required = w->is_required,
        .is_verbatim = w->is_verbatim,
        .field = &m->resource->field[index],
        .children = m->children[index],
        .rule = find_rule(s, w->name),
        .snake = w->name,
        .camel = nst_camel(a, w->name),
    };
    bool is_link = slot->field->link != NULL && !nst_is_made(slot->field);
    slot->link = is_link ? &m->link[index] : NULL;
    slot->accepts_stored = s->use == NST_UPDATE;
    slot->must_hold = slot->is_required || (slot->field->flags & NST_NOT_EMPTY) != 0 ||
                      (slot->rule != NULL && slot->rule->is_not_empty);
    if (w->is_verbatim)
        slot->name = w->shown;
    else
        slot->name = s->face->spelling == NST_CAMEL_CASE ? slot->camel : slot->snake;
    bool has_other = slot->rule != NULL && slot->rule->told_as != NULL;
    slot->told = has_other ? nst_str_z(slot->rule->told_as) : slot->name;
    slot->key = nst_strf(a, ",\"%.*s\":", NST_FMT(slot->name));
}

static size_t count_words(struct nst_str rest)
{
    struct nst_word w;
    size_t n = 0;
    while (nst_next_word(&w, &rest))
        n++;
    return n;
}

static void compile_serializer(struct nst_model *m, const struct nst_serializer *s)
{
    struct nst_registry *reg = m->registry;
    struct nst_shape *shape = NST_NEW(reg->arena, struct nst_shape);
    struct nst_str rest = nst_str_z(s->fields);
    struct nst_word w;
    bool *needed = NST_NEW_ARRAY(reg->arena, bool, m->resource->fields + 1);
    shape->serializer = s;
    shape->slot = NST_NEW_ARRAY(reg->arena, struct nst_slot, count_words(rest) + 1);
    if (s->type != NULL)
        shape->type = nst_strf(reg->arena, "\"%s\"", s->type);
    while (nst_next_word(&w, &rest)) {
        compile_slot(m, &shape->slot[shape->count], s, &w);
        need(needed, m, shape->slot[shape->count++].index);
    }
    for (unsigned i = 0; i < m->core.count; i++)
        needed[m->core.field[i]] = true;
    shape->columns = columns_of(m, needed);
    if (nst_has_rows(m->resource))
        shape->select = select_of(reg, m, &shape->columns);
    m->shape[nst_face_index(reg, s->face)][s->use] = shape;
}

static void compile_fields(struct nst_model *m)
{
    const struct nst_resource *r = m->resource;
    for (unsigned i = 0; i < r->fields; i++) {
        const struct nst_field *f = &r->field[i];
        if (f->link != NULL)
            compile_link(m, &m->link[i], f->link);
        if (f->children != NULL)
            m->children[i] = nst_model_of(m->registry, f->children);
        if (nst_is_key(&m->set, f))
            m->key = (int)i;
        if (f->type == &nst_identity)
            m->identity = (int)i;
        if (r->parent != NULL && nst_str_eq(nst_str_z(r->parent), nst_str_z(f->name)))
            m->parent = (int)i;
    }
}

/* Once the links are compiled, which are made of other fields. */
static void compile_depths(struct nst_model *m)
{
    const struct nst_resource *r = m->resource;
    bool *core = NST_NEW_ARRAY(m->registry->arena, bool, r->fields + 1);
    bool *all = NST_NEW_ARRAY(m->registry->arena, bool, r->fields + 1);
    for (unsigned i = 0; i < r->fields; i++) {
        if ((r->field[i].flags & NST_CORE) != 0)
            need(core, m, i);
        if ((r->field[i].flags & NST_LAZY) == 0)
            need(all, m, i);
    }
    m->core = columns_of(m, core);
    m->all = columns_of(m, all);
}

static void compile_model(struct nst_model *m)
{
    const struct nst_resource *r = m->resource;
    compile_fields(m);
    compile_depths(m);
    if (nst_has_rows(r)) {
        m->sources = nst_strf(m->registry->arena, " FROM %s WHERE %s", m->set.from, m->set.where);
        m->select_core = select_of(m->registry, m, &m->core);
        m->select_all = select_of(m->registry, m, &m->all);
        struct nst_buf insert;
        nst_buf_init(&insert, m->registry->arena, STATEMENT_MAX);
        nst_insert_text(&insert, r);
        m->insert = nst_buf_str(&insert);
    }
    for (size_t i = 0; i < m->set.serializers; i++)
        compile_serializer(m, &m->set.serializer[i]);
}

static size_t count_sets(const struct nst_resource *r)
{
    size_t count = 0;
    while (r->sets != NULL && r->sets[count].name != NULL)
        count++;
    return count;
}

/* What a resource says of its rows. */
static struct nst_set own_set(const struct nst_resource *r)
{
    return (struct nst_set){
        .name = r->name,
        .from = r->from != NULL ? r->from : r->table,
        .where = r->where != NULL ? r->where : "TRUE",
        .order = r->order,
        .key = r->key,
        .serializer = r->serializer,
        .serializers = r->serializers,
        .route = r->route,
        .routes = r->routes,
        .switches = r->switches,
        .asked = r->asked,
        .member = r->member,
        .member_asked = r->member_asked,
        .hook = r->hook,
        .doc = r->doc,
    };
}

#define TAKE(name) set->name = set->name != NULL ? set->name : own->name

/* What a set leaves out is as its resource has it. */
static void complete(struct nst_set *set, const struct nst_set *own)
{
    set->serializers = set->serializer != NULL ? set->serializers : own->serializers;
    TAKE(serializer);
    TAKE(from);
    TAKE(where);
    TAKE(order);
    TAKE(key);
    TAKE(switches);
    TAKE(asked);
    TAKE(member);
    TAKE(member_asked);
    TAKE(hook.scope);
    TAKE(hook.alias);
    TAKE(hook.visible);
    TAKE(hook.may_view);
    TAKE(hook.order);
    TAKE(hook.count);
    TAKE(hook.state);
    TAKE(hook.keep);
    TAKE(hook.before_create);
    TAKE(hook.after_create);
    TAKE(hook.before_update);
    TAKE(hook.after_update);
    TAKE(hook.after_destroy);
}

static void init_model(struct nst_registry *reg, const struct nst_resource *r,
                       const struct nst_set *declared)
{
    struct nst_model *m = &reg->model[reg->models++];
    size_t n = r->fields + 1;
    struct nst_set own = own_set(r);
    m->resource = r;
    m->declared = declared;
    m->set = declared != NULL ? *declared : own;
    complete(&m->set, &own);
    m->registry = reg;
    m->key = m->identity = m->parent = -1;
    m->link = NST_NEW_ARRAY(reg->arena, struct nst_link, n);
    m->children = NST_NEW_ARRAY(reg->arena, const struct nst_model *, n);
    m->shape = nst_alloc(reg->arena, (reg->faces + 1) * sizeof(*m->shape));
    nst_filters_compile(m);
}

static void init_models(struct nst_registry *reg, const struct nst_resource *const *resources)
{
    size_t count = 0;
    for (size_t i = 0; resources[i] != NULL; i++)
        count += 1 + count_sets(resources[i]);
    reg->model = NST_NEW_ARRAY(reg->arena, struct nst_model, count + 1);
    for (; *resources != NULL; resources++) {
        init_model(reg, *resources, NULL);
        for (size_t i = 0; i < count_sets(*resources); i++)
            init_model(reg, *resources, &(*resources)->sets[i]);
    }
}

static void init_faces(struct nst_registry *reg, const struct nst_face *const *faces)
{
    while (faces[reg->faces] != NULL)
        reg->faces++;
    reg->face = NST_NEW_ARRAY(reg->arena, const struct nst_face *, reg->faces + 1);
    reg->root = NST_NEW_ARRAY(reg->arena, struct nst_node *, reg->faces + 1);
    reg->not_yet = NST_NEW_ARRAY(reg->arena, struct nst_not_yet, reg->faces + 1);
    for (size_t i = 0; i < reg->faces; i++) {
        reg->face[i] = faces[i];
        reg->root[i] = NST_NEW(reg->arena, struct nst_node);
        nst_not_yet_compile(&reg->not_yet[i], reg->arena, faces[i]->not_yet);
    }
}

/* Wrong tables are not compiled: each fault is told once. */
enum nst_err nst_registry_new(struct nst_registry **out, struct nst_arena *a,
                              const struct nst_resource *const *resources,
                              const struct nst_face *const *faces)
{
    struct nst_registry *reg = NST_NEW(a, struct nst_registry);
    reg->arena = a;
    init_faces(reg, faces);
    init_models(reg, resources);
    nst_check_tables(reg);
    if (reg->faults > 0)
        return NST_E_INTERNAL;
    for (size_t i = 0; i < reg->models; i++)
        compile_model(&reg->model[i]);
    for (size_t i = 0; i < reg->models; i++)
        nst_route_add(reg, &reg->model[i]);
    if (reg->faults > 0)
        return NST_E_INTERNAL;
    *out = reg;
    return NST_OK;
}
