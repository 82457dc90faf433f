/* One-time sign-in links: what a first administrator is given. The code stands in the
 * query, which no log holds. Opening the link changes nothing, since programs that look
 * at addresses do so as well; a button posts the code, which is used up then. */
#include "internal.h"

#include "nestor/base/random.h"

nst_view nst_link_page, nst_link_use;

/* ---- Codes: the code itself is nowhere ---- */

enum nst_err nst_sign_in_make(struct nst_str *code, struct nst_db *db, struct nst_arena *a,
                              int64_t account, int64_t expires)
{
    *code = nst_random_hex(a, NST_TOKEN_CHARS / 2);
    NST_TRY(
        nst_exec_with(NULL, db, "DELETE FROM sign_in WHERE expires_at <= $1", NST_INT(nst_now())));
    return nst_exec_with(NULL, db,
                         "INSERT INTO sign_in (hash, account_id, expires_at) VALUES ($1, $2, $3)",
                         NST_TEXT(nst_secret_hash(a, *code)), NST_INT(account), NST_INT(expires));
}

enum nst_err nst_sign_in_use(int64_t *account, struct nst_db *db, struct nst_str code, int64_t now)
{
    struct nst_arena *a = nst_arena_new(1024);
    struct nst_sql q;
    *account = 0;
    nst_sql_init(&q, a);
    nst_sql_add(&q, "DELETE FROM sign_in WHERE hash = ");
    nst_sql_bind(&q, NST_TEXT(nst_secret_hash(a, code)));
    nst_sql_add(&q, " AND expires_at > ");
    nst_sql_bind(&q, NST_INT(now));
    nst_sql_add(&q, " RETURNING account_id");
    enum nst_err e = nst_sql_int(account, NULL, db, &q);
    nst_arena_free(a);
    return e;
}

/* ---- Pages ---- */

/* No script, no frame, nothing from elsewhere; the address, which holds the code, goes
 * nowhere. */
static enum nst_err answer_page(struct nst_req *rq, unsigned status)
{
    rq->x->status = status;
    rq->x->content_type = NST_STR("text/html; charset=utf-8");
    nst_no_store(rq);
    nst_http_add_header(rq->x, "Content-Security-Policy",
                        NST_STR("default-src 'none'; form-action 'self'; base-uri 'none'; "
                                "frame-ancestors 'none'"));
    nst_http_add_header(rq->x, "Referrer-Policy", NST_STR("no-referrer"));
    nst_http_add_header(rq->x, "X-Content-Type-Options", NST_STR("nosniff"));
    nst_put_lit(&rq->x->out, "</body>\n</html>\n");
    return NST_OK;
}

static struct nst_buf *begin_page(struct nst_req *rq)
{
    nst_put_lit(&rq->x->out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\">"
                             "<title>Sign in</title></head>\n<body>\n<h1>Sign in</h1>\n");
    return &rq->x->out;
}

enum nst_err nst_link_page(struct nst_req *rq)
{
    struct nst_buf *out = begin_page(rq);
    nst_put_lit(out, "<p>This link works once, for a day at most. The button shows the token that "
                     "it stands for.</p>\n<form method=\"post\" action=\"/accounts/link/\">"
                     "<input type=\"hidden\" name=\"code\" value=\"");
    nst_put_html(out, nst_query_value(rq, "code"));
    nst_put_lit(out, "\"><button>Show my token</button></form>\n");
    return answer_page(rq, 200);
}

/* ---- Using a code ---- */

/* Whom a code lets in. */
struct guest {
    int64_t account, serial;
    struct nst_str username;
};

static enum nst_err find_guest(struct guest *g, struct nst_req *rq)
{
    struct nst_rows *rows;
    struct nst_str code = nst_body_text(rq, "code");
    if (code.p == NULL)
        return NST_OK;
    NST_TRY(nst_sign_in_use(&g->account, rq->db, code, rq->now));
    NST_TRY(nst_query_with(&rows, rq->db,
                           "SELECT username, token_serial FROM account "
                           "WHERE id = $1 AND is_active AND is_enabled",
                           NST_INT(g->account)));
    if (nst_rows_step(rows)) {
        g->username = nst_str_copy(rq->arena, nst_rows_text(rows, 0));
        g->serial = nst_rows_int(rows, 1);
    }
    return nst_rows_end(rows);
}

#define UNKNOWN "This link is unknown, used or expired."

static enum nst_err refuse(struct nst_req *rq)
{
    if (!nst_accepts_html(rq->x))
        return nst_fail_bare(rq, NST_E_NOT_FOUND, "detail", NST_STR(UNKNOWN));
    nst_put_lit(begin_page(rq), "<p>" UNKNOWN "</p>\n");
    return answer_page(rq, 404);
}

enum nst_err nst_link_use(struct nst_req *rq)
{
    struct guest g = { 0 };
    NST_TRY(find_guest(&g, rq));
    if (g.username.p == NULL)
        return refuse(rq);
    struct nst_str token = nst_token_derive(rq->arena, g.account, g.serial);
    if (nst_accepts_html(rq->x)) {
        struct nst_buf *page = begin_page(rq);
        nst_put_lit(page, "<p>The token of ");
        nst_put_html(page, g.username);
        nst_putf(page, ", to be kept as a password is: <code>%.*s</code></p>\n", NST_FMT(token));
        return answer_page(rq, 200);
    }
    nst_no_store(rq);
    nst_put_lit(&rq->x->out, "{\"username\":");
    nst_json_put_str(&rq->x->out, g.username);
    nst_put_lit(&rq->x->out, ",\"token\":");
    nst_json_put_str(&rq->x->out, token);
    nst_put_char(&rq->x->out, '}');
    return nst_answer_json(rq, 200);
}

static const struct nst_parameter page_parameter[] = {
    { "code", NULL, "What the link holds." },
    { 0 },
};

static const struct nst_response page_response[] = {
    { 200, "A page with a button.", { .media = "text/html", .schema = "{\"type\":\"string\"}" } },
    { 0 },
};

static const struct nst_response use_response[] = {
    { 200,
      "Whom the code lets in.",
      { .schema = "{\"type\":\"object\",\"required\":[\"username\",\"token\"],\"properties\":{"
                  "\"username\":{\"type\":\"string\"},\"token\":{\"type\":\"string\"}}}" } },
    { 404, UNKNOWN, { .schema = "{\"$ref\":\"#/components/schemas/accounts.Error\"}" } },
    { 0 },
};

static const struct nst_description page_description = { .parameter = page_parameter,
                                                         .response = page_response };
static const struct nst_description use_description = {
    .request = { .schema = "{\"type\":\"object\",\"required\":[\"code\"],\"properties\":{\"code\":"
                           "{\"type\":\"string\"}}}" },
    .response = use_response,
};

static const struct nst_route link_route[] = {
    { &nst_accounts_face, "/link/",
      .get = { nst_link_page, nst_everybody, NST_ANONYMOUS, .describe = &page_description },
      .post = { nst_link_use, nst_everybody, NST_ANONYMOUS, .describe = &use_description },
      .doc = "A one-time sign-in link: a page with a button that posts its `code`, for which "
             "name and token of its user are answered." },
};

const struct nst_resource nst_link = {
    .name = "link",
    .table = "sign_in",
    NST_ROUTES(link_route),
    .doc = "What lets somebody in once.",
};
