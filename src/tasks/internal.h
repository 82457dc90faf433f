/* What the files of tasks share: the statements of a lease, behind which the worker runs. */
#ifndef NST_TASKS_INTERNAL_H
#define NST_TASKS_INTERNAL_H

#include "tasks.h"

#include <stdatomic.h>

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

/* Whether nst_lease_take would find one: a read, with its statement in a. */
NST_CHECKED enum nst_err nst_lease_is_wanted(bool *out, struct nst_arena *a, struct nst_db *db,
                                             const struct nst_task_kind *const *kinds,
                                             const struct nst_lease *lease);

/* Hold the lease of task `id` further, without getting on.
 *   held  set on NST_OK: false where it is lost */
NST_CHECKED enum nst_err nst_lease_hold(bool *held, struct nst_db *db, int64_t id,
                                        struct nst_str token);

/* Save where t stands, or how it ended (t->is_over), and hold the lease further, or
 * (is_free) let another take it at once.
 * Errors: NST_E_PRECONDITION where the lease is lost; those of nst_query. */
NST_CHECKED enum nst_err nst_lease_save(const struct nst_task *t, struct nst_db *db,
                                        const struct nst_lease *lease, bool is_free);

/* Whether the task is over, or gone.
 *   state  one of NST_TASK_*, in a; null where it is gone */
NST_CHECKED enum nst_err nst_lease_is_over(bool *out, struct nst_str *state, struct nst_arena *a,
                                           struct nst_db *db, int64_t id);

/* Forget what was over before that time, some of it.
 *   forgotten  how many */
NST_CHECKED enum nst_err nst_tasks_forget(int64_t *forgotten, struct nst_db *db, int64_t before);

enum nst_task_need { NST_UNKNOWN, NST_NEEDED, NST_NOT_NEEDED };

/* Whether a task with that uuid needs its files: is unfinished, or over. NST_UNKNOWN: there is
 * none. */
NST_CHECKED enum nst_err nst_tasks_need(enum nst_task_need *out, struct nst_db *db,
                                        struct nst_str uuid);

/* The name of this server, kept in the folder; made where there is none. Null: it cannot be,
 * logged. Blocks. */
struct nst_str nst_task_host(struct nst_arena *a, struct nst_str folder);

/* Hold the folder, for as long as the file that is returned is open. Blocks.
 *   is_alone  true where no other process holds it
 * Returns -1 where it cannot be opened. */
int nst_task_folder_hold(bool *is_alone, struct nst_arena *a, struct nst_str folder);

/* Remove files of the task with that uuid; or all files of tasks that are over, those of unknown
 * tasks that are some time old (they may not have been asked for yet), and uploads of processes
 * that are gone: `between` is called after each question about one. Logs what it cannot remove.
 * Blocks. */
void nst_task_files_remove(struct nst_str folder, struct nst_str uuid);
void nst_task_files_sweep(struct nst_str folder, struct nst_store *store, void (*between)(void *),
                          void *arg);

/* nst_files_sweep that calls between(arg) before each file. */
void nst_kept_files_sweep(struct nst_str folder, struct nst_store *store,
                          const struct nst_file_kind *kind, void (*between)(void *), void *arg);

/* ---- The workers of this process ---- */

/* A thread that takes tasks and carries them on. */
struct nst_slot {
    struct nst_workers *workers;
    pthread_t thread;
    struct nst_lease lease;
    struct nst_arena *home;    /* of a task */
    struct nst_arena *step;    /* of a step */
    struct nst_mark before;    /* in it, behind what was prepared */
    struct nst_arena *kept[2]; /* what a step changed: the present one, and the one before */
    unsigned present;
    struct nst_task task;  /* as it is durable */
    struct nst_task trial; /* as the step makes it */
    int64_t saved_at;      /* ticks */
    struct nst_str state;  /* of one that was let go: NST_TASK_*, in home; null: it is not known */

    /* What the keeper sees, under the workers' lock. */
    int64_t holds;             /* the number of the task that it has a lease on; 0: none */
    int64_t held_at;           /* ticks */
    char token[64];            /* of that lease */
    _Atomic(bool) is_cut;      /* the lease is lost */
};

struct nst_workers {
    struct nst_arena *arena;
    struct nst_worker_options options;
    struct nst_str host;
    int folder; /* the file that names the host, held by a lock while we live */
    struct nst_slot *slot;
    pthread_t keeper;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    uint64_t wakes; /* counts calls of nst_workers_wake */
    bool is_stopping;
    bool is_untidy; /* there may be files of tasks that are over */
};

/* The kinds that the workers of this process know, NULL-terminated; an empty list without workers. */
const struct nst_task_kind *const *nst_worker_kinds(void);

/* Count a task that has ended here (metrics.c). Any thread. */
void nst_task_ended(const struct nst_task_kind *kind, bool is_good);

/* Whether nst_workers_stop was called. */
bool nst_workers_are_stopping(struct nst_workers *w);

/* The thread that holds leases while steps last, sweeps files and forgets old tasks; arg is the
 * struct nst_workers. It ends when the workers stop. */
void *nst_keeper(void *arg);

#endif
