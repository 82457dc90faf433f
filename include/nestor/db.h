/* The store: one dialect of SQL, two engines (SQLite, PostgreSQL).
 *
 * `struct nst_store` is the whole database with its threads; `struct nst_db` is
 * one connection, used by one thread at a time. Statements are prepared once
 * per connection, found again by their text; values are always bound. Texts use
 * $1, $2 ... and the subset of docs/sql.md: what it bans fails a test.
 *
 * Where work runs. On SQLite reads run on the caller's own reader connection,
 * inside one read transaction a tick; writes run one after another on one
 * writer thread, many to one durable commit, then each in a savepoint. On PostgreSQL
 * both run on a pool of threads, one connection and one transaction each, and
 * are run again after a serialization failure, a deadlock or a lost connection;
 * writes leave some of the threads to reads. What waits too long, for a thread, a
 * row or the server, ends as NST_E_BUSY. Work functions may therefore be
 * called more than once and must keep what they build in memory that they reset at
 * their start. */
#ifndef NESTOR_DB_H
#define NESTOR_DB_H

#include "nestor/base/buf.h"
#include "nestor/base/err.h"
#include "nestor/base/metric.h"

struct nst_store;
struct nst_db;
struct nst_rows;

enum nst_dialect { NST_SQLITE, NST_POSTGRESQL };

enum nst_value_kind { NST_VALUE_NULL, NST_VALUE_INT, NST_VALUE_BOOL, NST_VALUE_TEXT };

/* A value to bind: exactly one member counts, by kind. */
struct nst_value {
    enum nst_value_kind kind;
    int64_t number;      /* INT, and BOOL as 0 or 1 */
    struct nst_str text; /* must be valid UTF-8 without NUL on PostgreSQL: callers check */
};

#define NST_INT(i)  ((struct nst_value){ .kind = NST_VALUE_INT, .number = (i) })
#define NST_BOOL(b) ((struct nst_value){ .kind = NST_VALUE_BOOL, .number = (b) })
#define NST_TEXT(s) nst_value_text(s)
#define NST_NULL    ((struct nst_value){ .kind = NST_VALUE_NULL })

/* Text, or NULL for the null string. */
static inline struct nst_value nst_value_text(struct nst_str s)
{
    return (struct nst_value){ .kind = s.p != NULL ? NST_VALUE_TEXT : NST_VALUE_NULL, .text = s };
}

/* A statement being put together: text from the program, values from anywhere.
 * Conditions come from compiled tables only; request text is only ever bound. */
struct nst_sql {
    struct nst_buf text;
    struct nst_value *bound; /* one a `$n`; grows in the arena of the text */
    unsigned count, capacity;
};

/* Start an empty statement in a. */
void nst_sql_init(struct nst_sql *q, struct nst_arena *a);

/* Append program text; a literal or a text from a compiled table, never from a request. */
void nst_sql_add(struct nst_sql *q, const char *text);
void nst_sql_add_str(struct nst_sql *q, struct nst_str text);
#define nst_sql_addf(q, ...) nst_putf(&(q)->text, __VA_ARGS__)

/* Append `$n` and remember its value. */
void nst_sql_bind(struct nst_sql *q, struct nst_value v);

/* A stored time that becomes `time` ("$1"), but never earlier than it was, whatever the
 * clock says; the function binds the time. */
#define NST_SQL_LATER(column, time) \
    "CASE WHEN " column " > " time " THEN " column " ELSE " time " END"
void nst_sql_later(struct nst_sql *q, const char *column, int64_t time);

/* Let the SELECT that ends here hold its rows of the table until the transaction ends:
 * whoever else holds or changes them waits, and a row that changed while this one waited
 * is judged and read as it is now. Nothing is added on SQLite, where writers follow one
 * another. In writes only. */
void nst_sql_hold(struct nst_sql *q, const struct nst_db *db, const char *table);

/* As nst_sql_hold, for rows that are about to be erased: whoever writes a row that refers to
 * one of them (a foreign key) waits as well, and then finds it gone. What has been written by
 * then is seen by the statements that follow. Hold what is erased like this before what
 * refers to it is; for anything else it keeps others waiting for nothing. */
void nst_sql_hold_alone(struct nst_sql *q, const struct nst_db *db, const char *table);

/* As nst_sql_hold, for rows that a row about to be written refers to without a foreign key: they
 * may change meanwhile, but not be erased. Rows that were erased meanwhile are not found. */
void nst_sql_hold_key(struct nst_sql *q, const struct nst_db *db, const char *table);

/* A list after IN, a value at a time: " IN ($1", then ", $2". nst_sql_in_end closes it;
 * one without values is " IN (NULL)", which nothing is in.
 *   count  the values so far: 0 before the first */
void nst_sql_in(struct nst_sql *q, size_t *count, struct nst_value v);
void nst_sql_in_end(struct nst_sql *q, size_t count);

/* A row of an INSERT of many, behind "VALUES ": "($4, $5, $1, $2)".
 *   count  the rows so far: 0 before the first
 *   own    what this row alone has, n values
 *   rest   ", $1, $2": what all rows share, bound before, or ""; it stands behind them */
void nst_sql_row(struct nst_sql *q, size_t *count, const struct nst_value *own, size_t n,
                 const char *rest);

/* A place in a JSON document: the keys that lead to it, none of which has a quote or a
 * backslash; `document` is a column that holds JSON of this program's, or null. */
#define NST_JSON_KEYS_MAX 16
struct nst_json_place {
    struct nst_str document;
    struct nst_str key[NST_JSON_KEYS_MAX];
    size_t count;
};

/* Append what stands there as a text: of a text itself, of anything else its JSON; null where
 * nothing or a null is. And the condition that something, a null included, is there. */
void nst_sql_json_text(struct nst_sql *q, const struct nst_db *db,
                       const struct nst_json_place *place);
void nst_sql_json_has(struct nst_sql *q, const struct nst_db *db,
                      const struct nst_json_place *place);

/* Remember the value of the next `$n`, which stands in the text already; those of
 * another statement, whose text was appended. */
void nst_sql_push(struct nst_sql *q, struct nst_value v);
void nst_sql_push_all(struct nst_sql *q, const struct nst_sql *other);

/* ---- Running statements: on a connection, inside a transaction ---- */

/* Run a statement and step through its rows:
 *
 *     NST_TRY(nst_query_with(&rows, db, "SELECT id FROM t WHERE a = $1", NST_INT(1)));
 *     while (nst_rows_step(rows))
 *         nst_rows_fail(rows, use(nst_rows_int(rows, 0)));
 *     return nst_rows_end(rows);
 *
 *   rows   set on NST_OK; call nst_rows_end when done. At most 8 may be open on one
 *          connection at a time, two of the same text included.
 *   sql    statement text; it need not outlive the call
 *   values as many as the highest $n; their texts must live until nst_rows_end
 * The statement runs here up to its first row: a conflict shows here, not later.
 * Errors: NST_E_CONFLICT for a violated unique constraint, NST_E_FULL, NST_E_RETRY,
 * NST_E_BUSY for a lock held for too long, NST_E_DB (logged). After any error the transaction can
 * only be rolled back (use a savepoint where a conflict is expected). Blocks on the database. */
NST_CHECKED enum nst_err nst_query(struct nst_rows **rows, struct nst_db *db, struct nst_str sql,
                                   const struct nst_value *values, unsigned count);

/* Step to the next row. False: there is none, or an error, which nst_rows_end returns:
 * those of nst_query, or what nst_rows_fail was given. */
bool nst_rows_step(struct nst_rows *rows);

/* What was made of the rows went wrong: no step is made any more. NST_OK, and what comes
 * behind an error, changes nothing. */
void nst_rows_fail(struct nst_rows *rows, enum nst_err err);

/* Columns of the present row, from 0. Texts are valid until the next step. A
 * null reads as 0, false, the null string. */
bool nst_rows_is_null(struct nst_rows *rows, unsigned column);
int64_t nst_rows_int(struct nst_rows *rows, unsigned column);
bool nst_rows_bool(struct nst_rows *rows, unsigned column);
struct nst_str nst_rows_text(struct nst_rows *rows, unsigned column);

/* A column as a value that compares with it when it is bound. Text is valid until the
 * next step. */
struct nst_value nst_rows_value(struct nst_rows *rows, unsigned column);

/* Finish; rows is gone afterwards. Returns the first error since nst_query. */
NST_CHECKED enum nst_err nst_rows_end(struct nst_rows *rows);

/* Run a statement that gives no rows that matter.
 *   changed  number of rows written; may be NULL */
NST_CHECKED enum nst_err nst_exec(int64_t *changed, struct nst_db *db, struct nst_str sql,
                                  const struct nst_value *values, unsigned count);

/* A number; null where it is 0. */
static inline struct nst_value nst_int_or_null(int64_t number)
{
    return number != 0 ? NST_INT(number) : NST_NULL;
}

/* Does the statement find a row? Errors: those of nst_query. */
NST_CHECKED enum nst_err nst_exists(bool *out, struct nst_db *db, struct nst_str sql,
                                    const struct nst_value *values, unsigned count);

/* Shorthands for constant text: values are listed, at least one.
 * nst_exec_with(NULL, db, "UPDATE t SET a = $1", NST_INT(1)) */
#define nst_query_with(rows, db, literal, ...) \
    nst_query((rows), (db), NST_STR(literal), (const struct nst_value[]){ __VA_ARGS__ }, \
              sizeof((const struct nst_value[]){ __VA_ARGS__ }) / sizeof(struct nst_value))
#define nst_exec_with(changed, db, literal, ...) \
    nst_exec((changed), (db), NST_STR(literal), (const struct nst_value[]){ __VA_ARGS__ }, \
             sizeof((const struct nst_value[]){ __VA_ARGS__ }) / sizeof(struct nst_value))

#define nst_exists_with(out, db, literal, ...) \
    nst_exists((out), (db), NST_STR(literal), (const struct nst_value[]){ __VA_ARGS__ }, \
               sizeof((const struct nst_value[]){ __VA_ARGS__ }) / sizeof(struct nst_value))

/* The built statement q: query, execute, and the first column of the first row
 * as a number (*out keeps its value when there is no row; *found may be NULL). */
NST_CHECKED enum nst_err nst_sql_query(struct nst_rows **rows, struct nst_db *db,
                                       const struct nst_sql *q);
NST_CHECKED enum nst_err nst_sql_exec(int64_t *changed, struct nst_db *db, const struct nst_sql *q);
NST_CHECKED enum nst_err nst_sql_int(int64_t *out, bool *found, struct nst_db *db,
                                     const struct nst_sql *q);

/* Have the engine read the built statement q without running it.
 *   why  set on NST_OK to why it cannot run, in q's arena; null when it can
 * Errors: NST_E_RETRY, NST_E_DB for a connection that fails. Blocks on the database. */
NST_CHECKED enum nst_err nst_sql_refused(struct nst_str *why, struct nst_db *db,
                                         const struct nst_sql *q);

/* Savepoints nest up to 8 deep; each begin is followed by one of the others. */
NST_CHECKED enum nst_err nst_savepoint(struct nst_db *db);
NST_CHECKED enum nst_err nst_savepoint_release(struct nst_db *db);
NST_CHECKED enum nst_err nst_savepoint_rollback(struct nst_db *db);

/* The engine behind a connection. */
enum nst_dialect nst_db_dialect(const struct nst_db *db);

/* The store that db belongs to. */
struct nst_store *nst_db_store(struct nst_db *db);

/* Statements run on this connection so far: tests count with it. */
uint64_t nst_db_statements(const struct nst_db *db);

/* ---- The store ---- */

#define NST_MAP_NOTHING SIZE_MAX

struct nst_store_options {
    struct nst_str url; /* path of the SQLite file, or postgresql://... */
    unsigned pool;      /* PostgreSQL threads, a connection each; 0 means 8 */
    unsigned readers;   /* of these, those that writes leave to reads; all but one at most */
    unsigned batch;     /* writes to a SQLite commit at most; 0 means 256 */
    unsigned queue;     /* waiting at most, reads and writes each; 0 means 10000 */
    unsigned slow;      /* computations waiting at most; 0 means 64; beyond: NST_E_BUSY */
    size_t mmap;        /* SQLite: bytes to map; 0 means 1 GiB, NST_MAP_NOTHING none */
    bool is_read_only;  /* SQLite: of a file or folder that cannot be written */
    bool is_scratch;    /* SQLite: nobody needs it after a crash, and transactions are large */
    unsigned slow_ms;   /* a statement that takes as long is logged, with its plan; 0: none is */
    bool is_filled;     /* SQLite: another store is copied into it, foreign keys come in any order */
    bool is_alone;      /* SQLite: no other process may have it open; writes alone can be run */
    unsigned busy_ms;   /* wait for another process, a thread; 0 means 10000 */
    /* Of PostgreSQL: */
    unsigned lock_ms;         /* wait for a row that is held; 0: no limit */
    unsigned statement_ms;    /* a statement may take; 0: no limit. A server that is silent for
                                 some seconds longer is given up */
    unsigned connect_seconds; /* connecting may take; 0 means 5 */
    bool is_pooled;           /* each transaction may have another session of the server */
};

/* Open the database (SQLite: make the file when it is missing, mode 0600) and
 * start its threads. Does not migrate. Ignores SIGXFSZ in the whole process: a file that may
 * grow no more is answered with NST_E_FULL.
 *   out   set on NST_OK; close with nst_store_close
 * With is_read_only nothing is made or written: writes end with NST_E_DB.
 * Errors: NST_E_DB, logged with the reason; NST_E_BUSY when it is_alone and others have it open. */
NST_CHECKED enum nst_err nst_store_open(struct nst_store **out,
                                        const struct nst_store_options *options);

/* Finish what is queued, stop the threads, close. Readers must be closed. */
void nst_store_close(struct nst_store *store);

/* The engine that a URL names: PostgreSQL for postgresql:// and postgres://, else SQLite, whose is the
 * path of a file. */
enum nst_dialect nst_dialect_of(struct nst_str url);

/* What is wrong with how a URL or path is written, as the end of a sentence that shows no part of it, since that
 * may be a password; NULL: nothing that can be seen without connecting. */
const char *nst_url_fault(struct nst_str url);

/* What tells PostgreSQL where to connect (a URL, or key=value), as it may be shown: key=value with
 * *** for what is secret, all of it where it cannot be read. In a. */
struct nst_str nst_conninfo_shown(struct nst_arena *a, struct nst_str conninfo);

/* The engine behind a store. */
enum nst_dialect nst_store_dialect(const struct nst_store *store);

/* Work on a transaction. Returning an error rolls everything of this work back
 * (other work that shares the commit is not touched). May be called again. */
typedef enum nst_err nst_work(struct nst_db *db, void *arg);

/* Called once, on a thread of the store, when the outcome is durable: err is
 * what the work returned, or why it could not be committed; NST_E_BUSY after too
 * many repetitions or a lock held for too long. Must not block. */
typedef void nst_work_done(enum nst_err err, void *arg);

enum nst_mode { NST_MODE_READ, NST_MODE_WRITE };

/* Queue work. On a full queue done is called at once with NST_E_BUSY.
 * READ on SQLite is allowed too and runs on a thread with a reader of its own. */
void nst_store_submit(struct nst_store *store, enum nst_mode mode, nst_work *work,
                      nst_work_done *done, void *arg);

/* Queue a computation that needs no transaction of its own (password hashing):
 * work runs on a job thread; db is NULL. At most `nproc` run at a time, and as many as
 * the options say wait: beyond, done is called at once with NST_E_BUSY. */
void nst_store_submit_job(struct nst_store *store, nst_work *work, nst_work_done *done, void *arg);

/* Queue a read on a thread and connection that nothing else uses: for asking whether the
 * store answers, however much others have to do. */
void nst_store_submit_probe(struct nst_store *store, nst_work *work, nst_work_done *done,
                            void *arg);

/* Queue a read that takes long: they run one at a time on a thread and connection of their own, so
 * that nothing else waits for them. One that has waited for longer than busy_ms fails with
 * NST_E_BUSY, as any does on a full queue. */
void nst_store_submit_long(struct nst_store *store, nst_work *work, nst_work_done *done, void *arg);

/* Run work and wait for its durable outcome: for the command line and jobs.
 * Never call it on a thread of the store. */
NST_CHECKED enum nst_err nst_store_run(struct nst_store *store, enum nst_mode mode, nst_work *work,
                                       void *arg);

/* Whether writes still have a place: false where the file of a SQLite store was removed or replaced, though
 * reads go on in the one that is open. */
bool nst_db_is_there(const struct nst_db *db);

/* In a read: what it does from here on is seen outside, such as what it prints, so it must not be run
 * again. A connection that is lost behind this ends it with NST_E_DB, logged; one that is lost when
 * all was read loses nothing. Does not block. */
void nst_db_run_once(struct nst_db *db);

/* ---- Stores that keep nothing (scratch.c) ---- */

/* Open a store on what `of` has now, in which a write can be tried: on SQLite a copy of the file,
 * on PostgreSQL the same database, where work that is tried must be rolled back (it returns an
 * error) and keeps others from the rows that it changes as any other work does.
 *   out   set on NST_OK; close with nst_scratch_close
 *   path    of the copy, which must not be there, and is not where an error is returned;
 *           outlives the store
 *   is_cut  asked now and then: true breaks it off
 * Blocks for the time of the copy. Errors: NST_E_BUSY where it was broken off, NST_E_FULL,
 * NST_E_DB, logged. */
typedef bool nst_copy_cut(void *arg);
NST_CHECKED enum nst_err nst_scratch_open(struct nst_store **out, struct nst_store *of,
                                          struct nst_str path, nst_copy_cut *is_cut, void *arg);

/* Close it (NULL: it is not open) and remove the copy. */
void nst_scratch_close(struct nst_store *store, struct nst_str path);

/* First in such work: the numbers of rows that it takes (nst_next_id) are no numbers of others, so
 * that nobody waits for them. Nor does it see or keep others from rows of the tables `own`
 * (NULL-terminated), which are empty on PostgreSQL.
 * Errors: those of nst_query. */
NST_CHECKED enum nst_err nst_scratch_begin(struct nst_db *db, const char *const *own);

/* ---- Replicas: PostgreSQL only ---- */

/* From now on reads may ask for a replica (nst_replica_enter). It may be away; it is looked for in
 * the background, and the log tells when it goes and comes. Once, after nst_migrate, whose steps
 * have made the table nst_timeline.
 *   url    a libpq URL or key=value string; several hosts are several replicas
 *   fault  set when it is no such thing: what is wrong, to be put behind a name of the setting.
 *          Else NULL.
 * Blocks on the database. Errors: NST_E_INVALID with a fault, else NST_E_DB, logged. */
NST_CHECKED enum nst_err nst_replica_start(const char **fault, struct nst_store *store,
                                           struct nst_str url);

/* In a read: a connection to a replica that has everything the primary has flushed by now, hence
 * every write that was answered, in a read transaction of its own.
 *   out  followed by nst_replica_leave on the same thread; NULL when there is none: it is away, or
 *        has not come so far within 50 ms. The read goes on with db then.
 * Errors: those of nst_query, of db. */
NST_CHECKED enum nst_err nst_replica_enter(struct nst_db **out, struct nst_db *db);

/* End what was read there with the outcome err. Returns NST_OK when it holds, NST_E_BUSY when a
 * limit of time was reached, and otherwise NST_E_RETRY: it is to be read from the primary. */
NST_CHECKED enum nst_err nst_replica_leave(struct nst_db *replica, enum nst_err err);

/* Ask now how each replica of `url` is, for people. Blocks for some seconds each.
 *   tell  called with its host, and what is wrong with it, or NULL when it is well; with a null
 *         host where the URL itself is wrong
 * Errors: those of nst_query on the primary. */
typedef void nst_replica_told(void *arg, struct nst_str host, const char *complaint);
NST_CHECKED enum nst_err nst_replica_examine(struct nst_store *store, struct nst_str url,
                                             nst_replica_told *tell, void *arg);

/* ---- Readers: SQLite only, for event loops ---- */

/* True when reads are fast enough to run on the caller's thread (SQLite). */
bool nst_store_reads_inline(const struct nst_store *store);

/* A connection of the caller's own for reading. Belongs to one thread. */
NST_CHECKED enum nst_err nst_reader_open(struct nst_db **out, struct nst_store *store);
void nst_reader_close(struct nst_db *db);

/* Enter the tick's read transaction: it is begun when there is none, and begun
 * anew when this process has committed since, so that every acknowledged write
 * is seen. Cheap when nothing happened.
 *   changed  set true when the data may differ from the last call's (any
 *            process wrote): caches of this reader must be dropped. May be NULL. */
NST_CHECKED enum nst_err nst_reader_enter(struct nst_db *db, bool *changed);

/* A time in microseconds up to which a read has everything: what it does not see was stamped by a
 * transaction of this store that began then or later (nst_now of its work). Of other processes on
 * the same database nothing is known. */
int64_t nst_db_settled(const struct nst_db *db);

/* End of the tick: leave the read transaction, if one is open. */
void nst_reader_leave(struct nst_db *db);

/* ---- How it goes ---- */

/* Where reads went that may go to a replica, and why not there. */
enum nst_elsewhere {
    NST_ELSEWHERE_REPLICA,
    NST_ELSEWHERE_BEHIND, /* it had not come so far */
    NST_ELSEWHERE_AWAY,   /* there was none, or none was free */
    NST_ELSEWHERE_FAILED, /* it gave no answer, or was cut: read again */
    NST_ELSEWHERE_COUNT
};

/* What a store has counted since it was opened, and what it holds now. */
struct nst_store_counts {
    int64_t writes_waiting, reads_waiting, computations_waiting; /* in queues; on PostgreSQL the
                                                                    first two wait for a connection */
    int64_t connections, in_use;      /* PostgreSQL: of the pool, at most and now; else 0 */
    int64_t commits;                  /* of writes */
    int64_t repeated, given_up;       /* PostgreSQL: transactions that ran again; in vain */
    int64_t page_hits, page_misses;   /* SQLite: pages that readers found in their caches, or did
                                         not; those that are mapped count as neither */
    int64_t elsewhere[NST_ELSEWHERE_COUNT]; /* reads that may go to a replica, if one is set */
    int64_t replica_connections;            /* to replicas that are well */
    int64_t replica_backlog;                /* bytes of the log that one of them has still to
                                               replay, at most; -1: none is well */
    bool has_replica;
    struct nst_histogram_sum batch;   /* SQLite: writes to a commit */
    struct nst_histogram_sum commit;  /* microseconds that commits took until they were durable */
};

/* Buckets of `batch` and `commit`. */
extern const struct nst_buckets nst_store_batch_buckets, nst_store_commit_buckets;

/* Read them; any thread. Waits for nobody, and nobody for it. */
void nst_store_count(struct nst_store_counts *out, const struct nst_store *store);

/* Bytes that the database takes: of SQLite the file, and of its log besides; of PostgreSQL what
 * the server says, and no log (-1). In a read; on PostgreSQL it asks the server. */
NST_CHECKED enum nst_err nst_db_size(int64_t *bytes, int64_t *log_bytes, struct nst_db *db);

/* ---- Upkeep (upkeep.c) ---- */

enum nst_upkeep {
    NST_COMPACT, /* room of rows that are gone: back to the disk (SQLite), or free for others */
    NST_REINDEX  /* all indexes anew */
};

/* Do it while others use the store. Who reads never waits; writers wait on SQLite for as long as
 * it takes, or for their busy_ms. Blocks, on a connection of its own.
 * Errors: NST_E_BUSY when others write for too long; NST_E_FULL; NST_E_DB, logged. */
NST_CHECKED enum nst_err nst_store_keep_up(struct nst_store *store, enum nst_upkeep what);

/* ---- Migrations ---- */

/* One step; `sql` holds statements separated by `;` at line ends. A line that
 * starts with `--sqlite:` or `--postgresql:` counts, without that mark, on that
 * engine only; other comment lines are dropped. */
struct nst_migration {
    unsigned number; /* from 1 */
    const char *name;
    const char *sql;
};

/* Run the steps that the store has not run yet, in the order of the list, one
 * transaction a step; all in one in a store that has run none. Beside its number the
 * store keeps a checksum of each step's statements on its engine: comments and blanks
 * at the ends of lines do not count.
 *   applied  number of steps run now; may be NULL
 * Errors, each logged in a sentence: NST_E_CONFLICT when the database has a step that
 * the program does not know, NST_E_INTERNAL when two steps have one number or one
 * was changed after it ran, NST_E_DB. A store that is read-only must have run all. */
NST_CHECKED enum nst_err nst_migrate(unsigned *applied, struct nst_store *store,
                                     const struct nst_migration *steps, unsigned count);

/* ---- Numbers of rows ---- */

/* The step that makes the table of counters, before a row without name. It comes last, since
 * others may make that table, and has a number that no program can have. */
extern const struct nst_migration nst_numbers_step[];

/* The statement of nst_next_id: the counter's name, 1 + count, count. */
#define NST_NEXT_ID \
    "INSERT INTO nst_counter (name, next) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE " \
    "SET next = nst_counter.next + $3 RETURNING next"

/* The next number of the named counter (or the first of `count` in a row). Ids
 * are never given out twice. Serializes writers of one counter.
 * Errors: those of nst_query. */
NST_CHECKED enum nst_err nst_next_id(int64_t *out, struct nst_db *db, const char *counter,
                                     int64_t count);

/* ---- Faults, for tests ---- */

/* Make the n-th database call (statement or commit) of the store from now on
 * fail with NST_E_DB, once; 0 switches off. Also set at open by the environment
 * variable NESTOR_FAIL_DB_CALL, where "n+" goes on: with the second call after the
 * transaction that failed, then with the third after the next one, and so on, so that
 * a request that is sent again and again fails at each of its calls in turn. The log
 * says when it fired. */
void nst_store_fail_call(struct nst_store *store, uint64_t n);

#endif
