/* Input to rows: walks a compiled serializer over the body. Every problem of a
 * request is collected before it fails, under the name that the face gives the
 * field. */
#include "model.h"

#include <assert.h>

#define TEXT_MAX 65535 /* code points of a field that states no maximum */

const struct nst_texts nst_default_texts = {
    .required = "This field is required.",
    .blank = "This field may not be blank.",
    .null = "This field may not be null.",
    .pattern = "Enter a valid value.",
    .invalid = "Invalid value.",
    .not_bool = "Must be a valid boolean.",
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
    nst_add_problem(rq, slot->told, nst_str_z(text), true);
}

/* Nothing is given where something must be. */
static void complain_empty(struct nst_req *rq, const struct nst_slot *slot, const char *text)
{
    bool has_own = slot->rule != NULL && slot->rule->empty != NULL;
    complain(rq, slot, has_own ? slot->rule->empty : text);
}

/* ---- Finding members ---- */

static bool is_named(const struct nst_slot *slot, struct nst_str name)
{
    if (slot->is_verbatim)
        return nst_str_eq(name, slot->name);
    return nst_str_eq(name, slot->snake) || nst_str_eq(name, slot->camel);
}

const struct nst_json *nst_slot_member(bool *twice, const struct nst_slot *slot,
                                       const struct nst_json *body)
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

/* The look-up field is a segment of the row's address. */
static bool breaks_pattern(const struct nst_slot *slot, struct nst_str value)
{
    const struct nst_rule *rule = slot->rule;
    if (slot->field->type->fits != NULL && !slot->field->type->fits(value))
        return true;
    if ((slot->field->flags & NST_KEY) != 0 && !nst_str_is_segment(value))
        return true;
    return rule != NULL && ((rule->charset != NULL && !fits_charset(value, rule->charset)) ||
                            (rule->refused != NULL && is_listed(value, rule->refused)));
}

void nst_refuse_choice(struct nst_req *rq, struct nst_str name, struct nst_str value)
{
    struct nst_str format = nst_str_z(nst_texts_of(rq->face)->choice), rest = format;
    struct nst_str before = nst_str_cut(&rest, '%');
    struct nst_str after = nst_str_slice(rest, 1, rest.n);
    nst_add_problem(rq, name,
                    nst_strf(rq->arena, "%.*s%.*s%.*s", NST_FMT(before), NST_FMT(value),
                             NST_FMT(after)),
                    true);
}

static void complain_length(struct nst_req *rq, const struct nst_slot *slot, unsigned max,
                            size_t length)
{
    nst_add_problem(rq, slot->told,
                    nst_strf(rq->arena, "Ensure this value has at most %u characters (it has %zu).",
                             max, length),
                    true);
}

unsigned nst_text_max(const struct nst_field *f)
{
    return f->max > 0 ? f->max : TEXT_MAX;
}

static void check_text(struct nst_req *rq, const struct nst_slot *slot, struct nst_str value)
{
    const struct nst_rule *rule = slot->rule;
    const struct nst_texts *text = nst_texts_of(rq->face);
    unsigned max = nst_text_max(slot->field);
    size_t length = nst_utf8_length(value);
    if (slot->must_hold && nst_utf8_is_blank(value))
        complain_empty(rq, slot, text->blank);
    else if (breaks_pattern(slot, value))
        complain(rq, slot, text->pattern);
    else if (rule != NULL && rule->fits != NULL && !rule->fits(value))
        complain(rq, slot, rule->unfit != NULL ? rule->unfit : text->pattern);
    else if (length > max)
        complain_length(rq, slot, max, length);
    else if (rule != NULL && rule->choices != NULL && !is_listed(value, rule->choices))
        nst_refuse_choice(rq, slot->told, value);
}

/* ---- Fields ---- */

/* A number that stays would be stored: nst_mark_null. */
static void clear(const struct nst_field *f, void *member)
{
    if (f->rep == NST_REP_STR)
        *(struct nst_str *)member = (struct nst_str){ 0 };
    else if (f->rep == NST_REP_INT)
        *(int64_t *)member = 0;
    else
        *(bool *)member = false;
}

static void set_fallback(struct nst_req *rq, const struct nst_slot *slot, void *row)
{
    const struct nst_field *f = slot->field;
    const char *fallback = f->fallback;
    if (slot->rule != NULL && slot->rule->fallback != NULL)
        fallback = slot->rule->fallback;
    nst_put_null(row, slot->index, fallback == NULL);
    if (fallback == NULL) {
        clear(f, member_of(f, row));
        return;
    }
    const struct nst_json v = { .kind = NST_JSON_STRING, .text = nst_str_z(fallback) };
    if (f->rep == NST_REP_STR)
        *(struct nst_str *)member_of(f, row) = v.text;
    else
        f->type->parse(rq, f, &v, member_of(f, row));
}

static bool is_null(const struct nst_slot *slot, void *row)
{
    if (slot->field->rep == NST_REP_STR)
        return ((struct nst_str *)member_of(slot->field, row))->p == NULL;
    return nst_null_at(row, slot->index);
}

static void bind_null(struct nst_req *rq, const struct nst_slot *slot, void *row)
{
    if (slot->accepts_stored && is_null(slot, row))
        return;
    if (slot->must_hold)
        complain_empty(rq, slot, nst_texts_of(rq->face)->null);
    else
        set_fallback(rq, slot, row);
}

static const char *text_of_invalid(const struct nst_req *rq, const struct nst_field *f)
{
    const struct nst_texts *text = nst_texts_of(rq->face);
    return f->type == &nst_bool && text->not_bool != NULL ? text->not_bool : text->invalid;
}

/* Objects and lists in JSON are text in a form; what is none is left to the type to refuse. */
static const struct nst_json *given_in_form(struct nst_req *rq, const struct nst_type *type,
                                            const struct nst_json *v)
{
    static const struct nst_json_limits inside = { NST_JSON_DEPTH - 1, NST_JSON_NODES };
    struct nst_json *read;
    bool is_whole = type->holds_json && type->schema != NULL &&
                    (strcmp(type->schema, "object") == 0 || strcmp(type->schema, "array") == 0);
    if (!is_whole || !rq->is_form || v->kind != NST_JSON_STRING || v->has_surrogate ||
        nst_json_read(&read, NULL, rq->arena, v->text, &inside) != NST_OK)
        return v;
    return read;
}

static void bind_value(struct nst_req *rq, const struct nst_slot *slot, const struct nst_json *v,
                       void *row)
{
    const struct nst_field *f = slot->field;
    void *member = member_of(f, row);
    v = given_in_form(rq, f->type, v);
    struct nst_str stored =
        f->rep == NST_REP_STR ? *(struct nst_str *)member : (struct nst_str){ 0 };
    nst_put_null(row, slot->index, false);
    if (slot->children != NULL) {
        if (v->kind == NST_JSON_ARRAY && v->count == 0 && slot->must_hold)
            complain_empty(rq, slot, nst_texts_of(rq->face)->required);
        else
            nst_bind_children(member, rq, slot, v);
        return;
    }
    if (!f->type->parse(rq, f, v, member))
        complain(rq, slot, text_of_invalid(rq, f));
    else if (f->rep == NST_REP_STR && !f->type->holds_json &&
             !(slot->accepts_stored && nst_str_eq(stored, *(struct nst_str *)member)))
        check_text(rq, slot, *(struct nst_str *)member);
}

static const char *text_of_missing(const struct nst_req *rq, const struct nst_slot *slot)
{
    bool has_own = slot->rule != NULL && slot->rule->missing != NULL;
    return has_own ? slot->rule->missing : nst_texts_of(rq->face)->required;
}

static void bind_slot(struct nst_req *rq, const struct nst_slot *slot, void *row)
{
    bool twice;
    const struct nst_json *v = nst_slot_member(&twice, slot, rq->body);
    if (twice) {
        complain(rq, slot, nst_texts_of(rq->face)->twice);
        return;
    }
    if (v == NULL) {
        if (slot->is_required)
            complain(rq, slot, text_of_missing(rq, slot));
        return;
    }
    nst_put_set(row, slot->index);
    if (v->kind == NST_JSON_NULL)
        bind_null(rq, slot, row);
    else
        bind_value(rq, slot, v, row);
}

/* Nothing, or nothing in it. */
static bool is_empty(const struct nst_json *v)
{
    bool is_text = v != NULL && v->kind == NST_JSON_STRING;
    bool is_list = v != NULL && (v->kind == NST_JSON_ARRAY || v->kind == NST_JSON_OBJECT);
    return v == NULL || v->kind == NST_JSON_NULL || (is_text && v->text.n == 0) ||
           (is_list && v->count == 0) || (v->kind == NST_JSON_BOOL && !v->boolean);
}

static void refuse_what_is_not_kept(struct nst_req *rq, const char *names)
{
    struct nst_str rest = nst_str_z(names);
    while (rest.p != NULL) {
        struct nst_str name = nst_str_cut(&rest, ' ');
        struct nst_str camel = nst_camel(rq->arena, name);
        const struct nst_json *v = nst_json_get(rq->body, name);
        v = v != NULL ? v : nst_json_get(rq->body, camel);
        if (!is_empty(v))
            nst_add_problem(rq, rq->face->spelling == NST_CAMEL_CASE ? camel : name,
                            NST_STR("Not supported yet: leave it out."), true);
    }
}

static bool is_alias(const struct nst_slot *slot, struct nst_str name)
{
    return slot->rule != NULL && slot->rule->alias != NULL &&
           nst_str_eq(nst_str_z(slot->rule->alias), name);
}

static bool is_read(const struct nst_shape *shape, struct nst_str name)
{
    struct nst_str rest = nst_str_z(shape->serializer->but);
    for (size_t i = 0; i < shape->count; i++)
        if (is_named(&shape->slot[i], name) || is_alias(&shape->slot[i], name))
            return true;
    while (rest.p != NULL)
        if (nst_str_eq(nst_str_cut(&rest, ' '), name))
            return true;
    return false;
}

static void refuse_what_is_unknown(struct nst_req *rq, const struct nst_shape *shape)
{
    for (const struct nst_json *v = rq->body->first; v != NULL; v = v->next)
        if (!is_read(shape, v->name))
            nst_add_problem(rq, v->name, NST_STR("Nothing is called that here."), true);
}

/* JSON that came under the name of a form, as some clients send it unless told. */
static void explain_form(struct nst_req *rq)
{
    struct nst_str type = nst_http_request_header(rq->x, "Content-Type");
    struct nst_str body = nst_str_trim(rq->x->body);
    if (rq->is_internal || nst_str_starts(type, NST_STR("application/json")) || body.n == 0 ||
        (body.p[0] != '{' && body.p[0] != '['))
        return;
    nst_add_problem(rq, NST_STR("details"),
                    NST_STR("The body was read as a form: send JSON with Content-Type: "
                            "application/json."),
                    true);
}

enum nst_err nst_bind(void *row, struct nst_req *rq, const struct nst_resource *r, enum nst_use use)
{
    const struct nst_shape *shape = nst_shape_of(nst_model_here(rq, r), rq->face, use);
    assert(shape != NULL && rq->body != NULL);
    if (rq->body->kind != NST_JSON_OBJECT)
        return nst_fail(rq, NST_E_INVALID, nst_texts_of(rq->face)->not_object_key,
                        nst_str_z(nst_texts_of(rq->face)->not_object));
    for (size_t i = 0; i < shape->count; i++)
        bind_slot(rq, &shape->slot[i], row);
    if (shape->serializer->not_yet != NULL)
        refuse_what_is_not_kept(rq, shape->serializer->not_yet);
    if (shape->serializer->but != NULL)
        refuse_what_is_unknown(rq, shape);
    if (rq->problem == NULL)
        return NST_OK;
    explain_form(rq);
    return NST_E_INVALID;
}

/* The row that the path names above: below it, the new one will be found. */
static void set_parent(struct nst_req *rq, const struct nst_model *m, void *row)
{
    const struct nst_object *above = nst_object(rq);
    if (m->parent < 0 || above == NULL || above->model->resource != m->above)
        return;
    *(int64_t *)member_of(&m->resource->field[m->parent], row) = ((struct nst_row *)above->row)->id;
    nst_put_null(row, (unsigned)m->parent, false);
}

/* All fields start from their fallback, then those of the face's create
 * serializer from its own. */
void *nst_row_new(struct nst_req *rq, const struct nst_resource *r)
{
    const struct nst_model *m = nst_model_here(rq, r);
    const struct nst_shape *shape = nst_shape_of(m, rq->face, NST_CREATE);
    void *row = nst_row_alloc(rq->arena, r);
    for (unsigned i = 0; i < r->fields; i++) {
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
