/* The main function of programs that are tables and nothing else: the command line,
 * the store and its migrations, serving until a signal. */
#include "nestor/app.h"

#include "check.h"

#include "nestor/base/log.h"
#include "nestor/ending.h"

#include <pthread.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>

enum { DONE, FAILED, MISUSED };

#define LISTEN_DEFAULT "127.0.0.1:8080"

/* ---- The app and those that it uses, as one ---- */

struct whole {
    struct nst_arena *arena;
    const struct nst_face **face;
    const struct nst_resource **resource;
    struct nst_migration *step;
    const struct nst_command **command;
    size_t faces, resources, commands;
    unsigned steps;
};

static size_t count(const void *list)
{
    const void *const *item = list;
    size_t n = 0;
    while (item != NULL && item[n] != NULL)
        n++;
    return n;
}

/* Append `more` pointers and a NULL to a list of n. */
static void *extended(struct nst_arena *a, const void *list, size_t n, const void *more,
                      size_t more_n)
{
    const void **out = NST_NEW_ARRAY(a, const void *, n + more_n + 1);
    if (n > 0)
        memcpy(out, list, n * sizeof(*out));
    if (more_n > 0)
        memcpy(out + n, more, more_n * sizeof(*out));
    return out;
}

static void add_steps(struct whole *w, const struct nst_migration *step)
{
    unsigned n = 0;
    while (step != NULL && step[n].name != NULL)
        n++;
    struct nst_migration *all = NST_NEW_ARRAY(w->arena, struct nst_migration, w->steps + n + 1);
    if (w->steps > 0)
        memcpy(all, w->step, w->steps * sizeof(*all));
    if (n > 0)
        memcpy(all + w->steps, step, n * sizeof(*all));
    w->step = all;
    w->steps += n;
}

static void add_app(struct whole *w, const struct nst_app *app)
{
    size_t faces = count(app->faces), resources = count(app->resources);
    for (size_t i = 0; i < count(app->uses); i++)
        add_app(w, app->uses[i]);
    w->face = extended(w->arena, w->face, w->faces, app->faces, faces);
    w->faces += faces;
    w->resource = extended(w->arena, w->resource, w->resources, app->resources, resources);
    w->resources += resources;
    add_steps(w, app->migrations);
    for (const struct nst_command *c = app->commands; c != NULL && c->name != NULL; c++)
        w->command = extended(w->arena, w->command, w->commands++, &c, 1);
}

/* ---- What cannot be meant ---- */

/* Made by the linker of what NST_NEEDS has left; absent when nothing has. */
extern const struct nst_app *const __start_nst_needs[] __attribute__((weak));
extern const struct nst_app *const __stop_nst_needs[] __attribute__((weak));

static bool uses(const struct nst_app *app, const struct nst_app *wanted)
{
    for (size_t i = 0; i < count(app->uses); i++)
        if (app->uses[i] == wanted || uses(app->uses[i], wanted))
            return true;
    return false;
}

static bool has_all_that_it_needs(const struct nst_app *app)
{
    bool good = true;
    for (const struct nst_app *const *at = __start_nst_needs; at != __stop_nst_needs; at++) {
        if (uses(app, *at))
            continue;
        good = false;
        nst_log_fault(nst_str_z(app->name), nst_str_z((*at)->name),
                      "the program calls what needs the tables of this app",
                      "add it to NST_USES of the app");
    }
    return good;
}

static bool has_numbers_of_its_own(const struct nst_app *app, struct nst_arena *a)
{
    bool good = true;
    const struct nst_migration *step = count(app->uses) > 0 ? app->migrations : NULL;
    for (; step != NULL && step->name != NULL; step++) {
        if (step->number >= NST_STEP_FIRST)
            continue;
        good = false;
        nst_log_fault(nst_str_z(app->name),
                      nst_strf(a, "migration %u %s", step->number, step->name),
                      "numbers below 1000 are for the apps that are used",
                      "number the program's own from 1000");
    }
    return good;
}

/* ---- The command line ---- */

static void put_usage(FILE *out, const struct nst_app *app, const struct whole *w)
{
    fprintf(out, "usage: %s DATABASE [--listen ADDRESS:PORT]\n", app->name);
    for (size_t i = 0; i < w->commands; i++)
        fprintf(out, "       %s DATABASE %s\n", app->name, w->command[i]->usage);
}

static void put_help(const struct nst_app *app, const struct whole *w)
{
    put_usage(stdout, app, w);
    printf(
        "\nServes on %s, or where --listen says, until SIGTERM or SIGINT (twice: without waiting\n"
        "for requests in flight). DATABASE is a file for SQLite or an address postgresql://...;\n"
        "it is made or brought up to date. The log goes to standard error.\n",
        LISTEN_DEFAULT);
    for (size_t i = 0; i < w->commands; i++)
        printf("\n  %s\n      %s\n", w->command[i]->usage, w->command[i]->doc);
}

static int misuse(const struct nst_app *app, const struct whole *w)
{
    put_usage(stderr, app, w);
    return MISUSED;
}

static const struct nst_command *find_command(const struct whole *w, const char *name)
{
    for (size_t i = 0; i < w->commands; i++)
        if (strcmp(w->command[i]->name, name) == 0)
            return w->command[i];
    return NULL;
}

/* ---- Serving ---- */

static int serve(const struct nst_server_options *o, const sigset_t *signals)
{
    struct nst_server *server;
    int signal = 0;
    if (nst_server_start(&server, o) != NST_OK)
        return FAILED;
    nst_log(NST_LOG_INFO, "listening", NST_LOG_STR("address", nst_server_address(server)),
            NST_LOG_INT("port", nst_server_port(server)));
    sigwait(signals, &signal);
    nst_log(NST_LOG_INFO, "stopping", NST_LOG_INT("signal", signal));
    nst_server_end(server, signals);
    return DONE;
}

static int open_store(struct nst_store **store, const char *database, const struct whole *w)
{
    const struct nst_store_options options = { .url = nst_str_z(database) };
    if (nst_store_open(store, &options) != NST_OK)
        return FAILED;
    if (nst_migrate(NULL, *store, w->step, w->steps) == NST_OK)
        return DONE;
    nst_store_close(*store);
    return FAILED;
}

static int run_serve(const struct nst_app *app, const struct whole *w, const char *database,
                     const char *listen)
{
    struct nst_server_options o = { .http.listen = nst_str_z(listen),
                                    .cors_origins = nst_str_z(app->cors_origins) };
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    /* Before any thread starts, so that they arrive in sigwait. */
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    if (nst_registry_new(&o.registry, w->arena, w->resource, w->face) != NST_OK ||
        open_store(&o.store, database, w) != DONE)
        return FAILED;
    nst_registry_describe(o.registry, app->title != NULL ? app->title : app->name, app->version);
    int status = serve(&o, &signals);
    nst_store_close(o.store);
    return status;
}

static int run_command(const struct nst_command *command, const struct whole *w, int argc,
                       char **argv)
{
    struct nst_store *store;
    if (open_store(&store, argv[1], w) != DONE)
        return FAILED;
    int status = command->run(store, argc - 2, argv + 2);
    nst_store_close(store);
    return status;
}

static int run(int argc, char **argv, const struct nst_app *app, const struct whole *w)
{
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        put_help(app, w);
        return DONE;
    }
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        printf("%s %s\n", app->name, app->version != NULL ? app->version : "");
        return DONE;
    }
    if (argc < 2 || argv[1][0] == '-')
        return misuse(app, w);
    if (argc == 2)
        return run_serve(app, w, argv[1], LISTEN_DEFAULT);
    if (argc == 4 && strcmp(argv[2], "--listen") == 0)
        return run_serve(app, w, argv[1], argv[3]);
    const struct nst_command *command = find_command(w, argv[2]);
    int status = command != NULL ? run_command(command, w, argc, argv) : MISUSED;
    return status == MISUSED ? misuse(app, w) : status;
}

int nst_main(int argc, char **argv, const struct nst_app *app)
{
    struct nst_arena *arena = nst_arena_new(65536);
    struct whole w = { .arena = arena };
    int status = FAILED;
    add_app(&w, app);
    add_steps(&w, nst_numbers_step);
    if (has_all_that_it_needs(app) && has_numbers_of_its_own(app, arena) && sodium_init() >= 0)
        status = run(argc, argv, app, &w);
    nst_arena_free(arena);
    return status;
}
