/* What becomes of a user beside being changed: back after a deletion, staff or not. */
#include "user.h"
#include "views.h"

#include "nestor/accounts.h"
#include "ocl/app.h"

/* The account of the name that was closed last; *id stays 0 where there is none.
 * Errors: NST_E_FORBIDDEN where that is a superuser's, and the caller none. */
static enum nst_err find_closed(int64_t *id, struct nst_req *rq)
{
    struct nst_sql q;
    nst_sql_init(&q, rq->arena);
    nst_sql_add(&q, "SELECT id, is_superuser FROM account WHERE NOT is_active AND username = ");
    nst_sql_bind(&q, NST_TEXT(rq->var[0]));
    nst_sql_add(&q, " ORDER BY updated_at DESC, id DESC LIMIT 1");
    nst_sql_hold(&q, rq->db, "account");
    struct nst_rows *rows;
    NST_TRY(nst_sql_query(&rows, rq->db, &q));
    if (nst_rows_step(rows)) {
        *id = nst_rows_int(rows, 0);
        if (nst_rows_bool(rows, 1) && !rq->caller.is_superuser)
            nst_rows_fail(rows, NST_E_FORBIDDEN);
    }
    return nst_rows_end(rows);
}

static enum nst_err refuse_name(struct nst_req *rq)
{
    return nst_fail(rq, NST_E_INVALID, "username", NST_STR(OCL_USERNAME_TAKEN));
}

/* V211: an address is one user's; who takes one waits for whoever else is being given one. */
static enum nst_err keep_address(struct nst_req *rq, int64_t id)
{
    bool is_taken = false;
    int64_t unused;
    NST_TRY(nst_next_id(&unused, rq->db, "account", 0));
    NST_TRY(nst_exists_with(&is_taken, rq->db,
                            "SELECT 1 FROM account a JOIN account b ON lower(b.email) = "
                            "lower(a.email) AND b.is_active WHERE a.id = $1",
                            NST_INT(id)));
    return is_taken ? nst_fail(rq, NST_E_INVALID, "email", NST_STR(OCL_EMAIL_TAKEN)) : NST_OK;
}

/* V215: whoever has the name by now keeps it. Someone may take it meanwhile: the key of the
 * table decides. */
enum nst_err ocl_user_reactivate(struct nst_req *rq)
{
    bool is_taken = false;
    int64_t id = 0;
    NST_TRY(nst_exists_with(&is_taken, rq->db,
                            "SELECT 1 FROM account WHERE username = $1 AND is_active",
                            NST_TEXT(rq->var[0])));
    if (is_taken)
        return refuse_name(rq);
    NST_TRY(find_closed(&id, rq));
    if (id == 0)
        return NST_E_NOT_FOUND;
    NST_TRY(keep_address(rq, id));
    enum nst_err e = nst_account_reopen(rq->db, id, rq->now);
    if (e == NST_E_CONFLICT)
        return refuse_name(rq);
    NST_TRY(e);
    NST_TRY(ocl_user_audit(rq, "user.reactivate", rq->var[0]));
    return nst_answer_empty(rq, 204);
}

enum nst_err ocl_user_toggle_staff(struct nst_req *rq)
{
    const struct ocl_user *u = nst_object(rq)->row;
    struct nst_account_shown a;
    NST_TRY(nst_account_show(&a, rq, u->username, true));
    NST_TRY(ocl_set_flag(rq, &a, NST_FLAG_STAFF, !a.flag[NST_FLAG_STAFF]));
    return nst_answer_empty(rq, 204);
}
