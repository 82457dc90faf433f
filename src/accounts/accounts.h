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

/* What accounts need to know; set once before the server starts. */
struct nst_accounts_settings {
    unsigned char secret[NST_SECRET_BYTES]; /* derives tokens */
    int64_t password_min;                   /* code points */
};
void nst_accounts_configure(const struct nst_accounts_settings *settings);

/* The configured minimum of a password, in code points. */
int64_t nst_password_minimum(void);

/* ---- Tokens ---- */

enum nst_token_kind {
    NST_TOKEN_ACCOUNT, /* derived, one an account */
    NST_TOKEN_MACHINE, /* random, named, may expire */
    NST_TOKEN_CARRIED, /* brought along from another server */
};

/* The account's derived token, as text in a. */
struct nst_str nst_token_derive(struct nst_arena *a, int64_t account, int64_t serial);

/* A token on its way into the store. */
struct nst_token {
    int64_t account;
    struct nst_str token; /* the secret itself; only its hash is kept */
    enum nst_token_kind kind;
    struct nst_str name; /* what a person calls it; may be null */
    int64_t expires;     /* microseconds; 0: never */
};

/* Remember a token's hash.
 * Errors: NST_E_CONFLICT when the same token is known already. */
NST_CHECKED enum nst_err nst_token_store(struct nst_db *db, const struct nst_token *t, int64_t now);

/* Give the account a fresh derived token under the next serial; the former stops
 * working. *token is text in a. Used at creation (serial 0 -> 1) and to revoke. */
NST_CHECKED enum nst_err nst_token_renew(struct nst_str *token, struct nst_db *db,
                                         struct nst_arena *a, int64_t account, int64_t now);

/* Make the code of a one-time sign-in link for the account: 40 hex digits in a.
 * `expires` in microseconds. */
NST_CHECKED enum nst_err nst_sign_in_make(struct nst_str *code, struct nst_db *db,
                                          struct nst_arena *a, int64_t account, int64_t expires);

/* Use a code up: sets *account to its account, 0 when the code is unknown, used or
 * expired. */
NST_CHECKED enum nst_err nst_sign_in_use(int64_t *account, struct nst_db *db, struct nst_str code,
                                         int64_t now);

/* The authentication class "Token" (G135 to G137): fills rq->caller from
 * `Authorization: Token <key>`; another scheme or none leaves it anonymous.
 * Errors: NST_E_UNAUTHENTICATED with the face's detail. */
nst_phase nst_authenticate_token;

/* ---- Passwords ---- */

/* Why the password is refused, as a sentence; NULL when it is good. Checks the
 * length and a dictionary of common passwords. Takes microseconds. */
const char *nst_password_fault(struct nst_str password);

/* Hash on a job thread: some 20 ms and 19 MiB.
 *   out   text in a
 * Errors: NST_E_INTERNAL when memory is short. */
NST_CHECKED enum nst_err nst_password_hash(struct nst_str *out, struct nst_arena *a,
                                           struct nst_str password);

/* Verify on a job thread. A null hash costs the same time and is never right:
 * known and unknown names must not differ. */
bool nst_password_verify(struct nst_str hash, struct nst_str password);

#endif
