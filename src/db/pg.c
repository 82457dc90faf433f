/* The PostgreSQL driver through libpq, in the text protocol. Statements are
 * prepared on the server under a number and found by text and parameter types.
 * Transactions are pg_run.c's. */
#include "internal.h"

#include "nestor/base/time.h"

#include <errno.h>
#include <libpq-fe.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>

#define VALUES_MAX 65535

/* Type oids: numbers and booleans are declared, so that `$1 + 1` is a bigint;
 * texts and nulls are left to the server, so that they fit uuid or json too. */
#define OID_INFERRED 0
#define OID_BOOL     16
#define OID_INT8     20
#define OID_INT4     23

/* ---- Errors ---- */

static bool is_state(const char *state, const char *const *list)
{
    for (; *list != NULL; list++) {
        if (strcmp(state, *list) == 0)
            return true;
    }
    return false;
}

/* Serialization, deadlock, read-only (a fallen primary), and a server that is
 * going down or starting. */
static const char *const retried[] = { "40001", "40P01", "25006", "57P01", "57P02", "57P03", NULL };

/* A row, or an object of a migration that another process made at the same time. */
static const char *const conflicting[] = { "23505", "42710", "42P07", NULL };

/* A lock, or a statement, that took too long: whoever asked is told to come back. */
static const char *const given_up[] = { "55P03", "57014", NULL };

/* What a row refers to was removed meanwhile; a next run finds that it is gone. */
#define REFERS_TO_NOTHING "23503"
#define REFERS_ATTEMPTS   3

/* The states after which only another connection helps. */
static const char *const disconnecting[] = { "25006", "57P01", "57P02", "57P03", NULL };

static enum nst_err log_failure(struct nst_db *db, const PGresult *result, const char *state)
{
    const char *reason = result != NULL ? PQresultErrorMessage(result) : PQerrorMessage(db->handle);
    /* What a replica cannot do is done by the primary, which tells. */
    bool is_told = db->standby == NULL || is_state(state, given_up);
    nst_log(is_told ? NST_LOG_ERROR : NST_LOG_DEBUG, "database error",
            NST_LOG_STR("reason", nst_str_trim(nst_str_z(reason))),
            NST_LOG_STR("state", nst_str_z(state)));
    return NST_E_DB;
}

static enum nst_err failure(struct nst_db *db, const PGresult *result)
{
    const char *state = result != NULL ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;
    state = state != NULL ? state : "";
    snprintf(db->state, sizeof(db->state), "%s", state);
    if (is_state(state, conflicting))
        return NST_E_CONFLICT;
    if (db->is_hung)
        return db->lost = NST_E_BUSY;
    if (PQstatus(db->handle) != CONNECTION_OK || is_state(state, retried) ||
        (strcmp(state, REFERS_TO_NOTHING) == 0 && db->attempt < REFERS_ATTEMPTS)) {
        db->lost = NST_E_RETRY;
        db->is_usable = db->is_usable && !is_state(state, disconnecting);
        return NST_E_RETRY;
    }
    if (is_state(state, given_up)) {
        log_failure(db, result, state);
        return db->lost = NST_E_BUSY;
    }
    log_failure(db, result, state);
    return strcmp(state, "53100") == 0 ? NST_E_FULL : NST_E_DB;
}

static bool is_good(const PGresult *result)
{
    ExecStatusType status = PQresultStatus(result);
    return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK || status == PGRES_EMPTY_QUERY;
}

/* ---- Waiting for the server ---- */

#define GRACE_MS 2000 /* for the answer that a limit of the server's own has passed */
#define PROBE_MS 3000 /* for what the clock asks: whoever waits for /readyz gives up soon */

#define LOOK_MS 100 /* how often somebody who waits for a replica looks whether it is silent */

/* False when the server has said nothing until then (nst_ticks; 0: no limit). A question with a
 * limit of its own is let go on: its answer may be what ends the silence. */
static bool wait_until(const struct nst_db *db, int64_t deadline, bool must_send)
{
    struct pollfd p = { .fd = PQsocket(db->handle), .events = POLLIN | (must_send ? POLLOUT : 0) };
    for (;;) {
        int64_t left = (deadline - nst_ticks()) / 1000;
        int ms = deadline == 0 ? -1 : left > 0 ? (int)left : 0;
        bool is_last = db->standby == NULL || db->wait_ms > 0 || (ms >= 0 && ms <= LOOK_MS);
        int n = poll(&p, 1, is_last ? ms : LOOK_MS);
        if (n != 0)
            return n > 0 || errno == EINTR;
        if (is_last || db->standby->is_silent)
            return false;
    }
}

/* Milliseconds; 0: as long as it takes. */
static unsigned patience_with(const struct nst_db *db)
{
    unsigned limit = db->is_patient ? 0 : db->store->options.statement_ms;
    if (db->wait_ms > 0)
        return db->wait_ms;
    if (db->is_probe && (limit == 0 || limit > PROBE_MS))
        limit = PROBE_MS;
    return limit > 0 ? limit + GRACE_MS : 0;
}

/* The next result of what was sent, NULL after the last. A server that is silent for
 * longer than any statement may take hangs: its connection is given up. */
static PGresult *next_result(struct nst_db *db)
{
    unsigned limit = patience_with(db);
    int64_t deadline = limit > 0 ? nst_ticks() + limit * INT64_C(1000) : 0;
    int unsent;
    while ((unsent = PQflush(db->handle)) > 0 || (unsent == 0 && PQisBusy(db->handle))) {
        if (!wait_until(db, deadline, unsent > 0)) {
            nst_log(db->standby == NULL ? NST_LOG_ERROR : NST_LOG_DEBUG,
                    "the database server does not answer", NST_LOG_INT("ms", limit));
            db->is_hung = true;
            db->is_usable = false;
            return NULL;
        }
        if (PQconsumeInput(db->handle) == 0)
            break;
    }
    return PQgetResult(db->handle);
}

/* As PQexec and its like: the last result, or the first that failed. */
static PGresult *await(struct nst_db *db, int is_sent)
{
    PGresult *last = NULL, *next;
    if (is_sent == 0)
        return NULL;
    while ((next = next_result(db)) != NULL) {
        if (last != NULL && !is_good(last)) {
            PQclear(next);
            continue;
        }
        PQclear(last);
        last = next;
    }
    return last;
}

static enum nst_err check(struct nst_db *db, PGresult *result)
{
    enum nst_err err = is_good(result) ? NST_OK : failure(db, result);
    PQclear(result);
    return err;
}

/* ---- Statements ---- */

/* A statement pushed out of the cache is given back on the server, which is
 * allowed only outside a failed transaction; else it stays until reconnection. */
static void drop_statement(struct nst_stmt *stmt, void *arg)
{
    struct nst_db *db = arg;
    if (db->store->options.is_pooled || db->handle == NULL ||
        PQstatus(db->handle) != CONNECTION_OK || PQtransactionStatus(db->handle) == PQTRANS_INERROR)
        return;
    char sql[48];
    snprintf(sql, sizeof(sql), "DEALLOCATE nst_%u", stmt->name);
    PQclear(await(db, PQsendQuery(db->handle, sql)));
}

static unsigned oid_of(const struct nst_value *v)
{
    switch (v->kind) {
    case NST_VALUE_INT:
        return OID_INT8;
    case NST_VALUE_BOOL:
        return OID_BOOL;
    case NST_VALUE_TEXT:
    case NST_VALUE_NULL:
        break;
    }
    return OID_INFERRED;
}

/* Types, then text: one text used with other types is another statement. */
static struct nst_str key_of(struct nst_db *db, struct nst_str sql, const struct nst_value *values,
                             unsigned count)
{
    char *key = nst_alloc_text(db->scratch, sql.n + count + 1);
    for (unsigned i = 0; i < count; i++)
        key[i] = (char)('a' + oid_of(&values[i]));
    key[count] = ' ';
    memcpy(key + count + 1, sql.p, sql.n);
    return (struct nst_str){ key, sql.n + count + 1 };
}

struct nst_str nst_pg_types(struct nst_arena *a, struct nst_str letters)
{
    struct nst_buf b;
    nst_buf_init(&b, a, letters.n * sizeof("unknown, ") + 2);
    for (size_t i = 0; i < letters.n; i++) {
        unsigned oid = (unsigned)(letters.p[i] - 'a');
        nst_put_z(&b, i == 0 ? "(" : ", ");
        nst_put_z(&b, oid == OID_INT8 ? "bigint" : oid == OID_BOOL ? "boolean" : "unknown");
    }
    nst_put_char(&b, ')');
    return nst_buf_str(&b);
}

static Oid *types_of(struct nst_db *db, const struct nst_value *values, unsigned count)
{
    Oid *types = NST_NEW_ARRAY(db->scratch, Oid, count + 1);
    for (unsigned i = 0; i < count; i++)
        types[i] = oid_of(&values[i]);
    return types;
}

/* A pooler has another session for the next transaction, without what was prepared. */
static enum nst_err prepare_on_server(struct nst_db *db, unsigned number, struct nst_str sql,
                                      const struct nst_value *values, unsigned count)
{
    char name[24];
    if (db->store->options.is_pooled)
        return NST_OK;
    snprintf(name, sizeof(name), "nst_%u", number);
    return check(db, await(db, PQsendPrepare(db->handle, name, nst_str_to_z(db->scratch, sql),
                                             (int)count, types_of(db, values, count))));
}

static enum nst_err prepare(struct nst_stmt **out, struct nst_db *db, struct nst_str sql,
                            const struct nst_value *values, unsigned count)
{
    struct nst_str key = key_of(db, sql, values, count);
    struct nst_stmt *stmt = nst_cache_take(&db->cache, key);
    if (stmt == NULL) {
        unsigned number = ++db->names;
        enum nst_err err = prepare_on_server(db, number, sql, values, count);
        if (err != NST_OK) {
            if (err != NST_E_RETRY && db->standby == NULL)
                nst_log(NST_LOG_ERROR, "statement refused", NST_LOG_STR("sql", sql));
            return err;
        }
        nst_store_log_sql(db->store, sql);
        stmt = nst_cache_add(&db->cache, key);
        stmt->name = number;
    }
    *out = stmt;
    return NST_OK;
}

/* Texts need a NUL at their end here; one inside would cut the value short. */
static enum nst_err text_of(const char **out, struct nst_arena *a, const struct nst_value *v)
{
    *out = NULL;
    if (v->kind == NST_VALUE_INT)
        *out = nst_str_to_z(a, nst_strf(a, "%lld", (long long)v->number));
    else if (v->kind == NST_VALUE_BOOL)
        *out = v->number != 0 ? "t" : "f";
    else if (v->kind == NST_VALUE_TEXT && nst_str_find(v->text, '\0') < v->text.n)
        return NST_E_DB;
    else if (v->kind == NST_VALUE_TEXT)
        *out = nst_str_to_z(a, v->text);
    return NST_OK;
}

static enum nst_err run_prepared(struct nst_rows *rows, struct nst_str sql,
                                 const struct nst_value *values, unsigned count)
{
    struct nst_db *db = rows->db;
    const char **texts = NST_NEW_ARRAY(db->scratch, const char *, count + 1);
    for (unsigned i = 0; i < count; i++) {
        if (text_of(&texts[i], db->scratch, &values[i]) != NST_OK) {
            nst_log(NST_LOG_ERROR, "NUL in a text value", NST_LOG_STR("sql", sql));
            return NST_E_DB;
        }
    }
    NST_TRY(prepare(&rows->stmt, db, sql, values, count));
    char name[24];
    snprintf(name, sizeof(name), "nst_%u", rows->stmt->name);
    int is_sent = db->store->options.is_pooled
                      ? PQsendQueryParams(db->handle, nst_str_to_z(db->scratch, sql), (int)count,
                                          types_of(db, values, count), texts, NULL, NULL, 0)
                      : PQsendQueryPrepared(db->handle, name, (int)count, texts, NULL, NULL, 0);
    PGresult *result = await(db, is_sent);
    rows->result = result;
    rows->row = -1;
    rows->row_count = PQntuples(result);
    return is_good(result) ? NST_OK : failure(db, result);
}

static enum nst_err query(struct nst_rows *rows, struct nst_str sql, const struct nst_value *values,
                          unsigned count)
{
    struct nst_db *db = rows->db;
    if (count > VALUES_MAX)
        return NST_E_DB;
    struct nst_mark mark = nst_arena_mark(db->scratch);
    enum nst_err err = run_prepared(rows, sql, values, count);
    nst_arena_rewind(db->scratch, mark);
    return err;
}

static enum nst_err next(bool *has_row, struct nst_rows *rows)
{
    *has_row = rows->row + 1 < rows->row_count;
    if (*has_row)
        rows->row++;
    return NST_OK;
}

static void end(struct nst_rows *rows)
{
    PQclear(rows->result);
    rows->result = NULL;
    if (rows->stmt != NULL)
        rows->stmt->is_open = false;
}

static int64_t changed(struct nst_rows *rows)
{
    int64_t n = 0;
    const char *status = PQcmdStatus(rows->result);
    if (strncmp(status, "SELECT", 6) != 0 && !nst_str_int(&n, nst_str_z(PQcmdTuples(rows->result))))
        n = 0;
    return n;
}

static bool is_null(struct nst_rows *rows, unsigned column)
{
    return PQgetisnull(rows->result, rows->row, (int)column) != 0;
}

static enum nst_value_kind kind(struct nst_rows *rows, unsigned column)
{
    if (is_null(rows, column))
        return NST_VALUE_NULL;
    switch (PQftype(rows->result, (int)column)) {
    case OID_BOOL:
        return NST_VALUE_BOOL;
    case OID_INT8:
    case OID_INT4:
        return NST_VALUE_INT;
    default:
        return NST_VALUE_TEXT;
    }
}

static struct nst_str text(struct nst_rows *rows, unsigned column)
{
    if (is_null(rows, column))
        return (struct nst_str){ 0 };
    return (struct nst_str){ PQgetvalue(rows->result, rows->row, (int)column),
                             (size_t)PQgetlength(rows->result, rows->row, (int)column) };
}

static bool boolean(struct nst_rows *rows, unsigned column)
{
    struct nst_str s = text(rows, column);
    return s.n > 0 && s.p[0] != 'f' && s.p[0] != '0';
}

/* A boolean read as a number is 0 or 1, as SQLite stores it. */
static int64_t number(struct nst_rows *rows, unsigned column)
{
    if (PQftype(rows->result, (int)column) == OID_BOOL)
        return boolean(rows, column);
    int64_t n = 0;
    return nst_str_int(&n, text(rows, column)) ? n : 0;
}

static enum nst_err script(struct nst_db *db, const char *sql)
{
    return check(db, await(db, PQsendQuery(db->handle, sql)));
}

static enum nst_err control(struct nst_db *db, struct nst_str sql)
{
    struct nst_mark mark = nst_arena_mark(db->scratch);
    enum nst_err err = script(db, nst_str_to_z(db->scratch, sql));
    nst_arena_rewind(db->scratch, mark);
    return err;
}

static enum nst_err refused(struct nst_str *why, struct nst_db *db, const struct nst_sql *q)
{
    struct nst_arena *a = q->text.arena;
    Oid *types = NST_NEW_ARRAY(a, Oid, q->count + 1);
    for (unsigned i = 0; i < q->count; i++)
        types[i] = oid_of(&q->bound[i]);
    PGresult *result =
        PQprepare(db->handle, "", nst_str_to_z(a, nst_buf_str(&q->text)), (int)q->count, types);
    if (PQstatus(db->handle) != CONNECTION_OK)
        return check(db, result);
    if (!is_good(result))
        *why = nst_str_copy(a, nst_str_z(PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY)));
    PQclear(result);
    return NST_OK;
}

enum nst_err nst_pg_size(int64_t *bytes, struct nst_db *db)
{
    PGresult *result =
        await(db, PQsendQuery(db->handle, "SELECT pg_database_size(current_database())"));
    *bytes = 0;
    if (is_good(result) && PQntuples(result) == 1)
        (void)nst_str_int(bytes, nst_str_z(PQgetvalue(result, 0, 0)));
    return check(db, result);
}

/* ---- Loading ---- */

/* What follows the COPY until the server has taken all of it. */
static enum nst_err send_rows(struct nst_db *db, struct nst_str rows)
{
    PQsetnonblocking(db->handle, 0);
    bool is_sent =
        PQputCopyData(db->handle, rows.p, (int)rows.n) == 1 && PQputCopyEnd(db->handle, NULL) == 1;
    PQsetnonblocking(db->handle, 1);
    return check(db, await(db, is_sent));
}

enum nst_err nst_pg_load(struct nst_db *db, const char *sql, struct nst_str rows)
{
    db->statements++;
    if (nst_db_fails(db) || rows.n > INT_MAX)
        return NST_E_DB;
    PGresult *begun = PQsendQuery(db->handle, sql) ? next_result(db) : NULL, *more;
    if (PQresultStatus(begun) == PGRES_COPY_IN) {
        PQclear(begun);
        return send_rows(db, rows);
    }
    while ((more = next_result(db)) != NULL)
        PQclear(more);
    return check(db, begun);
}

/* ---- Connections ---- */

/* Closing first spares the server one DEALLOCATE a statement. */
void nst_pg_disconnect(struct nst_db *db)
{
    PQfinish(db->handle);
    db->handle = NULL;
    nst_cache_clear(&db->cache);
}

static void close_connection(struct nst_db *db)
{
    nst_db_tidy(db);
    nst_pg_disconnect(db);
    nst_db_free(db);
}

static const struct nst_engine pg_engine = {
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

struct nst_db *nst_pg_new(struct nst_store *store)
{
    struct nst_db *db = nst_db_new(store, &pg_engine);
    db->cache.drop = drop_statement;
    db->cache.arg = db;
    return db;
}

static void ignore_notice(void *arg, const PGresult *result)
{
    (void)arg;
    (void)result;
}

static const char *option_of(const PQconninfoOption *options, const char *name)
{
    for (; options->keyword != NULL; options++)
        if (strcmp(options->keyword, name) == 0)
            return options->val != NULL ? options->val : "";
    return "";
}

/* A password with an @ or a / that was not encoded ends up in host, port or database, and these
 * in libpq's words, which are logged. */
const char *nst_pg_url_fault(const char *url)
{
    static const char fault[] =
        "is no address of PostgreSQL: in a name or password @ is written as "
        "%40, / as %2F, : as %3A, % as %25";
    char *reason = NULL;
    PQconninfoOption *options = PQconninfoParse(url, &reason);
    PQfreemem(reason);
    if (options == NULL)
        return fault;
    const char *host = option_of(options, "host"), *port = option_of(options, "port");
    bool good = strchr(host[0] == '@' ? host + 1 : host, '@') == NULL &&
                strchr(option_of(options, "dbname"), '@') == NULL &&
                strspn(port, "0123456789,") == strlen(port);
    PQconninfoFree(options);
    return good ? NULL : fault;
}

struct nst_str nst_conninfo_shown(struct nst_arena *a, struct nst_str conninfo)
{
    struct nst_buf b;
    char *reason = NULL;
    PQconninfoOption *options = PQconninfoParse(nst_str_to_z(a, conninfo), &reason);
    PQfreemem(reason);
    nst_buf_init(&b, a, 65536);
    for (const PQconninfoOption *o = options; o != NULL && o->keyword != NULL; o++)
        if (o->val != NULL)
            nst_putf(&b, "%s%s=%s", b.n > 0 ? " " : "", o->keyword,
                     o->dispchar[0] == '*' ? "***" : o->val);
    PQconninfoFree(options);
    return options != NULL ? nst_buf_str(&b) : NST_STR("***");
}

/* What the URL says counts more than the limit that comes first. */
static PGconn *connect_handle(const struct nst_store_options *o)
{
    char seconds[16];
    snprintf(seconds, sizeof(seconds), "%u", o->connect_seconds);
    const char *const names[] = { "connect_timeout", "dbname", "application_name", NULL };
    const char *const values[] = { seconds, o->url.p, NST_APPLICATION, NULL };
    return PQconnectdbParams(names, values, 1);
}

/* Limits of the session; a transaction may lift them for itself. Plans are not compiled: what is
 * estimated high here is stopped early by a LIMIT, and compiling takes longer than running. */
static enum nst_err set_limits(struct nst_db *db, const char *scope)
{
    char sql[128];
    snprintf(sql, sizeof(sql),
             "SET %s jit = off; SET %s lock_timeout = %u; SET %s statement_timeout = %u", scope,
             scope, db->store->options.lock_ms, scope, db->store->options.statement_ms);
    return db->engine->script(db, sql);
}

enum nst_err nst_pg_begin(struct nst_db *db, const char *sql)
{
    NST_TRY(db->engine->script(db, sql));
    return db->store->options.is_pooled ? set_limits(db, "LOCAL") : NST_OK;
}

enum nst_err nst_pg_connect(struct nst_db *db)
{
    if (db->handle != NULL && db->is_usable && PQstatus(db->handle) == CONNECTION_OK)
        return NST_OK;
    nst_pg_disconnect(db);
    return nst_pg_take_over(db, connect_handle(&db->store->options));
}

enum nst_err nst_pg_take_over(struct nst_db *db, void *handle)
{
    db->handle = handle;
    if (PQstatus(db->handle) != CONNECTION_OK) {
        log_failure(db, NULL, "connect");
        nst_pg_disconnect(db);
        return NST_E_RETRY;
    }
    PQsetNoticeReceiver(db->handle, ignore_notice, NULL);
    PQsetnonblocking(db->handle, 1);
    db->is_usable = true;
    db->is_hung = false;
    return db->store->options.is_pooled ? NST_OK : set_limits(db, "");
}

bool nst_pg_is_idle(const struct nst_db *db)
{
    return db->handle != NULL && db->is_usable && PQstatus(db->handle) == CONNECTION_OK &&
           PQtransactionStatus(db->handle) == PQTRANS_IDLE;
}
