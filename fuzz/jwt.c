/* Fuzzes web tokens. An input that begins with "!" is a header and claims, a line break
 * between them, which are signed here with the shared secret: so the claims are reached.
 * Any other is a token as it is sent: it is taken only when it is one that was signed with
 * a key of the set, at least as far as the signature goes. */
#include "../tests/unit/accounts/tokens.h"
#include "fuzz.h"
#include "nestor/accounts.h"

#include <sodium.h>
#include <stdlib.h>

#define NOW (JWT_NOW * NST_SECOND)

static struct nst_str encode(struct nst_arena *a, struct nst_str bytes)
{
    size_t room = sodium_base64_encoded_len(bytes.n, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    char *text = nst_alloc_text(a, room);
    sodium_bin2base64(text, room, (const unsigned char *)bytes.p, bytes.n,
                      sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    return (struct nst_str){ text, room - 1 };
}

static struct nst_str sign(struct nst_arena *a, struct nst_str header, struct nst_str claims)
{
    unsigned char mac[crypto_auth_hmacsha256_BYTES];
    crypto_auth_hmacsha256_state s;
    struct nst_str text =
        nst_strf(a, "%.*s.%.*s", NST_FMT(encode(a, header)), NST_FMT(encode(a, claims)));
    crypto_auth_hmacsha256_init(&s, (const unsigned char *)JWT_SECRET, sizeof(JWT_SECRET) - 1);
    crypto_auth_hmacsha256_update(&s, (const unsigned char *)text.p, text.n);
    crypto_auth_hmacsha256_final(&s, mac);
    struct nst_str signature = encode(a, (struct nst_str){ (const char *)mac, sizeof(mac) });
    return nst_strf(a, "%.*s.%.*s", NST_FMT(text), NST_FMT(signature));
}

/* True when the token says what one that was signed with a key says. */
static bool was_signed(struct nst_arena *a, struct nst_str token)
{
    const struct nst_str known[] = {
        NST_STR(JWT_TOKEN_RS512),
        NST_STR(JWT_TOKEN_RS256),
        NST_STR(JWT_TOKEN_ES256),
        sign(a, NST_STR(JWT_HEADER), NST_STR(JWT_CLAIMS)),
    };
    for (size_t i = 0; i < NST_COUNT(known); i++) {
        size_t n = known[i].n;
        while (known[i].p[n - 1] != '.')
            n--;
        if (nst_str_starts(token, nst_str_slice(known[i], 0, n)))
            return true;
    }
    return false;
}

static bool is_sound(const struct nst_jwt *jwt)
{
    return jwt->username.n > 0 && nst_utf8_valid(jwt->username) &&
           nst_str_find(jwt->username, '\0') == jwt->username.n && jwt->expires > NOW;
}

static void configure(void)
{
    static struct nst_arena *kept;
    const struct nst_jwt_settings settings = {
        .issuers = NST_STR("https://other.example " JWT_ISSUER),
        .audience = NST_STR(JWT_AUDIENCE),
        .secret = NST_STR(JWT_SECRET),
        .jwks = NST_STR(JWT_KEY_SET),
        .leeway = 5,
    };
    if (kept != NULL)
        return;
    kept = nst_arena_new(65536);
    if (sodium_init() < 0 || nst_jwt_configure(&settings, kept) != NULL)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    configure();
    struct nst_arena *a = nst_arena_new(65536);
    struct nst_jwt jwt = { 0 };
    struct nst_str input = { (const char *)data, size }, token = input;
    bool is_ours = size > 0 && data[0] == '!';
    if (is_ours) {
        struct nst_str claims = nst_str_slice(input, 1, size), header = nst_str_cut(&claims, '\n');
        token = sign(a, header, claims.p != NULL ? claims : NST_STR(""));
    }
    enum nst_jwt_verdict verdict = nst_jwt_read(&jwt, a, token, NOW);
    if ((verdict == NST_JWT_GOOD && !is_sound(&jwt)) ||
        (verdict != NST_JWT_WRONG && !is_ours && !was_signed(a, token)))
        abort();
    nst_arena_free(a);
    return 0;
}
