/* nestor doctor, of the machine and the files of an installation: room on the disk and when it will
 * be gone, memory, open files, the clock, backups, who can read what. */
#include "doctor.h"

#include "backup.h"
#include "nestor/base/time.h"
#include "nestor/json.h"
#include "rest/figure.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define MIB          (INT64_C(1) << 20)
#define ROOM_MIN     (256 * MIB)   /* free on the disk, at least, or a tenth of it */
#define MEMORY_MIN   (128 * MIB)   /* available to programs, at least, or a twentieth */
#define MEMORY_MAX   65536         /* bytes of /proc/meminfo */
#define LOG_MAX      (1024 * MIB)  /* of SQLite's -wal, at most */
#define FILES_EXTRA  256           /* open files besides connections */
#define STALE        (8 * CLI_DAY) /* a backup: one a week is the least */
#define BACKUP_MAX   65536         /* bytes that tell of it */
#define CLOCK_OFF    60            /* seconds that a file may be newer than now */
#define GROWTH_STEPS (14 * 86400 / NST_HISTORY_COARSE)
#define GROWTH_MIN   (86400 / NST_HISTORY_COARSE) /* steps that growth is worked out of, at least */

/* The file that the database is; null: PostgreSQL has it. */
static struct nst_str file_of(const struct cli_doctor *d)
{
    struct nst_str database = cli_database(d->o);
    return nst_dialect_of(database) == NST_SQLITE ? database : (struct nst_str){ 0 };
}

/* ---- Room ---- */

static bool measure(struct statvfs *fs, int64_t *room, const char *folder)
{
    if (statvfs(folder, fs) != 0)
        return false;
    *room = (int64_t)fs->f_bavail * (int64_t)fs->f_frsize;
    return true;
}

static void check_room(struct cli_doctor *d, const char *folder)
{
    struct statvfs fs;
    int64_t room;
    if (measure(&fs, &room, folder) && room < ROOM_MIN && fs.f_bavail < fs.f_blocks / 10)
        cli_found(d, "the disk of %s has %lld MiB left; make room, or writes are refused", folder,
                  (long long)(room / MIB));
    if (access(folder, W_OK) != 0 && errno == EROFS)
        cli_found(d,
                  "the disk of %s is read-only, and every write is refused; see what the kernel "
                  "says of it (dmesg), and make a backup",
                  folder);
}

static void check_disk(struct cli_doctor *d)
{
    struct stat here, there;
    const char *folder = cli_folder_of(d->o->arena, file_of(d));
    check_room(d, d->o->data);
    if (file_of(d).p != NULL && stat(d->o->data, &here) == 0 && stat(folder, &there) == 0 &&
        here.st_dev != there.st_dev)
        check_room(d, folder);
}

/* Bytes a day that the database grew by, from the first sample that is known to the last; 0: it did
 * not, or a day is not known yet. */
static double growth(const double *size)
{
    unsigned first = 0, last = GROWTH_STEPS;
    while (first < GROWTH_STEPS && isnan(size[first]))
        first++;
    while (last > first && isnan(size[last - 1]))
        last--;
    if (last < first + 1 + GROWTH_MIN)
        return 0;
    double days = (double)(last - 1 - first) * NST_HISTORY_COARSE / 86400;
    double more = size[last - 1] - size[first];
    return more > 0 ? more / days : 0;
}

/* A PostgreSQL may have its files anywhere. */
static void check_growth(struct cli_doctor *d)
{
    struct statvfs fs;
    int64_t room;
    struct nst_str path = nst_strf(d->o->arena, "%s/" CLI_SAMPLES, d->o->data);
    const char *folder = cli_folder_of(d->o->arena, file_of(d));
    double *size = NST_NEW_ARRAY(d->o->arena, double, GROWTH_STEPS);
    if (file_of(d).p == NULL || !measure(&fs, &room, folder) ||
        !nst_history_read(size, GROWTH_STEPS, path, "database", nst_now()))
        return;
    double each = growth(size);
    if (each > 0 && (double)room / each * (double)CLI_DAY < (double)CLI_SOON)
        cli_found(
            d,
            "the database grows by %.0f MiB a day, and the disk of %s has %lld MiB left: full "
            "in %.0f days; make room",
            each / (double)MIB, folder, (long long)(room / MIB), (double)room / each);
}

/* "MemAvailable:    123456 kB", in bytes; -1: there is no such line. */
static int64_t memory(struct nst_str text, struct nst_str name)
{
    int64_t kib;
    while (text.n > 0) {
        struct nst_str line = nst_str_cut(&text, '\n');
        struct nst_str key = nst_str_cut(&line, ':');
        line = nst_str_trim(line);
        if (nst_str_eq(key, name) && nst_str_int(&kib, nst_str_cut(&line, ' ')))
            return kib * 1024;
    }
    return -1;
}

static void check_memory(struct cli_doctor *d)
{
    struct nst_str text = cli_read_file(d->o->arena, "/proc/meminfo", MEMORY_MAX);
    int64_t free = memory(text, NST_STR("MemAvailable")), all = memory(text, NST_STR("MemTotal"));
    if (free >= 0 && free < MEMORY_MIN && free < all / 20)
        cli_found(d, "the machine has %lld MiB of memory left; end what takes it, or add some",
                  (long long)(free / MIB));
}

/* A note: the limit is this shell's, the service may have another one. */
static void check_files(struct cli_doctor *d)
{
    struct rlimit limit;
    int64_t wanted = cli_number(&d->o->config, "http.connections") + FILES_EXTRA;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_max < (rlim_t)wanted)
        cli_noted(d,
                  "a server that is started here may open %lld files, and http.connections wants "
                  "%lld; raise LimitNOFILE of the service, or make the setting smaller",
                  (long long)limit.rlim_max, (long long)wanted);
}

/* ---- Backups, the log and the clock ---- */

/* When the last one was made. Returns why that is not known; NULL: it is. */
static const char *read_last(int64_t *made, struct nst_arena *a, const char *path)
{
    struct nst_json *last = NULL;
    struct nst_str text = cli_read_file(a, path, BACKUP_MAX);
    if (text.p == NULL)
        return strerror(errno);
    if (nst_json_read(&last, NULL, a, text, NULL) != NST_OK)
        return "it is damaged; remove it";
    const struct nst_json *time = nst_json_get(last, NST_STR("time"));
    return nst_json_is_text(time) && nst_time_parse(made, time->text) ? NULL
                                                                      : "it is damaged; remove it";
}

/* An installation that has been there for a while should have one; but something else may make
 * them. */
static void miss_backup(struct cli_doctor *d)
{
    struct stat st;
    const char *secret = nst_strf(d->o->arena, "%s/secret.key", d->o->data).p;
    if (stat(secret, &st) == 0 && nst_now() - st.st_mtime * NST_SECOND > STALE)
        cli_noted(d,
                  "`nestor backup` was never run here; if nothing else makes backups, have a timer "
                  "do it");
}

static void check_backup(struct cli_doctor *d)
{
    const char *path = nst_strf(d->o->arena, "%s/" CLI_BACKUP_LAST, d->o->data).p;
    int64_t made = 0;
    if (access(path, F_OK) != 0 && errno == ENOENT) {
        miss_backup(d);
        return;
    }
    const char *fault = read_last(&made, d->o->arena, path);
    if (fault != NULL)
        cli_found(d, "%s cannot be read, so nobody knows how old the last backup is: %s", path,
                  fault);
    else if (made - nst_now() > CLOCK_OFF * NST_SECOND)
        cli_found(d, "the last `nestor backup` is of a time to come; set the clock");
    else if (nst_now() - made > STALE)
        cli_found(d, "the last `nestor backup` is %lld days old; look at what should make them",
                  (long long)((nst_now() - made) / CLI_DAY));
}

static void check_sqlite_log(struct cli_doctor *d)
{
    struct stat st;
    struct nst_str file = file_of(d);
    if (file.p != NULL && stat(nst_strf(d->o->arena, "%.*s-wal", NST_FMT(file)).p, &st) == 0 &&
        st.st_size > LOG_MAX)
        cli_found(
            d,
            "%.*s-wal has %lld MiB; something reads the database without end: look who has it "
            "open",
            NST_FMT(file), (long long)(st.st_size / MIB));
}

static void check_clock(struct cli_doctor *d)
{
    struct stat st;
    struct nst_str file = file_of(d);
    if (file.p != NULL && stat(nst_str_to_z(d->o->arena, file), &st) == 0 &&
        st.st_mtime > nst_now() / NST_SECOND + CLOCK_OFF)
        cli_found(d, "%.*s was written after what the clock says is now; set the clock",
                  NST_FMT(file));
}

/* ---- Who can read what ---- */

static void judge_mode(struct cli_doctor *d, const char *path, mode_t others)
{
    struct stat st;
    if (stat(path, &st) != 0 || (st.st_mode & others) == 0)
        return;
    cli_found(d, "%s can be %s by others; `chmod %s` it", path,
              (st.st_mode & others & 022) != 0 ? "written" : "read",
              S_ISDIR(st.st_mode)   ? "700"
              : (others & 040) == 0 ? "640"
                                    : "600");
}

/* What is not shown whole is secret. */
static bool has_secrets(const struct cli_config *c)
{
    for (size_t i = 0; i < cli_setting_count; i++) {
        struct nst_str shown = cli_shown(c, i);
        if (!nst_str_eq(shown, c->value[i].text) && memmem(shown.p, shown.n, "***", 3) != NULL)
            return true;
    }
    return false;
}

/* A restore or a move by root leaves what the service cannot open. */
static void judge_owner(struct cli_doctor *d, const char *path)
{
    struct stat folder, st;
    if (stat(d->o->data, &folder) == 0 && stat(path, &st) == 0 && st.st_uid != folder.st_uid)
        cli_found(d, "%s belongs to another user than %s; `chown --reference %s %s`", path,
                  d->o->data, d->o->data, path);
}

static void judge_tokens(struct cli_doctor *d)
{
    DIR *folder = opendir(d->o->data);
    for (const struct dirent *e; folder != NULL && (e = readdir(folder)) != NULL;)
        if (nst_str_ends(nst_str_z(e->d_name), NST_STR(".token")))
            judge_mode(d, nst_strf(d->o->arena, "%s/%s", d->o->data, e->d_name).p, 077);
    if (folder != NULL)
        closedir(folder);
}

static void check_modes(struct cli_doctor *d)
{
    struct nst_arena *a = d->o->arena;
    struct nst_str file = file_of(d), database = cli_text(&d->o->config, "database");
    judge_mode(d, d->o->data, 022);
    judge_mode(d, nst_strf(a, "%s/secret.key", d->o->data).p, 077);
    judge_mode(d, nst_strf(a, "%s/nestor.conf", d->o->data).p,
               has_secrets(&d->o->config) ? 027 : 022);
    judge_mode(d, cli_task_folder(d->o).p, 077);
    judge_tokens(d);
    judge_owner(d, nst_strf(a, "%s/secret.key", d->o->data).p);
    judge_owner(d, cli_task_folder(d->o).p);
    if (file.p == NULL)
        return;
    judge_owner(d, nst_str_to_z(a, file));
    judge_mode(d, nst_str_to_z(a, file), 077);
    if (database.n > 0)
        judge_mode(d, cli_folder_of(d->o->arena, file), 022);
}

static void check_jwt_secret(struct cli_doctor *d)
{
    struct stat st;
    struct nst_str file = cli_text(&d->o->config, "auth.jwt.secret_file");
    if (file.n > 0 && stat(nst_str_to_z(d->o->arena, file), &st) == 0 && (st.st_mode & 077) != 0)
        cli_found(d, "%.*s can be read by others; `chmod 600` it", NST_FMT(file));
}

const struct cli_check cli_machine_checks[] = {
    { "disk", check_disk },   { "growth", check_growth }, { "memory", check_memory },
    { "files", check_files }, { "backup", check_backup }, { "log", check_sqlite_log },
    { "clock", check_clock }, { "modes", check_modes },   { "jwt", check_jwt_secret },
    { NULL, NULL },
};
