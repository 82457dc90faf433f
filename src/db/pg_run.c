/* Transactions on PostgreSQL: one connection and one transaction a job. What the
 * server asks to be repeated is run again here, never by handlers.
 *
 * Writers of one owner wait for each other's commits, so that the server has none
 * to sync together. Hence, while there are several, a write commits without waiting
 * for the disk, which lets the next one go on, and is answered after a later sync:
 * one serves all that have committed before it. A read that may have seen such a
 * commit is answered after that sync, too. */
#include "internal.h"

#include "nestor/base/random.h"
#include "nestor/base/time.h"

#include <libpq-fe.h>
#include <time.h>

#define ATTEMPTS         10
#define BACKOFF_FIRST_MS 2
#define BACKOFF_MAX_MS   200

static void roll_back(struct nst_db *db)
{
    if (db->is_usable && PQstatus(db->handle) == CONNECTION_OK &&
        PQtransactionStatus(db->handle) != PQTRANS_IDLE &&
        db->engine->control(db, NST_STR("ROLLBACK")) != NST_OK)
        db->is_usable = false;
}

static enum nst_err may_commit(struct nst_db *db)
{
    if (!nst_db_fails(db) && PQtransactionStatus(db->handle) != PQTRANS_INERROR)
        return NST_OK;
    roll_back(db);
    return NST_E_DB;
}

/* A commit whose answer never came may have happened: it is not run again. */
static enum nst_err commit(struct nst_db *db)
{
    NST_TRY(may_commit(db));
    enum nst_err err = db->engine->script(db, "COMMIT");
    if (err != NST_OK && (!db->is_usable || PQstatus(db->handle) != CONNECTION_OK)) {
        db->lost = NST_OK;
        nst_log(NST_LOG_ERROR, "connection lost during commit, the outcome is unknown",
                NST_LOG_INT("statements", (int64_t)db->statements));
        return NST_E_DB;
    }
    return err;
}

/* What is committed, but not known to be on the disk, is never run again. */
static enum nst_err lack_sync(struct nst_db *db)
{
    db->lost = NST_OK;
    nst_log(NST_LOG_ERROR, "no sync after a commit, the outcome is unknown",
            NST_LOG_INT("statements", (int64_t)db->statements));
    return NST_E_DB;
}

/* A transaction of its own that syncs, and with it all that stands before it in the
 * server's log; it needs something to write there. */
static enum nst_err sync_log(struct nst_db *db)
{
    return db->engine->script(db, "SELECT pg_logical_emit_message(TRUE, 'nestor', '')");
}

/* Wait until what this thread has committed is on the disk. Whoever finds nobody
 * syncing does it for all that wait; when the server hangs meanwhile, nobody waits for
 * it again. */
static enum nst_err wait_for_sync(struct nst_db *db)
{
    struct nst_syncs *s = &db->store->syncs;
    enum nst_err err = NST_OK;
    pthread_mutex_lock(&s->lock);
    uint64_t mine = ++s->committed;
    while (s->synced < mine && s->given_up < mine && err == NST_OK) {
        if (s->is_running) {
            pthread_cond_wait(&s->ended, &s->lock);
            continue;
        }
        uint64_t all = s->committed;
        s->is_running = true;
        pthread_mutex_unlock(&s->lock);
        err = sync_log(db);
        pthread_mutex_lock(&s->lock);
        s->is_running = false;
        if (err == NST_OK)
            s->synced = all;
        else if (db->is_hung)
            s->given_up = all;
        pthread_cond_broadcast(&s->ended);
    }
    bool is_synced = s->synced >= mine;
    pthread_mutex_unlock(&s->lock);
    return is_synced ? NST_OK : lack_sync(db);
}

/* From before a commit until it is on the disk. */
static void take_off(struct nst_syncs *s, struct nst_flight *flight)
{
    pthread_mutex_lock(&s->lock);
    *flight = (struct nst_flight){ .number = ++s->flights };
    *s->end = flight;
    s->end = &flight->next;
    pthread_mutex_unlock(&s->lock);
}

static void land(struct nst_syncs *s, struct nst_flight *flight)
{
    struct nst_flight **at = &s->first;
    pthread_mutex_lock(&s->lock);
    while (*at != flight)
        at = &(*at)->next;
    *at = flight->next;
    if (s->end == &flight->next)
        s->end = at;
    pthread_cond_broadcast(&s->ended);
    pthread_mutex_unlock(&s->lock);
}

/* What this read has seen is answered when it is durable. Commits that begin later
 * are not waited for, so that reads come through among many writes. */
static void wait_for_flights(struct nst_syncs *s)
{
    pthread_mutex_lock(&s->lock);
    uint64_t last = s->flights;
    while (s->first != NULL && s->first->number <= last)
        pthread_cond_wait(&s->ended, &s->lock);
    pthread_mutex_unlock(&s->lock);
}

static enum nst_err commit_among_others(struct nst_db *db)
{
    struct nst_flight flight;
    take_off(&db->store->syncs, &flight);
    enum nst_err err = commit(db);
    if (err == NST_OK)
        err = wait_for_sync(db);
    land(&db->store->syncs, &flight);
    return err;
}

/* Writes look rows up by their keys. The plan of a table that is still empty would read
 * all of it, and would be kept until others see the rows: too long for a large load. */
#define LOOK_UP "; SET LOCAL enable_seqscan = off"

enum begin { BEGIN_READ, BEGIN_ALONE, BEGIN_AMONG_OTHERS };

/* What was read is read again when the answer to its commit never came. */
static enum nst_err end_read(struct nst_db *db)
{
    NST_TRY(may_commit(db));
    enum nst_err e = db->engine->script(db, "COMMIT");
    if (e != NST_OK && !db->runs_once)
        return e;
    wait_for_flights(&db->store->syncs);
    return NST_OK;
}

static enum nst_err end_write(struct nst_db *db, enum begin how)
{
    struct nst_store_tally *tally = &db->store->tally;
    int64_t since = nst_ticks();
    NST_TRY(how == BEGIN_AMONG_OTHERS ? commit_among_others(db) : commit(db));
    nst_histogram_count(&tally->commit, &nst_store_commit_buckets, nst_ticks() - since);
    return NST_OK;
}

static enum nst_err run_once(struct nst_db *db, struct nst_job *job, enum begin how)
{
    static const char *const begin[] = {
        [BEGIN_READ] = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        [BEGIN_ALONE] = "BEGIN" LOOK_UP,
        [BEGIN_AMONG_OTHERS] = "BEGIN" LOOK_UP "; SET LOCAL synchronous_commit = off",
    };
    db->lost = NST_OK;
    db->is_struck = false;
    NST_TRY(nst_pg_connect(db));
    NST_TRY(nst_pg_begin(db, begin[how]));
    enum nst_err err = nst_job_work(job, db);
    nst_db_tidy(db);
    bool is_alive = db->is_usable && PQstatus(db->handle) == CONNECTION_OK;
    if (err == NST_OK && is_alive && PQtransactionStatus(db->handle) != PQTRANS_INERROR)
        return how == BEGIN_READ ? end_read(db) : end_write(db, how);
    /* Whatever the work made of it, the server asked for another run, or for patience. */
    if (db->lost == NST_OK && err == NST_OK)
        err = NST_E_DB;
    enum nst_err outcome = db->lost != NST_OK ? db->lost : err;
    roll_back(db);
    return outcome;
}

/* Half of each pause is random, so that two that collided part. */
static void back_off(unsigned attempt)
{
    int64_t ms = INT64_C(1) << attempt;
    ms = ms * BACKOFF_FIRST_MS > BACKOFF_MAX_MS ? BACKOFF_MAX_MS : ms * BACKOFF_FIRST_MS;
    uint32_t dice;
    nst_random(&dice, sizeof(dice));
    int64_t us = ms * 500 + dice % (ms * 500);
    struct timespec pause = { .tv_nsec = us * 1000 };
    nanosleep(&pause, NULL);
}

/* A writer that is alone has its commit wait for the disk: one round trip less. */
static enum nst_err run_counted(struct nst_db *db, struct nst_job *job)
{
    struct nst_syncs *s = &db->store->syncs;
    if (job->kind == NST_JOB_READ) {
        nst_store_read_begins(db);
        return run_once(db, job, BEGIN_READ);
    }
    unsigned others = atomic_fetch_add(&s->writers, 1);
    nst_store_write_begins(db);
    enum nst_err err = run_once(db, job, others == 0 ? BEGIN_ALONE : BEGIN_AMONG_OTHERS);
    nst_store_write_ends(db);
    atomic_fetch_sub(&s->writers, 1);
    return err;
}

enum nst_err nst_db_be_patient(struct nst_db *db)
{
    db->is_patient = true;
    if (db->store->dialect == NST_SQLITE)
        return NST_OK;
    return db->engine->script(db, "SET LOCAL lock_timeout = 0; SET LOCAL statement_timeout = 0");
}

void nst_db_run_once(struct nst_db *db)
{
    db->runs_once = true;
}

/* A server that lets one attempt to connect wait for long does so with the next one. */
static bool is_hopeless(const struct nst_db *db, const struct nst_job *job)
{
    return db->handle == NULL &&
           nst_ticks() - job->since > db->store->options.busy_ms * INT64_C(1000);
}

void nst_pg_run(struct nst_db *db, struct nst_job *job)
{
    for (db->attempt = 0; db->attempt < ATTEMPTS && !is_hopeless(db, job); db->attempt++) {
        if (db->attempt > 0) {
            nst_count(&db->store->tally.repeated, 1);
            back_off(db->attempt);
        }
        db->is_patient = db->runs_once = false;
        job->err = run_counted(db, job);
        if (job->err != NST_E_RETRY)
            return;
        if (db->runs_once) {
            nst_log(NST_LOG_ERROR, "connection lost in the middle of what is told",
                    NST_LOG_INT("statements", (int64_t)db->statements));
            job->err = NST_E_DB;
            return;
        }
    }
    nst_count(&db->store->tally.given_up, 1);
    nst_log(NST_LOG_ERROR, "transaction given up", NST_LOG_INT("attempts", db->attempt));
    job->err = NST_E_BUSY;
}
