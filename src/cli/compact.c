/* nestor compact: room that is given back, indexes that are made anew (G160). */
#include "cli.h"

#include <stdio.h>

struct sizes {
    int64_t before, after;
};

/* With the log, in which the file's pages are until somebody writes them there. */
static enum nst_err measure(struct nst_db *db, void *arg)
{
    int64_t *bytes = arg, log = 0;
    NST_TRY(nst_db_size(bytes, &log, db));
    *bytes += log > 0 ? log : 0;
    return NST_OK;
}

static int run(struct cli_options *o, struct nst_store *store)
{
    struct sizes s;
    enum nst_err e = nst_store_run(store, NST_MODE_READ, measure, &s.before);
    if (e == NST_OK)
        e = nst_store_keep_up(store, NST_COMPACT);
    if (e == NST_OK && o->reindex)
        e = nst_store_keep_up(store, NST_REINDEX);
    if (e == NST_OK)
        e = nst_store_run(store, NST_MODE_READ, measure, &s.after);
    if (e == NST_E_BUSY)
        return cli_fail(&cli_compact, "somebody else was writing for too long; try again");
    if (e == NST_E_FULL)
        return cli_fail(&cli_compact, "there is no room: as much as the database has is wanted "
                                      "beside it, and in TMPDIR (/var/tmp)");
    if (e != NST_OK)
        return cli_fail(&cli_compact, "the database failed; a log line above says why");
    if (o->json)
        printf("{\"bytes\":%lld,\"bytes_before\":%lld}\n", (long long)s.after, (long long)s.before);
    else if (!o->quiet)
        printf("The database has %lld bytes; it had %lld.\n", (long long)s.after,
               (long long)s.before);
    return EXIT_DONE;
}

static int compact_run(int argc, char **argv)
{
    struct cli_options o;
    struct cli_site site;
    int status = EXIT_FAILED;
    if (!cli_options_parse(&o, &cli_compact, argc, argv)) {
        status = o.status;
    } else if (cli_site_open_store(&site, &o, &cli_compact)) {
        status = run(&o, site.store);
        cli_site_close(&site);
    }
    nst_arena_free(o.arena);
    return status;
}

const struct cli_verb cli_compact = {
    .name = "compact",
    .usage = "compact [--data DIR] [--database URL] [--reindex] [--json] [--quiet]",
    .summary = "give room back that deleted rows have left",
    .help =
        "A server may run meanwhile: who reads goes on. On SQLite the file is made anew, which\n"
        "takes some seconds for each GB, in which writers wait (after db.busy_ms they are\n"
        "answered 503); as much room as it has is wanted beside it, and in TMPDIR. On\n"
        "PostgreSQL room is made free for new rows (VACUUM), and nobody waits. --reindex makes\n"
        "all indexes anew, too: after damage, or when the locale of the system changed.\n\n"
        "Examples:\n"
        "  nestor compact --data ./data\n"
        "  nestor compact --data ./data --reindex\n",
    .run = compact_run,
};
