/* nestor doctor: what is wrong or risky in an installation, beside a running server, too. What
 * it looks at is a table; a finding is a line with what to do about it. */
#include "backup.h"

#include "nestor/base/time.h"
#include "nestor/json.h"
#include "ocl/content/content.h"

#include <stdarg.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#define MIB         (INT64_C(1) << 20)
#define ROOM_MIN    (256 * MIB)  /* free on the disk, at least, or a tenth of it */
#define LOG_MAX     (1024 * MIB) /* of SQLite's -wal, at most */
#define FILES_EXTRA 256          /* open files besides connections */
#define DAY         (INT64_C(86400) * NST_SECOND)
#define SOON        (14 * DAY)
#define STALE       (8 * DAY) /* a backup: one a week is the least */
#define BACKUP_MAX  65536     /* bytes that tell of it */
#define CLOCK_OFF   60        /* seconds that a file may be newer than now */
#define SERVER_MIN  150000

struct doctor {
    struct cli_options *o;
    struct cli_site *site;
    int faults;
};

__attribute__((format(printf, 2, 3))) static void found(struct doctor *d, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    fputs("warning: ", stdout);
    vprintf(format, ap);
    putchar('\n');
    va_end(ap);
    d->faults++;
}

/* ---- What is stored ---- */

/* Earlier programs took `.` and `..` for ids; an address with one means another resource. */
static const char unreachable[] =
    "SELECT kind, name, place FROM ("
    "SELECT 'user' AS kind, username AS name, '' AS place FROM account "
    "UNION ALL SELECT 'organisation', mnemonic, '' FROM org "
    "UNION ALL SELECT 'source', mnemonic, owner_url FROM repo "
    "UNION ALL SELECT 'version', v.mnemonic, r.owner_url || r.mnemonic FROM repo_version v "
    "JOIN repo r ON r.id = v.repo_id "
    "UNION ALL SELECT 'concept', c.mnemonic, r.owner_url || r.mnemonic FROM concept_version c "
    "JOIN repo r ON r.id = c.repo_id WHERE c.rev_to = " OCL_OPEN_SQL " "
    "UNION ALL SELECT 'catalog organisation', key, '' FROM catalog_organization "
    "UNION ALL SELECT 'client', client_id, '' FROM oauth_client"
    ") named WHERE name IN ('.', '..')";

static enum nst_err print_unreachable(struct nst_db *db, void *arg)
{
    struct doctor *d = arg;
    struct nst_rows *rows;
    NST_TRY(nst_query(&rows, db, nst_str_z(unreachable), NULL, 0));
    while (nst_rows_step(rows))
        found(d, "the %.*s \"%.*s\" %.*s cannot be reached by a URL; rename it in the database",
              NST_FMT(nst_rows_text(rows, 0)), NST_FMT(nst_rows_text(rows, 1)),
              NST_FMT(nst_rows_text(rows, 2)));
    return nst_rows_end(rows);
}

/* SQLite looks at every page; PostgreSQL has checks of its own. */
static enum nst_err check_pages(struct nst_db *db, void *arg)
{
    struct nst_rows *rows;
    if (nst_db_dialect(db) != NST_SQLITE)
        return NST_OK;
    NST_TRY(nst_query(&rows, db, NST_STR("PRAGMA integrity_check(10)"), NULL, 0));
    while (nst_rows_step(rows)) {
        struct nst_str text = nst_rows_text(rows, 0);
        if (nst_str_eq(text, NST_STR("ok")))
            continue;
        found(arg, "the database is damaged: %.*s", NST_FMT(text));
    }
    return nst_rows_end(rows);
}

static enum nst_err check_superusers(struct nst_db *db, void *arg)
{
    bool has_one;
    NST_TRY(nst_exists_with(&has_one, db,
                            "SELECT 1 FROM account WHERE is_active AND is_superuser = $1",
                            NST_BOOL(true)));
    if (!has_one)
        found(arg, "there is no superuser; `nestor user add NAME --superuser` makes one");
    return NST_OK;
}

/* Those that machines use: whoever they belong to may not look. */
static enum nst_err check_tokens(struct nst_db *db, void *arg)
{
    struct nst_rows *rows;
    int64_t now = nst_now();
    NST_TRY(nst_query_with(
        &rows, db,
        "SELECT account.username, token.name, token.expires_at FROM token "
        "JOIN account ON account.id = token.account_id "
        "WHERE token.name IS NOT NULL AND token.expires_at > $1 AND token.expires_at < $2 "
        "ORDER BY token.expires_at LIMIT 20",
        NST_INT(now), NST_INT(now + SOON)));
    while (nst_rows_step(rows))
        found(arg,
              "the token \"%.*s\" of %.*s ends in %lld days; `nestor token create` makes another",
              NST_FMT(nst_rows_text(rows, 1)), NST_FMT(nst_rows_text(rows, 0)),
              (long long)((nst_rows_int(rows, 2) - now) / (INT64_C(86400) * NST_SECOND)));
    return nst_rows_end(rows);
}

static enum nst_err check_server(struct nst_db *db, void *arg)
{
    struct nst_rows *rows;
    int64_t version = SERVER_MIN;
    if (nst_db_dialect(db) != NST_POSTGRESQL)
        return NST_OK;
    NST_TRY(nst_query(&rows, db, NST_STR("SHOW server_version_num"), NULL, 0));
    if (nst_rows_step(rows) && !nst_str_int(&version, nst_rows_text(rows, 0)))
        version = 0;
    NST_TRY(nst_rows_end(rows));
    if (version < SERVER_MIN)
        found(arg, "PostgreSQL is older than 15; upgrade it");
    return NST_OK;
}

/* ---- Replicas ---- */

static void tell_of_replica(void *arg, struct nst_str host, const char *complaint)
{
    if (host.p == NULL)
        found(arg, "the setting db.replica %s", complaint);
    else if (complaint != NULL)
        found(arg, "the replica %.*s %s", NST_FMT(host), complaint);
}

static enum nst_err check_replicas(struct doctor *d)
{
    struct nst_str url = cli_text(&d->o->config, "db.replica");
    return url.n > 0 ? nst_replica_examine(d->site->store, url, tell_of_replica, d) : NST_OK;
}

/* ---- The machine ---- */

static bool look_at(struct stat *st, const struct doctor *d, const char *name)
{
    return stat(nst_strf(d->o->arena, "%s/%s", d->o->data, name).p, st) == 0;
}

static void check_disk(struct doctor *d)
{
    struct statvfs fs;
    if (statvfs(d->o->data, &fs) != 0)
        return;
    int64_t room = (int64_t)fs.f_bavail * (int64_t)fs.f_frsize;
    if (room < ROOM_MIN && fs.f_bavail < fs.f_blocks / 10)
        found(d, "the disk of %s has %lld MiB left; make room, or writes are refused", d->o->data,
              (long long)(room / MIB));
}

/* A note: the limit is this shell's, the service may have another one. */
static void check_files(struct doctor *d)
{
    struct rlimit limit;
    int64_t wanted = cli_number(&d->o->config, "http.connections") + FILES_EXTRA;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_max < (rlim_t)wanted)
        printf(
            "note: a server that is started here may open %lld files, and http.connections wants "
            "%lld; raise LimitNOFILE of the service, or make the setting smaller\n",
            (long long)limit.rlim_max, (long long)wanted);
}

/* Who has never made one with this program has them made by something else. */
static void check_backup(struct doctor *d)
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
        found(d, "the last `nestor backup` is %lld days old; look at what should make them",
              (long long)((nst_now() - made) / DAY));
}

static void check_log(struct doctor *d)
{
    struct stat st;
    if (look_at(&st, d, "nestor.db-wal") && st.st_size > LOG_MAX)
        found(d,
              "nestor.db-wal has %lld MiB; something reads the database without end: look who has "
              "it open",
              (long long)(st.st_size / MIB));
}

static void check_clock(struct doctor *d)
{
    struct stat st;
    if (look_at(&st, d, "nestor.db") && st.st_mtime > nst_now() / NST_SECOND + CLOCK_OFF)
        found(d, "nestor.db was written after what the clock says is now; set the clock");
}

/* ---- Settings and files at risk ---- */

static void check_modes(struct doctor *d)
{
    static const char *const name[] = { "secret.key", "nestor.db", "nestor.conf" };
    struct stat st;
    for (size_t i = 0; i < NST_COUNT(name); i++) {
        mode_t others = i < 2 ? 077 : 022;
        if (look_at(&st, d, name[i]) && (st.st_mode & others) != 0)
            found(d, "%s can be %s by others; `chmod 600` it", name[i], i < 2 ? "read" : "written");
    }
}

static void check_jwt_secret(struct doctor *d)
{
    struct stat st;
    struct nst_str file = cli_text(&d->o->config, "auth.jwt.secret_file");
    if (file.n > 0 && stat(nst_str_to_z(d->o->arena, file), &st) == 0 && (st.st_mode & 077) != 0)
        found(d, "%.*s can be read by others; `chmod 600` it", NST_FMT(file));
}

static void check_listener(struct doctor *d)
{
    const struct cli_config *c = &d->o->config;
    if (!cli_is_local(cli_text(c, "listen")) && cli_text(c, "http.trusted_proxies").n == 0)
        found(d, "it listens beyond this machine without TLS; put a proxy in front, and name it in "
                 "http.trusted_proxies");
}

static void check_proxies(struct doctor *d)
{
    struct nst_str rest = cli_text(&d->o->config, "http.trusted_proxies");
    while (rest.n > 0)
        if (nst_str_ends(nst_str_cut(&rest, ' '), NST_STR("/0")))
            found(d, "http.trusted_proxies trusts everybody: anybody can make up addresses; name "
                     "the proxies");
}

static void check_origins(struct doctor *d)
{
    struct nst_str rest = cli_text(&d->o->config, "http.cors_origins");
    while (rest.n > 0) {
        struct nst_str origin = nst_str_cut(&rest, ' ');
        if (nst_str_starts(origin, NST_STR("http://")) &&
            !cli_is_local(
                nst_strf(d->o->arena, "%.*s:", NST_FMT(nst_str_slice(origin, 7, origin.n)))))
            found(d,
                  "http.cors_origins has %.*s, whose scripts may use cookies: who listens in can "
                  "change these; name it by https",
                  NST_FMT(origin));
    }
}

static void check_fetch(struct doctor *d)
{
    if (nst_str_eq(cli_text(&d->o->config, "tasks.fetch"), NST_STR("any")))
        found(d, "tasks.fetch is any: whoever may import can reach hosts of the own network; set "
                 "public");
}

static void check_grants(struct doctor *d)
{
    if (cli_is_on(&d->o->config, "enroll.username_param_grants")) /* A21 */
        found(d, "enroll.username_param_grants is on: any learner can read and write every "
                 "program");
}

/* ---- All of it ---- */

static nst_work *const of_store[] = { check_pages, check_superusers, print_unreachable,
                                      check_tokens, check_server };
static void (*const of_machine[])(struct doctor *) = {
    check_disk,       check_files,    check_backup,  check_log,     check_clock, check_modes,
    check_jwt_secret, check_listener, check_proxies, check_origins, check_fetch, check_grants,
};

static int doctor(struct cli_options *o, struct cli_site *site)
{
    struct doctor d = { .o = o, .site = site };
    enum nst_err e = NST_OK;
    for (size_t i = 0; e == NST_OK && i < NST_COUNT(of_store); i++)
        e = nst_store_run(site->store, NST_MODE_READ, of_store[i], &d);
    if (e == NST_OK)
        e = check_replicas(&d);
    if (e == NST_OK)
        e = cli_review_openmrs(&d.faults, site, o->source);
    if (e != NST_OK)
        return cli_fail(&cli_doctor, "the database cannot be read; the log line above says why");
    for (size_t i = 0; i < NST_COUNT(of_machine); i++)
        of_machine[i](&d);
    if (d.faults == 0)
        puts("Nothing to complain about.");
    return d.faults == 0 ? EXIT_DONE : EXIT_FAILED;
}

static int doctor_run(int argc, char **argv)
{
    struct cli_options o;
    struct cli_site site;
    int status = EXIT_FAILED;
    if (!cli_options_parse(&o, &cli_doctor, argc, argv)) {
        status = o.status;
    } else if (cli_site_open(&site, &o, &cli_doctor, false)) {
        status = doctor(&o, &site);
        cli_site_close(&site);
    }
    nst_arena_free(o.arena);
    return status;
}

const struct cli_verb cli_doctor = {
    .name = "doctor",
    .usage = "doctor [--data DIR] [--database URL] [--source ADDRESS]",
    .summary = "look for what is wrong or risky in an installation",
    .help =
        "Exits with 1 when there is something to look at: what OpenMRS would refuse of a source\n"
        "whose validation schema is OpenMRS, or of the one that --source names, included.\n\n"
        "Examples:\n"
        "  nestor doctor --data ./data\n"
        "  nestor doctor --data ./data --source /orgs/MoH/sources/Dictionary/\n",
    .only_reads = true,
    .run = doctor_run,
};
