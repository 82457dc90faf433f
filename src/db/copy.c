/* All rows of one store into another, whichever engines.
 *
 * The target gets its tables from the program's own migrations, loses what would be looked at row
 * by row (indexes, foreign keys, triggers), takes the rows a batch to a transaction, and has the
 * rest put back when they have been compared. Two tables beside the others say how far it is; they
 * and the mark in nst_migration go with the last transaction, so that a kill leaves a store that is
 * refused, and a copy that can be taken up. */
#include "internal.h"

#include "copy.h"
#include "nestor/base/random.h"
#include "nestor/base/time.h"

#include <time.h>

#define ARENA_BYTES ((size_t)1 << 16)

static enum nst_err fail(struct nst_copy *c, const char *why)
{
    c->why = nst_str_z(why);
    return NST_E_CONFLICT;
}

/* ---- What a store has ---- */

/* Mark and number of tables, in a text of either engine. */
static const char *const tables_there[] = {
    [NST_SQLITE] = "SELECT count(*), count(*) FILTER (WHERE name = 'nst_migration') "
                   "FROM sqlite_master WHERE type = 'table'",
    [NST_POSTGRESQL] = "SELECT count(*), CAST(to_regclass('nst_migration') IS NOT NULL AS int) "
                       "FROM pg_class WHERE relkind = 'r' AND relnamespace = " NST_COPY_SCHEMA,
};

static enum nst_err count_tables(int64_t *tables, bool *has_steps, struct nst_db *db)
{
    struct nst_rows *rows;
    NST_TRY(nst_query(&rows, db, nst_str_z(tables_there[db->store->dialect]), NULL, 0));
    if (nst_rows_step(rows)) {
        *tables = nst_rows_int(rows, 0);
        *has_steps = nst_rows_int(rows, 1) > 0;
    }
    return nst_rows_end(rows);
}

static enum nst_err read_state(struct nst_db *db, void *arg)
{
    enum nst_copy_state *out = arg;
    bool has_mark = false, has_steps = false;
    int64_t tables = 0;
    NST_TRY(count_tables(&tables, &has_steps, db));
    if (has_steps)
        NST_TRY(nst_exists_with(&has_mark, db, "SELECT 1 FROM nst_migration WHERE number = $1",
                                NST_INT(NST_COPY_STEP)));
    /* The table alone, without a row, is of a first start that was cut. */
    bool has_any = tables > 0 || has_steps;
    if (has_steps && tables == 1)
        NST_TRY(nst_exists(&has_any, db, NST_STR("SELECT 1 FROM nst_migration"), NULL, 0));
    *out = has_mark ? NST_COPY_HALF : has_any ? NST_COPY_TAKEN : NST_COPY_EMPTY;
    return NST_OK;
}

enum nst_err nst_copy_state(enum nst_copy_state *out, struct nst_store *store)
{
    return nst_store_run(store, NST_MODE_READ, read_state, out);
}

static enum nst_err refuse_foreign(struct nst_copy *c, struct nst_db *db)
{
    int64_t tables = 0;
    bool is_own = false;
    NST_TRY(count_tables(&tables, &is_own, db));
    return is_own ? NST_OK : fail(c, "what is to be copied is no database of this program");
}

/* ---- Nobody else ---- */

static enum nst_err find_company(struct nst_db *db, void *arg)
{
    return nst_exists_with(arg, db,
                           "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() "
                           "AND application_name = $1 AND pid <> pg_backend_pid()",
                           NST_TEXT(NST_STR(NST_APPLICATION)));
}

#define FAREWELLS   20 /* of connections that have just been closed, our own among them */
#define FAREWELL_MS 100

/* Whether others are at work on a PostgreSQL store; another process on SQLite's has kept it from
 * being opened alone. */
static enum nst_err has_company(bool *has, struct nst_store *store)
{
    const struct timespec pause = { .tv_nsec = FAREWELL_MS * 1000000L };
    *has = store->dialect == NST_POSTGRESQL;
    for (int i = 0; i < FAREWELLS && *has; i++) {
        if (i > 0)
            nanosleep(&pause, NULL);
        *has = false;
        NST_TRY(nst_store_run(store, NST_MODE_READ, find_company, has));
    }
    return NST_OK;
}

static enum nst_err refuse_company(struct nst_copy *c)
{
    bool has;
    NST_TRY(has_company(&has, c->from));
    return has ? fail(c, "a server or a verb is at work on it: stop it first") : NST_OK;
}

#define PATIENCE_MS "10000" /* with transactions that are open */

/* Whoever writes by other means waits until the copy is over. SQLite's writer has been opened
 * alone. */
static enum nst_err lock_tables(struct nst_copy *c, struct nst_db *db,
                                const struct nst_copy_tables *t)
{
    struct nst_buf sql;
    nst_buf_init(&sql, c->arena, ARENA_BYTES);
    nst_put_lit(&sql, "SET LOCAL lock_timeout = " PATIENCE_MS "; LOCK TABLE nst_migration");
    for (size_t i = 0; i < t->count; i++)
        nst_putf(&sql, ", %.*s", NST_FMT(t->table[i].name));
    nst_put_lit(&sql, " IN SHARE MODE; SET LOCAL lock_timeout = 0");
    enum nst_err err = db->engine->script(db, nst_str_to_z(c->arena, nst_buf_str(&sql)));
    return err == NST_E_BUSY
               ? fail(c, "a transaction that is open holds what is to be moved: end it first")
               : err;
}

/* ---- One table ---- */

struct batch {
    struct nst_copy *copy;
    struct nst_copy_table *table;
    struct nst_arena *arena; /* of the rows, emptied behind each batch */
    struct nst_value *value; /* table->width a row */
    size_t rows, bytes;
    int64_t owner; /* see nst_copy_hold */
    bool is_first, is_last;
};

#define BATCH_ROWS  5000
#define BATCH_BYTES ((size_t)4 << 20)

static enum nst_err insert_rows(struct nst_db *db, const struct batch *b)
{
    const struct nst_copy_table *t = b->table;
    struct nst_buf sql;
    nst_buf_init(&sql, b->arena, ARENA_BYTES);
    nst_putf(&sql, "INSERT INTO %.*s (%.*s) VALUES (", NST_FMT(t->name), NST_FMT(t->columns));
    for (unsigned i = 0; i < t->width; i++)
        nst_putf(&sql, "%s$%u", i > 0 ? ", " : "", i + 1);
    nst_put_char(&sql, ')');
    for (size_t i = 0; i < b->rows; i++)
        NST_TRY(nst_exec(NULL, db, nst_buf_str(&sql), b->value + i * t->width, t->width));
    return NST_OK;
}

/* Text format of COPY: what would end a value or a row is escaped. */
static void put_escaped(struct nst_buf *out, struct nst_str text)
{
    static const char special[] = "\b\f\n\r\t\v\\", letter[] = "bfnrtv\\";
    size_t from = 0;
    for (size_t i = 0; i < text.n; i++) {
        const char *at = text.p[i] != '\0' ? strchr(special, text.p[i]) : NULL;
        if (at == NULL)
            continue;
        nst_put(out, nst_str_slice(text, from, i));
        nst_put_char(out, '\\');
        nst_put_char(out, letter[at - special]);
        from = i + 1;
    }
    nst_put(out, nst_str_slice(text, from, text.n));
}

static void put_value(struct nst_buf *out, const struct nst_value *v)
{
    if (v->kind == NST_VALUE_NULL)
        nst_put_lit(out, "\\N");
    else if (v->kind == NST_VALUE_TEXT)
        put_escaped(out, v->text);
    else
        nst_put_int(out, v->number);
}

static enum nst_err load_rows(struct nst_db *db, const struct batch *b)
{
    const struct nst_copy_table *t = b->table;
    struct nst_buf rows;
    nst_buf_init(&rows, b->arena, SIZE_MAX / 4);
    for (size_t i = 0; i < b->rows * t->width; i++) {
        put_value(&rows, &b->value[i]);
        nst_put_char(&rows, (i + 1) % t->width == 0 ? '\n' : '\t');
    }
    struct nst_str sql =
        nst_strf(b->arena, "COPY %.*s (%.*s) FROM STDIN", NST_FMT(t->name), NST_FMT(t->columns));
    return nst_pg_load(db, nst_str_to_z(b->arena, sql), nst_buf_str(&rows));
}

static enum nst_err note_table(struct nst_db *db, const struct nst_copy_table *t)
{
    return nst_exec_with(NULL, db,
                         "INSERT INTO nst_copy_done (name, rows, sum) VALUES ($1, $2, $3)",
                         NST_TEXT(t->name), NST_INT(t->rows), NST_INT((int64_t)t->sum));
}

/* May run again; what it allocates goes with the batch. */
static enum nst_err write_batch(struct nst_db *db, void *arg)
{
    const struct batch *b = arg;
    NST_TRY(nst_db_be_patient(db));
    NST_TRY(nst_copy_hold(db, b->owner));
    if (b->is_first)
        NST_TRY(
            db->engine->script(db,
                               nst_strf(b->arena, "DELETE FROM %.*s", NST_FMT(b->table->name)).p));
    if (b->rows > 0)
        NST_TRY(db->store->dialect == NST_SQLITE ? insert_rows(db, b) : load_rows(db, b));
    return b->is_last ? note_table(db, b->table) : NST_OK;
}

static enum nst_err flush(struct batch *b)
{
    struct nst_copy *c = b->copy;
    NST_TRY(nst_store_run(c->to, NST_MODE_WRITE, write_batch, b));
    c->rows += (int64_t)b->rows;
    nst_arena_reset(b->arena);
    b->value = NST_NEW_ARRAY(b->arena, struct nst_value, (size_t)BATCH_ROWS * b->table->width);
    b->rows = b->bytes = 0;
    b->is_first = false;
    if (c->show != NULL)
        c->show(c->arg, c->rows);
    return c->is_cut != NULL && c->is_cut(c->arg) ? NST_E_BUSY : NST_OK;
}

static enum nst_err take_row(struct nst_rows *rows, void *arg)
{
    struct batch *b = arg;
    struct nst_copy_table *t = b->table;
    struct nst_value *value = b->value + b->rows * t->width;
    for (unsigned i = 0; i < t->width; i++) {
        value[i] = nst_rows_value(rows, i);
        if (value[i].kind == NST_VALUE_TEXT)
            value[i].text = nst_str_copy(b->arena, value[i].text);
        b->bytes += sizeof(struct nst_value) + value[i].text.n;
    }
    nst_copy_count(t, value);
    b->rows++;
    return b->rows == BATCH_ROWS || b->bytes >= BATCH_BYTES ? flush(b) : NST_OK;
}

static enum nst_err copy_rows(struct nst_copy *c, struct nst_db *db, struct nst_copy_table *t,
                              int64_t owner)
{
    struct nst_arena *a = nst_arena_new(ARENA_BYTES);
    struct batch b = { .copy = c, .table = t, .arena = a, .owner = owner, .is_first = true };
    b.value = NST_NEW_ARRAY(a, struct nst_value, (size_t)BATCH_ROWS * t->width);
    t->rows = 0;
    t->sum = 0;
    enum nst_err err = nst_copy_walk(db, t, take_row, &b);
    b.is_last = true;
    if (err == NST_OK)
        err = flush(&b);
    nst_arena_free(a);
    return err;
}

/* Of a table that a copy before this one had finished: is it still what the source has? */
static enum nst_err copy_table(struct nst_copy *c, struct nst_db *db, struct nst_copy_table *t,
                               int64_t owner)
{
    struct nst_copy_table now = *t;
    if (!t->is_done)
        return copy_rows(c, db, t, owner);
    NST_TRY(nst_copy_sum(&now, db));
    if (now.rows == t->rows && now.sum == t->sum) {
        c->rows += t->rows;
        return NST_OK;
    }
    NST_TRY(nst_copy_forget(c->to, t));
    return copy_rows(c, db, t, owner);
}

/* ---- The copy ---- */

static enum nst_err copy_tables(struct nst_copy *c, struct nst_db *db, struct nst_copy_tables *t)
{
    for (size_t i = 0; i < t->count; i++)
        NST_TRY(copy_table(c, db, &t->table[i], t->owner));
    c->tables = (int64_t)t->count;
    return NST_OK;
}

/* Written before the rows are read, so that who may not write it is told at once. */
static enum nst_err put_left(struct nst_db *db, struct nst_str where)
{
    if (where.p == NULL)
        return NST_OK;
    return nst_exec_with(NULL, db,
                         "INSERT INTO nst_migration (number, name, applied) VALUES ($1, $2, $3) "
                         "ON CONFLICT (number) DO NOTHING",
                         NST_INT(NST_LEFT_STEP), NST_TEXT(where), NST_INT(nst_now()));
}

static enum nst_err remove_left(struct nst_db *db, void *arg)
{
    (void)arg;
    return nst_exec_with(NULL, db, "DELETE FROM nst_migration WHERE number = $1",
                         NST_INT(NST_LEFT_STEP));
}

struct run {
    struct nst_copy *copy;
    struct nst_copy_tables tables;
    enum nst_copy_state state; /* of the target, before */
};

/* Rows that this user may not see are an error; who waits for the target is not idle. */
static const char pg_session[] =
    "SET LOCAL row_security = off; SET LOCAL idle_in_transaction_session_timeout = 0";

/* The mark of a source is that of a run which was cut before the same target was whole. */
static enum nst_err goes_on(const struct run *r, struct nst_str where)
{
    return r->state == NST_COPY_HALF && nst_str_eq(where, r->copy->left_to)
               ? NST_OK
               : fail(r->copy, "what is to be copied was moved, and is served elsewhere");
}

/* The steps that the source has run, of those that the program has. */
static enum nst_err choose_steps(struct nst_migration **out, unsigned *count, const struct run *r,
                                 struct nst_db *db)
{
    struct nst_copy *c = r->copy;
    struct nst_rows *rows;
    *out = NST_NEW_ARRAY(c->arena, struct nst_migration, c->step_count + 1);
    *count = 0;
    NST_TRY(nst_query(&rows, db, NST_STR("SELECT number, name FROM nst_migration ORDER BY number"),
                      NULL, 0));
    while (nst_rows_step(rows)) {
        int64_t number = nst_rows_int(rows, 0);
        unsigned i = 0;
        while (i < c->step_count && c->steps[i].number != number)
            i++;
        if (number == NST_COPY_STEP)
            nst_rows_fail(rows, fail(c, "what is to be copied is half a copy itself"));
        else if (number == NST_LEFT_STEP)
            nst_rows_fail(rows, goes_on(r, nst_rows_text(rows, 1)));
        else if (i == c->step_count)
            nst_rows_fail(rows,
                          fail(c, "what is to be copied is of a newer version of this program"));
        else
            (*out)[i] = c->steps[i];
    }
    NST_TRY(nst_rows_end(rows));
    for (unsigned i = 0; i < c->step_count; i++)
        if ((*out)[i].sql != NULL)
            (*out)[(*count)++] = (*out)[i];
    return NST_OK;
}

static enum nst_err begin_target(struct run *r, struct nst_db *db)
{
    struct nst_copy *c = r->copy;
    struct nst_migration *steps;
    unsigned count;
    NST_TRY(choose_steps(&steps, &count, r, db));
    NST_TRY(put_left(db, c->left_to));
    NST_TRY(nst_copy_tables_read(&r->tables, c->arena, db));
    nst_random(&r->tables.owner, sizeof(r->tables.owner));
    NST_TRY(nst_migrate_copy(c->to, steps, count));
    enum nst_err err = nst_copy_begin(c->to, &r->tables);
    return err == NST_E_CONFLICT ? fail(c, "what is to be copied lacks what this program makes: "
                                           "see the log line above")
                                 : err;
}

static enum nst_err work(struct nst_db *db, void *arg)
{
    struct run *r = arg;
    struct nst_copy *c = r->copy;
    c->rows = 0;
    c->why = (struct nst_str){ 0 };
    NST_TRY(nst_db_be_patient(db));
    if (db->store->dialect == NST_POSTGRESQL)
        NST_TRY(db->engine->script(db, pg_session));
    NST_TRY(refuse_foreign(c, db));
    NST_TRY(begin_target(r, db));
    if (c->is_alone && db->store->dialect == NST_POSTGRESQL)
        NST_TRY(lock_tables(c, db, &r->tables));
    return copy_tables(c, db, &r->tables);
}

/* The source is marked by now: at no time both are served. Where the target is known not to be
 * whole, the source is served again. */
static enum nst_err finish(struct run *r)
{
    struct nst_copy *c = r->copy;
    enum nst_copy_state state;
    enum nst_err err = nst_copy_finish(c->to, &r->tables);
    if (err != NST_OK && c->left_to.p != NULL && nst_copy_state(&state, c->to) == NST_OK &&
        state == NST_COPY_HALF &&
        nst_store_run(c->from, NST_MODE_WRITE, remove_left, NULL) != NST_OK)
        nst_log(NST_LOG_ERROR, "the former database stays marked",
                NST_LOG_STR("remedy", NST_STR("the same `nestor move` again, or `--stay`")));
    return err == NST_E_CONFLICT
               ? fail(c, "what was copied is not what is there: see the log line above")
               : err;
}

enum nst_err nst_copy_run(struct nst_copy *c)
{
    struct run r = { .copy = c, .state = NST_COPY_TAKEN };
    NST_TRY(nst_copy_state(&r.state, c->to));
    if (r.state == NST_COPY_TAKEN)
        return fail(c,
                    "there is something already where the copy is to be; it wants an empty place");
    if (c->is_alone)
        NST_TRY(refuse_company(c));
    NST_TRY(nst_store_run(c->from, c->is_alone ? NST_MODE_WRITE : NST_MODE_READ, work, &r));
    return finish(&r);
}

/* ---- What is served elsewhere from now on ---- */

struct left {
    struct nst_str where;
    struct nst_arena *arena;
};

static enum nst_err read_left(struct nst_db *db, void *arg)
{
    struct left *l = arg;
    struct nst_rows *rows;
    int64_t tables = 0;
    bool has_steps = false;
    l->where = (struct nst_str){ 0 };
    NST_TRY(count_tables(&tables, &has_steps, db));
    if (!has_steps)
        return NST_OK;
    NST_TRY(nst_query_with(&rows, db, "SELECT name FROM nst_migration WHERE number = $1",
                           NST_INT(NST_LEFT_STEP)));
    if (nst_rows_step(rows))
        l->where = nst_str_copy(l->arena, nst_rows_text(rows, 0));
    return nst_rows_end(rows);
}

enum nst_err nst_copy_left(struct nst_str *where, struct nst_arena *a, struct nst_store *store)
{
    struct left l = { .arena = a };
    enum nst_mode mode = store->options.is_alone ? NST_MODE_WRITE : NST_MODE_READ;
    enum nst_err err = nst_store_run(store, mode, read_left, &l);
    *where = l.where;
    return err;
}

enum nst_err nst_copy_stay(struct nst_store *store)
{
    bool has;
    NST_TRY(has_company(&has, store));
    return has ? NST_E_BUSY : nst_store_run(store, NST_MODE_WRITE, remove_left, NULL);
}
