/* POST /importers/bulk-import/:task/undo/: asking for an import to be taken back. */
#include "undo.h"

static enum nst_err refuse(struct nst_req *rq, enum nst_err err, const char *text)
{
    return nst_fail_bare(rq, err, "exception", nst_str_z(text));
}

static bool is(struct nst_str value, const char *word)
{
    return nst_str_eq(value, nst_str_z(word));
}

static enum nst_err check_import(struct nst_req *rq, const struct ocl_task *task)
{
    if (is(task->name, ocl_undo_task.name))
        return refuse(rq, NST_E_INVALID,
                      "An undo is not undone. Import the file again: it does again what it did.");
    if (is(task->name, ocl_rehearsal_task.name))
        return refuse(rq, NST_E_INVALID, "A rehearsal stores nothing: there is nothing to undo.");
    if (!is(task->name, ocl_bulk_import_task.name))
        return refuse(rq, NST_E_INVALID, "This task is no import.");
    if (is(task->state, NST_TASK_PENDING) || is(task->state, NST_TASK_STARTED))
        return refuse(rq, NST_E_CONFLICT,
                      "The import is not over. Cancel it, or wait for its end.");
    return NST_OK;
}

/* An import of a program that did not note yet what it did is one that did nothing. */
static enum nst_err check_known(struct nst_req *rq, const struct ocl_task *task)
{
    bool is_known, did_anything;
    NST_TRY(nst_exists_with(&is_known, rq->db,
                            "SELECT 1 FROM import_run WHERE task_id = $1 UNION ALL "
                            "SELECT 1 FROM import_made WHERE task_id = $1",
                            NST_INT(task->row.id)));
    NST_TRY(nst_exists_with(&did_anything, rq->db,
                            "SELECT 1 FROM import_taken WHERE task_id = $1 AND outcome IN "
                            "('created', 'updated', 'deleted')",
                            NST_INT(task->row.id)));
    if (is_known || !did_anything)
        return NST_OK;
    return refuse(rq, NST_E_CONFLICT,
                  "What this import did was not noted: it ran on a former version of Nestor.");
}

/* One that left something may be repeated, once that is mended. */
static enum nst_err check_undone(struct nst_req *rq, const struct ocl_task *task)
{
    bool is_undone;
    NST_TRY(nst_exists_with(&is_undone, rq->db,
                            "SELECT 1 FROM import_undo n JOIN task t ON t.id = n.task_id "
                            "WHERE n.import_id = $1 AND t.state = '" NST_TASK_SUCCESS
                            "' AND NOT EXISTS (SELECT 1 FROM import_left l "
                            "WHERE l.task_id = n.task_id)",
                            NST_INT(task->row.id)));
    return is_undone ? refuse(rq, NST_E_CONFLICT, "The import was undone already.") : NST_OK;
}

static enum nst_err start(struct nst_req *rq, const struct ocl_task *task)
{
    struct nst_buf kwargs;
    int64_t id;
    nst_buf_init(&kwargs, rq->arena, 65536);
    nst_put_lit(&kwargs, "{\"task\":");
    nst_json_put_str(&kwargs, task->key);
    nst_putf(&kwargs, ",\"import\":%lld}", (long long)task->row.id);
    const struct nst_task_order order = {
        .kind = &ocl_undo_task,
        .user = rq->caller.id,
        .username = rq->caller.name,
        .kwargs = nst_buf_str(&kwargs),
        .once = nst_strf(rq->arena, "undo:%lld", (long long)task->row.id),
    };
    enum nst_err e = nst_task_add(&id, rq, &order);
    if (e == NST_E_CONFLICT)
        return refuse(rq, e, "An undo of the import waits or runs.");
    NST_TRY(e);
    NST_TRY(nst_exec_with(NULL, rq->db,
                          "INSERT INTO import_undo (task_id, import_id) VALUES ($1, $2)",
                          NST_INT(id), NST_INT(task->row.id)));
    return ocl_answer_task(rq, id, 202);
}

enum nst_err ocl_undo_start(struct nst_req *rq)
{
    const struct nst_row *row = nst_object(rq)->row;
    void *task;
    if (nst_worker_host().p == NULL)
        return refuse(rq, NST_E_BUSY, "No tasks are run on this server.");
    NST_TRY(nst_load_id(&task, rq, &ocl_task, NST_LOAD_ALL, row->id));
    if (task == NULL)
        return NST_E_NOT_FOUND;
    NST_TRY(check_import(rq, task));
    NST_TRY(check_known(rq, task));
    NST_TRY(check_undone(rq, task));
    return start(rq, task);
}

/* ---- Tables ---- */

static const struct nst_response undo_response[] = {
    { 202, "The task that undoes it.", { .schema = OCL_IMPORT_TASK } },
    { 400, "The task is no import.", { .schema = "{\"type\":\"object\"}" } },
    { 409,
      "The import is not over, is being undone, or was undone.",
      { .schema = OCL_IMPORT_REASON } },
    { 503, "This server runs no tasks.", { .schema = "{\"type\":\"object\"}" } },
    { 0 },
};

const struct nst_description ocl_undo_description = { .response = undo_response };
