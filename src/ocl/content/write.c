/* Writing content: every write closes the present version at the source's next revision and
 * opens another. */
#include "content.h"

static const struct ocl_kind *kind_of(const struct nst_req *rq)
{
    return rq->action->arg;
}

/* What every new version has, the first one included. */
static void open_version(struct nst_req *rq, struct ocl_content *c, int64_t rev, int64_t previous)
{
    c->rev_from = rev;
    c->rev_to = OCL_OPEN;
    c->previous_id = previous;
    c->version_created_by = rq->caller.id;
}

static enum nst_err settle(struct nst_req *rq, const struct ocl_kind *kind, void *row)
{
    return kind->settle != NULL ? kind->settle(rq, row) : NST_OK;
}

/* Numbers for the thing and its first version. */
static struct ocl_delta opened(const struct ocl_kind *kind, const struct ocl_content *c)
{
    return (struct ocl_delta){ .numbers = 2, kind->counted, { 1, !c->retired } };
}

enum nst_err ocl_content_open(struct nst_req *rq, const struct ocl_kind *kind, void *row)
{
    struct ocl_content *c = row;
    const struct ocl_source *s = nst_ancestor(rq, "source")->row;
    const struct ocl_delta delta = opened(kind, c);
    struct ocl_change change = { 0 };
    c->repo_id = s->row.id;
    c->source = s->id;
    NST_TRY(settle(rq, kind, c));
    NST_TRY(ocl_advance(&change, rq, s->row.id, &delta));
    c->object_id = change.number;
    c->row.id = change.number + 1;
    c->created_at = rq->now;
    c->created_by = rq->caller.id;
    open_version(rq, c, change.rev, 0);
    return NST_OK;
}

/* Close the version that `next` was made from and store `next` in its place. The source is
 * held, so that nobody came between. */
static enum nst_err store_next(struct nst_req *rq, const struct ocl_kind *kind,
                               struct ocl_content *next, const struct ocl_content *former)
{
    const struct ocl_delta delta = { .numbers = 1,
                                     kind->counted,
                                     { 0, (int)former->retired - (int)next->retired } };
    struct ocl_change change = { 0 };
    struct nst_sql q;
    NST_TRY(settle(rq, kind, next));
    NST_TRY(ocl_advance(&change, rq, next->repo_id, &delta));
    nst_sql_init(&q, rq->arena);
    nst_sql_addf(&q, "UPDATE %s SET rev_to = ", kind->resource->table);
    nst_sql_bind(&q, NST_INT(change.rev));
    nst_sql_add(&q, " WHERE repo_id = ");
    nst_sql_bind(&q, NST_INT(next->repo_id));
    nst_sql_add(&q, " AND id = ");
    nst_sql_bind(&q, NST_INT(former->row.id));
    NST_TRY(nst_sql_exec(NULL, rq->db, &q));
    next->row.id = change.number;
    open_version(rq, next, change.rev, former->row.id);
    return nst_insert(rq, kind->resource, next);
}

static void *copy_of(struct nst_req *rq, const struct ocl_kind *kind, const void *row)
{
    void *copy = nst_alloc(rq->arena, kind->resource->size);
    memcpy(copy, row, kind->resource->size);
    return copy;
}

/* G125 */
static enum nst_err gone(struct nst_req *rq, const struct ocl_kind *kind, const char *verb)
{
    return nst_fail_bare(rq, NST_E_NOT_FOUND, "non_field_errors",
                         nst_strf(rq->arena, "Could not find %s to %s", kind->noun, verb));
}

enum nst_err ocl_content_update(struct nst_req *rq)
{
    const struct ocl_kind *kind = kind_of(rq);
    const struct ocl_content *stored = nst_object(rq)->row;
    if (stored == NULL)
        return gone(rq, kind, "update");
    struct ocl_content *next = copy_of(rq, kind, stored);
    NST_TRY(nst_bind(next, rq, kind->resource, NST_UPDATE));
    NST_TRY(store_next(rq, kind, next, stored));
    return nst_answer_row(rq, kind->resource, next->row.id, 200);
}

enum nst_err ocl_content_retire(struct nst_req *rq)
{
    const struct ocl_kind *kind = kind_of(rq);
    const struct ocl_content *stored = nst_object(rq)->row;
    if (stored == NULL)
        return gone(rq, kind, "retire");
    if (stored->retired)
        return nst_fail_bare(rq, NST_E_INVALID, "__all__",
                             nst_strf(rq->arena, "%s is already retired", kind->word));
    struct ocl_content *next = copy_of(rq, kind, stored);
    next->retired = true;
    NST_TRY(store_next(rq, kind, next, stored));
    return nst_answer_empty(rq, 204);
}

/* ---- Lines of an import: create, replace, or leave alone ---- */

static enum nst_err import_existing(struct nst_req *rq, const struct ocl_kind *kind,
                                    const struct ocl_content *stored)
{
    struct ocl_content *next = copy_of(rq, kind, stored);
    NST_TRY(nst_bind(next, rq, kind->resource, NST_UPDATE));
    if (kind->is_same(rq, stored, next))
        return nst_answer_empty(rq, 208);
    NST_TRY(store_next(rq, kind, next, stored));
    return nst_answer_empty(rq, 200);
}

/* The present version of the thing with that code; NULL when there is none. */
static enum nst_err find_stored(struct ocl_content **stored, struct nst_req *rq,
                                const struct ocl_kind *kind, struct nst_str id)
{
    const struct nst_object *source = nst_object(rq);
    const char *t = kind->resource->table;
    struct nst_sql q;
    *stored = NULL;
    if (id.p == NULL)
        return NST_OK;
    nst_sql_init(&q, rq->arena);
    NST_TRY(ocl_present_scope(&q, rq, source, t));
    nst_sql_addf(&q, " AND %s.mnemonic = ", t);
    nst_sql_bind(&q, NST_TEXT(id));
    return nst_load_where((void **)stored, rq, kind->resource, NST_LOAD_ALL, &q);
}

/* A line that could not make a thing may still change one. */
static enum nst_err import_partial(struct nst_req *rq, const struct ocl_kind *kind,
                                   struct nst_str id)
{
    struct ocl_content *stored;
    NST_TRY(find_stored(&stored, rq, kind, id));
    if (stored == NULL)
        return NST_E_INVALID;
    rq->problem = NULL;
    return import_existing(rq, kind, stored);
}

/* Most lines are new: the insert tells by itself when one is not, and its counts are taken
 * back. One that clashes and yet is not to be found went in between: it is tried again, and is
 * that line's failure when it clashes once more, never that of the run. */
enum nst_err ocl_content_import(struct nst_req *rq)
{
    const struct ocl_kind *kind = kind_of(rq);
    struct ocl_content *c = nst_row_new(rq, kind->resource), *stored;
    bool inserted = false;
    if (nst_bind(c, rq, kind->resource, NST_CREATE) != NST_OK)
        return import_partial(rq, kind, c->id);
    const struct ocl_delta delta = opened(kind, c);
    for (int attempt = 0; attempt < 2; attempt++) {
        NST_TRY(ocl_content_open(rq, kind, c));
        NST_TRY(nst_insert_unless_there(&inserted, rq, kind->resource, c,
                                        "(repo_id, mnemonic, rev_to)"));
        if (inserted)
            return nst_answer_empty(rq, 201);
        NST_TRY(ocl_take_back(rq, c->repo_id, &delta));
        NST_TRY(find_stored(&stored, rq, kind, c->id));
        if (stored != NULL)
            return import_existing(rq, kind, stored);
    }
    return nst_fail_duplicate(rq, kind->resource, NST_CREATE, c);
}
