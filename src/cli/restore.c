/* nestor restore: an installation from a backup, in an empty place.
 *
 * Files are compared with the list while they are copied; the database comes last, by a rename, or
 * as rows of a PostgreSQL database that is refused until it is whole. A mark in the folder says so
 * long that it is not whole; the same command begins it anew. */
#include "backup.h"

#include "copy.h"
#include "grammar.h"
#include "stop.h"

#include "nestor/base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define MARK_MAX  256
#define UNPACKED  ".restored"
#define CONF_MAX  ((size_t)1 << 20)
#define DATABASE  CLI_BACKUP_DATABASE
#define INCOMING  CLI_BACKUP_DATABASE ".incoming" /* until the rest is there */
#define SETTINGS  "nestor.conf"
#define SET_ASIDE "nestor.conf.incoming" /* so that the next run does not go by them */

struct restoring {
    struct cli_options *o;
    struct cli_backup from;
    struct nst_str data;
    bool goes_on; /* with a place where a run was cut */
    bool is_new;  /* this run has made the folder */
    bool is_remote;
    int lock; /* on the folder; -1: not taken yet */
};

static int complain(const char *path)
{
    return cli_fail(&cli_restore, "%s: %s", path, strerror(errno));
}

/* ---- The place ---- */

static bool is_left_behind(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strcmp(name, "lost+found") == 0;
}

/* What is there besides what every folder has; -1 with errno set. */
static int count_entries(const char *path)
{
    DIR *dir = opendir(path);
    const struct dirent *entry;
    int count = 0;
    if (dir == NULL)
        return errno == ENOENT ? 0 : -1;
    while ((entry = readdir(dir)) != NULL)
        count += !is_left_behind(entry->d_name);
    closedir(dir);
    return count;
}

static int look_at_place(struct restoring *r)
{
    struct nst_str url = cli_text(&r->o->config, "database");
    int entries = count_entries(r->o->data);
    r->is_remote = nst_dialect_of(url) == NST_POSTGRESQL;
    r->goes_on = access(cli_path(r->o->arena, r->data, NST_STR(CLI_RESTORING)), F_OK) == 0;
    if (url.n > 0 && !r->is_remote)
        return cli_fail(&cli_restore, "the database of a restored installation is " DATABASE
                                      " in its folder, or PostgreSQL");
    if (entries < 0)
        return complain(r->o->data);
    if (entries > 0 && !r->goes_on)
        return cli_fail(&cli_restore, "%s is not empty: a backup is restored into an empty place",
                        r->o->data);
    return EXIT_DONE;
}

/* ---- The backup ---- */

/* A folder of backups is no backup: say which there are. */
static int refuse(const struct restoring *r, const char *why)
{
    const char **name;
    size_t count = cli_backup_names(&name, r->o->arena, r->from.folder.p);
    if (count > 0)
        return cli_fail(&cli_restore, "%.*s has backups: give one, as %.*s/%s",
                        NST_FMT(r->from.folder), NST_FMT(r->from.folder), name[count - 1]);
    return cli_fail(&cli_restore, "%s %s", r->o->rest[0], why);
}

static int read_list(struct restoring *r)
{
    r->from.arena = r->o->arena;
    const char *why = cli_backup_read_list(&r->from);
    return why == NULL ? EXIT_DONE : refuse(r, why);
}

static int differs(const struct restoring *r, const struct cli_backup_file *file)
{
    return cli_fail(&cli_restore, "%s is damaged: %.*s is not what its list says", r->o->rest[0],
                    NST_FMT(file->name));
}

static bool is_same(const struct cli_backup_file *x, const struct cli_backup_file *y)
{
    return x->bytes == y->bytes && nst_str_eq(x->sha256, y->sha256);
}

/* For --dry-run, which reads all and writes nothing. */
static int check_files(const struct restoring *r)
{
    for (const struct cli_backup_file *file = r->from.first; file != NULL; file = file->next) {
        struct cli_backup_file there = *file;
        const char *path = cli_path(r->o->arena, r->from.folder, file->name);
        if (!cli_backup_measure(&there, r->o->arena, path))
            return complain(path);
        if (!is_same(&there, file))
            return differs(r, file);
    }
    return EXIT_DONE;
}

/* ---- Files ---- */

static int bring(const struct restoring *r, const struct cli_backup_file *file, const char *to)
{
    struct cli_backup_file copied = *file;
    const char *from = cli_path(r->o->arena, r->from.folder, file->name);
    if (!cli_backup_copy(&copied, r->o->arena, to, from))
        return complain(access(from, R_OK) != 0 ? from : to);
    return is_same(&copied, file) ? EXIT_DONE : differs(r, file);
}

/* Settings that name a place of the server that was: they are kept, as comments. */
static bool names_a_place(struct nst_str name)
{
    return nst_str_eq(name, NST_STR("database")) || nst_str_eq(name, NST_STR("db.replica")) ||
           nst_str_eq(name, NST_STR("tasks.folder"));
}

/* A file that came along lies in the data folder now: its name there; null where none did. */
static struct nst_str name_here(const struct restoring *r, struct nst_str setting)
{
    for (size_t i = 0; i < CLI_KEY_SETTINGS; i++)
        if (nst_str_eq(setting, nst_str_z(cli_key_settings[i])))
            return r->from.named[i];
    return (struct nst_str){ 0 };
}

static void put_line(const struct restoring *r, struct nst_buf *out, struct nst_str *section,
                     struct nst_str line)
{
    struct nst_str value, name = cli_config_line(&value, section, line, out->arena);
    struct nst_str here = name.p != NULL ? name_here(r, name) : name;
    if (here.p != NULL) {
        nst_put(out, nst_str_slice(line, 0, nst_str_find(line, '=')));
        nst_putf(out, "= %.*s\n", NST_FMT(here));
        return;
    }
    if (name.p != NULL && names_a_place(name))
        nst_put_lit(out, "# of the server that was backed up: ");
    nst_put(out, line);
    nst_put_char(out, '\n');
}

static int bring_settings(const struct restoring *r, const char *to)
{
    struct nst_arena *a = r->o->arena;
    struct nst_str url = cli_text(&r->o->config, "database"), section = { 0 };
    struct nst_str rest = cli_read_file(a, to, CONF_MAX);
    struct nst_buf out;
    if (rest.p == NULL && errno != ENOENT && errno != 0)
        return complain(to);
    if (rest.p == NULL && !r->is_remote)
        return EXIT_DONE;
    nst_buf_init(&out, a, 2 * CONF_MAX);
    if (r->is_remote)
        nst_putf(&out, "database = %.*s\n", NST_FMT(url));
    while (rest.p != NULL)
        put_line(r, &out, &section, nst_str_cut(&rest, '\n'));
    out.n -= out.n > 0; /* the file's end is written with it */
    return cli_write_secret(to, nst_buf_str(&out), true) ? EXIT_DONE : complain(to);
}

/* Where a file goes: names of their own for what counts only once all of it is there. */
static const char *goal_of(const struct restoring *r, struct nst_str name)
{
    if (nst_str_eq(name, NST_STR(DATABASE)))
        name = NST_STR(INCOMING);
    else if (nst_str_eq(name, NST_STR(SETTINGS)))
        name = NST_STR(SET_ASIDE);
    return cli_path(r->o->arena, r->data, name);
}

static int bring_files(const struct restoring *r)
{
    int status = EXIT_DONE;
    for (const struct cli_backup_file *file = r->from.first; file != NULL && status == EXIT_DONE;
         file = file->next) {
        if (cli_is_stopped())
            return cli_fail(&cli_restore, "stopped; the same command begins it anew");
        if (!r->is_remote || !nst_str_eq(file->name, NST_STR(DATABASE)))
            status = bring(r, file, goal_of(r, file->name));
    }
    return status == EXIT_DONE ? bring_settings(r, goal_of(r, NST_STR(SETTINGS))) : status;
}

/* ---- The database ---- */

/* It is compared with the list before anything is made of it, as the other files are. */
static int bring_rows(const struct restoring *r)
{
    const struct cli_backup_file *file = cli_backup_find(&r->from, NST_STR(DATABASE));
    struct cli_backup_file there = *file;
    const char *path = cli_path(r->o->arena, r->from.folder, file->name);
    struct nst_copy c = { 0 };
    int status = EXIT_FAILED;
    if (!cli_backup_measure(&there, r->o->arena, path))
        return complain(path);
    if (!is_same(&there, file))
        return differs(r, file);
    c.from =
        cli_store_open(r->o, &cli_restore,
                       (struct nst_store_options){ .url = nst_str_z(path), .is_read_only = true });
    if (c.from != NULL)
        c.to = cli_store_open(r->o, &cli_restore,
                              (struct nst_store_options){
                                  .url = cli_text(&r->o->config, "database"), .is_filled = true });
    if (c.to != NULL)
        status = cli_copy_rows(&c, r->o, &cli_restore, "; the same command goes on with it");
    nst_store_close(c.to);
    nst_store_close(c.from);
    if (status != EXIT_DONE && r->goes_on && c.rows == 0)
        fprintf(stderr,
                "nestor restore: if the run before this one had come to its end, remove "
                "%s/" CLI_RESTORING " and serve it\n",
                r->o->data);
    return status;
}

static int bring_database(const struct restoring *r)
{
    struct nst_arena *a = r->o->arena;
    const char *from = cli_path(a, r->data, NST_STR(INCOMING)),
               *to = cli_path(a, r->data, NST_STR(DATABASE));
    if (r->is_remote)
        return bring_rows(r);
    return nst_rename_durably(from, to, r->o->data) ? EXIT_DONE : complain(to);
}

/* ---- The verb ---- */

/* Two restores into one folder would take each other's files for their own. */
static int lock_place(struct restoring *r)
{
    if (r->lock >= 0)
        return EXIT_DONE;
    r->lock = open(r->o->data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (r->lock < 0)
        return complain(r->o->data);
    return flock(r->lock, LOCK_EX | LOCK_NB) == 0
               ? EXIT_DONE
               : cli_fail(&cli_restore, "another restore into %s is at work", r->o->data);
}

/* What is there of a run that was cut must be of the same backup. */
static int check_mark(const struct restoring *r, const char *mark)
{
    struct nst_str time = cli_read_file(r->o->arena, mark, MARK_MAX);
    if (time.p == NULL || time.n == 0 || r->from.time.p == NULL || nst_str_eq(time, r->from.time))
        return EXIT_DONE;
    return cli_fail(&cli_restore,
                    "%s holds half of another backup, of %.*s: remove what is there first",
                    r->o->data, NST_FMT(time));
}

static int make_place(struct restoring *r)
{
    const char *mark = cli_path(r->o->arena, r->data, NST_STR(CLI_RESTORING)),
               *tasks = cli_path(r->o->arena, r->data, NST_STR("tasks"));
    if (mkdir(r->o->data, 0700) == 0)
        r->is_new = true;
    else if (errno != EEXIST)
        return complain(r->o->data);
    int status = lock_place(r);
    if (status == EXIT_DONE)
        status = check_mark(r, mark);
    if (status != EXIT_DONE)
        return status;
    if (!cli_write_secret(mark, r->from.time.p != NULL ? r->from.time : NST_STR(""), true))
        return complain(mark);
    if (mkdir(tasks, 0700) != 0 && errno != EEXIST)
        return complain(tasks);
    return nst_sync_folder(r->o->data) ? EXIT_DONE : complain(r->o->data);
}

/* The settings count from now on; the mark goes last. */
static int finish(const struct restoring *r)
{
    struct nst_arena *a = r->o->arena;
    const char *mark = cli_path(a, r->data, NST_STR(CLI_RESTORING)),
               *unpacked = cli_path(a, r->data, NST_STR(UNPACKED)),
               *settings = goal_of(r, NST_STR(SETTINGS));
    if (access(settings, F_OK) == 0 &&
        !nst_rename_durably(settings, cli_path(a, r->data, NST_STR(SETTINGS)), r->o->data))
        return complain(settings);
    if (!cli_give_away(r->o->data, r->o->data))
        return complain(r->o->data);
    if (!cli_remove_folder(unpacked) || unlink(mark) != 0 || !nst_sync_folder(r->o->data))
        return complain(mark);
    if (!r->o->quiet)
        printf("%s has the installation of %.*s.\n", r->o->data, NST_FMT(r->from.time));
    return EXIT_DONE;
}

/* An archive is unpacked beside where its files go. */
static int unpack(struct restoring *r)
{
    const char *to = cli_path(r->o->arena, r->data, NST_STR(UNPACKED));
    int status = make_place(r);
    if (status != EXIT_DONE)
        return status;
    if (access(r->o->rest[0], R_OK) != 0)
        return complain(r->o->rest[0]);
    if (!cli_remove_folder(to) || mkdir(to, 0700) != 0)
        return complain(to);
    r->from.folder = nst_str_z(to);
    return cli_tar(&cli_restore, "-xf", r->o->rest[0], to) ? EXIT_DONE : EXIT_FAILED;
}

/* What is refused before anything of it came leaves the place as empty as it was. */
static int give_up(const struct restoring *r, int status)
{
    if (r->goes_on)
        return status;
    (void)cli_remove_folder(cli_path(r->o->arena, r->data, NST_STR(UNPACKED)));
    (void)rmdir(cli_path(r->o->arena, r->data, NST_STR("tasks")));
    (void)unlink(cli_path(r->o->arena, r->data, NST_STR(CLI_RESTORING)));
    if (r->is_new)
        (void)rmdir(r->o->data);
    return status;
}

static int restore(struct restoring *r)
{
    bool is_archive = cli_archive_end(r->o->rest[0]) != NULL;
    int status = look_at_place(r);
    r->from.folder = nst_strf(r->o->arena, "%s", r->o->rest[0]);
    if (status != EXIT_DONE)
        return status;
    if (is_archive)
        status = unpack(r);
    if (status == EXIT_DONE)
        status = read_list(r);
    if (status == EXIT_DONE && (r->o->dry_run || is_archive))
        status = check_files(r);
    if (r->o->dry_run && status == EXIT_DONE)
        printf("%s is whole: %.*s, of %.*s.\n", r->o->rest[0], NST_FMT(r->from.version),
               NST_FMT(r->from.time));
    if (status != EXIT_DONE || r->o->dry_run)
        return is_archive ? give_up(r, status) : status;
    status = make_place(r);
    if (status == EXIT_DONE)
        status = bring_files(r);
    if (status == EXIT_DONE)
        status = bring_database(r);
    return status == EXIT_DONE ? finish(r) : status;
}

static int restore_run(int argc, char **argv)
{
    struct cli_options o;
    int status;
    if (!cli_options_parse(&o, &cli_restore, argc, argv)) {
        status = o.status;
    } else if (o.rest_count != 1 || o.rest[0][0] == '\0') {
        status = cli_misuse(&cli_restore, "it wants the backup to restore");
    } else {
        struct restoring r = { .o = &o, .data = nst_str_z(o.data), .lock = -1 };
        cli_stop_on_signals();
        status = restore(&r);
        if (r.lock >= 0)
            close(r.lock);
    }
    nst_arena_free(o.arena);
    return status;
}

const struct cli_verb cli_restore = {
    .name = "restore",
    .usage = "restore [--data DIR] [--database URL] [--dry-run] [--quiet] BACKUP",
    .summary = "make an installation of a backup, in an empty place",
    .help =
        "BACKUP is what `nestor backup` made: a folder or an archive. DIR is an empty folder, or\n"
        "one that is not there; with --database the rows go into a PostgreSQL database that is\n"
        "empty. Every file is compared with the list of the backup. What is damaged, of a newer\n"
        "program or of another one is refused; so is a place that has something. One that was cut\n"
        "is begun anew by the same command, and until it is whole nothing serves it. Settings\n"
        "come along but for where database, replicas and tasks were. --dry-run only looks whether\n"
        "it would do. What root restores belongs to whom DIR does.\n\n"
        "Examples:\n"
        "  nestor restore --data ./new /backups/nestor-20261129T151500Z\n"
        "  nestor restore --data ./new all.tar.gz\n"
        "  nestor restore --data ./new --database postgresql:///nestor all.tar.gz\n",
    .words = 1,
    .run = restore_run,
};
