/* What a list is asked for: a request read into a value, in the words of its face. */
#include "select.h"

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

/* ---- Places ---- */

/* `after` goes on where another page ended, as `place` does where that is given: in the state
 * that the walk began with. */
static enum nst_err take_place(struct nst_select *s, struct nst_req *rq,
                               const struct nst_place *place)
{
    const char *name = nst_lists_of(rq->face)->after;
    struct nst_str after = nst_query_value(rq, name);
    rq->as_of = place != NULL ? place->state : 0;
    if (place != NULL) {
        s->place = *place;
        return NST_OK;
    }
    s->place.has_key = after.n > 0;
    if (!s->place.has_key || nst_key_read(s->place.key, &rq->as_of, rq, &s->order, after))
        return NST_OK;
    return nst_fail(rq, NST_E_INVALID, name,
                    NST_STR("Not the place of a row in this list: take it from `next`."));
}

/* A walk stays in the state that it began with. */
static int64_t state_of(struct nst_req *rq, const struct nst_model *m)
{
    if (rq->as_of > 0 || m->set.hook.state == NULL)
        return rq->as_of;
    return m->set.hook.state(rq);
}

/* ---- Rows ---- */

static enum nst_err put_visible(struct nst_sql *q, struct nst_req *rq, const struct nst_model *m)
{
    return m->set.hook.visible != NULL ? m->set.hook.visible(q, rq) : NST_OK;
}

static enum nst_err put_where(struct nst_sql *q, struct nst_req *rq, const struct nst_model *m,
                              const struct nst_object *parent, struct nst_filtering *filter)
{
    NST_TRY(nst_scope(q, rq, m, parent));
    NST_TRY(put_visible(q, rq, m));
    return nst_filters_put(q, rq, filter);
}

enum nst_err nst_put_found(struct nst_sql *q, struct nst_req *rq, const struct nst_resource *r,
                           const struct nst_object *parent)
{
    const struct nst_model *m = nst_model_of(rq->registry, r);
    return put_where(q, rq, m, parent, nst_filters_read(rq, m));
}

enum nst_err nst_ask_behind(struct nst_select *s, struct nst_req *rq, const struct nst_model *m,
                            const struct nst_object *parent, const struct nst_place *place)
{
    *s = (struct nst_select){ .model = m, .shape = nst_shape_chosen(rq, m, NST_LIST) };
    read_page(&s->page, rq, m);
    NST_TRY(nst_order_read(&s->order, rq, m));
    NST_TRY(take_place(s, rq, place));
    s->filter = nst_filters_read(rq, m);
    nst_sql_init(&s->where, rq->arena);
    NST_TRY(put_where(&s->where, rq, m, parent, s->filter));
    s->place.state = state_of(rq, m);
    return NST_OK;
}

enum nst_err nst_ask(struct nst_select *s, struct nst_req *rq, const struct nst_model *m,
                     const struct nst_object *parent)
{
    return nst_ask_behind(s, rq, m, parent, NULL);
}

enum nst_err nst_ask_inner(struct nst_select *s, struct nst_req *rq, const struct nst_inner *inner)
{
    const struct nst_model *m = inner->set != NULL ? nst_model_of_set(rq->registry, inner->set)
                                                   : nst_model_of(rq->registry, inner->resource);
    *s = (struct nst_select){ .model = m, .shape = nst_shape_of(m, rq->face, inner->use) };
    s->page.limit = inner->limit;
    nst_order_default(&s->order, rq, m, inner->order);
    nst_sql_init(&s->where, rq->arena);
    nst_sql_add_str(&s->where, nst_buf_str(&inner->conditions->text));
    nst_sql_push_all(&s->where, inner->conditions);
    return inner->is_judged ? NST_OK : put_visible(&s->where, rq, m);
}
