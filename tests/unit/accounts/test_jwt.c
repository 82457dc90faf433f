/* Web tokens: whose signatures are believed, and what the claims must say. */
/* rows: A1 A4 A5 A6 */
#include "nestor/accounts.h"
#include "tokens.h"

#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#define LEEWAY 5

#define HEADER      JWT_HEADER
#define CLAIMS      JWT_CLAIMS
#define TIMES       JWT_TIMES
#define OF_US       "\"iss\":\"" JWT_ISSUER "\",\"aud\":\"" JWT_AUDIENCE "\""
#define ADA         "\"preferred_username\":\"ada\""
#define VERSION     "\"version\":\"1.2.0\""
#define TIMED(more) "{" OF_US "," ADA "," VERSION "," more "}"
#define NAMED(more) "{" TIMES "," OF_US "," VERSION more "}"

static struct nst_arena *arena;

static void configure(struct nst_jwt_settings settings)
{
    settings.issuers = NST_STR("https://other.example " JWT_ISSUER);
    settings.leeway = LEEWAY;
    const char *fault = nst_jwt_configure(&settings, arena);
    if (fault != NULL)
        fail_msg("%s", fault);
}

static int setup(void **state)
{
    (void)state;
    arena = nst_arena_new(65536);
    configure((struct nst_jwt_settings){ .audience = NST_STR(JWT_AUDIENCE),
                                         .secret = NST_STR(JWT_SECRET),
                                         .jwks = NST_STR(JWT_KEY_SET) });
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    nst_arena_free(arena);
    return 0;
}

/* ---- Making tokens ---- */

static struct nst_str encode(struct nst_str bytes)
{
    size_t room = sodium_base64_encoded_len(bytes.n, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    char *text = nst_alloc_text(arena, room);
    sodium_bin2base64(text, room, (const unsigned char *)bytes.p, bytes.n,
                      sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    return (struct nst_str){ text, room - 1 };
}

static struct nst_str sign(struct nst_str secret, const char *header, const char *claims)
{
    unsigned char mac[crypto_auth_hmacsha256_BYTES];
    crypto_auth_hmacsha256_state s;
    struct nst_str text = nst_strf(arena, "%.*s.%.*s", NST_FMT(encode(nst_str_z(header))),
                                   NST_FMT(encode(nst_str_z(claims))));
    crypto_auth_hmacsha256_init(&s, (const unsigned char *)secret.p, secret.n);
    crypto_auth_hmacsha256_update(&s, (const unsigned char *)text.p, text.n);
    crypto_auth_hmacsha256_final(&s, mac);
    struct nst_str signature = encode((struct nst_str){ (const char *)mac, sizeof(mac) });
    return nst_strf(arena, "%.*s.%.*s", NST_FMT(text), NST_FMT(signature));
}

static struct nst_str token(const char *claims)
{
    return sign(NST_STR(JWT_SECRET), HEADER, claims);
}

static enum nst_jwt_verdict read_at(struct nst_jwt *out, struct nst_str text, int64_t seconds)
{
    return nst_jwt_read(out, arena, text, seconds * NST_SECOND);
}

static void expect(enum nst_jwt_verdict want, struct nst_str text, const char *what)
{
    struct nst_jwt jwt = { 0 };
    enum nst_jwt_verdict got = read_at(&jwt, text, JWT_NOW);
    if (got != want)
        fail_msg("%s: verdict %d, not %d", what, (int)got, (int)want);
}

static void expect_claims(enum nst_jwt_verdict want, const char *claims)
{
    expect(want, token(claims), claims);
}

/* ---- Signatures ---- */

static void every_algorithm_is_taken_from_its_key(void **state)
{
    static const char *const list[] = { JWT_TOKEN_RS512, JWT_TOKEN_RS256, JWT_TOKEN_ES256 };
    (void)state;
    for (size_t i = 0; i < NST_COUNT(list); i++) {
        struct nst_jwt jwt = { 0 };
        assert_int_equal(read_at(&jwt, nst_str_z(list[i]), JWT_NOW), NST_JWT_GOOD);
        assert_true(nst_str_eq(jwt.username, NST_STR("ada")));
        assert_false(jwt.is_restricted);
        assert_int_equal(jwt.expires, (JWT_NOW + 600 + LEEWAY) * NST_SECOND);
    }
    expect_claims(NST_JWT_GOOD, CLAIMS);
}

static void a_key_without_an_algorithm_is_good_for_both_of_its_type(void **state)
{
    struct nst_str forged =
        sign(NST_STR(JWT_PUBLIC_PEM), "{\"alg\":\"HS256\",\"kid\":\"rsa-512\"}", CLAIMS);
    (void)state;
    configure((struct nst_jwt_settings){ .audience = NST_STR(JWT_AUDIENCE),
                                         .jwks = NST_STR(JWT_OPEN_KEY_SET) });
    expect(NST_JWT_GOOD, NST_STR(JWT_TOKEN_RS512), "RS512");
    expect(NST_JWT_GOOD, NST_STR(JWT_TOKEN_RS256_BY_512), "RS256");
    expect(NST_JWT_WRONG, NST_STR(JWT_TOKEN_ES256), "ES256");
    expect(NST_JWT_WRONG, forged, "HS256");
}

static void an_algorithm_that_is_not_the_keys_is_refused(void **state)
{
    (void)state;
    expect(NST_JWT_WRONG, NST_STR(JWT_TOKEN_RS256_BY_512), "RS256 by an RS512 key");
    expect(NST_JWT_WRONG, NST_STR(JWT_TOKEN_ES512), "ES512 by P-256");
    static const char *const alg[] = { "none",  "None",  "NONE",  "HS384", "HS512", "hs256",
                                       "RS512", "RS256", "ES256", "PS256", "EdDSA", "" };
    for (size_t i = 0; i < NST_COUNT(alg); i++) {
        struct nst_str header = nst_strf(arena, "{\"alg\":\"%s\"}", alg[i]);
        expect(NST_JWT_WRONG, sign(NST_STR(JWT_SECRET), header.p, CLAIMS), alg[i]);
    }
    expect(NST_JWT_WRONG, sign(NST_STR(JWT_SECRET), "{}", CLAIMS), "no alg");
    expect(NST_JWT_WRONG, sign(NST_STR(JWT_SECRET), "{\"alg\":[\"HS256\"]}", CLAIMS), "a list");
    expect(NST_JWT_WRONG, sign(NST_STR(JWT_SECRET), "{\"alg\":null}", CLAIMS), "null");
}

/* A public key is no secret: whoever knows it may not sign with it. */
static void a_public_key_is_no_shared_secret(void **state)
{
    static const char *const known[] = {
        JWT_PUBLIC_PEM, JWT_KEY_SET, JWT_RSA_512_N, JWT_P256_X, "",
    };
    static const char *const kid[] = { "rsa-512", "rsa-256", "p-256" };
    (void)state;
    for (size_t pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < NST_COUNT(known) * NST_COUNT(kid); i++) {
            struct nst_str secret = nst_str_z(known[i / NST_COUNT(kid)]);
            struct nst_str header =
                nst_strf(arena, "{\"alg\":\"HS256\",\"kid\":\"%s\"}", kid[i % NST_COUNT(kid)]);
            expect(NST_JWT_WRONG, sign(secret, header.p, CLAIMS), secret.p);
            expect(NST_JWT_WRONG, sign(secret, HEADER, CLAIMS), secret.p);
        }
        configure((struct nst_jwt_settings){ .jwks = NST_STR(JWT_KEY_SET) });
    }
}

static void an_unsigned_token_is_refused(void **state)
{
    static const char *const header[] = { "{\"alg\":\"none\"}", HEADER, "{}",
                                          "{\"alg\":\"RS512\",\"kid\":\"rsa-512\"}" };
    (void)state;
    for (size_t i = 0; i < NST_COUNT(header); i++) {
        struct nst_str text = nst_strf(arena, "%.*s.%.*s", NST_FMT(encode(nst_str_z(header[i]))),
                                       NST_FMT(encode(NST_STR(CLAIMS))));
        expect(NST_JWT_WRONG, text, header[i]);
        expect(NST_JWT_WRONG, nst_strf(arena, "%.*s.", NST_FMT(text)), header[i]);
        expect(NST_JWT_WRONG, nst_strf(arena, "%.*s.AA", NST_FMT(text)), header[i]);
    }
}

static void the_kid_chooses_the_key(void **state)
{
    (void)state;
    expect(NST_JWT_WRONG, NST_STR(JWT_TOKEN_RS512_OTHER_KID), "the name of another key");
    configure((struct nst_jwt_settings){
        .audience = NST_STR(JWT_AUDIENCE),
        .jwks = NST_STR("{\"keys\":[{\"kty\":\"oct\",\"kid\":\"a\",\"k\":"
                        "\"YSBzaGFyZWQgc2VjcmV0IG9mIG1vcmUgdGhhbiAzMiBieXRlcw\"}]}") });
    static const struct {
        const char *header;
        enum nst_jwt_verdict want;
    } list[] = {
        { "{\"alg\":\"HS256\",\"kid\":\"a\"}", NST_JWT_GOOD },
        { "{\"alg\":\"HS256\"}", NST_JWT_GOOD },
        { "{\"alg\":\"HS256\",\"kid\":\"b\"}", NST_JWT_WRONG },
        { "{\"alg\":\"HS256\",\"kid\":\"A\"}", NST_JWT_WRONG },
        { "{\"alg\":\"HS256\",\"kid\":\"\"}", NST_JWT_WRONG },
    };
    for (size_t i = 0; i < NST_COUNT(list); i++)
        expect(list[i].want, sign(NST_STR(JWT_SECRET), list[i].header, CLAIMS), list[i].header);
}

static void a_header_that_demands_more_is_refused(void **state)
{
    static const char *const header[] = {
        "{\"alg\":\"HS256\",\"crit\":[\"exp\"]}",
        "{\"alg\":\"HS256\",\"crit\":[]}",
        "{\"alg\":\"HS256\",\"zip\":\"DEF\"}",
        "{\"alg\":\"HS256\",\"b64\":false}",
        "[\"HS256\"]",
        "\"HS256\"",
        "",
        "{\"alg\":\"HS256\"",
        "{\"alg\":\"HS256\"}{}",
    };
    (void)state;
    for (size_t i = 0; i < NST_COUNT(header); i++)
        expect(NST_JWT_WRONG, sign(NST_STR(JWT_SECRET), header[i], CLAIMS), header[i]);
}

static void a_changed_token_is_refused(void **state)
{
    static const char *const list[] = { JWT_TOKEN_RS512, JWT_TOKEN_ES256 };
    (void)state;
    for (size_t i = 0; i <= NST_COUNT(list); i++) {
        struct nst_str good = i < NST_COUNT(list) ? nst_str_z(list[i]) : token(CLAIMS);
        for (size_t at = 0; at < good.n; at += 7) {
            char *text = nst_str_to_z(arena, good);
            text[at] = text[at] == 'A' ? 'B' : 'A';
            expect(NST_JWT_WRONG, (struct nst_str){ text, good.n }, "one letter changed");
        }
        expect(NST_JWT_WRONG, nst_str_slice(good, 0, good.n - 1), "cut");
        expect(NST_JWT_WRONG, nst_strf(arena, "%.*sA", NST_FMT(good)), "longer");
        expect(NST_JWT_WRONG, nst_strf(arena, "%.*s=", NST_FMT(good)), "padded");
        expect(NST_JWT_WRONG, nst_strf(arena, "%.*s.", NST_FMT(good)), "four parts");
        expect(NST_JWT_WRONG, nst_strf(arena, " %.*s", NST_FMT(good)), "a blank");
    }
}

static void what_is_no_token_is_refused(void **state)
{
    static const char *const list[] = {
        "", ".", "..", "...", "a", "a.b", "a.b.c", "\xff.\xff.\xff"
    };
    (void)state;
    for (size_t i = 0; i < NST_COUNT(list); i++)
        expect(NST_JWT_WRONG, nst_str_z(list[i]), list[i]);
    expect(NST_JWT_WRONG, (struct nst_str){ "\0.\0.\0", 5 }, "NUL");
    char deep[2001];
    for (size_t i = 0; i < sizeof(deep) - 1; i++)
        deep[i] = i < 1000 ? '[' : ']';
    deep[sizeof(deep) - 1] = '\0';
    expect(NST_JWT_WRONG, sign(NST_STR(JWT_SECRET), deep, CLAIMS), "nested lists");
    expect(NST_JWT_WRONG, sign(NST_STR(JWT_SECRET), HEADER, deep), "nested lists");
}

/* ---- Claims ---- */

/* Times count in whole seconds; the leeway is granted on either side. */
static void times_have_edges(void **state)
{
    static const struct {
        const char *claims;
        enum nst_jwt_verdict want;
    } list[] = {
        { TIMED("\"iat\":1,\"exp\":1557999996"), NST_JWT_GOOD },
        { TIMED("\"iat\":1,\"exp\":1557999995"), NST_JWT_EXPIRED },
        { TIMED("\"iat\":1,\"exp\":1557999995.9"), NST_JWT_EXPIRED },
        { TIMED("\"iat\":1558000005,\"exp\":1558000600"), NST_JWT_GOOD },
        { TIMED("\"iat\":1558000006,\"exp\":1558000600"), NST_JWT_WRONG },
        { TIMED("\"iat\":1558000005.5,\"exp\":1558000600.5"), NST_JWT_GOOD },
        { TIMED(TIMES ",\"nbf\":1558000005"), NST_JWT_GOOD },
        { TIMED(TIMES ",\"nbf\":1558000006"), NST_JWT_WRONG },
        { TIMED(TIMES ",\"nbf\":\"soon\""), NST_JWT_WRONG },
        { TIMED("\"iat\":1"), NST_JWT_WRONG },
        { TIMED("\"exp\":1558000600"), NST_JWT_WRONG },
        { TIMED("\"iat\":null,\"exp\":1558000600"), NST_JWT_WRONG },
        { TIMED("\"iat\":1,\"exp\":null"), NST_JWT_WRONG },
        { TIMED("\"iat\":1,\"exp\":\"never\""), NST_JWT_WRONG },
        { TIMED("\"iat\":1,\"exp\":true"), NST_JWT_WRONG },
        { TIMED("\"iat\":1,\"exp\":99999999999999999999"), NST_JWT_WRONG },
        { TIMED("\"iat\":1,\"exp\":9223372036854775807"), NST_JWT_WRONG },
        { TIMED("\"iat\":-9223372036854775808,\"exp\":1558000600"), NST_JWT_WRONG },
        { TIMED("\"iat\":1,\"exp\":-1"), NST_JWT_EXPIRED },
        { TIMED("\"iat\":1,\"exp\":1,\"exp\":1558000600"), NST_JWT_GOOD }, /* the last counts */
    };
    (void)state;
    for (size_t i = 0; i < NST_COUNT(list); i++)
        expect_claims(list[i].want, list[i].claims);
}

/* Who is told that a token has expired need not be told what else is wrong (A4). */
static void expiry_comes_before_other_faults(void **state)
{
    (void)state;
    expect_claims(NST_JWT_EXPIRED, "{\"iat\":1,\"exp\":2}");
    expect_claims(NST_JWT_EXPIRED, "{\"iat\":1,\"exp\":2,\"iss\":\"x\",\"aud\":\"y\"}");
}

static void the_audience_is_one_of_its_own(void **state)
{
    static const struct {
        const char *aud;
        enum nst_jwt_verdict want;
    } list[] = {
        { "\"lms-key\"", NST_JWT_GOOD },
        { "[\"lms-key\"]", NST_JWT_GOOD },
        { "[\"x\",7,[\"lms-key\"],\"lms-key\"]", NST_JWT_GOOD },
        { "\"lms-key \"", NST_JWT_WRONG },
        { "\"LMS-KEY\"", NST_JWT_WRONG },
        { "\"\"", NST_JWT_WRONG },
        { "null", NST_JWT_WRONG },
        { "[]", NST_JWT_WRONG },
        { "[[\"lms-key\"]]", NST_JWT_WRONG },
        { "{\"lms-key\":1}", NST_JWT_WRONG },
        { "7", NST_JWT_WRONG },
    };
    (void)state;
    for (size_t pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < NST_COUNT(list); i++) {
            struct nst_str claims =
                nst_strf(arena,
                         "{" TIMES ",\"iss\":\"" JWT_ISSUER "\"," ADA "," VERSION ",\"aud\":%s}",
                         list[i].aud);
            expect_claims(pass == 0 ? list[i].want : NST_JWT_GOOD, claims.p);
        }
        expect_claims(pass == 0 ? NST_JWT_WRONG : NST_JWT_GOOD,
                      "{" TIMES ",\"iss\":\"" JWT_ISSUER "\"," ADA "," VERSION "}");
        configure((struct nst_jwt_settings){ .secret = NST_STR(JWT_SECRET) });
    }
}

static void issuers_are_known_by_name(void **state)
{
    static const struct {
        const char *iss;
        enum nst_jwt_verdict want;
    } list[] = {
        { "\"" JWT_ISSUER "\"", NST_JWT_GOOD },
        { "\"https://other.example\"", NST_JWT_GOOD },
        { "\"" JWT_ISSUER "/\"", NST_JWT_WRONG },
        { "\"https://other.example " JWT_ISSUER "\"", NST_JWT_WRONG },
        { "\"\"", NST_JWT_WRONG },
        { "\" \"", NST_JWT_WRONG },
        { "null", NST_JWT_WRONG },
        { "[\"" JWT_ISSUER "\"]", NST_JWT_WRONG },
    };
    (void)state;
    for (size_t i = 0; i < NST_COUNT(list); i++) {
        struct nst_str claims =
            nst_strf(arena, "{" TIMES ",\"aud\":\"lms-key\"," ADA "," VERSION ",\"iss\":%s}",
                     list[i].iss);
        expect_claims(list[i].want, claims.p);
    }
    expect_claims(NST_JWT_WRONG, "{" TIMES ",\"aud\":\"lms-key\"," ADA "," VERSION "}");
}

static void versions_up_to_major_number_one_are_supported(void **state)
{
    static const struct {
        const char *version;
        enum nst_jwt_verdict want;
    } list[] = {
        { "\"1.0.0\"", NST_JWT_GOOD },   { "\"1.99.3\"", NST_JWT_GOOD },
        { "\"1\"", NST_JWT_GOOD },       { "\"2.0.0\"", NST_JWT_WRONG },
        { "\"10.0.0\"", NST_JWT_WRONG }, { "\"0.9\"", NST_JWT_GOOD },
        { "\"01.0\"", NST_JWT_GOOD },   { "\"1x\"", NST_JWT_WRONG },
        { "\"\"", NST_JWT_WRONG },       { "\".1\"", NST_JWT_WRONG },
        { "1", NST_JWT_WRONG },          { "null", NST_JWT_WRONG },
    };
    (void)state;
    for (size_t i = 0; i < NST_COUNT(list); i++) {
        struct nst_str claims =
            nst_strf(arena, "{" TIMES "," OF_US "," ADA ",\"version\":%s}", list[i].version);
        expect_claims(list[i].want, claims.p);
    }
    expect_claims(NST_JWT_GOOD, "{" TIMES "," OF_US "," ADA "}");
}

static void a_name_is_needed(void **state)
{
    static const struct {
        const char *claims;
        enum nst_jwt_verdict want;
    } list[] = {
        { NAMED(",\"preferred_username\":\"ada\",\"username\":\"bob\""), NST_JWT_GOOD },
        { NAMED(",\"username\":\"ada\""), NST_JWT_GOOD },
        { NAMED(",\"preferred_username\":null,\"username\":\"ada\""), NST_JWT_GOOD },
        { NAMED(""), NST_JWT_NAMELESS },
        { NAMED(",\"preferred_username\":null"), NST_JWT_NAMELESS },
        { NAMED(",\"preferred_username\":\"\""), NST_JWT_NAMELESS },
        { NAMED(",\"preferred_username\":7"), NST_JWT_NAMELESS },
        { NAMED(",\"preferred_username\":[\"ada\"]"), NST_JWT_NAMELESS },
        { NAMED(",\"sub\":\"ada\",\"name\":\"ada\""), NST_JWT_NAMELESS },
        { NAMED(",\"preferred_username\":\"a\\u0000b\""), NST_JWT_WRONG },
        { NAMED(",\"preferred_username\":\"\\ud800\""), NST_JWT_WRONG },
    };
    (void)state;
    for (size_t i = 0; i < NST_COUNT(list); i++) {
        struct nst_jwt jwt = { 0 };
        if (read_at(&jwt, token(list[i].claims), JWT_NOW) != list[i].want)
            fail_msg("%s", list[i].claims);
        if (list[i].want == NST_JWT_GOOD)
            assert_true(nst_str_eq(jwt.username, NST_STR("ada")));
    }
}

static void all_but_false_restricts(void **state)
{
    static const struct {
        const char *value;
        bool want;
    } list[] = {
        { "false", false }, { "null", false },     { "true", true }, { "0", true },
        { "\"\"", true },   { "\"false\"", true }, { "[]", true },
    };
    (void)state;
    for (size_t i = 0; i < NST_COUNT(list); i++) {
        struct nst_jwt jwt = { 0 };
        struct nst_str claims =
            nst_strf(arena, "{" TIMES "," OF_US "," ADA "," VERSION ",\"is_restricted\":%s}",
                     list[i].value);
        assert_int_equal(read_at(&jwt, token(claims.p), JWT_NOW), NST_JWT_GOOD);
        assert_int_equal(jwt.is_restricted, list[i].want);
    }
}

static void what_is_signed_here_is_good_here(void **state)
{
    const struct nst_jwt who = { .username = NST_STR("a\"\xc3\xa9"), .is_restricted = true };
    struct nst_jwt jwt = { 0 };
    (void)state;
    struct nst_str claims = nst_jwt_claims(arena, &who, JWT_NOW * NST_SECOND, 60);
    struct nst_str text = nst_jwt_sign(arena, claims);
    assert_int_equal(read_at(&jwt, text, JWT_NOW + 59), NST_JWT_GOOD);
    assert_true(nst_str_eq(jwt.username, who.username) && jwt.is_restricted);
    assert_int_equal(read_at(&jwt, text, JWT_NOW + 60 + LEEWAY), NST_JWT_EXPIRED);
    configure((struct nst_jwt_settings){ .jwks = NST_STR(JWT_KEY_SET) });
    assert_null(nst_jwt_sign(arena, claims).p);
    assert_int_equal(read_at(&jwt, text, JWT_NOW), NST_JWT_WRONG);
}

static void the_id_is_read_of_tokens_of_our_own_alone(void **state)
{
    const struct nst_jwt who = { .username = NST_STR("ada"), .id = NST_STR("a1") };
    struct nst_jwt jwt = { 0 };
    (void)state;
    struct nst_str claims = nst_jwt_claims(arena, &who, JWT_NOW * NST_SECOND, 60);
    struct nst_str text = nst_jwt_sign(arena, claims);
    configure((struct nst_jwt_settings){ .secret = NST_STR(JWT_SECRET) });
    assert_int_equal(read_at(&jwt, text, JWT_NOW), NST_JWT_GOOD);
    assert_true(nst_str_eq(jwt.id, who.id));
    const struct nst_jwt_settings elsewhere = { .issuers = NST_STR("another https://other.example"),
                                                .secret = NST_STR(JWT_SECRET) };
    assert_null(nst_jwt_configure(&elsewhere, arena));
    jwt = (struct nst_jwt){ 0 };
    assert_int_equal(read_at(&jwt, text, JWT_NOW), NST_JWT_GOOD);
    assert_null(jwt.id.p);
}

/* ---- Keys ---- */

static void faults_of_keys_are_told(void **state)
{
    static const struct nst_jwt_settings list[] = {
        { .secret = NST_STR_INIT("a secret of 31 bytes, too short") },
        { .jwks = NST_STR_INIT("{") },
        { .jwks = NST_STR_INIT("{\"keys\":{}}") },
        { .jwks = NST_STR_INIT("{\"keys\":[{\"kty\":\"OKP\"}]}") },
        { .jwks = NST_STR_INIT("{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-384\"}]}") },
        { .jwks = NST_STR_INIT("{\"keys\":[{\"kty\":\"oct\",\"k\":\"c2hvcnQ\"}]}") },
        { .jwks = NST_STR_INIT("{\"keys\":[{\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\"\"}]}") },
        { .jwks = NST_STR_INIT("{\"keys\":[{\"kty\":\"RSA\",\"alg\":\"HS256\",\"e\":\"AQAB\","
                               "\"n\":\"" JWT_RSA_512_N "\"}]}") },
        { .jwks = NST_STR_INIT("{\"keys\":[{\"kty\":\"RSA\",\"e\":\"AQAB\","
                               "\"n\":\"" JWT_RSA_WEAK_N "\"}]}") },
    };
    (void)state;
    for (size_t i = 0; i < NST_COUNT(list); i++) {
        struct nst_jwt_settings settings = list[i];
        settings.issuers = NST_STR(JWT_ISSUER);
        if (nst_jwt_configure(&settings, arena) == NULL)
            fail_msg("set %zu is taken", i);
    }
    const struct nst_jwt_settings nobody = { .secret = NST_STR(JWT_SECRET) };
    assert_non_null(nst_jwt_configure(&nobody, arena));
}

int main(void)
{
    if (sodium_init() < 0)
        return 2;
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(every_algorithm_is_taken_from_its_key),
        CASE(a_key_without_an_algorithm_is_good_for_both_of_its_type),
        CASE(an_algorithm_that_is_not_the_keys_is_refused),
        CASE(a_public_key_is_no_shared_secret),
        CASE(an_unsigned_token_is_refused),
        CASE(the_kid_chooses_the_key),
        CASE(a_header_that_demands_more_is_refused),
        CASE(a_changed_token_is_refused),
        CASE(what_is_no_token_is_refused),
        CASE(times_have_edges),
        CASE(expiry_comes_before_other_faults),
        CASE(the_audience_is_one_of_its_own),
        CASE(issuers_are_known_by_name),
        CASE(versions_up_to_major_number_one_are_supported),
        CASE(a_name_is_needed),
        CASE(all_but_false_restricts),
        CASE(what_is_signed_here_is_good_here),
        CASE(the_id_is_read_of_tokens_of_our_own_alone),
        CASE(faults_of_keys_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
