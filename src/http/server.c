/* The server: its options, and the life of its loops. */
#include "internal.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "nestor/base/log.h"

#define LOOPS_MAX   256
#define FILES_EXTRA 256 /* for the store, the log and the loops */

static unsigned processors(void)
{
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n < 1 ? 1 : (unsigned)n;
}

static unsigned number_or(unsigned n, unsigned otherwise)
{
    return n != 0 ? n : otherwise;
}

static size_t size_or(size_t n, size_t otherwise)
{
    return n != 0 ? n : otherwise;
}

static struct nst_http_options with_defaults(struct nst_http_options o)
{
    o.loops = number_or(o.loops, processors());
    o.connections = number_or(o.connections, 10000);
    o.header_fields = number_or(o.header_fields, 100);
    o.idle_seconds = number_or(o.idle_seconds, 60);
    o.request_seconds = number_or(o.request_seconds, 30);
    o.drain_seconds = number_or(o.drain_seconds, 10);
    o.header_bytes = size_or(o.header_bytes, 16384);
    o.target_bytes = size_or(o.target_bytes, 8000);
    o.gzip_from = size_or(o.gzip_from, 1024);
    if (o.loops > LOOPS_MAX)
        o.loops = LOOPS_MAX;
    return o;
}

/* A connection is a file, and there must be some left for the rest of the program. The
 * usual soft limit of 1024 is for programs that use select. X12 */
static void fit_to_files(struct nst_http_options *o)
{
    struct rlimit limit;
    rlim_t wanted = (rlim_t)o->connections + FILES_EXTRA;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    if (limit.rlim_cur < wanted) {
        limit.rlim_cur = wanted < limit.rlim_max ? wanted : limit.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &limit) != 0 && getrlimit(RLIMIT_NOFILE, &limit) != 0)
            return;
    }
    if (limit.rlim_cur >= wanted)
        return;
    rlim_t extra = limit.rlim_cur / 2 < FILES_EXTRA ? limit.rlim_cur / 2 : FILES_EXTRA;
    o->connections = (unsigned)(limit.rlim_cur - extra);
    nst_log(NST_LOG_WARN, "fewer connections than wanted: raise the limit of open files",
            NST_LOG_INT("connections", o->connections),
            NST_LOG_INT("files", (int64_t)limit.rlim_cur));
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
    nst_http_peers_init(&h->peers);
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
    signal(SIGPIPE, SIG_IGN);
    struct nst_http *h = server_new(o, app);
    enum nst_err err = nst_http_listen(h);
    if (err == NST_OK)
        err = start_loops(h);
    if (err != NST_OK) {
        nst_http_stop(h);
        return err;
    }
    *out = h;
    return NST_OK;
}

unsigned nst_http_port(const struct nst_http *h)
{
    return h->port;
}

void nst_http_stop(struct nst_http *h)
{
    atomic_store(&h->is_stopping, true);
    nst_http_unlisten(h);
    for (unsigned i = 0; i < h->started; i++)
        nst_http_loop_wake(&h->loop[i]);
    for (unsigned i = 0; i < h->started; i++)
        pthread_join(h->loop[i].thread, NULL);
    for (unsigned i = 0; i < h->options.loops; i++)
        nst_http_loop_release(&h->loop[i]);
    nst_http_peers_release(&h->peers);
    free(h);
}
