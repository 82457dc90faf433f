/* Accounts: who may speak, and how they prove it.
 *
 * One table `account` for every face. The guide's one token a user is derived
 * (HMAC of the account, a serial and a secret kept outside the database), so a
 * stolen database holds no token: the store has only the SHA-256 by which a
 * token is found. Further tokens are random or brought along, and kept the same
 * way. Passwords are argon2id, hashed and verified on job threads only. */
#ifndef NESTOR_ACCOUNTS_H
#define NESTOR_ACCOUNTS_H

#include "nestor/rest.h"

#define NST_SECRET_BYTES      32
#define NST_TOKEN_CHARS       40 /* of a derived token: lower-case hex (G135) */
#define NST_CARRIED_TOKEN_MIN 40 /* characters of a token brought along */
#define NST_CARRIED_TOKEN_MAX 512
#define NST_PASSWORD_MAX      1024 /* bytes; longer ones are refused, never cut */
#define NST_BEARERS_MAX       64   /* bearer tokens of one account that an operator brings */

/* Lets go of what an application keeps of an account, inside the transaction that
 * removes it, or takes it up again. */
typedef enum nst_err nst_let_go(struct nst_db *db, int64_t account, int64_t now);

/* What an application keeps of accounts; NULL: nothing to do. */
struct nst_belongings {
    nst_let_go *close;  /* the account is there no more, but its row is */
    nst_let_go *erase;  /* the row goes: nothing may refer to it */
    nst_let_go *reopen; /* a closed account is there again: undoes `close` */
};

/* What accounts need to know; set once before the server starts. */
struct nst_accounts_settings {
    unsigned char secret[NST_SECRET_BYTES];         /* derives tokens */
    int64_t password_min;                           /* code points */
    bool enforces_restricted;                       /* A23: restricted callers are barred */
    const struct nst_belongings *const *belongings; /* of each application, NULL-terminated */
    struct nst_str operator_name; /* who runs a verb, for the audit log; null: a server runs */
};
void nst_accounts_configure(const struct nst_accounts_settings *settings);

/* Who runs the verb: the account of the operating system; null where a server runs. */
struct nst_str nst_operator(void);

/* The configured minimum of a password, in code points. */
int64_t nst_password_minimum(void);

/* Names that no user may have: words behind /users/ of the terminology API (V305), which
 * would hide such a user. Separated by `|`. */
#define NST_USERNAMES_RESERVED "login|signup|logout|password|oidc|api-token|orgs"

/* True for one of these. */
bool nst_username_is_reserved(struct nst_str name);

/* ---- For programs of others ---- */

struct nst_app;

/* The tables of accounts and tokens, and the command `token NAME [--staff | --revoke]`:
 * an app lists it in .uses, and its face sets .authenticate = nst_authenticate_token.
 * Numbers of migrations below 1000 are Nestor's. Library: nestor-accounts. */
extern const struct nst_app nst_accounts_app;

/* Find the account of that name, or make it; is_staff true makes it staff.
 *   id        set on NST_OK
 *   username  valid UTF-8, one segment of a path
 *   now       microseconds */
NST_CHECKED enum nst_err nst_account_put(int64_t *id, struct nst_db *db, struct nst_str username,
                                         bool is_staff, int64_t now);

/* ---- The audit log ---- */

/* An administrative act. Never with a secret in it. */
struct nst_act {
    const char *name;             /* "user.remove" */
    struct nst_str on;            /* on whom or what: "/users/ada/" */
    struct nst_str before, after; /* what it changed, JSON; null: nothing that could be told */
};

/* Write it down, in the transaction of the act: who, from where and with which request is what
 * rq says (its caller and exchange), or the operator of the verb that runs. rq needs no more than
 * arena and db. When this fails, the act must not happen.
 * Errors: NST_E_INVALID when a text is not UTF-8, which would spoil the log; those of nst_query. */
NST_CHECKED enum nst_err nst_audit(struct nst_req *rq, const struct nst_act *act);

/* For before and after: {"name":"text"} (null: null), {"name":true}. Texts in a. */
struct nst_str nst_audit_member(struct nst_arena *a, const char *name, struct nst_str text);
struct nst_str nst_audit_flag(struct nst_arena *a, const char *name, bool value);

/* ---- What administrators do to accounts (administer.c): each writes its row of the log ---- */

/* A flag of an account: NST_FLAG_ENABLED false ends its sessions, sign-in links and bearer tokens. */
enum nst_flag { NST_FLAG_STAFF, NST_FLAG_SUPERUSER, NST_FLAG_ENABLED, NST_FLAG_COUNT };

/* "is_staff", "is_superuser", "is_enabled". */
const char *nst_flag_name(enum nst_flag flag);

/* The act of letting a flag of an account be so, where it was not; texts in a. */
struct nst_act nst_flag_act(struct nst_arena *a, struct nst_str username, enum nst_flag flag,
                            bool value);

/* What ends where an account is switched off: what would open the faces of edX still, which let
 * such accounts in. Its row was changed before, in this transaction. */
NST_CHECKED enum nst_err nst_account_shut_out(struct nst_db *db, int64_t account);

/* An account as administrators see it; texts in the arena of the request. */
struct nst_account_shown {
    int64_t id;
    struct nst_str username;
    bool flag[NST_FLAG_COUNT];
    int64_t sessions, tokens; /* that are open; beside its own */
    int64_t last_login;       /* microseconds; 0: never */
};

/* Look one up that is not closed, and (is_held) hold its row.
 * Errors: NST_E_NOT_FOUND; those of nst_query. */
NST_CHECKED enum nst_err nst_account_show(struct nst_account_shown *out, struct nst_req *rq,
                                          struct nst_str username, bool is_held);

/* Let a flag be so. Nothing is written where it is so already.
 * Errors: NST_E_CONFLICT where no superuser would be left who may sign in; those of nst_query. */
NST_CHECKED enum nst_err nst_account_set_flag(struct nst_req *rq,
                                              const struct nst_account_shown *account,
                                              enum nst_flag flag, bool value);

/* A session as it may be shown: its name is the start of a hash, which opens nothing. */
struct nst_session_shown {
    struct nst_str name;
    int64_t expires; /* microseconds */
};

/* Call sink for each open session of the account; s is valid during the call. */
typedef void nst_session_sink(void *arg, const struct nst_session_shown *s);
NST_CHECKED enum nst_err nst_sessions_each(struct nst_req *rq, int64_t account,
                                           nst_session_sink *sink, void *arg);

/* End the session of that name, or (null) all of the account.
 *   ended  how many
 * Errors: NST_E_NOT_FOUND where a name is none; those of nst_query. */
NST_CHECKED enum nst_err nst_sessions_end(int64_t *ended, struct nst_req *rq,
                                          const struct nst_account_shown *account,
                                          struct nst_str name);

/* Give the account a new own token, which nobody is shown: the former opens nothing more. */
NST_CHECKED enum nst_err nst_account_renew_token(struct nst_req *rq,
                                                 const struct nst_account_shown *account);

/* ---- Tokens ---- */

enum nst_token_kind {
    NST_TOKEN_ACCOUNT, /* derived, one an account */
    NST_TOKEN_MACHINE, /* random, named, may expire */
    NST_TOKEN_CARRIED, /* brought along from another server */
    NST_TOKEN_BEARER,  /* given to a client whose id is its name; edX faces alone know it */
};

/* The account's derived token, as text in a. */
struct nst_str nst_token_derive(struct nst_arena *a, int64_t account, int64_t serial);

/* Whether the tokens that accounts have were derived with the secret of this process: false for a
 * database of another installation. True where no account has one.
 * Errors: those of nst_query. */
NST_CHECKED enum nst_err nst_secret_fits(bool *fits, struct nst_arena *a, struct nst_db *db);

/* A token on its way into the store. */
struct nst_token {
    int64_t account;
    struct nst_str token; /* the secret itself; only its hash is kept */
    enum nst_token_kind kind;
    struct nst_str name; /* what a person calls it; may be null */
    int64_t expires;     /* microseconds; 0: never */
};

#define NST_TOKEN_NAME_MAX 255 /* code points */

/* May a token be called so? One line of text that can be printed. */
bool nst_token_name_is_good(struct nst_str name);

/* Remember a token's hash.
 * Errors: NST_E_INVALID when its name is none; NST_E_CONFLICT when the same token is known already,
 * or the account has a machine's or carried one of the same name. */
NST_CHECKED enum nst_err nst_token_store(struct nst_db *db, const struct nst_token *t, int64_t now);

/* Give the account a fresh derived token under the next serial; the former stops
 * working. *token is text in a. Used at creation (serial 0 -> 1) and to revoke. */
NST_CHECKED enum nst_err nst_token_renew(struct nst_str *token, struct nst_db *db,
                                         struct nst_arena *a, int64_t account, int64_t now);

/* "own", "machine", "carried", "bearer". */
const char *nst_token_kind_name(enum nst_token_kind kind);

/* A token beside the account's own, as it may be shown. */
struct nst_token_shown {
    struct nst_str username, name; /* one without a name is called after its hash */
    enum nst_token_kind kind;
    int64_t created, expires; /* microseconds; expires 0: never */
};

/* Call sink for each of them, of one account or (0) of all, oldest first; t is valid
 * during the call. */
typedef void nst_token_sink(void *arg, const struct nst_token_shown *t);
NST_CHECKED enum nst_err nst_tokens_each(struct nst_db *db, int64_t account, nst_token_sink *sink,
                                         void *arg);

/* End those of the name as it is shown: one, or all that a client fetched.
 * Errors: NST_E_NOT_FOUND. */
NST_CHECKED enum nst_err nst_token_end(struct nst_db *db, int64_t account, struct nst_str name);

/* May a machine's or carried token get this name? One of the name that is over makes way. */
NST_CHECKED enum nst_err nst_token_name_free(bool *out, struct nst_db *db, int64_t account,
                                             struct nst_str name, int64_t now);

/* Make the code of a one-time sign-in link for the account: 40 hex digits in a. The link
 * is /accounts/link/?code=. `expires` in microseconds. */
NST_CHECKED enum nst_err nst_sign_in_make(struct nst_str *code, struct nst_db *db,
                                          struct nst_arena *a, int64_t account, int64_t expires);

/* Use a code up: sets *account to its account, 0 when the code is unknown, used or
 * expired. */
NST_CHECKED enum nst_err nst_sign_in_use(int64_t *account, struct nst_db *db, struct nst_str code,
                                         int64_t now);

/* The authentication class "Token" (G135 to G137): fills rq->caller from
 * `Authorization: Token <key>`; another scheme or none leaves it anonymous.
 * Deleted accounts and those that are switched off are refused.
 * Errors: NST_E_UNAUTHENTICATED with the face's detail. */
nst_phase nst_authenticate_token;

/* The same, where `Authorization: Bearer <key>` names a token, too (V801). */
nst_phase nst_authenticate_token_or_bearer;

/* ---- JSON web tokens ---- */

#define NST_JWT_KEYS       16 /* of a key set at most */
#define NST_JWT_SECRET_MIN 32 /* bytes of a shared secret at least (RFC 7518, 3.2) */

/* Who is believed. All texts must live as long as the process. */
struct nst_jwt_settings {
    struct nst_str issuers;  /* known ones, separated by blanks; the first signs */
    struct nst_str audience; /* empty: not checked */
    struct nst_str secret;   /* shared, for HS256; empty: none */
    struct nst_str jwks;     /* JSON of a JWK set with public keys; empty: none */
    int64_t leeway;          /* seconds that clocks may differ */
};

/* Set before the server starts, and again when keys have changed: whoever verifies
 * uses the former keys or the new ones, so that `a` must live as long as the process.
 * A fault leaves the former; a token that was good by keys that are gone is so no
 * more. One thread at a time. Without keys every token is refused. What a key of a set
 * is good for follows from the key: its `alg`, else RS256 and RS512 for RSA, ES256 for
 * P-256, HS256 for secrets; other keys are a fault (A1).
 * Returns what is wrong, as a sentence in a; NULL when nothing is. */
const char *nst_jwt_configure(const struct nst_jwt_settings *settings, struct nst_arena *a);

/* The secret that web tokens are signed with where the operator names none: derived
 * from the installation's own, 32 bytes in a. */
struct nst_str nst_jwt_own_secret(struct nst_arena *a);

/* What a good token says. */
struct nst_jwt {
    struct nst_str username;
    struct nst_str id; /* of a token that this server gave a client: it is good while the store has
                          it (nst_web_token_hash); null: somebody else's, good until it expires */
    bool is_restricted;
    int64_t expires; /* microseconds, leeway included */
};

enum nst_jwt_verdict {
    NST_JWT_GOOD,
    NST_JWT_EXPIRED,  /* A4 */
    NST_JWT_WRONG,    /* A5 */
    NST_JWT_NAMELESS, /* A6 */
};

/* Verify a token of any text at the time now (microseconds).
 *   out  set when it is good; owned by a
 * Any thread; takes a tenth of a millisecond for RSA. */
enum nst_jwt_verdict nst_jwt_read(struct nst_jwt *out, struct nst_arena *a, struct nst_str token,
                                  int64_t now);

/* Sign the claims (JSON text) with the shared secret; null when there is none. */
struct nst_str nst_jwt_sign(struct nst_arena *a, struct nst_str claims);

/* The claims of a token for an account, valid for `seconds`; JSON text in a. */
struct nst_str nst_jwt_claims(struct nst_arena *a, const struct nst_jwt *jwt, int64_t now,
                              int64_t seconds);

/* ---- Classes of faces that speak as edX does ---- */

/* JWT, bearer token, login session, in this order, with the texts of A1 to A16:
 * fills rq->caller or fails. Accounts that are switched off are accepted, deleted
 * ones are not. Errors carry the key "developer_message", or
 * "developer_message_json" with the JSON text of an object.
 * Errors: NST_E_UNAUTHENTICATED, NST_E_FORBIDDEN. */
nst_phase nst_authenticate_edx;

/* The schema of such an error for OpenAPI, a face's `error_schema`: texts by their keys, or
 * under developer_message an object of texts (A10 to A13). */
#define NST_EDX_ERROR \
    "{\"type\":\"object\",\"minProperties\":1,\"additionalProperties\":{\"type\":[\"string\"," \
    "\"array\",\"object\"],\"items\":{\"type\":\"string\"}}}"

/* The error body of such faces: one object, `{"developer_message": ...}` first. The
 * framework's key "detail" leaves as "developer_message"; a key that ends in "_json"
 * carries the JSON of its member instead of a text. */
void nst_edx_error(struct nst_req *rq, enum nst_err err);

/* Such faces have no headers of lists. */
void nst_edx_paginate(struct nst_req *rq, const struct nst_page *page);

/* The answer holds a secret: no cache may keep it. */
void nst_no_store(struct nst_req *rq);

/* True when the caller is restricted and restrictions are enforced (A23, A24). */
bool nst_is_barred(const struct nst_req *rq);

/* The faces of signing in and out (/accounts) and of the token endpoint (/oauth2),
 * and their resources, NULL-terminated. */
extern const struct nst_face nst_accounts_face, nst_oauth2_face;
extern const struct nst_resource *const nst_accounts_resources[];

/* ---- OAuth 2 clients ---- */

struct nst_client {
    struct nst_str id, secret; /* only the secret's hash is kept */
    int64_t account;           /* whom it speaks for */
    bool is_restricted;
    int64_t created; /* microseconds */
};

/* Register a client. Errors: NST_E_CONFLICT when the id is taken. */
NST_CHECKED enum nst_err nst_client_add(struct nst_db *db, const struct nst_client *client);

/* Let another secret be the client's; the access tokens that it fetched by the former end.
 * Errors: NST_E_NOT_FOUND. */
NST_CHECKED enum nst_err nst_client_rotate(struct nst_db *db, struct nst_str id,
                                           struct nst_str secret);

/* What is wrong with an id of a client, as a sentence; NULL when it is good. */
const char *nst_client_id_fault(struct nst_str id);

/* A client as it may be shown: without its secret. */
struct nst_client_shown {
    struct nst_str id, username;
    bool is_restricted;
    int64_t created; /* microseconds; 0: not known */
};

/* Call sink for the client of that id, or (null) for each, by their ids; c is valid during the
 * call. */
typedef void nst_client_sink(void *arg, const struct nst_client_shown *c);
NST_CHECKED enum nst_err nst_clients_each(struct nst_db *db, struct nst_str id,
                                          nst_client_sink *sink, void *arg);

/* Remove a client and its access tokens. Errors: NST_E_NOT_FOUND. */
NST_CHECKED enum nst_err nst_client_remove(struct nst_db *db, struct nst_str id);

/* ---- What an operator brings along (docs/contracts/fixture.md) ---- */

enum nst_put { NST_PUT_SAME, NST_PUT_MADE, NST_PUT_CHANGED };

/* Bearer tokens that no client asked for: those that expire, or those that never do. */
struct nst_bearers {
    const struct nst_token *list; /* account and kind are filled in */
    size_t count;                 /* at most NST_BEARERS_MAX */
    bool expire;
};

/* Let the account have exactly these, of their sort.
 *   out  NST_PUT_SAME when it had them
 * Errors: NST_E_CONFLICT when a token is another account's: nothing was written. */
NST_CHECKED enum nst_err nst_bearers_put(enum nst_put *out, struct nst_db *db, int64_t account,
                                         const struct nst_bearers *given);

/* A login session as its cookie and CSRF token name it. */
struct nst_session_given {
    struct nst_str session, csrftoken;
    int64_t account, expires; /* microseconds; 0: as it was, two weeks for a new one */
};
NST_CHECKED enum nst_err nst_session_put(enum nst_put *out, struct nst_db *db,
                                         const struct nst_session_given *given);
/*   account  whose it was; 0: there was none */
NST_CHECKED enum nst_err nst_session_end(int64_t *account, struct nst_db *db,
                                         struct nst_str session);

/* Register a client or change it; tokens that it fetched by another secret, or for another account,
 * end.
 *   rotated  set: is the secret another than before?
 *   client  a null secret keeps the one there is; a new client without one cannot
 *           fetch tokens
 *   restricts  is_restricted counts; else a client that is there stays as it is */
NST_CHECKED enum nst_err nst_client_put(enum nst_put *out, bool *rotated, struct nst_db *db,
                                        const struct nst_client *client, bool restricts);

/* Give the account a password in clear text: some 40 ms and 19 MiB.
 *   out  NST_PUT_SAME when it was this one; else nst_password_set
 * Errors: NST_E_INTERNAL when memory is short. */
NST_CHECKED enum nst_err nst_password_put(enum nst_put *out, struct nst_db *db, struct nst_arena *a,
                                          int64_t account, struct nst_str password);

/* Let the hash be the account's password: its sessions and sign-in links end, as whoever
 * knew the former may have them; its tokens stay.
 *   ended  how many sessions ended; may be NULL */
NST_CHECKED enum nst_err nst_password_set(int64_t *ended, struct nst_db *db, int64_t account,
                                          struct nst_str hash);

/* ---- Removal: every way of removing an account ends in one of these ---- */

/* Close an account: it is there no more, its name is free; its tokens, sessions, links
 * and clients end, what it owns is hidden. Its row stays. */
NST_CHECKED enum nst_err nst_account_close(struct nst_db *db, int64_t account, int64_t now);

/* Open a closed account again: what it owns is seen again, its own token and its password are
 * good as before. What else ended with it stays away.
 * Errors: NST_E_CONFLICT when another account has its name by now. */
NST_CHECKED enum nst_err nst_account_reopen(struct nst_db *db, int64_t account, int64_t now);

/* Erase an account, closed or not, with what it owns; what merely refers to it does so
 * no more. */
NST_CHECKED enum nst_err nst_account_erase(struct nst_db *db, int64_t account, int64_t now);

/* Run statements (NULL-terminated) with $1 bound to id: what a removal is made of. */
NST_CHECKED enum nst_err nst_exec_each(struct nst_db *db, const char *const *statements,
                                       int64_t id);

/* Is there a superuser who may sign in?
 *   is_held  asked after a change that may have taken one away: the answer stays true
 *            until the transaction ends, whatever others do to superusers */
NST_CHECKED enum nst_err nst_has_superuser(bool *out, struct nst_db *db, bool is_held);

/* ---- Passwords ---- */

#define NST_PASSWORD_FAULTS 2 /* at most, of one password */

/* Why a new password is refused: its length, and a list of common ones, which counts
 * whole words alone (V211). Takes microseconds.
 *   out  set to the sentences, in a; room for NST_PASSWORD_FAULTS
 * Returns how many there are; 0 when it is good. */
size_t nst_password_faults(struct nst_str *out, struct nst_arena *a, struct nst_str password);

/* Hash on a job thread: some 20 ms and 19 MiB.
 *   out   text in a
 * Errors: NST_E_INTERNAL when memory is short. */
NST_CHECKED enum nst_err nst_password_hash(struct nst_str *out, struct nst_arena *a,
                                           struct nst_str password);

/* Note a sign-in by the password with this hash.
 *   out  false when the password is another one by now, or the account closed or
 *        switched off: then it is none */
NST_CHECKED enum nst_err nst_sign_in_note(bool *out, struct nst_db *db, int64_t account,
                                          struct nst_str hash, int64_t now);

/* Verify on a job thread. A null hash costs the same time and is never right:
 * known and unknown names must not differ. */
bool nst_password_verify(struct nst_str hash, struct nst_str password);

/* ---- Guessing ---- */

/* What is counted of attempts, for struct nst_server_options. */
extern const struct nst_metric_source nst_accounts_metrics;

enum nst_attempt {
    NST_ATTEMPT_USER = 'P',   /* a password, under a user's name */
    NST_ATTEMPT_CLIENT = 'C', /* a secret, under a client's id */
};

/* Before a password or secret is looked at: counts an attempt under this name, known or
 * not, from this address; refuses it when there were too many within a minute.
 * Errors: NST_E_THROTTLED, with the header Retry-After. */
NST_CHECKED enum nst_err nst_attempt_begin(struct nst_req *rq, enum nst_attempt kind,
                                           struct nst_str name);

/* It was right: forgets the attempts before. Any thread. */
void nst_attempt_was_right(struct nst_req *rq, enum nst_attempt kind, struct nst_str name);

#endif
