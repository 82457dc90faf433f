/* What views and hooks ask of a request, and how they fail. */
#include "model.h"

void nst_add_problem(struct nst_req *rq, struct nst_str key, struct nst_str text, bool is_list)
{
    struct nst_problem **at = &rq->problem;
    while (*at != NULL)
        at = &(*at)->next;
    *at = NST_NEW(rq->arena, struct nst_problem);
    **at = (struct nst_problem){ .key = key, .text = text, .is_list = is_list };
}

enum nst_err nst_fail(struct nst_req *rq, enum nst_err err, const char *key, struct nst_str text)
{
    nst_add_problem(rq, nst_str_z(key), text, true);
    return err;
}

enum nst_err nst_fail_bare(struct nst_req *rq, enum nst_err err, const char *key,
                           struct nst_str text)
{
    nst_add_problem(rq, nst_str_z(key), text, false);
    return err;
}

/* What is no text can match nothing, and PostgreSQL would refuse it. */
static struct nst_str decode(struct nst_arena *a, struct nst_str text)
{
    struct nst_str plain = text.p != NULL ? nst_percent_decode(a, text, true) : NST_STR("");
    bool is_text = nst_utf8_valid(plain) && nst_str_find(plain, '\0') == plain.n;
    return is_text ? plain : NST_STR(NST_NO_TEXT);
}

void nst_query_read(struct nst_req *rq)
{
    struct nst_str rest = rq->x->query;
    size_t most = rest.n > 0;
    for (size_t i = 0; i + 1 < rest.n; i++) /* a last `&` begins none */
        most += rest.p[i] == '&';
    struct nst_query_pair *p = NST_NEW_ARRAY(rq->arena, struct nst_query_pair, most);
    rq->query = p;
    rq->queries = 0;
    while (rest.n > 0) {
        struct nst_str pair = nst_str_cut(&rest, '&'), name = nst_str_cut(&pair, '=');
        p[rq->queries++] =
            (struct nst_query_pair){ decode(rq->arena, name), decode(rq->arena, pair) };
    }
}

struct nst_str nst_query_value(struct nst_req *rq, const char *name)
{
    struct nst_str wanted = nst_str_z(name);
    for (size_t i = name != NULL ? rq->queries : 0; i > 0; i--)
        if (nst_str_eq(rq->query[i - 1].name, wanted))
            return rq->query[i - 1].value;
    return (struct nst_str){ 0 };
}

bool nst_query_flag(bool *out, struct nst_str word)
{
    static const char *const words[] = { "false", "f", "0", "none", "null", "true", "t", "1" };
    for (size_t i = 0; i < NST_COUNT(words); i++) {
        if (!nst_str_eq_nocase(word, nst_str_z(words[i])))
            continue;
        *out = i >= 5;
        return true;
    }
    return false;
}

static bool is_listed(const char *names, struct nst_str name)
{
    struct nst_str rest = nst_str_z(names);
    while (rest.p != NULL)
        if (nst_str_eq(nst_str_cut(&rest, '|'), name))
            return true;
    return false;
}

void nst_put_address(struct nst_buf *out, const struct nst_req *rq, const char *without)
{
    struct nst_str rest = rq->x->query;
    nst_put_z(out, rq->is_tls ? "https://" : "http://");
    nst_put(out, rq->x->host);
    nst_put(out, rq->x->path);
    nst_put_char(out, '?');
    while (rest.p != NULL && rest.n > 0) {
        struct nst_str pair = nst_str_cut(&rest, '&'), value = pair;
        if (is_listed(without, nst_str_cut(&value, '=')))
            continue;
        nst_put(out, pair);
        nst_put_char(out, '&');
    }
}

bool nst_query_is_true(struct nst_req *rq, const char *name)
{
    bool flag = false;
    struct nst_str value = nst_query_value(rq, name);
    return value.n > 0 && nst_query_flag(&flag, value) && flag;
}

/* Before the phase that sets rq->action, too. */
static bool has_flag(const struct nst_req *rq, unsigned flag)
{
    if (rq->endpoint == NULL || rq->method >= NST_METHOD_COUNT)
        return false;
    const struct nst_action *action = rq->endpoint->action[rq->method];
    return action != NULL && (action->flags & flag) != 0;
}

bool nst_allows_anonymous(const struct nst_req *rq)
{
    return has_flag(rq, NST_ANONYMOUS);
}

bool nst_is_page(const struct nst_req *rq)
{
    return has_flag(rq, NST_PAGE);
}

bool nst_is_write(const struct nst_req *rq)
{
    return rq->method != NST_GET && !rq->is_gathering;
}

struct nst_object *nst_object(struct nst_req *rq)
{
    return rq->depth > 0 ? &rq->chain[rq->depth - 1] : NULL;
}

struct nst_object *nst_parent(struct nst_req *rq)
{
    return rq->depth > 1 ? &rq->chain[rq->depth - 2] : NULL;
}

struct nst_object *nst_ancestor(struct nst_req *rq, const char *name)
{
    for (unsigned i = rq->depth; i > 0; i--)
        if (nst_str_eq(nst_str_z(rq->chain[i - 1].model->set.name), nst_str_z(name)))
            return &rq->chain[i - 1];
    return NULL;
}

const struct nst_resource *nst_resource_of(const struct nst_object *o)
{
    return o->model->resource;
}

bool nst_is(const struct nst_object *o, const struct nst_resource *r)
{
    return o != NULL && o->model->resource == r;
}

enum nst_err nst_answer_empty(struct nst_req *rq, unsigned status)
{
    rq->x->status = status;
    rq->x->out.n = 0;
    rq->x->content_type = (struct nst_str){ 0 };
    return NST_OK;
}

enum nst_err nst_answer_json(struct nst_req *rq, unsigned status)
{
    rq->x->status = status;
    rq->x->content_type = NST_STR("application/json");
    if (!rq->x->out.is_full)
        return NST_OK;
    return nst_fail_bare(rq, NST_E_INVALID, "detail",
                         NST_STR("The answer takes more than 64 MB. Ask for less of it."));
}
