/* Lists: scope, visibility, filters, order, one page, the number found. */
#include "model.h"

/* ---- Pages (G97, V110, V328) ---- */

static int64_t number_in(struct nst_req *rq, const char *name, int64_t low, int64_t high)
{
    int64_t n;
    struct nst_str text = nst_str_trim(nst_query_value(rq, name));
    return nst_str_int(&n, text) && n >= low && n <= high ? n : -1;
}

static void read_page(struct nst_page *page, struct nst_req *rq)
{
    page->limit = number_in(rq, "limit", 1, NST_PAGE_MAX);
    if (page->limit < 0 && nst_query_value(rq, "limit").p == NULL)
        page->limit = number_in(rq, "_count", 1, NST_PAGE_MAX);
    if (page->limit < 0)
        page->limit = NST_PAGE_DEFAULT;
    /* So high that no product below can overflow. */
    page->number = number_in(rq, "page", 1, INT64_MAX / NST_PAGE_MAX - 1);
    page->offset = number_in(rq, "offset", 0, INT64_MAX / 2);
    page->by_offset = page->offset >= 0;
    if (page->by_offset)
        page->number = page->offset / page->limit + 1;
    else if (page->number < 0)
        page->number = 1;
    if (!page->by_offset)
        page->offset = (page->number - 1) * page->limit;
}

/* ---- Filters (V334): `a,b` or, `!a` not, `a*` pattern, without case ---- */

/* The LIKE pattern of a word with `*`; `\` escapes what LIKE would read. */
static struct nst_str like_pattern(struct nst_arena *a, struct nst_str word)
{
    struct nst_buf b;
    nst_buf_init(&b, a, word.n * 2 + 1);
    for (size_t i = 0; i < word.n; i++) {
        char c = word.p[i];
        if (c == '%' || c == '_' || c == '\\')
            nst_put_char(&b, '\\');
        if (c == '*')
            nst_put_char(&b, '%');
        else
            nst_put_char(&b, c);
    }
    return nst_buf_str(&b);
}

/* A number, a time: compared as what it is. False when the word is none. */
static bool put_number(struct nst_sql *q, struct nst_req *rq, const struct nst_field *f,
                       struct nst_str word)
{
    const struct nst_json given = { .kind = NST_JSON_STRING, .text = word };
    int64_t number = 0;
    nst_column_put(&q->text, rq->endpoint->model->resource, f);
    nst_sql_add(q, " = ");
    bool is_good = f->type->parse(rq, f, &given, &number);
    nst_sql_bind(q, NST_INT(number));
    return is_good;
}

static void put_text(struct nst_sql *q, struct nst_req *rq, const struct nst_field *f,
                     struct nst_str word)
{
    nst_sql_add(q, "lower(");
    nst_column_put(&q->text, rq->endpoint->model->resource, f);
    if (nst_str_find(word, '*') < word.n) {
        nst_sql_add(q, ") LIKE lower(");
        nst_sql_bind(q, NST_TEXT(like_pattern(rq->arena, word)));
        nst_sql_add(q, ") ESCAPE '\\'");
    } else {
        nst_sql_add(q, ") = lower(");
        nst_sql_bind(q, NST_TEXT(word));
        nst_sql_add(q, ")");
    }
}

/* False when the field can have no such value. */
static bool put_word(struct nst_sql *q, struct nst_req *rq, const struct nst_field *f,
                     struct nst_str word)
{
    if (f->rep == NST_REP_INT)
        return put_number(q, rq, f, word);
    if (f->rep == NST_REP_STR) {
        put_text(q, rq, f, word);
        return true;
    }
    nst_column_put(&q->text, rq->endpoint->model->resource, f);
    nst_sql_add(q, " = ");
    nst_sql_bind(q, NST_BOOL(nst_str_eq_nocase(word, NST_STR("true")) ||
                             nst_str_eq(word, NST_STR("1"))));
    return true;
}

#define FILTER_WORDS  16 /* alternatives of one filter; more are ignored together */
#define FILTER_VALUES (NST_SQL_VALUES - 32) /* of all filters; the rest is for the list itself */

static bool add_filter(struct nst_sql *q, struct nst_req *rq, const struct nst_field *f,
                       struct nst_str value)
{
    bool is_not = nst_str_starts(value, NST_STR("!")), is_good = true;
    if (is_not)
        value = nst_str_slice(value, 1, value.n);
    nst_sql_add(q, is_not ? " AND ((" : " AND (");
    for (unsigned n = 0; value.p != NULL && n < FILTER_WORDS; n++) {
        nst_sql_add(q, n == 0 ? "" : " OR ");
        is_good &= put_word(q, rq, f, nst_str_trim(nst_str_cut(&value, ',')));
    }
    nst_sql_add(q, is_not ? ") IS NOT TRUE)" : ")");
    return is_good && q->count <= FILTER_VALUES;
}

static enum nst_err add_filters(struct nst_sql *q, bool *filtered, struct nst_req *rq,
                                const struct nst_resource *r)
{
    if (rq->x->query.n == 0)
        return NST_OK;
    for (size_t i = 0; i < r->field_count; i++) {
        const struct nst_field *f = &r->field[i];
        if ((f->flags & NST_FILTER) == 0)
            continue;
        struct nst_str camel = nst_camel(rq->arena, nst_str_z(f->name));
        struct nst_str value = nst_query_value(rq, nst_str_to_z(rq->arena, camel));
        if (value.n == 0)
            continue;
        if (nst_str_eq(value, NST_STR(NST_NO_TEXT)) || !add_filter(q, rq, f, value))
            nst_add_problem(rq, camel, nst_str_z(rq->face->text->invalid), true);
        *filtered = true;
    }
    return rq->problem != NULL ? NST_E_INVALID : NST_OK;
}

/* ---- Order (V332) ---- */

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

static bool put_sort(struct nst_sql *q, const struct nst_resource *r, struct nst_str name,
                     bool is_descending)
{
    for (const struct nst_sort *s = r->sort; s != NULL && s->name != NULL; s++) {
        struct nst_str known = plain_name(q->text.arena, nst_str_z(s->name));
        if (!nst_str_eq(known, plain_name(q->text.arena, name)) || s->columns == NULL)
            continue;
        struct nst_str rest = nst_str_z(s->columns);
        while (rest.p != NULL) {
            nst_sql_add_str(q, nst_str_cut(&rest, '|'));
            nst_sql_add(q, is_descending ? " DESC NULLS LAST, " : " ASC NULLS LAST, ");
        }
        return true;
    }
    return false;
}

static void put_order(struct nst_sql *q, struct nst_req *rq, const struct nst_resource *r)
{
    nst_sql_add(q, " ORDER BY ");
    struct nst_str asc = nst_query_value(rq, "sortAsc"), desc = nst_query_value(rq, "sortDesc");
    struct nst_str list = nst_query_value(rq, "sort");
    bool sorted = asc.n > 0 && put_sort(q, r, asc, false);
    if (!sorted && desc.n > 0)
        sorted = put_sort(q, r, desc, true);
    while (!sorted && list.p != NULL && list.n > 0) {
        struct nst_str name = nst_str_trim(nst_str_cut(&list, ','));
        bool down = nst_str_starts(name, NST_STR("-"));
        put_sort(q, r, nst_str_slice(name, down, name.n), down);
    }
    nst_sql_add(q, r->hook.order != NULL ? r->hook.order(rq) : r->order);
}

/* ---- The list ---- */

static enum nst_err conditions(struct nst_sql *q, bool *filtered, struct nst_req *rq,
                               const struct nst_resource *r)
{
    enum nst_err e = NST_OK;
    if (r->hook.visible != NULL)
        e = r->hook.visible(q, rq);
    return e != NST_OK ? e : add_filters(q, filtered, rq, r);
}

static enum nst_err count_rows(int64_t *found, struct nst_req *rq, const struct nst_model *m,
                               const struct nst_sql *where)
{
    struct nst_sql q;
    nst_sql_init(&q, rq->arena);
    nst_sql_add_str(&q, m->count_from);
    nst_sql_add_str(&q, nst_buf_str(&where->text));
    for (unsigned i = 0; i < where->count; i++)
        q.value[q.count++] = where->value[i];
    return nst_sql_int(found, NULL, rq->db, &q);
}

/* What a loop writes for one request: the client can ask for less. */
#define PAGE_BYTES_MAX ((size_t)16 << 20)

static enum nst_err render_rows(struct nst_page *page, struct nst_req *rq,
                                const struct nst_shape *shape, const struct nst_sql *q)
{
    const struct nst_model *m = rq->endpoint->model;
    struct nst_rows *rows;
    struct nst_buf *out = &rq->x->out;
    enum nst_err e = nst_sql_query(&rows, rq->db, q);
    if (e != NST_OK)
        return e;
    void *row = nst_alloc(rq->arena, m->resource->size);
    bool has_row = false;
    nst_put_char(out, '[');
    for (;;) {
        e = nst_rows_next(&has_row, rows);
        if (e != NST_OK || !has_row)
            break;
        if (page->returned > 0 && out->n > PAGE_BYTES_MAX) {
            e = nst_fail_bare(rq, NST_E_INVALID, "detail",
                              NST_STR("The rows of this page take more than 16 MB. Ask for fewer "
                                      "rows with limit."));
            break;
        }
        memset(row, 0, m->resource->size);
        nst_row_read(m, shape->columns, rows, row);
        if (page->returned++ > 0)
            nst_put_char(out, ',');
        nst_shape_put(out, rq->face, shape, row);
    }
    nst_put_char(out, ']');
    nst_rows_end(rows);
    return e;
}

static enum nst_err list_page(struct nst_req *rq, const struct nst_model *m, struct nst_sql *where)
{
    const struct nst_resource *r = m->resource;
    const struct nst_shape *shape = nst_shape_chosen(rq, m, NST_LIST);
    struct nst_page page = { 0 };
    bool filtered = false, counted = false;
    enum nst_err e = conditions(where, &filtered, rq, r);
    if (e == NST_OK && !filtered && r->hook.count != NULL)
        e = r->hook.count(&page.found, &counted, rq);
    if (e == NST_OK && !counted)
        e = count_rows(&page.found, rq, m, where);
    if (e != NST_OK)
        return e;
    read_page(&page, rq);

    struct nst_sql q;
    nst_sql_init(&q, rq->arena);
    nst_sql_add_str(&q, shape->select);
    nst_sql_add_str(&q, nst_buf_str(&where->text));
    for (unsigned i = 0; i < where->count; i++)
        q.value[q.count++] = where->value[i];
    put_order(&q, rq, r);
    nst_sql_add(&q, " LIMIT ");
    nst_sql_bind(&q, NST_INT(page.limit));
    nst_sql_add(&q, " OFFSET ");
    nst_sql_bind(&q, NST_INT(page.offset));
    e = render_rows(&page, rq, shape, &q);
    if (e != NST_OK)
        return e;
    rq->face->paginate(rq, &page);
    return nst_answer_json(rq, 200);
}

enum nst_err nst_list_of(struct nst_req *rq, const struct nst_resource *r,
                         const struct nst_object *parent)
{
    struct nst_sql where;
    enum nst_err e = NST_OK;
    nst_sql_init(&where, rq->arena);
    if (r->hook.scope != NULL)
        e = r->hook.scope(&where, rq, parent);
    return e != NST_OK ? e : list_page(rq, nst_model_of(rq->registry, r), &where);
}

enum nst_err nst_list(struct nst_req *rq)
{
    return nst_list_of(rq, rq->endpoint->model->resource, nst_object(rq));
}
