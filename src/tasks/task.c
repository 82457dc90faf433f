/* Tasks as their owners see them: asked for, and taken back. */
#include "internal.h"

#include "nestor/base/log.h"
#include "nestor/base/random.h"

enum nst_err nst_task_add_at(int64_t *id, struct nst_arena *a, struct nst_db *db,
                             const struct nst_task_order *o, int64_t now)
{
    struct nst_str uuid = o->uuid.p != NULL ? o->uuid : nst_random_uuid(a);
    struct nst_str queue = o->queue.p != NULL ? o->queue : NST_STR(NST_TASK_QUEUE);
    int64_t added;
    NST_TRY(nst_next_id(id, db, "task", 1));
    NST_TRY(nst_exec_with(&added, db,
                          "INSERT INTO task (id, key, uuid, user_id, username, name, queue, state, "
                          "kwargs, once, host, request, "
                          "done, total, lease_until, attempts, created_at, updated_at) "
                          "VALUES ($1, $11, $2, $3, $4, $5, $6, '" NST_TASK_PENDING
                          "', $7, $8, $9, $12, 0, 0, 0, 0, $10, $10) "
                          "ON CONFLICT (once) DO NOTHING",
                          NST_INT(*id), NST_TEXT(uuid), nst_int_or_null(o->user),
                          NST_TEXT(o->username), NST_TEXT(nst_str_z(o->kind->name)),
                          NST_TEXT(queue), NST_TEXT(o->kwargs), NST_TEXT(o->once),
                          NST_TEXT(o->host), NST_INT(now),
                          NST_TEXT(nst_strf(a, "%.*s-%.*s~%.*s", NST_FMT(uuid),
                                            NST_FMT(o->username), NST_FMT(queue))),
                          NST_TEXT(nst_log_request())));
    return added == 1 ? NST_OK : NST_E_CONFLICT;
}

enum nst_err nst_task_add(int64_t *id, struct nst_req *rq, const struct nst_task_order *order)
{
    rq->when_durable = nst_workers_wake;
    return nst_task_add_at(id, rq->arena, rq->db, order, rq->now);
}

int64_t nst_task_number(const struct nst_task *t, const char *name)
{
    struct nst_json *kwargs;
    int64_t number = 0;
    if (nst_json_read(&kwargs, NULL, t->arena, t->kwargs, NULL) != NST_OK)
        return 0;
    const struct nst_json *value = nst_json_get(kwargs, nst_str_z(name));
    return value != NULL && nst_str_int(&number, value->text) ? number : 0;
}

enum nst_err nst_task_revoke(bool *revoked, struct nst_db *db, int64_t id, int64_t now)
{
    int64_t changed;
    NST_TRY(nst_exec_with(&changed, db,
                          "UPDATE task SET state = '" NST_TASK_REVOKED
                          "', lease = NULL, once = NULL, finished_at = $1, updated_at = $1 "
                          "WHERE id = $2 AND (state = '" NST_TASK_PENDING
                          "' OR state = '" NST_TASK_STARTED "')",
                          NST_INT(now), NST_INT(id)));
    *revoked = changed == 1;
    return NST_OK;
}
