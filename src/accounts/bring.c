/* Credentials that an operator brings along instead of making them here: tokens,
 * sessions, clients and passwords of fixture documents. Each call tells whether it
 * changed anything, so that a document can be loaded again. */
#include "internal.h"

#include <assert.h>

/* ---- Bearer tokens ---- */

/* What is given, and how each token is stored. */
struct bearers {
    const struct nst_bearers *given;
    int64_t account;
    struct nst_str hash[NST_BEARERS_MAX];
};

static bool has(const struct bearers *b, struct nst_str hash, int64_t expires)
{
    for (size_t i = 0; i < b->given->count; i++)
        if (nst_str_eq(b->hash[i], hash) && b->given->list[i].expires == expires)
            return true;
    return false;
}

#define OWN_BEARERS \
    "FROM token WHERE account_id = $1 AND kind = $2 AND name IS NULL " \
    "AND (expires_at IS NOT NULL) = $3"

static enum nst_err is_same(bool *out, struct nst_db *db, const struct bearers *b)
{
    struct nst_rows *rows;
    size_t found = 0;
    *out = true;
    NST_TRY(nst_query_with(&rows, db, "SELECT hash, expires_at " OWN_BEARERS, NST_INT(b->account),
                           NST_INT(NST_TOKEN_BEARER), NST_BOOL(b->given->expire)));
    while (nst_rows_step(rows)) {
        *out &= has(b, nst_rows_text(rows, 0), nst_rows_int(rows, 1));
        found++;
    }
    enum nst_err e = nst_rows_end(rows);
    *out &= found == b->given->count;
    return e;
}

static enum nst_err replace(struct nst_db *db, const struct bearers *b)
{
    int64_t now = nst_now();
    NST_TRY(nst_exec_with(NULL, db, "DELETE " OWN_BEARERS, NST_INT(b->account),
                          NST_INT(NST_TOKEN_BEARER), NST_BOOL(b->given->expire)));
    for (size_t i = 0; i < b->given->count; i++) {
        struct nst_token t = b->given->list[i];
        bool taken = false;
        NST_TRY(nst_exists_with(&taken, db, "SELECT 1 FROM token WHERE hash = $1",
                                NST_TEXT(b->hash[i])));
        if (taken)
            return NST_E_CONFLICT;
        t.account = b->account;
        t.kind = NST_TOKEN_BEARER;
        NST_TRY(nst_token_store(db, &t, now));
    }
    return NST_OK;
}

enum nst_err nst_bearers_put(enum nst_put *out, struct nst_db *db, int64_t account,
                             const struct nst_bearers *given)
{
    struct nst_arena *a = nst_arena_new(4096);
    struct bearers b = { .given = given, .account = account };
    bool same = false;
    assert(given->count <= NST_BEARERS_MAX);
    for (size_t i = 0; i < given->count; i++)
        b.hash[i] = nst_secret_hash(a, given->list[i].token);
    enum nst_err e = is_same(&same, db, &b);
    if (e == NST_OK && !same)
        e = replace(db, &b);
    *out = same ? NST_PUT_SAME : NST_PUT_CHANGED;
    nst_arena_free(a);
    return e;
}

/* ---- Sessions ---- */

/* s has the hashes of both secrets. */
static enum nst_err write_session(enum nst_put *out, struct nst_db *db,
                                  const struct nst_session_given *s)
{
    struct nst_rows *rows;
    bool same = false;
    int64_t expires = s->expires;
    NST_TRY(nst_query_with(&rows, db,
                           "SELECT account_id, csrftoken, expires_at FROM session WHERE hash = $1",
                           NST_TEXT(s->session)));
    bool has_row = nst_rows_step(rows);
    if (has_row) {
        expires = expires != 0 ? expires : nst_rows_int(rows, 2);
        same = nst_rows_int(rows, 0) == s->account && nst_rows_int(rows, 2) == expires &&
               nst_str_eq(nst_rows_text(rows, 1), s->csrftoken);
    }
    enum nst_err e = nst_rows_end(rows);
    *out = same ? NST_PUT_SAME : has_row ? NST_PUT_CHANGED : NST_PUT_MADE;
    if (e != NST_OK || same)
        return e;
    if (expires == 0)
        expires = nst_now() + NST_SESSION_LIFE * NST_SECOND;
    return nst_exec_with(NULL, db,
                         "INSERT INTO session (hash, account_id, csrftoken, expires_at) "
                         "VALUES ($1, $2, $3, $4) ON CONFLICT (hash) DO UPDATE SET "
                         "account_id = excluded.account_id, csrftoken = excluded.csrftoken, "
                         "expires_at = excluded.expires_at",
                         NST_TEXT(s->session), NST_INT(s->account), NST_TEXT(s->csrftoken),
                         NST_INT(expires));
}

enum nst_err nst_session_put(enum nst_put *out, struct nst_db *db,
                             const struct nst_session_given *given)
{
    struct nst_arena *a = nst_arena_new(1024);
    struct nst_session_given kept = *given;
    kept.session = nst_secret_hash(a, given->session);
    kept.csrftoken = nst_secret_hash(a, given->csrftoken);
    enum nst_err e = write_session(out, db, &kept);
    nst_arena_free(a);
    return e;
}

enum nst_err nst_session_end(int64_t *account, struct nst_db *db, struct nst_str session)
{
    struct nst_arena *a = nst_arena_new(1024);
    struct nst_sql q;
    *account = 0;
    nst_sql_init(&q, a);
    nst_sql_add(&q, "DELETE FROM session WHERE hash = ");
    nst_sql_bind(&q, NST_TEXT(nst_secret_hash(a, session)));
    nst_sql_add(&q, " RETURNING account_id");
    enum nst_err e = nst_sql_int(account, NULL, db, &q);
    nst_arena_free(a);
    return e;
}

/* ---- Clients ---- */

/* What never is a hash: no secret fits. */
#define NO_SECRET NST_STR("-")

/* A client on its way into the store, beside the one that is there. */
struct putting {
    struct nst_client client;
    bool restricts;      /* is_restricted counts */
    struct nst_str hash; /* of the secret; null: it stays */
    enum nst_put put;
    bool is_rotated, is_moved; /* another secret; another account */
};

static enum nst_err compare_client(struct putting *p, struct nst_arena *a, struct nst_db *db)
{
    struct nst_sql q;
    struct nst_rows *rows;
    nst_sql_init(&q, a);
    nst_sql_add(&q, "SELECT secret_hash, account_id, is_restricted FROM oauth_client "
                    "WHERE client_id = ");
    nst_sql_bind(&q, NST_TEXT(p->client.id));
    nst_sql_hold(&q, db, "oauth_client");
    NST_TRY(nst_sql_query(&rows, db, &q));
    p->put = NST_PUT_MADE;
    if (nst_rows_step(rows)) {
        bool was_restricted = nst_rows_bool(rows, 2);
        p->client.is_restricted = p->restricts ? p->client.is_restricted : was_restricted;
        p->is_rotated = p->hash.p != NULL && !nst_str_eq(nst_rows_text(rows, 0), p->hash);
        p->is_moved = nst_rows_int(rows, 1) != p->client.account;
        p->put = p->is_rotated || p->is_moved || was_restricted != p->client.is_restricted
                     ? NST_PUT_CHANGED
                     : NST_PUT_SAME;
    }
    return nst_rows_end(rows);
}

static enum nst_err write_client(struct putting *p, struct nst_db *db)
{
    const struct nst_client *c = &p->client;
    NST_TRY(
        nst_exec_with(NULL, db,
                      "INSERT INTO oauth_client (client_id, secret_hash, account_id, "
                      "is_restricted, created_at) VALUES ($1, $2, $3, $4, $5) "
                      "ON CONFLICT (client_id) DO UPDATE SET "
                      "secret_hash = coalesce(CAST($6 AS text), oauth_client.secret_hash), "
                      "account_id = excluded.account_id, is_restricted = excluded.is_restricted",
                      NST_TEXT(c->id), NST_TEXT(p->hash.p != NULL ? p->hash : NO_SECRET),
                      NST_INT(c->account), NST_BOOL(c->is_restricted), NST_INT(c->created),
                      NST_TEXT(p->hash)));
    return p->is_rotated || p->is_moved ? nst_client_end_tokens(db, c->id) : NST_OK;
}

enum nst_err nst_client_put(enum nst_put *out, bool *rotated, struct nst_db *db,
                            const struct nst_client *client, bool restricts)
{
    struct nst_arena *a = nst_arena_new(1024);
    struct putting p = { .client = *client, .restricts = restricts };
    if (client->secret.p != NULL)
        p.hash = nst_secret_hash(a, client->secret);
    enum nst_err e = compare_client(&p, a, db);
    if (e == NST_OK && p.put != NST_PUT_SAME)
        e = write_client(&p, db);
    *out = p.put;
    *rotated = p.is_rotated;
    nst_arena_free(a);
    return e;
}

/* ---- Passwords ---- */

enum nst_err nst_password_put(enum nst_put *out, struct nst_db *db, struct nst_arena *a,
                              int64_t account, struct nst_str password)
{
    struct nst_rows *rows;
    struct nst_str hash = { 0 };
    NST_TRY(
        nst_query_with(&rows, db, "SELECT password FROM account WHERE id = $1", NST_INT(account)));
    if (nst_rows_step(rows))
        hash = nst_str_copy(a, nst_rows_text(rows, 0));
    NST_TRY(nst_rows_end(rows));
    *out = hash.p != NULL && nst_password_verify(hash, password) ? NST_PUT_SAME : NST_PUT_CHANGED;
    if (*out == NST_PUT_SAME)
        return NST_OK;
    NST_TRY(nst_password_hash(&hash, a, password));
    return nst_password_set(NULL, db, account, hash);
}

enum nst_err nst_password_set(int64_t *ended, struct nst_db *db, int64_t account,
                              struct nst_str hash)
{
    NST_TRY(nst_exec_with(NULL, db, "UPDATE account SET password = $1 WHERE id = $2",
                          NST_TEXT(hash), NST_INT(account)));
    NST_TRY(nst_exec_with(NULL, db, "DELETE FROM sign_in WHERE account_id = $1", NST_INT(account)));
    return nst_exec_with(ended, db, "DELETE FROM session WHERE account_id = $1", NST_INT(account));
}
