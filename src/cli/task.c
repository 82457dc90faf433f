/* nestor task: long work of a store, whether or not a server runs (G167). */
#include "cli.h"
#include "table.h"

#include "nestor/accounts.h"
#include "tasks/tasks.h"

#include <stdio.h>

#define UNFINISHED "(state = 'PENDING' OR state = 'STARTED')"
#define LINE_MAX   (17 << 20) /* bytes of a task as JSON */

struct look {
    struct cli_options *o;
    struct nst_str key; /* of the one that is meant, or its uuid */
    int64_t id;         /* of that; 0: there is none */
    bool is_revoked;
    struct cli_table table; /* unless as JSON */
};

/* How a column is shown; in the order of the statement. */
enum form { TEXT, NUMBER, TIME, JSON };

static const struct {
    const char *name;
    enum form form;
} columns[] = {
    { "id", TEXT },         { "name", TEXT },          { "state", TEXT },
    { "username", TEXT },   { "queue", TEXT },         { "created_at", TIME },
    { "started_at", TIME }, { "finished_at", TIME },   { "done", NUMBER },
    { "total", NUMBER },    { "message", TEXT },       { "host", TEXT },
    { "request", TEXT },    { "kwargs", JSON },        { "summary", JSON },
    { "report", TEXT },     { "error_message", TEXT },
};

enum column { KEY, NAME, STATE, USERNAME, QUEUE, CREATED, STARTED, FINISHED, DONE, TOTAL, MESSAGE };

#define SHOWN \
    "SELECT key, name, state, username, queue, created_at, started_at, finished_at, done, total, " \
    "message, host, request, kwargs, summary, report, error FROM task "

static void put_time(struct nst_buf *out, int64_t time)
{
    nst_put_char(out, '"');
    nst_put_time(out, time, NST_TIME_MICRO_Z);
    nst_put_char(out, '"');
}

static void put_column(struct nst_buf *out, struct nst_rows *rows, unsigned i)
{
    if (nst_rows_is_null(rows, i))
        nst_put_lit(out, "null");
    else if (columns[i].form == TIME)
        put_time(out, nst_rows_int(rows, i));
    else if (columns[i].form == NUMBER)
        nst_put_int(out, nst_rows_int(rows, i));
    else if (columns[i].form == JSON)
        nst_put(out, nst_rows_text(rows, i));
    else
        nst_json_put_str(out, nst_rows_text(rows, i));
}

/* An object a line, or what is known of the task, a member a line. */
static void print_whole(struct nst_arena *a, struct nst_rows *rows, bool is_json)
{
    struct nst_buf b;
    nst_buf_init(&b, a, LINE_MAX);
    for (unsigned i = 0; i < NST_COUNT(columns); i++) {
        if (!is_json && nst_rows_is_null(rows, i))
            continue;
        nst_putf(&b, is_json ? "%s\"%s\":" : "%s%s: ", is_json && i > 0 ? "," : "",
                 columns[i].name);
        put_column(&b, rows, i);
        nst_put_z(&b, is_json ? "" : "\n");
    }
    struct nst_str text = nst_buf_str(&b);
    printf(is_json ? "{%.*s}\n" : "%.*s", NST_FMT(text));
}

static void print_line(struct look *l, struct nst_rows *rows)
{
    struct nst_arena *a = l->o->arena;
    const struct nst_str cell[] = { cli_time_text(a, nst_rows_int(rows, CREATED)),
                                    nst_rows_text(rows, KEY),
                                    nst_rows_text(rows, NAME),
                                    nst_rows_text(rows, STATE),
                                    nst_rows_text(rows, USERNAME),
                                    nst_strf(a, "%lld/%lld", (long long)nst_rows_int(rows, DONE),
                                             (long long)nst_rows_int(rows, TOTAL)),
                                    nst_rows_text(rows, MESSAGE) };
    cli_table_put(&l->table, cell, NST_COUNT(cell));
}

/* ---- Work of the store ---- */

static enum nst_err print_all(struct nst_db *db, void *arg)
{
    struct look *l = arg;
    struct nst_rows *rows;
    const char *name = l->o->user;
    nst_db_run_once(db);
    NST_TRY(nst_query_with(&rows, db,
                           SHOWN "WHERE ($1 OR " UNFINISHED ") AND (CAST($2 AS text) IS NULL OR "
                                 "username = $2) ORDER BY id",
                           NST_BOOL(l->o->all), NST_TEXT(nst_str_z(name))));
    struct nst_mark mark = nst_arena_mark(l->o->arena);
    if (!l->o->json)
        cli_table_begin(&l->table, "SINCE|TASK|KIND|STATE|USER|DONE|MESSAGE");
    while (nst_rows_step(rows)) {
        if (l->o->json)
            print_whole(l->o->arena, rows, true);
        else
            print_line(l, rows);
        nst_arena_rewind(l->o->arena, mark);
    }
    cli_table_end(&l->table);
    return nst_rows_end(rows);
}

/* By its whole id from then on. */
static enum nst_err find(struct nst_db *db, struct look *l)
{
    struct nst_rows *rows;
    l->id = 0;
    NST_TRY(nst_query_with(&rows, db, "SELECT id, key FROM task WHERE key = $1 OR uuid = $1",
                           NST_TEXT(l->key)));
    if (nst_rows_step(rows)) {
        l->id = nst_rows_int(rows, 0);
        l->key = nst_str_copy(l->o->arena, nst_rows_text(rows, 1));
    }
    return nst_rows_end(rows);
}

static enum nst_err print_one(struct nst_db *db, void *arg)
{
    struct look *l = arg;
    struct nst_rows *rows;
    nst_db_run_once(db);
    NST_TRY(find(db, l));
    NST_TRY(nst_query_with(&rows, db, SHOWN "WHERE id = $1", NST_INT(l->id)));
    while (nst_rows_step(rows))
        print_whole(l->o->arena, rows, l->o->json);
    return nst_rows_end(rows);
}

static enum nst_err cancel(struct nst_db *db, void *arg)
{
    struct look *l = arg;
    struct nst_req rq = { .arena = l->o->arena, .db = db };
    l->is_revoked = false;
    NST_TRY(find(db, l));
    if (l->id == 0)
        return NST_OK;
    NST_TRY(nst_task_revoke(&l->is_revoked, db, l->id, nst_now()));
    if (!l->is_revoked)
        return NST_OK;
    return nst_audit(&rq, &(struct nst_act){
                              .name = "task.cancel",
                              .on = nst_strf(rq.arena, "/tasks/%.*s/", NST_FMT(l->key)) });
}

/* ---- The verb ---- */

static int none(const struct look *l)
{
    return cli_fail(&cli_task, "there is no task \"%.*s\"; `nestor task list --all%s` shows them",
                    NST_FMT(l->key), cli_where(l->o));
}

static int run_list(struct cli_site *site, struct look *l)
{
    enum nst_err e = nst_store_run(site->store, NST_MODE_READ, print_all, l);
    return e == NST_OK ? EXIT_DONE : cli_fail(&cli_task, "%s", nst_err_message(e));
}

static int run_show(struct cli_site *site, struct look *l)
{
    enum nst_err e = nst_store_run(site->store, NST_MODE_READ, print_one, l);
    if (e != NST_OK)
        return cli_fail(&cli_task, "%s", nst_err_message(e));
    return l->id != 0 ? EXIT_DONE : none(l);
}

static int run_cancel(struct cli_site *site, struct look *l)
{
    enum nst_err e = cli_run(site, cancel, l);
    if (e != NST_OK)
        return cli_fail(&cli_task, "%s", nst_err_message(e));
    if (l->id == 0)
        return none(l);
    if (!l->is_revoked)
        return cli_fail(&cli_task, "it is over already; `nestor task show %.*s%s` tells how",
                        NST_FMT(l->key), cli_where(l->o));
    printf("The task %.*s is cancelled.\n", NST_FMT(l->key));
    return EXIT_DONE;
}

static const struct action {
    const char *name;
    int (*run)(struct cli_site *site, struct look *l);
} actions[] = { { "list", run_list }, { "show", run_show }, { "cancel", run_cancel } };

/* What the action lacks, or is told in vain; NULL when nothing is wrong. */
static const char *fault_of(const struct cli_options *o, const struct action *action)
{
    bool is_list = action->run == run_list;
    if (is_list != (o->rest_count == 1))
        return is_list ? "list takes no TASK" : "show and cancel want a TASK";
    if (!is_list && (o->all || o->user != NULL))
        return "--all and --user are for `nestor task list`";
    return action->run == run_cancel && o->json ? "cancel prints no JSON" : NULL;
}

static int task_run(int argc, char **argv)
{
    struct cli_options o;
    struct cli_site site;
    const struct action *action;
    int status = EXIT_FAILED;
    if (!cli_options_parse(&o, &cli_task, argc, argv)) {
        status = o.status;
    } else if ((action = cli_action(&cli_task, &o)) == NULL) {
        status = cli_misuse_action(&cli_task, &o);
    } else if (fault_of(&o, action) != NULL) {
        status = cli_misuse(&cli_task, "%s", fault_of(&o, action));
    } else if (cli_site_open(&site, &o, &cli_task, false)) {
        struct look look = { .o = &o, .key = nst_str_z(o.rest_count == 2 ? o.rest[1] : NULL) };
        status = action->run(&site, &look);
        cli_site_close(&site);
    }
    nst_arena_free(o.arena);
    return status;
}

const struct cli_verb cli_task = {
    .name = "task",
    .actions = CLI_NAMES(actions),
    .usage =
        "task list [--all] [--user NAME] [--json] | show TASK [--json] | cancel TASK [--data DIR]",
    .summary = "look at long work, and end it",
    .help =
        "list    the tasks that wait or run, the oldest first, a line each: when it was asked\n"
        "        for, its id, kind, state, who asked, how far it is; --all has those that are\n"
        "        over, too\n"
        "show    all that is known of one\n"
        "cancel  end one that waits or runs: the step that it is in is not kept\n\n"
        "TASK is an id or the uuid that it begins with. A running server need not be stopped.\n\n"
        "Examples:\n"
        "  nestor task list\n"
        "  nestor task list --all --user ada --json\n"
        "  nestor task show 6f1c1f9e-2f8a-4f43-8a4e-1f3c0d7b5a10-ada~default\n"
        "  nestor task cancel 6f1c1f9e-2f8a-4f43-8a4e-1f3c0d7b5a10\n",
    .words = 2,
    .run = task_run,
};
