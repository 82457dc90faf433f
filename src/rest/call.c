/* Running a request: its face's phases in order, then its face's error; and
 * requests from inside the program. */
#include "model.h"

#include "nestor/base/log.h"

#define RETRY_AFTER  "1"  /* seconds: what is busy has been waited for already */
#define ANSWER_FIRST 2048 /* bytes of an answer that are at hand from the start */

void nst_say_when(struct nst_exchange *x, enum nst_err err)
{
    if (nst_err_status(err) == 503)
        nst_http_add_header(x, "Retry-After", NST_STR(RETRY_AFTER));
}

/* A fault of the program, which the client cannot mend. */
static enum nst_err answered_nothing(const struct nst_req *rq)
{
    if (rq->is_gathering)
        return NST_OK;
    nst_log(NST_LOG_ERROR, "a view returned NST_OK and has not answered",
            NST_LOG_STR("route", rq->endpoint->path), NST_LOG_STR("method", rq->x->method));
    return NST_E_INTERNAL;
}

enum nst_err nst_run_phases(struct nst_req *rq)
{
    enum nst_err e = rq->endpoint == NULL ? NST_E_NOT_FOUND : NST_OK;
    nst_phase *const *phase = nst_phases_of(rq->face);
    nst_query_read(rq);
    nst_zip_read(rq);
    for (; e == NST_OK && *phase != NULL; phase++) {
        bool was_answered = rq->x->status != 0;
        e = (*phase)(rq);
        if (!was_answered && rq->x->status != 0 && *phase != nst_phase_view)
            break;
    }
    if (e == NST_OK && rq->x->status == 0)
        e = answered_nothing(rq);
    if (e == NST_E_RETRY)
        return e;
    if (e == NST_E_NOT_FOUND && rq->missing != NULL && rq->action != NULL &&
        (rq->action->flags & NST_NEEDS_PARENT) != 0) {
        nst_http_add_header(rq->x, "Allow", NST_STR("OPTIONS"));
        return nst_answer_empty(rq, 405);
    }
    if (e != NST_OK) {
        rq->stream = NULL;
        rq->file = NULL;
        rq->x->status = 0;
        rq->x->out.n = 0;
        nst_say_when(rq->x, e);
        nst_fail_as_face(rq, e);
    }
    return e;
}

void nst_req_rewind(struct nst_req *rq)
{
    rq->depth = 0;
    rq->problem = NULL;
    rq->missing = NULL;
    rq->missing_at = (struct nst_str){ 0 };
    rq->is_tagged = rq->is_unmet = false;
    rq->is_page = false;
    rq->as_of = 0;
    rq->body = NULL;
    rq->stream = NULL;
    rq->file = NULL;
    rq->action = NULL;
    rq->when_durable = NULL;
    rq->caller = rq->is_internal ? rq->caller : (struct nst_caller){ 0 };
    rq->x->status = 0;
    rq->x->headers = 0;
    rq->x->content_type = (struct nst_str){ 0 };
    nst_buf_init(&rq->x->out, rq->arena, NST_HTTP_ANSWER_MAX);
    /* Most documents fit: growing would copy them several times. */
    nst_buf_reserve(&rq->x->out, ANSWER_FIRST);
}

enum nst_err nst_call(struct nst_req *rq, const struct nst_face *face, enum nst_method method,
                      struct nst_str path, struct nst_json *body)
{
    static const char *const name[] = { "GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS" };
    rq->face = face;
    rq->method = method;
    rq->is_internal = true;
    rq->now = nst_now();
    nst_req_rewind(rq);
    rq->body = body;
    rq->x->method = nst_str_z(name[method]);
    struct nst_str rest = path;
    rq->x->path = nst_str_cut(&rest, '?');
    rq->x->query = rest;
    rq->endpoint = NULL;
    enum nst_err e = nst_route_find(rq, rq->x->path);
    return e == NST_OK || e == NST_E_NOT_FOUND ? nst_run_phases(rq) : e;
}
