/* Rows from one store into another, with progress and what to say when it fails. */
#include "copy.h"

#include "progress.h"
#include "stop.h"

extern const struct nst_migration nestor_migrations[];
extern const unsigned nestor_migration_count;

static void show(void *arg, int64_t rows)
{
    struct cli_progress *p = arg;
    p->count = (size_t)rows;
    cli_progress_show(p, false);
}

static bool is_cut(void *arg)
{
    (void)arg;
    return cli_is_stopped();
}

int cli_copy_rows(struct nst_copy *c, struct cli_options *o, const struct cli_verb *verb,
                  const char *again)
{
    struct cli_progress p = { .what = "rows", .started = nst_ticks(), .is_quiet = o->quiet };
    c->arena = o->arena;
    c->steps = nestor_migrations;
    c->step_count = nestor_migration_count;
    c->is_cut = is_cut;
    c->show = show;
    c->arg = &p;
    enum nst_err e = nst_copy_run(c);
    p.count = (size_t)c->rows;
    cli_progress_show(&p, true);
    if (e == NST_OK)
        return EXIT_DONE;
    if (cli_is_stopped())
        return cli_fail(verb, "stopped%s", again);
    if (c->why.p != NULL)
        return cli_fail(verb, "%.*s", NST_FMT(c->why));
    return cli_fail(verb, "%s (a log line above says more)%s",
                    e == NST_E_FULL ? "there is no room for it" : "the database failed", again);
}
