/* JSON web tokens: which keys are believed, and what a token must hold (A1 to A6).
 * Header and claims are read here, bounded; the algorithm is the key's, and a
 * token that names another one is refused before any arithmetic. Secrets are
 * verified by libsodium, in constant time; public keys by librhonabwy. */
#include "internal.h"

#include <rhonabwy.h>
#include <sodium.h>
#include <stdatomic.h>

#define VERSION_MAJOR 1 /* of the claims; greater ones are refused */
#define VERSION       "1.2.0"
#define RSA_BITS_MIN  2048
#define OWN_CLAIM     "nestor"           /* the id of a token that this server gave a client */
#define TIME_MAX      (INT64_C(1) << 40) /* seconds: beyond is no date */

static const struct nst_json_limits limits = { .depth = 16, .nodes = 1000 };

struct algorithm {
    const char *name, *kty, *crv;
    jwa_alg alg;
};

/* A key that does not say which is good for all of its type. */
static const struct algorithm algorithms[] = {
    { "HS256", "oct", NULL, R_JWA_ALG_HS256 },
    { "RS512", "RSA", NULL, R_JWA_ALG_RS512 },
    { "RS256", "RSA", NULL, R_JWA_ALG_RS256 },
    { "ES256", "EC", "P-256", R_JWA_ALG_ES256 },
};

struct key {
    const struct algorithm *algorithm;
    struct nst_str kid;    /* null: fits every token */
    struct nst_str secret; /* HS256 */
    const char *jwk;       /* else: JSON; imported anew each time, since a jwk_t is no
                              thing to share between threads */
};

struct keys {
    struct nst_jwt_settings given;
    struct key key[2 * NST_JWT_KEYS + 1]; /* once for each algorithm; then the shared secret */
    unsigned count;
};

/* Replaced as a whole; those who read the former one may go on with it. */
static const struct keys nobody;
static _Atomic(const struct keys *) believed = &nobody;
static _Atomic unsigned generation; /* counted once they are replaced */

static const struct nst_jwt_settings *believed_settings(void)
{
    return &atomic_load(&believed)->given;
}

unsigned nst_jwt_generation(void)
{
    return atomic_load(&generation);
}

/* ---- Base64url ---- */

static struct nst_str decode(struct nst_arena *a, struct nst_str text)
{
    size_t n = 0;
    unsigned char *out = nst_alloc(a, text.n + 1);
    if (sodium_base642bin(out, text.n, text.p, text.n, NULL, &n, NULL,
                          sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0)
        return (struct nst_str){ 0 };
    return (struct nst_str){ (const char *)out, n };
}

static void put_encoded(struct nst_buf *out, struct nst_str bytes)
{
    size_t room = sodium_base64_encoded_len(bytes.n, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    char *text = nst_alloc_text(out->arena, room);
    sodium_bin2base64(text, room, (const unsigned char *)bytes.p, bytes.n,
                      sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    nst_put_z(out, text);
}

/* ---- Keys ---- */

static struct nst_str text_of(const struct nst_json *object, const char *name)
{
    const struct nst_json *v = nst_json_get(object, nst_str_z(name));
    return v != NULL && v->kind == NST_JSON_STRING ? v->text : (struct nst_str){ 0 };
}

static bool is_for(const struct nst_json *jwk, const struct algorithm *it)
{
    struct nst_str alg = text_of(jwk, "alg");
    return nst_str_eq(nst_str_z(it->kty), text_of(jwk, "kty")) &&
           (it->crv == NULL || nst_str_eq(nst_str_z(it->crv), text_of(jwk, "crv"))) &&
           (alg.p == NULL || nst_str_eq(nst_str_z(it->name), alg));
}

/* The public part alone: neither private numbers nor addresses to fetch from. */
static const char *public_part(struct nst_arena *a, const struct nst_json *jwk,
                               const struct algorithm *algorithm)
{
    static const char *const member[] = { "kty", "n", "e", "crv", "x", "y" };
    struct nst_buf b;
    nst_buf_init(&b, a, 65536);
    nst_putf(&b, "{\"alg\":\"%s\"", algorithm->name);
    for (size_t i = 0; i < NST_COUNT(member); i++) {
        struct nst_str value = text_of(jwk, member[i]);
        if (value.p == NULL)
            continue;
        nst_putf(&b, ",\"%s\":", member[i]);
        nst_json_put_str(&b, value);
    }
    nst_put_char(&b, '}');
    return nst_str_to_z(a, nst_buf_str(&b));
}

static bool is_usable(const char *json, const struct algorithm *algorithm)
{
    jwk_t *jwk = NULL;
    unsigned bits = 0;
    bool good = r_jwk_init(&jwk) == RHN_OK && r_jwk_import_from_json_str(jwk, json) == RHN_OK;
    int type = good ? r_jwk_key_type(jwk, &bits, R_FLAG_IGNORE_REMOTE) : R_KEY_TYPE_NONE;
    r_jwk_free(jwk);
    if (algorithm->crv != NULL)
        return (type & R_KEY_TYPE_EC) != 0;
    return (type & R_KEY_TYPE_RSA) != 0 && bits >= RSA_BITS_MIN;
}

static const char *add_key_for(struct keys *keys, struct nst_arena *a, const struct nst_json *jwk,
                               const struct algorithm *algorithm)
{
    struct key *key = &keys->key[keys->count++];
    *key = (struct key){ .algorithm = algorithm, .kid = text_of(jwk, "kid") };
    if (algorithm->alg == R_JWA_ALG_HS256) {
        key->secret = decode(a, text_of(jwk, "k"));
        return key->secret.n < NST_JWT_SECRET_MIN ? "a secret of the key set is too short" : NULL;
    }
    key->jwk = public_part(a, jwk, algorithm);
    return is_usable(key->jwk, algorithm) ? NULL
                                          : "a public key of the set is broken or too short";
}

/* A1: edX publishes RSA keys without `alg`, and signs with either hash. */
static const char *add_key(struct keys *keys, struct nst_arena *a, const struct nst_json *jwk)
{
    unsigned before = keys->count;
    if (nst_str_eq(text_of(jwk, "use"), NST_STR("enc")))
        return NULL;
    for (size_t i = 0; i < NST_COUNT(algorithms); i++) {
        const char *fault = NULL;
        if (is_for(jwk, &algorithms[i]))
            fault = add_key_for(keys, a, jwk, &algorithms[i]);
        if (fault != NULL)
            return fault;
    }
    return keys->count > before ? NULL
                                : "a key of the set is for none of HS256, RS256, RS512 and ES256";
}

static const char *add_set(struct keys *out, struct nst_arena *a, struct nst_str text)
{
    struct nst_json *set;
    if (nst_json_read(&set, NULL, a, text, NULL) != NST_OK)
        return "the key set is no JSON";
    const struct nst_json *keys = nst_json_get(set, NST_STR("keys"));
    if (keys == NULL || keys->kind != NST_JSON_ARRAY)
        return "the key set has no list \"keys\"";
    if (keys->count > NST_JWT_KEYS)
        return "the key set has too many keys";
    for (const struct nst_json *jwk = keys->first; jwk != NULL; jwk = jwk->next) {
        const char *fault = add_key(out, a, jwk);
        if (fault != NULL)
            return fault;
    }
    return NULL;
}

const char *nst_jwt_configure(const struct nst_jwt_settings *settings, struct nst_arena *a)
{
    struct keys *keys = NST_NEW(a, struct keys);
    keys->given = *settings;
    if (r_global_init() != RHN_OK)
        return "librhonabwy cannot start";
    if (settings->secret.n > 0 && settings->secret.n < NST_JWT_SECRET_MIN)
        return "the shared secret is too short: HS256 needs 32 bytes";
    if (settings->jwks.n > 0) {
        const char *fault = add_set(keys, a, settings->jwks);
        if (fault != NULL)
            return fault;
    }
    if (settings->secret.n > 0)
        keys->key[keys->count++] =
            (struct key){ .algorithm = &algorithms[0], .secret = settings->secret };
    if (keys->count > 0 && nst_str_trim(settings->issuers).n == 0)
        return "there are keys, but auth.jwt.issuer names nobody to believe";
    atomic_store(&believed, keys);
    atomic_fetch_add(&generation, 1);
    return NULL;
}

/* ---- Signatures ---- */

static void authenticate(unsigned char *mac, struct nst_str secret, struct nst_str text)
{
    crypto_auth_hmacsha256_state state;
    crypto_auth_hmacsha256_init(&state, (const unsigned char *)secret.p, secret.n);
    crypto_auth_hmacsha256_update(&state, (const unsigned char *)text.p, text.n);
    crypto_auth_hmacsha256_final(&state, mac);
}

static bool is_secret_right(struct nst_arena *a, const struct key *key, struct nst_str signed_part,
                            struct nst_str signature)
{
    unsigned char mac[crypto_auth_hmacsha256_BYTES];
    struct nst_str given = decode(a, signature);
    authenticate(mac, key->secret, signed_part);
    return given.n == sizeof(mac) && sodium_memcmp(mac, given.p, sizeof(mac)) == 0;
}

static bool is_public_right(const struct key *key, struct nst_str token)
{
    jwk_t *jwk = NULL;
    jwt_t *parsed = NULL;
    bool good = r_jwk_init(&jwk) == RHN_OK && r_jwt_init(&parsed) == RHN_OK &&
                r_jwk_import_from_json_str(jwk, key->jwk) == RHN_OK &&
                r_jwt_advanced_parsen(parsed, token.p, token.n, R_PARSE_NONE,
                                      R_FLAG_IGNORE_REMOTE) == RHN_OK &&
                r_jwt_get_sign_alg(parsed) == key->algorithm->alg &&
                r_jwt_verify_signature(parsed, jwk, R_FLAG_IGNORE_REMOTE) == RHN_OK;
    r_jwt_free(parsed);
    r_jwk_free(jwk);
    return good;
}

/* `crit` demands what we do not know, `zip` and `b64` change what the bytes mean. */
static bool is_header_plain(const struct nst_json *header)
{
    return nst_json_get(header, NST_STR("crit")) == NULL &&
           nst_json_get(header, NST_STR("zip")) == NULL &&
           nst_json_get(header, NST_STR("b64")) == NULL;
}

static bool is_signed(struct nst_arena *a, const struct nst_json *header, struct nst_str token,
                      struct nst_str signature)
{
    const struct keys *keys = atomic_load(&believed);
    struct nst_str alg = text_of(header, "alg"), kid = text_of(header, "kid");
    struct nst_str signed_part = { token.p, token.n - signature.n - 1 };
    if (decode(a, signature).n == 0)
        return false;
    for (unsigned i = 0; i < keys->count; i++) {
        const struct key *key = &keys->key[i];
        bool fits = nst_str_eq(nst_str_z(key->algorithm->name), alg) &&
                    (kid.p == NULL || key->kid.p == NULL || nst_str_eq(kid, key->kid));
        if (fits && (key->secret.p != NULL ? is_secret_right(a, key, signed_part, signature)
                                           : is_public_right(key, token)))
            return true;
    }
    return false;
}

/* ---- Claims ---- */

/* A NumericDate in seconds; fractions are cut off. */
static bool time_of(int64_t *out, const struct nst_json *claims, const char *name)
{
    const struct nst_json *v = nst_json_get(claims, nst_str_z(name));
    if (v == NULL || v->kind != NST_JSON_NUMBER)
        return false;
    struct nst_str rest = v->text;
    return nst_str_int(out, nst_str_cut(&rest, '.')) && *out > -TIME_MAX && *out < TIME_MAX;
}

static bool is_among(struct nst_str words, struct nst_str word)
{
    while (words.p != NULL)
        if (nst_str_eq(nst_str_cut(&words, ' '), word) && word.n > 0)
            return true;
    return false;
}

static bool is_for_us(const struct nst_json *claims)
{
    const struct nst_json *aud = nst_json_get(claims, NST_STR("aud"));
    if (believed_settings()->audience.n == 0)
        return true;
    if (aud == NULL || aud->kind != NST_JSON_ARRAY)
        return nst_str_eq(text_of(claims, "aud"), believed_settings()->audience);
    for (const struct nst_json *one = aud->first; one != NULL; one = one->next)
        if (one->kind == NST_JSON_STRING && nst_str_eq(one->text, believed_settings()->audience))
            return true;
    return false;
}

/* A1: none counts as 1.0.0. */
static bool is_version_supported(const struct nst_json *claims)
{
    int64_t major = 0;
    struct nst_str version = text_of(claims, "version");
    if (nst_json_get(claims, NST_STR("version")) == NULL)
        return true;
    return nst_str_int(&major, nst_str_cut(&version, '.')) && major <= VERSION_MAJOR;
}

/* A date that is there lies in the future. */
static bool is_later(const struct nst_json *claims, const char *name, int64_t now)
{
    int64_t when = 0;
    if (nst_json_get(claims, nst_str_z(name)) == NULL)
        return false;
    return !time_of(&when, claims, name) || when > now + believed_settings()->leeway;
}

static enum nst_jwt_verdict judge(int64_t *expires, const struct nst_json *claims, int64_t now)
{
    int64_t exp = 0, iat = 0;
    if (!time_of(&exp, claims, "exp") || !time_of(&iat, claims, "iat") ||
        is_later(claims, "iat", now) || is_later(claims, "nbf", now))
        return NST_JWT_WRONG;
    if (exp + believed_settings()->leeway <= now)
        return NST_JWT_EXPIRED;
    if (!is_among(believed_settings()->issuers, text_of(claims, "iss")) || !is_for_us(claims) ||
        !is_version_supported(claims))
        return NST_JWT_WRONG;
    *expires = (exp + believed_settings()->leeway) * NST_SECOND;
    return NST_JWT_GOOD;
}

static enum nst_jwt_verdict read_name(struct nst_str *out, const struct nst_json *claims)
{
    const struct nst_json *name = nst_json_get(claims, NST_STR("preferred_username"));
    if (name == NULL || name->kind == NST_JSON_NULL)
        name = nst_json_get(claims, NST_STR("username"));
    if (name == NULL || name->kind != NST_JSON_STRING || name->text.n == 0)
        return NST_JWT_NAMELESS;
    if (name->has_surrogate || nst_str_find(name->text, '\0') < name->text.n)
        return NST_JWT_WRONG;
    *out = name->text;
    return NST_JWT_GOOD;
}

static bool is_own_name(struct nst_str issuer)
{
    struct nst_str issuers = nst_str_trim(believed_settings()->issuers);
    return nst_str_eq(issuer, nst_str_cut(&issuers, ' '));
}

static bool has_form_of_id(struct nst_str text)
{
    bool is_hex = text.n == NST_WEB_TOKEN_ID;
    for (size_t i = 0; is_hex && i < text.n; i++)
        is_hex = (text.p[i] >= '0' && text.p[i] <= '9') || (text.p[i] >= 'a' && text.p[i] <= 'f');
    return is_hex;
}

/* Any issuer of the list may be a former name of ours, and a secret of the key set a former secret.
 * Who else signs with a secret of ours may mean anything by the claim: under another name than our
 * present one it counts where it has the form of our ids. That shuts out nobody who could come in
 * by it: who has the secret may leave the claim away. */
static bool read_id(struct nst_str *out, const struct nst_json *header,
                    const struct nst_json *claims)
{
    const struct nst_json *id = nst_json_get(claims, NST_STR(OWN_CLAIM));
    bool is_shared = nst_str_eq(text_of(header, "alg"), NST_STR("HS256"));
    if (id == NULL || !is_shared ||
        !(is_own_name(text_of(claims, "iss")) || has_form_of_id(text_of(claims, OWN_CLAIM))))
        return true;
    if (id->kind != NST_JSON_STRING)
        return false;
    *out = id->text;
    return true;
}

/* Whatever is not plainly `false` restricts. */
static bool is_restricted(const struct nst_json *claims)
{
    const struct nst_json *v = nst_json_get(claims, NST_STR("is_restricted"));
    return v != NULL && v->kind != NST_JSON_NULL && !(v->kind == NST_JSON_BOOL && !v->boolean);
}

static struct nst_json *part_of(struct nst_arena *a, struct nst_str encoded)
{
    struct nst_json *v = NULL;
    struct nst_str text = decode(a, encoded);
    if (text.p == NULL || nst_json_read(&v, NULL, a, text, &limits) != NST_OK)
        return NULL;
    return v->kind == NST_JSON_OBJECT ? v : NULL;
}

enum nst_jwt_verdict nst_jwt_read(struct nst_jwt *out, struct nst_arena *a, struct nst_str token,
                                  int64_t now)
{
    struct nst_str rest = token, head = nst_str_cut(&rest, '.'), body = nst_str_cut(&rest, '.');
    if (rest.p == NULL || nst_str_find(rest, '.') < rest.n)
        return NST_JWT_WRONG;
    const struct nst_json *header = part_of(a, head), *claims = part_of(a, body);
    if (header == NULL || claims == NULL || !is_header_plain(header) ||
        !is_signed(a, header, token, rest))
        return NST_JWT_WRONG;
    enum nst_jwt_verdict verdict = judge(&out->expires, claims, now / NST_SECOND);
    if (verdict == NST_JWT_GOOD)
        verdict = read_name(&out->username, claims);
    if (verdict == NST_JWT_GOOD && !read_id(&out->id, header, claims))
        verdict = NST_JWT_WRONG;
    out->is_restricted = is_restricted(claims);
    return verdict;
}

/* ---- Signing ---- */

#define CLAIMS_MAX 65536

struct nst_str nst_jwt_claims(struct nst_arena *a, const struct nst_jwt *of, int64_t now,
                              int64_t seconds)
{
    struct nst_buf b;
    struct nst_str issuers = nst_str_trim(believed_settings()->issuers);
    nst_buf_init(&b, a, CLAIMS_MAX);
    nst_put_lit(&b, "{\"iss\":");
    nst_json_put_str(&b, nst_str_cut(&issuers, ' '));
    if (believed_settings()->audience.n > 0) {
        nst_put_lit(&b, ",\"aud\":");
        nst_json_put_str(&b, believed_settings()->audience);
    }
    nst_put_lit(&b, ",\"iat\":");
    nst_put_int(&b, now / NST_SECOND);
    nst_put_lit(&b, ",\"exp\":");
    nst_put_int(&b, now / NST_SECOND + seconds);
    nst_put_lit(&b, ",\"preferred_username\":");
    nst_json_put_str(&b, of->username);
    nst_putf(&b, ",\"version\":\"" VERSION "\",\"is_restricted\":%s,\"filters\":[],\"scopes\":[",
             of->is_restricted ? "true" : "false");
    nst_put_lit(&b, "\"read\",\"write\"]");
    if (of->id.p != NULL) {
        nst_put_lit(&b, ",\"" OWN_CLAIM "\":");
        nst_json_put_str(&b, of->id);
    }
    nst_put_char(&b, '}');
    return nst_buf_str(&b);
}

struct nst_str nst_jwt_sign(struct nst_arena *a, struct nst_str claims)
{
    unsigned char mac[crypto_auth_hmacsha256_BYTES];
    struct nst_buf b;
    struct nst_str secret = believed_settings()->secret;
    if (secret.n == 0)
        return (struct nst_str){ 0 };
    nst_buf_init(&b, a, (size_t)CLAIMS_MAX * 2);
    put_encoded(&b, NST_STR("{\"alg\":\"HS256\",\"typ\":\"JWT\"}"));
    nst_put_char(&b, '.');
    put_encoded(&b, claims);
    authenticate(mac, secret, nst_buf_str(&b));
    nst_put_char(&b, '.');
    put_encoded(&b, (struct nst_str){ (const char *)mac, sizeof(mac) });
    return nst_buf_str(&b);
}
