/* nestor subscribe: a read-only copy of a source of another Nestor, or of all sources of an owner,
 * kept current. The verb adds it and sees its first round through, by the server that runs on this
 * installation or by workers of its own, which leave at the end. */
#include "subscribe.h"

#include "nestor/accounts.h"
#include "nestor/base/log.h"
#include "stop.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOOK_TIME  100000            /* microseconds */
#define TOKEN_TIME (60 * NST_SECOND) /* in which the token is kept, before a round may want it */
#define NO_COPY    "there is no copy of that address: --list shows those that there are"

int cli_subscribe_fail(const struct cli_subscribing *g, enum nst_err e)
{
    if (g->problem.p != NULL)
        return cli_fail(&cli_subscribe, "%.*s", NST_FMT(g->problem));
    return cli_fail(&cli_subscribe, "%s", nst_err_message(e));
}

/* ---- Adding it ---- */

static enum nst_err refuse(struct cli_subscribing *g, struct nst_str problem)
{
    g->problem = problem;
    return NST_E_INVALID;
}

enum nst_err cli_subscribe_call(struct nst_req *rq, struct cli_subscribing *g, struct nst_db *db,
                                enum nst_method method, struct nst_str path)
{
    struct nst_json *body = rq->body;
    *rq = (struct nst_req){ .arena = g->o->arena,
                            .x = NST_NEW(g->o->arena, struct nst_exchange),
                            .registry = g->site->registry,
                            .db = db,
                            .caller = g->caller };
    rq->x->arena = rq->arena;
    return nst_call(rq, V2, method, path, body);
}

/* An organisation is made where there is none: nothing of it but its name is known. */
static enum nst_err have_owner(struct cli_subscribing *g, struct nst_db *db)
{
    struct nst_req rq = { 0 };
    struct nst_str url = g->given.owner_url, rest = url;
    enum nst_err e = cli_subscribe_call(&rq, g, db, NST_GET, url);
    if (e != NST_E_NOT_FOUND)
        return e;
    if (nst_str_starts(url, NST_STR("/users/")))
        return refuse(g, nst_strf(g->o->arena,
                                  "there is no user %.*s here: --as OWNER says who is to have the "
                                  "copy",
                                  NST_FMT(url)));
    nst_str_cut(&rest, '/');
    nst_str_cut(&rest, '/');
    struct nst_json id = { .kind = NST_JSON_STRING,
                           .text = nst_str_cut(&rest, '/'),
                           .name = NST_STR("id") };
    struct nst_json name = id, body = { .kind = NST_JSON_OBJECT, .first = &id, .count = 2 };
    name.name = NST_STR("name");
    id.next = &name;
    rq.body = &body;
    e = cli_subscribe_call(&rq, g, db, NST_POST, NST_STR("/orgs/"));
    struct nst_str said = nst_buf_str(&rq.x->out);
    return e == NST_OK || nst_err_status(e) >= 500
               ? e
               : refuse(g, nst_strf(g->o->arena, "%.*s cannot be made: %.*s", NST_FMT(url),
                                    NST_FMT(said)));
}

/* What has its address here. */
static enum nst_err refuse_taken(struct cli_subscribing *g, struct nst_db *db)
{
    struct nst_str url = ocl_subscription_url(g->o->arena, &g->given);
    struct ocl_subscription s;
    NST_TRY(ocl_subscription_at(&s, g->o->arena, db, url));
    if (s.id != 0)
        return refuse(g, nst_strf(g->o->arena,
                                  "%.*s is the copy of %.*s: --moved says that this is its address "
                                  "now",
                                  NST_FMT(url), NST_FMT(s.remote)));
    return refuse(g, nst_strf(g->o->arena,
                              "%.*s is here already, and no copy: --as OWNER gives the copy to "
                              "somebody else",
                              NST_FMT(url)));
}

/* What copies there are is for administrators; rounds are not. */
static enum nst_err record(struct cli_subscribing *g, struct nst_db *db, const char *act)
{
    struct nst_req rq = { .arena = g->o->arena, .db = db };
    return nst_audit(&rq, &(struct nst_act){
                              .name = act,
                              .on = ocl_subscription_url(rq.arena, &g->s),
                              .after = nst_audit_member(rq.arena, "remote", g->s.remote) });
}

static enum nst_err add(struct cli_subscribing *g, struct nst_db *db)
{
    NST_TRY(have_owner(g, db));
    g->s = g->given;
    g->s.user = g->caller.id;
    g->s.host = nst_worker_host();
    enum nst_err e = ocl_subscription_add(&g->s, g->o->arena, db, nst_now() + TOKEN_TIME);
    if (e == NST_E_CONFLICT)
        return refuse_taken(g, db);
    NST_TRY(e);
    return record(g, db, "subscription.add");
}

static enum nst_err find(struct cli_subscribing *g, struct nst_db *db)
{
    struct nst_str owner = g->o->as != NULL ? g->given.owner_url : (struct nst_str){ 0 };
    return ocl_subscription_find(&g->s, g->o->arena, db, g->given.remote, owner);
}

/* Who has its token can say that it is kept here from now on. */
static enum nst_err take_over(struct cli_subscribing *g, struct nst_db *db)
{
    if (nst_str_eq(g->s.host, nst_worker_host()))
        return NST_OK;
    if (g->o->token_file == NULL)
        return refuse(g, NST_STR("another server of this database keeps it, or did: --token-file "
                                 "with its token has it kept here"));
    return ocl_subscription_take_over(db, g->s.id);
}

static enum nst_err keep_to_owner(struct cli_subscribing *g)
{
    return g->s.parent != 0 && (g->o->token_file != NULL || g->o->every != NULL || g->o->moved)
               ? refuse(g, NST_STR("it is one of all sources of an owner: give its token, interval "
                                   "and address with the address of the owner"))
               : NST_OK;
}

/* The copy that has its address here follows it from now on. */
static enum nst_err move(struct cli_subscribing *g, struct nst_db *db)
{
    struct nst_str url = ocl_subscription_url(g->o->arena, &g->given);
    NST_TRY(ocl_subscription_at(&g->s, g->o->arena, db, url));
    if (g->s.id == 0)
        return refuse(g, nst_strf(g->o->arena, "there is no copy at %.*s that could have moved",
                                  NST_FMT(url)));
    NST_TRY(keep_to_owner(g));
    NST_TRY(ocl_subscription_move(db, g->s.id, g->given.remote));
    g->s.remote = g->given.remote;
    return record(g, db, "subscription.move");
}

static enum nst_err add_or_find(struct nst_db *db, void *arg)
{
    struct cli_subscribing *g = arg;
    g->problem = (struct nst_str){ 0 };
    NST_TRY(find(g, db));
    if (g->s.id == 0 && g->o->once)
        return refuse(g, NST_STR(NO_COPY));
    if (g->s.id == 0 && g->o->moved)
        NST_TRY(move(g, db));
    if (g->s.id == 0)
        return add(g, db);
    NST_TRY(keep_to_owner(g));
    NST_TRY(take_over(g, db));
    return g->o->every != NULL ? ocl_subscription_set_every(db, g->s.id, g->given.every) : NST_OK;
}

static int keep_token(struct cli_subscribing *g)
{
    if (g->o->token_file == NULL)
        return EXIT_DONE;
    return ocl_copy_token_keep(g->o->arena, nst_worker_folder(), g->s.id, g->token)
               ? EXIT_DONE
               : cli_fail(&cli_subscribe, "the token cannot be kept: %s", strerror(errno));
}

/* ---- Seeing its round through ---- */

/* All of them, or the one that the words name and those below it. */
static bool is_meant(const struct cli_subscribing *g, const struct ocl_subscription *s)
{
    return g->s.id == 0 || s->id == g->s.id || s->parent == g->s.id;
}

static enum nst_err order(struct nst_db *db, void *arg)
{
    struct cli_subscribing *g = arg;
    struct ocl_subscription s = { 0 };
    g->ours = g->others = 0;
    do {
        NST_TRY(ocl_subscription_next(&s, g->o->arena, db, s.id));
        bool is_ours = nst_str_eq(s.host, nst_worker_host());
        if (s.id == 0 || !is_meant(g, &s))
            continue;
        g->ours += is_ours;
        g->others += !is_ours;
        if (is_ours)
            NST_TRY(ocl_subscription_order(g->o->arena, db, &s, nst_now()));
    } while (s.id != 0);
    return NST_OK;
}

static enum nst_err look(struct nst_db *db, void *arg)
{
    struct cli_subscribing *g = arg;
    struct nst_arena *a = nst_arena_new(1024); /* rounds may last for hours */
    struct nst_str message;
    enum nst_err e = ocl_subscription_goes_on(&g->is_busy, &message, a, db, g->s.id);
    snprintf(g->shown, sizeof(g->shown), "%.*s", NST_FMT(message));
    nst_arena_free(a);
    return e;
}

static void show(struct cli_subscribing *g, char *before)
{
    if (g->o->quiet || isatty(STDERR_FILENO) == 0 || strcmp(before, g->shown) == 0)
        return;
    fprintf(stderr, "\r\033[K%s", g->shown);
    memcpy(before, g->shown, sizeof(g->shown));
}

static int wait_for_round(struct cli_subscribing *g)
{
    char before[sizeof(g->shown)] = "";
    enum nst_err e = NST_OK;
    do {
        e = nst_store_run(g->site->store, NST_MODE_READ, look, g);
        show(g, before);
        if (e == NST_OK && g->is_busy)
            usleep(LOOK_TIME);
    } while (e == NST_OK && g->is_busy && !cli_is_stopped());
    if (before[0] != '\0')
        fputs("\r\033[K", stderr);
    if (e != NST_OK)
        return cli_subscribe_fail(g, e);
    return g->is_busy ? cli_fail(&cli_subscribe, "stopped: a server goes on with it, or the same "
                                                 "command")
                      : EXIT_DONE;
}

/* What came of it: a line each, the failures to standard error. */
static enum nst_err next_result(struct nst_db *db, void *arg)
{
    struct cli_subscribing *g = arg;
    struct ocl_subscription one = { .id = g->behind };
    do
        NST_TRY(ocl_subscription_next(&one, g->o->arena, db, one.id));
    while (one.id != 0 && !is_meant(g, &one));
    g->given = one;
    g->behind = one.id;
    return NST_OK;
}

/* A line: to standard error what is not as it should be. Of an owner's sources one without a
 * release is no failure, nor is one that is somebody else's here. */
static bool print_result(struct cli_subscribing *g, const struct ocl_subscription *s)
{
    struct nst_str url = ocl_subscription_url(g->o->arena, s);
    bool is_waiting = s->parent != 0 && nst_str_eq(s->state, NST_STR(OCL_SUB_WAITING));
    bool is_well = nst_str_eq(s->state, NST_STR(OCL_SUB_CURRENT));
    if (s->problem.p != NULL)
        cli_fail(&cli_subscribe, "%.*s: %.*s", NST_FMT(s->remote), NST_FMT(s->problem));
    else if (!is_well)
        cli_fail(&cli_subscribe, "%.*s: it is not all here yet: nestor subscribe --once goes on",
                 NST_FMT(s->remote));
    if (is_well && s->source.p != NULL)
        printf("%.*s %.*s\n", NST_FMT(url), NST_FMT(s->held_version));
    return is_well || is_waiting;
}

static int print_results(struct cli_subscribing *g)
{
    int status = EXIT_DONE;
    size_t count = 0;
    g->behind = 0;
    do {
        enum nst_err e = nst_store_run(g->site->store, NST_MODE_READ, next_result, g);
        const struct ocl_subscription *s = &g->given;
        if (e != NST_OK)
            return cli_subscribe_fail(g, e);
        if (s->id != 0 && !print_result(g, s))
            status = EXIT_FAILED;
        count += s->id != 0;
    } while (g->behind != 0);
    return g->s.id == 0 || count > 0
               ? status
               : cli_fail(&cli_subscribe, "it was ended meanwhile, by another command");
}

static int run_round(struct cli_subscribing *g)
{
    enum nst_err e = cli_run(g->site, order, g);
    if (e != NST_OK)
        return cli_subscribe_fail(g, e);
    if (g->others > 0 && g->s.id == 0)
        cli_fail(&cli_subscribe,
                 "%zu are kept by another server of this database, or were: the command with "
                 "--token-file and its address has one kept here",
                 g->others);
    else if (g->ours == 0)
        fputs("nestor subscribe: there are no subscriptions\n", stderr);
    nst_workers_wake();
    int status = wait_for_round(g);
    status = status == EXIT_DONE ? print_results(g) : status;
    return g->others > 0 ? EXIT_FAILED : status;
}

static int subscribe(struct cli_subscribing *g)
{
    if (g->o->rest_count == 0)
        return run_round(g);
    int status = cli_find_author(&g->caller, g->site, g->o, &cli_subscribe);
    if (status != EXIT_DONE)
        return status;
    enum nst_err e = cli_run(g->site, add_or_find, g);
    if (e != NST_OK)
        return cli_subscribe_fail(g, e);
    status = keep_token(g);
    return status == EXIT_DONE ? run_round(g) : status;
}

/* Beside those of a server that runs: whoever is first takes the task. */
static int with_workers(struct cli_subscribing *g)
{
    const struct nst_worker_options options = { .store = g->site->store,
                                                .registry = g->site->registry,
                                                .kinds = ocl_subscription_kinds,
                                                .folder = cli_task_folder(g->o),
                                                .slots = 1 };
    struct nst_workers *workers;
    nst_log_set_level(NST_LOG_ERROR); /* what came of it is printed */
    if (nst_workers_start(&workers, &options) != NST_OK)
        return cli_fail(&cli_subscribe, "cannot run tasks; the log line above says why");
    enum nst_err e = cli_run(g->site, ocl_subscriptions_settle, NULL);
    int status = e == NST_OK ? subscribe(g) : cli_subscribe_fail(g, e);
    nst_workers_stop(workers);
    return status;
}

/* ---- Ending it ---- */

static enum nst_err end(struct nst_db *db, void *arg)
{
    struct cli_subscribing *g = arg;
    NST_TRY(find(g, db));
    if (g->s.id == 0)
        return refuse(g, NST_STR(NO_COPY));
    if (g->s.parent != 0)
        return refuse(g, NST_STR("it is one of all sources of an owner: end that one"));
    NST_TRY(ocl_subscription_remove(g->o->arena, db, &g->s, g->o->erase));
    return record(g, db, "subscription.remove");
}

static int remove_it(struct cli_subscribing *g)
{
    enum nst_err e = cli_run(g->site, end, g);
    if (e != NST_OK)
        return cli_subscribe_fail(g, e);
    ocl_copies_sweep(cli_task_folder(g->o), g->site->store);
    struct nst_str url = ocl_subscription_url(g->o->arena, &g->s);
    bool was_here = g->s.held_version.p != NULL || g->s.source.p == NULL;
    printf("%.*s is %s\n", NST_FMT(url),
           !was_here     ? "no copy any more: nothing had come"
           : g->o->erase ? "gone"
                         : "no copy any more: it can be changed here");
    return EXIT_DONE;
}

/* ---- The verb ---- */

/* It goes into a header as it is. */
static bool is_token(struct nst_str text)
{
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] <= ' ' || text.p[i] > '~')
            return false;
    return true;
}

static int run(struct cli_subscribing *g)
{
    struct cli_options *o = g->o;
    struct cli_site site;
    const char *fault = cli_subscribe_fault(g);
    if (fault != NULL)
        return cli_misuse(&cli_subscribe, "%s", fault);
    int status = o->token_file != NULL ? cli_http_secret(&g->token, o, &cli_subscribe,
                                                         o->token_file, OCL_TOKEN_MAX - 1)
                                       : EXIT_DONE;
    if (status != EXIT_DONE)
        return status;
    if (!is_token(g->token))
        return cli_fail(&cli_subscribe, "%s holds no token", o->token_file);
    if (!cli_site_open(&site, o, &cli_subscribe, false))
        return EXIT_FAILED;
    g->site = &site;
    cli_stop_on_signals();
    status = o->list ? cli_subscribe_list(g) : o->remove ? remove_it(g) : with_workers(g);
    cli_site_close(&site);
    g->site = NULL;
    return status;
}

static int subscribe_run(int argc, char **argv)
{
    struct cli_options o;
    struct cli_subscribing g = { .o = &o };
    int status = cli_options_parse(&o, &cli_subscribe, argc, argv) ? run(&g) : o.status;
    nst_arena_free(o.arena);
    return status;
}

const struct cli_verb cli_subscribe = {
    .name = "subscribe",
    .usage = "subscribe [--data DIR] [--token-file FILE] [--as OWNER] [--every TIME] [--moved] "
             "[--user NAME] [--quiet] URL\n"
             "       nestor subscribe [--data DIR] --once [URL]\n"
             "       nestor subscribe [--data DIR] --list [--json]\n"
             "       nestor subscribe [--data DIR] --remove [--erase] URL",
    .summary = "keep a read-only copy of what another Nestor has",
    .help =
        "URL is the address of a source of another Nestor, or of an owner all of whose sources\n"
        "are copied. Its newest release is fetched now, and whenever there is another one: the\n"
        "server of this installation looks for it every 15 minutes, or as --every says. A "
        "download\n"
        "that is cut goes on where it was; readers see a release whole, or the one before it.\n"
        "The copy has the address that it has there, unless --as names another owner; what is\n"
        "missing of an organisation is made. Nobody writes to it until --remove makes it a source\n"
        "as any other, or, with --erase, takes it away. --moved says that what is copied has this\n"
        "address now.\n"
        "The remote wants a token of its own: it is kept in the folder of tasks, and sent to that\n"
        "host alone. Without a server, --once looks for new releases of those that there are. "
        "--user\n"
        "names the account that writes the copy (docs/subscribe.md).\n\n"
        "Examples:\n"
        "  nestor subscribe --token-file remote.token https://terms.example.org/orgs/WHO/sources/"
        "ICD/\n"
        "  nestor subscribe --token-file remote.token --every 1h https://terms.example.org/orgs/"
        "WHO/\n"
        "  nestor subscribe --data /var/lib/nestor --list\n"
        "  nestor subscribe --once\n"
        "  nestor subscribe --remove https://terms.example.org/orgs/WHO/sources/ICD/\n\n"
        "Exit codes: 0 current (of an owner's sources, those that have a release); 1 it could not "
        "be\n"
        "fetched, the copy stays as it was, and is asked for again; 2 wrong usage.\n",
    .words = 1,
    .run = subscribe_run,
};
