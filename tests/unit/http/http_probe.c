/* A tiny application on the HTTP layer, for the black-box tests and for load
 * measurements. Settings come as name=value arguments; the port is printed on
 * standard output; end of file on standard input stops the server. */
#include "nestor/base/log.h"
#include "nestor/base/time.h"
#include "nestor/http.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* One worker thread that answers what was left for later, in the order given. */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct nst_exchange *waiting[4096];
    unsigned first, last;
    bool is_over;
    bool is_held; /* answers nothing until /release */
} worker = { .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };

static size_t body_limit = 1000;
static unsigned release_ms; /* what is held is let go so long after stopping began; 0: not */

static void answer(struct nst_exchange *x, unsigned status, struct nst_str type)
{
    x->status = status;
    x->content_type = type;
}

static void answer_text(struct nst_exchange *x, struct nst_str text)
{
    answer(x, 200, NST_STR("text/plain"));
    nst_put(&x->out, text);
}

static void *work(void *arg)
{
    (void)arg;
    pthread_mutex_lock(&worker.lock);
    while (true) {
        bool is_ready = worker.first != worker.last && !worker.is_held;
        if (!is_ready && worker.is_over)
            break;
        if (!is_ready) {
            pthread_cond_wait(&worker.changed, &worker.lock);
            continue;
        }
        struct nst_exchange *x = worker.waiting[worker.first++ % 4096];
        pthread_mutex_unlock(&worker.lock);
        answer_text(x, NST_STR("later"));
        nst_http_resume(x);
        pthread_mutex_lock(&worker.lock);
    }
    pthread_mutex_unlock(&worker.lock);
    return NULL;
}

static enum nst_http_next leave_for_later(struct nst_exchange *x)
{
    pthread_mutex_lock(&worker.lock);
    worker.waiting[worker.last++ % 4096] = x;
    pthread_cond_signal(&worker.changed);
    pthread_mutex_unlock(&worker.lock);
    return NST_HTTP_LATER;
}

static void hold(bool is_held)
{
    pthread_mutex_lock(&worker.lock);
    worker.is_held = is_held;
    pthread_cond_signal(&worker.changed);
    pthread_mutex_unlock(&worker.lock);
}

static void answer_waiting(struct nst_exchange *x)
{
    pthread_mutex_lock(&worker.lock);
    unsigned count = worker.last - worker.first;
    pthread_mutex_unlock(&worker.lock);
    answer(x, 200, NST_STR("text/plain"));
    nst_put_int(&x->out, count);
}

/* As many bytes of JSON as the query says. */
static void answer_json(struct nst_exchange *x)
{
    int64_t n = 0;
    (void)nst_str_int(&n, x->query);
    answer(x, 200, NST_STR("application/json"));
    nst_http_add_header(x, "ETag", NST_STR("\"tag\""));
    nst_put_char(&x->out, '"');
    for (int64_t i = 2; i < n; i++)
        nst_put_char(&x->out, (char)('a' + i % 7));
    nst_put_char(&x->out, '"');
}

/* What the layer understood of the request. */
static void answer_seen(struct nst_exchange *x)
{
    answer(x, 200, NST_STR("text/plain"));
    nst_putf(&x->out, "%.*s|%.*s|%s%.*s|%.*s|%.*s|%.*s|%zu", NST_FMT(x->method), NST_FMT(x->path),
             x->query.p != NULL ? "?" : "", NST_FMT(x->query), NST_FMT(x->host), NST_FMT(x->peer),
             NST_FMT(nst_http_request_header(x, "x-one")), x->body.n);
    nst_http_add_header(x, "X-Odd", NST_STR("a\r\nX-Injected: b"));
    x->user = NST_STR("somebody");
}

static enum nst_http_next handle(struct nst_exchange *x)
{
    if (nst_str_eq(x->path, NST_STR("/later")))
        return leave_for_later(x);
    if (nst_str_eq(x->path, NST_STR("/")))
        answer_text(x, NST_STR("hello"));
    else if (nst_str_eq(x->path, NST_STR("/echo")))
        answer_text(x, x->body);
    else if (nst_str_eq(x->path, NST_STR("/json")))
        answer_json(x);
    else if (nst_str_eq(x->path, NST_STR("/waiting")))
        answer_waiting(x);
    else if (nst_str_eq(x->path, NST_STR("/nothing")))
        answer(x, 204, (struct nst_str){ 0 });
    else if (nst_str_starts(x->path, NST_STR("/seen")))
        answer_seen(x);
    else
        answer(x, 404, (struct nst_str){ 0 });
    if (nst_str_eq(x->path, NST_STR("/waiting")) && x->query.p != NULL)
        hold(nst_str_eq(x->query, NST_STR("hold")));
    return NST_HTTP_ANSWERED;
}

static size_t limit_of(struct nst_exchange *x)
{
    (void)x;
    return body_limit;
}

static void fail(struct nst_exchange *x, enum nst_err err, const char *detail)
{
    answer(x, nst_err_status(err), NST_STR("text/plain"));
    nst_putf(&x->out, "%s: %s", nst_err_key(err), detail != NULL ? detail : "");
}

static bool set_number(struct nst_http_options *o, struct nst_str name, int64_t n)
{
    const struct {
        struct nst_str name;
        unsigned *number;
        size_t *size;
    } setting[] = {
        { NST_STR("loops"), &o->loops, NULL },
        { NST_STR("connections"), &o->connections, NULL },
        { NST_STR("per_address"), &o->per_address, NULL },
        { NST_STR("header_fields"), &o->header_fields, NULL },
        { NST_STR("idle"), &o->idle_seconds, NULL },
        { NST_STR("request"), &o->request_seconds, NULL },
        { NST_STR("drain"), &o->drain_seconds, NULL },
        { NST_STR("release_ms"), &release_ms, NULL },
        { NST_STR("header_bytes"), NULL, &o->header_bytes },
        { NST_STR("target_bytes"), NULL, &o->target_bytes },
        { NST_STR("gzip_from"), NULL, &o->gzip_from },
        { NST_STR("body"), NULL, &body_limit },
    };
    for (size_t i = 0; i < sizeof(setting) / sizeof(setting[0]); i++) {
        if (!nst_str_eq(name, setting[i].name))
            continue;
        if (setting[i].number != NULL)
            *setting[i].number = (unsigned)n;
        else
            *setting[i].size = (size_t)n;
        return true;
    }
    return false;
}

static bool set_option(struct nst_http_options *o, const char *text)
{
    struct nst_str rest = nst_str_z(text);
    struct nst_str name = nst_str_cut(&rest, '=');
    int64_t n;
    if (nst_str_eq(name, NST_STR("listen"))) {
        o->listen = rest;
        return rest.p != NULL;
    }
    if (rest.p == NULL || !nst_str_int(&n, rest))
        return false;
    if (nst_str_eq(name, NST_STR("log"))) {
        o->access_log = n != 0;
        return true;
    }
    return set_number(o, name, n);
}

static void *release_late(void *arg)
{
    (void)arg;
    usleep(release_ms * 1000);
    hold(false);
    return NULL;
}

static void stop_all(struct nst_http *h, pthread_t thread)
{
    pthread_t releaser;
    bool is_late = release_ms > 0;
    if (is_late && pthread_create(&releaser, NULL, release_late, NULL) != 0)
        abort();
    nst_http_stop(h);
    if (is_late)
        pthread_join(releaser, NULL);
    pthread_mutex_lock(&worker.lock);
    worker.is_over = true;
    pthread_cond_signal(&worker.changed);
    pthread_mutex_unlock(&worker.lock);
    pthread_join(thread, NULL);
}

int main(int argc, char **argv)
{
    struct nst_http_options o = { .listen = NST_STR("127.0.0.1:0"), .loops = 1 };
    const struct nst_http_app app = { .body_limit = limit_of, .handle = handle, .error = fail };
    for (int i = 1; i < argc; i++) {
        if (!set_option(&o, argv[i])) {
            fprintf(stderr, "http_probe: unknown setting %s\n", argv[i]);
            return 2;
        }
    }
    pthread_t thread;
    struct nst_http *h;
    enum nst_err err = nst_http_start(&h, &o, &app);
    if (err != NST_OK) {
        printf("%s\n", nst_err_key(err));
        return 1;
    }
    if (pthread_create(&thread, NULL, work, NULL) != 0)
        abort();
    printf("%u\n", nst_http_port(h));
    fflush(stdout);
    char byte;
    while (read(STDIN_FILENO, &byte, 1) > 0)
        continue;
    stop_all(h, thread);
    return 0;
}
