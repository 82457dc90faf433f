/* What the files of the db layer share: the engine border, connections,
 * statement caches and the store. Nothing outside src/db includes it. */
#ifndef NESTOR_DB_INTERNAL_H
#define NESTOR_DB_INTERNAL_H

#include "nestor/base/log.h"
#include "nestor/db.h"

#include <pthread.h>
#include <stdalign.h>
#include <stdatomic.h>

#define OPEN_ROWS     8
#define SAVEPOINTS    8
#define SCRATCH_BYTES 4096

/* ---- Statement cache ---- */

#define CACHE_BUCKETS    256
#define CACHE_STATEMENTS 256

/* A prepared statement. It is on one bucket's chain and on the list of use. */
struct nst_stmt {
    struct nst_stmt *chain;
    struct nst_stmt *newer, *older;
    uint64_t hash;
    char *key;
    size_t key_size;
    bool is_open;  /* a cursor uses it: neither found nor dropped */
    void *handle;  /* sqlite3_stmt, or NULL */
    unsigned name; /* of the server's statement on PostgreSQL */
    unsigned parameters;
};

struct nst_cache {
    struct nst_stmt *bucket[CACHE_BUCKETS];
    struct nst_stmt *newest, *oldest;
    unsigned count;
    void (*drop)(struct nst_stmt *stmt, void *arg); /* gives the handle back */
    void *arg;
};

/* A free statement of this key, marked open; NULL when there is none. */
struct nst_stmt *nst_cache_take(struct nst_cache *c, struct nst_str key);

/* Add an empty statement, marked open; drops the longest unused one when full. */
struct nst_stmt *nst_cache_add(struct nst_cache *c, struct nst_str key);

/* Take one statement out, or all; handles are given back through c->drop. */
void nst_cache_remove(struct nst_cache *c, struct nst_stmt *stmt);
void nst_cache_clear(struct nst_cache *c);

/* ---- Connections ---- */

struct nst_rows {
    struct nst_db *db;
    struct nst_stmt *stmt;
    bool is_open;
    bool has_pending; /* SQLite: the first row is stepped to already */
    bool is_over;
    enum nst_err err; /* of a step, or of what was made of a row */
    void *result;     /* PGresult */
    int row, row_count;
    int64_t began; /* nst_ticks(); 0: nobody wants to know */
    int64_t count; /* of rows that were stepped to */
};

/* What a driver offers. `control` runs BEGIN, SAVEPOINT and the like, uncounted;
 * `script` runs one statement once, without a cache; `refused` is nst_sql_refused,
 * and may leave the transaction in need of a rollback. */
struct nst_engine {
    enum nst_err (*query)(struct nst_rows *rows, struct nst_str sql, const struct nst_value *values,
                          unsigned count);
    enum nst_err (*next)(bool *has_row, struct nst_rows *rows);
    void (*end)(struct nst_rows *rows);
    int64_t (*changed)(struct nst_rows *rows);
    bool (*is_null)(struct nst_rows *rows, unsigned column);
    enum nst_value_kind (*kind)(struct nst_rows *rows, unsigned column);
    int64_t (*number)(struct nst_rows *rows, unsigned column);
    bool (*boolean)(struct nst_rows *rows, unsigned column);
    struct nst_str (*text)(struct nst_rows *rows, unsigned column);
    enum nst_err (*control)(struct nst_db *db, struct nst_str sql);
    enum nst_err (*script)(struct nst_db *db, const char *sql);
    enum nst_err (*refused)(struct nst_str *why, struct nst_db *db, const struct nst_sql *q);
    void (*close)(struct nst_db *db);
};

struct nst_db {
    const struct nst_engine *engine;
    struct nst_store *store;
    struct nst_arena *scratch;
    struct nst_cache cache;
    struct nst_rows rows[OPEN_ROWS];
    uint64_t statements;
    unsigned savepoints;
    void *handle;      /* sqlite3, PGconn */
    enum nst_err lost; /* why the whole transaction is gone; NST_OK while it is not */
    bool in_tick;      /* readers: a read transaction is open */
    int64_t settled;   /* see nst_db_settled */
    unsigned seat;     /* of a writer in the store's `writing` */
    bool has_version;
    uint64_t commits; /* readers: the store's counter when the transaction began */
    int64_t version;  /* readers: SQLite's data_version */
    unsigned names;   /* PostgreSQL: statements named so far */
    bool is_usable;   /* PostgreSQL: the server can serve on this connection */
    bool is_struck;   /* a fault was injected into its present transaction */
    bool is_probe;    /* it is asked by the clock, not by requests: no fault is injected there */
    char state[6];    /* PostgreSQL: SQLSTATE of the last error, or empty */
    unsigned attempt; /* PostgreSQL: how often the present work has run before */
    bool is_hung;     /* PostgreSQL: the server does not answer on it any more */
    bool runs_once;   /* nst_db_run_once */
    bool is_patient;  /* PostgreSQL: this work may take as long as it takes */
    struct nst_standby *standby; /* of a replica: whose; NULL: of the store's own server */
    struct nst_db *next_idle;    /* of a replica: another one that nobody uses */
    int64_t server_start; /* of a replica: when the server began that answered the question */
    unsigned wait_ms;     /* of a replica: an answer may take so long; 0: as any other */
};

/* Make and free the part of a connection that both drivers share. */
struct nst_db *nst_db_new(struct nst_store *store, const struct nst_engine *engine);
void nst_db_free(struct nst_db *db);

/* End rows and forget savepoints that a work function left open. */
void nst_db_tidy(struct nst_db *db);

/* True once when the injected fault is due, which is never a replica's. What is done for a request
 * is known by nst_log_request: whoever runs a job says for whom by nst_log_for. */
bool nst_db_fails(struct nst_db *db);

/* ---- The store ---- */

enum nst_job_kind { NST_JOB_READ, NST_JOB_WRITE, NST_JOB_COMPUTE };

struct nst_job {
    struct nst_job *next;
    enum nst_job_kind kind;
    nst_work *work;
    nst_work_done *done;
    void *arg;
    enum nst_err err;
    int64_t since;          /* nst_ticks when it was queued */
    struct nst_str request; /* what it is for, as the log of who queued it has it; its own */
};

/* Jobs of one sort, the oldest first. */
struct nst_lane {
    struct nst_job *head, **tail;
    _Atomic unsigned count; /* changed under the queue's lock; read without */
};

/* Writes have a lane of their own: only so many may run at a time, so that those which
 * wait for each other leave threads to the others. */
struct nst_queue {
    pthread_mutex_t lock;
    pthread_cond_t filled;
    struct nst_lane writes, others;
    unsigned max; /* of a lane */
    unsigned writing, writers;
    bool is_closed;
};

/* Up to max jobs of the lane whose turn it is, as a list; waits for the first. A list of
 * writes is followed by nst_queue_wrote. NULL: closed, and nothing that may be taken. */
struct nst_job *nst_queue_take(struct nst_queue *q, unsigned max);
void nst_queue_wrote(struct nst_queue *q);

/* A commit that others may see already, while it is not on the disk yet. */
struct nst_flight {
    struct nst_flight *next;
    uint64_t number;
};

/* PostgreSQL: commits that did not wait for the disk, and who does it for them. */
struct nst_syncs {
    pthread_mutex_t lock;
    pthread_cond_t ended;
    uint64_t committed, synced; /* numbers of commits: the last, the last on the disk */
    uint64_t given_up;          /* the last that a hanging server was asked to sync */
    bool is_running;
    struct nst_flight *first, **end; /* by number, the last of which is `flights` */
    uint64_t flights;
    _Atomic unsigned writers; /* that have a transaction */
};

/* What a store counts, see struct nst_store_counts. Each part begins a line of the processor's
 * cache, since different threads write them. */
struct nst_store_tally {
    alignas(64) struct nst_counter page_hits, page_misses; /* by threads that read */
    alignas(64) struct nst_counter repeated, given_up;
    _Atomic unsigned in_use;
    alignas(64) struct nst_histogram batch, commit;                /* by threads that write */
    alignas(64) struct nst_counter elsewhere[NST_ELSEWHERE_COUNT]; /* by threads of the pool */
};

/* When a text that is slow was explained last. */
struct nst_plan_turn {
    uint64_t hash;
    int64_t at; /* nst_ticks() */
};

#define POOL_MAX 256 /* connections of a pool */

struct nst_store {
    struct nst_store_options options;
    char *url;
    uint64_t device, inode; /* SQLite: of the file that was opened */
    enum nst_dialect dialect;
    struct nst_queue writes;       /* SQLite: writes; PostgreSQL: reads and writes */
    struct nst_queue reads;        /* SQLite: those that no loop does */
    struct nst_queue computations; /* without a database */
    struct nst_queue probes;       /* reads that wait for nobody */
    struct nst_queue long_reads;   /* one at a time, for which nobody else waits */
    struct nst_db *writer;         /* SQLite only */
    pthread_t *thread;
    unsigned thread_count;
    _Atomic uint64_t commits;
    _Atomic int64_t writing[POOL_MAX]; /* since when each writer is in a transaction; 0: in none */
    _Atomic unsigned seats;            /* of writers, taken so far */
    struct nst_syncs syncs;
    _Atomic uint64_t written; /* PostgreSQL: statements of writes so far */
    struct nst_store_tally tally;
    _Atomic int64_t fail_in;
    _Atomic int64_t fail_again; /* the same after a fault, then one more each time; or 0 */
    bool fails_requests;        /* calls that are made for no request do not count */
    pthread_mutex_t log_lock;
    char *log_path;   /* NESTOR_SQL_LOG, or NULL */
    uint64_t *logged; /* hashes of the texts written there */
    size_t logged_count;
    struct nst_plan_turn plan[256]; /* for log_lock, too */
    struct nst_replica *replica;    /* NULL: none is set */
};

/* Write sql to the statement log unless this store has before. */
void nst_store_log_sql(struct nst_store *store, struct nst_str sql);

/* slow.c: the rows are over: tell about their statement if it took longer than
 * options.slow_ms. Has its plan told later, by another thread. */
void nst_slow_end(struct nst_rows *rows);

/* pg.c: "(bigint, unknown)" for the letters of types in front of a statement's key, in a. */
struct nst_str nst_pg_types(struct nst_arena *a, struct nst_str letters);

/* Do the job's work; what is logged meanwhile is of its request. Errors: the work's. */
enum nst_err nst_job_work(struct nst_job *job, struct nst_db *db);

/* Call the job's done and free it. */
void nst_job_finish(struct nst_job *job);

/* Does the extended code, with the errno that was left, say that there is no room? */
bool nst_sqlite_is_full(int code, int error);

/* Open one connection: the writer's, or a reader's. */
enum nst_err nst_sqlite_open(struct nst_db **out, struct nst_store *store, bool is_writer);

/* Run the jobs of a list in one commit and finish them; returns those that were
 * not run because the transaction was lost on the way. */
struct nst_job *nst_sqlite_group(struct nst_db *db, struct nst_job *jobs);

/* A write transaction of this connection is about to begin; it has ended, whichever way. */
void nst_store_write_begins(struct nst_db *db);
void nst_store_write_ends(struct nst_db *db);

/* A read transaction of this connection is about to begin: note what it will be settled until. */
void nst_store_read_begins(struct nst_db *db);

/* A connection object; it connects on first use. */
struct nst_db *nst_pg_new(struct nst_store *store);

/* Begin the session of a connection that libpq has made (a PGconn), whose owner db becomes.
 * Errors: NST_E_RETRY when it is none; logged but for a replica's. */
enum nst_err nst_pg_take_over(struct nst_db *db, void *handle);

/* Begin a transaction by that BEGIN, with the limits of time. Errors: those of nst_query. */
enum nst_err nst_pg_begin(struct nst_db *db, const char *sql);

/* Close its connection, if it has one. */
void nst_pg_disconnect(struct nst_db *db);

/* Is it connected, as far as is known, and in no transaction? */
bool nst_pg_is_idle(const struct nst_db *db);

/* What a connection calls itself, whatever its URL says: others are told by it. */
#define NST_APPLICATION "nestor"

/* Append rows by `COPY ... FROM STDIN` in its text format, inside a transaction. Blocks. */
enum nst_err nst_pg_load(struct nst_db *db, const char *sql, struct nst_str rows);

/* Check that the server answers. */
enum nst_err nst_pg_connect(struct nst_db *db);

/* nst_url_fault of an address of PostgreSQL. */
const char *nst_pg_url_fault(const char *url);

/* Bytes of the database, as the server says. */
enum nst_err nst_pg_size(int64_t *bytes, struct nst_db *db);

/* ---- Replicas ---- */

/* Where the log of the primary was when it was asked. */
struct nst_log_place {
    char lsn[24], timeline[16], mark[40];
};

/* UNKNOWN: the primary does not say what it must have. STRANGER: it is no replica, or one of
 * another server, or of another time of this one. FORBIDDEN: its user may not ask. REFUSING: it
 * answers with an error. PRIMARY: it is the store's own server, which may be one of several hosts.
 * Those up to UNKNOWN keep their connections. */
enum nst_readiness {
    NST_READY,
    NST_BEHIND,
    NST_UNKNOWN,
    NST_STRANGER,
    NST_FORBIDDEN,
    NST_REFUSING,
    NST_SILENT,
    NST_PRIMARY
};

/* One host of db.replica. What is not said otherwise is for the lock of its replica. */
struct nst_standby {
    struct nst_replica *replica;
    const char **names, **values; /* what libpq connects it with */
    struct nst_str name;          /* for the log */
    pthread_t thread;             /* looks after it */
    pthread_cond_t changed;       /* wakes it */
    bool has_thread;
    enum nst_readiness state;
    _Atomic bool is_silent; /* nobody needs to wait for its answers */
    struct nst_db *idle;
    unsigned connections;
    _Atomic int64_t backlog; /* bytes of the log that it has and has not replayed */
    bool is_told;            /* for its thread alone: the log has said something of it, */
    enum nst_readiness told; /* which was this, */
    int64_t since;           /* and was so last then */
};

#define NST_STANDBYS_MAX 8

struct nst_replica {
    struct nst_store *store;
    struct nst_arena *arena;
    pthread_mutex_t lock;
    struct nst_standby standby[NST_STANDBYS_MAX];
    unsigned count, turn;
    bool is_closed;
    bool must_note; /* the row of nst_timeline is of another start, or timeline */
    bool is_noting; /* a thread writes it, */
    int64_t noted;  /* and has tried to then */
};

/* When the server began, in microseconds: no two have that in common. */
#define NST_SERVER_START "CAST(extract(epoch FROM pg_postmaster_start_time()) * 1000000 AS bigint)"

/* standby.c: hosts out of a URL or a string of key=value; what is wrong with it, which is
 * static and names no secret, or NULL. */
const char *nst_standbys_read(struct nst_replica *r, struct nst_str url);

/* A connection object of s, which is not connected; connect it. Blocks for some seconds at most. */
struct nst_db *nst_standby_db(struct nst_standby *s);
bool nst_standby_connect(struct nst_db *db);

/* Has the server behind db everything up to `place`, of this primary? NULL: is it a replica at
 * all? Blocks for db->wait_ms. */
enum nst_readiness nst_standby_ask(struct nst_db *db, const struct nst_log_place *place);

/* Start the thread that looks after s; end it, which the replica's is_closed asks for before. */
enum nst_err nst_standby_start(struct nst_standby *s);
void nst_standby_stop(struct nst_standby *s);

/* Close those that nobody uses; the replica's lock is not held. */
void nst_standby_close_idle(struct nst_standby *s);

/* replica.c: write the primary's timeline down, if that is due: not within a second of the last
 * time. Blocks; on no thread of a pool. */
void nst_replica_note(struct nst_replica *r);

/* Has the server behind db, or in the time that a request has, what the primary has now? Blocks as
 * that. */
enum nst_readiness nst_replica_try(struct nst_db *db);

/* Its connections and their backlog; NULL: it has none. */
void nst_replica_count(struct nst_store_counts *out, struct nst_replica *r);

/* Is the server behind db, a STRANGER, the store's own? Blocks as any read. Returns PRIMARY,
 * STRANGER, or UNKNOWN when the primary does not answer. */
enum nst_readiness nst_replica_recognise(struct nst_db *db);

/* Stop its threads, close its connections, free it; NULL: there is none. */
void nst_replica_free(struct nst_replica *r);

/* ---- Migrations of a copy ---- */

/* The step that a store has run while a copy into it is not whole; no program has it, so that
 * each refuses the store, those that know of no copies included. */
#define NST_COPY_STEP INT64_C(1000000000)

/* The step of a store whose rows are another's now, which is its name; refused likewise. */
#define NST_LEFT_STEP (NST_COPY_STEP + 1)

/* As nst_migrate, for a store that is empty or half a copy: the mark comes first. */
enum nst_err nst_migrate_copy(struct nst_store *store, const struct nst_migration *steps,
                              unsigned count);

/* Lift the limits of time for the transaction of this work: it may take long. */
enum nst_err nst_db_be_patient(struct nst_db *db);

/* Run one job in its own transaction, again as needed; job->err is the outcome. */
void nst_pg_run(struct nst_db *db, struct nst_job *job);

/* Have the server look at all tables anew. Blocks. */
enum nst_err nst_pg_renew_statistics(struct nst_db *db);

/* A write took so many statements on this connection: have the server look at the
 * tables anew when it is time. Blocks then. */
void nst_pg_note_write(struct nst_db *db, uint64_t statements);

#endif
