/* The SQLite driver: connections, statements, the reader's tick and the
 * writer's group commit. It knows nothing of threads: store.c gives every
 * connection to one thread at a time. */
#include "internal.h"

#include "nestor/base/time.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define READER_CACHE_KIB 4096
#define WRITER_CACHE_KIB 16384
#define WAL_KEPT_BYTES   (64 << 20)

static enum nst_err log_failure(struct nst_db *db, const char *event)
{
    const char *reason = sqlite3_errmsg(db->handle);
    nst_log(NST_LOG_ERROR, event, NST_LOG_STR("reason", nst_str_z(reason)),
            NST_LOG_INT("code", sqlite3_extended_errcode(db->handle)));
    return NST_E_DB;
}

/* SQLite has a code for a disk without room, but none for a quota or the limit of a file's
 * size: of these only the call that failed tells. */
bool nst_sqlite_is_full(int code, int error)
{
    return code == SQLITE_FULL || code == SQLITE_IOERR_SHMSIZE ||
           (code == SQLITE_IOERR_WRITE && (error == EDQUOT || error == EFBIG));
}

/* The error of the last call. SQLite ends the whole transaction by itself after
 * some failures of the disk: db->lost tells the writer. */
static enum nst_err failure(struct nst_db *db)
{
    int error = errno, code = sqlite3_extended_errcode(db->handle);
    enum nst_err err = nst_sqlite_is_full(code, error) ? NST_E_FULL : NST_E_DB;
    const char *event = err == NST_E_FULL ? "store full" : "database error";
    switch (code) {
    case SQLITE_CONSTRAINT_UNIQUE:
    case SQLITE_CONSTRAINT_PRIMARYKEY:
    case SQLITE_CONSTRAINT_ROWID:
        return NST_E_CONFLICT;
    case SQLITE_BUSY:
    case SQLITE_BUSY_RECOVERY:
        err = NST_E_BUSY;
        event = "store locked by another process";
        break;
    default:
        break;
    }
    (void)log_failure(db, event);
    if (sqlite3_get_autocommit(db->handle))
        db->lost = err;
    return err;
}

/* ---- Statements ---- */

static void drop_statement(struct nst_stmt *stmt, void *arg)
{
    (void)arg;
    sqlite3_finalize(stmt->handle);
}

/* `$n` counts by first appearance in SQLite, `?n` by its number. */
static struct nst_str to_question_marks(struct nst_arena *a, struct nst_str sql)
{
    char *text = nst_alloc_text(a, sql.n);
    char quote = '\0';
    for (size_t i = 0; i < sql.n; i++) {
        char c = sql.p[i];
        if (quote != '\0')
            quote = c == quote ? '\0' : quote;
        else if (c == '\'' || c == '"')
            quote = c;
        else if (c == '$')
            c = '?';
        text[i] = c;
    }
    return (struct nst_str){ text, sql.n };
}

static enum nst_err prepare(struct nst_stmt **out, struct nst_db *db, struct nst_str sql)
{
    struct nst_stmt *stmt = nst_cache_take(&db->cache, sql);
    if (stmt == NULL) {
        struct nst_mark mark = nst_arena_mark(db->scratch);
        struct nst_str text = to_question_marks(db->scratch, sql);
        sqlite3_stmt *handle = NULL;
        int code = text.n > INT_MAX ? SQLITE_TOOBIG
                                    : sqlite3_prepare_v3(db->handle, text.p, (int)text.n,
                                                         SQLITE_PREPARE_PERSISTENT, &handle, NULL);
        nst_arena_rewind(db->scratch, mark);
        if (code != SQLITE_OK || handle == NULL) {
            enum nst_err err = failure(db);
            nst_log(NST_LOG_ERROR, "statement refused", NST_LOG_STR("sql", sql));
            assert(err != NST_OK);
            return err;
        }
        stmt = nst_cache_add(&db->cache, sql);
        stmt->handle = handle;
        stmt->parameters = (unsigned)sqlite3_bind_parameter_count(handle);
    }
    *out = stmt;
    return NST_OK;
}

static int bind_one(sqlite3_stmt *handle, int at, const struct nst_value *v)
{
    switch (v->kind) {
    case NST_VALUE_INT:
        return sqlite3_bind_int64(handle, at, v->number);
    case NST_VALUE_BOOL:
        return sqlite3_bind_int(handle, at, v->number != 0);
    case NST_VALUE_TEXT:
        return sqlite3_bind_text64(handle, at, v->text.p, v->text.n, SQLITE_STATIC, SQLITE_UTF8);
    case NST_VALUE_NULL:
        break;
    }
    return sqlite3_bind_null(handle, at);
}

/* Every parameter is bound every time, so bindings need no clearing. */
static enum nst_err bind_all(struct nst_db *db, struct nst_stmt *stmt,
                             const struct nst_value *values, unsigned count)
{
    if (count != stmt->parameters) {
        nst_log(NST_LOG_ERROR, "wrong number of values",
                NST_LOG_STR("sql", ((struct nst_str){ stmt->key, stmt->key_size })),
                NST_LOG_INT("values", count));
        return NST_E_DB;
    }
    for (unsigned i = 0; i < count; i++) {
        if (bind_one(stmt->handle, (int)i + 1, &values[i]) != SQLITE_OK)
            return failure(db);
    }
    return NST_OK;
}

/* Steps at once, so that a conflict shows here as it does on PostgreSQL. */
static enum nst_err query(struct nst_rows *rows, struct nst_str sql, const struct nst_value *values,
                          unsigned count)
{
    struct nst_db *db = rows->db;
    NST_TRY(prepare(&rows->stmt, db, sql));
    nst_store_log_sql(db->store, sql);
    NST_TRY(bind_all(db, rows->stmt, values, count));
    int code = sqlite3_step(rows->stmt->handle);
    if (code != SQLITE_ROW && code != SQLITE_DONE)
        return failure(db);
    rows->has_pending = code == SQLITE_ROW;
    rows->is_over = code == SQLITE_DONE;
    return NST_OK;
}

static enum nst_err next(bool *has_row, struct nst_rows *rows)
{
    if (rows->has_pending || rows->is_over) {
        *has_row = rows->has_pending;
        rows->has_pending = false;
        return NST_OK;
    }
    int code = sqlite3_step(rows->stmt->handle);
    if (code != SQLITE_ROW && code != SQLITE_DONE)
        return failure(rows->db);
    *has_row = code == SQLITE_ROW;
    rows->is_over = code == SQLITE_DONE;
    return NST_OK;
}

static void end(struct nst_rows *rows)
{
    if (rows->stmt == NULL)
        return;
    sqlite3_reset(rows->stmt->handle);
    rows->stmt->is_open = false;
}

static int64_t changed(struct nst_rows *rows)
{
    bool writes = !sqlite3_stmt_readonly(rows->stmt->handle);
    return writes ? sqlite3_changes64(rows->db->handle) : 0;
}

static bool is_null(struct nst_rows *rows, unsigned column)
{
    return sqlite3_column_type(rows->stmt->handle, (int)column) == SQLITE_NULL;
}

static enum nst_value_kind kind(struct nst_rows *rows, unsigned column)
{
    switch (sqlite3_column_type(rows->stmt->handle, (int)column)) {
    case SQLITE_NULL:
        return NST_VALUE_NULL;
    case SQLITE_INTEGER:
        return NST_VALUE_INT;
    default:
        return NST_VALUE_TEXT;
    }
}

static int64_t number(struct nst_rows *rows, unsigned column)
{
    return sqlite3_column_int64(rows->stmt->handle, (int)column);
}

static bool boolean(struct nst_rows *rows, unsigned column)
{
    return sqlite3_column_int64(rows->stmt->handle, (int)column) != 0;
}

static struct nst_str text(struct nst_rows *rows, unsigned column)
{
    const unsigned char *p = sqlite3_column_text(rows->stmt->handle, (int)column);
    if (p == NULL)
        return (struct nst_str){ 0 };
    int n = sqlite3_column_bytes(rows->stmt->handle, (int)column);
    return (struct nst_str){ (const char *)p, (size_t)n };
}

static enum nst_err control(struct nst_db *db, struct nst_str sql)
{
    struct nst_stmt *stmt = NULL;
    NST_TRY(prepare(&stmt, db, sql));
    int code = sqlite3_step(stmt->handle);
    enum nst_err err = code == SQLITE_DONE || code == SQLITE_ROW ? NST_OK : failure(db);
    sqlite3_reset(stmt->handle);
    stmt->is_open = false;
    return err;
}

static enum nst_err script(struct nst_db *db, const char *sql)
{
    return sqlite3_exec(db->handle, sql, NULL, NULL, NULL) == SQLITE_OK ? NST_OK : failure(db);
}

static enum nst_err refused(struct nst_str *why, struct nst_db *db, const struct nst_sql *q)
{
    struct nst_str text = to_question_marks(q->text.arena, nst_buf_str(&q->text));
    sqlite3_stmt *handle = NULL;
    if (sqlite3_prepare_v2(db->handle, text.p, (int)text.n, &handle, NULL) != SQLITE_OK)
        *why = nst_str_copy(q->text.arena, nst_str_z(sqlite3_errmsg(db->handle)));
    sqlite3_finalize(handle);
    return NST_OK;
}

/* ---- Connections ---- */

static void close_connection(struct nst_db *db)
{
    nst_db_tidy(db);
    nst_cache_clear(&db->cache);
    sqlite3_close(db->handle);
    nst_db_free(db);
}

static const struct nst_engine sqlite_engine = {
    .query = query,
    .next = next,
    .end = end,
    .changed = changed,
    .is_null = is_null,
    .kind = kind,
    .number = number,
    .boolean = boolean,
    .text = text,
    .control = control,
    .script = script,
    .refused = refused,
    .close = close_connection,
};

static pthread_once_t configured = PTHREAD_ONCE_INIT;

/* Refused when somebody in the process has used SQLite before: only speed. */
static void configure(void)
{
    (void)sqlite3_config(SQLITE_CONFIG_MULTITHREAD);
    (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

/* ---- string_agg(text, separator), as PostgreSQL has it: SQLite's own came with 3.44 ---- */

static void agg_step(sqlite3_context *context, int count, sqlite3_value **value)
{
    sqlite3_str **text = sqlite3_aggregate_context(context, sizeof(sqlite3_str *));
    (void)count;
    if (text == NULL || sqlite3_value_type(value[0]) == SQLITE_NULL)
        return;
    if (*text == NULL)
        *text = sqlite3_str_new(sqlite3_context_db_handle(context));
    else
        sqlite3_str_appendall(*text, (const char *)sqlite3_value_text(value[1]));
    sqlite3_str_append(*text, (const char *)sqlite3_value_text(value[0]),
                       sqlite3_value_bytes(value[0]));
}

/* Null where there was nothing. */
static void agg_final(sqlite3_context *context)
{
    sqlite3_str **text = sqlite3_aggregate_context(context, 0);
    if (text == NULL || *text == NULL)
        return;
    int length = sqlite3_str_length(*text);
    if (sqlite3_str_errcode(*text) != SQLITE_OK)
        sqlite3_result_error_code(context, sqlite3_str_errcode(*text));
    else
        sqlite3_result_text(context, length > 0 ? sqlite3_str_value(*text) : "", length,
                            SQLITE_TRANSIENT);
    sqlite3_free(sqlite3_str_finish(*text));
}

static int add_functions(sqlite3 *handle)
{
    return sqlite3_create_function_v2(handle, "string_agg", 2, SQLITE_UTF8 | SQLITE_DETERMINISTIC,
                                      NULL, NULL, agg_step, agg_final, NULL);
}

static enum nst_err set_up(struct nst_db *db, bool is_writer)
{
    const struct nst_store_options *o = &db->store->options;
    char sql[512];
    if (add_functions(db->handle) != SQLITE_OK)
        return log_failure(db, "cannot add functions");
    if (o->is_read_only) {
        snprintf(sql, sizeof(sql), "PRAGMA query_only = 1; PRAGMA mmap_size = %zu", o->mmap);
        return script(db, sql);
    }
    snprintf(
        sql, sizeof(sql),
        "PRAGMA locking_mode = %s; PRAGMA busy_timeout = %u; PRAGMA journal_mode = WAL;"
        "PRAGMA synchronous = %s; PRAGMA foreign_keys = %d; PRAGMA secure_delete = OFF; PRAGMA "
        "mmap_size = %zu;"
        "PRAGMA wal_autocheckpoint = 4000; PRAGMA temp_store = %s;" /* savepoints keep the pages
                                                                       they change there */
        "PRAGMA cache_size = -%d; PRAGMA journal_size_limit = %d; PRAGMA query_only = %d",
        o->is_alone ? "EXCLUSIVE" : "NORMAL", o->busy_ms, o->is_scratch ? "OFF" : "FULL",
        !o->is_filled, o->mmap, o->is_scratch ? "FILE" : "MEMORY",
        is_writer ? WRITER_CACHE_KIB : READER_CACHE_KIB, WAL_KEPT_BYTES, !is_writer);
    return script(db, sql);
}

/* SQLite would make the file with the umask's mode; the log and the index
 * beside it then take over the mode of this one. */
static void make_file(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd >= 0)
        close(fd);
}

/* A file that cannot be written and has no log is opened as one that nobody changes:
 * otherwise SQLite would make the index of the log beside it. */
static int open_handle(sqlite3 **handle, const struct nst_store *store)
{
    struct nst_arena *a = nst_arena_new(SCRATCH_BYTES);
    struct nst_buf uri;
    struct stat log;
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;
    nst_buf_init(&uri, a, SIZE_MAX / 4);
    nst_put_lit(&uri, "file:");
    nst_put_percent(&uri, nst_str_z(store->url), "/");
    bool has_log = stat(nst_strf(a, "%s-wal", store->url).p, &log) == 0 && log.st_size > 0;
    if (store->options.is_read_only)
        flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_URI;
    nst_put_z(&uri, has_log ? "" : "?immutable=1");
    int code = sqlite3_open_v2(store->options.is_read_only ? nst_str_to_z(a, nst_buf_str(&uri))
                                                           : store->url,
                               handle, flags, NULL);
    nst_arena_free(a);
    return code;
}

static void note_file(struct nst_store *store)
{
    struct stat file;
    if (stat(store->url, &file) != 0)
        return;
    store->device = file.st_dev;
    store->inode = file.st_ino;
}

enum nst_err nst_sqlite_open(struct nst_db **out, struct nst_store *store, bool is_writer)
{
    pthread_once(&configured, configure);
    struct nst_db *db = nst_db_new(store, &sqlite_engine);
    db->cache.drop = drop_statement;
    sqlite3 *handle = NULL;
    if (is_writer)
        make_file(store->url);
    int code = open_handle(&handle, store);
    db->handle = handle;
    sqlite3_extended_result_codes(handle, 1);
    enum nst_err err =
        code == SQLITE_OK ? set_up(db, is_writer) : log_failure(db, "cannot open the database");
    if (err != NST_OK) {
        close_connection(db);
        return err == NST_E_BUSY && store->options.is_alone ? err : NST_E_DB;
    }
    if (is_writer)
        note_file(store);
    *out = db;
    return NST_OK;
}

/* ---- The reader's tick ---- */

enum nst_err nst_reader_open(struct nst_db **out, struct nst_store *store)
{
    return nst_sqlite_open(out, store, false);
}

void nst_reader_close(struct nst_db *db)
{
    if (db == NULL)
        return;
    nst_reader_leave(db);
    db->engine->close(db);
}

/* Reading the version also takes the snapshot, so that version and data agree. */
static enum nst_err read_version(int64_t *out, struct nst_db *db)
{
    struct nst_stmt *stmt;
    NST_TRY(prepare(&stmt, db, NST_STR("PRAGMA data_version")));
    enum nst_err err = NST_OK;
    if (sqlite3_step(stmt->handle) == SQLITE_ROW)
        *out = sqlite3_column_int64(stmt->handle, 0);
    else
        err = failure(db);
    sqlite3_reset(stmt->handle);
    stmt->is_open = false;
    return err;
}

enum nst_err nst_reader_enter(struct nst_db *db, bool *changed_out)
{
    uint64_t commits = atomic_load(&db->store->commits);
    if (changed_out != NULL)
        *changed_out = false;
    if (db->in_tick && db->commits == commits)
        return NST_OK;
    nst_reader_leave(db);
    nst_store_read_begins(db);
    NST_TRY(control(db, NST_STR("BEGIN")));
    db->in_tick = true;
    db->is_struck = false;
    int64_t version = 0;
    enum nst_err err = read_version(&version, db);
    if (err != NST_OK) {
        nst_reader_leave(db);
        return err;
    }
    if (changed_out != NULL)
        *changed_out = !db->has_version || version != db->version;
    db->has_version = true;
    db->version = version;
    db->commits = commits;
    return NST_OK;
}

/* SQLite counts by connection, which only its own thread may ask. */
static void count_pages(struct nst_db *db)
{
    struct nst_store_tally *tally = &db->store->tally;
    int hits = 0, misses = 0, high = 0;
    sqlite3_db_status(db->handle, SQLITE_DBSTATUS_CACHE_HIT, &hits, &high, 1);
    sqlite3_db_status(db->handle, SQLITE_DBSTATUS_CACHE_MISS, &misses, &high, 1);
    if (hits > 0)
        nst_count(&tally->page_hits, (uint64_t)hits);
    if (misses > 0)
        nst_count(&tally->page_misses, (uint64_t)misses);
}

void nst_reader_leave(struct nst_db *db)
{
    nst_db_tidy(db);
    if (db->in_tick)
        count_pages(db);
    if (db->in_tick && !sqlite3_get_autocommit(db->handle) &&
        control(db, NST_STR("COMMIT")) != NST_OK)
        nst_log(NST_LOG_WARN, "reader could not end its transaction",
                NST_LOG_INT("code", sqlite3_extended_errcode(db->handle)));
    db->in_tick = false;
}

/* ---- The writer's group commit ---- */

/* A deferred foreign key would fail the commit of the whole group: charge it to
 * the work that left it open. */
static enum nst_err check_foreign_keys(struct nst_db *db)
{
    int open_keys = 0, high = 0;
    sqlite3_db_status(db->handle, SQLITE_DBSTATUS_DEFERRED_FKS, &open_keys, &high, 0);
    if (open_keys == 0)
        return NST_OK;
    nst_log(NST_LOG_ERROR, "foreign key left open", NST_LOG_INT("count", open_keys));
    return NST_E_DB;
}

/* Run the work inside the open transaction; false when it has ended that. */
static bool run_work(struct nst_db *db, struct nst_job *job)
{
    job->err = nst_job_work(job, db);
    nst_db_tidy(db);
    if (sqlite3_get_autocommit(db->handle)) {
        db->lost = db->lost != NST_OK ? db->lost : NST_E_DB;
        job->err = job->err != NST_OK ? job->err : db->lost;
        return false;
    }
    if (job->err == NST_OK)
        job->err = check_foreign_keys(db);
    return true;
}

static void run_in_savepoint(struct nst_db *db, struct nst_job *job)
{
    job->err = control(db, NST_STR("SAVEPOINT nst_work"));
    if (job->err != NST_OK || !run_work(db, job))
        return;
    if (job->err != NST_OK && control(db, NST_STR("ROLLBACK TO nst_work")) != NST_OK)
        db->lost = NST_E_DB;
    if (control(db, NST_STR("RELEASE nst_work")) != NST_OK)
        db->lost = NST_E_DB;
}

/* Work that is alone fails together with its transaction and needs no savepoint. Large
 * work must not have one: at the end of each statement SQLite walks over all pages that
 * the savepoint keeps. */
static void run_alone(struct nst_db *db, struct nst_job *job)
{
    (void)run_work(db, job);
    if (job->err != NST_OK && db->lost == NST_OK)
        db->lost = job->err;
}

/* Is the file that was opened still the one of this name? One that was unlinked or
 * replaced takes all writes and shows them to nobody after the next start. */
static bool is_same_file(const struct nst_store *store)
{
    struct stat file;
    return stat(store->url, &file) == 0 && file.st_dev == store->device &&
           file.st_ino == store->inode;
}

bool nst_db_is_there(const struct nst_db *db)
{
    return db->store->dialect != NST_SQLITE || is_same_file(db->store);
}

static enum nst_err check_file(const struct nst_store *store)
{
    if (is_same_file(store))
        return NST_OK;
    nst_log(NST_LOG_ERROR,
            "the database file was removed or replaced while the program runs; nothing is written "
            "any more: put it back and restart",
            NST_LOG_STR("file", nst_str_z(store->url)));
    return NST_E_DB;
}

/* The file is looked at after the commit, so that what is acknowledged is in it. */
static enum nst_err commit(struct nst_db *db)
{
    if (db->lost != NST_OK)
        return db->lost;
    if (nst_db_fails(db))
        return NST_E_DB;
    int64_t since = nst_ticks();
    NST_TRY(control(db, NST_STR("COMMIT")));
    nst_histogram_count(&db->store->tally.commit, &nst_store_commit_buckets, nst_ticks() - since);
    atomic_fetch_add(&db->store->commits, 1);
    return check_file(db->store);
}

static void finish_all(struct nst_job *jobs, enum nst_err err)
{
    while (jobs != NULL) {
        struct nst_job *job = jobs;
        jobs = job->next;
        if (err != NST_OK && job->err == NST_OK)
            job->err = err;
        nst_job_finish(job);
    }
}

struct nst_job *nst_sqlite_group(struct nst_db *db, struct nst_job *jobs)
{
    /* What is said of a transaction that several share is of none of them. */
    const struct nst_str nobody = { 0 };
    nst_log_for(jobs->next == NULL ? jobs->request : nobody);
    db->lost = NST_OK;
    db->is_struck = false;
    nst_store_write_begins(db);
    enum nst_err err = control(db, NST_STR("BEGIN IMMEDIATE"));
    if (err != NST_OK) {
        nst_store_write_ends(db);
        nst_log_for(nobody);
        finish_all(jobs, err);
        return NULL;
    }
    db->lost = NST_OK;
    struct nst_job *rest = jobs;
    struct nst_job **cut = &rest;
    void (*run)(struct nst_db *, struct nst_job *) =
        jobs->next == NULL ? run_alone : run_in_savepoint;
    int64_t size = 0;
    while (*cut != NULL && db->lost == NST_OK) {
        struct nst_job *job = *cut;
        run(db, job);
        cut = &job->next;
        size++;
    }
    struct nst_job *unrun = *cut;
    *cut = NULL;
    err = commit(db);
    if (err == NST_OK)
        nst_histogram_count(&db->store->tally.batch, &nst_store_batch_buckets, size);
    if (err != NST_OK && !sqlite3_get_autocommit(db->handle) &&
        control(db, NST_STR("ROLLBACK")) != NST_OK)
        log_failure(db, "rollback failed");
    nst_store_write_ends(db);
    nst_log_for(nobody);
    finish_all(jobs, err);
    return unrun;
}
