/* Tasks as the faces show them (V270, G87, G167), and which kinds there are. */
#ifndef OCL_TASK_H
#define OCL_TASK_H

#include "ocl/app.h"
#include "tasks/tasks.h"

extern const struct nst_resource ocl_task;

/* A row of it; what else is shown is loaded where it is. */
struct ocl_task {
    struct nst_row row;
    struct nst_str key, uuid, name, queue, state, username;
    struct nst_str kwargs, message, summary, result, report, error;
    int64_t user_id, runtime, created_at, started_at, finished_at;
};

/* All kinds of this program, NULL-terminated: for nst_workers_start. */
extern const struct nst_task_kind *const ocl_task_kinds[];

/* Which files outlive their tasks, for nst_worker_options. */
extern const struct nst_file_kind *const ocl_kept_files[];

/* Sets of tasks that other views list: of OCL_IMPORTS. */
#define OCL_IMPORTS 0
extern const struct nst_set ocl_task_sets[];

/* Answer with a task in the shape of a list (V601), as both faces show it.
 * Errors: those of nst_query. */
NST_CHECKED enum nst_err ocl_answer_task(struct nst_req *rq, int64_t id, unsigned status);

/* Find the task that is called so, which the caller may see.
 *   task  set on NST_OK, owned by rq
 * Errors: NST_E_NOT_FOUND, NST_E_FORBIDDEN for another's (V606); those of nst_query. */
NST_CHECKED enum nst_err ocl_find_task(struct ocl_task **task, struct nst_req *rq,
                                       struct nst_str key);

/* Cancel it (V270, V607) and answer 204; 400 where it is over. */
NST_CHECKED enum nst_err ocl_cancel_task(struct nst_req *rq, const struct ocl_task *task);

#endif
