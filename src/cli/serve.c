/* nestor serve: opens an installation and answers until it is told to stop. */
#include "cli.h"

#include "nestor/accounts.h"
#include "nestor/base/log.h"
#include "nestor/base/notify.h"
#include "nestor/base/time.h"
#include "nestor/ending.h"
#include "nestor/maintenance.h"
#include "ocl/app.h"
#include "ocl/export/export.h"
#include "ocl/subscription/subscription.h"
#include "ocl/task/task.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

#define TURN             (NST_SECOND / 2) /* between looks whether maintenance was switched */
#define FAREWELL_SECONDS 60               /* of a stop: statements, tasks and the database */

static const struct nst_metric_source *const metric_sources[] = {
    &nst_task_metrics,
    &ocl_subscription_metrics,
    &nst_accounts_metrics,
    NULL,
};

static struct nst_server_options server_options(const struct cli_options *o,
                                                const struct cli_site *site)
{
    const struct cli_config *c = &o->config;
    int64_t gzip = cli_number(c, "http.gzip_from");
    return (struct nst_server_options){
        .http = { .listen = cli_text(c, "listen"),
                  .loops = (unsigned)cli_number(c, "http.loops"),
                  .connections = (unsigned)cli_number(c, "http.connections"),
                  .per_address = (unsigned)cli_number(c, "http.per_address"),
                  .proxies = cli_text(c, "http.trusted_proxies"),
                  .header_bytes = (size_t)cli_number(c, "http.header_bytes"),
                  .header_fields = (unsigned)cli_number(c, "http.header_fields"),
                  .target_bytes = (size_t)cli_number(c, "http.target_bytes"),
                  .idle_seconds = (unsigned)cli_number(c, "http.idle_seconds"),
                  .request_seconds = (unsigned)cli_number(c, "http.request_seconds"),
                  .drain_seconds = (unsigned)cli_number(c, "http.drain_seconds"),
                  .gzip_from = gzip > 0 ? (size_t)gzip : SIZE_MAX,
                  .access_log = cli_is_on(c, "log.access") },
        .root = nst_str_eq(cli_text(c, "ocl.root"), NST_STR("v2")) ? V2 : GUIDE,
        .body_bytes = (size_t)cli_number(c, "http.body_bytes"),
        .cors_origins = cli_text(c, "http.cors_origins"),
        .metrics_listen = cli_text(c, "metrics.listen"),
        .metrics = metric_sources,
        .history = cli_is_on(c, "metrics.samples") ? nst_strf(o->arena, "%s/" CLI_SAMPLES, o->data)
                                                   : (struct nst_str){ 0 },
        .store = site->store,
        .registry = site->registry,
    };
}

static enum nst_fetch fetch_of(struct nst_str word)
{
    return nst_str_eq(word, NST_STR("any"))      ? NST_FETCH_ANY
           : nst_str_eq(word, NST_STR("public")) ? NST_FETCH_PUBLIC
                                                 : NST_FETCH_NONE;
}

static struct nst_worker_options worker_options(const struct cli_options *o,
                                                const struct cli_site *site)
{
    const struct cli_config *c = &o->config;
    return (struct nst_worker_options){
        .store = site->store,
        .registry = site->registry,
        .kinds = ocl_task_kinds,
        .folder = cli_task_folder(o),
        .slots = (unsigned)cli_number(c, "tasks.slots"),
        .fetch = fetch_of(cli_text(c, "tasks.fetch")),
        .keep_days = cli_number(c, "tasks.keep_days"),
        .tend = ocl_subscriptions_tend,
        .kept = ocl_kept_files,
    };
}

static void read_keys_again(struct cli_options *o)
{
    const char *fault = cli_keys_read(o);
    if (fault == NULL)
        nst_log(NST_LOG_INFO, "keys read again", NST_LOG_INT("signal", SIGHUP));
    else
        nst_log(NST_LOG_ERROR, "keys not read again", NST_LOG_STR("why", nst_str_z(fault)));
}

/* Wait for a signal. Meanwhile the process sees whether maintenance was switched, and the service
 * manager hears that the loops live, at least four times in the time that it waits for that; of
 * a loop that hangs it hears nothing, and ends the process. */
static int next_signal(const sigset_t *signals, struct nst_server *server, struct cli_site *site)
{
    int64_t pause = nst_notify_watchdog() / 4, turn = pause > 0 && pause < TURN ? pause : TURN;
    const struct timespec wait = { .tv_nsec = turn * 1000 };
    for (;;) {
        int signal = sigtimedwait(signals, NULL, &wait);
        if (signal > 0)
            return signal;
        if (errno != EAGAIN)
            continue;
        nst_maintenance_look(site->store);
        if (pause > 0 && nst_server_pulse(server))
            nst_notify(NST_STR("WATCHDOG=1"));
    }
}

/* What differs from the start and is not taken over: somebody may count on it. */
static void warn_of_restart(const struct cli_config *before, const struct cli_config *now)
{
    for (size_t i = 0; i < cli_setting_count; i++)
        if (!cli_settings[i].is_live && !nst_str_eq(before->value[i].text, now->value[i].text))
            nst_log(NST_LOG_WARN, "a setting waits for a restart",
                    NST_LOG_STR("name", nst_str_z(cli_settings[i].name)));
}

static void take_over(const struct cli_config *now, const struct cli_config *before,
                      struct nst_server *server)
{
    cli_log_level(now, true);
    nst_server_set_access_log(server, cli_is_on(now, "log.access"));
    nst_log(NST_LOG_INFO, "settings read again",
            NST_LOG_STR("log.level", cli_text(now, "log.level")),
            NST_LOG_STR("log.access", cli_text(now, "log.access")));
    warn_of_restart(before, now);
}

static void read_settings_again(const struct cli_options *o, struct nst_server *server)
{
    struct nst_arena *a = nst_arena_new(65536);
    struct cli_config now;
    struct nst_str faults;
    if (cli_options_judge(&now, &faults, a, o))
        take_over(&now, &o->config, server);
    else
        nst_log(NST_LOG_ERROR, "settings not read again", NST_LOG_STR("why", faults));
    nst_arena_free(a);
}

/* Port 0 is the one that was found. */
static struct nst_str url_of(struct nst_arena *a, struct nst_str listen, unsigned port)
{
    struct nst_str url = cli_url_of(a, listen);
    return nst_str_ends(listen, NST_STR(":0"))
               ? nst_strf(a, "%.*s%u", NST_FMT(nst_str_slice(url, 0, url.n - 1)), port)
               : url;
}

static void reload(struct cli_options *o, struct nst_server *server)
{
    nst_notify(nst_strf(o->arena, "RELOADING=1\nMONOTONIC_USEC=%lld", (long long)nst_ticks()));
    read_settings_again(o, server);
    read_keys_again(o);
    nst_notify(NST_STR("READY=1"));
}

/* The addresses in the log, and who is throttled, are the proxy's then. */
static void warn_of_undeclared_proxy(const struct cli_config *c, struct nst_str listen)
{
    if (!cli_is_local(listen) && cli_text(c, "http.trusted_proxies").n == 0)
        nst_log(NST_LOG_WARN,
                "it listens beyond this machine and knows of no proxy: name it in "
                "http.trusted_proxies",
                NST_LOG_STR("listen", listen));
}

/* The service manager's patience has to be longer than ours; the unit does not know the setting. */
static void tell_stopping(const struct cli_options *o)
{
    int64_t most = (cli_number(&o->config, "http.drain_seconds") + FAREWELL_SECONDS) * NST_SECOND;
    nst_notify(nst_strf(o->arena,
                        "STOPPING=1\nSTATUS=Answering what is in flight\nEXTEND_TIMEOUT_USEC=%lld",
                        (long long)most));
}

static int serve_site(struct cli_options *o, struct cli_site *site, const sigset_t *signals)
{
    const struct nst_worker_options work = worker_options(o, site);
    struct nst_server_options options = server_options(o, site);
    struct nst_workers *workers;
    struct nst_server *server;
    int signal;
    options.spool = work.folder;
    if (nst_maintenance_open(site->store) != NST_OK)
        return cli_fail(&cli_serve, "cannot read the database; the log line above says why");
    curl_global_init(CURL_GLOBAL_DEFAULT); /* before tasks use it, on threads of their own */
    if (nst_workers_start(&workers, &work) != NST_OK)
        return cli_fail(&cli_serve, "cannot run tasks; the log line above says why");
    enum nst_err e = cli_run(site, ocl_subscriptions_settle, NULL);
    if (e == NST_OK)
        e = nst_server_start(&server, &options);
    if (e != NST_OK)
        nst_workers_stop(workers);
    if (e != NST_OK)
        return cli_fail(&cli_serve, "cannot serve; the log line above says why");
    struct nst_str address = nst_server_address(server);
    nst_log(NST_LOG_INFO, "listening", NST_LOG_STR("address", address),
            NST_LOG_INT("port", nst_server_port(server)),
            NST_LOG_STR("url", url_of(o->arena, address, nst_server_port(server))));
    nst_notify(NST_STR("READY=1\nSTATUS=Serving"));
    warn_of_undeclared_proxy(&o->config, address);
    cli_log_level(&o->config, true);
    while ((signal = next_signal(signals, server, site)) == SIGHUP)
        reload(o, server);
    tell_stopping(o);
    nst_log(NST_LOG_INFO, "stopping", NST_LOG_INT("signal", signal));
    nst_server_end(server, signals);
    nst_workers_stop(workers);
    return EXIT_DONE;
}

/* Held until the program ends: two servers on one file are slower, keep separate
 * counts of who guesses passwords, and are mostly a mistake. Taken before SQLite opens
 * the file, since closing it here would give up SQLite's own locks. */
static void warn_of_second(struct cli_options *o)
{
    struct nst_str path = cli_database(o);
    if (nst_dialect_of(path) == NST_POSTGRESQL)
        return;
    int fd = open(nst_str_to_z(o->arena, path), O_RDONLY | O_CLOEXEC);
    if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) == 0)
        return;
    nst_log(NST_LOG_WARN, "another server uses this database, too", NST_LOG_STR("file", path));
    close(fd);
}

static int open_replica(struct cli_options *o, struct cli_site *site)
{
    struct nst_str url = cli_text(&o->config, "db.replica");
    const char *fault = NULL;
    if (url.n == 0 || nst_replica_start(&fault, site->store, url) == NST_OK)
        return EXIT_DONE;
    if (fault == NULL)
        return cli_fail(&cli_serve, "the database cannot be used; the log line above says why");
    cli_fail(&cli_serve, "the setting db.replica %s", fault);
    return EXIT_USAGE;
}

static int serve_data(struct cli_options *o, const sigset_t *signals)
{
    struct cli_site site;
    warn_of_second(o);
    nst_notify(NST_STR("STATUS=Opening the database and bringing it to this program's version"));
    if (!cli_site_open(&site, o, &cli_serve, false))
        return EXIT_FAILED;
    if (site.applied > 0)
        nst_log(NST_LOG_INFO, "database upgraded", NST_LOG_INT("steps", site.applied),
                NST_LOG_INT("newest", cli_newest_step()));
    int status = open_replica(o, &site);
    if (status == EXIT_DONE)
        status = serve_site(o, &site, signals);
    cli_site_close(&site);
    return status;
}

static int serve_run(int argc, char **argv)
{
    struct cli_options o;
    sigset_t signals;
    /* One arena a core is enough, and keeps a small machine small. */
    mallopt(M_ARENA_MAX, 2);
    /* Blocked before any thread starts, so that only this one gets them. */
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    int status =
        cli_options_parse(&o, &cli_serve, argc, argv) ? serve_data(&o, &signals) : o.status;
    nst_arena_free(o.arena);
    return status;
}

const struct cli_verb cli_serve = {
    .name = "serve",
    .usage = "serve [--data DIR] [--listen ADDRESS:PORT] [--database URL] [--set NAME=VALUE]",
    .summary = "answer requests",
    .help = "Opens the installation in DIR (default: ./data) and serves it until SIGTERM or\n"
            "SIGINT; requests in flight are answered first, unless there is a second signal. The\n"
            "log goes to standard error.\n"
            "SIGHUP makes it read the keys of web tokens, and log.level and log.access, again.\n\n"
            "Examples:\n"
            "  nestor serve --data ./data\n"
            "  nestor serve --data ./data --listen 127.0.0.1:9000 --set ocl.root=v2\n"
            "  nestor serve --data ./data --listen unix:/run/nestor/http\n"
            "  nestor serve --data ./data --database postgresql:///nestor?host=/run/postgresql\n",
    .run = serve_run,
};
