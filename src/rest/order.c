/* The order of a list, and a row's place in it: a walk through the pages goes on
 * behind the last row that was shown, whatever was written meanwhile. */
#include "model.h"

/* ---- Reading an order ---- */

static void add_term(struct nst_order *o, struct nst_str expression, bool is_descending,
                     bool may_be_null)
{
    if (o->count < NST_TERMS_MAX)
        o->term[o->count++] = (struct nst_term){ expression, is_descending, may_be_null };
}

/* Lower case without `_`. */
static struct nst_str plain_name(struct nst_arena *a, struct nst_str name)
{
    struct nst_buf b;
    nst_buf_init(&b, a, name.n + 1);
    for (size_t i = 0; i < name.n; i++)
        if (name.p[i] != '_')
            nst_put_char(&b, nst_lower(name.p[i]));
    return nst_buf_str(&b);
}

static bool add_sort(struct nst_order *o, struct nst_arena *a, const struct nst_resource *r,
                     struct nst_str name, bool is_descending)
{
    for (const struct nst_sort *s = r->sort; s != NULL && s->name != NULL; s++) {
        if (s->columns == NULL ||
            !nst_str_eq(plain_name(a, nst_str_z(s->name)), plain_name(a, name)))
            continue;
        struct nst_str rest = nst_str_z(s->columns);
        while (rest.p != NULL)
            add_term(o, nst_str_cut(&rest, '|'), is_descending, true);
        return true;
    }
    return false;
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

void nst_order_read(struct nst_order *out, struct nst_req *rq, const struct nst_resource *r)
{
    const struct nst_list_grammar *g = nst_lists_of(rq->face);
    struct nst_str up = nst_query_value(rq, g->sort_up), down = nst_query_value(rq, g->sort_down);
    struct nst_str list = nst_query_value(rq, g->sort);
    out->count = 0;
    bool sorted = up.n > 0 && add_sort(out, rq->arena, r, up, false);
    if (!sorted && down.n > 0)
        sorted = add_sort(out, rq->arena, r, down, true);
    while (!sorted && list.p != NULL && list.n > 0 && out->count < NST_TERMS_MAX / 2) {
        struct nst_str name = nst_str_trim(nst_str_cut(&list, ','));
        bool is_down = nst_str_starts(name, NST_STR("-"));
        add_sort(out, rq->arena, r, nst_str_slice(name, is_down, name.n), is_down);
    }
    add_default(out, nst_str_z(r->hook.order != NULL ? r->hook.order(rq) : r->order));
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

struct nst_str nst_key_text(struct nst_arena *a, const struct nst_order *o, int64_t state,
                            const struct nst_value *key)
{
    struct nst_buf b;
    nst_buf_init(&b, a, KEY_BYTES_MAX);
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
        return !v->has_surrogate && nst_str_find(v->text, '\0') == v->text.n;
    default:
        return false;
    }
}

bool nst_key_read(struct nst_value *key, int64_t *state, struct nst_arena *a,
                  const struct nst_order *o, struct nst_str text)
{
    struct nst_json *list;
    if (nst_json_read(&list, NULL, a, text, NULL) != NST_OK || list->kind != NST_JSON_ARRAY ||
        list->count != o->count + 1 || !nst_str_int(state, list->first->text) || *state < 0)
        return false;
    const struct nst_json *v = list->first->next;
    for (unsigned i = 0; i < o->count; i++, v = v->next)
        if (!read_value(&key[i], v))
            return false;
    return true;
}
