/* nestor move: all of an installation's rows into another database, of the other engine mostly. */
#include "copy.h"
#include "stop.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* A file belongs to whom its folder does. */
static int give_away(const struct cli_options *o)
{
    struct nst_str to = nst_str_z(o->rest[0]);
    if (nst_dialect_of(to) == NST_POSTGRESQL ||
        cli_give_away(o->rest[0], cli_folder_of(o->arena, to)))
        return EXIT_DONE;
    return cli_fail(&cli_move, "%s cannot be given to the owner of its folder: %s", o->rest[0],
                    strerror(errno));
}

static int report(const struct nst_copy *c, const struct cli_options *o)
{
    if (o->json)
        printf("{\"rows\":%lld,\"tables\":%lld}\n", (long long)c->rows, (long long)c->tables);
    else
        printf("%lld rows of %lld tables were moved, and compared by count and checksum.\n"
               "From now on the new database is served: let `database` in %s/nestor.conf name it\n"
               "(no such line: nestor.db in that folder). The former one has all its rows, and is\n"
               "refused from now on; it is yours to keep or to remove.\n",
               (long long)c->rows, (long long)c->tables, o->data);
    return EXIT_DONE;
}

/* A file that has something is not opened for writing: SQLite would change it before it is refused.
 */
static const char *fault_of_target(struct cli_options *o)
{
    struct nst_store *there;
    struct nst_str to = nst_str_z(o->rest[0]);
    enum nst_copy_state state = NST_COPY_EMPTY;
    struct stat file;
    if (nst_url_fault(to) != NULL || nst_dialect_of(to) == NST_POSTGRESQL)
        return nst_url_fault(to);
    if (nst_str_starts(to, NST_STR("file:")) || nst_str_find(to, '=') < to.n)
        return "is no path of a file, and no postgresql:// address";
    if (stat(o->rest[0], &file) != 0 || file.st_size == 0)
        return NULL;
    there =
        cli_store_open(o, &cli_move, (struct nst_store_options){ .url = to, .is_read_only = true });
    bool is_read = there != NULL && nst_copy_state(&state, there) == NST_OK;
    nst_store_close(there);
    if (!is_read)
        return "is a file of something else";
    return state == NST_COPY_TAKEN
               ? "is there already, and has something; did a move that was cut come to its end?"
               : NULL;
}

static int refuse_target(struct cli_options *o)
{
    const char *fault = fault_of_target(o);
    if (fault == NULL)
        return EXIT_DONE;
    return cli_fail(&cli_move, "%s %s",
                    nst_url_fault(nst_str_z(o->rest[0])) != NULL ? "the target" : o->rest[0],
                    fault);
}

static int refuse_left(struct cli_options *o, struct nst_store *from)
{
    struct nst_str left, here = cli_shown_url(o->arena, cli_database(o));
    if (nst_copy_left(&left, o->arena, from) != NST_OK)
        return cli_fail(&cli_move, "the database cannot be read; the log line above says why");
    if (left.p == NULL)
        return EXIT_DONE;
    return cli_fail(
        &cli_move,
        "the database %.*s was moved to %.*s; `nestor move --stay%s` has it served again",
        NST_FMT(here), NST_FMT(left), cli_where(o));
}

/* How the mark names the target: by a path that holds in any folder. */
static struct nst_str place_of_target(struct cli_options *o)
{
    char path[PATH_MAX];
    return realpath(o->rest[0], path) != NULL ? nst_str_copy(o->arena, nst_str_z(path))
                                              : cli_shown_url(o->arena, nst_str_z(o->rest[0]));
}

/* The file is given away before it is whole: a run that is cut behind that has done all. */
static int fill_target(struct nst_copy *c, struct cli_options *o)
{
    int status = give_away(o);
    c->left_to = place_of_target(o);
    return status == EXIT_DONE
               ? cli_copy_rows(c, o, &cli_move, "; the same command goes on with it")
               : status;
}

static int move_rows(struct nst_copy *c, struct cli_options *o)
{
    int status = refuse_left(o, c->from);
    if (status == EXIT_DONE)
        status = refuse_target(o);
    if (status != EXIT_DONE)
        return status;
    c->to = cli_store_open(o, &cli_move,
                           (struct nst_store_options){ .url = nst_str_z(o->rest[0]),
                                                       .is_filled = true });
    status = c->to != NULL ? fill_target(c, o) : EXIT_FAILED;
    nst_store_close(c->to);
    return status;
}

static int move(struct cli_options *o)
{
    struct nst_copy c = { .is_alone = true };
    int status;
    if (nst_url_fault(nst_str_z(o->rest[0])) != NULL)
        return refuse_target(o);
    cli_stop_on_signals();
    c.from = cli_store_open(o, &cli_move, (struct nst_store_options){ .is_alone = true });
    if (c.from == NULL)
        return EXIT_FAILED;
    status = move_rows(&c, o);
    nst_store_close(c.from);
    return status == EXIT_DONE ? report(&c, o) : status;
}

static int take_mark_away(struct cli_options *o, struct nst_store *here)
{
    struct nst_str left, shown = cli_shown_url(o->arena, cli_database(o));
    enum nst_err e = nst_copy_left(&left, o->arena, here);
    if (e == NST_OK && left.p == NULL)
        return cli_fail(&cli_move, "the database %.*s was not moved", NST_FMT(shown));
    if (e == NST_OK)
        e = nst_copy_stay(here);
    if (e == NST_E_BUSY)
        return cli_fail(&cli_move, "a server or a verb is at work on %.*s: stop it first",
                        NST_FMT(shown));
    if (e != NST_OK)
        return cli_fail(&cli_move, "the database failed; the log line above says why");
    printf("%.*s may be served again; what was written to %.*s since is not in it.\n",
           NST_FMT(shown), NST_FMT(left));
    return EXIT_DONE;
}

static int stay(struct cli_options *o)
{
    struct nst_store *here =
        cli_store_open(o, &cli_move, (struct nst_store_options){ .is_alone = true });
    if (here == NULL)
        return EXIT_FAILED;
    int status = take_mark_away(o, here);
    nst_store_close(here);
    return status;
}

static int move_run(int argc, char **argv)
{
    struct cli_options o;
    int status;
    if (!cli_options_parse(&o, &cli_move, argc, argv))
        status = o.status;
    else if (o.stay && (o.rest_count > 0 || o.json))
        status = cli_misuse(&cli_move, "--stay moves nothing, and prints no JSON");
    else if (o.stay)
        status = stay(&o);
    else if (o.rest_count != 1 || o.rest[0][0] == '\0')
        status = cli_misuse(&cli_move, "it wants the database to move to");
    else
        status = move(&o);
    nst_arena_free(o.arena);
    return status;
}

const struct cli_verb cli_move = {
    .name = "move",
    .usage = "move [--data DIR] [--database URL] [--json] [--quiet] TO | --stay",
    .summary = "carry all that is stored into another database",
    .help =
        "TO is an empty PostgreSQL database (postgresql://...) or a file that is not there yet.\n"
        "The server has to be stopped: what it wrote meanwhile would be lost. What is moved is\n"
        "compared table by table. The former database keeps all its rows, and is refused from\n"
        "then on, so that nobody writes to it by mistake; --stay takes that back, of the one that\n"
        "--database or nestor.conf names. A move that was cut goes on with the table that it was\n"
        "at, by the same command; until it is whole nothing serves it. secret.key and the folder\n"
        "of tasks stay where they are.\n\n"
        "Examples:\n"
        "  nestor move --data ./data postgresql:///nestor\n"
        "  nestor move --data ./data --database postgresql:///nestor ./data/nestor.db\n"
        "  nestor move --data ./data --stay\n",
    .words = 1,
    .run = move_run,
};
