/* nestor doctor: what is wrong or risky in an installation, beside a running server, too. What
 * it looks at is a table; a finding is a line with what to do about it. */
#include "doctor.h"

#include "table.h"

#include "nestor/accounts.h"
#include "nestor/base/time.h"
#include "nestor/json.h"
#include "nestor/maintenance.h"
#include "ocl/content/content.h"

#include <stdarg.h>

#define SERVER_MIN   150000
#define CLOCK_OFF    (5 * NST_SECOND) /* that the clock of the database's machine may differ */
#define FINDINGS_MAX (16 << 20)       /* bytes */

/* ---- Findings ---- */

/* Names of files may be any bytes; the object is UTF-8. */
static struct nst_str as_text(struct nst_arena *a, struct nst_str text)
{
    if (nst_utf8_valid(text))
        return text;
    struct nst_buf b;
    nst_buf_init(&b, a, text.n + 1);
    for (size_t i = 0; i < text.n; i++)
        nst_put_char(&b, (unsigned char)text.p[i] < 0x80 ? text.p[i] : '?');
    return nst_buf_str(&b);
}

static void tell(struct cli_doctor *d, const char *level, struct nst_str text)
{
    text = as_text(d->o->arena, text);
    if (!d->o->json) {
        cli_say(d->o->arena, "%s: %.*s", level, NST_FMT(text));
        return;
    }
    nst_putf(&d->findings,
             "%s{\"check\":\"%s\",\"level\":\"%s\",\"text\":", d->findings.n > 0 ? "," : "",
             d->check, level);
    nst_json_put_str(&d->findings, text);
    nst_put_char(&d->findings, '}');
}

void cli_found(struct cli_doctor *d, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    tell(d, "warning", nst_vstrf(d->o->arena, format, ap));
    va_end(ap);
    d->faults++;
}

void cli_noted(struct cli_doctor *d, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    tell(d, "note", nst_vstrf(d->o->arena, format, ap));
    va_end(ap);
}

struct nst_str cli_doctor_left(const struct cli_doctor *d, int64_t time)
{
    long long hours = (long long)(time / (CLI_DAY / 24));
    return hours >= 48 ? nst_strf(d->o->arena, "%lld days", hours / 24)
                       : nst_strf(d->o->arena, "%lld hours", hours);
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
    struct cli_doctor *d = arg;
    struct nst_rows *rows;
    NST_TRY(nst_query(&rows, db, nst_str_z(unreachable), NULL, 0));
    while (nst_rows_step(rows))
        cli_found(d, "the %.*s \"%.*s\" %.*s cannot be reached by a URL; rename it in the database",
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
        cli_found(arg, "the database is damaged: %.*s", NST_FMT(text));
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
        cli_found(arg, "there is no superuser; `nestor user add NAME --superuser%s` makes one",
                  cli_where(((struct cli_doctor *)arg)->o));
    return NST_OK;
}

/* Those that machines use: whoever they belong to may not look. */
static enum nst_err check_tokens(struct nst_db *db, void *arg)
{
    const struct cli_doctor *d = arg;
    struct nst_rows *rows;
    int64_t now = nst_now();
    NST_TRY(nst_query_with(
        &rows, db,
        "SELECT account.username, token.name, token.expires_at FROM token "
        "JOIN account ON account.id = token.account_id "
        "WHERE token.kind IN (1, 2) AND token.name IS NOT NULL AND token.expires_at > $1 AND "
        "token.expires_at < $2 "
        "ORDER BY token.expires_at LIMIT 20",
        NST_INT(now), NST_INT(now + CLI_SOON)));
    while (nst_rows_step(rows)) {
        struct nst_str end = cli_doctor_left(arg, nst_rows_int(rows, 2) - now);
        cli_found(
            arg,
            "the token \"%.*s\" of %.*s ends in %.*s; `nestor token create%s --user %s --name "
            "NAME` makes another, of another name",
            NST_FMT(nst_rows_text(rows, 1)), NST_FMT(nst_rows_text(rows, 0)), NST_FMT(end),
            cli_where(d->o),
            cli_word(d->o->arena, nst_str_to_z(d->o->arena, nst_rows_text(rows, 0))));
    }
    return nst_rows_end(rows);
}

/* Tokens, links and tasks go by the clock of the server, rows that triggers write by the
 * database's. */
static enum nst_err check_clocks(struct nst_db *db, void *arg)
{
    struct nst_rows *rows;
    int64_t there = nst_now();
    if (nst_db_dialect(db) != NST_POSTGRESQL)
        return NST_OK;
    NST_TRY(nst_query(&rows, db,
                      NST_STR("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint"),
                      NULL, 0));
    if (nst_rows_step(rows))
        there = nst_rows_int(rows, 0);
    int64_t off = there - nst_now();
    NST_TRY(nst_rows_end(rows));
    if (off > CLOCK_OFF || off < -CLOCK_OFF)
        cli_found(arg,
                  "the clock of the database's machine is %lld seconds %s this one's; set both by "
                  "a time server",
                  (long long)((off < 0 ? -off : off) / NST_SECOND),
                  off < 0 ? "behind" : "ahead of");
    return NST_OK;
}

/* On purpose, but for one that somebody forgot. */
static enum nst_err check_maintenance(struct nst_db *db, void *arg)
{
    struct cli_doctor *d = arg;
    struct nst_maintenance m;
    NST_TRY(nst_maintenance_read(&m, d->o->arena, db));
    if (!m.is_on)
        return NST_OK;
    struct nst_str since = cli_time_text(d->o->arena, m.since);
    cli_noted(d, "maintenance is on since %.*s, by %.*s%s%.*s; `nestor maintenance off%s` ends it",
              NST_FMT(since), NST_FMT(m.who), m.reason.n > 0 ? ": " : "", NST_FMT(m.reason),
              cli_where(d->o));
    return NST_OK;
}

static enum nst_err check_secret(struct nst_db *db, void *arg)
{
    struct cli_doctor *d = arg;
    bool fits;
    NST_TRY(nst_secret_fits(&fits, d->o->arena, db));
    if (!fits)
        cli_found(d, "the tokens in the database were made with another secret than that in "
                     "secret.key; copy that of the server that it belongs to");
    return NST_OK;
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
        cli_found(arg, "PostgreSQL is older than 15; upgrade it");
    return NST_OK;
}

/* ---- Replicas ---- */

static void tell_of_replica(void *arg, struct nst_str host, const char *complaint)
{
    if (host.p == NULL)
        cli_found(arg, "the setting db.replica %s", complaint);
    else if (complaint != NULL)
        cli_found(arg, "the replica %.*s %s", NST_FMT(host), complaint);
}

static enum nst_err check_replicas(struct cli_doctor *d)
{
    struct nst_str url = cli_text(&d->o->config, "db.replica");
    return url.n > 0 ? nst_replica_examine(d->site->store, url, tell_of_replica, d) : NST_OK;
}

/* ---- All of it ---- */

static const struct {
    const char *name;
    nst_work *look;
} of_store[] = {
    { "pages", check_pages },           { "superusers", check_superusers },
    { "addresses", print_unreachable }, { "tokens", check_tokens },
    { "secret", check_secret },         { "server", check_server },
    { "clocks", check_clocks },         { "maintenance", check_maintenance },
};

static void look(struct cli_doctor *d, const struct cli_check *check)
{
    for (; check->name != NULL; check++) {
        d->check = check->name;
        check->look(d);
    }
}

struct visit {
    struct cli_doctor *doctor;
    nst_work *look;
};

static enum nst_err visit(struct nst_db *db, void *arg)
{
    const struct visit *v = arg;
    nst_db_run_once(db);
    return v->look(db, v->doctor);
}

static enum nst_err look_into(struct cli_doctor *d)
{
    for (size_t i = 0; i < NST_COUNT(of_store); i++) {
        struct visit v = { d, of_store[i].look };
        d->check = of_store[i].name;
        NST_TRY(nst_store_run(d->site->store, NST_MODE_READ, visit, &v));
    }
    d->check = "replicas";
    NST_TRY(check_replicas(d));
    d->check = "openmrs";
    return cli_review_openmrs(d, d->o->source);
}

/* What the settings and the machine show is told although the store cannot be opened. */
static void look_at_all(struct cli_doctor *d)
{
    struct cli_site site;
    look(d, cli_settings_checks);
    look(d, cli_machine_checks);
    look(d, (const struct cli_check[]){ { "certificate", cli_check_certificate }, { NULL, NULL } });
    d->check = "store";
    if (!cli_site_open(&site, d->o, &cli_doctor, false)) {
        cli_found(d,
                  "the database cannot be looked at; what stands above on standard error says why");
        return;
    }
    d->site = &site;
    if (look_into(d) != NST_OK)
        cli_found(d, "the database cannot be read; what stands above on standard error says why");
    cli_site_close(&site);
}

static void print_object(const struct cli_doctor *d)
{
    struct nst_str findings = nst_buf_str(&d->findings);
    printf("{\"faults\":%u,\"findings\":[%.*s]}\n", d->faults, NST_FMT(findings));
}

static int doctor(struct cli_options *o)
{
    struct cli_doctor d = { .o = o };
    nst_buf_init(&d.findings, o->arena, FINDINGS_MAX);
    look_at_all(&d);
    if (o->json)
        print_object(&d);
    else if (d.faults == 0)
        puts("Nothing to complain about.");
    return d.faults == 0 ? EXIT_DONE : EXIT_FAILED;
}

/* Standard error has it already: a finding for programs, whose next start would fail. */
static void tell_settings(struct cli_options *o)
{
    struct cli_doctor d = { .o = o, .check = "settings" };
    struct cli_config again;
    struct nst_str rest;
    (void)cli_options_judge(&again, &rest, o->arena, o);
    nst_buf_init(&d.findings, o->arena, FINDINGS_MAX);
    while (rest.p != NULL) {
        struct nst_str line = nst_str_cut(&rest, '\n');
        bool is_named = nst_str_starts(line, NST_STR("nestor: "));
        line = nst_str_slice(line, is_named ? sizeof("nestor: ") - 1 : 0, line.n);
        if (line.n > 0)
            cli_found(&d, "%.*s", NST_FMT(line));
    }
    print_object(&d);
}

static int doctor_run(int argc, char **argv)
{
    struct cli_options o;
    int status = cli_options_parse(&o, &cli_doctor, argc, argv) ? doctor(&o) : o.status;
    if (o.has_bad_settings && o.json)
        tell_settings(&o);
    nst_arena_free(o.arena);
    return status;
}

const struct cli_verb cli_doctor = {
    .name = "doctor",
    .usage = "doctor [--data DIR] [--database URL] [--source ADDRESS] [--json]",
    .summary = "look for what is wrong or risky in an installation",
    .help =
        "Exits with 1 when there is something to look at: what OpenMRS would refuse of a source\n"
        "whose validation schema is OpenMRS, or of the one that --source names, included. With\n"
        "--json one object: faults (how many) and findings, each with check, level and text; with\n"
        "2 where the settings are at fault, which that object tells, too.\n\n"
        "Examples:\n"
        "  nestor doctor --data ./data\n"
        "  nestor doctor --data ./data --json\n"
        "  nestor doctor --data ./data --source /orgs/MoH/sources/Dictionary/\n",
    .only_reads = true,
    .run = doctor_run,
};
