/* What is the same on both engines: building statements, cursors, savepoints
 * and the injected fault. Everything else goes through the engine's table. */
#include "internal.h"

#include "nestor/base/time.h"

#include <assert.h>
#include <stdlib.h>

#define SQL_MAX ((size_t)1 << 20)

void nst_sql_init(struct nst_sql *q, struct nst_arena *a)
{
    *q = (struct nst_sql){ 0 };
    nst_buf_init(&q->text, a, SQL_MAX);
}

void nst_sql_add(struct nst_sql *q, const char *text)
{
    nst_put_z(&q->text, text);
}

void nst_sql_add_str(struct nst_sql *q, struct nst_str text)
{
    nst_put(&q->text, text);
}

#define VALUES_AT_FIRST 16

void nst_sql_push(struct nst_sql *q, struct nst_value v)
{
    if (q->count == q->capacity) {
        q->capacity = q->capacity > 0 ? q->capacity * 2 : VALUES_AT_FIRST;
        struct nst_value *bound = NST_NEW_ARRAY(q->text.arena, struct nst_value, q->capacity);
        if (q->count > 0)
            memcpy(bound, q->bound, q->count * sizeof(*bound));
        q->bound = bound;
    }
    q->bound[q->count++] = v;
}

void nst_sql_push_all(struct nst_sql *q, const struct nst_sql *other)
{
    for (unsigned i = 0; i < other->count; i++)
        nst_sql_push(q, other->bound[i]);
}

void nst_sql_bind(struct nst_sql *q, struct nst_value v)
{
    nst_sql_push(q, v);
    nst_put_char(&q->text, '$');
    nst_put_int(&q->text, q->count);
}

void nst_sql_in(struct nst_sql *q, size_t *count, struct nst_value v)
{
    nst_sql_add(q, (*count)++ == 0 ? " IN (" : ", ");
    nst_sql_bind(q, v);
}

void nst_sql_in_end(struct nst_sql *q, size_t count)
{
    nst_sql_add(q, count == 0 ? " IN (NULL)" : ")");
}

void nst_sql_row(struct nst_sql *q, size_t *count, const struct nst_value *own, size_t n,
                 const char *rest)
{
    nst_sql_add(q, (*count)++ == 0 ? "(" : ", (");
    for (size_t i = 0; i < n; i++) {
        nst_sql_add(q, i == 0 ? "" : ", ");
        nst_sql_bind(q, own[i]);
    }
    nst_sql_add(q, rest);
    nst_sql_add(q, ")");
}

void nst_sql_later(struct nst_sql *q, const char *column, int64_t time)
{
    nst_sql_add(q, "CASE WHEN ");
    nst_sql_add(q, column);
    nst_sql_add(q, " > ");
    nst_sql_bind(q, NST_INT(time));
    nst_putf(&q->text, " THEN %s ELSE $%u END", column, q->count);
}

static void hold(struct nst_sql *q, const struct nst_db *db, const char *how, const char *table)
{
    if (db->store->dialect != NST_SQLITE)
        nst_sql_addf(q, " FOR %s OF %s", how, table);
}

/* The key of a row never changes: rows that refer to it may be added meanwhile. */
void nst_sql_hold(struct nst_sql *q, const struct nst_db *db, const char *table)
{
    hold(q, db, "NO KEY UPDATE", table);
}

void nst_sql_hold_alone(struct nst_sql *q, const struct nst_db *db, const char *table)
{
    hold(q, db, "UPDATE", table);
}

void nst_sql_hold_key(struct nst_sql *q, const struct nst_db *db, const char *table)
{
    hold(q, db, "KEY SHARE", table);
}

/* ---- Places in JSON: the one thing that both engines spell differently ---- */

/* `$."a"."b"`: quoted, so that no key is taken for an index. */
static struct nst_str sqlite_path(struct nst_arena *a, const struct nst_json_place *place)
{
    struct nst_buf b;
    nst_buf_init(&b, a, SQL_MAX);
    nst_put_char(&b, '$');
    for (size_t i = 0; i < place->count; i++)
        nst_putf(&b, ".\"%.*s\"", NST_FMT(place->key[i]));
    return nst_buf_str(&b);
}

/* `CAST(document AS json) -> 'a' -> 'b'`, or with ->> before the last key. */
static void put_pg_place(struct nst_sql *q, const struct nst_json_place *place, const char *last)
{
    nst_sql_addf(q, "(CAST(%.*s AS json)", NST_FMT(place->document));
    for (size_t i = 0; i < place->count; i++) {
        nst_sql_addf(q, " %s CAST(", i + 1 < place->count ? "->" : last);
        nst_sql_bind(q, NST_TEXT(place->key[i]));
        nst_sql_add(q, " AS text)");
    }
    nst_sql_add(q, ")");
}

void nst_sql_json_text(struct nst_sql *q, const struct nst_db *db,
                       const struct nst_json_place *place)
{
    const struct nst_str d = place->document;
    if (db->store->dialect == NST_POSTGRESQL) {
        put_pg_place(q, place, "->>");
        return;
    }
    nst_sql_push(q, NST_TEXT(sqlite_path(q->text.arena, place)));
    nst_sql_addf(q,
                 "(CASE json_type(%.*s, $%u) WHEN 'text' THEN %.*s ->> $%u WHEN 'null' THEN NULL "
                 "ELSE %.*s -> $%u END)",
                 NST_FMT(d), q->count, NST_FMT(d), q->count, NST_FMT(d), q->count);
}

void nst_sql_json_has(struct nst_sql *q, const struct nst_db *db,
                      const struct nst_json_place *place)
{
    if (db->store->dialect == NST_POSTGRESQL) {
        put_pg_place(q, place, "->");
    } else {
        nst_sql_addf(q, "json_type(%.*s, ", NST_FMT(place->document));
        nst_sql_bind(q, NST_TEXT(sqlite_path(q->text.arena, place)));
        nst_sql_add(q, ")");
    }
    nst_sql_add(q, " IS NOT NULL");
}

struct nst_db *nst_db_new(struct nst_store *store, const struct nst_engine *engine)
{
    struct nst_db *db = calloc(1, sizeof(*db));
    if (db == NULL)
        abort();
    db->engine = engine;
    db->store = store;
    db->scratch = nst_arena_new(SCRATCH_BYTES);
    return db;
}

void nst_db_free(struct nst_db *db)
{
    nst_arena_free(db->scratch);
    free(db);
}

bool nst_db_fails(struct nst_db *db)
{
    struct nst_store *store = db->store;
    if (db->is_struck || db->is_probe || db->standby != NULL ||
        (store->fails_requests && nst_log_request().n == 0) ||
        atomic_load_explicit(&store->fail_in, memory_order_relaxed) <= 0 ||
        atomic_fetch_sub(&store->fail_in, 1) != 1)
        return false;
    db->is_struck = true;
    if (atomic_load(&store->fail_again) > 0)
        atomic_store(&store->fail_in, atomic_fetch_add(&store->fail_again, 1));
    nst_log(NST_LOG_WARN, "injected database failure",
            NST_LOG_INT("statements", (int64_t)db->statements));
    return true;
}

static void close_rows(struct nst_rows *rows)
{
    if (!rows->is_open)
        return;
    if (rows->began != 0)
        nst_slow_end(rows);
    rows->db->engine->end(rows);
    rows->is_open = false;
}

enum nst_err nst_query(struct nst_rows **rows, struct nst_db *db, struct nst_str sql,
                       const struct nst_value *values, unsigned count)
{
    unsigned at = 0;
    while (at < OPEN_ROWS && db->rows[at].is_open)
        at++;
    assert(at < OPEN_ROWS);
    struct nst_rows *r = &db->rows[at];
    *rows = NULL;
    db->statements++;
    if (nst_db_fails(db))
        return NST_E_DB;
    *r = (struct nst_rows){ .db = db, .is_open = true };
    if (db->store->options.slow_ms > 0)
        r->began = nst_ticks();
    enum nst_err err = db->engine->query(r, sql, values, count);
    if (err != NST_OK) {
        close_rows(r);
        return err;
    }
    *rows = r;
    return NST_OK;
}

bool nst_rows_step(struct nst_rows *rows)
{
    bool has_row = false;
    if (rows->err == NST_OK)
        rows->err = rows->db->engine->next(&has_row, rows);
    rows->count += has_row;
    return rows->err == NST_OK && has_row;
}

void nst_rows_fail(struct nst_rows *rows, enum nst_err err)
{
    if (rows->err == NST_OK)
        rows->err = err;
}

bool nst_rows_is_null(struct nst_rows *rows, unsigned column)
{
    return rows->db->engine->is_null(rows, column);
}

int64_t nst_rows_int(struct nst_rows *rows, unsigned column)
{
    return rows->db->engine->number(rows, column);
}

bool nst_rows_bool(struct nst_rows *rows, unsigned column)
{
    return rows->db->engine->boolean(rows, column);
}

struct nst_str nst_rows_text(struct nst_rows *rows, unsigned column)
{
    return rows->db->engine->text(rows, column);
}

struct nst_value nst_rows_value(struct nst_rows *rows, unsigned column)
{
    switch (rows->db->engine->kind(rows, column)) {
    case NST_VALUE_INT:
        return NST_INT(nst_rows_int(rows, column));
    case NST_VALUE_BOOL:
        return NST_BOOL(nst_rows_bool(rows, column));
    case NST_VALUE_TEXT:
        return NST_TEXT(nst_rows_text(rows, column));
    case NST_VALUE_NULL:
        break;
    }
    return NST_NULL;
}

enum nst_err nst_rows_end(struct nst_rows *rows)
{
    enum nst_err err = rows->err;
    close_rows(rows);
    return err;
}

enum nst_err nst_exec(int64_t *changed, struct nst_db *db, struct nst_str sql,
                      const struct nst_value *values, unsigned count)
{
    struct nst_rows *rows;
    NST_TRY(nst_query(&rows, db, sql, values, count));
    while (nst_rows_step(rows))
        continue;
    if (rows->err == NST_OK && changed != NULL)
        *changed = db->engine->changed(rows);
    return nst_rows_end(rows);
}

enum nst_err nst_exists(bool *out, struct nst_db *db, struct nst_str sql,
                        const struct nst_value *values, unsigned count)
{
    struct nst_rows *rows;
    *out = false;
    NST_TRY(nst_query(&rows, db, sql, values, count));
    *out = nst_rows_step(rows);
    return nst_rows_end(rows);
}

/* A text that did not fit its buffer is a fault of the program or of a request
 * without a bound: never run half a statement. */
static enum nst_err check_text(const struct nst_sql *q)
{
    if (!q->text.is_full)
        return NST_OK;
    nst_log(NST_LOG_ERROR, "statement too long", NST_LOG_INT("bytes", (int64_t)q->text.n));
    return NST_E_DB;
}

enum nst_err nst_sql_query(struct nst_rows **rows, struct nst_db *db, const struct nst_sql *q)
{
    NST_TRY(check_text(q));
    return nst_query(rows, db, nst_buf_str(&q->text), q->bound, q->count);
}

enum nst_err nst_sql_exec(int64_t *changed, struct nst_db *db, const struct nst_sql *q)
{
    NST_TRY(check_text(q));
    return nst_exec(changed, db, nst_buf_str(&q->text), q->bound, q->count);
}

enum nst_err nst_sql_int(int64_t *out, bool *found, struct nst_db *db, const struct nst_sql *q)
{
    struct nst_rows *rows;
    NST_TRY(nst_sql_query(&rows, db, q));
    bool has_row = nst_rows_step(rows);
    if (has_row)
        *out = nst_rows_int(rows, 0);
    if (rows->err == NST_OK && found != NULL)
        *found = has_row;
    return nst_rows_end(rows);
}

/* Reading a wrong statement ends a transaction of PostgreSQL: hence the savepoint. */
enum nst_err nst_sql_refused(struct nst_str *why, struct nst_db *db, const struct nst_sql *q)
{
    NST_TRY(check_text(q));
    NST_TRY(nst_savepoint(db));
    *why = (struct nst_str){ 0 };
    enum nst_err err = db->engine->refused(why, db, q);
    enum nst_err back = nst_savepoint_rollback(db);
    return err != NST_OK ? err : back;
}

/* The three texts of each depth are constant, hence cached by the engine. */
static enum nst_err savepoint_control(struct nst_db *db, const char *verb)
{
    struct nst_mark mark = nst_arena_mark(db->scratch);
    struct nst_str text = nst_strf(db->scratch, "%s nst_%u", verb, db->savepoints);
    enum nst_err err = db->engine->control(db, text);
    nst_arena_rewind(db->scratch, mark);
    return err;
}

enum nst_err nst_savepoint(struct nst_db *db)
{
    assert(db->savepoints < SAVEPOINTS);
    db->savepoints++;
    enum nst_err err = savepoint_control(db, "SAVEPOINT");
    if (err != NST_OK)
        db->savepoints--;
    return err;
}

enum nst_err nst_savepoint_release(struct nst_db *db)
{
    assert(db->savepoints > 0);
    enum nst_err err = savepoint_control(db, "RELEASE SAVEPOINT");
    db->savepoints--;
    return err;
}

enum nst_err nst_savepoint_rollback(struct nst_db *db)
{
    assert(db->savepoints > 0);
    enum nst_err err = savepoint_control(db, "ROLLBACK TO SAVEPOINT");
    if (err == NST_OK)
        err = savepoint_control(db, "RELEASE SAVEPOINT");
    db->savepoints--;
    return err;
}

void nst_db_tidy(struct nst_db *db)
{
    for (unsigned i = 0; i < OPEN_ROWS; i++)
        close_rows(&db->rows[i]);
    db->savepoints = 0;
}

enum nst_dialect nst_db_dialect(const struct nst_db *db)
{
    return db->store->dialect;
}

struct nst_store *nst_db_store(struct nst_db *db)
{
    return db->store;
}

uint64_t nst_db_statements(const struct nst_db *db)
{
    return db->statements;
}
