/* nestor move: all of an installation's rows into another database, of the other engine mostly. */
#include "copy.h"
#include "stop.h"

#include <errno.h>
#include <stdio.h>
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
        printf(
            "%lld rows of %lld tables were moved, and compared by count and checksum.\n"
            "From now on serve the new database alone: let `database` in %s/nestor.conf name it\n"
            "(no such line: nestor.db in that folder).\n"
            "The former one is as it was; it is yours to keep or to remove.\n",
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
    return state == NST_COPY_TAKEN ? "is there already, and has something" : NULL;
}

static int move(struct cli_options *o)
{
    struct nst_copy c = { .is_alone = true };
    int status = EXIT_FAILED;
    const char *fault = fault_of_target(o);
    if (fault != NULL)
        return cli_fail(&cli_move, "%s %s",
                        nst_url_fault(nst_str_z(o->rest[0])) != NULL ? "the target" : o->rest[0],
                        fault);
    cli_stop_on_signals();
    c.from = cli_store_open(o, &cli_move, (struct nst_store_options){ .is_alone = true });
    if (c.from == NULL)
        return EXIT_FAILED;
    c.to = cli_store_open(o, &cli_move,
                          (struct nst_store_options){ .url = nst_str_z(o->rest[0]),
                                                      .is_filled = true });
    if (c.to != NULL)
        status = cli_copy_rows(&c, o, &cli_move, "; the same command goes on with it");
    nst_store_close(c.to);
    nst_store_close(c.from);
    if (status == EXIT_DONE)
        status = give_away(o);
    return status == EXIT_DONE ? report(&c, o) : status;
}

static int move_run(int argc, char **argv)
{
    struct cli_options o;
    int status;
    if (!cli_options_parse(&o, &cli_move, argc, argv))
        status = o.status;
    else if (o.rest_count != 1 || o.rest[0][0] == '\0')
        status = cli_misuse(&cli_move, "it wants the database to move to");
    else
        status = move(&o);
    nst_arena_free(o.arena);
    return status;
}

const struct cli_verb cli_move = {
    .name = "move",
    .usage = "move [--data DIR] [--database URL] [--json] [--quiet] TO",
    .summary = "carry all that is stored into another database",
    .help =
        "TO is an empty PostgreSQL database (postgresql://...) or a file that is not there yet.\n"
        "The server has to be stopped: what it wrote meanwhile would be lost. What is moved is\n"
        "compared table by table, and the former database is left as it was. A move that was cut\n"
        "goes on with the table that it was at, by the same command; until it is whole nothing\n"
        "serves it. secret.key and the folder of tasks stay where they are.\n\n"
        "Examples:\n"
        "  nestor move --data ./data postgresql:///nestor\n"
        "  nestor move --data ./data --database postgresql:///nestor ./data/nestor.db\n",
    .words = 1,
    .run = move_run,
};
