/* Rows that an organisation or a user has, or all. */
#include "owned.h"

#include "ocl/org/org.h"

void ocl_put_owned(struct nst_sql *q, const struct nst_object *parent, const char *table)
{
    if (parent == NULL) {
        nst_sql_addf(q, " AND %s.org_id IS NULL AND %s.user_id IS NULL", table, table);
        return;
    }
    nst_sql_addf(q, " AND %s.%s = ", table, nst_is(parent, &ocl_org) ? "org_id" : "user_id");
    nst_sql_bind(q, NST_INT(((const struct nst_row *)parent->row)->id));
}

void ocl_set_owner(struct ocl_owner *owner, struct nst_req *rq, const struct nst_resource *r,
                   void *row)
{
    const struct nst_object *of = nst_object(rq);
    if (of != NULL)
        *(nst_is(of, &ocl_org) ? &owner->org_id : &owner->user_id) =
            ((const struct nst_row *)of->row)->id;
    nst_mark_null(r, row, "org_id");
    nst_mark_null(r, row, "user_id");
}

enum nst_err ocl_erase(struct nst_req *rq)
{
    const struct nst_object *o = nst_object(rq);
    struct nst_sql q;
    nst_sql_init(&q, rq->arena);
    nst_sql_addf(&q, "DELETE FROM %s WHERE id = ", nst_resource_of(o)->table);
    nst_sql_bind(&q, NST_INT(((const struct nst_row *)o->row)->id));
    NST_TRY(nst_sql_exec(NULL, rq->db, &q));
    return nst_answer_empty(rq, 204);
}
