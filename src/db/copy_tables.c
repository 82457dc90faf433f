/* Tables of a copy: their columns, rows and sums; and the target, which is without indexes, foreign
 * keys and triggers while rows come. */
#include "internal.h"

#include "copy.h"

#include <stdio.h>

#define NAMES_MAX ((size_t)1 << 16)

/* ---- Which there are ---- */

/* Our own table names begin with no "sqlite_". */
static const char *const columns_there[] = {
    [NST_SQLITE] = "SELECT t.name, c.name FROM sqlite_master t JOIN pragma_table_info(t.name) c "
                   "WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite%' ORDER BY t.name, c.name",
    [NST_POSTGRESQL] =
        "SELECT CAST(t.relname AS text), CAST(c.attname AS text) FROM pg_class t "
        "JOIN pg_attribute c ON c.attrelid = t.oid AND c.attnum > 0 AND NOT c.attisdropped "
        "WHERE t.relkind = 'r' AND t.relnamespace = " NST_COPY_SCHEMA
        " ORDER BY CAST(t.relname AS text) COLLATE \"C\", CAST(c.attname AS text) COLLATE \"C\"",
};

static bool is_own(struct nst_str name)
{
    return nst_str_eq(name, NST_STR("nst_migration")) || nst_str_starts(name, NST_STR("nst_copy_"));
}

static struct nst_str quoted(struct nst_arena *a, struct nst_str name)
{
    return nst_strf(a, "\"%.*s\"", NST_FMT(name));
}

/* Rows come table by table: a name that differs from the last is of the next one. */
static void add_column(struct nst_copy_tables *t, struct nst_arena *a, struct nst_str table,
                       struct nst_str column)
{
    struct nst_copy_table *last = t->count > 0 ? &t->table[t->count - 1] : NULL;
    if (last == NULL || !nst_str_eq(last->name, table)) {
        last = &t->table[t->count++];
        *last = (struct nst_copy_table){ .name = table, .columns = quoted(a, column), .width = 1 };
        return;
    }
    last->columns = nst_strf(a, "%.*s, \"%.*s\"", NST_FMT(last->columns), NST_FMT(column));
    last->width++;
}

#define TABLES_MAX 512

enum nst_err nst_copy_tables_read(struct nst_copy_tables *out, struct nst_arena *a,
                                  struct nst_db *db)
{
    struct nst_rows *rows;
    out->table = NST_NEW_ARRAY(a, struct nst_copy_table, TABLES_MAX);
    out->count = 0;
    NST_TRY(nst_query(&rows, db, nst_str_z(columns_there[db->store->dialect]), NULL, 0));
    while (nst_rows_step(rows)) {
        if (is_own(nst_rows_text(rows, 0)))
            continue;
        if (out->count == TABLES_MAX)
            nst_rows_fail(rows, NST_E_INTERNAL);
        else
            add_column(out, a, quoted(a, nst_rows_text(rows, 0)),
                       nst_str_copy(a, nst_rows_text(rows, 1)));
    }
    return nst_rows_end(rows);
}

/* ---- Rows ---- */

/* Of a null; no number has it, since those of numbers are even. */
#define NOTHING UINT64_C(0x9e3779b97f4a7c15)

static uint64_t mixed(uint64_t h)
{
    h = (h ^ (h >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    h = (h ^ (h >> 27)) * UINT64_C(0x94d049bb133111eb);
    return h ^ (h >> 31);
}

void nst_copy_count(struct nst_copy_table *t, const struct nst_value *value)
{
    uint64_t hash = t->width;
    for (unsigned i = 0; i < t->width; i++) {
        const struct nst_value *v = &value[i];
        uint64_t own = v->kind == NST_VALUE_NULL   ? NOTHING
                       : v->kind == NST_VALUE_TEXT ? nst_str_hash(v->text) | 1
                                                   : mixed((uint64_t)v->number) & ~UINT64_C(1);
        hash = mixed(hash ^ own) + i;
    }
    t->rows++;
    t->sum += hash;
}

struct walk {
    nst_copy_each *each;
    void *arg;
    size_t rows, bytes; /* of all pieces */
    unsigned width;
};

static enum nst_err walk_rows(struct walk *w, struct nst_db *db, struct nst_str sql)
{
    struct nst_rows *rows;
    NST_TRY(nst_query(&rows, db, sql, NULL, 0));
    while (nst_rows_step(rows)) {
        w->rows++;
        if (db->store->dialect == NST_POSTGRESQL)
            for (unsigned i = 0; i < w->width; i++)
                w->bytes += nst_rows_text(rows, i).n;
        nst_rows_fail(rows, w->each(rows, w->arg));
    }
    return nst_rows_end(rows);
}

/* libpq holds all of a piece: rows that are large come one by one. */
static unsigned next_piece(const struct walk *w)
{
    size_t mean = w->rows > 0 ? w->bytes / w->rows : SIZE_MAX;
    return mean < 1000 ? 1000 : mean < 30000 ? 30 : 1;
}

/* The cursor is called as its table: a FETCH stays prepared, and its columns must not change. */
static enum nst_err walk_pieces(struct walk *w, struct nst_db *db, struct nst_arena *a,
                                const struct nst_copy_table *t)
{
    struct nst_str name = t->name;
    size_t before;
    NST_TRY(
        db->engine->script(db,
                           nst_strf(a, "DECLARE %.*s NO SCROLL CURSOR FOR SELECT %.*s FROM %.*s",
                                    NST_FMT(name), NST_FMT(t->columns), NST_FMT(name))
                               .p));
    do {
        before = w->rows;
        NST_TRY(walk_rows(w, db, nst_strf(a, "FETCH %u FROM %.*s", next_piece(w), NST_FMT(name))));
    } while (w->rows > before);
    return db->engine->script(db, nst_strf(a, "CLOSE %.*s", NST_FMT(name)).p);
}

enum nst_err nst_copy_walk(struct nst_db *db, const struct nst_copy_table *t, nst_copy_each *each,
                           void *arg)
{
    struct nst_arena *a = nst_arena_new(SCRATCH_BYTES);
    struct walk w = { .each = each, .arg = arg, .width = t->width };
    enum nst_err err = db->store->dialect == NST_POSTGRESQL
                           ? walk_pieces(&w, db, a, t)
                           : walk_rows(&w, db,
                                       nst_strf(a, "SELECT %.*s FROM %.*s", NST_FMT(t->columns),
                                                NST_FMT(t->name)));
    nst_arena_free(a);
    return err;
}

struct sum {
    struct nst_copy_table *table;
    struct nst_value *value;
};

static enum nst_err add_row(struct nst_rows *rows, void *arg)
{
    const struct sum *sum = arg;
    for (unsigned i = 0; i < sum->table->width; i++)
        sum->value[i] = nst_rows_value(rows, i);
    nst_copy_count(sum->table, sum->value);
    return NST_OK;
}

enum nst_err nst_copy_sum(struct nst_copy_table *t, struct nst_db *db)
{
    struct nst_arena *a = nst_arena_new(SCRATCH_BYTES);
    struct sum sum = { t, NST_NEW_ARRAY(a, struct nst_value, t->width) };
    t->rows = 0;
    t->sum = 0;
    enum nst_err err = nst_copy_walk(db, t, add_row, &sum);
    nst_arena_free(a);
    return err;
}

/* ---- The target while it is filled ---- */

/* What is taken off, with what puts it back, in the order of taking; it comes back in the other. */
static const char *const laid_aside[] = {
    [NST_SQLITE] =
        "SELECT 'DROP ' || type || ' \"' || name || '\"', sql FROM sqlite_master "
        "WHERE type IN ('index', 'trigger') AND sql IS NOT NULL ORDER BY type DESC, name",
    [NST_POSTGRESQL] =
        "SELECT off, back FROM ("
        "SELECT 1 AS turn, t.tgname AS name, "
        "format('DROP TRIGGER %I ON %I', t.tgname, c.relname) AS off, "
        "pg_get_triggerdef(t.oid) AS back "
        "FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid "
        "WHERE NOT t.tgisinternal AND c.relnamespace = " NST_COPY_SCHEMA " "
        "UNION ALL SELECT 2, k.conname, "
        "format('ALTER TABLE %I DROP CONSTRAINT %I', c.relname, k.conname), "
        "format('ALTER TABLE %I ADD CONSTRAINT %I %s', c.relname, k.conname, "
        "pg_get_constraintdef(k.oid)) "
        "FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid "
        "WHERE k.contype = 'f' AND c.relnamespace = " NST_COPY_SCHEMA " "
        "UNION ALL SELECT 3, i.relname, format('DROP INDEX %I', i.relname), pg_get_indexdef(i.oid) "
        "FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid "
        "WHERE i.relnamespace = " NST_COPY_SCHEMA " "
        "AND NOT EXISTS (SELECT 1 FROM pg_constraint k WHERE k.conindid = i.oid)"
        ") aside ORDER BY turn, name",
};

struct target {
    struct nst_copy_tables *tables;
    struct nst_arena *arena;
};

struct aside {
    struct aside *next;
    struct nst_str off, back;
};

static enum nst_err read_aside(struct aside **out, struct target *to, struct nst_db *db)
{
    struct nst_rows *rows;
    struct aside **tail = out;
    NST_TRY(nst_query(&rows, db, nst_str_z(laid_aside[db->store->dialect]), NULL, 0));
    while (nst_rows_step(rows)) {
        *tail = NST_NEW(to->arena, struct aside);
        (*tail)->off = nst_str_copy(to->arena, nst_rows_text(rows, 0));
        (*tail)->back = nst_str_copy(to->arena, nst_rows_text(rows, 1));
        tail = &(*tail)->next;
    }
    return nst_rows_end(rows);
}

static enum nst_err lay_aside(struct target *to, struct nst_db *db)
{
    struct aside *first = NULL;
    int64_t turn = 0;
    NST_TRY(read_aside(&first, to, db));
    for (const struct aside *x = first; x != NULL; x = x->next, turn++) {
        NST_TRY(nst_exec_with(NULL, db, "INSERT INTO nst_copy_aside (turn, sql) VALUES ($1, $2)",
                              NST_INT(turn), NST_TEXT(x->back)));
        NST_TRY(db->engine->script(db, nst_str_to_z(to->arena, x->off)));
    }
    return NST_OK;
}

/* Migrations put rows of their own into tables. */
static enum nst_err empty_tables(struct target *to, struct nst_db *db)
{
    for (size_t i = 0; i < to->tables->count; i++)
        NST_TRY(db->engine->script(
            db, nst_strf(to->arena, "DELETE FROM %.*s", NST_FMT(to->tables->table[i].name)).p));
    return NST_OK;
}

static const struct nst_copy_table *find_table(const struct nst_copy_tables *t, struct nst_str name)
{
    for (size_t i = 0; i < t->count; i++)
        if (nst_str_eq(t->table[i].name, name))
            return &t->table[i];
    return NULL;
}

static bool has_table(const struct nst_copy_tables *t, const struct nst_copy_table *own)
{
    const struct nst_copy_table *there = find_table(t, own->name);
    if (there != NULL && nst_str_eq(there->columns, own->columns))
        return true;
    nst_log(NST_LOG_ERROR, there == NULL ? "a table is missing" : "a table has other columns",
            NST_LOG_STR("table", own->name));
    return false;
}

/* What is in the schema besides is somebody else's. */
static void leave_others(struct nst_copy_tables *t, const struct nst_copy_tables *own)
{
    size_t kept = 0;
    for (size_t i = 0; i < t->count; i++) {
        if (find_table(own, t->table[i].name) != NULL)
            t->table[kept++] = t->table[i];
        else
            nst_log(NST_LOG_WARN, "a table is not this program's, and is not copied",
                    NST_LOG_STR("table", t->table[i].name));
    }
    t->count = kept;
}

static enum nst_err compare_tables(const struct target *to, struct nst_db *db)
{
    struct nst_copy_tables own;
    NST_TRY(nst_copy_tables_read(&own, to->arena, db));
    for (size_t i = 0; i < own.count; i++)
        if (!has_table(to->tables, &own.table[i]))
            return NST_E_CONFLICT;
    leave_others(to->tables, &own);
    return NST_OK;
}

static enum nst_err read_done(struct target *to, struct nst_db *db)
{
    struct nst_rows *rows;
    NST_TRY(nst_query(&rows, db, NST_STR("SELECT name, rows, sum FROM nst_copy_done"), NULL, 0));
    while (nst_rows_step(rows))
        for (size_t i = 0; i < to->tables->count; i++) {
            struct nst_copy_table *t = &to->tables->table[i];
            if (!nst_str_eq(t->name, nst_rows_text(rows, 0)))
                continue;
            t->is_done = true;
            t->rows = nst_rows_int(rows, 1);
            t->sum = (uint64_t)nst_rows_int(rows, 2);
        }
    return nst_rows_end(rows);
}

enum nst_err nst_copy_hold(struct nst_db *db, int64_t owner)
{
    struct nst_arena *a = nst_arena_new(SCRATCH_BYTES);
    struct nst_sql q;
    int64_t one;
    bool is_own = false;
    nst_sql_init(&q, a);
    nst_sql_add(&q, "SELECT 1 FROM nst_copy_done WHERE name = '' AND sum = ");
    nst_sql_bind(&q, NST_INT(owner));
    nst_sql_hold(&q, db, "nst_copy_done");
    enum nst_err err = nst_sql_int(&one, &is_own, db, &q);
    nst_arena_free(a);
    if (err == NST_OK && !is_own) {
        nst_log(NST_LOG_ERROR, "another copy into the same database has begun meanwhile",
                NST_LOG_INT("owner", owner));
        return NST_E_CONFLICT;
    }
    return err;
}

/* From now on this run fills it, and no other that is at work still. */
static enum nst_err take_over(struct nst_db *db, int64_t owner)
{
    return nst_exec_with(NULL, db,
                         "INSERT INTO nst_copy_done (name, rows, sum) VALUES ('', 0, $1) "
                         "ON CONFLICT (name) DO UPDATE SET sum = $1",
                         NST_INT(owner));
}

/* Both tables are made, or none: those of a copy that was cut say how far it is. */
static enum nst_err begin(struct nst_db *db, void *arg)
{
    struct target *to = arg;
    struct nst_sql q;
    struct nst_str why_not;
    NST_TRY(nst_db_be_patient(db));
    NST_TRY(compare_tables(to, db));
    nst_sql_init(&q, to->arena);
    nst_sql_add(&q, "SELECT name FROM nst_copy_done");
    NST_TRY(nst_savepoint(db));
    enum nst_err err = nst_sql_refused(&why_not, db, &q);
    NST_TRY(nst_savepoint_rollback(db));
    NST_TRY(err);
    if (why_not.p == NULL) {
        NST_TRY(take_over(db, to->tables->owner));
        return read_done(to, db);
    }
    NST_TRY(db->engine->script(
        db, "CREATE TABLE nst_copy_aside (turn bigint PRIMARY KEY, sql text NOT NULL)"));
    NST_TRY(db->engine->script(db, "CREATE TABLE nst_copy_done (name text PRIMARY KEY, "
                                   "rows bigint NOT NULL, sum bigint NOT NULL)"));
    NST_TRY(take_over(db, to->tables->owner));
    NST_TRY(lay_aside(to, db));
    return empty_tables(to, db);
}

static enum nst_err run_on(struct nst_store *store, enum nst_mode mode, nst_work *work,
                           struct nst_copy_tables *tables)
{
    struct target to = { tables, nst_arena_new(NAMES_MAX) };
    enum nst_err err = nst_store_run(store, mode, work, &to);
    nst_arena_free(to.arena);
    return err;
}

enum nst_err nst_copy_begin(struct nst_store *to, struct nst_copy_tables *tables)
{
    return run_on(to, NST_MODE_WRITE, begin, tables);
}

static enum nst_err forget(struct nst_db *db, void *arg)
{
    const struct nst_copy_table *t = arg;
    return nst_exec_with(NULL, db, "DELETE FROM nst_copy_done WHERE name = $1", NST_TEXT(t->name));
}

enum nst_err nst_copy_forget(struct nst_store *to, struct nst_copy_table *t)
{
    t->is_done = false;
    return nst_store_run(to, NST_MODE_WRITE, forget, t);
}

/* ---- Making it whole ---- */

static enum nst_err compare_rows(struct nst_db *db, void *arg)
{
    const struct target *to = arg;
    NST_TRY(nst_db_be_patient(db));
    for (size_t i = 0; i < to->tables->count; i++) {
        const struct nst_copy_table *t = &to->tables->table[i];
        struct nst_copy_table there = *t;
        NST_TRY(nst_copy_sum(&there, db));
        if (there.rows == t->rows && there.sum == t->sum)
            continue;
        nst_log(NST_LOG_ERROR, "a table was not copied as it is", NST_LOG_STR("table", t->name),
                NST_LOG_INT("rows", t->rows), NST_LOG_INT("copied", there.rows));
        return NST_E_CONFLICT;
    }
    return NST_OK;
}

static enum nst_err put_back(struct target *to, struct nst_db *db)
{
    struct aside *first = NULL;
    struct nst_rows *rows;
    NST_TRY(nst_query(&rows, db, NST_STR("SELECT sql FROM nst_copy_aside ORDER BY turn"), NULL, 0));
    while (nst_rows_step(rows)) {
        struct aside *x = NST_NEW(to->arena, struct aside);
        x->back = nst_str_copy(to->arena, nst_rows_text(rows, 0));
        x->next = first;
        first = x;
    }
    NST_TRY(nst_rows_end(rows));
    for (const struct aside *x = first; x != NULL; x = x->next)
        NST_TRY(db->engine->script(db, nst_str_to_z(to->arena, x->back)));
    return NST_OK;
}

/* PostgreSQL has looked at its foreign keys when they came back. */
static enum nst_err check_keys(struct nst_db *db)
{
    bool is_open = false;
    if (db->store->dialect == NST_POSTGRESQL)
        return NST_OK;
    NST_TRY(nst_exists(&is_open, db, NST_STR("PRAGMA foreign_key_check"), NULL, 0));
    if (!is_open)
        return NST_OK;
    nst_log(NST_LOG_ERROR, "a row refers to one that is not there",
            NST_LOG_STR("remedy", NST_STR("nestor verify finds it in what is copied")));
    return NST_E_CONFLICT;
}

static enum nst_err make_whole(struct nst_db *db, void *arg)
{
    struct target *to = arg;
    NST_TRY(nst_db_be_patient(db));
    NST_TRY(nst_copy_hold(db, to->tables->owner));
    NST_TRY(put_back(to, db));
    NST_TRY(check_keys(db));
    NST_TRY(db->engine->script(db, "DROP TABLE nst_copy_done"));
    NST_TRY(db->engine->script(db, "DROP TABLE nst_copy_aside"));
    return nst_exec_with(NULL, db, "DELETE FROM nst_migration WHERE number = $1",
                         NST_INT(NST_COPY_STEP));
}

/* Plans are made for what is there now. */
static enum nst_err analyse(struct nst_db *db, void *arg)
{
    (void)arg;
    NST_TRY(nst_db_be_patient(db));
    return db->store->dialect == NST_POSTGRESQL ? nst_pg_renew_statistics(db) : NST_OK;
}

enum nst_err nst_copy_finish(struct nst_store *to, const struct nst_copy_tables *tables)
{
    struct nst_copy_tables t = *tables;
    NST_TRY(run_on(to, NST_MODE_READ, compare_rows, &t));
    NST_TRY(run_on(to, NST_MODE_WRITE, make_whole, &t));
    if (nst_store_run(to, NST_MODE_WRITE, analyse, NULL) != NST_OK)
        nst_log(NST_LOG_WARN, "statistics not renewed",
                NST_LOG_STR("remedy", NST_STR("the server makes them after a while")));
    return NST_OK;
}
