/* Input to rows: walks a compiled serializer over the body. Every problem of a
 * request is collected before it fails, under the name that the face gives the
 * field (G89). */
#include "model.h"

#include "nestor/base/random.h"

#include <assert.h>

#define TEXT_MAX 65535 /* code points of a field that states no maximum */

const struct nst_texts nst_default_texts = {
    .required = "This field is required.",
    .blank = "This field may not be blank.",
    .null = "This field may not be null.",
    .pattern = "Enter a valid value.",
    .invalid = "Invalid value.",
    .choice = "\"%s\" is not a valid choice.",
    .twice = "Given twice with different values.",
    .not_object = "Invalid data",
    .not_object_key = "non_field_errors",
};

static void *member_of(const struct nst_field *f, void *row)
{
    return (char *)row + f->offset;
}

static void complain(struct nst_req *rq, const struct nst_slot *slot, const char *text)
{
    nst_add_problem(rq, slot->name, nst_str_z(text), true);
}

/* ---- Finding members ---- */

static bool is_named(const struct nst_slot *slot, struct nst_str name)
{
    if (slot->is_verbatim)
        return nst_str_eq(name, slot->name);
    return nst_str_eq(name, slot->snake) || nst_str_eq(name, slot->camel);
}

/* The member for slot in either spelling; *twice when it stands there more than
 * once with different values (G92, V103). */
static const struct nst_json *find_member(const struct nst_slot *slot, const struct nst_json *body,
                                          bool *twice)
{
    const struct nst_json *found = NULL;
    *twice = false;
    for (const struct nst_json *v = body->first; v != NULL; v = v->next) {
        if (!is_named(slot, v->name))
            continue;
        *twice |= found != NULL && !nst_json_equal(found, v);
        found = v;
    }
    if (found == NULL && slot->rule != NULL && slot->rule->alias != NULL)
        found = nst_json_get(body, nst_str_z(slot->rule->alias));
    return found;
}

struct nst_json *nst_body_member(struct nst_req *rq, const char *field)
{
    struct nst_str snake = nst_str_z(field);
    struct nst_json *v = nst_json_get(rq->body, snake);
    return v != NULL ? v : nst_json_get(rq->body, nst_camel(rq->arena, snake));
}

/* ---- Rules ---- */

/* True when c belongs to a set such as "a-zA-Z0-9.-". */
static bool in_charset(char c, const char *set)
{
    for (; *set != '\0'; set++) {
        if (set[1] == '-' && set[2] != '\0') {
            if (c >= set[0] && c <= set[2])
                return true;
            set += 2;
        } else if (c == *set) {
            return true;
        }
    }
    return false;
}

static bool fits_charset(struct nst_str s, const char *set)
{
    for (size_t i = 0; i < s.n; i++)
        if (!in_charset(s.p[i], set))
            return false;
    return true;
}

static bool is_listed(struct nst_str s, const char *words)
{
    struct nst_str rest = nst_str_z(words);
    while (rest.p != NULL)
        if (nst_str_eq(nst_str_cut(&rest, '|'), s))
            return true;
    return false;
}

static bool breaks_pattern(const struct nst_slot *slot, struct nst_str value)
{
    const struct nst_rule *rule = slot->rule;
    if (slot->field->type->fits != NULL && !slot->field->type->fits(value))
        return true;
    return rule != NULL && ((rule->charset != NULL && !fits_charset(value, rule->charset)) ||
                            (rule->refused != NULL && is_listed(value, rule->refused)));
}

static void complain_choice(struct nst_req *rq, const struct nst_slot *slot, struct nst_str value)
{
    struct nst_str format = nst_str_z(nst_texts_of(rq->face)->choice), rest = format;
    struct nst_str before = nst_str_cut(&rest, '%');
    struct nst_str after = nst_str_slice(rest, 1, rest.n);
    nst_add_problem(rq, slot->name,
                    nst_strf(rq->arena, "%.*s%.*s%.*s", NST_FMT(before), NST_FMT(value),
                             NST_FMT(after)),
                    true);
}

static void complain_length(struct nst_req *rq, const struct nst_slot *slot, unsigned max,
                            size_t length)
{
    nst_add_problem(rq, slot->name,
                    nst_strf(rq->arena, "Ensure this value has at most %u characters (it has %zu).",
                             max, length),
                    true);
}

static void check_text(struct nst_req *rq, const struct nst_slot *slot, struct nst_str value)
{
    const struct nst_rule *rule = slot->rule;
    const struct nst_texts *text = nst_texts_of(rq->face);
    unsigned max = slot->field->max > 0 ? slot->field->max : TEXT_MAX;
    size_t length = nst_utf8_count(value);
    bool must_hold = slot->is_required || (slot->field->flags & NST_NOT_EMPTY) != 0;
    if (must_hold && nst_utf8_is_blank(value))
        complain(rq, slot, text->blank);
    else if (breaks_pattern(slot, value))
        complain(rq, slot, text->pattern);
    else if (length > max)
        complain_length(rq, slot, max, length);
    else if (rule != NULL && rule->choices != NULL && !is_listed(value, rule->choices))
        complain_choice(rq, slot, value);
}

/* ---- Child objects ---- */

static bool put_child_member(struct nst_buf *out, struct nst_req *rq, const struct nst_slot *slot,
                             const struct nst_json *element)
{
    bool twice;
    const struct nst_json *v = find_member(slot, element, &twice);
    if (twice)
        return false;
    if (v == NULL || v->kind == NST_JSON_NULL)
        return !slot->is_required;
    struct nst_str text = { 0 };
    bool flag = false;
    void *value = slot->field->type->rep == NST_REP_BOOL ? (void *)&flag : (void *)&text;
    if (slot->field->type->rep == NST_REP_INT ||
        !slot->field->type->parse(rq, slot->field, v, value))
        return false;
    if (value == &text && slot->is_required && nst_utf8_is_blank(text))
        return false;
    nst_put_z(out, out->p[out->n - 1] == '{' ? "\"" : ",\"");
    nst_put(out, slot->snake);
    nst_put_lit(out, "\":");
    if (value == &flag)
        nst_json_put_bool(out, flag);
    else if (slot->field->type == &nst_json_value)
        nst_put(out, text);
    else
        nst_json_put_str(out, text);
    return nst_utf8_count(text) <= (slot->field->max > 0 ? slot->field->max : TEXT_MAX);
}

static void put_numbers(struct nst_buf *out, const struct nst_resource *child)
{
    for (size_t i = 0; i < child->field_count; i++) {
        int64_t number;
        if (child->field[i].fill != NST_AUTO_NUMBER)
            continue;
        nst_random(&number, sizeof(number));
        nst_put_char(out, '"');
        nst_put_z(out, child->field[i].name);
        nst_put_lit(out, "\":\"");
        nst_put_int(out, number & INT64_MAX);
        nst_put_char(out, '"');
    }
}

/* Bring a list of objects into its stored form: canonical names, only members
 * that are given. */
static bool bind_children(struct nst_str *out, struct nst_req *rq, const struct nst_slot *slot,
                          const struct nst_json *list)
{
    const struct nst_shape *shape = nst_shape_of(slot->children, rq->face, NST_CREATE);
    struct nst_buf b;
    if (list->kind != NST_JSON_ARRAY)
        return false;
    nst_buf_init(&b, rq->arena, NST_HTTP_ANSWER_MAX);
    nst_put_char(&b, '[');
    for (const struct nst_json *e = list->first; e != NULL; e = e->next) {
        if (e->kind != NST_JSON_OBJECT)
            return false;
        nst_put_z(&b, e == list->first ? "{" : ",{");
        put_numbers(&b, slot->children->resource);
        for (size_t i = 0; i < shape->count; i++)
            if (!put_child_member(&b, rq, &shape->slot[i], e))
                return false;
        nst_put_char(&b, '}');
    }
    nst_put_char(&b, ']');
    *out = nst_buf_str(&b);
    return !b.is_full;
}

/* ---- Fields ---- */

static void set_fallback(struct nst_req *rq, const struct nst_slot *slot, void *row)
{
    const struct nst_field *f = slot->field;
    const char *fallback = f->fallback;
    struct nst_row *head = row;
    if (slot->rule != NULL && slot->rule->fallback != NULL)
        fallback = slot->rule->fallback;
    if (fallback == NULL) {
        head->null |= UINT64_C(1) << slot->index;
        if (f->rep == NST_REP_STR)
            *(struct nst_str *)member_of(f, row) = (struct nst_str){ 0 };
        return;
    }
    head->null &= ~(UINT64_C(1) << slot->index);
    const struct nst_json v = { .kind = NST_JSON_STRING, .text = nst_str_z(fallback) };
    if (f->rep == NST_REP_STR)
        *(struct nst_str *)member_of(f, row) = v.text;
    else
        f->type->parse(rq, f, &v, member_of(f, row));
}

static void bind_null(struct nst_req *rq, const struct nst_slot *slot, void *row)
{
    if (slot->is_required || (slot->field->flags & NST_NOT_EMPTY) != 0)
        complain(rq, slot, nst_texts_of(rq->face)->null);
    else
        set_fallback(rq, slot, row);
}

static void bind_value(struct nst_req *rq, const struct nst_slot *slot, const struct nst_json *v,
                       void *row)
{
    const struct nst_field *f = slot->field;
    void *member = member_of(f, row);
    ((struct nst_row *)row)->null &= ~(UINT64_C(1) << slot->index);
    bool must_hold = slot->is_required || (f->flags & NST_NOT_EMPTY) != 0;
    if (slot->children != NULL) {
        if (v->kind == NST_JSON_ARRAY && v->count == 0 && must_hold)
            complain(rq, slot, nst_texts_of(rq->face)->required);
        else if (!bind_children(member, rq, slot, v))
            complain(rq, slot, nst_texts_of(rq->face)->invalid);
        return;
    }
    if (!f->type->parse(rq, f, v, member))
        complain(rq, slot, nst_texts_of(rq->face)->invalid);
    else if (f->rep == NST_REP_STR && f->type != &nst_json_value)
        check_text(rq, slot, *(struct nst_str *)member);
}

static void bind_slot(struct nst_req *rq, const struct nst_slot *slot, void *row)
{
    bool twice;
    const struct nst_json *v = find_member(slot, rq->body, &twice);
    if (twice) {
        complain(rq, slot, nst_texts_of(rq->face)->twice);
        return;
    }
    if (v == NULL) {
        if (slot->is_required)
            complain(rq, slot, nst_texts_of(rq->face)->required);
        return;
    }
    ((struct nst_row *)row)->set |= UINT64_C(1) << slot->index;
    if (v->kind == NST_JSON_NULL)
        bind_null(rq, slot, row);
    else
        bind_value(rq, slot, v, row);
}

enum nst_err nst_bind(void *row, struct nst_req *rq, const struct nst_resource *r, enum nst_use use)
{
    const struct nst_shape *shape = nst_shape_of(nst_model_of(rq->registry, r), rq->face, use);
    assert(shape != NULL && rq->body != NULL);
    if (rq->body->kind != NST_JSON_OBJECT)
        return nst_fail(rq, NST_E_INVALID, nst_texts_of(rq->face)->not_object_key,
                        nst_str_z(nst_texts_of(rq->face)->not_object));
    for (size_t i = 0; i < shape->count; i++)
        bind_slot(rq, &shape->slot[i], row);
    return rq->problem != NULL ? NST_E_INVALID : NST_OK;
}

/* The row that the path names above: below it, the new one will be found. */
static void set_parent(struct nst_req *rq, const struct nst_model *m, void *row)
{
    const struct nst_object *above = nst_object(rq);
    if (m->parent < 0 || above == NULL || above->model != m->above)
        return;
    *(int64_t *)member_of(&m->resource->field[m->parent], row) = ((struct nst_row *)above->row)->id;
    ((struct nst_row *)row)->null &= ~(UINT64_C(1) << m->parent);
}

/* All fields start from their fallback, then those of the face's create
 * serializer from its own. */
void *nst_row_new(struct nst_req *rq, const struct nst_resource *r)
{
    const struct nst_model *m = nst_model_of(rq->registry, r);
    const struct nst_shape *shape = nst_shape_of(m, rq->face, NST_CREATE);
    void *row = nst_alloc(rq->arena, r->size);
    for (unsigned i = 0; i < r->field_count; i++) {
        const struct nst_slot slot = { .field = &r->field[i], .index = i };
        if (nst_is_stored(&r->field[i]) && r->field[i].type != &nst_identity)
            set_fallback(rq, &slot, row);
    }
    for (size_t i = 0; shape != NULL && i < shape->count; i++)
        if (shape->slot[i].rule != NULL)
            set_fallback(rq, &shape->slot[i], row);
    set_parent(rq, m, row);
    return row;
}
