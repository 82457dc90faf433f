/* nestor migrate, openapi, doctor: small verbs for operators. */
#include "cli.h"

#include "ocl/content/content.h"

#include <stdio.h>
#include <sys/stat.h>

static int with_site(const struct cli_verb *verb,
                     int (*body)(struct cli_options *, struct cli_site *), int argc, char **argv)
{
    struct cli_options o;
    struct cli_site site;
    int status = EXIT_FAILED;
    if (!cli_options_parse(&o, verb, argc, argv)) {
        status = o.status;
    } else if (cli_site_open(&site, &o, verb, false)) {
        status = body(&o, &site);
        cli_site_close(&site);
    }
    nst_arena_free(o.arena);
    return status;
}

static int migrate(struct cli_options *o, struct cli_site *site)
{
    if (site->applied == 0)
        printf("The database of %s was up to date: step %lld.\n", o->data,
               (long long)cli_newest_step());
    else
        printf("The database of %s has been brought to step %lld, by %u step%s.\n", o->data,
               (long long)cli_newest_step(), site->applied, site->applied > 1 ? "s" : "");
    return EXIT_DONE;
}

static int migrate_run(int argc, char **argv)
{
    return with_site(&cli_migrate, migrate, argc, argv);
}

static enum nst_err count_accounts(struct nst_db *db, void *arg)
{
    struct nst_rows *rows;
    NST_TRY(nst_query(&rows, db,
                      NST_STR("SELECT count(*) FROM account WHERE is_active AND is_superuser"),
                      NULL, 0));
    if (nst_rows_step(rows))
        *(int64_t *)arg = nst_rows_int(rows, 0);
    return nst_rows_end(rows);
}

static bool is_private(struct cli_options *o, const char *name)
{
    struct stat st;
    struct nst_str path = nst_strf(o->arena, "%s/%s", o->data, name);
    return stat(path.p, &st) != 0 || (st.st_mode & 077) == 0;
}

static int finding(int *faults, const char *text)
{
    printf("warning: %s\n", text);
    return ++*faults;
}

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
    struct nst_rows *rows;
    NST_TRY(nst_query(&rows, db, nst_str_z(unreachable), NULL, 0));
    for (; nst_rows_step(rows); ++*(int *)arg)
        printf("warning: the %.*s \"%.*s\" %.*s cannot be reached by a URL; rename it in the "
               "database\n",
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
        printf("warning: the database is damaged: %.*s\n", NST_FMT(text));
        ++*(int *)arg;
    }
    return nst_rows_end(rows);
}

static int doctor(struct cli_options *o, struct cli_site *site)
{
    int64_t superusers = 0;
    int faults = 0;
    enum nst_err e = nst_store_run(site->store, NST_MODE_READ, check_pages, &faults);
    if (e == NST_OK)
        e = nst_store_run(site->store, NST_MODE_READ, count_accounts, &superusers);
    if (e == NST_OK)
        e = nst_store_run(site->store, NST_MODE_READ, print_unreachable, &faults);
    if (e == NST_OK)
        e = cli_review_openmrs(&faults, site, o->source);
    if (e != NST_OK)
        return cli_fail(&cli_doctor, "the database cannot be read; the log line above says why");
    if (superusers == 0)
        finding(&faults, "there is no superuser; `nestor user add NAME --superuser` makes one");
    if (!is_private(o, "secret.key"))
        finding(&faults, "secret.key can be read by others; `chmod 600` it");
    if (!is_private(o, "nestor.db"))
        finding(&faults, "nestor.db can be read by others; `chmod 600` it");
    if (!cli_is_local(cli_text(&o->config, "listen")))
        finding(&faults, "it listens beyond this machine without TLS; put a proxy in front");
    if (cli_is_on(&o->config, "enroll.username_param_grants")) /* A21 */
        finding(&faults, "enroll.username_param_grants is on: any learner can read and write every "
                         "program");
    if (faults == 0)
        puts("Nothing to complain about.");
    return faults == 0 ? EXIT_DONE : EXIT_FAILED;
}

static int doctor_run(int argc, char **argv)
{
    return with_site(&cli_doctor, doctor, argc, argv);
}

#define OPENAPI_MAX ((size_t)16 << 20)

static int openapi_run(int argc, char **argv)
{
    struct cli_options o;
    struct nst_registry *registry;
    struct nst_buf b;
    int status = EXIT_DONE;
    if (!cli_options_parse(&o, &cli_openapi, argc, argv)) {
        status = o.status;
    } else if (!cli_registry(&registry, o.arena)) {
        status = cli_fail(&cli_openapi, "the tables of the program are wrong");
    } else {
        nst_buf_init(&b, o.arena, OPENAPI_MAX);
        nst_openapi(&b, registry);
        printf("%.*s\n", NST_FMT(nst_buf_str(&b)));
    }
    nst_arena_free(o.arena);
    return status;
}

const struct cli_verb cli_migrate = {
    .name = "migrate",
    .usage = "migrate [--data DIR] [--database URL]",
    .summary = "bring the database to this program's version",
    .help = "Every verb that opens the database does this by itself; an older program refuses a\n"
            "newer database.\n\n"
            "Example:\n"
            "  nestor migrate --data ./data\n",
    .run = migrate_run,
};

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

const struct cli_verb cli_openapi = {
    .name = "openapi",
    .usage = "openapi",
    .summary = "print the OpenAPI 3.1 description of all faces",
    .help = "The same document is served at /openapi.json.\n\n"
            "Example:\n"
            "  nestor openapi > nestor.json\n",
    .run = openapi_run,
};
