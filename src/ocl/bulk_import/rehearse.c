/* Rehearsing an import: its task is carried out, step by step, in one transaction of a store that
 * keeps nothing. What became of the lines is kept with the task that asked; nothing else is. It
 * runs on a thread of its own, which the steps of the task look at now and then. A rehearsal that
 * was broken off begins anew. */
#include "bulk_import.h"

#include "nestor/base/random.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

#define COPY_SUFFIX ".rehearsal"
#define LOOK_TIME   (NST_SECOND / 4)
#define COLUMNS_MAX 6
#define COPY_BYTES  8
#define TRIES_MAX   5 /* after the first, each after a longer pause */
#define PAUSES      8 /* of LOOK_TIME, before the first of these */

/* What the thread tells. */
struct told {
    int64_t done, total;
    struct nst_str message, summary, result, report, error;
    bool is_over; /* all lines were judged, and what became of them is kept */
};

struct rehearsal {
    struct nst_arena *home;
    struct nst_str path; /* of the copy */
    struct nst_store *scratch;
    pthread_t thread;
    bool is_running;
    unsigned tries; /* before this one */
    _Atomic(bool) is_unwanted;

    /* The thread's. */
    struct nst_task import; /* as the steps see it */
    struct nst_arena *step, *place;
    bool has_run; /* the transaction was begun before */

    /* Of both, under the lock. */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct nst_arena *telling;
    struct told told;
    enum nst_err err; /* of the thread, once it has ended */
    bool has_ended;
};

/* ---- What became of the lines, from there to here ---- */

/* Rows of an import with a number in (key, key + window], a transaction a window. */
static const struct table {
    const char *select, *insert, *forget;
    unsigned columns;
    int64_t window;
} tables[] = {
    { "SELECT task_id, step, outcome, lines FROM import_taken WHERE task_id = $1 AND step > $2 "
      "AND step <= $3",
      "INSERT INTO import_taken (task_id, step, outcome, lines) VALUES ($1, $2, $3, $4)",
      "DELETE FROM import_taken WHERE task_id = $1", 4, 50 },
    { "SELECT task_id, at, line, outcome, errors, content FROM import_refused WHERE task_id = $1 "
      "AND at > $2 AND at <= $3",
      "INSERT INTO import_refused (task_id, at, line, outcome, errors, content) "
      "VALUES ($1, $2, $3, $4, $5, $6)",
      "DELETE FROM import_refused WHERE task_id = $1", 6, 500 },
};

struct window {
    struct rehearsal *r;
    const struct table *table;
    struct nst_arena *arena;
    struct nst_value *value; /* a row's values behind another's */
    size_t rows, room;
};

static enum nst_err read_window(struct window *w, struct nst_db *db, int64_t from)
{
    struct nst_rows *rows;
    const struct nst_value range[] = { NST_INT(w->r->import.id), NST_INT(from),
                                       NST_INT(from + w->table->window) };
    w->rows = 0;
    NST_TRY(nst_query(&rows, db, nst_str_z(w->table->select), range, NST_COUNT(range)));
    for (; w->rows < w->room && nst_rows_step(rows); w->rows++)
        for (unsigned i = 0; i < w->table->columns; i++) {
            struct nst_value *v = &w->value[w->rows * w->table->columns + i];
            *v = nst_rows_value(rows, i);
            v->text = nst_str_copy(w->arena, v->text);
        }
    return nst_rows_end(rows);
}

static enum nst_err keep_window(struct nst_db *db, void *arg)
{
    const struct window *w = arg;
    unsigned columns = w->table->columns;
    NST_TRY(nst_task_hold(&w->r->import, db));
    for (size_t i = 0; i < w->rows; i++)
        NST_TRY(nst_exec(NULL, db, nst_str_z(w->table->insert), w->value + i * columns, columns));
    return NST_OK;
}

/* Of a rehearsal that was broken off. */
static enum nst_err forget(struct nst_db *db, const struct rehearsal *r)
{
    const struct nst_value id = NST_INT(r->import.id);
    for (size_t i = 0; i < NST_COUNT(tables); i++)
        NST_TRY(nst_exec(NULL, db, nst_str_z(tables[i].forget), &id, 1));
    return NST_OK;
}

static enum nst_err forget_here(struct nst_db *db, void *arg)
{
    const struct rehearsal *r = arg;
    NST_TRY(nst_task_hold(&r->import, db));
    return forget(db, r);
}

static enum nst_err keep_table(struct rehearsal *r, struct nst_db *db, const struct table *t,
                               int64_t last)
{
    struct window w = { .r = r, .table = t, .arena = r->step };
    for (int64_t from = -2; from <= last; from += t->window) {
        nst_arena_reset(r->step);
        w.room = (size_t)t->window * OCL_OUTCOME_COUNT;
        w.value = NST_NEW_ARRAY(r->step, struct nst_value, w.room * COLUMNS_MAX);
        NST_TRY(read_window(&w, db, from));
        if (w.rows > 0)
            NST_TRY(nst_store_run(r->import.store, NST_MODE_WRITE, keep_window, &w));
    }
    return NST_OK;
}

static enum nst_err keep_outcome(struct rehearsal *r, struct nst_db *db, int64_t steps)
{
    NST_TRY(nst_store_run(r->import.store, NST_MODE_WRITE, forget_here, r));
    for (size_t i = 0; i < NST_COUNT(tables); i++)
        NST_TRY(keep_table(r, db, &tables[i], i == 0 ? steps : r->import.total));
    return NST_OK;
}

/* ---- The thread ---- */

static bool is_cut(const struct rehearsal *r)
{
    return atomic_load(&r->is_unwanted) || nst_task_is_cut(&r->import);
}

static void tell(struct rehearsal *r)
{
    const struct nst_task *t = &r->import;
    pthread_mutex_lock(&r->lock);
    nst_arena_reset(r->telling);
    r->told = (struct told){ .done = t->done,
                             .total = t->total,
                             .message = nst_str_copy(r->telling, t->message),
                             .summary = nst_str_copy(r->telling, t->summary),
                             .result = nst_str_copy(r->telling, t->result),
                             .report = nst_str_copy(r->telling, t->report),
                             .error = nst_str_copy(r->telling, t->error) };
    pthread_mutex_unlock(&r->lock);
}

/* All that the last step said went with it. */
static void tell_failure(struct rehearsal *r)
{
    struct nst_task *t = &r->import;
    t->message = t->summary = t->result = t->report = (struct nst_str){ 0 };
    tell(r);
}

/* The texts of the import go with its step, but for its place. */
static enum nst_err take_step(struct rehearsal *r, struct nst_db *db)
{
    struct nst_task *t = &r->import;
    bool answers;
    nst_arena_reset(r->step);
    NST_TRY(t->kind->prepare(t));
    NST_TRY(nst_exists_with(&answers, db, "SELECT 1 WHERE $1 = 1", NST_INT(1))); /* no silence */
    NST_TRY(t->kind->step(t, db));
    struct nst_arena *before = r->place;
    r->place = nst_arena_new(1024);
    t->place = nst_str_copy(r->place, t->place);
    nst_arena_free(before);
    tell(r);
    return NST_OK;
}

static enum nst_err take_steps(struct rehearsal *r, struct nst_db *db)
{
    enum nst_err e = NST_OK;
    while (e == NST_OK && !r->import.is_over)
        e = is_cut(r) ? NST_E_PRECONDITION : take_step(r, db);
    if (e != NST_OK)
        tell_failure(r);
    return e;
}

/* The whole of it; that it always fails is what has it rolled back. */
static enum nst_err rehearse(struct nst_db *db, void *arg)
{
    struct rehearsal *r = arg;
    struct nst_task *t = &r->import;
    static const char *const own[] = { "import_taken", "import_refused", "import_early",
                                       "import_run",   "import_made",    NULL };
    struct ocl_import_place p;
    if (r->has_run)
        t->kind->release(t);
    r->has_run = true;
    t->place = t->message = t->summary = t->error = (struct nst_str){ 0 };
    t->done = t->total = 0;
    t->is_over = false;
    NST_TRY(nst_scratch_begin(db, own));
    NST_TRY(forget(db, r));
    NST_TRY(take_steps(r, db));
    if (!ocl_import_place_read(&p, t->place))
        return NST_E_INTERNAL; /* a step has written it just now */
    NST_TRY(keep_outcome(r, db, p.steps));
    pthread_mutex_lock(&r->lock);
    r->told.is_over = true;
    pthread_mutex_unlock(&r->lock);
    return NST_E_PRECONDITION;
}

/* What a server that was killed has left. */
static void remove_copies(const struct rehearsal *r)
{
    struct nst_arena *a = nst_arena_new(1024);
    struct nst_str begin = nst_strf(a, "%.*s" COPY_SUFFIX, NST_FMT(r->import.uuid));
    DIR *dir = opendir(nst_str_to_z(a, r->import.folder));
    const struct dirent *file;
    while (dir != NULL && (file = readdir(dir)) != NULL)
        if (nst_str_starts(nst_str_z(file->d_name), begin))
            (void)unlinkat(dirfd(dir), file->d_name, 0);
    if (dir != NULL)
        closedir(dir);
    nst_arena_free(a);
}

static bool is_cut_of(void *arg)
{
    return is_cut(arg);
}

/* The file is fetched and opened first, which may take its time: then nobody waits for it. */
static void *run(void *arg)
{
    struct rehearsal *r = arg;
    remove_copies(r);
    enum nst_err e = r->import.kind->prepare(&r->import);
    if (e != NST_OK)
        tell_failure(r);
    if (e == NST_OK)
        e = nst_scratch_open(&r->scratch, r->import.store, r->path, is_cut_of, r);
    if (e == NST_OK)
        e = nst_store_run(r->scratch, NST_MODE_WRITE, rehearse, r);
    r->import.kind->release(&r->import);
    pthread_mutex_lock(&r->lock);
    r->err = e;
    r->has_ended = true;
    pthread_cond_signal(&r->changed);
    pthread_mutex_unlock(&r->lock);
    return NULL;
}

/* ---- The task ---- */

/* One of its own each time: a server that was taken for dead may still have another one open. */
static struct nst_str path_of_copy(struct nst_arena *a, const struct nst_task *t)
{
    struct nst_str random = nst_random_hex(a, COPY_BYTES);
    return nst_strf(a, "%.*s/%.*s" COPY_SUFFIX ".%.*s", NST_FMT(t->folder), NST_FMT(t->uuid),
                    NST_FMT(random));
}

static struct rehearsal *rehearsal_new(const struct nst_task *t, unsigned tries)
{
    struct nst_arena *home = nst_arena_new(4096);
    struct rehearsal *r = NST_NEW(home, struct rehearsal);
    *r = (struct rehearsal){ .home = home,
                             .tries = tries,
                             .path = path_of_copy(home, t),
                             .step = nst_arena_new(65536),
                             .place = nst_arena_new(1024),
                             .telling = nst_arena_new(4096) };
    r->import = (struct nst_task){ .kind = &ocl_bulk_import_task,
                                   .id = t->id,
                                   .created_at = t->created_at,
                                   .uuid = t->uuid,
                                   .kwargs = t->kwargs,
                                   .registry = t->registry,
                                   .store = t->store,
                                   .folder = t->folder,
                                   .worker = t->worker,
                                   .arena = r->step };
    pthread_mutex_init(&r->lock, NULL);
    nst_cond_init(&r->changed);
    return r;
}

static void release(struct nst_task *t)
{
    struct rehearsal *r = t->state;
    if (r == NULL)
        return;
    atomic_store(&r->is_unwanted, true);
    if (r->is_running)
        pthread_join(r->thread, NULL);
    nst_scratch_close(r->scratch, r->path);
    pthread_cond_destroy(&r->changed);
    pthread_mutex_destroy(&r->lock);
    nst_arena_free(r->step);
    nst_arena_free(r->place);
    nst_arena_free(r->telling);
    nst_arena_free(r->home);
    t->state = NULL;
}

static void wait_a_while(struct rehearsal *r)
{
    const struct timespec until = nst_in_time(LOOK_TIME);
    pthread_mutex_lock(&r->lock);
    if (!r->has_ended)
        (void)pthread_cond_timedwait(&r->changed, &r->lock, &until);
    pthread_mutex_unlock(&r->lock);
}

static bool has_failed(struct rehearsal *r)
{
    pthread_mutex_lock(&r->lock);
    bool failed = r->has_ended && !r->told.is_over;
    pthread_mutex_unlock(&r->lock);
    return failed;
}

static void pause_before(const struct nst_task *t, unsigned tries)
{
    for (unsigned i = 0; i < tries * PAUSES && !nst_task_is_cut(t); i++)
        usleep((useconds_t)LOOK_TIME);
}

/* The first step tells who asked for it; one that has failed begins anew. */
static enum nst_err prepare(struct nst_task *t)
{
    struct rehearsal *r = t->state;
    unsigned tries = r != NULL ? r->tries + 1 : 0;
    if (r != NULL && has_failed(r)) {
        release(t);
        pause_before(t, tries);
    }
    if (t->state == NULL) {
        t->state = rehearsal_new(t, tries);
        return NST_OK;
    }
    if (!r->is_running && pthread_create(&r->thread, NULL, run, r) != 0)
        return NST_E_BUSY;
    r->is_running = true;
    wait_a_while(r);
    return NST_OK;
}

static enum nst_err fail(struct nst_task *t, enum nst_err e, struct nst_str why)
{
    t->error = why;
    return e;
}

/* What may pass is tried again, from the beginning. */
static enum nst_err end(struct nst_task *t, const struct rehearsal *r)
{
    enum nst_err e = r->err;
    bool may_pass = e == NST_E_BUSY || e == NST_E_FULL || e == NST_E_DB || e == NST_E_PRECONDITION;
    if (may_pass && r->tries < TRIES_MAX)
        return NST_OK;
    if (t->error.p == NULL)
        t->error = nst_str_z(nst_err_message(e));
    return NST_E_INVALID;
}

static enum nst_err step(struct nst_task *t, struct nst_db *db)
{
    struct rehearsal *r = t->state;
    (void)db;
    if (!t->caller.is_known)
        return fail(t, NST_E_INVALID, NST_STR("The account that asked for it is closed."));
    if (!r->is_running) {
        r->import.caller = t->caller;
        r->import.caller.name = nst_str_copy(r->home, t->caller.name);
        return NST_OK;
    }
    pthread_mutex_lock(&r->lock);
    const struct told told = r->told;
    bool failed = r->has_ended && !told.is_over;
    t->done = told.done;
    t->total = told.total;
    t->message = nst_str_copy(t->arena, told.message);
    t->summary = nst_str_copy(t->arena, told.summary);
    t->result = nst_str_copy(t->arena, told.result);
    t->report = nst_str_copy(t->arena, told.report);
    t->error = nst_str_copy(t->arena, failed ? told.error : (struct nst_str){ 0 });
    pthread_mutex_unlock(&r->lock);
    if (failed)
        return end(t, r);
    t->is_over = told.is_over;
    if (t->is_over)
        t->message = nst_strf(t->arena, "%.*s rehearsed, nothing stored", NST_FMT(t->message));
    return NST_OK;
}

const struct nst_task_kind ocl_rehearsal_task = { .name = "bulk_import_rehearsal",
                                                  .mode = NST_MODE_READ,
                                                  .prepare = prepare,
                                                  .step = step,
                                                  .release = release };
