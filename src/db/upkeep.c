/* Upkeep of a store while others use it: room that is given back, indexes that are made anew.
 *
 * Both engines want these statements outside of a transaction, hence on a connection of their own.
 * SQLite makes the file anew through its log: who reads goes on with the pages of before. */
#include "internal.h"

#include <time.h>

static const char *const on_sqlite[] = {
    [NST_COMPACT] = "VACUUM",
    [NST_REINDEX] = "REINDEX",
};

/* Of one table, with its name. VACUUM FULL would keep readers out. */
static const char *const on_postgresql[] = {
    [NST_COMPACT] = "VACUUM (ANALYZE) %.*s",
    [NST_REINDEX] = "REINDEX TABLE CONCURRENTLY %.*s",
};

/* What SQLite keeps meanwhile is as large as the file: no memory for that. */
static enum nst_err run_on_file(struct nst_store *store, enum nst_upkeep what)
{
    struct nst_db *db;
    NST_TRY(nst_sqlite_open(&db, store, true));
    enum nst_err err = db->engine->script(db, "PRAGMA temp_store = FILE");
    if (err == NST_OK)
        err = db->engine->script(db, on_sqlite[what]);
    if (err == NST_OK)
        err = db->engine->script(db, "PRAGMA wal_checkpoint(TRUNCATE)");
    db->engine->close(db);
    return err;
}

#define NAMES_MAX 2048

/* The names that a query finds, null behind the last; in a. */
static enum nst_err read_names(struct nst_str **out, struct nst_arena *a, struct nst_db *db,
                               struct nst_str sql)
{
    struct nst_rows *rows;
    size_t count = 0;
    *out = NST_NEW_ARRAY(a, struct nst_str, NAMES_MAX + 1);
    NST_TRY(nst_query(&rows, db, sql, NULL, 0));
    while (nst_rows_step(rows) && count < NAMES_MAX)
        (*out)[count++] = nst_str_copy(a, nst_rows_text(rows, 0));
    return nst_rows_end(rows);
}

/* What an index that was being made anew leaves when that fails: it is of no use, and is kept up
 * to date all the same. */
static const char left_over[] =
    "SELECT format('%I.%I', n.nspname, i.relname) FROM pg_index x "
    "JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_namespace n ON n.oid = i.relnamespace "
    "WHERE NOT x.indisvalid AND n.nspname = current_schema() AND i.relname LIKE '%\\_cc%'";

static enum nst_err drop_left_over(struct nst_db *db, struct nst_arena *a)
{
    struct nst_str *name;
    NST_TRY(read_names(&name, a, db, nst_str_z(left_over)));
    for (; name->p != NULL; name++)
        NST_TRY(db->engine->script(
            db, nst_strf(a, "DROP INDEX CONCURRENTLY IF EXISTS %.*s", NST_FMT(*name)).p));
    return NST_OK;
}

#define ATTEMPTS 10
#define PAUSE_MS 200

/* Others lock the same tables in an order of their own, so that one of both is broken off. */
static enum nst_err run_on_table(struct nst_db *db, struct nst_arena *a, enum nst_upkeep what,
                                 struct nst_str table)
{
    const struct timespec pause = { .tv_nsec = PAUSE_MS * 1000000L };
    const char *sql = nst_strf(a, on_postgresql[what], NST_FMT(table)).p;
    enum nst_err err = db->engine->script(db, sql);
    for (int i = 1; i < ATTEMPTS && err == NST_E_RETRY && db->is_usable; i++) {
        nanosleep(&pause, NULL);
        NST_TRY(drop_left_over(db, a));
        err = db->engine->script(db, sql);
    }
    return err;
}

static enum nst_err run_on_tables(struct nst_db *db, struct nst_arena *a, enum nst_upkeep what)
{
    struct nst_str *table;
    db->is_patient = true;
    NST_TRY(db->engine->script(db, "SET lock_timeout = 0; SET statement_timeout = 0"));
    NST_TRY(read_names(&table, a, db,
                       NST_STR("SELECT format('%I.%I', schemaname, tablename) FROM pg_tables "
                               "WHERE schemaname = current_schema() ORDER BY tablename")));
    for (; table->p != NULL; table++)
        NST_TRY(run_on_table(db, a, what, *table));
    return what == NST_REINDEX ? drop_left_over(db, a) : NST_OK;
}

static enum nst_err run_on_server(struct nst_store *store, enum nst_upkeep what)
{
    struct nst_arena *a = nst_arena_new(SCRATCH_BYTES);
    struct nst_db *db = nst_pg_new(store);
    enum nst_err err = nst_pg_connect(db);
    if (err == NST_OK)
        err = run_on_tables(db, a, what);
    db->engine->close(db);
    nst_arena_free(a);
    return err == NST_E_RETRY ? NST_E_BUSY : err;
}

enum nst_err nst_store_keep_up(struct nst_store *store, enum nst_upkeep what)
{
    return store->dialect == NST_SQLITE ? run_on_file(store, what) : run_on_server(store, what);
}
