/* Passwords: policy after NIST SP 800-63B (length and a list of common ones, no
 * rules of composition), argon2id with 19 MiB and two passes. */
#include "nestor/accounts.h"

#include <crack.h>
#include <pthread.h>
#include <sodium.h>

#define ARGON_PASSES 2
#define ARGON_BYTES  ((size_t)19 << 20)

/* cracklib keeps its state in static variables. */
static pthread_mutex_t crack_lock = PTHREAD_MUTEX_INITIALIZER;

static const char *dictionary_fault(const char *password)
{
    pthread_mutex_lock(&crack_lock);
    const char *why = FascistCheck(password, GetDefaultCracklibDict());
    pthread_mutex_unlock(&crack_lock);
    return why != NULL ? "This password is too common." : NULL;
}

const char *nst_password_fault(struct nst_str password)
{
    char text[NST_PASSWORD_MAX + 1];
    if ((int64_t)nst_utf8_count(password) < nst_password_minimum())
        return "This password is too short.";
    if (password.n > NST_PASSWORD_MAX)
        return "This password is too long.";
    memcpy(text, password.p, password.n);
    text[password.n] = '\0';
    const char *why = dictionary_fault(text);
    sodium_memzero(text, sizeof(text));
    return why;
}

enum nst_err nst_password_hash(struct nst_str *out, struct nst_arena *a, struct nst_str password)
{
    char hash[crypto_pwhash_STRBYTES];
    if (crypto_pwhash_str_alg(hash, password.p, password.n, ARGON_PASSES, ARGON_BYTES,
                              crypto_pwhash_ALG_ARGON2ID13) != 0)
        return NST_E_INTERNAL;
    *out = nst_str_copy(a, nst_str_z(hash));
    return NST_OK;
}

static pthread_once_t dummy_once = PTHREAD_ONCE_INIT;
static char dummy_hash[crypto_pwhash_STRBYTES];

/* A hash of nothing that anybody knows, made once with the present parameters. */
static void make_dummy(void)
{
    unsigned char random[32];
    randombytes_buf(random, sizeof(random));
    if (crypto_pwhash_str_alg(dummy_hash, (const char *)random, sizeof(random), ARGON_PASSES,
                              ARGON_BYTES, crypto_pwhash_ALG_ARGON2ID13) != 0)
        dummy_hash[0] = '\0';
}

bool nst_password_verify(struct nst_str hash, struct nst_str password)
{
    char text[crypto_pwhash_STRBYTES] = { 0 };
    bool is_real = hash.p != NULL && hash.n < sizeof(text);
    pthread_once(&dummy_once, make_dummy);
    if (is_real)
        memcpy(text, hash.p, hash.n);
    else
        memcpy(text, dummy_hash, sizeof(text));
    return crypto_pwhash_str_verify(text, password.p, password.n) == 0 && is_real;
}
