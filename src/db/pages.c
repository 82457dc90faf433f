/* The file of a SQLite store at one moment, page by page. */
#include "internal.h"

#include "nestor/copy.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGES 1000 /* that are copied between two questions */

static enum nst_err err_of(int code)
{
    if (nst_sqlite_is_full(code, errno))
        return NST_E_FULL;
    code &= 0xff;
    return code == SQLITE_OK ? NST_OK : code == SQLITE_BUSY ? NST_E_BUSY : NST_E_DB;
}

/* Who is asked whether the copy is still wanted. */
struct asker {
    nst_copy_cut *is_cut;
    void *arg;
    int fd; /* of the copy, which is to be on the disk; -1: it need not be */
};

/* Of one moment: the reader that the copy is taken from sees no later write. What is to be on the
 * disk goes there from the start: all at once in the end, it would hold up the syncs of others. */
static int copy_all(sqlite3 *to, sqlite3 *from, const struct asker *who)
{
    int code = SQLITE_OK;
    sqlite3_backup *copy = sqlite3_backup_init(to, "main", from, "main");
    if (copy == NULL)
        return sqlite3_errcode(to);
    while (code == SQLITE_OK && !who->is_cut(who->arg)) {
        code = sqlite3_backup_step(copy, PAGES);
        if (who->fd >= 0)
            (void)sync_file_range(who->fd, 0, 0, SYNC_FILE_RANGE_WRITE);
    }
    int end = sqlite3_backup_finish(copy);
    return end != SQLITE_OK ? end : code == SQLITE_DONE ? SQLITE_OK : SQLITE_BUSY;
}

/* Syncs are one at the end: before that the file is of no use anyway. */
static int copy_into(const char *path, struct nst_db *reader, const struct asker *who)
{
    sqlite3 *to = NULL;
    int code = sqlite3_open_v2(path, &to, SQLITE_OPEN_READWRITE, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_exec(to, "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF", NULL, NULL,
                            NULL);
    if (code == SQLITE_OK)
        code = copy_all(to, reader->handle, who);
    sqlite3_close(to);
    return code;
}

/* What is read as one that nobody changes may be changed all the same, by whom another mount
 * serves: no lock is taken then. */
struct look {
    struct timespec changed[2];
    off_t size[2];
};

static void look_at_source(struct look *l, const struct nst_store *store)
{
    struct nst_arena *a = nst_arena_new(1024);
    const char *const path[] = { store->url, nst_strf(a, "%s-wal", store->url).p };
    memset(l, 0, sizeof(*l));
    for (size_t i = 0; i < NST_COUNT(path); i++) {
        struct stat about;
        if (stat(path[i], &about) != 0)
            continue;
        l->changed[i] = about.st_mtim;
        l->size[i] = about.st_size;
    }
    nst_arena_free(a);
}

static bool is_untouched(const struct look *before, const struct nst_store *store)
{
    struct look now;
    bool is_same = true;
    look_at_source(&now, store);
    for (size_t i = 0; i < NST_COUNT(now.size); i++)
        is_same &= now.size[i] == before->size[i] &&
                   now.changed[i].tv_sec == before->changed[i].tv_sec &&
                   now.changed[i].tv_nsec == before->changed[i].tv_nsec;
    return is_same;
}

static enum nst_err copy_file(const char *path, struct nst_db *reader, bool is_durable,
                              struct asker who)
{
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return nst_err_of_write(errno);
    who.fd = is_durable ? fd : -1;
    int code = copy_into(path, reader, &who);
    if (code != SQLITE_OK && !who.is_cut(who.arg))
        nst_log(NST_LOG_WARN, "the database was not copied", NST_LOG_STR("file", nst_str_z(path)),
                NST_LOG_STR("reason", nst_str_z(sqlite3_errstr(code))));
    enum nst_err err = err_of(code);
    if (err == NST_OK && is_durable && fsync(fd) != 0)
        err = nst_err_of_write(errno);
    close(fd);
    if (err != NST_OK)
        (void)unlink(path);
    return err;
}

enum nst_err nst_copy_pages(struct nst_store *from, const char *path, bool is_durable,
                            nst_copy_cut *is_cut, void *arg)
{
    const struct asker who = { is_cut, arg, -1 };
    struct nst_db *reader;
    struct look before;
    look_at_source(&before, from);
    NST_TRY(nst_reader_open(&reader, from));
    enum nst_err err = nst_reader_enter(reader, NULL);
    if (err == NST_OK)
        err = copy_file(path, reader, is_durable, who);
    nst_reader_close(reader);
    if (err != NST_OK || !from->options.is_read_only || is_untouched(&before, from))
        return err;
    nst_log(NST_LOG_WARN, "somebody writes to the database, whose copy is of no one moment",
            NST_LOG_STR("database", nst_str_z(from->url)));
    (void)unlink(path);
    return NST_E_BUSY;
}
