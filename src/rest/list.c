/* Lists: what was asked for (ask.c) is counted, found and shown, one page of it. */
#include "select.h"

enum nst_err nst_select_tally(struct nst_select *s, struct nst_req *rq)
{
    const struct nst_hooks *hook = &s->model->set.hook;
    bool counted = false;
    struct nst_sql q;
    if (s->filter == NULL && hook->count != NULL)
        NST_TRY(hook->count(&s->page.found, &counted, rq));
    if (counted)
        return NST_OK;
    nst_sql_init(&q, rq->arena);
    nst_sql_add(&q, "SELECT count(*)");
    nst_sql_add_str(&q, s->model->sources);
    nst_sql_add_str(&q, nst_buf_str(&s->where.text));
    nst_sql_push_all(&q, &s->where);
    return nst_sql_int(&s->page.found, NULL, rq->db, &q);
}

/* The columns, then the terms of the order, up to and with ORDER BY. */
static void put_select(struct nst_sql *q, const struct nst_select *s, struct nst_str columns)
{
    nst_sql_add_str(q, columns);
    nst_order_put(&q->text, &s->order, false);
    nst_sql_add_str(q, s->model->sources);
    nst_sql_add_str(q, nst_buf_str(&s->where.text));
    nst_sql_push_all(q, &s->where);
    if (s->place.has_key)
        nst_order_behind(q, &s->order, s->place.key);
    nst_sql_add(q, " ORDER BY ");
    nst_order_put(&q->text, &s->order, true);
    nst_sql_add(q, " LIMIT ");
}

static void keep_key(struct nst_select *s, struct nst_arena *a, struct nst_rows *rows,
                     unsigned column)
{
    for (unsigned i = 0; i < s->order.count; i++) {
        s->place.key[i] = nst_rows_value(rows, column + i);
        s->place.key[i].text = nst_str_copy(a, s->place.key[i].text);
    }
    s->place.has_key = true;
}

/* The place `steps` rows behind the one that s has, or from the first row.
 *   is_there  false when the list ends before it */
static enum nst_err step(bool *is_there, struct nst_select *s, struct nst_req *rq, int64_t steps)
{
    struct nst_sql q;
    struct nst_rows *rows;
    nst_sql_init(&q, rq->arena);
    put_select(&q, s, NST_STR("SELECT "));
    nst_sql_add(&q, "1 OFFSET ");
    nst_sql_bind(&q, NST_INT(steps - 1));
    NST_TRY(nst_sql_query(&rows, rq->db, &q));
    *is_there = nst_rows_step(rows);
    if (*is_there)
        keep_key(s, rq->arena, rows, 0);
    return nst_rows_end(rows);
}

/* The place of every thousandth row that was passed is remembered (places.c): a page deep
 * in the list is then as near as the first ones. */
#define MILESTONE 1000

static struct nst_str milestone_key(const struct nst_select *s, struct nst_arena *a, int64_t mile)
{
    struct nst_buf b;
    nst_buf_init(&b, a, 65536);
    nst_putf(&b, "mile %lld %lld ", (long long)mile, (long long)s->place.state);
    nst_put(&b, s->model->sources);
    nst_put(&b, nst_buf_str(&s->where.text));
    nst_order_put(&b, &s->order, true);
    for (unsigned i = 0; i < s->where.count; i++) {
        const struct nst_value *v = &s->where.bound[i];
        nst_put_char(&b, ' ');
        nst_put_int(&b, v->kind == NST_VALUE_TEXT ? (int64_t)v->text.n : v->number);
        nst_put(&b, v->kind == NST_VALUE_TEXT ? v->text : NST_STR(""));
    }
    return nst_buf_whole(&b);
}

static bool recall(struct nst_select *s, struct nst_req *rq, int64_t mile)
{
    struct nst_str text = nst_place_recall(rq, s->place.state, milestone_key(s, rq->arena, mile));
    int64_t state;
    s->place.has_key = text.p != NULL && nst_key_read(s->place.key, &state, rq, &s->order, text);
    return s->place.has_key;
}

static void remember(const struct nst_select *s, struct nst_req *rq, int64_t mile)
{
    struct nst_str text = nst_key_text(rq, &s->order, 0, s->place.key);
    if (text.p != NULL)
        nst_place_remember(rq, s->place.state, milestone_key(s, rq->arena, mile), text);
}

/* The number of a page is the place of the row before it: finding that touches nothing but
 * an index, and from there on the page costs what every page costs. */
enum nst_err nst_select_find(bool *is_there, struct nst_select *s, struct nst_req *rq)
{
    *is_there = s->place.has_key || s->page.offset == 0;
    if (*is_there || s->page.offset >= s->page.found)
        return NST_OK;
    /* What an index does not sort is sorted whole for every step. */
    bool has_miles = nst_place_is_kept(rq, s->place.state) && !s->order.term[0].may_be_null;
    int64_t wanted = has_miles ? s->page.offset / MILESTONE : 0, mile = wanted;
    while (mile > 0 && !recall(s, rq, mile))
        mile--;
    *is_there = true;
    for (; *is_there && mile < wanted; mile++) {
        NST_TRY(step(is_there, s, rq, MILESTONE));
        if (*is_there)
            remember(s, rq, mile + 1);
    }
    int64_t rest = s->page.offset - mile * MILESTONE;
    return *is_there && rest > 0 ? step(is_there, s, rq, rest) : NST_OK;
}

/* What a loop writes for one request: the client can ask for less. */
enum nst_err nst_refuse_size(struct nst_req *rq)
{
    return nst_fail_bare(rq, NST_E_INVALID, "detail",
                         NST_STR("The rows of this page take more than 16 MB. Ask for fewer rows "
                                 "with limit, or for what is inside of them by itself."));
}

/* Write the present row as w shows it; it waits where it has members. */
static void show_row(struct nst_waiting *w, struct nst_rows *rows, void *row)
{
    nst_row_clean(w->model->resource, row);
    nst_row_read(w->model, &w->shape->columns, rows, row);
    nst_shape_put(w->out, w->rq->face, w->shape, row);
    nst_wait_for(w, row, false);
}

static bool is_full(const struct nst_select *s, const struct nst_buf *out)
{
    return s->page.returned == s->page.limit ||
           (s->bytes > 0 && s->page.returned > 0 && out->n >= s->bytes);
}

static void put_page(struct nst_select *s, struct nst_waiting *w, struct nst_buf *kept,
                     struct nst_rows *rows)
{
    void *row = nst_row_alloc(w->rq->arena, s->model->resource);
    while (nst_rows_step(rows)) {
        s->page.has_more = is_full(s, w->out);
        if (s->page.has_more)
            return;
        if (s->bytes == 0 && s->page.returned > 0 && w->out->n > NST_PAGE_BYTES_MAX) {
            nst_rows_fail(rows, nst_refuse_size(w->rq));
            return;
        }
        nst_put_z(w->out, s->page.returned++ > 0 ? "," : "");
        show_row(w, rows, row);
        if (s->model->set.hook.keep != NULL && s->bytes == 0)
            s->model->set.hook.keep(kept, row);
        if (is_full(s, w->out))
            keep_key(s, w->rq->arena, rows, s->shape->columns.count);
    }
}

static enum nst_err query_rows(struct nst_rows **rows, const struct nst_select *s,
                               struct nst_req *rq, int64_t limit)
{
    struct nst_sql q;
    struct nst_str sources = s->model->sources, select = s->shape->select;
    nst_sql_init(&q, rq->arena);
    nst_sql_add_str(&q, nst_str_slice(select, 0, select.n - sources.n));
    put_select(&q, s, NST_STR(", "));
    nst_sql_bind(&q, NST_INT(limit));
    return nst_sql_query(rows, rq->db, &q);
}

enum nst_err nst_select_put(struct nst_select *s, struct nst_req *rq)
{
    struct nst_waiting w = { rq, s->model, s->shape, &rq->x->out };
    struct nst_rows *rows;
    struct nst_buf kept;
    nst_wait(&w, false);
    nst_buf_init(&kept, rq->arena, NST_PAGE_BYTES_MAX);
    s->page.returned = 0;
    s->page.has_more = false;
    NST_TRY(query_rows(&rows, s, rq, s->page.limit + 1));
    put_page(s, &w, &kept, rows);
    NST_TRY(nst_rows_end(rows));
    NST_TRY(nst_put_members(&w));
    s->page.kept = nst_buf_str(&kept);
    bool is_too_much = s->bytes == 0 && s->page.returned > 1 && w.out->n > NST_PAGE_BYTES_MAX;
    return w.members > 0 && is_too_much ? nst_refuse_size(rq) : NST_OK;
}

/* Rows without members are taken as they come; the others wait. */
static void take_rows(struct nst_waiting *w, struct nst_rows *rows, const struct nst_inner *inner)
{
    void *row = nst_row_alloc(w->rq->arena, w->model->resource);
    size_t total = 0;
    while ((inner->bytes == 0 || total <= inner->bytes) && nst_rows_step(rows)) {
        size_t begin = w->out->n;
        show_row(w, rows, row);
        total += w->out->n - begin;
        if (inner->bytes == 0 && total > NST_PAGE_BYTES_MAX) {
            nst_rows_fail(rows, nst_refuse_size(w->rq));
            return;
        }
        if (w->members > 0)
            continue;
        inner->take(inner->arg, row, nst_buf_str(w->out));
        w->out->n = 0;
    }
}

enum nst_err nst_each_row(struct nst_req *rq, const struct nst_inner *inner)
{
    struct nst_select s;
    struct nst_rows *rows;
    struct nst_buf out;
    NST_TRY(nst_ask_inner(&s, rq, inner));
    nst_buf_init(&out, rq->arena, NST_HTTP_ANSWER_MAX);
    struct nst_waiting w = { rq, s.model, s.shape, &out };
    nst_wait(&w, true);
    NST_TRY(query_rows(&rows, &s, rq, s.page.limit));
    take_rows(&w, rows, inner);
    NST_TRY(nst_rows_end(rows));
    NST_TRY(nst_put_members(&w));
    for (size_t i = 0; i < w.count; i++) {
        size_t begin = i > 0 ? w.end[i - 1] : 0;
        inner->take(inner->arg, w.row[i], nst_str_slice(nst_buf_str(&out), begin, w.end[i]));
    }
    return NST_OK;
}

/* ---- Views ---- */

static enum nst_err list_rows(struct nst_req *rq, const struct nst_model *m,
                              const struct nst_object *parent)
{
    struct nst_select s;
    bool is_there;
    NST_TRY(nst_ask(&s, rq, m, parent));
    if (nst_is_asked_whole(rq))
        return nst_answer_whole(&s, rq, parent);
    NST_TRY(nst_select_tally(&s, rq));
    NST_TRY(nst_select_find(&is_there, &s, rq));
    nst_put_char(&rq->x->out, '[');
    if (is_there)
        NST_TRY(nst_select_put(&s, rq));
    nst_put_char(&rq->x->out, ']');
    if (s.page.has_more)
        s.page.after = nst_key_text(rq, &s.order, s.place.state, s.place.key);
    rq->is_page = rq->x->headers == 0;
    nst_paginate_as_face(rq, &s.page);
    return nst_answer_json(rq, 200);
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

enum nst_err nst_no_tally(int64_t *out, bool *found, struct nst_req *rq)
{
    (void)out;
    (void)rq;
    *found = false;
    return NST_OK;
}
