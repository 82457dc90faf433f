/* Membership: one relation seen from both sides (G65, G66, G107). */
#include "user.h"
#include "views.h"

#include "ocl/app.h"
#include "ocl/event/event.h"

static enum nst_err load_member(struct ocl_user **user, struct nst_req *rq)
{
    struct nst_sql q;
    nst_sql_init(&q, rq->arena);
    nst_sql_add(&q, " AND account.username = ");
    nst_sql_bind(&q, NST_TEXT(rq->var[rq->vars - 1]));
    NST_TRY(nst_load_where((void **)user, rq, &ocl_user, NST_LOAD_HELD, &q));
    return *user != NULL ? NST_OK : NST_E_NOT_FOUND;
}

static int64_t org_id(struct nst_req *rq)
{
    return ((struct nst_row *)nst_ancestor(rq, "org")->row)->id;
}

enum nst_err ocl_member(struct nst_req *rq)
{
    struct ocl_user *user;
    bool is_member = false;
    NST_TRY(load_member(&user, rq));
    NST_TRY(ocl_is_member(&is_member, rq, org_id(rq), user->row.id));
    return is_member ? nst_answer_empty(rq, 204) : NST_E_NOT_FOUND;
}

enum nst_err ocl_member_add(struct nst_req *rq)
{
    struct ocl_user *user;
    int64_t added = 0;
    NST_TRY(load_member(&user, rq));
    NST_TRY(nst_exec_with(&added, rq->db,
                          "INSERT INTO member (org_id, user_id, created_at) VALUES ($1, $2, $3) "
                          "ON CONFLICT (org_id, user_id) DO NOTHING",
                          NST_INT(org_id(rq)), NST_INT(user->row.id), NST_INT(rq->now)));
    if (added > 0)
        NST_TRY(ocl_audit_others(rq, "member.add", nst_ancestor(rq, "org"), (struct nst_str){ 0 }));
    if (added > 0)
        NST_TRY(ocl_record(rq, &(struct ocl_event){ .type = OCL_JOINED,
                                                    .user = user->row.id,
                                                    .thing.org_id = org_id(rq) }));
    return nst_answer_empty(rq, 204);
}

enum nst_err ocl_member_remove(struct nst_req *rq)
{
    struct ocl_user *user;
    int64_t removed = 0;
    NST_TRY(load_member(&user, rq));
    NST_TRY(nst_exec_with(&removed, rq->db, "DELETE FROM member WHERE org_id = $1 AND user_id = $2",
                          NST_INT(org_id(rq)), NST_INT(user->row.id)));
    if (removed > 0 && user->row.id != rq->caller.id)
        NST_TRY(
            ocl_audit_others(rq, "member.remove", nst_ancestor(rq, "org"), (struct nst_str){ 0 }));
    return nst_answer_empty(rq, 204);
}
