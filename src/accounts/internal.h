/* What the authentication classes share. */
#ifndef NESTOR_ACCOUNTS_INTERNAL_H
#define NESTOR_ACCOUNTS_INTERNAL_H

#include "nestor/accounts.h"

#define NST_SESSION_LIFE INT64_C(1209600) /* seconds: two weeks */

/* What applications keep of accounts; NULL-terminated, or NULL. */
const struct nst_belongings *const *nst_belongings(void);

/* Hex SHA-256 of a secret, as it is stored. */
struct nst_str nst_secret_hash(struct nst_arena *a, struct nst_str secret);

#define NST_WEB_TOKEN_ID 32 /* digits of the id of a web token, hexadecimal */

/* The same of a web token that this server signed, by its id. No bearer token has such a hash: a
 * blank is in what is hashed, which no header can show. */
struct nst_str nst_web_token_hash(struct nst_arena *a, struct nst_str id);

/* nst_token_store by the hash; t->token is not looked at. */
NST_CHECKED enum nst_err nst_token_store_hash(struct nst_db *db, const struct nst_token *t,
                                              struct nst_str hash, int64_t now);

/* End the tokens that the client fetched, of either kind. */
NST_CHECKED enum nst_err nst_client_end_tokens(struct nst_db *db, struct nst_str id);

/* Name and secret of a Basic header, in rq->arena, as bytes; null where it has none of them. False
 * without such a header. */
bool nst_basic_read(struct nst_str *name, struct nst_str *secret, struct nst_req *rq);

#define NST_SEEN_BYTES 17

/* Under which key a loop remembers a credential of one class (a letter): a hash
 * under a secret of the process, written to digest[NST_SEEN_BYTES]. */
struct nst_str nst_seen_as(unsigned char *digest, char kind, struct nst_str credential);

/* A caller as it is cached: the struct, then the name. */
struct nst_known {
    bool is_active;  /* false: deleted */
    bool is_enabled; /* false: switched off, which only some classes mind */
    int64_t expires; /* microseconds; 0: never */
    unsigned keys;   /* of a web token: nst_jwt_generation when it was verified */
    struct nst_caller caller;
    char name[256 * 4];
};

/* Which keys are believed now: another number for each nst_jwt_configure. */
unsigned nst_jwt_generation(void);

/* The columns that nst_known_read takes, from 0; more may follow, from NST_KNOWN_COUNT. */
#define NST_KNOWN_COLUMNS \
    "account.id, account.username, account.is_staff, account.is_superuser, account.is_active, " \
    "account.is_enabled"
#define NST_KNOWN_COUNT 6

/* Read the present row into k; expires and is_restricted are the caller's to set. */
void nst_known_read(struct nst_known *k, struct nst_rows *rows);

/* Make k the caller of the request. */
void nst_known_accept(struct nst_req *rq, const struct nst_known *k);

/* A member of the body that is a text, without NUL and halves of surrogate pairs; null
 * when there is none. */
struct nst_str nst_body_text(const struct nst_req *rq, const char *name);

/* Value of a cookie of the request; null when it was not sent. */
struct nst_str nst_cookie(const struct nst_req *rq, const char *name);

/* The third class: a login session. Leaves the caller unknown without one.
 * Errors: NST_E_FORBIDDEN when the protection against forged requests fails (A15). */
nst_phase nst_authenticate_session;

/* True when both are the same text; takes as long whether or not they are. */
bool nst_same_secret(struct nst_str a, struct nst_str b);

/* The permission of routes that ask for credentials by themselves. */
nst_permission nst_everybody;

#endif
