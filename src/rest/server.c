/* The server: an exchange becomes a request of a face and runs where the store
 * wants it: reads inline on the loop (SQLite), everything else on the store's
 * threads. */
#include "meter.h"

#include "nestor/base/log.h"
#include "nestor/maintenance.h"

#include <assert.h>
#include <sodium.h>
#include <stdlib.h>

#define OPERATION_BODY_MAX 0

struct nst_server {
    struct nst_arena *arena;
    struct nst_server_options options;
    struct nst_http_app app;
    struct nst_http *http;
    struct nst_operations *operations;
    struct nst_cors *cors; /* NULL: only scripts of this origin see answers */
    struct nst_places *places;
    struct nst_traffic *traffic;
    struct nst_meter *meter;
    struct nst_http_app watch_app; /* of the listener of metrics */
    struct nst_http *watch;        /* NULL: there is none */
};

/* What a loop owns. */
struct loop {
    struct nst_loop_traffic *traffic; /* the server's */
    struct nst_server *server;
    struct nst_db *reader; /* NULL where reads do not run inline */
    struct nst_cache *cache;
};

/* A request on its way through the threads. */
struct job {
    struct nst_req rq; /* its face is NULL where no face answers */
    struct nst_server *server;
    const struct nst_operation *operation; /* NULL: a face's */
    struct nst_mark mark;                  /* of the arena, before the present stage */
    bool is_admitted;                      /* gathered and permitted before its body came */
};

/* ---- Which face ---- */

static bool has_mount(struct nst_str path, const char *mount, struct nst_str *rest)
{
    struct nst_str m = nst_str_z(mount);
    if (m.p == NULL || !nst_str_starts(path, m) || path.n == m.n || path.p[m.n] != '/')
        return false;
    *rest = nst_str_slice(path, m.n, path.n);
    return true;
}

static const struct nst_face *face_of(struct nst_server *s, struct nst_str path,
                                      struct nst_str *rest)
{
    const struct nst_registry *reg = s->options.registry;
    for (size_t i = 0; i < reg->faces; i++)
        if (has_mount(path, reg->face[i]->mount, rest))
            return reg->face[i];
    *rest = path;
    return s->options.root;
}

static enum nst_method method_of(struct nst_str method)
{
    static const char *const name[] = { "GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS" };
    if (nst_str_eq(method, NST_STR("HEAD")))
        return NST_GET;
    for (int i = 0; i < NST_METHOD_COUNT; i++)
        if (nst_str_eq(method, nst_str_z(name[i])))
            return (enum nst_method)i;
    return NST_METHOD_COUNT;
}

/* ---- Receiving ---- */

static void make_request(struct nst_exchange *x)
{
    struct nst_server *s = ((struct loop *)nst_http_loop_state(x))->server;
    struct job *job = NST_NEW(x->arena, struct job);
    struct nst_str rest;
    job->server = s;
    job->rq = (struct nst_req){
        .arena = x->arena,
        .x = x,
        .registry = s->options.registry,
        .places = s->places,
        .face = face_of(s, x->path, &rest),
        .method = method_of(x->method),
        .is_tls = x->is_tls,
    };
    x->app = job;
    if (job->rq.face != NULL && nst_route_find(&job->rq, rest) != NST_OK)
        job->rq.endpoint = NULL;
    job->operation = nst_operation_of(s->operations, x, job->rq.endpoint != NULL);
    if (job->operation != NULL)
        job->rq.face = NULL;
}

static const struct nst_action *action_of(const struct job *job)
{
    const struct nst_endpoint *e = job->rq.endpoint;
    bool is_known = job->rq.face != NULL && e != NULL && job->rq.method < NST_METHOD_COUNT;
    return is_known ? e->action[job->rq.method] : NULL;
}

static bool spools(const struct nst_action *action)
{
    return action != NULL && (action->flags & NST_SPOOLS) != 0;
}

/* Whether the limit of the route is that of a file: of no other method, which memory takes. */
static bool is_for_file(const struct nst_endpoint *e)
{
    bool any = false;
    for (unsigned i = 0; i < NST_METHOD_COUNT; i++)
        any |= spools(e->action[i]);
    return any;
}

/* A route that states its own limit keeps it; that of a face can be lowered. */
static size_t limit_of(const struct job *job)
{
    const struct nst_endpoint *e = job->rq.endpoint;
    size_t most = job->server->options.body_bytes;
    if (job->rq.face == NULL)
        return OPERATION_BODY_MAX;
    if (e != NULL && e->route->body_limit > 0 && (spools(action_of(job)) || !is_for_file(e)))
        return e->route->body_limit;
    size_t own = nst_body_limit_of(job->rq.face);
    return most > 0 && most < own ? most : own;
}

static size_t body_limit(struct nst_exchange *x)
{
    make_request(x);
    return limit_of(x->app);
}

/* ---- Running ---- */

/* What a client must not see: the message of the table, and the request's id to
 * find the details in the log. */
static void fail_saying(struct nst_exchange *x, enum nst_err err, struct nst_str detail)
{
    x->status = nst_err_status(err);
    x->headers = 0;
    nst_say_when(x, err);
    x->content_type = NST_STR("application/json");
    x->out.n = 0;
    nst_put_lit(&x->out, "{\"detail\":");
    nst_json_put_str(&x->out, detail);
    nst_put_char(&x->out, '}');
}

static void fail_plainly(struct nst_exchange *x, enum nst_err err)
{
    fail_saying(x, err, nst_str_z(nst_err_message(err)));
}

static bool reads_only(const struct nst_req *rq)
{
    if (rq->endpoint == NULL || rq->method >= NST_OPTIONS)
        return true;
    const struct nst_action *action = rq->endpoint->action[rq->method];
    unsigned flags = action != NULL ? action->flags : 0;
    return rq->method == NST_GET ? (flags & NST_RECORDS) == 0 : (flags & NST_READS) != 0;
}

/* What has waited while its client went away, and changes nothing, is not done. */
static bool is_for_nobody(const struct job *job)
{
    return (job->rq.is_gathering || reads_only(&job->rq)) && nst_http_is_gone(job->rq.x);
}

/* A view may know that what it shows is older still. */
static void date(struct nst_req *rq)
{
    int64_t *at = &rq->x->made_at, settled = nst_db_settled(rq->db);
    if (reads_only(rq) && (*at == 0 || *at > settled))
        *at = settled;
}

static enum nst_err run(struct nst_db *db, void *arg)
{
    struct job *job = arg;
    if (is_for_nobody(job))
        return NST_E_BUSY;
    nst_arena_rewind(job->rq.arena, job->mark);
    nst_req_rewind(&job->rq);
    job->rq.db = db;
    job->rq.now = nst_now();
    job->rq.x->made_at = 0;
    enum nst_err e = nst_run_phases(&job->rq);
    date(&job->rq);
    return e;
}

/* What every answer says; and who asked, for the log. A browser sends the credentials of a page by
 * itself, also for scripts of others, who are not to read it. */
static void headers(struct nst_exchange *x)
{
    struct job *job = x->app;
    if (!nst_is_page(&job->rq))
        nst_cors_mark(job->server->cors, x);
    if (nst_str_eq(x->path, NST_STR("/"))) /* a page for browsers */
        nst_http_vary(x, "Accept");
    if (job->rq.caller.is_known)
        x->user = job->rq.caller.name;
    nst_zip_mark(&job->rq);
    if (job->rq.face != NULL && job->rq.face->headers != NULL)
        job->rq.face->headers(&job->rq);
}

/* Enter the transaction of this tick; what the loop remembers goes when the data may
 * have changed. */
static enum nst_err enter(struct loop *loop)
{
    bool changed = false;
    enum nst_err e = nst_reader_enter(loop->reader, &changed);
    if (changed || nst_cache_is_full(loop->cache))
        nst_cache_drop(loop->cache);
    return e;
}

static enum nst_http_next more(struct nst_exchange *x)
{
    struct loop *loop = nst_http_loop_state(x);
    const struct job *job = x->app;
    enum nst_err e = loop->reader != NULL ? enter(loop) : NST_OK;
    return nst_stream_next(job->rq.stream, job->server->options.store, loop->reader, e);
}

static void begin_stream(struct job *job)
{
    if (job->rq.stream != NULL)
        job->rq.x->more = more;
    nst_send_file(&job->rq);
}

/* The store has the outcome: a failure of its own (commit, full queue) replaces
 * what the phases had to say. */
static void finish(enum nst_err err, void *arg)
{
    struct job *job = arg;
    struct nst_exchange *x = job->rq.x;
    if (x->status == 0 || (err != NST_OK && x->status < 400))
        fail_plainly(x, err != NST_OK ? err : NST_E_INTERNAL);
    else
        begin_stream(job);
    if (err == NST_OK && job->rq.when_durable != NULL)
        job->rq.when_durable();
    nst_http_resume(x);
}

static bool is_slow(const struct job *job)
{
    const struct nst_action *action = action_of(job);
    return action != NULL && (action->flags & NST_SLOW) != 0;
}

static void submit(struct job *job, enum nst_mode mode)
{
    struct nst_store *store = job->server->options.store;
    job->mark = nst_arena_mark(job->rq.arena);
    if (mode == NST_MODE_READ && is_slow(job))
        nst_store_submit_long(store, run, finish, job);
    else
        nst_store_submit(store, mode, run, finish, job);
}

/* Slow work: gathered and permitted (read), prepared (no database), then whole. */
static enum nst_err run_prepare(struct nst_db *db, void *arg)
{
    struct job *job = arg;
    (void)db;
    return nst_http_is_gone(job->rq.x) ? NST_E_BUSY : job->rq.action->prepare(&job->rq);
}

static void after_prepare(enum nst_err err, void *arg)
{
    struct job *job = arg;
    if (err != NST_OK) {
        job->rq.x->status = 0;
        job->rq.x->out.n = 0;
        if (job->rq.problem != NULL)
            nst_fail_as_face(&job->rq, err);
        finish(err, job);
        return;
    }
    job->rq.is_gathering = false;
    submit(job, NST_MODE_WRITE);
}

static void prepare(struct job *job)
{
    nst_store_submit_job(job->server->options.store, run_prepare, after_prepare, job);
}

static void after_gather(enum nst_err err, void *arg)
{
    struct job *job = arg;
    if (err != NST_OK || job->rq.x->status != 0)
        finish(err, job);
    else
        prepare(job);
}

static bool wants_prepare(const struct job *job)
{
    const struct nst_action *action = action_of(job);
    return action != NULL && action->prepare != NULL;
}

/* Before the body is read. */
static void after_admission(enum nst_err err, void *arg)
{
    struct job *job = arg;
    struct nst_exchange *x = job->rq.x;
    struct nst_upload *upload;
    if (err == NST_OK && x->status == 0)
        err = nst_upload_open(&upload, &job->rq);
    job->is_admitted = err == NST_OK && x->status == 0;
    if (!job->is_admitted) {
        finish(err, job);
        return;
    }
    x->body_file = upload->fd;
    nst_http_resume(x);
}

static void gather(struct job *job, nst_work_done *done)
{
    job->rq.is_gathering = true;
    job->mark = nst_arena_mark(job->rq.arena);
    nst_store_submit(job->server->options.store, NST_MODE_READ, run, done, job);
}

static enum nst_http_next run_inline(struct job *job, struct loop *loop)
{
    enum nst_err e = enter(loop);
    job->rq.cache = loop->cache;
    job->mark = nst_arena_mark(job->rq.arena);
    if (e == NST_OK)
        e = run(loop->reader, job);
    if (job->rq.x->status == 0)
        fail_plainly(job->rq.x, e == NST_OK ? NST_E_INTERNAL : e);
    else
        begin_stream(job);
    return NST_HTTP_ANSWERED;
}

/* ---- What is for staff, outside of the faces ---- */

/* Whose callers they are: those of the root face, else of the first that has some. */
static const struct nst_face *staff_face(const struct nst_server *s)
{
    const struct nst_registry *reg = s->options.registry;
    if (s->options.root != NULL && s->options.root->authenticate != NULL)
        return s->options.root;
    for (size_t i = 0; i < reg->faces; i++)
        if (reg->face[i]->mount != NULL && reg->face[i]->authenticate != NULL)
            return reg->face[i];
    return NULL;
}

/* In a read: know the caller, and refuse in the words of the face. */
static enum nst_err know_staff(struct nst_db *db, void *arg)
{
    struct job *job = arg;
    struct nst_req rq = job->rq;
    rq.face = staff_face(job->server);
    rq.db = db;
    rq.now = nst_now();
    nst_arena_rewind(rq.arena, job->mark);
    nst_req_rewind(&rq);
    enum nst_err e = nst_phase_authenticate(&rq);
    if (e == NST_OK && rq.x->status == 0)
        e = nst_is_staff(&rq);
    job->rq.caller = rq.caller;
    if (e != NST_OK && e != NST_E_RETRY)
        nst_fail_as_face(&rq, e);
    return e;
}

static void after_staff(enum nst_err err, void *arg)
{
    struct job *job = arg;
    struct nst_exchange *x = job->rq.x;
    if (err != NST_OK || x->status != 0)
        finish(err, job);
    else if (nst_operation_answer(job->server->operations, job->operation, x) == NST_HTTP_ANSWERED)
        nst_http_resume(x);
}

static enum nst_http_next ask_staff(struct job *job)
{
    if (staff_face(job->server) == NULL) { /* of nobody is it known that they are */
        fail_plainly(job->rq.x, NST_E_FORBIDDEN);
        return NST_HTTP_ANSWERED;
    }
    job->mark = nst_arena_mark(job->rq.arena);
    nst_store_submit(job->server->options.store, NST_MODE_READ, know_staff, after_staff, job);
    return NST_HTTP_LATER;
}

static enum nst_http_next redirect_to_slash(struct nst_exchange *x)
{
    const struct job *job = x->app;
    struct nst_buf b;
    nst_buf_init(&b, x->arena, x->path.n + x->query.n + 2);
    nst_put(&b, x->path);
    nst_put_char(&b, '/');
    /* Who follows with a GET loses the body that it sent. */
    if (job->rq.face->redirects_every_method)
        nst_log(NST_LOG_WARN, "redirected to the slash", NST_LOG_STR("method", x->method),
                NST_LOG_STR("path", x->path));
    if (x->query.p != NULL) {
        nst_put_char(&b, '?');
        nst_put(&b, x->query);
    }
    nst_http_add_header(x, "Location", nst_buf_str(&b));
    x->status = 301;
    return NST_HTTP_ANSWERED;
}

/* A path of `//host` is no relative reference and is never echoed into Location. */
static bool lacks_slash(struct job *job)
{
    struct nst_exchange *x = job->rq.x;
    if (!job->rq.face->inserts_slash || job->rq.endpoint != NULL ||
        nst_str_ends(x->path, NST_STR("/")) || nst_str_starts(x->path, NST_STR("//")))
        return false;
    struct nst_req probe = job->rq;
    struct nst_str rest;
    face_of(job->server, x->path, &rest);
    return nst_route_find(&probe, nst_strf(x->arena, "%.*s/", NST_FMT(rest))) == NST_OK;
}

/* A GET that lacks only the slash is sent there. What has a body would lose it on the
 * way: it is told. */
static enum nst_http_next answer_without_slash(struct nst_exchange *x)
{
    const struct job *job = x->app;
    if (job->rq.method == NST_GET || job->rq.face->redirects_every_method)
        return redirect_to_slash(x);
    struct nst_req rq = job->rq;
    nst_add_problem(&rq, NST_STR("detail"), nst_str_z(nst_err_message(NST_E_NOT_FOUND)), false);
    nst_add_problem(&rq, NST_STR("details"), NST_STR("The path lacks its last slash."), true);
    nst_fail_as_face(&rq, NST_E_NOT_FOUND);
    return NST_HTTP_ANSWERED;
}

#define OR(value, otherwise) ((value) > 0 ? (value) : (otherwise))

/* Who sends too much is told how much is not. Too many header fields come with a
 * sentence, too long a head without. */
static struct nst_str http_detail(const struct job *job, enum nst_err err, const char *detail)
{
    const struct nst_http_options *o = &job->server->options.http;
    const char *said = detail != NULL ? detail : nst_err_message(err);
    const char *unit = err == NST_E_HEADERS && detail != NULL ? "fields" : "bytes";
    size_t limit = 0;
    if (err == NST_E_TOO_LARGE)
        limit = limit_of(job);
    else if (err == NST_E_URI_TOO_LONG)
        limit = OR(o->target_bytes, NST_HTTP_TARGET_BYTES);
    else if (err == NST_E_HEADERS)
        limit = detail != NULL ? OR(o->header_fields, NST_HTTP_HEADER_FIELDS)
                               : OR(o->header_bytes, NST_HTTP_HEADER_BYTES);
    else
        return nst_str_z(said);
    return nst_strf(job->rq.arena, "%s The limit is %zu %s.", said, limit, unit);
}

static void http_error(struct nst_exchange *x, enum nst_err err, const char *detail)
{
    if (x->app == NULL)
        make_request(x);
    const struct job *job = x->app;
    struct nst_str text = http_detail(job, err, detail);
    if (job->rq.face == NULL) {
        fail_saying(x, err, text);
        return;
    }
    struct nst_req rq = job->rq;
    rq.problem = NULL;
    if (!nst_str_eq(text, nst_str_z(nst_err_message(err))))
        nst_add_problem(&rq, NST_STR("detail"), text, false);
    nst_fail_as_face(&rq, err);
}

/* Bodies are read as they come: what is coded would be taken for broken JSON. */
static bool is_coded(const struct nst_exchange *x)
{
    struct nst_str coding = nst_str_trim(nst_http_request_header(x, "Content-Encoding"));
    return coding.n > 0 && !nst_str_eq_nocase(coding, NST_STR("identity"));
}

static enum nst_http_next refuse_coded(struct nst_exchange *x)
{
    http_error(x, NST_E_MEDIA_TYPE, "Content-Encoding is not supported: send the body as it is.");
    nst_http_add_header(x, "Accept-Encoding", NST_STR("identity"));
    return NST_HTTP_ANSWERED;
}

/* G168 */
static bool is_shut(const struct job *job)
{
    const struct nst_action *action = action_of(job);
    return nst_maintenance_is_on() && (action == NULL || (action->flags & NST_IN_MAINTENANCE) == 0);
}

static enum nst_http_next answer_shut(struct nst_exchange *x)
{
    nst_maintenance_answer(x);
    return NST_HTTP_ANSWERED;
}

/* What may fill the disk is read only from whom it may be from. */
static enum nst_http_next admit(struct nst_exchange *x)
{
    struct job *job = x->app;
    if (!spools(action_of(job)))
        return NST_HTTP_ANSWERED;
    if (is_shut(job))
        return answer_shut(x);
    if (is_coded(x))
        return refuse_coded(x);
    gather(job, after_admission);
    return NST_HTTP_LATER;
}

/* Null: the path is none. */
static struct nst_str methods_of(const struct job *job)
{
    if (job->operation != NULL)
        return NST_STR(NST_OPERATION_METHODS);
    return job->rq.endpoint != NULL ? job->rq.endpoint->allow : (struct nst_str){ NULL, 0 };
}

static enum nst_http_next handle(struct nst_exchange *x)
{
    struct loop *loop = nst_http_loop_state(x);
    struct job *job = x->app;
    if (nst_cors_is_preflight(job->server->cors, x))
        return nst_cors_answer(job->server->cors, x, methods_of(job));
    if (job->operation != NULL && nst_operation_is_for_staff(job->operation, x))
        return ask_staff(job);
    if (job->operation != NULL)
        return nst_operation_answer(job->server->operations, job->operation, x);
    if (is_shut(job))
        return answer_shut(x);
    if (job->rq.face == NULL) {
        fail_plainly(x, NST_E_NOT_FOUND);
        return NST_HTTP_ANSWERED;
    }
    if (lacks_slash(job))
        return answer_without_slash(x);
    if ((x->body.n > 0 || x->body_file > 0) && is_coded(x))
        return refuse_coded(x);
    bool is_read = reads_only(&job->rq);
    if (is_read && !is_slow(job) && loop->reader != NULL)
        return run_inline(job, loop);
    if (job->is_admitted)
        prepare(job);
    else if (wants_prepare(job))
        gather(job, after_gather);
    else
        submit(job, is_read ? NST_MODE_READ : NST_MODE_WRITE);
    return NST_HTTP_LATER;
}

static void finished(struct nst_exchange *x)
{
    const struct loop *loop = nst_http_loop_state(x);
    const struct job *job = x->app;
    if (job == NULL || x->status == 0) /* its client went before there was an answer */
        return;
    const struct nst_answered a = { .endpoint = job->rq.endpoint,
                                    .operation = job->operation,
                                    .face = job->rq.face,
                                    .method = job->rq.method,
                                    .status = x->status,
                                    .took = nst_ticks() - x->started };
    nst_traffic_count(loop->traffic, &a);
}

/* ---- Loops ---- */

static void *loop_start(void *context)
{
    struct nst_server *s = context;
    struct loop *loop = calloc(1, sizeof(*loop));
    if (loop == NULL)
        abort();
    loop->server = s;
    loop->cache = nst_cache_new();
    loop->traffic = nst_traffic_enter(s->traffic, loop->cache);
    if (nst_store_reads_inline(s->options.store) &&
        nst_reader_open(&loop->reader, s->options.store) != NST_OK)
        abort();
    return loop;
}

static void loop_stop(void *state)
{
    struct loop *loop = state;
    if (loop->reader != NULL)
        nst_reader_close(loop->reader);
    nst_cache_free(loop->cache);
    free(loop);
}

static void tick_end(void *state)
{
    struct loop *loop = state;
    if (loop->reader != NULL)
        nst_reader_leave(loop->reader);
}

/* Nobody may wait for an answer of it any more. */
static void free_server(struct nst_server *s)
{
    nst_meter_stop(s->meter);
    nst_traffic_free(s->traffic);
    nst_places_free(s->places);
    nst_arena_free(s->arena);
}

static enum nst_err check_origins(struct nst_str origins)
{
    const char *fault = nst_origins_fault(origins);
    if (fault == NULL)
        return NST_OK;
    nst_log(NST_LOG_ERROR, "wrong origins", NST_LOG_STR("origins", origins),
            NST_LOG_STR("reason", nst_str_z(fault)));
    return NST_E_INVALID;
}

/* The listener of metrics comes second: what systemd hands over is for the faces. */
static enum nst_err start_listening(struct nst_server *s)
{
    const struct nst_server_options *o = &s->options;
    NST_TRY(nst_http_start(&s->http, &o->http, &s->app));
    enum nst_err e = o->metrics_listen.n > 0 ? nst_watch_start(&s->watch, o->metrics_listen,
                                                               s->operations, &s->watch_app)
                                             : NST_OK;
    if (e != NST_OK) {
        nst_http_stop(s->http);
        return e;
    }
    nst_meter_watch(s->meter, s->http);
    if (s->watch != NULL)
        nst_log(NST_LOG_INFO, "metrics are told", NST_LOG_STR("address", o->metrics_listen),
                NST_LOG_INT("port", nst_http_port(s->watch)));
    return NST_OK;
}

enum nst_err nst_server_start(struct nst_server **out, const struct nst_server_options *o)
{
    if (sodium_init() < 0)
        return NST_E_INTERNAL;
    NST_TRY(check_origins(o->cors_origins));
    NST_TRY(nst_registry_prove(o->registry, o->store));
    struct nst_arena *arena = nst_arena_new(65536);
    struct nst_server *s = NST_NEW(arena, struct nst_server);
    s->arena = arena;
    s->options = *o;
    s->options.registry->spool = o->spool.n > 0 ? o->spool : NST_STR("/tmp");
    s->traffic = nst_traffic_new(o->registry);
    s->meter = nst_meter_start(&(struct nst_meter_options){ .store = o->store,
                                                            .registry = o->registry,
                                                            .traffic = s->traffic,
                                                            .sources = o->metrics,
                                                            .history = o->history });
    s->operations = nst_operations_new(arena, o, s->meter);
    s->places = nst_places_new(arena);
    s->cors = nst_cors_new(arena, o->cors_origins, o->registry);
    s->app = (struct nst_http_app){
        .body_limit = body_limit,
        .admit = admit,
        .handle = handle,
        .error = http_error,
        .headers = headers,
        .finished = finished,
        .loop_start = loop_start,
        .loop_stop = loop_stop,
        .tick_end = tick_end,
        .context = s,
    };
    enum nst_err e = start_listening(s);
    if (e == NST_OK)
        *out = s;
    else
        free_server(s);
    return e;
}

void nst_server_set_access_log(struct nst_server *s, bool is_on)
{
    nst_http_set_access_log(s->http, is_on);
}

unsigned nst_server_port(const struct nst_server *s)
{
    return nst_http_port(s->http);
}

struct nst_str nst_server_address(const struct nst_server *s)
{
    return nst_http_address(s->http);
}

bool nst_server_pulse(struct nst_server *s)
{
    return nst_http_pulse(s->http);
}

void nst_server_drain(struct nst_server *s)
{
    nst_http_drain(s->http);
    if (s->watch != NULL)
        nst_http_drain(s->watch);
}

void nst_server_hurry(struct nst_server *s)
{
    nst_http_hurry(s->http);
    if (s->watch != NULL)
        nst_http_hurry(s->watch);
}

void nst_server_stop(struct nst_server *s)
{
    nst_meter_watch(s->meter, NULL);
    nst_http_stop(s->http);
    if (s->watch != NULL)
        nst_http_stop(s->watch);
    free_server(s);
}
