/* Lists: scope, visibility, filters, order, one page, the number found. */
#include "model.h"

/* ---- Pages ---- */

/* -1 where the parameter is no number in the range. Digits that are too many for a number
 * count as the largest. */
static int64_t number_in(struct nst_req *rq, const char *name, int64_t low, int64_t high)
{
    int64_t n;
    struct nst_str text = nst_str_trim(nst_query_value(rq, name));
    size_t digits = 0;
    while (digits < text.n && text.p[digits] >= '0' && text.p[digits] <= '9')
        digits++;
    if (text.n > 0 && digits == text.n && !nst_str_int(&n, text))
        n = INT64_MAX;
    else if (!nst_str_int(&n, text))
        return -1;
    return n >= low && n <= high ? n : -1;
}

static int64_t read_limit(struct nst_req *rq, const struct nst_list_grammar *g,
                          const struct nst_switch *s)
{
    bool is_given = nst_query_value(rq, g->limit).p != NULL;
    unsigned most = s != NULL && s->limit_max > 0 ? s->limit_max : g->limit_max;
    int64_t n = number_in(rq, is_given ? g->limit : g->limit_too, 1, most);
    return n > 0 ? n : g->limit_default;
}

static void read_page(struct nst_page *page, struct nst_req *rq, const struct nst_model *m)
{
    const struct nst_list_grammar *g = nst_lists_of(rq->face);
    page->limit = read_limit(rq, g, nst_switch_chosen(rq, m, NST_LIST));
    page->number = number_in(rq, g->page, 1, INT64_MAX);
    page->offset = number_in(rq, g->offset, 0, INT64_MAX);
    page->by_offset = page->offset >= 0;
    if (page->by_offset) /* the largest offset is on the largest page: none is beyond it */
        page->number = (page->offset < INT64_MAX ? page->offset : INT64_MAX - 1) / page->limit + 1;
    else if (page->number < 0)
        page->number = 1;
    if (!page->by_offset)
        page->offset = page->number - 1 <= INT64_MAX / page->limit
                           ? (page->number - 1) * page->limit
                           : INT64_MAX;
}

/* ---- The rows of a list ---- */

/* What one page is made of. */
struct listing {
    const struct nst_model *model;
    const struct nst_shape *shape;
    struct nst_page page;
    struct nst_order order;
    struct nst_value key[NST_TERMS_MAX]; /* of the row before the page, then of its last */
    bool has_key;
    struct nst_sql where;
    int64_t state; /* places are kept under it; 0: unknown */
    struct nst_waiting waiting;
    struct nst_buf kept;
};

/* `after` goes on where another page ended: in the state that the walk began with. */
static enum nst_err read_place(struct listing *l, struct nst_req *rq)
{
    const char *name = nst_lists_of(rq->face)->after;
    struct nst_str after = nst_query_value(rq, name);
    rq->as_of = 0;
    l->has_key = after.n > 0;
    if (!l->has_key || nst_key_read(l->key, &rq->as_of, rq, &l->order, after))
        return NST_OK;
    return nst_fail(rq, NST_E_INVALID, name,
                    NST_STR("Not the place of a row in this list: take it from `next`."));
}

static enum nst_err conditions(struct listing *l, bool *filtered, struct nst_req *rq,
                               const struct nst_object *parent)
{
    const struct nst_hooks *hook = &l->model->set.hook;
    nst_sql_init(&l->where, rq->arena);
    NST_TRY(nst_scope(&l->where, rq, l->model, parent));
    if (hook->visible != NULL)
        NST_TRY(hook->visible(&l->where, rq));
    return nst_add_filters(&l->where, filtered, rq, l->model->resource);
}

static enum nst_err count_rows(struct listing *l, bool filtered, struct nst_req *rq)
{
    const struct nst_hooks *hook = &l->model->set.hook;
    bool counted = false;
    struct nst_sql q;
    if (!filtered && hook->count != NULL)
        NST_TRY(hook->count(&l->page.found, &counted, rq));
    if (counted)
        return NST_OK;
    nst_sql_init(&q, rq->arena);
    nst_sql_add_str(&q, l->model->count_from);
    nst_sql_add_str(&q, nst_buf_str(&l->where.text));
    nst_sql_push_all(&q, &l->where);
    return nst_sql_int(&l->page.found, NULL, rq->db, &q);
}

#define COUNT_ROWS "SELECT count(*)" /* how count_from begins */

/* " FROM ... WHERE ..." of the model. */
static struct nst_str sources_of(const struct nst_model *m)
{
    return nst_str_slice(m->count_from, sizeof(COUNT_ROWS) - 1, m->count_from.n);
}

/* The columns, then the terms of the order, up to and with ORDER BY. */
static void put_select(struct nst_sql *q, const struct listing *l, struct nst_str columns)
{
    nst_sql_add_str(q, columns);
    nst_order_put(&q->text, &l->order, false);
    nst_sql_add_str(q, sources_of(l->model));
    nst_sql_add_str(q, nst_buf_str(&l->where.text));
    nst_sql_push_all(q, &l->where);
    if (l->has_key)
        nst_order_behind(q, &l->order, l->key);
    nst_sql_add(q, " ORDER BY ");
    nst_order_put(&q->text, &l->order, true);
    nst_sql_add(q, " LIMIT ");
}

static void keep_key(struct listing *l, struct nst_arena *a, struct nst_rows *rows, unsigned column)
{
    for (unsigned i = 0; i < l->order.count; i++) {
        l->key[i] = nst_rows_value(rows, column + i);
        l->key[i].text = nst_str_copy(a, l->key[i].text);
    }
    l->has_key = true;
}

/* The place `steps` rows behind the one that l has, or from the first row.
 *   is_there  false when the list ends before it */
static enum nst_err step(bool *is_there, struct listing *l, struct nst_req *rq, int64_t steps)
{
    struct nst_sql q;
    struct nst_rows *rows;
    nst_sql_init(&q, rq->arena);
    put_select(&q, l, NST_STR("SELECT "));
    nst_sql_add(&q, "1 OFFSET ");
    nst_sql_bind(&q, NST_INT(steps - 1));
    NST_TRY(nst_sql_query(&rows, rq->db, &q));
    *is_there = nst_rows_step(rows);
    if (*is_there)
        keep_key(l, rq->arena, rows, 0);
    return nst_rows_end(rows);
}

/* The place of every thousandth row that was passed is remembered (places.c): a page deep
 * in the list is then as near as the first ones. */
#define MILESTONE 1000

static struct nst_str milestone_key(const struct listing *l, struct nst_arena *a, int64_t mile)
{
    struct nst_buf b;
    nst_buf_init(&b, a, 65536);
    nst_putf(&b, "mile %lld %lld ", (long long)mile, (long long)l->state);
    nst_put(&b, sources_of(l->model));
    nst_put(&b, nst_buf_str(&l->where.text));
    nst_order_put(&b, &l->order, true);
    for (unsigned i = 0; i < l->where.count; i++) {
        const struct nst_value *v = &l->where.bound[i];
        nst_put_char(&b, ' ');
        nst_put_int(&b, v->kind == NST_VALUE_TEXT ? (int64_t)v->text.n : v->number);
        nst_put(&b, v->kind == NST_VALUE_TEXT ? v->text : NST_STR(""));
    }
    return nst_buf_whole(&b);
}

static bool recall(struct listing *l, struct nst_req *rq, int64_t mile)
{
    struct nst_str text = nst_place_recall(rq, l->state, milestone_key(l, rq->arena, mile));
    int64_t state;
    l->has_key = text.p != NULL && nst_key_read(l->key, &state, rq, &l->order, text);
    return l->has_key;
}

static void remember(const struct listing *l, struct nst_req *rq, int64_t mile)
{
    struct nst_str text = nst_key_text(rq, &l->order, 0, l->key);
    if (text.p != NULL)
        nst_place_remember(rq, l->state, milestone_key(l, rq->arena, mile), text);
}

/* The number of a page is the place of the row before it: finding that touches nothing but
 * an index, and from there on the page costs what every page costs.
 *   is_there  false when the list ends before it */
static enum nst_err find_place(bool *is_there, struct listing *l, struct nst_req *rq)
{
    *is_there = l->has_key || l->page.offset == 0;
    if (*is_there || l->page.offset >= l->page.found)
        return NST_OK;
    /* What an index does not sort is sorted whole for every step. */
    bool has_miles = nst_place_is_kept(rq, l->state) && !l->order.term[0].may_be_null;
    int64_t wanted = has_miles ? l->page.offset / MILESTONE : 0, mile = wanted;
    while (mile > 0 && !recall(l, rq, mile))
        mile--;
    *is_there = true;
    for (; *is_there && mile < wanted; mile++) {
        NST_TRY(step(is_there, l, rq, MILESTONE));
        if (*is_there)
            remember(l, rq, mile + 1);
    }
    int64_t rest = l->page.offset - mile * MILESTONE;
    return *is_there && rest > 0 ? step(is_there, l, rq, rest) : NST_OK;
}

/* What a loop writes for one request: the client can ask for less. */
#define PAGE_BYTES_MAX ((size_t)16 << 20)

static enum nst_err refuse_size(struct nst_req *rq)
{
    return nst_fail_bare(rq, NST_E_INVALID, "detail",
                         NST_STR("The rows of this page take more than 16 MB. Ask for fewer rows "
                                 "with limit, or for what is inside of them by itself."));
}

static void render_rows(struct listing *l, struct nst_req *rq, struct nst_rows *rows)
{
    struct nst_buf *out = &rq->x->out;
    void *row = nst_row_alloc(rq->arena, l->model->resource);
    while (nst_rows_step(rows)) {
        l->page.has_more = l->page.returned == l->page.limit;
        if (l->page.has_more)
            return;
        if (l->page.returned > 0 && out->n > PAGE_BYTES_MAX) {
            nst_rows_fail(rows, refuse_size(rq));
            return;
        }
        nst_row_clean(l->model->resource, row);
        nst_row_read(l->model, &l->shape->columns, rows, row);
        nst_put_z(out, l->page.returned++ > 0 ? "," : "");
        nst_shape_put(out, rq->face, l->shape, row);
        nst_wait_for(&l->waiting, row, false);
        if (l->model->set.hook.keep != NULL)
            l->model->set.hook.keep(&l->kept, row);
        if (l->page.returned == l->page.limit)
            keep_key(l, rq->arena, rows, l->shape->columns.count);
    }
}

static enum nst_err query_rows(struct nst_rows **rows, struct listing *l, struct nst_req *rq,
                               int64_t limit)
{
    struct nst_sql q;
    struct nst_str sources = sources_of(l->model), select = l->shape->select;
    nst_sql_init(&q, rq->arena);
    nst_sql_add_str(&q, nst_str_slice(select, 0, select.n - sources.n));
    put_select(&q, l, NST_STR(", "));
    nst_sql_bind(&q, NST_INT(limit));
    return nst_sql_query(rows, rq->db, &q);
}

static enum nst_err put_rows(struct listing *l, struct nst_req *rq)
{
    struct nst_rows *rows;
    l->waiting = (struct nst_waiting){ rq, l->model, l->shape, &rq->x->out };
    nst_wait(&l->waiting, false);
    nst_buf_init(&l->kept, rq->arena, PAGE_BYTES_MAX);
    NST_TRY(query_rows(&rows, l, rq, l->page.limit + 1));
    render_rows(l, rq, rows);
    NST_TRY(nst_rows_end(rows));
    NST_TRY(nst_put_members(&l->waiting));
    return l->waiting.members > 0 && rq->x->out.n > PAGE_BYTES_MAX && l->page.returned > 1
               ? refuse_size(rq)
               : NST_OK;
}

/* A walk stays in the state that it began with. */
static int64_t state_of(struct nst_req *rq, const struct nst_model *m)
{
    if (rq->as_of > 0 || m->set.hook.state == NULL)
        return rq->as_of;
    return m->set.hook.state(rq);
}

static enum nst_err list_rows(struct nst_req *rq, const struct nst_model *m,
                              const struct nst_object *parent)
{
    struct listing l = { .model = m };
    bool filtered = false, is_there = false;
    l.shape = nst_shape_chosen(rq, l.model, NST_LIST);
    read_page(&l.page, rq, l.model);
    NST_TRY(nst_order_read(&l.order, rq, m));
    NST_TRY(read_place(&l, rq));
    NST_TRY(conditions(&l, &filtered, rq, parent));
    NST_TRY(count_rows(&l, filtered, rq));
    l.state = state_of(rq, m);
    NST_TRY(find_place(&is_there, &l, rq));
    nst_put_char(&rq->x->out, '[');
    if (is_there)
        NST_TRY(put_rows(&l, rq));
    nst_put_char(&rq->x->out, ']');
    if (l.page.has_more)
        l.page.after = nst_key_text(rq, &l.order, l.state, l.key);
    l.page.kept = nst_buf_str(&l.kept);
    rq->is_page = rq->x->header_count == 0;
    nst_paginate_as_face(rq, &l.page);
    return nst_answer_json(rq, 200);
}

static enum nst_err inner_conditions(struct listing *l, struct nst_req *rq,
                                     const struct nst_inner *inner)
{
    const struct nst_hooks *hook = &l->model->set.hook;
    nst_sql_init(&l->where, rq->arena);
    nst_sql_add_str(&l->where, nst_buf_str(&inner->conditions->text));
    nst_sql_push_all(&l->where, inner->conditions);
    return hook->visible != NULL && !inner->is_judged ? hook->visible(&l->where, rq) : NST_OK;
}

/* Rows without members are taken as they come; the others wait in `out`. */
static void take_rows(struct listing *l, struct nst_req *rq, struct nst_rows *rows,
                      const struct nst_inner *inner, struct nst_buf *out)
{
    void *row = nst_row_alloc(rq->arena, inner->resource);
    size_t total = 0;
    while ((inner->bytes == 0 || total <= inner->bytes) && nst_rows_step(rows)) {
        size_t begin = out->n;
        nst_row_clean(inner->resource, row);
        nst_row_read(l->model, &l->shape->columns, rows, row);
        nst_shape_put(out, rq->face, l->shape, row);
        total += out->n - begin;
        if (inner->bytes == 0 && total > PAGE_BYTES_MAX) {
            nst_rows_fail(rows, refuse_size(rq));
            return;
        }
        nst_wait_for(&l->waiting, row, false);
        if (l->waiting.members > 0)
            continue;
        inner->take(inner->arg, row, nst_buf_str(out));
        out->n = 0;
    }
}

enum nst_err nst_each_row(struct nst_req *rq, const struct nst_inner *inner)
{
    struct listing l = { .model = inner->set != NULL
                                      ? nst_model_of_set(rq->registry, inner->set)
                                      : nst_model_of(rq->registry, inner->resource) };
    struct nst_rows *rows;
    struct nst_buf out;
    const struct nst_waiting *w = &l.waiting;
    l.shape = nst_shape_of(l.model, rq->face, inner->use);
    nst_order_default(&l.order, rq, l.model, inner->order);
    NST_TRY(inner_conditions(&l, rq, inner));
    nst_buf_init(&out, rq->arena, NST_HTTP_ANSWER_MAX);
    l.waiting = (struct nst_waiting){ rq, l.model, l.shape, &out };
    nst_wait(&l.waiting, true);
    NST_TRY(query_rows(&rows, &l, rq, inner->limit));
    take_rows(&l, rq, rows, inner, &out);
    NST_TRY(nst_rows_end(rows));
    NST_TRY(nst_put_members(&l.waiting));
    for (size_t i = 0; i < w->count; i++) {
        size_t begin = i > 0 ? w->end[i - 1] : 0;
        inner->take(inner->arg, w->row[i], nst_str_slice(nst_buf_str(&out), begin, w->end[i]));
    }
    return NST_OK;
}

enum nst_err nst_list(struct nst_req *rq)
{
    return list_rows(rq, rq->endpoint->model, nst_object(rq));
}

enum nst_err nst_list_of(struct nst_req *rq, const struct nst_set *set,
                         const struct nst_object *parent)
{
    return list_rows(rq, nst_model_of_set(rq->registry, set), parent);
}

enum nst_err nst_all_visible(struct nst_sql *q, struct nst_req *rq)
{
    (void)q;
    (void)rq;
    return NST_OK;
}

enum nst_err nst_counted(int64_t *out, bool *found, struct nst_req *rq)
{
    (void)out;
    (void)rq;
    *found = false;
    return NST_OK;
}
