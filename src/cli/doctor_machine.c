/* nestor doctor, of the machine and the files of an installation: room on the disk and when it will
 * be gone, memory, open files, the clock, backups, who can read what. */
#include "doctor.h"

#include "backup.h"
#include "nestor/base/time.h"
#include "nestor/json.h"
#include "rest/figure.h"

#include <math.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

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

static bool look_at(struct stat *st, const struct cli_doctor *d, const char *name)
{
    return stat(nst_strf(d->o->arena, "%s/%s", d->o->data, name).p, st) == 0;
}

static bool measure(struct statvfs *fs, int64_t *room, const struct cli_doctor *d)
{
    if (statvfs(d->o->data, fs) != 0)
        return false;
    *room = (int64_t)fs->f_bavail * (int64_t)fs->f_frsize;
    return true;
}

static void check_disk(struct cli_doctor *d)
{
    struct statvfs fs;
    int64_t room;
    if (measure(&fs, &room, d) && room < ROOM_MIN && fs.f_bavail < fs.f_blocks / 10)
        cli_found(d, "the disk of %s has %lld MiB left; make room, or writes are refused",
                  d->o->data, (long long)(room / MIB));
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
    double *size = NST_NEW_ARRAY(d->o->arena, double, GROWTH_STEPS);
    if (nst_store_dialect(d->site->store) != NST_SQLITE || !measure(&fs, &room, d) ||
        !nst_history_read(size, GROWTH_STEPS, path, "database", nst_now()))
        return;
    double each = growth(size);
    if (each > 0 && (double)room / each * (double)CLI_DAY < (double)CLI_SOON)
        cli_found(
            d,
            "the database grows by %.0f MiB a day, and the disk of %s has %lld MiB left: full "
            "in %.0f days; make room",
            each / (double)MIB, d->o->data, (long long)(room / MIB), (double)room / each);
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

/* Who has never made one with this program has them made by something else. */
static void check_backup(struct cli_doctor *d)
{
    struct nst_arena *a = d->o->arena;
    const char *path = nst_strf(a, "%s/" CLI_BACKUP_LAST, d->o->data).p;
    struct nst_str text = cli_read_file(a, path, BACKUP_MAX);
    struct nst_json *last;
    int64_t made;
    if (text.p == NULL || nst_json_read(&last, NULL, a, text, NULL) != NST_OK)
        return;
    const struct nst_json *time = nst_json_get(last, NST_STR("time"));
    if (nst_json_is_text(time) && nst_time_parse(&made, time->text) && nst_now() - made > STALE)
        cli_found(d, "the last `nestor backup` is %lld days old; look at what should make them",
                  (long long)((nst_now() - made) / CLI_DAY));
}

static void check_sqlite_log(struct cli_doctor *d)
{
    struct stat st;
    if (look_at(&st, d, "nestor.db-wal") && st.st_size > LOG_MAX)
        cli_found(
            d,
            "nestor.db-wal has %lld MiB; something reads the database without end: look who has "
            "it open",
            (long long)(st.st_size / MIB));
}

static void check_clock(struct cli_doctor *d)
{
    struct stat st;
    if (look_at(&st, d, "nestor.db") && st.st_mtime > nst_now() / NST_SECOND + CLOCK_OFF)
        cli_found(d, "nestor.db was written after what the clock says is now; set the clock");
}

static void check_modes(struct cli_doctor *d)
{
    static const char *const name[] = { "secret.key", "nestor.db", "nestor.conf" };
    struct stat st;
    for (size_t i = 0; i < NST_COUNT(name); i++) {
        mode_t others = i < 2 ? 077 : 022;
        if (look_at(&st, d, name[i]) && (st.st_mode & others) != 0)
            cli_found(d, "%s can be %s by others; `chmod 600` it", name[i],
                      i < 2 ? "read" : "written");
    }
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
    { "clock", check_clock }, { "modes", check_modes },   { "secret", check_jwt_secret },
    { NULL, NULL },
};
