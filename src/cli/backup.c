/* nestor backup: what an installation has at one moment, beside a running server.
 *
 * It is made in a folder of a name that no backup has, checked, listed, synced, and then named: a
 * backup that can be seen is whole. Files of tasks are taken before the database and behind it, so
 * that none is missing that it names. */
#include "backup.h"

#include "copy.h"
#include "stop.h"

#include "nestor/base/file.h"
#include "nestor/rest.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define PART     CLI_BACKUP_PART
#define KEEP_MAX 100000

struct making {
    struct cli_options *o;
    struct cli_backup now, before; /* before: the newest one beside it, without files if none */
    struct nst_str place;          /* the folder of backups, or that of the archive */
    const char *archive;           /* NULL: a folder */
    struct nst_str name, newest;   /* of this one; of those that are there, or null */
    int64_t keep;
    int lock;
    int64_t linked; /* files that the one before has, too */
};

static int complain(struct nst_str path)
{
    return cli_fail(&cli_backup, "%.*s: %s", NST_FMT(path), strerror(errno));
}

/* ---- Files ---- */

/* The same name, size and time of change: one more name for what the backup before has, unless
 * that was damaged meanwhile. */
static bool link_file(struct making *m, struct cli_backup_file *file, const struct stat *s,
                      const char *to)
{
    struct nst_arena *a = m->o->arena;
    const struct cli_backup_file *old = cli_backup_find(&m->before, file->name);
    int64_t changed = s->st_mtim.tv_sec * INT64_C(1000000000) + s->st_mtim.tv_nsec;
    if (old == NULL || old->bytes != s->st_size || old->changed != changed)
        return false;
    const char *from = cli_path(a, m->before.folder, old->name);
    if (!cli_backup_measure(file, a, from) || !nst_str_eq(file->sha256, old->sha256) ||
        link(from, to) != 0)
        return false;
    m->linked++;
    return true;
}

/* What was removed since it was seen is not missed: the database says what is needed. */
static int take_file(struct making *m, const char *from, struct nst_str name)
{
    struct cli_backup_file file = { .name = name };
    const char *to = cli_path(m->o->arena, m->now.folder, name);
    struct stat s;
    if (cli_backup_find(&m->now, name) != NULL)
        return EXIT_DONE;
    if (stat(from, &s) != 0)
        return errno == ENOENT ? EXIT_DONE : complain(nst_str_z(from));
    if (!S_ISREG(s.st_mode))
        return EXIT_DONE;
    if (!link_file(m, &file, &s, to) && !cli_backup_copy(&file, m->o->arena, to, from))
        return access(from, F_OK) != 0 ? EXIT_DONE
                                       : complain(nst_str_z(access(from, R_OK) != 0 ? from : to));
    cli_backup_add(&m->now, &file);
    return EXIT_DONE;
}

static bool is_kept(const char *name)
{
    return name[0] != '.' && !nst_str_ends(nst_str_z(name), NST_STR(NST_UPLOAD_SUFFIX));
}

/* A name that no list can have is none of ours. */
static int take_task(struct making *m, struct nst_str folder, const char *name)
{
    struct nst_arena *a = m->o->arena;
    struct nst_str place = nst_strf(a, "tasks/%s", name);
    if (cli_backup_has_place(place))
        return take_file(m, cli_path(a, folder, nst_str_z(name)), place);
    fprintf(stderr,
            "nestor backup: a file in %.*s has a name that is no text, and is not in the "
            "backup\n",
            NST_FMT(folder));
    return EXIT_DONE;
}

static int take_tasks(struct making *m)
{
    struct nst_str folder = cli_task_folder(m->o);
    DIR *dir = opendir(folder.p);
    const struct dirent *file;
    int status = EXIT_DONE;
    if (dir == NULL)
        return errno == ENOENT ? EXIT_DONE : complain(folder);
    while (status == EXIT_DONE && !cli_is_stopped() && (file = readdir(dir)) != NULL)
        if (is_kept(file->d_name))
            status = take_task(m, folder, file->d_name);
    closedir(dir);
    return status;
}

/* The folder of a path, without links and other spellings. */
static bool real_folder(char out[PATH_MAX], struct nst_arena *a, struct nst_str path)
{
    while (path.n > 0 && path.p[path.n - 1] != '/')
        path.n--;
    return realpath(path.n > 0 ? nst_str_to_z(a, path) : ".", out) != NULL;
}

static int take_as(struct making *m, size_t which, const char *path, struct nst_str name)
{
    int status = take_file(m, path, name);
    if (cli_backup_find(&m->now, name) != NULL)
        m->now.named[which] = name;
    return status;
}

/* Files that a setting names go along when they lie in the data folder. */
static int take_named(struct making *m, size_t which)
{
    const char *setting = cli_key_settings[which];
    struct nst_arena *a = m->o->arena;
    char folder[PATH_MAX], data[PATH_MAX];
    struct nst_str path = cli_named_file(&m->o->config, setting), name = path;
    if (path.p == NULL)
        return EXIT_DONE;
    while (nst_str_find(name, '/') < name.n)
        (void)nst_str_cut(&name, '/');
    if (real_folder(folder, a, path) && realpath(m->o->data, data) != NULL &&
        strcmp(folder, data) == 0 && cli_backup_has_place(name))
        return take_as(m, which, nst_str_to_z(a, path), name);
    fprintf(stderr,
            "nestor backup: %.*s (%s) does not lie in the data folder itself, and is not in the "
            "backup\n",
            NST_FMT(path), setting);
    return EXIT_DONE;
}

/* Without it the users' tokens are lost: a folder that has none is a mistake, or not mounted. */
static int find_secret(const struct making *m)
{
    const char *path = cli_path(m->o->arena, nst_str_z(m->o->data), NST_STR("secret.key"));
    return access(path, R_OK) == 0 ? EXIT_DONE
                                   : cli_fail(&cli_backup, "%s: %s. Is %s the data folder?", path,
                                              strerror(errno), m->o->data);
}

static int take_files(struct making *m)
{
    static const char *const own[] = { "secret.key", "nestor.conf" };
    struct nst_arena *a = m->o->arena;
    int status = EXIT_DONE;
    for (size_t i = 0; i < NST_COUNT(own) && status == EXIT_DONE; i++)
        status =
            take_file(m, cli_path(a, nst_str_z(m->o->data), nst_str_z(own[i])), nst_str_z(own[i]));
    for (size_t i = 0; i < CLI_KEY_SETTINGS && status == EXIT_DONE; i++)
        status = take_named(m, i);
    return status == EXIT_DONE ? take_tasks(m) : status;
}

/* ---- The database ---- */

static bool is_cut(void *arg)
{
    (void)arg;
    return cli_is_stopped();
}

static int take_pages(struct making *m, struct nst_store *from, const char *path)
{
    enum nst_err e = nst_copy_pages(from, path, true, is_cut, NULL);
    if (e == NST_OK)
        return EXIT_DONE;
    if (cli_is_stopped())
        return cli_fail(&cli_backup, "stopped; nothing is left of it");
    return cli_fail(&cli_backup, "the database cannot be copied to %.*s: %s",
                    NST_FMT(m->now.folder),
                    e == NST_E_FULL ? "there is no room for it" : "a log line above says why");
}

static int take_rows(struct making *m, struct nst_store *from, const char *path)
{
    struct nst_copy c = { .from = from };
    int status = EXIT_FAILED;
    c.to = cli_store_open(m->o, &cli_backup,
                          (struct nst_store_options){ .url = nst_str_z(path), .is_filled = true });
    if (c.to != NULL)
        status = cli_copy_rows(&c, m->o, &cli_backup, "; nothing is left of it");
    nst_store_close(c.to);
    return status;
}

/* Does the copy hold together, and which step is it of? */
static enum nst_err look_at(struct nst_db *db, void *arg)
{
    struct making *m = arg;
    struct nst_rows *rows;
    bool is_sound = false;
    NST_TRY(nst_query(&rows, db, NST_STR("PRAGMA integrity_check(1)"), NULL, 0));
    if (nst_rows_step(rows))
        is_sound = nst_str_eq(nst_rows_text(rows, 0), NST_STR("ok"));
    NST_TRY(nst_rows_end(rows));
    NST_TRY(nst_query(&rows, db, NST_STR("SELECT max(number) FROM nst_migration"), NULL, 0));
    if (nst_rows_step(rows))
        m->now.step = nst_rows_int(rows, 0);
    NST_TRY(nst_rows_end(rows));
    return is_sound ? NST_OK : NST_E_CONFLICT;
}

static int check_database(struct making *m, const char *path)
{
    struct cli_backup_file file = { .name = NST_STR(CLI_BACKUP_DATABASE) };
    struct nst_store *copy =
        cli_store_open(m->o, &cli_backup,
                       (struct nst_store_options){ .url = nst_str_z(path), .is_read_only = true });
    if (copy == NULL)
        return EXIT_FAILED;
    enum nst_err e = nst_store_run(copy, NST_MODE_READ, look_at, m);
    nst_store_close(copy);
    if (e != NST_OK)
        return cli_fail(&cli_backup,
                        "the copy of the database is damaged, hence the database probably, too: "
                        "`nestor doctor%s` looks at it",
                        cli_where(m->o));
    if (!cli_backup_measure(&file, m->o->arena, path))
        return complain(nst_str_z(path));
    cli_backup_add(&m->now, &file);
    return EXIT_DONE;
}

/* Half a copy is no installation, and what was moved is none any more: their backups would push
 * good ones out. */
static int refuse_state(const struct making *m, struct nst_store *from)
{
    enum nst_copy_state state;
    struct nst_str left;
    if (nst_copy_state(&state, from) != NST_OK || nst_copy_left(&left, m->o->arena, from) != NST_OK)
        return cli_fail(&cli_backup, "the database cannot be read; a log line above says why");
    if (left.p != NULL)
        return cli_fail(&cli_backup, "the database %s", cli_was_moved(m->o, left));
    if (state == NST_COPY_TAKEN)
        return EXIT_DONE;
    return cli_fail(&cli_backup, state == NST_COPY_HALF
                                     ? "the database is half a copy: run the same `nestor move` or "
                                       "`nestor restore` again first"
                                     : "the database is empty");
}

static int take_database(struct making *m)
{
    const char *path = cli_path(m->o->arena, m->now.folder, NST_STR(CLI_BACKUP_DATABASE));
    struct nst_store *from = cli_store_open(m->o, &cli_backup, (struct nst_store_options){ 0 });
    if (from == NULL)
        return EXIT_FAILED;
    bool is_file = nst_store_dialect(from) == NST_SQLITE;
    m->now.engine = is_file ? NST_STR("sqlite") : NST_STR("postgresql");
    int status = refuse_state(m, from);
    if (status == EXIT_DONE)
        status = is_file ? take_pages(m, from, path) : take_rows(m, from, path);
    nst_store_close(from);
    return status == EXIT_DONE ? check_database(m, path) : status;
}

/* ---- Where it goes ---- */

/* "nestor-20261129T151500Z" */
static struct nst_str name_at(struct nst_arena *a, int64_t time)
{
    struct nst_str text = cli_time_text(a, time);
    struct nst_buf name;
    nst_buf_init(&name, a, 64);
    nst_put_lit(&name, CLI_BACKUP_PREFIX);
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] != '-' && text.p[i] != ':')
            nst_put_char(&name, text.p[i]);
    return nst_buf_str(&name);
}

/* What name_at made a name of. */
static bool time_of(int64_t *out, struct nst_arena *a, struct nst_str name)
{
    const char *t = name.p + sizeof(CLI_BACKUP_PREFIX) - 1;
    return cli_backup_is_name(name) &&
           nst_time_parse(out, nst_strf(a, "%.4s-%.2s-%.2sT%.2s:%.2s:%.2sZ", t, t + 4, t + 6, t + 9,
                                        t + 11, t + 13));
}

/* Of a run that was killed nothing is of use; of what is whole, the newest is linked to. */
static void look_around(struct making *m)
{
    const char **name;
    size_t count = cli_backup_names(&name, m->o->arena, m->place.p);
    for (size_t i = 0; i < count; i++) {
        const char *path = cli_path(m->o->arena, m->place, nst_str_z(name[i]));
        struct cli_backup found = { .arena = m->o->arena, .folder = nst_str_z(path) };
        if (!cli_backup_is_name(nst_str_z(name[i]))) {
            (void)cli_remove_folder(path);
            continue;
        }
        m->newest = nst_str_z(name[i]);
        if (cli_backup_read_list(&found) == NULL)
            m->before = found;
    }
}

static bool has_list(const struct making *m, const char *name)
{
    const char *folder = cli_path(m->o->arena, m->place, nst_str_z(name));
    return cli_backup_is_name(nst_str_z(name)) &&
           access(cli_path(m->o->arena, nst_str_z(folder), NST_STR(CLI_BACKUP_LIST)), F_OK) == 0;
}

static int remove_old(const struct making *m)
{
    const char **name;
    size_t count = cli_backup_names(&name, m->o->arena, m->place.p), whole = 0;
    for (size_t i = 0; i < count; i++)
        whole += has_list(m, name[i]);
    for (size_t i = 0; i < count && whole > (size_t)m->keep; i++) {
        const char *path = cli_path(m->o->arena, m->place, nst_str_z(name[i]));
        if (!has_list(m, name[i]))
            continue;
        whole--;
        if (!cli_remove_folder(path))
            return complain(nst_str_z(path));
    }
    return EXIT_DONE;
}

/* What is lost with the installation is no backup of it. */
static bool is_inside(const struct making *m)
{
    char data[PATH_MAX], place[PATH_MAX];
    if (realpath(m->o->data, data) == NULL || realpath(m->place.p, place) == NULL)
        return false;
    size_t n = strlen(data);
    return strncmp(place, data, n) == 0 && (place[n] == '/' || place[n] == '\0');
}

/* Two backups into one folder would remove each other's parts. */
static int lock_place(struct making *m)
{
    bool is_new = mkdir(m->place.p, 0700) == 0;
    if (!is_new && errno != EEXIST)
        return complain(m->place);
    if (is_inside(m)) {
        if (is_new)
            rmdir(m->place.p);
        return cli_fail(&cli_backup, "%.*s is inside the installation %s: say a place outside",
                        NST_FMT(m->place), m->o->data);
    }
    m->lock = open(m->place.p, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (m->lock < 0)
        return complain(m->place);
    if (flock(m->lock, LOCK_EX | LOCK_NB) != 0)
        return cli_fail(&cli_backup, "another backup into %.*s is at work", NST_FMT(m->place));
    return EXIT_DONE;
}

static int begin(struct making *m)
{
    struct nst_arena *a = m->o->arena;
    int64_t now = nst_now(), newest;
    int status = find_secret(m);
    if (status == EXIT_DONE)
        status = lock_place(m);
    if (status != EXIT_DONE)
        return status;
    look_around(m);
    if (time_of(&newest, a, m->newest) && newest >= now - now % NST_SECOND)
        now = newest + NST_SECOND;
    m->name = name_at(a, now);
    m->now = (struct cli_backup){ .arena = a,
                                  .folder = nst_strf(a, "%.*s/%.*s" PART, NST_FMT(m->place),
                                                     NST_FMT(m->name)),
                                  .time = cli_time_text(a, now),
                                  .version = NST_STR(NESTOR_VERSION) };
    const char *tasks = cli_path(a, m->now.folder, NST_STR("tasks"));
    return mkdir(m->now.folder.p, 0700) == 0 && mkdir(tasks, 0700) == 0 ? EXIT_DONE
                                                                        : complain(m->now.folder);
}

/* ---- The end ---- */

static int name_folder(struct making *m)
{
    const char *to = cli_path(m->o->arena, m->place, m->name);
    if (!nst_sync_folder(cli_path(m->o->arena, m->now.folder, NST_STR("tasks"))) ||
        !cli_backup_write_list(&m->now) || !nst_rename_durably(m->now.folder.p, to, m->place.p))
        return complain(m->now.folder);
    m->now.folder = nst_str_z(to);
    return m->keep > 0 ? remove_old(m) : EXIT_DONE;
}

static bool sync_file(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool good = fd >= 0 && fsync(fd) == 0;
    int error = errno;
    if (fd >= 0)
        close(fd);
    errno = error;
    return good;
}

/* One name for all, so that what a run leaves that was killed is removed by the next. */
static struct nst_str part_of(const struct making *m, const char *end)
{
    return nst_strf(m->o->arena, "%.*s/.nestor-backup%s", NST_FMT(m->place), end);
}

/* tar tells by the end of the name how to compress, so that the part has the same. */
static int pack(struct making *m)
{
    struct nst_str part = part_of(m, cli_archive_end(m->archive));
    mode_t mask = umask(077);
    bool good = cli_backup_write_list(&m->now);
    int status =
        good && cli_tar(&cli_backup, "-caf", part.p, m->now.folder.p) ? EXIT_DONE : EXIT_FAILED;
    umask(mask);
    if (!good)
        complain(m->now.folder);
    if (status == EXIT_DONE &&
        (!sync_file(part.p) || !nst_rename_durably(part.p, m->archive, m->place.p)))
        status = complain(nst_str_z(m->archive));
    if (status != EXIT_DONE)
        (void)unlink(part.p);
    else if (!cli_remove_folder(m->now.folder.p))
        status = complain(m->now.folder);
    m->now.folder = nst_str_z(m->archive);
    return status;
}

/* Whoever makes a backup, the next one may be another's to note: it belongs to whom the folder
 * does. */
static bool replace_last(const struct making *m, struct nst_str text)
{
    struct stat folder;
    struct nst_str data = nst_str_z(m->o->data);
    const char *to = cli_path(m->o->arena, data, NST_STR(CLI_BACKUP_LAST));
    const char *part = cli_path(m->o->arena, data, NST_STR(CLI_BACKUP_LAST ".part"));
    bool good = cli_write_secret(part, text, true) && stat(m->o->data, &folder) == 0 &&
                (geteuid() != 0 || chown(part, folder.st_uid, folder.st_gid) == 0) &&
                rename(part, to) == 0;
    int error = errno;
    if (!good)
        (void)unlink(part);
    errno = error;
    return good;
}

/* For `nestor doctor`; a data folder that cannot be written has its backup all the same. */
static void note_last(const struct making *m)
{
    struct nst_buf text;
    nst_buf_init(&text, m->o->arena, 8192);
    nst_put_lit(&text, "{\"time\":");
    nst_json_put_str(&text, m->now.time);
    nst_put_lit(&text, ",\"place\":");
    nst_json_put_str(&text, m->now.folder);
    nst_put_char(&text, '}');
    if (!replace_last(m, nst_buf_str(&text)))
        fprintf(stderr, "nestor backup: %s/" CLI_BACKUP_LAST " cannot be written: %s\n", m->o->data,
                strerror(errno));
}

static void report(const struct making *m)
{
    int64_t files = 0, bytes = 0;
    for (const struct cli_backup_file *file = m->now.first; file != NULL; file = file->next) {
        files++;
        bytes += file->bytes;
    }
    if (m->o->json) {
        struct nst_buf b;
        nst_buf_init(&b, m->o->arena, 8192);
        nst_put_lit(&b, "{\"backup\":");
        nst_json_put_str(&b, m->now.folder);
        printf("%.*s,\"files\":%lld,\"linked\":%lld,\"bytes\":%lld}\n", NST_FMT(nst_buf_str(&b)),
               (long long)files, (long long)m->linked, (long long)bytes);
    } else if (!m->o->quiet) {
        printf("%.*s: %lld files, %lld bytes, checked.\n", NST_FMT(m->now.folder), (long long)files,
               (long long)bytes);
    }
}

static int make(struct making *m)
{
    int status = begin(m);
    if (status == EXIT_DONE)
        status = take_files(m);
    if (status == EXIT_DONE)
        status = take_database(m);
    if (status == EXIT_DONE)
        status = take_tasks(m);
    if (status == EXIT_DONE && cli_is_stopped())
        status = cli_fail(&cli_backup, "stopped; nothing is left of it");
    if (status == EXIT_DONE)
        status = m->archive != NULL ? pack(m) : name_folder(m);
    if (status != EXIT_DONE) {
        if (nst_str_ends(m->now.folder, NST_STR(PART)))
            (void)cli_remove_folder(m->now.folder.p);
        return status;
    }
    note_last(m);
    report(m);
    return EXIT_DONE;
}

/* ---- The verb ---- */

/* Nobody means a new folder of that name. */
static bool is_unknown_archive(const char *to)
{
    static const char *const ends[] = { ".zip", ".gz",  ".xz",   ".zst", ".bz2",
                                        ".lz4", ".7z",  ".tar",  ".tgz", ".rar",
                                        ".txz", ".tbz", ".tbz2", ".db",  ".sqlite" };
    const char *dot = strrchr(to, '.');
    struct stat there;
    bool is_one = false;
    for (size_t i = 0; i < NST_COUNT(ends) && dot != NULL; i++)
        is_one |= dot != to && strcasecmp(dot, ends[i]) == 0;
    return is_one && (stat(to, &there) != 0 || !S_ISDIR(there.st_mode));
}

static const char *read_words(struct making *m)
{
    struct cli_options *o = m->o;
    const char *to = o->to;
    if (to == NULL || to[0] == '\0')
        return "--to says where it goes: a folder for backups, or a file like all.tar.gz";
    const char *slash = strrchr(to, '/');
    if (o->keep != NULL &&
        (!nst_str_int(&m->keep, nst_str_z(o->keep)) || m->keep < 1 || m->keep > KEEP_MAX))
        return "--keep is a number from 1 to 100000";
    m->archive = cli_archive_end(to) != NULL ? to : NULL;
    if (m->archive == NULL && is_unknown_archive(to))
        return "--to: an archive has a name that ends with .tar, .tar.gz, .tgz, .tar.zst or "
               ".tar.xz";
    if (m->archive != NULL && m->keep > 0)
        return "--keep is for a folder of backups, not for a file";
    if (m->archive == NULL)
        m->place = nst_strf(o->arena, "%s", to);
    else
        m->place = slash == NULL ? nst_strf(o->arena, ".")
                                 : nst_strf(o->arena, "%.*s", (int)(slash - to), to);
    if (m->place.n == 0)
        m->place = nst_strf(o->arena, "/");
    return NULL;
}

static int backup_run(int argc, char **argv)
{
    struct cli_options o;
    struct making m = { .o = &o, .lock = -1 };
    int status;
    if (!cli_options_parse(&o, &cli_backup, argc, argv)) {
        status = o.status;
    } else {
        const char *fault = read_words(&m);
        cli_stop_on_signals();
        status = fault != NULL ? cli_misuse(&cli_backup, "%s", fault) : make(&m);
    }
    if (m.lock >= 0)
        close(m.lock);
    nst_arena_free(o.arena);
    return status;
}

const struct cli_verb cli_backup = {
    .name = "backup",
    .usage = "backup [--data DIR] [--database URL] --to PLACE [--keep N] [--json] [--quiet]",
    .summary = "copy all that an installation has, beside a running server",
    .help =
        "PLACE is a folder, in which each backup gets one of its own (nestor-20261129T151500Z), "
        "or\n"
        "a file whose name ends with .tar, .tar.gz, .tgz, .tar.zst or .tar.xz. A backup has the "
        "database\n"
        "as it was at one moment, as a SQLite file whichever the engine, the secret, the "
        "settings,\n"
        "files of tasks (exports, uploads, tokens of copies), and a list of all with their sums.\n"
        "It is checked, and whole or not there; files that the one before has, too, are linked.\n"
        "--keep removes the oldest ones when it is done. Who has a backup has all passwords'\n"
        "hashes and the secret: keep it as you keep passwords.\n\n"
        "Examples:\n"
        "  nestor backup --data ./data --to /backups --keep 14\n"
        "  nestor backup --data ./data --to all.tar.gz\n"
        "  nestor backup --data ./data --database postgresql:///nestor --to /backups\n",
    .run = backup_run,
};
