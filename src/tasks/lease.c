/* The statements by which workers share tasks: each changes a row only while the worker has it. */
#include "internal.h"

#include <assert.h>

#define UNFINISHED(t) \
    "(" t ".state = '" NST_TASK_PENDING "' OR " t ".state = '" NST_TASK_STARTED "')"

/* It waits, or who ran it is silent. $1 is the present. */
#define IS_FREE(t) \
    "(" t ".state = '" NST_TASK_PENDING "' OR (" t ".state = '" NST_TASK_STARTED "' AND " t \
    ".lease_until < $1))"

/* Behind what its user asked for before in the same queue, where that is not the one that has no
 * order. */
#define HAS_TURN \
    "(task.queue = '" NST_TASK_QUEUE \
    "' OR NOT EXISTS (SELECT 1 FROM task earlier WHERE " UNFINISHED( \
        "earlier") " AND (earlier.user_id = task.user_id OR (earlier.user_id IS NULL AND " \
                   "task.user_id IS NULL)) AND earlier.queue = task.queue " \
                   "AND earlier.id < task.id))"

#define RUNNING_OF_USER \
    "(SELECT count(*) FROM task running WHERE running.state = '" NST_TASK_STARTED \
    "' AND running.lease_until >= $1 AND running.user_id = task.user_id)"

static enum nst_err find_next(int64_t *id, struct nst_arena *a, struct nst_db *db,
                              const struct nst_task_kind *const *kinds,
                              const struct nst_lease *lease)
{
    struct nst_sql q;
    size_t count = 0;
    nst_sql_init(&q, a);
    nst_sql_push(&q, NST_INT(nst_now()));
    nst_sql_add(&q, "SELECT task.id FROM task WHERE " UNFINISHED("task") " AND " IS_FREE(
                        "task") " AND (task.host IS NULL OR task.host = ");
    nst_sql_bind(&q, NST_TEXT(lease->host));
    nst_sql_add(&q, ") AND task.name");
    for (; *kinds != NULL; kinds++)
        nst_sql_in(&q, &count, NST_TEXT(nst_str_z((*kinds)->name)));
    nst_sql_in_end(&q, count);
    nst_sql_add(&q, " AND " HAS_TURN " ORDER BY " RUNNING_OF_USER ", task.id LIMIT 1");
    *id = 0;
    return nst_sql_int(id, NULL, db, &q);
}

enum nst_err nst_lease_is_wanted(bool *out, struct nst_arena *a, struct nst_db *db,
                                 const struct nst_task_kind *const *kinds,
                                 const struct nst_lease *lease)
{
    int64_t id;
    NST_TRY(find_next(&id, a, db, kinds, lease));
    *out = id != 0;
    return NST_OK;
}

static const struct nst_task_kind *kind_of(const struct nst_task_kind *const *kinds,
                                           struct nst_str name)
{
    while (*kinds != NULL && !nst_str_eq(nst_str_z((*kinds)->name), name))
        kinds++;
    assert(*kinds != NULL);
    return *kinds;
}

static void read_task(struct nst_task *t, struct nst_arena *a, struct nst_rows *rows,
                      const struct nst_task_kind *const *kinds)
{
    t->kind = kind_of(kinds, nst_rows_text(rows, 0));
    t->uuid = nst_str_copy(a, nst_rows_text(rows, 1));
    t->kwargs = nst_str_copy(a, nst_rows_text(rows, 2));
    t->place = nst_str_copy(a, nst_rows_text(rows, 3));
    t->done = nst_rows_int(rows, 4);
    t->total = nst_rows_int(rows, 5);
    t->message = nst_str_copy(a, nst_rows_text(rows, 6));
    t->attempts = nst_rows_int(rows, 7);
    t->created_at = nst_rows_int(rows, 8);
    t->caller.id = nst_rows_int(rows, 9);
    t->got_on_at = nst_rows_int(rows, 10);
    t->request = nst_str_copy(a, nst_rows_text(rows, 11));
}

enum nst_err nst_lease_caller(struct nst_task *t, struct nst_db *db)
{
    struct nst_rows *rows;
    t->caller.is_known = false;
    if (t->caller.id == 0)
        return NST_OK;
    NST_TRY(nst_query_with(&rows, db,
                           "SELECT username, is_staff, is_superuser FROM account "
                           "WHERE id = $1 AND is_active AND is_enabled",
                           NST_INT(t->caller.id)));
    if (nst_rows_step(rows)) {
        t->caller.is_known = true;
        t->caller.name = nst_str_copy(t->arena, nst_rows_text(rows, 0));
        t->caller.is_staff = nst_rows_bool(rows, 1);
        t->caller.is_superuser = nst_rows_bool(rows, 2);
    }
    return nst_rows_end(rows);
}

enum nst_err nst_lease_take(struct nst_task *t, struct nst_arena *a, struct nst_db *db,
                            const struct nst_task_kind *const *kinds, const struct nst_lease *lease)
{
    struct nst_rows *rows;
    int64_t id, now = nst_now();
    t->id = 0;
    NST_TRY(find_next(&id, a, db, kinds, lease));
    if (id == 0)
        return NST_OK;
    NST_TRY(nst_query_with(&rows, db,
                           "UPDATE task SET state = '" NST_TASK_STARTED
                           "', lease = $2, lease_until = $3, attempts = attempts + 1, "
                           "started_at = coalesce(started_at, $1), "
                           "updated_at = CASE WHEN started_at IS NULL THEN $1 ELSE updated_at END "
                           "WHERE task.id = $4 AND " IS_FREE(
                               "task") " RETURNING name, uuid, "
                                       "kwargs, place, done, total, message, attempts, created_at, "
                                       "user_id, CASE WHEN place IS NULL THEN started_at ELSE "
                                       "updated_at END, request",
                           NST_INT(now), NST_TEXT(lease->token), NST_INT(now + NST_LEASE_TIME),
                           NST_INT(id)));
    if (nst_rows_step(rows)) {
        t->id = id;
        read_task(t, a, rows, kinds);
    }
    return nst_rows_end(rows);
}

enum nst_err nst_lease_hold(bool *held, struct nst_db *db, int64_t id, struct nst_str token)
{
    int64_t changed;
    NST_TRY(nst_exec_with(&changed, db,
                          "UPDATE task SET lease_until = $1 WHERE id = $2 AND lease = $3",
                          NST_INT(nst_now() + NST_LEASE_TIME), NST_INT(id), NST_TEXT(token)));
    *held = changed == 1;
    return NST_OK;
}

/* One that has no place begins from the first: only who hands it on in good order has got on. */
static enum nst_err save_place(int64_t *changed, const struct nst_task *t, struct nst_db *db,
                               const struct nst_lease *lease, bool is_free)
{
    int64_t now = nst_now();
    return nst_exec_with(changed, db,
                         "UPDATE task SET place = $1, done = $2, total = $3, message = $4, "
                         "summary = $9, lease_until = $5, updated_at = $6, attempts = CASE "
                         "WHEN $10 THEN 0 ELSE attempts END "
                         "WHERE id = $7 AND lease = $8",
                         NST_TEXT(t->place), NST_INT(t->done), NST_INT(t->total),
                         NST_TEXT(t->message), NST_INT(is_free ? 0 : now + NST_LEASE_TIME),
                         NST_INT(now), NST_INT(t->id), NST_TEXT(lease->token), NST_TEXT(t->summary),
                         NST_BOOL(t->place.p != NULL || is_free));
}

static enum nst_err save_end(int64_t *changed, const struct nst_task *t, struct nst_db *db,
                             const struct nst_lease *lease)
{
    return nst_exec_with(
        changed, db,
        "UPDATE task SET state = $1, done = $2, total = $3, message = $4, summary = $5, "
        "result = $6, report = $7, error = $8, finished_at = $9, updated_at = $9, place = NULL, "
        "lease = NULL, once = NULL WHERE id = $10 AND lease = $11",
        NST_TEXT(t->error.p != NULL ? NST_STR(NST_TASK_FAILURE) : NST_STR(NST_TASK_SUCCESS)),
        NST_INT(t->done), NST_INT(t->total), NST_TEXT(t->message), NST_TEXT(t->summary),
        NST_TEXT(t->result), NST_TEXT(t->report), NST_TEXT(t->error), NST_INT(nst_now()),
        NST_INT(t->id), NST_TEXT(lease->token));
}

enum nst_err nst_lease_save(const struct nst_task *t, struct nst_db *db,
                            const struct nst_lease *lease, bool is_free)
{
    int64_t changed;
    NST_TRY(t->is_over ? save_end(&changed, t, db, lease)
                       : save_place(&changed, t, db, lease, is_free));
    return changed == 1 ? NST_OK : NST_E_PRECONDITION;
}

enum nst_err nst_leases_free(struct nst_db *db, struct nst_str host)
{
    return nst_exec_with(NULL, db,
                         "UPDATE task SET lease_until = 0 WHERE " UNFINISHED(
                             "task") " AND lease LIKE $1 || '-%'",
                         NST_TEXT(host));
}

enum nst_err nst_lease_is_over(bool *out, struct nst_str *state, struct nst_arena *a,
                               struct nst_db *db, int64_t id)
{
    struct nst_rows *rows;
    *out = true;
    *state = (struct nst_str){ 0 };
    NST_TRY(nst_query_with(&rows, db,
                           "SELECT state, CASE WHEN " UNFINISHED(
                               "task") " THEN 1 ELSE 0 END FROM task WHERE id = $1",
                           NST_INT(id)));
    if (nst_rows_step(rows)) {
        *state = nst_str_copy(a, nst_rows_text(rows, 0));
        *out = nst_rows_int(rows, 1) == 0;
    }
    return nst_rows_end(rows);
}

enum nst_err nst_tasks_need(enum nst_task_need *out, struct nst_db *db, struct nst_str uuid)
{
    struct nst_rows *rows;
    *out = NST_UNKNOWN;
    NST_TRY(nst_query_with(&rows, db,
                           "SELECT CASE WHEN " UNFINISHED(
                               "task") " THEN 1 ELSE 0 END FROM task WHERE uuid = $1",
                           NST_TEXT(uuid)));
    if (nst_rows_step(rows))
        *out = nst_rows_int(rows, 0) == 1 ? NST_NEEDED : NST_NOT_NEEDED;
    return nst_rows_end(rows);
}

#define FORGOTTEN_AT_ONCE "100"

enum nst_err nst_tasks_forget(int64_t *forgotten, struct nst_db *db, int64_t before)
{
    return nst_exec_with(forgotten, db,
                         "DELETE FROM task WHERE id IN (SELECT id FROM task "
                         "WHERE finished_at < $1 ORDER BY finished_at LIMIT " FORGOTTEN_AT_ONCE ")",
                         NST_INT(before));
}
