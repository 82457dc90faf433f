/* What a face or a route uses when it has nothing of its own: the phases, the body of
 * errors as Django REST framework writes it, the headers of lists, permissions. */
#include "model.h"

nst_phase *const *nst_phases_of(const struct nst_face *face)
{
    return face->phase != NULL ? face->phase : nst_default_phases;
}

const struct nst_texts *nst_texts_of(const struct nst_face *face)
{
    return face->text != NULL ? face->text : &nst_default_texts;
}

const struct nst_list_grammar *nst_lists_of(const struct nst_face *face)
{
    return face->lists != NULL ? face->lists : &nst_default_lists;
}

size_t nst_body_limit_of(const struct nst_face *face)
{
    return face->body_limit > 0 ? face->body_limit : NST_BODY_DEFAULT;
}

/* ---- Errors ---- */

static bool was_named_before(const struct nst_problem *first, const struct nst_problem *p)
{
    for (; first != p; first = first->next)
        if (nst_str_eq(first->key, p->key))
            return true;
    return false;
}

/* The texts of one key share a list. */
static void put_texts(struct nst_buf *out, const struct nst_problem *p)
{
    struct nst_str key = p->key;
    const char *between = "[";
    for (; p != NULL; p = p->next) {
        if (!nst_str_eq(p->key, key))
            continue;
        nst_put_z(out, between);
        nst_json_put_str(out, p->text);
        between = ",";
    }
    nst_put_char(out, ']');
}

static void put_problems(struct nst_buf *out, const struct nst_problem *first)
{
    const char *between = "{";
    for (const struct nst_problem *p = first; p != NULL; p = p->next) {
        if (was_named_before(first, p))
            continue;
        nst_put_z(out, between);
        nst_json_put_str(out, p->key);
        nst_put_char(out, ':');
        if (p->is_list)
            put_texts(out, p);
        else
            nst_json_put_str(out, p->text);
        between = ",";
    }
    nst_put_char(out, '}');
}

/* A browser asks for name and password when it is told Basic, and knows nothing of tokens. */
static struct nst_str challenge(const struct nst_req *rq)
{
    return nst_is_page(rq) && nst_accepts_html(rq->x)
               ? NST_STR("Basic realm=\"name and token\", charset=\"UTF-8\"")
               : NST_STR("Token");
}

void nst_default_error(struct nst_req *rq, enum nst_err err)
{
    struct nst_exchange *x = rq->x;
    const struct nst_problem plain = { .key = NST_STR("detail"),
                                       .text = nst_str_z(nst_err_message(err)) };
    x->status = nst_err_status(err);
    x->content_type = NST_STR("application/json");
    if (err == NST_E_UNAUTHENTICATED)
        nst_http_add_header(x, "WWW-Authenticate", challenge(rq));
    put_problems(&x->out, rq->problem != NULL ? rq->problem : &plain);
}

void nst_fail_as_face(struct nst_req *rq, enum nst_err err)
{
    if (rq->face->error != NULL)
        rq->face->error(rq, err);
    else
        nst_default_error(rq, err);
}

/* ---- Lists ---- */

const struct nst_list_grammar nst_default_lists = {
    .limit = "limit",
    .limit_default = 25,
    .limit_max = 1000,
    .page = "page",
    .offset = "offset",
    .after = "after",
    .format = "format",
    .sort = "sort",
    .either = ',',
    .neither = '!',
    .some = '*',
    .literal = '"',
};

/* What is not there is replaced by nothing. */
static const char *name_or_none(const char *name)
{
    return name != NULL ? name : "";
}

/* Without what says which page, and without the names in `also`. */
static void put_address_of_list(struct nst_buf *out, const struct nst_req *rq, const char *also)
{
    const struct nst_list_grammar *g = nst_lists_of(rq->face);
    const struct nst_str names = nst_strf(rq->arena, "%s|%s|%s|%s", name_or_none(g->page),
                                          name_or_none(g->offset), name_or_none(g->after), also);
    nst_put_address(out, rq, names.p);
}

void nst_put_table_address(struct nst_buf *out, const struct nst_req *rq)
{
    const struct nst_list_grammar *g = nst_lists_of(rq->face);
    put_address_of_list(out, rq,
                        nst_strf(rq->arena, "%s|%s|%s|%s", g->table, g->format,
                                 name_or_none(g->limit), name_or_none(g->limit_too))
                            .p);
    nst_putf(out, "%s=csv", g->format);
}

void nst_put_page_address(struct nst_buf *out, const struct nst_req *rq,
                          const struct nst_page *page, int64_t steps, struct nst_str after)
{
    const struct nst_list_grammar *g = nst_lists_of(rq->face);
    int64_t offset = page->offset + steps * page->limit;
    put_address_of_list(out, rq, "");
    bool by_offset = page->by_offset || g->page == NULL;
    nst_putf(out, "%s=", by_offset ? g->offset : g->page);
    nst_put_int(out, by_offset ? (offset > 0 ? offset : 0) : page->number + steps);
    if (after.p != NULL && g->after != NULL) {
        nst_putf(out, "&%s=", g->after);
        nst_put_percent(out, after, "");
    }
}

static void put_link(struct nst_buf *out, const struct nst_req *rq, const struct nst_page *page,
                     int64_t steps)
{
    nst_put_z(out, out->n > 0 ? ", <" : "<");
    nst_put_page_address(out, rq, page, steps, steps > 0 ? page->after : (struct nst_str){ 0 });
    nst_put_z(out, steps > 0 ? ">; rel=\"next\"" : ">; rel=\"prev\"");
}

void nst_default_paginate(struct nst_req *rq, const struct nst_page *page)
{
    struct nst_buf links;
    int64_t pages = page->found > 0 ? (page->found - 1) / page->limit + 1 : 1;
    nst_buf_init(&links, rq->arena, 65536);
    nst_http_add_header(rq->x, "Total-Count", nst_strf(rq->arena, "%lld", (long long)page->found));
    if (page->offset > 0 && page->number <= pages + 1)
        put_link(&links, rq, page, -1);
    if (page->has_more)
        put_link(&links, rq, page, 1);
    if (links.n > 0)
        nst_http_add_header(rq->x, "Link", nst_buf_str(&links));
}

void nst_paginate_as_face(struct nst_req *rq, const struct nst_page *page)
{
    if (rq->face->paginate != NULL)
        rq->face->paginate(rq, page);
    else
        nst_default_paginate(rq, page);
}

/* ---- Descriptions ---- */

static const struct nst_response nothing[] = { { 204, "Done." }, { 0 } };

const struct nst_description nst_answers_row = { .as = nst_retrieve };
const struct nst_description nst_answers_nothing = { .response = nothing };

/* ---- Permissions ---- */

enum nst_err nst_allow_any(struct nst_req *rq)
{
    (void)rq;
    return NST_OK;
}

enum nst_err nst_is_authenticated(struct nst_req *rq)
{
    return rq->caller.is_known ? NST_OK : NST_E_UNAUTHENTICATED;
}

enum nst_err nst_is_staff(struct nst_req *rq)
{
    NST_TRY(nst_is_authenticated(rq));
    return rq->caller.is_staff || rq->caller.is_superuser ? NST_OK : NST_E_FORBIDDEN;
}
