/* What the files of tasks share: the statements of a lease, behind which the worker runs. */
#ifndef NST_TASKS_INTERNAL_H
#define NST_TASKS_INTERNAL_H

#include "tasks.h"

#define NST_LEASE_TIME (15 * NST_SECOND) /* of a worker that says nothing: taken for dead then */

/* Who runs tasks: the same for all statements of one slot. */
struct nst_lease {
    struct nst_str host;  /* of this server */
    struct nst_str token; /* of the present task: HOST-RANDOM, a new one each time */
};

/* Take the next task that may run into t, with its texts in a; t->id 0: there is none. Turns of
 * users alternate: who has least running comes first.
 *   kinds  NULL-terminated; tasks of other kinds are left to other servers
 * Errors: those of nst_query. */
NST_CHECKED enum nst_err nst_lease_take(struct nst_task *t, struct nst_arena *a, struct nst_db *db,
                                        const struct nst_task_kind *const *kinds,
                                        const struct nst_lease *lease);

/* Read who asked for t, as the account is now: unknown once it is closed or switched off. The
 * name is in t->arena.
 * Errors: those of nst_query. */
NST_CHECKED enum nst_err nst_lease_caller(struct nst_task *t, struct nst_db *db);

/* Let others take at once what that server has a lease on.
 * Errors: those of nst_query. */
NST_CHECKED enum nst_err nst_leases_free(struct nst_db *db, struct nst_str host);

/* Whether nst_lease_take may find one: a cheap read. */
NST_CHECKED enum nst_err nst_lease_is_wanted(bool *out, struct nst_db *db, int64_t now);

/* Save where t stands, or how it ended (t->is_over), and hold the lease further, or
 * (is_free) let another take it at once.
 * Errors: NST_E_PRECONDITION where the lease is lost; those of nst_query. */
NST_CHECKED enum nst_err nst_lease_save(const struct nst_task *t, struct nst_db *db,
                                        const struct nst_lease *lease, bool is_free);

/* Whether the task is over, or gone. */
NST_CHECKED enum nst_err nst_lease_is_over(bool *out, struct nst_db *db, int64_t id);

/* Forget what was over before that time, some of it.
 *   forgotten  how many */
NST_CHECKED enum nst_err nst_tasks_forget(int64_t *forgotten, struct nst_db *db, int64_t before);

/* Whether no unfinished task has that uuid. */
NST_CHECKED enum nst_err nst_tasks_needs_none(bool *out, struct nst_db *db, struct nst_str uuid);

/* Remove files of the task with that uuid; all files of tasks that are over, and some time old:
 * whose are new may not have been asked for yet. Logs what it cannot remove. Blocks. */
void nst_task_files_remove(struct nst_str folder, struct nst_str uuid);
void nst_task_files_sweep(struct nst_str folder, struct nst_store *store);

#endif
