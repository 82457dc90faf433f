/* Details with more than their row has. */
#include "embed.h"

static bool is_asked(struct nst_req *rq, const struct ocl_embed *e)
{
    return nst_query_is_true(rq, e->parameter) || (e->too != NULL && nst_query_is_true(rq, e->too));
}

enum nst_err ocl_retrieve(struct nst_req *rq)
{
    struct nst_buf *out = &rq->x->out;
    NST_TRY(nst_retrieve(rq));
    for (const struct ocl_embed *e = rq->action->arg; e->parameter != NULL; e++) {
        if (!is_asked(rq, e))
            continue;
        out->n--; /* the end of the object */
        nst_putf(out, ",\"%s\":", e->member);
        NST_TRY(e->put(rq));
        nst_put_char(out, '}');
    }
    return NST_OK;
}
