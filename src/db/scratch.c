/* Stores that keep nothing: where a write is tried whose outcome is wanted, and nothing else. */
#include "internal.h"

#include "nestor/copy.h"

#include <stdio.h>
#include <unistd.h>

/* Numbers that a trial takes are more than others take meanwhile, and few bits all the same. */
#define FAR "1048576"

/* ---- Opening ---- */

static void remove_copy(struct nst_str path)
{
    static const char *const beside[] = { "", "-wal", "-shm" };
    struct nst_arena *a = nst_arena_new(SCRATCH_BYTES);
    for (size_t i = 0; i < NST_COUNT(beside); i++)
        (void)unlink(nst_strf(a, "%.*s%s", NST_FMT(path), beside[i]).p);
    nst_arena_free(a);
}

static enum nst_err open_copy(struct nst_store **out, struct nst_store *of, struct nst_str path,
                              nst_copy_cut *is_cut, void *arg)
{
    struct nst_arena *a = nst_arena_new(SCRATCH_BYTES);
    struct nst_store_options options = of->options;
    enum nst_err err = nst_copy_pages(of, nst_str_to_z(a, path), false, is_cut, arg);
    options.url = path;
    options.is_read_only = false;
    options.is_scratch = true;
    if (err == NST_OK)
        err = nst_store_open(out, &options);
    if (err != NST_OK)
        remove_copy(path);
    nst_arena_free(a);
    return err;
}

enum nst_err nst_scratch_open(struct nst_store **out, struct nst_store *of, struct nst_str path,
                              nst_copy_cut *is_cut, void *arg)
{
    struct nst_store_options options = of->options;
    if (of->dialect == NST_SQLITE)
        return open_copy(out, of, path, is_cut, arg);
    options.pool = 1;
    options.readers = 0;
    return nst_store_open(out, &options);
}

static enum nst_err hide_table(struct nst_db *db, const char *table)
{
    char sql[SCRATCH_BYTES];
    snprintf(sql, sizeof(sql), "CREATE TEMP TABLE %s (LIKE %s INCLUDING ALL) ON COMMIT DROP", table,
             table);
    return db->engine->script(db, sql);
}

enum nst_err nst_scratch_begin(struct nst_db *db, const char *const *own)
{
    if (db->store->dialect == NST_SQLITE)
        return NST_OK;
    /* Of a process that was stopped, others wait no longer. */
    static const char patience[] = "SET LOCAL idle_in_transaction_session_timeout = 60000";
    static const char before[] =
        "CREATE TEMP TABLE nst_counter_before ON COMMIT DROP AS SELECT name, next FROM nst_counter";
    static const char after[] =
        "INSERT INTO nst_counter (name, next) SELECT name, next + " FAR " FROM nst_counter_before";
    NST_TRY(db->engine->script(db, patience));
    NST_TRY(db->engine->script(db, before));
    NST_TRY(hide_table(db, "nst_counter"));
    NST_TRY(db->engine->script(db, after));
    for (; *own != NULL; own++)
        NST_TRY(hide_table(db, *own));
    return NST_OK;
}

void nst_scratch_close(struct nst_store *store, struct nst_str path)
{
    bool is_copy = store != NULL && store->dialect == NST_SQLITE;
    nst_store_close(store);
    if (is_copy)
        remove_copy(path);
}
