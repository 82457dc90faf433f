/* Members that rows have besides their serializer (struct nst_member): a page is written first,
 * and kept row by row; then each member is made for all rows at once and put into its place. */
#include "model.h"

bool nst_has_members(const struct nst_model *model, const struct nst_face *face)
{
    for (const struct nst_member *m = model->set.member; m != NULL && m->name != NULL; m++)
        if (m->face == face)
            return true;
    return false;
}

static bool is_asked(struct nst_req *rq, const struct nst_member *m)
{
    struct nst_str rest = nst_str_z(m->asked);
    while (rest.p != NULL)
        if (nst_query_is_true(rq, nst_str_to_z(rq->arena, nst_str_cut(&rest, '|'))))
            return true;
    return false;
}

static bool is_of(const struct nst_member *m, const struct nst_face *face, enum nst_use use)
{
    return m->face == face && (m->uses >> use & 1) != 0;
}

bool nst_asks_members(struct nst_req *rq, const struct nst_model *model, enum nst_use use)
{
    for (const struct nst_member *m = model->set.member; m != NULL && m->name != NULL; m++)
        if (is_of(m, rq->face, use) && m->asked != NULL && is_asked(rq, m))
            return true;
    return false;
}

void nst_wait(struct nst_waiting *w, bool is_inside)
{
    const struct nst_member *all = w->model->set.member;
    size_t count = 0;
    w->begin = w->out->n;
    while (all != NULL && all[count].name != NULL)
        count++;
    w->member = NST_NEW_ARRAY(w->rq->arena, const struct nst_member *, count + 1);
    for (size_t i = 0; i < count; i++)
        if (is_of(&all[i], w->rq->face, w->shape->serializer->use) &&
            (all[i].asked == NULL || (!is_inside && is_asked(w->rq, &all[i]))))
            w->member[w->members++] = &all[i];
}

static void grow(struct nst_waiting *w)
{
    size_t room = w->room * 2 + 32;
    void **row = NST_NEW_ARRAY(w->rq->arena, void *, room);
    size_t *end = NST_NEW_ARRAY(w->rq->arena, size_t, room);
    for (size_t i = 0; i < w->count; i++) {
        row[i] = w->row[i];
        end[i] = w->end[i];
    }
    w->row = row;
    w->end = end;
    w->room = room;
}

void nst_wait_for(struct nst_waiting *w, void *row, bool is_kept)
{
    if (w->members == 0)
        return;
    if (w->count == w->room)
        grow(w);
    if (!is_kept) {
        row = nst_row_copy(w->rq->arena, w->model->resource, row);
        nst_keep_texts(w->rq->arena, w->model, &w->shape->columns, row);
    }
    w->end[w->count] = w->out->n;
    w->row[w->count++] = row;
}

/* What each member is for each row. */
static enum nst_err make_values(struct nst_str **value, const struct nst_waiting *w)
{
    struct nst_shown shown = { .resource = w->model->resource,
                               .set = w->model->declared,
                               .use = w->shape->serializer->use,
                               .row = w->row,
                               .count = w->count };
    for (size_t k = 0; k < w->members; k++) {
        value[k] = shown.value = NST_NEW_ARRAY(w->rq->arena, struct nst_str, w->count);
        NST_TRY(w->member[k]->make(w->rq, &shown));
    }
    return NST_OK;
}

/* The last sign of a row is the end of its object. */
static void put_row(const struct nst_waiting *w, size_t i, struct nst_str *const *value)
{
    w->out->n--;
    for (size_t k = 0; k < w->members; k++) {
        nst_putf(w->out, ",\"%s\":", w->member[k]->name);
        nst_put(w->out, value[k][i].p != NULL ? value[k][i] : NST_STR("null"));
    }
    nst_put_char(w->out, '}');
}

enum nst_err nst_put_members(struct nst_waiting *w)
{
    struct nst_str **value, written;
    size_t from = 0;
    if (w->count == 0)
        return NST_OK;
    value = NST_NEW_ARRAY(w->rq->arena, struct nst_str *, w->members);
    NST_TRY(make_values(value, w));
    written = nst_str_copy(w->rq->arena, nst_str_slice(nst_buf_str(w->out), w->begin, w->out->n));
    w->out->n = w->begin;
    for (size_t i = 0; i < w->count; i++) {
        size_t end = w->end[i] - w->begin;
        nst_put(w->out, nst_str_slice(written, from, end));
        put_row(w, i, value);
        w->end[i] = w->out->n;
        from = end;
    }
    nst_put(w->out, nst_str_slice(written, from, written.n));
    return NST_OK;
}
