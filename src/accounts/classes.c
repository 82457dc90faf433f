/* The authentication classes of faces that speak as edX does: JWT, bearer token,
 * login session. The first that recognises its credential decides; every text is
 * a row of section 11 of docs/contracts/enrollments.md. */
#include "internal.h"

/* The words of an Authorization header; a fourth counts as the third. */
struct credential {
    struct nst_str word[3];
    unsigned count;
};

static struct credential read_header(struct nst_req *rq)
{
    struct credential c = { 0 };
    struct nst_str header = nst_http_request_header(rq->x, "Authorization");
    for (size_t from = 0, i = 0; i <= header.n && c.count < 3; i++) {
        bool is_blank = i == header.n || header.p[i] == ' ' || header.p[i] == '\t';
        if (is_blank && i > from)
            c.word[c.count++] = nst_str_slice(header, from, i);
        if (is_blank)
            from = i + 1;
    }
    return c;
}

static enum nst_err refuse(struct nst_req *rq, const char *text)
{
    return nst_fail_bare(rq, NST_E_UNAUTHENTICATED, "developer_message", nst_str_z(text));
}

/* ---- Clients' tokens ---- */

/* A client that is removed takes its tokens along; a token of a client that is not
 * there all the same counts as restricted, one that no client asked for does not. */
#define RESTRICTS "(token.name IS NOT NULL AND coalesce(oauth_client.is_restricted, TRUE))"
#define OF_CLIENT "LEFT JOIN oauth_client ON oauth_client.client_id = token.name "

/* ---- JWT ---- */

/* Deleted accounts are not there; those that are switched off are accepted by all
 * three classes, as in the original. What was signed here is good for the account that it was
 * signed for, whoever has its name by now; it ends as bearer tokens do, and is restricted with its
 * client. */
static enum nst_err find_account(struct nst_known *k, bool *found, struct nst_req *rq,
                                 const struct nst_jwt *jwt)
{
    struct nst_rows *rows;
    if (jwt->id.p == NULL)
        NST_TRY(nst_query_with(&rows, rq->db,
                               "SELECT " NST_KNOWN_COLUMNS ", FALSE FROM account "
                               "WHERE account.username = $1 AND account.is_active",
                               NST_TEXT(jwt->username)));
    else
        NST_TRY(nst_query_with(&rows, rq->db,
                               "SELECT " NST_KNOWN_COLUMNS ", " RESTRICTS " FROM token "
                               "JOIN account ON account.id = token.account_id " OF_CLIENT
                               "WHERE token.hash = $1 AND token.kind = $2 "
                               "AND account.username = $3 AND account.is_active",
                               NST_TEXT(nst_web_token_hash(rq->arena, jwt->id)),
                               NST_INT(NST_TOKEN_BEARER), NST_TEXT(jwt->username)));
    *found = nst_rows_step(rows);
    if (*found) {
        nst_known_read(k, rows);
        k->caller.is_restricted = jwt->is_restricted || nst_rows_bool(rows, NST_KNOWN_COUNT);
    }
    return nst_rows_end(rows);
}

static enum nst_err refuse_jwt(struct nst_req *rq, enum nst_jwt_verdict verdict)
{
    if (verdict == NST_JWT_EXPIRED)
        return refuse(rq, "Signature has expired.");
    if (verdict == NST_JWT_NAMELESS)
        return refuse(rq, "JWT must include a preferred_username or username claim!");
    return refuse(rq, "Incorrect authentication credentials.");
}

/* Verify a token that this loop has not seen yet. */
static enum nst_err learn_jwt(struct nst_known *k, struct nst_req *rq, struct nst_str token)
{
    struct nst_jwt jwt = { 0 };
    bool found = false;
    enum nst_jwt_verdict verdict = nst_jwt_read(&jwt, rq->arena, token, rq->now);
    if (verdict != NST_JWT_GOOD)
        return refuse_jwt(rq, verdict);
    NST_TRY(find_account(k, &found, rq, &jwt));
    if (!found && jwt.id.p != NULL)
        return refuse_jwt(rq, NST_JWT_WRONG);
    if (!found)
        return nst_fail_bare(rq, NST_E_FORBIDDEN, "developer_message",
                             nst_str_z(nst_err_message(NST_E_FORBIDDEN)));
    k->expires = jwt.expires;
    return NST_OK;
}

static enum nst_err authenticate_jwt(struct nst_req *rq, const struct credential *c)
{
    unsigned char digest[NST_SEEN_BYTES];
    if (c->count == 1)
        return refuse(rq, "Invalid Authorization header. No credentials provided.");
    if (c->count > 2)
        return refuse(rq, "Invalid Authorization header. Credentials string should not contain "
                          "spaces.");
    struct nst_str seen_as = nst_seen_as(digest, 'J', c->word[1]);
    unsigned keys = nst_jwt_generation();
    const struct nst_known *cached = nst_cache_get(rq->cache, seen_as);
    bool is_verified = cached != NULL && cached->keys == keys;
    if (is_verified && cached->expires <= rq->now)
        return refuse_jwt(rq, NST_JWT_EXPIRED);
    if (is_verified) {
        nst_known_accept(rq, cached);
        return NST_OK;
    }
    struct nst_known *k = NST_NEW(rq->arena, struct nst_known);
    NST_TRY(learn_jwt(k, rq, c->word[1]));
    k->keys = keys;
    nst_cache_put(rq->cache, seen_as, k, sizeof(*k));
    nst_known_accept(rq, k);
    return NST_OK;
}

/* ---- Bearer tokens ---- */

#define BEARER_FAULT(rq, code, text) \
    nst_fail_bare((rq), NST_E_UNAUTHENTICATED, "developer_message_json", \
                  NST_STR("{\"error_code\":\"" code "\",\"developer_message\":\"" text "\"}"))

static enum nst_err find_bearer(struct nst_known *k, bool *found, struct nst_req *rq,
                                struct nst_str token)
{
    struct nst_rows *rows;
    NST_TRY(nst_query_with(&rows, rq->db,
                           "SELECT " NST_KNOWN_COLUMNS ", token.expires_at, " RESTRICTS
                           " FROM token "
                           "JOIN account ON account.id = token.account_id " OF_CLIENT
                           "WHERE token.hash = $1 AND token.kind = $2 AND account.is_active",
                           NST_TEXT(nst_secret_hash(rq->arena, token)), NST_INT(NST_TOKEN_BEARER)));
    *found = nst_rows_step(rows);
    if (*found) {
        nst_known_read(k, rows);
        k->expires = nst_rows_int(rows, NST_KNOWN_COUNT);
        k->caller.is_restricted = nst_rows_bool(rows, NST_KNOWN_COUNT + 1);
    }
    return nst_rows_end(rows);
}

static enum nst_err accept_bearer(struct nst_req *rq, const struct nst_known *k)
{
    if (k->expires > 0 && k->expires <= rq->now)
        return BEARER_FAULT(rq, "token_expired",
                            "The provided access token has expired and is no longer valid.");
    nst_known_accept(rq, k);
    return NST_OK;
}

static enum nst_err authenticate_bearer(struct nst_req *rq, struct nst_str token)
{
    unsigned char digest[NST_SEEN_BYTES];
    bool found = false;
    struct nst_str seen_as = nst_seen_as(digest, 'B', token);
    const struct nst_known *cached = nst_cache_get(rq->cache, seen_as);
    if (cached != NULL)
        return accept_bearer(rq, cached);
    struct nst_known *k = NST_NEW(rq->arena, struct nst_known);
    NST_TRY(find_bearer(k, &found, rq, token));
    if (!found)
        return BEARER_FAULT(rq, "token_nonexistent",
                            "The provided access token does not match any valid tokens.");
    nst_cache_put(rq->cache, seen_as, k, sizeof(*k));
    return accept_bearer(rq, k);
}

/* A12 to A14: the shape of the header is judged before its scheme. */
static enum nst_err authenticate_other(struct nst_req *rq, const struct credential *c)
{
    if (c->count == 1)
        return BEARER_FAULT(rq, "token_not_provided",
                            "Invalid token header. No credentials provided.");
    if (c->count > 2)
        return BEARER_FAULT(rq, "token_malformed",
                            "Invalid token header. Token string should not contain spaces.");
    if (nst_str_eq_nocase(c->word[0], NST_STR("Bearer")))
        return authenticate_bearer(rq, c->word[1]);
    return NST_OK;
}

enum nst_err nst_authenticate_edx(struct nst_req *rq)
{
    const struct credential c = read_header(rq);
    if (c.count > 0 && nst_str_eq_nocase(c.word[0], NST_STR("JWT")))
        return authenticate_jwt(rq, &c);
    if (c.count > 0)
        NST_TRY(authenticate_other(rq, &c));
    if (!rq->caller.is_known)
        NST_TRY(nst_authenticate_session(rq));
    if (!rq->caller.is_known)
        return refuse(rq, "Authentication credentials were not provided.");
    return NST_OK;
}

/* ---- Errors ---- */

#define JSON_MARK "_json"

static void put_problem(struct nst_buf *out, const struct nst_problem *p)
{
    bool is_json = nst_str_ends(p->key, NST_STR(JSON_MARK));
    struct nst_str key = nst_str_slice(p->key, 0, p->key.n - (is_json ? sizeof(JSON_MARK) - 1 : 0));
    if (nst_str_eq(key, NST_STR("detail")))
        key = NST_STR("developer_message");
    nst_put_char(out, out->n == 0 ? '{' : ',');
    nst_json_put_str(out, key);
    nst_put_char(out, ':');
    if (is_json)
        nst_put(out, p->text);
    else
        nst_json_put_str(out, p->text);
}

/* T13: no 401 carries WWW-Authenticate. */
void nst_edx_error(struct nst_req *rq, enum nst_err err)
{
    struct nst_exchange *x = rq->x;
    const struct nst_problem plain = { .key = NST_STR("developer_message"),
                                       .text = nst_str_z(nst_err_message(err)) };
    x->status = nst_err_status(err);
    x->content_type = NST_STR("application/json");
    for (const struct nst_problem *p = rq->problem != NULL ? rq->problem : &plain; p != NULL;
         p = p->next)
        put_problem(&x->out, p);
    nst_put_char(&x->out, '}');
}

void nst_edx_paginate(struct nst_req *rq, const struct nst_page *page)
{
    (void)rq;
    (void)page;
}
