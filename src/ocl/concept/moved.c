/* When an owner gets another name, so do the addresses of parents and children, which count in the
 * checksums of concepts (V409): of every version. */
#include "concept.h"

#define STEP 500 /* rows that are read at a time */

/* Numbers of versions behind `last` that have relatives. */
static enum nst_err find_some(int64_t *ids, size_t *count, struct nst_req *rq, int64_t user,
                              int64_t last)
{
    struct nst_rows *rows;
    *count = 0;
    NST_TRY(nst_query_with(&rows, rq->db,
                           "SELECT v.id FROM concept_version v JOIN repo r ON r.id = v.repo_id "
                           "WHERE r.owner_type = 'User' AND r.owner_id = $1 AND v.id > $2 AND "
                           "(v.parents IS NOT NULL OR EXISTS (SELECT 1 FROM concept_parent e "
                           "WHERE e.repo_id = v.repo_id AND e.parent = v.mnemonic)) "
                           "ORDER BY v.id LIMIT $3",
                           NST_INT(user), NST_INT(last), NST_INT(STEP)));
    while (*count < STEP && nst_rows_step(rows))
        ids[(*count)++] = nst_rows_int(rows, 0);
    return nst_rows_end(rows);
}

enum nst_err ocl_concepts_moved(struct nst_req *rq, int64_t user)
{
    struct nst_arena *a = nst_arena_new(65536);
    struct nst_req own = { .arena = a, .registry = rq->registry, .db = rq->db, .face = rq->face };
    int64_t *ids = NST_NEW_ARRAY(rq->arena, int64_t, STEP), last = 0;
    enum nst_err e = NST_OK;
    for (size_t count = STEP; e == NST_OK && count == STEP;) {
        e = find_some(ids, &count, rq, user, last);
        for (size_t i = 0; e == NST_OK && i < count; i++) {
            nst_arena_reset(a);
            e = ocl_seal_again(&own, &ocl_concept_kind, ids[i]);
        }
        last = count > 0 ? ids[count - 1] : last;
    }
    nst_arena_free(a);
    return e;
}
