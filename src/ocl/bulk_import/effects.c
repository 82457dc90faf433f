/* What an import did, kept in the transaction that did it. A batch holds the sources that it writes
 * into, so that its revisions of a source are one run, and that joins the run before it where
 * nobody came between. */
#include "undo.h"

#define AT_ONCE 1000000 /* rows that one step can make: more than lines of a batch */

enum nst_err ocl_run_keep(struct nst_db *db, int64_t import, bool is_undo,
                          const struct ocl_touched *touched)
{
    int64_t joined;
    NST_TRY(nst_exec_with(&joined, db,
                          "UPDATE import_run SET rev_to = (SELECT r.rev + 1 FROM repo r "
                          "WHERE r.id = $2) WHERE task_id = $1 AND repo_id = $2 AND rev_to = $3 "
                          "AND is_undo = $4",
                          NST_INT(import), NST_INT(touched->repo), NST_INT(touched->rev + 1),
                          NST_BOOL(is_undo)));
    if (joined > 0)
        return NST_OK;
    return nst_exec_with(NULL, db,
                         "INSERT INTO import_run (task_id, repo_id, rev_from, rev_to, is_undo) "
                         "SELECT $1, r.id, $3, r.rev + 1, $4 FROM repo r WHERE r.id = $2 "
                         "AND r.rev >= $3",
                         NST_INT(import), NST_INT(touched->repo), NST_INT(touched->rev + 1),
                         NST_BOOL(is_undo));
}

static enum nst_err keep_made(const struct nst_task *t, struct nst_db *db,
                              const struct ocl_made *made, int64_t at)
{
    struct nst_str did = nst_str_z(made->is_deleted ? OCL_DID_DELETE : OCL_DID_CREATE);
    return nst_exec_with(NULL, db,
                         "INSERT INTO import_made (task_id, at, type, row_id, did) "
                         "VALUES ($1, $2, $3, $4, $5)",
                         NST_INT(t->id), NST_INT(at), NST_TEXT(nst_str_z(made->type)),
                         NST_INT(made->id), NST_TEXT(did));
}

enum nst_err ocl_effects_keep(const struct nst_task *t, struct nst_db *db,
                              const struct ocl_effects *effects, int64_t step)
{
    int64_t at = (step + 1) * AT_ONCE;
    for (const struct ocl_touched *s = effects->touched; s != NULL; s = s->next)
        NST_TRY(ocl_run_keep(db, t->id, false, s));
    for (const struct ocl_made *m = effects->made; m != NULL; m = m->next) {
        at--;
        NST_TRY(keep_made(t, db, m, at));
    }
    return NST_OK;
}
