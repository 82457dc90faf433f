/* What the detail of a source or a version of it has besides, where the query asks for it. */
#include "optional.h"

#include "ocl/concept/concept.h"
#include "ocl/version/version.h"

/* Where the root of a row stands. */
struct root {
    int64_t repo, rev; /* rev: below 0: at present */
    struct nst_str code;
    const struct nst_set *set;
};

static struct root root_of(const struct nst_shown *shown, size_t i)
{
    if (shown->resource == &ocl_source) {
        const struct ocl_source *s = shown->row[i];
        return (struct root){ s->row.id, -1, s->hierarchy_root, NULL };
    }
    const struct ocl_version *v = shown->row[i];
    return (struct root){ v->repo_id, v->rev, v->hierarchy_root, &ocl_concept.sets[OCL_HELD] };
}

static void take(void *arg, const void *row, struct nst_str json)
{
    struct nst_buf *out = arg;
    (void)row;
    nst_put(out, json);
}

static enum nst_err put_root(struct nst_buf *out, struct nst_req *rq, const struct root *r)
{
    struct nst_sql q;
    nst_sql_init(&q, rq->arena);
    nst_sql_add(&q, " AND concept_version.repo_id = ");
    nst_sql_bind(&q, NST_INT(r->repo));
    nst_sql_add(&q, " AND concept_version.mnemonic = ");
    nst_sql_bind(&q, NST_TEXT(r->code));
    ocl_put_moment(&q, "concept_version", r->rev);
    const struct nst_inner inner = { .resource = &ocl_concept,
                                     .set = r->set,
                                     .use = NST_BRIEF,
                                     .conditions = &q,
                                     .limit = 1,
                                     .is_judged = true,
                                     .take = take,
                                     .arg = out };
    return nst_each_row(rq, &inner);
}

enum nst_err ocl_make_root(struct nst_req *rq, const struct nst_shown *shown)
{
    for (size_t i = 0; i < shown->count; i++) {
        const struct root r = root_of(shown, i);
        struct nst_buf out;
        if (r.code.n == 0)
            continue;
        nst_buf_init(&out, rq->arena, NST_HTTP_ANSWER_MAX);
        NST_TRY(put_root(&out, rq, &r));
        shown->value[i] = out.n > 0 ? nst_buf_str(&out) : NST_STR("null");
    }
    return NST_OK;
}

enum nst_err ocl_make_references(struct nst_req *rq, const struct nst_shown *shown)
{
    (void)rq;
    for (size_t i = 0; i < shown->count; i++)
        shown->value[i] = NST_STR("[]");
    return NST_OK;
}
