/* nestor purge: erase for good what was deleted some time ago, in steps beside a running server. */
#include "cli.h"
#include "table.h"

#include "ocl/admin/purge.h"
#include "ocl/export/export.h"
#include "stop.h"

#include <stdio.h>

#define DAY      (86400 * NST_SECOND)
#define DAYS_MAX 36500

struct purge {
    struct cli_options *o;
    struct nst_arena *step; /* of one */
    struct ocl_purge done, trial;
    bool is_begun;
    struct cli_table table; /* of a dry run */
};

/* "90d" */
static bool read_age(int64_t *before, const char *text)
{
    struct nst_str given = nst_str_z(text);
    int64_t days = -1;
    if (given.n < 2 || given.p[given.n - 1] != 'd' ||
        !nst_str_int(&days, nst_str_slice(given, 0, given.n - 1)) || days < 0 || days > DAYS_MAX)
        return false;
    *before = nst_now() - days * DAY;
    return true;
}

/* ---- Work of the store ---- */

static void list_one(void *arg, struct nst_str address, int64_t since)
{
    struct purge *p = arg;
    struct nst_mark mark = nst_arena_mark(p->step);
    const struct nst_str cell[] = { address, cli_time_text(p->step, since) };
    cli_table_put(&p->table, cell, NST_COUNT(cell));
    nst_arena_rewind(p->step, mark);
}

/* What would go, by name but as JSON, and how much that is. */
static enum nst_err look(struct nst_db *db, void *arg)
{
    struct purge *p = arg;
    nst_db_run_once(db);
    NST_TRY(ocl_purge_look(&p->done, p->step, db));
    if (p->o->json)
        return NST_OK;
    cli_table_begin(&p->table, "ADDRESS|SINCE");
    enum nst_err e = ocl_purge_each(&p->done, p->step, db, list_one, p);
    cli_table_end(&p->table);
    return e;
}

/* It may run again: what it counts is taken once it is durable. */
static enum nst_err step(struct nst_db *db, void *arg)
{
    struct purge *p = arg;
    nst_arena_reset(p->step);
    struct nst_req rq = { .arena = p->step, .db = db, .now = nst_now() };
    p->trial = p->done;
    if (!p->is_begun)
        NST_TRY(ocl_purge_begin(&p->trial, &rq));
    return ocl_purge_step(&p->trial, &rq);
}

static enum nst_err run_steps(struct purge *p, struct cli_site *site)
{
    while (!p->done.is_over && !cli_is_stopped()) {
        NST_TRY(cli_run(site, step, p));
        p->done = p->trial;
        p->is_begun = true;
    }
    return NST_OK;
}

/* ---- What is printed ---- */

static void print_json(const struct purge *p)
{
    struct nst_buf b;
    nst_buf_init(&b, p->o->arena, 4096);
    ocl_purge_put(&b, &p->done);
    struct nst_str text = nst_buf_str(&b);
    printf("%.*s\n", NST_FMT(text));
}

static void print_counts(const struct purge *p)
{
    if (p->o->json) {
        print_json(p);
        return;
    }
    struct cli_table table;
    cli_table_begin(&table, "KIND|COUNT");
    for (int i = 0; i < OCL_PURGED_COUNT; i++) {
        const struct nst_str cell[] = { nst_str_z(ocl_purged_name((enum ocl_purged)i)),
                                        nst_strf(p->o->arena, "%lld",
                                                 (long long)p->done.count[i]) };
        cli_table_put(&table, cell, NST_COUNT(cell));
    }
    cli_table_end(&table);
}

/* ---- The verb ---- */

static int purge(struct purge *p)
{
    struct cli_site site;
    if (!cli_site_open(&site, p->o, &cli_purge, false))
        return EXIT_FAILED;
    cli_stop_on_signals();
    p->step = nst_arena_new(65536);
    enum nst_err e =
        p->o->dry_run ? nst_store_run(site.store, NST_MODE_READ, look, p) : run_steps(p, &site);
    nst_arena_free(p->step);
    if (!p->o->dry_run)
        ocl_export_sweep(cli_task_folder(p->o), site.store);
    cli_site_close(&site);
    print_counts(p);
    if (e != NST_OK)
        return cli_fail(&cli_purge, "%s%s", nst_err_message(e),
                        p->o->dry_run ? "" : " What is counted is gone.");
    return p->o->dry_run || p->done.is_over
               ? EXIT_DONE
               : cli_fail(&cli_purge, "stopped; what is counted is gone, the same command goes on");
}

static int purge_run(int argc, char **argv)
{
    struct cli_options o;
    struct purge p = { .o = &o };
    int status;
    if (!cli_options_parse(&o, &cli_purge, argc, argv))
        status = o.status;
    else if (o.older_than == NULL || !read_age(&p.done.before, o.older_than))
        status =
            cli_misuse(&cli_purge, "--older-than wants a number of days from 0d to " NST_DIGITS(
                                       DAYS_MAX) "d, such as 90d");
    else if (!ocl_purge_kind(&p.done.kind, nst_str_z(o.kind)))
        status = cli_misuse(&cli_purge, "--kind wants " OCL_PURGE_WORDS);
    else
        status = purge(&p);
    nst_arena_free(o.arena);
    return status;
}

const struct cli_verb cli_purge = {
    .name = "purge",
    .usage = "purge --older-than DAYSd [--kind KIND] [--dry-run] [--json] [--data DIR]",
    .summary = "erase for good what was deleted some time ago",
    .help = "Organisations, sources and users that were deleted before so many days are erased\n"
            "with all that they own; nothing brings them back but a backup. Content of sources\n"
            "that are there stays, retired or not: their releases hold it. A server may run\n"
            "meanwhile; what is cut short goes on with the same command. Prints what is gone, by\n"
            "kind; --dry-run lists what would go (but with --json), and changes nothing.\n"
            "--kind: sources, organizations or users, the latter two with their sources.\n\n"
            "Examples:\n"
            "  nestor purge --older-than 90d --dry-run\n"
            "  nestor purge --older-than 90d\n"
            "  nestor purge --older-than 365d --kind users --json\n",
    .run = purge_run,
};
