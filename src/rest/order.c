/* The order of a list, and a row's place in it: a walk through the pages goes on
 * behind the last row that was shown, whatever was written meanwhile. */
#include "model.h"

#include <sodium.h>

/* ---- Reading an order ---- */

static void add_term(struct nst_order *o, struct nst_str expression, bool is_descending,
                     bool may_be_null)
{
    if (o->count < NST_TERMS_MAX)
        o->term[o->count++] = (struct nst_term){ expression, is_descending, may_be_null };
}

bool nst_is_alike(struct nst_str a, struct nst_str b)
{
    size_t i = 0, k = 0;
    for (;; i++, k++) {
        while (i < a.n && a.p[i] == '_')
            i++;
        while (k < b.n && b.p[k] == '_')
            k++;
        if (i == a.n || k == b.n)
            return i == a.n && k == b.n;
        if (nst_lower(a.p[i]) != nst_lower(b.p[k]))
            return false;
    }
}

static const struct nst_sort *find_sort(const struct nst_resource *r, struct nst_str name)
{
    for (const struct nst_sort *s = r->sort; s != NULL && s->name != NULL; s++)
        if (nst_is_alike(nst_str_z(s->name), name))
            return s;
    return NULL;
}

static void add_sort(struct nst_order *o, const struct nst_sort *s, bool is_descending)
{
    struct nst_str rest = nst_str_z(s->columns);
    while (rest.p != NULL)
        add_term(o, nst_str_cut(&rest, '|'), is_descending, !s->never_null);
}

/* "a DESC, coalesce(b, c)": commas inside parentheses separate nothing. */
static void add_default(struct nst_order *o, struct nst_str rest)
{
    while (rest.n > 0) {
        size_t end = 0;
        for (int depth = 0; end < rest.n && (depth > 0 || rest.p[end] != ','); end++)
            depth += (rest.p[end] == '(') - (rest.p[end] == ')');
        struct nst_str one = nst_str_trim(nst_str_slice(rest, 0, end));
        bool is_descending = nst_str_ends(one, NST_STR(" DESC"));
        one.n -= is_descending ? 5 : nst_str_ends(one, NST_STR(" ASC")) ? 4 : 0;
        add_term(o, one, is_descending, false);
        rest = nst_str_slice(rest, end + 1, rest.n);
    }
}

/* A list in another order than the one that was asked for would be taken for it. */
static void refuse_sort(struct nst_req *rq, const struct nst_resource *r, const char *parameter,
                        struct nst_str name)
{
    struct nst_buf b;
    nst_buf_init(&b, rq->arena, 4096);
    nst_putf(&b, "This list is not sorted by \"%.*s\"", NST_FMT(name));
    for (const struct nst_sort *s = r->sort; s != NULL && s->name != NULL; s++)
        nst_putf(&b, "%s%s", s == r->sort ? ", but by " : ", ", s->name);
    nst_put_char(&b, '.');
    nst_add_problem(rq, nst_str_z(parameter), nst_buf_str(&b), true);
}

/* The names that one parameter gives, if nothing before it did. Names behind those that fit
 * would decide nothing. */
static void read_sorts(struct nst_order *o, struct nst_req *rq, const struct nst_resource *r,
                       const char *parameter, bool is_descending)
{
    const struct nst_list_grammar *g = nst_lists_of(rq->face);
    struct nst_str rest = nst_query_value(rq, parameter);
    bool is_list = parameter == g->sort, is_given = o->count > 0;
    while (rest.p != NULL && rest.n > 0) {
        struct nst_str name = nst_str_trim(is_list ? nst_str_cut(&rest, ',') : rest);
        bool is_down = is_list && nst_str_starts(name, NST_STR("-"));
        name = nst_str_slice(name, is_down, name.n);
        const struct nst_sort *s = find_sort(r, name);
        if (s == NULL && name.n > 0)
            refuse_sort(rq, r, parameter, name);
        else if (s != NULL && !is_given && o->count < NST_TERMS_MAX / 2)
            add_sort(o, s, is_down || is_descending);
        if (!is_list)
            return;
    }
}

void nst_order_default(struct nst_order *out, struct nst_req *rq, const struct nst_model *m,
                       const char *own)
{
    const struct nst_set *set = &m->set;
    const char *order = set->hook.order != NULL ? set->hook.order(rq) : set->order;
    add_default(out, nst_str_z(own != NULL ? own : order));
}

enum nst_err nst_order_read(struct nst_order *out, struct nst_req *rq, const struct nst_model *m)
{
    const struct nst_resource *r = m->resource;
    const struct nst_list_grammar *g = nst_lists_of(rq->face);
    out->count = 0;
    read_sorts(out, rq, r, g->sort_up, false);
    read_sorts(out, rq, r, g->sort_down, true);
    read_sorts(out, rq, r, g->sort, false);
    nst_order_default(out, rq, m, NULL);
    return rq->problem != NULL ? NST_E_INVALID : NST_OK;
}

/* ---- SQL ---- */

void nst_order_put(struct nst_buf *out, const struct nst_order *o, bool with_direction)
{
    for (unsigned i = 0; i < o->count; i++) {
        const struct nst_term *t = &o->term[i];
        nst_put_z(out, i > 0 ? ", " : "");
        nst_put(out, t->expression);
        if (with_direction)
            nst_put_z(out, t->is_descending ? " DESC" : " ASC");
        if (with_direction && t->may_be_null)
            nst_put_lit(out, " NULLS LAST");
    }
}

static void put_comparison(struct nst_sql *q, const struct nst_term *t, const char *operator,
                           struct nst_value v)
{
    nst_sql_add_str(q, t->expression);
    if (v.kind == NST_VALUE_NULL) {
        nst_sql_add(q, " IS NULL");
        return;
    }
    nst_sql_add(q, operator);
    nst_sql_bind(q, v);
}

/* Behind in this term: nothing is behind null. */
static void put_behind(struct nst_sql *q, const struct nst_term *t, struct nst_value v)
{
    if (v.kind == NST_VALUE_NULL) {
        nst_sql_add(q, "FALSE");
        return;
    }
    nst_sql_add(q, t->may_be_null ? "(" : "");
    put_comparison(q, t, t->is_descending ? " < " : " > ", v);
    if (!t->may_be_null)
        return;
    nst_sql_add(q, " OR ");
    put_comparison(q, t, "", NST_NULL);
    nst_sql_add(q, ")");
}

/* Equal in the first terms and behind in the next one. The first comparison says nothing
 * that the others do not, but is what an index can use. */
void nst_order_behind(struct nst_sql *q, const struct nst_order *o, const struct nst_value *key)
{
    const struct nst_term *first = &o->term[0];
    nst_sql_add(q, " AND ");
    if (!first->may_be_null && key[0].kind != NST_VALUE_NULL) {
        put_comparison(q, first, first->is_descending ? " <= " : " >= ", key[0]);
        nst_sql_add(q, " AND ");
    }
    nst_sql_add(q, "(");
    for (unsigned i = 0; i < o->count; i++) {
        nst_sql_add(q, i > 0 ? " OR (" : "(");
        for (unsigned k = 0; k < i; k++) {
            put_comparison(q, &o->term[k], " = ", key[k]);
            nst_sql_add(q, " AND ");
        }
        put_behind(q, &o->term[i], key[i]);
        nst_sql_add(q, ")");
    }
    nst_sql_add(q, ")");
}

/* ---- Keys as texts: a JSON list of the state and the values ---- */

#define KEY_BYTES_MAX 1024

void nst_registry_seal(struct nst_registry *reg, const void *secret, size_t size)
{
    crypto_generichash(reg->seal, sizeof(reg->seal), secret, size, NULL, 0);
}

/* A mark of the list and of what stands in the text: a place that was made up, or is another
 * list's, has another. Its values need no look then: they have the types of the columns. */
static uint64_t mark_of(const struct nst_req *rq, const struct nst_order *o, struct nst_str text)
{
    uint64_t mark;
    struct nst_buf b;
    nst_buf_init(&b, rq->arena, KEY_BYTES_MAX + 65536);
    nst_order_put(&b, o, true);
    nst_put(&b, text);
    crypto_shorthash((unsigned char *)&mark, (const unsigned char *)b.p, b.n, rq->registry->seal);
    return mark;
}

#define MARK_DIGITS 16

static void put_mark(struct nst_buf *b, uint64_t mark)
{
    for (unsigned i = 0; i < MARK_DIGITS; i++, mark >>= 4)
        nst_put_char(b, "0123456789abcdef"[mark & 15]);
}

struct nst_str nst_key_text(struct nst_req *rq, const struct nst_order *o, int64_t state,
                            const struct nst_value *key)
{
    struct nst_buf b;
    nst_buf_init(&b, rq->arena, KEY_BYTES_MAX);
    nst_put_char(&b, '[');
    nst_put_int(&b, state);
    for (unsigned i = 0; i < o->count; i++) {
        nst_put_char(&b, ',');
        if (key[i].kind == NST_VALUE_INT)
            nst_put_int(&b, key[i].number);
        else if (key[i].kind == NST_VALUE_BOOL)
            nst_json_put_bool(&b, key[i].number != 0);
        else
            nst_json_put_str_or_null(&b, key[i].text);
    }
    nst_put_char(&b, ']');
    put_mark(&b, mark_of(rq, o, nst_buf_str(&b)));
    return b.is_full ? (struct nst_str){ 0 } : nst_buf_str(&b);
}

static bool read_value(struct nst_value *out, const struct nst_json *v)
{
    int64_t number = 0;
    switch (v->kind) {
    case NST_JSON_NULL:
        *out = NST_NULL;
        return true;
    case NST_JSON_BOOL:
        *out = NST_BOOL(v->boolean);
        return true;
    case NST_JSON_NUMBER:
        if (!nst_str_int(&number, v->text))
            return false;
        *out = NST_INT(number);
        return true;
    case NST_JSON_STRING:
        *out = NST_TEXT(v->text);
        return nst_json_is_text(v);
    default:
        return false;
    }
}

/* The text without its mark; null where that is not its own. */
static struct nst_str unmarked(const struct nst_req *rq, const struct nst_order *o,
                               struct nst_str text)
{
    struct nst_buf b;
    if (text.n <= MARK_DIGITS)
        return (struct nst_str){ 0 };
    struct nst_str key = nst_str_slice(text, 0, text.n - MARK_DIGITS);
    nst_buf_init(&b, rq->arena, MARK_DIGITS);
    put_mark(&b, mark_of(rq, o, key));
    return nst_str_ends(text, nst_buf_str(&b)) ? key : (struct nst_str){ 0 };
}

bool nst_key_read(struct nst_value *key, int64_t *state, struct nst_req *rq,
                  const struct nst_order *o, struct nst_str text)
{
    struct nst_json *list;
    text = unmarked(rq, o, text);
    if (text.p == NULL || nst_json_read(&list, NULL, rq->arena, text, NULL) != NST_OK ||
        list->kind != NST_JSON_ARRAY || list->count != o->count + 1 ||
        !nst_str_int(state, list->first->text) || *state < 0)
        return false;
    const struct nst_json *v = list->first->next;
    for (unsigned i = 0; i < o->count; i++, v = v->next)
        if (!read_value(&key[i], v))
            return false;
    return true;
}
