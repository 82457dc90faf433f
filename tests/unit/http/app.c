/* The routes; see app.h. */
#include "app.h"

#include <assert.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>

#define WAITING_MAX 4096

size_t app_body_limit = 1000;
const char *app_file;
int64_t app_number_max = 100000000;

static struct {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct nst_exchange *waiting[WAITING_MAX];
    unsigned first, last;
    bool is_over;
    bool is_held;
} worker = { .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };

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

/* A number of the client's, from 1 to app_number_max. */
static int64_t number(struct nst_str s)
{
    int64_t n;
    if (s.p == NULL || !nst_str_int(&n, s) || n < 1)
        return 1;
    return n < app_number_max ? n : app_number_max;
}

/* ---- In pieces ---- */

struct stream {
    int64_t left, size; /* pieces; bytes of each */
    bool is_later, is_broken;
};

static void put_piece(struct nst_exchange *x, struct stream *s)
{
    for (int64_t i = 0; i < s->size; i++)
        nst_put_char(&x->out, (char)('a' + (s->left + i) % 26));
    if (--s->left > 0)
        return;
    x->is_broken = s->is_broken;
    x->more = NULL;
}

static enum nst_http_next leave_for_later(struct nst_exchange *x)
{
    pthread_mutex_lock(&worker.lock);
    assert(worker.last - worker.first < WAITING_MAX);
    worker.waiting[worker.last++ % WAITING_MAX] = x;
    pthread_cond_signal(&worker.changed);
    pthread_mutex_unlock(&worker.lock);
    return NST_HTTP_LATER;
}

static enum nst_http_next next_piece(struct nst_exchange *x)
{
    struct stream *s = x->app;
    if (s->is_later)
        return leave_for_later(x);
    put_piece(x, s);
    return NST_HTTP_ANSWERED;
}

/* `?3x100`: three pieces of 100 bytes. */
static enum nst_http_next answer_stream(struct nst_exchange *x, struct stream kind, int64_t counted)
{
    struct stream *s = nst_alloc(x->arena, sizeof(*s));
    *s = kind;
    s->left = s->size = 1;
    if (x->query.p != NULL) {
        struct nst_str size = x->query, pieces = nst_str_cut(&size, 'x');
        s->left = number(pieces);
        s->size = number(size);
    }
    answer(x, 200, NST_STR("text/plain"));
    x->app = s;
    x->more = next_piece;
    if (counted >= -1) /* by so many bytes wrong */
        x->length = (uint64_t)(s->left * s->size + counted);
    return next_piece(x);
}

/* ---- In another thread ---- */

static char admission; /* x->app while it is asked whether the body is to be read */

static bool is_refused(const struct nst_exchange *x)
{
    return nst_str_eq(x->path, NST_STR("/refuse"));
}

static void answer_refused(struct nst_exchange *x)
{
    answer(x, 403, NST_STR("text/plain"));
    nst_put_lit(&x->out, "refused");
}

static void decide(struct nst_exchange *x)
{
    x->app = NULL;
    if (is_refused(x))
        answer_refused(x);
}

static void answer_late(struct nst_exchange *x)
{
    if (x->app == &admission)
        decide(x);
    else if (x->app != NULL)
        put_piece(x, x->app);
    else
        answer_text(x, NST_STR("later"));
}

struct nst_exchange *app_work_once(void)
{
    struct nst_exchange *x = NULL;
    pthread_mutex_lock(&worker.lock);
    if (worker.first != worker.last)
        x = worker.waiting[worker.first++ % WAITING_MAX];
    pthread_mutex_unlock(&worker.lock);
    if (x != NULL)
        answer_late(x);
    return x;
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
        pthread_mutex_unlock(&worker.lock);
        struct nst_exchange *x = app_work_once();
        if (x != NULL)
            nst_http_resume(x);
        pthread_mutex_lock(&worker.lock);
    }
    pthread_mutex_unlock(&worker.lock);
    return NULL;
}

void app_work_start(void)
{
    worker.is_over = false;
    if (pthread_create(&worker.thread, NULL, work, NULL) != 0)
        abort();
}

void app_work_end(void)
{
    pthread_mutex_lock(&worker.lock);
    worker.is_over = true;
    pthread_cond_signal(&worker.changed);
    pthread_mutex_unlock(&worker.lock);
    pthread_join(worker.thread, NULL);
}

void app_hold(bool is_held)
{
    pthread_mutex_lock(&worker.lock);
    worker.is_held = is_held;
    pthread_cond_signal(&worker.changed);
    pthread_mutex_unlock(&worker.lock);
}

/* How many wait; `?hold` and `?release`. */
static void answer_waiting(struct nst_exchange *x)
{
    pthread_mutex_lock(&worker.lock);
    unsigned count = worker.last - worker.first;
    pthread_mutex_unlock(&worker.lock);
    answer(x, 200, NST_STR("text/plain"));
    nst_put_int(&x->out, count);
    if (x->query.p != NULL)
        app_hold(nst_str_eq(x->query, NST_STR("hold")));
}

/* Of how many that wait the client is gone. */
static void answer_gone(struct nst_exchange *x)
{
    int64_t count = 0;
    pthread_mutex_lock(&worker.lock);
    for (unsigned i = worker.first; i != worker.last; i++)
        count += nst_http_is_gone(worker.waiting[i % WAITING_MAX]);
    pthread_mutex_unlock(&worker.lock);
    answer(x, 200, NST_STR("text/plain"));
    nst_put_int(&x->out, count);
}

/* ---- Whole ---- */

/* As many bytes of JSON as the query says. */
static void answer_json(struct nst_exchange *x)
{
    struct nst_str known = nst_http_request_header(x, "If-None-Match");
    int64_t n = number(x->query);
    answer(x, 200, NST_STR("application/json"));
    nst_http_add_header(x, "ETag", NST_STR("\"tag\""));
    if (nst_str_eq(known, NST_STR("\"tag\"")) || nst_str_eq(known, NST_STR("\"tag-gzip\""))) {
        answer(x, 304, (struct nst_str){ 0 });
        return;
    }
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

/* A page that says itself what may be done with it. */
static void answer_page(struct nst_exchange *x)
{
    answer(x, 200, NST_STR("text/html"));
    nst_http_add_header(x, "x-frame-options", NST_STR("SAMEORIGIN"));
    nst_http_add_header(x, "Content-Security-Policy", NST_STR("default-src 'self'"));
}

static void answer_file(struct nst_exchange *x)
{
    struct stat st;
    int fd = app_file != NULL ? open(app_file, O_RDONLY | O_CLOEXEC) : -1;
    answer(x, fd < 0 ? 404 : 200, NST_STR("application/octet-stream"));
    if (fd < 0)
        return;
    if (fstat(fd, &st) != 0)
        abort();
    nst_http_add_header(x, "ETag", NST_STR("\"file\""));
    nst_http_add_header(x, "Last-Modified", NST_STR("Sat, 28 Nov 2026 00:00:00 GMT"));
    nst_http_answer_file(x, fd, (uint64_t)st.st_size);
}

/* ---- Choosing ---- */

#define CHUNKED (-2)

static const struct {
    const char *path;
    struct stream kind;
    int64_t counted;
} streams[] = {
    { "/stream", { 0 }, CHUNKED },
    { "/stream/later", { .is_later = true }, CHUNKED },
    { "/stream/broken", { .is_broken = true }, CHUNKED },
    { "/counted", { 0 }, 0 },
    { "/counted/later", { .is_later = true }, 0 },
    { "/counted/short", { 0 }, 1 },
    { "/counted/long", { 0 }, -1 },
};

static const struct {
    const char *path;
    void (*answer)(struct nst_exchange *x);
} wholes[] = {
    { "/json", answer_json },      { "/waiting", answer_waiting }, { "/seen", answer_seen },
    { "/page", answer_page },      { "/file", answer_file },       { "/gone", answer_gone },
    { "/refuse", answer_refused },
};

static enum nst_http_next handle(struct nst_exchange *x)
{
    if (nst_str_eq(x->path, NST_STR("/later")))
        return leave_for_later(x);
    for (size_t i = 0; i < NST_COUNT(streams); i++)
        if (nst_str_eq(x->path, nst_str_z(streams[i].path)))
            return answer_stream(x, streams[i].kind, streams[i].counted);
    for (size_t i = 0; i < NST_COUNT(wholes) && x->status == 0; i++)
        if (nst_str_eq(x->path, nst_str_z(wholes[i].path)))
            wholes[i].answer(x);
    if (x->status != 0)
        return NST_HTTP_ANSWERED;
    if (nst_str_eq(x->path, NST_STR("/")))
        answer_text(x, NST_STR("hello"));
    else if (nst_str_eq(x->path, NST_STR("/echo")) || nst_str_eq(x->path, NST_STR("/admit")))
        answer_text(x, x->body);
    else if (nst_str_eq(x->path, NST_STR("/nothing")))
        answer(x, 204, (struct nst_str){ 0 });
    else if (nst_str_starts(x->path, NST_STR("/seen/")))
        answer_seen(x);
    else
        answer(x, 404, (struct nst_str){ 0 });
    return NST_HTTP_ANSWERED;
}

static size_t limit_of(struct nst_exchange *x)
{
    (void)x;
    return app_body_limit;
}

static enum nst_http_next admit(struct nst_exchange *x)
{
    if (!is_refused(x) && !nst_str_eq(x->path, NST_STR("/admit")))
        return NST_HTTP_ANSWERED;
    x->app = &admission;
    return leave_for_later(x);
}

static void fail(struct nst_exchange *x, enum nst_err err, const char *detail)
{
    answer(x, nst_err_status(err), NST_STR("text/plain"));
    nst_putf(&x->out, "%s: %s", nst_err_key(err), detail != NULL ? detail : "");
}

const struct nst_http_app app = {
    .body_limit = limit_of, .admit = admit, .handle = handle, .error = fail
};
