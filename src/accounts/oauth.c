/* The token endpoint of OAuth 2 (RFC 6749, 4.4): registered clients exchange id
 * and secret for an opaque bearer token, or for a JWT. A client's secret is
 * random, so that its SHA-256 is hash enough. */
#include "internal.h"

#include "nestor/base/random.h"

#include <sodium.h>

#define CLIENT_ID_MAX 255
#define BEARER_BYTES  32
#define BEARER_LIFE   INT64_C(36000) /* seconds: ten hours */
#define JWT_LIFE      INT64_C(3600)
#define KEPT          INT64_C(86400) /* how long an expired token is still called expired */

nst_view nst_access_token_view;

/* ---- Clients ---- */

enum nst_err nst_client_add(struct nst_db *db, const struct nst_client *client)
{
    struct nst_arena *a = nst_arena_new(1024);
    enum nst_err e = nst_exec_with(
        NULL, db,
        "INSERT INTO oauth_client (client_id, secret_hash, account_id, is_restricted, created_at) "
        "VALUES ($1, $2, $3, $4, $5)",
        NST_TEXT(client->id), NST_TEXT(nst_secret_hash(a, client->secret)),
        NST_INT(client->account), NST_BOOL(client->is_restricted), NST_INT(client->created));
    nst_arena_free(a);
    return e;
}

/* After the client's row was changed, for which who fetches one meanwhile has been waited. */
enum nst_err nst_client_end_tokens(struct nst_db *db, struct nst_str id)
{
    return nst_exec_with(NULL, db, "DELETE FROM token WHERE kind = $1 AND name = $2",
                         NST_INT(NST_TOKEN_BEARER), NST_TEXT(id));
}

enum nst_err nst_client_remove(struct nst_db *db, struct nst_str id)
{
    int64_t changed = 0;
    NST_TRY(
        nst_exec_with(&changed, db, "DELETE FROM oauth_client WHERE client_id = $1", NST_TEXT(id)));
    NST_TRY(nst_client_end_tokens(db, id));
    return changed > 0 ? NST_OK : NST_E_NOT_FOUND;
}

enum nst_err nst_client_rotate(struct nst_db *db, struct nst_str id, struct nst_str secret)
{
    struct nst_arena *a = nst_arena_new(1024);
    int64_t changed = 0;
    enum nst_err e =
        nst_exec_with(&changed, db, "UPDATE oauth_client SET secret_hash = $1 WHERE client_id = $2",
                      NST_TEXT(nst_secret_hash(a, secret)), NST_TEXT(id));
    nst_arena_free(a);
    NST_TRY(e);
    NST_TRY(nst_client_end_tokens(db, id));
    return changed > 0 ? NST_OK : NST_E_NOT_FOUND;
}

/* A basic credential separates id and secret by a colon: an id has none. */
const char *nst_client_id_fault(struct nst_str id)
{
    bool is_good = id.n > 0 && id.n <= CLIENT_ID_MAX;
    for (size_t i = 0; i < id.n; i++)
        is_good = is_good && id.p[i] > ' ' && id.p[i] <= '~' && id.p[i] != ':';
    if (!is_good)
        return "the client's id is wanted: printable characters without blanks and colons";
    return nst_str_is_segment(id) ? NULL
                                  : ". and .. are no ids: a URL with one means another resource";
}

enum nst_err nst_clients_each(struct nst_db *db, struct nst_str id, nst_client_sink *sink,
                              void *arg)
{
    struct nst_rows *rows;
    NST_TRY(nst_query_with(&rows, db,
                           "SELECT oauth_client.client_id, account.username, "
                           "oauth_client.is_restricted, oauth_client.created_at FROM oauth_client "
                           "JOIN account ON account.id = oauth_client.account_id "
                           "WHERE CAST($1 AS text) IS NULL OR oauth_client.client_id = $1 "
                           "ORDER BY oauth_client.client_id",
                           NST_TEXT(id)));
    while (nst_rows_step(rows)) {
        const struct nst_client_shown shown = { .id = nst_rows_text(rows, 0),
                                                .username = nst_rows_text(rows, 1),
                                                .is_restricted = nst_rows_bool(rows, 2),
                                                .created = nst_rows_int(rows, 3) };
        sink(arg, &shown);
    }
    return nst_rows_end(rows);
}

/* ---- The endpoint ---- */

static enum nst_err refuse(struct nst_req *rq, enum nst_err err, const char *code)
{
    return nst_fail_bare(rq, err, "error", nst_str_z(code));
}

/* Half of a Basic credential: form-encoded within (RFC 6749, 2.3.1). */
static struct nst_str half_of(struct nst_req *rq, struct nst_str half)
{
    struct nst_str text = nst_percent_decode(rq->arena, half, true);
    bool is_text = half.p != NULL && nst_utf8_valid(text) && nst_str_find(text, '\0') == text.n;
    return is_text ? text : (struct nst_str){ 0 };
}

/* Id and secret as the client shows them: in a Basic header, which counts when it is
 * there, or in the body. Null where there is none. */
static void read_credential(struct nst_str *id, struct nst_str *secret, struct nst_req *rq)
{
    if (nst_basic_read(id, secret, rq)) {
        *id = half_of(rq, *id);
        *secret = half_of(rq, *secret);
        return;
    }
    *id = nst_body_text(rq, "client_id");
    *secret = nst_body_text(rq, "client_secret");
}

/* A client as it was found: whom it speaks for. */
struct speaker {
    struct nst_str id;
    struct nst_jwt jwt; /* name and restriction */
    int64_t account;
};

/* RFC 6749, 5.2: who tried Basic is told that Basic is right. */
static enum nst_err refuse_client(struct nst_req *rq)
{
    struct nst_str name, secret;
    if (nst_basic_read(&name, &secret, rq))
        nst_http_add_header(rq->x, "WWW-Authenticate", NST_STR("Basic realm=\"nestor\""));
    return refuse(rq, NST_E_UNAUTHENTICATED, "invalid_client");
}

static enum nst_err load_client(struct speaker *s, struct nst_str *hash, struct nst_req *rq,
                                bool is_held)
{
    struct nst_sql q;
    struct nst_rows *rows;
    nst_sql_init(&q, rq->arena);
    nst_sql_add(&q, "SELECT oauth_client.secret_hash, oauth_client.is_restricted, "
                    "account.id, account.username FROM account "
                    "JOIN oauth_client ON account.id = oauth_client.account_id "
                    "WHERE account.is_active AND account.is_enabled "
                    "AND oauth_client.client_id = ");
    nst_sql_bind(&q, NST_TEXT(s->id));
    if (is_held) {
        nst_sql_hold(&q, rq->db, "account");
        nst_sql_hold(&q, rq->db, "oauth_client");
    }
    NST_TRY(nst_sql_query(&rows, rq->db, &q));
    if (nst_rows_step(rows)) {
        *hash = nst_str_copy(rq->arena, nst_rows_text(rows, 0));
        s->jwt.is_restricted = nst_rows_bool(rows, 1);
        s->account = nst_rows_int(rows, 2);
        s->jwt.username = nst_str_copy(rq->arena, nst_rows_text(rows, 3));
    }
    return nst_rows_end(rows);
}

static enum nst_err compare(struct speaker *s, struct nst_req *rq, struct nst_str secret,
                            bool is_held)
{
    struct nst_str hash = { 0 };
    NST_TRY(load_client(s, &hash, rq, is_held));
    return nst_same_secret(secret, hash) ? NST_OK : refuse_client(rq);
}

/* Who does not know the secret holds nothing. Who does holds account and client: who switches off,
 * rotates or removes waits until the token is there, and ends it; or comes first, and is seen by
 * the second look. */
static enum nst_err find_client(struct speaker *s, struct nst_req *rq)
{
    struct nst_str secret;
    read_credential(&s->id, &secret, rq);
    if (s->id.p == NULL || secret.p == NULL)
        return refuse_client(rq);
    NST_TRY(nst_attempt_begin(rq, NST_ATTEMPT_CLIENT, s->id));
    secret = nst_secret_hash(rq->arena, secret);
    NST_TRY(compare(s, rq, secret, false));
    NST_TRY(compare(s, rq, secret, true));
    nst_attempt_was_right(rq, NST_ATTEMPT_CLIENT, s->id);
    return NST_OK;
}

/* Both kinds leave a row, by which they end: a web token that of its id. */
static enum nst_err store(struct nst_req *rq, const struct speaker *s, struct nst_str hash,
                          int64_t life)
{
    NST_TRY(nst_exec_with(
        NULL, rq->db, "DELETE FROM token WHERE account_id = $1 AND kind = $2 AND expires_at < $3",
        NST_INT(s->account), NST_INT(NST_TOKEN_BEARER), NST_INT(rq->now - KEPT * NST_SECOND)));
    const struct nst_token t = {
        .account = s->account,
        .kind = NST_TOKEN_BEARER,
        .name = s->id,
        .expires = rq->now + life * NST_SECOND,
    };
    return nst_token_store_hash(rq->db, &t, hash, rq->now);
}

static enum nst_err make_bearer(struct nst_str *out, struct nst_req *rq, const struct speaker *s)
{
    *out = nst_random_hex(rq->arena, BEARER_BYTES);
    return store(rq, s, nst_secret_hash(rq->arena, *out), BEARER_LIFE);
}

static enum nst_err make_jwt(struct nst_str *out, struct nst_req *rq, struct speaker *s)
{
    s->jwt.id = nst_random_hex(rq->arena, NST_WEB_TOKEN_ID / 2);
    *out = nst_jwt_sign(rq->arena, nst_jwt_claims(rq->arena, &s->jwt, rq->now, JWT_LIFE));
    if (out->p != NULL)
        return store(rq, s, nst_web_token_hash(rq->arena, s->jwt.id), JWT_LIFE);
    nst_add_problem(rq, NST_STR("error"), NST_STR("invalid_request"), false);
    return nst_fail_bare(rq, NST_E_INVALID, "error_description",
                         NST_STR("This server has no secret to sign web tokens with."));
}

static enum nst_err answer(struct nst_req *rq, struct nst_str token, bool is_jwt)
{
    struct nst_buf *out = &rq->x->out;
    nst_no_store(rq);
    nst_http_add_header(rq->x, "Pragma", NST_STR("no-cache"));
    nst_put_lit(out, "{\"access_token\":");
    nst_json_put_str(out, token);
    nst_putf(out, ",\"expires_in\":%lld,\"token_type\":\"%s\",\"scope\":\"read write\"}",
             (long long)(is_jwt ? JWT_LIFE : BEARER_LIFE), is_jwt ? "JWT" : "Bearer");
    return nst_answer_json(rq, 200);
}

enum nst_err nst_access_token_view(struct nst_req *rq)
{
    struct speaker speaker = { 0 };
    struct nst_str token = { 0 };
    bool is_jwt = nst_str_eq_nocase(nst_body_text(rq, "token_type"), NST_STR("jwt"));
    if (!nst_str_eq(nst_body_text(rq, "grant_type"), NST_STR("client_credentials")))
        return refuse(rq, NST_E_INVALID, "unsupported_grant_type");
    NST_TRY(find_client(&speaker, rq));
    NST_TRY(is_jwt ? make_jwt(&token, rq, &speaker) : make_bearer(&token, rq, &speaker));
    return answer(rq, token, is_jwt);
}

/* ---- Faces ---- */

static enum nst_err authenticate(struct nst_req *rq)
{
    return nst_allows_anonymous(rq) ? NST_OK : nst_authenticate_edx(rq);
}

/* A browser names HTML first and reads JSON, too. */
static enum nst_err negotiate(struct nst_req *rq)
{
    return nst_accepts_html(rq->x) ? NST_OK : nst_phase_negotiate(rq);
}

#define BODY_MAX 16384

/* What a route allows is no secret: OPTIONS is answered without credentials. */
static nst_phase *const phases[] = {
    nst_phase_method, nst_phase_authenticate, negotiate, nst_phase_permit,
    nst_phase_bind,   nst_phase_view,         NULL,
};

const struct nst_face nst_accounts_face = {
    .name = "accounts",
    .mount = "/accounts",
    .doc = "Signing in and out.",
    .phase = phases,
    .authenticate = authenticate,
    .error = nst_edx_error,
    .error_schema = NST_EDX_ERROR,
    .paginate = nst_edx_paginate,
    .text = &nst_default_texts,
    .ignores_slash = true,
    .body_limit = BODY_MAX,
    .credentials = "jwt bearer session",
};

const struct nst_face nst_oauth2_face = {
    .name = "oauth2",
    .mount = "/oauth2",
    .doc = "Access tokens for registered clients.",
    .phase = phases,
    .error = nst_edx_error,
    .error_schema = NST_EDX_ERROR,
    .paginate = nst_edx_paginate,
    .text = &nst_default_texts,
    .ignores_slash = true,
    .body_limit = BODY_MAX,
};

static const struct nst_response token_response[] = {
    { 200,
      "A token.",
      { .schema = "{\"type\":\"object\",\"required\":[\"access_token\",\"expires_in\","
                  "\"token_type\",\"scope\"],\"properties\":{\"access_token\":{\"type\":"
                  "\"string\"},\"expires_in\":{\"type\":\"integer\"},\"token_type\":{\"type\":"
                  "\"string\",\"enum\":[\"JWT\",\"Bearer\"]},\"scope\":{\"type\":\"string\"}}}" } },
    { 401,
      "No such client, or not its secret.",
      { .schema = "{\"$ref\":\"#/components/schemas/oauth2.Error\"}" } },
    { 0 },
};

static const struct nst_description token_description = {
    .request = { .media = "application/x-www-form-urlencoded",
                 .schema = "{\"type\":\"object\",\"required\":[\"grant_type\"],\"properties\":{"
                           "\"grant_type\":{\"type\":\"string\",\"const\":"
                           "\"client_credentials\"},\"client_id\":{\"type\":\"string\"},"
                           "\"client_secret\":{\"type\":\"string\"},\"token_type\":{\"type\":"
                           "\"string\",\"enum\":[\"bearer\",\"jwt\"]}}}" },
    .response = token_response,
};

static const struct nst_route token_route[] = {
    { &nst_oauth2_face, "/access_token/",
      .post = { nst_access_token_view, nst_everybody, NST_ANONYMOUS,
                .describe = &token_description },
      .doc = "Exchange a client's id and secret, in the body or as HTTP Basic, for a token." },
};

const struct nst_resource nst_access_token = {
    .name = "access_token",
    .table = "token",
    NST_ROUTES(token_route),
    .doc = "What a client shows instead of its secret.",
};
