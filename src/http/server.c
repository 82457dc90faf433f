/* The server: its options, and the life of its loops. */
#include "internal.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "nestor/base/log.h"
#include "nestor/base/time.h"

#define LOOPS_MAX            256
#define FILES_LEAST          32               /* without which nothing can be served */
#define FILES_LOOP           8                /* the same, of each loop */
#define FILES_EXTRA          256              /* for the store, the log and the loops */
#define LINGER               (2 * NST_SECOND) /* for a client to see that we have closed */
#define OR(value, otherwise) ((value) != 0 ? (value) : (otherwise))

static struct nst_http_options with_defaults(struct nst_http_options o)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    o.loops = OR(o.loops, processors < 1 ? 1 : (unsigned)processors);
    o.loops = o.loops > LOOPS_MAX ? LOOPS_MAX : o.loops;
    o.connections = OR(o.connections, 10000);
    o.header_bytes = OR(o.header_bytes, NST_HTTP_HEADER_BYTES);
    o.header_fields = OR(o.header_fields, NST_HTTP_HEADER_FIELDS);
    o.target_bytes = OR(o.target_bytes, NST_HTTP_TARGET_BYTES);
    o.idle_seconds = OR(o.idle_seconds, 60);
    o.request_seconds = OR(o.request_seconds, 30);
    o.drain_seconds = OR(o.drain_seconds, 10);
    o.gzip_from = OR(o.gzip_from, 1024);
    return o;
}

/* A connection is a file, and there must be some left for the rest of the program. The
 * usual soft limit of 1024 is for programs that use select. */
static void fit_to_files(struct nst_http_options *o)
{
    struct rlimit limit;
    rlim_t wanted = (rlim_t)o->connections + FILES_EXTRA;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted)
        return;
    limit.rlim_cur = wanted < limit.rlim_max ? wanted : limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
        (void)getrlimit(RLIMIT_NOFILE, &limit);
    rlim_t extra = limit.rlim_cur / 2 < FILES_EXTRA ? limit.rlim_cur / 2 : FILES_EXTRA;
    if (limit.rlim_cur - extra >= o->connections)
        return;
    o->connections = (unsigned)(limit.rlim_cur - extra);
    nst_log(NST_LOG_WARN, "fewer connections than wanted: raise the limit of open files",
            NST_LOG_INT("connections", o->connections),
            NST_LOG_INT("files", (int64_t)limit.rlim_cur));
}

/* With fewer it would start, and abort when it first needs another. */
static bool has_files(const struct nst_http *h)
{
    struct rlimit limit;
    rlim_t least = FILES_LEAST + (rlim_t)h->options.loops * FILES_LOOP;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= least)
        return true;
    nst_log(NST_LOG_ERROR, "too few files may be open: raise the limit",
            NST_LOG_INT("files", (int64_t)limit.rlim_cur), NST_LOG_INT("least", (int64_t)least));
    return false;
}

static struct nst_http *server_new(const struct nst_http_options *o, const struct nst_http_app *app)
{
    struct nst_http_options options = with_defaults(*o);
    struct nst_http *h = calloc(1, sizeof(*h) + options.loops * sizeof(h->loop[0]));
    if (h == NULL)
        abort();
    fit_to_files(&options);
    h->options = options;
    h->limits = (struct nst_http_limits){ options.header_bytes, options.target_bytes,
                                          options.header_fields };
    h->app = app;
    atomic_init(&h->logs_access, options.access_log);
    h->trust = nst_http_trust_new(options.proxies);
    h->patience[CONN_WAITING] = h->patience[CONN_SENDING] = options.idle_seconds * NST_SECOND;
    h->patience[CONN_HEAD] = h->patience[CONN_BODY] = options.request_seconds * NST_SECOND;
    h->patience[CONN_CLOSING] = LINGER;
    pthread_mutex_init(&h->peers_lock, NULL);
    for (unsigned i = 0; i < options.loops; i++)
        h->loop[i].poll = h->loop[i].wake = -1;
    return h;
}

static enum nst_err start_loops(struct nst_http *h)
{
    for (unsigned i = 0; i < h->options.loops; i++)
        NST_TRY(nst_http_loop_init(&h->loop[i], h));
    for (; h->started < h->options.loops; h->started++)
        NST_TRY(nst_http_loop_start(&h->loop[h->started]));
    return NST_OK;
}

enum nst_err nst_http_start(struct nst_http **out, const struct nst_http_options *o,
                            const struct nst_http_app *app)
{
    const char *fault = nst_http_proxies_fault(o->proxies);
    if (fault != NULL) {
        nst_log(NST_LOG_ERROR, "wrong proxies", NST_LOG_STR("proxies", o->proxies),
                NST_LOG_STR("reason", nst_str_z(fault)));
        return NST_E_INVALID;
    }
    signal(SIGPIPE, SIG_IGN);
    struct nst_http *h = server_new(o, app);
    enum nst_err err = has_files(h) ? nst_http_listen(h) : NST_E_INVALID;
    if (err == NST_OK)
        err = start_loops(h);
    if (err != NST_OK)
        nst_http_stop(h);
    else
        *out = h;
    return err;
}

const struct nst_buckets nst_http_round_buckets = {
    13, { 50, 100, 250, 500, 1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 1000000 }
};

static void add_tally(struct nst_http_counts *out, const struct http_tally *t)
{
    /* What ends is read first: there is never more of it than of what began. */
    out->closed += nst_counted(&t->closed);
    out->ended += nst_counted(&t->ended);
    out->accepted += nst_counted(&t->accepted);
    out->turned_away += nst_counted(&t->turned_away);
    out->begun += nst_counted(&t->begun);
    out->cut += nst_counted(&t->cut);
    out->bytes_in += nst_counted(&t->bytes_in);
    out->bytes_out += nst_counted(&t->bytes_out);
    for (unsigned e = 0; e < NST_ERR_COUNT; e++)
        out->refused[e] += nst_counted(&t->refused[e]);
    nst_histogram_add(&out->round, &t->round);
}

void nst_http_count(struct nst_http_counts *out, const struct nst_http *h)
{
    *out = (struct nst_http_counts){ 0 };
    for (unsigned i = 0; i < h->options.loops; i++)
        add_tally(out, &h->loop[i].tally);
}

void nst_http_set_access_log(struct nst_http *h, bool is_on)
{
    atomic_store(&h->logs_access, is_on);
}

unsigned nst_http_port(const struct nst_http *h)
{
    return h->port;
}

struct nst_str nst_http_address(const struct nst_http *h)
{
    return h->options.listen;
}

bool nst_http_pulse(struct nst_http *h)
{
    unsigned asked = atomic_load(&h->pulse);
    bool is_alive = true;
    for (unsigned i = 0; i < h->started; i++)
        is_alive &= atomic_load(&h->loop[i].pulse) == asked;
    atomic_store(&h->pulse, asked + 1);
    for (unsigned i = 0; i < h->started; i++)
        nst_http_loop_wake(&h->loop[i]);
    return is_alive;
}

void nst_http_drain(struct nst_http *h)
{
    if (atomic_exchange(&h->is_stopping, true))
        return; /* the socket's file may be that of another server by now */
    nst_http_unlisten(h);
    for (unsigned i = 0; i < h->started; i++)
        nst_http_loop_wake(&h->loop[i]);
    while (h->started > 0)
        pthread_join(h->loop[--h->started].thread, NULL);
}

void nst_http_hurry(struct nst_http *h)
{
    atomic_store(&h->is_hurried, true);
    for (unsigned i = 0; i < h->options.loops; i++)
        nst_http_loop_wake(&h->loop[i]);
}

void nst_http_stop(struct nst_http *h)
{
    nst_http_drain(h);
    for (unsigned i = 0; i < h->options.loops; i++) {
        while (atomic_load(&h->loop[i].resuming) > 0)
            sched_yield();
        nst_http_loop_release(&h->loop[i]);
    }
    pthread_mutex_destroy(&h->peers_lock);
    free(h->trust);
    free(h);
}
