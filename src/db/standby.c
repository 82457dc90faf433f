/* One host of db.replica: how it is reached, whether it has what is asked for, and the thread that
 * looks after it. The thread alone connects, so that a host that is away costs no request. */
#include "internal.h"

#include "nestor/base/time.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define CONNECT_SECONDS "2" /* the least that libpq knows */
#define PING_MS         1000
#define PAUSE_FIRST_MS  100 /* before the next look at one that is not well; then twice as long */
#define PAUSE_MAX_MS    5000
#define PAUSE_WELL_MS   1000
#define TOLD_AFTER      (3 * NST_SECOND) /* being behind, and being well again */

/* ---- Hosts ---- */

/* The n-th of a list with commas; the last stands for those that follow: libpq's ports are so. */
static struct nst_str nth(const char *list, unsigned n)
{
    struct nst_str rest = nst_str_z(list), part = nst_str_cut(&rest, ',');
    while (n-- > 0 && rest.p != NULL)
        part = nst_str_cut(&rest, ',');
    return part;
}

static unsigned parts_of(const char *list)
{
    unsigned n = list != NULL ? 1 : 0;
    for (; list != NULL && *list != '\0'; list++)
        n += *list == ',';
    return n;
}

static bool is_list(const char *keyword)
{
    return strcmp(keyword, "host") == 0 || strcmp(keyword, "hostaddr") == 0 ||
           strcmp(keyword, "port") == 0;
}

/* What kind of server a host is, the question finds out: `database` may ask for the primary. */
static bool is_left_out(const PQconninfoOption *o)
{
    return o->val == NULL || strcmp(o->keyword, "target_session_attrs") == 0;
}

/* What the URL says counts more than what comes first. */
static void read_standby(struct nst_standby *s, struct nst_arena *a, const PQconninfoOption *option,
                         unsigned number)
{
    struct nst_str host = NST_STR(""), port = NST_STR("5432");
    unsigned at = 2, size = 3;
    for (const PQconninfoOption *o = option; o->keyword != NULL; o++)
        size += o->val != NULL;
    s->names = NST_NEW_ARRAY(a, const char *, size);
    s->values = NST_NEW_ARRAY(a, const char *, size);
    s->names[0] = "connect_timeout";
    s->values[0] = CONNECT_SECONDS;
    s->names[1] = "application_name";
    s->values[1] = NST_APPLICATION;
    for (const PQconninfoOption *o = option; o->keyword != NULL; o++) {
        if (is_left_out(o))
            continue;
        struct nst_str value = is_list(o->keyword) ? nth(o->val, number) : nst_str_z(o->val);
        s->names[at] = nst_str_to_z(a, nst_str_z(o->keyword));
        s->values[at++] = nst_str_to_z(a, value);
        if (strcmp(o->keyword, "port") == 0)
            port = nst_str_copy(a, value);
        else if (is_list(o->keyword) && value.n > 0)
            host = nst_str_copy(a, value);
    }
    s->name = nst_strf(a, "%.*s:%.*s", NST_FMT(host), NST_FMT(port));
}

static void read_standbys(struct nst_replica *r, const PQconninfoOption *option)
{
    for (const PQconninfoOption *o = option; o->keyword != NULL; o++)
        if (is_list(o->keyword) && parts_of(o->val) > r->count)
            r->count = parts_of(o->val);
    r->count = r->count == 0 ? 1 : r->count;
    for (unsigned i = 0; i < r->count && i < NST_STANDBYS_MAX; i++) {
        r->standby[i].replica = r;
        r->standby[i].state = NST_SILENT;
        read_standby(&r->standby[i], r->arena, option, i);
    }
}

const char *nst_standbys_read(struct nst_replica *r, struct nst_str url)
{
    PQconninfoOption *option = PQconninfoParse(nst_str_to_z(r->arena, url), NULL);
    if (option == NULL) /* libpq's words may have a piece of the password in them */
        return "cannot be read: it is postgresql://..., or key=value with values that have blanks "
               "between quotes";
    read_standbys(r, option);
    PQconninfoFree(option);
    return r->count <= NST_STANDBYS_MAX ? NULL : "names more than eight hosts";
}

/* ---- Connections ---- */

struct nst_db *nst_standby_db(struct nst_standby *s)
{
    struct nst_db *db = nst_pg_new(s->replica->store);
    db->standby = s;
    return db;
}

bool nst_standby_connect(struct nst_db *db)
{
    const struct nst_standby *s = db->standby;
    nst_pg_disconnect(db);
    db->wait_ms = PING_MS;
    return nst_pg_take_over(db, PQconnectdbParams(s->names, s->values, 0)) == NST_OK;
}

void nst_standby_close_idle(struct nst_standby *s)
{
    pthread_mutex_lock(&s->replica->lock);
    struct nst_db *db = s->idle;
    s->idle = NULL;
    for (struct nst_db *one = db; one != NULL; one = one->next_idle)
        s->connections--;
    pthread_mutex_unlock(&s->replica->lock);
    while (db != NULL) {
        struct nst_db *next = db->next_idle;
        db->engine->close(db);
        db = next;
    }
}

/* ---- The question ---- */

/* The timeline that it receives is told to roles with pg_read_all_stats alone; the mark and the end
 * of recovery show what follows another server otherwise. */
#define QUESTION \
    "SELECT pg_is_in_recovery(), " \
    "COALESCE(pg_last_wal_replay_lsn() >= CAST($1 AS pg_lsn), FALSE), " \
    "COALESCE((SELECT lpad(upper(to_hex(received_tli)), 8, '0') " \
    "FROM pg_stat_wal_receiver), $2) = $2 " \
    "AND EXISTS (SELECT 1 FROM nst_timeline WHERE timeline = $2 AND mark = $3), " \
    "COALESCE(CAST(pg_wal_lsn_diff(pg_last_wal_receive_lsn(), " \
    "pg_last_wal_replay_lsn()) AS bigint), 0), " NST_SERVER_START

static enum nst_readiness refused(const struct nst_db *db)
{
    if (!nst_pg_is_idle(db))
        return NST_SILENT;
    if (strcmp(db->state, "42P01") == 0) /* it has no such table */
        return NST_STRANGER;
    return strcmp(db->state, "42501") == 0 ? NST_FORBIDDEN : NST_REFUSING;
}

enum nst_readiness nst_standby_ask(struct nst_db *db, const struct nst_log_place *place)
{
    static const struct nst_log_place start = { .lsn = "0/0" };
    const struct nst_log_place *p = place != NULL ? place : &start;
    enum nst_readiness answer = NST_SILENT;
    struct nst_rows *rows;
    db->lost = NST_OK;
    if (nst_query_with(&rows, db, QUESTION, NST_TEXT(nst_str_z(p->lsn)),
                       NST_TEXT(nst_str_z(p->timeline)), NST_TEXT(nst_str_z(p->mark))) != NST_OK)
        return refused(db);
    if (nst_rows_step(rows) && nst_rows_bool(rows, 0))
        answer = !nst_rows_bool(rows, 1)                   ? NST_BEHIND
                 : place == NULL || nst_rows_bool(rows, 2) ? NST_READY
                                                           : NST_STRANGER;
    else
        answer = NST_STRANGER;
    db->server_start = answer == NST_STRANGER ? 0 : nst_rows_int(rows, 4);
    db->standby->backlog = answer != NST_STRANGER ? nst_rows_int(rows, 3) : 0;
    return nst_rows_end(rows) == NST_OK ? answer : NST_SILENT;
}

/* ---- Looking after it ---- */

static bool is_short(struct nst_standby *s)
{
    pthread_mutex_lock(&s->replica->lock);
    bool is = !s->replica->is_closed && s->connections < s->replica->store->options.pool;
    pthread_mutex_unlock(&s->replica->lock);
    return is;
}

/* A thread of the pool uses one at a time: there are as many. */
static void connect_all(struct nst_standby *s)
{
    while (is_short(s)) {
        struct nst_db *db = nst_standby_db(s);
        if (!nst_standby_connect(db)) {
            db->engine->close(db);
            return;
        }
        pthread_mutex_lock(&s->replica->lock);
        db->next_idle = s->idle;
        s->idle = db;
        s->connections++;
        pthread_mutex_unlock(&s->replica->lock);
    }
}

/* One that was well until now is only asked whether it lives and is a replica; another has to do
 * what a request would ask of it. */
static enum nst_readiness look_at(struct nst_standby *s, struct nst_db *own)
{
    pthread_mutex_lock(&s->replica->lock);
    bool was_ready = s->state == NST_READY;
    pthread_mutex_unlock(&s->replica->lock);
    if (!nst_pg_is_idle(own) && !nst_standby_connect(own))
        return NST_SILENT;
    own->wait_ms = PING_MS;
    enum nst_readiness state = nst_standby_ask(own, NULL);
    if (state == NST_STRANGER)
        return nst_replica_recognise(own);
    return was_ready || state != NST_READY ? state : nst_replica_try(own);
}

static void look(struct nst_standby *s, struct nst_db *own)
{
    enum nst_readiness state = look_at(s, own);
    s->is_silent = state == NST_SILENT;
    if (state == NST_SILENT)
        nst_pg_disconnect(own);
    if (state > NST_UNKNOWN)
        nst_standby_close_idle(s);
    if (state == NST_READY)
        connect_all(s);
    pthread_mutex_lock(&s->replica->lock);
    s->state = state;
    pthread_mutex_unlock(&s->replica->lock);
}

static const char *const complaint[] = {
    [NST_BEHIND] = "it is behind",
    [NST_STRANGER] = "it does not follow this primary",
    [NST_FORBIDDEN] = "its user may not read there",
    [NST_REFUSING] = "it refuses what it is asked",
    [NST_SILENT] = "it does not answer",
};

static bool is_away(enum nst_readiness state)
{
    return state != NST_READY && state != NST_PRIMARY;
}

static bool has_told(const struct nst_standby *s, enum nst_readiness state)
{
    return s->is_told && (s->told == state || (is_away(s->told) && is_away(state)));
}

/* One that is behind now and then is nothing to tell of: writes come in bursts. Nor is one that
 * is the primary by now, but for its loss. */
static void tell(struct nst_standby *s, enum nst_readiness state)
{
    int64_t now = nst_ticks();
    if (state == NST_UNKNOWN || has_told(s, state)) {
        s->since = now;
        return;
    }
    bool must_last = state == NST_BEHIND || (state == NST_READY && s->is_told);
    if (must_last && now - s->since < TOLD_AFTER)
        return;
    s->is_told = true;
    s->told = state;
    s->since = now;
    if (is_away(state))
        nst_log(NST_LOG_WARN, "a replica is away, the primary is read instead",
                NST_LOG_STR("replica", s->name),
                NST_LOG_STR("reason", nst_str_z(complaint[state])));
    else if (state == NST_READY)
        nst_log(NST_LOG_INFO, "a replica is read", NST_LOG_STR("replica", s->name));
}

static void wait_ms(struct nst_standby *s, int64_t ms)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += ms / 1000;
    until.tv_nsec += ms % 1000 * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_cond_timedwait(&s->changed, &s->replica->lock, &until);
}

/* Until the timeline is written down, a try of that is soon due, too. */
static int64_t pause_of(const struct nst_replica *r, enum nst_readiness state, int64_t pause)
{
    bool is_usual = state == NST_READY || (r->must_note && pause > PAUSE_WELL_MS);
    return is_usual ? PAUSE_WELL_MS : pause;
}

/* The first look of one that was well comes at once, those that follow take their time. */
static void *look_after(void *arg)
{
    struct nst_standby *s = arg;
    struct nst_replica *r = s->replica;
    struct nst_db *own = nst_standby_db(s);
    int64_t pause = PAUSE_FIRST_MS;
    bool is_over = false;
    while (!is_over) {
        nst_replica_note(r);
        look(s, own);
        pthread_mutex_lock(&r->lock);
        enum nst_readiness state = s->state;
        if (!r->is_closed)
            wait_ms(s, pause_of(r, state, pause));
        bool was_well = state == NST_READY && s->state == NST_READY;
        pause = was_well ? PAUSE_FIRST_MS : pause * 2 < PAUSE_MAX_MS ? pause * 2 : PAUSE_MAX_MS;
        is_over = r->is_closed;
        pthread_mutex_unlock(&r->lock);
        if (!is_over)
            tell(s, state);
    }
    own->engine->close(own);
    return NULL;
}

enum nst_err nst_standby_start(struct nst_standby *s)
{
    s->since = nst_ticks();
    s->is_told = false;
    s->has_thread = pthread_create(&s->thread, NULL, look_after, s) == 0;
    if (!s->has_thread)
        nst_log(NST_LOG_ERROR, "cannot start a thread", NST_LOG_STR("replica", s->name));
    return s->has_thread ? NST_OK : NST_E_DB;
}

void nst_standby_stop(struct nst_standby *s)
{
    if (s->has_thread)
        pthread_join(s->thread, NULL);
    nst_standby_close_idle(s);
}
