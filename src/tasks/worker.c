/* The workers of this process: threads that take tasks and carry them on step by step. What went
 * wrong with the store is tried again for a while; a task that keeps killing its server is given
 * up. */
#include "internal.h"

#include "nestor/base/log.h"
#include "nestor/base/random.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define IDLE_TIME    NST_SECOND        /* between looks for tasks of other processes */
#define SAVE_TIME    NST_SECOND        /* between saves of a task that only reads */
#define PATIENCE     (60 * NST_SECOND) /* with a store that is busy or full */
#define PAUSE_MAX    (4 * NST_SECOND)  /* between tries; less than a lease lasts */
#define ATTEMPTS_MAX 5
#define TIDY_TIME    (3600 * NST_SECOND)
#define DAY          (86400 * NST_SECOND)
#define TOKEN_BYTES  8
#define NICENESS     10
#define ARENA_FIRST  65536

struct slot {
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
};

struct nst_workers {
    struct nst_arena *arena;
    struct nst_worker_options options;
    struct nst_str host;
    struct slot *slot;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    uint64_t wakes; /* counts calls of nst_workers_wake */
    bool is_stopping;
    int64_t tidied_at; /* ticks; by the first slot */
};

static struct nst_workers *running; /* of this process */

/* ---- Waiting ---- */

static bool is_stopping(struct nst_workers *w)
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

static struct timespec in_time(int64_t time)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)(time / NST_SECOND);
    until.tv_nsec += (long)(time % NST_SECOND * 1000);
    if (until.tv_nsec >= 1000000000) {
        until.tv_nsec -= 1000000000;
        until.tv_sec++;
    }
    return until;
}

/* Until that time is over, the workers are stopped, or (is_idle) somebody asks for a task. */
static void rest(struct nst_workers *w, int64_t time, bool is_idle, uint64_t wakes)
{
    const struct timespec until = in_time(time);
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

/* ---- A step ---- */

static enum nst_err end_badly(struct slot *s, struct nst_db *db, struct nst_str error)
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
    struct slot *s = arg;
    struct nst_task *t = &s->trial;
    if (t->is_over && t->error.p == NULL && t->kind->finish != NULL)
        NST_TRY(t->kind->finish(t, db));
    return nst_lease_save(t, db, &s->lease, false);
}

/* What the step changed counts only when all of this is durable: it may run again. */
static enum nst_err run_step(struct nst_db *db, void *arg)
{
    struct slot *s = arg;
    nst_arena_rewind(s->step, s->before);
    s->trial = s->task;
    NST_TRY(nst_lease_caller(&s->trial, db));
    if (has_lost_caller(&s->trial) && s->task.kind->mode == NST_MODE_WRITE)
        return end_badly(s, db, NST_STR("The account that asked for it is closed."));
    NST_TRY(s->task.kind->step(&s->trial, db));
    return s->task.kind->mode == NST_MODE_WRITE ? save_trial(db, s) : NST_OK;
}

/* Behind a step that only read. */
static enum nst_err save_now_and_then(struct slot *s)
{
    int64_t now = nst_ticks();
    if (!s->trial.is_over && now - s->saved_at < SAVE_TIME)
        return NST_OK;
    s->saved_at = now;
    return nst_store_run(s->workers->options.store, NST_MODE_WRITE, save_trial, s);
}

/* The step is durable, or read: the task goes on from there. */
static void take_trial(struct slot *s)
{
    struct nst_arena *a = s->kept[s->present ^= 1];
    nst_arena_reset(a);
    s->task = s->trial;
    s->task.place = nst_str_copy(a, s->trial.place);
    s->task.message = nst_str_copy(a, s->trial.message);
    s->task.summary = nst_str_copy(a, s->trial.summary);
    s->task.caller.name = nst_str_copy(a, s->trial.caller.name);
}

static enum nst_err try_step(struct slot *s)
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

static enum nst_err run_hold(struct nst_db *db, void *arg)
{
    struct slot *s = arg;
    return nst_lease_save(&s->task, db, &s->lease, false);
}

static enum nst_err run_release(struct nst_db *db, void *arg)
{
    struct slot *s = arg;
    return nst_lease_save(&s->task, db, &s->lease, true);
}

static void fail(struct slot *s, struct nst_str error)
{
    s->task.is_over = true;
    s->task.error = error;
    nst_log(NST_LOG_WARN, "task failed", NST_LOG_STR("task", s->task.uuid),
            NST_LOG_STR("name", nst_str_z(s->task.kind->name)), NST_LOG_STR("reason", error));
    if (nst_store_run(s->workers->options.store, NST_MODE_WRITE, run_hold, s) != NST_OK)
        nst_log(NST_LOG_ERROR, "task not ended; it is begun again later",
                NST_LOG_STR("task", s->task.uuid));
}

static bool may_pass(enum nst_err e)
{
    return e == NST_E_BUSY || e == NST_E_FULL || e == NST_E_RETRY;
}

/* One step, again and again while the store cannot take it. */
static enum nst_err step_patiently(struct slot *s)
{
    int64_t since = nst_ticks(), pause = NST_SECOND / 4;
    enum nst_err e = try_step(s);
    while (may_pass(e) && nst_ticks() - since < PATIENCE && !is_stopping(s->workers)) {
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
    struct slot *s = arg;
    bool is_over;
    NST_TRY(nst_lease_is_over(&is_over, db, s->task.id));
    s->task.is_over = is_over;
    return NST_OK;
}

/* Files of a task that another server took are needed still. */
static void let_go(struct slot *s)
{
    const struct nst_task_kind *kind = s->task.kind;
    struct nst_store *store = s->workers->options.store;
    if (!s->task.is_over && is_stopping(s->workers) &&
        nst_store_run(store, NST_MODE_WRITE, run_release, s) != NST_OK)
        nst_log(NST_LOG_INFO, "task left to whoever waits for it",
                NST_LOG_STR("task", s->task.uuid));
    s->task.is_over = false;
    enum nst_err e = nst_store_run(store, NST_MODE_READ, read_end, s);
    if (kind->release != NULL)
        kind->release(&s->task);
    if (e == NST_OK && s->task.is_over)
        nst_task_files_remove(s->workers->options.folder, s->task.uuid);
}

static void run_task(struct slot *s)
{
    enum nst_err e = NST_OK;
    s->saved_at = nst_ticks();
    if (s->task.attempts > ATTEMPTS_MAX)
        fail(s, NST_STR("It was begun " NST_DIGITS(ATTEMPTS_MAX) " times and never got on."));
    while (e == NST_OK && !s->task.is_over && !is_stopping(s->workers))
        e = step_patiently(s);
    if (e != NST_OK && e != NST_E_PRECONDITION && !is_stopping(s->workers))
        fail(s, s->trial.error.p != NULL ? s->trial.error : nst_str_z(nst_err_message(e)));
    let_go(s);
}

static enum nst_err take(struct nst_db *db, void *arg)
{
    struct slot *s = arg;
    struct nst_workers *w = s->workers;
    s->task = (struct nst_task){ .registry = w->options.registry,
                                 .store = w->options.store,
                                 .folder = w->options.folder,
                                 .arena = s->step };
    return nst_lease_take(&s->task, s->home, db, w->options.kinds, &s->lease);
}

static enum nst_err is_wanted(struct nst_db *db, void *arg)
{
    return nst_lease_is_wanted(arg, db, nst_now());
}

/* ---- Keeping order ---- */

struct forgetting {
    int64_t before, count;
};

static enum nst_err forget(struct nst_db *db, void *arg)
{
    struct forgetting *f = arg;
    return nst_tasks_forget(&f->count, db, f->before);
}

/* Some at a time, so that writers wait for none of it. */
static void forget_old(struct nst_workers *w)
{
    struct forgetting f = { .before = nst_now() - w->options.keep_days * DAY, .count = 1 };
    enum nst_err e = NST_OK;
    while (e == NST_OK && f.count > 0 && !is_stopping(w))
        e = nst_store_run(w->options.store, NST_MODE_WRITE, forget, &f);
    if (e != NST_OK)
        nst_log(NST_LOG_WARN, "old tasks not forgotten", NST_LOG_STR("folder", w->options.folder));
}

static void tidy_now_and_then(struct nst_workers *w)
{
    int64_t now = nst_ticks();
    if (w->tidied_at != 0 && now - w->tidied_at < TIDY_TIME)
        return;
    w->tidied_at = now;
    nst_task_files_sweep(w->options.folder, w->options.store);
    if (w->options.keep_days > 0)
        forget_old(w);
}

/* ---- Threads ---- */

static bool has_taken(struct slot *s)
{
    struct nst_store *store = s->workers->options.store;
    bool wanted = false;
    if (nst_store_run(store, NST_MODE_READ, is_wanted, &wanted) != NST_OK || !wanted)
        return false;
    nst_arena_reset(s->home);
    struct nst_str random = nst_random_hex(s->home, TOKEN_BYTES);
    s->lease.token = nst_strf(s->home, "%.*s-%.*s", NST_FMT(s->lease.host), NST_FMT(random));
    return nst_store_run(store, NST_MODE_WRITE, take, s) == NST_OK && s->task.id != 0;
}

static void *work(void *arg)
{
    struct slot *s = arg;
    /* Requests come first, where processors are few. */
    (void)setpriority(PRIO_PROCESS, 0, NICENESS);
    while (!is_stopping(s->workers)) {
        uint64_t wakes = wakes_of(s->workers);
        if (s == s->workers->slot)
            tidy_now_and_then(s->workers);
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

/* The name that stands in the folder; of several that begin at once one names it. */
static struct nst_str read_host(struct nst_arena *a, struct nst_str folder)
{
    const char *path = nst_strf(a, "%.*s/host", NST_FMT(folder)).p;
    struct nst_str name = nst_random_hex(a, TOKEN_BYTES);
    char *text = nst_alloc(a, name.n + 1);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0) {
        bool good = write(fd, name.p, name.n) == (ssize_t)name.n && fsync(fd) == 0;
        close(fd);
        return good ? name : (struct nst_str){ 0 };
    }
    fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd >= 0 ? read(fd, text, name.n) : -1;
    if (fd >= 0)
        close(fd);
    return got == (ssize_t)name.n ? (struct nst_str){ text, name.n } : (struct nst_str){ 0 };
}

static void start_slots(struct nst_workers *w)
{
    w->slot = NST_NEW_ARRAY(w->arena, struct slot, w->options.slots + 1);
    for (unsigned i = 0; i < w->options.slots; i++) {
        struct slot *s = &w->slot[i];
        *s = (struct slot){ .workers = w,
                            .lease = { .host = w->host },
                            .home = nst_arena_new(ARENA_FIRST),
                            .step = nst_arena_new(ARENA_FIRST),
                            .kept = { nst_arena_new(1024), nst_arena_new(1024) } };
        if (pthread_create(&s->thread, NULL, work, s) != 0)
            abort();
    }
}

static void stop_slots(struct nst_workers *w)
{
    for (unsigned i = 0; i < w->options.slots; i++) {
        struct slot *s = &w->slot[i];
        pthread_join(s->thread, NULL);
        nst_arena_free(s->home);
        nst_arena_free(s->step);
        nst_arena_free(s->kept[0]);
        nst_arena_free(s->kept[1]);
    }
}

/* What a process that was killed has left goes on at once. Were that process alive, its next step
 * would be saved only if nobody else had taken the task by then. */
static enum nst_err free_leases(struct nst_db *db, void *arg)
{
    const struct nst_workers *w = arg;
    return nst_leases_free(db, w->host);
}

enum nst_err nst_workers_start(struct nst_workers **out, const struct nst_worker_options *o)
{
    pthread_condattr_t monotonic;
    if (!open_folder(o->folder))
        return NST_E_INTERNAL;
    struct nst_arena *arena = nst_arena_new(ARENA_FIRST);
    struct nst_workers *w = NST_NEW(arena, struct nst_workers);
    *w = (struct nst_workers){ .arena = arena, .options = *o };
    w->host = read_host(arena, o->folder);
    if (w->host.p == NULL) {
        nst_log(NST_LOG_ERROR, "the file \"host\" of the folder of tasks cannot be used",
                NST_LOG_STR("folder", o->folder));
        nst_arena_free(arena);
        return NST_E_INTERNAL;
    }
    pthread_mutex_init(&w->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&w->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    running = *out = w;
    enum nst_err e = nst_store_run(o->store, NST_MODE_WRITE, free_leases, w);
    if (e == NST_OK) {
        start_slots(w);
        return NST_OK;
    }
    w->options.slots = 0;
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
    pthread_cond_destroy(&w->changed);
    pthread_mutex_destroy(&w->lock);
    nst_arena_free(w->arena);
}

struct nst_str nst_worker_host(void)
{
    return running != NULL ? running->host : (struct nst_str){ 0 };
}

struct nst_str nst_worker_folder(void)
{
    return running != NULL ? running->options.folder : (struct nst_str){ 0 };
}
