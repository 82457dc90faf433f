/* Long work (V270): rows of the table `task`, which workers take up and carry on in steps.
 *
 * A task is of a kind. Its steps are short transactions, one after another; with each the
 * task's place is saved, so that after a kill another worker goes on behind the last step that
 * is durable. A worker has a lease on what it runs: a step of who has lost it, since the task
 * was cancelled or another took it for dead, is rolled back. Several servers may share one
 * database; a task is run by one of them at a time. */
#ifndef NST_TASKS_H
#define NST_TASKS_H

#include "nestor/accounts.h"
#include "nestor/rest.h"

#include <pthread.h>
#include <time.h>

/* The states of V270. One that failed is not begun again by itself: there is no RETRY. */
#define NST_TASK_PENDING "PENDING"
#define NST_TASK_STARTED "STARTED"
#define NST_TASK_SUCCESS "SUCCESS"
#define NST_TASK_FAILURE "FAILURE"
#define NST_TASK_REVOKED "REVOKED"

#define NST_TASK_QUEUE "default" /* of a task that asks for none */

struct nst_task_kind;

/* A task that is being run, as its kind sees it. */
struct nst_task {
    const struct nst_task_kind *kind;
    int64_t id, created_at;
    int64_t attempts, got_on_at; /* begun so often since it last got on; when that was, or when it
                                    was begun first. It gets on with each place that is saved */
    struct nst_str uuid;
    struct nst_str request;   /* id of the one that asked for it, as the log has it; null: none */
    struct nst_caller caller; /* who asked for it, with the rights of this moment: read before each
                                 step. is_known is false where it was nobody; a task that writes
                                 ends once the account is closed */
    struct nst_str kwargs;    /* a JSON object: what it was asked for */
    struct nst_registry *registry;
    struct nst_store *store;
    struct nst_str folder;   /* where this server keeps files. Those called `UUID.`, and anything
                                behind it, are removed once the task is over, however it ends */
    void *state;             /* the kind's own while this worker runs it; NULL at first */
    void *worker;            /* of nst_task_is_cut; NULL where nobody cuts it */
    struct nst_arena *arena; /* of one step */

    /* What a step changes, saved with it; texts may lie in `arena`. */
    struct nst_str place;   /* where it stands; null at first */
    int64_t done, total;    /* in what the kind counts; total 0: not known yet */
    struct nst_str message; /* a sentence about what it does; null: none */
    struct nst_str summary; /* a JSON value: what it has done; null: nothing to say */
    bool is_over;           /* the step was the last one */
    /* Of one that is over. */
    struct nst_str result, report; /* a JSON value, a text; null: none */
    struct nst_str error;                   /* why it failed, for who asked; null: it did not */
};

/* What tasks do. */
struct nst_task_kind {
    const char *name;   /* "bulk_import": `name` in V270, and what is kept in the table */
    enum nst_mode mode; /* of `step` */
    /* Before each step, outside of a transaction: files, computing. May block; what may last for
     * seconds asks nst_task_is_cut between. NULL: nothing.
     * Errors: as those of step; NST_E_BUSY where it was cut. */
    enum nst_err (*prepare)(struct nst_task *t);
    /* One step in a transaction of `mode`. With NST_MODE_WRITE, what it did and where the task
     * stands become durable together; with NST_MODE_READ the place is saved now and then, and
     * with the last step. It may be run again from the same place: what it changes in `state`
     * must not count before `prepare` is called the next time.
     * Errors: NST_E_BUSY and NST_E_FULL, after which it is tried again for a while; NST_E_DB,
     * after which it is taken up anew from the last place that is durable; any other ends the
     * task, with t->error or the error's own text. */
    enum nst_err (*step)(struct nst_task *t, struct nst_db *db);
    /* In the transaction that ends the task well, behind a last step that only reads. It may set
     * t->is_over to false: then the task goes on with another step. NULL: nothing. */
    enum nst_err (*finish)(struct nst_task *t, struct nst_db *db);
    /* This worker is done with it, however: free `state`. NULL: nothing. */
    void (*release)(struct nst_task *t);
};

/* What is asked for. */
struct nst_task_order {
    const struct nst_task_kind *kind;
    int64_t user;            /* 0: nobody */
    struct nst_str username; /* as it stands in the id */
    struct nst_str queue;    /* null: NST_TASK_QUEUE, whose tasks run beside one another;
                                those of one user, or of nobody, in another queue follow one
                                another */
    struct nst_str kwargs;   /* a JSON object */
    struct nst_str once;     /* two unfinished tasks cannot have the same text; null: they can */
    struct nst_str host;     /* only the server with this name (nst_worker_host) runs it; null:
                                any */
    struct nst_str uuid;     /* null: a new one */
};

/* Ask for it, in the transaction of rq. The log of the task names the request that this thread works
 * for (nst_log_request). Workers of this process look for it as soon as that
 * is durable.
 *   id  set on NST_OK to its number
 * Errors: NST_E_CONFLICT where `once` stands in an unfinished task already, which spoils the
 * transaction on PostgreSQL no more than any statement that finds nothing; those of nst_query. */
NST_CHECKED enum nst_err nst_task_add(int64_t *id, struct nst_req *rq,
                                      const struct nst_task_order *order);

/* The same from inside a task or the command line. Call nst_workers_wake once it is durable. */
NST_CHECKED enum nst_err nst_task_add_at(int64_t *id, struct nst_arena *a, struct nst_db *db,
                                         const struct nst_task_order *order, int64_t now);

/* End an unfinished task as REVOKED: what its worker is doing is rolled back.
 *   revoked  set on NST_OK: false where it was over already */
NST_CHECKED enum nst_err nst_task_revoke(bool *revoked, struct nst_db *db, int64_t id, int64_t now);

/* A number that it was asked for, by its name in kwargs; 0: there is none. */
int64_t nst_task_number(const struct nst_task *t, const char *name);

/* Whether the present step is for nobody: the server stops, or another has the task, or it was
 * cancelled. Any thread that runs the task; does not block. */
bool nst_task_is_cut(const struct nst_task *t);

/* In a transaction of its own beside the steps, which belongs to the task: hold its lease.
 * Errors: NST_E_PRECONDITION where that is lost, so that nothing of it is kept; those of
 * nst_query. */
NST_CHECKED enum nst_err nst_task_hold(const struct nst_task *t, struct nst_db *db);

/* ---- Files that are kept ---- */

/* Files in the folder of the workers that outlive their tasks. */
struct nst_file_kind {
    const char *prefix; /* of their names */
    /* Whether something leads to one of that name, in a read of its own.
     * Errors: those of nst_query, after which it stays. */
    enum nst_err (*is_needed)(bool *out, struct nst_arena *a, struct nst_db *db,
                              struct nst_str name);
    int64_t keep_seconds; /* since it was written: then it goes in any case; 0: it does not */
};

/* Remove those that are not needed; logs what it cannot remove. Blocks on the store. */
void nst_files_sweep(struct nst_str folder, struct nst_store *store,
                     const struct nst_file_kind *kind);

/* ---- Workers ---- */

/* Which hosts tasks may fetch files from. */
enum nst_fetch { NST_FETCH_NONE, NST_FETCH_PUBLIC, NST_FETCH_ANY };

struct nst_worker_options {
    struct nst_store *store;
    struct nst_registry *registry;
    const struct nst_task_kind *const *kinds; /* NULL-terminated */
    struct nst_str folder; /* made if it is missing, mode 0700; outlives the workers */
    unsigned slots;        /* tasks at a time; 0: none are run here */
    enum nst_fetch fetch;  /* for those who ask: hosts with public addresses, or any */
    int64_t keep_days;     /* what is over is forgotten after so many days; 0: never */
    /* Asked every few seconds, beside the tasks, where any are run: add those whose time has come.
     * May block on the store; what goes wrong is logged there. NULL: there are none. */
    void (*tend)(struct nst_store *store);
    /* Files in the folder that outlive their tasks: swept at the start, every few minutes, and when
     * files of tasks are. NULL-terminated; NULL: there are none. */
    const struct nst_file_kind *const *kept;
};

/* Tasks that wait, run and have ended, for struct nst_server_options: while workers are there. */
extern const struct nst_metric_source nst_task_metrics;

struct nst_workers;

/* Start the workers of this process: one set a process. Several processes may use one folder: what
 * a process that is gone was running goes on at once only where none of the others lives.
 * Errors: NST_E_INTERNAL, logged, where the folder cannot be used. */
NST_CHECKED enum nst_err nst_workers_start(struct nst_workers **out,
                                           const struct nst_worker_options *o);

/* Let each finish its step, then stop; their tasks are free at once for others. Blocks for the
 * time of a step. */
void nst_workers_stop(struct nst_workers *w);

/* Have idle workers of this process look for tasks now; or have files removed of tasks that are
 * over. Any thread; do not block. */
void nst_workers_wake(void);
void nst_workers_tidy(void);

/* The name of this server among those that share a database: kept in its folder. Null before
 * the workers are started. The folder likewise; and what may be fetched. */
struct nst_str nst_worker_host(void);
struct nst_str nst_worker_folder(void);
enum nst_fetch nst_worker_fetch(void);

#endif
