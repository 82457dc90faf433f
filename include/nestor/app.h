/* A whole program out of tables: what it serves, its migrations, and `nst_main`, which
 * is all that its `main` has to call. Programs that live in another way (settings,
 * several servers) use the functions of nestor/rest.h themselves. */
#ifndef NESTOR_APP_H
#define NESTOR_APP_H

#include "nestor/rest.h"

/* A command of the program: `library DATABASE token anna`. */
struct nst_command {
    const char *name;
    const char *usage; /* "token NAME [--staff]" */
    const char *doc;   /* what it does, in a line */
    /* argv[0] is the name. The store is up to date. Returns what the program ends with:
     * 0 done, 1 failed, 2 wrong usage, which is answered with the usage. */
    int (*run)(struct nst_store *store, int argc, char **argv);
};

struct nst_app {
    const char *name;         /* of the program */
    const char *title;        /* in its description; NULL: the name */
    const char *version;      /* "1.0.0" */
    const char *cors_origins; /* whose scripts may see answers, as in nestor/rest.h; NULL: none */
    const struct nst_face *const *faces;
    const struct nst_resource *const *resources;
    const struct nst_migration *migrations; /* end with a row without name; may be NULL */
    const struct nst_command *commands;     /* the same */
    const struct nst_app *const *uses;      /* apps whose tables and commands are its own, too */
};

/* Of a part that works only with the tables of its app: a program that links it, and of which
 * no app uses that one, is refused. Once in a file of the part, outside functions. */
#define NST_NEEDS(app) \
    __attribute__((used, section("nst_needs"))) static const struct nst_app *const nst_need = &(app)

/* Numbers of the migrations of a program that uses other apps begin here: those below are
 * for these. */
#define NST_STEP_FIRST 1000

/* Members of an app: lists that end by themselves. */
#define NST_FACES(...) \
    .faces = (const struct nst_face *const[]) \
    { \
        __VA_ARGS__, NULL \
    }
#define NST_RESOURCES(...) \
    .resources = (const struct nst_resource *const[]) \
    { \
        __VA_ARGS__, NULL \
    }
#define NST_USES(...) \
    .uses = (const struct nst_app *const[]) \
    { \
        __VA_ARGS__, NULL \
    }

/* Run the program until SIGTERM or SIGINT, which answer what is in flight first:
 *   NAME DATABASE [--listen ADDRESS:PORT]    serve; 127.0.0.1:8080 if not said
 *   NAME DATABASE COMMAND ...                run a command
 *   NAME --help | --version
 * DATABASE is a file for SQLite, or an address postgresql://... It is made or brought
 * up to date; the table nst_counter comes with it. What was wrong stands on standard
 * error, as the log does. Call it before any thread starts.
 * Returns what main should: 0, 1 when something failed, 2 for wrong usage. */
int nst_main(int argc, char **argv, const struct nst_app *app);

#endif
