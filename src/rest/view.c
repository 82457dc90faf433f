/* The generic views: retrieve, create, update, destroy (soft). */
#include "model.h"

enum nst_err nst_retrieve(struct nst_req *rq)
{
    const struct nst_object *o = nst_object(rq);
    if (rq->is_internal)
        return nst_answer_empty(rq, 200);
    const struct nst_shape *shape = nst_shape_chosen(rq, o->model, NST_DETAIL);
    struct nst_waiting waiting = { rq, o->model, shape, &rq->x->out };
    nst_wait(&waiting, false);
    nst_shape_put(&rq->x->out, rq->face, shape, o->row);
    nst_wait_for(&waiting, o->row, true);
    NST_TRY(nst_put_members(&waiting));
    return nst_answer_json(rq, 200);
}

/* Load with every column that the detail shows. */
static enum nst_err load_detail(void **row, struct nst_req *rq, const struct nst_model *m,
                                int64_t id)
{
    const struct nst_shape *shape = nst_shape_of(m, rq->face, NST_DETAIL);
    struct nst_sql by_id;
    nst_sql_by_id(&by_id, rq, m->resource, id);
    const struct nst_selection what = { shape->select, &shape->columns, &by_id, false };
    return nst_load_row(row, rq, m, &what);
}

enum nst_err nst_put_row(struct nst_req *rq, const struct nst_resource *r, int64_t id)
{
    void *row;
    NST_TRY(load_detail(&row, rq, nst_model_of(rq->registry, r), id));
    if (row == NULL)
        return NST_E_NOT_FOUND;
    nst_render(&rq->x->out, rq, r, NST_DETAIL, row);
    return NST_OK;
}

/* With the members that are always there: what is made or changed is told as a GET tells it. */
static enum nst_err put_whole(struct nst_req *rq, const struct nst_model *m, void *row,
                              unsigned status)
{
    const struct nst_shape *shape = nst_shape_of(m, rq->face, NST_DETAIL);
    struct nst_waiting waiting = { rq, m, shape, &rq->x->out };
    nst_wait(&waiting, true);
    nst_shape_put(&rq->x->out, rq->face, shape, row);
    nst_wait_for(&waiting, row, true);
    NST_TRY(nst_put_members(&waiting));
    return nst_answer_json(rq, status);
}

enum nst_err nst_answer_row(struct nst_req *rq, const struct nst_resource *r, int64_t id,
                            unsigned status)
{
    const struct nst_model *m = nst_model_here(rq, r);
    void *row;
    /* A caller inside the program reads the outcome, not a document. */
    if (rq->is_internal)
        return nst_answer_empty(rq, status);
    enum nst_err e = load_detail(&row, rq, m, id);
    if (e != NST_OK)
        return e;
    if (row == NULL)
        return NST_E_NOT_FOUND;
    if (status == 201)
        nst_http_add_header(rq->x, "Location", nst_row_url(rq, m, row));
    return put_whole(rq, m, row, status);
}

static enum nst_err run_hook(enum nst_err (*hook)(struct nst_req *, void *), struct nst_req *rq,
                             void *row)
{
    return hook != NULL ? hook(rq, row) : NST_OK;
}

enum nst_err nst_create(struct nst_req *rq)
{
    const struct nst_resource *r = rq->endpoint->model->resource;
    const struct nst_hooks *hook = &rq->endpoint->model->set.hook;
    struct nst_row *row = nst_row_new(rq, r);
    enum nst_err e = nst_bind(row, rq, r, NST_CREATE);
    if (e == NST_OK)
        e = run_hook(hook->before_create, rq, row);
    if (e == NST_OK)
        e = nst_insert(rq, r, row);
    if (e == NST_E_CONFLICT)
        return nst_fail_duplicate(rq, r, NST_CREATE, row);
    if (e == NST_OK)
        e = run_hook(hook->after_create, rq, row);
    return e != NST_OK ? e : nst_answer_row(rq, r, row->id, 201);
}

enum nst_err nst_update(struct nst_req *rq)
{
    const struct nst_object *o = nst_object(rq);
    const struct nst_resource *r = o->model->resource;
    const struct nst_hooks *hook = &o->model->set.hook;
    struct nst_row *row = o->row;
    enum nst_err e = nst_bind(row, rq, r, NST_UPDATE);
    if (e == NST_OK)
        e = run_hook(hook->before_update, rq, row);
    if (e == NST_OK)
        e = nst_update_row(rq, r, row);
    if (e == NST_E_CONFLICT)
        return nst_fail_duplicate(rq, r, NST_UPDATE, row);
    if (e == NST_OK)
        e = run_hook(hook->after_update, rq, row);
    return e != NST_OK ? e : nst_answer_row(rq, r, row->id, 200);
}

/* Destroying marks a row inactive; what it contains stays and becomes
 * unreachable. */
enum nst_err nst_destroy(struct nst_req *rq)
{
    const struct nst_object *o = nst_object(rq);
    const struct nst_resource *r = o->model->resource;
    const struct nst_field *f = &r->field[nst_field_index(r, NST_STR("is_active"))];
    *(bool *)((char *)o->row + f->offset) = false;
    nst_mark_set(r, o->row, "is_active");
    enum nst_err e = nst_update_row(rq, r, o->row);
    if (e == NST_OK)
        e = run_hook(o->model->set.hook.after_destroy, rq, o->row);
    return e != NST_OK ? e : nst_answer_empty(rq, 204);
}
