/* The store: options, queues and threads. On SQLite one thread writes in groups
 * and others read; on PostgreSQL a pool of threads runs transactions. Computations, probes
 * and long reads have queues and threads of their own, so that nothing waits for a password. */
#include "internal.h"

#include "nestor/base/time.h"

#include <assert.h>
#include <fcntl.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define POOL_DEFAULT    8
#define BATCH_DEFAULT   256
#define QUEUE_DEFAULT   10000
#define SLOW_DEFAULT    64
#define MMAP_DEFAULT    ((size_t)1 << 30)
#define BUSY_DEFAULT    10000
#define CONNECT_DEFAULT 5

static void *must(void *p)
{
    if (p == NULL) {
        nst_log(NST_LOG_ERROR, "out of memory", NST_LOG_STR("where", NST_STR("store")));
        abort();
    }
    return p;
}

/* ---- Queues ---- */

static void queue_init(struct nst_queue *q, unsigned max, unsigned writers)
{
    pthread_mutex_init(&q->lock, NULL);
    pthread_cond_init(&q->filled, NULL);
    q->writes.tail = &q->writes.head;
    q->others.tail = &q->others.head;
    q->max = max;
    q->writers = writers;
}

static void queue_close(struct nst_queue *q)
{
    pthread_mutex_lock(&q->lock);
    q->is_closed = true;
    pthread_cond_broadcast(&q->filled);
    pthread_mutex_unlock(&q->lock);
}

static void queue_release(struct nst_queue *q)
{
    pthread_mutex_destroy(&q->lock);
    pthread_cond_destroy(&q->filled);
}

static bool queue_add(struct nst_queue *q, struct nst_job *job)
{
    struct nst_lane *lane = job->kind == NST_JOB_WRITE ? &q->writes : &q->others;
    pthread_mutex_lock(&q->lock);
    bool has_room = !q->is_closed && lane->count < q->max;
    if (has_room) {
        *lane->tail = job;
        lane->tail = &job->next;
        lane->count++;
        pthread_cond_signal(&q->filled);
    }
    pthread_mutex_unlock(&q->lock);
    return has_room;
}

/* The lane with the oldest job that may run now; NULL when there is none. */
static struct nst_lane *next_lane(struct nst_queue *q)
{
    const struct nst_job *write = q->writing < q->writers ? q->writes.head : NULL;
    const struct nst_job *other = q->others.head;
    if (write != NULL && (other == NULL || write->since < other->since))
        return &q->writes;
    return other != NULL ? &q->others : NULL;
}

struct nst_job *nst_queue_take(struct nst_queue *q, unsigned max)
{
    struct nst_lane *lane;
    struct nst_job *first = NULL, **cut = &first;
    pthread_mutex_lock(&q->lock);
    while ((lane = next_lane(q)) == NULL && !q->is_closed)
        pthread_cond_wait(&q->filled, &q->lock);
    if (lane != NULL) {
        q->writing += lane == &q->writes;
        first = lane->head;
        for (unsigned i = 0; i < max && *cut != NULL; i++) {
            cut = &(*cut)->next;
            lane->count--;
        }
        lane->head = *cut;
        if (lane->head == NULL)
            lane->tail = &lane->head;
        *cut = NULL;
    }
    pthread_mutex_unlock(&q->lock);
    return first;
}

void nst_queue_wrote(struct nst_queue *q)
{
    pthread_mutex_lock(&q->lock);
    q->writing--;
    pthread_cond_signal(&q->filled);
    pthread_mutex_unlock(&q->lock);
}

enum nst_err nst_job_work(struct nst_job *job, struct nst_db *db)
{
    struct nst_str before = nst_log_for(job->request);
    enum nst_err err = job->work(db, job->arg);
    nst_log_for(before);
    return err;
}

void nst_job_finish(struct nst_job *job)
{
    struct nst_str before = nst_log_for(job->request);
    if (job->done != NULL)
        job->done(job->err, job->arg);
    nst_log_for(before);
    free(job);
}

/* With a copy of its request's id behind it: nobody may wait for the job. */
static struct nst_job *job_new(const struct nst_job *values, struct nst_str request)
{
    struct nst_job *job = must(malloc(sizeof(*job) + request.n));
    *job = *values;
    if (request.n > 0)
        memcpy(job + 1, request.p, request.n);
    job->request =
        (struct nst_str){ request.p != NULL ? (const char *)(job + 1) : NULL, request.n };
    return job;
}

static void submit(struct nst_queue *q, struct nst_job values)
{
    struct nst_job *job = job_new(&values, nst_log_request());
    job->since = nst_ticks();
    if (!queue_add(q, job)) {
        job->err = q->is_closed ? NST_E_DB : NST_E_BUSY;
        nst_job_finish(job);
    }
}

/* ---- What is settled ----
 * A write stamps its rows when it begins, and they are seen once it has ended. Whoever reads
 * meanwhile and is told the time of the clock would ask from there on, and miss them. */

void nst_store_write_begins(struct nst_db *db)
{
    atomic_store(&db->store->writing[db->seat], nst_now());
}

void nst_store_write_ends(struct nst_db *db)
{
    atomic_store(&db->store->writing[db->seat], 0);
}

/* The clock is read first: a writer that comes after the look stamps what it writes later. */
void nst_store_read_begins(struct nst_db *db)
{
    db->settled = nst_now();
    unsigned seats = atomic_load(&db->store->seats);
    for (unsigned i = 0; i < seats || i == 0; i++) {
        int64_t since = atomic_load(&db->store->writing[i]);
        if (since != 0 && since < db->settled)
            db->settled = since;
    }
}

int64_t nst_db_settled(const struct nst_db *db)
{
    return db->settled;
}

/* ---- Threads ---- */

static void *write_loop(void *arg)
{
    struct nst_store *store = arg;
    struct nst_job *jobs;
    while ((jobs = nst_queue_take(&store->writes, store->options.batch)) != NULL) {
        while (jobs != NULL)
            jobs = nst_sqlite_group(store->writer, jobs);
        nst_queue_wrote(&store->writes);
    }
    return NULL;
}

/* Then it is told so at once. */
static bool has_waited_too_long(const struct nst_store *store, const struct nst_job *job)
{
    return nst_ticks() - job->since > store->options.busy_ms * INT64_C(1000);
}

static void run_pooled(struct nst_db *db, struct nst_job *job)
{
    struct nst_str before = nst_log_for(job->request);
    if (has_waited_too_long(db->store, job))
        job->err = NST_E_BUSY;
    else
        nst_pg_run(db, job);
    nst_log_for(before);
    nst_job_finish(job);
}

static void *pool_loop(void *arg)
{
    struct nst_store *store = arg;
    struct nst_db *db = nst_pg_new(store);
    struct nst_job *job;
    db->seat = atomic_fetch_add(&store->seats, 1);
    while ((job = nst_queue_take(&store->writes, 1)) != NULL) {
        bool is_write = job->kind == NST_JOB_WRITE;
        uint64_t before = db->statements;
        atomic_fetch_add(&store->tally.in_use, 1);
        run_pooled(db, job);
        atomic_fetch_sub(&store->tally.in_use, 1);
        if (is_write) {
            nst_queue_wrote(&store->writes);
            nst_pg_note_write(db, db->statements - before);
        }
    }
    db->engine->close(db);
    return NULL;
}

static enum nst_err run_read(struct nst_db **db, struct nst_store *store, struct nst_job *job)
{
    if (*db == NULL)
        NST_TRY(nst_reader_open(db, store));
    struct nst_str before = nst_log_for(job->request);
    enum nst_err err = nst_reader_enter(*db, NULL);
    if (err == NST_OK) {
        err = nst_job_work(job, *db);
        nst_reader_leave(*db);
    }
    nst_log_for(before);
    return err;
}

static void *read_loop(void *arg)
{
    struct nst_store *store = arg;
    struct nst_db *db = NULL;
    struct nst_job *job;
    while ((job = nst_queue_take(&store->reads, 1)) != NULL) {
        job->err = run_read(&db, store, job);
        nst_job_finish(job);
    }
    nst_reader_close(db);
    return NULL;
}

static void *compute_loop(void *arg)
{
    struct nst_store *store = arg;
    struct nst_job *job;
    while ((job = nst_queue_take(&store->computations, 1)) != NULL) {
        job->err = nst_job_work(job, NULL);
        nst_job_finish(job);
    }
    return NULL;
}

/* Reads of a queue by one thread, on a connection that nothing else uses. */
static void serve_alone(struct nst_store *store, struct nst_queue *queue, bool is_probe)
{
    bool is_pool = store->dialect == NST_POSTGRESQL;
    struct nst_db *db = is_pool ? nst_pg_new(store) : NULL;
    struct nst_job *job;
    while ((job = nst_queue_take(queue, 1)) != NULL) {
        if (db != NULL || nst_reader_open(&db, store) == NST_OK)
            db->is_probe = is_probe;
        if (!is_probe && has_waited_too_long(store, job))
            job->err = NST_E_BUSY;
        else if (is_pool)
            nst_pg_run(db, job);
        else
            job->err = run_read(&db, store, job);
        nst_job_finish(job);
    }
    if (is_pool)
        db->engine->close(db);
    else
        nst_reader_close(db);
}

static void *probe_loop(void *arg)
{
    struct nst_store *store = arg;
    serve_alone(store, &store->probes, true);
    return NULL;
}

static void *long_loop(void *arg)
{
    struct nst_store *store = arg;
    serve_alone(store, &store->long_reads, false);
    return NULL;
}

static enum nst_err start(struct nst_store *store, void *(*loop)(void *))
{
    if (pthread_create(&store->thread[store->thread_count], NULL, loop, store) != 0) {
        nst_log(NST_LOG_ERROR, "cannot start a thread",
                NST_LOG_INT("threads", store->thread_count));
        return NST_E_DB;
    }
    store->thread_count++;
    return NST_OK;
}

static enum nst_err start_threads(struct nst_store *store)
{
    bool is_pool = store->dialect == NST_POSTGRESQL;
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    unsigned cores = online > 0 ? (unsigned)online : 1;
    const struct {
        void *(*loop)(void *);
        unsigned threads;
    } group[] = {
        { is_pool ? pool_loop : write_loop,
          is_pool ? store->options.pool : !store->options.is_read_only },
        { read_loop, is_pool ? 0 : cores },
        { compute_loop, cores },
        { probe_loop, 1 },
        { long_loop, 1 },
    };
    store->thread = must(calloc(store->options.pool + 2 * (size_t)cores + 3, sizeof(pthread_t)));
    for (size_t i = 0; i < sizeof(group) / sizeof(*group); i++)
        for (unsigned n = 0; n < group[i].threads; n++)
            NST_TRY(start(store, group[i].loop));
    return NST_OK;
}

/* ---- Opening and closing ---- */

static char *copy_z(const char *p, size_t n)
{
    char *z = must(malloc(n + 1));
    memcpy(z, p, n);
    z[n] = '\0';
    return z;
}

static void set_defaults(struct nst_store_options *o)
{
    o->pool = o->pool == 0 ? POOL_DEFAULT : o->pool;
    o->pool = o->pool > POOL_MAX ? POOL_MAX : o->pool;
    o->readers = o->readers < o->pool ? o->readers : o->pool - 1;
    o->batch = o->batch == 0 ? BATCH_DEFAULT : o->batch;
    o->queue = o->queue == 0 ? QUEUE_DEFAULT : o->queue;
    o->slow = o->slow == 0 ? SLOW_DEFAULT : o->slow;
    o->mmap = o->mmap == 0 ? MMAP_DEFAULT : o->mmap == NST_MAP_NOTHING ? 0 : o->mmap;
    o->busy_ms = o->busy_ms == 0 ? BUSY_DEFAULT : o->busy_ms;
    o->connect_seconds = o->connect_seconds == 0 ? CONNECT_DEFAULT : o->connect_seconds;
}

/* For tests: "5" is the fifth call, "5+" that, the second after it, the third after that ...;
 * behind "requests:" only calls count that are made for requests. */
static void read_faults(struct nst_store *store, struct nst_str calls)
{
    const struct nst_str requests = NST_STR("requests:");
    store->fails_requests = nst_str_starts(calls, requests);
    if (store->fails_requests)
        calls = nst_str_slice(calls, requests.n, calls.n);
    bool is_repeated = nst_str_ends(calls, NST_STR("+"));
    calls.n -= is_repeated;
    int64_t n;
    if (nst_str_int(&n, calls) && n > 0) {
        atomic_store(&store->fail_in, n);
        atomic_store(&store->fail_again, is_repeated ? 2 : 0);
    }
}

static struct nst_store *new_store(const struct nst_store_options *options)
{
    struct nst_store *store = must(aligned_alloc(alignof(struct nst_store), sizeof(*store)));
    memset(store, 0, sizeof(*store));
    store->options = *options;
    set_defaults(&store->options);
    store->url = copy_z(options->url.p, options->url.n);
    store->options.url = nst_str_z(store->url);
    store->dialect = nst_dialect_of(options->url);
    queue_init(&store->writes, store->options.queue, store->options.pool - store->options.readers);
    queue_init(&store->reads, store->options.queue, 0);
    queue_init(&store->computations, store->options.slow, 0);
    queue_init(&store->probes, store->options.queue, 0);
    queue_init(&store->long_reads, store->options.queue, 0);
    pthread_mutex_init(&store->log_lock, NULL);
    pthread_mutex_init(&store->syncs.lock, NULL);
    pthread_cond_init(&store->syncs.ended, NULL);
    store->syncs.end = &store->syncs.first;
    const char *path = getenv("NESTOR_SQL_LOG");
    if (path != NULL && *path != '\0')
        store->log_path = copy_z(path, strlen(path));
    read_faults(store, nst_str_z(getenv("NESTOR_FAIL_DB_CALL")));
    return store;
}

/* A file that cannot be written is only asked whether it can be read. */
static enum nst_err check_file(struct nst_store *store)
{
    struct nst_db *db = NULL;
    if (!store->options.is_read_only)
        return nst_sqlite_open(&store->writer, store, true);
    NST_TRY(nst_reader_open(&db, store));
    nst_reader_close(db);
    return NST_OK;
}

static enum nst_err check_server(struct nst_store *store)
{
    struct nst_db *db = nst_pg_new(store);
    enum nst_err err = nst_pg_connect(db);
    db->engine->close(db);
    return err == NST_OK ? NST_OK : NST_E_DB;
}

enum nst_err nst_store_open(struct nst_store **out, const struct nst_store_options *options)
{
    signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is a write that fails */
    assert(options->url.p != NULL);
    struct nst_store *store = new_store(options);
    enum nst_err err = store->dialect == NST_SQLITE ? check_file(store) : check_server(store);
    if (err == NST_OK)
        err = start_threads(store);
    if (err != NST_OK) {
        nst_store_close(store);
        return err;
    }
    if (store->dialect == NST_SQLITE && store->options.is_read_only)
        queue_close(&store->writes);
    *out = store;
    return NST_OK;
}

void nst_store_close(struct nst_store *store)
{
    if (store == NULL)
        return;
    queue_close(&store->writes);
    queue_close(&store->reads);
    queue_close(&store->computations);
    queue_close(&store->probes);
    queue_close(&store->long_reads);
    for (unsigned i = 0; i < store->thread_count; i++)
        pthread_join(store->thread[i], NULL);
    nst_replica_free(store->replica);
    if (store->writer != NULL)
        store->writer->engine->close(store->writer);
    queue_release(&store->writes);
    queue_release(&store->reads);
    queue_release(&store->computations);
    queue_release(&store->probes);
    queue_release(&store->long_reads);
    pthread_mutex_destroy(&store->log_lock);
    pthread_mutex_destroy(&store->syncs.lock);
    pthread_cond_destroy(&store->syncs.ended);
    free(store->thread);
    free(store->logged);
    free(store->log_path);
    free(store->url);
    free(store);
}

enum nst_dialect nst_dialect_of(struct nst_str url)
{
    bool is_remote = nst_str_starts(url, NST_STR("postgresql://")) ||
                     nst_str_starts(url, NST_STR("postgres://"));
    return is_remote ? NST_POSTGRESQL : NST_SQLITE;
}

const char *nst_url_fault(struct nst_str url)
{
    if (memchr(url.p, '\0', url.n) != NULL)
        return "has a NUL";
    bool has_key = nst_str_find(url, '=') < nst_str_find(url, '/'); /* of libpq's other form */
    if (nst_dialect_of(url) == NST_SQLITE)
        return !has_key && memmem(url.p, url.n, "://", 3) == NULL
                   ? NULL
                   : "is neither postgresql://... nor the path of a file";
    char *z = copy_z(url.p, url.n);
    const char *fault = nst_pg_url_fault(z);
    free(z);
    return fault;
}

enum nst_dialect nst_store_dialect(const struct nst_store *store)
{
    return store->dialect;
}

bool nst_store_reads_inline(const struct nst_store *store)
{
    return store->dialect == NST_SQLITE;
}

/* ---- Submitting ---- */

void nst_store_submit(struct nst_store *store, enum nst_mode mode, nst_work *work,
                      nst_work_done *done, void *arg)
{
    bool is_read = mode == NST_MODE_READ;
    bool is_apart = is_read && store->dialect == NST_SQLITE;
    submit(is_apart ? &store->reads : &store->writes,
           (struct nst_job){ .kind = is_read ? NST_JOB_READ : NST_JOB_WRITE,
                             .work = work,
                             .done = done,
                             .arg = arg });
}

void nst_store_submit_job(struct nst_store *store, nst_work *work, nst_work_done *done, void *arg)
{
    submit(&store->computations,
           (struct nst_job){ .kind = NST_JOB_COMPUTE, .work = work, .done = done, .arg = arg });
}

void nst_store_submit_probe(struct nst_store *store, nst_work *work, nst_work_done *done, void *arg)
{
    submit(&store->probes,
           (struct nst_job){ .kind = NST_JOB_READ, .work = work, .done = done, .arg = arg });
}

void nst_store_submit_long(struct nst_store *store, nst_work *work, nst_work_done *done, void *arg)
{
    submit(&store->long_reads,
           (struct nst_job){ .kind = NST_JOB_READ, .work = work, .done = done, .arg = arg });
}

struct wait {
    nst_work *work;
    void *arg;
    enum nst_err err;
    sem_t is_done;
};

static enum nst_err wait_work(struct nst_db *db, void *arg)
{
    struct wait *w = arg;
    return w->work(db, w->arg);
}

static void wait_done(enum nst_err err, void *arg)
{
    struct wait *w = arg;
    w->err = err;
    sem_post(&w->is_done);
}

enum nst_err nst_store_run(struct nst_store *store, enum nst_mode mode, nst_work *work, void *arg)
{
    struct wait w = { .work = work, .arg = arg };
    sem_init(&w.is_done, 0, 0);
    nst_store_submit(store, mode, wait_work, wait_done, &w);
    while (sem_wait(&w.is_done) != 0)
        continue;
    sem_destroy(&w.is_done);
    return w.err;
}

/* ---- For tests ---- */

void nst_store_fail_call(struct nst_store *store, uint64_t n)
{
    atomic_store(&store->fail_in, (int64_t)n);
}

static bool is_logged(const struct nst_store *store, uint64_t hash)
{
    for (size_t i = 0; i < store->logged_count; i++) {
        if (store->logged[i] == hash)
            return true;
    }
    return false;
}

static void write_line(const char *path, struct nst_str sql)
{
    struct nst_arena *a = nst_arena_new(SCRATCH_BYTES);
    struct nst_buf line;
    nst_buf_init(&line, a, 2 * sql.n + 1);
    bool is_blank = true;
    for (size_t i = 0; i < sql.n; i++) {
        bool was_blank = is_blank;
        is_blank = sql.p[i] == ' ' || sql.p[i] == '\n' || sql.p[i] == '\t';
        if (!is_blank || !was_blank)
            nst_put_char(&line, is_blank ? ' ' : sql.p[i]);
    }
    nst_put_char(&line, '\n');
    /* Other processes append, too: one call, so that none writes inside of this line. */
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0 || write(fd, line.p, line.n) != (ssize_t)line.n)
        nst_log(NST_LOG_WARN, "statement not logged", NST_LOG_STR("path", nst_str_z(path)));
    if (fd >= 0)
        close(fd);
    nst_arena_free(a);
}

void nst_store_log_sql(struct nst_store *store, struct nst_str sql)
{
    if (nst_str_starts(sql, NST_STR("EXPLAIN"))) /* of what happened to be slow */
        return;
    if (store->log_path == NULL)
        return;
    uint64_t hash = nst_str_hash(sql);
    pthread_mutex_lock(&store->log_lock);
    if (!is_logged(store, hash)) {
        size_t size = (store->logged_count + 1) * sizeof(*store->logged);
        store->logged = must(realloc(store->logged, size));
        store->logged[store->logged_count++] = hash;
        write_line(store->log_path, sql);
    }
    pthread_mutex_unlock(&store->log_lock);
}
