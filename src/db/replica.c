/* Reads from replicas. A read is as fresh as its permission: the primary, which has just been asked
 * who may read, says in the same transaction how far its log has come, and a replica is read once
 * it has replayed that, or else the primary. What a replica cannot end, the primary does.
 *
 * Positions of a log say nothing about another server's, nor about another timeline. So a server
 * writes the primary's timeline and a mark made by chance into a row when it starts and when it
 * meets another timeline, and a replica is only one that has this row, too. */
#include "internal.h"

#include "nestor/base/random.h"
#include "nestor/base/time.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define ASK_MS      300   /* who has not answered by then is looked at in the background */
#define CATCH_UP_US 50000 /* how long it may take to come as far as the primary was */
#define NAP_US      500   /* before it is asked again; then twice as long */
#define NAP_MAX_US  8000
#define NOTE_PAUSE  NST_SECOND /* between two tries to write the timeline down */
#define MARK_BYTES  16

#define DOES_NOT_ANSWER "does not answer; start it, or take it out"
#define FOR_POSTGRESQL  "is for PostgreSQL, and `database` is SQLite"

/* ---- The primary ---- */

#define PRIMARY_LSN "CASE WHEN pg_is_in_recovery() THEN NULL ELSE pg_current_wal_flush_lsn() END"
#define PRIMARY_TIMELINE \
    "CASE WHEN pg_is_in_recovery() THEN NULL " \
    "ELSE substr(pg_walfile_name(pg_current_wal_flush_lsn()), 1, 8) END"

static void copy_text(char *out, size_t size, struct nst_rows *rows, unsigned column)
{
    struct nst_str text = nst_rows_text(rows, column);
    snprintf(out, size, "%.*s", NST_FMT(text));
}

/* is_known: its timeline is written down. */
static enum nst_err ask_primary(bool *is_known, struct nst_log_place *place, struct nst_db *db)
{
    struct nst_rows *rows;
    char noted[sizeof(place->timeline)];
    *is_known = false;
    NST_TRY(nst_query(&rows, db,
                      NST_STR("SELECT CAST(" PRIMARY_LSN " AS text), " PRIMARY_TIMELINE
                              ", timeline, mark FROM nst_timeline WHERE id = 1"),
                      NULL, 0));
    if (nst_rows_step(rows)) {
        copy_text(place->lsn, sizeof(place->lsn), rows, 0);
        copy_text(place->timeline, sizeof(place->timeline), rows, 1);
        copy_text(noted, sizeof(noted), rows, 2);
        copy_text(place->mark, sizeof(place->mark), rows, 3);
        *is_known = place->lsn[0] != '\0' && strcmp(place->timeline, noted) == 0;
    }
    return nst_rows_end(rows);
}

static enum nst_err write_note(struct nst_db *db, void *arg)
{
    struct nst_arena *a = nst_arena_new(SCRATCH_BYTES);
    (void)arg;
    enum nst_err e = nst_exec_with(
        NULL, db,
        "INSERT INTO nst_timeline (id, timeline, mark) VALUES (1, " PRIMARY_TIMELINE ", $1) "
        "ON CONFLICT (id) DO UPDATE SET timeline = excluded.timeline, mark = excluded.mark",
        NST_TEXT(nst_random_hex(a, MARK_BYTES)));
    nst_arena_free(a);
    return e;
}

static bool begin_note(struct nst_replica *r)
{
    pthread_mutex_lock(&r->lock);
    bool is_due = r->must_note && !r->is_noting && nst_ticks() - r->noted >= NOTE_PAUSE;
    r->is_noting = r->is_noting || is_due;
    pthread_mutex_unlock(&r->lock);
    return is_due;
}

void nst_replica_note(struct nst_replica *r)
{
    if (!begin_note(r))
        return;
    enum nst_err e = nst_store_run(r->store, NST_MODE_WRITE, write_note, NULL);
    pthread_mutex_lock(&r->lock);
    r->must_note = e != NST_OK;
    r->is_noting = false;
    r->noted = nst_ticks();
    pthread_mutex_unlock(&r->lock);
}

/* The lock is held. */
static void wake_all(struct nst_replica *r)
{
    for (unsigned i = 0; i < r->count && i < NST_STANDBYS_MAX; i++)
        pthread_cond_signal(&r->standby[i].changed);
}

/* The first that wants it wakes who writes it; until it is written they try by themselves. */
static void want_note(struct nst_replica *r)
{
    pthread_mutex_lock(&r->lock);
    if (!r->must_note)
        wake_all(r);
    r->must_note = true;
    pthread_mutex_unlock(&r->lock);
}

/* ---- One of the replicas ---- */

/* Hosts take turns. */
static struct nst_db *take(struct nst_replica *r)
{
    struct nst_db *db = NULL;
    pthread_mutex_lock(&r->lock);
    for (unsigned i = 0; db == NULL && i < r->count; i++) {
        struct nst_standby *s = &r->standby[r->turn++ % r->count];
        if (s->state != NST_READY || s->idle == NULL)
            continue;
        db = s->idle;
        s->idle = db->next_idle;
    }
    pthread_mutex_unlock(&r->lock);
    return db;
}

static void give_back(struct nst_db *db)
{
    struct nst_standby *s = db->standby;
    bool is_good = nst_pg_is_idle(db);
    pthread_mutex_lock(&s->replica->lock);
    is_good = is_good && s->state <= NST_UNKNOWN;
    if (is_good) {
        db->next_idle = s->idle;
        s->idle = db;
    } else {
        s->connections--;
    }
    pthread_mutex_unlock(&s->replica->lock);
    if (!is_good)
        db->engine->close(db);
}

/* Others need not try: its thread looks at it from now on. */
static void report(struct nst_standby *s, enum nst_readiness state)
{
    pthread_mutex_lock(&s->replica->lock);
    if (s->state == NST_READY) {
        s->state = state;
        pthread_cond_signal(&s->changed);
    }
    pthread_mutex_unlock(&s->replica->lock);
}

/* `times` as long as a request may wait. */
static enum nst_readiness wait_for(struct nst_db *db, const struct nst_log_place *place,
                                   unsigned times)
{
    int64_t end = nst_ticks() + (int64_t)times * CATCH_UP_US, nap = NAP_US;
    enum nst_readiness state;
    db->wait_ms = times * ASK_MS;
    while ((state = nst_standby_ask(db, place)) == NST_BEHIND && nst_ticks() + nap < end) {
        struct timespec pause = { .tv_nsec = nap * 1000 };
        nanosleep(&pause, NULL);
        nap = nap * 2 < NAP_MAX_US ? nap * 2 : NAP_MAX_US;
    }
    return state;
}

struct question {
    struct nst_log_place place;
    bool is_known;
};

static enum nst_err ask_in_read(struct nst_db *db, void *arg)
{
    struct question *x = arg;
    return ask_primary(&x->is_known, &x->place, db);
}

enum nst_readiness nst_replica_try(struct nst_db *db)
{
    struct nst_store *store = db->store;
    struct question q = { 0 };
    if (nst_store_run(store, NST_MODE_READ, ask_in_read, &q) != NST_OK)
        return NST_UNKNOWN;
    if (!q.is_known)
        want_note(store->replica);
    return q.is_known ? wait_for(db, &q.place, 1) : NST_UNKNOWN;
}

/* Inside of the snapshot: what it replays after a promotion is its own, and a pooler with several
 * servers may have asked another one what it has. */
static enum nst_readiness check_inside(struct nst_db *db, const struct nst_log_place *place)
{
    enum nst_readiness answer = NST_STRANGER;
    struct nst_rows *rows;
    if (nst_query_with(&rows, db,
                       "SELECT " NST_SERVER_START " = $2 FROM nst_timeline "
                       "WHERE mark = $1 AND pg_is_in_recovery()",
                       NST_TEXT(nst_str_z(place->mark)), NST_INT(db->server_start)) != NST_OK)
        return NST_SILENT;
    if (nst_rows_step(rows))
        answer = nst_rows_bool(rows, 0) ? NST_READY : NST_BEHIND;
    return nst_rows_end(rows) == NST_OK ? answer : NST_SILENT;
}

/* What it has is asked first, so that the snapshot is later. */
static enum nst_readiness begin(struct nst_db *db, const struct nst_log_place *place)
{
    enum nst_readiness state = wait_for(db, place, 1);
    if (state != NST_READY)
        return state;
    db->lost = NST_OK;
    if (nst_pg_begin(db, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY") != NST_OK)
        return NST_SILENT;
    state = check_inside(db, place);
    db->wait_ms = 0;
    return state;
}

/* End its transaction, if it is in one. False: what was read does not hold. */
static bool end(struct nst_db *db, bool is_good)
{
    if (nst_pg_is_idle(db))
        return is_good;
    if (!db->is_usable || db->is_hung)
        return false;
    db->wait_ms = ASK_MS;
    return db->engine->script(db, is_good ? "COMMIT" : "ROLLBACK") == NST_OK && is_good;
}

static void count(struct nst_db *db, enum nst_elsewhere where)
{
    nst_count(&db->store->tally.elsewhere[where], 1);
}

enum nst_err nst_replica_enter(struct nst_db **out, struct nst_db *db)
{
    struct nst_replica *r = db->store->replica;
    struct nst_db *other = r != NULL ? take(r) : NULL;
    struct nst_log_place place = { 0 };
    bool is_known = false;
    *out = NULL;
    if (other == NULL) {
        if (r != NULL)
            count(db, NST_ELSEWHERE_AWAY);
        return NST_OK;
    }
    enum nst_err e = ask_primary(&is_known, &place, db);
    enum nst_readiness state = e == NST_OK && is_known ? begin(other, &place) : NST_STRANGER;
    if (state == NST_READY) {
        *out = other;
        return NST_OK;
    }
    if (e == NST_OK && !is_known)
        want_note(r);
    else if (e == NST_OK)
        report(other->standby, state);
    count(db, state == NST_BEHIND   ? NST_ELSEWHERE_BEHIND
              : state == NST_SILENT ? NST_ELSEWHERE_FAILED
                                    : NST_ELSEWHERE_AWAY);
    (void)end(other, false);
    give_back(other);
    return e;
}

enum nst_err nst_replica_leave(struct nst_db *replica, enum nst_err err)
{
    struct nst_standby *s = replica->standby;
    nst_db_tidy(replica);
    bool is_late = replica->lost == NST_E_BUSY && !replica->is_hung;
    bool is_good = err == NST_OK && replica->lost == NST_OK;
    is_good = end(replica, is_good);
    if (!nst_pg_is_idle(replica))
        report(s, NST_SILENT);
    count(replica, is_good || is_late ? NST_ELSEWHERE_REPLICA : NST_ELSEWHERE_FAILED);
    give_back(replica);
    return is_good ? NST_OK : is_late ? NST_E_BUSY : NST_E_RETRY;
}

/* ---- Start and end ---- */

static enum nst_err read_start(struct nst_db *db, void *arg)
{
    int64_t *microseconds = arg;
    struct nst_rows *rows;
    NST_TRY(
        nst_query(&rows, db, NST_STR("SELECT " NST_SERVER_START ", pg_is_in_recovery()"), NULL, 0));
    if (nst_rows_step(rows) && !nst_rows_bool(rows, 1))
        *microseconds = nst_rows_int(rows, 0);
    return nst_rows_end(rows);
}

enum nst_readiness nst_replica_recognise(struct nst_db *db)
{
    int64_t primary = 0, other = 0;
    if (read_start(db, &other) != NST_OK || other == 0)
        return NST_STRANGER;
    enum nst_err e = nst_store_run(db->store, NST_MODE_READ, read_start, &primary);
    if (e != NST_OK || primary == 0)
        return NST_UNKNOWN;
    return other == primary ? NST_PRIMARY : NST_STRANGER;
}

/* Of several hosts one may be the primary, today. */
static const char *refuse_primary(struct nst_replica *r)
{
    struct nst_db *db = nst_standby_db(&r->standby[0]);
    bool is = r->count == 1 && nst_standby_connect(db) && nst_replica_recognise(db) == NST_PRIMARY;
    db->engine->close(db);
    return is ? "is the primary itself, which `database` names" : NULL;
}

static struct nst_replica *new_replica(struct nst_store *store)
{
    struct nst_arena *a = nst_arena_new(SCRATCH_BYTES);
    struct nst_replica *r = NST_NEW(a, struct nst_replica);
    r->arena = a;
    r->store = store;
    r->must_note = true;
    pthread_mutex_init(&r->lock, NULL);
    for (unsigned i = 0; i < NST_STANDBYS_MAX; i++)
        pthread_cond_init(&r->standby[i].changed, NULL);
    return r;
}

enum nst_err nst_replica_start(const char **fault, struct nst_store *store, struct nst_str url)
{
    *fault = NULL;
    if (store->dialect == NST_SQLITE) {
        *fault = FOR_POSTGRESQL;
        return NST_E_INVALID;
    }
    struct nst_replica *r = store->replica = new_replica(store);
    *fault = nst_standbys_read(r, url);
    if (*fault == NULL)
        *fault = refuse_primary(r);
    enum nst_err e = *fault == NULL ? NST_OK : NST_E_INVALID;
    for (unsigned i = 0; e == NST_OK && i < r->count; i++)
        e = nst_standby_start(&r->standby[i]);
    if (e != NST_OK) {
        nst_replica_free(r);
        store->replica = NULL;
    }
    return e;
}

/* ---- For people ---- */

#define FOR_PEOPLE 20 /* times what a request waits */

static const char *say_behind(struct nst_db *db, const struct question *x)
{
    struct nst_rows *rows;
    int64_t bytes = 0;
    if (nst_query_with(&rows, db,
                       "SELECT CAST(pg_wal_lsn_diff(CAST($1 AS pg_lsn), pg_last_wal_replay_lsn()) "
                       "AS bigint)",
                       NST_TEXT(nst_str_z(x->place.lsn))) != NST_OK)
        return "does not answer";
    if (nst_rows_step(rows))
        bytes = nst_rows_int(rows, 0);
    if (nst_rows_end(rows) != NST_OK)
        return "does not answer";
    return nst_strf(db->standby->replica->arena,
                    "is %lld KiB of the log behind after a second; look at its replay",
                    (long long)(bytes / 1024))
        .p;
}

/* Without it a replica of one that was promoted beside the primary could be taken for one of the
 * primary's until a server starts or meets another timeline. */
static const char *say_timeline(struct nst_db *db)
{
    bool is_hidden = false;
    if (nst_exists(&is_hidden, db,
                   NST_STR("SELECT 1 FROM pg_stat_wal_receiver WHERE received_tli IS NULL"), NULL,
                   0) != NST_OK)
        return "does not answer";
    return is_hidden ? "does not tell its timeline: GRANT pg_read_all_stats to the user of "
                       "db.replica, so that one which follows another server is known at once"
                     : NULL;
}

/* One of several hosts is the primary today, another one tomorrow. */
static bool is_allowed(struct nst_db *db)
{
    return db->standby->replica->count > 1 && nst_replica_recognise(db) == NST_PRIMARY;
}

static const char *say_stranger(struct nst_db *db)
{
    return is_allowed(db) ? NULL
                          : "does not follow the server that `database` names; it is not read";
}

static const char *judge_standby(struct nst_db *db, const struct question *x)
{
    enum nst_readiness state = wait_for(db, x->is_known ? &x->place : NULL, FOR_PEOPLE);
    if (state == NST_READY)
        return say_timeline(db);
    if (state == NST_BEHIND)
        return say_behind(db, x);
    if (state == NST_STRANGER)
        return say_stranger(db);
    if (state == NST_FORBIDDEN)
        return "does not let the user of db.replica read; GRANT SELECT on all tables";
    return state == NST_REFUSING ? "refuses what it is asked; its log says why" : DOES_NOT_ANSWER;
}

static const char *examine_standby(struct nst_standby *s, const struct question *x)
{
    struct nst_db *db = nst_standby_db(s);
    const char *complaint = nst_standby_connect(db) ? judge_standby(db, x) : DOES_NOT_ANSWER;
    db->engine->close(db);
    return complaint;
}

enum nst_err nst_replica_examine(struct nst_store *store, struct nst_str url,
                                 nst_replica_told *tell, void *arg)
{
    struct nst_replica *r = new_replica(store);
    struct question x = { 0 };
    enum nst_err e = NST_OK;
    const char *fault = store->dialect == NST_SQLITE ? FOR_POSTGRESQL : nst_standbys_read(r, url);
    if (fault != NULL)
        tell(arg, (struct nst_str){ 0 }, fault);
    else
        e = nst_store_run(store, NST_MODE_READ, ask_in_read, &x);
    for (unsigned i = 0; fault == NULL && e == NST_OK && i < r->count; i++)
        tell(arg, r->standby[i].name, examine_standby(&r->standby[i], &x));
    nst_replica_free(r);
    return e;
}

void nst_replica_free(struct nst_replica *r)
{
    if (r == NULL)
        return;
    pthread_mutex_lock(&r->lock);
    r->is_closed = true;
    wake_all(r);
    pthread_mutex_unlock(&r->lock);
    for (unsigned i = 0; i < r->count && i < NST_STANDBYS_MAX; i++)
        nst_standby_stop(&r->standby[i]);
    pthread_mutex_destroy(&r->lock);
    for (unsigned i = 0; i < NST_STANDBYS_MAX; i++)
        pthread_cond_destroy(&r->standby[i].changed);
    nst_arena_free(r->arena);
}

void nst_replica_count(struct nst_store_counts *out, struct nst_replica *r)
{
    out->has_replica = r != NULL;
    out->replica_backlog = -1;
    if (r == NULL)
        return;
    pthread_mutex_lock(&r->lock);
    for (unsigned i = 0; i < r->count; i++) {
        const struct nst_standby *s = &r->standby[i];
        out->replica_connections += s->state == NST_READY ? s->connections : 0;
        if (s->state == NST_READY && s->backlog > out->replica_backlog)
            out->replica_backlog = s->backlog;
    }
    pthread_mutex_unlock(&r->lock);
}
