/* The administrators' view of tokens (G26, G86): derived anew, stored nowhere. */
#include "user.h"
#include "views.h"

#include "ocl/app.h"

static void put_token(struct nst_req *rq, struct nst_rows *rows)
{
    struct nst_buf *out = &rq->x->out;
    nst_put_lit(out, "{\"user\":");
    nst_json_put_str(out, nst_rows_text(rows, 1));
    nst_put_lit(out, ",\"key\":");
    nst_json_put_str(out,
                     nst_token_derive(rq->arena, nst_rows_int(rows, 0), nst_rows_int(rows, 2)));
    nst_put_lit(out, ",\"created\":\"");
    nst_put_time(out, nst_rows_int(rows, 3), rq->face->time);
    nst_put_lit(out, "\"}");
}

#define TOKENS \
    "SELECT account.id, account.username, account.token_serial, token.created_at, " \
    "account.is_superuser FROM account JOIN token ON token.account_id = account.id " \
    "AND token.kind = 0 WHERE account.is_active "
#define TOKENS_PAGE 1000

#define TOKEN_SCHEMA \
    "{\"type\":\"object\",\"required\":[\"user\",\"key\",\"created\"],\"properties\":{" \
    "\"user\":{\"type\":\"string\"},\"key\":{\"type\":\"string\"}," \
    "\"created\":{\"type\":\"string\"}}}"

static const struct nst_parameter list_parameter[] = {
    { "after", "{\"type\":\"integer\"}", "Number of the user behind whom to go on." },
    { 0 },
};

static const struct nst_response list_response[] = {
    { 200, "Tokens.", { .schema = "{\"type\":\"array\",\"items\":" TOKEN_SCHEMA "}" } },
    { 0 },
};

static const struct nst_response detail_response[] = {
    { 200, "The token.", { .schema = TOKEN_SCHEMA } },
    { 0 },
};

const struct nst_description ocl_token_list_description = { .parameter = list_parameter,
                                                            .response = list_response };
const struct nst_description ocl_token_description = { .response = detail_response };

/* A superuser's token opens what staff may not open: superusers alone see it (X81). */
enum nst_err ocl_token_list(struct nst_req *rq)
{
    int64_t after = -1;
    struct nst_rows *rows;
    nst_no_store(rq);
    nst_put_char(&rq->x->out, '[');
    nst_str_int(&after, nst_query_value(rq, "after"));
    NST_TRY(nst_query_with(&rows, rq->db,
                           TOKENS "AND account.id > $1 AND ($2 OR NOT account.is_superuser) "
                                  "ORDER BY account.id LIMIT $3",
                           NST_INT(after), NST_BOOL(rq->caller.is_superuser),
                           NST_INT(TOKENS_PAGE)));
    while (nst_rows_step(rows)) {
        if (rq->x->out.p[rq->x->out.n - 1] != '[')
            nst_put_char(&rq->x->out, ',');
        put_token(rq, rows);
    }
    NST_TRY(nst_rows_end(rows));
    nst_put_char(&rq->x->out, ']');
    NST_TRY(nst_audit(rq, &(struct nst_act){ .name = "token.read", .on = NST_STR("/users/") }));
    return nst_answer_json(rq, 200);
}

enum nst_err ocl_token_detail(struct nst_req *rq)
{
    struct nst_rows *rows;
    nst_no_store(rq);
    NST_TRY(
        nst_query_with(&rows, rq->db, TOKENS "AND account.username = $1", NST_TEXT(rq->var[0])));
    if (!nst_rows_step(rows))
        nst_rows_fail(rows, NST_E_NOT_FOUND);
    else if (nst_rows_bool(rows, 4) && !rq->caller.is_superuser)
        nst_rows_fail(rows, NST_E_FORBIDDEN);
    else
        put_token(rq, rows);
    NST_TRY(nst_rows_end(rows));
    NST_TRY(ocl_user_audit(rq, "token.read", rq->var[0]));
    return nst_answer_json(rq, 200);
}

/* ---- The tokens beside a user's own (X9) ---- */

/* The account that the path names; a superuser's is for superusers. */
static enum nst_err find_owner(int64_t *account, struct nst_req *rq)
{
    struct nst_rows *rows;
    NST_TRY(nst_query_with(&rows, rq->db,
                           "SELECT id, is_superuser FROM account "
                           "WHERE username = $1 AND is_active",
                           NST_TEXT(rq->var[0])));
    if (!nst_rows_step(rows))
        nst_rows_fail(rows, NST_E_NOT_FOUND);
    else if (nst_rows_bool(rows, 1) && !rq->caller.is_superuser)
        nst_rows_fail(rows, NST_E_FORBIDDEN);
    else
        *account = nst_rows_int(rows, 0);
    return nst_rows_end(rows);
}

static const struct nst_response named_response[] = {
    { 200,
      "Tokens, without their secrets.",
      { .schema = "{\"type\":\"array\",\"items\":{\"type\":\"object\",\"required\":[\"name\","
                  "\"kind\",\"created\",\"expires\"],\"properties\":{\"name\":{\"type\":"
                  "\"string\"},\"kind\":{\"type\":\"string\"},\"created\":{\"type\":"
                  "\"string\"},\"expires\":{\"type\":[\"string\",\"null\"]}}}}" } },
    { 0 },
};

const struct nst_description ocl_named_description = { .response = named_response };

static void put_named(void *arg, const struct nst_token_shown *t)
{
    struct nst_req *rq = arg;
    struct nst_buf *out = &rq->x->out;
    nst_put_z(out, out->p[out->n - 1] == '[' ? "" : ",");
    nst_put_lit(out, "{\"name\":");
    nst_json_put_str(out, t->name);
    nst_putf(out, ",\"kind\":\"%s\",\"created\":\"", nst_token_kind_name(t->kind));
    nst_put_time(out, t->created, rq->face->time);
    nst_put_lit(out, "\",\"expires\":");
    if (t->expires == 0) {
        nst_put_lit(out, "null}");
        return;
    }
    nst_put_char(out, '"');
    nst_put_time(out, t->expires, rq->face->time);
    nst_put_lit(out, "\"}");
}

enum nst_err ocl_named_list(struct nst_req *rq)
{
    int64_t account = 0;
    NST_TRY(find_owner(&account, rq));
    nst_put_char(&rq->x->out, '[');
    NST_TRY(nst_tokens_each(rq->db, account, put_named, rq));
    nst_put_char(&rq->x->out, ']');
    return nst_answer_json(rq, 200);
}

enum nst_err ocl_named_end(struct nst_req *rq)
{
    int64_t account = 0;
    NST_TRY(find_owner(&account, rq));
    NST_TRY(nst_token_end(rq->db, account, rq->var[1]));
    NST_TRY(nst_audit(rq, &(struct nst_act){
                              .name = "token.end",
                              .on = nst_strf(rq->arena, "/users/%.*s/", NST_FMT(rq->var[0])),
                              .before = nst_audit_member(rq->arena, "name", rq->var[1]) }));
    return nst_answer_empty(rq, 204);
}
