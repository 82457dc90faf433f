/* The workers of this process: threads that take tasks and carry them on step by step. What went
 * wrong with the store is tried again for a while; a task that keeps killing its server is given
 * up. */
#include "internal.h"

#include "nestor/base/log.h"
#include "nestor/base/random.h"
#include "nestor/maintenance.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define IDLE_TIME     NST_SECOND        /* between looks for tasks of other processes */
#define SAVE_TIME     NST_SECOND        /* between saves of a task that only reads */
#define PATIENCE      (60 * NST_SECOND) /* with a store that is busy or full */
#define PAUSE_MAX     (4 * NST_SECOND)  /* between tries; less than a lease lasts */
#define ATTEMPTS_MAX  5
#define STUCK_MINUTES 10
#define STUCK_TIME    (STUCK_MINUTES * (60 * NST_SECOND))
#define TOKEN_BYTES   8
#define NICENESS      10
#define ARENA_FIRST   65536

static struct nst_workers *running; /* of this process */

/* ---- Waiting ---- */

bool nst_workers_are_stopping(struct nst_workers *w)
{
    pthread_mutex_lock(&w->lock);
    bool stopping = w->is_stopping;
    pthread_mutex_unlock(&w->lock);
    return stopping;
}

static uint64_t wakes_of(struct nst_workers *w)
{
    pthread_mutex_lock(&w->lock);
    uint64_t wakes = w->wakes;
    pthread_mutex_unlock(&w->lock);
    return wakes;
}

/* Until that time is over, the workers are stopped, or (is_idle) somebody asks for a task. */
static void rest(struct nst_workers *w, int64_t time, bool is_idle, uint64_t wakes)
{
    const struct timespec until = nst_in_time(time);
    int error = 0;
    pthread_mutex_lock(&w->lock);
    while (error == 0 && !w->is_stopping && !(is_idle && w->wakes != wakes))
        error = pthread_cond_timedwait(&w->changed, &w->lock, &until);
    pthread_mutex_unlock(&w->lock);
}

void nst_workers_wake(void)
{
    struct nst_workers *w = running;
    if (w == NULL)
        return;
    pthread_mutex_lock(&w->lock);
    w->wakes++;
    pthread_cond_broadcast(&w->changed);
    pthread_mutex_unlock(&w->lock);
}

void nst_workers_tidy(void)
{
    struct nst_workers *w = running;
    if (w == NULL)
        return;
    pthread_mutex_lock(&w->lock);
    w->is_untidy = true;
    pthread_cond_broadcast(&w->changed);
    pthread_mutex_unlock(&w->lock);
}

/* ---- The lease, as the keeper sees it ---- */

/* From now on, or again. */
static void hold(struct nst_slot *s, int64_t task)
{
    pthread_mutex_lock(&s->workers->lock);
    s->holds = task;
    s->held_at = nst_ticks();
    memcpy(s->token, s->lease.token.p, s->lease.token.n + 1);
    pthread_mutex_unlock(&s->workers->lock);
}

bool nst_task_is_cut(const struct nst_task *t)
{
    const struct nst_slot *s = t->worker;
    return s != NULL && (atomic_load(&s->is_cut) || nst_workers_are_stopping(s->workers));
}

enum nst_err nst_task_hold(const struct nst_task *t, struct nst_db *db)
{
    const struct nst_slot *s = t->worker;
    bool held;
    NST_TRY(nst_lease_hold(&held, db, t->id, s->lease.token));
    return held ? NST_OK : NST_E_PRECONDITION;
}

/* ---- A step ---- */

static enum nst_err end_badly(struct nst_slot *s, struct nst_db *db, struct nst_str error)
{
    s->trial.is_over = true;
    s->trial.error = error;
    return nst_lease_save(&s->trial, db, &s->lease, false);
}

static bool has_lost_caller(const struct nst_task *t)
{
    return t->caller.id != 0 && !t->caller.is_known;
}

/* Work of the store: what the step made of the task is saved. */
static enum nst_err save_trial(struct nst_db *db, void *arg)
{
    struct nst_slot *s = arg;
    struct nst_task *t = &s->trial;
    if (t->is_over && t->error.p == NULL && t->kind->finish != NULL)
        NST_TRY(t->kind->finish(t, db));
    return nst_lease_save(t, db, &s->lease, false);
}

/* What the step changed counts only when all of this is durable: it may run again. */
static enum nst_err run_step(struct nst_db *db, void *arg)
{
    struct nst_slot *s = arg;
    nst_arena_rewind(s->step, s->before);
    s->trial = s->task;
    NST_TRY(nst_lease_caller(&s->trial, db));
    if (has_lost_caller(&s->trial) && s->task.kind->mode == NST_MODE_WRITE)
        return end_badly(s, db, NST_STR("The account that asked for it is closed."));
    NST_TRY(s->task.kind->step(&s->trial, db));
    return s->task.kind->mode == NST_MODE_WRITE ? save_trial(db, s) : NST_OK;
}

/* Behind a step that only read. */
static enum nst_err save_now_and_then(struct nst_slot *s)
{
    int64_t now = nst_ticks();
    if (!s->trial.is_over && now - s->saved_at < SAVE_TIME)
        return NST_OK;
    s->saved_at = now;
    return nst_store_run(s->workers->options.store, NST_MODE_WRITE, save_trial, s);
}

/* The step is durable, or read: the task goes on from there. */
static void take_trial(struct nst_slot *s)
{
    struct nst_arena *a = s->kept[s->present ^= 1];
    nst_arena_reset(a);
    hold(s, s->task.id);
    s->task = s->trial;
    s->task.place = nst_str_copy(a, s->trial.place);
    s->task.message = nst_str_copy(a, s->trial.message);
    s->task.summary = nst_str_copy(a, s->trial.summary);
    s->task.caller.name = nst_str_copy(a, s->trial.caller.name);
}

static enum nst_err try_step(struct nst_slot *s)
{
    const struct nst_task_kind *kind = s->task.kind;
    nst_arena_reset(s->step);
    enum nst_err e = kind->prepare != NULL ? kind->prepare(&s->task) : NST_OK;
    s->trial = s->task;
    if (e != NST_OK)
        return e;
    s->before = nst_arena_mark(s->step);
    NST_TRY(nst_store_run(s->workers->options.store, kind->mode, run_step, s));
    if (kind->mode == NST_MODE_READ)
        NST_TRY(save_now_and_then(s));
    take_trial(s);
    return NST_OK;
}

/* ---- What can go wrong ---- */

/* It does not get on: how often it was begun stays. */
static enum nst_err run_hold(struct nst_db *db, void *arg)
{
    struct nst_slot *s = arg;
    bool held;
    NST_TRY(nst_lease_hold(&held, db, s->task.id, s->lease.token));
    return held ? NST_OK : NST_E_PRECONDITION;
}

static enum nst_err run_end(struct nst_db *db, void *arg)
{
    struct nst_slot *s = arg;
    return nst_lease_save(&s->task, db, &s->lease, false);
}

static enum nst_err run_release(struct nst_db *db, void *arg)
{
    struct nst_slot *s = arg;
    return nst_lease_save(&s->task, db, &s->lease, true);
}

static void fail(struct nst_slot *s, struct nst_str error)
{
    s->task.is_over = true;
    s->task.error = error;
    nst_log(NST_LOG_WARN, "task failed", NST_LOG_STR("task", s->task.uuid),
            NST_LOG_STR("name", nst_str_z(s->task.kind->name)), NST_LOG_STR("reason", error));
    enum nst_err e = nst_store_run(s->workers->options.store, NST_MODE_WRITE, run_end, s);
    if (e != NST_OK && e != NST_E_PRECONDITION)
        nst_log(NST_LOG_ERROR, "task not ended; it is begun again later",
                NST_LOG_STR("task", s->task.uuid));
}

static bool may_pass(enum nst_err e)
{
    return e == NST_E_BUSY || e == NST_E_FULL || e == NST_E_RETRY;
}

/* One step, again and again while the store cannot take it. */
static enum nst_err step_patiently(struct nst_slot *s)
{
    int64_t since = nst_ticks(), pause = NST_SECOND / 4;
    enum nst_err e = try_step(s);
    while (may_pass(e) && nst_ticks() - since < PATIENCE && !nst_workers_are_stopping(s->workers)) {
        rest(s->workers, pause, false, 0);
        pause = pause * 2 < PAUSE_MAX ? pause * 2 : PAUSE_MAX;
        e = nst_store_run(s->workers->options.store, NST_MODE_WRITE, run_hold, s);
        if (e == NST_OK)
            e = try_step(s);
    }
    return e;
}

/* ---- A task ---- */

static enum nst_err read_end(struct nst_db *db, void *arg)
{
    struct nst_slot *s = arg;
    bool is_over;
    NST_TRY(nst_lease_is_over(&is_over, &s->state, s->home, db, s->task.id));
    s->task.is_over = is_over;
    return NST_OK;
}

/* Files of a task that another server took are needed still. */
static void let_go(struct nst_slot *s, bool is_unfinished)
{
    const struct nst_task_kind *kind = s->task.kind;
    struct nst_store *store = s->workers->options.store;
    hold(s, 0);
    if (is_unfinished && nst_store_run(store, NST_MODE_WRITE, run_release, s) != NST_OK)
        nst_log(NST_LOG_INFO, "task left to whoever waits for it",
                NST_LOG_STR("task", s->task.uuid));
    s->task.is_over = false;
    s->state = (struct nst_str){ 0 };
    enum nst_err e = nst_store_run(store, NST_MODE_READ, read_end, s);
    if (kind->release != NULL)
        kind->release(&s->task);
    if (e == NST_OK && s->task.is_over)
        nst_task_files_remove(s->workers->options.folder, s->task.uuid);
}

/* Whether the step is durable, nobody knows: the place that is read next tells. */
static bool is_unknown(enum nst_err e)
{
    return e == NST_E_DB;
}

/* In maintenance tasks take no steps: they are left where they are, and taken up again. */
static bool is_to_leave(struct nst_slot *s)
{
    return nst_workers_are_stopping(s->workers) || nst_maintenance_is_on();
}

static void run_task(struct nst_slot *s)
{
    enum nst_err e = NST_OK;
    int64_t began = nst_ticks();
    s->saved_at = 0;
    nst_log_for(s->task.request);
    hold(s, s->task.id);
    if (s->task.attempts > ATTEMPTS_MAX && nst_now() - s->task.got_on_at > STUCK_TIME)
        fail(s, NST_STR("It was begun again and again for " NST_DIGITS(
                    STUCK_MINUTES) " minutes and never got on."));
    while (e == NST_OK && !s->task.is_over && !is_to_leave(s))
        e = step_patiently(s);
    bool is_cut =
        (e == NST_OK && is_to_leave(s)) || nst_workers_are_stopping(s->workers) || is_unknown(e);
    if (e != NST_OK && e != NST_E_PRECONDITION && !is_cut)
        fail(s, s->trial.error.p != NULL ? s->trial.error : nst_str_z(nst_err_message(e)));
    if (s->task.is_over)
        nst_task_ended(s->task.kind, s->task.error.p == NULL);
    let_go(s, is_cut && !s->task.is_over);
    nst_log(NST_LOG_INFO, s->task.is_over ? "task over" : "task let go",
            NST_LOG_STR("task", s->task.uuid), NST_LOG_STR("name", nst_str_z(s->task.kind->name)),
            NST_LOG_STR("state", s->state), NST_LOG_INT("us", nst_ticks() - began));
    nst_log_for((struct nst_str){ NULL, 0 });
}

static enum nst_err take(struct nst_db *db, void *arg)
{
    struct nst_slot *s = arg;
    struct nst_workers *w = s->workers;
    s->task = (struct nst_task){ .registry = w->options.registry,
                                 .store = w->options.store,
                                 .folder = w->options.folder,
                                 .arena = s->step,
                                 .worker = s };
    return nst_lease_take(&s->task, s->home, db, w->options.kinds, &s->lease);
}

/* A transaction that writes would make idle servers wait for one another. */
static enum nst_err is_wanted(struct nst_db *db, void *arg)
{
    struct nst_slot *s = arg;
    bool wanted;
    NST_TRY(nst_lease_is_wanted(&wanted, s->home, db, s->workers->options.kinds, &s->lease));
    return wanted ? NST_OK : NST_E_NOT_FOUND;
}

/* ---- Threads ---- */

static bool has_taken(struct nst_slot *s)
{
    struct nst_store *store = s->workers->options.store;
    nst_arena_reset(s->home);
    if (nst_maintenance_is_on() || nst_store_run(store, NST_MODE_READ, is_wanted, s) != NST_OK)
        return false;
    atomic_store(&s->is_cut, false);
    struct nst_str random = nst_random_hex(s->home, TOKEN_BYTES);
    s->lease.token = nst_strf(s->home, "%.*s-%.*s", NST_FMT(s->lease.host), NST_FMT(random));
    return nst_store_run(store, NST_MODE_WRITE, take, s) == NST_OK && s->task.id != 0;
}

static void *work(void *arg)
{
    struct nst_slot *s = arg;
    /* Requests come first, where processors are few. */
    (void)setpriority(PRIO_PROCESS, 0, NICENESS);
    while (!nst_workers_are_stopping(s->workers)) {
        uint64_t wakes = wakes_of(s->workers);
        if (has_taken(s))
            run_task(s);
        else
            rest(s->workers, IDLE_TIME, true, wakes);
    }
    return NULL;
}

/* ---- Starting and stopping ---- */

static bool open_folder(struct nst_str folder)
{
    struct nst_arena *a = nst_arena_new(1024);
    const char *path = nst_str_to_z(a, folder);
    bool good =
        (mkdir(path, 0700) == 0 || errno == EEXIST) && access(path, R_OK | W_OK | X_OK) == 0;
    if (!good)
        nst_log(NST_LOG_ERROR, "tasks need a folder that can be written",
                NST_LOG_STR("folder", folder), NST_LOG_STR("reason", nst_str_z(strerror(errno))));
    nst_arena_free(a);
    return good;
}

static void start_slots(struct nst_workers *w)
{
    w->slot = NST_NEW_ARRAY(w->arena, struct nst_slot, w->options.slots + 1);
    for (unsigned i = 0; i < w->options.slots; i++) {
        struct nst_slot *s = &w->slot[i];
        *s = (struct nst_slot){ .workers = w,
                                .lease = { .host = w->host },
                                .home = nst_arena_new(ARENA_FIRST),
                                .step = nst_arena_new(ARENA_FIRST),
                                .kept = { nst_arena_new(1024), nst_arena_new(1024) } };
        if (pthread_create(&s->thread, NULL, work, s) != 0)
            abort();
    }
    if (pthread_create(&w->keeper, NULL, nst_keeper, w) != 0)
        abort();
}

static void stop_slots(struct nst_workers *w)
{
    if (w->slot == NULL)
        return;
    pthread_join(w->keeper, NULL);
    for (unsigned i = 0; i < w->options.slots; i++) {
        struct nst_slot *s = &w->slot[i];
        pthread_join(s->thread, NULL);
        nst_arena_free(s->home);
        nst_arena_free(s->step);
        nst_arena_free(s->kept[0]);
        nst_arena_free(s->kept[1]);
    }
}

/* What a process that was killed has left goes on at once. */
static enum nst_err free_leases(struct nst_db *db, void *arg)
{
    const struct nst_workers *w = arg;
    return nst_leases_free(db, w->host);
}

enum nst_err nst_workers_start(struct nst_workers **out, const struct nst_worker_options *o)
{
    if (!open_folder(o->folder))
        return NST_E_INTERNAL;
    struct nst_arena *arena = nst_arena_new(ARENA_FIRST);
    struct nst_workers *w = NST_NEW(arena, struct nst_workers);
    *w = (struct nst_workers){ .arena = arena, .options = *o };
    bool is_alone;
    w->host = nst_task_host(arena, o->folder);
    w->folder = w->host.p != NULL ? nst_task_folder_hold(&is_alone, arena, o->folder) : -1;
    if (w->folder < 0) {
        nst_arena_free(arena);
        return NST_E_INTERNAL;
    }
    pthread_mutex_init(&w->lock, NULL);
    nst_cond_init(&w->changed);
    running = *out = w;
    enum nst_err e = is_alone ? nst_store_run(o->store, NST_MODE_WRITE, free_leases, w) : NST_OK;
    if (e == NST_OK) {
        start_slots(w);
        return NST_OK;
    }
    nst_workers_stop(w);
    return e;
}

void nst_workers_stop(struct nst_workers *w)
{
    pthread_mutex_lock(&w->lock);
    w->is_stopping = true;
    pthread_cond_broadcast(&w->changed);
    pthread_mutex_unlock(&w->lock);
    stop_slots(w);
    running = NULL;
    close(w->folder);
    pthread_cond_destroy(&w->changed);
    pthread_mutex_destroy(&w->lock);
    nst_arena_free(w->arena);
}

const struct nst_task_kind *const *nst_worker_kinds(void)
{
    static const struct nst_task_kind *const none[] = { NULL };
    return running != NULL ? running->options.kinds : none;
}

struct nst_str nst_worker_host(void)
{
    return running != NULL ? running->host : (struct nst_str){ 0 };
}

enum nst_fetch nst_worker_fetch(void)
{
    return running != NULL ? running->options.fetch : NST_FETCH_NONE;
}

struct nst_str nst_worker_folder(void)
{
    return running != NULL ? running->options.folder : (struct nst_str){ 0 };
}
