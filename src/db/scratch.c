/* Stores that keep nothing: where a write is tried whose outcome is wanted, and nothing else. */
#include "internal.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Numbers that a trial takes are more than others take meanwhile, and few bits all the same. */
#define FAR "1048576"

#define PAGES 1000 /* that are copied between two questions */

/* ---- A copy of a file ---- */

static enum nst_err err_of(int code)
{
    code &= 0xff;
    return code == SQLITE_OK     ? NST_OK
           : code == SQLITE_FULL ? NST_E_FULL
           : code == SQLITE_BUSY ? NST_E_BUSY
                                 : NST_E_DB;
}

/* Who is asked whether the copy is still wanted. */
struct asker {
    nst_scratch_cut *is_cut;
    void *arg;
};

/* Of one moment: the reader that the copy is taken from sees no later write. */
static int copy_pages(sqlite3 *to, sqlite3 *from, const struct asker *who)
{
    int code = SQLITE_OK;
    sqlite3_backup *copy = sqlite3_backup_init(to, "main", from, "main");
    if (copy == NULL)
        return sqlite3_errcode(to);
    while (code == SQLITE_OK && !who->is_cut(who->arg))
        code = sqlite3_backup_step(copy, PAGES);
    int end = sqlite3_backup_finish(copy);
    return end != SQLITE_OK ? end : code == SQLITE_DONE ? SQLITE_OK : SQLITE_BUSY;
}

static enum nst_err copy_file(struct nst_db *reader, const char *path, const struct asker *who)
{
    sqlite3 *to = NULL;
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return nst_err_of_write(errno);
    close(fd);
    int code = sqlite3_open_v2(path, &to, SQLITE_OPEN_READWRITE, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_exec(to, "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF", NULL, NULL,
                            NULL);
    if (code == SQLITE_OK)
        code = copy_pages(to, reader->handle, who);
    if (code != SQLITE_OK)
        nst_log(NST_LOG_WARN, "the database was not copied", NST_LOG_STR("file", nst_str_z(path)),
                NST_LOG_STR("reason", nst_str_z(sqlite3_errstr(code))));
    sqlite3_close(to);
    return err_of(code);
}

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
                              const struct asker *who)
{
    struct nst_arena *a = nst_arena_new(SCRATCH_BYTES);
    struct nst_store_options options = of->options;
    struct nst_db *reader;
    enum nst_err err = nst_reader_open(&reader, of);
    if (err == NST_OK) {
        err = nst_reader_enter(reader, NULL);
        if (err == NST_OK)
            err = copy_file(reader, nst_str_to_z(a, path), who);
        nst_reader_close(reader);
    }
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
                              nst_scratch_cut *is_cut, void *arg)
{
    struct nst_store_options options = of->options;
    const struct asker who = { is_cut, arg };
    if (of->dialect == NST_SQLITE)
        return open_copy(out, of, path, &who);
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
