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

/* What nestor.conf has to say; a password is not shown. */
static struct nst_str line_of_settings(const struct nst_copy *c, const struct cli_options *o)
{
    char own[PATH_MAX];
    struct nst_str to = nst_str_z(o->rest[0]);
    if (realpath(nst_strf(o->arena, "%s/nestor.db", o->data).p, own) != NULL &&
        nst_str_eq(nst_str_z(own), c->left_to))
        return nst_strf(o->arena, "no line `database` may be in %s/nestor.conf.", o->data);
    bool is_whole = nst_dialect_of(to) == NST_SQLITE || nst_str_eq(to, c->left_to);
    return nst_strf(o->arena, "put this line first in %s/nestor.conf:\n  database = %.*s", o->data,
                    NST_FMT(is_whole ? c->left_to : NST_STR("(the URL of this command)")));
}

static int report(const struct nst_copy *c, const struct cli_options *o)
{
    struct nst_str line = line_of_settings(c, o);
    if (o->json)
        printf("{\"rows\":%lld,\"tables\":%lld}\n", (long long)c->rows, (long long)c->tables);
    else
        printf("%lld rows of %lld tables were moved, and compared by count and checksum.\n"
               "The former database has all its rows, and is refused from now on; it is yours to\n"
               "keep or to remove. For the new one to be served, %.*s\n",
               (long long)c->rows, (long long)c->tables, NST_FMT(line));
    return EXIT_DONE;
}

/* Where the target is, or will be: links are followed, its folder is there. NULL: it is not. */
static const char *real_target(struct cli_options *o)
{
    char found[PATH_MAX];
    struct nst_str to = nst_str_z(o->rest[0]);
    if (realpath(o->rest[0], found) != NULL)
        return nst_str_to_z(o->arena, nst_str_z(found));
    if (realpath(cli_folder_of(o->arena, to), found) == NULL)
        return NULL;
    const char *slash = strrchr(o->rest[0], '/');
    return nst_strf(o->arena, "%s/%s", found, slash != NULL ? slash + 1 : o->rest[0]).p;
}

/* The source itself, or one of the files that SQLite keeps beside it. */
static bool is_of_source(struct cli_options *o)
{
    static const char *const ends[] = { "", "-wal", "-shm", "-journal" };
    char from[PATH_MAX];
    const char *to = real_target(o);
    struct nst_str url = cli_database(o);
    if (nst_dialect_of(url) == NST_POSTGRESQL || to == NULL ||
        realpath(nst_str_to_z(o->arena, url), from) == NULL)
        return false;
    for (size_t i = 0; i < NST_COUNT(ends); i++)
        if (nst_str_eq(nst_strf(o->arena, "%s%s", from, ends[i]), nst_str_z(to)))
            return true;
    return false;
}

/* A file that has something is not opened for writing: SQLite would change it before it is refused.
 */
static const char *fault_of_target(struct cli_options *o)
{
    struct nst_store *there;
    struct nst_str to = nst_str_z(o->rest[0]);
    enum nst_copy_state state = NST_COPY_EMPTY;
    struct stat file;
    if (!nst_utf8_is_plain(to))
        return "is no UTF-8 text without control characters";
    if (nst_url_fault(to) != NULL || nst_dialect_of(to) == NST_POSTGRESQL)
        return nst_url_fault(to);
    if (is_of_source(o))
        return "is a file of the database that is to be moved";
    if (nst_str_starts(to, NST_STR("file:")))
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
               ? "is there already, and has something (a move that was cut behind its end, too)"
               : NULL;
}

/* What would be told as it is: not a URL that may have a password, nor what no terminal shows. */
static bool may_be_told(const char *target)
{
    return nst_url_fault(nst_str_z(target)) == NULL && nst_utf8_is_plain(nst_str_z(target));
}

static int refuse_target(struct cli_options *o)
{
    const char *fault = fault_of_target(o);
    if (fault == NULL)
        return EXIT_DONE;
    return cli_fail(&cli_move, "%s %s", may_be_told(o->rest[0]) ? o->rest[0] : "the target", fault);
}

/* How the mark names the target: by a path that holds in any folder, as text. */
static struct nst_str name_of_target(struct cli_options *o)
{
    struct nst_str to = nst_str_z(o->rest[0]);
    if (nst_dialect_of(to) == NST_POSTGRESQL)
        return cli_shown_url(o->arena, to);
    const char *path = real_target(o);
    return path != NULL && nst_utf8_is_plain(nst_str_z(path)) ? nst_str_z(path) : to;
}

static int refuse_left(struct cli_options *o, struct nst_store *from)
{
    struct nst_str left, here = cli_shown_url(o->arena, cli_database(o));
    if (nst_copy_left(&left, o->arena, from) != NST_OK)
        return cli_fail(&cli_move, "the database cannot be read; the log line above says why");
    if (left.p == NULL || nst_str_eq(left, name_of_target(o)))
        return EXIT_DONE; /* of a run that was cut, unless the target is whole */
    return cli_fail(&cli_move, "the database %.*s %s", NST_FMT(here), cli_was_moved(o, left));
}

/* The file is given away before it is whole: a run that is cut behind that has done all. */
static int fill_target(struct nst_copy *c, struct cli_options *o)
{
    int status = give_away(o);
    c->left_to = name_of_target(o);
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
    if (!may_be_told(o->rest[0]))
        return refuse_target(o);
    cli_stop_on_signals();
    c.from = cli_store_open(o, &cli_move, (struct nst_store_options){ .is_alone = true });
    if (c.from == NULL)
        return EXIT_FAILED;
    status = move_rows(&c, o);
    nst_store_close(c.from);
    return status == EXIT_DONE ? report(&c, o) : status;
}

/* As it is: SQLite would change a file that is opened for writing, whosever it is. */
static int read_mark(struct nst_str *left, struct cli_options *o)
{
    struct nst_str url = cli_database(o), shown = cli_shown_url(o->arena, url);
    struct nst_store *here =
        cli_store_open(o, &cli_move,
                       (struct nst_store_options){ .is_read_only =
                                                       nst_dialect_of(url) == NST_SQLITE });
    if (here == NULL)
        return EXIT_FAILED;
    enum nst_err e = nst_copy_left(left, o->arena, here);
    nst_store_close(here);
    if (e != NST_OK)
        return cli_fail(&cli_move, "the database cannot be read; the log line above says why");
    return left->p != NULL
               ? EXIT_DONE
               : cli_fail(&cli_move, "the database %.*s was not moved (--database names another)",
                          NST_FMT(shown));
}

static int take_mark_away(struct cli_options *o, struct nst_store *here, struct nst_str left)
{
    struct nst_str shown = cli_shown_url(o->arena, cli_database(o));
    enum nst_err e = nst_copy_stay(here);
    if (e == NST_E_BUSY)
        return cli_fail(&cli_move, "a server or a verb is at work on %.*s: stop it first",
                        NST_FMT(shown));
    if (e != NST_OK)
        return cli_fail(&cli_move, "the database failed; the log line above says why");
    printf("%.*s may be served again; what was written to %.*s since is not in it.\n%s",
           NST_FMT(shown), NST_FMT(left),
           strcmp(cli_origin(&o->config, "database"), "flag") == 0
               ? "Servers go by `database` of nestor.conf: let it name this one.\n"
               : "");
    return EXIT_DONE;
}

static int stay(struct cli_options *o)
{
    struct nst_str left;
    struct nst_store *here;
    int status = read_mark(&left, o);
    if (status != EXIT_DONE)
        return status;
    here = cli_store_open(o, &cli_move, (struct nst_store_options){ .is_alone = true });
    if (here == NULL)
        return EXIT_FAILED;
    status = take_mark_away(o, here, left);
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
