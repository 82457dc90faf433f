/* Passwords: policy after NIST SP 800-63B (length and a list of common ones, no
 * rules of composition), argon2id with 19 MiB and two passes. */
#include "nestor/accounts.h"

#include "nestor/base/log.h"

#include <crack.h>
#include <packer.h>
#include <pthread.h>
#include <sodium.h>

#define ARGON_PASSES 2
#define ARGON_BYTES  ((size_t)19 << 20)

/* ---- The list of common ones: cracklib's, looked up as it is ---- */

#define NO_WORD "\x01" /* what no list has */

static pthread_mutex_t list_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t list_once = PTHREAD_ONCE_INIT;
static PWDICT *list;

static void open_list(void)
{
    const char *path = GetDefaultCracklibDict();
    list = PWOpen(path, (char[]){ "r" });
    if (list == NULL)
        nst_log(NST_LOG_WARN, "no list of common passwords", NST_LOG_STR("path", nst_str_z(path)));
}

/* X42: whole and without case. cracklib's other rules refuse good passphrases; where a
 * word is not found, it answers a number that is of none. */
static bool is_common(struct nst_str password)
{
    char word[MAXWORDLEN] = { 0 };
    if (password.n >= sizeof(word))
        return false;
    for (size_t i = 0; i < password.n; i++)
        word[i] = nst_lower(password.p[i]);
    pthread_once(&list_once, open_list);
    if (list == NULL)
        return false;
    pthread_mutex_lock(&list_lock);
    bool found = FindPW(list, word) != FindPW(list, (char[]){ NO_WORD });
    pthread_mutex_unlock(&list_lock);
    sodium_memzero(word, sizeof(word));
    return found;
}

size_t nst_password_faults(struct nst_str *out, struct nst_arena *a, struct nst_str password)
{
    size_t n = 0;
    int64_t least = nst_password_minimum();
    if ((int64_t)nst_utf8_length(password) < least)
        out[n++] = nst_strf(a,
                            "This password is too short. It must contain at least %lld characters.",
                            (long long)least);
    if (password.n > NST_PASSWORD_MAX)
        out[n++] = NST_STR("This password is too long.");
    if (is_common(password))
        out[n++] = NST_STR("This password is too common.");
    return n;
}

/* ---- Hashes ---- */

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
