/* Rows to JSON: walks a compiled serializer. Keys are prepared texts, so that a
 * field costs one copy and one printer call. */
#include "model.h"

static const void *member_of(const struct nst_field *f, const void *row)
{
    return (const char *)row + f->offset;
}

static bool is_null(const struct nst_field *f, unsigned index, const void *row)
{
    if (f->rep == NST_REP_STR)
        return ((const struct nst_str *)member_of(f, row))->p == NULL;
    return nst_null_at(row, index);
}

/* Values inside a link: addresses as they are, everything else as one segment. */
static void put_piece(struct nst_buf *out, const struct nst_field *f, const void *row)
{
    if (f->rep == NST_REP_INT)
        nst_put_int(out, *(const int64_t *)member_of(f, row));
    else if (f->type == &nst_url)
        nst_put(out, *(const struct nst_str *)member_of(f, row));
    else
        nst_put_percent(out, *(const struct nst_str *)member_of(f, row),
                        f->type == &nst_code ? "" : "@"); /* a code may be any text */
}

static bool link_is_null(const struct nst_model *m, const struct nst_link *link, const void *row)
{
    for (size_t i = 0; i < link->count; i++) {
        int field = link->piece[i].field;
        if (field < 0)
            continue;
        bool nested = m->link[field].count > 0;
        if (nested ? link_is_null(m, &m->link[field], row)
                   : is_null(&m->resource->field[field], (unsigned)field, row))
            return true;
    }
    return false;
}

static void put_link_text(struct nst_buf *out, const struct nst_model *m,
                          const struct nst_link *link, const void *row)
{
    for (size_t i = 0; i < link->count; i++) {
        int field = link->piece[i].field;
        nst_put(out, link->piece[i].literal);
        if (field < 0)
            continue;
        if (m->link[field].count > 0)
            put_link_text(out, m, &m->link[field], row);
        else
            put_piece(out, &m->resource->field[field], row);
    }
}

void nst_link_put(struct nst_buf *out, const struct nst_model *m, const struct nst_link *link,
                  const void *row)
{
    if (link_is_null(m, link, row)) {
        nst_put_lit(out, "null");
        return;
    }
    nst_put_char(out, '"');
    put_link_text(out, m, link, row);
    nst_put_char(out, '"');
}

/* ---- Child objects: kept as JSON under canonical names ---- */

/* An element: a tree, or where that is NULL, what stands in its text. */
struct element {
    const struct nst_json *tree;
    struct nst_json_members text;
};

static bool put_member(struct nst_buf *out, const struct element *e, struct nst_str name)
{
    const struct nst_json *v = nst_json_get(e->tree, name);
    struct nst_str text =
        e->tree == NULL ? nst_json_member_of(&e->text, name) : (struct nst_str){ 0 };
    if (v != NULL)
        nst_json_put(out, v);
    nst_put(out, text);
    return v != NULL || text.p != NULL;
}

static void put_child_value(struct nst_buf *out, const struct nst_slot *slot,
                            const struct element *e)
{
    if (put_member(out, e, slot->snake))
        return;
    if (slot->field->constant != NULL)
        nst_put_z(out, slot->field->constant);
    else if (slot->field->fallback != NULL)
        nst_put_z(out, slot->field->fallback);
    else
        nst_put_lit(out, "null");
}

static void put_child(struct nst_buf *out, const struct nst_shape *shape, const struct element *e)
{
    nst_put_char(out, '{');
    for (size_t i = 0; i < shape->count; i++) {
        const struct nst_slot *slot = &shape->slot[i];
        nst_put(out, nst_str_slice(slot->key, i == 0, slot->key.n));
        if (shape->type.p != NULL && nst_str_eq(slot->snake, NST_STR("type")))
            nst_put(out, shape->type);
        else
            put_child_value(out, slot, e);
    }
    nst_put_char(out, '}');
}

void nst_render_child(struct nst_buf *out, struct nst_req *rq, const struct nst_resource *child,
                      const struct nst_json *element)
{
    const struct element e = { .tree = element };
    put_child(out, nst_shape_of(nst_model_of(rq->registry, child), rq->face, NST_DETAIL), &e);
}

/* As nearly all lists are stored: the text is shown on, a value at a time.
 * Returns false where it is another one; some of it may be written by then. */
static bool put_text(struct nst_buf *out, const struct nst_shape *shape, struct nst_str text)
{
    struct element e = { 0 };
    bool is_first = true;
    while (text.n > 1) {
        if (text.p[0] != (is_first ? '[' : ','))
            return false;
        nst_put_z(out, is_first ? "" : ",");
        text = nst_str_slice(text, 1, text.n);
        if (!nst_json_cut_members(&e.text, &text))
            return false;
        put_child(out, shape, &e);
        is_first = false;
    }
    return nst_str_eq(text, NST_STR("]"));
}

#define TREE_FIRST 4096 /* bytes: the tree of a few names */

/* The tree lives as long as its list is written: a page has thousands. */
static void put_tree(struct nst_buf *out, const struct nst_shape *shape, struct nst_str text)
{
    struct nst_arena *scratch = nst_arena_new(TREE_FIRST);
    struct nst_json *list;
    if (nst_json_read(&list, NULL, scratch, text, NULL) == NST_OK) {
        for (struct element e = { .tree = list->first }; e.tree != NULL; e.tree = e.tree->next) {
            nst_put_z(out, e.tree != list->first ? "," : "");
            put_child(out, shape, &e);
        }
    }
    nst_arena_free(scratch);
}

static void put_children(struct nst_buf *out, const struct nst_face *face,
                         const struct nst_slot *slot, struct nst_str text)
{
    const struct nst_shape *shape = nst_shape_of(slot->children, face, NST_DETAIL);
    nst_put_char(out, '[');
    size_t begun = out->n;
    bool is_empty = text.p == NULL || nst_str_eq(text, NST_STR("[]"));
    if (shape != NULL && !is_empty && !put_text(out, shape, text)) {
        out->n = begun;
        put_tree(out, shape, text);
    }
    nst_put_char(out, ']');
}

/* ---- Rows ---- */

static void put_slot(struct nst_buf *out, const struct nst_face *face, const struct nst_slot *slot,
                     const void *row)
{
    const struct nst_field *f = slot->field;
    if (f->constant != NULL)
        nst_put_z(out, f->constant);
    else if (slot->children != NULL)
        put_children(out, face, slot, *(const struct nst_str *)member_of(f, row));
    else if (is_null(f, slot->index, row)) /* an object that holds nothing is one */
        nst_put_z(out, f->type == &nst_json_object ? "{}" : "null");
    else
        f->type->print(out, face, f, row);
}

void nst_shape_put(struct nst_buf *out, const struct nst_face *face, const struct nst_shape *shape,
                   const void *row)
{
    nst_put_char(out, '{');
    for (size_t i = 0; i < shape->count; i++) {
        const struct nst_slot *slot = &shape->slot[i];
        nst_put(out, nst_str_slice(slot->key, i == 0, slot->key.n));
        if (shape->type.p != NULL && nst_str_eq(slot->snake, NST_STR("type")))
            nst_put(out, shape->type);
        else if (slot->link != NULL)
            nst_link_put(out, slot->model, slot->link, row);
        else
            put_slot(out, face, slot, row);
    }
    nst_put_char(out, '}');
}

const struct nst_switch *nst_switch_chosen(struct nst_req *rq, const struct nst_model *m,
                                           enum nst_use use)
{
    const struct nst_switch *s = m->set.switches;
    for (; s != NULL && s->name != NULL; s++)
        if (s->of == use && nst_shape_of(m, rq->face, s->as) != NULL &&
            nst_query_is_true(rq, s->name) && (s->also == NULL || nst_query_is_true(rq, s->also)))
            return s;
    return NULL;
}

const struct nst_shape *nst_shape_chosen(struct nst_req *rq, const struct nst_model *m,
                                         enum nst_use use)
{
    const struct nst_switch *s = nst_switch_chosen(rq, m, use);
    return nst_shape_of(m, rq->face, s != NULL ? s->as : use);
}

void nst_render(struct nst_buf *out, struct nst_req *rq, const struct nst_resource *r,
                enum nst_use use, const void *row)
{
    const struct nst_shape *shape = nst_shape_of(nst_model_of(rq->registry, r), rq->face, use);
    nst_shape_put(out, rq->face, shape, row);
}

struct nst_str nst_row_url(struct nst_req *rq, const struct nst_model *m, const void *row)
{
    static const char *const names[] = { "url", "uri" }; /* the first may be of something else */
    struct nst_buf b;
    nst_buf_init(&b, rq->arena, 65536);
    for (size_t i = 0; i < NST_COUNT(names) && b.n == 0; i++) {
        int link = nst_field_index(m->resource, nst_str_z(names[i]));
        if (link >= 0 && m->link[link].count > 0)
            put_link_text(&b, m, &m->link[link], row);
    }
    return nst_buf_str(&b);
}
