/* Login sessions: signing in and out, the cookie, and the protection against
 * requests that another site makes a browser send (A15). Also the face that
 * holds these routes. */
#include "internal.h"

#include "nestor/base/random.h"

#include <sodium.h>

#define COOKIE_BYTES 32

nst_view nst_sign_in_gather, nst_sign_in_prepare, nst_sign_in, nst_sign_out, nst_whoami;

/* ---- Cookies ---- */

/* The last of several counts, as in the original. */
struct nst_str nst_cookie(const struct nst_req *rq, const char *name)
{
    struct nst_str rest = nst_http_request_header(rq->x, "Cookie"), found = { 0 };
    while (rest.p != NULL) {
        struct nst_str value = nst_str_cut(&rest, ';'), given = nst_str_cut(&value, '=');
        if (value.p != NULL && nst_str_eq(nst_str_trim(given), nst_str_z(name)))
            found = nst_str_trim(value);
    }
    return found;
}

static void set_cookie(struct nst_req *rq, const char *name, struct nst_str value, int64_t life)
{
    bool is_session = nst_str_eq(nst_str_z(name), NST_STR("sessionid"));
    nst_http_add_header(rq->x, "Set-Cookie",
                        nst_strf(rq->arena, "%s=%.*s; Path=/; Max-Age=%lld; SameSite=Lax%s%s", name,
                                 NST_FMT(value), (long long)life, is_session ? "; HttpOnly" : "",
                                 rq->is_tls ? "; Secure" : ""));
}

void nst_no_store(struct nst_req *rq)
{
    nst_http_add_header(rq->x, "Cache-Control", NST_STR("no-store"));
}

bool nst_same_secret(struct nst_str a, struct nst_str b)
{
    return a.n == b.n && a.n > 0 && sodium_memcmp(a.p, b.p, a.n) == 0;
}

/* ---- The class ---- */

static enum nst_err find_session(struct nst_known *k, struct nst_str *csrf, struct nst_req *rq,
                                 struct nst_str cookie)
{
    struct nst_rows *rows;
    NST_TRY(
        nst_query_with(&rows, rq->db,
                       "SELECT " NST_KNOWN_COLUMNS ", session.csrftoken FROM session "
                       "JOIN account ON account.id = session.account_id "
                       "WHERE session.hash = $1 AND session.expires_at > $2 AND account.is_active",
                       NST_TEXT(nst_secret_hash(rq->arena, cookie)), NST_INT(rq->now)));
    if (nst_rows_step(rows)) {
        nst_known_read(k, rows);
        *csrf = nst_str_copy(rq->arena, nst_rows_text(rows, NST_KNOWN_COUNT));
    }
    return nst_rows_end(rows);
}

static enum nst_err csrf_failed(struct nst_req *rq, struct nst_str why)
{
    return nst_fail_bare(rq, NST_E_FORBIDDEN, "developer_message",
                         nst_strf(rq->arena, "CSRF Failed: %.*s", NST_FMT(why)));
}

/* Over TLS the page that sends must be one of this host. */
static enum nst_err check_referer(struct nst_req *rq)
{
    struct nst_str referer = nst_http_request_header(rq->x, "Referer");
    struct nst_str own = nst_strf(rq->arena, "https://%.*s/", NST_FMT(rq->x->host));
    if (referer.n == 0)
        return csrf_failed(rq, NST_STR("Referer checking failed - no Referer."));
    if (!nst_utf8_valid(referer) || nst_str_find(referer, ':') == referer.n)
        return csrf_failed(rq, NST_STR("Referer checking failed - Referer is malformed."));
    if (!nst_str_starts(referer, NST_STR("https://")))
        return csrf_failed(
            rq, NST_STR("Referer checking failed - Referer is insecure while host is secure."));
    if (!nst_str_starts(nst_strf(rq->arena, "%.*s/", NST_FMT(referer)), own))
        return csrf_failed(
            rq, nst_strf(rq->arena,
                         "Referer checking failed - %.*s does not match any trusted origins.",
                         NST_FMT(referer)));
    return NST_OK;
}

/* The cookie alone proves nothing, since a browser sends it from everywhere; only
 * pages of this host can read it and repeat it in a header. */
static enum nst_err check_csrf(struct nst_req *rq, struct nst_str expected)
{
    struct nst_str cookie = nst_cookie(rq, "csrftoken");
    struct nst_str header = nst_http_request_header(rq->x, "X-CSRFToken");
    if (rq->method == NST_GET || rq->method == NST_OPTIONS)
        return NST_OK;
    if (rq->is_tls)
        NST_TRY(check_referer(rq));
    if (cookie.n == 0)
        return csrf_failed(rq, NST_STR("CSRF cookie not set."));
    if (!nst_same_secret(cookie, header) ||
        !nst_same_secret(nst_secret_hash(rq->arena, cookie), expected))
        return csrf_failed(rq, NST_STR("CSRF token missing or incorrect."));
    return NST_OK;
}

enum nst_err nst_authenticate_session(struct nst_req *rq)
{
    struct nst_str cookie = nst_cookie(rq, "sessionid"), csrf = { 0 };
    if (cookie.n == 0)
        return NST_OK;
    struct nst_known *k = NST_NEW(rq->arena, struct nst_known);
    NST_TRY(find_session(k, &csrf, rq, cookie));
    if (!k->caller.is_known)
        return NST_OK;
    NST_TRY(check_csrf(rq, csrf));
    nst_known_accept(rq, k);
    return NST_OK;
}

/* ---- Signing in ---- */

struct nst_str nst_body_text(const struct nst_req *rq, const char *name)
{
    const struct nst_json *v = nst_json_get(rq->body, nst_str_z(name));
    return nst_json_is_text(v) ? v->text : (struct nst_str){ 0 };
}

struct sign_in {
    struct nst_str username, password, hash;
    int64_t account;
    bool is_right;
};

static enum nst_err refuse(struct nst_req *rq, enum nst_err err, const char *text)
{
    return nst_fail_bare(rq, err, "developer_message", nst_str_z(text));
}

/* A page of another host must not sign a browser in as somebody else. Programs
 * that are no browsers send no Origin. */
static bool is_foreign(struct nst_req *rq)
{
    struct nst_str origin = nst_http_request_header(rq->x, "Origin");
    struct nst_str own = nst_strf(rq->arena, "://%.*s", NST_FMT(rq->x->host));
    return origin.p != NULL && !nst_str_eq(origin, nst_strf(rq->arena, "http%.*s", NST_FMT(own))) &&
           !nst_str_eq(origin, nst_strf(rq->arena, "https%.*s", NST_FMT(own)));
}

enum nst_err nst_sign_in_gather(struct nst_req *rq)
{
    struct sign_in *s = NST_NEW(rq->arena, struct sign_in);
    struct nst_rows *rows;
    rq->prepared = s;
    s->username = nst_body_text(rq, "username");
    s->password = nst_body_text(rq, "password");
    if (is_foreign(rq))
        return refuse(rq, NST_E_FORBIDDEN, "Signing in from another site is not allowed.");
    if (s->username.n == 0 || s->password.n == 0 || s->password.n > NST_PASSWORD_MAX)
        return refuse(rq, NST_E_INVALID, "A username and a password are needed.");
    NST_TRY(nst_attempt_begin(rq, NST_ATTEMPT_USER, s->username));
    NST_TRY(nst_query_with(&rows, rq->db,
                           "SELECT id, password FROM account WHERE username = $1 AND is_active "
                           "AND is_enabled",
                           NST_TEXT(s->username)));
    if (nst_rows_step(rows)) {
        s->account = nst_rows_int(rows, 0);
        s->hash = nst_str_copy(rq->arena, nst_rows_text(rows, 1));
    }
    return nst_rows_end(rows);
}

enum nst_err nst_sign_in_prepare(struct nst_req *rq)
{
    struct sign_in *s = rq->prepared;
    s->is_right = nst_password_verify(s->hash, s->password);
    if (s->is_right)
        nst_attempt_was_right(rq, NST_ATTEMPT_USER, s->username);
    return NST_OK;
}

/* While a password was compared, it may have been replaced: the row decides, which whoever
 * replaces it holds. */
enum nst_err nst_sign_in_note(bool *out, struct nst_db *db, int64_t account, struct nst_str hash,
                              int64_t now)
{
    int64_t changed = 0;
    NST_TRY(nst_exec_with(&changed, db,
                          "UPDATE account SET last_login = $1 WHERE id = $2 AND password = $3 "
                          "AND is_active AND is_enabled",
                          NST_INT(now), NST_INT(account), NST_TEXT(hash)));
    *out = changed > 0;
    return NST_OK;
}

/* Sessions that are over go when a new one comes. */
static enum nst_err open_session(struct nst_req *rq, const struct sign_in *s,
                                 struct nst_str session, struct nst_str csrf)
{
    NST_TRY(nst_exec_with(NULL, rq->db, "DELETE FROM session WHERE expires_at <= $1 OR hash = $2",
                          NST_INT(rq->now),
                          NST_TEXT(nst_secret_hash(rq->arena, nst_cookie(rq, "sessionid")))));
    return nst_exec_with(NULL, rq->db,
                         "INSERT INTO session (hash, account_id, csrftoken, expires_at) "
                         "VALUES ($1, $2, $3, $4)",
                         NST_TEXT(nst_secret_hash(rq->arena, session)), NST_INT(s->account),
                         NST_TEXT(nst_secret_hash(rq->arena, csrf)),
                         NST_INT(rq->now + NST_SESSION_LIFE * NST_SECOND));
}

enum nst_err nst_sign_in(struct nst_req *rq)
{
    const struct sign_in *s = rq->prepared;
    bool is_right = s->is_right;
    if (is_right)
        NST_TRY(nst_sign_in_note(&is_right, rq->db, s->account, s->hash, rq->now));
    if (!is_right)
        return refuse(rq, NST_E_INVALID, "Unable to log in with provided credentials.");
    struct nst_str session = nst_random_hex(rq->arena, COOKIE_BYTES);
    struct nst_str csrf = nst_random_hex(rq->arena, COOKIE_BYTES);
    NST_TRY(open_session(rq, s, session, csrf));
    set_cookie(rq, "sessionid", session, NST_SESSION_LIFE);
    set_cookie(rq, "csrftoken", csrf, NST_SESSION_LIFE);
    nst_no_store(rq);
    nst_put_lit(&rq->x->out, "{\"username\":");
    nst_json_put_str(&rq->x->out, s->username);
    nst_put_lit(&rq->x->out, ",\"csrftoken\":");
    nst_json_put_str(&rq->x->out, csrf);
    nst_put_char(&rq->x->out, '}');
    return nst_answer_json(rq, 200);
}

enum nst_err nst_sign_out(struct nst_req *rq)
{
    struct nst_str cookie = nst_cookie(rq, "sessionid");
    NST_TRY(nst_exec_with(NULL, rq->db, "DELETE FROM session WHERE hash = $1",
                          NST_TEXT(nst_secret_hash(rq->arena, cookie))));
    set_cookie(rq, "sessionid", NST_STR(""), 0);
    set_cookie(rq, "csrftoken", NST_STR(""), 0);
    return nst_answer_empty(rq, 204);
}

enum nst_err nst_whoami(struct nst_req *rq)
{
    struct nst_buf *out = &rq->x->out;
    nst_no_store(rq);
    nst_put_lit(out, "{\"username\":");
    nst_json_put_str(out, rq->caller.name);
    nst_put_lit(out, ",\"is_staff\":");
    nst_json_put_bool(out, rq->caller.is_staff);
    nst_put_lit(out, ",\"is_restricted\":");
    nst_json_put_bool(out, rq->caller.is_restricted);
    nst_put_char(out, '}');
    return nst_answer_json(rq, 200);
}

enum nst_err nst_everybody(struct nst_req *rq)
{
    (void)rq;
    return NST_OK;
}

/* ---- The routes ---- */

static const struct nst_response sign_in_response[] = {
    { 200,
      "A session: cookies, and what X-CSRFToken has to say from now on.",
      { .schema = "{\"type\":\"object\",\"required\":[\"username\",\"csrftoken\"],\"properties\":"
                  "{\"username\":{\"type\":\"string\"},\"csrftoken\":{\"type\":\"string\"}}}" } },
    { 0 },
};

static const struct nst_response sign_out_response[] = { { 204, "The session is over." }, { 0 } };

static const struct nst_response whoami_response[] = {
    { 200,
      "The account.",
      { .schema = "{\"type\":\"object\",\"required\":[\"username\",\"is_staff\","
                  "\"is_restricted\"],\"properties\":{\"username\":{\"type\":\"string\"},"
                  "\"is_staff\":{\"type\":\"boolean\"},\"is_restricted\":{\"type\":"
                  "\"boolean\"}}}" } },
    { 0 },
};

static const struct nst_description sign_in_description = {
    .request = { .schema = "{\"type\":\"object\",\"required\":[\"username\",\"password\"],"
                           "\"properties\":{\"username\":{\"type\":\"string\",\"minLength\":1},"
                           "\"password\":{\"type\":\"string\",\"minLength\":1}}}" },
    .response = sign_in_response,
};
static const struct nst_description sign_out_description = { .response = sign_out_response };
static const struct nst_description whoami_description = { .response = whoami_response };

static const struct nst_route session_route[] = {
    { &nst_accounts_face, "/sign-in/",
      .post = { nst_sign_in, nst_everybody, NST_ANONYMOUS, nst_sign_in_gather, nst_sign_in_prepare,
                .describe = &sign_in_description },
      .doc = "Exchange username and password for a session." },
    { &nst_accounts_face, "/sign-out/",
      .post = { nst_sign_out, nst_everybody, .describe = &sign_out_description },
      .doc = "End the session." },
    { &nst_accounts_face, "/whoami/",
      .get = { nst_whoami, nst_everybody, .describe = &whoami_description },
      .doc = "Whom the credentials belong to." },
};

const struct nst_resource nst_session = {
    .name = "session",
    .table = "session",
    NST_ROUTES(session_route),
    .doc = "A browser that somebody signed in with.",
};
