/* Lists of child objects, coming in: read by the face's serializer, checked, and brought
 * into their stored form, a JSON text with canonical names.
 *
 * What a face does not show it must not erase. A list that is given replaces the stored
 * one, but an element that is there already keeps the members that this face cannot set:
 * one that has its number, else one that is equal in all that the face can set, or else in
 * what it must have. */
#include "model.h"

#include "nestor/base/random.h"

#define BYTES_MAX ((size_t)4 << 20) /* of a list as it is stored */

/* An element on its way in: a value a slot of the serializer, NULL where none is given. */
struct element {
    const struct nst_json **value;
    const struct nst_json *kept; /* the stored element that goes on in this one */
};

struct list {
    struct nst_req *rq;
    const struct nst_slot *slot;
    const struct nst_shape *shape;
    struct element *element;
    size_t count;
    struct nst_str place, fault; /* the first thing that is wrong, and where */
    const char *own;             /* what the contract says of it; NULL: what it says of all */
};

static bool refuse(struct list *l, size_t index, const char *member, const char *text)
{
    l->place = nst_strf(l->rq->arena, member != NULL ? "%.*s[%zu].%s" : "%.*s[%zu]",
                        NST_FMT(l->slot->name), index, member);
    l->fault = nst_str_z(text);
    return false;
}

/* Nothing is given where something must be. */
static bool refuse_empty(struct list *l, size_t index, const struct nst_slot *slot,
                         const char *text)
{
    l->own = slot->rule != NULL ? slot->rule->empty : NULL;
    return refuse(l, index, nst_str_to_z(l->rq->arena, slot->name), text);
}

/* The value as its type stores it; NULL when it is none. */
static const struct nst_json *canonical(struct nst_req *rq, const struct nst_field *f,
                                        const struct nst_json *v)
{
    struct nst_json *out = NST_NEW(rq->arena, struct nst_json);
    int64_t number = 0;
    void *const into[] = {
        [NST_REP_STR] = &out->text, [NST_REP_INT] = &number, [NST_REP_BOOL] = &out->boolean
    };
    if (!f->type->parse(rq, f, v, into[f->type->rep]))
        return NULL;
    if (f->type->holds_json)
        return v;
    static const enum nst_json_kind kind[] = { [NST_REP_STR] = NST_JSON_STRING,
                                               [NST_REP_INT] = NST_JSON_NUMBER,
                                               [NST_REP_BOOL] = NST_JSON_BOOL };
    out->kind = kind[f->type->rep];
    if (out->kind == NST_JSON_NUMBER)
        out->text = nst_strf(rq->arena, "%lld", (long long)number);
    return out;
}

static bool read_member(struct list *l, size_t index, const struct nst_slot *slot,
                        const struct nst_json *object)
{
    const struct nst_texts *text = nst_texts_of(l->rq->face);
    const char *name = nst_str_to_z(l->rq->arena, slot->name);
    bool twice;
    const struct nst_json *v = nst_slot_member(&twice, slot, object), *value = NULL;
    if (twice)
        return refuse(l, index, name, text->twice);
    if (v == NULL || v->kind == NST_JSON_NULL)
        return !slot->is_required || refuse_empty(l, index, slot, text->required);
    value = canonical(l->rq, slot->field, v);
    if (value == NULL)
        return refuse(l, index, name, text->invalid);
    if (slot->is_required && value->kind == NST_JSON_STRING && nst_str_trim(value->text).n == 0)
        return refuse_empty(l, index, slot, text->blank);
    if (nst_utf8_length(value->text) > nst_text_max(slot->field))
        return refuse(l, index, name,
                      nst_strf(l->rq->arena, "Ensure this value has at most %u characters.",
                               nst_text_max(slot->field))
                          .p);
    l->element[index].value[slot - l->shape->slot] = value;
    return true;
}

static bool read_elements(struct list *l, const struct nst_json *given)
{
    l->element = NST_NEW_ARRAY(l->rq->arena, struct element, given->count + 1);
    for (const struct nst_json *v = given->first; v != NULL; v = v->next, l->count++) {
        struct element *e = &l->element[l->count];
        if (v->kind != NST_JSON_OBJECT)
            return refuse(l, l->count, NULL, "An object is required.");
        e->value = NST_NEW_ARRAY(l->rq->arena, const struct nst_json *, l->shape->count);
        for (size_t i = 0; i < l->shape->count; i++)
            if (!read_member(l, l->count, &l->shape->slot[i], v))
                return false;
    }
    return true;
}

/* ---- Which stored element goes on ---- */

/* Nothing, null and the fallback are the same value. */
static bool is_nothing(const struct nst_slot *slot, const struct nst_json *v)
{
    const char *fallback = slot->field->fallback;
    return v == NULL || v->kind == NST_JSON_NULL ||
           (v->kind == NST_JSON_BOOL && fallback != NULL &&
            v->boolean == nst_str_eq(nst_str_z(fallback), NST_STR("true")));
}

static bool is_same(const struct list *l, const struct element *e, const struct nst_json *stored,
                    bool in_all)
{
    for (size_t i = 0; i < l->shape->count; i++) {
        const struct nst_slot *slot = &l->shape->slot[i];
        const struct nst_json *x = e->value[i], *y = nst_json_get(stored, slot->snake);
        if (!in_all && !slot->is_required)
            continue;
        if (is_nothing(slot, x) ? !is_nothing(slot, y) : !nst_json_equal(x, y))
            return false;
    }
    return true;
}

static void take_partner(const struct list *l, struct element *e, const struct nst_json *stored,
                         bool *used, bool in_all)
{
    size_t k = 0;
    for (const struct nst_json *v = stored->first; e->kept == NULL && v != NULL; v = v->next, k++) {
        if (used[k] || !is_same(l, e, v, in_all))
            continue;
        e->kept = v;
        used[k] = true;
    }
}

/* The member by which an element names the stored one that it changes; NULL: none. */
static const struct nst_json *number_of(const struct list *l, const struct nst_json *element)
{
    const struct nst_resource *child = l->slot->children->resource;
    for (size_t i = 0; i < child->fields; i++)
        if (child->field[i].fill == NST_AUTO_NUMBER)
            return nst_json_get(element, nst_str_z(child->field[i].name));
    return NULL;
}

static void take_named(const struct list *l, struct element *e, const struct nst_json *given,
                       const struct nst_json *stored, bool *used)
{
    const struct nst_json *number = number_of(l, given);
    size_t k = 0;
    for (const struct nst_json *v = stored->first; number != NULL && v != NULL; v = v->next, k++) {
        const struct nst_json *own = number_of(l, v);
        if (used[k] || own == NULL || !nst_json_equal(own, number))
            continue;
        e->kept = v;
        used[k] = true;
        return;
    }
}

/* Those that say which they are first, then those that are equal in all, so that none of them
 * loses its partner. */
static void find_kept(struct list *l, const struct nst_json *given, const struct nst_json *stored)
{
    bool *used = NST_NEW_ARRAY(l->rq->arena, bool, stored->count + 1);
    const struct nst_json *v = given->first;
    for (size_t i = 0; i < l->count; i++, v = v->next)
        take_named(l, &l->element[i], v, stored, used);
    for (size_t i = 0; i < l->count; i++)
        take_partner(l, &l->element[i], stored, used, true);
    for (size_t i = 0; i < l->count; i++)
        take_partner(l, &l->element[i], stored, used, false);
}

/* ---- Writing ---- */

static void put_name(struct nst_buf *out, struct nst_str name)
{
    nst_put_z(out, out->p[out->n - 1] == '{' ? "" : ",");
    nst_json_put_str(out, name);
    nst_put_char(out, ':');
}

static void put_numbers(struct nst_buf *out, const struct nst_resource *child)
{
    for (size_t i = 0; i < child->fields; i++) {
        int64_t number;
        if (child->field[i].fill != NST_AUTO_NUMBER)
            continue;
        nst_random(&number, sizeof(number));
        put_name(out, nst_str_z(child->field[i].name));
        nst_put_char(out, '"');
        nst_put_int(out, number & INT64_MAX);
        nst_put_char(out, '"');
    }
}

static bool is_settable(const struct nst_shape *shape, struct nst_str name)
{
    for (size_t i = 0; i < shape->count; i++)
        if (nst_str_eq(shape->slot[i].snake, name))
            return true;
    return false;
}

static void put_element(struct nst_buf *out, const struct list *l, const struct element *e)
{
    nst_put_char(out, '{');
    if (e->kept == NULL)
        put_numbers(out, l->slot->children->resource);
    for (const struct nst_json *v = e->kept != NULL ? e->kept->first : NULL; v != NULL;
         v = v->next) {
        if (is_settable(l->shape, v->name))
            continue;
        put_name(out, v->name);
        nst_json_put(out, v);
    }
    for (size_t i = 0; i < l->shape->count; i++) {
        if (e->value[i] == NULL)
            continue;
        put_name(out, l->shape->slot[i].snake);
        nst_json_put(out, e->value[i]);
    }
    nst_put_char(out, '}');
}

static struct nst_str written(const struct list *l)
{
    struct nst_buf b;
    nst_buf_init(&b, l->rq->arena, BYTES_MAX);
    nst_put_char(&b, '[');
    for (size_t i = 0; i < l->count; i++) {
        nst_put_z(&b, i > 0 ? "," : "");
        put_element(&b, l, &l->element[i]);
    }
    nst_put_char(&b, ']');
    return b.is_full ? (struct nst_str){ 0 } : nst_buf_str(&b);
}

/* ---- The list ---- */

static void complain(const struct list *l, struct nst_str text)
{
    nst_add_problem(l->rq, l->slot->name, text, true);
}

/* The contracts know one text for whatever is wrong inside; `details` says what. */
static void complain_inside(const struct list *l)
{
    complain(l, nst_str_z(l->own != NULL ? l->own : nst_texts_of(l->rq->face)->invalid));
    if (l->fault.p != NULL)
        nst_add_problem(l->rq, NST_STR("details"),
                        nst_strf(l->rq->arena, "%.*s: %.*s", NST_FMT(l->place), NST_FMT(l->fault)),
                        true);
}

static const struct nst_json *read_stored(struct nst_req *rq, struct nst_str text)
{
    static const struct nst_json none = { .kind = NST_JSON_ARRAY };
    struct nst_json *list;
    return text.n > 0 && nst_json_read(&list, NULL, rq->arena, text, NULL) == NST_OK ? list : &none;
}

void nst_bind_children(struct nst_str *member, struct nst_req *rq, const struct nst_slot *slot,
                       const struct nst_json *given)
{
    struct list l = { .rq = rq,
                      .slot = slot,
                      .shape = nst_shape_of(slot->children, rq->face, NST_CREATE) };
    const struct nst_json *stored = read_stored(rq, *member);
    unsigned max = slot->field->max;
    if (given->kind != NST_JSON_ARRAY) {
        complain_inside(&l);
        return;
    }
    /* What is stored already is never too much. */
    if (max > 0 && given->count > max && given->count > stored->count) {
        complain(&l,
                 nst_strf(rq->arena, "max limit %u of %.*s exceeded", max, NST_FMT(slot->name)));
        return;
    }
    if (!read_elements(&l, given)) {
        complain_inside(&l);
        return;
    }
    find_kept(&l, given, stored);
    struct nst_str text = written(&l);
    if (text.p == NULL)
        complain(&l, NST_STR("Takes more than the 4 MB that a list may take."));
    else
        *member = text;
}
