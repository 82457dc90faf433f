/* What is answered outside the faces: whether the server lives and is ready, the
 * description of its API, the start page for browsers. The texts are made once, at the
 * start: answering them touches nothing. */
#include "model.h"

#include "nestor/maintenance.h"

#define OPENAPI_MAX ((size_t)16 << 20)

struct nst_operations {
    struct nst_store *store;
    struct nst_str openapi, health, page, page_policy;
};

struct nst_operation {
    struct nst_str path;
    enum nst_http_next (*answer)(const struct nst_operations *ops, struct nst_exchange *x);
    bool is_for_browsers; /* those who read HTML, and where no face has that path */
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
    { NST_STR_INIT("/healthz"), answer_health, false },
    { NST_STR_INIT("/readyz"), answer_ready, false },
    { NST_STR_INIT("/openapi.json"), answer_openapi, false },
    { NST_STR_INIT("/favicon.ico"), answer_icon, false },
    { NST_STR_INIT("*"), answer_star, false },
    { NST_STR_INIT("/"), answer_page, true },
};

const struct nst_operation *nst_operation_of(const struct nst_exchange *x, bool has_route)
{
    for (size_t i = 0; i < NST_COUNT(operations); i++) {
        const struct nst_operation *o = &operations[i];
        if (nst_str_eq(x->path, o->path))
            return !o->is_for_browsers || (!has_route && is_reading(x) && nst_accepts_html(x))
                       ? o
                       : NULL;
    }
    return NULL;
}

enum nst_http_next nst_operation_answer(const struct nst_operations *ops,
                                        const struct nst_operation *o, struct nst_exchange *x)
{
    if (is_reading(x) || o->answer == answer_star)
        return o->answer(ops, x);
    nst_http_add_header(x, "Allow", NST_STR(NST_OPERATION_METHODS));
    return answer_text(x, 405, NST_STR("{\"detail\":\"Method not allowed.\"}"));
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

struct nst_operations *nst_operations_new(struct nst_arena *a, const struct nst_server_options *o)
{
    struct nst_operations *ops = NST_NEW(a, struct nst_operations);
    struct nst_buf b;
    ops->store = o->store;
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
