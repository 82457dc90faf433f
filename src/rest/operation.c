/* What is answered outside the faces: whether the server lives and is ready, how it
 * goes, the description of its API, the start page for browsers. Most texts are made once, at
 * the start: answering them touches nothing. What is for those who watch the server has a
 * listener of its own, if one is set, and is then answered nowhere else. */
#include "meter.h"

#include "nestor/maintenance.h"

#define OPENAPI_MAX ((size_t)16 << 20)

struct nst_operations {
    struct nst_store *store;
    struct nst_meter *meter;
    bool has_listener; /* of metrics, which are told there alone then */
    struct nst_str openapi, health, page, page_policy;
};

enum audience {
    FOR_ALL,
    FOR_WATCHERS, /* on the listener of metrics, too */
    FOR_STAFF,    /* there to all; elsewhere to staff, if there is no such listener */
    FOR_BROWSERS  /* those who read HTML, and where no face has that path */
};

struct nst_operation {
    struct nst_str path;
    enum nst_http_next (*answer)(const struct nst_operations *ops, struct nst_exchange *x);
    enum audience audience;
};

static enum nst_http_next answer_text(struct nst_exchange *x, unsigned status, struct nst_str body)
{
    x->status = status;
    x->content_type = NST_STR("application/json");
    nst_put(&x->out, body);
    return NST_HTTP_ANSWERED;
}

static enum nst_http_next answer_health(const struct nst_operations *ops, struct nst_exchange *x)
{
    return answer_text(x, 200, ops->health);
}

static enum nst_http_next answer_openapi(const struct nst_operations *ops, struct nst_exchange *x)
{
    return answer_text(x, 200, ops->openapi);
}

/* ---- Readiness ---- */

/* Ready means that a table of the store can be read, not only that the process lives. */
static enum nst_err probe_store(struct nst_db *db, void *arg)
{
    struct nst_rows *rows;
    (void)arg;
    if (!nst_db_is_there(db))
        return NST_E_DB;
    NST_TRY(nst_query(&rows, db, NST_STR("SELECT max(number) FROM nst_migration"), NULL, 0));
    return nst_rows_end(rows);
}

/* In maintenance every server is: a balancer that took them out would answer with a page of its
 * own, not with G168's, and nobody could switch it off. */
static void after_probe(enum nst_err err, void *arg)
{
    struct nst_exchange *x = arg;
    if (err == NST_OK)
        answer_text(x, 200,
                    nst_maintenance_is_on() ? NST_STR("{\"status\":\"maintenance\"}")
                                            : NST_STR("{\"status\":\"ok\"}"));
    else
        answer_text(x, 503, NST_STR("{\"status\":\"the store does not answer\"}"));
    if (err != NST_OK)
        nst_say_when(x, NST_E_BUSY);
    nst_http_resume(x);
}

static enum nst_http_next answer_ready(const struct nst_operations *ops, struct nst_exchange *x)
{
    nst_store_submit_probe(ops->store, probe_store, after_probe, x);
    return NST_HTTP_LATER;
}

/* ---- How it goes ---- */

/* Nothing can be asked for: a parameter that would be ignored is none. */
static enum nst_http_next answer_metrics(const struct nst_operations *ops, struct nst_exchange *x)
{
    if (x->query.n > 0)
        return answer_text(x, 400, NST_STR("{\"detail\":\"/metrics takes no parameters.\"}"));
    nst_meter_answer(ops->meter, x);
    return NST_HTTP_LATER;
}

static enum nst_http_next answer_history(const struct nst_operations *ops, struct nst_exchange *x)
{
    struct nst_span span;
    struct nst_str fault = nst_span_read(&span, x->arena, x->query);
    if (fault.p == NULL) {
        nst_meter_answer_history(ops->meter, x, &span);
        return NST_HTTP_LATER;
    }
    answer_text(x, 400, NST_STR("{\"detail\":"));
    nst_json_put_str(&x->out, fault);
    nst_put_char(&x->out, '}');
    return NST_HTTP_ANSWERED;
}

/* ---- For browsers ---- */

static enum nst_http_next answer_page(const struct nst_operations *ops, struct nst_exchange *x)
{
    answer_text(x, 200, ops->page);
    x->content_type = NST_STR("text/html; charset=utf-8");
    nst_http_add_header(x, "Content-Security-Policy", ops->page_policy);
    return NST_HTTP_ANSWERED;
}

/* A browser asks for it by itself, with every page; none is no fault. */
static enum nst_http_next answer_icon(const struct nst_operations *ops, struct nst_exchange *x)
{
    (void)ops;
    nst_http_add_header(x, "Cache-Control", NST_STR("max-age=86400"));
    x->status = 204;
    return NST_HTTP_ANSWERED;
}

/* `OPTIONS *` asks what the server can do at all, RFC 9110, 9.3.7. */
static enum nst_http_next answer_star(const struct nst_operations *ops, struct nst_exchange *x)
{
    (void)ops;
    nst_http_add_header(x, "Allow", NST_STR(NST_EVERY_METHOD));
    x->status = 204;
    return NST_HTTP_ANSWERED;
}

static bool is_reading(const struct nst_exchange *x)
{
    return nst_str_eq(x->method, NST_STR("GET")) || nst_str_eq(x->method, NST_STR("HEAD"));
}

/* ---- Choosing ---- */

static const struct nst_operation operations[] = {
    { NST_STR_INIT("/healthz"), answer_health, FOR_WATCHERS },
    { NST_STR_INIT("/readyz"), answer_ready, FOR_WATCHERS },
    { NST_STR_INIT("/metrics"), answer_metrics, FOR_STAFF },
    { NST_STR_INIT("/metrics/history"), answer_history, FOR_STAFF },
    { NST_STR_INIT("/openapi.json"), answer_openapi, FOR_ALL },
    { NST_STR_INIT("/favicon.ico"), answer_icon, FOR_ALL },
    { NST_STR_INIT("*"), answer_star, FOR_ALL },
    { NST_STR_INIT("/"), answer_page, FOR_BROWSERS },
};

static const struct nst_operation *operation_at(struct nst_str path)
{
    for (size_t i = 0; i < NST_COUNT(operations); i++)
        if (nst_str_eq(path, operations[i].path))
            return &operations[i];
    return NULL;
}

const struct nst_operation *nst_operation_of(const struct nst_operations *ops,
                                             const struct nst_exchange *x, bool has_route)
{
    const struct nst_operation *o = operation_at(x->path);
    if (o == NULL || (o->audience == FOR_STAFF && ops->has_listener))
        return NULL;
    bool is_shown =
        o->audience != FOR_BROWSERS || (!has_route && is_reading(x) && nst_accepts_html(x));
    return is_shown ? o : NULL;
}

bool nst_operation_is_for_staff(const struct nst_operation *o, const struct nst_exchange *x)
{
    return o->audience == FOR_STAFF && is_reading(x);
}

size_t nst_operation_number(const struct nst_operation *o)
{
    return (size_t)(o - operations);
}

struct nst_str nst_operation_path(size_t number)
{
    return number < NST_COUNT(operations) ? operations[number].path : (struct nst_str){ 0 };
}

enum nst_http_next nst_operation_answer(const struct nst_operations *ops,
                                        const struct nst_operation *o, struct nst_exchange *x)
{
    if (is_reading(x) || o->answer == answer_star)
        return o->answer(ops, x);
    nst_http_add_header(x, "Allow", NST_STR(NST_OPERATION_METHODS));
    return answer_text(x, 405, NST_STR("{\"detail\":\"Method not allowed.\"}"));
}

/* ---- The listener of metrics ---- */

#define WATCHERS     16 /* connections: a scraper that never reads keeps one of them for a while */
#define WATCH_IDLE   10 /* seconds until that one is closed */
#define WATCH_HEADER 4096

static size_t watch_body_limit(struct nst_exchange *x)
{
    (void)x;
    return 0;
}

static enum nst_http_next watch_handle(struct nst_exchange *x)
{
    const struct nst_operations *ops = nst_http_loop_state(x);
    const struct nst_operation *o = operation_at(x->path);
    if (o != NULL && (o->audience == FOR_WATCHERS || o->audience == FOR_STAFF))
        return nst_operation_answer(ops, o, x);
    return answer_text(x, 404,
                       NST_STR("{\"detail\":\"Not found. Here are /metrics, /metrics/history, "
                               "/healthz and /readyz.\"}"));
}

static void watch_error(struct nst_exchange *x, enum nst_err err, const char *detail)
{
    x->out.n = 0;
    answer_text(x, nst_err_status(err), NST_STR("{\"detail\":"));
    nst_json_put_str(&x->out, nst_str_z(detail != NULL ? detail : nst_err_message(err)));
    nst_put_char(&x->out, '}');
}

static void *watch_state(void *context)
{
    return context;
}

enum nst_err nst_watch_start(struct nst_http **out, struct nst_str listen,
                             struct nst_operations *ops, struct nst_http_app *app)
{
    const struct nst_http_options o = { .listen = listen,
                                        .loops = 1,
                                        .connections = WATCHERS,
                                        .header_bytes = WATCH_HEADER,
                                        .idle_seconds = WATCH_IDLE,
                                        .request_seconds = WATCH_IDLE,
                                        .drain_seconds = 1 };
    *app = (struct nst_http_app){ .body_limit = watch_body_limit,
                                  .handle = watch_handle,
                                  .error = watch_error,
                                  .loop_start = watch_state,
                                  .context = ops };
    return nst_http_start(out, &o, app);
}

/* ---- At the start ---- */

static void put_health(struct nst_buf *out, const struct nst_server_options *o)
{
    const struct nst_registry *reg = o->registry;
    const char *between = "";
    nst_put_lit(out, "{\"status\":\"ok\",\"faces\":[");
    for (size_t i = 0; i < reg->faces; i++) {
        if (reg->face[i]->mount == NULL)
            continue;
        nst_putf(out,
                 "%s{\"name\":\"%s\",\"mount\":\"%s/\",\"is_root\":%s,\"description\":", between,
                 reg->face[i]->name, reg->face[i]->mount,
                 reg->face[i] == o->root ? "true" : "false");
        nst_json_put_str(out, nst_str_z(reg->face[i]->doc));
        nst_put_char(out, '}');
        between = ",";
    }
    nst_putf(out, "],\"endpoints\":%zu,\"links\":{", reg->endpoints);
    nst_put_lit(out, "\"health\":\"/healthz\",\"ready\":\"/readyz\","
                     "\"description\":\"/openapi.json\"}}");
}

struct nst_operations *nst_operations_new(struct nst_arena *a, const struct nst_server_options *o,
                                          struct nst_meter *meter)
{
    struct nst_operations *ops = NST_NEW(a, struct nst_operations);
    struct nst_buf b;
    ops->store = o->store;
    ops->meter = meter;
    ops->has_listener = o->metrics_listen.n > 0;
    nst_buf_init(&b, a, OPENAPI_MAX);
    nst_openapi(&b, o->registry);
    ops->openapi = nst_buf_str(&b);
    nst_buf_init(&b, a, OPENAPI_MAX);
    put_health(&b, o);
    ops->health = nst_buf_str(&b);
    ops->page = nst_page_make(a, o->registry, o->root);
    ops->page_policy = nst_page_policy(a);
    return ops;
}
