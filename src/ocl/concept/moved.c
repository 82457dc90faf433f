/* When an owner gets another name, so do the addresses of parents and children, which count in the
 * checksums of concepts (V409): of every version. */
#include "concept.h"

static enum nst_err seal_again(struct nst_req *rq, int64_t id, void *arg)
{
    (void)arg;
    return ocl_seal_again(rq, &ocl_concept_kind, id);
}

enum nst_err ocl_concepts_moved(struct nst_req *rq, int64_t user)
{
    struct nst_sql related;
    nst_sql_init(&related, rq->arena);
    nst_sql_add(&related, " AND repo_id IN (SELECT id FROM repo WHERE owner_type = 'User' "
                          "AND owner_id = ");
    nst_sql_bind(&related, NST_INT(user));
    nst_sql_add(&related, ") AND (parents IS NOT NULL OR EXISTS (SELECT 1 FROM concept_parent e "
                          "WHERE e.repo_id = concept_version.repo_id "
                          "AND e.parent = concept_version.mnemonic))");
    return ocl_each_version(rq, &ocl_concept_kind, &related, seal_again, NULL);
}
