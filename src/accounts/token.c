/* Tokens: deriving, storing, and the authentication class "Token". */
#include "internal.h"
#include "nestor/app.h"

#include <pthread.h>
#include <sodium.h>

NST_NEEDS(nst_accounts_app);

static struct nst_accounts_settings settings;

void nst_accounts_configure(const struct nst_accounts_settings *given)
{
    settings = *given;
}

struct nst_str nst_operator(void)
{
    return settings.operator_name;
}

bool nst_is_barred(const struct nst_req *rq)
{
    return rq->caller.is_restricted && settings.enforces_restricted;
}

bool nst_username_is_reserved(struct nst_str name)
{
    struct nst_str rest = NST_STR(NST_USERNAMES_RESERVED);
    while (rest.p != NULL)
        if (nst_str_eq(nst_str_cut(&rest, '|'), name))
            return true;
    return false;
}

const struct nst_belongings *const *nst_belongings(void)
{
    return settings.belongings;
}

int64_t nst_password_minimum(void)
{
    return settings.password_min;
}

/* HMAC of the text with the installation's secret, in mac. */
static void derive(unsigned char mac[crypto_auth_hmacsha256_BYTES], struct nst_str text)
{
    crypto_auth_hmacsha256_state state;
    crypto_auth_hmacsha256_init(&state, settings.secret, sizeof(settings.secret));
    crypto_auth_hmacsha256_update(&state, (const unsigned char *)text.p, text.n);
    crypto_auth_hmacsha256_final(&state, mac);
}

struct nst_str nst_token_derive(struct nst_arena *a, int64_t account, int64_t serial)
{
    unsigned char mac[crypto_auth_hmacsha256_BYTES];
    struct nst_buf b;
    derive(mac, nst_strf(a, "token %lld %lld", (long long)account, (long long)serial));
    nst_buf_init(&b, a, NST_TOKEN_CHARS + 1);
    nst_put_bytes_hex(&b, mac, NST_TOKEN_CHARS / 2);
    return nst_buf_str(&b);
}

struct nst_str nst_jwt_own_secret(struct nst_arena *a)
{
    unsigned char mac[crypto_auth_hmacsha256_BYTES];
    derive(mac, NST_STR("web tokens"));
    return nst_str_copy(a, (struct nst_str){ (const char *)mac, sizeof(mac) });
}

struct nst_str nst_secret_hash(struct nst_arena *a, struct nst_str token)
{
    unsigned char digest[crypto_hash_sha256_BYTES];
    struct nst_buf b;
    crypto_hash_sha256(digest, (const unsigned char *)token.p, token.n);
    nst_buf_init(&b, a, sizeof(digest) * 2 + 1);
    nst_put_bytes_hex(&b, digest, sizeof(digest));
    return nst_buf_str(&b);
}

struct nst_str nst_web_token_hash(struct nst_arena *a, struct nst_str id)
{
    return nst_secret_hash(a, nst_strf(a, "web token %.*s", NST_FMT(id)));
}

enum nst_err nst_token_store_hash(struct nst_db *db, const struct nst_token *t, struct nst_str hash,
                                  int64_t now)
{
    return nst_exec_with(NULL, db,
                         "INSERT INTO token (hash, account_id, kind, name, created_at, "
                         "expires_at) VALUES ($1, $2, $3, $4, $5, $6)",
                         NST_TEXT(hash), NST_INT(t->account), NST_INT(t->kind), NST_TEXT(t->name),
                         NST_INT(now), t->expires > 0 ? NST_INT(t->expires) : NST_NULL);
}

bool nst_token_name_is_good(struct nst_str name)
{
    return nst_utf8_is_plain(name) && !nst_utf8_is_blank(name) &&
           nst_utf8_length(name) <= NST_TOKEN_NAME_MAX;
}

enum nst_err nst_token_store(struct nst_db *db, const struct nst_token *t, int64_t now)
{
    if (t->name.p != NULL && !nst_token_name_is_good(t->name))
        return NST_E_INVALID;
    struct nst_arena *a = nst_arena_new(1024);
    enum nst_err e = nst_token_store_hash(db, t, nst_secret_hash(a, t->token), now);
    nst_arena_free(a);
    return e;
}

static enum nst_err next_serial(int64_t *serial, struct nst_db *db, int64_t account)
{
    struct nst_rows *rows;
    NST_TRY(nst_query_with(
        &rows, db,
        "UPDATE account SET token_serial = token_serial + 1 WHERE id = $1 RETURNING token_serial",
        NST_INT(account)));
    if (nst_rows_step(rows))
        *serial = nst_rows_int(rows, 0);
    else
        nst_rows_fail(rows, NST_E_NOT_FOUND);
    return nst_rows_end(rows);
}

enum nst_err nst_token_renew(struct nst_str *token, struct nst_db *db, struct nst_arena *a,
                             int64_t account, int64_t now)
{
    int64_t serial = 0;
    enum nst_err e = next_serial(&serial, db, account);
    if (e == NST_OK)
        e = nst_exec_with(NULL, db, "DELETE FROM token WHERE account_id = $1 AND kind = $2",
                          NST_INT(account), NST_INT(NST_TOKEN_ACCOUNT));
    if (e != NST_OK)
        return e;
    *token = nst_token_derive(a, account, serial);
    const struct nst_token t = { .account = account, .token = *token, .kind = NST_TOKEN_ACCOUNT };
    return nst_token_store(db, &t, now);
}

enum nst_err nst_secret_fits(bool *fits, struct nst_arena *a, struct nst_db *db)
{
    struct nst_rows *rows;
    *fits = true;
    NST_TRY(nst_query_with(&rows, db,
                           "SELECT account.id, account.token_serial, token.hash FROM token "
                           "JOIN account ON account.id = token.account_id WHERE token.kind = $1 "
                           "ORDER BY account.id LIMIT 1",
                           NST_INT(NST_TOKEN_ACCOUNT)));
    if (nst_rows_step(rows)) {
        struct nst_str token = nst_token_derive(a, nst_rows_int(rows, 0), nst_rows_int(rows, 1));
        *fits = nst_str_eq(nst_secret_hash(a, token), nst_rows_text(rows, 2));
    }
    return nst_rows_end(rows);
}

/* ---- The authentication class ---- */

void nst_known_read(struct nst_known *k, struct nst_rows *rows)
{
    struct nst_str name = nst_rows_text(rows, 1);
    k->caller = (struct nst_caller){ .is_known = true,
                                     .id = nst_rows_int(rows, 0),
                                     .is_staff = nst_rows_bool(rows, 2),
                                     .is_superuser = nst_rows_bool(rows, 3) };
    k->caller.name.n = name.n < sizeof(k->name) ? name.n : sizeof(k->name);
    memcpy(k->name, name.p, k->caller.name.n);
    k->is_active = nst_rows_bool(rows, 4);
    k->is_enabled = nst_rows_bool(rows, 5);
}

void nst_known_accept(struct nst_req *rq, const struct nst_known *k)
{
    rq->caller = k->caller;
    rq->caller.name.p = k->name;
    rq->caller.name = nst_str_copy(rq->arena, rq->caller.name);
}

static enum nst_err refuse(struct nst_req *rq, const char *why)
{
    return nst_fail_bare(rq, NST_E_UNAUTHENTICATED, "detail", nst_str_z(why));
}

/* A bearer token is none of these: it may be restricted, and expires otherwise. */
static enum nst_err look_up(struct nst_known *k, bool *found, struct nst_req *rq,
                            struct nst_str hash)
{
    struct nst_rows *rows;
    NST_TRY(nst_query_with(&rows, rq->db,
                           "SELECT " NST_KNOWN_COLUMNS ", token.expires_at "
                           "FROM token JOIN account ON account.id = token.account_id "
                           "WHERE token.hash = $1 AND token.kind <> $2",
                           NST_TEXT(hash), NST_INT(NST_TOKEN_BEARER)));
    *found = nst_rows_step(rows);
    if (*found) {
        nst_known_read(k, rows);
        k->expires = nst_rows_int(rows, NST_KNOWN_COUNT);
    }
    return nst_rows_end(rows);
}

/* What a request shows: a token, and for whom where it is told (Basic). */
struct shown {
    struct nst_str name, key; /* null: none */
};

static enum nst_err accept_caller(struct nst_req *rq, const struct nst_known *k,
                                  const struct shown *s)
{
    struct nst_str owner = { k->name, k->caller.name.n };
    if ((k->expires > 0 && k->expires <= rq->now) ||
        (s->name.p != NULL && !nst_str_eq(s->name, owner)))
        return refuse(rq, "Invalid token.");
    if (!k->is_active || !k->is_enabled)
        return refuse(rq, "User inactive or deleted.");
    nst_known_accept(rq, k);
    return NST_OK;
}

/* The `Authorization` header with the scheme Token, or `also`, or of a page Basic, whose password
 * the token is. */
static bool read_header(struct shown *s, struct nst_req *rq, const char *also)
{
    struct nst_str rest = nst_str_trim(nst_http_request_header(rq->x, "Authorization"));
    struct nst_str scheme = nst_str_cut(&rest, ' ');
    *s = (struct shown){ 0 };
    if (nst_is_page(rq) && nst_basic_read(&s->name, &s->key, rq))
        return true;
    s->key = nst_str_trim(rest);
    return nst_str_eq_nocase(scheme, NST_STR("Token")) ||
           nst_str_eq_nocase(scheme, nst_str_z(also));
}

static enum nst_err check_key(struct nst_req *rq, struct nst_str key)
{
    if (key.n == 0)
        return refuse(rq, "Invalid token header. No credentials provided.");
    if (nst_str_find(key, ' ') < key.n || nst_str_find(key, '\t') < key.n)
        return refuse(rq, "Invalid token header. Token string should not contain spaces.");
    return key.n > NST_CARRIED_TOKEN_MAX ? refuse(rq, "Invalid token.") : NST_OK;
}

static pthread_once_t cache_secret_once = PTHREAD_ONCE_INIT;
static unsigned char cache_secret[crypto_shorthash_siphashx24_KEYBYTES];

static void make_cache_secret(void)
{
    randombytes_buf(cache_secret, sizeof(cache_secret));
}

/* A loop finds a token that it has seen by a hash under a secret of the process:
 * as good as SHA-256 where nobody can see it, at a tenth of the price; how long
 * the comparison takes tells nothing about a token. */
struct nst_str nst_seen_as(unsigned char *digest, char kind, struct nst_str credential)
{
    pthread_once(&cache_secret_once, make_cache_secret);
    crypto_shorthash_siphashx24(digest, (const unsigned char *)credential.p, credential.n,
                                cache_secret);
    digest[crypto_shorthash_siphashx24_BYTES] = (unsigned char)kind;
    return (struct nst_str){ (const char *)digest, NST_SEEN_BYTES };
}

static enum nst_err authenticate(struct nst_req *rq, const char *also)
{
    struct shown s;
    if (!read_header(&s, rq, also))
        return NST_OK;
    NST_TRY(check_key(rq, s.key));
    unsigned char digest[NST_SEEN_BYTES];
    struct nst_str known_as = nst_seen_as(digest, 'T', s.key);
    const struct nst_known *cached = nst_cache_get(rq->cache, known_as);
    if (cached != NULL)
        return accept_caller(rq, cached, &s);
    struct nst_known *k = NST_NEW(rq->arena, struct nst_known);
    bool found = false;
    NST_TRY(look_up(k, &found, rq, nst_secret_hash(rq->arena, s.key)));
    if (!found)
        return refuse(rq, "Invalid token.");
    nst_cache_put(rq->cache, known_as, k, sizeof(*k));
    return accept_caller(rq, k, &s);
}

enum nst_err nst_authenticate_token(struct nst_req *rq)
{
    return authenticate(rq, "Token");
}

enum nst_err nst_authenticate_token_or_bearer(struct nst_req *rq)
{
    return authenticate(rq, "Bearer");
}
