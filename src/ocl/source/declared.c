/* What a source declares of its concepts: lists that are checked item by item, and kept as JSON
 * with nothing in it but what is known. The texts are those of the reference, which counts
 * items from 0, names of algorithms from 1, and writes sets as Python does. */
#include "declared.h"

#define FAULT_MAX     ((size_t)4096) /* bytes of what is told */
#define WORD_MAX      ((size_t)100)  /* of a word in it */
#define ALGORITHM_MAX 50

/* ---- One member of an item ---- */

struct member {
    const char *name;
    bool (*fits)(const struct nst_json *v); /* NULL stands for what is not given */
    const char *unfit;                      /* said before the place */
    void (*put_unfit)(struct nst_buf *out, const struct nst_json *v); /* said behind it; or NULL */
    const char *fallback; /* JSON of what is not given; NULL: nothing */
};

static bool is_filled(const struct nst_json *v)
{
    return v != NULL && v->kind == NST_JSON_STRING && v->text.n > 0;
}

static bool is_text_if_given(const struct nst_json *v)
{
    return v == NULL || v->kind == NST_JSON_NULL || v->kind == NST_JSON_STRING;
}

static bool is_one_of(const struct nst_json *v, const char *words)
{
    struct nst_str rest = nst_str_z(words);
    while (rest.p != NULL)
        if (nst_str_eq(nst_str_cut(&rest, '|'), v->text))
            return true;
    return false;
}

#define TYPES "code|Coding|string|integer|boolean|dateTime|decimal"

static bool is_type(const struct nst_json *v)
{
    return v == NULL || (v->kind == NST_JSON_STRING && is_one_of(v, TYPES));
}

#define OPERATORS \
    "=|is-a|descendent-of|is-not-a|regex|in|not-in|generalizes|child-of|descendent-leaf|exists"

static bool are_texts(const struct nst_json *v)
{
    if (v == NULL || v->kind != NST_JSON_ARRAY || v->count == 0)
        return false;
    for (const struct nst_json *e = v->first; e != NULL; e = e->next)
        if (e->kind != NST_JSON_STRING)
            return false;
    return true;
}

static bool are_operators(const struct nst_json *v)
{
    for (const struct nst_json *e = v->first; e != NULL; e = e->next)
        if (!is_one_of(e, OPERATORS))
            return false;
    return true;
}

/* No more of a word than a reader needs, in whole characters. */
static struct nst_str shorten(struct nst_str word)
{
    size_t n = word.n < WORD_MAX ? word.n : WORD_MAX;
    while (n < word.n && n > 0 && ((unsigned char)word.p[n] & 0xC0) == 0x80)
        n--;
    return nst_str_slice(word, 0, n);
}

/* Each once, as in a set; those that there is room for. */
static void put_quoted(struct nst_buf *out, struct nst_str word)
{
    struct nst_str text = shorten(word);
    size_t before = out->n;
    if (before + 2 * WORD_MAX > FAULT_MAX)
        return;
    nst_put_z(out, out->p[before - 1] == '{' ? "" : ", ");
    size_t begin = out->n;
    nst_putf(out, "'%.*s%s'", NST_FMT(text), text.n < word.n ? "…" : "");
    if (memmem(out->p, before, out->p + begin, out->n - begin) != NULL)
        out->n = before;
}

static void put_strange_operators(struct nst_buf *out, const struct nst_json *v)
{
    for (const struct nst_json *e = v->first; e != NULL; e = e->next)
        if (!is_one_of(e, OPERATORS))
            put_quoted(out, e->text);
}

/* ---- One item ---- */

/* A kind of list. */
struct list {
    const char *item, *title; /* what an item is called, inside of a sentence and at its head */
    const struct member *member;
    size_t count;
};

static const struct member property_member[] = {
    { "code", is_filled, "'code' is required and must be a string", NULL, NULL },
    { "uri", is_text_if_given, "'uri' must be a string if provided", NULL, NULL },
    { "description", is_text_if_given, "'description' must be a string if provided", NULL, NULL },
    { "type", is_type,
      "'type' must be one of {'code', 'Coding', 'string', 'integer', 'boolean', 'dateTime', "
      "'decimal'}",
      NULL, "\"string\"" },
};

static const struct member filter_member[] = {
    { "code", is_filled, "'code' is required and must be a string", NULL, NULL },
    { "description", is_text_if_given, "'description' must be a string if provided", NULL, NULL },
    { "operator", are_texts, "'operator' must be a list of strings", NULL, NULL },
    { "operator", are_operators, "Invalid operators", put_strange_operators, NULL },
    { "value", is_filled, "'value' is required and must be a non-empty string", NULL, NULL },
};

static const struct list properties = { "property", "Property", property_member,
                                        NST_COUNT(property_member) };
static const struct list filters = { "filter", "Filter", filter_member, NST_COUNT(filter_member) };

static bool is_known(const struct list *l, struct nst_str name)
{
    for (size_t i = 0; i < l->count; i++)
        if (nst_str_eq(nst_str_z(l->member[i].name), name))
            return true;
    return false;
}

static bool has_strange(const struct list *l, const struct nst_json *item)
{
    for (const struct nst_json *v = item->first; v != NULL; v = v->next)
        if (!is_known(l, v->name))
            return true;
    return false;
}

static void put_strange(struct nst_buf *out, const struct list *l, const struct nst_json *item)
{
    for (const struct nst_json *v = item->first; v != NULL; v = v->next)
        if (!is_known(l, v->name))
            put_quoted(out, v->name);
}

static void put_fault_of_member(struct nst_buf *out, const struct member *m,
                                const struct nst_json *v, size_t index)
{
    nst_putf(out, "%s at index %zu", m->unfit, index);
    if (m->put_unfit == NULL)
        return;
    nst_put_lit(out, ": {");
    m->put_unfit(out, v);
    nst_put_char(out, '}');
}

/* Append what is wrong with an item first; nothing when it is right. */
static void put_fault(struct nst_buf *out, const struct list *l, const struct nst_json *item,
                      size_t index)
{
    if (item->kind != NST_JSON_OBJECT) {
        nst_putf(out, "%s at index %zu must be a dictionary", l->title, index);
        return;
    }
    if (has_strange(l, item)) {
        nst_putf(out, "Invalid keys in %s at index %zu: {", l->item, index);
        put_strange(out, l, item);
        nst_put_char(out, '}');
        return;
    }
    for (const struct member *m = l->member; out->n == 0 && m < l->member + l->count; m++) {
        const struct nst_json *v = nst_json_get(item, nst_str_z(m->name));
        if (!m->fits(v))
            put_fault_of_member(out, m, v, index);
    }
}

/* ---- The list ---- */

static void put_item(struct nst_buf *out, const struct list *l, const struct nst_json *item)
{
    const char *between = "{";
    for (const struct member *m = l->member; m < l->member + l->count; m++) {
        const struct nst_json *v = nst_json_get(item, nst_str_z(m->name));
        bool is_put = m > l->member && strcmp(m[-1].name, m->name) == 0;
        if (is_put || (v == NULL && m->fallback == NULL))
            continue;
        nst_putf(out, "%s\"%s\":", between, m->name);
        if (v != NULL)
            nst_json_put(out, v);
        else
            nst_put_z(out, m->fallback);
        between = ",";
    }
    nst_put_char(out, '}');
}

/* What is wrong first in any item; empty when nothing is. */
static struct nst_str find_fault(struct nst_req *rq, const struct list *l,
                                 const struct nst_json *given)
{
    struct nst_buf b;
    size_t index = 0;
    nst_buf_init(&b, rq->arena, FAULT_MAX);
    for (const struct nst_json *item = given->first; b.n == 0 && item != NULL; item = item->next)
        put_fault(&b, l, item, index++);
    return nst_buf_str(&b);
}

static bool parse_list(struct nst_req *rq, const struct nst_field *f, const struct nst_json *v,
                       void *member, const struct list *l)
{
    struct nst_buf b;
    if (v->kind != NST_JSON_ARRAY || !nst_json_value.parse(rq, f, v, member))
        return false;
    struct nst_str fault = find_fault(rq, l, v);
    if (fault.n > 0)
        nst_add_problem(rq, nst_str_z(f->name), fault, true);
    nst_buf_init(&b, rq->arena, NST_HTTP_ANSWER_MAX);
    nst_put_char(&b, '[');
    for (const struct nst_json *e = fault.n == 0 ? v->first : NULL; e != NULL; e = e->next) {
        nst_put_z(&b, e != v->first ? "," : "");
        put_item(&b, l, e);
    }
    nst_put_char(&b, ']');
    *(struct nst_str *)member = nst_buf_str(&b);
    return true;
}

static bool parse_properties(struct nst_req *rq, const struct nst_field *f,
                             const struct nst_json *v, void *member)
{
    return parse_list(rq, f, v, member, &properties);
}

static bool parse_filters(struct nst_req *rq, const struct nst_field *f, const struct nst_json *v,
                          void *member)
{
    return parse_list(rq, f, v, member, &filters);
}

/* Names, not too long ones. */
static bool parse_algorithms(struct nst_req *rq, const struct nst_field *f,
                             const struct nst_json *v, void *member)
{
    size_t nth = 0;
    if (v->kind != NST_JSON_ARRAY || !nst_json_value.parse(rq, f, v, member))
        return false;
    for (const struct nst_json *e = v->first; e != NULL; e = e->next) {
        bool is_text = e->kind == NST_JSON_STRING;
        nth++;
        if (is_text && e->text.n > 0 && nst_utf8_length(e->text) <= ALGORITHM_MAX)
            continue;
        nst_add_problem(rq, nst_str_z(f->name),
                        nst_strf(rq->arena, "Item %zu in the array did not validate: %s", nth,
                                 is_text ? "Ensure this value has 1 to 50 characters."
                                         : "Not a valid string."),
                        true);
        return true;
    }
    return true;
}

static void print_list(struct nst_buf *out, const struct nst_face *face, const struct nst_field *f,
                       const void *row)
{
    (void)face;
    nst_put(out, *(const struct nst_str *)((const char *)row + f->offset));
}

#define MAYBE_TEXT "{\"type\":[\"string\",\"null\"]}"
#define TEXT       "{\"type\":\"string\",\"minLength\":1}"
#define PROPERTY \
    "{\"type\":\"object\",\"required\":[\"code\"],\"additionalProperties\":false,\"properties\":{" \
    "\"code\":" TEXT ",\"uri\":" MAYBE_TEXT ",\"description\":" MAYBE_TEXT ",\"type\":{\"enum\":[" \
    "\"code\",\"Coding\",\"string\",\"integer\",\"boolean\",\"dateTime\",\"decimal\"]}}}"
#define FILTER \
    "{\"type\":\"object\",\"required\":[\"code\",\"operator\",\"value\"]," \
    "\"additionalProperties\":false,\"properties\":{\"code\":" TEXT ",\"description\":" MAYBE_TEXT \
    ",\"operator\":{\"type\":\"array\",\"minItems\":1,\"items\":{\"enum\":[\"=\",\"is-a\"," \
    "\"descendent-of\",\"is-not-a\",\"regex\",\"in\",\"not-in\",\"generalizes\",\"child-of\"," \
    "\"descendent-leaf\",\"exists\"]}},\"value\":" TEXT "}}"

#define LIST(n, of, how) \
    { \
        .name = (n), .rep = NST_REP_STR, .column = "text", .schema = "array", .items = (of), \
        .parse = (how), .print = print_list, .holds_json = true \
    }
const struct nst_type ocl_properties = LIST("properties", PROPERTY, parse_properties);
const struct nst_type ocl_filters = LIST("filters", FILTER, parse_filters);
const struct nst_type ocl_match_algorithms =
    LIST("match_algorithms", "{\"type\":\"string\",\"minLength\":1,\"maxLength\":50}",
         parse_algorithms);

/* ---- By an address of its own ---- */

enum nst_err ocl_declared(struct nst_req *rq)
{
    const struct nst_object *o = nst_object(rq);
    struct nst_sql q;
    struct nst_rows *rows;
    nst_sql_init(&q, rq->arena);
    nst_sql_addf(&q, "SELECT %s FROM %s WHERE id = ", (const char *)rq->action->arg,
                 nst_resource_of(o)->table);
    nst_sql_bind(&q, NST_INT(((const struct nst_row *)o->row)->id));
    NST_TRY(nst_sql_query(&rows, rq->db, &q));
    if (nst_rows_step(rows))
        nst_put(&rq->x->out, nst_rows_text(rows, 0));
    NST_TRY(nst_rows_end(rows));
    return nst_answer_json(rq, 200);
}

static const struct nst_response properties_response[] = {
    { 200, "All of them.", { .schema = "{\"type\":\"array\",\"items\":" PROPERTY "}" } },
    { 0 },
};
static const struct nst_response filters_response[] = {
    { 200, "All of them.", { .schema = "{\"type\":\"array\",\"items\":" FILTER "}" } },
    { 0 },
};

const struct nst_description ocl_properties_description = { .response = properties_response };
const struct nst_description ocl_filters_description = { .response = filters_response };
