/* Compiles resource tables into what requests walk, and refuses tables that
 * contradict themselves: a wrong table is a programming error and stops the
 * start, not a request. */
#include "model.h"

#include "nestor/base/log.h"

#include <assert.h>
#include <stdlib.h>

static void fault(struct nst_registry *reg, const struct nst_resource *r, struct nst_str what,
                  const char *why)
{
    nst_log(NST_LOG_ERROR, "table_fault", NST_LOG_STR("resource", nst_str_z(r->name)),
            NST_LOG_STR("what", what), NST_LOG_STR("why", nst_str_z(why)));
    reg->faults++;
}

const struct nst_model *nst_model_of(const struct nst_registry *reg, const struct nst_resource *r)
{
    for (size_t i = 0; i < reg->models; i++)
        if (reg->model[i].resource == r)
            return &reg->model[i];
    abort(); /* a resource that the program forgot to register */
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
    for (size_t i = 0; i < r->field_count; i++)
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

static bool has_column(const struct nst_field *f)
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
static void compile_link(struct nst_registry *reg, const struct nst_resource *r,
                         struct nst_link *link, const char *template)
{
    struct nst_str rest = nst_str_z(template);
    link->piece = NST_NEW_ARRAY(reg->arena, struct nst_piece, rest.n + 1);
    while (rest.p != NULL && rest.n > 0) {
        struct nst_piece *piece = &link->piece[link->count++];
        piece->literal = nst_str_cut(&rest, '{');
        piece->field = -1;
        if (rest.p == NULL)
            return;
        struct nst_str name = nst_str_cut(&rest, '}');
        piece->field = nst_field_index(r, name);
        if (piece->field < 0)
            fault(reg, r, name, "a link names no field");
    }
}

static uint64_t needs(const struct nst_model *m, unsigned i)
{
    uint64_t map = has_column(&m->resource->field[i]) ? UINT64_C(1) << i : 0;
    const struct nst_link *link = &m->link[i];
    for (size_t k = 0; k < link->count; k++)
        if (link->piece[k].field >= 0)
            map |= needs(m, (unsigned)link->piece[k].field);
    return map;
}

void nst_column_put(struct nst_buf *b, const struct nst_resource *r, const struct nst_field *f)
{
    if (nst_is_stored(f)) {
        nst_put_z(b, r->table);
        nst_put_char(b, '.');
    }
    nst_put_z(b, f->column != NULL ? f->column : f->name);
}

void nst_select_text(struct nst_buf *b, const struct nst_model *m, uint64_t columns)
{
    const struct nst_resource *r = m->resource;
    nst_put_lit(b, "SELECT ");
    const char *between = "";
    for (size_t i = 0; i < r->field_count; i++) {
        if ((columns >> i & 1) == 0)
            continue;
        nst_put_z(b, between);
        nst_column_put(b, r, &r->field[i]);
        between = ", ";
    }
    nst_put_lit(b, " FROM ");
    nst_put_z(b, r->from != NULL ? r->from : r->table);
    nst_put_lit(b, " WHERE ");
    nst_put_z(b, r->where != NULL ? r->where : "TRUE");
}

static struct nst_str select_of(struct nst_registry *reg, const struct nst_model *m,
                                uint64_t columns)
{
    struct nst_buf b;
    nst_buf_init(&b, reg->arena, 65536);
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

/* One word of a serializer: "name", "name*", "shown=name". */
static void compile_slot(struct nst_model *m, struct nst_slot *slot, const struct nst_serializer *s,
                         struct nst_str word)
{
    struct nst_registry *reg = m->registry;
    const struct nst_resource *r = m->resource;
    slot->is_required = nst_str_ends(word, NST_STR("*"));
    if (slot->is_required)
        word.n--;
    struct nst_str name = word, shown = nst_str_cut(&name, '=');
    bool is_verbatim = name.p != NULL;
    if (!is_verbatim)
        name = shown;
    int index = nst_field_index(r, name);
    if (index < 0) {
        fault(reg, r, word, "a serializer names no field");
        index = 0;
    }
    slot->index = (unsigned)index;
    slot->model = m;
    slot->is_verbatim = is_verbatim;
    slot->field = &r->field[index];
    slot->link = slot->field->link != NULL ? &m->link[index] : NULL;
    slot->children = m->children[index];
    slot->rule = find_rule(s, name);
    slot->accepts_stored = s->use == NST_UPDATE;
    slot->snake = name;
    slot->camel = nst_camel(reg->arena, name);
    if (is_verbatim)
        slot->name = shown;
    else
        slot->name = s->face->spelling == NST_CAMEL_CASE ? slot->camel : slot->snake;
    slot->key = nst_strf(reg->arena, ",\"%.*s\":", NST_FMT(slot->name));
    if (slot->is_required && s->use != NST_CREATE)
        fault(reg, r, word, "only a create serializer can require");
    if (s->use >= NST_CREATE && slot->field->column != NULL && !nst_is_stored(slot->field) &&
        r->size > 0)
        fault(reg, r, word, "what is not stored cannot be set");
}

static size_t count_words(struct nst_str text)
{
    size_t n = 0;
    while (text.p != NULL)
        n += nst_str_cut(&text, ' ').n > 0;
    return n;
}

/* Input that is read twice would be complained of twice. */
static void check_once(struct nst_model *m, const struct nst_shape *shape, struct nst_str word)
{
    for (size_t i = 0; shape->serializer->use >= NST_CREATE && i < shape->count; i++)
        if (shape->slot[i].index == shape->slot[shape->count].index)
            fault(m->registry, m->resource, word, "a field is set twice");
}

static void compile_serializer(struct nst_model *m, const struct nst_serializer *s)
{
    struct nst_registry *reg = m->registry;
    struct nst_shape *shape = NST_NEW(reg->arena, struct nst_shape);
    struct nst_str rest = nst_str_z(s->fields);
    shape->serializer = s;
    shape->slot = NST_NEW_ARRAY(reg->arena, struct nst_slot, count_words(rest) + 1);
    if (s->type != NULL)
        shape->type = nst_strf(reg->arena, "\"%s\"", s->type);
    while (rest.p != NULL) {
        struct nst_str word = nst_str_cut(&rest, ' ');
        if (word.n == 0)
            continue;
        compile_slot(m, &shape->slot[shape->count], s, word);
        check_once(m, shape, word);
        shape->columns |= needs(m, shape->slot[shape->count].index);
        shape->count++;
    }
    shape->columns |= m->core;
    for (const struct nst_rule *rule = s->rules; rule != NULL && rule->field != NULL; rule++)
        if (nst_field_index(m->resource, nst_str_z(rule->field)) < 0)
            fault(reg, m->resource, nst_str_z(rule->field), "a rule names no field");
    if (m->resource->size > 0)
        shape->select = select_of(reg, m, shape->columns);
    m->shape[nst_face_index(reg, s->face)][s->use] = shape;
}

static void check_field(struct nst_model *m, unsigned i)
{
    const struct nst_resource *r = m->resource;
    const struct nst_field *f = &r->field[i];
    struct nst_str name = nst_str_z(f->name);
    bool is_held = has_column(f) && r->size > 0;
    if (is_held && f->rep != f->type->rep)
        fault(m->registry, r, name, "the struct member does not fit the field type");
    if (nst_field_index(r, name) != (int)i)
        fault(m->registry, r, name, "a field stands twice");
    if ((f->type == &nst_child_list) != (f->children != NULL))
        fault(m->registry, r, name, "a child list needs what its elements are");
    if ((f->flags & NST_LAZY) != 0 && nst_is_stored(f))
        fault(m->registry, r, name, "only an expression can be lazy");
    if (f->doc == NULL)
        fault(m->registry, r, name, "a field needs a sentence of documentation");
}

static void compile_fields(struct nst_model *m)
{
    const struct nst_resource *r = m->resource;
    if (r->field_count > NST_FIELD_MAX) {
        fault(m->registry, r, NST_STR("fields"), "too many fields");
        return;
    }
    for (unsigned i = 0; i < r->field_count; i++) {
        const struct nst_field *f = &r->field[i];
        check_field(m, i);
        if (f->link != NULL)
            compile_link(m->registry, r, &m->link[i], f->link);
        if (f->children != NULL)
            m->children[i] = nst_model_of(m->registry, f->children);
        bool is_key = r->key != NULL ? nst_str_eq(nst_str_z(r->key), nst_str_z(f->name))
                                     : (f->flags & NST_KEY) != 0;
        if (is_key)
            m->key = (int)i;
        if (f->type == &nst_identity)
            m->identity = (int)i;
    }
    for (unsigned i = 0; i < r->field_count; i++) {
        unsigned flags = r->field[i].flags;
        uint64_t map = needs(m, i);
        m->core |= (flags & NST_CORE) != 0 ? map : 0;
        m->all |= (flags & NST_LAZY) == 0 ? map : 0;
    }
}

static void compile_model(struct nst_model *m)
{
    const struct nst_resource *r = m->resource;
    compile_fields(m);
    if (r->size > 0) {
        if (m->identity < 0)
            fault(m->registry, r, nst_str_z(r->name), "a stored resource needs its identity");
        m->select_core = select_of(m->registry, m, m->core);
        m->select_all = select_of(m->registry, m, m->all);
        struct nst_buf insert;
        nst_buf_init(&insert, m->registry->arena, 65536);
        nst_insert_text(&insert, r);
        m->insert = nst_buf_str(&insert);
        m->count_from =
            nst_strf(m->registry->arena, "SELECT count(*) FROM %s WHERE %s",
                     r->from != NULL ? r->from : r->table, r->where != NULL ? r->where : "TRUE");
    }
    for (size_t i = 0; i < r->serializer_count; i++)
        compile_serializer(m, &r->serializer[i]);
}

static void init_models(struct nst_registry *reg, const struct nst_resource *const *resources)
{
    while (resources[reg->models] != NULL)
        reg->models++;
    reg->model = NST_NEW_ARRAY(reg->arena, struct nst_model, reg->models + 1);
    for (size_t i = 0; i < reg->models; i++) {
        struct nst_model *m = &reg->model[i];
        size_t n = resources[i]->field_count + 1;
        m->resource = resources[i];
        m->registry = reg;
        m->key = m->identity = -1;
        m->link = NST_NEW_ARRAY(reg->arena, struct nst_link, n);
        m->children = NST_NEW_ARRAY(reg->arena, const struct nst_model *, n);
    }
}

static void check_face(struct nst_registry *reg, const struct nst_face *face)
{
    bool is_whole = face->name != NULL && face->doc != NULL && face->phase != NULL &&
                    face->error != NULL && face->paginate != NULL && face->text != NULL;
    if (is_whole)
        return;
    nst_log(NST_LOG_ERROR, "table_fault", NST_LOG_STR("what", nst_str_z(face->name)),
            NST_LOG_STR("why", NST_STR("a face needs name, doc, phase, error, paginate and text")));
    reg->faults++;
}

enum nst_err nst_registry_new(struct nst_registry **out, struct nst_arena *a,
                              const struct nst_resource *const *resources,
                              const struct nst_face *const *faces)
{
    struct nst_registry *reg = NST_NEW(a, struct nst_registry);
    reg->arena = a;
    for (; faces[reg->faces] != NULL; reg->faces++) {
        assert(reg->faces < FACES_MAX);
        reg->face[reg->faces] = faces[reg->faces];
        reg->root[reg->faces] = NST_NEW(a, struct nst_node);
    }
    init_models(reg, resources);
    for (size_t i = 0; i < reg->models; i++)
        compile_model(&reg->model[i]);
    for (size_t i = 0; i < reg->models; i++)
        nst_route_add(reg, &reg->model[i]);
    for (size_t i = 0; i < reg->faces; i++)
        check_face(reg, reg->face[i]);
    if (reg->faults > 0)
        return NST_E_INTERNAL;
    *out = reg;
    return NST_OK;
}
