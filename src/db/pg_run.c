/* Transactions on PostgreSQL: one connection and one transaction a job. What the
 * server asks to be repeated is run again here, never by handlers. */
#include "internal.h"

#include "nestor/base/random.h"

#include <libpq-fe.h>
#include <time.h>

#define ATTEMPTS         10
#define BACKOFF_FIRST_MS 2
#define BACKOFF_MAX_MS   200

static void roll_back(struct nst_db *db)
{
    if (PQstatus(db->handle) == CONNECTION_OK && PQtransactionStatus(db->handle) != PQTRANS_IDLE &&
        db->engine->control(db, NST_STR("ROLLBACK")) != NST_OK)
        db->is_usable = false;
}

/* A commit whose answer never came may have happened: it is not run again. */
static enum nst_err commit(struct nst_db *db)
{
    if (nst_db_fails(db)) {
        roll_back(db);
        return NST_E_DB;
    }
    if (PQtransactionStatus(db->handle) == PQTRANS_INERROR) {
        roll_back(db);
        return NST_E_DB;
    }
    enum nst_err err = db->engine->script(db, "COMMIT");
    if (err == NST_E_RETRY && PQstatus(db->handle) != CONNECTION_OK) {
        db->lost = NST_OK;
        nst_log(NST_LOG_ERROR, "connection lost during commit, the outcome is unknown",
                NST_LOG_INT("statements", (int64_t)db->statements));
        return NST_E_DB;
    }
    return err;
}

static enum nst_err run_once(struct nst_db *db, struct nst_job *job)
{
    db->lost = NST_OK;
    NST_TRY(nst_pg_connect(db));
    bool is_read = job->kind == NST_JOB_READ;
    NST_TRY(db->engine->script(db, is_read ? "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
                                           : "BEGIN"));
    enum nst_err err = job->work(db, job->arg);
    nst_db_tidy(db);
    bool is_alive = PQstatus(db->handle) == CONNECTION_OK;
    if (err == NST_OK && is_alive && PQtransactionStatus(db->handle) != PQTRANS_INERROR)
        return commit(db);
    /* Whatever the work made of it, the server asked for another run. */
    if (db->lost == NST_OK && err == NST_OK)
        err = NST_E_DB;
    enum nst_err outcome = db->lost != NST_OK ? NST_E_RETRY : err;
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

void nst_pg_run(struct nst_db *db, struct nst_job *job)
{
    for (unsigned attempt = 0; attempt < ATTEMPTS; attempt++) {
        if (attempt > 0)
            back_off(attempt);
        job->err = run_once(db, job);
        if (job->err != NST_E_RETRY)
            return;
    }
    nst_log(NST_LOG_ERROR, "transaction given up", NST_LOG_INT("attempts", ATTEMPTS));
    job->err = NST_E_BUSY;
}
