/* nestor migrate, openapi: small verbs for operators. */
#include "cli.h"

#include <stdio.h>

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

const struct cli_verb cli_openapi = {
    .name = "openapi",
    .usage = "openapi",
    .summary = "print the OpenAPI 3.1 description of all faces",
    .help = "The same document is served at /openapi.json.\n\n"
            "Example:\n"
            "  nestor openapi > nestor.json\n",
    .run = openapi_run,
};
